"""A playbook while it is being edited: kept in the session until it is saved, whatever others save meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from pydantic import ValidationError

from ionflux_core.domain.playbooks import END, Playbook, PlaybookDraft
from ionflux_core.limits import PLAYBOOK_STEPS
from ionflux_core.services.playbooks import plain


@dataclass
class Editing:
    """A draft over the version it began from, as plain JSON; `open` is the step whose fields are shown.

    `turn` goes into the keys of the fields: another turn shows what the draft says and not what was typed before.
    """

    base: Playbook
    values: dict[str, Any] = field(default_factory=dict)
    open: str | None = None
    turn: int = 0

    def begin_from(self, playbook: Playbook) -> None:
        """Take what is stored, and go on from there."""
        self.base = playbook
        self.values = playbook.model_dump(mode="json", include=set(PlaybookDraft.model_fields))
        self.turn += 1

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps, to be read and changed in place."""
        found: list[dict[str, Any]] = self.values["steps"]
        return found

    @property
    def is_full(self) -> bool:
        """Whether no further step may be added."""
        return len(self.steps) >= PLAYBOOK_STEPS

    @property
    def is_changed(self) -> bool:
        """Whether anything differs from the version it began from."""
        draft = self.draft()
        return draft is None or plain(draft) != plain(self.base)

    def draft(self) -> PlaybookDraft | None:
        """The draft as the product knows it; None while something in it cannot be read."""
        try:
            return PlaybookDraft.model_validate(self.values)
        except ValidationError:
            return None

    def add_step(self) -> None:
        """One more step at the end, open."""
        names = {step["id"] for step in self.steps}
        number = next(each for each in range(1, PLAYBOOK_STEPS + 2) if f"step_{each}" not in names)
        self.steps.append({"id": f"step_{number}", "name": f"Step {len(self.steps) + 1}", "action": "send_email",
                           "delay_seconds": 86_400 if self.steps else 0, "config": {}, "only_if": [], "branches": [],
                           "next": None})  # fmt: skip
        self.open = f"step_{number}"

    def move_step(self, place: int, by: int) -> None:
        """Change the place of a step; ways that name it lead to it as before."""
        self.steps.insert(place + by, self.steps.pop(place))
        self.turn += 1

    def remove_step(self, place: int) -> None:
        """Take a step out; what led to it leads to the end."""
        gone = self.steps.pop(place)["id"]
        for step in self.steps:
            step["next"] = END if step["next"] == gone else step["next"]
            for branch in step["branches"]:
                branch["next"] = END if branch["next"] == gone else branch["next"]
        self.open = None if self.open == gone else self.open
        self.turn += 1


def editing(playbook: Playbook) -> Editing:
    """The draft of this session for a playbook."""
    key = f"playbook-editing-{playbook.id}"
    if key not in st.session_state:
        fresh = Editing(playbook)
        fresh.begin_from(playbook)
        st.session_state[key] = fresh
    kept: Editing = st.session_state[key]
    return kept
