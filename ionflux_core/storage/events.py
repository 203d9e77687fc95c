"""Rows of platform events: published, listed, followed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    update,
)

from ionflux_core.domain.events import (
    SUBJECT,
    EventFilter,
    PlatformEvent,
    canonical_subject,
    is_awaited,
    pattern_regex,
)
from ionflux_core.storage.engine import AnyRow, dump_json
from ionflux_core.storage.tables import agent_configurations, events, marks, runs
from ionflux_core.storage.writes import insert_new, upsert

_AT_ONCE = 500


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Publish an event; False when its dedup key is taken in the workspace."""
    return insert_new(connection, events, row)


def id_for_key(connection: Connection, workspace_id: str, dedup_key: str) -> str | None:
    """The event that was published with this dedup key."""
    query = select(events.c.id).where(events.c.workspace_id == workspace_id, events.c.dedup_key == dedup_key)
    return connection.execute(query).scalar_one_or_none()


def get(connection: Connection, workspace_id: str, event_id: str) -> PlatformEvent | None:
    """One event of a workspace."""
    query = select(events).where(events.c.id == event_id, events.c.workspace_id == workspace_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _event(row)


# The status as a literal: SQLite takes the partial index only when it finds its condition again.
IS_OPEN = events.c.status == literal_column("'pending_processing'")
_open = select(events).where(IS_OPEN, events.c.seq > bindparam("seq")).order_by(events.c.seq).limit(bindparam("most"))


def open_events(connection: Connection, *, after: int = 0, limit: int) -> list[PlatformEvent]:
    """Events behind a number that have not reached everybody yet, oldest first."""
    return [_event(row) for row in connection.execute(_open, {"seq": after, "most": limit})]


def newest_seq(connection: Connection, workspace_id: str) -> int:
    """Where the events of a workspace stand: the number of the newest one."""
    return connection.execute(select(func.max(events.c.seq)).where(events.c.workspace_id == workspace_id)).scalar() or 0


def since(connection: Connection, workspace_id: str, seq: int, *, limit: int = 1000) -> list[PlatformEvent]:
    """Events of a workspace behind a number, oldest first."""
    query = select(events).where(events.c.workspace_id == workspace_id, events.c.seq > seq)
    return [_event(row) for row in connection.execute(query.order_by(events.c.seq).limit(limit))]


def awaited(connection: Connection, workspace_id: str, wait: dict[str, Any]) -> PlatformEvent | None:
    """The first event that a wait waits for, of all that came since it began."""
    topic = canonical_subject(str(wait.get("topic") or ""))
    query = select(events).where(events.c.workspace_id == workspace_id).order_by(events.c.seq).limit(_AT_ONCE)
    if SUBJECT.match(topic):
        query = query.where(events.c.type == topic)
    after = wait["after"]
    while batch := [_event(row) for row in connection.execute(query.where(events.c.seq > after))]:
        found = next((event for event in batch if is_awaited(wait, event)), None)
        if found is not None:
            return found
        after = batch[-1].seq
    return None


def newest(connection: Connection) -> int:
    """The number of the newest event of all workspaces; 0 when there is none."""
    return connection.execute(select(func.max(events.c.seq))).scalar() or 0


_after = select(events).where(events.c.seq > bindparam("seq")).order_by(events.c.seq).limit(bindparam("most"))


def after(connection: Connection, seq: int, *, limit: int) -> list[PlatformEvent]:
    """Events of all workspaces behind a number, oldest first."""
    return [_event(row) for row in connection.execute(_after, {"seq": seq, "most": limit})]


def mark(connection: Connection, name: str) -> int | None:
    """How far a reader of all events has come; None when it has never been here."""
    return connection.execute(select(marks.c.value).where(marks.c.name == name)).scalar_one_or_none()


def keep_mark(connection: Connection, name: str, seq: int) -> None:
    """Keep how far a reader has come."""
    upsert(connection, marks, [{"name": name, "value": seq}], key=("name",))


def settle(connection: Connection, event_ids: Sequence[str], status: str) -> None:
    """Mark events as delivered or as heard by nobody."""
    connection.execute(update(events).where(events.c.id.in_(event_ids)).values(status=status))


def find(
    connection: Connection,
    workspace_id: str,
    narrow: EventFilter,
    *,
    types: Collection[str] | None = None,
    before: int | None = None,
    after: int | None = None,
    limit: int,
) -> list[PlatformEvent]:
    """Events of a workspace, newest first, numbered between `after` and `before`.

    `types` are those that fit the filter's pattern; where they are not given each event is held against it.
    """
    query = _narrowed(select(events), workspace_id, narrow, types)
    if before is not None:
        query = query.where(events.c.seq < before)
    if after is not None:
        query = query.where(events.c.seq > after)
    return [_event(row) for row in connection.execute(query.order_by(events.c.seq.desc()).limit(limit))]


def _narrowed(query: Select[Any], workspace_id: str, narrow: EventFilter, types: Collection[str] | None) -> Select[Any]:
    if narrow.correlation_id:
        query = query.where(events.c.correlation_id == narrow.correlation_id, in_workspace(workspace_id))
    elif narrow.status == "pending_processing":
        query = query.where(IS_OPEN, in_workspace(workspace_id))
    else:
        query = query.where(events.c.workspace_id == workspace_id)
    query = query.where(*_typed(narrow, types))
    for name in ("source", "brand_id", "status"):
        if wanted := getattr(narrow, name):
            query = query.where(events.c[name] == wanted)
    if narrow.since:
        query = query.where(events.c.at >= narrow.since)
    if narrow.until:
        query = query.where(events.c.at < narrow.until)
    if narrow.text:
        query = query.where(_says(narrow.text))
    return query


def _typed(narrow: EventFilter, types: Collection[str] | None) -> Iterator[ColumnElement[bool]]:
    if types is not None:
        yield events.c.type.in_(sorted(types))
    elif narrow.pattern:
        yield events.c.type.regexp_match(pattern_regex(narrow.pattern))
    if narrow.prefix:
        yield events.c.type.startswith(narrow.prefix, autoescape=True)


def _says(text: str) -> ColumnElement[bool]:
    """That a payload holds a text, in any case. SQLite knows the small letters of English only: others are tried.

    The text is looked for as JSON spells it, so that what stands in quotation marks is found, too.
    """
    payload = cast(events.c.payload, String)
    forms = set() if text.isascii() else {text, text.upper(), text.title()}
    plain = func.lower(payload).contains(_spelled(text.lower()), autoescape=True)
    return or_(plain, *(payload.contains(_spelled(form), autoescape=True) for form in sorted(forms)))


def _spelled(text: str) -> str:
    return dump_json(text)[1:-1]


def in_workspace(workspace_id: str) -> ColumnElement[bool]:
    """That an event is a workspace's, said so that no index of workspaces is taken.

    For conditions that leave few rows by an index of their own: the workspace is long, whatever the planner guesses.
    """
    return func.coalesce(events.c.workspace_id, "") == workspace_id


def seq_at(connection: Connection, workspace_id: str, *, before: int | None, rows: int) -> int | None:
    """The number of the event that lies so many rows behind the newest, or behind `before`; None when none does."""
    query = select(events.c.seq).where(events.c.workspace_id == workspace_id)
    if before is not None:
        query = query.where(events.c.seq < before)
    return connection.execute(query.order_by(events.c.seq.desc()).offset(rows).limit(1)).scalar_one_or_none()


def newer(connection: Connection, workspace_id: str, seq: int, *, most: int) -> int:
    """How many events of a workspace came behind a number, counted up to `most`."""
    found = select(events.c.seq).where(events.c.workspace_id == workspace_id, events.c.seq > seq).limit(most)
    return connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()


def types_since(connection: Connection, workspace_id: str, seq: int) -> list[tuple[str, int, int]]:
    """Every type that came behind a number, with the numbers of its first and last event there."""
    query = select(events.c.type, func.min(events.c.seq), func.max(events.c.seq))
    query = query.where(events.c.workspace_id == workspace_id, events.c.seq > seq).group_by(events.c.type)
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def observed(connection: Connection, workspace_id: str, *, rows: int) -> list[AnyRow]:
    """The newest events without their payloads, newest first: type, source, cause and time."""
    names = (events.c.type, events.c.source, events.c.causation_run_id, events.c.brand_id, events.c.at)
    query = select(*names).where(events.c.workspace_id == workspace_id)
    return list(connection.execute(query.order_by(events.c.seq.desc()).limit(rows)))


def lately(connection: Connection, workspace_id: str, *, rows: int) -> list[tuple[str, str]]:
    """Each type with each source among the newest events, once."""
    newest = select(events.c.type, events.c.source).where(events.c.workspace_id == workspace_id)
    part = newest.order_by(events.c.seq.desc()).limit(rows).subquery()
    return [(row[0], row[1]) for row in connection.execute(select(part.c.type, part.c.source).distinct())]


def newest_of_type(connection: Connection, workspace_id: str, type: str, *, rows: int) -> PlatformEvent | None:
    """The newest event of a type among the newest ones."""
    recent = select(events.c.seq, events.c.type).where(events.c.workspace_id == workspace_id)
    part = recent.order_by(events.c.seq.desc()).limit(rows).subquery()
    last = select(func.max(part.c.seq)).where(part.c.type == type).scalar_subquery()
    row = connection.execute(select(events).where(events.c.seq == last)).one_or_none()
    return None if row is None else _event(row)


def names_of_runs(connection: Connection, workspace_id: str, run_ids: Collection[str]) -> dict[str, str]:
    """What the agents of some runs are called, by run; runs that are not kept any more are missing."""
    joined = runs.outerjoin(agent_configurations, agent_configurations.c.id == runs.c.instance_id)
    query = select(runs.c.id, func.coalesce(agent_configurations.c.name, runs.c.definition_slug)).select_from(joined)
    found = connection.execute(query.where(runs.c.id.in_(run_ids), runs.c.workspace_id == workspace_id))
    return {row[0]: row[1] for row in found}


def _event(row: AnyRow) -> PlatformEvent:
    return PlatformEvent.model_validate(row._asdict())
