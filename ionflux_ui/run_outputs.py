"""Outputs of a run, each drawn by the type its manifest states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.agents import AgentDefinition, OutputSpec, check_value
from ionflux_core.domain.runs import Run
from ionflux_ui.run_text import escaped, flat_rows, is_number, number, plain, safe_markdown, table

Download = Callable[[str], bytes]

_ROWS_SHOWN: Final = 20
_TEXT_SHOWN: Final = 20_000


def draw_outputs(
    run: Run, definition: AgentDefinition | None, calls: Sequence[Mapping[str, Any]], read: Download
) -> None:
    """Draws every output in the manifest's order, then those the manifest does not know. `read` gives a stored file."""
    outputs = run.outputs or {}
    known = {spec.key: spec for spec in definition.outputs} if definition else {}
    keys = [key for key in known if key in outputs] + [key for key in outputs if key not in known]
    for key in keys:
        if key == "engine" and key not in known:
            continue
        value, spec = outputs[key], known.get(key)
        with st.container(border=True):
            _heading(key, spec, engine_label(value, outputs, calls))
            draw_value(value, spec.type if spec else "json", key=f"{run.id}-{key}", read=read)


def _heading(key: str, spec: OutputSpec | None, engine: str) -> None:
    kind = spec.type if spec else "not in the manifest"
    help_text = escaped(spec.description) if spec and spec.description else None
    st.markdown(f"**{escaped(key)}** :gray-badge[{kind}] :gray-badge[{escaped(engine)}]", help=help_text)


def draw_value(value: Any, kind: str, *, key: str, read: Download) -> None:
    """Draws one value: what is not known says so, what lies in a file can be fetched, the rest goes by its type."""
    if value is None:
        st.caption("Nothing.")
    elif isinstance(value, dict) and "not_computed" in value:
        st.markdown(f":material/help: Not computed: {escaped(str(value['not_computed']))}")
    elif file := file_in(value):
        draw_file(file, key=key, read=read)
    else:
        _DRAWN.get(kind, _draw_json)(value, key)


def file_in(value: object) -> Mapping[str, Any] | None:
    """The stored file a value stands for: a large output kept outside the row, or a file itself."""
    if isinstance(value, dict) and isinstance(value.get("storage_ref"), dict):
        value = value["storage_ref"]
    known = isinstance(value, dict) and isinstance(value.get("sha256"), str) and "name" in value and "size" in value
    return value if known and isinstance(value, dict) else None


def draw_file(file: Mapping[str, Any], *, key: str, read: Download) -> None:
    """A button that fetches a stored file; its bytes are read only when it is pressed."""
    sha256, name = str(file["sha256"]), str(file["name"])
    size = f" ({file_size(int(file['size']))})" if "size" in file else ""
    st.download_button(
        f"Download {escaped(name)}{size}",
        data=lambda: read(sha256),
        file_name=name,
        mime=str(file.get("media_type") or "application/octet-stream"),
        icon=":material/download:",
        key=f"file-{key}",
        on_click="ignore",
    )


def file_size(size: int) -> str:
    """A size in bytes in its best unit."""
    for unit, step in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size >= step:
            return f"{size / step:,.1f} {unit}"
    return f"{size} bytes"


def engine_label(value: Any, outputs: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> str:
    """Which engine made an output: the one it names, the run's, the one that was called, or no model at all."""
    own = value.get("engine") if isinstance(value, dict) else None
    for engine in (own, outputs.get("engine")):
        if isinstance(engine, dict) and engine.get("kind"):
            return "local engine" if engine["kind"] == "local" else str(engine.get("name") or engine["kind"])
    asked = {
        (call["provider"], call["model"]) for call in calls if call["kind"] == "llm" and call["status"] == "success"
    }
    if not asked:
        return "no model"
    return ", ".join(sorted("local engine" if who == "local" else f"{who}:{model}" for who, model in asked))


def _draw_markdown(value: Any, key: str) -> None:
    if isinstance(value, str):
        st.markdown(safe_markdown(value[:_TEXT_SHOWN]))
        _note_cut(value)
    else:
        _draw_json(value, key)


def _draw_text(value: Any, key: str) -> None:
    if isinstance(value, (dict, list)):
        _draw_json(value, key)
        return
    text = plain(value) if not isinstance(value, str) else value
    st.text(text[:_TEXT_SHOWN])
    _note_cut(text)


def _note_cut(text: str) -> None:
    if len(text) > _TEXT_SHOWN:
        st.caption(f"The first {_TEXT_SHOWN:,} of {len(text):,} characters.")


def _draw_number(value: Any, key: str) -> None:
    if is_number(value):
        st.markdown(f"### {escaped(number(value))}")
    else:
        _draw_text(value, key)


def _draw_url(value: Any, key: str) -> None:
    if check_value("url", value) is None and not set("<>\\") & set(value):
        st.markdown(f"[{escaped(value)}](<{value}>)")
    else:
        _draw_text(value, key)


def _draw_json(value: Any, key: str) -> None:
    rows = flat_rows(value)
    if rows is not None:
        _draw_rows(rows, key)
    elif isinstance(value, (dict, list)):
        st.json(value, expanded=1)
    else:
        _draw_text(value, key)


def _draw_rows(rows: list[dict[str, Any]], key: str) -> None:
    """A light table; all rows of a long one only on demand, because that loads pandas."""
    if len(rows) <= _ROWS_SHOWN or not st.toggle(f"All {len(rows):,} rows", key=f"all-{key}"):
        st.markdown(table(rows[:_ROWS_SHOWN]))
        if len(rows) > _ROWS_SHOWN:
            st.caption(f"The first {_ROWS_SHOWN} of {len(rows):,} rows.")
        return
    st.dataframe(rows, hide_index=True)


_DRAWN: Final[dict[str, Callable[[Any, str], None]]] = {
    "markdown": _draw_markdown,
    "string": _draw_text,
    "boolean": _draw_text,
    "number": _draw_number,
    "integer": _draw_number,
    "float": _draw_number,
    "url": _draw_url,
}


def draw_kpis(run: Run, definition: AgentDefinition | None, currency: str) -> None:
    """The figures a run reported, with their units; the formula in words stands behind the question mark."""
    known = {spec.name: spec for spec in definition.kpis} if definition else {}
    names = list(run.kpis)
    for start in range(0, len(names), 4):
        for column, name in zip(st.columns(4), names[start : start + 4], strict=False):
            spec, value = known.get(name), run.kpis[name]
            unit = spec.unit.replace("currency", currency) if spec else ""
            shown = f"{plain(value)} {unit}".strip()
            column.metric(spec.title if spec else name, shown, help=escaped(spec.description) if spec else None)
