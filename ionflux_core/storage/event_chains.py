"""Rows of one chain: events and runs with its correlation id, and what those runs did, asked, sent and said."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Table, func, select

from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import (
    agent_configurations,
    approvals,
    chat_channels,
    chat_messages,
    events,
    outbox,
    run_steps,
    runs,
)

_OPEN_CHANNELS = ("public", "agent_dedicated")


def events_of(connection: Connection, workspace_id: str, correlation_id: str, *, limit: int) -> list[AnyRow]:
    """Events of a chain without their payloads, oldest first."""
    names = (
        events.c.id, events.c.seq, events.c.type, events.c.at, events.c.source, events.c.causation_run_id,
        events.c.status,
    )  # fmt: skip
    query = select(*names).where(*_of_chain(events, workspace_id, correlation_id))
    return list(connection.execute(query.order_by(events.c.seq).limit(limit)))


def runs_of(connection: Connection, workspace_id: str, correlation_id: str, *, limit: int) -> list[AnyRow]:
    """Runs of a chain, oldest first."""
    names = (
        runs.c.id, runs.c.instance_id, runs.c.definition_slug, runs.c.status, runs.c.trigger_kind, runs.c.trigger_id,
        runs.c.trigger, runs.c.parent_run_id, runs.c.lineage, runs.c.preview, runs.c.created_at, runs.c.started_at,
        runs.c.finished_at, runs.c.dry_run, agent_configurations.c.name.label("instance_name"),
    )  # fmt: skip
    joined = runs.outerjoin(agent_configurations, agent_configurations.c.id == runs.c.instance_id)
    query = select(*names).select_from(joined).where(*_of_chain(runs, workspace_id, correlation_id))
    return list(connection.execute(query.order_by(runs.c.id).limit(limit)))


def counts(connection: Connection, workspace_id: str, correlation_id: str, *, most: int) -> tuple[int, int]:
    """How many events and runs a chain has, each counted up to `most`."""

    def counted(table: Table) -> int:
        found = select(table.c.id).where(*_of_chain(table, workspace_id, correlation_id)).limit(most)
        return int(connection.execute(select(func.count()).select_from(found.subquery())).scalar_one())

    return counted(events), counted(runs)


def _of_chain(table: Table, workspace_id: str, correlation_id: str) -> tuple[Any, ...]:
    # A chain is short and the workspace long: only the chain's own index may be taken.
    return table.c.correlation_id == correlation_id, func.coalesce(table.c.workspace_id, "") == workspace_id


def steps_of(connection: Connection, run_ids: Collection[str], *, per_run: int) -> list[AnyRow]:
    """The first steps of some runs, in their order."""
    names = (
        run_steps.c.run_id, run_steps.c.step_key, run_steps.c.seq, run_steps.c.kind, run_steps.c.title,
        run_steps.c.status, run_steps.c.started_at, run_steps.c.finished_at,
    )  # fmt: skip
    query = select(*names).where(run_steps.c.run_id.in_(run_ids), run_steps.c.seq <= per_run)
    return list(connection.execute(query.order_by(run_steps.c.run_id, run_steps.c.seq)))


def approvals_of(connection: Connection, run_ids: Collection[str], *, limit: int) -> list[AnyRow]:
    """What some runs have asked, oldest first."""
    names = (
        approvals.c.id, approvals.c.run_id, approvals.c.step_key, approvals.c.title, approvals.c.status,
        approvals.c.created_at, approvals.c.decided_by,
    )  # fmt: skip
    query = select(*names).where(approvals.c.run_id.in_(run_ids)).order_by(approvals.c.id).limit(limit)
    return list(connection.execute(query))


def effects_of(connection: Connection, run_ids: Collection[str], *, limit: int) -> list[AnyRow]:
    """What some runs have sent or would have, oldest first."""
    names = (
        outbox.c.id, outbox.c.run_id, outbox.c.step_key, outbox.c.kind, outbox.c.summary, outbox.c.status,
        outbox.c.approval_id, outbox.c.created_at,
    )  # fmt: skip
    query = select(*names).where(outbox.c.run_id.in_(run_ids)).order_by(outbox.c.id).limit(limit)
    return list(connection.execute(query))


def messages_of(connection: Connection, run_ids: Collection[str], *, limit: int) -> list[AnyRow]:
    """What the chat says of some runs, oldest first; nothing from private channels and of deleted messages."""
    names = (
        chat_messages.c.id, chat_messages.c.run_id, chat_messages.c.dedup_key, chat_messages.c.sender_name,
        chat_messages.c.content, chat_messages.c.created_at, chat_messages.c.channel_id, chat_channels.c.name,
        chat_messages.c.thread_id,
    )  # fmt: skip
    joined = chat_messages.join(chat_channels, chat_channels.c.id == chat_messages.c.channel_id)
    query = (
        select(*names)
        .select_from(joined)
        .where(
            chat_messages.c.run_id.in_(run_ids),
            chat_messages.c.deleted_at.is_(None),
            chat_channels.c.type.in_(_OPEN_CHANNELS),
        )
    )
    return list(connection.execute(query.order_by(chat_messages.c.id).limit(limit)))
