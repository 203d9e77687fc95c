"""Buttons in Slack: what a press says, and how a proposal's buttons are written so that a press finds it again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from pydantic_core import from_json

from ionflux_core.domain.chat import Proposal
from ionflux_core.errors import Invalid

_MARK: Final = "ionflux"
_VALUE: Final = re.compile(rf"{_MARK}:([0-9a-f-]{{32,36}}):([a-z][a-z0-9_]{{0,39}})")
_CHARS: Final = 2_000
_MOST_ACTIONS: Final = 20
_MOST_FIELDS: Final = 20


@dataclass(frozen=True, slots=True)
class Press:
    """One button somebody pressed. `message_id` and `button` are set when it is one of ours."""

    user_id: str
    user_name: str
    team_id: str
    channel_id: str
    message_ts: str
    thread_ts: str
    action_id: str
    block_id: str
    value: str
    action_ts: str

    @property
    def ours(self) -> tuple[str, str] | None:
        """The message and the button of a proposal of ours; None for any other button."""
        found = _VALUE.fullmatch(self.value)
        return (found[1], found[2]) if found else None

    @property
    def key(self) -> str:
        """The same for a press that Slack tells of twice."""
        return (
            f"slack:{self.team_id}:{self.channel_id}:{self.message_ts}:{self.action_id}:{self.user_id}:{self.action_ts}"
        )

    def as_payload(self) -> dict[str, Any]:
        """The press as an event tells it."""
        return {
            "user": {"id": self.user_id, "name": self.user_name}, "team": self.team_id, "channel": self.channel_id,
            "message_ts": self.message_ts, "thread_ts": self.thread_ts or None, "action_id": self.action_id,
            "block_id": self.block_id, "value": self.value, "action_ts": self.action_ts,
        }  # fmt: skip


def read_payload(body: bytes) -> dict[str, Any]:
    """The JSON in a form's field `payload`, as Slack sends it; Invalid when the body is no such form.

    Check the signature before: it covers the raw body.
    """
    try:
        fields = dict(parse_qsl(body.decode("ascii"), max_num_fields=_MOST_FIELDS, encoding="utf-8", errors="strict"))
        payload = from_json(fields["payload"], allow_inf_nan=False)
    except (KeyError, ValueError):
        payload = None
    if not isinstance(payload, dict):
        raise Invalid(
            "This is no form with a payload of Slack's.", hint="Check the app's request URL.", code="not_form"
        )
    return payload


def presses_of(payload: Mapping[str, Any]) -> list[Press]:
    """The buttons a `block_actions` payload tells of; none for any other kind."""
    if payload.get("type") != "block_actions":
        return []
    user, message = _table(payload.get("user")), _table(payload.get("message"))
    actions = payload.get("actions")
    return [
        Press(
            user_id=_text(user.get("id")),
            user_name=_text(user.get("name") or user.get("username")),
            team_id=_text(_table(payload.get("team")).get("id")),
            channel_id=_text(_table(payload.get("channel")).get("id")),
            message_ts=_text(message.get("ts") or _table(payload.get("container")).get("message_ts")),
            thread_ts=_text(message.get("thread_ts")),
            action_id=_text(action.get("action_id")),
            block_id=_text(action.get("block_id")),
            value=_text(action.get("value") or _table(action.get("selected_option")).get("value")),
            action_ts=_text(action.get("action_ts")),
        )
        for action in (actions if isinstance(actions, list) else [])[:_MOST_ACTIONS]
        if isinstance(action, dict)
    ]


def blocks_of(proposal: Proposal, message_id: str) -> list[dict[str, Any]]:
    """A proposal as Slack's blocks; pressing one of its buttons presses the button of our message."""
    text = f"*{_escaped(proposal.title)}*\n{_escaped(proposal.description)}".strip()[:2_900]
    styles = {"primary": "primary", "danger": "danger"}
    buttons = [
        {
            "type": "button", "action_id": f"{_MARK}_{action.action_id}",
            "text": {"type": "plain_text", "text": action.label[:75]},
            "value": f"{_MARK}:{message_id}:{action.action_id}",
            **({"style": styles[action.style]} if action.style in styles else {}),
        }
        for action in proposal.actions
    ]  # fmt: skip
    return [{"type": "section", "text": {"type": "mrkdwn", "text": text}}, {"type": "actions", "elements": buttons}]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(value: Any) -> str:
    return value[:_CHARS] if isinstance(value, str) else ""


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
