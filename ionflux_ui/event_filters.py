"""How the stream of events is narrowed. The address is the only place where it is kept; the fields follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import streamlit as st
from pydantic import ValidationError

from ionflux_core.application import Application
from ionflux_core.domain.events import EVENT_STATUSES, EventFilter, check_pattern
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Invalid
from ionflux_ui.event_words import EVENT_LOOKS, source_name, source_names
from ionflux_ui.session import parameter, set_parameters

TRAIL: Final = "events_trail"
_KEY: Final = "events_filter_"
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9000
_NAMES: Final = ("type", "text", "status", "source", "brand", "since", "until")


def filter_in_address(zone: str) -> tuple[EventFilter, list[str]]:
    """The filter the address asks for, and the names of those parts of it that mean nothing.

    `since` and `until` are days of the workspace's zone, both included, or exact times.
    """
    given = {name: value for name in _NAMES if (value := parameter(name))}
    wrong = []
    values: dict[str, Any] = {
        "text": given.get("text", ""),
        "source": given.get("source"),
        "brand_id": given.get("brand"),
        "since": _moment(given.get("since"), zone),
        "until": _moment(given.get("until"), zone, through=True),
    }
    try:
        values["pattern"] = check_pattern(given["type"]) if "type" in given else ""
    except Invalid:
        wrong.append("type")
    if given.get("status") in (None, *EVENT_STATUSES):
        values["status"] = given.get("status")
    else:
        wrong.append("status")
    wrong += [name for name in ("since", "until") if given.get(name) and values[name] is None]
    try:
        return EventFilter(**values), wrong
    except ValidationError:
        return EventFilter(), list(given)


def _moment(text: str | None, zone: str, *, through: bool = False) -> datetime | None:
    """A day or an exact time as a moment; a day that is the end of a period counts to its last instant."""
    if not text:
        return None
    try:
        if len(text) > len("2026-01-31"):
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        else:
            day = date.fromisoformat(text) + timedelta(days=through)
            moment = datetime.combine(day, time(), ZoneInfo(zone))
    except (ValueError, OverflowError):
        return None
    # Beyond these no database can turn a moment to UTC.
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def is_narrowed() -> bool:
    """Whether the address narrows the stream at all."""
    return any(parameter(name) for name in _NAMES)


def clear_filters() -> None:
    """Take every filter out of the address and go to the newest events."""
    st.session_state.pop(TRAIL, None)
    set_parameters(**dict.fromkeys(_NAMES), before=None, upto=None)


def draw_filters(application: Application, workspace: Workspace) -> None:
    """The fields above the stream; a change goes into the address before the page is drawn again."""
    subject, text, status, more = st.columns([4, 3, 2, 2], vertical_alignment="bottom")
    chosen = parameter("type")
    _seed("type", chosen)
    subject.selectbox(
        "Type", _with_unknown(application.events.listeners.subjects(workspace.id), chosen), key=_KEY + "type",
        index=None, placeholder="Any, or a pattern such as shop.>", accept_new_options=True, on_change=_keep,
        args=("type", str), help="* stands for one word, > at the end for all the rest.",
    )  # fmt: skip
    _seed("text", parameter("text") or "")
    text.text_input(
        "Words in the payload", key=_KEY + "text", type="search", max_chars=200, placeholder="An order's number",
        help="Looks through the newest events, a stretch at a time.", on_change=_keep, args=("text", str),
    )  # fmt: skip
    _choice(status, "State", "status", {word: EVENT_LOOKS[word].text for word in EVENT_STATUSES})
    hidden = sum(bool(parameter(name)) for name in ("source", "brand", "since", "until"))
    with more.popover(f"More filters ({hidden})" if hidden else "More filters", width="stretch"):
        names = source_names(application, workspace.id)
        sources = {each: source_name(each, names) for each in application.events.listeners.sources(workspace.id)}
        _choice(st, "From", "source", sources)
        brands = application.workspaces.brands(workspace.id, archived=True)
        _choice(st, "Brand", "brand", {brand.id: brand.name for brand in brands})
        _day("First day", "since")
        _day("Last day", "until")


def _choice(place: Any, label: str, name: str, named: Mapping[str, str]) -> None:
    chosen = parameter(name)
    _seed(name, chosen)
    place.selectbox(
        label, _with_unknown(named, chosen), key=_KEY + name, index=None, placeholder="Any",
        format_func=lambda key: named.get(key, key), on_change=_keep, args=(name, str),
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
    set_parameters(**{name: as_text(value) if value else None, "before": None, "upto": None})
