"""A question as a block of a page: a table, or a chart as it was chosen, that asks again when it is refreshed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from ionflux_core.domain.questions import Drawing
from ionflux_core.errors import IonfluxError
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.questions import Questions
from ionflux_core.services.refreshing import Refreshing

# Pages draw columns and lines: what is stacked stays stacked, and points are joined.
_KINDS: Final = {"bar": "columns", "line": "lines", "area": "columns", "scatter": "lines"}


class QuestionBlocks:
    """Use-cases around questions on pages."""

    def __init__(self, questions: Questions, canvas: Canvas, refreshing: Refreshing) -> None:
        self._questions = questions
        self._canvas = canvas
        self._refreshing = refreshing

    def add(
        self, workspace_id: str, page_id: str | None, title: str, sql: str, drawing: Drawing, *, by: str = "owner"
    ) -> str:
        """Put a question on a page, or on a new one, and compute it; the page's id."""
        type, content = self._block(workspace_id, title, sql, drawing)
        if page_id is None:
            page_id = self._canvas.create(workspace_id, title or "Answers", by=by).id
        block = self._canvas.add_block(workspace_id, page_id, type, content, by=by)
        # The block is there and says itself what is wrong; its button asks again.
        with suppress(IonfluxError):
            self._refreshing.run_block(workspace_id, block.id, by=by)
        return page_id

    def _block(self, workspace_id: str, title: str, sql: str, drawing: Drawing) -> tuple[str, dict[str, Any]]:
        if drawing.kind == "table":
            return "sql", {"title_text": title, "query": sql}
        if drawing.kind == "pivot":
            return "sql", {"title_text": title, "query": self._questions.pivot_sql(workspace_id, sql, drawing)}
        return "chart", {
            "title_text": title,
            "source": "sql",
            "kind": _KINDS[drawing.kind],
            "query": sql,
            "label_column": drawing.x,
            "value_columns": [drawing.y],
            "series_column": drawing.series,
        }
