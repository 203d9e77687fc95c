"""The prompt library's list: libraries, search and pages, both asked of the database."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ionflux_core.domain.prompts import Prompt, PromptLibrary
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import IonfluxError
from ionflux_core.limits import NAME_CHARS, TEXT_CHARS
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import counted, escaped, shortened
from ionflux_ui.session import application, flash, open_page, parameter, set_parameters

_ROWS = 20
_ALL = ""


def show_library(workspace: Workspace) -> None:
    """Draw the libraries of a workspace and the prompts of the one in view, or of all."""
    archived = parameter("archived") == "1"
    libraries = application().prompts.libraries(workspace.id, archived=archived)
    chosen = _filters(libraries, archived)
    _actions(workspace, chosen)
    after = _after()
    found = application().prompts.find(
        workspace.id,
        library_id=chosen.id if chosen else None,
        text=parameter("q") or "",
        archived=archived,
        after=after,
        limit=_ROWS + 1,
    )
    if not found and after is None:
        _show_nothing(bool(parameter("q")))
        return
    names = {library.id: library.name for library in libraries}
    for prompt in found[:_ROWS]:
        _show_line(prompt, names.get(prompt.library_id, "archived library"), workspace.settings.timezone)
    _pager(found)


def back_button() -> None:
    """Back to the list as it was."""
    if st.button("All prompts", type="tertiary", icon=":material/arrow_back:"):
        open_page("prompts", library=parameter("library"))


def archived_badge(status: str) -> str:
    """A mark for what is put away, as Markdown; empty for what is in use."""
    return " :gray-badge[:material/inventory_2: archived]" if status == "archived" else ""


def tag_badges(tags: Sequence[str], most: int = 8) -> str:
    """Tags as Markdown."""
    return " ".join(f":gray-badge[{escaped(shortened(tag, 40))}]" for tag in tags[:most])


def _filters(libraries: Sequence[PromptLibrary], archived: bool) -> PromptLibrary | None:
    """The filter row, kept in the address; the library in view, None for all of them."""
    named = {library.id: library for library in libraries}
    wanted = parameter("library") or _ALL
    if wanted not in named:
        wanted = _ALL
    choice, words, away = st.columns([4, 5, 3], vertical_alignment="bottom")
    # The address says what is in view: a link to a library from this very page is followed, too.
    st.session_state["prompts-library"] = wanted
    choice.selectbox(
        "Library",
        [_ALL, *named],
        key="prompts-library",
        format_func=lambda key: f"All libraries ({len(named)})" if key == _ALL else named[key].name,
        on_change=lambda: set_parameters(library=st.session_state["prompts-library"], after=None),
    )
    words.text_input(
        "Search", parameter("q") or "", key="prompts-search", type="search", placeholder="name, text or tag",
        max_chars=100, live="300ms",
        on_change=lambda: set_parameters(q=st.session_state["prompts-search"].strip(), after=None),
    )  # fmt: skip
    away.toggle(
        "Show archived", archived, key="prompts-archived",
        on_change=lambda: set_parameters(archived="1" if st.session_state["prompts-archived"] else None, after=None),
    )  # fmt: skip
    return named.get(wanted)


def _actions(workspace: Workspace, library: PromptLibrary | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("New prompt", type="primary", icon=":material/add:"):
            open_page("prompts", new="1", library=library.id if library else None)
        with st.popover("New library", icon=":material/create_new_folder:"):
            _library_form(workspace, None)
        if library:
            with st.popover("Edit library", icon=":material/edit:"):
                _library_form(workspace, library)
            _archive_button(workspace, library)
    if library:
        st.markdown(f"**{escaped(library.name)}**{archived_badge(library.status)}")
        if library.description:
            st.text(shortened(library.description, 400))


def _library_form(workspace: Workspace, library: PromptLibrary | None) -> None:
    key = f"library-{library.id}-{library.updated_at.timestamp()}" if library else "library-new"
    with st.form(key, border=False):
        name = st.text_input("Name", library.name if library else "", max_chars=NAME_CHARS, key=f"{key}-name")
        description = st.text_area(
            "What it is for", library.description if library else "", max_chars=TEXT_CHARS, key=f"{key}-description"
        )
        done = st.form_submit_button("Save library" if library else "Make library", type="primary")
    if not done:
        return
    with errors_shown():
        draft = {"name": (name or "").strip(), "description": (description or "").strip()}
        prompts = application().prompts
        if library:
            prompts.save_library(workspace.id, library.id, draft)
        else:
            set_parameters(library=prompts.create_library(workspace.id, draft).id, after=None, q=None)
            st.session_state.pop("prompts-search", None)
        flash(f"{draft['name']} is saved.")
        st.rerun()


def _archive_button(workspace: Workspace, library: PromptLibrary) -> None:
    away = library.status == "archived"
    label, icon = ("Bring library back", "unarchive") if away else ("Archive library", "archive")
    if st.button(label, icon=f":material/{icon}:", help="Its prompts go with it; what uses them by id goes on."):
        try:
            status = "active" if away else "archived"
            application().prompts.set_library_status(workspace.id, library.id, status, by=BY)
        except IonfluxError as error:
            show_error(error)
            return
        flash(f"{library.name} is {'back' if away else 'archived'}.")
        set_parameters(library=library.id if away else None, after=None)
        st.rerun()


def _show_line(prompt: Prompt, library: str, zone: str) -> None:
    with st.container(border=True, gap="xsmall", key=f"prompt-line-{prompt.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            name = f"**{escaped(prompt.name)}**{archived_badge(prompt.status)} {tag_badges(prompt.tags)}"
            st.markdown(name, width="stretch")
            if st.button("Open", key=f"open-{prompt.id}"):
                open_page("prompts", prompt=prompt.id, library=parameter("library"))
        st.text(shortened(prompt.text, 220) or "No text yet.")
        facts = (
            f"{library} · {counted(len(prompt.variables), 'variable')} · version {prompt.version} by {prompt.author}"
        )
        st.caption(
            f"{escaped(facts)}, {ago(prompt.updated_at, zone)}", help=exact(prompt.updated_at, zone), width="content"
        )


def _show_nothing(searched: bool) -> None:
    with st.container(border=True):
        if searched:
            st.text("No prompt has these words in its name, text or tags.")
        else:
            st.text(
                "There is no prompt here yet. A prompt is a text with variables such as {{ product_name }}; "
                "write one, then try it with any model."
            )


def _after() -> tuple[str, str] | None:
    """The (name, id) of the last prompt of the page before, from the address."""
    seen, mark, name = (parameter("after") or "").partition("~")
    return (name, seen) if mark else None


def _pager(found: Sequence[Prompt]) -> None:
    more, later = len(found) > _ROWS, parameter("after") is not None
    if not more and not later:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("First page", icon=":material/first_page:", disabled=not later):
            set_parameters(after=None)
            st.rerun()
        if st.button("Next page", icon=":material/chevron_right:", disabled=not more):
            last = found[_ROWS - 1]
            set_parameters(after=f"{last.id}~{last.name}")
            st.rerun()
