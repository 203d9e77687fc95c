"""The fields of a block as widgets, drawn from what its kind says of them, and read back as checked values.

Every widget belongs to a session key. What is too large for a browser is not drawn: a file replaces it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.agents import InputSpec
from ionflux_core.domain.references import found
from ionflux_core.limits import CANVAS_CONTENT_BYTES, CANVAS_VIEW_BYTES, MIB, UPLOAD_BYTES
from ionflux_core.services.block_fields import BlockField
from ionflux_core.services.files import kind_of
from ionflux_ui.agent_words import human
from ionflux_ui.canvas_choices import Choices
from ionflux_ui.forms import Reading, parse_json
from ionflux_ui.plain import escaped
from ionflux_ui.session import application

_AREAS: Final = {"markdown": 260, "sql": 200, "json": 260, "lines": 110}
_TEXTS: Final = frozenset({"line", "markdown", "sql"})
_PLAIN: Final = frozenset({"choice", "switch", "number"})
_HEAD_BYTES: Final = 16


def key_of(block_id: str, name: str) -> str:
    """The session key of a field's widget."""
    return f"cw-{block_id}-{name}"


def put(field: BlockField, key: str, value: Any) -> None:
    """Show a value in the widget of that key, unless somebody has typed there already."""
    shown = value
    if field.widget == "json":
        shown = "" if _is_large(value) else json.dumps(value, ensure_ascii=False, indent=2)
    elif field.widget == "lines":
        shown = "\n".join(map(str, value or ()))
    elif field.widget in _TEXTS:
        shown = value or ""
    elif field.widget not in _PLAIN:
        # What can be chosen is None while nothing is; files and variables have widgets of their own.
        shown = value or None
    if field.widget not in ("file", "variables"):
        st.session_state.setdefault(key, shown)


def draw(field: BlockField, key: str, value: Any, choices: Choices, problem: str = "") -> None:
    """Draw the widget of a field; `value` is what is stored of it."""
    label, note = escaped(field.title), escaped(field.description) or None
    options = choices.of(field.widget)
    if options is not None:
        _draw_choice(label, key, value, options, note)
    elif field.widget in _PLAIN:
        _draw_plain(field, label, key, note)
    elif field.widget == "file":
        _draw_file(field, key, value, note)
    elif field.widget == "variables":
        _draw_variables(field, key, value, choices)
    elif field.widget == "json" and _is_large(value):
        _draw_large(field, key)
    else:
        _draw_text(field, label, key, note)
        if field.widget == "sql":
            _draw_tables(choices.workspace_id)
    if problem:
        st.markdown(f":red[:small[:material/error: {escaped(problem)}]]")


def _draw_plain(field: BlockField, label: str, key: str, note: str | None) -> None:
    if field.widget == "choice":
        st.selectbox(label, field.choices, key=key, format_func=human, help=note)
    elif field.widget == "switch":
        st.toggle(label, key=key, help=note)
    else:
        st.number_input(label, field.low, field.high, key=key, help=note)


def _draw_text(field: BlockField, label: str, key: str, note: str | None) -> None:
    if field.widget in _AREAS:
        st.text_area(label, key=key, height=_AREAS[field.widget], help=note)
    else:
        st.text_input(label, key=key, help=note)


def _draw_choice(label: str, key: str, value: Any, options: Mapping[Any, str], note: str | None) -> None:
    known = dict(options)
    if value and value not in known:
        known[value] = f"{value} (not offered any more)"
    if st.session_state.get(key) not in known:
        st.session_state[key] = None
    hint = "None" if known else "There is nothing to choose from"
    st.selectbox(
        label, list(known), index=None, key=key, format_func=lambda each: known[each], placeholder=hint, help=note
    )


