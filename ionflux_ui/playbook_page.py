"""One playbook: its steps, what starts it, the flow it becomes, its executions and versions."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ionflux_core.domain.playbooks import Audience, Playbook
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Conflict, IonfluxError, NotFound
from ionflux_core.limits import NAME_CHARS
from ionflux_core.yaml_text import dump
from ionflux_ui.agent_diff import show_difference
from ionflux_ui.agent_words import BY
from ionflux_ui.badges import badge_line
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.moments import ago, exact
from ionflux_ui.parts import open_part
from ionflux_ui.plain import escaped
from ionflux_ui.playbook_draft import Editing, editing
from ionflux_ui.playbook_flow import show_flow
from ionflux_ui.playbook_runs import show_runs
from ionflux_ui.playbook_start import draw_start
from ionflux_ui.playbook_steps import draw_steps
from ionflux_ui.playbook_words import STATUSES
from ionflux_ui.session import application, flash, open_page, page_link

_VERSIONS = 20


def show_playbook(workspace: Workspace, playbook_id: str) -> None:
    """Draw a playbook's page; an unknown one gets a sentence and the way back."""
    if st.button("All playbooks", type="tertiary", icon=":material/arrow_back:"):
        open_page("playbooks")
    try:
        playbook = application().playbooks.get(workspace.id, playbook_id)
    except NotFound as error:
        st.title("Playbooks", anchor=False)
        show_error(error)
        return
    st.title(escaped(playbook.name), anchor=False)
    _facts(workspace, playbook)
    _actions(workspace, playbook)
    parts: dict[str, Callable[[Workspace, Playbook], None]] = {
        "Steps": _steps,
        "Start and success": _start,
        "Flow": show_flow,
        "Executions": show_runs,
        "Versions": _versions,
    }
    parts[open_part(parts, key=f"playbook-part-{playbook.id}")](workspace, playbook)


def _facts(workspace: Workspace, playbook: Playbook) -> None:
    zone = workspace.settings.timezone
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(badge_line([STATUSES[playbook.status]]), width="content")
        facts = f"Version {playbook.version} by {playbook.author}, {ago(playbook.updated_at, zone)}"
        st.caption(escaped(facts), help=exact(playbook.updated_at, zone), width="content")
        if playbook.flow_id:
            page_link("runs", "All its runs", icon=":material/play_circle:", instance=playbook.flow_id)
        came = playbook.derived_from or {}
        if came.get("playbook_id"):
            page_link(
                "playbooks", f"Cloned from version {came.get('version')} of another one",
                icon=":material/fork_right:", playbook=str(came["playbook_id"]),
            )  # fmt: skip


