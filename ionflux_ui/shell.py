"""The frame around every page: theme, logo, workspace switcher, navigation, and the edge no error gets past."""

from __future__ import annotations

import streamlit as st

from ionflux_ui import theme
from ionflux_ui.errors import show_error
from ionflux_ui.frame import draw_frame
from ionflux_ui.navigation import PAGES
from ionflux_ui.session import (
    PAGE,
    application,
    choose_workspace,
    open_incidents,
    open_questions,
    show_flash,
    unread_messages,
    workspace,
)

# What is counted beside a page's name.
_WAITING = {"approvals": open_questions, "chat": unread_messages, "alerts": open_incidents}


def _open_page() -> st.Page:
    """Draw the navigation; the page to show, whose noun is kept for links to the page one is on."""
    sections: dict[str, list[st.Page]] = {}
    nouns: dict[str, str] = {}
    for entry in PAGES:
        waiting = _WAITING[entry.noun]() if entry.noun in _WAITING else 0
        title = f"{entry.title} ({waiting:,})" if waiting else entry.title
        page = st.Page(entry.path, title=title, icon=entry.icon, default=entry.noun == "home")
        sections.setdefault(entry.section, []).append(page)
        nouns[page.title] = entry.noun
    # All of them: folded away, a page is as good as not there.
    page = st.navigation(sections, expanded=True)
    st.session_state[PAGE] = nouns.get(page.title)
    return page


def _demo_progress() -> None:
    """Say how far the demo is while it is being built; looks again by itself only until then."""
    if application().demo.progress is None:
        return

    @st.fragment(run_every=2.0)
    def follow() -> None:
        progress = application().demo.progress
        if progress is None:
            st.rerun()
        st.progress(progress.day / progress.days, text=f"Building the demo: day {progress.day} of {progress.days}")

    with st.sidebar:
        follow()


def _workspace_switcher() -> None:
    shown, existing = workspace(), application().workspaces.all()
    if len(existing) < 2:
        st.sidebar.caption(shown.name)
        return
    names = {each.id: each.name for each in existing}
    chosen = st.sidebar.selectbox(
        "Workspace", list(names), index=list(names).index(shown.id), format_func=lambda key: names[key]
    )
    if chosen != shown.id:
        choose_workspace(chosen)
        st.rerun()


def main() -> None:
    """Draw the frame and the page in it. This is the page edge: an error becomes a sentence."""
    st.set_page_config(page_title="IONFLUX", page_icon=theme.PAGE_ICON, layout="wide")
    st.logo(theme.LOGO_DARK if st.context.theme.type == "dark" else theme.LOGO_LIGHT, icon_image=theme.MARK)
    page = _open_page()
    try:
        with st.sidebar:
            draw_frame()
        _workspace_switcher()
        _demo_progress()
        show_flash()
        page.run()
    except Exception as error:
        show_error(error)


main()