def _draw_file(field: BlockField, key: str, value: Any, note: str | None) -> None:
    if isinstance(value, Mapping):
        st.toggle(f"Keep {escaped(str(value.get('name') or 'the file'))}", True, key=f"{key}-keep")
    label = f"{'Another file' if value else escaped(field.title)} ({field.accepts.rstrip('/') or 'file'})"
    st.file_uploader(label, max_upload_size=UPLOAD_BYTES // MIB, key=key, help=note)


def _draw_large(field: BlockField, key: str) -> None:
    st.caption(f"{escaped(field.title)}: too large to be edited here. It stays as it is, or a JSON file replaces it.")
    most = max(1, CANVAS_CONTENT_BYTES // MIB)
    st.file_uploader("A JSON file in its place", type=["json"], max_upload_size=most, key=f"{key}-file")


def _draw_tables(workspace_id: str) -> None:
    with st.expander("Tables"):
        lines = [
            f"**{table['name']}**: {', '.join(escaped(column['name']) for column in table['columns'])}"
            for table in application().questions.tables(workspace_id)
        ]
        st.caption("\n\n".join(lines))


def _draw_variables(field: BlockField, key: str, value: Any, choices: Choices) -> None:
    given = value if isinstance(value, Mapping) else {}
    specs = choices.variables()
    with st.expander(
        f"{escaped(field.title)} ({len(specs)})" if specs else escaped(field.title), expanded=len(specs) < 8
    ):
        st.caption("What stays empty is left to the agent or the prompt. A value may read another block.")
        for spec in specs:
            own = f"{key}-{spec.key}"
            st.session_state.setdefault(own, _as_text(given.get(spec.key)))
            st.text_area(human(spec.key) + (" \\*" if spec.required else ""), key=own, height="content",
                         help=_about(spec))  # fmt: skip
        others = {name: each for name, each in given.items() if name not in {spec.key for spec in specs}}
        if others or not specs:
            st.session_state.setdefault(
                f"{key}-others", json.dumps(others, ensure_ascii=False, indent=2) if others else ""
            )
            st.text_area("Other values, as JSON", key=f"{key}-others", height=110)


def _about(spec: InputSpec) -> str:
    accepted = f" One of: {', '.join(map(str, spec.accepted_values))}." if spec.accepted_values else ""
    return escaped(f"{spec.description} ({spec.type}){accepted}")


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_large(value: Any) -> bool:
    return len(json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "replace")) > CANVAS_VIEW_BYTES


def held(field: BlockField, key: str, value: Any) -> Any:
    """What a field's widget holds, as far as other fields depend on it; before it is drawn what is stored."""
    return st.session_state.get(key, value)


def read(field: BlockField, key: str, value: Any, choices: Choices) -> Reading:
    """What a person left in a field, or what is wrong with it; `value` is what is stored."""
    reader = _READ.get(field.widget)
    if reader is not None:
        return reader(field, key, value, choices)
    typed = st.session_state.get(key)
    if typed is None or typed == "":
        # An empty number or choice is for the kind to refuse, in its own words.
        return Reading(None if field.optional or field.widget in _PLAIN else "")
    return Reading(typed)


def _read_json(field: BlockField, key: str, value: Any, choices: Choices) -> Reading:
    if _is_large(value):
        file = st.session_state.get(f"{key}-file")
        if file is None:
            return Reading(value)
        return _json_of(file.getvalue().decode("utf-8", "replace"))
    return _json_of(str(st.session_state.get(key) or ""))


def _json_of(text: str) -> Reading:
    return parse_json(text) if text.strip() else Reading(problem="JSON is missing; an empty map is {}.")


def _read_lines(field: BlockField, key: str, value: Any, choices: Choices) -> Reading:
    lines = (line.strip() for line in str(st.session_state.get(key) or "").splitlines())
    return Reading([line for line in lines if line])


def _read_file(field: BlockField, key: str, value: Any, choices: Choices) -> Reading:
    chosen = st.session_state.get(key)
    if chosen is None:
        return Reading(value if st.session_state.get(f"{key}-keep", True) else None)
    data = chosen.getvalue()
    kind = kind_of(data[:_HEAD_BYTES])
    if not kind.startswith(field.accepts or ("image/", "video/")):
        wanted = "a PNG, JPEG, GIF or WebP picture" if field.accepts == "image/" else "an MP4, WebM or Ogg film"
        return Reading(problem=f"{chosen.name} is not {wanted}, whatever its name says.")
    return Reading(_Upload(chosen.name, data, kind))


class _Upload:
    """A file that is stored once everything else is right."""

    def __init__(self, name: str, data: bytes, media_type: str) -> None:
        self.name, self.data, self.media_type = name, data, media_type


def stored(workspace_id: str, value: Any) -> Any:
    """The value itself; of a file that was chosen, its reference once it is stored."""
    if isinstance(value, _Upload):
        return application().runs.upload(workspace_id, value.name, value.data, value.media_type)
    return value


def _read_variables(field: BlockField, key: str, value: Any, choices: Choices) -> Reading:
    given: dict[str, Any] = {}
    for spec in choices.variables():
        text = str(st.session_state.get(f"{key}-{spec.key}") or "").strip()
        if not text:
            continue
        reading = _value_of(spec, text)
        if reading.problem:
            return Reading(problem=f"{human(spec.key)}: {reading.problem}")
        given[spec.key] = reading.value
    others = parse_json(str(st.session_state.get(f"{key}-others") or ""))
    if others.problem or not isinstance(others.value, Mapping | None):
        return Reading(problem=others.problem or 'Other values: write a map, like {"name": 1}.')
    return Reading({**(others.value or {}), **given})


def _value_of(spec: InputSpec, text: str) -> Reading:
    """A typed text as the value of an input; one that reads another block stays a text until it is run."""
    if found(text):
        return Reading(text)
    as_text = spec.type in ("string", "url")
    reading = Reading(text) if as_text else parse_json(text)
    if reading.problem and spec.accepted_values:
        reading = Reading(text)
    if reading.problem:
        return reading
    wrong = spec.problem_with(reading.value)
    return Reading(problem=f"this {wrong}.") if wrong else reading


_READ: Final[Mapping[str, Callable[[BlockField, str, Any, Choices], Reading]]] = {
    "json": _read_json,
    "lines": _read_lines,
    "file": _read_file,
    "variables": _read_variables,
}
