"""The history of a brand or creator: who did what, when, and what each field said before."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.domain.workspaces import Brand, Creator, ProfileChange, Workspace
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped, shortened
from ionflux_ui.session import application, parameter, set_parameters

_SHOWN: Final = 20
_DONE: Final = {"created": "added it", "saved": "saved it", "archived": "archived it", "active": "brought it back"}
_NAMES: Final = {
    "voice_do": "Voice: do",
    "voice_dont": "Voice: do not",
    "visual": "Look",
    "mood_board": "Mood board",
    "niche_tags": "Niche",
    "bio": "Story",
    "portfolio_links": "Portfolio",
    "audience_demographics": "Audience",
    "inputs": "Defaults for agents",
    "tiktok": "TikTok",
    "whatsapp": "WhatsApp",
    "youtube": "YouTube",
}


def show_history(workspace: Workspace, profile: Brand | Creator) -> None:
    """Draw the newest lines, or those before the one the address names."""
    wanted = parameter("before") or ""
    before = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 16 else None
    found = application().workspaces.profile_history(workspace.id, profile.id, before=before, limit=_SHOWN + 1)
    if not found:
        st.text("Nothing has been noted yet. Every save from now on leaves a line here.")
    for change in found[:_SHOWN]:
        _show_change(change, workspace.settings.timezone)
    if before or len(found) > _SHOWN:
        last = str(found[_SHOWN - 1].seq) if len(found) > _SHOWN else None
        with st.container(horizontal=True):
            st.button("Newest", disabled=before is None, on_click=lambda: set_parameters(before=None))
            st.button("Older", disabled=last is None, on_click=lambda: set_parameters(before=last))


def _show_change(change: ProfileChange, zone: str) -> None:
    done = _DONE.get(change.action, change.action)
    with st.container(border=True, gap="xsmall"):
        st.markdown(
            f"**{escaped(change.who or 'somebody')}** {escaped(done)}, {ago(change.at, zone)}",
            help=exact(change.at, zone),
            width="content",
        )
        for name, (old, new) in change.changed.items():
            st.text(f"{_name(name)}: {_said(old)} → {_said(new)}")


def _name(field: str) -> str:
    return _NAMES.get(field, field.replace("_", " ").capitalize())


def _said(text: str) -> str:
    return f"“{shortened(text, 120)}”" if text else "nothing"
