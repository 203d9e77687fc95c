"""A list of runs as one light element: a real table on a wide screen, cards on a phone; a click opens a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.runs import RunSummary
from ionflux_ui.moments import ago, duration, exact
from ionflux_ui.theme import status_badge, status_look

_FOLDER: Final = Path(__file__).parent / "components"
_HEADS: Final = ("Status", "Agent", "What came out", "Trigger", "Started", "Duration", "Cost")

# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component(
    "ionflux_run_list",
    js=(_FOLDER / "run_list.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "run_list.css").read_text(encoding="utf-8"),
)


def run_list(
    runs: Sequence[RunSummary], *, key: str, zone: str, agents: Mapping[str, str], label: str = "Runs"
) -> str | None:
    """Draws runs as rows and returns the id of the one just clicked. `agents` maps a definition's slug to its name.

    Inside a fragment the caller reruns the app after keeping the id in the address.
    """
    # A tuple, because Streamlit asks pandas whether a list is a table, and loading pandas takes longer than this page.
    rows = tuple(row_of(run, zone, agents) for run in runs)
    result = _mount(key=key, data={"rows": rows, "heads": _HEADS, "label": label}, on_opened_change=_ignore)
    opened = result.get("opened")
    return str(opened) if opened else None


def row_of(run: RunSummary, zone: str, agents: Mapping[str, str]) -> dict[str, Any]:
    """What one line says, all of it plain text."""
    look, began = status_look(run.status), run.started_at or run.created_at
    return {
        "id": run.id,
        "status": look.label,
        "icon": look.icon.removeprefix(":material/").removesuffix(":"),
        "tone": status_badge(run.status).removeprefix(":").partition("-badge")[0],
        "agent": run.instance_name or agents.get(run.definition_slug, run.definition_slug),
        "preview": run.error_message or run.preview or "",
        "trigger": run.trigger_kind.capitalize(),
        "started": ago(began, zone),
        "exact": exact(began, zone),
        "duration": duration(seconds_of(run)),
        "cost": money(run.cost_micros),
        "dry_run": run.dry_run,
    }


def seconds_of(run: RunSummary) -> float | None:
    """How long a finished run took, in seconds; None while it has not ended."""
    if run.started_at is None or run.finished_at is None:
        return None
    return (run.finished_at - run.started_at).total_seconds()


def money(micros: int | None) -> str:
    """Millionths of a US dollar as dollars; "no price" for None, which is not the same as nothing."""
    if micros is None:
        return "no price"
    if 0 < micros < 10_000:
        return f"${micros / 1_000_000:.4f}"
    return f"${micros / 1_000_000:,.2f}"


def _ignore() -> None:
    """Naming a value without doing anything is how Streamlit learns that it exists."""
