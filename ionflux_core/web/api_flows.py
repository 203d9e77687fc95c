"""The API's flows: their texts, versions and drafts, what is wrong with a text, and trying one without saving it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from ionflux_core import limits
from ionflux_core.catalog.flow_definition import read_flow
from ionflux_core.domain.agents import AgentInstance, InstanceStatus
from ionflux_core.errors import Invalid
from ionflux_core.web.api_agents import VersionOut
from ionflux_core.web.api_here import Answer, Body, Editing, Limit, Reading, Word
from ionflux_core.web.api_lists import Place, page, part

router = APIRouter(tags=["flows"])
_YAML = Field(max_length=4 * limits.FLOW_BYTES)


class FlowText(Body):
    """A flow as its YAML text."""

    yaml: str = _YAML


class FlowProblem(Answer):
    """One thing that is wrong, where it stands in the text, and what to do. Lines and columns count from 1."""

    line: int
    column: int
    path: str
    message: str
    hint: str


class FlowProblems(Answer):
    """All problems of a flow, by their place; none when it can be run."""

    problems: list[FlowProblem]


class NewFlow(FlowText):
    """A new flow; it is called as its document says."""

    brand_id: str | None = Field(None, max_length=36)


class FlowChange(Body):
    """What to change of a flow. `expected_version` refuses to overwrite a newer text."""

    yaml: str | None = Field(None, max_length=4 * limits.FLOW_BYTES)
    message: str = Field("", max_length=500)
    expected_version: int | None = Field(None, ge=1, le=2**31)
    status: InstanceStatus | None = None


class FlowTrial(FlowText):
    """A text to run dry, and what it is started with."""

    inputs: dict[str, Any] = {}
    payload: Any = None


class TrialOut(Answer):
    """The dry run that was started; see GET /runs/{id}."""

    run_id: str


class FlowLine(Answer):
    """A flow in short. A run of it is POST /runs with the target `flow:<name>`."""

    id: str
    name: str
    title: str
    description: str
    status: InstanceStatus
    status_reason: str | None
    version: int
    brand_id: str | None
    triggers: list[str]
    created_at: datetime
    updated_at: datetime


class FlowOut(FlowLine):
    """A flow with its text, and the version its draft was begun from when there is one."""

    yaml: str
    draft_of: int | None


class FlowList(Answer):
    """Flows of a workspace, by name; `cursor` asks for the next page, null on the last one."""

    flows: list[FlowLine]
    cursor: str | None


class DraftOut(Answer):
    """A text that is not saved; it may be invalid."""

    yaml: str
    base_version: int
    by: str | None
    at: datetime


class DraftIn(FlowText):
    """A text to keep unsaved, and the version it was begun from."""

    base_version: int = Field(ge=1, le=2**31)


@router.post("/flows/validate")
def validate_flow(here: Reading, flow: FlowText) -> FlowProblems:
    """Check a flow's text; nothing of it is run or kept. A text with problems is an answer, not an error."""
    found = here.application.flows.validate(here.workspace_id, flow.yaml)
    return FlowProblems(problems=[FlowProblem.model_validate(each) for each in found])


@router.post("/flows/try", status_code=202)
def try_flow(here: Editing, trial: FlowTrial) -> TrialOut:
    """Start a dry run of a text that need not be saved: nothing it does reaches anything."""
    started = here.application.flows.try_it(
        here.workspace_id, trial.yaml, trial.inputs, payload=trial.payload, by=here.who.name
    )
    return TrialOut(run_id=started.run_id)


@router.get("/flows")
def find_flows(
    here: Reading, archived: bool = False, cursor: Word | None = None, limit: Limit = limits.PAGE_ROWS
) -> FlowList:
    """A page of a workspace's flows."""
    flows = here.application.flows.find(here.workspace_id, archived=archived)
    found, following = page(flows, lambda each: each.name, cursor=cursor, limit=limit)
    return FlowList(flows=[FlowLine(**_line(each)) for each in found], cursor=following)


@router.post("/flows", status_code=201)
def create_flow(here: Editing, flow: NewFlow, response: Response) -> FlowOut:
    """Keep a flow under the name its document states; every problem comes with its line."""
    made = here.application.flows.create(here.workspace_id, flow.yaml, brand_id=flow.brand_id, by=here.who.name)
    response.headers["Location"] = f"/api/v1/flows/{made.name}"
    return _whole(here, made)


@router.get("/flows/{flow}")
def get_flow(here: Reading, flow: str) -> FlowOut:
    """One flow by its name or id."""
    return _whole(here, here.application.flows.get(here.workspace_id, flow))


@router.put("/flows/{flow}")
def change_flow(here: Editing, flow: str, change: FlowChange) -> FlowOut:
    """Save another text as the version that runs from now on, switch the flow on or off, archive it."""
    flows = here.application.flows
    if not change.model_fields_set & {"yaml", "status"}:
        raise Invalid("Nothing to change was given.", hint="Send yaml or status.")
    kept = flows.get(here.workspace_id, flow)
    if change.yaml is not None:
        flows.save(
            here.workspace_id, kept.id, change.yaml, message=change.message, by=here.who.name,
            expected_version=change.expected_version,
        )  # fmt: skip
    if change.status is not None:
        here.application.agents.set_status(here.workspace_id, kept.id, change.status, by=here.who.name)
    return _whole(here, flows.get(here.workspace_id, kept.id))


@router.get("/flows/{flow}/versions")
def get_flow_versions(
    here: Reading,
    request: Request,
    response: Response,
    flow: str,
    offset: Place = 0,
    limit: Limit = limits.PAGE_ROWS,
) -> list[VersionOut]:
    """The saved texts of a flow, newest first."""
    kept = here.application.flows.get(here.workspace_id, flow)
    found = here.application.agents.versions(here.workspace_id, kept.id)[offset:]
    return [VersionOut.model_validate(each) for each in part(found, request, response, offset=offset, limit=limit)]


@router.get("/flows/{flow}/draft")
def get_flow_draft(here: Reading, flow: str) -> DraftOut | None:
    """The text somebody has left unsaved, or null."""
    kept = here.application.flows.get(here.workspace_id, flow)
    draft = here.application.flows.draft(here.workspace_id, kept.id)
    return DraftOut.model_validate(draft) if draft else None


@router.put("/flows/{flow}/draft")
def keep_flow_draft(here: Editing, flow: str, draft: DraftIn) -> DraftOut:
    """Keep a text unsaved, whether or not it is valid."""
    kept = here.application.flows.get(here.workspace_id, flow)
    made = here.application.flows.keep_draft(
        here.workspace_id, kept.id, draft.yaml, base_version=draft.base_version, by=here.who.name
    )
    return DraftOut.model_validate(made)


@router.delete("/flows/{flow}/draft", status_code=204)
def drop_flow_draft(here: Editing, flow: str) -> None:
    """Throw the draft away."""
    kept = here.application.flows.get(here.workspace_id, flow)
    here.application.flows.drop_draft(here.workspace_id, kept.id)


def _line(flow: AgentInstance) -> dict[str, Any]:
    try:
        document = read_flow(flow.yaml)
    except Invalid:
        # Written for another version of the language: it is listed all the same.
        return {**flow.model_dump(), "title": flow.name, "triggers": []}
    return {**flow.model_dump(), "title": document.title, "triggers": [each.type for each in document.triggers]}


def _whole(here: Reading, flow: AgentInstance) -> FlowOut:
    draft = here.application.flows.draft(here.workspace_id, flow.id)
    return FlowOut(**_line(flow), draft_of=draft.base_version if draft else None)
