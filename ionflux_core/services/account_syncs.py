"""Syncs: what an account's service knows becomes events, part by part, so that a killed sync goes on where it was."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ionflux_core.connectors.base import AccessRevoked, Batch, Connector
from ionflux_core.connectors.calls import garbage
from ionflux_core.domain.accounts import Account
from ionflux_core.errors import Conflict, IonfluxError, LimitExceeded, NotFound, Unavailable
from ionflux_core.ids import new_id, now
from ionflux_core.services.events import Events
from ionflux_core.services.retention import NIGHT_HOUR
from ionflux_core.services.workspaces import Workspaces
from ionflux_core.storage import accounts as rows
from ionflux_core.storage import audit
from ionflux_core.storage import events as event_rows
from ionflux_core.storage import triggers as leases
from ionflux_core.storage.engine import Connection, Database

if TYPE_CHECKING:
    from ionflux_core.services.accounts import Accounts

log = logging.getLogger(__name__)

LEASE_SECONDS = 180
_AGAIN = timedelta(hours=1)
_PASSING = frozenset({"too_many_requests", "unavailable", "service_down", "service_garbage", "stopping"})
_OVERTAKEN = ("sync_under_way", "account_changed")
_UNFINISHED = {
    "code": "unfinished",
    "message": "The last sync was not finished.",
    "hint": "It goes on by itself within minutes.",
}


@dataclass(slots=True)
class _Pass:
    """One sync under way: in whose name, and what it has brought so far."""

    account: Account
    owner: str
    by: str | None
    counts: Counter[str] = field(default_factory=Counter)
    too_large: int = 0


class Syncs:
    """The one use-case of syncs: bring an account up to date, at once or each night, one at a time."""

    def __init__(self, db: Database, accounts: Accounts, workspaces: Workspaces, published: Callable[[], None]) -> None:
        self._db = db
        self._accounts = accounts
        self._workspaces = workspaces
        self._published = published
        self._stopping = threading.Event()

    def sync(self, workspace_id: str, account_id: str, *, by: str | None = None) -> Account:
        """Bring in what is new; Conflict while another sync of it is under way. Other errors are kept, not raised."""
        return self._run(*self._begun(workspace_id, account_id, by))

    def begin(self, workspace_id: str, account_id: str, *, by: str | None = None) -> Account:
        """Let a sync go on beside the caller, once it is certain that it may; `running` says whether it still does."""
        account, connector, under_way = self._begun(workspace_id, account_id, by)
        thread = threading.Thread(
            target=self._beside, args=(account, connector, under_way), name="ionflux-sync", daemon=True
        )
        thread.start()
        return account

    def running(self, accounts: list[Account]) -> set[str]:
        """The ids of those of the accounts a sync is under way of, in whichever process."""
        names = {f"account:{each.id}": each.id for each in accounts}
        with self._db.read() as connection:
            return {names[name] for name in rows.held(connection, list(names), now())}

    def nightly(self) -> None:
        """Sync every account whose night has come since its last sync; a passing failure is tried again each hour."""
        with self._db.read() as connection:
            working = rows.connected(connection)
        for account in working:
            if self._stopping.is_set():
                return
            try:
                if self._accounts.connector(account.connector).syncs and self._is_due(account):
                    self.sync(account.workspace_id, account.id)
            except (Conflict, NotFound) as error:
                log.info("account %s is left out of this night's sync: %s", account.id, error.message)

    def stop(self) -> None:
        """End every sync of this process after its part."""
        self._stopping.set()

    def _begun(self, workspace_id: str, account_id: str, by: str | None) -> tuple[Account, Connector, _Pass]:
        account = self._accounts.get(workspace_id, account_id)
        connector = self._accounts.connector(account.connector)
        if not connector.syncs:
            raise Conflict(f"{connector.title} has nothing to bring in.", hint="Its account is used when it is needed.")
        if account.status not in ("connected", "error"):
            raise Conflict(f"The account is {account.status}.", hint="Test it first; when that fails, connect it anew.")
        under_way = _Pass(account, f"{os.getpid()}:{new_id()}", by)

        def work(connection: Connection) -> None:
            if not _lease(connection, under_way):
                raise Conflict(
                    "A sync of this account is under way already.", hint="Wait until it is done.", code="sync_under_way"
                )
            # What stands here after a crash says so, and lets the next look go on.
            begun: dict[str, Any] = {"sync_error": _UNFINISHED, "synced": {}}
            if not rows.save(connection, workspace_id, account_id, as_of=account.updated_at, **begun):
                raise Conflict("The account was changed meanwhile.", hint="Sync it again.", code="account_changed")

        self._db.write(work)
        return account, connector, under_way

    def _beside(self, account: Account, connector: Connector, under_way: _Pass) -> None:
        """The edge of a thread of its own."""
        try:
            self._run(account, connector, under_way)
        except Exception:
            log.exception("the sync of account %s met an error; the next one goes on", account.id)

    def _run(self, account: Account, connector: Connector, under_way: _Pass) -> Account:
        error: IonfluxError | None = None
        try:
            for batch in connector.sync(self._accounts.opened(account), account.cursor):
                self._store(under_way, batch)
                if self._stopping.is_set():
                    raise Unavailable("IONFLUX is stopping.", hint="The next sync goes on.", code="stopping")
        except IonfluxError as failed:
            error = failed
        except Exception:
            # The edge of one account: what nobody foresaw in an answer must neither stop the other accounts' syncs
            # nor be tried again every few minutes.
            log.exception("the sync of account %s met an error nobody foresaw", account.id)
            error = garbage(connector.title)
        finally:
            self._db.write(lambda connection: leases.drop_lease(connection, _name(account), under_way.owner))
        return self._ended(under_way, error)

    def _store(self, under_way: _Pass, batch: Batch) -> None:
        """Publish a part and note where the next one begins, in one transaction."""
        account = under_way.account
        prepared = [row for fact in batch.facts if (row := self._event(under_way, fact)) is not None]
        counts = Counter(under_way.counts)

        def work(connection: Connection) -> Counter[str]:
            found = Counter(counts)
            if not _lease(connection, under_way):
                raise Conflict("Another sync has taken over.", hint="Wait until it is done.", code="sync_under_way")
            for row in prepared:
                if event_rows.insert(connection, row):
                    found[row["type"]] += 1
            kept = {"cursor": dict(batch.cursor), "synced": dict(found)}
            if not rows.save(connection, account.workspace_id, account.id, as_of=account.updated_at, **kept):
                raise Conflict("The account was changed meanwhile.", hint="Sync it again.", code="account_changed")
            return found

        under_way.counts = self._db.write(work, durable=True)
        if prepared:
            self._published()

    def _event(self, under_way: _Pass, fact: Any) -> dict[str, Any] | None:
        account = under_way.account
        clean = self._accounts.hidden(account.workspace_id, dict(fact.payload))
        try:
            return Events.prepared(
                account.workspace_id, fact.subject, clean, source=f"account:{account.id}", key=fact.key,
                brand_id=account.brand_id,
            )  # fmt: skip
        except LimitExceeded:
            # One record that is too large must not keep all others out for ever.
            under_way.too_large += 1
            log.warning("account %s: %s is too large for an event", account.id, fact.key)
            return None

    def _ended(self, under_way: _Pass, error: IonfluxError | None) -> Account:
        account = under_way.account
        if isinstance(error, Conflict) and error.code in _OVERTAKEN:
            # Whoever has overtaken it says how it ended.
            raise error
        said = self._accounts.plain_error(account.workspace_id, error) if error else None
        if said is None and under_way.too_large:
            said = {
                "code": "too_large",
                "message": f"{under_way.too_large} too large to keep were left out.",
                "hint": "",
            }
        values: dict[str, Any] = {"synced_at": now(), "sync_error": said, "synced": dict(under_way.counts)}
        details = {"connector": account.connector, "name": account.name, "brought": dict(under_way.counts)}
        details |= {"error": said["code"]} if said else {}

        def work(connection: Connection) -> None:
            if rows.save(connection, account.workspace_id, account.id, as_of=account.updated_at, **values):
                audit.note(
                    connection, account.workspace_id, at=now(), who=under_way.by, action="synced", entity="account",
                    entity_id=account.id, details=details,
                )  # fmt: skip

        self._db.write(work)
        if isinstance(error, AccessRevoked):
            self._accounts.mark_revoked(account, error)
        return self._accounts.get(account.workspace_id, account.id)

    def _is_due(self, account: Account) -> bool:
        last, at = account.synced_at or account.created_at, now()
        failed = (account.sync_error or {}).get("code")
        if failed == _UNFINISHED["code"]:
            return True
        if failed in _PASSING or str(failed).startswith("outbound_"):
            return last < at - _AGAIN
        return last < night_before(at, self._workspaces.get(account.workspace_id).settings.timezone)


def night_before(at: datetime, zone: str) -> datetime:
    """When the last night's housework of a time zone was due."""
    local = at.astimezone(ZoneInfo(zone))
    night = local.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return night if local >= night else night - timedelta(days=1)


def _name(account: Account) -> str:
    return f"account:{account.id}"


def _lease(connection: Connection, under_way: _Pass) -> bool:
    at = now()
    until = at + timedelta(seconds=LEASE_SECONDS)
    return leases.take_lease(connection, _name(under_way.account), under_way.owner, at=at, until=until)
