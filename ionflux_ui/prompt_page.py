"""One prompt: its text, trying it, its versions, and where it is used."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ionflux_core.domain.prompts import Prompt
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Conflict, IonfluxError, NotFound
from ionflux_core.limits import NAME_CHARS
from ionflux_ui.agent_diff import show_difference
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.moments import ago, exact
from ionflux_ui.parts import open_part
from ionflux_ui.plain import escaped
from ionflux_ui.prompt_draft import Editing, as_text, editing, plain
from ionflux_ui.prompt_editor import draw_fields
from ionflux_ui.prompt_list import archived_badge, back_button
from ionflux_ui.prompt_try import show_try
from ionflux_ui.prompt_versions import show_versions
from ionflux_ui.session import application, flash, open_page, page_link, parameter


def show_prompt(workspace: Workspace, prompt_id: str) -> None:
    """Draw a prompt's page; an unknown one gets a sentence and the way back."""
    back_button()
    try:
        prompt = application().prompts.get(workspace.id, prompt_id)
    except NotFound as error:
        st.title("Prompts", anchor=False)
        show_error(error)
        return
    st.title(f"{escaped(prompt.name)}{archived_badge(prompt.status)}", anchor=False)
    _facts(workspace, prompt)
    _actions(workspace, prompt)
    parts: dict[str, Callable[[Workspace, Prompt], None]] = {
        "Text": _edit,
        "Try it": show_try,
        "Versions": show_versions,
        "Where it is used": _uses,
    }
    parts[open_part(parts, key=f"prompt-part-{prompt.id}")](workspace, prompt)


def _facts(workspace: Workspace, prompt: Prompt) -> None:
    zone = workspace.settings.timezone
    facts = f"Version {prompt.version} by {prompt.author}, {ago(prompt.updated_at, zone)}"
    st.caption(escaped(facts), help=exact(prompt.updated_at, zone), width="content")
    came = prompt.derived_from or {}
    if came.get("prompt_id"):
        page_link(
            "prompts", f"Forked from version {came.get('version')} of another prompt", icon=":material/fork_right:",
            prompt=str(came["prompt_id"]),
        )  # fmt: skip


def _actions(workspace: Workspace, prompt: Prompt) -> None:
    away = prompt.status == "archived"
    with st.container(horizontal=True):
        with st.popover("Fork", icon=":material/fork_right:"):
            _fork_form(workspace, prompt)
        if st.button(
            "Bring back" if away else "Archive",
            icon=":material/unarchive:" if away else ":material/archive:",
            help="What uses it by its id goes on; it is only put away.",
        ):
            with errors_shown():
                application().prompts.set_status(workspace.id, prompt.id, "active" if away else "archived", by=BY)
                flash(f"{prompt.name} is {'back' if away else 'archived'}.")
                st.rerun()


def _fork_form(workspace: Workspace, prompt: Prompt) -> None:
    libraries = {library.id: library.name for library in application().prompts.libraries(workspace.id)}
    if not libraries:
        st.text("There is no library to put it into.")
        return
    keys = list(libraries)
    with st.form(f"fork-{prompt.id}", border=False):
        st.caption("A prompt of its own, that remembers where it came from.")
        name = st.text_input("Name", f"{prompt.name} copy"[:NAME_CHARS], max_chars=NAME_CHARS)
        mine = keys.index(prompt.library_id) if prompt.library_id in libraries else 0
        library = st.selectbox("Library", keys, mine, format_func=libraries.__getitem__)
        done = st.form_submit_button("Make the fork", type="primary")
    if done:
        with errors_shown():
            fork = application().prompts.fork(workspace.id, prompt.id, name or "", library_id=library, by=BY)
            flash(f"{fork.name} is here.")
            open_page("prompts", prompt=fork.id, library=parameter("library"))


def _edit(workspace: Workspace, prompt: Prompt) -> None:
    draft, told = editing(prompt), st.container()
    draw_fields(draft, f"prompt-{prompt.id}")
    # After the fields: what was typed a moment ago is known only once they are drawn.
    if draft.base is not None and draft.base.version != prompt.version:
        if not draft.is_changed:
            draft.begin_from(prompt)
            st.rerun()
        with told:
            _show_conflict(draft, prompt)
    message = st.text_input(
        "What has changed", key=f"prompt-message-{prompt.id}-{draft.turn}", max_chars=300,
        placeholder="Shorter, and with a call to action",
    )  # fmt: skip
    if st.button("Save as a new version", type="primary", icon=":material/check:", key="prompt-save"):
        _save(workspace, prompt, draft, message or "")


def _save(workspace: Workspace, prompt: Prompt, draft: Editing, message: str) -> None:
    expected = draft.base.version if draft.base else prompt.version
    try:
        saved = application().prompts.save(
            workspace.id, prompt.id, draft.values(), expected=expected, by=BY, message=message
        )
    except Conflict as error:
        if error.code == "edited_elsewhere" and prompt.version == expected:
            # It happened since this page was drawn: drawn anew, it shows what they saved.
            st.rerun()
        show_error(error)
        return
    except IonfluxError as error:
        show_error(error)
        return
    draft.begin_from(saved)
    same = saved.version == expected
    flash("Nothing had changed." if same else f"Version {saved.version} is saved.")
    st.rerun()


def _show_conflict(draft: Editing, theirs: Prompt) -> None:
    """Say that another version was saved meanwhile; what was typed here stays in the fields."""
    with st.container(border=True, key="prompt-conflict"):
        st.markdown(
            f":orange[:material/warning:] **Version {theirs.version} was saved by {escaped(theirs.author)} meanwhile**"
        )
        st.text("What you typed is still below and is not saved.")
        show_difference(
            as_text(plain(theirs)), as_text(draft.values()), f"from version {theirs.version} to what stands below"
        )

        def keep() -> None:
            draft.base = theirs

        with st.container(horizontal=True):
            st.button("Save mine over it, with the button below", icon=":material/edit:", on_click=keep)
            st.button("Take theirs", icon=":material/undo:", on_click=draft.begin_from, args=(theirs,))


def _uses(workspace: Workspace, prompt: Prompt) -> None:
    st.markdown("**Its id**, for agents (`ctx.prompt`), pages and the API")
    st.code(prompt.id, language=None)
    uses = application().prompts.uses(workspace.id, prompt.id)
    if not uses:
        st.text("No page and no agent's configuration names it yet.")
    for use in uses:
        if use.kind == "page":
            label = f"{escaped(use.title)}, block {escaped(use.part)}"
            page_link("canvas", label, icon=":material/article:", page=use.id)
        else:
            page_link("agents", escaped(use.title), icon=":material/smart_toy:", instance=use.id)
