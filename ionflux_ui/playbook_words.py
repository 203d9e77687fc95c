"""Words of the playbooks page: statuses, actions, comparisons and time spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ionflux_core.domain.playbook_actions import ActionType
from ionflux_core.domain.playbook_runs import Performance
from ionflux_core.domain.playbooks import END, Operator, PlaybookDraft, PlaybookStatus
from ionflux_ui.badges import Badge
from ionflux_ui.plain import counted, shortened

STATUSES: Final[Mapping[PlaybookStatus, Badge]] = {
    "draft": Badge("gray", "edit_note", "Draft"),
    "active": Badge("green", "check_circle", "Active"),
    "paused": Badge("orange", "pause_circle", "Paused"),
    "archived": Badge("gray", "inventory_2", "Archived"),
}
ACTIONS: Final[Mapping[ActionType, str]] = {
    "send_email": "Send a mail",
    "send_whatsapp_message": "Send a WhatsApp message",
    "update_crm_tag": "Tag the customer",
    "trigger_agent": "Run an agent",
    "nothing": "Only wait or choose a way",
}
ICONS: Final[Mapping[str, str]] = {
    "send_email": ":material/mail:",
    "send_whatsapp_message": ":material/chat:",
    "update_crm_tag": ":material/sell:",
    "trigger_agent": ":material/smart_toy:",
    "nothing": ":material/more_horiz:",
}
OPERATORS: Final[Mapping[Operator, str]] = {
    "==": "is", "!=": "is not", ">": "is more than", ">=": "is at least", "<": "is less than", "<=": "is at most",
    "contains": "contains", "in": "is one of", "is_set": "is there", "is_not_set": "is not there",
}  # fmt: skip
WITHOUT_VALUE: Final = frozenset({"is_set", "is_not_set"})
UNITS: Final[Mapping[str, int]] = {"minutes": 60, "hours": 3_600, "days": 86_400, "seconds": 1}


def unit_of(seconds: int) -> str:
    """The largest unit that a time span is a whole number of."""
    return next(unit for unit in ("days", "hours", "minutes", "seconds") if seconds % UNITS[unit] == 0)


def span_words(seconds: int) -> str:
    """A time span in words, such as "2 days"."""
    unit = unit_of(seconds)
    return counted(seconds // UNITS[unit], unit[:-1])


def check_words(check: Mapping[str, Any]) -> str:
    """A check as a person says it, such as "event.total_price is at least 150"."""
    operator = str(check.get("operator", "=="))
    words = OPERATORS.get(operator, operator)  # type: ignore[call-overload]
    value = "" if operator in WITHOUT_VALUE else f" {value_text(check.get('value'))}"
    return shortened(f"{check.get('key') or '…'} {words}{value}", 120)


def value_text(value: Any) -> str:
    """A value as it is typed: true and false in small letters, lists with commas."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(value_text(each) for each in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def value_of(text: str, operator: str) -> Any:
    """What a typed value means: a number, true or false, a list for "is one of", else the text."""
    if operator == "in":
        return [value_of(part, "==") for part in text.split(",") if part.strip()]
    word = text.strip()
    if word in ("true", "false"):
        return word == "true"
    try:
        number = float(word)
    except ValueError:
        return word
    if number - number != 0:
        return word
    return int(word) if word.lstrip("-").isdigit() else number


def way_words(steps: Sequence[Mapping[str, Any]], target: str | None, place: int) -> str:
    """Where a step leads, in words; None is the step below it."""
    if target is None:
        return f"then: {steps[place + 1].get('name')}" if place + 1 < len(steps) else "then: the end"
    if target == END:
        return "the end"
    return next((str(step.get("name")) for step in steps if step.get("id") == target), target)


def trigger_words(draft: PlaybookDraft) -> str:
    """What starts a playbook and for whom, on one line."""
    whom = f" for {draft.audience.name}" if draft.audience.name else ""
    return shortened(f"On {draft.trigger.event}{whom}, {counted(len(draft.steps), 'step')}", 160)


def counts_words(figures: Performance) -> str:
    """How often it ran, on one line."""
    if not figures.total_triggered:
        return "Nobody has been through it yet."
    parts = [f"{figures.total_triggered:,} triggered", f"{figures.total_completed:,} completed"]
    parts += [f"{figures.running:,} under way"] if figures.running else []
    parts += [f"{figures.failed:,} failed or cancelled"] if figures.failed else []
    return " · ".join(parts)
