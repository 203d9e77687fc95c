"""Before sending what is due: who goes on, which offers count as failures, which sequences are over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ionflux_core.sdk import Context, IonfluxError

from . import offers, times
from .intake import forget_old_events
from .ledger import SENDS, keep_campaign, keep_recipients, keep_send, recipients, running, sends_since
from .sequence import SETTLED_HOURS, advanced

_LOOK_BACK_DAYS = 14


def sweep(ctx: Context) -> dict[str, Any]:
    """Bring every running sequence up to the time it is now."""
    now = times.iso(times.wall_clock())
    moved = over = 0
    for campaign in running(ctx):
        rows = recipients(ctx, campaign["id"])
        fresh = [advanced(row, campaign["steps"], now) for row in rows]
        changed = [row for row, before in zip(fresh, rows, strict=True) if row != before]
        moved += sum(row["state"] == "due" for row in changed)
        keep_recipients(ctx, changed, ctx.now())
        if rows and all(row["state"] == "ended" for row in fresh):
            keep_campaign(ctx, {**campaign, "status": "ended"})
            remember(ctx, campaign)
            over += 1
    return {"advanced": moved, "sequences_over": over, "offers_settled": _settle_offers(ctx, now),
            "old_events_forgotten": forget_old_events(ctx)}  # fmt: skip


def remember(ctx: Context, campaign: dict[str, Any]) -> None:
    """Keep in words what a group answered to, for the next mail to it."""
    sends = ctx.records.find(SENDS, prefix=f"{campaign['id']}:", limit=1_000_000)
    clicked = sum("clicked" in row.data["heard"] for row in sends)
    opened = sum("opened" in row.data["heard"] for row in sends)
    bought = sum(len(row.data["orders"]) for row in sends)
    text = (
        f"{campaign['segment']}, goal {campaign['goal']}, subject {campaign['steps'][0]['subject']!r}: "
        f"{len(sends)} mails, {opened} opened, {clicked} clicked, {bought} orders."
    )
    about = {"campaign": campaign["id"], "segment": campaign["segment"], "goal": campaign["goal"]}
    try:
        ctx.memory.remember(text, about, id=str(campaign["id"]))
    except IonfluxError as error:
        ctx.log(f"What the group answered to was not remembered: {error}", level="warning")


def recall(ctx: Context, segment: str, wish: str) -> list[str]:
    """What groups like this one answered to before, nearest first."""
    try:
        return [each.text for each in ctx.memory.recall(f"{segment}, goal {wish}", limit=3)]
    except IonfluxError as error:
        ctx.log(f"Nothing could be remembered: {error}", level="warning")
        return []


def _settle_offers(ctx: Context, now: str) -> int:
    """Three days without a click count as a failure of the offer, once; a later click does not change that."""
    settled = 0
    limit = times.later(now, hours=-SETTLED_HOURS)
    for row in sends_since(ctx, times.parsed(now) - timedelta(days=_LOOK_BACK_DAYS)):
        data = row.data
        if not data.get("arm") or data.get("rewarded") or data["at"] > limit or data["state"] != "sent":
            continue
        keep_send(ctx, row.key, {**data, "rewarded": "no click"})
        offers.learn(ctx, data["test"], data["arm"], False)
        settled += 1
    return settled


def pending_campaigns(ctx: Context) -> list[str]:
    """The running sequences, oldest first."""
    return [str(campaign["id"]) for campaign in running(ctx)]
