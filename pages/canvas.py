"""Pages: documents whose blocks are live agents, figures and questions, in a tree of their own."""

import streamlit as st

from ionflux_core.domain.canvas import PageLine
from ionflux_core.errors import NotFound
from ionflux_ui.canvas_desk import PAGE, open_window, show_refusal, take_due
from ionflux_ui.canvas_page import draw_page
from ionflux_ui.canvas_tree import draw_tree
from ionflux_ui.canvas_windows import draw_window
from ionflux_ui.errors import show_error
from ionflux_ui.session import application, parameter, set_parameters, workspace_id


def main() -> None:
    """Draws the page in the address, else the one that was open last, else the first; or says what pages are for."""
    take_due()
    if parameter("new"):
        set_parameters(new=None)
        open_window("new")
    pages = application().canvas.tree(workspace_id())
    page_id = parameter("page") or _usual(pages)
    draw_tree(pages, page_id)
    show_refusal()
    if page_id is None:
        _empty()
    else:
        set_parameters(page=page_id)
        _page(page_id)
    draw_window()


def _usual(pages: list[PageLine]) -> str | None:
    last = st.session_state.get(PAGE)
    ids = [page.id for page in pages]
    return last if last in ids else next(iter(ids), None)


def _page(page_id: str) -> None:
    try:
        draw_page(page_id)
    except NotFound as error:
        st.title("Pages", anchor=False)
        show_error(error)
        st.button("Show another page", on_click=_forget)


def _forget() -> None:
    st.session_state.pop(PAGE, None)
    set_parameters(page=None)


def _empty() -> None:
    st.title("Pages", anchor=False)
    st.caption("Documents of live blocks: your agents with their results, figures, charts, boards, and your own words.")
    with st.container(border=True):
        st.markdown("**There is no page yet.**")
        st.text(
            "Put your agents beside the text that explains them. A block can read another block's result; when that "
            "changes, what depends on it says so and is refreshed in order."
        )
        with st.container(horizontal=True):
            st.button("Make a page", type="primary", icon=":material/add:", on_click=open_window, args=("new",))
            if application().canvas.templates(workspace_id()):
                st.button("Choose a template", icon=":material/dashboard_customize:", on_click=open_window,
                          args=("templates",))  # fmt: skip
            st.button("Import a page", icon=":material/upload_file:", on_click=open_window, args=("import",))


main()
