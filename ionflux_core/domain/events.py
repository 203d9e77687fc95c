"""Platform events: subjects with wildcards, payload filters, and the older spellings they are read from."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from ionflux_core.domain.waits import joined_waits, waits_in
from ionflux_core.errors import Invalid

SUBJECT = re.compile(r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")
PATTERN = re.compile(r"^([A-Za-z0-9_-]+|\*)(\.([A-Za-z0-9_-]+|\*))*(\.>)?$|^>$")

EventStatus = Literal["pending_processing", "processed", "archived_no_trigger"]
DeliveryStatus = Literal["started", "failed", "dead", "discarded"]
EVENT_STATUSES: tuple[EventStatus, ...] = get_args(EventStatus)
# What needs no further hand-over by itself: it was taken, given up, or set aside by a person.
SETTLED: frozenset[DeliveryStatus] = frozenset({"started", "dead", "discarded"})

_AGENT_ALIASES = {
    "emailwizard", "whatsapppulse", "tiktokstylist", "salessentinel", "ugcmatchmaker", "outreachautomaton",
    "commbutler", "personaguardian", "badgemotivator", "revenuetracker",
}  # fmt: skip
_SHOPIFY_OLD = re.compile(r"^ionflux\.shopify\.(?:ws|workspace)_[^.]+(?:\.brand_[^.]+)?\.(orders)\.(\w+)$")


class PlatformEvent(BaseModel):
    """One fact that happened. `type` is a dotted subject; `payload` is JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    seq: int = 0
    workspace_id: str
    type: str
    at: datetime
    source: str
    user_id: str | None = None
    brand_id: str | None = None
    correlation_id: str
    causation_run_id: str | None = None
    dedup_key: str | None = None
    schema_version: str = "v1.0"
    payload: dict[str, Any]
    status: EventStatus = "pending_processing"


class EventFilter(BaseModel):
    """How a stream of events is narrowed; empty fields narrow nothing. `pattern` is a subject with `*` and `>`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: str = Field("", max_length=300)
    prefix: str = Field("", max_length=300)
    source: str | None = Field(None, max_length=300)
    brand_id: str | None = Field(None, max_length=300)
    correlation_id: str | None = Field(None, max_length=300)
    status: EventStatus | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = Field("", max_length=300)


class EventDelivery(BaseModel):
    """How an event reached one trigger. `next_at` is when a failed one is tried again; the names may be gone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: str
    trigger_id: str
    status: DeliveryStatus
    attempts: int
    replays: int = 0
    run_id: str | None = None
    error: dict[str, Any] | None = None
    at: datetime
    next_at: datetime | None = None
    event_type: str = ""
    correlation_id: str = ""
    trigger_key: str | None = None
    instance_id: str | None = None
    instance_name: str | None = None


def canonical_subject(subject: str) -> str:
    """The one spelling of a subject: aliases of requirements 2.30 are rewritten, everything else is returned as is."""
    parts = subject.split(".")
    if len(parts) >= 3 and parts[0] == "ionflux" and parts[1] in _AGENT_ALIASES | {"shopifysentinel"}:
        slug = "salessentinel" if parts[1] == "shopifysentinel" else parts[1]
        return ".".join(["ionflux", "agent", slug, *parts[2:]])
    if subject == "orders_raw":
        return "ionflux.shopify.order.created"
    old = _SHOPIFY_OLD.match(subject)
    if old:
        return f"ionflux.shopify.order.{old.group(2)}"
    return subject


def check_subject(subject: str) -> str:
    """The canonical subject, or Invalid when it is not dotted words."""
    subject = canonical_subject(subject.strip())
    if not SUBJECT.match(subject) or len(subject) > 200:
        raise Invalid(
            f"{subject[:80]!r} is not an event type.",
            hint="Write words of letters, digits, - and _ joined by dots, such as shop.order.created.",
        )
    return subject


