"""The API's events, their chains and deliveries, and KPI points."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from ionflux_core.domain.event_chains import Chain
from ionflux_core.domain.events import DeliveryStatus, EventFilter, EventStatus, PlatformEvent
from ionflux_core.services.events import Events
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
    """Events, newest first, without secrets; `cursor` asks for the next page, null on the last one."""

    events: list[PlatformEvent]
    cursor: int | None


class DeliveryOut(Answer):
    """How an event reached one trigger; `next_at` is when a failed one is tried again."""

    event_id: str
    event_type: str
    trigger_id: str
    trigger_key: str | None
    instance_id: str | None
    instance_name: str | None
    status: DeliveryStatus
    attempts: int
    replays: int
    run_id: str | None
    error: dict[str, Any] | None
    at: datetime
    next_at: datetime | None


class EventDetail(Answer):
    """One event with its deliveries; secrets in its payload are left out."""

    event: PlatformEvent
    deliveries: list[DeliveryOut]


class ReplayDraft(Body):
    """Which trigger is handed the event again."""

    trigger_id: str = Field(min_length=1, max_length=36)


class ReplayStarted(Answer):
    """The run that was started."""

    run_id: str


class DeadLetters(Answer):
    """What was given up, newest first, and what is still being tried."""

    dead: list[DeliveryOut]
    failing: list[DeliveryOut]


class LettersSetAside(Answer):
    """How many letters were set aside: none when it had moved on."""

    set_aside: int


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
    type: Annotated[Word | None, Query(description="First words of the type, or a pattern with * and >.")] = None,
    correlation_id: Word | None = None,
    source: Word | None = None,
    brand_id: Word | None = None,
    status: EventStatus | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    text: Annotated[Word | None, Query(description="Words in the payload, in any case.")] = None,
    cursor: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    limit: Limit = 50,
) -> EventList:
    """A page of events, newest first. Words are looked for in a stretch at a time: a page may be short, or empty."""
    wild = bool(type) and bool(set(type or "") & set("*>"))
    narrow = EventFilter(
        pattern=type or "" if wild else "",
        prefix="" if wild else type or "",
        source=source,
        brand_id=brand_id,
        correlation_id=correlation_id,
        status=status,
        since=since,
        until=until,
        text=text or "",
    )
    events = here.application.events
    page = events.search(here.workspace_id, narrow, before=cursor, limit=limit)
    return EventList(events=[_shown(events, event) for event in page.events], cursor=page.cursor)


@router.get("/events/chain/{correlation_id}", tags=["events"])
def get_chain(here: Reading, correlation_id: str) -> Chain:
    """Everything that one cause has brought about, as nodes behind their causes."""
    return here.application.events.chains.get(here.workspace_id, correlation_id)


@router.get("/events/dead-letters", tags=["events"])
def find_dead_letters(here: Reading, before: Moment | None = None, limit: Limit = 50) -> DeadLetters:
    """Deliveries that were given up, and those that are still being tried."""
    replays = here.application.events.replays
    dead = replays.dead(here.workspace_id, before=before, limit=limit)
    return DeadLetters(
        dead=[DeliveryOut.model_validate(each) for each in dead],
        failing=[DeliveryOut.model_validate(each) for each in replays.failing(here.workspace_id)],
    )


@router.post("/events/dead-letters/{event_id}/{trigger_id}/retry", status_code=202, tags=["events"])
def retry_dead_letter(here: Editing, event_id: str, trigger_id: str) -> ReplayStarted:
    """Try a dead delivery again; when it fails once more the answer says why and it stays dead."""
    replays = here.application.events.replays
    return ReplayStarted(run_id=replays.retry(here.workspace_id, event_id, trigger_id, by=here.who.name).run_id)


@router.post("/events/dead-letters/{event_id}/{trigger_id}/set-aside", tags=["events"])
def set_dead_letter_aside(here: Editing, event_id: str, trigger_id: str) -> LettersSetAside:
    """Put a dead delivery aside for good; it stays with its event."""
    events = here.application.events
    found = events.deliveries(here.workspace_id, [events.get(here.workspace_id, event_id).id]).get(event_id, [])
    chosen = [each for each in found if each.trigger_id == trigger_id]
    return LettersSetAside(set_aside=events.replays.set_aside(here.workspace_id, chosen, by=here.who.name))


@router.get("/events/{event_id}", tags=["events"])
def get_event(here: Reading, event_id: str) -> EventDetail:
    """One event, and how it reached its triggers."""
    events = here.application.events
    event = events.get(here.workspace_id, event_id)
    deliveries = events.deliveries(here.workspace_id, [event.id]).get(event.id, [])
    return EventDetail(
        event=_shown(events, event),
        deliveries=[DeliveryOut.model_validate(each) for each in deliveries],
    )


@router.post("/events/{event_id}/replay", status_code=202, tags=["events"])
def replay_event(here: Editing, event_id: str, draft: ReplayDraft) -> ReplayStarted:
    """Hand an event to a trigger again: a run of its own each time, in the event's chain."""
    replays = here.application.events.replays
    return ReplayStarted(run_id=replays.replay(here.workspace_id, event_id, draft.trigger_id, by=here.who.name).run_id)


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


def _shown(events: Events, event: PlatformEvent) -> PlatformEvent:
    return event.model_copy(update={"payload": events.shown(event)})