def _actions(workspace: Workspace, playbook: Playbook) -> None:
    moves = application().playbooks
    offered: dict[str, tuple[str, str, Callable[..., Playbook], str]] = {
        "Activate": ("play_arrow", "primary", moves.activate, "Its event starts it from now on."),
        "Pause": ("pause", "secondary", moves.pause, "Nothing new starts; who is under way goes on to the end."),
        "Archive": ("archive", "secondary", moves.archive, "Put it away; who is under way goes on to the end."),
        "Bring back": ("unarchive", "secondary", moves.bring_back, "As a draft that nothing starts."),
    }
    if stopped := moves.stopped(playbook):
        st.markdown(f":orange[:material/warning:] {escaped(stopped)} Activate it again once the cause is gone.")
    shown = {"draft": ("Activate", "Archive"), "active": ("Pause", "Archive"), "paused": ("Activate", "Archive"),
             "archived": ("Bring back",)}["paused" if stopped else playbook.status]  # fmt: skip
    failed: IonfluxError | None = None
    with st.container(horizontal=True):
        for label in shown:
            icon, kind, move, note = offered[label]
            if st.button(label, icon=f":material/{icon}:", type=kind, help=note, key=f"playbook-{label}"):  # type: ignore[arg-type]
                failed = _move(workspace, playbook, move)
        with st.popover("Clone", icon=":material/fork_right:"):
            _clone_form(workspace, playbook)
        st.download_button(
            "Download", application().playbooks.text(workspace.id, playbook.id), f"{playbook.slug}.yaml",
            "application/yaml", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
    if failed is not None:
        show_error(failed)


def _move(workspace: Workspace, playbook: Playbook, move: Callable[..., Playbook]) -> IonfluxError | None:
    draft = editing(playbook)
    try:
        if draft.is_changed:
            hint = "Save the steps below, or open the versions to see what is stored."
            raise Conflict("There are changes that are not saved.", hint=hint)
        moved = move(workspace.id, playbook.id, by=BY)
    except IonfluxError as error:
        return error
    draft.begin_from(moved)
    flash(f"{moved.name} is {STATUSES[moved.status].text.lower()}.")
    st.rerun()


def _clone_form(workspace: Workspace, playbook: Playbook) -> None:
    with st.form(f"clone-{playbook.id}", border=False):
        st.caption("A draft of its own for another audience. Say under Start and success what its events must hold.")
        name = st.text_input("Name", f"{playbook.name} copy"[:NAME_CHARS], max_chars=NAME_CHARS)
        audience = st.text_input("Audience", playbook.audience.name, max_chars=NAME_CHARS)
        done = st.form_submit_button("Make the clone", type="primary")
    if done:
        with errors_shown():
            whom = Audience(name=audience or "", filter=playbook.audience.filter)
            made = application().playbooks.clone(workspace.id, playbook.id, name or "", audience=whom, by=BY)
            flash(f"{made.name} is here, as a draft.")
            open_page("playbooks", playbook=made.id)


def _steps(workspace: Workspace, playbook: Playbook) -> None:
    draft, told = editing(playbook), st.container()
    draw_steps(workspace, draft, f"playbook-{playbook.id}")
    _saving(workspace, playbook, draft, told)


def _start(workspace: Workspace, playbook: Playbook) -> None:
    draft, told = editing(playbook), st.container()
    draw_start(draft, f"playbook-{playbook.id}")
    _saving(workspace, playbook, draft, told)


def _saving(workspace: Workspace, playbook: Playbook, draft: Editing, told: DeltaGenerator) -> None:
    """The line below the fields: what has changed, and saving it."""
    if draft.base.version != playbook.version:
        if not draft.is_changed:
            draft.begin_from(playbook)
            st.rerun()
        with told:
            _show_conflict(draft, playbook)
    if playbook.status == "active":
        st.caption("It is active: what is saved holds for who comes next. Who is under way keeps the steps they had.")
    message = st.text_input(
        "What has changed", key=f"playbook-message-{playbook.id}-{draft.base.version}", max_chars=300,
        placeholder="A friendlier second mail",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Save as a new version", type="primary", icon=":material/check:", key="playbook-save")
        if draft.is_changed:
            st.caption(":orange[:material/edit:] Not saved yet.", width="content")
    if pressed:
        _save(workspace, playbook, draft, message or "")


def _save(workspace: Workspace, playbook: Playbook, draft: Editing, message: str) -> None:
    expected = draft.base.version
    try:
        saved = application().playbooks.save(
            workspace.id, playbook.id, draft.values, expected=expected, by=BY, message=message
        )
    except Conflict as error:
        if error.code == "edited_elsewhere" and playbook.version == expected:
            # It happened since this page was drawn: drawn anew, it shows what they saved.
            st.rerun()
        show_error(error)
        return
    except IonfluxError as error:
        show_error(error)
        return
    draft.begin_from(saved)
    flash("Nothing had changed." if saved.version == expected else f"Version {saved.version} is saved.")
    st.rerun()


def _show_conflict(draft: Editing, theirs: Playbook) -> None:
    """Say that another version was saved meanwhile; what was typed here stays in the fields."""
    with st.container(border=True):
        st.markdown(
            f":orange[:material/warning:] **Version {theirs.version} was saved by {escaped(theirs.author)} meanwhile**"
        )
        st.text("What you typed is still below and is not saved.")

        def keep() -> None:
            draft.base = theirs

        with st.container(horizontal=True):
            st.button("Save mine over it, with the button below", icon=":material/edit:", on_click=keep)
            st.button("Take theirs", icon=":material/undo:", on_click=draft.begin_from, args=(theirs,))


def _versions(workspace: Workspace, playbook: Playbook) -> None:
    found = application().playbooks.versions(workspace.id, playbook.id, limit=_VERSIONS)
    zone = workspace.settings.timezone
    texts = {each.version: dump(each.draft.model_dump(mode="json", exclude_defaults=True)) for each in found}
    for each in found:
        with st.container(border=True, gap="xsmall"):
            current = each.version == playbook.version
            with st.container(horizontal=True, vertical_alignment="center"):
                badge = " :green-badge[:material/check: newest]" if current else ""
                st.markdown(f"**Version {each.version}**{badge}", width="stretch")
                if not current and st.button(
                    "Restore", key=f"playbook-restore-{each.version}", icon=":material/history:",
                    help="Saves these steps again as the next version; nothing is lost.",
                ):  # fmt: skip
                    _restore(workspace, playbook, each.version)
            st.caption(
                f"{escaped(each.author)}, {ago(each.created_at, zone)}", help=exact(each.created_at, zone),
                width="content",
            )  # fmt: skip
            if each.message:
                st.text(each.message)
            before = texts.get(each.version - 1)
            if before is not None and st.toggle("What it changed", key=f"playbook-changed-{each.version}"):
                show_difference(before, texts[each.version], f"from version {each.version - 1} to {each.version}")


def _restore(workspace: Workspace, playbook: Playbook, number: int) -> None:
    with errors_shown():
        saved = application().playbooks.restore(workspace.id, playbook.id, number, by=BY)
        editing(playbook).begin_from(saved)
        flash(f"Version {number} is back, as version {saved.version}.")
        st.rerun()
