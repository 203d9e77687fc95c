"""How the dashboard is narrowed; the address is the only place where it is kept, the fields follow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.services.dashboard import DAYS, DashboardFilters
from ionflux_ui.session import open_page, parameter, set_parameters

PERIODS: Final = {7: "7 days", 30: "30 days", 90: "90 days", 365: "1 year"}
_KEY: Final = "dashboard_filter_"
_NAMES: Final = ("days", "instance", "definition", "brand")


def period_in_address() -> int:
    """The number of days the address asks for; 30 when it asks for none that is offered."""
    given = parameter("days") or ""
    return int(given) if given.isdecimal() and len(given) < 4 and int(given) in PERIODS else DAYS


def filters_in_address(application: Application, workspace: Workspace) -> DashboardFilters:
    """The filter the address asks for."""
    since, until = application.dashboard.last_days(workspace.id, period_in_address())
    return DashboardFilters(
        since=since,
        until=until,
        instance_id=parameter("instance"),
        definition_slug=parameter("definition"),
        brand_id=parameter("brand"),
    )


def is_narrowed() -> bool:
    """Whether the address narrows the figures to an agent or a brand."""
    return any(parameter(name) for name in _NAMES[1:])


def clear_filters() -> None:
    """Show the last 30 days of everything."""
    set_parameters(**dict.fromkeys(_NAMES))


def draw_filters(application: Application, workspace: Workspace) -> None:
    """The row of fields; a change goes into the address before the page is drawn again."""
    hidden = sum(bool(parameter(name)) for name in _NAMES[1:])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _seed("days", period_in_address())
        st.segmented_control(
            "Period", list(PERIODS), key=_KEY + "days", format_func=PERIODS.__getitem__, required=True,
            label_visibility="collapsed", on_change=_keep_days, width="content",
        )  # fmt: skip
        narrow = st.popover(
            f"Agent and brand ({hidden})" if hidden else "Agent and brand", icon=":material/filter_alt:"
        )
        if st.button("See the runs", type="primary", icon=":material/play_circle:"):
            open_page("runs", **{name: parameter(name) for name in _NAMES[1:]})
    _draw_narrowing(narrow, application, workspace)


def _draw_narrowing(place: Any, application: Application, workspace: Workspace) -> None:
    instances = application.agents.find(workspace.id, archived=True)
    used = {each.definition_slug for each in instances}
    known = application.marketplace.definitions()
    agents = {each.slug: each.name for each in known if each.slug in used or not each.planned}
    _choice(place, "Agent", "definition", agents)
    chosen = parameter("definition")
    own = {each.id: each.name for each in instances if chosen in (None, each.definition_slug)}
    _choice(place, "Configured as", "instance", own)
    brands = application.workspaces.brands(workspace.id, archived=True)
    _choice(place, "Brand", "brand", {each.id: each.name for each in brands})


def _choice(place: Any, label: str, name: str, named: Mapping[str, str]) -> None:
    chosen = parameter(name)
    _seed(name, chosen)
    options = list(named)
    place.selectbox(
        label,
        options if chosen is None or chosen in options else [*options, chosen],
        key=_KEY + name,
        index=None,
        placeholder="All",
        format_func=lambda key: named.get(key, "Not there"),
        on_change=_keep,
        args=(name,),
    )


def _seed(name: str, value: Any) -> None:
    # The address wins over what the field held before: a link, the back button and a reload all end up here.
    if st.session_state.get(_KEY + name, _seed) != value:
        st.session_state[_KEY + name] = value


def _keep_days() -> None:
    days = st.session_state[_KEY + "days"]
    set_parameters(days=str(days) if days and days != DAYS else None)


def _keep(name: str) -> None:
    if name == "definition":
        set_parameters(instance=None)
    set_parameters(**{name: st.session_state[_KEY + name] or None})
