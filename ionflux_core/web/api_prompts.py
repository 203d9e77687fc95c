"""The API's prompt libraries: texts with typed variables, their versions, and trying them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from ionflux_core.domain.prompts import PromptDraft, PromptLibraryDraft, PromptUse, PromptVariable
from ionflux_core.limits import NAME_CHARS
from ionflux_core.web.api_here import Answer, Body, Editing, Limit, Reading, Word
from ionflux_core.web.api_lists import Place, part

router = APIRouter(tags=["prompts"])


class LibraryOut(Answer):
    """A named collection of prompts."""

    id: str
    name: str
    description: str
    status: str
    created_at: datetime
    updated_at: datetime


class LibraryList(Answer):
    """Libraries of a workspace, by name."""

    libraries: list[LibraryOut]


class PromptOut(Answer):
    """A prompt; `variables` stand in its text as `{{ name }}`."""

    id: str
    library_id: str
    name: str
    text: str
    variables: list[PromptVariable]
    tags: list[str]
    author: str
    version: int
    derived_from: dict[str, Any] | None
    status: str
    created_at: datetime
    updated_at: datetime


class PromptList(Answer):
    """A page of prompts, by name."""

    prompts: list[PromptOut]
    cursor: str | None


class PromptVersionOut(Answer):
    """A prompt as it was."""

    version: int
    name: str
    text: str
    variables: list[PromptVariable]
    tags: list[str]
    author: str
    message: str
    created_at: datetime


class NewPrompt(PromptDraft):
    """A prompt for a library."""

    library_id: str


class SavedPrompt(PromptDraft):
    """A prompt as it should be; `version` is the one that was seen, so that nobody's work is written over."""

    version: int
    message: str = Field("", max_length=300)


class PromptMove(Body):
    """Whether a prompt or library is in use or put away."""

    status: Literal["active", "archived"]


class PromptFork(Body):
    """A prompt of its own made from another; from its newest version and in its library unless said otherwise."""

    name: str = Field(max_length=NAME_CHARS)
    library_id: str | None = None
    version: int | None = Field(None, ge=1)


class PromptUses(Answer):
    """Where a prompt is used by its id, at most fifty places."""

    uses: list[PromptUse]


class PromptValues(Body):
    """Values for a prompt's variables; `model` (provider:name) is asked when the prompt is tried."""

    values: dict[str, Any] = {}
    model: str | None = Field(None, max_length=200)


class Rendered(Answer):
    """The prompt's text with the values in place."""

    text: str


class Tried(Answer):
    """The run that asks the model."""

    run_id: str


@router.get("/prompt-libraries")
def find_libraries(here: Reading, archived: bool = False) -> LibraryList:
    """The libraries of a workspace."""
    found = here.application.prompts.libraries(here.workspace_id, archived=archived)
    return LibraryList(libraries=[LibraryOut.model_validate(each) for each in found])


@router.post("/prompt-libraries", status_code=201)
def create_library(here: Editing, draft: PromptLibraryDraft) -> LibraryOut:
    """Make a library."""
    return LibraryOut.model_validate(here.application.prompts.create_library(here.workspace_id, draft))


@router.put("/prompt-libraries/{library_id}")
def save_library(here: Editing, library_id: str, draft: PromptLibraryDraft) -> LibraryOut:
    """Rename or describe a library."""
    return LibraryOut.model_validate(here.application.prompts.save_library(here.workspace_id, library_id, draft))


@router.patch("/prompt-libraries/{library_id}")
def move_library(here: Editing, library_id: str, move: PromptMove) -> LibraryOut:
    """Archive a library with its prompts, or bring it back."""
    here.application.prompts.set_library_status(here.workspace_id, library_id, move.status, by=here.who.name)
    return LibraryOut.model_validate(here.application.prompts.library(here.workspace_id, library_id))


@router.get("/prompts")
def find_prompts(
    here: Reading,
    library: Word | None = None,
    text: Word = "",
    archived: bool = False,
    cursor: Annotated[str | None, Query(max_length=300, description="As the last page gave it.")] = None,
    limit: Limit = 50,
) -> PromptList:
    """Prompts by name; `text` is looked for in names, texts and tags."""
    seen, _, name = (cursor or "").partition("~")
    found = here.application.prompts.find(
        here.workspace_id,
        library_id=library,
        text=text,
        archived=archived,
        after=(name, seen) if cursor else None,
        limit=limit + 1,
    )
    shown = found[:limit]
    following = f"{shown[-1].id}~{shown[-1].name}" if len(found) > limit else None
    return PromptList(prompts=[PromptOut.model_validate(each) for each in shown], cursor=following)


