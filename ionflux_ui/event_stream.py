"""The stream of events: newest first, pushed while nobody has paused it, page by page further back."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.events import EventFilter
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.services.events import EventPage
from ionflux_ui.event_board import event_board
from ionflux_ui.event_filters import TRAIL, clear_filters, draw_filters, filter_in_address, is_narrowed
from ionflux_ui.event_replay import draw_replay_button, draw_replay_window
from ionflux_ui.event_words import badges_of, glimpse, source_name, source_names
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import counted
from ionflux_ui.session import application, open_page, parameter, set_parameters, workspace

ROWS: Final = 50
_PAUSE: Final = "events_paused"


def draw_stream(app: Application, space: Workspace) -> None:
    """The filters and the rows they leave."""
    narrow, wrong = filter_in_address(space.settings.timezone)
    draw_filters(app, space)
    if wrong:
        st.caption(f":material/info: Left out, because the address says nothing usable there: {', '.join(wrong)}.")
    st.fragment(_rows)(narrow)
    draw_replay_window(app, space, narrow, _number("upto"))


def _rows(narrow: EventFilter) -> None:
    """One page of rows; drawn anew when something has happened and the newest page is open."""
    app, space = application(), workspace()
    before, upto = _number("before"), _number("upto")
    page = app.events.search(space.id, narrow, before=before or (upto + 1 if upto else None), limit=ROWS)
    _bar(app, space, page, upto)
    if not page.events:
        _empty(page)
    data = {"rows": _lines(app, space, page), "label": "Events, newest first"}
    live = before is None and upto is None
    opened = event_board("stream", data, key="events_stream", workspace_id=space.id, follow=live)
    if opened:
        set_parameters(event=opened)
        st.rerun()
    _pager(page)


def _lines(app: Application, space: Workspace, page: EventPage) -> tuple[dict[str, Any], ...]:
    zone, names = space.settings.timezone, source_names(app, space.id)
    causes = app.events.causes(space.id, page.events)
    deliveries = app.events.deliveries(space.id, [event.id for event in page.events])
    # A tuple, because Streamlit asks pandas whether a list is a table, and loading pandas takes longer than this page.
    return tuple(
        {
            "id": event.id,
            "type": event.type,
            "at": ago(event.at, zone),
            "exact": exact(event.at, zone),
            "source": causes.get(event.causation_run_id or "") or source_name(event.source, names),
            "glimpse": glimpse(app.events.glimpsed(event)),
            "badges": [badge._asdict() for badge in badges_of(event, deliveries.get(event.id, []))],
        }
        for event in page.events
    )


def _bar(app: Application, space: Workspace, page: EventPage, upto: int | None) -> None:
    """Whether the stream flows, and what can be done with all of these."""
    if parameter("before"):
        return
    if st.session_state.get(_PAUSE) != (upto is not None):
        st.session_state[_PAUSE] = upto is not None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle("Pause", key=_PAUSE, on_change=_pause, help="Hold the stream still; new events wait until you go on.")
        if upto is None:
            st.caption(":green[:material/sensors:] Live: new events appear by themselves.", width="content")
        else:
            _missed(app, space, upto)
        if page.events:
            draw_replay_button()
        if is_narrowed():
            st.button("Clear filters", type="tertiary", on_click=clear_filters)


def _missed(app: Application, space: Workspace, upto: int) -> None:
    """What came meanwhile; counted when the page is drawn, and never asked for in between."""
    count = app.events.newer(space.id, upto)
    more = "1,000+" if count >= 1000 else f"{count:,}"
    st.caption(f":material/pause_circle: Paused · {more} newer" if count else ":material/pause_circle: Paused")


def _pause() -> None:
    app, space = application(), workspace()
    paused = st.session_state[_PAUSE]
    set_parameters(upto=str(app.events.newest_seq(space.id)) if paused else None, before=None)


def _empty(page: EventPage) -> None:
    with st.container(border=True):
        if page.cursor:
            st.markdown(f"**None of the newest {page.searched or 0:,} events says that.**")
            st.text("Older ones have not been looked through yet.")
        elif is_narrowed() or parameter("before"):
            st.markdown("**No event fits these filters.**")
            st.button("Show all events", type="primary", on_click=clear_filters)
        else:
            st.markdown("**Nothing has happened yet.**")
            st.text(
                "An event is a fact: an order came in, a run has ended, an agent found something. Agents publish "
                "events and listen to them. Publish a test event above, or let an agent run."
            )
            if st.button("Choose an agent", icon=":material/smart_toy:"):
                open_page("agents")


def _pager(page: EventPage) -> None:
    before = parameter("before")
    if not before and not page.cursor:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(counted(len(page.events), "event") + " on this page", width="content")
        if before and not st.session_state.get(TRAIL):
            st.button("Newest", icon=":material/first_page:", on_click=lambda: set_parameters(before=None))
        elif before:
            st.button("Newer", icon=":material/chevron_left:", on_click=_newer)
        if page.cursor:
            label = "Look further back" if page.searched else "Older"
            st.button(label, icon=":material/chevron_right:", icon_position="right", on_click=_older,
                      args=(str(page.cursor),))  # fmt: skip


def _older(cursor: str) -> None:
    st.session_state[TRAIL] = [*st.session_state.get(TRAIL, []), parameter("before") or ""]
    set_parameters(before=cursor)


def _newer() -> None:
    *earlier, last = st.session_state[TRAIL]
    st.session_state[TRAIL] = earlier
    set_parameters(before=last or None)


def _number(name: str) -> int | None:
    text = parameter(name) or ""
    return int(text) if text.isdecimal() and len(text) < 16 else None
