"""Words of the agents page: statuses of instances, values on one line, where a value comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ionflux_core.domain.agents import InstanceStatus
from ionflux_core.domain.health import Health, HealthState
from ionflux_ui.badges import Badge

BY: Final = "local owner"
SHOWN_CHARS: Final = 120

_STATUSES: Final[dict[InstanceStatus, Badge]] = {
    "active": Badge("green", "check_circle", "Active"),
    "inactive": Badge("gray", "pause_circle", "Inactive"),
    "paused": Badge("gray", "pause_circle", "Paused"),
    "archived": Badge("gray", "inventory_2", "Archived"),
    "error_requires_review": Badge("red", "error", "Needs review"),
}
_HEALTH: Final[Mapping[HealthState, Badge]] = {
    "working": Badge("green", "check_circle", "Working"),
    "late": Badge("orange", "alarm", "Late"),
    "failing": Badge("red", "error", "Failing"),
    "silent": Badge("red", "volume_off", "Silent"),
}
ORIGINS: Final = {
    "definition": "Definition",
    "workspace": "Workspace",
    "brand": "Brand",
    "instance": "This agent",
    "trigger": "Trigger",
    "run": "This run",
}


def instance_look(status: InstanceStatus) -> Badge:
    """An instance's status: colour, icon and word."""
    return _STATUSES[status]


def health_look(status: InstanceStatus, health: Health | None) -> list[Badge]:
    """How an instance stands: its health while it is active and something is known of it, else its status."""
    if status != "active" or health is None or health.state == "unknown":
        return [instance_look(status)]
    return [_HEALTH[health.state]]


def human(key: str) -> str:
    """A key as words: `num_top_products` becomes "Num top products"."""
    return key.replace("_", " ").strip().capitalize()


def shown(value: Any, limit: int = SHOWN_CHARS) -> str:
    """A value on one line, cut to `limit` characters."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
