"""What can be asked: the tables of ours with their columns, and files of one's own, uploaded, looked at, renamed."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.domain.questions import Dataset
from ionflux_core.errors import IonfluxError
from ionflux_core.limits import DATASET_COLUMNS, DATASET_ROWS, MIB, UPLOAD_BYTES
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import show_error
from ionflux_ui.explore_state import Exploring, ask, open_question, put
from ionflux_ui.explore_table import Item, item_list, table_of
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import application, flash

_PARTS: Final = ("Tables", "Your files")
_KINDS: Final = ("csv", "tsv", "txt", "parquet", "xlsx", "xlsm")
_PREVIEW: Final = 10
_UPLOADS: Final = "explore_uploads"


def files_button(kept: Exploring, zone: str) -> None:
    """The button that opens the tables and files."""
    if st.button("Tables & files", icon=":material/table:", key="explore-files"):
        st.session_state.pop("explore-table-open", None)
        _window(kept, zone)


@st.dialog("Tables & files", width="large")
def _window(kept: Exploring, zone: str) -> None:
    part = st.segmented_control("Kind", _PARTS, default=_PARTS[0], required=True, label_visibility="collapsed")
    if part == _PARTS[1]:
        _files(kept, zone)
    else:
        _tables(kept)


def _tables(kept: Exploring) -> None:
    st.caption("Click a table to ask for its newest rows. Every table holds the rows of this workspace alone.")
    tables = application().questions.tables(kept.workspace_id)
    items: list[Item] = [
        {"id": each["name"], "title": each["name"], "about": each["about"], "code": _columns(each["columns"])}
        for each in tables
    ]
    if chosen := item_list(items, key="explore-tables", label="Tables"):
        table = next((each for each in tables if each["name"] == chosen), None)
        if table is not None:
            _ask_for(kept, table)


def _columns(columns: list[dict[str, str]]) -> str:
    return ", ".join(f"{column['name']} {column['type']}" for column in columns[:60])


def _ask_for(kept: Exploring, table: dict[str, Any]) -> None:
    """Put the question for a table's rows into the editor, and ask it."""
    times = [column["name"] for column in table["columns"] if column["type"] == "time"]
    order = f"\nORDER BY {times[0]} DESC" if times else ""
    put(kept, f"SELECT *\nFROM {table['name']}{order}\nLIMIT 100")
    ask(kept)
    open_question()
    kept.opened = ""
    st.rerun()


def _files(kept: Exploring, zone: str) -> None:
    _upload(kept)
    found = application().datasets.find(kept.workspace_id)
    if not found:
        st.text(
            "No file yet. An uploaded file becomes a table, so that it can be asked together with runs and figures."
        )
        return
    items: list[Item] = [
        {
            "id": each.id,
            "title": each.name,
            "about": each.filename,
            "facts": _facts(each),
            "open": each.id == st.session_state.get("explore-table-open"),
        }
        for each in found
    ]
    if chosen := item_list(items, key="explore-datasets", label="Files"):
        st.session_state["explore-table-open"] = chosen
        st.rerun(scope="fragment")
    opened = next((each for each in found if each.id == st.session_state.get("explore-table-open")), None)
    if opened:
        _one(kept, opened, zone)


def _upload(kept: Exploring) -> None:
    turn = st.session_state.setdefault(_UPLOADS, 0)
    file = st.file_uploader(
        "CSV, TSV, Parquet or Excel", _KINDS, key=f"explore-upload-{turn}",
        help=f"At most {UPLOAD_BYTES // MIB} MiB, {DATASET_ROWS:,} rows and {DATASET_COLUMNS} columns. The first line "
        "names the columns. Of an Excel file the first sheet is read, its values and never its formulas.",
    )  # fmt: skip
    if file is None:
        return
    try:
        with st.spinner("Reading the file…"):
            made = application().datasets.upload(kept.workspace_id, file.name, file.getvalue(), by=BY)
    except IonfluxError as error:
        # One sentence with its line is all there is: the list of problems would say it twice.
        st.markdown(f":red[:material/error: {escaped(error.message)}]")
        st.caption(escaped(error.hint))
        return
    st.session_state[_UPLOADS] = turn + 1
    st.session_state["explore-table-open"] = made.id
    kept.number += 1
    st.rerun(scope="fragment")


def _one(kept: Exploring, opened: Dataset, zone: str) -> None:
    """A file: its first rows, and what can be done with it."""
    service, key = application().datasets, f"explore-file-{opened.id}"
    st.markdown(f"**{escaped(opened.name)}**")
    st.caption(
        f"Uploaded {ago(opened.created_at, zone)} by {escaped(opened.created_by or 'somebody')}",
        help=exact(opened.created_at, zone), width="content",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("Ask it", type="primary", icon=":material/play_arrow:", key=f"{key}-ask"):
            _ask_for(kept, {"name": opened.name, "columns": [column.model_dump() for column in opened.columns]})
        name = st.text_input("Name in SQL", opened.name, max_chars=60, key=f"{key}-name")
        if st.button("Rename", key=f"{key}-rename", disabled=not name or name == opened.name):
            try:
                service.rename(kept.workspace_id, opened.id, name or "", by=BY)
            except IonfluxError as error:
                show_error(error)
                return
            st.rerun(scope="fragment")
        with st.popover("Delete", icon=":material/delete:"):
            st.text("Questions and blocks that read it will fail. It cannot be brought back.")
            if st.button("Delete the file", key=f"{key}-delete"):
                service.delete(kept.workspace_id, opened.id, by=BY)
                flash(f"{opened.name} is deleted.")
                st.rerun()
    try:
        answer = application().questions.ask(kept.workspace_id, f"SELECT * FROM {opened.name}", rows=_PREVIEW)
        table_of(answer, key=f"{key}-{opened.name}", label=f"First rows of {opened.name}")
    except IonfluxError as error:
        show_error(error)


def _facts(each: Dataset) -> str:
    return f"{counted(each.row_count, 'row')}, {counted(len(each.columns), 'column')}, {_size(each.size_bytes)}"


def _size(size: int) -> str:
    return f"{size / MIB:.1f} MiB" if size >= MIB else f"{max(size // 1024, 1)} KiB"
