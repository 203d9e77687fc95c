"""A list of runs as one light element: a real table on a wide screen, cards on a phone; a click opens a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.money import in_dollars
from ionflux_core.domain.runs import RunSummary
from ionflux_core.domain.search import Fragment
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
    runs: Sequence[RunSummary],
    *,
    key: str,
    zone: str,
    agents: Mapping[str, str],
    label: str = "Runs",
    fragments: Mapping[str, Fragment] = MappingProxyType({}),
    on_pick: Callable[[str, str], None] | None = None,
) -> str | None:
    """Draws runs as rows and returns the id of the one just clicked. `agents` maps a definition's slug to its name.

    `fragments` says by run id where a run answers a search; it is shown in place of what came out.
    With `on_pick` lines are ticked instead of opened, and it is called with the two that are.

    Inside a fragment the caller reruns the app after keeping the id in the address.
    """
    # A tuple, because Streamlit asks pandas whether a list is a table, and loading pandas takes longer than this page.
    rows = tuple(row_of(run, zone, agents, fragments.get(run.id)) for run in runs)
    data = {"rows": rows, "heads": _HEADS, "label": label, "picking": on_pick is not None}
    result = _mount(key=key, data=data, on_opened_change=_ignore, on_picked_change=_ignore)
    picked = result.get("picked")
    if on_pick is not None and isinstance(picked, list) and len(picked) == 2:
        on_pick(*sorted(map(str, picked)))
    opened = result.get("opened")
    return str(opened) if opened else None


def row_of(run: RunSummary, zone: str, agents: Mapping[str, str], where: Fragment | None = None) -> dict[str, Any]:
    """What one line says, all of it plain text."""
    look, began = status_look(run.status), run.started_at or run.created_at
    return {
        "id": run.id,
        "status": look.label,
        "icon": look.icon.removeprefix(":material/").removesuffix(":"),
        "tone": status_badge(run.status).removeprefix(":").partition("-badge")[0],
        "agent": run.instance_name or agents.get(run.definition_slug, run.definition_slug),
        "preview": where.text if where else run.error_message or run.preview or "",
        "pieces": [(piece.text, piece.hit) for piece in where.pieces] if where else None,
        "trigger": run.trigger_kind.capitalize(),
        "started": ago(began, zone),
        "exact": exact(began, zone),
        "duration": duration(seconds_of(run)),
        "cost": spent_by(run),
        "dry_run": run.dry_run,
    }


def seconds_of(run: RunSummary) -> float | None:
    """How long a finished run took, in seconds; None while it has not ended."""
    if run.started_at is None or run.finished_at is None:
        return None
    return (run.finished_at - run.started_at).total_seconds()


def money(micros: int | None) -> str:
    """Millionths of a US dollar as dollars; "no price" for None, which is not the same as nothing."""
    return "no price" if micros is None else in_dollars(micros)


def spent_by(run: RunSummary) -> str:
    """What a run's calls cost; a price that nobody knows is never shown as nothing."""
    if not run.unpriced_calls:
        return money(run.cost_micros)
    return f"{money(run.cost_micros)} + no price" if run.cost_micros else money(None)


def _ignore() -> None:
    """Naming a value without doing anything is how Streamlit learns that it exists."""
