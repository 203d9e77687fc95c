"""What a step leaves behind: gathered while it runs, written in the transaction that records it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ionflux_core.sdk import Record
from ionflux_core.storage import events, kpis, records, steps
from ionflux_core.storage.engine import Connection

START: Final = (0, 0, 0, 0, 0)
"""The mark of a run that has left nothing behind yet."""


class PendingRecords:
    """Rows an agent has written that are not stored yet, in order; None in place of a row removes it."""

    def __init__(self, workspace_id: str, owner: str) -> None:
        self._workspace_id = workspace_id
        self._owner = owner
        self._writes: list[tuple[str, str, Record | None]] = []
        self.newest: dict[tuple[str, str], Record | None] = {}

    def __len__(self) -> int:
        return len(self._writes)

    def add(self, collection: str, key: str, row: Record | None) -> None:
        """Write or remove one row, from now on seen by `newest`."""
        self._writes.append((collection, key, row))
        self.newest[collection, key] = row

    def drop_since(self, kept: int) -> None:
        """Forget all but the first `kept` writes."""
        if kept < len(self._writes):
            del self._writes[kept:]
            self.newest = {(collection, key): row for collection, key, row in self._writes}

    def save(self, connection: Connection, since: int) -> None:
        """Store the writes since a mark; an outer step's earlier write of the same row gives way to them."""
        fresh = {(collection, key): row for collection, key, row in self._writes[since:]}
        self._writes[:since] = [(c, k, fresh.get((c, k), row)) for c, k, row in self._writes[:since]]
        by_collection: dict[str, list[Record]] = {}
        for (collection, key), row in fresh.items():
            if row is None:
                records.remove(connection, self._owner, collection, key)
            else:
                by_collection.setdefault(collection, []).append(row)
        for collection, rows in by_collection.items():
            records.put(connection, self._workspace_id, self._owner, collection, rows)


@dataclass
class Effects:
    """What a step leaves behind; all of it is written in the transaction that records the step."""

    kpis: list[dict[str, Any]] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    writes: list[Callable[[Connection], object]] = field(default_factory=list)
    records: PendingRecords | None = None

    def flush(self, connection: Connection, since: tuple[int, ...] = START) -> None:
        """Write what has gathered since a mark, and every log line and call."""
        if since[0] < len(self.kpis):
            kpis.put(connection, self.kpis[since[0] :])
        if since[1] < len(self.values):
            kpis.put_values(connection, self.values[since[1] :])
        for event in self.events[since[2] :]:
            events.insert(connection, event)
        if self.logs:
            steps.write_logs(connection, self.logs)
        if self.calls:
            steps.write_calls(connection, self.calls)
        for write in self.writes[since[3] :]:
            write(connection)
        if self.records is not None and since[4] < len(self.records):
            self.records.save(connection, since[4])

    def mark(self) -> tuple[int, ...]:
        """Where things stand, for `drop_since`."""
        written = len(self.records) if self.records is not None else 0
        return (*(len(gathered) for gathered in self._gathered()), written)

    def _gathered(self) -> tuple[list[Any], ...]:
        return self.kpis, self.values, self.events, self.writes

    def drop_since(self, mark: tuple[int, ...]) -> None:
        """Forget what a failed step would have left behind; its logs and calls stay, they did happen."""
        for kept, gathered in zip(mark[:4], self._gathered(), strict=True):
            del gathered[kept:]
        if self.records is not None:
            self.records.drop_since(mark[4])

    def take(self, other: Effects) -> None:
        """Add what another has gathered between its steps."""
        for own, taken in zip(self._gathered(), other._gathered(), strict=True):
            own.extend(taken)
        self.logs.extend(other.logs)
        self.calls.extend(other.calls)

    def flushed(self, since: tuple[int, ...]) -> None:
        """Forget what `flush` has written."""
        self.drop_since(since)
        self.logs.clear()
        self.calls.clear()
