"""Email Wizard: groups customers, writes each group a short sequence, and sends only what is due and welcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ionflux_core.sdk import Context, Decision, Invalid, not_computed

from .addresses import one_line
from .dispatch import send_due
from .gate import ask_guardian
from .gate import shown as voice_shown
from .intake import read_wish, take_in
from .ledger import breaker
from .lint import lint
from .offers import read_offers
from .pending import pending_campaigns, recall, sweep
from .plans import enroll, make_plan, names_of, new_campaign
from .render import fill, fill_subject, frame_of, living_lines, mails_in_words, open_values
from .report import closing, draft_text, send_report
from .review import ask, goes_out
from .settings import Settings, read_settings
from .sources import as_json
from .wording import campaign_values, keep_template, local_engine, write_draft

NO_DRAFT = "No mail was written in this run.\n"


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """Take in what came, then do the task: start a sequence, draft one, send what is due, or only group customers."""
    settings = read_settings(ctx, inputs)
    payload = _payload(inputs)
    taken: dict[str, Any] = ctx.step("take in", lambda: take_in(ctx, settings, inputs))
    if settings.task == "send_pending":
        return _send_pending(ctx, settings, taken)
    if settings.task == "segment":
        return _segment(ctx, settings, payload, taken)
    if settings.task == "take_in":
        if settings.after_purchase_goal and taken["buyers"]:
            thanks = {"email_goal": settings.after_purchase_goal}
            return _start(ctx, settings, inputs, thanks, taken, audience=taken["buyers"])
        return _only_taken_in(ctx, taken)
    return _start(ctx, settings, inputs, payload, taken)


def _payload(inputs: Mapping[str, Any]) -> dict[str, Any]:
    value = as_json(inputs.get("manual_payload"), "manual_payload") or {}
    if not isinstance(value, Mapping):
        raise Invalid(
            "manual_payload must be an object.", hint="Give customer_segment, email_goal and what else is known."
        )
    inner = value.get("manual_payload")
    return dict(inner) if isinstance(inner, Mapping) else dict(value)


def _outputs(ctx: Context, report: dict[str, Any], draft: str = NO_DRAFT) -> dict[str, Any]:
    return {"send_report": report, "generated_email_draft": draft, "engine": report["engine"]}


def _only_taken_in(ctx: Context, taken: Mapping[str, Any]) -> dict[str, Any]:
    # Worked out with every mailing and every two hours: a fact about one mail must not cost a look at all of them.
    closed = {"kpis": not_computed("the figures are worked out when mails are sent or the queue is worked off")}
    facts = sum(taken["mail_events"].values())
    summary = (
        f"{taken['customers']['received']} customers and {taken['orders']['received']} orders came in, {facts} facts "
        f"about mails; {taken['sequences_ended']} sequences ended by a purchase."
    )
    return _outputs(ctx, send_report(taken, closed, local_engine(ctx), status="taken_in", summary=summary))


def _segment(ctx: Context, settings: Settings, payload: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, Any]:
    plan = ctx.step("segment", lambda: make_plan(ctx, settings, payload, read_wish(None), None))
    closed = ctx.step("report", lambda: closing(ctx, []))
    table = plan["segmentation"]
    named = ", ".join(f"{row['main']} {row['segment']}" for row in table["segments"] if row["main"])
    summary = f"{table['customers']} customers: {named}." if named else "There are no customers yet."
    report = send_report(taken, closed, local_engine(ctx), status="segmented", summary=summary, plan=plan)
    return _outputs(ctx, report)


def _send_pending(ctx: Context, settings: Settings, taken: Mapping[str, Any]) -> dict[str, Any]:
    swept = ctx.step("see what is due", lambda: sweep(ctx))
    campaigns: list[str] = ctx.step("list sequences", lambda: pending_campaigns(ctx))
    batches: list[dict[str, Any]] = []
    for campaign_id in campaigns:
        batches.append(send_due(ctx, settings, campaign_id))
        if batches[-1]["stopped"]:
            break
    closed = ctx.step("report", lambda: closing(ctx, campaigns))
    sent = sum(batch["counts"].get("sent", 0) for batch in batches)
    summary = f"{len(campaigns)} sequences are running; {sent} mails were sent, {swept['advanced']} people went on."
    if closed["stopped"]:
        summary = f"Nothing is sent: {closed['stopped']}"
    status = "stopped" if closed["stopped"] else "sent" if sent else "nothing_due"
    report = send_report(taken, closed, local_engine(ctx), status=status, summary=summary, batches=batches, swept=swept)
    return _outputs(ctx, report)


def _start(
    ctx: Context, settings: Settings, inputs: Mapping[str, Any], payload: dict[str, Any], taken: Mapping[str, Any],
    audience: list[str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write a sequence for a segment, have it looked at, and send what is due of it."""
    offers = read_offers(as_json(payload.get("offers"), "offers"))
    values = campaign_values(ctx, settings, payload)
    wish = read_wish(inputs.get("restore"))
    plan = ctx.step("plan", lambda: make_plan(ctx, settings, payload, wish, audience))
    draft = write_draft(ctx, settings, payload, values)
    names = ctx.step("name the sequence", lambda: names_of(ctx))
    campaign = new_campaign(ctx, names, plan, draft, values, offers)
    voice, used = _voice(ctx, settings, campaign)
    frame = frame_of(settings, campaign)
    found = lint(frame, campaign["steps"], offers, ctx.brand, plan["without_order"])
    notes = [*draft["notes"], *_fitting(campaign)]
    before = ctx.step("remember", lambda: recall(ctx, campaign["segment"], draft["goal"]))
    more: dict[str, Any] = {"voice": voice_shown(voice, used=used), "notes": notes, "remembered": before}
    ending = _kept_back(ctx, settings, plan, voice, found)
    leaves = ending is None and ctx.step("look for a way out", lambda: goes_out(ctx))
    if leaves:
        campaign["status"] = "running"
    under: Decision | None = None
    if leaves and inputs.get("review") != "never":
        decided = ask(ctx, settings, campaign, plan, voice, found)
        under = decided["decision"]
        more["approval"] = {
            "approved": under.approved, "by": under.by, "comment": under.comment, "edited": decided["edited"],
        }  # fmt: skip
        campaign = {**campaign, "steps": decided["steps"], "approved": more["approval"]}
        found = lint(frame_of(settings, campaign), campaign["steps"], offers, ctx.brand, plan["without_order"])
        ending = None if under.approved else ("denied", f"Not sent: {under.comment or 'a person said no'}.")
    ending = ending or _still_wrong(found)
    more |= {"lint": found, "campaign": _campaign_shown(campaign)}
    text = draft_text(campaign, found, draft["engine"])
    if ending is not None:
        closed = ctx.step("report", lambda: closing(ctx, []))
        report = send_report(taken, closed, draft["engine"], status=ending[0], summary=ending[1], plan=plan, **more)
        return _outputs(ctx, report, text)
    ctx.step("enroll", lambda: enroll(ctx, campaign, plan))
    if name := one_line(payload.get("save_as"), 120):
        ctx.step("keep template", lambda: keep_template(ctx, name, campaign))
    batch = send_due(ctx, settings, campaign["id"], under)
    closed = ctx.step("report", lambda: closing(ctx, [campaign["id"]]))
    status, summary = _ended_as(batch, plan)
    report = send_report(
        taken, closed, draft["engine"], status=status, summary=summary, plan=plan, batches=[batch], **more
    )
    return _outputs(ctx, report, text)


