"""A table that people and agents write: columns, and rows of cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from ionflux_core.blocks.agent_snippet import table_on_paper
from ionflux_core.blocks.base import BlockKind, Content, Surroundings
from ionflux_core.blocks.shown import cut_rows
from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.domain.references import words

Scalar = str | int | float | bool | None
_COLUMNS, _ROWS, _CELL_CHARS = 200, 5_000, 5_000


class Table(Content):
    """Columns and rows; a list of maps is read as rows of their keys, and every row is as long as the columns."""

    columns: list[str] = Field(["Name", "Value"], max_length=_COLUMNS)
    rows: list[list[Scalar]] = Field([], max_length=_ROWS)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, list) and all(isinstance(row, Mapping) for row in value):
            value = {"rows": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("rows", []), list):
            return value
        rows = value.get("rows", [])
        if len(rows) > _ROWS:
            raise ValueError(f"a table has at most {_ROWS} rows")
        maps = [row for row in rows if isinstance(row, Mapping)]
        columns = value.get("columns")
        if columns is None and (maps or not rows):
            columns = list(dict.fromkeys(str(key) for row in maps for key in row)) or ["Name", "Value"]
        elif columns is None:
            widest = max((len(row) for row in rows if isinstance(row, list)), default=0)
            columns = [f"Column {number + 1}" for number in range(widest)]
        names = [one.get("name", "") if isinstance(one, Mapping) else one for one in columns]
        return {"columns": [str(name)[:200] for name in names], "rows": [_row(row, names) for row in rows]}


def _row(row: Any, columns: list[Any]) -> list[Any]:
    if isinstance(row, Mapping):
        row = [row.get(name) for name in columns]
    if not isinstance(row, list):
        raise ValueError("each row is a list of cells, or a map of columns and cells")
    cells = [_cell(value) for value in row[: len(columns)]]
    return cells + [None] * (len(columns) - len(cells))


def _cell(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _CELL_CHARS:
        raise ValueError(f"a cell holds at most {_CELL_CHARS} characters")
    if isinstance(value, float) and value - value != 0:
        return None
    if isinstance(value, Mapping | list):
        return words(value)[:_CELL_CHARS]
    return value


class TableContent(Content):
    """A table with an optional title."""

    title_text: str = Field("", max_length=200, title="Title")
    json_data_to_display: Table = Field(Table(), title="Rows", json_schema_extra={"widget": "none"})


class TableView(BlockKind[TableContent]):
    """Rows to read and to edit."""

    type = "table_view"
    title = "Table"
    hint = "Rows to edit; others can read them"
    icon = "table"
    order = 30
    size = Place(width=6, height=5)
    model = TableContent

    def view(self, content: TableContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{columns, rows, total, cut, editable}: cells with what they read of others, for as long as there is room."""
        table = content.json_data_to_display
        rows, cut = cut_rows(here.filled(table.rows[:1_000]))
        cut = cut or len(table.rows) > len(rows)
        return {"columns": table.columns, "rows": rows, "total": len(table.rows), "cut": cut, "editable": not cut}

    def output(self, content: TableContent, block: CanvasBlock, here: Surroundings) -> Any:
        """{columns, rows}, as they are shown."""
        table = content.json_data_to_display
        return {"columns": table.columns, "rows": here.filled(table.rows)}

    def parts(self, content: TableContent, block: CanvasBlock, here: Surroundings) -> Mapping[str, Any]:
        """Each column as a list, where its name can stand in a path."""
        table, rows = content.json_data_to_display, here.filled(content.json_data_to_display.rows)
        return {name: [row[number] for row in rows] for number, name in enumerate(table.columns)}

    def markdown(self, content: TableContent, block: CanvasBlock, here: Surroundings) -> str:
        """A Markdown table."""
        heading = f"## {content.title_text}\n\n" if content.title_text else ""
        table = content.json_data_to_display
        return heading + table_on_paper(table.columns, here.filled(table.rows))

    def taken(self, content: TableContent, value: Any) -> TableContent | None:
        """The rows become what the agent gives: {columns, rows}, or a list of maps."""
        if not isinstance(value, Mapping | list):
            value = [{"Value": value}]
        if isinstance(value, Mapping) and not isinstance(value.get("rows"), list):
            value = {"columns": ["Name", "Value"], "rows": [[name, cell] for name, cell in value.items()]}
        if isinstance(value, list) and not all(isinstance(row, Mapping) for row in value):
            value = {"columns": ["Value"], "rows": [row if isinstance(row, list) else [row] for row in value]}
        return content.model_copy(update={"json_data_to_display": Table.model_validate(value)})

    def words(self, content: TableContent) -> str:
        """The table in Markdown."""
        return table_on_paper(content.json_data_to_display.columns, list(content.json_data_to_display.rows))


def make() -> TableView:
    """The kind."""
    return TableView()
