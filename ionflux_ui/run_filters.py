"""How the list of runs is narrowed. The address is the only place where it is kept; the fields follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

import streamlit as st
from pydantic import ValidationError

from ionflux_core.application import Application
from ionflux_core.domain.runs import RUN_STATUSES, RunFilter, TriggerKind
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.session import parameter, set_parameters
from ionflux_ui.theme import status_look

TRAIL: Final = "runs_trail"
_KEY: Final = "runs_filter_"
_TRIGGERS: Final = get_args(TriggerKind)
_NAMES: Final = (
    "text", "status", "instance", "definition", "trigger", "brand", "since", "until", "correlation", "code",
)  # fmt: skip


def filter_in_address(zone: str) -> tuple[RunFilter, list[str]]:
    """The filter the address asks for, and the names of those parts of it that mean nothing.

    `status` is a list with commas; `since` and `until` are days of the workspace's zone, both included, or exact times.
    """
    given = {name: value for name in _NAMES if (value := parameter(name))}
    statuses = [word for word in given.get("status", "").split(",") if word]
    wrong = [name for name, words in (("status", statuses),) if set(words) - set(RUN_STATUSES)]
    values: dict[str, Any] = {
        "statuses": [word for word in RUN_STATUSES if word in statuses],
        "instance_id": given.get("instance"),
        "definition_slug": given.get("definition"),
        "brand_id": given.get("brand"),
        "correlation_id": given.get("correlation"),
        "error_code": given.get("code"),
        "text": given.get("text"),
        "trigger_kind": given.get("trigger"),
        "since": _moment(given.get("since"), zone),
        "until": _moment(given.get("until"), zone, through=True),
    }
    wrong += [name for name in ("since", "until") if given.get(name) and values[name] is None]
    if values["trigger_kind"] not in (None, *_TRIGGERS):
        wrong, values["trigger_kind"] = [*wrong, "trigger"], None
    try:
        return RunFilter(**values), wrong
    except ValidationError:
        return RunFilter(), list(given)


def _moment(text: str | None, zone: str, *, through: bool = False) -> datetime | None:
    """A day or an exact time as a moment; a day that is the end of a period counts to its last instant."""
    if not text:
        return None
    try:
        if len(text) > len("2026-01-31"):
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        day = date.fromisoformat(text) + timedelta(days=through)
        return datetime.combine(day, time(), ZoneInfo(zone))
    except (ValueError, OverflowError):
        return None


def is_narrowed() -> bool:
    """Whether the address narrows the list at all."""
    return any(parameter(name) for name in _NAMES)


def clear_filters() -> None:
    """Take every filter out of the address and go to the newest runs."""
    st.session_state.pop(TRAIL, None)
    set_parameters(**dict.fromkeys(_NAMES), before=None)


def draw_filters(application: Application, workspace: Workspace) -> None:
    """The fields above the list; a change goes into the address before the page is drawn again."""
    text, status, agent, more = st.columns([3, 3, 3, 2], vertical_alignment="bottom")
    _seed("text", parameter("text") or "")
    text.text_input(
        "Search", key=_KEY + "text", type="search", placeholder="Words, or a run's id",
        help='Looks through inputs, results, errors and logs. Every word must be there; "side by side" in quotation '
        "marks, -without with a minus.", on_change=_keep, args=("text", str),
    )  # fmt: skip
    _seed("status", [word for word in (parameter("status") or "").split(",") if word in RUN_STATUSES])
    status.multiselect(
        "Status", RUN_STATUSES, key=_KEY + "status", format_func=lambda word: status_look(word).label,
        placeholder="Any", on_change=_keep, args=("status", ",".join),
    )  # fmt: skip
    _agent_field(agent, application, workspace)
    hidden = sum(bool(parameter(name)) for name in ("trigger", "brand", "since", "until"))
    with more.popover(f"More filters ({hidden})" if hidden else "More filters", width="stretch"):
        _choice("Trigger", "trigger", {kind: kind.capitalize() for kind in _TRIGGERS})
        brands = application.workspaces.brands(workspace.id, archived=True)
        _choice("Brand", "brand", {brand.id: brand.name for brand in brands})
        _day("From", "since")
        _day("To", "until")


def _agent_field(place: Any, application: Application, workspace: Workspace) -> None:
    named = {f"instance:{each.id}": each.name for each in application.agents.find(workspace.id, archived=True)}
    for definition in application.marketplace.definitions():
        if not definition.planned:
            named[f"definition:{definition.slug}"] = f"Every {definition.name}"
    chosen = next((f"{kind}:{value}" for kind in ("instance", "definition") if (value := parameter(kind))), None)
    _seed("agent", chosen)
    options = _with_unknown(named, chosen)
    place.selectbox(
        "Agent", options, key=_KEY + "agent", index=None, placeholder="Any", on_change=_keep_agent,
        format_func=lambda key: named.get(key, "An agent that is gone"),
    )  # fmt: skip


def _choice(label: str, name: str, named: Mapping[str, str]) -> None:
    chosen = parameter(name)
    _seed(name, chosen)
    st.selectbox(
        label, _with_unknown(named, chosen), key=_KEY + name, index=None, placeholder="Any",
        format_func=lambda key: named.get(key, "Unknown"), on_change=_keep, args=(name, str),
    )  # fmt: skip


def _day(label: str, name: str) -> None:
    try:
        day = date.fromisoformat((parameter(name) or "")[:10])
    except ValueError:
        day = None
    _seed(name, day)
    st.date_input(label, value=None, key=_KEY + name, format="YYYY-MM-DD", on_change=_keep, args=(name, date.isoformat))


def _with_unknown(named: Iterable[str], chosen: str | None) -> list[str]:
    options = list(named)
    return options if chosen is None or chosen in options else [*options, chosen]


def _seed(name: str, value: Any) -> None:
    # The address wins over what the field held before: a link, the back button and a reload all end up here.
    if st.session_state.get(_KEY + name, _seed) != value:
        st.session_state[_KEY + name] = value


def _keep(name: str, as_text: Callable[[Any], str]) -> None:
    value = st.session_state[_KEY + name]
    st.session_state.pop(TRAIL, None)
    set_parameters(**{name: as_text(value) if value else None, "before": None})


def _keep_agent() -> None:
    kind, _, value = (st.session_state[_KEY + "agent"] or "").partition(":")
    st.session_state.pop(TRAIL, None)
    set_parameters(instance=None, definition=None, before=None)
    if kind:
        set_parameters(**{kind: value})
