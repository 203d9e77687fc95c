"""One event on the screen: what it says, who caused it, whom it reached, and its chain as a picture."""

from __future__ import annotations

import json
from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.events import EventDelivery, PlatformEvent
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import NotFound
from ionflux_core.limits import EVENT_SHOWN_BYTES
from ionflux_ui.agent_words import human
from ionflux_ui.badges import badge_line
from ionflux_ui.errors import errors_shown
from ionflux_ui.event_chain import draw_chain
from ionflux_ui.event_replay import draw_replay
from ionflux_ui.event_words import DELIVERY_LOOKS, EVENT_LOOKS, PARTS, source_name, source_names
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import flash, open_page, page_link, set_parameters, workspace_id
from ionflux_ui.theme import status_look

_REPLAYS: Final = 5


def show_event(app: Application, space: Workspace, event_id: str) -> None:
    """The page of one event; an id that names none gets a kind sentence and the way back."""
    try:
        event = app.events.get(space.id, event_id)
    except NotFound:
        st.title("No such event", anchor=False)
        st.caption("It may belong to another workspace, or retention has removed it.")
        st.button("Show all events", type="primary", on_click=leave_event)
        return
    st.button("All events", icon=":material/arrow_back:", type="tertiary", on_click=leave_event)
    st.title(escaped(event.type), anchor=False)
    deliveries = app.events.deliveries(space.id, [event.id]).get(event.id, [])
    st.markdown(badge_line([EVENT_LOOKS[event.status]]))
    with st.container(horizontal=True):
        if st.button("See its chain", icon=":material/account_tree:"):
            # What is opened comes first: each change is a step of the back button, and none may lead to the stream.
            set_parameters(correlation=event.correlation_id, event=None)
            st.rerun()
        draw_replay(app, event)
    _facts(app, space, event)
    st.subheader("Whom it reached", anchor=False)
    _draw_deliveries(app, space, event, deliveries)
    st.subheader("What it says", anchor=False)
    _draw_payload(app, event)
    st.subheader("Its chain", anchor=False)
    st.fragment(draw_chain)(app, space, event.correlation_id, here=f"event:{event.id}")


def leave_event() -> None:
    """Go back to the stream as it was."""
    set_parameters(event=None)


def _facts(app: Application, space: Workspace, event: PlatformEvent) -> None:
    zone = space.settings.timezone
    brand = app.workspaces.brand_or_none(space.id, event.brand_id) if event.brand_id else None
    facts = [
        ("Happened", ago(event.at, zone), f"{exact(event.at, zone)}. Number {event.seq:,}, id {event.id}."),
        ("From", source_name(event.source, source_names(app, space.id)), None),
        ("Brand", brand.name if brand else "–", None),
    ]
    with st.container(horizontal=True, gap="medium"):
        for name, value, help_text in facts:
            with st.container(width=170, gap=None):
                st.caption(name, help=escaped(help_text) if help_text else None)
                st.text(value)
        with st.container(width=170, gap=None):
            st.caption("Caused by")
            _draw_cause(app, event)


def _draw_cause(app: Application, event: PlatformEvent) -> None:
    if not event.causation_run_id:
        st.text("No run")
        return
    try:
        run = app.runs.get(event.workspace_id, event.causation_run_id)
    except NotFound:
        st.text("A run that is not kept")
        return
    page_link("runs", f"Run of {escaped(run.instance_name or run.definition_slug)}", run=run.id)


def _draw_payload(app: Application, event: PlatformEvent) -> None:
    """The payload as data, without secrets; a large one is cut and says so."""
    shown = app.events.shown(event)
    text = json.dumps(shown, ensure_ascii=False, indent=1)
    if not shown:
        st.caption("Nothing but its type.")
    elif len(text.encode()) <= EVENT_SHOWN_BYTES:
        st.json(shown, expanded=2)
    else:
        st.caption(f"The first {EVENT_SHOWN_BYTES // 1024} KiB of {len(text) // 1024:,} KiB.")
        st.code(text[:EVENT_SHOWN_BYTES], language=None, wrap_lines=True, height=400)


def _draw_deliveries(app: Application, space: Workspace, event: PlatformEvent, deliveries: list[EventDelivery]) -> None:
    followers = app.events.listeners.hearing(space.id, event.type, event.payload, source=event.source).followers
    for each in deliveries:
        with st.container(border=True, key=f"delivery_{each.trigger_id}"):
            draw_delivery(app, space, each, key=f"{each.event_id}-{each.trigger_id}")
    if not deliveries:
        st.caption("No trigger has taken it." if event.status != "pending_processing" else "It is on its way.")
    if followers:
        named = ", ".join(PARTS.get(name, human(name)) for name in followers)
        st.caption(f":material/settings_suggest: Parts of IONFLUX follow it, too: {escaped(named)}.")


def draw_delivery(app: Application, space: Workspace, delivery: EventDelivery, *, key: str) -> None:
    """One delivery: to whom, how it stands, its runs, and what can be done when it failed."""
    zone = space.settings.timezone
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"{badge_line([DELIVERY_LOOKS[delivery.status]])} {_to(delivery)}", width="content")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            if delivery.run_id:
                page_link("runs", "Its run", icon=":material/play_circle:", run=delivery.run_id)
            if delivery.status == "dead":
                draw_dead_buttons(app, delivery, key=key)
    said = [counted(delivery.attempts, "attempt"), ago(delivery.at, zone)]
    if delivery.replays:
        said.append(f"replayed {counted(delivery.replays, 'time')}")
    if delivery.next_at:
        said.append(f"tried again {ago(delivery.next_at, zone)}")
    st.caption(" · ".join(said), help=escaped(exact(delivery.at, zone)))
    draw_reason(delivery.error)
    if delivery.replays > 1:
        _draw_replays(app, space, delivery)


def _to(delivery: EventDelivery) -> str:
    if not delivery.trigger_key:
        return "a trigger that is gone"
    return f"**{escaped(delivery.instance_name or 'An agent that is gone')}** {escaped(human(delivery.trigger_key))}"


def draw_reason(error: dict[str, Any] | None) -> None:
    """Why a delivery failed and what to do, as text; who has set it aside, where somebody has."""
    if not error:
        return
    if error.get("message"):
        st.text(str(error["message"]))
    if error.get("hint"):
        st.caption(f"What to do: {escaped(str(error['hint']))}")
    if error.get("set_aside_by"):
        st.caption(f"Set aside by {escaped(str(error['set_aside_by']))}.")


def draw_dead_buttons(app: Application, delivery: EventDelivery, *, key: str) -> None:
    """Try a dead delivery again, or set it aside."""
    who = app.workspaces.owner().name
    if st.button("Retry", key=f"retry-{key}", icon=":material/refresh:"):
        _retry(app, delivery, who)
    if st.button("Set aside", key=f"aside-{key}", type="tertiary", icon=":material/inventory_2:"):
        app.events.replays.set_aside(workspace_id(), [delivery], by=who)
        flash("Set aside. It stays with its event.")
        st.rerun()


def _retry(app: Application, delivery: EventDelivery, who: str) -> None:
    with errors_shown():
        started = app.events.replays.retry(workspace_id(), delivery.event_id, delivery.trigger_id, by=who)
        flash("It was taken this time; this is its run.")
        open_page("runs", run=started.run_id)


def _draw_replays(app: Application, space: Workspace, delivery: EventDelivery) -> None:
    """The runs of the latest replays."""
    found = app.events.replays.runs_of(space.id, delivery)[-_REPLAYS:]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for number, run_id, status in reversed(found):
            page_link("runs", f"Replay {number}: {status_look(status).label}", run=run_id)
