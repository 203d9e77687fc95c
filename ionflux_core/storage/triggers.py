"""Rows of triggers, their log, and the lease that lets one process fire them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.triggers import Trigger, TriggerFiring
from ionflux_core.storage import agents
from ionflux_core.storage.statements import Query, Write
from ionflux_core.storage.tables import (
    agent_configurations,
    leases,
    trigger_log,
    triggers,
    webhook_deliveries,
    workspaces,
)
from ionflux_core.storage.writes import insert_new, upsert

_WHEN = ("cron", "timezone")
_JOINED = triggers.join(agent_configurations, agent_configurations.c.id == triggers.c.instance_id)
_with_instance = select(
    triggers,
    agent_configurations.c.name.label("instance_name"),
    agent_configurations.c.status.label("instance_status"),
    agent_configurations.c.definition_slug,
).select_from(_JOINED)


def replace_for_instance(connection: Connection, instance_id: str, rows: Iterable[dict[str, Any]]) -> None:
    """Make the triggers of an instance exactly these, keeping what the clock knows about those that stay."""
    known = {(trigger.key, trigger.kind): trigger for trigger in of_instance(connection, instance_id)}
    batch = []
    for row in rows:
        earlier = known.pop((row["key"], row["kind"]), None)
        if earlier is not None and all(earlier.config.get(name) == row["config"].get(name) for name in _WHEN):
            row = {**row, "next_due": earlier.next_due}
        batch.append(row)
    gone = [trigger.id for trigger in known.values()]
    connection.execute(delete(triggers).where(triggers.c.id.in_(gone)))
    kept = ("id", "hook_path", "last_fired", "last_outcome", "created_at")
    upsert(connection, triggers, batch, key=("instance_id", "key"), keep=kept)


def of_instance(connection: Connection, instance_id: str) -> list[Trigger]:
    """The triggers of an instance by key."""
    query = _with_instance.where(triggers.c.instance_id == instance_id).order_by(triggers.c.key)
    return [Trigger.model_validate(row._asdict()) for row in connection.execute(query)]


def find(connection: Connection, workspace_id: str) -> list[Trigger]:
    """The triggers of a workspace, by instance and key."""
    query = _with_instance.where(triggers.c.workspace_id == workspace_id)
    query = query.order_by(agent_configurations.c.name, triggers.c.key)
    return [Trigger.model_validate(row._asdict()) for row in connection.execute(query)]


def get(connection: Connection, trigger_id: str) -> Trigger | None:
    """One trigger, whatever its workspace; callers check the workspace."""
    row = connection.execute(_with_instance.where(triggers.c.id == trigger_id)).one_or_none()
    return None if row is None else Trigger.model_validate(row._asdict())


_TRIGGER = tuple(column.name for column in _with_instance.selected_columns)
_by_hook_path = Query(
    _with_instance.add_columns(*(column.label(f"of_instance_{name}") for name, column in agents.COLUMNS.items())).where(
        triggers.c.hook_path == bindparam("path"), triggers.c.kind == "webhook"
    )
)


def by_hook_path(connection: Connection, path: str) -> tuple[Trigger, AgentInstance] | None:
    """The webhook trigger that listens on a path, and its instance: one look, because senders come in crowds."""
    row = _by_hook_path.first(connection, {"path": path})
    if row is None:
        return None
    cells = tuple(row)
    trigger = dict(zip(_TRIGGER, cells[: len(_TRIGGER)], strict=True))
    instance = dict(zip(agents.COLUMNS, cells[len(_TRIGGER) :], strict=True))
    return Trigger.model_validate(trigger), AgentInstance.model_validate(instance)


def enabled(connection: Connection, kind: str, *, workspace_id: str | None = None) -> list[Trigger]:
    """Enabled triggers of a kind whose instance is active."""
    query = _with_instance.where(
        triggers.c.kind == kind, triggers.c.enabled.is_(True), agent_configurations.c.status == "active"
    )
    if workspace_id:
        query = query.where(triggers.c.workspace_id == workspace_id)
    return [Trigger.model_validate(row._asdict()) for row in connection.execute(query.order_by(triggers.c.id))]


def newest_change(connection: Connection) -> tuple[object, ...]:
    """What tells that triggers, instances or workspaces (their time zones) have changed: newest times and a count."""
    first = connection.execute(select(func.max(triggers.c.updated_at), func.count(triggers.c.id))).one()
    second = connection.execute(select(func.max(agent_configurations.c.updated_at))).scalar_one_or_none()
    third = connection.execute(select(func.max(workspaces.c.updated_at))).scalar_one_or_none()
    return first[0], second, third, first[1]


def set_next_due(connection: Connection, trigger_id: str, due: datetime | None) -> None:
    """Keep when a schedule is due next."""
    connection.execute(update(triggers).where(triggers.c.id == trigger_id).values(next_due=due))


_log_firing = Write(lambda _: insert(trigger_log).inline(), ("trigger_id", "at", "outcome", "detail", "run_id"))
_keep_firing = Write(
    lambda _: update(triggers).where(triggers.c.id == bindparam("trigger")), ("last_fired", "last_outcome", "trigger")
)


def note_firing(
    connection: Connection, trigger_id: str, *, at: datetime, outcome: str, detail: str = "", run_id: str | None = None
) -> None:
    """Log what a trigger did and keep it as its last outcome."""
    row = {"trigger_id": trigger_id, "at": at, "outcome": outcome, "detail": detail[:500], "run_id": run_id}
    _log_firing.run(connection, row)
    last = f"{outcome}: {detail}"[:500] if detail else outcome
    _keep_firing.run(connection, {"trigger": trigger_id, "last_fired": at, "last_outcome": last})


def firings(connection: Connection, trigger_id: str, *, limit: int) -> list[TriggerFiring]:
    """What a trigger did, newest first."""
    query = select(trigger_log).where(trigger_log.c.trigger_id == trigger_id)
    rows = connection.execute(query.order_by(trigger_log.c.seq.desc()).limit(limit))
    return [TriggerFiring.model_validate({k: v for k, v in row._asdict().items() if k != "seq"}) for row in rows]


def note_delivery(
    connection: Connection, source: str, delivery_id: str, *, at: datetime, run_id: str | None = None
) -> bool:
    """Remember a webhook delivery; False when it has come before."""
    row = {"source": source, "delivery_id": delivery_id, "run_id": run_id, "at": at}
    return insert_new(connection, webhook_deliveries, row)


def forget_deliveries(connection: Connection, before: datetime) -> int:
    """Drop delivery ids older than a time; how many."""
    return connection.execute(delete(webhook_deliveries).where(webhook_deliveries.c.at < before)).rowcount


def take_lease(connection: Connection, name: str, owner: str, *, at: datetime, until: datetime) -> bool:
    """Take or renew a named lease; False while another owner holds it."""
    if insert_new(connection, leases, {"name": name, "owner": owner, "until": until}):
        return True
    statement = update(leases).where(leases.c.name == name, (leases.c.owner == owner) | (leases.c.until < at))
    return bool(connection.execute(statement.values(owner=owner, until=until)).rowcount == 1)


def drop_lease(connection: Connection, name: str, owner: str) -> None:
    """Give a lease back so that another process need not wait for its end."""
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.owner == owner))
