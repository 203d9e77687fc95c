"""Sending what is due: chosen under the day's cap, handed to the outbox once each, and what came back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from ionflux_core.sdk import Context, Decision, Outgoing, Sent

from . import offers as tests
from . import times
from .clearance import clearance_of, suppress
from .ledger import (
    breaker,
    campaign,
    count_day,
    count_segment,
    days,
    keep_campaign,
    keep_recipients,
    keep_send,
    pause_of,
    recipient,
    recipients,
    reserve,
    send_key,
    trip,
    used,
)
from .likelihood import features
from .mail_events import tell_bounces
from .people import Customer, People, add_send, last_answer
from .render import Frame, frame_of, mail, mails_in_words, shown_steps
from .review import only_shown
from .sequence import Recipient, ended, held, mailed, waits
from .settings import Settings
from .warmup import plan as warmup_plan
from .warmup import shown as warmup_shown

EMAIL_SENT = "ionflux.agent.emailwizard.email_sent"
CAMPAIGN_SENT = "ionflux.agent.emailwizard.campaign_sent"
OPS_CHANNEL = "ops-email"
_LISTED, _SINGLE_EVENTS, _ONE_BY_ONE = 200, 20, 300
_IN_A_ROW = 3
_DEFERRED_TRIES, _DEFERRED_HOURS, _STUCK_HOURS = 3, 4, 24
_SERVER_NO = re.compile(r"\b5\d\d\b")
# What speaks about one mail or its recipient; every other failure is the server's or the account's.
_OF_ONE = frozenset(
    {"bounced", "deferred", "suppressed", "duplicate", "invalid_address", "invalid_mail", "header_injection"}
)


def send_due(ctx: Context, settings: Settings, campaign_id: str, under: Decision | None = None) -> dict[str, Any]:
    """Send what is due of one campaign; what became of it, for the report. `under`: it was approved just now."""
    chosen = ctx.step("choose mails", lambda: choose(ctx, settings, campaign_id))
    if not chosen["mails"]:
        return {**chosen, "results": [], "counts": {}, "stopped": chosen.get("stopped"), "paused": []}
    frame = frame_of(settings, chosen["campaign"])
    items = outgoing(frame, chosen["campaign"], chosen["mails"])
    step = shown_steps(chosen["campaign"])[chosen["mails"][0]["step"]]
    summary = f"{mails_in_words(len(items))} to {chosen['campaign']['segment']}: {step['subject']}"[:250]
    answers = ctx.send_many("email", items, summary=summary, body=_body(step), under=under)
    kept = ctx.step("keep answers", lambda: keep(ctx, settings, chosen, answers))
    if kept["stopped"]:
        text = f"Sending has stopped: {kept['stopped']} Look at the mail server, then run with resume_sending on."
        ctx.chat.post(OPS_CHANNEL, text, key=f"breaker:{ctx.run_id}")
    return {**chosen, **kept}


def _body(step: Mapping[str, Any]) -> str:
    return f"**{step['subject']}**\n\n{step['text'][:3000]}"


def outgoing(frame: Frame, stored: Mapping[str, Any], mails: Sequence[Mapping[str, Any]]) -> list[Outgoing]:
    """The mails as effects, one for each recipient."""
    by_name = {offer["name"]: offer for offer in stored["offers"]}
    return [
        Outgoing(
            target=row["email"],
            payload=mail(frame, stored["steps"][row["step"]], row, by_name.get(row["arm"])),
            key=send_key(str(stored["id"]), row["step"], row["email"]),
            summary=f"{stored['goal']} {row['step'] + 1}",
        )
        for row in mails
    ]


def choose(ctx: Context, settings: Settings, campaign_id: str) -> dict[str, Any]:
    """Who gets a mail now, most engaged first; everybody else keeps a reason. Takes its part of the day's cap."""
    now = times.wall_clock()
    at, today = times.iso(now), times.local_day(now, settings.zone)
    stored = campaign(ctx, campaign_id)
    assert stored is not None
    rows = [row for row in recipients(ctx, campaign_id) if _is_due(row, at)]
    people = People(ctx, everybody=len(rows) > _ONE_BY_ONE)
    known = days(ctx)
    limits = (settings["bounce_limit"], settings["complaint_limit"])
    plan = warmup_plan(today, settings.warmup_start, settings.warmup_caps, known, limits)
    taken = used(known, today)
    told: dict[str, Any] = {
        "campaign": stored,
        "warmup": warmup_shown(plan, taken),
        "day": today,
        "holder": f"{ctx.run_id}:{campaign_id}",
        "waiting": [],
        "held": [],
        "offers": None,
        "mails": [],
        "stopped": None,
    }
    if (stop := breaker(ctx)) is not None:
        return {**told, "stopped": f"{stop['why']} (since {stop['at']})"}
    ready, changed = _cleared(ctx, settings, stored, people, rows, at)
    told["held"] = _named(row for row in changed if row["state"] == "held")[:_LISTED]
    ready.sort(key=lambda pair: (last_answer(pair[1]) or "", pair[1]["clicks"], pair[0]["email"]), reverse=True)
    ready, late = _fitting(ctx, settings, stored, ready, None if plan.cap is None else plan.cap - taken, at)
    waiting = _named(row for row in [*late, *changed] if row["state"] == "waiting")
    told["waiting"], told["waiting_count"] = waiting[:_LISTED], len(waiting)
    told["offers"] = _choose_offers(ctx, stored, ready)
    for row, _ in ready:
        row["state"], row["due_at"] = "sending", at
    keep_recipients(ctx, [*changed, *late, *(row for row, _ in ready)], ctx.now())
    told["mails"] = [
        {"email": row["email"], "first": person["first"], "last": person["last"], "token": row["token"],
         "arm": row["arm"], "step": row["step"], "segment": row["segment"], "features": features(person, now)}
        for row, person in ready
    ]  # fmt: skip
    if ready:
        reserve(ctx, today, told["holder"], len(ready))
        told["warmup"] = warmup_shown(plan, taken + len(ready))
    return told


