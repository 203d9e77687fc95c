"""A prompt while it is being edited: kept in the session until it is saved, whatever others save meanwhile."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ionflux_core.domain.prompts import Prompt, PromptDraft, PromptVariable, places


@dataclass
class Row:
    """One line of the variables' table; `number` keeps its fields apart from those of other lines."""

    number: int
    name: str = ""
    type: str = "text"
    required: bool = True
    default: str = ""
    description: str = ""


@dataclass
class Editing:
    """A draft over the version it began from; None for a prompt that is not there yet.

    `turn` goes into the keys of the fields: another turn shows what the draft says and not what was typed before.
    """

    base: Prompt | None
    name: str = ""
    text: str = ""
    tags: str = ""
    rows: list[Row] = field(default_factory=list)
    turn: int = 0

    def take(self, prompt: PromptDraft) -> None:
        """Show what a prompt says in place of what was typed."""
        self.name, self.text, self.tags = prompt.name, prompt.text, ", ".join(prompt.tags)
        self.rows = [_row(number, variable) for number, variable in enumerate(prompt.variables)]
        self.turn += 1

    def begin_from(self, prompt: Prompt) -> None:
        """Take what is stored, and go on from there."""
        self.base = prompt
        self.take(prompt)

    def values(self) -> dict[str, Any]:
        """The draft as the service checks it."""
        return {
            "name": self.name.strip(),
            "text": self.text,
            "variables": [_variable(row) for row in self.rows if row.name.strip() or row.description or row.default],
            "tags": list(dict.fromkeys(tag.strip() for tag in self.tags.split(",") if tag.strip())),
        }

    def strangers(self) -> list[str]:
        """Names that stand in the text and are no variable."""
        declared = {row.name.strip() for row in self.rows}
        return [name for name in places(self.text) if name not in declared]

    def unused(self) -> list[str]:
        """Variables that do not stand in the text."""
        used = set(places(self.text))
        return [row.name.strip() for row in self.rows if row.name.strip() and row.name.strip() not in used]

    def add_row(self, name: str = "") -> None:
        """One more variable."""
        self.rows.append(Row(max((row.number for row in self.rows), default=-1) + 1, name))

    @property
    def is_changed(self) -> bool:
        """Whether anything differs from the version it began from."""
        return self.base is None or as_text(self.values()) != as_text(plain(self.base))


def editing(prompt: Prompt) -> Editing:
    """The draft of this session for a prompt."""
    key = f"prompt-editing-{prompt.id}"
    if key not in st.session_state:
        fresh = Editing(prompt)
        fresh.take(prompt)
        st.session_state[key] = fresh
    kept: Editing = st.session_state[key]
    return kept


def plain(prompt: PromptDraft) -> dict[str, Any]:
    """What a person edits of a prompt."""
    return prompt.model_dump(mode="json", include={"name", "text", "variables", "tags"})


def as_text(values: dict[str, Any]) -> str:
    """A prompt as lines of text, for comparing: name, tags, a line for each variable, then its text."""
    lines = [f"Name: {values['name']}", f"Tags: {', '.join(values['tags'])}"]
    lines += [_line(PromptVariable.model_construct(**variable)) for variable in values["variables"]]
    return "\n".join([*lines, "", values["text"]])


def _line(variable: PromptVariable) -> str:
    must = "required" if variable.required else "optional"
    default = "" if variable.default is None else f", default {_said(variable.default)}"
    about = f": {variable.description}" if variable.description else ""
    return f"Variable {variable.name} ({variable.type}, {must}{default}){about}"


def _row(number: int, variable: PromptVariable) -> Row:
    default = "" if variable.default is None else _said(variable.default)
    return Row(number, variable.name, variable.type, variable.required, default, variable.description)


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _variable(row: Row) -> dict[str, Any]:
    return {
        "name": row.name.strip(),
        "type": row.type,
        "required": row.required,
        "default": _default(row),
        "description": row.description.strip(),
    }


def _default(row: Row) -> Any:
    """A default by its type; what cannot be read is left as written, and the service says what is wrong with it."""
    text = row.default.strip()
    if not text:
        return None
    if row.type in ("number", "json_object"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text
