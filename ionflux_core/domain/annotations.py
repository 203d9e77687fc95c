"""Marks on charts: own notes, changes of an agent's configuration, and incidents, each with a day and words."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ionflux_core.limits import NOTE_CHARS

MarkKind = Literal["note", "version", "incident"]


class NoteDraft(BaseModel):
    """What somebody writes on the charts; with an instance it shows only where that agent does."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    at: AwareDatetime
    words: str = Field(min_length=1, max_length=NOTE_CHARS)
    instance_id: str | None = None


class ChartNote(BaseModel):
    """A note as it is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    workspace_id: str
    at: datetime
    words: str
    instance_id: str | None = None
    created_by: str | None = None
    created_at: datetime


class Mark(BaseModel):
    """One thing that is marked on the charts; `id` is the note's, the incident's, or the instance's of a version."""

    model_config = ConfigDict(frozen=True)

    kind: MarkKind
    id: str
    at: datetime
    words: str
    instance_id: str | None = None
