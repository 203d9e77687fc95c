"""Rows of the C-ION ledger, of credits set aside, and of what was spent by day.

Who writes here holds the account first (`hold`): then the newest entry's balance is the balance, and the next entry
goes on from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, literal_column, select, update

from ionflux_core.domain.money import EntryKind, LedgerEntry
from ionflux_core.domain.runs import UNFINISHED
from ionflux_core.ids import new_id
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.statements import Query, Write
from ionflux_core.storage.tables import billing_ledger, reservations, runs, spending, workspaces
from ionflux_core.storage.writes import insert_new


def hold(connection: Connection, workspace_id: str) -> None:
    """Keep everybody else off a workspace's account until this transaction has ended."""
    # SQLite has one writer anyway; elsewhere the row of the workspace is the lock.
    if connection.dialect.name != "sqlite":
        connection.execute(
            select(workspaces.c.id).where(workspaces.c.id == workspace_id).with_for_update(key_share=True)
        )


_of_workspace = billing_ledger.c.workspace_id == bindparam("workspace")
_balance = Query(
    select(billing_ledger.c.balance_after_micros)
    .where(_of_workspace)
    .order_by(billing_ledger.c.seq.desc())
    .limit(literal_column("1"))
)


def balance(connection: Connection, workspace_id: str) -> int | None:
    """Millionths of a C-ION; None while the account has no entry."""
    found: int | None = _balance.value(connection, {"workspace": workspace_id})
    return found


def book(
    connection: Connection,
    workspace_id: str,
    kind: EntryKind,
    amount_micros: int,
    *,
    at: datetime,
    note: str = "",
    key: str | None = None,
    id: str | None = None,
    about: AnyRow | dict[str, Any] | None = None,
) -> int:
    """Append an entry and return the new balance; a debit takes at most what is there. The same key books once.

    `about` brings run_id, instance_id, step_key and service.
    """
    before = balance(connection, workspace_id) or 0
    amount = max(amount_micros, -before)
    if amount != amount_micros:
        note = f"{note} {-amount_micros - before} millionths more were spent than the account held.".strip()
    known = about if isinstance(about, dict) else about._asdict() if about is not None else {}
    row = {
        "id": id or new_id(),
        "workspace_id": workspace_id,
        "at": at,
        "kind": kind,
        "amount_micros": amount,
        "balance_after_micros": before + amount,
        **{name: known.get(name) for name in ("run_id", "instance_id", "step_key", "service")},
        "note": note,
        "idempotency_key": key,
    }
    return before + amount if insert_new(connection, billing_ledger, row) else before


_booked = Query(select(billing_ledger.c.seq).where(billing_ledger.c.idempotency_key == bindparam("key")))
_entry = Query(select(billing_ledger).where(billing_ledger.c.id == bindparam("entry")))


def was_booked(connection: Connection, key: str) -> bool:
    """Whether an entry with this key is there."""
    return _booked.first(connection, {"key": key}) is not None


def entry(connection: Connection, entry_id: str) -> AnyRow | None:
    """One entry by its id."""
    return _entry.first(connection, {"entry": entry_id})


def entries(
    connection: Connection, workspace_id: str, *, before: int | None, limit: int, run_id: str | None = None
) -> list[LedgerEntry]:
    """Entries of a workspace, newest first, older than the entry `before`."""
    query = select(billing_ledger).where(billing_ledger.c.workspace_id == workspace_id)
    if before is not None:
        query = query.where(billing_ledger.c.seq < before)
    if run_id is not None:
        query = query.where(billing_ledger.c.run_id == run_id)
    rows = connection.execute(query.order_by(billing_ledger.c.seq.desc()).limit(limit))
    return [LedgerEntry.model_validate({k: v for k, v in row._asdict().items() if k in _SHOWN}) for row in rows]


_SHOWN = frozenset(LedgerEntry.model_fields)


def total(connection: Connection, workspace_id: str) -> int:
    """The sum of a workspace's entries."""
    query = select(func.coalesce(func.sum(billing_ledger.c.amount_micros), 0))
    return int(connection.execute(query.where(billing_ledger.c.workspace_id == workspace_id)).scalar_one())


_reserved = Query(select(reservations.c.id).where(reservations.c.key == bindparam("key")))
_take = Query(delete(reservations).where(reservations.c.id == bindparam("reservation")).returning(*reservations.c))
_live_statuses = ", ".join(f"'{status}'" for status in sorted(UNFINISHED))
_is_live = (
    select(runs.c.id)
    .where(runs.c.id == reservations.c.run_id, literal_column(f"runs.status IN ({_live_statuses})"))
    .exists()
)
_lost = select(reservations).where(~_is_live).order_by(reservations.c.id)
_lost_anywhere = Query(_lost)
_lost_here = Query(_lost.where(reservations.c.workspace_id == bindparam("workspace")))


def reserved(connection: Connection, key: str) -> str | None:
    """The id of the open reservation with this key."""
    found: str | None = _reserved.value(connection, {"key": key})
    return found


def reserve(connection: Connection, row: dict[str, Any]) -> None:
    """Note credits as set aside."""
    insert_new(connection, reservations, row)


def take(connection: Connection, reservation_id: str) -> AnyRow | None:
    """The open reservation, which from now on is none any more."""
    return _take.first(connection, {"reservation": reservation_id})


def lost(connection: Connection, workspace_id: str | None = None) -> list[AnyRow]:
    """Reservations of runs that have ended or are gone: nobody will settle them any more."""
    if workspace_id is None:
        return _lost_anywhere.rows(connection, {})
    return _lost_here.rows(connection, {"workspace": workspace_id})


_add = Write(
    lambda _: (
        update(spending)
        .where(spending.c.owner == bindparam("of"), spending.c.day == bindparam("on"))
        .values(cost_micros=spending.c.cost_micros + bindparam("more"))
    ),
    (),
)
_spent = Query(
    select(func.coalesce(func.sum(spending.c.cost_micros), literal_column("0"))).where(
        spending.c.owner == bindparam("owner"),
        spending.c.day >= bindparam("first"),
        spending.c.day <= bindparam("last"),
    )
)


def spend(connection: Connection, workspace_id: str, owners: Sequence[str], day: str, cost_micros: int) -> None:
    """Add to what the owners have spent on a day; what is given back is negative."""
    for owner in owners:
        if not _add.run(connection, {"of": owner, "on": day, "more": cost_micros}):
            row = {"workspace_id": workspace_id, "owner": owner, "day": day, "cost_micros": cost_micros}
            insert_new(connection, spending, row)


def spent(connection: Connection, owner: str, first: str = "", last: str = "9999") -> int:
    """What an owner has spent or set aside from one day to another, in millionths of a US dollar."""
    return int(_spent.value(connection, {"owner": owner, "first": first, "last": last}))
