"""From a wish to a campaign: who is meant, who is held back, and the rows that a sequence begins with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ionflux_core.sdk import Context

from .addresses import one_line
from .clearance import by_reason, clearance_of
from .clusters import cluster
from .intake import Wish
from .ledger import keep_campaign, keep_recipients, paused_segments, sends_since
from .likelihood import learned
from .offers import keep, posteriors
from .offers import shown as offers_shown
from .people import Customer, People, order_count
from .render import token_of
from .segments import PAST_BUYERS, pick, segment, shown
from .sequence import Recipient, enrolled, held
from .settings import Settings
from .times import iso

_LISTED = 200
_LEARN_DAYS = 365


def make_plan(
    ctx: Context, settings: Settings, payload: Mapping[str, Any], wish: Wish, audience: list[str] | None
) -> dict[str, Any]:
    """Segments of everybody, and of the chosen one who may be written to and who not; plain JSON."""
    customers = People(ctx, everybody=True).everyone()
    found = segment(customers, settings, ctx.now())
    table = shown(found)
    if settings.cluster != "none":
        table["clusters"] = cluster(customers, found, settings.cluster, ctx.seed)
    name = pick(found, one_line(payload.get("customer_segment")) or PAST_BUYERS)
    members = set(found.members(name)) if audience is None else set(audience)
    chosen = [customer for customer in customers if customer["email"] in members]
    chances, model = _chances(ctx, chosen)
    rules = clearance_of(ctx, settings, customers, chances)
    cleared: list[str] = []
    restored: list[str] = []
    back: list[dict[str, str]] = []
    for customer in chosen:
        meant = wish.means(customer["email"], name)
        why = rules.holds(customer, restored=meant)
        restored += [customer["email"]] if meant else []
        if why is None:
            cleared.append(customer["email"])
        else:
            back.append({"email": customer["email"], "code": why[0], "reason": why[1]})
    letting = set(cleared)
    return {
        "segmentation": table,
        "segment": name if audience is None else "buyers of this moment",
        "reason": found.reasons[name] if audience is None else "They have just placed an order.",
        "cleared": cleared,
        "without_order": sum(not order_count(each) for each in chosen if each["email"] in letting),
        "restored": restored,
        "held": back,
        "held_by_reason": by_reason(back),
        "consent": rules.assumed,
        "needs_consent": rules.needs_consent,
        "likelihood": model,
        "paused": paused_segments(ctx, iso(ctx.now())),
    }


def _chances(ctx: Context, chosen: list[Customer]) -> tuple[dict[str, float], dict[str, Any]]:
    sends = sends_since(ctx, ctx.now() - timedelta(days=_LEARN_DAYS))
    return learned(sends, chosen, ctx.now(), ctx.seed)


def names_of(ctx: Context) -> dict[str, str]:
    """The campaign's id, and the salt of its unsubscribe links; the salt stands in no mail."""
    words = {"id": f"{ctx.run_id}:campaign", "salt": f"{ctx.run_id}:salt:{ctx.seed}"}
    return {name: hashlib.sha256(word.encode()).hexdigest()[:20] for name, word in words.items()}


def new_campaign(
    ctx: Context, names: Mapping[str, str], plan: Mapping[str, Any], draft: Mapping[str, Any],
    values: Mapping[str, str], offers: list[dict[str, str]],
) -> dict[str, Any]:  # fmt: skip
    """A campaign as it is stored, not yet enrolled."""
    palette = ctx.brand.visual.palette if ctx.brand else []
    return {
        **names,
        "created": iso(ctx.now()),
        "status": "shown",
        "batches": 0,
        "goal": draft["goal"],
        "wish": draft["wish"],
        "segment": plan["segment"],
        "steps": draft["steps"],
        "offers": offers,
        "test": f"{draft['goal']}:{plan['segment']}",
        "values": dict(values),
        "accent": palette[0] if palette else "",
        "source": draft["source"],
        "needs_consent": plan["needs_consent"],
        "approved": None,
    }


def enroll(ctx: Context, campaign: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
    """Store the campaign with everybody in it; who is held back stands in it too, with the reason."""
    now, by_hand = iso(ctx.now()), set(plan["restored"])
    rows: list[Recipient] = []
    for email in plan["cleared"]:
        row = enrolled(campaign["id"], email, plan["segment"], token_of(campaign["salt"], email), now)
        rows.append({**row, "restored": email in by_hand})
    for each in plan["held"]:
        row = enrolled(campaign["id"], each["email"], plan["segment"], token_of(campaign["salt"], each["email"]), now)
        rows.append(held(row, each["reason"]))
    keep_campaign(ctx, campaign)
    keep_recipients(ctx, rows, ctx.now())
    if not campaign["offers"]:
        return {"offers": None}
    known = posteriors(ctx, campaign["test"], [offer["name"] for offer in campaign["offers"]], ctx.seed)
    keep(ctx, campaign["test"], known)
    return {"offers": offers_shown(known)}
