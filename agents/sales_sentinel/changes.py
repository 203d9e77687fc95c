"""The change log, and the ranking of its entries as causes of an incident (the App-Impact radar).

score = time decay x likeness x prior culprit rate, each shown beside the score:
decay 0.5^(hours before the onset / 6), or 0.5^(hours after it / 3) up to the flag, since the onset is an estimate;
likeness 0.25 + 0.75 x cosine of word counts between the change and the incident or an earlier culprit;
prior (blamed + 1) / (seen + 4) of changes of the same kind.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ionflux_core.sdk import Context, Invalid, NotFound, Record, Records, Unavailable

from .times import iso, minute_of, moment

CHANGES = "sentinel_changes"
KINDS = ("app", "theme", "config", "campaign", "price", "other")
HALF_LIFE_HOURS = 6.0
LOOK_BACK_HOURS = 72
HALF_LIFE_AFTER_HOURS = 3.0
SHOWN = 5
_SYNONYMS = {"ios": "mobile safari", "iphone": "mobile safari", "android": "mobile chrome", "payments": "payment"}
_STOP = {"the", "a", "an", "of", "and", "to", "in", "on", "for", "is", "was", "with", "its", "by", "than", "usual"}


def change_key(kind: str, name: str, minute: int) -> str:
    """The same change always has the same key, so sending it twice stores it once."""
    return "chg-" + hashlib.sha256(f"{kind}|{name}|{minute}".encode()).hexdigest()[:16]


def read_change(entry: Any, now: datetime) -> dict[str, Any]:
    """A checked change {kind, name, minute, text}; Invalid naming the first fault."""
    if not isinstance(entry, Mapping):
        raise Invalid("A change must be an object.", hint="Send {kind, name, at, text}.")
    kind, name, text = entry.get("kind"), entry.get("name"), entry.get("text", "")
    if kind not in KINDS:
        raise Invalid(f"{str(kind)[:40]!r} is no kind of change.", hint="Use " + ", ".join(KINDS) + ".")
    if not isinstance(name, str) or not name.strip() or len(name) > 120:
        raise Invalid("A change needs a name of at most 120 characters.", hint="Write the name of the app or theme.")
    if not isinstance(text, str) or len(text) > 4000:
        raise Invalid("The text of a change is longer than 4000 characters.", hint="Shorten it.")
    at = _time(entry.get("at"), now)
    if not now - timedelta(days=5 * 366) <= at <= now + timedelta(minutes=10):
        raise Invalid(f"The change is dated {at:%Y-%m-%d %H:%M}Z.", hint="Write when it was really made.")
    return {"kind": kind, "name": name.strip(), "minute": minute_of(at), "text": text.strip()}


def _time(value: Any, now: datetime) -> datetime:
    if value is None:
        return now
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Invalid(
            f"{str(value)[:40]!r} is no time with a zone.", hint="Write it like 2026-11-20T12:05:00Z, or leave it out."
        )
    return at.astimezone(UTC)


def store_change(ctx: Context, change: Mapping[str, Any]) -> str:
    """Keep a change and remember its text; its key."""
    key = change_key(change["kind"], change["name"], change["minute"])
    if ctx.records.get(CHANGES, key) is None:
        ctx.records.put(CHANGES, key, {**change, "blamed": False}, at=moment(change["minute"]))
        try:
            ctx.memory.remember(f"{change['kind']} {change['name']} {change['text']}", {"change": key}, id=key)
        except Unavailable as missing:
            ctx.log(f"The change was stored without a memory of its words: {missing}", level="warning")
    return key


def blame(records: Records, key: str) -> None:
    """Note that a person named this change as the culprit; NotFound when there is no such change."""
    found = records.get(CHANGES, key)
    if found is None:
        raise NotFound(f"There is no recorded change {key[:80]!r}.", hint="Take the id from the list of suspects.")
    records.put(CHANGES, key, {**found.data, "blamed": True}, at=found.at)


def words(text: str) -> Counter[str]:
    """The words of a text, counted, with a few spellings of devices made equal."""
    counted: Counter[str] = Counter()
    for word in re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()):
        if word not in _STOP:
            counted.update(_SYNONYMS.get(word, word.removesuffix("s") if len(word) > 4 else word).split())
    return counted


def likeness(one: Counter[str], other: Counter[str]) -> float:
    """The cosine of two word counts, 0 to 1."""
    product = sum(count * other[word] for word, count in one.items())
    length = math.sqrt(sum(c * c for c in one.values()) * sum(c * c for c in other.values()))
    return product / length if length else 0.0


def description(incident: Mapping[str, Any]) -> str:
    """An incident in the words a culprit would share with it."""
    extra = {
        "checkout_failure": "checkout payment",
        "conversion_drop": "product cart price page",
        "traffic_stopped": "",
    }
    labels = " ".join(flag["title"] for flag in incident["flags"].values())
    return f"{incident['title']} {labels} {extra[incident['kind']]}"


def rank(ctx: Context, incident: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The recorded changes most likely to have caused an incident, best first, with the parts of each score."""
    onset = incident["start"]
    since, until = onset - LOOK_BACK_HOURS * 60, max(onset, incident["detected"])
    recorded = ctx.records.find(CHANGES)
    near = [r for r in recorded if since <= r.data["minute"] <= until]
    if not near:
        return []
    culprits = [words(_text(r)) for r in recorded if r.data["blamed"]]
    about = [words(description(incident)), *culprits]
    recalled = _recalled(ctx, description(incident))
    ranked = [_scored(r, onset, about, recalled, recorded) for r in near]
    return sorted(ranked, key=lambda s: (-s["score"], s["change"]))[:SHOWN]


def _text(record: Record) -> str:
    return f"{record.data['kind']} {record.data['name']} {record.data['text']}"


def _recalled(ctx: Context, query: str) -> dict[str, float]:
    try:
        found = ctx.memory.recall(query, limit=20)
    except Unavailable:
        return {}
    return {str(memory.metadata.get("change")): memory.score for memory in found}


def _scored(
    record: Record, onset: int, about: list[Counter[str]], recalled: Mapping[str, float], recorded: Iterable[Record]
) -> dict[str, Any]:
    change = record.data
    hours = (onset - change["minute"]) / 60
    decay = 0.5 ** (hours / HALF_LIFE_HOURS if hours >= 0 else -hours / HALF_LIFE_AFTER_HOURS)
    alike = max([likeness(words(_text(record)), other) for other in about] + [recalled.get(record.key, 0.0)])
    same = [r.data["blamed"] for r in recorded if r.data["kind"] == change["kind"] and r.key != record.key]
    weight, prior = 0.25 + 0.75 * alike, (sum(same) + 1) / (len(same) + 4)
    return {
        "change": record.key,
        "kind": change["kind"],
        "name": change["name"],
        "text": change["text"],
        "at": iso(change["minute"]),
        "minutes_before_onset": onset - change["minute"],
        "score": round(decay * weight * prior, 5),
        "time_decay": round(decay, 4),
        "likeness": round(weight, 4),
        "prior_culprit_rate": round(prior, 4),
    }
