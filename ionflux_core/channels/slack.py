"""The Slack channel: posts an effect as a message of the connected bot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ionflux_core.channels.base import Channel, ChannelFailed, Delivery, NotSent, Reach
from ionflux_core.connectors.base import AccessRevoked
from ionflux_core.connectors.slack_actions import blocks_of
from ionflux_core.connectors.slack_calls import call
from ionflux_core.domain.chat import Proposal
from ionflux_core.errors import Invalid, IonfluxError, NotFound, TooManyRequests, Unavailable

_OPTIONS: Final = {"account": "Name of the account, where there are several."}
_TEXT_CHARS: Final = 40_000
_BLOCKS: Final = 50
_KNOWN: Final = frozenset({"text", "blocks", "thread", "proposal", "message_id"})
_NEVER_SENT: Final = frozenset({"outbound_connect", "outbound_dns", "stopping"})


@dataclass(frozen=True)
class SlackChannel:
    """Posts by `chat.postMessage`. Slack knows no idempotency keys, so a lost answer leaves open whether it arrived."""

    kind: str = "slack"
    title: str = "Slack"
    description: str = "Posts each effect as a message of the connected Slack bot."
    options: Mapping[str, str] = field(default_factory=lambda: dict(_OPTIONS))

    def honours_keys(self, options: Mapping[str, str]) -> bool:
        """A message that is posted twice stands there twice."""
        return False

    def is_connected(self, reach: Reach) -> bool:
        """Whether a working Slack account is connected."""
        try:
            reach.account("slack")
        except NotFound:
            return False
        return True

    def check(self, target: str, payload: Mapping[str, Any]) -> None:
        """NotSent for what Slack would never take."""
        message_of(target, payload)

    def place_of(self, target: str) -> str:
        """The one spelling of a channel."""
        return target.strip()

    def deliver(self, delivery: Delivery, reach: Reach) -> dict[str, Any]:
        """Post it; the channel and the time Slack knows the message by."""
        message = message_of(delivery.target, delivery.payload)
        try:
            access = reach.account("slack")
        except NotFound as error:
            raise ChannelFailed(error.message, hint=error.hint, code=error.code) from error
        try:
            answer = call(access, "chat.postMessage", body=message)
        except AccessRevoked as error:
            access.refused(error)
            raise ChannelFailed(error.message, hint=error.hint, code=error.code) from error
        except TooManyRequests as error:
            raise ChannelFailed(error.message, hint=error.hint, code=error.code, **error.details) from error
        except Invalid as error:
            raise NotSent(error.message, hint=error.hint, code=error.code) from error
        except Unavailable as error:
            raise _of(error) from error
        return {"ts": str(answer.get("ts") or "")[:40], "channel": str(answer.get("channel") or "")[:40]}


def message_of(target: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """An effect as Slack takes it; NotSent says what is missing or too long."""
    unknown = sorted(set(payload) - _KNOWN)
    if unknown:
        raise _wrong(f"A Slack message has a text, blocks, a thread and a proposal, not {unknown[0][:40]!r}.")
    text, blocks, thread = payload.get("text") or "", payload.get("blocks"), payload.get("thread")
    if payload.get("proposal") is not None:
        blocks = [*(blocks or ()), *_buttons(payload["proposal"], payload.get("message_id"))]
    if not target.strip() or len(target) > 200:
        raise _wrong("A Slack message needs a channel.")
    if not isinstance(text, str) or len(text) > _TEXT_CHARS:
        raise _wrong(f"The text of a Slack message has at most {_TEXT_CHARS:,} characters.")
    if blocks is not None and not _are_blocks(blocks):
        raise _wrong(f"The blocks of a Slack message are a list of at most {_BLOCKS} objects.")
    if not text.strip() and not blocks:
        raise _wrong("A Slack message needs words.")
    # Links in it must not make Slack fetch anything.
    message: dict[str, Any] = {"channel": target.strip(), "text": text, "unfurl_links": False, "unfurl_media": False}
    if blocks:
        message["blocks"] = blocks
    if thread:
        message["thread_ts"] = str(thread)[:40]
    return message


def _buttons(proposal: Any, message_id: Any) -> list[dict[str, Any]]:
    """The buttons of a proposal that stands in our chat: pressed in Slack, they are pressed there."""
    if not isinstance(message_id, str) or not message_id:
        raise _wrong("A proposal needs the id of its message in the chat.")
    try:
        return blocks_of(Proposal.model_validate(proposal), message_id)
    except ValidationError as error:
        raise _wrong("The proposal lacks a title or buttons.") from error


def _are_blocks(blocks: Any) -> bool:
    return isinstance(blocks, list) and len(blocks) <= _BLOCKS and all(isinstance(each, dict) for each in blocks)


def _of(error: IonfluxError) -> IonfluxError:
    """Whether a message was never sent, or nobody knows."""
    if error.code in _NEVER_SENT:
        return ChannelFailed(error.message, hint=error.hint, code=error.code)
    return error


def _wrong(reason: str) -> NotSent:
    return NotSent(reason, hint="Correct the message.", code="bad_message")


def make(data_dir: Path) -> Channel:
    """The channel; it keeps nothing in the data folder."""
    return SlackChannel()