@router.post("/prompts", status_code=201)
def add_prompt(here: Editing, draft: NewPrompt, response: Response) -> PromptOut:
    """Add a prompt to a library."""
    plain = PromptDraft.model_validate(draft.model_dump(exclude={"library_id"}))
    made = here.application.prompts.add(here.workspace_id, draft.library_id, plain, by=here.who.name)
    response.headers["Location"] = f"/api/v1/prompts/{made.id}"
    return PromptOut.model_validate(made)


@router.get("/prompts/{prompt_id}")
def get_prompt(here: Reading, prompt_id: str) -> PromptOut:
    """One prompt."""
    return PromptOut.model_validate(here.application.prompts.get(here.workspace_id, prompt_id))


@router.put("/prompts/{prompt_id}")
def save_prompt(here: Editing, prompt_id: str, draft: SavedPrompt) -> PromptOut:
    """Save a new version; 409 when the prompt is not at the version that was seen."""
    plain = PromptDraft.model_validate(draft.model_dump(exclude={"version", "message"}))
    saved = here.application.prompts.save(
        here.workspace_id, prompt_id, plain, expected=draft.version, by=here.who.name, message=draft.message
    )
    return PromptOut.model_validate(saved)


@router.patch("/prompts/{prompt_id}")
def move_prompt(here: Editing, prompt_id: str, move: PromptMove) -> PromptOut:
    """Archive a prompt, or bring it back."""
    moved = here.application.prompts.set_status(here.workspace_id, prompt_id, move.status, by=here.who.name)
    return PromptOut.model_validate(moved)


@router.post("/prompts/{prompt_id}/fork", status_code=201)
def fork_prompt(here: Editing, prompt_id: str, fork: PromptFork, response: Response) -> PromptOut:
    """Make a prompt of its own from this one; `derived_from` says where it came from."""
    made = here.application.prompts.fork(
        here.workspace_id, prompt_id, fork.name, library_id=fork.library_id, number=fork.version, by=here.who.name
    )
    response.headers["Location"] = f"/api/v1/prompts/{made.id}"
    return PromptOut.model_validate(made)


@router.get("/prompts/{prompt_id}/uses")
def prompt_uses(here: Reading, prompt_id: str) -> PromptUses:
    """The pages and agents that use a prompt."""
    return PromptUses(uses=here.application.prompts.uses(here.workspace_id, prompt_id))


@router.get("/prompts/{prompt_id}/versions")
def prompt_versions(
    here: Reading, prompt_id: str, request: Request, response: Response, offset: Place = 0, limit: Limit = 50
) -> list[PromptVersionOut]:
    """Versions of a prompt, newest first."""
    found = here.application.prompts.versions(here.workspace_id, prompt_id, offset=offset, limit=limit + 1)
    found = part(found, request, response, offset=offset, limit=limit)
    return [PromptVersionOut.model_validate(each) for each in found]


@router.post("/prompts/{prompt_id}/restore/{version}")
def restore_prompt(here: Editing, prompt_id: str, version: int) -> PromptOut:
    """Save an earlier version as the newest one."""
    return PromptOut.model_validate(
        here.application.prompts.restore(here.workspace_id, prompt_id, version, by=here.who.name)
    )


@router.post("/prompts/{prompt_id}/render")
def render_prompt(here: Reading, prompt_id: str, given: PromptValues) -> Rendered:
    """Fill a prompt; 422 names every variable that is missing or of another type."""
    return Rendered(text=here.application.prompts.render(here.workspace_id, prompt_id, given.values))


@router.post("/prompts/{prompt_id}/try", status_code=202)
def try_prompt(here: Editing, prompt_id: str, given: PromptValues) -> Tried:
    """Ask a model with the filled prompt; the run's output `answer` is what it says."""
    run_id = here.application.prompts.try_it(
        here.workspace_id, prompt_id, given.values, model=given.model, by=here.who.name
    )
    return Tried(run_id=run_id)
