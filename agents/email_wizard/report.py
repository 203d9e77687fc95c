"""`send_report` and `generated_email_draft` as a run hands them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ionflux_core.sdk import Context

from .figures import figures, report_kpis
from .ledger import breaker, paused_segments, recipients
from .render import shown_steps
from .review import escape, sequence_text
from .times import iso

_LISTED = 200


def closing(ctx: Context, campaign_ids: Sequence[str]) -> dict[str, Any]:
    """What stands at the end of a run: figures, recipients by state, what is paused."""
    found = figures(ctx, ctx.now())
    report_kpis(ctx, found)
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for campaign_id in campaign_ids:
        for row in recipients(ctx, campaign_id):
            states[row["state"]] += 1
            if row["state"] == "ended":
                reasons[row["reason"].partition(":")[0]] += 1
    stop = breaker(ctx)
    return {
        "kpis": found,
        "recipients_by_state": dict(sorted(states.items())),
        "ended_by_reason": dict(sorted(reasons.items())),
        "paused_segments": paused_segments(ctx, iso(ctx.now())),
        "stopped": f"{stop['why']} (since {stop['at']})" if stop else None,
    }


def send_report(
    taken: Mapping[str, Any], closed: Mapping[str, Any], engine: Mapping[str, Any], *, status: str, summary: str,
    plan: Mapping[str, Any] | None = None, batches: Sequence[Mapping[str, Any]] = (), **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """The report of one run; lists are cut at 200, counts are whole."""
    counts: Counter[str] = Counter()
    mails: list[Any] = []
    waiting: list[Any] = []
    held = [dict(row) for row in (plan["held"] if plan else [])]
    for batch in batches:
        counts.update(batch["counts"])
        mails += batch["results"]
        waiting += batch["waiting"]
        held += batch["held"]
    told: dict[str, Any] = {
        "status": status,
        "summary": summary,
        "engine": dict(engine),
        "counts": dict(counts),
        "mails": mails[:_LISTED],
        "waiting": {"count": sum(batch.get("waiting_count", 0) for batch in batches), "list": waiting[:_LISTED]},
        "held": {"count": len(held), "list": held[:_LISTED], "restore": "Give restore an address, a segment or all."},
        "warmup": batches[-1]["warmup"] if batches else None,
        "offers": next((batch["offers"] for batch in batches if batch["offers"]), None),
        **closed,
        **more,
        "taken_in": dict(taken),
    }
    if plan:
        told |= {
            "segmentation": plan["segmentation"],
            "segment": {"name": plan["segment"], "reason": plan["reason"], "cleared": len(plan["cleared"])},
            "consent": plan["consent"],
            "clearance": plan["likelihood"],
        }
        told["held"]["by_reason"] = plan["held_by_reason"]
    return told


def draft_text(campaign: Mapping[str, Any], found: Mapping[str, list[str]], engine: Mapping[str, Any]) -> str:
    """The sequence as Markdown, with what is to be looked at and the engine that worded it."""
    made = f"{engine.get('kind', 'local')} engine {engine.get('name', '')}".strip()
    steps = shown_steps(campaign)
    parts = [f"# {escape(steps[0]['subject'])}",
             f"For **{escape(campaign['segment'])}**, goal {campaign['goal']}, from {escape(campaign['source'])}; "
             f"{escape(made)}.",
             sequence_text(steps)]  # fmt: skip
    for offer in campaign["offers"]:
        parts.append(f"- Offer **{escape(offer['name'])}**: {escape(offer['text'])}")
    for title, rows in (("Must be changed", found["problems"]), ("Look at", found["warnings"])):
        if rows:
            parts.append(f"## {title}\n\n" + "\n".join(f"- {escape(row, 400)}" for row in rows[:20]))
    return "\n\n".join(parts) + "\n"
