"""A question in SQL about the workspace's runs and figures; the last answer is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ionflux_core.blocks.agent_snippet import table_on_paper
from ionflux_core.blocks.base import BlockKind, Computed, Content, Surroundings
from ionflux_core.blocks.shown import cut_rows
from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.errors import Invalid
from ionflux_core.limits import SQL_CHARS


class SqlContent(Content):
    """A SELECT; `{{ blocks.name.output }}` in it is given as a value, so it is written without quotes."""

    title_text: str = Field("", max_length=200, title="Title")
    query: str = Field("", max_length=SQL_CHARS, title="Query", json_schema_extra={"widget": "sql"})


class Sql(BlockKind[SqlContent]):
    """Rows out of the workspace's own figures."""

    type = "sql"
    title = "SQL"
    hint = "A question over runs, steps and figures"
    icon = "database"
    order = 60
    size = Place(width=6, height=6)
    computes = True
    model = SqlContent

    def view(self, content: SqlContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{query, columns: [{name, type}], rows, truncated, total, cut, seconds, tables}."""
        kept = _kept(block) or {}
        rows, cut = cut_rows(kept.get("rows", []))
        return {
            "query": content.query,
            "columns": kept.get("columns", []),
            "rows": rows,
            "total": len(kept.get("rows", [])),
            "truncated": bool(kept.get("truncated")),
            "cut": cut,
            "seconds": kept.get("seconds"),
            "tables": here.tables(),
        }

    def ready(self, content: SqlContent) -> bool:
        """Once a query is written."""
        return bool(content.query.strip())

    def output(self, content: SqlContent, block: CanvasBlock, here: Surroundings) -> Any:
        """{columns: [names], rows}; a single cell is the value itself."""
        kept = _kept(block)
        if kept is None:
            raise Invalid(f"The query {block.name} has not been run.", hint="Run it first.", code="no_output")
        if len(kept["rows"]) == 1 and len(kept["rows"][0]) == 1:
            return kept["rows"][0][0]
        return {"columns": [column["name"] for column in kept["columns"]], "rows": kept["rows"]}

    def parts(self, content: SqlContent, block: CanvasBlock, here: Surroundings) -> Mapping[str, Any]:
        """Each column as a list."""
        kept = _kept(block) or {"columns": (), "rows": ()}
        columns = {
            column["name"]: [row[number] for row in kept["rows"]] for number, column in enumerate(kept["columns"])
        }
        return {"columns": list(columns), "rows": kept["rows"], **columns}

    def compute(self, content: SqlContent, block: CanvasBlock, here: Surroundings) -> Computed:
        """Ask, and keep the answer."""
        if not content.query.strip():
            raise Invalid(
                "The query is empty.", hint="Write a SELECT, such as SELECT status, count(*) FROM runs GROUP BY 1."
            )
        return Computed(output=here.sql(content.query))

    def markdown(self, content: SqlContent, block: CanvasBlock, here: Surroundings) -> str:
        """The query, and its answer as a table."""
        heading = f"## {content.title_text}\n\n" if content.title_text else ""
        kept = _kept(block) or {"columns": [], "rows": []}
        table = table_on_paper([column["name"] for column in kept["columns"]], kept["rows"])
        return f"{heading}```sql\n{content.query}\n```\n\n{table}"


def _kept(block: CanvasBlock) -> Mapping[str, Any] | None:
    """The answer the block keeps; None before the first."""
    kept = block.output
    return kept if isinstance(kept, Mapping) and "rows" in kept and "columns" in kept else None


def make() -> Sql:
    """The kind."""
    return Sql()
