"""What the Explore page holds in a session: the text, the answer, how it is drawn. The address says what is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.questions import Drawing
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import IonfluxError, NotFound
from ionflux_core.services import ready_questions
from ionflux_ui.agent_words import BY
from ionflux_ui.session import application, parameter, set_parameters

FIRST: Final = "SELECT agent, status, count(*) AS runs\nFROM runs\nGROUP BY ALL\nORDER BY runs DESC"
_KEY: Final = "explore"


@dataclass
class Exploring:
    """One workspace's question in one session. `turn` counts the texts that were put in place from outside."""

    workspace_id: str
    text: str = FIRST
    turn: int = 0
    drawing: Drawing = field(default_factory=Drawing)
    asked: str = ""
    answer: dict[str, Any] | None = None
    error: IonfluxError | None = None
    number: int = 0
    page: int = 0
    sorted: int | None = None
    descending: bool = False
    opened: str = ""
    saved_text: str = ""

    @property
    def columns(self) -> list[str]:
        """The names of the answer's columns."""
        return [column["name"] for column in self.answer["columns"]] if self.answer else []


def exploring(workspace: Workspace) -> Exploring:
    """What this session explores; another workspace begins anew, and an address that names a question opens it."""
    kept = st.session_state.get(_KEY)
    if not isinstance(kept, Exploring) or kept.workspace_id != workspace.id:
        kept = st.session_state[_KEY] = Exploring(workspace.id)
    wanted = _in_address()
    if wanted != kept.opened:
        _open(kept, workspace, wanted)
    return kept


def _in_address() -> str:
    for name in ("question", "ready"):
        if value := parameter(name):
            return f"{name}:{value}"
    return ""


def _open(kept: Exploring, workspace: Workspace, wanted: str) -> None:
    """Take over the question that the address names; where it names none, the text stays."""
    kind, _, name = wanted.partition(":")
    kept.opened, kept.error = wanted, None
    if kind == "ready" and (ready := ready_questions.find(name)):
        put(kept, ready.sql, ready.drawing)
    elif kind == "question":
        try:
            saved = application().saved_questions.get(workspace.id, name)
        except NotFound as error:
            kept.error = error
            return
        put(kept, saved.sql_text, saved.chart)
    else:
        return
    kept.saved_text = kept.text
    ask(kept)
    if (view := parameter("view")) in ("table", "pivot"):
        kept.drawing = kept.drawing.model_copy(update={"kind": view})


def put(kept: Exploring, text: str, drawing: Drawing | None = None) -> None:
    """Put a text into the editor; the answer of another one goes."""
    kept.text, kept.turn = text, kept.turn + 1
    kept.drawing = drawing or Drawing()
    kept.answer, kept.error, kept.asked = None, None, ""


def ask(kept: Exploring) -> None:
    """Ask what stands in the editor and keep the answer, or what is wrong."""
    kept.page, kept.sorted, kept.descending = 0, None, False
    kept.number += 1
    try:
        kept.answer = application().questions.ask(kept.workspace_id, kept.text, by=BY)
        kept.error, kept.asked = None, kept.text
    except IonfluxError as error:
        kept.answer, kept.error = None, error
        return
    drawing = kept.drawing
    named = {drawing.x, drawing.y, drawing.series, drawing.column, drawing.value, *drawing.rows} - {""}
    if not named <= set(kept.columns):
        kept.drawing = Drawing(kind=drawing.kind if drawing.kind in ("table", "pivot") else "table")


def open_question(question_id: str | None = None, *, ready: str | None = None) -> None:
    """Let the address name another question, or none."""
    set_parameters(question=question_id, ready=ready, view=None)
