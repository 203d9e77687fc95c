"""Rows of flows' drafts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select

from ionflux_core.domain.flows import FlowDraft
from ionflux_core.storage.tables import flow_drafts
from ionflux_core.storage.writes import upsert


def draft(connection: Connection, flow_id: str) -> FlowDraft | None:
    """The draft of a flow, or None."""
    row = connection.execute(select(flow_drafts).where(flow_drafts.c.flow_id == flow_id)).first()
    return None if row is None else FlowDraft.model_validate(row._asdict())


def keep_draft(connection: Connection, row: dict[str, Any]) -> None:
    """Keep a draft in place of an earlier one."""
    upsert(connection, flow_drafts, [row], key=("flow_id",))


def drop_draft(connection: Connection, flow_id: str) -> bool:
    """Throw a draft away; False when there was none."""
    return bool(connection.execute(delete(flow_drafts).where(flow_drafts.c.flow_id == flow_id)).rowcount)
