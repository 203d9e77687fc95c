"""Compare: two runs side by side, step beside step."""

import streamlit as st

from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.domain.comparisons import RunComparison
from ionflux_core.errors import Invalid, NotFound
from ionflux_ui.compare_pick import pick_runs
from ionflux_ui.compare_view import draw_facts, draw_items, step_items, value_items
from ionflux_ui.plain import counted
from ionflux_ui.session import application, open_page, workspace


def main() -> None:
    """Draws the two lists to choose from, and the comparison of what is chosen."""
    app, space = application(), workspace()
    st.title("Compare runs", anchor=False)
    st.caption("Two runs side by side: what went in, what came out, what each step did, took and cost.")
    left, right = pick_runs(app, space)
    if not left or not right:
        _empty(bool(left or right))
        return
    try:
        found = app.comparisons.runs(space.id, left, right)
    except (NotFound, Invalid) as error:
        st.info(f"{error.message} {error.hint}", icon=":material/info:")
        return
    draw_facts(found, _definition(found), space.settings.timezone, space.id)
    hide = st.toggle("Only what differs", key="compare_only", value=False)
    _values("Result", "outputs", found, "Neither run has a result.", hide)
    _values("Inputs", "inputs", found, "Neither run was given inputs.", hide)
    _steps(found, hide)
    _values("Settings", "settings", found, "Neither run has settings.", hide)


def _definition(found: RunComparison) -> AgentDefinition | None:
    try:
        return application().marketplace.definition(found.right.agent)
    except NotFound:
        return None


def _values(title: str, name: str, found: RunComparison, nothing: str, hide: bool) -> None:
    pairs = getattr(found, name)
    st.subheader(title, anchor=False)
    differing = sum(pair.mark != "same" for pair in pairs)
    if not pairs:
        st.caption(nothing)
    elif not differing:
        st.caption(f"{'All ' if len(pairs) > 1 else ''}{counted(len(pairs), 'value')} the same on both sides.")
    else:
        st.caption(f"{differing} of {counted(len(pairs), 'value')} {'differs' if differing == 1 else 'differ'}.")
    items = value_items(pairs, hide_same=hide or not differing)
    if items:
        draw_items(items, key=name)


def _steps(found: RunComparison, hide: bool) -> None:
    st.subheader("Steps", anchor=False)
    if not found.steps:
        st.caption("Neither run recorded a step.")
        return
    marks = [pair.mark for pair in found.steps]
    told = [("the same", "same"), ("reused", "reused"), ("different", "changed"), ("only on the left", "only_left"),
            ("only on the right", "only_right")]  # fmt: skip
    st.caption(", ".join(f"{marks.count(mark)} {words}" for words, mark in told if mark in marks) + ".")
    items = step_items(found.steps, hide_same=hide)
    if items:
        draw_items(items, key="steps")
    if found.steps_left_out:
        st.caption(f"{counted(found.steps_left_out, 'step')} more were not compared.")


def _empty(one_is_chosen: bool) -> None:
    with st.container(border=True):
        st.markdown("**Choose the other run.**" if one_is_chosen else "**Choose two runs.**")
        st.text("Runs of the same agent tell most: with another model, other inputs, or another version of its YAML.")
        if st.button("Show all runs", icon=":material/play_circle:"):
            open_page("runs")


main()
