"""Secrets: stored encrypted, never read back by a person, opened only at the moment of a call."""

from __future__ import annotations

import threading
from pathlib import Path

from ionflux_core.errors import IonfluxError, NotFound
from ionflux_core.ids import now
from ionflux_core.redaction import Redactor
from ionflux_core.storage import audit
from ionflux_core.storage import secrets as rows
from ionflux_core.storage.engine import Connection, Database
from ionflux_core.vault import Sealed, Vault, check_name, load_key, rotate_key_file


class Secrets:
    """Use-cases around secrets. The key is looked for on first use, so that a missing one stops nothing else."""

    def __init__(self, db: Database, *, key: str, key_file: Path, data_folder: Path) -> None:
        self._db = db
        self._key = key
        self._key_file = key_file
        self._data_folder = data_folder
        self._lock = threading.Lock()
        self._vault: Vault | None = None
        self._redactors: dict[str, Redactor] = {}

    def vault(self) -> Vault:
        """The vault over the key in use; Unavailable with the next step when the key is gone."""
        with self._lock:
            if self._vault is None:
                with self._db.read() as connection:
                    exist = rows.count(connection) > 0
                loaded = load_key(self._key, self._key_file, data_folder=self._data_folder, secrets_exist=exist)
                self._vault = Vault.from_key(loaded)
            return self._vault

    def put(self, workspace_id: str, name: str, value: str, *, by: str | None = None) -> None:
        """Store or replace a value."""
        name = check_name(name)
        sealed = self.vault().seal(workspace_id, name, value)
        at = now()

        def work(connection: Connection) -> None:
            rows.put(connection, workspace_id, name, sealed.ciphertext, sealed.key_id, at)
            audit.note(connection, workspace_id, at=at, who=by, action="stored", entity="secret", entity_id=name)

        self._db.write(work, durable=True)
        self.redactor(workspace_id).add(value)

    def names(self, workspace_id: str) -> list[str]:
        """The names there are, never the values."""
        with self._db.read() as connection:
            return [name for name, _ in rows.names(connection, workspace_id)]

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
        with self._db.read() as connection:
            row = rows.get(connection, workspace_id, name)
        if row is None:
            raise NotFound(
                f"There is no secret {name!r}.", hint="Store it in Settings, Secrets.", code="secret_missing"
            )
        value = self.vault().open(workspace_id, name, Sealed(row.key_id, bytes(row.ciphertext)))
        self.redactor(workspace_id).add(value)
        return value

    def redactor(self, workspace_id: str) -> Redactor:
        """What hides this workspace's secrets in everything that is stored or logged."""
        known = self._redactors.get(workspace_id)
        if known is not None:
            return known
        redactor = self._redactors.setdefault(workspace_id, Redactor())
        for name in self.names(workspace_id):
            try:
                self.reveal(workspace_id, name)
            except IonfluxError:
                # A value nobody can open cannot leak either; using it will say what is wrong.
                continue
        return redactor

    def rotate(self) -> int:
        """Make a new key and seal every value with it; how many."""
        with self._lock:
            rotated = Vault.from_key(rotate_key_file(self._key_file))

        def work(connection: Connection) -> int:
            count = 0
            for row in rows.everything(connection):
                sealed = rotated.rotate(row.workspace_id, row.name, Sealed(row.key_id, bytes(row.ciphertext)))
                rows.put(connection, row.workspace_id, row.name, sealed.ciphertext, sealed.key_id, now())
                count += 1
            return count

        count = self._db.write(work, durable=True)
        self._vault = rotated
        return count
