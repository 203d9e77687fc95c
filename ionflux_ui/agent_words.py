"""Words of the agents page: statuses of instances, values on one line, where a value comes from."""

from __future__ import annotations

import json
from typing import Any, Final

from ionflux_core.domain.agents import InstanceStatus

BY: Final = "local owner"
SHOWN_CHARS: Final = 120

_STATUSES: Final[dict[InstanceStatus, str]] = {
    "active": ":green-badge[:material/check_circle: Active]",
    "inactive": ":gray-badge[:material/pause_circle: Inactive]",
    "paused": ":gray-badge[:material/pause_circle: Paused]",
    "archived": ":gray-badge[:material/inventory_2: Archived]",
    "error_requires_review": ":red-badge[:material/error: Needs review]",
}
ORIGINS: Final = {
    "definition": "Definition",
    "workspace": "Workspace",
    "brand": "Brand",
    "instance": "This agent",
    "trigger": "Trigger",
    "run": "This run",
}


def instance_badge(status: InstanceStatus) -> str:
    """An instance's status as a Markdown badge: colour, icon and word."""
    return _STATUSES[status]


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
