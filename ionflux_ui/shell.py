"""The frame around every page: theme, logo, workspace switcher, navigation, and the edge no error gets past."""

from __future__ import annotations

import streamlit as st

from ionflux_ui import theme
from ionflux_ui.errors import show_error
from ionflux_ui.navigation import PAGES
from ionflux_ui.session import application, choose_workspace, show_flash, workspace


def _navigation() -> dict[str, list[st.Page]]:
    sections: dict[str, list[st.Page]] = {}
    for entry in PAGES:
        page = st.Page(entry.path, title=entry.title, icon=entry.icon, default=entry.noun == "home")
        sections.setdefault(entry.section, []).append(page)
    return sections


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
    theme.inject()
    st.logo(theme.LOGO_DARK if st.context.theme.type == "dark" else theme.LOGO_LIGHT, icon_image=theme.MARK)
    page = st.navigation(_navigation())
    try:
        _workspace_switcher()
        show_flash()
        page.run()
    except Exception as error:
        show_error(error)


main()
