"""Messages in Slack's shape, from an export or an account: ids become names, entities become signs, bots are marked."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ionflux_core.sdk import Invalid

from .messages import LONGEST_TEXT, Spoken, spoken

MOST = 10_000
_BY_PEOPLE = frozenset({None, "", "thread_broadcast", "file_share", "me_message", "reply_broadcast"})
_USER = re.compile(r"<@([A-Z0-9]{2,30})(?:\|([^>\n]{0,80}))?>")
_CHANNEL = re.compile(r"<#[A-Z0-9]{2,30}\|([^>\n]{0,80})>")
_LINK = re.compile(r"<((?:https?|mailto|tel):[^|>\s]{1,2000})(?:\|([^>\n]{0,300}))?>")
_SPECIAL = re.compile(r"<!(here|channel|everyone)[^>\n]{0,40}>")
_HINT = "Give the JSON of a channel as Slack exports it: a list of messages with user, text and ts."


def parse_export(text: str) -> Any:
    """An export as data; Invalid when it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("The export is not JSON.", hint=_HINT) from None


def read_export(data: Any, *, users: Any = None, thread: str = "") -> tuple[list[Spoken], list[str], list[str]]:
    """The messages of an export from the oldest on, the names of its users, and notes about what was left out."""
    rows, found_users = _rows(data)
    names = _names(users) | _names(found_users)
    notes: list[str] = []
    kept: dict[str, Spoken] = {}
    unreadable = 0
    for row in rows:
        at = _time(row.get("ts")) if isinstance(row, Mapping) else None
        if at is None or not isinstance(row.get("text"), str):
            unreadable += 1
        elif not thread or thread in (row.get("ts"), row.get("thread_ts")):
            kept[str(row["ts"])] = _message(row, at, names)
    if unreadable:
        notes.append(f"Entries of the export that are no messages were left out: {unreadable}.")
    ordered = sorted(kept.values(), key=lambda each: (each.at, each.id))
    if len(ordered) > MOST:
        notes.append(f"Only the newest {MOST:,} of {len(ordered):,} messages were read.")
    return ordered[-MOST:], sorted(set(names.values())), notes


def _rows(data: Any) -> tuple[list[Any], Any]:
    if isinstance(data, list):
        return data, None
    if isinstance(data, Mapping):
        if isinstance(data.get("messages"), list):
            return data["messages"], data.get("users")
        days = [part for part in data.values() if isinstance(part, list)]
        if days:
            return [row for part in days for row in part], data.get("users")
    raise Invalid("The export holds no list of messages.", hint=_HINT)


def _names(users: Any) -> dict[str, str]:
    """Ids and the names people are called by, from users.json or a map of ids and names."""
    if isinstance(users, Mapping):
        return {str(id): str(name)[:120] for id, name in users.items() if isinstance(name, str) and name}
    found = {}
    for user in users if isinstance(users, list) else []:
        if isinstance(user, Mapping) and isinstance(user.get("id"), str):
            profile = user["profile"] if isinstance(user.get("profile"), Mapping) else {}
            choices = (profile.get("display_name"), user.get("real_name"), profile.get("real_name"), user.get("name"))
            name = next((each for each in choices if isinstance(each, str) and each.strip()), None)
            if name:
                found[user["id"]] = name.strip()[:120]
    return found


def _time(ts: Any) -> datetime | None:
    try:
        seconds = float(ts)
        return datetime.fromtimestamp(seconds, UTC) if math.isfinite(seconds) else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _message(row: Mapping[str, Any], at: datetime, names: Mapping[str, str]) -> Spoken:
    """A message as Slack writes it, or as our own account gives it with `name`, `bot` and `kind`."""
    profile = row["user_profile"] if isinstance(row.get("user_profile"), Mapping) else {}
    user = str(row.get("user") or row.get("bot_id") or "")
    called = row.get("name") or profile.get("display_name") or profile.get("real_name") or row.get("username")
    sender = names.get(user) or (called if isinstance(called, str) else "") or user or "Unknown"
    kind = row.get("kind") if row.get("kind") != "message" else None
    bot = bool(row.get("bot_id") or row.get("bot")) or (row.get("subtype") or kind) not in _BY_PEOPLE
    text = row["text"] if "kind" in row else readable(row["text"], names)
    return spoken(str(row["ts"]), at, sender, text, bot=bot or user == "USLACKBOT")


def readable(text: str, names: Mapping[str, str]) -> str:
    """Slack's marks as they are read: @Name, #channel, the address of a link."""
    text = text[: LONGEST_TEXT * 2]
    text = _USER.sub(lambda found: "@" + (names.get(found[1]) or found[2] or found[1]), text)
    text = _CHANNEL.sub(lambda found: "#" + found[1], text)
    text = _SPECIAL.sub(lambda found: "@" + found[1], text)
    text = _LINK.sub(lambda found: f"{found[2]} ({found[1]})" if found[2] else found[1], text)
    return html.unescape(text)
