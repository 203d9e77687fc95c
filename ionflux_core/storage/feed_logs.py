"""What the charts read besides runs: the ledger, events, what people did and said, versions and agents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Float, Table, cast, func, select

from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import (
    agent_configuration_versions,
    agent_configurations,
    audit_log,
    billing_ledger,
    chat_messages,
    events,
    runs,
    users,
    workspaces,
)

_MICROS = 1e6


class Standing(NamedTuple):
    """How far each source of the cache has come: numbers of rows, the newest message, and the agents' own count."""

    ledger: int
    events: int
    activity: int
    message: str
    versions: int
    version: datetime | None
    instances: int


class People(NamedTuple):
    """Who is meant by a name in the activity: ids by id and by name, and each workspace's owner."""

    ids: dict[str, str]
    owners: dict[str, str]


def standing(connection: Connection) -> Standing:
    """How far each source has come; every figure is the end of an index, or the size of a small table."""
    parts: tuple[Any, ...] = (
        select(func.coalesce(func.max(billing_ledger.c.seq), 0)).scalar_subquery(),
        select(func.coalesce(func.max(events.c.seq), 0)).scalar_subquery(),
        select(func.coalesce(func.max(audit_log.c.seq), 0)).scalar_subquery(),
        select(func.coalesce(func.max(chat_messages.c.id), "")).scalar_subquery(),
        select(func.count()).select_from(agent_configuration_versions).scalar_subquery(),
        select(func.max(agent_configuration_versions.c.created_at)).scalar_subquery(),
        select(func.count()).select_from(agent_configurations).scalar_subquery(),
    )
    return Standing(*connection.execute(select(*parts)).one())


def people(connection: Connection) -> People:
    """Everybody who is known by an id or a name."""
    ids: dict[str, str] = {}
    for row in connection.execute(select(users.c.id, users.c.name)):
        ids[row.name] = ids[row.id] = row.id
    owners = connection.execute(select(workspaces.c.id, workspaces.c.owner_user_id))
    return People(ids, {row.id: row.owner_user_id for row in owners})


def ledger_entries(connection: Connection, after: int, *, limit: int) -> list[AnyRow]:
    """Entries of the ledger behind a number, in C-ION, each with whose run it is."""
    own = billing_ledger
    columns = (
        own.c.seq, own.c.id, own.c.workspace_id, own.c.run_id,
        func.coalesce(own.c.instance_id, runs.c.instance_id).label("instance_id"), runs.c.brand_id,
        runs.c.definition_slug, runs.c.trigger_kind, own.c.kind,
        (cast(own.c.amount_micros, Float) / _MICROS).label("amount"), own.c.at,
    )  # fmt: skip
    return _behind(connection, own, columns, own.c.run_id, after, limit)


def events_after(connection: Connection, after: int, *, limit: int) -> list[AnyRow]:
    """Events behind a number without their payload, each with the run that caused it."""
    columns = (
        events.c.seq, events.c.workspace_id, events.c.causation_run_id.label("run_id"), runs.c.instance_id,
        func.coalesce(events.c.brand_id, runs.c.brand_id).label("brand_id"), runs.c.definition_slug,
        runs.c.trigger_kind, events.c.type, events.c.source, events.c.correlation_id, events.c.at,
    )  # fmt: skip
    return _behind(connection, events, columns, events.c.causation_run_id, after, limit)


def activity(connection: Connection, after: int, *, limit: int) -> list[AnyRow]:
    """What was done behind a number, without details."""
    own = audit_log
    columns = (own.c.seq, own.c.workspace_id, own.c.who, own.c.who.label("person"), own.c.action, own.c.entity,
               own.c.entity_id, own.c.at)  # fmt: skip
    query = select(*columns).where(own.c.seq > after).order_by(own.c.seq).limit(limit)
    return list(connection.execute(query))


LOGS: dict[str, Callable[..., list[AnyRow]]] = {
    "ledger_entries": ledger_entries,
    "events": events_after,
    "activity": activity,
}


def messages(connection: Connection, after: str, *, limit: int) -> list[AnyRow]:
    """Messages behind an id without their words; deleted ones are left out."""
    own = chat_messages
    columns = (own.c.id, own.c.workspace_id, own.c.channel_id, own.c.sender_type, own.c.sender_id,
               own.c.content_type, own.c.created_at.label("at"))  # fmt: skip
    query = select(*columns).where(own.c.id > after, own.c.deleted_at.is_(None))
    return list(connection.execute(query.order_by(own.c.id).limit(limit)))


def versions(connection: Connection) -> list[AnyRow]:
    """Every saved version of every agent, without its text."""
    own = agent_configuration_versions
    query = select(
        own.c.instance_id, agent_configurations.c.workspace_id, own.c.version, own.c.author.label("saved_by"),
        own.c.author.label("person"), own.c.created_at.label("at"),
    ).join(agent_configurations, agent_configurations.c.id == own.c.instance_id)  # fmt: skip
    return list(connection.execute(query.order_by(own.c.instance_id, own.c.version)))


def instances(connection: Connection) -> list[AnyRow]:
    """Every configured agent with the time it was made."""
    own = agent_configurations
    query = select(own.c.id, own.c.workspace_id, own.c.definition_slug, own.c.created_at.label("made_at"))
    return list(connection.execute(query.order_by(own.c.id)))


def _behind(
    connection: Connection, table: Table, columns: Sequence[Any], run_id: Any, after: int, limit: int
) -> list[AnyRow]:
    query = select(*columns).select_from(table.outerjoin(runs, runs.c.id == run_id)).where(table.c.seq > after)
    return list(connection.execute(query.order_by(table.c.seq).limit(limit)))
