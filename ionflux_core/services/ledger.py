"""The C-ION ledger: what a workspace was granted and has spent, entry by entry."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ionflux_core import limits
from ionflux_core.domain.money import MICROS, MOST_MICROS, LedgerEntry
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Invalid
from ionflux_core.ids import now
from ionflux_core.services.spending import open_account, refund_lost
from ionflux_core.storage import audit
from ionflux_core.storage import ledger as rows
from ionflux_core.storage.engine import Connection, Database

_COLUMNS = ("seq", "at", "kind", "amount", "balance_after", "run_id", "instance_id", "step_key", "service", "note")
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Entries:
    """One page of the ledger, newest first; `cursor` asks for the next one."""

    entries: list[LedgerEntry]
    cursor: int | None


class Ledger:
    """Use-cases around the ledger. Amounts are millionths of a C-ION."""

    def __init__(self, db: Database, workspace: Callable[[str], Workspace]) -> None:
        self._db = db
        self._workspace = workspace

    def balance(self, workspace_id: str) -> int:
        """What the workspace can still spend; credits of lost runs come back first."""
        with self._db.read() as connection:
            found, lost = rows.balance(connection, workspace_id), rows.lost(connection, workspace_id)
        return self._put_right(workspace_id) if found is None or lost else found

    def _put_right(self, workspace_id: str) -> int:
        self._workspace(workspace_id)
        at = now()

        def work(connection: Connection) -> int:
            rows.hold(connection, workspace_id)
            open_account(connection, workspace_id, at)
            refund_lost(connection, at, workspace_id)
            return rows.balance(connection, workspace_id) or 0

        return self._db.write(work)

    def recover(self) -> int:
        """Give back what lost runs of any workspace had set aside; how many workspaces that touched."""
        with self._db.read() as connection:
            touched = sorted({row.workspace_id for row in rows.lost(connection)})
        for workspace_id in touched:
            self._put_right(workspace_id)
        return len(touched)

    def find(
        self, workspace_id: str, *, cursor: int | None = None, limit: int = 50, run_id: str | None = None
    ) -> Entries:
        """A page of entries, newest first."""
        self.balance(workspace_id)
        limit = max(1, min(limit, limits.PAGE_ROWS))
        with self._db.read() as connection:
            found = rows.entries(connection, workspace_id, before=cursor, limit=limit + 1, run_id=run_id)
        return Entries(found[:limit], found[limit - 1].seq if len(found) > limit else None)

    def grant(self, workspace_id: str, micros: int, *, by: str | None = None, note: str = "") -> LedgerEntry:
        """Give credits to the workspace; it is an entry like any other and stays."""
        if not 0 < micros <= MOST_MICROS:
            raise Invalid("A grant is a positive number of C-ION.", hint=f"At most {MOST_MICROS // MICROS:,}.")
        self.balance(workspace_id)
        at = now()

        def work(connection: Connection) -> LedgerEntry:
            rows.hold(connection, workspace_id)
            rows.book(connection, workspace_id, "credit_grant", micros, at=at, note=note.strip()[:500])
            entry = rows.entries(connection, workspace_id, before=None, limit=1)[0]
            audit.note(
                connection, workspace_id, at=at, who=by, action="granted", entity="ledger", entity_id=entry.id,
                details={"amount_micros": micros, "note": note[:500]},
            )  # fmt: skip
            return entry

        return self._db.write(work, durable=True)

    def spent_by_run(self, workspace_id: str, run_id: str) -> int:
        """What a run has spent or set aside, in millionths of a US dollar."""
        with self._db.read() as connection:
            return rows.spent(connection, run_id)

    def is_consistent(self, workspace_id: str) -> bool:
        """Whether the sum of all entries is the balance."""
        with self._db.read() as connection:
            return rows.total(connection, workspace_id) == (rows.balance(connection, workspace_id) or 0)

    def as_csv(self, workspace_id: str) -> Iterator[str]:
        """The whole ledger as CSV, newest first, in parts; amounts in C-ION."""
        yield _line(_COLUMNS)
        cursor: int | None = None
        while True:
            page = self.find(workspace_id, cursor=cursor, limit=limits.PAGE_ROWS)
            yield "".join(_line(_cells(entry)) for entry in page.entries)
            cursor = page.cursor
            if cursor is None:
                return


def _cells(entry: LedgerEntry) -> tuple[str, ...]:
    words = (entry.run_id, entry.instance_id, entry.step_key, entry.service, entry.note)
    amounts = (f"{entry.amount_micros / MICROS:.6f}", f"{entry.balance_after_micros / MICROS:.6f}")
    plain = (f"'{word}" if word and word.startswith(_FORMULA) else word or "" for word in words)
    return str(entry.seq), entry.at.isoformat(), entry.kind, *amounts, *plain


def _line(cells: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()
