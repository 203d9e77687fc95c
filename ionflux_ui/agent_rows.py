"""The rows of the agents page as one light element; a click opens an agent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.health import Health
from ionflux_ui.agent_words import health_look
from ionflux_ui.badges import Badge, badge_of_status
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import shortened

_FOLDER: Final = Path(__file__).parent / "components"
_SAID_CHARS: Final = 300

# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component(
    "ionflux_agent_rows",
    js=(_FOLDER / "agent_rows.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "agent_rows.css").read_text(encoding="utf-8"),
)


def agent_rows(rows: Sequence[dict[str, Any]]) -> str | None:
    """Draw these rows, each made by `row_of`; the id of the agent just clicked."""
    # A tuple, because Streamlit asks pandas whether a list is a table, and loading pandas takes longer than this page.
    result = _mount(key="agent_rows", data={"rows": tuple(rows), "label": "Agents"}, on_opened_change=_ignore)
    opened = result.get("opened")
    return str(opened) if opened else None


def row_of(
    instance: AgentInstance,
    *,
    kind: str,
    overdue: bool,
    following: datetime | None,
    zone: str,
    health: Health | None = None,
) -> dict[str, Any]:
    """What one row says, all of it plain text; `following` is when the agent starts by itself next."""
    # Being late is said once, by the health that knows of it.
    late = [Badge("orange", "alarm", "Overdue")] if overdue and (health is None or health.state != "late") else []
    return {
        "id": instance.id,
        "name": instance.name,
        "kind": kind,
        "badges": [badge._asdict() for badge in (*health_look(instance.status, health), *late)],
        "reason": instance.status_reason or (health.reason if health else ""),
        "last": _last(instance, zone),
        "next": _next(following, zone),
    }


def _last(instance: AgentInstance, zone: str) -> dict[str, Any] | None:
    summary = instance.last_run
    if not summary:
        return None
    at = datetime.fromisoformat(str(summary["timestamp"]))
    said = shortened(str(summary.get("output_preview_text") or ""), _SAID_CHARS)
    return {
        "badge": badge_of_status(str(summary["status"]))._asdict(),
        "when": ago(at, zone),
        "help": f"Last run, {exact(at, zone)}" + (f"\n\n{said}" if said else ""),
    }


def _next(at: datetime | None, zone: str) -> dict[str, str] | None:
    return {"when": ago(at, zone), "help": f"Next scheduled run: {exact(at, zone)}"} if at else None


def _ignore() -> None:
    """Naming a value without doing anything is how Streamlit learns that it exists."""
