"""An agent's own collections: what it writes is seen by its reads at once and stored with the step it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ionflux_core.errors import Invalid
from ionflux_core.runtime.journal import plain_json
from ionflux_core.runtime.pending import PendingRecords
from ionflux_core.sdk import Record
from ionflux_core.storage import records
from ionflux_core.storage.engine import Database


class OwnRecords:
    """The collections an agent declares in its manifest, over what is stored and what is pending."""

    def __init__(
        self,
        db: Database,
        owner: str,
        tables: frozenset[str],
        pending: PendingRecords,
        clock: Callable[[], datetime],
        check: Callable[[], None],
    ) -> None:
        self._db = db
        self._owner = owner
        self._tables = tables
        self._pending = pending
        self._clock = clock
        self._may_go_on = check

    def put(self, collection: str, key: str, data: Mapping[str, Any], *, at: datetime | None = None) -> None:
        """Insert or replace one row."""
        self.put_many(collection, [(key, data, at or self._clock())])

    def put_many(self, collection: str, rows: Iterable[tuple[str, Mapping[str, Any], datetime]]) -> int:
        """Insert or replace rows; how many were given."""
        self._check(collection)
        self._may_go_on()
        batch = [Record(key, at, plain_json(dict(data), f"Collection {collection}")) for key, data, at in rows]
        for row in batch:
            self._pending.add(collection, row.key, row)
        return len(batch)

    def get(self, collection: str, key: str) -> Record | None:
        """The row with this key, or None."""
        self._check(collection)
        if (collection, key) in self._pending.newest:
            return self._pending.newest[collection, key]
        with self._db.read() as connection:
            return records.get(connection, self._owner, collection, key)

    def find(
        self,
        collection: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        prefix: str = "",
        limit: int = 100_000,
        newest_first: bool = False,
    ) -> list[Record]:
        """Rows with since <= at < until whose key starts with `prefix`, by time."""
        self._check(collection)
        pending = {
            key: row
            for (name, key), row in self._pending.newest.items()
            if name == collection and key.startswith(prefix)
        }
        with self._db.read() as connection:
            stored = records.find(
                connection,
                self._owner,
                collection,
                since=since,
                until=until,
                prefix=prefix,
                limit=limit + len(pending),
                newest_first=newest_first,
            )
        if not pending:
            return stored
        rows = [row for row in stored if row.key not in pending]
        rows += [
            row
            for row in pending.values()
            if row and (since is None or row.at >= since) and (until is None or row.at < until)
        ]
        return sorted(rows, key=lambda row: (row.at, row.key), reverse=newest_first)[:limit]

    def delete(self, collection: str, key: str) -> bool:
        """Remove one row; False when it was not there."""
        there = self.get(collection, key) is not None
        if there:
            self._may_go_on()
            self._pending.add(collection, key, None)
        return there

    def _check(self, collection: str) -> None:
        if collection not in self._tables:
            raise Invalid(
                f"Collection {collection!r} is not declared.", hint="Add it to `tables` in the agent's manifest."
            )
