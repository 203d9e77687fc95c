"""The fields of a prompt: name, text, tags, a small table of variables, and names that nobody has declared yet."""

from __future__ import annotations

from typing import Any, Literal, get_args

import streamlit as st

from ionflux_core.domain.prompts import VariableType
from ionflux_core.limits import NAME_CHARS, TEXT_CHARS
from ionflux_ui.plain import escaped
from ionflux_ui.prompt_draft import Editing, Row

TYPES: tuple[str, ...] = get_args(VariableType)
_TYPE_NAMES = {"text": "Text", "number": "Number", "date": "Date", "json_object": "JSON object"}
_MOST_ROWS = 50


def draw_fields(draft: Editing, key: str) -> None:
    """Draw the draft and take over what is typed."""
    key = f"{key}-{draft.turn}"
    left, right = st.columns([3, 2])
    draft.name = left.text_input("Name", max_chars=NAME_CHARS, key=_kept(f"{key}-name", draft.name)) or ""
    draft.tags = (
        right.text_input("Tags", placeholder="email, launch", max_chars=400, key=_kept(f"{key}-tags", draft.tags)) or ""
    )
    draft.text = (
        st.text_area(
            "Text",
            height=220,
            max_chars=TEXT_CHARS,
            placeholder="Write a mail about {{ product_name }} for {{ target_audience }}.",
            help="A variable stands as {{ name }}. What is put in is never read again.",
            key=_kept(f"{key}-text", draft.text),
        )
        or ""
    )
    _strangers(draft, key)
    st.markdown("**Variables**")
    for row in list(draft.rows):
        _row(draft, row, f"{key}-{row.number}", first=row is draft.rows[0])
    full = len(draft.rows) >= _MOST_ROWS
    st.button("Add a variable", icon=":material/add:", key=f"{key}-more", disabled=full, on_click=draft.add_row)
    if unused := draft.unused():
        st.caption(f"Not used in the text: {escaped(', '.join(unused))}")


def _kept(key: str, value: Any) -> str:
    """The key of a field, which shows `value` when it is drawn for the first time."""
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def _strangers(draft: Editing, key: str) -> None:
    names = draft.strangers()
    if not names:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="prompt-strangers"):
        st.markdown(f":orange[:material/help:] The text names {escaped(', '.join(names[:8]))}: no variable yet.")
        st.button(
            "Declare them" if len(names) > 1 else "Declare it",
            icon=":material/playlist_add:",
            key=f"{key}-declare",
            on_click=_declare,
            args=(draft, names),
        )


def _declare(draft: Editing, names: list[str]) -> None:
    for name in names:
        draft.add_row(name)


def _row(draft: Editing, row: Row, key: str, *, first: bool) -> None:
    """One variable; the heads of the columns stand above the first only, and are read aloud for each."""
    shown: Literal["visible", "collapsed"] = "visible" if first else "collapsed"
    with st.container(key=f"prompt-variable-{key}"):
        name, kind, default, about, must, gone = st.columns(
            [3, 2, 3, 4, 2, 1], vertical_alignment="bottom", gap="small"
        )
        row.name = (
            name.text_input("Variable", max_chars=60, label_visibility=shown, key=_kept(f"{key}-name", row.name)) or ""
        )
        row.type = kind.selectbox(
            "Type",
            TYPES,
            format_func=_TYPE_NAMES.__getitem__,
            label_visibility=shown,
            key=_kept(f"{key}-type", row.type),
        )
        row.default = (
            default.text_input(
                "Default", label_visibility=shown, max_chars=TEXT_CHARS, key=_kept(f"{key}-default", row.default)
            )
            or ""
        )
        row.description = (
            about.text_input(
                "Description", label_visibility=shown, max_chars=1_000, key=_kept(f"{key}-about", row.description)
            )
            or ""
        )
        row.required = must.checkbox("Required", key=_kept(f"{key}-must", row.required))
        gone.button(
            "",
            icon=":material/close:",
            key=f"{key}-gone",
            type="tertiary",
            help=f"Remove {escaped(row.name) or 'this variable'}",
            on_click=lambda: draft.rows.remove(row),
        )
