"""The API's workspaces and brands."""

from __future__ import annotations

from fastapi import APIRouter, Response

from ionflux_core.domain.workspaces import Brand, BrandDraft, Workspace, WorkspaceSettings
from ionflux_core.errors import Forbidden
from ionflux_core.web.api_here import Answer, App, Body, Editing, Reading, Who
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
    brand = here.application.workspaces.add_brand(here.workspace_id, draft)
    response.headers["Location"] = f"/api/v1/brands/{brand.id}"
    return brand


@router.get("/brands/{brand_id}")
def get_brand(here: Reading, brand_id: str) -> Brand:
    """One brand."""
    return here.application.workspaces.brand(here.workspace_id, brand_id)


@router.put("/brands/{brand_id}")
def save_brand(here: Editing, brand_id: str, draft: BrandDraft) -> Brand:
    """Replace what a person edits of a brand."""
    return here.application.workspaces.save_brand(here.workspace_id, brand_id, draft)
