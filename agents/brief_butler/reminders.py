"""Reminds owners of what is due, once for every due date, and asks how a brief was after some hours."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from ionflux_core.sdk import Context

from .governance import ANSWERED, ask, item_of
from .ledger import LIVE, MARKS, SUMMARIES, mark, marked
from .options import Options

_MOST = 50
_ASK_AFTER, _ASK_UNTIL = timedelta(hours=4), timedelta(days=3)
_WORDS = {
    "en": {
        "today": "due today",
        "late": "overdue since {due}",
        "nobody": "Nobody is named",
        "rate": "How useful was this brief?",
    },
    "pt": {
        "today": "vence hoje",
        "late": "atrasado desde {due}",
        "nobody": "Sem responsável",
        "rate": "Este resumo foi útil?",
    },
}


def remind(ctx: Context, options: Options) -> dict[str, Any]:
    """Post a reminder for every open action that is due today or overdue and had none for this date."""
    today = ctx.now().astimezone(options.zone).date()
    due: list[dict[str, Any]] = ctx.step("look for what is due", lambda: _due(ctx, today))
    reminded = [_remind_of(ctx, kept, today) for kept in due[:_MOST]]
    rated = _ask_for_ratings(ctx) if options.ask_rating else 0
    return {"status": "reminded" if reminded else "nothing_due", "reminders": reminded, "ratings_asked": rated}


def _remind_of(ctx: Context, kept: dict[str, Any], today: date) -> dict[str, Any]:
    """Post the reminder of one action, with buttons to settle it."""
    item, language = item_of(kept), str(kept.get("language") or "en")
    words = _WORDS[language]
    when = words["today"] if item.due == today.isoformat() else words["late"].format(due=item.due)
    title, key = f"{item.owner or words['nobody']}, {when}", f"remind:{item.id}:{item.due}"
    thread, buttons = str(kept.get("thread") or "") or None, ("done", "ask", "drop")
    message = ask(ctx, str(kept["channel"]), thread, item, language, key=key, title=title, buttons=buttons)
    ctx.step("note reminder", lambda: mark(ctx.records, key, {"message_id": message}, ctx.now()))
    return {"item": item.id, "owner": item.owner, "due": item.due, "message_id": message}


def _due(ctx: Context, today: date) -> list[dict[str, Any]]:
    rows = [row.data for row in ctx.records.find("action_items", limit=20_000)]
    late = [
        row
        for row in rows
        if row["state"] in LIVE and row.get("due") and row["due"] <= today.isoformat() and row.get("channel")
    ]
    fresh = [row for row in late if marked(ctx.records, f"remind:{row['id']}:{row['due']}") is None]
    return sorted(fresh, key=lambda row: (row["due"], row["id"]))


def _ask_for_ratings(ctx: Context) -> int:
    """Ask once for each brief that is some hours old."""
    briefs = ctx.step("look for briefs", lambda: _unrated(ctx))
    for brief in briefs[:5]:
        _ask_for_rating(ctx, brief)
    return len(briefs[:5])


def _ask_for_rating(ctx: Context, brief: dict[str, Any]) -> None:
    words = _WORDS[brief["language"]]
    actions = [{"action_id": f"stars_{number}", "label": "★" * number, "style": "plain"} for number in range(1, 6)]
    proposal = {
        "title": words["rate"],
        "data": {"item": brief["key"], "kind": "rating"},
        "actions": actions,
        "kind": "event",
        "reference": ANSWERED,
    }
    ctx.chat.post(
        brief["channel"],
        thread=brief["thread"] or brief["message_id"] or None,
        proposal=proposal,
        key=f"rate:{brief['key']}",
    )
    ctx.step("note rating asked", lambda: mark(ctx.records, f"rate:{brief['key']}", {}, ctx.now()))


def _unrated(ctx: Context) -> list[dict[str, Any]]:
    since, until = ctx.now() - _ASK_UNTIL, ctx.now() - _ASK_AFTER
    rows = ctx.records.find(SUMMARIES, since=since, until=until, limit=200)
    posted = [{"key": row.key, **row.data} for row in rows if row.data.get("message_id")]
    return [each for each in posted if ctx.records.get(MARKS, f"rate:{each['key']}") is None]
