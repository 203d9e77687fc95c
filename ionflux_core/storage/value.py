"""Rows of the value ledger."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from ionflux_core.domain.value import ValueEntry
from ionflux_core.storage.tables import runs, value_entries


def by_id(connection: Connection, workspace_id: str, ids: Sequence[str]) -> dict[str, ValueEntry]:
    """Entries of a workspace by their ids, each with whose run it is."""
    query = (
        select(value_entries, runs.c.instance_id, runs.c.brand_id, runs.c.definition_slug)
        .join(runs, runs.c.id == value_entries.c.run_id)
        .where(value_entries.c.workspace_id == workspace_id, value_entries.c.id.in_(ids))
    )
    return {row.id: ValueEntry.model_validate(row._asdict()) for row in connection.execute(query)}
