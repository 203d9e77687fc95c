"""The agent's own figures, counted from what it keeps."""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import fmean

from ionflux_core.sdk import Context

from .ledger import MARKS, SUMMARIES
from .options import Options

_MOST = 20_000


def report(ctx: Context, options: Options) -> None:
    """Report briefs, actions carried out, decisions confirmed and ratings; a rating only once somebody has rated."""
    day = ctx.now().astimezone(options.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    ctx.kpi("briefs_made", _briefs(ctx, day), unit="count", at=day)
    actions = [row.data["state"] for row in ctx.records.find("action_items", limit=_MOST)]
    if actions:
        ctx.kpi("actions_done", round(100 * actions.count("completed") / len(actions), 1), unit="%", at=day)
    decisions = ctx.records.find("decisions", limit=_MOST)
    ctx.kpi("decisions_logged", sum(row.data["state"] == "confirmed" for row in decisions), unit="count", at=day)
    stars = [row.data["stars"] for row in ctx.records.find(MARKS, prefix="rating:", limit=_MOST)]
    if stars:
        ctx.kpi("reader_rating", round(fmean(stars), 2), unit="1-5", at=day)


def _briefs(ctx: Context, day: datetime) -> int:
    return len(ctx.records.find(SUMMARIES, since=day, until=day + timedelta(days=1), limit=_MOST))
