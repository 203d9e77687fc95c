"""The API's questions in SQL: read only, over one workspace's own figures, under the limits of the screen."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from ionflux_core.limits import SQL_CHARS, SQL_ROWS
from ionflux_core.web.api_here import Answer, Body, Reading

router = APIRouter(tags=["figures"])


class SqlQuestion(Body):
    """One SELECT; `parameters` are the values of its `$names`."""

    query: str = Field(min_length=1, max_length=SQL_CHARS)
    limit: int = Field(1_000, ge=1, le=SQL_ROWS, description="Rows at most.")
    parameters: dict[str, str | int | float | bool | None] = Field({}, max_length=50)


class SqlColumn(Answer):
    """A column with its type: text, number, time, day, boolean or json."""

    name: str
    type: str


class SqlAnswer(Answer):
    """Rows as lists, times in UTC; `truncated` when there were more, `as_of` says how new the figures are."""

    columns: list[SqlColumn]
    rows: list[list[Any]]
    truncated: bool
    seconds: float
    as_of: datetime | None


class SqlTable(Answer):
    """A table that can be asked; `file` when it came from an uploaded file."""

    name: str
    about: str
    columns: list[SqlColumn]
    file: bool
    rows: Annotated[int | None, Field(description="Rows of a file; null for a table of ours.")]


class SqlTables(Answer):
    """Everything that can be asked."""

    tables: list[SqlTable]
    functions: list[str]


@router.post("/sql")
def ask(here: Reading, question: SqlQuestion) -> SqlAnswer:
    """Answer a SELECT over runs, steps, figures and uploaded files; nothing else can be reached or changed."""
    questions = here.application.questions
    answer = questions.ask(
        here.workspace_id, question.query, rows=question.limit, parameters=question.parameters, by=here.who.name
    )
    return SqlAnswer(**answer, as_of=questions.freshness().as_of)


@router.get("/sql/tables")
def tables(here: Reading) -> SqlTables:
    """The tables with their columns, and the functions that a question may use."""
    questions = here.application.questions
    return SqlTables.model_validate({"tables": questions.tables(here.workspace_id), "functions": questions.functions()})
