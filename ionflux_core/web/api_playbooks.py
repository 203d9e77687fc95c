"""The API's playbooks: kept in versions, switched on and off, cloned; their executions and what came of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from ionflux_core.domain.playbook_runs import Execution, Performance
from ionflux_core.domain.playbooks import Audience, PlaybookDraft, PlaybookStatus
from ionflux_core.limits import NAME_CHARS
from ionflux_core.services.playbook_flows import flow_text
from ionflux_core.web.api_flows import FlowProblem
from ionflux_core.web.api_here import Answer, Body, Editing, Limit, Reading
from ionflux_core.web.api_lists import Place, part

router = APIRouter(tags=["playbooks"])


class PlaybookOut(Answer):
    """A playbook; `draft` is what a person edits of it, `flow_id` the flow it runs as once it has been active."""

    id: str
    slug: str
    name: str
    status: PlaybookStatus
    version: int
    author: str
    flow_id: str | None
    derived_from: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    draft: PlaybookDraft


class PlaybookLine(Answer):
    """A playbook with the count of its executions; the share of conversions is at its own address."""

    playbook: PlaybookOut
    total_triggered: int
    total_completed: int
    running: int
    failed: int


class PlaybookList(Answer):
    """Playbooks of a workspace, by name."""

    playbooks: list[PlaybookLine]


class SavedPlaybook(Body):
    """A playbook as it should be; `version` is the one that was seen, so that nobody's work is written over."""

    version: int
    draft: PlaybookDraft
    message: str = Field("", max_length=300)


class PlaybookText(Body):
    """A playbook as YAML or JSON text, ours or of older records."""

    text: str


class ImportedPlaybook(Answer):
    """The playbook made of a text, and what was read otherwise than it was written."""

    playbook: PlaybookOut
    notes: list[str]


class PlaybookClone(Body):
    """A playbook of its own made from another, for another audience."""

    name: str = Field(max_length=NAME_CHARS)
    audience: Audience | None = None


class PlaybookFlow(Answer):
    """The flow a playbook becomes, and what keeps it from running; the text is empty when there is none."""

    yaml: str
    problems: list[FlowProblem]


class Rehearsal(Body):
    """The payload of an event, as it might come."""

    payload: dict[str, Any] = {}


class Rehearsed(Answer):
    """The run that goes through the playbook."""

    run_id: str


class Executions(Answer):
    """Executions, newest first; `cursor` asks for the next page."""

    executions: list[Execution]
    cursor: str | None


class PlaybookVersionOut(Answer):
    """A playbook as it was."""

    version: int
    draft: PlaybookDraft
    author: str
    message: str
    created_at: datetime


def _out(playbook: Any) -> PlaybookOut:
    draft = PlaybookDraft.model_validate({name: getattr(playbook, name) for name in PlaybookDraft.model_fields})
    kept = {name: getattr(playbook, name) for name in PlaybookOut.model_fields if name != "draft"}
    return PlaybookOut(**kept, draft=draft)


@router.get("/playbooks")
def find_playbooks(here: Reading, archived: bool = False) -> PlaybookList:
    """The playbooks of a workspace with how often they ran."""
    found = here.application.playbooks.find(here.workspace_id, archived=archived)
    counts = here.application.playbook_figures.counts(found)
    names = ("total_triggered", "total_completed", "running", "failed")
    lines = [
        PlaybookLine(playbook=_out(each), **{name: getattr(counts[each.id], name) for name in names}) for each in found
    ]
    return PlaybookList(playbooks=lines)


@router.post("/playbooks", status_code=201)
def create_playbook(here: Editing, draft: PlaybookDraft, response: Response) -> PlaybookOut:
    """Make a playbook; it is a draft until it is activated."""
    made = here.application.playbooks.create(here.workspace_id, draft, by=here.who.name)
    response.headers["Location"] = f"/api/v1/playbooks/{made.id}"
    return _out(made)


@router.post("/playbooks/import", status_code=201)
def import_playbook(here: Editing, given: PlaybookText, response: Response) -> ImportedPlaybook:
    """Make a playbook of a text of any age; `notes` says what was read otherwise than it was written."""
    made, read = here.application.playbooks.import_text(here.workspace_id, given.text, by=here.who.name)
    response.headers["Location"] = f"/api/v1/playbooks/{made.id}"
    return ImportedPlaybook(playbook=_out(made), notes=read.notes)


@router.get("/playbooks/{playbook_id}")
def get_playbook(here: Reading, playbook_id: str) -> PlaybookOut:
    """One playbook."""
    return _out(here.application.playbooks.get(here.workspace_id, playbook_id))


