"""What may be forgotten: finished runs that nothing needs any more, old events and firings, files nobody refers to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    Table,
    Text,
    and_,
    cast,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)

from ionflux_core.domain.effects import CLOSED
from ionflux_core.domain.runs import FINISHED, RunStatus
from ionflux_core.storage.tables import (
    Json,
    approvals,
    artifacts,
    audit_log,
    chat_texts,
    events,
    metadata,
    notifications,
    outbox,
    run_logs,
    run_steps,
    run_texts,
    runs,
    trigger_log,
    triggers,
)

# Rows that do not keep a file: its own, the notes of what people did and were told, and copies of words.
_NO_REFERENCE = {artifacts.name, audit_log.name, run_texts.name, chat_texts.name, notifications.name}
_HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SCANNED_ROWS = 500


class Rule(NamedTuple):
    """Which finished runs may go: of these statuses, ended before a time, or more than so many newer ones behind."""

    statuses: tuple[RunStatus, ...]
    before: datetime | None
    newest: int | None


class Rows(NamedTuple):
    """How much a workspace holds."""

    runs: int
    steps: int
    logs: int
    file_bytes: int


def candidates(connection: Connection, workspace_id: str, rules: Iterable[Rule]) -> list[str]:
    """Runs that may go, oldest first: no rule keeps them, and no run that is kept came from them."""
    wanted: set[str] = set()
    for rule in rules:
        wanted |= _beyond(connection, workspace_id, rule)
    return sorted(wanted - _held(connection, workspace_id, wanted)) if wanted else []


def _beyond(connection: Connection, workspace_id: str, rule: Rule) -> set[str]:
    mine = and_(runs.c.workspace_id == workspace_id, runs.c.status.in_(rule.statuses))
    too_old: list[ColumnElement[bool]] = []
    if rule.before is not None:
        # A run from a file ended elsewhere, long ago perhaps; here it is as old as its row.
        came = runs.c.change_seq < int(rule.before.timestamp() * 1_000_000)
        too_old.append(and_(runs.c.finished_at < rule.before, or_(runs.c.imported.is_(None), came)))
    if rule.newest is not None:
        newest_first = select(runs.c.id).where(mine).order_by(runs.c.id.desc()).offset(rule.newest).limit(1)
        border = connection.execute(newest_first).scalar_one_or_none()
        if border is not None:
            too_old.append(runs.c.id <= border)
    if not too_old:
        return set()
    return set(connection.execute(select(runs.c.id).where(mine, or_(*too_old), ~_is_needed())).scalars())


def _is_needed() -> ColumnElement[bool]:
    """A question is open in the run, or an effect of it is."""
    asked = exists().where(approvals.c.run_id == runs.c.id, approvals.c.status == "pending")
    sending = exists().where(outbox.c.run_id == runs.c.id, outbox.c.status.not_in(CLOSED))
    return or_(asked, sending)


def _held(connection: Connection, workspace_id: str, wanted: set[str]) -> set[str]:
    """Those of the wanted runs that a run which stays came from, through any number of forks and replays."""
    query = select(runs.c.id, runs.c.parent_run_id, runs.c.replay_of).where(
        runs.c.workspace_id == workspace_id, or_(runs.c.parent_run_id.is_not(None), runs.c.replay_of.is_not(None))
    )
    origins = {row.id: {row.parent_run_id, row.replay_of} - {None} for row in connection.execute(query)}
    held: set[str] = set()
    waiting = [run_id for run_id in origins if run_id not in wanted]
    while waiting:
        fresh = origins.get(waiting.pop(), set()) - held
        held |= fresh
        waiting += fresh
    return held & wanted


def remove(connection: Connection, run_ids: Sequence[str]) -> int:
    """Delete runs with everything of theirs; how many. What has become needed meanwhile stays."""
    child = runs.alias()
    came_from = [
        exists().where(origin == runs.c.id, child.c.id.not_in(run_ids))
        for origin in (child.c.parent_run_id, child.c.replay_of)
    ]
    statement = delete(runs).where(
        runs.c.id.in_(run_ids), runs.c.status.in_(FINISHED), ~_is_needed(), *(~each for each in came_from)
    )
    return connection.execute(statement).rowcount


def remove_events(connection: Connection, workspace_id: str, before: datetime, *, limit: int) -> int:
    """Delete some events that were delivered before a time; how many."""
    old = select(events.c.seq).where(
        events.c.workspace_id == workspace_id, events.c.at < before, events.c.status != "pending_processing"
    )
    return connection.execute(delete(events).where(events.c.seq.in_(old.order_by(events.c.seq).limit(limit)))).rowcount


def remove_firings(connection: Connection, workspace_id: str, before: datetime, *, limit: int) -> int:
    """Delete some notes of what triggers did before a time; how many."""
    mine = select(triggers.c.id).where(triggers.c.workspace_id == workspace_id)
    old = select(trigger_log.c.seq).where(trigger_log.c.trigger_id.in_(mine), trigger_log.c.at < before)
    statement = delete(trigger_log).where(trigger_log.c.seq.in_(old.order_by(trigger_log.c.seq).limit(limit)))
    return connection.execute(statement).rowcount


def old_events(connection: Connection, workspace_id: str, before: datetime) -> int:
    """How many events were delivered before a time."""
    query = select(func.count()).where(
        events.c.workspace_id == workspace_id, events.c.at < before, events.c.status != "pending_processing"
    )
    return connection.execute(query).scalar_one()


def steps_among(connection: Connection, run_ids: Sequence[str]) -> int:
    """How many steps these runs have recorded."""
    total = 0
    for start in range(0, len(run_ids), _SCANNED_ROWS):
        query = select(func.count()).select_from(run_steps)
        total += connection.execute(query.where(run_steps.c.run_id.in_(run_ids[start : start + 500]))).scalar_one()
    return total


def rows_by_workspace(connection: Connection) -> dict[str, Rows]:
    """How much each workspace holds."""
    counted: list[dict[str, Any]] = [
        {row[0]: row[1] for row in connection.execute(query.group_by(column))}
        for query, column in (
            (select(runs.c.workspace_id, func.count()), runs.c.workspace_id),
            (select(runs.c.workspace_id, func.count()).join_from(runs, run_steps), runs.c.workspace_id),
            (select(runs.c.workspace_id, func.count()).join_from(runs, run_logs), runs.c.workspace_id),
            (select(artifacts.c.workspace_id, func.sum(artifacts.c.size)), artifacts.c.workspace_id),
        )
    ]
    return {
        each: Rows(*(int(count.get(each, 0) or 0) for count in counted)) for each in {key for c in counted for key in c}
    }


def doubtful_files(connection: Connection, before: datetime) -> dict[str, int]:
    """Files older than a time whose run is gone or was never there, by hash, with their size."""
    query = select(artifacts.c.sha256, func.max(artifacts.c.size)).where(
        artifacts.c.created_at < before,
        or_(artifacts.c.run_id.is_(None), ~exists().where(runs.c.id == artifacts.c.run_id)),
    )
    return {row[0]: row[1] for row in connection.execute(query.group_by(artifacts.c.sha256))}


def forget_files(connection: Connection, hashes: Sequence[str], before: datetime) -> int:
    """Delete the rows of files that nothing refers to; how many."""
    statement = delete(artifacts).where(artifacts.c.sha256.in_(hashes), artifacts.c.created_at < before)
    return connection.execute(statement).rowcount


def known_files(connection: Connection, hashes: Sequence[str]) -> set[str]:
    """Which of these files a workspace knows."""
    return set(connection.execute(select(artifacts.c.sha256).where(artifacts.c.sha256.in_(hashes))).scalars())


def referred(connection: Connection, table: Table, wanted: set[str], after: int) -> tuple[set[str], int | None]:
    """Which of these hashes stand in the next rows of a table, whatever the column, and where to go on.

    Any mention counts: a file too many is kept rather than one too few.
    """
    columns = [column for column in table.columns if _may_refer(column.type)]
    if table.name in _NO_REFERENCE or not columns:
        return set(), None
    # What was delivered has been copied into the runs it started: only waiting events still refer.
    counts = events.c.status == "pending_processing" if table is events else true()
    if connection.dialect.name != "sqlite":
        streamed = {"stream_results": True, "yield_per": _SCANNED_ROWS}
        query = select(*(cast(each, Text) for each in columns)).where(counts)
        return _mentioned(connection.execute(query, execution_options=streamed), wanted), None
    place: ColumnElement[int] = literal_column("rowid")
    part = select(place, *(cast(each, Text) for each in columns)).select_from(table).where(place > after, counts)
    some = connection.execute(part.order_by(place).limit(_SCANNED_ROWS)).all()
    return _mentioned((row[1:] for row in some), wanted), some[-1][0] if len(some) == _SCANNED_ROWS else None


def tables_that_refer() -> list[Table]:
    """Every table of the run store."""
    return list(metadata.sorted_tables)


def _may_refer(kind: Any) -> bool:
    return isinstance(kind, (Text, type(Json))) or (isinstance(kind, String) and (kind.length or 64) >= 64)


def _mentioned(rows: Iterable[Any], wanted: set[str]) -> set[str]:
    found: set[str] = set()
    for row in rows:
        for cell in row:
            if cell and len(cell) >= 64:
                found.update(_HASH.findall(cell))
    return found & wanted