def _voice(ctx: Context, settings: Settings, campaign: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """What 008 says of the first mail; where it is required, its best repair becomes the mail."""
    step = campaign["steps"][0]
    known = open_values(campaign["values"], offered=bool(campaign["offers"]))
    voice = ask_guardian(ctx, settings, living_lines(str(step["text"]), known))
    repair, threshold = voice["repair"], voice.get("threshold")
    if settings.voice_gate != "require" or not repair:
        return voice, False
    if isinstance(threshold, (int, float)) and repair["score_after"] < threshold:
        return voice, False
    campaign["steps"] = [{**step, "text": repair["text"]}, *campaign["steps"][1:]]
    return {**voice, "blocks": False, "repair_used": True}, True


def _fitting(campaign: Mapping[str, Any]) -> list[str]:
    """What stands out when the first mail is filled for somebody: a subject that had to give way."""
    values = {
        **dict.fromkeys(("offer", "code"), ""),
        **campaign["values"],
        "first_name": "Ana",
        "last_name": "",
        "action": "x",
    }
    step = campaign["steps"][0]
    whole = fill_subject(str(step["subject"]), values)
    lines = len(str(step["text"]).split("\n")) - len(fill(str(step["text"]), values).split("\n"))
    notes = [f"A reader called Ana gets the subject {whole!r}."] if "{{" in str(step["subject"]) else []
    return [*notes, "Lines whose variable is empty are left out."] if lines > 0 else notes


def _kept_back(
    ctx: Context, settings: Settings, plan: Mapping[str, Any], voice: Mapping[str, Any], found: Mapping[str, list[str]]
) -> tuple[str, str] | None:
    """Why nothing leaves, before anybody is asked: (status, sentence), or None."""
    if settings.task == "draft":
        return "draft", "A draft, as asked for; nothing was sent."
    if not plan["cleared"]:
        if plan["held"]:
            return "nobody_to_write_to", f"The draft is kept, but everybody is held back ({len(plan['held'])})."
        why = f"The draft is kept, but nobody is in the segment {plan['segment']}. {plan['reason']}"
        return "nobody_to_write_to", why
    if settings.unsubscribe is None:
        return "refused", f"The draft is kept and not sent: {found['problems'][0]}"
    if voice["blocks"]:
        return "refused", f"The draft is kept and not sent: {voice['why']}"
    stop = ctx.step("look for a stop", lambda: breaker(ctx))
    return ("stopped", f"Nothing is sent: {stop['why']} (since {stop['at']})") if stop else None


def _still_wrong(found: Mapping[str, list[str]]) -> tuple[str, str] | None:
    problems = found["problems"]
    return ("refused", f"The draft is kept and not sent: {problems[0]}") if problems else None


def _campaign_shown(campaign: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("id", "goal", "wish", "segment", "source", "created", "steps", "offers", "approved")
    return {key: campaign[key] for key in keys}


def _ended_as(batch: Mapping[str, Any], plan: Mapping[str, Any]) -> tuple[str, str]:
    """The status and the sentence of a run that came as far as sending."""
    counts = batch["counts"]
    held = f"{len(plan['held'])} held back" if plan["held"] else "nobody held back"
    if batch["stopped"]:
        return "stopped", f"Sending has stopped: {batch['stopped']}"
    if counts.get("sent"):
        sent = counts["sent"]
        were = "was" if sent == 1 else "were"
        return "sent", f"{mails_in_words(sent)} to {plan['segment']} {were} sent, {held}."
    if counts.get("would_send"):
        shown = mails_in_words(counts["would_send"])
        why = next((row["reason"] for row in batch["results"] if row["state"] == "would_send"), "")
        return "would_send", f"{shown} to {plan['segment']}, {held}. {why}".rstrip()
    if counts.get("denied"):
        return "denied", f"None of {counts['denied']} mails was sent: a person or a policy said no."
    if not counts:
        waiting = one_line(batch["waiting"][0]["reason"]) if batch["waiting"] else "nobody is due"
        return "waiting", f"Nothing left now: {waiting}"
    return "failed", "No mail could be sent; the reasons stand with the recipients."
