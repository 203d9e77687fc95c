"""The SQL editor: text in, edited text out, with completion of tables and functions, and problems at their places."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ionflux_core.errors import Problem
from ionflux_ui.theme import STATIC

BUNDLE: Final = STATIC / "sql_editor" / "sql_editor.js"
LOADER: Final = Path(__file__).parent / "components" / "sql_editor.js"


@dataclass(frozen=True, slots=True)
class SqlValue:
    """The text as the user left it, and whether this run was caused by Ctrl+Enter or by Ctrl+S in the editor."""

    text: str
    asked: bool
    saved: bool


# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component("ionflux_sql_editor", js=LOADER.read_text(encoding="utf-8"))


def _version() -> str:
    """A short mark of the bundle's content, so that a browser never keeps an old one; empty when there is no bundle."""
    return hashlib.sha256(BUNDLE.read_bytes()).hexdigest()[:12] if BUNDLE.is_file() else ""


_VERSION: Final = _version()


def sql_editor(
    text: str,
    *,
    key: str,
    tables: Sequence[Mapping[str, Any]] = (),
    functions: Sequence[str] = (),
    problems: Sequence[Problem] | None = None,
    height: int = 220,
    revision: int = 0,
    label: str = "Question in SQL",
) -> SqlValue:
    """Draws the editor, `height` pixels high, and returns its text about 0.4 s after the last key or at once when left.

    The user's text wins over `text` until `revision` changes: raise it to put another text in place. Draw it inside a
    fragment to rerun only that part of the page at each pause.
    """
    if not _VERSION:
        typed = st.text_area(label, text, key=f"{key}-{revision}", height=height, label_visibility="collapsed")
        return SqlValue(typed or "", asked=False, saved=False)
    data = {
        "bundle": _bundle_address(),
        "text": _draft(st.session_state.get(key), revision, text),
        "revision": revision,
        # Tuples, because Streamlit asks pandas whether a list is a table, and loading pandas takes long.
        "known": {"tables": tuple(dict(table) for table in tables), "functions": tuple(functions)},
        "problems": None if problems is None else tuple(_mark(problem) for problem in problems),
        "read_only": False,
        "label": label,
    }
    result = _mount(
        key=key, data=data, height=height,
        on_draft_change=_ignore, on_saved_change=_ignore, on_asked_change=_ignore,
    )  # fmt: skip
    typed = _draft(result, revision, text)
    return SqlValue(typed, asked=bool(result.get("asked")), saved=bool(result.get("saved")))


def _bundle_address() -> str:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + base if base else ''}/app/static/sql_editor/{BUNDLE.name}?v={_VERSION}"


def _draft(state: object, revision: int, text: str) -> str:
    """The text typed into this revision, or `text` when nothing was."""
    draft = state.get("draft") if isinstance(state, Mapping) else None
    if not isinstance(draft, Mapping) or draft.get("revision") != revision:
        return text
    return str(draft.get("text", text))


def _mark(problem: Problem) -> dict[str, str | int]:
    place = {"line": problem.line, "column": problem.column}
    return {**place, "message": problem.message, "hint": problem.hint, "severity": "error"}


def _ignore() -> None:
    """Naming a state without doing anything is how Streamlit learns that it exists."""
