"""The API's comparison of two runs, and runs as files: export and import."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from ionflux_core import limits
from ionflux_core.domain.comparisons import RunComparison
from ionflux_core.domain.run_files import MEDIA_TYPE, SUFFIX
from ionflux_core.web.api_here import Answer, Editing, Reading, Word
from ionflux_core.web.bodies import check_kind, save_body

router = APIRouter(tags=["runs"])

_CHUNK = 256 * limits.KIB
_IN_MEMORY = 4 * limits.MIB
_FILE = {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}


class RunImported(Answer):
    """The run a file became; `repeated` when this very file had been imported before."""

    run_id: str
    repeated: bool


@router.get("/runs/compare")
def compare_runs(
    here: Reading,
    left: Annotated[Word, Query(description="Id of one run.")],
    right: Annotated[Word, Query(description="Id of the other.")],
) -> RunComparison:
    """Two runs side by side: facts, inputs, steps with the same key, outputs, KPIs, and what differs in each."""
    return here.application.comparisons.runs(here.workspace_id, left, right)


@router.get("/runs/{run_id}/export", response_class=Response, responses={200: _FILE})
def export_run(here: Reading, run_id: str) -> StreamingResponse:
    """A run that has ended as one `.ionrun` file, without secrets."""
    target: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it was sent
    try:
        here.application.run_files.export(here.workspace_id, run_id, target)
    except BaseException:
        target.close()
        raise
    size = target.tell()
    target.seek(0)
    headers = {
        "Content-Disposition": f'attachment; filename="{re.sub("[^0-9A-Za-z-]", "", run_id)}{SUFFIX}"',
        "Content-Length": str(size),
    }
    return StreamingResponse(_chunks(target), media_type=MEDIA_TYPE, headers=headers)


@router.post(
    "/runs/import",
    status_code=201,
    openapi_extra={"requestBody": {"required": True, **_FILE}},
    responses={200: {"model": RunImported, "description": "The file had been imported before."}},
)
async def import_run(here: Editing, request: Request, response: Response) -> RunImported:
    """Make a read-only run of an `.ionrun` file sent as the body; all of it or nothing."""
    check_kind(request, MEDIA_TYPE)
    with tempfile.TemporaryDirectory(prefix="ionflux-import-") as folder:
        source = Path(folder) / "upload"
        await save_body(request, limits.RUN_FILE_BYTES, source)
        imported = await run_in_threadpool(
            here.application.run_files.bring_in, here.workspace_id, source, by=here.who.name
        )
    response.headers["Location"] = f"/api/v1/runs/{imported.run_id}"
    response.status_code = 200 if imported.repeated else 201
    return RunImported(run_id=imported.run_id, repeated=imported.repeated)


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    with source:
        while chunk := source.read(_CHUNK):
            yield chunk
