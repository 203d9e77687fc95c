"""The list of playbooks with their status and counts, and the ways to make a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ionflux_core.domain.playbook_runs import Performance
from ionflux_core.domain.playbooks import ORDERED, Playbook
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.limits import MIB, NAME_CHARS, YAML_BYTES
from ionflux_core.services.playbooks import plain
from ionflux_ui.agent_words import BY
from ionflux_ui.badges import Badge, badge_line
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped, shortened
from ionflux_ui.playbook_words import STATUSES, counts_words, trigger_words
from ionflux_ui.session import application, flash, open_page, parameter, set_parameters

_EMPTY: Mapping[str, Any] = {"trigger": {"event": ORDERED}}


def show_playbooks(workspace: Workspace) -> None:
    """Draw the playbooks of a workspace; archived ones when the address says so."""
    archived = parameter("archived") == "1"
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover("New playbook", icon=":material/add:"):
            _new_form(workspace)
        with st.popover("Import a file", icon=":material/upload_file:"):
            _import_form(workspace)
        st.toggle(
            "Show archived", archived, key="playbooks-archived",
            on_change=lambda: set_parameters(archived="1" if st.session_state["playbooks-archived"] else None),
        )  # fmt: skip
    found = application().playbooks.find(workspace.id, archived=archived)
    if not found:
        with st.container(border=True):
            st.markdown("**No playbook yet**")
            st.caption("Begin from one of ours, such as Abandoned cart. Nothing starts until you activate it.")
        return
    counts = application().playbook_figures.counts(found)
    for playbook in found:
        _show_line(playbook, counts[playbook.id], workspace.settings.timezone)


def _show_line(playbook: Playbook, figures: Performance, zone: str) -> None:
    with st.container(border=True, gap="xsmall", key=f"playbook-line-{playbook.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            stopped = application().playbooks.stopped(playbook)
            look = Badge("red", "error", "Stopped") if stopped else STATUSES[playbook.status]
            st.markdown(f"**{escaped(playbook.name)}** {badge_line([look])}", width="stretch", help=stopped or None)
            if st.button("Open", key=f"open-{playbook.id}"):
                open_page("playbooks", playbook=playbook.id)
        if playbook.description:
            st.text(shortened(playbook.description, 220))
        st.caption(escaped(f"{trigger_words(playbook)}. {counts_words(figures)}"))
        st.caption(
            f"Version {playbook.version} by {escaped(playbook.author)}, {ago(playbook.updated_at, zone)}",
            help=exact(playbook.updated_at, zone),
            width="content",
        )


def _new_form(workspace: Workspace) -> None:
    shipped = {draft.name: draft for draft in application().playbooks.shipped()}
    begin = st.selectbox(
        "New from",
        ["", *shipped],
        format_func=lambda name: name or "Nothing: one order event, no step",
        key="playbook-begin",
    )
    if begin:
        st.caption(escaped(shipped[begin].description))
    with st.form("playbook-new", border=False):
        name = st.text_input("Name", begin, max_chars=NAME_CHARS, key=f"playbook-new-name-{begin}")
        done = st.form_submit_button("Make it", type="primary")
    if done:
        with errors_shown():
            values = plain(shipped[begin]) if begin else _EMPTY
            made = application().playbooks.create(workspace.id, {**values, "name": (name or "").strip()}, by=BY)
            flash(f"{made.name} is here, as a draft.")
            open_page("playbooks", playbook=made.id)


def _import_form(workspace: Workspace) -> None:
    st.caption("A playbook as YAML or JSON, also as older records write it. It arrives as a draft.")
    chosen = st.file_uploader(
        "File", type=["yaml", "yml", "json"], max_upload_size=max(1, YAML_BYTES // MIB), key="playbook-import"
    )
    if chosen is not None and st.button("Import it", type="primary", icon=":material/check:"):
        with errors_shown():
            made, read = application().playbooks.import_text(workspace.id, chosen.getvalue(), by=BY)
            flash(" ".join([f"{made.name} is here, as a draft.", *read.notes[:3]]))
            open_page("playbooks", playbook=made.id)
