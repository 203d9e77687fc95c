"""Events: the stream of facts, one chain as a picture, who listens to whom, and what could not be delivered."""

import streamlit as st

from ionflux_ui.event_chain import show_chain
from ionflux_ui.event_dead import draw_dead
from ionflux_ui.event_map import draw_map
from ionflux_ui.event_publish import draw_publish
from ionflux_ui.event_stream import draw_stream
from ionflux_ui.event_view import show_event
from ionflux_ui.session import application, parameter, set_parameters, workspace

VIEWS = {"stream": "Stream", "listeners": "Who listens", "dead": "Dead letters"}
KEY = "events_view"


def main() -> None:
    """Draws the one event or chain that is open, or the view the address names."""
    app, space = application(), workspace()
    if event := parameter("event"):
        show_event(app, space, event)
        return
    if correlation := parameter("correlation"):
        show_chain(app, space, correlation)
        return
    title, action = st.columns([3, 2], vertical_alignment="bottom")
    title.title("Events", anchor=False)
    with action.container(horizontal=True, horizontal_alignment="right"):
        draw_publish(app, space)
    st.caption("Every fact that came in or happened here: who published it, who heard it, and what followed.")
    view = parameter("view") if parameter("view") in VIEWS else "stream"
    if st.session_state.get(KEY) != view:
        st.session_state[KEY] = view
    dead = app.events.replays.dead_count(space.id)
    st.segmented_control(
        "Show", list(VIEWS), key=KEY, required=True, label_visibility="collapsed", on_change=_switch,
        format_func=lambda word: f"{VIEWS[word]} ({dead:,})" if word == "dead" and dead else VIEWS[word],
    )  # fmt: skip
    if view == "listeners":
        draw_map(app, space)
    elif view == "dead":
        draw_dead(app, space)
    else:
        draw_stream(app, space)


def _switch() -> None:
    chosen = st.session_state[KEY]
    set_parameters(view=chosen if chosen != "stream" else None, before=None, upto=None, window=None)


main()
