"""A Slack that speaks the Web API on loopback: cursors, rate limits, errors, and buttons as it signs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from ionflux_core.signatures import sign
from tests.stand_ins.web import Answer, Request, as_json, serving

TOKEN = "xoxb-0123456789-abcdefghij"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
PEOPLE = {"U0ANA": "Ana", "U0BOB": "Bob <b>"}


@dataclass
class SlackStandIn:
    """What is said there, and how it behaves."""

    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    channels: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"id": "C0GENERAL", "name": "general", "is_member": True, "topic": {"value": "Q&amp;A"}, "num_members": 2},
            {"id": "C0OPSTEAM", "name": "ops", "is_private": True, "is_member": True, "purpose": {"value": ""}},
        ]
    )
    messages: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    page_most: int = 200
    before: Callable[[str], Answer | None] = lambda _: None
    asked: list[str] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"http://127.0.0.1:{self.port}/api"

    def answer(self, request: Request) -> Answer:
        """One answer."""
        method = request.path.removeprefix("/api/")
        self.asked.append(method)
        if said := self.before(method):
            return said
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return as_json({"ok": False, "error": "invalid_auth"})
        methods: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "auth.test": self._who, "conversations.list": self._listed, "conversations.history": self._history,
            "conversations.replies": self._replies, "users.list": self._people, "users.info": self._person,
            "chat.postMessage": self._post,
        }  # fmt: skip
        if method not in methods:
            return as_json({"ok": False, "error": "unknown_method"})
        given = request.json() if request.method == "POST" else request.query
        found = methods[method](given)
        return as_json({"ok": "error" not in found, **found})

    def _page(self, key: str, rows: list[Any], given: dict[str, Any]) -> dict[str, Any]:
        start = int(given.get("cursor") or 0)
        end = start + min(int(given.get("limit") or 100), self.page_most)
        following = str(end) if end < len(rows) else ""
        return {key: rows[start:end], "has_more": bool(following), "response_metadata": {"next_cursor": following}}

    def _who(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"url": "https://sun.slack.com/", "team": "Sun & Salt <b>", "user": "ionflux", "team_id": "T0SUN",
                "user_id": "U0BOT", "bot_id": "B0BOT"}  # fmt: skip

    def _listed(self, given: dict[str, Any]) -> dict[str, Any]:
        return self._page("channels", self.channels, given)

    def _history(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["channel"] not in {each["id"] for each in self.channels}:
            return {"error": "channel_not_found"}
        rows = [
            each for each in self.messages.get(given["channel"], [])
            if float(given.get("oldest", 0)) <= float(each["ts"]) <= float(given.get("latest", 9e12))
            and each.get("thread_ts", each["ts"]) == each["ts"]
        ]  # fmt: skip
        return self._page("messages", rows[::-1], given)

    def _replies(self, given: dict[str, Any]) -> dict[str, Any]:
        rows = [e for e in self.messages.get(given["channel"], []) if e.get("thread_ts", e["ts"]) == given["ts"]]
        return self._page("messages", rows, given) if rows else {"error": "thread_not_found"}

    def _people(self, given: dict[str, Any]) -> dict[str, Any]:
        return self._page("members", [self._person({"user": each})["user"] for each in PEOPLE], given)

    def _person(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["user"] not in PEOPLE:
            return {"error": "user_not_found"}
        name = PEOPLE[given["user"]]
        return {"user": {"id": given["user"], "name": name.lower(), "real_name": f"{name} Sampaio",
                         "profile": {"display_name": name}, "is_bot": False}}  # fmt: skip

    def _post(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["channel"] not in {name for each in self.channels for name in (each["id"], each["name"])}:
            return {"error": "channel_not_found"}
        self.posted.append(given)
        return {"ts": f"1700000000.{len(self.posted):06d}", "channel": "C0GENERAL", "message": {"text": given["text"]}}


def pressed(value: str, *, user: str = "U0ANA", action_ts: str = "1700000100.000001", **more: Any) -> dict[str, Any]:
    """A `block_actions` payload of one button."""
    action = {"type": "button", "action_id": "ionflux_accept", "block_id": "b1", "value": value, "action_ts": action_ts}
    return {
        "type": "block_actions", "user": {"id": user, "username": PEOPLE[user].lower(), "name": PEOPLE[user]},
        "team": {"id": "T0SUN", "domain": "sun"}, "channel": {"id": "C0GENERAL", "name": "general"},
        "message": {"ts": "1700000000.000001", "text": "Accept?"}, "actions": [action],
        "response_url": "https://hooks.slack.com/actions/T0SUN/1/secret", "trigger_id": "1.2.3", **more,
    }  # fmt: skip


def signed_form(payload: Any, at: datetime, *, secret: str = SIGNING_SECRET) -> tuple[bytes, dict[str, str]]:
    """A press as Slack sends it: the form's bytes and the headers."""
    body = urlencode({"payload": payload if isinstance(payload, str) else json.dumps(payload)}).encode()
    headers = sign("slack", secret, body, now=at)
    return body, {**headers, "content-type": "application/x-www-form-urlencoded"}


@contextmanager
def slack_stand_in() -> Iterator[SlackStandIn]:
    """A running Slack, until the block ends."""
    slack = SlackStandIn()
    with serving(slack.answer) as port:
        slack.port = port
        yield slack
