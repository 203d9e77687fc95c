"""Slack: a workspace by the token of a bot: who is there, what was said, and where to say something."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ionflux_core.connectors.base import Access, Batch, Connector, Field, Tested
from ionflux_core.connectors.calls import garbage
from ionflux_core.connectors.slack_calls import API_URL, SERVICE, call, check_settings, paged
from ionflux_core.errors import Invalid

MOST_READ: Final = 10_000
_MOST_NAMES: Final = 200
_ID: Final = re.compile(r"[CDG][A-Z0-9]{7,20}")
_MARKED: Final = re.compile(r"<([^<>\n]{1,3000})>")
_TS: Final = re.compile(r"[0-9]{1,11}\.[0-9]{1,9}")
_FIELDS: Final = (
    Field(
        "bot_token", "Bot token", kind="secret",
        description="It begins with xoxb-. Scopes: channels:read, channels:history, users:read, chat:write.",
    ),
    Field(
        "signing_secret", "Signing secret", kind="secret", required=False,
        description="Of the Slack app; needed when people press buttons in Slack.",
    ),
    Field(
        "api_url", "Other address", required=False,
        description=f"Leave it empty for {API_URL}. The address of a proxy that speaks for it.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Slack:
    """A Slack workspace."""

    kind: str = "slack"
    title: str = SERVICE
    description: str = "Reads channels and threads, posts messages, and hears buttons that people press."
    fields: tuple[Field, ...] = _FIELDS
    syncs: bool = False

    @property
    def readings(self) -> Mapping[str, Callable[[Access, Mapping[str, Any]], Any]]:
        """What was said in a channel or a thread, oldest first, and which channels and people there are."""
        return {"history": _history, "replies": _replies, "channels": _channels, "users": _users}

    def check(self, settings: Mapping[str, str]) -> None:
        """Invalid when the other address is none."""
        check_settings(settings)

    def test(self, access: Access) -> Tested:
        """The workspace and the bot the token belongs to."""
        found = call(access, "auth.test")
        team = found.get("team")
        if not isinstance(team, str):
            raise garbage(SERVICE)
        facts = {"bot": found.get("user"), "team": found.get("team_id"), "address": found.get("url")}
        return Tested(team, {name: str(value) for name, value in facts.items() if value})

    def sync(self, access: Access, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """Nothing: what is said is read when somebody asks for it."""
        return iter(())


def _history(access: Access, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    _only(arguments, "channel", "since", "until", "limit")
    params = {"channel": _channel_id(access, arguments), **_span(arguments)}
    rows = list(paged(access, "conversations.history", "messages", params, _limit(arguments)))
    return _told(access, rows)


def _replies(access: Access, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    _only(arguments, "channel", "thread", "since", "until", "limit")
    thread = str(arguments.get("thread") or "")
    if not _TS.fullmatch(thread):
        raise Invalid("A thread is named by the time of its first message.", hint="Write it like 1700000000.000100.")
    params = {"channel": _channel_id(access, arguments), "ts": thread, **_span(arguments)}
    return _told(access, list(paged(access, "conversations.replies", "messages", params, _limit(arguments))))


def _channels(access: Access, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    _only(arguments, "limit", "archived")
    params = {"exclude_archived": str(not arguments.get("archived")).lower(), "types": "public_channel,private_channel"}
    return [
        {
            "id": row.get("id"), "name": row.get("name"), "private": row.get("is_private") is True,
            "member": row.get("is_member") is True, "archived": row.get("is_archived") is True,
            "topic": _inner(row, "topic"), "purpose": _inner(row, "purpose"), "members": row.get("num_members"),
        }
        for row in paged(access, "conversations.list", "channels", params, _limit(arguments))
    ]  # fmt: skip


def _users(access: Access, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    _only(arguments, "limit")
    return [
        {
            "id": row.get("id"), "name": _name(row), "handle": row.get("name"), "bot": row.get("is_bot") is True,
            "deleted": row.get("deleted") is True, "timezone": row.get("tz"),
        }
        for row in paged(access, "users.list", "members", {}, _limit(arguments))
    ]  # fmt: skip


def _told(access: Access, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages oldest first, with names in place of ids where Slack tells them."""
    rows.sort(key=lambda row: _seconds(row.get("ts")))
    wanted = {str(row["user"]) for row in rows if row.get("user")}
    wanted |= {name for row in rows for name in re.findall(r"<@([A-Z0-9]{2,20})", str(row.get("text") or ""))}
    names = _names(access, sorted(wanted))
    return [_message(row, names) for row in rows]


