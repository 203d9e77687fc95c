"""What is kept of checked content, without its text: the score, the repairs offered, and what follows from them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ionflux_core.sdk import Context, Record

from .material import text_id
from .settings import TOPIC, Settings

CHECKS = "content_checks"
LOW = 0.75
_LEAST_CHECKS = 5


def week_of(at: datetime) -> str:
    """The ISO week of a time, such as 2026-W47."""
    year, week, _ = at.isocalendar()
    return f"{year}-W{week:02d}"


def worth(checked: int) -> bool:
    """Whether a mean over so many texts says anything."""
    return checked >= _LEAST_CHECKS


def keep_check(ctx: Context, settings: Settings, text: str, result: dict[str, Any]) -> None:
    """Keep a check, see whether an earlier repair was taken, report the figures and the alarm of the week."""
    content = text_id(text)
    since = ctx.now() - timedelta(days=28)
    rows = ctx.records.find(CHECKS, since=since, prefix=f"{settings.key}:")
    taken = [row for row in rows if content in row.data["repairs"]]
    for row in taken:
        ctx.records.put(CHECKS, row.key, {**row.data, "taken": True}, at=row.at)
    data = {
        "content": content,
        "score": result["score"],
        "verdict": result["verdict"],
        "version": result["version"],
        "repairs": [text_id(repair["text"]) for repair in result["repairs"]],
        "taken": False,
        "asked_by": settings.asked_by,
    }
    key = f"{settings.key}:{ctx.run_id}:{content}"
    ctx.records.put(CHECKS, key, data)
    taken_keys = {row.key for row in taken}
    before = [row for row in rows if row.key != key]
    _report(ctx, [*(({**row.data, "taken": True} if row.key in taken_keys else row.data) for row in before), data])
    _watch(ctx, settings, [*before, Record(key, ctx.now(), data)])


def _report(ctx: Context, checks: list[dict[str, Any]]) -> None:
    offered = [check for check in checks if check["repairs"]]
    if offered:
        ctx.kpi("auto_repaired", round(100 * sum(check["taken"] for check in offered) / len(offered), 1), unit="%")


def _watch(ctx: Context, settings: Settings, rows: list[Record]) -> None:
    """The mean of the last seven days, and one alert a week when it is low."""
    since = ctx.now() - timedelta(days=7)
    scores = [row.data["score"] for row in rows if row.at > since and row.data["score"] is not None]
    if not scores:
        return
    mean = sum(scores) / len(scores)
    ctx.kpi("mean_authenticity", round(mean, 4), unit="0-1")
    week = week_of(ctx.now())
    told = ctx.records.get("personas", f"{settings.key}:told")
    if mean < LOW and worth(len(scores)) and (told is None or told.data["week"] != week):
        ctx.records.put("personas", f"{settings.key}:told", {"week": week})
        payload = {
            "kind": "low_authenticity",
            "persona": settings.persona,
            "mean": round(mean, 4),
            "checked": len(scores),
            "threshold": LOW,
            "text": f"{len(scores)} texts checked for {settings.persona} in seven days have a mean of {mean:.2f}.",
        }
        ctx.emit(f"{TOPIC}.alert_generated", payload, key=f"low:{settings.key}:{week}")
