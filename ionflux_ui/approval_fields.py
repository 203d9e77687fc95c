"""The fields of a draft: each shown by its kind, and the editable ones edited in place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

import streamlit as st

from ionflux_core.domain.runs import Approval
from ionflux_core.errors import Invalid, Problem
from ionflux_core.yaml_text import dump, load
from ionflux_ui.plain import escaped
from ionflux_ui.run_outputs import Download, draw_value
from ionflux_ui.run_text import is_number, safe_markdown

_LONG_CHARS: Final = 80
_LARGEST_NUMBER: Final = 2**53 - 1
_AREA_PIXELS: Final = 180


def draw_fixed(approval: Approval, read: Download) -> None:
    """What the question is about and nobody may change here."""
    fixed = {name: value for name, value in approval.data.items() if name not in approval.editable}
    if not fixed:
        return
    with st.expander("What it is about", expanded=len(str(fixed)) < 1200, icon=":material/info:"):
        for name, value in fixed.items():
            st.caption(label_of(name))
            draw_value(value, kind_of(value), key=f"fixed-{approval.id}-{name}", read=read)


def draw_editable(approval: Approval) -> dict[str, Any]:
    """Widgets for what may be edited; what stands in each of them now."""
    return {name: _field(approval, name) for name in approval.editable}


def label_of(name: str) -> str:
    """A field's name for people."""
    return escaped(name.replace("_", " ").capitalize())


def kind_of(value: Any) -> str:
    """How a value is best drawn: text of several lines as Markdown, the rest by its type."""
    if isinstance(value, str):
        return "markdown" if "\n" in value else "string"
    return "number" if _fits_a_field(value) else "json"


def _fits_a_field(value: object) -> TypeGuard[int | float]:
    """True for a number a browser can hold unchanged."""
    return is_number(value) and -_LARGEST_NUMBER < value < _LARGEST_NUMBER


def _field(approval: Approval, name: str) -> Any:
    value, key, label = approval.data.get(name), f"edit_{approval.id}_{name}", label_of(name)
    if isinstance(value, bool):
        return st.checkbox(label, value, key=key)
    if _fits_a_field(value):
        whole = isinstance(value, int)
        return st.number_input(label, value=value, key=key, step=1 if whole else 1.0, format="%d" if whole else "%g")
    if isinstance(value, str) and "\n" in value:
        shown, edit = st.tabs([f"{label}, as it reads", "Edit"])
        with shown.container(border=True):
            st.markdown(safe_markdown(value))
        return edit.text_area(label, value, key=key, height=_AREA_PIXELS)
    text = value if isinstance(value, str) else "" if value is None else dump(value).strip()
    if "\n" in text or len(text) > _LONG_CHARS:
        return st.text_area(label, text, key=key, height=_AREA_PIXELS)
    return st.text_input(label, text, key=key)


def edited(data: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """The fields a person changed, with the kind of value they had; Invalid when a text no longer reads as that."""
    changes: dict[str, Any] = {}
    for name, held in written.items():
        before = data.get(name)
        after = _value(name, held, before)
        if after != before and not (before is None and after in (None, "")):
            changes[name] = after
    return changes


def _value(name: str, held: Any, before: Any) -> Any:
    """What a widget holds, as the kind of value that was there: lists and maps were written as YAML."""
    if before is None or isinstance(before, str):
        return held if isinstance(before, str) or held else None
    if isinstance(before, bool) or (is_number(before) and is_number(held)):
        whole = isinstance(before, int) and isinstance(held, float) and held.is_integer()
        return int(held) if whole else held
    after = load(str(held or "").encode()).numbers()
    fits = is_number(after) if is_number(before) else type(after) is type(before)
    if not fits:
        kind = "a number" if is_number(before) else "a list" if isinstance(before, list) else "a map"
        problem = Problem(f"{name} must be {kind}.", path=name)
        raise Invalid("The answer was not sent.", problems=[problem], hint=f"It was {json.dumps(before)[:120]}.")
    return after