def _named(rows: Iterable[Recipient]) -> list[dict[str, str]]:
    return [{"email": row["email"], "reason": row["reason"]} for row in rows]


def _is_due(row: Recipient, at: str) -> bool:
    if row["state"] == "sending":
        # A run that was cancelled in the middle; the outbox sends nothing twice.
        return times.later(row["due_at"], hours=_STUCK_HOURS) < at
    return row["state"] in ("due", "waiting") and row["due_at"] <= at


def _cleared(
    ctx: Context, settings: Settings, stored: Mapping[str, Any], people: People, rows: list[Recipient], at: str
) -> tuple[list[tuple[Recipient, Customer]], list[Recipient]]:
    """Once more right before sending: who unsubscribed or got another mail meanwhile is held back now."""
    rules = clearance_of(ctx, settings, (), {})
    rules.now = at
    if settings.require_consent is None:
        rules.needs_consent = bool(stored["needs_consent"])
    ready: list[tuple[Recipient, Customer]] = []
    changed: list[Recipient] = []
    for row in rows:
        person = people.get(row["email"])
        why = ("unknown", "No customer of that address is kept.") if person is None else rules.holds(
            person, restored=row["restored"]
        )  # fmt: skip
        if why is None and person is not None:
            ready.append((row, person))
        elif why is not None and why[0] == "frequency_cap":
            hours = settings["frequency_cap_hours"]
            until = times.later(person["mailed"], hours=hours) if person and person["mailed"] else at
            changed.append(waits(row, why[1], until))
        elif why is not None:
            changed.append(held({**row, "state": "due"}, why[1]))
    return ready, changed


