"""An answer as a table of pages, and lists of things to open: each one element, drawn without pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypedDict

import streamlit as st

from ionflux_ui.explore_state import Exploring

_FOLDER: Final = Path(__file__).parent / "components"
_ROWS: Final = 100
# A table without pages has this many rows; who draws one says how many more there are.
SHORT_ROWS: Final = 100


def _component(name: str) -> Any:
    js, css = ((_FOLDER / f"{name}.{end}").read_text(encoding="utf-8") for end in ("js", "css"))
    return st.components.v2.component(f"ionflux_{name}", js=js, css=css)


# Registered here and not where they are drawn: a script run anew would register them anew.
_table = _component("explore_table")
_list = _component("explore_list")


class Item(TypedDict, total=False):
    """A line of a list; `tone` "bad" is red."""

    id: str
    title: str
    about: str
    facts: str
    exact: str
    code: str
    tone: str
    open: bool


def table_of(answer: Mapping[str, Any], *, key: str, label: str) -> None:
    """A short answer as it is, without pages."""
    rows = answer["rows"][:SHORT_ROWS]
    _mount_table(answer["columns"], rows, key=key, label=label, total=len(rows), workspace_id="")


def answer_table(kept: Exploring, *, key: str) -> None:
    """The answer, a page at a time, sorted as its head was clicked; inside a fragment only that is drawn anew."""
    if kept.answer is None:
        return
    columns, by = kept.answer["columns"], kept.sorted
    numbers = by is not None and 0 <= by < len(columns) and columns[by]["type"] == "number"
    rows = sorted_rows(kept.answer["rows"], by, kept.descending, numbers=numbers)
    begin = kept.page * _ROWS
    result = _mount_table(
        kept.answer["columns"], rows[begin : begin + _ROWS], key=key, label="Answer", total=len(rows),
        workspace_id=kept.workspace_id, page=kept.page, sorted=kept.sorted, descending=kept.descending,
    )  # fmt: skip
    if _turned(kept, result, len(rows)):
        st.rerun(scope="fragment")


def _mount_table(
    columns: Sequence[Mapping[str, str]],
    rows: Sequence[Sequence[Any]],
    *,
    key: str,
    label: str,
    total: int,
    workspace_id: str,
    page: int = 0,
    sorted: int | None = None,
    descending: bool = False,
) -> Any:
    # Tuples, because Streamlit asks pandas whether a list is a table, and loading pandas takes longer than this page.
    data = {
        "columns": tuple(dict(column) for column in columns),
        "rows": tuple(tuple(row) for row in rows),
        "total": total,
        "page": page,
        "size": _ROWS,
        "sorted": sorted,
        "descending": descending,
        "label": label,
        "workspace": workspace_id,
    }
    return _table(key=key, data=data, on_sorted_change=_ignore, on_turned_change=_ignore)


def _turned(kept: Exploring, said: Any, count: int) -> bool:
    """Whether the person asked for another order or another page; it is kept."""
    order, page = said.get("sorted"), said.get("turned")
    if isinstance(order, Mapping) and isinstance(order.get("column"), int):
        kept.sorted, kept.descending, kept.page = order["column"], bool(order.get("descending")), 0
        return True
    if isinstance(page, int):
        kept.page = min(max(page, 0), max(count - 1, 0) // _ROWS)
        return True
    return False


def sorted_rows(
    rows: list[list[Any]], column: int | None, descending: bool, *, numbers: bool = False
) -> list[list[Any]]:
    """Rows in the order of a column, what is empty last; a column of mixed kinds is ordered as text."""
    if column is None or not rows or not 0 <= column < len(rows[0]):
        return rows
    full = [row for row in rows if row[column] is not None]
    empty = [row for row in rows if row[column] is None]
    try:
        # Numbers that a browser would round are texts: they are ordered as the numbers they are.
        ordered = sorted(full, key=lambda row: _whole(row[column]) if numbers else row[column], reverse=descending)
    except (TypeError, ValueError):
        ordered = sorted(full, key=lambda row: str(row[column]), reverse=descending)
    return ordered + empty


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) else value


def item_list(items: Sequence[Item], *, key: str, label: str, grid: bool = False) -> str | None:
    """Draw a list, or cards in a grid; the id of the one just clicked."""
    result = _list(key=key, data={"items": tuple(items), "label": label, "grid": grid}, on_opened_change=_ignore)
    opened = result.get("opened")
    return str(opened) if opened else None


def _ignore() -> None:
    """Naming a value without doing anything is how Streamlit learns that it exists."""
