"""What every endpoint of the API asks for: the application, who calls, and which workspace is meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.errors import NotFound
from ionflux_core.services.tokens import Caller
from ionflux_core.web.auth import caller, reaches, require
from ionflux_core.web.problems import MEDIA_TYPE


class Body(BaseModel):
    """A request body: a key nobody knows is refused, so that nothing is silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """An answer; fields of the domain that are not listed stay inside."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")


class ProblemDocument(BaseModel):
    """What is wrong, after RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    problems: list[dict[str, Any]]


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "model": ProblemDocument,
        "description": "What is wrong and what to do next.",
        "content": {MEDIA_TYPE: {}},
    }
}


def _within_the_calendar(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 9000:
        raise ValueError("the year must lie between 1970 and 9000")
    return moment


def _printable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character cannot be looked for")
    return text


Moment = Annotated[AwareDatetime, AfterValidator(_within_the_calendar)]
Word = Annotated[str, Query(max_length=300), AfterValidator(_printable)]
Limit = Annotated[int, Query(ge=1, le=limits.PAGE_ROWS, description="Rows at most.")]


@dataclass(frozen=True, slots=True)
class Here:
    """Application, workspace and caller of one request."""

    application: Application
    workspace_id: str
    who: Caller

    @property
    def may_edit(self) -> bool:
        """Whether the caller may change things; who may not sees no address that is as good as a password."""
        return reaches("editor", self.who)


def application_of(request: Request) -> Application:
    """The application this API belongs to."""
    found: Application = request.app.state.application
    return found


App = Annotated[Application, Depends(application_of)]
Who = Annotated[Caller, Depends(caller)]


def _here(
    application: App,
    request: Request,
    x_ionflux_workspace: Annotated[str | None, Header(description="Id or name of the workspace.")] = None,
    workspace: Annotated[str | None, Query(description="The same, as a parameter.")] = None,
) -> Here:
    who = caller(request)
    wanted = (workspace or x_ionflux_workspace or "").strip()
    return Here(application, _workspace_id(application, who, wanted), who)


def _workspace_id(application: Application, who: Caller, wanted: str) -> str:
    if who.workspace_id is not None:
        known = [application.workspaces.get(who.workspace_id)]
    else:
        known = application.workspaces.all()
    for each in known:
        if not wanted or each.id == wanted or each.name.casefold() == wanted.casefold():
            return each.id
    if not wanted:
        raise NotFound("There is no workspace yet.", hint="Make one: POST /api/v1/workspaces.")
    raise NotFound("There is no such workspace.", hint="GET /api/v1/workspaces lists the ones there are.")


def _editing(here: Annotated[Here, Depends(_here)]) -> Here:
    require("editor", here.who)
    return here


Reading = Annotated[Here, Depends(_here)]
Editing = Annotated[Here, Depends(_editing)]
