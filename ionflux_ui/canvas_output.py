"""The whole output of a block: by its type, a part at a time, and as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from ionflux_core.errors import IonfluxError
from ionflux_core.limits import CANVAS_VIEW_BYTES, KIB
from ionflux_core.services.block_outputs import BlockOutput, BlockOutputs
from ionflux_ui.errors import show_error
from ionflux_ui.run_outputs import draw_file, file_in
from ionflux_ui.run_text import plain, safe_markdown, table
from ionflux_ui.session import application

_PART_BYTES: Final = CANVAS_VIEW_BYTES // 3
_ROWS, _COLUMNS, _CELL_BYTES = 100, 50, 450
Rows = list[dict[str, Any]]


def show_output(workspace_id: str, block_id: str) -> None:
    """The outputs of a block to choose from, and the chosen one; never more of it than a browser is sent at once."""
    app = application()
    try:
        found = BlockOutputs(app.canvas, app.refreshing, app.runs).whole(workspace_id, block_id)
    except IonfluxError as error:
        show_error(error)
        return
    output = found[0]
    if len(found) > 1:
        by_key = {each.key: each for each in found}
        output = by_key[st.selectbox("Output", list(by_key), key="cw-output")]
    file = file_in(output.value)
    if output.value is None:
        st.text("Nothing.")
    elif file:
        draw_file(file, key=f"cw-{block_id}", read=lambda sha256: app.runs.file(workspace_id, sha256))
    elif isinstance(output.value, dict) and "not_computed" in output.value:
        st.text(f"Not computed: {output.value['not_computed']}"[:_PART_BYTES])
    else:
        _draw(output)


def _draw(output: BlockOutput) -> None:
    rows = rows_of(output.value)
    if rows is not None:
        _draw_rows(rows, output)
        return
    is_text = isinstance(output.value, str)
    text = output.value if is_text else json.dumps(output.value, ensure_ascii=False, indent=2, default=str)
    parts = parts_of(text)
    part = parts[_choose_part(len(parts), f"{len(text.encode()) // KIB:,} KiB")]
    is_prose = is_text and output.type in ("", "markdown")
    with st.container(height=480 if len(part) > 2_000 else "content", border=True):
        if is_prose:
            st.markdown(safe_markdown(part))
        else:
            st.code(part, language=None if is_text else "json", wrap_lines=True)
    suffix = "md" if is_prose else "txt" if is_text else "json"
    _download("Download", f"{output.key or 'output'}.{suffix}", lambda: text.encode())


def _draw_rows(rows: Rows, output: BlockOutput) -> None:
    size = rows_at_once(rows)
    count = -(-len(rows) // size) or 1
    at = _choose_part(count, f"{len(rows):,} rows") * size
    with st.container(height=480, border=True):
        st.markdown(table([{name: row.get(name) for name in list(row)[:_COLUMNS]} for row in rows[at : at + size]]))
    with st.container(horizontal=True):
        name = output.key or "output"
        _download("Download as CSV", f"{name}.csv", lambda: as_csv(rows))
        _download("Download as JSON", f"{name}.json",
                  lambda: json.dumps(output.value, ensure_ascii=False, default=str).encode())  # fmt: skip


def _choose_part(count: int, whole: str) -> int:
    if count == 1:
        return 0
    chosen = st.number_input(f"Part, of {count:,} ({whole} in all)", 1, count, key="cw-part")
    return int(chosen) - 1


def _download(label: str, name: str, data: Callable[[], bytes]) -> None:
    st.download_button(label, data, name, key=f"cw-{label}", icon=":material/download:", on_click="ignore")


def parts_of(text: str, room: int = _PART_BYTES) -> list[str]:
    """The text in parts of at most `room` bytes, cut at the ends of lines where there are any."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        begin = text[at : at + room].encode("utf-8", "replace")[:room].decode("utf-8", "ignore")
        if at + len(begin) < len(text):
            # Half a part at least: a text without lines must come to its end.
            end = begin.rfind("\n", len(begin) // 2) + 1
            begin = begin[:end] if end else begin
        parts.append(begin)
        at += len(begin)
    return parts or [""]


def rows_of(value: Any) -> Rows | None:
    """A value that is a table as rows; None for what is none."""
    if isinstance(value, Mapping) and isinstance(value.get("columns"), list) and isinstance(value.get("rows"), list):
        names = [str(one.get("name", "")) if isinstance(one, Mapping) else str(one) for one in value["columns"]]
        if all(isinstance(row, list) for row in value["rows"]):
            return [{name: _cell(cell) for name, cell in zip(names, row, strict=False)} for row in value["rows"]]
    if isinstance(value, list) and value and all(isinstance(row, Mapping) and row for row in value):
        return [{str(name): _cell(cell) for name, cell in row.items()} for row in value]
    return None


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, Mapping | list) else value


def rows_at_once(rows: Sequence[Mapping[str, Any]]) -> int:
    """How many rows of a table are shown at once, so that they fit into what a browser is sent."""
    widest = max((sum(min(len(plain(cell)) * 2, _CELL_BYTES) + 3 for cell in list(row.values())[:_COLUMNS])
                  for row in rows), default=1)  # fmt: skip
    return max(1, min(_ROWS, CANVAS_VIEW_BYTES // max(widest, 1)))


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as a CSV file; a cell that a spreadsheet would read as a formula is marked as text."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([_as_text(name) for name in names])
    writer.writerows([[_as_text(row.get(name)) for name in names] for row in rows])
    return written.getvalue().encode("utf-8-sig")


def _as_text(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value
