"""The API's events and KPI points."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from ionflux_core.domain.events import PlatformEvent
from ionflux_core.services.kpis import Kpis
from ionflux_core.web.api_here import Answer, Body, Editing, Limit, Moment, Reading, Word

router = APIRouter()


class EventDraft(Body):
    """A fact to publish; the same `key` publishes once."""

    type: str = Field(min_length=1, max_length=200, examples=["shop.order.created"])
    payload: dict[str, Any] = {}
    key: str | None = Field(None, min_length=1, max_length=300)
    correlation_id: str | None = Field(None, min_length=1, max_length=36)
    brand_id: str | None = Field(None, max_length=36)


class EventAccepted(Answer):
    """The id of the event; the first one's when its key was used before."""

    event_id: str


class EventList(Answer):
    """Events, newest first; `cursor` asks for the next page, null on the last one."""

    events: list[PlatformEvent]
    cursor: int | None


class KpiPoint(Answer):
    """One figure an agent reported for a moment."""

    name: str
    at: datetime
    value: float
    unit: str
    instance_id: str | None
    run_id: str | None
    brand_id: str | None
    dims: dict[str, Any]


class KpiPoints(Answer):
    """KPI points by time."""

    points: list[KpiPoint]


@router.post("/events", status_code=202, tags=["events"])
def publish_event(here: Editing, draft: EventDraft) -> EventAccepted:
    """Publish an event; whatever listens to it is started."""
    event_id = here.application.events.publish(
        here.workspace_id,
        draft.type,
        draft.payload,
        source="api",
        key=draft.key,
        correlation_id=draft.correlation_id,
        brand_id=draft.brand_id,
    )
    return EventAccepted(event_id=event_id)


@router.get("/events", tags=["events"])
def find_events(
    here: Reading,
    type: Annotated[Word | None, Query(description="First words of the type.")] = None,
    correlation_id: Word | None = None,
    cursor: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    limit: Limit = 50,
) -> EventList:
    """A page of events, newest first."""
    found = here.application.events.find(
        here.workspace_id, prefix=type or "", correlation_id=correlation_id, before=cursor, limit=limit
    )
    return EventList(events=found, cursor=found[-1].seq if len(found) == limit else None)


@router.get("/kpis", tags=["kpis"])
def find_kpis(
    here: Reading,
    name: Word | None = None,
    instance_id: Word | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> KpiPoints:
    """The figures agents reported, by time."""
    points = Kpis(here.application.db).find(
        here.workspace_id, name=name, instance_id=instance_id, since=since, until=until, limit=limit
    )
    return KpiPoints(points=[KpiPoint(**point) for point in points])
