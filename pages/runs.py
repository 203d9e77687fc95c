"""Runs: the list with its filters, and one run when the address names one."""

import streamlit as st

from ionflux_core.domain.runs import RunFilter
from ionflux_ui.plain import escaped
from ionflux_ui.run_file import compare_picked, draw_compare_button, draw_import, draw_picking_hint, is_picking
from ionflux_ui.run_filters import TRAIL, clear_filters, draw_filters, filter_in_address, is_narrowed
from ionflux_ui.run_list import run_list
from ionflux_ui.run_view import show_run
from ionflux_ui.session import application, open_page, parameter, set_parameters, workspace

ROWS = 50
REFRESH_SECONDS = 2.0
COUNTED = 10_000


def main() -> None:
    """Draws the one run that is open, or the list."""
    run_id = parameter("run")
    if run_id:
        show_run(application(), workspace(), run_id)
    else:
        _list()


def _list() -> None:
    app, space = application(), workspace()
    title, actions = st.columns([2, 3], vertical_alignment="bottom")
    title.title("Runs", anchor=False)
    with actions.container(horizontal=True, horizontal_alignment="right"):
        draw_import(app, space)
        draw_compare_button()
        if st.button("Run an agent", type="primary", icon=":material/play_arrow:"):
            open_page("agents")
    st.caption("Everything your agents did: what started them, what came out, how long it took and what it cost.")
    narrow, wrong = filter_in_address(space.settings.timezone)
    page = app.search.find(space.id, narrow, cursor=parameter("before"), limit=ROWS)
    if page.runs or is_narrowed():
        draw_filters(app, space)
    if not page.complete:
        st.caption(":material/info: The words of the newest runs are still being gathered; search again in a moment.")
    if wrong:
        st.caption(f":material/info: Left out, because the address says nothing usable there: {', '.join(wrong)}.")
    if narrow.correlation_id:
        st.caption(":material/link: Only the runs of one chain, from what started it to what followed.")
    if narrow.error_code:
        st.caption(f":material/error: Only the runs that failed with {escaped(narrow.error_code)}.")
    if not page.runs:
        _empty()
        return
    draw_picking_hint()
    executing = any(run.status in ("pending", "running") for run in page.runs)
    st.fragment(_rows, run_every=REFRESH_SECONDS if executing else None)(narrow)
    _pager(narrow, page.cursor)


def _rows(narrow: RunFilter) -> None:
    """The rows of this page, drawn anew for as long as one of them is being executed."""
    app, space = application(), workspace()
    page = app.search.find(space.id, narrow, cursor=parameter("before"), limit=ROWS)
    names = {definition.slug: definition.name for definition in app.marketplace.definitions()}
    opened = run_list(page.runs, key="runs_list", zone=space.settings.timezone, agents=names,
                      fragments=page.fragments, on_pick=compare_picked if is_picking() else None)  # fmt: skip
    if opened:
        set_parameters(run=opened)
        st.rerun()
    followed = st.session_state.get("runs_followed", False)
    st.session_state["runs_followed"] = any(run.status in ("pending", "running") for run in page.runs)
    if followed and not st.session_state["runs_followed"]:
        st.rerun()


def _empty() -> None:
    with st.container(border=True):
        if is_narrowed() or parameter("before"):
            st.markdown("**No run fits these filters.**")
            st.button("Show all runs", type="primary", on_click=clear_filters)
            return
        st.markdown("**Nothing has run yet.**")
        st.text("Each time an agent works, by hand, on a schedule or because something happened, its run appears here.")
        if st.button("Choose an agent from the marketplace", icon=":material/storefront:"):
            open_page("marketplace")


def _pager(narrow: RunFilter, cursor: str | None) -> None:
    count = application().runs.count(workspace().id, narrow)
    shown = f"{COUNTED:,}+ runs" if count > COUNTED else f"{count:,} {'run' if count == 1 else 'runs'}"
    before = parameter("before")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(shown, width="content")
        if is_narrowed():
            st.button("Clear filters", type="tertiary", on_click=clear_filters)
        if before and not st.session_state.get(TRAIL):
            st.button("Newest", icon=":material/first_page:", on_click=lambda: set_parameters(before=None))
        elif before:
            st.button("Newer", icon=":material/chevron_left:", on_click=_newer)
        if cursor:
            st.button("Next", icon=":material/chevron_right:", icon_position="right", on_click=_older, args=(cursor,))


def _older(cursor: str) -> None:
    st.session_state[TRAIL] = [*st.session_state.get(TRAIL, []), parameter("before") or ""]
    set_parameters(before=cursor)


def _newer() -> None:
    *earlier, last = st.session_state[TRAIL]
    st.session_state[TRAIL] = earlier
    set_parameters(before=last or None)


main()
