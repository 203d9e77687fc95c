"""The question before a campaign leaves: the draft, its segment, counts and reasons. A person may edit the words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ionflux_core.sdk import Context

from .addresses import one_line
from .render import mails_in_words, shown_steps
from .settings import Settings

_MARKS = re.compile(r"([\\`*\[\]|<>~#])")


def goes_out(ctx: Context) -> bool:
    """Whether mails would really leave: the channel is on and there is an account, or the outbox writes files."""
    return not only_shown(ctx)


def only_shown(ctx: Context) -> str:
    """Why mails would only be shown; empty when they would really leave."""
    chosen = ctx.workspace.settings.channels.get("email")
    if ctx.dry_run:
        return "this is a dry run"
    folder = chosen is not None and chosen.options.get("transport") == "folder"
    if not folder and not any(ctx.accounts.connected(kind) for kind in ("smtp", "sendgrid")):
        return "no account is connected"
    return "the channel is in dry run" if chosen is None or chosen.dry_run else ""


def escape(text: Any, most: int = 300) -> str:
    """Text from outside as Markdown that shows exactly that text on one line."""
    return _MARKS.sub(r"\\\1", one_line(text, most))


def fields(steps: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The words of a sequence as the fields of a form: subject, text, subject_2, text_2 ..."""
    named: dict[str, str] = {}
    for number, step in enumerate(steps, 1):
        tail = "" if number == 1 else f"_{number}"
        named |= {f"subject{tail}": str(step["subject"]), f"text{tail}": str(step["text"])}
    return named


def edited(steps: list[dict[str, Any]], edits: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The sequence with a person's words in it, and the fields that were changed."""
    changed: list[str] = []
    result = []
    for number, step in enumerate(steps, 1):
        tail = "" if number == 1 else f"_{number}"
        subject = one_line(edits[f"subject{tail}"]) if f"subject{tail}" in edits else step["subject"]
        text = str(edits[f"text{tail}"]) if f"text{tail}" in edits else step["text"]
        changed += [f"subject{tail}"] if subject != step["subject"] else []
        changed += [f"text{tail}"] if text != step["text"] else []
        result.append({**step, "subject": subject, "text": text})
    return result, changed


def ask(
    ctx: Context, settings: Settings, campaign: Mapping[str, Any], plan: Mapping[str, Any],
    voice: Mapping[str, Any], found: Mapping[str, list[str]],
) -> dict[str, Any]:  # fmt: skip
    """{decision, steps, edited}: what a person decided over the whole sequence, once."""
    steps = list(campaign["steps"])
    named = fields(steps)
    decision = ctx.approve(
        f"Send {mails_in_words(len(plan['cleared']))} to {campaign['segment']}: "
        f"{one_line(shown_steps(campaign)[0]['subject'], 120)}",
        body=body(campaign, plan, voice, found),
        data=named,
        editable=list(named),
        urgency="medium",
    )
    changed: list[str] = []
    if decision.approved and decision.edits:
        steps, changed = edited(steps, decision.edits)
    return {"decision": decision, "steps": steps, "edited": changed}


def body(
    campaign: Mapping[str, Any], plan: Mapping[str, Any], voice: Mapping[str, Any], found: Mapping[str, list[str]]
) -> str:
    """The question in Markdown."""
    held = ", ".join(f"{count} {code.replace('_', ' ')}" for code, count in plan["held_by_reason"].items()) or "nobody"
    parts = [
        f"**To:** {escape(campaign['segment'])} ({escape(plan['reason'])})",
        f"**Recipients:** {len(plan['cleared'])}. **Held back:** {held}.",
        escape(plan["consent"], 400),
        f"**Voice:** {escape(voice['why'], 400)}" + _score(voice),
    ]
    repair = voice.get("repair")
    if repair and not voice.get("repair_used"):
        parts.append(f"A wording closer to the voice (score {repair['score_after']}):\n\n{_quoted(repair['text'])}")
    if campaign["offers"]:
        names = "; ".join(f"{escape(offer['name'])}: {escape(offer['text'])}" for offer in campaign["offers"])
        parts.append(f"**Offers, tried against each other:** {names}")
    if found["problems"]:
        parts.append("**Must be changed before it can leave:**\n" + _list(found["problems"]))
    if found["warnings"]:
        parts.append("**Look at:**\n" + _list(found["warnings"]))
    return "\n\n".join([*parts, sequence_text(shown_steps(campaign))])[:18_000]


def sequence_text(steps: Sequence[Mapping[str, Any]]) -> str:
    """All mails of a sequence, with when each is due."""
    shown = []
    for number, step in enumerate(steps, 1):
        when = (
            "" if number == 1 else f", {step['delay_hours']:g} hours later, {str(step['condition']).replace('_', ' ')}"
        )
        shown.append(
            f"**Mail {number}{when}**\n\n**Subject:** {escape(step['subject'])}\n\n{_quoted(str(step['text']))}"
        )
    return "\n\n".join(shown)


def _score(voice: Mapping[str, Any]) -> str:
    return "" if voice.get("score") is None else f" Score {voice['score']}, needed {voice.get('threshold')}."


def _quoted(text: str) -> str:
    return "\n".join(f"> {escape(line, 2000)}" if line.strip() else ">" for line in text[:6000].split("\n"))


def _list(rows: list[str]) -> str:
    return "\n".join(f"- {escape(row, 400)}" for row in rows[:20])