def _fitting(
    ctx: Context, settings: Settings, stored: Mapping[str, Any], ready: list[tuple[Recipient, Customer]],
    room: int | None, at: str,
) -> tuple[list[tuple[Recipient, Customer]], list[Recipient]]:  # fmt: skip
    """The first that fit into pause, cap and run; the rest waits, each with its reason."""
    late: list[Recipient] = []
    pause = pause_of(ctx, str(stored["segment"]))
    if pause["until"] and pause["until"] > at:
        reason = f"The segment is paused until {pause['until']}: more than 5 % of its mails came back."
        return [], [waits(row, reason, pause["until"]) for row, _ in ready]
    limits: list[tuple[int, str, str]] = [(settings.count("max_per_run"), "More than one run sends.", at)]
    if room is not None:
        tomorrow = times.next_day(times.parsed(at), settings.zone)
        limits.append((max(0, room), "Today's cap of the warm-up plan is reached.", tomorrow))
    if pause["careful"]:
        quarter = max(1, len(ready) // 4)
        later = times.later(at, hours=24)
        limits.append((quarter, "After its pause the segment is tried with a quarter of its people first.", later))
    most, reason, until = min(limits)
    late += [waits(row, reason, until) for row, _ in ready[most:]]
    return ready[:most], late


def _choose_offers(
    ctx: Context, stored: Mapping[str, Any], ready: Sequence[tuple[Recipient, Customer]]
) -> dict[str, Any] | None:
    """Draw an offer for each recipient, and keep what it was drawn from so that it can be drawn again."""
    arms = [offer["name"] for offer in stored["offers"]]
    if not arms or not ready:
        return None
    known = tests.posteriors(ctx, stored["test"], arms, ctx.seed)
    known["batch"] += 1
    counts: Counter[str] = Counter()
    for row, _ in ready:
        row["arm"] = row["arm"] or tests.choose(known, arms, row["email"])
        counts[row["arm"]] += 1
    tests.keep(ctx, stored["test"], known)
    return {**tests.shown(known), "shown_to": dict(sorted(counts.items()))}


def keep(ctx: Context, settings: Settings, chosen: Mapping[str, Any], answers: Sequence[Sent]) -> dict[str, Any]:
    """Write down what became of each mail: who goes on, who is done, what has to stop."""
    now = times.wall_clock()
    at, stored = times.iso(now), chosen["campaign"]
    people = People(ctx, everybody=len(answers) > _ONE_BY_ONE)
    stop = stops(answers)
    counts: Counter[str] = Counter()
    results: list[dict[str, Any]] = []
    rows: list[Recipient] = []
    bounced: list[dict[str, str]] = []
    for row, answer in zip(chosen["mails"], answers, strict=True):
        state, reason, stands = _became(ctx, stored, row, answer, at, stopped=stop is not None)
        counts[state] += 1
        rows += [stands] if stands else []
        if state in ("sent", "uncertain", "bounced"):
            _keep_send(ctx, people, stored, row, answer, state, now)
        if state == "bounced":
            suppress(ctx, row["email"], "bounced", at)
            bounced.append({"email": row["email"], "at": at, "reason": reason})
        if len(results) < _LISTED:
            results.append({"recipient": row["email"], "state": state, "reason": reason, "variant": row["arm"] or None,
                            "mail": row["step"] + 1, "effect_id": answer.effect_id})  # fmt: skip
    people.save(now)
    keep_recipients(ctx, rows, now)
    left = counts["sent"] + counts["uncertain"] + counts["bounced"]
    reserve(ctx, chosen["day"], chosen["holder"], 0)
    count_day(ctx, times.local_day(now, settings.zone), sent=left, bounced=counts["bounced"])
    paused = count_segment(ctx, str(stored["segment"]), left, counts["bounced"], at)
    if stop:
        trip(ctx, stop, at)
    _keep_status(ctx, stored, counts)
    _tell(ctx, stored, chosen, counts, results, bounced)
    return {
        "results": results,
        "counts": dict(counts),
        "stopped": stop,
        "paused": [stored["segment"]] if paused else [],
    }


def stops(answers: Sequence[Sent]) -> str | None:
    """Why sending has to stop: the channel is down, or three refusals of the server (5xx) in a row; else None."""
    in_a_row = 0
    for answer in answers:
        error = answer.error or {}
        code, message = str(error.get("code", "")), str(error.get("message", ""))
        if answer.status == "failed" and code == "channel_down":
            return message[:300] or "The mail server is down."
        no = answer.status == "failed" and code not in _OF_ONE
        no = no and (code != "refused" or _SERVER_NO.search(message) is not None)
        in_a_row = in_a_row + 1 if no else 0
        if in_a_row >= _IN_A_ROW:
            return f"The mail server refused {_IN_A_ROW} times in a row: {message[:250]}"
    return None


def _became(
    ctx: Context, stored: Mapping[str, Any], row: Mapping[str, Any], answer: Sent, at: str, *, stopped: bool
) -> tuple[str, str, Recipient | None]:
    """The state a mail is reported with, the reason, and where its recipient stands now."""
    stands = recipient(ctx, str(stored["id"]), row["email"])
    error = answer.error or {}
    code, message = str(error.get("code", "")), str(error.get("message", ""))[:300]
    if stands is None:
        return answer.status, message, None
    due = cast(Recipient, {**stands, "state": "due", "due_at": at})
    if answer.status in ("sent", "uncertain"):
        # Nobody knows of an uncertain one, so it counts as sent: a second copy is worse than none.
        sent = mailed(stands, at)
        return answer.status, message, sent if stands["state"] != "ended" else stands
    if answer.status == "would_send":
        why = f"Only shown: {only_shown(ctx) or 'no account is connected'}."
        return "would_send", why, {**due, "reason": why}
    if answer.status == "denied":
        why = answer.comment or message or "A person or a policy said no."
        return "denied", why, ended(stands, "refused")
    if code == "bounced":
        return "bounced", message, ended(stands, "bounced")
    if code == "deferred" and stands["attempts"] + 1 < _DEFERRED_TRIES:
        again = waits(stands, message, times.later(at, hours=_DEFERRED_HOURS))
        return "deferred", message, {**again, "attempts": stands["attempts"] + 1}
    if code == "suppressed":
        suppress(ctx, row["email"], "opted_out", at)
        return "suppressed", message, ended(stands, "unsubscribed")
    of_server = code not in _OF_ONE and not message.startswith("The address")
    if (stopped and code not in _OF_ONE) or (of_server and stands["attempts"] + 1 < _DEFERRED_TRIES):
        return "not_sent", message, {**due, "reason": message, "attempts": stands["attempts"] + (not stopped)}
    return "failed", message, {**ended(stands, "failed"), "reason": f"failed: {message}"[:300]}


def _keep_send(
    ctx: Context, people: People, stored: Mapping[str, Any], row: Mapping[str, Any], answer: Sent, state: str, now: Any
) -> None:
    at = times.iso(now)
    add_send(people.open(row["email"]), str(stored["id"]), row["step"], answer.effect_id, now)
    heard = {"bounced": at} if state == "bounced" else {}
    keep_send(ctx, send_key(str(stored["id"]), row["step"], row["email"]), {
        "campaign": stored["id"], "step": row["step"], "email": row["email"], "state": state, "at": at,
        "segment": row["segment"], "arm": row["arm"], "test": stored["test"], "features": row["features"],
        "effect_id": answer.effect_id, "heard": heard, "orders": {}, "rewarded": "",
    })  # fmt: skip


def _keep_status(ctx: Context, stored: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    """A campaign nobody let out is over; one that was only shown begins with the first mail that leaves."""
    left = counts.get("sent", 0) + counts.get("uncertain", 0) + counts.get("bounced", 0)
    batches = stored.get("batches", 0) + bool(left)
    status = "denied" if set(counts) == {"denied"} and not batches else "running" if left else stored["status"]
    keep_campaign(ctx, {**stored, "status": status, "batches": batches})


def _tell(
    ctx: Context, stored: Mapping[str, Any], chosen: Mapping[str, Any], counts: Mapping[str, int],
    results: Sequence[Mapping[str, Any]], bounced: list[dict[str, str]],
) -> None:  # fmt: skip
    """Publish what left: each mail while there are few, else one event for all; and the campaign's own event."""
    sent = [row for row in results if row["state"] == "sent"]
    about = {"campaign_id": stored["id"], "goal": stored["goal"], "segment": stored["segment"]}
    if 0 < counts.get("sent", 0) <= _SINGLE_EVENTS:
        for row in sent:
            key = f"sent:{send_key(str(stored['id']), row['mail'], row['recipient'])}"
            ctx.emit(EMAIL_SENT, {**about, "recipient": row["recipient"], "mail": row["mail"], "count": 1}, key=key)
    elif counts.get("sent"):
        ctx.emit(EMAIL_SENT, {**about, "count": counts["sent"], "aggregated": True})
    if counts.get("sent"):
        ctx.emit(CAMPAIGN_SENT, {**about, "counts": dict(counts), "mails": len(chosen["mails"])})
    tell_bounces(ctx, bounced)
