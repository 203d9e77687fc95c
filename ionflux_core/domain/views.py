"""Saved views: a page as somebody has narrowed it, kept under a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ionflux_core.domain.runs import RUN_STATUSES, TriggerKind
from ionflux_core.limits import NAME_CHARS, VIEW_PARAMETERS, VIEW_VALUE_CHARS

_NAME: Final = re.compile(r"[a-z][a-z_]{0,39}")
# Where a person is, not how the page is narrowed.
_ELSEWHERE: Final = frozenset({"workspace"})


class ViewDraft(BaseModel):
    """What is kept of a page: its noun, a name, and the parameters of its address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page: str = Field(min_length=1, max_length=40, pattern=r"^[a-z_]+$")
    name: str = Field(min_length=1, max_length=NAME_CHARS)
    parameters: dict[str, str] = Field(default={}, max_length=VIEW_PARAMETERS)

    @field_validator("parameters")
    @classmethod
    def _plain(cls, given: dict[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in given.items() if value and name not in _ELSEWHERE}
        for name, value in kept.items():
            if not _NAME.fullmatch(name) or len(value) > VIEW_VALUE_CHARS:
                raise ValueError(f"an address has short parameters of small letters, unlike {name[:40]!r}")
        return kept


class SavedView(BaseModel):
    """A view of a workspace; everybody in it sees it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    workspace_id: str
    page: str
    name: str
    parameters: dict[str, str]
    created_by: str | None = None
    created_at: datetime
    updated_at: datetime


def narrowing_of(parameters: Mapping[str, str]) -> dict[str, Any]:
    """What the parameters of a dashboard's address narrow the figures to; what means nothing is left out."""
    statuses = [word for word in parameters.get("status", "").split(",") if word]
    trigger = parameters.get("trigger")
    return {
        "instance_id": parameters.get("instance") or None,
        "definition_slug": parameters.get("definition") or None,
        "brand_id": parameters.get("brand") or None,
        "trigger_kind": trigger if trigger in get_args(TriggerKind) else None,
        "statuses": tuple(word for word in RUN_STATUSES if word in statuses),
    }
