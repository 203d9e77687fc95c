"""The versions of a prompt: who saved what and when, any two compared, any one brought back."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.prompts import Prompt, PromptVersion
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.agent_diff import show_difference
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped
from ionflux_ui.prompt_draft import as_text, plain
from ionflux_ui.session import application, flash, parameter, set_parameters

_SHOWN = 20


def show_versions(workspace: Workspace, prompt: Prompt) -> None:
    """Draw the versions, a page at a time, and how one differs from another."""
    page = _page(prompt)
    found = application().prompts.versions(workspace.id, prompt.id, offset=page * _SHOWN, limit=_SHOWN + 1)
    listed, compared = st.columns([2, 3], gap="large")
    with compared:
        _compare(workspace, prompt)
    with listed:
        for version in found[:_SHOWN]:
            _show_version(workspace, prompt, version)
        _pager(page, more=len(found) > _SHOWN)


def _show_version(workspace: Workspace, prompt: Prompt, version: PromptVersion) -> None:
    current = version.version == prompt.version
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            badge = " :green-badge[:material/check: in use]" if current else ""
            st.markdown(f"**Version {version.version}**{badge}", width="stretch")
            if not current and st.button(
                "Restore", key=f"restore-{version.version}", icon=":material/history:",
                help="Saves this text again as the next version; nothing is lost.",
            ):  # fmt: skip
                with errors_shown():
                    saved = application().prompts.restore(workspace.id, prompt.id, version.version, by=BY)
                    flash(f"Version {version.version} is back, as version {saved.version}.")
                    set_parameters(**{"from": None, "to": None, "versions": None})
                    st.rerun()
        zone = workspace.settings.timezone
        st.caption(
            f"{escaped(version.author)}, {ago(version.created_at, zone)}",
            help=exact(version.created_at, zone),
            width="content",
        )
        if version.message:
            st.text(version.message)


def _compare(workspace: Workspace, prompt: Prompt) -> None:
    if prompt.version < 2:
        st.caption("There is one version. The next save makes a second, and the two can be compared here.")
        return
    with st.container(horizontal=True):
        old = _choose("From version", "from", prompt.version, prompt.version - 1)
        new = _choose("To version", "to", prompt.version, prompt.version)
    with errors_shown():
        before, after = (
            as_text(plain(application().prompts.version(workspace.id, prompt.id, number))) for number in (old, new)
        )
        show_difference(before, after, f"from version {old} to version {new}")


def _choose(label: str, name: str, newest: int, usual: int) -> int:
    """A version by its number, kept in the address."""
    wanted = parameter(name) or ""
    known = wanted.isascii() and wanted.isdigit() and len(wanted) < 9 and 1 <= int(wanted) <= newest
    key = f"prompt-version-{name}"
    st.session_state[key] = int(wanted) if known else usual
    return int(
        st.number_input(
            label, 1, newest, key=key, on_change=lambda: set_parameters(**{name: str(st.session_state[key])}), width=160
        )
    )


def _page(prompt: Prompt) -> int:
    wanted = parameter("versions") or "1"
    last = (prompt.version - 1) // _SHOWN
    return min(int(wanted) - 1, last) if wanted.isascii() and wanted.isdigit() and int(wanted[:9]) > 0 else 0


def _pager(page: int, *, more: bool) -> None:
    if not page and not more:
        return
    with st.container(horizontal=True):
        st.button("Newer", disabled=not page, on_click=lambda: set_parameters(versions=str(page)))
        st.button("Older", disabled=not more, on_click=lambda: set_parameters(versions=str(page + 2)))
