"""Events once more on the screen: one to a chosen trigger, or all that a filter leaves, said before it is done."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.events import EventFilter, PlatformEvent
from ionflux_core.domain.triggers import Trigger
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.limits import EVENT_REPLAYS
from ionflux_core.services.event_replays import Outcome
from ionflux_ui.agent_words import human
from ionflux_ui.errors import errors_shown
from ionflux_ui.plain import counted
from ionflux_ui.session import flash, open_page, parameter, set_parameters

WINDOW = "window"
"""Which dialog is open stands in the address, too."""
_REPLAY = "replay"
_TOLD_CHARS = 120


def close_window() -> None:
    """The dialog was left."""
    set_parameters(**{WINDOW: None})


def draw_replay(app: Application, event: PlatformEvent) -> None:
    """A button that asks which trigger hears this event once more."""
    st.button("Replay…", icon=":material/replay:", help="Hand this event to one trigger again.", on_click=_open_window)
    if parameter(WINDOW) == _REPLAY:
        _replay_one(app, event)


def _open_window() -> None:
    set_parameters(**{WINDOW: _REPLAY})


@st.dialog("Replay this event", on_dismiss=close_window)
def _replay_one(app: Application, event: PlatformEvent) -> None:
    st.text(event.type)
    triggers = app.events.replays.triggers(event.workspace_id)
    fitting = {each.id for each in triggers if app.events.replays.fitting(each, [event])}
    triggers.sort(key=lambda each: each.id not in fitting)
    chosen = _trigger_field(triggers, fitting)
    st.caption("It starts a run of its own, in the same chain. What the first run has done is not undone.")
    if chosen is not None and chosen.id not in fitting:
        st.caption(":material/info: This trigger does not listen to such events; it is given this one all the same.")
    if st.button("Replay", type="primary", icon=":material/replay:", disabled=chosen is None) and chosen is not None:
        with errors_shown():
            who = app.workspaces.owner().name
            started = app.events.replays.replay(event.workspace_id, event.id, chosen.id, by=who)
            close_window()
            flash("The event was handed over again; this is its run.")
            open_page("runs", run=started.run_id)


def draw_replay_button() -> None:
    """A button that asks which trigger hears all these events once more; the page, not a fragment, draws the dialog."""
    if st.button("Replay these…", type="tertiary", icon=":material/replay:", help="All that the filters leave."):
        _open_window()
        st.rerun()


def draw_replay_window(app: Application, space: Workspace, narrow: EventFilter, upto: int | None) -> None:
    """The dialog about all events of a filter, where the address asks for it."""
    if parameter(WINDOW) == _REPLAY:
        _replay_all(app, space, narrow, upto)


@st.dialog("Replay the events of this filter", on_dismiss=close_window)
def _replay_all(app: Application, space: Workspace, narrow: EventFilter, upto: int | None) -> None:
    page = app.events.search(space.id, narrow, before=upto + 1 if upto else None, limit=EVENT_REPLAYS)
    triggers = app.events.replays.triggers(space.id)
    counts = {each.id: len(app.events.replays.fitting(each, page.events)) for each in triggers}
    triggers = sorted((each for each in triggers if counts[each.id]), key=lambda each: -counts[each.id])
    if not triggers:
        st.text("No trigger listens to any of these events.")
        return
    shown = counted(len(page.events), "event")
    st.text(f"The newest {shown} of this filter." if page.cursor else f"{shown} in this filter.")
    chosen = _trigger_field(triggers, {each.id for each in triggers})
    count = counts[chosen.id] if chosen else 0
    st.caption(f"It listens to {count:,} of them. Each starts a run of its own; what the first has done is not undone.")
    pressed = st.button(
        f"Replay {counted(count, 'event')}", type="primary", icon=":material/replay:", disabled=not count
    )
    if pressed and chosen is not None:
        with errors_shown():
            who = app.workspaces.owner().name
            outcome = app.events.replays.replay_many(space.id, page.events, chosen.id, by=who)
            flash(outcome_words(outcome))
            close_window()
            st.rerun()


def _trigger_field(triggers: Sequence[Trigger], fitting: set[str]) -> Trigger | None:
    named = {each.id: each for each in triggers}
    if not named:
        st.text("No agent of this workspace has a trigger that listens to events.")
        return None
    chosen = st.selectbox(
        "Trigger", list(named),
        format_func=lambda key: trigger_name(named[key]) + ("" if key in fitting else " · listens to others"),
    )  # fmt: skip
    return named[chosen] if chosen else None


def trigger_name(trigger: Trigger) -> str:
    """A trigger with its agent, and whether it sleeps."""
    off = "" if trigger.enabled and trigger.instance_status == "active" else " (off)"
    return f"{trigger.instance_name}: {human(trigger.key)}{off}"


def outcome_words(outcome: Outcome) -> str:
    """What became of many, in a sentence."""
    said = f"{counted(outcome.started, 'run')} started." if outcome.started else "No run was started."
    for reason, count in list(outcome.refused.items())[:2]:
        said += f" {count:,} refused: {reason[:_TOLD_CHARS]}"
    return said
