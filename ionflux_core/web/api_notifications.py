"""The API's notifications: what the caller was told, and how they wish to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from ionflux_core.domain.notifications import Link, NotificationChoices, NotificationKind
from ionflux_core.web.api_here import Answer, Body, Editing, Limit, Reading

router = APIRouter(tags=["notifications"])


class NotificationOut(Answer):
    """One thing the owner was told."""

    id: str
    kind: NotificationKind
    title: str
    body: str
    link: Link
    read_at: datetime | None
    created_at: datetime


class NotificationList(Answer):
    """A page of notifications, newest first, and how many are unread (up to 100)."""

    notifications: list[NotificationOut]
    unread: int
    cursor: str | None


class ReadThese(Body):
    """Which were read; without ids, all of them."""

    ids: list[str] | None = Field(None, max_length=200)


class ReadCount(Answer):
    """How many were unread before."""

    read: int


@router.get("/notifications")
def find_notifications(
    here: Reading,
    cursor: Annotated[str | None, Query(max_length=36, description="As the last page gave it.")] = None,
    limit: Limit = 50,
) -> NotificationList:
    """What the owner was told in this workspace."""
    app, user = here.application, here.application.workspaces.owner()
    found = app.notifications.find(here.workspace_id, user.id, before=cursor, limit=limit + 1)
    shown = [NotificationOut.model_validate(each) for each in found[:limit]]
    unread = app.notifications.unread(here.workspace_id, user.id)
    following = shown[-1].id if len(found) > limit else None
    return NotificationList(notifications=shown, unread=unread, cursor=following)


@router.post("/notifications/read")
def read_notifications(here: Editing, these: ReadThese) -> ReadCount:
    """Note that notifications were read."""
    user = here.application.workspaces.owner()
    return ReadCount(read=here.application.notifications.read(here.workspace_id, user.id, these.ids))


@router.get("/notifications/choices")
def get_choices(here: Reading) -> NotificationChoices:
    """By which ways each kind reaches the owner."""
    return here.application.notifications.choices(here.application.workspaces.owner().id)


@router.put("/notifications/choices")
def save_choices(here: Editing, choices: NotificationChoices) -> NotificationChoices:
    """Choose ways; 422 when one of them has nowhere to go."""
    return here.application.notifications.save_choices(here.application.workspaces.owner().id, choices)
