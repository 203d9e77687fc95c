"""The text being edited: kept in the session until it is saved, whatever tab or page is open meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ionflux_core import yaml_text
from ionflux_core.errors import Invalid, Problem
from ionflux_core.yaml_text import Loaded, Path
from ionflux_ui.editor import current_text


@dataclass(frozen=True, slots=True)
class Unread:
    """What was typed into a field of the form and is no value yet; it stays until the YAML's value there changes."""

    text: str
    problem: str
    over: Any


@dataclass(slots=True)
class Draft:
    """A text on its way from a saved version to the next; form and editor change the same one."""

    name: str
    saved: str
    version: int
    text: str
    revision: int = 0
    readable: str = ""
    refused: str = ""
    unread: dict[str, Unread] = field(default_factory=dict)

    @property
    def editor(self) -> str:
        """The session key of its editor."""
        return f"yaml-{self.name}"

    @property
    def is_changed(self) -> bool:
        """Whether there is something to save."""
        return self.text != self.saved

    def take_typed(self) -> None:
        """Take over what was typed into the editor since."""
        self.text = current_text(self.text, key=self.editor, revision=self.revision)

    def loaded(self) -> tuple[Loaded, bool]:
        """The text as data, and whether it could be read; a broken one gives the last that was whole."""
        try:
            found = yaml_text.load(self.text)
        except Invalid:
            return (yaml_text.load(self.readable) if self.readable else Loaded()), False
        self.readable = self.text
        return found, True

    def put(self, path: Path, value: Any) -> None:
        """Set the value at a path, or take it out when it is None; comments and order stay."""
        self.take_typed()
        self.refused = ""
        try:
            if value is None:
                text = yaml_text.remove_value(self.text, path)
            else:
                text = yaml_text.set_value(self.text, path, value)
        except Invalid as error:
            self.refused = str(error)
            return
        self.replace(text)

    def replace(self, text: str) -> None:
        """Put another text into the editor; its undo brings the former one back."""
        if text != self.text:
            self.text = text
            self.revision += 1

    def keep_as(self, text: str, version: int) -> None:
        """The text has been saved, or a saved one is the start now."""
        self.replace(text)
        self.saved, self.version = text, version
        self.unread.clear()


def open_draft(name: str, saved: str, version: int) -> Draft:
    """The draft of that name, with everything typed so far; a new one starts from the saved text.

    One without changes follows what was saved elsewhere; one with changes keeps its version, and saving it asks.
    """
    key = f"draft-{name}"
    draft: Draft | None = st.session_state.get(key)
    if draft is None:
        draft = st.session_state[key] = Draft(name, saved, version, saved)
    draft.take_typed()
    if version != draft.version and not draft.is_changed:
        draft.keep_as(saved, version)
    return draft


def drop_draft(name: str) -> None:
    """Forget a draft."""
    st.session_state.pop(f"draft-{name}", None)


def problem_at(problems: list[Problem], path: Path) -> str:
    """What is wrong with the value at a path, or inside it; empty when nothing is."""
    name = ".".join(str(step) for step in path)
    for problem in problems:
        if problem.path == name or problem.path.startswith(name + "."):
            return f"{problem.message} {problem.hint}".strip()
    return ""
