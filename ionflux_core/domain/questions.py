"""Questions in SQL that are kept, what was asked lately, and the files that questions read."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ionflux_core.limits import NAME_CHARS, SQL_CHARS

DrawnAs = Literal["table", "pivot", "bar", "line", "area", "scatter"]
Aggregate = Literal["count", "sum", "avg", "min", "max", "median"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Drawing(_Model):
    """How an answer is shown: `x`, `y`, `series` are columns of a chart; the rest is for a pivot."""

    kind: DrawnAs = "table"
    x: str = Field("", max_length=200)
    y: str = Field("", max_length=200)
    series: str = Field("", max_length=200)
    rows: list[str] = Field([], max_length=5)
    column: str = Field("", max_length=200)
    value: str = Field("", max_length=200)
    aggregate: Aggregate = "count"


class QuestionDraft(_Model):
    """A question to be kept under a name."""

    name: str = Field(min_length=1, max_length=NAME_CHARS)
    sql_text: str = Field(min_length=1, max_length=SQL_CHARS)
    chart: Drawing = Drawing()


class SavedQuestion(_Model):
    """A question of a workspace; everybody in it sees it."""

    id: str
    workspace_id: str
    name: str
    sql_text: str
    chart: Drawing
    created_by: str | None = None
    created_at: datetime
    updated_at: datetime


class AskedQuestion(_Model):
    """What was asked, by whom and when; `error` is empty when it was answered."""

    seq: int
    workspace_id: str
    sql_text: str
    who: str | None
    at: datetime
    seconds: float | None
    row_count: int | None
    error: str | None


class DatasetColumn(_Model):
    """A column of a file as a question sees it."""

    name: str
    type: str


class Dataset(_Model):
    """A file that questions read under a name; `size_bytes` is what it takes as Parquet."""

    id: str
    workspace_id: str
    name: str
    filename: str
    sha256: str
    size_bytes: int
    row_count: int
    columns: list[DatasetColumn]
    created_by: str | None = None
    created_at: datetime
    updated_at: datetime


class ReadyQuestion(_Model):
    """A question of ours: what it asks, in words and in SQL, and how its answer is best shown."""

    name: str
    about: str
    sql: str
    drawing: Drawing = Drawing()
