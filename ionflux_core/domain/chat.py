"""Channels and messages, as the seeds shape them: people, agents and the system speak; content by its type."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ionflux_core.limits import NAME_CHARS

ChannelType = Literal["public", "private", "dm", "agent_dedicated"]
SenderType = Literal["user", "agent", "system"]
ContentType = Literal["text", "markdown", "json_data", "interactive_proposal", "file_attachment", "agent_status_update"]
ActionStyle = Literal["primary", "danger", "plain"]

UNREAD_MOST = 100
"""Unread messages are counted up to here: a screen says "99+"."""

EMOJI_CHARS = 16
# Variation, skin tones, and what joins several signs to one.
_EMOJI_TRIMMINGS = frozenset("\ufe0e\ufe0f\u200d\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ChannelDraft(_Read):
    """What a person says of a channel. `instance_id` belongs to `agent_dedicated`, `members` to `private` and `dm`."""

    name: str = Field(min_length=1, max_length=NAME_CHARS)
    type: ChannelType = "public"
    description: str = Field("", max_length=2_000)
    instance_id: str | None = None
    members: list[str] = Field([], max_length=200)


class Channel(ChannelDraft):
    """A channel; `unread` is counted for who asks, up to 100."""

    id: str
    workspace_id: str
    status: Literal["active", "archived"] = "active"
    unread: int = 0
    mentioned: bool = False
    created_at: datetime
    updated_at: datetime


class ProposalAction(_Read):
    """One button of a proposal."""

    action_id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    label: str = Field(min_length=1, max_length=80)
    style: ActionStyle = "plain"


class Proposal(_Read):
    """A question with buttons; once one is pressed, `chosen` says which, `chosen_by` who and `chosen_at` when.

    `kind` names what a press does: `approval` decides the question `reference`; `event` publishes the event
    `reference` with the data and the chosen action; `run` starts the instance `reference` with the data as inputs.
    """

    title: str = Field(max_length=300)
    description: str = Field("", max_length=4_000)
    data: dict[str, Any] = {}
    actions: list[ProposalAction] = Field(min_length=1, max_length=6)
    kind: Literal["approval", "event", "run"] = "event"
    reference: str = ""
    chosen: str | None = None
    chosen_by: str | None = None
    chosen_at: datetime | None = None


class StatusUpdate(_Read):
    """How an agent's run stands; one message follows its run from the start to the end.

    `said` is what a model has written so far, `preview` the result in a sentence, `outputs` results by key, `seconds`
    how long it took once it has ended.
    """

    run_id: str
    agent: str
    status: str
    step: str = ""
    steps_done: int = 0
    said: str = ""
    preview: str = ""
    error: dict[str, Any] | None = None
    outputs: dict[str, Any] = {}
    cost_micros: int = 0
    unpriced_calls: int = 0
    seconds: float | None = None


class MessageContent(_Read):
    """What a message says: the field of its content type is filled, and `text_body` may say it in words as well.

    `outside` says why these may be words of someone outside, as ends of a sentence that begins with "the run".
    """

    text_body: str = Field("", max_length=20_000)
    outside: list[str] = []
    json_payload: Any = None
    proposal: Proposal | None = None
    file_details: dict[str, Any] | None = None
    status_update: StatusUpdate | None = None


class Reaction(_Read):
    """Who reacted with one mark."""

    emoji: str
    user_ids: list[str]


class Mention(_Read):
    """Someone or something a message names by `@`."""

    kind: Literal["user", "agent", "page", "brand", "creator"]
    id: str
    name: str


class Message(_Read):
    """One message. `thread_id` is the message it answers; a deleted one keeps its place and loses its words."""

    id: str
    workspace_id: str
    channel_id: str
    thread_id: str | None = None
    sender_type: SenderType
    sender_id: str
    sender_name: str
    content_type: ContentType = "markdown"
    content: MessageContent
    reactions: list[Reaction] = []
    mentions: list[Mention] = []
    run_id: str | None = None
    replies: int = 0
    last_reply_at: datetime | None = None
    created_at: datetime
    changed_at: datetime
    edited_at: datetime | None = None
    deleted_at: datetime | None = None


def visible_to(channel: Channel, user_id: str) -> bool:
    """Whether a person may see a channel and everything in it; private and direct ones are seen by members only."""
    return channel.type in ("public", "agent_dedicated") or user_id in channel.members


def is_emoji(text: str) -> bool:
    """Whether a text is one single emoji: nothing that a page could take for words or markup."""
    if not 0 < len(text) <= EMOJI_CHARS:
        return False
    if text[0] in "0123456789#*":
        return text[1:] in ("\u20e3", "\ufe0f\u20e3")
    signs = [letter for letter in text if letter not in _EMOJI_TRIMMINGS and not "\U000e0020" <= letter <= "\U000e007f"]
    if not signs or text[0] != signs[0] or not all(map(_is_sign, signs)):
        return False
    if all("\U0001f1e6" <= letter <= "\U0001f1ff" for letter in signs):
        return len(text) == 2
    return len(signs) == 1 + text.count("\u200d") and not text.endswith("\u200d")


def _is_sign(letter: str) -> bool:
    if letter in "\xa9\xae\u203c\u2049\u3030\u2139":
        return True
    # Signs newer than this Python's tables have no category yet; their place says what they are.
    return "\U0001f000" <= letter <= "\U0001faff" or (
        letter >= "\u203c" and unicodedata.category(letter) in ("So", "Sm")
    )