def check_pattern(pattern: str) -> str:
    """The canonical pattern, or Invalid when it is not dotted words with `*` and a final `>`."""
    pattern = canonical_subject(pattern.strip())
    if not PATTERN.match(pattern) or len(pattern) > 200:
        raise Invalid(
            f"{pattern[:80]!r} is not a pattern of event types.",
            hint="Write words joined by dots; * stands for one word, > at the end for all the rest.",
        )
    return pattern


def matches(pattern: str, subject: str) -> bool:
    """True when a subject fits a pattern: `*` stands for one word, a final `>` for one or more."""
    want, have = canonical_subject(pattern).split("."), subject.split(".")
    if want[-1] == ">":
        return len(have) >= len(want) and all(_fits(w, h) for w, h in zip(want[:-1], have, strict=False))
    return len(want) == len(have) and all(_fits(w, h) for w, h in zip(want, have, strict=True))


def pattern_regex(pattern: str) -> str:
    """A checked pattern as a regular expression, in the words all databases know."""
    words = {"*": "[^.]+", ">": ".+"}
    return "^" + "[.]".join(words.get(word, word) for word in check_pattern(pattern).split(".")) + "$"


def _fits(word: str, actual: str) -> bool:
    return word in ("*", actual)


def is_awaited(wait: dict[str, Any], event: PlatformEvent) -> bool:
    """True when an event is among what a parked run waits for."""
    return any(_fits_wait(part, event) for part in waits_in(wait))


def woken_by(wait: dict[str, Any], event: PlatformEvent) -> dict[str, Any]:
    """What a parked run is woken with: its waits, and the event with each of those it has ended."""
    told = {"event": {"id": event.id, "type": event.type, "payload": event.payload}}
    return joined_waits([{**part, **told} if _fits_wait(part, event) else part for part in waits_in(wait)])


def _fits_wait(wait: dict[str, Any], event: PlatformEvent) -> bool:
    topic = str(wait.get("topic") or "")
    # What came before the wait began is not what is waited for; an event that is only imagined has no number.
    if event.seq and event.seq <= wait.get("after", 0):
        return False
    return topic != "" and matches(topic, event.type) and passes_filter(wait.get("filter") or {}, event.payload)


_OPERATORS = ("_gte", "_lte", "_contains", "_gt", "_lt", "_ne", "_in")


def passes_filter(conditions: dict[str, Any], payload: dict[str, Any]) -> bool:
    """True when a payload meets every condition of a filter such as `{"payload.total_price_gt": 100}`.

    A key is a dotted path with an optional operator suffix (_gt _gte _lt _lte _ne _in _contains); bare means
    equal. A missing value fails every condition but `_ne`. Numbers in text compare as numbers.
    """
    return all(_meets(key, expected, payload) for key, expected in conditions.items())


def _meets(key: str, expected: Any, payload: dict[str, Any]) -> bool:
    path, operator = key, ""
    found, actual = _look_up(payload, path)
    if not found:
        for suffix in _OPERATORS:
            if key.endswith(suffix):
                path, operator = key[: -len(suffix)], suffix
                found, actual = _look_up(payload, path)
                break
    if not found:
        return operator == "_ne"
    return _compare(operator, actual, expected)


def _look_up(payload: dict[str, Any], path: str) -> tuple[bool, Any]:
    value: Any = payload
    parts = path.split(".")
    if parts[0] in ("payload", "payload_json"):
        parts = parts[1:]
    for part in parts:
        if not isinstance(value, dict) or part not in value:
            return False, None
        value = value[part]
    return True, value


def _compare(operator: str, actual: Any, expected: Any) -> bool:
    if operator == "_in":
        return isinstance(expected, list) and actual in expected
    if operator == "_contains":
        return isinstance(actual, list | (str if isinstance(expected, str) else list)) and expected in actual
    left, right = _number(actual), _number(expected)
    if operator in ("", "_ne"):
        same = actual == expected or (left is not None and left == right)
        return same if operator == "" else not same
    if left is None or right is None:
        return False
    return {"_gt": left > right, "_gte": left >= right, "_lt": left < right, "_lte": left <= right}[operator]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
