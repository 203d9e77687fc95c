"""Inputs of a definition as widgets: drawn from their specification, and read back as checked values.

A widget belongs to a session key. Empty always means "not given", so that what lies below (a default, the brand, the
workspace) holds. `put` shows a value, `draw` draws the widget, `read` gives what a person left in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from ionflux_core import limits
from ionflux_core.domain.agents import InputSpec
from ionflux_ui.agent_words import human, shown
from ionflux_ui.plain import escaped

Upload = Callable[[str, bytes, str], dict[str, Any]]
"""Takes a file's name, content and media type, stores it, and gives the value of an input of type file."""

_LONG_CHARS: Final = 80
_AREA_PIXELS: Final = 130
# A browser counts in doubles: a larger number would come back changed.
_LARGEST_NUMBER: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Reading:
    """What a widget holds: a value (None: not given), or the problem that keeps it from being one."""

    value: Any = None
    problem: str = ""


def draw(
    spec: InputSpec,
    key: str,
    *,
    inherited: Any = None,
    disabled: bool = False,
    problem: str = "",
    changed: Callable[..., None] | None = None,
    args: tuple[Any, ...] = (),
) -> None:
    """Draw the widget of an input; `inherited` is what holds while it is empty, `changed` is called after an edit."""
    label = human(spec.key) + (" \\*" if spec.required else "")
    common: dict[str, Any] = {"key": key, "help": _help(spec), "disabled": disabled, "on_change": changed, "args": args}
    hint = _placeholder(spec, inherited)
    if spec.type == "file":
        st.file_uploader(label, max_upload_size=limits.UPLOAD_BYTES // limits.MIB, **common)
    elif spec.accepted_values:
        st.selectbox(label, spec.accepted_values, index=None, placeholder=hint, format_func=shown, **common)
    elif spec.type == "boolean":
        st.selectbox(label, (True, False), index=None, placeholder=hint, format_func=shown, **common)
    elif spec.type in ("integer", "number", "float"):
        _draw_number(spec, label, hint, common)
    elif _is_area(spec, st.session_state.get(key)):
        st.text_area(label, height=_AREA_PIXELS, placeholder=hint, **common)
    else:
        st.text_input(label, placeholder=hint, **common)
    if problem:
        st.markdown(f":red[:small[:material/error: {escaped(problem)}]]")


def _draw_number(spec: InputSpec, label: str, hint: str, common: dict[str, Any]) -> None:
    # %g shows what was written: 0.0002 would be 0.00 in the usual two decimals.
    whole = spec.type == "integer"
    look: dict[str, Any] = {"step": 1, "format": "%d"} if whole else {"step": 1.0, "format": "%g"}
    st.number_input(label, value=None, placeholder=hint, **look, **common)


def put(spec: InputSpec, key: str, value: Any) -> None:
    """Show a value in the widget of that key; one that does not fit, or None, leaves it empty. Files cannot be put."""
    if spec.type == "file":
        return
    fits = value is not None and spec.problem_with(value) is None
    st.session_state[key] = _for_widget(spec, value) if fits else _empty(spec)


def _empty(spec: InputSpec) -> Any:
    return "" if spec.type in ("string", "url", "json") and not spec.accepted_values else None


def _for_widget(spec: InputSpec, value: Any) -> Any:
    if spec.accepted_values or spec.type == "boolean":
        return value
    if spec.type in ("integer", "number", "float"):
        if abs(value) > _LARGEST_NUMBER:
            return None
        return int(value) if spec.type == "integer" else float(value)
    return json.dumps(value, indent=2, ensure_ascii=False) if spec.type == "json" else str(value)


def read(spec: InputSpec, key: str, upload: Upload | None = None) -> Reading:
    """What the widget of that key holds now; a chosen file is stored by `upload` and read as a reference to it."""
    held = st.session_state.get(key)
    if held is None or held == "":
        return Reading()
    if spec.type == "file":
        return Reading(upload(held.name, held.getvalue(), held.type)) if upload else Reading()
    reading = _parsed(spec, held)
    wrong = None if reading.problem else spec.problem_with(reading.value)
    return Reading(problem=f"This {wrong}.") if wrong else reading


def _parsed(spec: InputSpec, held: Any) -> Reading:
    if spec.type == "json" and not spec.accepted_values:
        return parse_json(held)
    if spec.type in ("number", "float") and isinstance(held, float) and held.is_integer():
        return Reading(int(held))
    return Reading(held.strip() if isinstance(held, str) and not spec.accepted_values else held)


def parse_json(text: str) -> Reading:
    """The value a JSON text stands for, or what is wrong with it and where; an empty text is no value."""
    if not text.strip():
        return Reading()
    try:
        return Reading(json.loads(text, parse_constant=_refuse_constant))
    except json.JSONDecodeError as error:
        return Reading(problem=f"This is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.")
    except RecursionError:
        return Reading(problem="This nests too deep.")
    except ValueError as error:
        return Reading(problem=str(error))


def _refuse_constant(word: str) -> None:
    raise ValueError(f"This is not JSON: {word} is no number there.")


def _is_area(spec: InputSpec, held: Any) -> bool:
    texts = (held, spec.default, spec.example)
    return spec.type == "json" or any(isinstance(t, str) and ("\n" in t or len(t) > _LONG_CHARS) for t in texts)


def _placeholder(spec: InputSpec, inherited: Any) -> str:
    if inherited is not None:
        return shown(inherited, 60)
    if spec.example is not None and spec.type != "boolean":
        return "such as " + shown(spec.example, 60)
    return "not given"


def _help(spec: InputSpec) -> str:
    facts = [f"`{spec.key}`, {spec.type}", "required" if spec.required else "optional"]
    if spec.default is not None:
        facts.append(f"default {escaped(shown(spec.default))}")
    return f"{escaped(spec.description)}\n\n{', '.join(facts)}"