def _message(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    user, ts = str(row.get("user") or row.get("bot_id") or ""), str(row.get("ts") or "")
    root = str(row.get("thread_ts") or "")
    return {
        "ts": ts,
        "at": datetime.fromtimestamp(_seconds(ts), UTC).isoformat(),
        "user": user,
        "name": names.get(user) or str(row.get("username") or user),
        "bot": bool(row.get("bot_id")),
        "kind": str(row.get("subtype") or "message"),
        "text": plain_text(str(row.get("text") or ""), names),
        "thread": root if root and root != ts else None,
        "replies": row.get("reply_count") or 0,
    }


def plain_text(text: str, names: Mapping[str, str]) -> str:
    """A message as people see it: mentions, channels and links in words, and no entities."""

    def shown(found: re.Match[str]) -> str:
        target, _, label = found[1].partition("|")
        if target.startswith("@"):
            return f"@{names.get(target[1:]) or label or target[1:]}"
        if target.startswith("#"):
            return f"#{label or target[1:]}"
        if target.startswith("!"):
            return label or f"@{target[1:].partition('^')[0]}"
        return f"{label} ({target})" if label and label != target else target

    return html.unescape(_MARKED.sub(shown, text))


def _names(access: Access, ids: list[str]) -> dict[str, str]:
    """The names of people: one by one for a few, from the list of all for many; none when the app may not know."""
    try:
        if len(ids) > _MOST_NAMES:
            found = {str(row.get("id")): _name(row) for row in paged(access, "users.list", "members", {}, MOST_READ)}
            return {each: found[each] for each in ids if each in found}
        return {each: name for each in ids if (name := _name_of(access, each))}
    except Invalid as error:
        if error.code != "scope_missing":
            raise
        return {}


def _name_of(access: Access, user: str) -> str:
    try:
        row = call(access, "users.info", {"user": user}).get("user")
    except Invalid as error:
        if error.code != "user_not_found":
            raise
        return ""
    return _name(row) if isinstance(row, dict) else ""


def _name(row: Mapping[str, Any]) -> str:
    profile = row.get("profile")
    shown = profile.get("display_name") if isinstance(profile, dict) else ""
    return str(shown or row.get("real_name") or row.get("name") or "")


def _channel_id(access: Access, arguments: Mapping[str, Any]) -> str:
    """A channel by its id or its name."""
    wanted = str(arguments.get("channel") or "").strip()
    if _ID.fullmatch(wanted):
        return wanted
    name = wanted.removeprefix("#").casefold()
    if name and len(name) <= 80:
        params = {"exclude_archived": "true", "types": "public_channel,private_channel"}
        for row in paged(access, "conversations.list", "channels", params, MOST_READ):
            if str(row.get("name")).casefold() == name:
                return str(row.get("id"))
    raise Invalid(
        f"There is no channel {wanted[:80]!r} the app can see.", hint="Invite the app to it, or check its name.",
        code="channel_not_found",
    )  # fmt: skip


def _span(arguments: Mapping[str, Any]) -> dict[str, str]:
    names = {"since": "oldest", "until": "latest"}
    return {names[name]: _ts(arguments[name]) for name in names if arguments.get(name) is not None}


def _ts(value: Any) -> str:
    """A time as Slack counts it, from its own form or from an ISO time with an offset."""
    text = str(value)
    if _TS.fullmatch(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid("A time needs an offset.", hint="Write it like 2026-11-20T12:00:00+00:00.")
    return f"{moment.timestamp():.6f}"


def _seconds(ts: Any) -> float:
    text = str(ts)
    return float(text) if _TS.fullmatch(text) else 0.0


def _limit(arguments: Mapping[str, Any]) -> int:
    limit = arguments.get("limit", 1_000)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_READ:
        raise Invalid(f"The limit is no whole number of 1 to {MOST_READ:,}.", hint="Leave it out for 1,000.")
    return limit


def _only(arguments: Mapping[str, Any], *known: str) -> None:
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise Invalid(f"There is no argument {unknown[0][:40]!r}.", hint=f"There are: {', '.join(known)}.")


def _inner(row: Mapping[str, Any], name: str) -> str:
    found = row.get(name)
    return html.unescape(str(found.get("value") or "")) if isinstance(found, dict) else ""


def make() -> Connector:
    """The connector."""
    return Slack()
