"""Rows of the files that questions read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select, update

from ionflux_core.domain.questions import Dataset
from ionflux_core.storage.tables import datasets
from ionflux_core.storage.writes import insert_new


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Keep a file's row; False when its name is taken."""
    return insert_new(connection, datasets, row)


def find(connection: Connection, workspace_id: str) -> list[Dataset]:
    """The files of a workspace by name."""
    query = select(datasets).where(datasets.c.workspace_id == workspace_id).order_by(datasets.c.name)
    return [Dataset.model_validate(row._asdict()) for row in connection.execute(query)]


def get(connection: Connection, workspace_id: str, dataset_id: str) -> Dataset | None:
    """One file; None when it is not there."""
    mine = datasets.c.id == dataset_id, datasets.c.workspace_id == workspace_id
    row = connection.execute(select(datasets).where(*mine)).first()
    return Dataset.model_validate(row._asdict()) if row else None


def save(connection: Connection, workspace_id: str, dataset_id: str, **values: Any) -> bool:
    """Change columns of a file's row; False when it is not there."""
    mine = datasets.c.id == dataset_id, datasets.c.workspace_id == workspace_id
    return connection.execute(update(datasets).where(*mine).values(**values)).rowcount == 1


def remove(connection: Connection, workspace_id: str, dataset_id: str) -> bool:
    """Delete a file's row; False when it was not there."""
    mine = datasets.c.id == dataset_id, datasets.c.workspace_id == workspace_id
    return connection.execute(delete(datasets).where(*mine)).rowcount == 1


def is_used(connection: Connection, sha256: str) -> bool:
    """Whether any workspace still reads these bytes."""
    return connection.execute(select(datasets.c.id).where(datasets.c.sha256 == sha256).limit(1)).first() is not None
