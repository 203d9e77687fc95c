"""One flow on the desk: its text with everything done to it since, kept in the session until it is saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.errors import Problem
from ionflux_core.services import flow_edits
from ionflux_core.services.flow_pictures import Picture
from ionflux_ui.agent_draft import Draft, open_draft
from ionflux_ui.session import application

_STEPS_BACK: Final = 200
_CLIP: Final = "flow-clip"


@dataclass(slots=True)
class Desk:
    """A flow's text on its way from a saved version to the next; picture and editor change the same one."""

    workspace_id: str
    name: str
    draft: Draft
    past: list[str] = field(default_factory=list)
    future: list[str] = field(default_factory=list)
    seen: str = ""
    chosen: tuple[str, ...] = ()
    turn: int = 0
    looked: str = ""
    drawn: Picture | None = None

    @property
    def text(self) -> str:
        """The text as it stands."""
        return self.draft.text

    def take_typed(self) -> None:
        """Take over what was typed into the editor since; each pause in typing can be undone."""
        self.draft.take_typed()
        if self.draft.text != self.seen:
            self._remember(self.seen)
            self.seen = self.draft.text

    def put(self, text: str) -> None:
        """Put another text in place; the former one comes back by undo."""
        if text != self.draft.text:
            self._remember(self.draft.text)
            self._show(text)

    def _remember(self, text: str) -> None:
        self.past = [*self.past, text][-_STEPS_BACK:]
        self.future.clear()

    def _show(self, text: str) -> None:
        self.draft.replace(text)
        self.seen = text

    def undo(self) -> None:
        """The text before the last change."""
        if self.past:
            self.future.append(self.draft.text)
            self._show(self.past.pop())

    def redo(self) -> None:
        """The text before the last undo."""
        if self.future:
            self.past.append(self.draft.text)
            self._show(self.future.pop())

    def do(self, said: Any) -> None:
        """Do what the picture asks for; an error leaves the text as it was."""
        self.take_typed()
        action = said.get("action")
        if action in ("undo", "redo"):
            self.undo() if action == "undo" else self.redo()
        elif action == "look":
            self.looked = str(said.get("key") or "")
        elif action == "copy":
            st.session_state[_CLIP] = self._copied(said)
        elif action in ("paste", "duplicate"):
            nodes = self._copied(said) if action == "duplicate" else copied_nodes()
            self._edit({**said, "action": "paste", "nodes": nodes})
        else:
            self._edit(said)

    def _copied(self, said: Any) -> list[dict[str, Any]]:
        keys = said.get("keys")
        return flow_edits.copied(self.text, [str(key) for key in keys] if isinstance(keys, list) else [])

    def _edit(self, said: Any) -> None:
        text = flow_edits.edited(self.text, said)
        if said.get("action") in ("add", "paste"):
            self._choose(flow_edits.new_key(self.text, said))
        elif said.get("action") == "rename":
            around, _, _ = str(said.get("key")).rpartition(".")
            self._choose(f"{around}.{said.get('id')}".lstrip("."))
        self.put(text)

    def _choose(self, key: str) -> None:
        """Have the picture choose a node, once."""
        self.chosen = (key,)
        self.turn += 1

    def look(self) -> tuple[Picture, bool, list[Problem]]:
        """What to draw, whether it is of the text as it stands, and what is wrong with that text.

        While the text cannot be read it is the picture of the last one that could.
        """
        found, problems = application().flow_pictures.picture(self.workspace_id, self.text, but=self.name)
        if found.readable:
            self.drawn = found
        return self.drawn or found, found.readable, problems

    def keep_as(self, text: str, version: int) -> None:
        """The text has been saved, or a saved one is the start now."""
        if text != self.draft.text:
            self._remember(self.draft.text)
        self.draft.keep_as(text, version)
        self.seen = text


def copied_nodes() -> list[dict[str, Any]]:
    """The nodes that were copied last, in this or another flow."""
    found: list[dict[str, Any]] = st.session_state.get(_CLIP, [])
    return found


def open_desk(flow: AgentInstance) -> Desk:
    """The flow's desk in this session; a new one begins with the draft that was kept, if there is one."""
    key = f"flow-desk-{flow.id}"
    desk: Desk | None = st.session_state.get(key)
    draft = open_draft(flow.id, flow.yaml, flow.version)
    if desk is None or desk.draft is not draft:
        kept = application().flows.draft(flow.workspace_id, flow.id)
        if kept is not None and not draft.is_changed:
            draft.version = kept.base_version
            draft.replace(kept.yaml)
        desk = st.session_state[key] = Desk(flow.workspace_id, flow.name, draft, seen=draft.text)
    desk.name = flow.name
    desk.take_typed()
    return desk
