"""The API's value ledger: what runs made, saved and returned."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ionflux_core.domain.value import ValueEntry, ValueKind, ValueMethod, ValueSum
from ionflux_core.limits import VALUE_ROWS
from ionflux_core.web.api_figures_asked import Asked
from ionflux_core.web.api_here import Answer, Reading, Word

router = APIRouter(tags=["figures"])


class ValueOut(Answer):
    """Sums by kind, method and unit, which are never added to each other, and a page of entries, newest first.

    The sums are of the whole period; `cursor` asks for the next page of entries, null on the last one.
    """

    sums: list[ValueSum]
    entries: list[ValueEntry]
    cursor: str | None


@router.get("/value")
def get_value(
    here: Reading,
    asked: Asked,
    kind: ValueKind | None = None,
    method: ValueMethod | None = None,
    cursor: Word | None = None,
    limit: Annotated[int, Query(ge=1, le=VALUE_ROWS, description="Entries at most.")] = 50,
) -> ValueOut:
    """What runs booked as made, saved or returned; methods and units stay apart."""
    value = here.application.value
    page = value.entries(here.workspace_id, asked, before=cursor, limit=limit, kind=kind, method=method)
    sums = [
        each
        for each in value.summary(here.workspace_id, asked)
        if kind in (None, each.kind) and method in (None, each.method)
    ]
    return ValueOut(sums=sums, entries=page.entries, cursor=page.cursor)
