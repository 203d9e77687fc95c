"""How events and deliveries look and what their sources are called, in one place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ionflux_core.application import Application
from ionflux_core.domain.events import EVENT_STATUSES, EventDelivery, PlatformEvent
from ionflux_core.domain.runs import RUN_STATUSES
from ionflux_ui.badges import Badge, badge_of_status
from ionflux_ui.plain import counted
from ionflux_ui.run_text import plain

EVENT_LOOKS: Final = {
    "pending_processing": Badge("orange", "schedule", "On its way"),
    "processed": Badge("green", "hearing", "Heard"),
    "archived_no_trigger": Badge("gray", "hearing_disabled", "No trigger"),
}
assert set(EVENT_LOOKS) == set(EVENT_STATUSES)
DELIVERY_LOOKS: Final = {
    "started": Badge("green", "play_circle", "Started a run"),
    "failed": Badge("orange", "autorenew", "Trying again"),
    "dead": Badge("red", "report", "Dead letter"),
    "discarded": Badge("gray", "inventory_2", "Set aside"),
}
_APPROVALS: Final = {
    "pending": Badge("orange", "front_hand", "Open"),
    "approved": Badge("green", "check_circle", "Approved"),
    "denied": Badge("red", "block", "Denied"),
    "timed_out": Badge("gray", "timer_off", "Timed out"),
    "withdrawn": Badge("gray", "undo", "Withdrawn"),
}
_EFFECTS: Final = {
    "draft": Badge("gray", "edit_note", "Draft"),
    "awaiting_approval": Badge("orange", "front_hand", "Awaiting approval"),
    "sending": Badge("orange", "progress_activity", "Sending"),
    "sent": Badge("green", "check_circle", "Sent"),
    "failed": Badge("red", "error", "Failed"),
    "uncertain": Badge("orange", "help", "Perhaps sent"),
    "denied": Badge("gray", "block", "Denied"),
    "would_send": Badge("blue", "science", "Would be sent"),
}
PARTS: Final = {
    "children": "Child runs",
    "chat": "Chat",
    "canvas": "Pages",
    "notifications": "Notifications",
    "suppressions": "Mail list",
}
# Ids, times and marks of contents: the row has its own, and nobody reads them.
_NO_WORDS: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|[0-9]{4}-[0-9]{2}-[0-9]{2}T|[0-9a-f]{32}")
_GLIMPSE: Final = 4
_GLIMPSE_CHARS: Final = 140


def node_badge(kind: str, status: str) -> Badge | None:
    """How a node of a chain stands; None for what has no state."""
    looks = {"event": EVENT_LOOKS, "approval": _APPROVALS, "effect": _EFFECTS}.get(kind)
    if looks is not None:
        return looks.get(status)
    if not status:
        return None
    return badge_of_status(status) if kind == "step" or status in RUN_STATUSES else None


def badges_of(event: PlatformEvent, deliveries: Sequence[EventDelivery]) -> list[Badge]:
    """What became of an event, in at most two badges: the worst first."""
    by_status: dict[str, int] = {}
    for each in deliveries:
        by_status[each.status] = by_status.get(each.status, 0) + 1
    found = []
    if by_status.get("dead"):
        found.append(Badge("red", "report", f"{by_status['dead']} dead"))
    if by_status.get("failed"):
        found.append(Badge("orange", "autorenew", "trying again"))
    if by_status.get("started"):
        found.append(Badge("green", "play_circle", counted(by_status["started"], "run")))
    if by_status.get("discarded") and not found:
        found.append(DELIVERY_LOOKS["discarded"])
    return found[:2] or [EVENT_LOOKS[event.status]]


def source_names(application: Application, workspace_id: str) -> dict[str, str]:
    """What sources that are only ids are called: webhooks of agents and connected accounts."""
    agents = application.agents.find(workspace_id, archived=True)
    accounts = application.accounts.find(workspace_id)
    return {f"hook:{each.id}": f"Webhook of {each.name}" for each in agents} | {
        f"account:{each.id}": f"Account {each.name}" for each in accounts
    }


def source_name(source: str, names: Mapping[str, str]) -> str:
    """What a source is called on the screen."""
    if source in names:
        return names[source]
    kind, _, place = source.partition(":")
    if place and kind in ("hook", "account"):
        return {"hook": "A webhook that is gone", "account": "An account that is gone"}[kind]
    return {"ionflux": "IONFLUX", "api": "API", "chat": "Chat", "test": "Test", "alerts": "Alerts"}.get(source, source)


def glimpse(payload: Mapping[str, Any]) -> str:
    """The first plain values of a payload on one line."""
    said = []
    for name, value in payload.items():
        # Ids say nothing to who reads; what they stand for is shown with the opened event.
        if isinstance(value, (dict, list)) or value in (None, "") or name == "id" or name.endswith("_id"):
            continue
        if isinstance(value, str) and _NO_WORDS.match(value):
            continue
        said.append(f"{name}: {plain(value)[:60]}")
        if len(said) == _GLIMPSE:
            break
    line = " ".join(" · ".join(said).split())
    return line if len(line) <= _GLIMPSE_CHARS else line[: _GLIMPSE_CHARS - 1] + "…"