@router.put("/playbooks/{playbook_id}")
def save_playbook(here: Editing, playbook_id: str, saved: SavedPlaybook) -> PlaybookOut:
    """Save a new version; 409 when it is not at the version that was seen. Executions under way are not changed."""
    made = here.application.playbooks.save(
        here.workspace_id, playbook_id, saved.draft, expected=saved.version, by=here.who.name, message=saved.message
    )
    return _out(made)


@router.get("/playbooks/{playbook_id}/versions")
def playbook_versions(
    here: Reading, playbook_id: str, request: Request, response: Response, offset: Place = 0, limit: Limit = 50
) -> list[PlaybookVersionOut]:
    """Versions of a playbook, newest first."""
    found = here.application.playbooks.versions(here.workspace_id, playbook_id, offset=offset, limit=limit + 1)
    found = part(found, request, response, offset=offset, limit=limit)
    return [PlaybookVersionOut.model_validate(each) for each in found]


@router.post("/playbooks/{playbook_id}/restore/{version}")
def restore_playbook(here: Editing, playbook_id: str, version: int) -> PlaybookOut:
    """Save an earlier version as the newest one."""
    return _out(here.application.playbooks.restore(here.workspace_id, playbook_id, version, by=here.who.name))


@router.post("/playbooks/{playbook_id}/rehearse", status_code=202)
def rehearse_playbook(here: Editing, playbook_id: str, given: Rehearsal) -> Rehearsed:
    """Go through the playbook as if an event had come; nothing it does reaches anybody, no delay is waited for."""
    playbook = here.application.playbooks.get(here.workspace_id, playbook_id)
    run_id = here.application.playbooks.rehearse(here.workspace_id, playbook, given.payload, by=here.who.name)
    return Rehearsed(run_id=run_id)


@router.get("/playbooks/{playbook_id}/flow")
def playbook_flow(here: Reading, playbook_id: str) -> PlaybookFlow:
    """The flow a playbook becomes, with everything that keeps it from running."""
    playbook = here.application.playbooks.get(here.workspace_id, playbook_id)
    problems = here.application.playbooks.problems(here.workspace_id, playbook)
    yaml = "" if playbook.circle() else flow_text(playbook)
    return PlaybookFlow(yaml=yaml, problems=[FlowProblem.model_validate(each) for each in problems])


@router.get("/playbooks/{playbook_id}/performance")
def playbook_performance(here: Reading, playbook_id: str) -> Performance:
    """Executions and conversions; what cannot be computed is null, and `not_computed` says why."""
    return here.application.playbook_figures.performance(here.workspace_id, playbook_id)


@router.post("/playbooks/{playbook_id}/activate")
def activate_playbook(here: Editing, playbook_id: str) -> PlaybookOut:
    """Let its event start it from now on; 422 names everything that keeps it from running."""
    return _out(here.application.playbooks.activate(here.workspace_id, playbook_id, by=here.who.name))


@router.post("/playbooks/{playbook_id}/pause")
def pause_playbook(here: Editing, playbook_id: str) -> PlaybookOut:
    """Start nothing new; executions under way come to their end."""
    return _out(here.application.playbooks.pause(here.workspace_id, playbook_id, by=here.who.name))


@router.post("/playbooks/{playbook_id}/archive")
def archive_playbook(here: Editing, playbook_id: str) -> PlaybookOut:
    """Put it away; executions under way come to their end."""
    return _out(here.application.playbooks.archive(here.workspace_id, playbook_id, by=here.who.name))


@router.post("/playbooks/{playbook_id}/bring-back")
def bring_back_playbook(here: Editing, playbook_id: str) -> PlaybookOut:
    """Take an archived playbook out again, as a draft."""
    return _out(here.application.playbooks.bring_back(here.workspace_id, playbook_id, by=here.who.name))


@router.post("/playbooks/{playbook_id}/clone", status_code=201)
def clone_playbook(here: Editing, playbook_id: str, clone: PlaybookClone, response: Response) -> PlaybookOut:
    """Make a draft of its own from this one, for another audience."""
    made = here.application.playbooks.clone(
        here.workspace_id, playbook_id, clone.name, audience=clone.audience, by=here.who.name
    )
    response.headers["Location"] = f"/api/v1/playbooks/{made.id}"
    return _out(made)


@router.get("/playbooks/{playbook_id}/executions")
def playbook_executions(here: Reading, playbook_id: str, cursor: str | None = None, limit: Limit = 50) -> Executions:
    """Executions, newest first, without their ways."""
    found = here.application.playbook_figures.executions(here.workspace_id, playbook_id, before=cursor, limit=limit + 1)
    following = found[limit - 1].run_id if len(found) > limit else None
    return Executions(executions=found[:limit], cursor=following)


@router.get("/playbooks/{playbook_id}/executions/{run_id}")
def playbook_execution(here: Reading, playbook_id: str, run_id: str) -> Execution:
    """One execution with the steps it came to."""
    return here.application.playbook_figures.execution(here.workspace_id, playbook_id, run_id)
