"""The API's retention: what IONFLUX takes on the disk, what the next pass removes, and a pass at once."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter

from ionflux_core.domain.workspaces import Retention
from ionflux_core.web.api_here import Answer, Editing, Reading
from ionflux_core.web.auth import require

router = APIRouter(prefix="/retention", tags=["retention"])


class NextPass(Answer):
    """What the next pass removes; `bytes` is a guess."""

    runs: int
    steps: int
    events: int
    bytes: int


class Disk(Answer):
    """What IONFLUX takes on the disk, in bytes; `free_in_database` is inside `database`."""

    database: int
    log: int
    free_in_database: int
    files: int
    analytics: int
    free: int


class RetentionState(Answer):
    """The rules of the workspace, what they mean for the next pass, and sizes."""

    rules: Retention
    next_pass: NextPass
    last_pass_at: datetime | None
    disk: Disk
    runs: int
    steps: int
    log_lines: int


class Passed(Answer):
    """What a pass has removed, and by how many bytes the database became smaller."""

    runs: int
    events: int
    files: int
    bytes: int
    seconds: float


@router.get("")
def get_retention(here: Reading) -> RetentionState:
    """How large everything is, and what goes next."""
    keeping, sizes = here.application.keeping, here.application.keeping.sizes()
    held, last = sizes.workspaces.get(here.workspace_id), keeping.last_pass(here.workspace_id)
    return RetentionState(
        rules=here.application.workspaces.get(here.workspace_id).settings.retention,
        next_pass=NextPass.model_validate(keeping.plan(here.workspace_id)),
        last_pass_at=last[0] if last else None,
        disk=Disk(
            database=sizes.space.database,
            log=sizes.space.log,
            free_in_database=sizes.space.free,
            files=sizes.files,
            analytics=sizes.analytics,
            free=sizes.free,
        ),
        runs=held.runs if held else 0,
        steps=held.steps if held else 0,
        log_lines=held.logs if held else 0,
    )


@router.put("")
def put_retention(here: Editing, rules: Retention) -> Retention:
    """Replace the rules of the workspace; nothing goes before the next pass."""
    require("owner", here.who)
    changes = {"retention": rules.model_dump(mode="json")}
    return here.application.workspaces.save_settings(here.workspace_id, changes).settings.retention


@router.post("/run")
def run_retention(here: Editing) -> Passed:
    """A pass over the workspace at once; agents go on working."""
    require("owner", here.who)
    return Passed.model_validate(here.application.keeping.run(here.workspace_id, by=here.who.name))
