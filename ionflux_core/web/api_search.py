"""The API's full-text search over runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ionflux_core.domain.runs import RunFilter, RunStatus
from ionflux_core.domain.search import Fragment
from ionflux_core.web.api_here import Answer, Limit, Reading, Word
from ionflux_core.web.api_runs import RunLine, line_of

router = APIRouter(tags=["runs"])


class FoundRun(Answer):
    """A run that answers the question; `fragment` says where, None when its id does."""

    run: RunLine
    fragment: Fragment | None


class FoundRuns(Answer):
    """Runs that answer, newest first; `complete` is false while the index lacks the newest runs."""

    runs: list[FoundRun]
    cursor: str | None
    complete: bool


@router.get("/runs/search")
def search_runs(
    here: Reading,
    q: Annotated[Word, Query(min_length=1, description='Words that must all be there, "side by side", -without.')],
    status: Annotated[list[RunStatus] | None, Query()] = None,
    cursor: Word | None = None,
    limit: Limit = 50,
) -> FoundRuns:
    """Runs by what stands in their inputs, outputs, errors and logs. Any text is a question; none is an error."""
    narrow = RunFilter(text=q, statuses=status or [])
    found = here.application.search.find(here.workspace_id, narrow, cursor=cursor, limit=limit)
    lines = [FoundRun(run=line_of(run), fragment=found.fragments.get(run.id)) for run in found.runs]
    return FoundRuns(runs=lines, cursor=found.cursor, complete=found.complete)
