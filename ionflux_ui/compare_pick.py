"""Choosing the two runs to put side by side; the address is the only place where the choice is kept."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.runs import RunSummary
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import NotFound
from ionflux_ui.moments import ago
from ionflux_ui.session import parameter, set_parameters
from ionflux_ui.theme import status_look

_OFFERED: Final = 100
_KEY: Final = "compare_"


def pick_runs(application: Application, workspace: Workspace) -> tuple[str | None, str | None]:
    """Draws the two lists and the button that swaps the sides; the ids that are chosen now."""
    offered = _offered(application, workspace)
    left, swap, right = st.columns([5, 1, 5], vertical_alignment="bottom")
    with left:
        one = _pick("left", "Left", offered, workspace)
    with right:
        two = _pick("right", "Right", offered, workspace)
    swap.button(
        "Swap", icon=":material/swap_horiz:", key="compare-swap", on_click=_swap, disabled=not (one and two),
        help="Swap the sides", type="tertiary", width="stretch",
    )  # fmt: skip
    return one, two


def _offered(application: Application, workspace: Workspace) -> dict[str, RunSummary]:
    """The newest runs, and those the address names, however old they are."""
    offered = {run.id: run for run in application.runs.find(workspace.id, limit=_OFFERED).runs}
    for name in ("left", "right"):
        wanted = parameter(name)
        if wanted and wanted not in offered:
            try:
                offered[wanted] = application.runs.get(workspace.id, wanted)
            except NotFound:
                st.caption(f":material/info: The run on the {name} is not in this workspace any more.")
    return offered


def _pick(name: str, label: str, offered: dict[str, RunSummary], workspace: Workspace) -> str | None:
    key, wanted = _KEY + name, parameter(name)
    chosen = wanted if wanted in offered else None
    if st.session_state.get(key) != chosen:
        st.session_state[key] = chosen
    st.selectbox(
        label,
        list(offered),
        index=None,
        key=key,
        format_func=lambda run_id: _name(offered[run_id], workspace),
        placeholder="Choose a run",
        on_change=lambda: set_parameters(**{name: st.session_state[key]}),
    )
    return chosen


def _name(run: RunSummary, workspace: Workspace) -> str:
    when = ago(run.started_at or run.created_at, workspace.settings.timezone)
    return f"{run.instance_name or run.definition_slug} · {status_look(run.status).label} · {when} · {run.id[-6:]}"


def _swap() -> None:
    set_parameters(left=parameter("right"), right=parameter("left"))
