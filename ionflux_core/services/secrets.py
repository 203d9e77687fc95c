"""Secrets: stored encrypted, never read back by a person, opened only at the moment of a call."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ionflux_core import limits
from ionflux_core.errors import Conflict, Invalid, IonfluxError, NotFound, Unavailable
from ionflux_core.ids import now
from ionflux_core.redaction import IN_LOGS, Redactor
from ionflux_core.services.account_values import is_of_account
from ionflux_core.storage import audit
from ionflux_core.storage import secrets as rows
from ionflux_core.storage.engine import Connection, Database
from ionflux_core.vault import Sealed, Vault, check_name, forget_old_keys, load_key, rotate_key_file

# How soon a process hides what another one has stored.
_LOOK_SECONDS = 5.0


@dataclass(slots=True)
class _Known:
    """What hides a workspace's values, when it was last looked for new ones, and the ones it has."""

    redactor: Redactor = field(default_factory=Redactor)
    looked_at: float = -math.inf
    seen: set[tuple[str, datetime]] = field(default_factory=set)


class Secrets:
    """Use-cases around secrets. The key is looked for on first use, so that a missing one stops nothing else."""

    def __init__(self, db: Database, *, key: str, key_file: Path, data_folder: Path) -> None:
        self._db = db
        self._key = key
        self._key_file = key_file
        self._data_folder = data_folder
        self._lock = threading.Lock()
        self._vault: Vault | None = None
        self._written: tuple[int, int] | None = None
        self._filling = threading.RLock()
        self._known: dict[str, _Known] = {}

    def vault(self) -> Vault:
        """The vault over the key in use; Unavailable with the next step when the key is gone."""
        with self._lock:
            # Another process may have rotated the key: its file tells.
            written = None if self._key.strip() else _written(self._key_file)
            if self._vault is None or (written and written != self._written):
                with self._db.read() as connection:
                    exist = rows.count(connection) > 0
                loaded = load_key(self._key, self._key_file, data_folder=self._data_folder, secrets_exist=exist)
                self._vault = Vault.from_key(loaded)
                self._written = None if self._key.strip() else _written(self._key_file)
            return self._vault

    def put(self, workspace_id: str, name: str, value: str, *, by: str | None = None) -> bool:
        """Store or replace a value; True when the name is new."""
        name = check_name(name)
        if 0 < len(value) < limits.SECRET_CHARS:
            raise Invalid(
                f"A secret has at least {limits.SECRET_CHARS} characters.",
                hint="A shorter one cannot be hidden in logs and results without hiding half of every text.",
            )
        # Sealed once before anything is written, so that a bad value or a missing key is said first.
        self.vault().seal(workspace_id, name, value)
        # Known before it is stored: from its first moment on it is hidden wherever it turns up.
        self._hide(self.redactor(workspace_id), value)
        at = now()

        def work(connection: Connection) -> bool:
            rows.take_turns(connection)
            sealed = self.vault().seal(workspace_id, name, value)
            fresh = rows.get(connection, workspace_id, name) is None
            rows.put(connection, workspace_id, name, sealed.ciphertext, sealed.key_id, at)
            action = "stored" if fresh else "replaced"
            audit.note(connection, workspace_id, at=at, who=by, action=action, entity="secret", entity_id=name)
            return fresh

        return self._db.write(work, durable=True)

    def listed(self, workspace_id: str) -> list[tuple[str, datetime]]:
        """The names there are with the time each value was last stored."""
        with self._db.read() as connection:
            return rows.names(connection, workspace_id)

    def names(self, workspace_id: str) -> list[str]:
        """The names there are, never the values."""
        return [name for name, _ in self.listed(workspace_id)]

    def remove(self, workspace_id: str, name: str, *, by: str | None = None) -> None:
        """Remove a secret for good."""
        at = now()

        def work(connection: Connection) -> None:
            if not rows.remove(connection, workspace_id, name):
                raise NotFound(f"There is no secret {name!r}.", hint="Reload the page.")
            audit.note(connection, workspace_id, at=at, who=by, action="removed", entity="secret", entity_id=name)

        self._db.write(work, durable=True)

    def reveal(self, workspace_id: str, name: str) -> str:
        """The value, for the call that needs it; NotFound names what to store."""
        try:
            value = self._opened(workspace_id, name)
        except Unavailable as error:
            if error.code != "secret_key_missing":
                raise
            # Sealed anew and the old key gone between the two looks: the second one sees both as they are now.
            value = self._opened(workspace_id, name)
        self._hide(self.redactor(workspace_id), value)
        return value

    def referred(self, workspace_id: str, name: str) -> str:
        """The value behind a `secret://name` of an agent or a channel; what accounts keep is not theirs to name."""
        if is_of_account(name):
            raise NotFound(
                "The secrets of connected accounts are for their own calls only.",
                hint="Use ctx.accounts or the account's channel, or store a secret of its own.", code="secret_missing",
            )  # fmt: skip
        return self.reveal(workspace_id, name)

    def _opened(self, workspace_id: str, name: str) -> str:
        with self._db.read() as connection:
            row = rows.get(connection, workspace_id, name)
        if row is None:
            raise NotFound(
                f"There is no secret {name!r}.", hint="Store it in Settings, Secrets.", code="secret_missing"
            )
        return self.vault().open(workspace_id, name, Sealed(row.key_id, bytes(row.ciphertext)))

    def redactor(self, workspace_id: str) -> Redactor:
        """What hides this workspace's secrets in everything that is stored or logged; others may store some, too."""
        known = self._known.get(workspace_id)
        if known is None or time.monotonic() - known.looked_at > _LOOK_SECONDS:
            with self._filling:
                known = self._known.setdefault(workspace_id, _Known())
                if time.monotonic() - known.looked_at > _LOOK_SECONDS:
                    known.looked_at = time.monotonic()
                    self._learn(workspace_id, known)
        return known.redactor

    def _learn(self, workspace_id: str, known: _Known) -> None:
        for stored in self.listed(workspace_id):
            if stored not in known.seen:
                try:
                    self._hide(known.redactor, self._opened(workspace_id, stored[0]))
                    known.seen.add(stored)
                except IonfluxError:
                    # A value nobody can open cannot leak either; using it will say what is wrong.
                    continue

    def key_source(self) -> str:
        """Where the key comes from, for a person; never the key."""
        return "the variable IONFLUX_KEY" if self._key.strip() else str(self._key_file)

    def rotate(self, *, keep_old: bool = False, by: str | None = None) -> int:
        """Seal every value with a new key and forget the old one; how many values.

        It may be broken off anywhere: the old key stays in the file until every value has a new seal. With `keep_old`
        it stays for good, so that backups of before can still be opened. A key in IONFLUX_KEY cannot be changed from
        here: values are sealed with the first of the keys it lists.
        """
        if self._key.strip():
            return self._seal_anew(by)
        self.vault()
        with self._lock:
            rotate_key_file(self._key_file)
        count = self._seal_anew(by)
        if not keep_old:
            with self._lock:
                forget_old_keys(self._key_file)
        return count

    def _seal_anew(self, by: str | None) -> int:
        def work(connection: Connection) -> int:
            # Nobody stores a value under the old key between this look and the end of it.
            rows.take_turns(connection)
            vault, at = self.vault(), now()
            found = [row for row in rows.everything(connection) if row.key_id != vault.key_id]
            for row in found:
                sealed = vault.rotate(row.workspace_id, row.name, Sealed(row.key_id, bytes(row.ciphertext)))
                rows.seal_anew(connection, row.workspace_id, row.name, sealed.ciphertext, sealed.key_id)
            for workspace_id in {row.workspace_id for row in found}:
                audit.note(
                    connection, workspace_id, at=at, who=by, action="rotated", entity="secret", entity_id="key"
                )  # fmt: skip
            return len(found)

        count = self._db.write(work, durable=True)
        if not count and self._key.strip():
            raise Conflict(
                "Every secret is sealed with the first key of IONFLUX_KEY already.",
                hint="Put a new key before the old one, with a comma between, restart, then rotate.",
            )
        return count

    @staticmethod
    def _hide(redactor: Redactor, value: str) -> None:
        redactor.add(value)
        IN_LOGS.add(value)


def _written(path: Path) -> tuple[int, int] | None:
    """What tells that a file was replaced; None when it is not there."""
    try:
        found = path.expanduser().stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
