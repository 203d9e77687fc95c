"""Rows of playbooks and their versions, and of the runs and events that their figures are made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select, update

from ionflux_core.domain.playbooks import Playbook, PlaybookVersion
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import events, playbook_versions, playbooks, runs
from ionflux_core.storage.writes import insert_new

_BATCH = 1_000


class RunRow(NamedTuple):
    """What the figures of a playbook need of a run."""

    id: str
    status: str
    dry_run: bool
    trigger: dict[str, Any]
    inputs: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None


def insert(connection: Connection, row: dict[str, Any], message: str) -> bool:
    """Insert a playbook with its first version; False when its name or slug is taken in the workspace."""
    if not insert_new(connection, playbooks, row):
        return False
    insert_version(connection, row, message, row["created_at"])
    return True


def insert_version(connection: Connection, row: dict[str, Any], message: str, at: datetime) -> None:
    """Keep a playbook as it stands."""
    kept = {name: row[name] for name in ("workspace_id", "version", "document", "author")}
    values = {**kept, "playbook_id": row["id"], "message": message, "created_at": at}
    connection.execute(playbook_versions.insert(), values)


def save(
    connection: Connection, workspace_id: str, playbook_id: str, *, expected: int | None = None, **values: Any
) -> bool:
    """Change columns of a playbook; False when it is not there, or not at the version that was expected."""
    query = update(playbooks).where(playbooks.c.id == playbook_id, playbooks.c.workspace_id == workspace_id)
    if expected is not None:
        query = query.where(playbooks.c.version == expected)
    return bool(connection.execute(query.values(**values)).rowcount == 1)


def get(connection: Connection, workspace_id: str, playbook_id: str) -> Playbook | None:
    """One playbook of a workspace."""
    query = select(playbooks).where(playbooks.c.id == playbook_id, playbooks.c.workspace_id == workspace_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _playbook(row)


def find(connection: Connection, workspace_id: str, *, archived: bool) -> list[Playbook]:
    """Playbooks of a workspace by name; archived ones only when asked for."""
    query = select(playbooks).where(playbooks.c.workspace_id == workspace_id)
    if not archived:
        query = query.where(playbooks.c.status != "archived")
    return [_playbook(row) for row in connection.execute(query.order_by(playbooks.c.name, playbooks.c.id))]


def name_is_taken(connection: Connection, workspace_id: str, name: str, *, besides: str = "") -> bool:
    """Whether another playbook of the workspace is called so."""
    query = select(playbooks.c.id).where(playbooks.c.workspace_id == workspace_id, playbooks.c.name == name)
    return connection.execute(query.where(playbooks.c.id != besides)).first() is not None


def slugs(connection: Connection, workspace_id: str) -> set[str]:
    """The short names that are taken in a workspace."""
    return set(connection.execute(select(playbooks.c.slug).where(playbooks.c.workspace_id == workspace_id)).scalars())


def versions(
    connection: Connection, workspace_id: str, playbook_id: str, *, offset: int, limit: int
) -> list[PlaybookVersion]:
    """Versions of a playbook, newest first."""
    query = select(playbook_versions).where(
        playbook_versions.c.playbook_id == playbook_id, playbook_versions.c.workspace_id == workspace_id
    )
    query = query.order_by(playbook_versions.c.version.desc()).offset(offset).limit(limit)
    return [_version(row) for row in connection.execute(query)]


def version(connection: Connection, workspace_id: str, playbook_id: str, number: int) -> PlaybookVersion | None:
    """A playbook as it was in one version."""
    query = select(playbook_versions).where(
        playbook_versions.c.playbook_id == playbook_id,
        playbook_versions.c.workspace_id == workspace_id,
        playbook_versions.c.version == number,
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _version(row)


def counts(connection: Connection, flow_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many real executions of some flows there are, by flow and status."""
    query = (
        select(runs.c.instance_id, runs.c.status, func.count())
        .where(runs.c.instance_id.in_(flow_ids), *_real())
        .group_by(runs.c.instance_id, runs.c.status)
    )
    found: dict[str, dict[str, int]] = {}
    for flow_id, status, count in connection.execute(query) if flow_ids else ():
        found.setdefault(flow_id, {})[status] = count
    return found


def executions(
    connection: Connection, flow_id: str, *, before: str | None, limit: int, real: bool = False
) -> list[RunRow]:
    """Runs of a flow, newest first, behind a run's id; with `real`, without rehearsals, forks and replays."""
    query = select(
        runs.c.id, runs.c.status, runs.c.dry_run, runs.c.trigger, runs.c.inputs, runs.c.created_at, runs.c.finished_at
    ).where(runs.c.instance_id == flow_id, *(_real() if real else ()))
    if before:
        query = query.where(runs.c.id < before)
    return [RunRow(*row) for row in connection.execute(query.order_by(runs.c.id.desc()).limit(limit))]


def happened(
    connection: Connection, workspace_id: str, type: str, *, since: datetime, until: datetime
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Events of one type in a span of time, with their payloads, in batches so that few are held at once."""
    query = (
        select(events.c.seq, events.c.at, events.c.payload)
        .where(events.c.workspace_id == workspace_id, events.c.type == type)
        .where(events.c.at >= since, events.c.at <= until)
        .order_by(events.c.seq)
        .limit(_BATCH)
    )
    seen = 0
    while rows := connection.execute(query.where(events.c.seq > seen)).all():
        yield from ((row.at, row.payload) for row in rows)
        seen = rows[-1].seq


def _real() -> tuple[ColumnElement[bool], ...]:
    """What counts as an execution: no rehearsal, no fork or replay of another run, nothing from a file."""
    return runs.c.dry_run.is_(False), runs.c.lineage.is_(None), runs.c.imported.is_(None)


def _playbook(row: AnyRow) -> Playbook:
    values = row._asdict()
    return Playbook.model_validate({**values.pop("document"), **values})


def _version(row: AnyRow) -> PlaybookVersion:
    names = ("playbook_id", "version", "author", "message", "created_at")
    values = row._asdict()
    return PlaybookVersion(draft=values["document"], **{name: values[name] for name in names})
