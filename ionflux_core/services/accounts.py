"""Accounts with outside services: connected by their fields, tested, read, brought up to date, disconnected."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ionflux_core.connectors.base import Access, AccessRevoked, Connector
from ionflux_core.connectors.registry import registered
from ionflux_core.domain.accounts import Account
from ionflux_core.errors import Conflict, Invalid, IonfluxError, NotFound, Unavailable
from ionflux_core.ids import new_id, now
from ionflux_core.services.account_syncs import Syncs
from ionflux_core.services.account_values import STATE, Filled, checked_name, filled, secret_name
from ionflux_core.services.events import Events
from ionflux_core.services.secrets import Secrets
from ionflux_core.services.workspaces import Workspaces
from ionflux_core.storage import accounts as rows
from ionflux_core.storage import audit
from ionflux_core.storage import events as event_rows
from ionflux_core.storage.engine import Connection, Database

if TYPE_CHECKING:
    from ionflux_core.outbound import Outbound

REVOKED = "ionflux.account.revoked"
"""Published when a service stops taking an account's token while nobody is looking."""
ACCOUNT_ARGUMENT = "account"
"""The argument of a reading that names one of several accounts; it does not reach the connector."""


class Accounts:
    """Use-cases around connected accounts; nothing of one workspace is seen from another."""

    def __init__(
        self,
        db: Database,
        workspaces: Workspaces,
        secrets: Secrets,
        outbound: Callable[[str], Outbound],
        connectors: Mapping[str, Connector] | None = None,
    ) -> None:
        self._db = db
        self._workspaces = workspaces
        self._secrets = secrets
        self._outbound = outbound
        self._connectors = registered() if connectors is None else connectors
        self._stopping = threading.Event()
        self.published: Callable[[], None] = lambda: None
        self.syncs = Syncs(db, self, workspaces, lambda: self.published())

    def kinds(self) -> list[Connector]:
        """What can be connected, by title."""
        return sorted(self._connectors.values(), key=lambda each: each.title.casefold())

    def connector(self, kind: str) -> Connector:
        """One kind of account; NotFound names the ones there are."""
        found = self._connectors.get(kind)
        if found is None:
            there = ", ".join(sorted(self._connectors)) or "none"
            raise NotFound(f"There is no connector {kind[:40]!r}.", hint=f"There are: {there}.")
        return found

    def find(self, workspace_id: str, connector: str | None = None) -> list[Account]:
        """The accounts of a workspace, the oldest first."""
        with self._db.read() as connection:
            return rows.find(connection, workspace_id, connector=connector)

    def get(self, workspace_id: str, account_id: str) -> Account:
        """One account; NotFound when it is not there."""
        with self._db.read() as connection:
            found = rows.get(connection, workspace_id, account_id)
        if found is None:
            raise NotFound("There is no such account.", hint="Reload the page.")
        return found

    def save(
        self,
        workspace_id: str,
        connector: str,
        name: str,
        values: Mapping[str, Any],
        *,
        account_id: str | None = None,
        brand_id: str | None = None,
        by: str | None = None,
    ) -> Account:
        """Connect an account, or change one: what is not named stays, an empty secret is kept, None removes one.

        It counts as untested afterwards; `test` says whether it works.
        """
        kind = self.connector(connector)
        before = self.get(workspace_id, account_id) if account_id else None
        if before is not None and before.connector != connector:
            raise Invalid(f"This is no {kind.title} account.", hint="Connect a new one.")
        name, given = checked_name(name), filled(kind, values, before)
        self._check_brand(workspace_id, brand_id)
        with self._db.read() as connection:
            if rows.name_is_taken(connection, workspace_id, connector, name, besides=account_id or ""):
                raise _taken(kind, name)
        own = account_id or new_id()
        try:
            for field, value in given.secrets.items():
                self._secrets.put(workspace_id, secret_name(own, field), value, by=by)
            account = self._written(workspace_id, kind, own, name, given, before, brand_id, by)
        except Exception:
            if before is None:
                self._forget(workspace_id, [secret_name(own, field) for field in given.secrets], by)
            raise
        self._forget(workspace_id, [secret_name(own, field) for field in given.forgotten], by)
        return account

    def _written(
        self,
        workspace_id: str,
        kind: Connector,
        account_id: str,
        name: str,
        given: Filled,
        before: Account | None,
        brand_id: str | None,
        by: str | None,
    ) -> Account:
        at = now()
        secrets = {**(before.secrets if before else {}), **{f: secret_name(account_id, f) for f in given.secrets}}
        for field in given.forgotten:
            secrets.pop(field, None)
        values: dict[str, Any] = {"name": name, "brand_id": brand_id, "updated_at": at}
        same = before is not None and before.settings == given.settings and not given.secrets and not given.forgotten
        if not same:
            untested: dict[str, Any] = {
                "status": "untested",
                "label": "",
                "facts": {},
                "error": None,
                "tested_at": None,
            }
            values |= {"settings": given.settings, "secrets": secrets} | untested
        action = "changed" if before else "added"
        details = {"connector": kind.kind, "name": name}

        def work(connection: Connection) -> None:
            if before is not None:
                if not rows.save(connection, workspace_id, account_id, as_of=before.updated_at, **values):
                    raise _changed()
            elif not rows.insert(connection, _fresh(workspace_id, kind.kind, account_id) | values | {"created_at": at}):
                raise _taken(kind, name)
            _note(connection, workspace_id, account_id, action, by, details)

        self._db.write(work, durable=True)
        return self.get(workspace_id, account_id)

    def assign(self, workspace_id: str, account_id: str, brand_id: str | None, *, by: str | None = None) -> Account:
        """Say which brand an account is for, None for all; it stays as tested and as connected as it was."""
        account = self.get(workspace_id, account_id)
        self._check_brand(workspace_id, brand_id)
        details = {"connector": account.connector, "name": account.name, "brand_id": brand_id}

        def work(connection: Connection) -> None:
            values: dict[str, Any] = {"brand_id": brand_id, "updated_at": now()}
            if not rows.save(connection, workspace_id, account_id, as_of=account.updated_at, **values):
                raise _changed()
            _note(connection, workspace_id, account_id, "changed", by, details)

        self._db.write(work, durable=True)
        return self.get(workspace_id, account_id)

    def test(self, workspace_id: str, account_id: str, *, by: str | None = None) -> Account:
        """Ask the service who this is; the account as it stands then. What is wrong is kept, not raised."""
        account = self.get(workspace_id, account_id)
        if account.status == "disconnected":
            raise Conflict("The account is disconnected.", hint="Enter its secrets again first.")
        values: dict[str, Any] = {"tested_at": now(), "error": None}
        try:
            tested = self.connector(account.connector).test(self.opened(account))
            facts = {str(name)[:60]: str(value)[:300] for name, value in tested.facts.items()}
            values |= {"status": "connected", "label": " ".join(tested.label.split())[:300], "facts": facts}
        except IonfluxError as error:
            status = "revoked" if isinstance(error, AccessRevoked) else "error"
            values |= {"status": status, "error": self.plain_error(workspace_id, error)}
        values = self._secrets.redactor(workspace_id).exact(values)
        details = {"connector": account.connector, "name": account.name, "status": values["status"]}

        def work(connection: Connection) -> None:
            # Whoever has changed the account meanwhile wants another one tested.
            if rows.save(connection, workspace_id, account_id, as_of=account.updated_at, **values):
                _note(connection, workspace_id, account_id, "tested", by, details)

        self._db.write(work)
        return self.get(workspace_id, account_id)

    def disconnect(self, workspace_id: str, account_id: str, *, by: str | None = None) -> Account:
        """Forget an account's secrets; its row stays, with what it was and how far it was in step."""
        account = self.get(workspace_id, account_id)
        self._forget(workspace_id, _all_secrets(account), by)

        def work(connection: Connection) -> None:
            gone: dict[str, Any] = {"status": "disconnected", "secrets": {}, "error": None, "updated_at": now()}
            if rows.save(connection, workspace_id, account_id, **gone):
                details = {"connector": account.connector, "name": account.name}
                _note(connection, workspace_id, account_id, "disconnected", by, details)

        self._db.write(work, durable=True)
        return self.get(workspace_id, account_id)

    def delete(self, workspace_id: str, account_id: str, *, by: str | None = None) -> None:
        """Remove an account with its secrets; what it has brought stays."""
        account = self.get(workspace_id, account_id)
        self._forget(workspace_id, _all_secrets(account), by)

        def work(connection: Connection) -> None:
            if rows.remove(connection, workspace_id, account_id):
                details = {"connector": account.connector, "name": account.name}
                _note(connection, workspace_id, account_id, "removed", by, details)

        self._db.write(work, durable=True)

    def connected(self, workspace_id: str, connector: str) -> bool:
        """Whether there is a working account of this kind."""
        return any(each.status == "connected" for each in self.find(workspace_id, connector))

    def access(self, workspace_id: str, connector: str, name: str = "") -> Access:
        """The way to a working account: the one of this name, else the oldest; NotFound says what to do."""
        return self.opened(self._working(workspace_id, connector, name))

    def read(self, workspace_id: str, connector: str, what: str, arguments: Mapping[str, Any]) -> Any:
        """One reading of a working account, as plain JSON; the argument `account` names one of several."""
        kind = self.connector(connector)
        reading = kind.readings.get(what)
        if reading is None:
            there = ", ".join(sorted(kind.readings)) or "none"
            raise Invalid(f"{kind.title} has no reading {what[:40]!r}.", hint=f"There are: {there}.")
        account = self._working(workspace_id, connector, str(arguments.get(ACCOUNT_ARGUMENT) or ""))
        given = {name: value for name, value in arguments.items() if name != ACCOUNT_ARGUMENT}
        try:
            return reading(self.opened(account), given)
        except AccessRevoked as error:
            self.mark_revoked(account, error)
            raise

    def sync(self, workspace_id: str, account_id: str, *, by: str | None = None) -> Account:
        """Bring in what is new, now and in this thread; the account as it stands then, with counts or the error."""
        return self.syncs.sync(workspace_id, account_id, by=by)

    def nightly(self) -> None:
        """Bring every account up to date whose night has come since its last sync."""
        self.syncs.nightly()

    def opened(self, account: Account) -> Access:
        """An account as its connector sees it; a secret is opened only when it is asked for."""

        def secret(field: str) -> str:
            name = account.secrets.get(field)
            if name is None:
                return ""
            try:
                return self._secrets.reveal(account.workspace_id, name)
            except NotFound as error:
                raise Invalid(
                    f"The secret {field!r} of this account is not stored any more.", hint="Enter it again.",
                    code="secret_missing",
                ) from error  # fmt: skip

        return Access(
            workspace_id=account.workspace_id,
            account_id=account.id,
            settings=dict(account.settings),
            secret=secret,
            outbound=lambda: self._outbound(account.workspace_id),
            sleep=self._sleep,
            refused=lambda error: self.mark_revoked(account, error),
        )

    def mark_revoked(self, account: Account, error: IonfluxError) -> None:
        """Note that the service refuses the token and tell of it, unless a person has changed the account meanwhile."""
        said = self.plain_error(account.workspace_id, error)
        details = {"connector": account.connector, "name": account.name}
        payload = {"account_id": account.id, **details, **said}
        told = Events.prepared(
            account.workspace_id, REVOKED, payload, source=f"account:{account.id}",
            key=f"account:{account.id}:revoked:{account.updated_at.isoformat()}", brand_id=account.brand_id,
        )  # fmt: skip

        def work(connection: Connection) -> None:
            gone = {"status": "revoked", "error": said}
            if rows.save(connection, account.workspace_id, account.id, as_of=account.updated_at, **gone):
                _note(connection, account.workspace_id, account.id, "revoked", None, details)
                event_rows.insert(connection, told)

        self._db.write(work)
        self.published()

    def plain_error(self, workspace_id: str, error: IonfluxError) -> dict[str, Any]:
        """An error as it is kept: without any secret of the workspace."""
        said = {"code": error.code, "message": error.message, "hint": error.hint}
        if wait := error.details.get("retry_after"):
            said["retry_after"] = wait
        clean: dict[str, Any] = self._secrets.redactor(workspace_id).exact(said)
        return clean

    def hidden(self, workspace_id: str, value: Any) -> Any:
        """A JSON-like value without the values of the workspace's secrets."""
        return self._secrets.redactor(workspace_id).exact(value)

    def stop(self) -> None:
        """End what waits or syncs after its current part."""
        self._stopping.set()
        self.syncs.stop()

    def _check_brand(self, workspace_id: str, brand_id: str | None) -> None:
        if brand_id and self._workspaces.brand_or_none(workspace_id, brand_id) is None:
            raise NotFound("There is no such brand.", hint="Reload the page.")

    def _working(self, workspace_id: str, connector: str, name: str) -> Account:
        title = self._connectors[connector].title if connector in self._connectors else connector[:40]
        known = [each for each in self.find(workspace_id, connector) if not name or each.name == name]
        for each in known:
            if each.status == "connected":
                return each
        called = f" called {name[:60]!r}" if name else ""
        if known:
            raise NotFound(
                f"The {title} account {known[0].name!r} does not work: it is {known[0].status}.",
                hint="Test it in Settings, Accounts, and connect it anew if that fails.",
                code="account_not_connected",
            )
        raise NotFound(
            f"No {title} account{called} is connected.", hint="Connect one in Settings, Accounts.",
            code="account_not_connected",
        )  # fmt: skip

    def _forget(self, workspace_id: str, names: Any, by: str | None) -> None:
        for name in list(names):
            try:
                self._secrets.remove(workspace_id, name, by=by)
            except NotFound:
                continue

    def _sleep(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Unavailable("IONFLUX is stopping.", hint="It goes on after the next start.", code="stopping")


def _fresh(workspace_id: str, connector: str, account_id: str) -> dict[str, Any]:
    """The columns of an account nobody has tested or synced."""
    return {
        "id": account_id, "workspace_id": workspace_id, "connector": connector, "synced_at": None, "synced": {},
        "sync_error": None, "cursor": {},
    }  # fmt: skip


def _all_secrets(account: Account) -> list[str]:
    return [*account.secrets.values(), secret_name(account.id, STATE)]


def _taken(kind: Connector, name: str) -> Conflict:
    return Conflict(f"There is a {kind.title} account {name!r} already.", hint="Choose another name.")


def _changed() -> Conflict:
    return Conflict("Somebody else has changed this account.", hint="Reload, then change it again.")


def _note(
    connection: Connection, workspace_id: str, account_id: str, action: str, by: str | None, details: dict[str, Any]
) -> None:
    audit.note(
        connection, workspace_id, at=now(), who=by, action=action, entity="account", entity_id=account_id,
        details=details,
    )  # fmt: skip
