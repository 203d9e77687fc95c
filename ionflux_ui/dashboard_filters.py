"""How the dashboard is narrowed; the address is the only place where it is kept, the fields follow it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.runs import RUN_STATUSES, TriggerKind
from ionflux_core.domain.views import narrowing_of
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import IonfluxError
from ionflux_core.ids import now
from ionflux_core.services.dashboard import DAYS, FIRST_YEAR, LAST_YEAR, MAX_DAYS, DashboardFilters
from ionflux_ui.dashboard_parts import SECTIONS
from ionflux_ui.session import open_page, parameter, set_parameters
from ionflux_ui.theme import status_look

PERIODS: Final = {7: "7 days", 30: "30 days", 90: "90 days", 365: "1 year"}
NARROWING: Final = ("definition", "instance", "brand", "trigger", "status")
# Everything an address of this page may say beside where one is.
NAMES: Final = ("days", "since", "until", *NARROWING, "compare", "show")
Named = Mapping[str, Mapping[str, str]]
_OWN: Final = 0
_KEY: Final = "dashboard_filter_"
# Somebody wants days of their own and has not chosen them yet: there is nothing for the address.
_CHOOSING: Final = "dashboard_own_days"
_TRIGGERS: Final = get_args(TriggerKind)


def is_first_look() -> bool:
    """Whether a person has just come here with an address that asks for nothing."""
    return f"{_KEY}days" not in st.session_state and not any(parameter(name) for name in NAMES)


def kept_parameters() -> dict[str, str]:
    """How the page is narrowed now, as a saved view keeps it."""
    return {name: value for name in NAMES if (value := parameter(name))}


def own_days() -> tuple[date, date] | None:
    """The first and last day the address names; None when it names no period that can be shown."""
    try:
        first, last = (date.fromisoformat(parameter(name) or "") for name in ("since", "until"))
    except ValueError:
        return None
    shown = timedelta() <= last - first < timedelta(days=MAX_DAYS) and FIRST_YEAR < first.year <= last.year < LAST_YEAR
    return (first, last) if shown else None


def period_in_address() -> int:
    """The number of days the address asks for; 30 when it asks for none that is offered."""
    given = parameter("days") or ""
    return int(given) if given.isdecimal() and len(given) < 4 and int(given) in PERIODS else DAYS


def filters_in_address(application: Application, workspace: Workspace) -> DashboardFilters:
    """The filter the address asks for."""
    own = own_days()
    if own:
        try:
            since, until = (application.dashboard.day(workspace.id, day) for day in own)
            return DashboardFilters(since=since[0], until=until[1], **narrowing_of(kept_parameters()))
        except (OverflowError, IonfluxError):
            set_parameters(since=None, until=None)
    begin, end = application.dashboard.last_days(workspace.id, period_in_address())
    return DashboardFilters(since=begin, until=end, **narrowing_of(kept_parameters()))


def section_in_address() -> str:
    """The section the address asks for; the overview when it names none there is."""
    asked = parameter("show") or ""
    return asked if asked in SECTIONS else "overview"


def is_compared() -> bool:
    """Whether the period before is drawn, too."""
    return parameter("compare") != "off"


def is_narrowed() -> bool:
    """Whether the address narrows the figures to an agent, a brand, a trigger or a status."""
    return any(parameter(name) for name in NARROWING)


def clear_filters() -> None:
    """Show the last 30 days of everything."""
    st.session_state.pop(_CHOOSING, None)
    set_parameters(**dict.fromkeys((*NARROWING, "days", "since", "until")))


def show_view(parameters: Mapping[str, str]) -> None:
    """Let the address be that of a saved view."""
    st.session_state.pop(_CHOOSING, None)
    fresh: dict[str, str | None] = {name: parameters.get(name) for name in NAMES}
    set_parameters(**fresh)


def names_of(application: Application, workspace: Workspace) -> Named:
    """What each filter may be set to, and how people call that."""
    instances = application.agents.find(workspace.id, archived=True)
    used = {each.definition_slug for each in instances}
    agents = {
        each.slug: each.name for each in application.marketplace.definitions() if each.slug in used or not each.planned
    }
    chosen = parameter("definition")
    return {
        "definition": agents,
        "instance": {each.id: each.name for each in instances if chosen in (None, each.definition_slug)},
        "brand": {each.id: each.name for each in application.workspaces.brands(workspace.id, archived=True)},
        "trigger": {kind: kind.capitalize() for kind in _TRIGGERS},
        "status": {status: status_look(status).label for status in RUN_STATUSES},
    }


def draw_filters(workspace: Workspace, named: Named) -> None:
    """The row of fields; a change goes into the address before the page is drawn again."""
    hidden = sum(bool(parameter(name)) for name in NARROWING)
    own = own_days()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = _OWN if own or st.session_state.get(_CHOOSING) else period_in_address()
        _seed("days", chosen)
        st.segmented_control(
            "Period", [*PERIODS, _OWN], key=_KEY + "days", format_func={**PERIODS, _OWN: "From … to"}.__getitem__,
            required=True, label_visibility="collapsed", on_change=_keep_days, width="content",
        )  # fmt: skip
        if chosen == _OWN:
            _own_period(workspace, own)
        narrow = st.popover(f"Filters ({hidden})" if hidden else "Filters", icon=":material/filter_alt:")
        _seed("compare", is_compared())
        st.toggle("Compare", key=_KEY + "compare", on_change=_keep_compare,
                  help="With the days before: changes, and a thin line in the charts by day.")  # fmt: skip
        if st.button("See the runs", type="primary", icon=":material/play_circle:"):
            open_page("runs", **runs_parameters(workspace))
    _draw_narrowing(narrow, named)


def runs_parameters(workspace: Workspace) -> dict[str, str | None]:
    """The same filters and the same days as the list of runs takes them."""
    first, last = own_days() or _days_of(workspace, period_in_address())
    return {**{name: parameter(name) for name in NARROWING}, "since": first.isoformat(), "until": last.isoformat()}


def _days_of(workspace: Workspace, days: int) -> tuple[date, date]:
    today = now().astimezone(ZoneInfo(workspace.settings.timezone)).date()
    return today - timedelta(days=days - 1), today


def _own_period(workspace: Workspace, own: tuple[date, date] | None) -> None:
    shown = own or _days_of(workspace, period_in_address())
    tomorrow = now().astimezone(ZoneInfo(workspace.settings.timezone)).date() + timedelta(days=1)
    _seed("own", shown)
    st.date_input(
        "From and to", key=_KEY + "own", format="YYYY-MM-DD", label_visibility="collapsed", on_change=_keep_own,
        max_value=max(tomorrow, shown[1]), width=230,
    )  # fmt: skip


def _draw_narrowing(place: Any, named: Named) -> None:
    _choice(place, "Agent", "definition", named["definition"])
    _choice(place, "Configured as", "instance", named["instance"])
    _choice(place, "Brand", "brand", named["brand"])
    _choice(place, "Started by", "trigger", named["trigger"])
    _seed("status", [word for word in (parameter("status") or "").split(",") if word in RUN_STATUSES])
    place.multiselect(
        "Status", RUN_STATUSES, key=_KEY + "status", format_func=named["status"].__getitem__, placeholder="All",
        on_change=_keep_statuses,
    )  # fmt: skip


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
    st.session_state[_CHOOSING] = days == _OWN
    if days != _OWN:
        set_parameters(days=str(days) if days and days != DAYS else None, since=None, until=None)


def _keep_own() -> None:
    chosen = st.session_state[_KEY + "own"]
    # While only the first of two days is chosen there is nothing to show yet.
    if len(chosen) == 2:
        set_parameters(days=None, since=chosen[0].isoformat(), until=chosen[1].isoformat())


def _keep_compare() -> None:
    set_parameters(compare=None if st.session_state[_KEY + "compare"] else "off")


def _keep_statuses() -> None:
    set_parameters(status=",".join(st.session_state[_KEY + "status"]) or None)


def _keep(name: str) -> None:
    if name == "definition":
        set_parameters(instance=None)
    set_parameters(**{name: st.session_state[_KEY + name] or None})
