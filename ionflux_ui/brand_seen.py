"""What of a brand or creator is being edited: kept in the session, so that others' saves take nothing from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import streamlit as st

from ionflux_core.domain.workspaces import Brand, Creator

P = TypeVar("P", Brand, Creator)


@dataclass
class Seen(Generic[P]):
    """The profile the fields began with, when it was last changed as far as the person knows, and what they first said.

    `turn` goes into the fields' keys: another turn shows what is stored.
    """

    shown: P
    expected: datetime
    turn: int = 0
    first: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        """Of the fields."""
        return f"profile_{self.shown.id}_{self.turn}"

    def take(self, profile: P) -> None:
        """Show what is stored in place of what was typed."""
        self.shown, self.expected, self.first = profile, profile.updated_at, None
        self.turn += 1


def seen(profile: P) -> Seen[P]:
    """What this session shows of a profile."""
    key = f"profile-seen-{profile.id}"
    if key not in st.session_state:
        st.session_state[key] = Seen(profile, profile.updated_at)
    kept: Seen[P] = st.session_state[key]
    return kept


def tell_conflict(here: Seen[P], stored: P, values: dict[str, Any]) -> None:
    """Once a profile has been saved elsewhere: go along when nothing was typed, else say so and keep what was."""
    if here.first is None:
        here.first = dict(values)
    if here.expected == stored.updated_at:
        return
    if values == here.first:
        here.take(stored)
        st.rerun()

    def keep() -> None:
        here.expected = stored.updated_at

    with st.container(border=True, key="profile-conflict"):
        st.markdown(":orange[:material/warning:] **This was saved by somebody else meanwhile**")
        st.text("What you typed is still in the fields and is not saved. The history says what they changed.")
        with st.container(horizontal=True):
            st.button("Save mine over it, with the button below", icon=":material/edit:", on_click=keep)
            st.button("Take theirs", icon=":material/undo:", on_click=here.take, args=(stored,))
