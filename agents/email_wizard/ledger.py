"""What is stored of campaigns, recipients and mails, and the counters sending goes by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, cast

from ionflux_core.sdk import Context, Record

from .sequence import Recipient
from .times import later, parsed

CAMPAIGNS, RECIPIENTS, SENDS, STATE = "campaigns", "recipients", "sends", "state"
EVENTS = "recipient_events"
PAUSE_HOURS = 24
_IN_HAND_DAYS = 3
PAUSE_RATE, PAUSE_SENDS = 0.05, 20


def campaign(ctx: Context, campaign_id: str) -> dict[str, Any] | None:
    """A stored campaign, or None."""
    row = ctx.records.get(CAMPAIGNS, campaign_id)
    return dict(row.data) if row else None


def keep_campaign(ctx: Context, data: Mapping[str, Any]) -> None:
    """Store a campaign at the time it was made."""
    ctx.records.put(CAMPAIGNS, str(data["id"]), data, at=parsed(str(data["created"])))


def running(ctx: Context) -> list[dict[str, Any]]:
    """Campaigns whose sequences go on, oldest first."""
    return [dict(row.data) for row in ctx.records.find(CAMPAIGNS) if row.data["status"] == "running"]


def recipients(ctx: Context, campaign_id: str) -> list[Recipient]:
    """Everybody of a campaign, by address."""
    rows = ctx.records.find(RECIPIENTS, prefix=f"{campaign_id}:", limit=1_000_000)
    return sorted((cast(Recipient, dict(row.data)) for row in rows), key=lambda row: row["email"])


def recipient(ctx: Context, campaign_id: str, email: str) -> Recipient | None:
    """Where one person stands in a campaign, or None."""
    row = ctx.records.get(RECIPIENTS, f"{campaign_id}:{email}")
    return cast(Recipient, dict(row.data)) if row else None


def keep_recipients(ctx: Context, rows: Iterable[Recipient], at: datetime) -> int:
    """Store where people stand."""
    return ctx.records.put_many(
        RECIPIENTS, [(f"{row['campaign']}:{row['email']}", cast(dict[str, Any], row), at) for row in rows]
    )


def send_key(campaign_id: str, step: int, email: str) -> str:
    """The key under which a mail goes out once, and under which it is kept."""
    return f"{campaign_id}:{step}:{email}"


def send_row(ctx: Context, key: str) -> dict[str, Any] | None:
    """A mail that went out, or None."""
    row = ctx.records.get(SENDS, key)
    return dict(row.data) if row else None


def keep_send(ctx: Context, key: str, data: Mapping[str, Any]) -> None:
    """Store a mail at the time it went out."""
    ctx.records.put(SENDS, key, data, at=parsed(str(data["at"])))


def sends_since(ctx: Context, since: datetime | None) -> list[Record]:
    """Mails that went out since then, by time."""
    return ctx.records.find(SENDS, since=since, limit=1_000_000)


def days(ctx: Context) -> dict[str, dict[str, Any]]:
    """What happened on each day of sending ({sent, bounced, complained, reserved})."""
    return {row.key[4:]: dict(row.data) for row in ctx.records.find(STATE, prefix="day:")}


def count_day(ctx: Context, day: str, **more: int) -> None:
    """Add to a day's counters."""
    row = ctx.records.get(STATE, f"day:{day}")
    data: dict[str, Any] = dict(row.data) if row else {"sent": 0, "bounced": 0, "complained": 0, "reserved": {}}
    for name, number in more.items():
        data[name] = data.get(name, 0) + number
    ctx.records.put(STATE, f"day:{day}", data)


def used(known: Mapping[str, Mapping[str, Any]], today: str) -> int:
    """How much of a day's cap is gone: mails that left, and mails another run has in hand.

    A run may wait for a person over night, so what was taken in hand up to three days ago counts, too.
    """
    first = (date.fromisoformat(today) - timedelta(days=_IN_HAND_DAYS)).isoformat()
    in_hand = sum(sum(day.get("reserved", {}).values()) for name, day in known.items() if first <= name <= today)
    return int(known.get(today, {}).get("sent", 0)) + int(in_hand)


def reserve(ctx: Context, day: str, holder: str, amount: int) -> None:
    """Take a part of a day's cap before the mails leave; zero gives it back."""
    count_day(ctx, day)
    row = ctx.records.get(STATE, f"day:{day}")
    assert row is not None
    held = {**row.data.get("reserved", {}), holder: amount}
    if not amount:
        held.pop(holder)
    ctx.records.put(STATE, f"day:{day}", {**row.data, "reserved": held})


def breaker(ctx: Context) -> dict[str, Any] | None:
    """Why sending has stopped, or None."""
    row = ctx.records.get(STATE, "breaker")
    return dict(row.data) if row else None


def trip(ctx: Context, why: str, at: str) -> None:
    """Stop sending until a person resumes it."""
    ctx.records.put(STATE, "breaker", {"why": why, "at": at})


def resume(ctx: Context) -> bool:
    """Send again; False when nothing had stopped."""
    return ctx.records.delete(STATE, "breaker")


def pause_of(ctx: Context, segment: str) -> dict[str, Any]:
    """How a segment fares ({sent, bounced, until, careful}); `careful` after a pause, until a batch went well."""
    row = ctx.records.get(STATE, f"segment:{segment}")
    return dict(row.data) if row else {"sent": 0, "bounced": 0, "until": None, "careful": False}


def count_segment(ctx: Context, segment: str, sent: int, bounced: int, now: str) -> bool:
    """Add to a segment's counters; True when it is paused from now on because too much came back."""
    data = pause_of(ctx, segment)
    data["sent"] += sent
    data["bounced"] += bounced
    too_many = data["sent"] >= PAUSE_SENDS and data["bounced"] > PAUSE_RATE * data["sent"]
    if too_many:
        data = {"sent": 0, "bounced": 0, "until": later(now, hours=PAUSE_HOURS), "careful": True,
                "rate": round(data["bounced"] / data["sent"], 4)}  # fmt: skip
    elif data["careful"] and data["sent"] >= PAUSE_SENDS:
        data = {**data, "until": None, "careful": False}
    ctx.records.put(STATE, f"segment:{segment}", data)
    return bool(too_many)


def paused_segments(ctx: Context, now: str) -> list[dict[str, Any]]:
    """Segments that wait because too much came back."""
    rows = ctx.records.find(STATE, prefix="segment:")
    return [
        {"segment": row.key[8:], "until": row.data["until"], "bounce_rate": row.data.get("rate")}
        for row in rows
        if row.data.get("until") and row.data["until"] > now
    ]


def count_customers(ctx: Context, added: int) -> int:
    """How many customers are kept, after some were added; counted so that no run has to read them all."""
    row = ctx.records.get(STATE, "customers")
    count = int(row.data["count"] if row else 0) + added
    if added:
        ctx.records.put(STATE, "customers", {"count": count})
    return count
