"""The windows over pages: a new page, its icon and place, templates, archived pages, import and export."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.canvas import PageLine
from ionflux_core.limits import CANVAS_IMPORT_BYTES, MIB
from ionflux_ui.canvas_configure import configure
from ionflux_ui.canvas_desk import author, close_window, open_window, window
from ionflux_ui.canvas_history import show_history
from ionflux_ui.canvas_output import show_output
from ionflux_ui.canvas_tree import show_page
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago
from ionflux_ui.session import application, flash, workspace, workspace_id

_SYMBOLS: Final = (
    "article", "campaign", "rocket_launch", "calendar_month", "monitoring", "paid", "shopping_cart", "groups",
    "lightbulb", "task_alt", "inventory", "palette", "smart_toy", "science", "flag", "public",
)  # fmt: skip
_SHOWN: Final = 30


def draw_window() -> None:
    """Draw the window that is open, if one is."""
    name, given = window()
    if name in _WINDOWS:
        _WINDOWS[name](**given)


def _done(page_id: str | None = None, said: str = "") -> None:
    """Close the window, go to a page when one is named, and draw everything anew."""
    if page_id is None:
        close_window()
    else:
        show_page(page_id)
    if said:
        flash(said)
    st.rerun()


@st.dialog("New page", on_dismiss=close_window)
def _new(below: str | None = None, template: str | None = None) -> None:
    canvas, space = application().canvas, workspace_id()
    names: dict[str | None, str] = {None: "Blank page"}
    names.update((each.id, each.title) for each in canvas.templates(space))
    with st.form("cw-new", border=False):
        title = st.text_input("Title", key="cw-title", placeholder="Campaign plan")
        parent = _choose_page("Below", canvas.tree(space), below)
        chosen = None
        if len(names) > 1:
            index = list(names).index(template if template in names else None)
            chosen = st.selectbox("Begin with", list(names), index, format_func=lambda key: names[key])
        if st.form_submit_button("Make the page", type="primary"):
            with errors_shown():
                made = canvas.create(space, title, parent_id=parent, template_id=chosen, by=author())
                _done(made.id)


def _choose_page(label: str, pages: Sequence[PageLine], chosen: str | None) -> str | None:
    """A page of the tree to put something under; None is the top."""
    names: dict[str | None, str] = {None: "The top of the tree"}
    names |= {each.id: "\u2003" * each.depth + each.title for each in pages}
    index = list(names).index(chosen if chosen in names else None)
    found: str | None = st.selectbox(label, list(names), index, format_func=lambda key: names[key])
    return found


@st.dialog("Icon of the page", on_dismiss=close_window)
def _icon(page: str) -> None:
    canvas, space = application().canvas, workspace_id()
    held = canvas.page(space, page).icon
    symbol = st.pills("Symbol", _SYMBOLS, default=held if held in _SYMBOLS else None, key="cw-symbol",
                      format_func=lambda name: f":material/{name}:")  # fmt: skip
    typed = st.text_input("Or one emoji, or the name of a Material symbol", "" if held in _SYMBOLS else held,
                          key="cw-icon", placeholder="🚀")  # fmt: skip
    with st.container(horizontal=True):
        if st.button("Take it", type="primary"):
            with errors_shown():
                canvas.save_page(space, page, icon=typed or symbol or "", by=author())
                _done()
        if held and st.button("No icon"):
            with errors_shown():
                canvas.save_page(space, page, icon="", by=author())
                _done()


@st.dialog("Move the page", on_dismiss=close_window)
def _move(page: str) -> None:
    canvas, space = application().canvas, workspace_id()
    pages = canvas.tree(space)
    here = next((each for each in pages if each.id == page), None)
    if here is None:
        st.text("Only active pages have a place in the tree.")
        return
    known = {each.id for each in pages}
    chosen = _choose_page(
        "Below", _elsewhere(pages, here), here.parent_page_id if here.parent_page_id in known else None
    )
    st.caption("All pages below it move along. It becomes the last one there.")
    if st.button("Move it", type="primary"):
        with errors_shown():
            canvas.move_page(space, page, parent_id=chosen, position=len(pages), by=author())
            _done()


def _elsewhere(pages: Sequence[PageLine], here: PageLine) -> list[PageLine]:
    """The pages that a page can be put under: not itself, and none below it."""
    at = pages.index(here)
    end = next((i for i in range(at + 1, len(pages)) if pages[i].depth <= here.depth), len(pages))
    return [*pages[:at], *pages[end:]]


@st.dialog("Save as template", on_dismiss=close_window)
def _template(page: str) -> None:
    canvas, space = application().canvas, workspace_id()
    st.text("New pages can begin with the blocks of this one, without what was computed.")
    title = st.text_input("Name of the template", canvas.page(space, page).title, key="cw-template")
    if st.button("Save the template", type="primary"):
        with errors_shown():
            canvas.save_as_template(space, page, title, by=author())
            _done(said="The template is saved. Choose it with a new page.")


@st.dialog("Templates", on_dismiss=close_window)
def _templates() -> None:
    canvas, space = application().canvas, workspace_id()
    found = canvas.templates(space)
    if not found:
        st.text("There is no template yet. Open a page and choose Save as template in its menu.")
        return
    chosen = _pick("Template", found)
    with st.container(horizontal=True):
        if st.button("Make a page from it", type="primary"):
            open_window("new", template=chosen.id)
            st.rerun()
        if st.button("Open it"):
            _done(chosen.id)


@st.dialog("Archived pages", on_dismiss=close_window)
def _archived() -> None:
    canvas, space = application().canvas, workspace_id()
    found = canvas.tree(space, "archived")
    if not found:
        st.text("No page is archived.")
        return
    chosen = _pick("Page", found)
    st.caption(f"Changed last {ago(chosen.updated_at, workspace().settings.timezone)}.")
    with st.container(horizontal=True):
        if st.button("Bring it back", type="primary"):
            with errors_shown():
                canvas.set_page_status(space, chosen.id, "active", by=author())
                _done(chosen.id, "The page is back, with all below it.")
        if st.button("Look at it"):
            _done(chosen.id)


def _pick(label: str, pages: Sequence[PageLine]) -> PageLine:
    by_id = {each.id: each for each in pages}
    return by_id[
        st.selectbox(label, list(by_id), format_func=lambda key: "\u2003" * by_id[key].depth + by_id[key].title)
    ]


@st.dialog("Import a page", on_dismiss=close_window)
def _import() -> None:
    canvas, space = application().canvas, workspace_id()
    st.text(
        "A page that was exported as YAML from any IONFLUX. The file is checked first; a wrong one changes nothing."
    )
    chosen = st.file_uploader("File", type=["yaml", "yml"], max_upload_size=CANVAS_IMPORT_BYTES // MIB, key="cw-import")
    parent = _choose_page("Below", canvas.tree(space), None)
    if st.button("Import it", type="primary", disabled=chosen is None) and chosen is not None:
        with errors_shown():
            files = application().canvas_files
            made = files.import_yaml(space, chosen.getvalue(), parent_id=parent, by=author())
            _done(made.id, "Imported.")


@st.dialog("Export the page", on_dismiss=close_window)
def _export(page: str) -> None:
    app, space = application(), workspace_id()
    title = app.canvas.page(space, page).title
    name = re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-").lower()[:60] or "page"
    st.text("Markdown and HTML show what the blocks show now. The YAML file can be imported again, here or elsewhere.")
    formats: Sequence[tuple[str, str, str, Callable[[str, str], str]]] = (
        ("Markdown", "md", "text/markdown", app.canvas_files.markdown),
        ("HTML", "html", "text/html", app.canvas_files.html),
        ("YAML", "yaml", "application/yaml", app.canvas_files.yaml),
    )
    with st.container(horizontal=True):
        for label, suffix, media_type, write in formats:
            st.download_button(
                label, _written(write, space, page), f"{name}.{suffix}", media_type, key=f"cw-export-{suffix}",
                icon=":material/download:", on_click="ignore",
            )  # fmt: skip


def _written(write: Callable[[str, str], str], space: str, page: str) -> Callable[[], bytes]:
    """The file, made only when somebody asks for it."""
    return lambda: write(space, page).encode()


@st.dialog("History", width="medium", on_dismiss=close_window)
def _history(page: str) -> None:
    show_history(workspace(), page, _done)


@st.dialog("Configure the block", width="medium", on_dismiss=close_window)
def _configure(block: str) -> None:
    configure(workspace_id(), block, _done)


@st.dialog("Full output", width="large", on_dismiss=close_window)
def _output(block: str) -> None:
    show_output(workspace_id(), block)


_WINDOWS: Final[Mapping[str, Callable[..., Any]]] = {
    "new": _new,
    "icon": _icon,
    "move": _move,
    "template": _template,
    "templates": _templates,
    "archived": _archived,
    "import": _import,
    "export": _export,
    "history": _history,
    "configure": _configure,
    "open": _output,
}
