"""The YAML editor: text in, edited text out, with completion from a JSON Schema and problems on their lines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import streamlit as st

from ionflux_core.errors import Problem
from ionflux_ui.theme import STATIC

BUNDLE: Final = STATIC / "yaml_editor" / "yaml_editor.js"
LOADER: Final = Path(__file__).parent / "components" / "yaml_editor.js"

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class EditorValue:
    """The text as the user left it, and whether this run was caused by Ctrl+S or Cmd+S in the editor."""

    text: str
    saved: bool


# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component("ionflux_yaml_editor", js=LOADER.read_text(encoding="utf-8"))


def _version() -> str:
    """A short mark of the bundle's content, so that a browser never keeps an old one; empty when there is no bundle."""
    return hashlib.sha256(BUNDLE.read_bytes()).hexdigest()[:12] if BUNDLE.is_file() else ""


_VERSION: Final = _version()


def current_text(text: str, *, key: str, revision: int = 0) -> str:
    """What `yaml_editor` with the same arguments will return: for checking the text before the editor is drawn."""
    if _VERSION:
        return _draft(st.session_state.get(key), revision, text)
    typed = st.session_state.get(_field(key, revision))
    return typed if isinstance(typed, str) else text


def yaml_editor(
    text: str,
    *,
    key: str,
    schema: Mapping[str, Any] | None = None,
    problems: Sequence[Problem] | None = None,
    warnings: Sequence[Problem] = (),
    height: int = 420,
    read_only: bool = False,
    revision: int = 0,
    label: str = "YAML text",
) -> EditorValue:
    """Draws the editor, `height` pixels high, and returns its text about 0.4 s after the last key or at once when left.

    The user's text wins over `text` until `revision` changes: raise it to put another text in place. `problems` is None
    while nothing has been checked. Draw it inside a fragment to rerun only that part of the page at each pause.
    """
    if not _VERSION:
        field = _field(key, revision)
        return EditorValue(_stand_in(text, field, problems or (), height, read_only, label), saved=False)
    data = {
        "bundle": _bundle_address(),
        "text": current_text(text, key=key, revision=revision),
        "revision": revision,
        "schema": schema,
        "problems": None if problems is None else [*_marks(problems, "error"), *_marks(warnings, "warning")],
        "read_only": read_only,
        "label": label,
    }
    result = _mount(key=key, data=data, height=height, on_draft_change=_ignore, on_saved_change=_ignore)
    return EditorValue(_draft(result, revision, text), bool(result.get("saved")))


def _bundle_address() -> str:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + base if base else ''}/app/static/yaml_editor/{BUNDLE.name}?v={_VERSION}"


def _draft(state: object, revision: int, text: str) -> str:
    """The text typed into this revision, or `text` when nothing was."""
    draft = state.get("draft") if isinstance(state, Mapping) else None
    if not isinstance(draft, Mapping) or draft.get("revision") != revision:
        return text
    return str(draft.get("text", text))


def _marks(problems: Sequence[Problem], severity: Severity) -> list[dict[str, str | int]]:
    return [
        {"line": one.line, "column": one.column, "message": one.message, "hint": one.hint, "severity": severity}
        for one in problems
    ]


def _ignore() -> None:
    """Naming a state without doing anything is how Streamlit learns that it exists."""


def _field(key: str, revision: int) -> str:
    """The stand-in's key: another revision is another field, because a field ignores a new starting text."""
    return f"{key}-{revision}"


def _stand_in(text: str, field: str, problems: Sequence[Problem], height: int, read_only: bool, label: str) -> str:
    """streamlit-ace, or a plain text area without it, for a checkout whose bundle was not built."""
    typed = _ace(text, field, problems, height, read_only)
    if typed is None:
        typed = st.text_area(label, text, key=field, height=height, disabled=read_only, label_visibility="collapsed")
    for one in problems:
        st.error(f"{one} {one.hint}".strip())
    return typed


def _ace(text: str, field: str, problems: Sequence[Problem], height: int, read_only: bool) -> str | None:
    """The text from streamlit-ace, or None when it is not installed."""
    try:
        from streamlit_ace import st_ace
    except ImportError:
        return None
    marks = [
        {"row": one.line - 1, "column": max(one.column - 1, 0), "text": one.message, "type": "error"}
        for one in problems
        if one.line
    ]
    look = {"language": "yaml", "tab_size": 2, "height": height, "auto_update": True}
    return str(st_ace(text, key=field, readonly=read_only, annotations=marks, **look))
