"""Slack's Web API over the wire: the token, `ok: false` and what it means, and lists that come in pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ionflux_core.connectors.base import Access
from ionflux_core.connectors.calls import (
    LONGEST_WAIT,
    MOST_TRIES,
    ask,
    check_address,
    garbage,
    retry_after,
    revoked,
    table,
    too_many,
)
from ionflux_core.errors import Invalid, IonfluxError, Unavailable

SERVICE: Final = "Slack"
API_URL: Final = "https://slack.com/api"
_WORD: Final = re.compile(r"[a-z_]{1,60}")
_PAGE: Final = 200
_MOST_PAGES: Final = 500

_DEAD_TOKEN: Final = frozenset(
    {
        "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "org_login_required",
        "ekm_access_denied", "team_access_not_granted",
    }
)  # fmt: skip
_DOWN: Final = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
NO_PLACE: Final = frozenset(
    {"channel_not_found", "not_in_channel", "is_archived", "thread_not_found", "message_not_found", "user_not_found"}
)


def check_settings(settings: Mapping[str, str]) -> None:
    """Invalid when the other address is none."""
    check_address(settings.get("api_url", ""))


def call(
    access: Access,
    method: str,
    params: Mapping[str, Any] | None = None,
    *,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Slack's answer to a method; with a body it is a message that must not go out twice."""
    check_settings(access.settings)
    token = access.secret("bot_token")
    if not token:
        raise Invalid("There is no bot token yet.", hint="Enter it in Settings, Accounts.", code="token_missing")
    url = f"{(access.settings.get('api_url') or API_URL).rstrip('/')}/{method}"
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    for tries in range(1, MOST_TRIES + 1):
        if body is None:
            answer = ask(access, SERVICE, "GET", url, headers=headers, params=dict(params or {}))
        else:
            answer = ask(access, SERVICE, "POST", url, headers=headers, json=dict(body), repeat=False)
        content = table(SERVICE, answer)
        if content.get("ok") is True:
            return content
        wait = retry_after(answer.headers)
        if content.get("error") != "ratelimited" or tries == MOST_TRIES or wait > LONGEST_WAIT:
            raise failure_of(content, wait)
        access.sleep(wait)
    raise AssertionError("the last try returns or raises")


def failure_of(content: Mapping[str, Any], wait: float = 1.0) -> IonfluxError:
    """What an answer that is not `ok` means. Only Slack's own words for errors are repeated, nothing else of it."""
    word = content.get("error")
    if not isinstance(word, str) or not _WORD.fullmatch(word):
        return garbage(SERVICE)
    if word in _DEAD_TOKEN:
        return revoked(SERVICE, word)
    if word == "ratelimited":
        return too_many(SERVICE, wait)
    if word in _DOWN:
        return Unavailable(f"Slack is down ({word}).", hint="Try again later.", code="service_down")
    if word == "missing_scope":
        needed = content.get("needed")
        scope = needed if isinstance(needed, str) and re.fullmatch(r"[a-z:._,]{1,100}", needed) else "one it lacks"
        hint = f"Give the app the scope {scope}, then install it again."
        return Invalid("The Slack app may not do this.", hint=hint, code="scope_missing")
    if word in NO_PLACE:
        hint = "Check the channel's name, and invite the app to it."
        return Invalid(f"Slack does not find it ({word}).", hint=hint, code=word)
    return Invalid(f"Slack does not take it ({word}).", hint="Check what is asked of Slack.", code="service_refused")


def paged(access: Access, method: str, key: str, params: Mapping[str, Any], most: int) -> Iterator[dict[str, Any]]:
    """The objects of a list, page by page, at most `most` of them."""
    cursor, seen, count = "", set(), 0
    for _ in range(_MOST_PAGES):
        asked = {**params, "limit": min(_PAGE, most - count), **({"cursor": cursor} if cursor else {})}
        content = call(access, method, asked)
        rows = content.get(key)
        if not isinstance(rows, list):
            raise garbage(SERVICE)
        for row in rows[: most - count]:
            if isinstance(row, dict):
                yield row
        count += len(rows)
        meta = content.get("response_metadata")
        cursor = str(meta.get("next_cursor") or "") if isinstance(meta, dict) else ""
        if not cursor or count >= most:
            return
        if cursor in seen:
            # The same page again and again, for ever.
            raise garbage(SERVICE)
        seen.add(cursor)
