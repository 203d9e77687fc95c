"""Questions in SQL about a workspace, for blocks, screens and the API; the rules stand in `analytics.questions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ionflux_core.analytics import pivots, questions
from ionflux_core.analytics.duck import AnalyticsCache, Freshness
from ionflux_core.analytics.question_files import FileKind, as_file
from ionflux_core.analytics.question_text import FUNCTIONS
from ionflux_core.analytics.question_views import BRANDS, INSTANCES, VIEWS
from ionflux_core.domain.questions import AskedQuestion, Drawing
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import IonfluxError
from ionflux_core.ids import now
from ionflux_core.limits import PIVOT_COLUMNS, QUESTIONS_KEPT, SQL_CHARS, SQL_ROWS
from ionflux_core.services.datasets import Datasets
from ionflux_core.storage import agents, workspaces
from ionflux_core.storage import questions as rows_of
from ionflux_core.storage.engine import Database


class Questions:
    """Use-cases around questions in SQL."""

    def __init__(
        self,
        cache: AnalyticsCache,
        db: Database,
        workspace: Callable[[str], Workspace],
        datasets: Datasets,
        hidden: Callable[[str, Any], Any],
    ) -> None:
        self._cache = cache
        self._db = db
        self._workspace = workspace
        self._datasets = datasets
        self._hidden = hidden

    def ask(
        self,
        workspace_id: str,
        sql: str,
        *,
        rows: int = SQL_ROWS,
        parameters: Mapping[str, Any] | None = None,
        by: str | None = None,
    ) -> dict[str, Any]:
        """{columns: [{name, type}], rows: [[...]], truncated, seconds} of a SELECT over the workspace's own tables.

        Times are UTC. `parameters` are the values of the query's `$names`. Invalid says what is wrong or not allowed,
        and where. With `by`, the name of who asks, the question goes into the history.
        """
        self._workspace(workspace_id)
        try:
            self._cache.refresh()
            given = self._given(workspace_id)
            answer = questions.ask(
                self._cache, workspace_id, sql, rows=rows, parameters=parameters,
                instances=given[INSTANCES], brands=given[BRANDS], files=self._datasets.stored(workspace_id),
            )  # fmt: skip
        except IonfluxError as error:
            if by:
                self._note(workspace_id, sql, by, error=error.message)
            raise
        if by:
            self._note(workspace_id, sql, by, seconds=answer["seconds"], row_count=len(answer["rows"]))
        return answer

    def pivot(self, workspace_id: str, sql: str, wanted: Drawing) -> dict[str, Any]:
        """A pivot of an answer, in the same shape; `more_columns` when there are more keys than columns are shown."""
        keys = self._keys(workspace_id, sql, wanted)
        text, parameters = pivots.pivoted(sql, wanted, keys[:PIVOT_COLUMNS])
        answer = self.ask(workspace_id, text, parameters=parameters)
        return {**answer, "more_columns": len(keys) > PIVOT_COLUMNS}

    def pivot_sql(self, workspace_id: str, sql: str, wanted: Drawing) -> str:
        """A pivot with the columns of now, as a question that stands for itself."""
        keys = self._keys(workspace_id, sql, wanted)[:PIVOT_COLUMNS]
        return pivots.without_parameters(*pivots.pivoted(sql, wanted, keys))

    def _keys(self, workspace_id: str, sql: str, wanted: Drawing) -> list[str | None]:
        if not wanted.column:
            return []
        found = self.ask(workspace_id, pivots.keys_of(sql, wanted.column, PIVOT_COLUMNS + 1))
        return [row[0] for row in found["rows"]]

    def as_file(self, workspace_id: str, sql: str, kind: FileKind) -> bytes:
        """The answer as CSV or Parquet, with more rows than a screen shows."""
        self._workspace(workspace_id)
        given, files = self._given(workspace_id), self._datasets.stored(workspace_id)
        return as_file(self._cache, workspace_id, sql, kind, given=given, files=files)

    def history(self, workspace_id: str, *, before: int | None = None, limit: int = 50) -> list[AskedQuestion]:
        """What was asked lately, newest first."""
        with self._db.glance() as connection:
            return rows_of.asked(connection, workspace_id, before=before, limit=limit)

    def tables(self, workspace_id: str) -> list[dict[str, Any]]:
        """The tables there are, files last: {name, about, columns: [{name, type}], file, rows}."""
        ours = [
            {
                "name": name,
                "about": view.about,
                "columns": [{"name": column.name, "type": column.type} for column in view.columns],
                "file": False,
                "rows": None,
            }
            for name, view in VIEWS.items()
        ]
        files = [
            {
                "name": each.name,
                "about": f"From {each.filename}.",
                "columns": [column.model_dump() for column in each.columns],
                "file": True,
                "rows": each.row_count,
            }
            for each in self._datasets.find(workspace_id)
        ]
        return ours + files

    @staticmethod
    def functions() -> list[str]:
        """The functions a question may use, by name."""
        return sorted(FUNCTIONS)

    def freshness(self) -> Freshness:
        """How new the figures are."""
        return self._cache.freshness()

    def _given(self, workspace_id: str) -> dict[str, questions.Given]:
        """Rows of the database that are small and change at any time: they are read anew for each question."""
        with self._db.read() as connection:
            known = agents.find_instances(connection, workspace_id, archived=True)
            brands = workspaces.find_brands(connection, workspace_id, archived=True)
        return {
            INSTANCES: [(one.id, one.name, one.definition_slug, one.status, one.brand_id) for one in known],
            BRANDS: [(brand.id, brand.name) for brand in brands],
        }

    def _note(
        self,
        workspace_id: str,
        sql: str,
        by: str,
        *,
        seconds: float | None = None,
        row_count: int | None = None,
        error: str | None = None,
    ) -> None:
        row = {
            "workspace_id": workspace_id,
            "sql_text": str(self._hidden(workspace_id, sql[:SQL_CHARS])).replace("\0", ""),
            "who": by,
            "at": now(),
            "seconds": seconds,
            "row_count": row_count,
            "error": error.replace("\0", "") if error else None,
        }
        self._db.write(lambda connection: rows_of.note(connection, row, keep=QUESTIONS_KEPT))
