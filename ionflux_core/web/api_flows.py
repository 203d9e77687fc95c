"""The API's flows: what is wrong with a flow's text."""

from __future__ import annotations

from fastapi import APIRouter

from ionflux_core.web.api_here import Answer, Body, Reading

router = APIRouter(tags=["flows"])


class FlowText(Body):
    """A flow as its YAML text."""

    yaml: str


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


@router.post("/flows/validate")
def validate_flow(here: Reading, flow: FlowText) -> FlowProblems:
    """Check a flow's text; nothing of it is run or kept. A text with problems is an answer, not an error."""
    found = here.application.flows.validate(here.workspace_id, flow.yaml)
    return FlowProblems(problems=[FlowProblem.model_validate(each) for each in found])
