"""The API's workspaces, brands and creators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, Field

from ionflux_core.domain.workspaces import (
    Brand,
    BrandDraft,
    Creator,
    CreatorDraft,
    ProfileChange,
    ProfileStatus,
    Workspace,
    WorkspaceSettings,
)
from ionflux_core.errors import Forbidden
from ionflux_core.web.api_here import Answer, App, Body, Editing, Here, Limit, Reading, Who
from ionflux_core.web.auth import require

router = APIRouter(tags=["workspaces"])


class WorkspaceDraft(Body):
    """A new workspace; settings left out have their defaults."""

    name: str
    settings: WorkspaceSettings = WorkspaceSettings()


class WorkspaceList(Answer):
    """Workspaces, oldest first."""

    workspaces: list[Workspace]


class BrandList(Answer):
    """Brands of a workspace, by name."""

    brands: list[Brand]


class CreatorList(Answer):
    """Creators of a workspace, by name."""

    creators: list[Creator]


_SEEN = Field(None, description="The `updated_at` that was seen, so that nobody's work is written over.")


class SavedBrand(BrandDraft):
    """A brand as it should be."""

    updated_at: AwareDatetime | None = _SEEN


class SavedCreator(CreatorDraft):
    """A creator as it should be."""

    updated_at: AwareDatetime | None = _SEEN


class ProfileMove(Body):
    """Whether a brand or creator is in use or put away."""

    status: ProfileStatus


class ProfileHistory(Answer):
    """Who changed what, newest first."""

    changes: list[ProfileChange]
    cursor: int | None


Before = Annotated[int | None, Query(ge=0, description="As the last page gave it.")]


@router.get("/workspaces")
def find_workspaces(application: App, who: Who) -> WorkspaceList:
    """The workspaces the caller may see."""
    if who.workspace_id is not None:
        return WorkspaceList(workspaces=[application.workspaces.get(who.workspace_id)])
    return WorkspaceList(workspaces=application.workspaces.all())


@router.post("/workspaces", status_code=201)
def create_workspace(application: App, who: Who, draft: WorkspaceDraft, response: Response) -> Workspace:
    """Make a workspace; a token belongs to one workspace and cannot make others."""
    require("owner", who)
    if who.workspace_id is not None:
        raise Forbidden("A token cannot make workspaces.", hint="Make it on the machine itself.")
    workspace = application.workspaces.create(draft.name, draft.settings)
    response.headers["Location"] = f"/api/v1/workspaces/{workspace.id}"
    return workspace


@router.get("/workspaces/{workspace_id}")
def get_workspace(application: App, who: Who, workspace_id: str) -> Workspace:
    """One workspace; another's is not there."""
    wanted = workspace_id if who.workspace_id in (None, workspace_id) else ""
    return application.workspaces.get(wanted)


@router.get("/brands")
def find_brands(here: Reading, archived: bool = False) -> BrandList:
    """The brands of a workspace."""
    return BrandList(brands=here.application.workspaces.brands(here.workspace_id, archived=archived))


@router.post("/brands", status_code=201)
def add_brand(here: Editing, draft: BrandDraft, response: Response) -> Brand:
    """Add a brand."""
    brand = here.application.workspaces.add_brand(here.workspace_id, draft, by=here.who.name)
    response.headers["Location"] = f"/api/v1/brands/{brand.id}"
    return brand


@router.get("/brands/{brand_id}")
def get_brand(here: Reading, brand_id: str) -> Brand:
    """One brand."""
    return here.application.workspaces.brand(here.workspace_id, brand_id)


@router.put("/brands/{brand_id}")
def save_brand(here: Editing, brand_id: str, saved: SavedBrand) -> Brand:
    """Replace what a person edits of a brand; 409 when it has been saved since `updated_at`."""
    draft = BrandDraft.model_validate(saved.model_dump(exclude={"updated_at"}))
    return here.application.workspaces.save_brand(
        here.workspace_id, brand_id, draft, expected=saved.updated_at, by=here.who.name
    )


@router.patch("/brands/{brand_id}")
def move_brand(here: Editing, brand_id: str, move: ProfileMove) -> Brand:
    """Archive a brand, or bring it back."""
    here.application.workspaces.set_brand_status(here.workspace_id, brand_id, move.status, by=here.who.name)
    return here.application.workspaces.brand(here.workspace_id, brand_id)


@router.get("/brands/{brand_id}/history")
def brand_history(here: Reading, brand_id: str, cursor: Before = None, limit: Limit = 50) -> ProfileHistory:
    """Who changed what of a brand."""
    here.application.workspaces.brand(here.workspace_id, brand_id)
    return _history(here, brand_id, cursor, limit)


@router.get("/creators")
def find_creators(here: Reading, archived: bool = False) -> CreatorList:
    """The creators of a workspace."""
    return CreatorList(creators=here.application.workspaces.creators(here.workspace_id, archived=archived))


@router.post("/creators", status_code=201)
def add_creator(here: Editing, draft: CreatorDraft, response: Response) -> Creator:
    """Add a creator."""
    creator = here.application.workspaces.add_creator(here.workspace_id, draft, by=here.who.name)
    response.headers["Location"] = f"/api/v1/creators/{creator.id}"
    return creator


@router.get("/creators/{creator_id}")
def get_creator(here: Reading, creator_id: str) -> Creator:
    """One creator."""
    return here.application.workspaces.creator(here.workspace_id, creator_id)


@router.put("/creators/{creator_id}")
def save_creator(here: Editing, creator_id: str, saved: SavedCreator) -> Creator:
    """Replace what a person edits of a creator; 409 when it has been saved since `updated_at`."""
    draft = CreatorDraft.model_validate(saved.model_dump(exclude={"updated_at"}))
    return here.application.workspaces.save_creator(
        here.workspace_id, creator_id, draft, expected=saved.updated_at, by=here.who.name
    )


@router.patch("/creators/{creator_id}")
def move_creator(here: Editing, creator_id: str, move: ProfileMove) -> Creator:
    """Archive a creator, or bring the creator back."""
    here.application.workspaces.set_creator_status(here.workspace_id, creator_id, move.status, by=here.who.name)
    return here.application.workspaces.creator(here.workspace_id, creator_id)


@router.get("/creators/{creator_id}/history")
def creator_history(here: Reading, creator_id: str, cursor: Before = None, limit: Limit = 50) -> ProfileHistory:
    """Who changed what of a creator."""
    here.application.workspaces.creator(here.workspace_id, creator_id)
    return _history(here, creator_id, cursor, limit)


def _history(here: Here, profile_id: str, cursor: int | None, limit: int) -> ProfileHistory:
    found = here.application.workspaces.profile_history(here.workspace_id, profile_id, before=cursor, limit=limit + 1)
    following = found[limit - 1].seq if len(found) > limit else None
    return ProfileHistory(changes=found[:limit], cursor=following)
