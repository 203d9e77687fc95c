"""Files of runs, stored once by their content hash, and the rows that say whose they are."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select

from ionflux_core.errors import NotFound, Unavailable
from ionflux_core.ids import new_id
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import artifacts
from ionflux_core.storage.writes import insert_new

_FRESH_SECONDS = 3600.0
_HASH = re.compile(r"[0-9a-f]{64}")


class ArtifactFiles:
    """A folder of immutable files named by the SHA-256 of their content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, data: bytes) -> str:
        """Store bytes and return their hash; the same bytes are stored once."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        try:
            # Touched: whoever is about to remove what nobody refers to sees that it is wanted again.
            os.utime(path)
            return sha256
        except FileNotFoundError:
            pass
        part = path.with_suffix(f".{new_id()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            # Half a file is worth nothing, least of all on a full disk.
            part.unlink(missing_ok=True)
            raise Unavailable(
                f"The file could not be stored: {error.strerror}.", hint="Free some space or check the data folder."
            ) from error
        return sha256

    def read(self, sha256: str) -> bytes:
        """The bytes with this hash; NotFound when they are gone."""
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError as error:
            raise NotFound("That file is not stored any more.", hint="Upload it again.") from error

    def is_fresh(self, sha256: str) -> bool:
        """Whether somebody has stored these bytes within the last hour."""
        try:
            return self.path(sha256).stat().st_mtime > time.time() - _FRESH_SECONDS
        except FileNotFoundError:
            return False

    def sweep(self, known: Callable[[Sequence[str]], set[str]]) -> int:
        """Remove files that nobody knows, and what broken writes have left, once they are old; how many."""
        removed = 0
        for folder in sorted(self._folder.glob("??")):
            old = [path for path in folder.iterdir() if _is_old(path)]
            hashes = [path.name for path in old if _HASH.fullmatch(path.name)]
            kept = known(hashes) if hashes else set()
            removed += sum(_remove_old(path) for path in old if path.name not in kept)
        return removed

    def path(self, sha256: str) -> Path:
        """Where the bytes with this hash lie, or would; NotFound for what is no hash."""
        if len(sha256) != 64 or not all(c in "0123456789abcdef" for c in sha256):
            raise NotFound("There is no such file.")
        return self._folder / sha256[:2] / sha256


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime <= time.time() - _FRESH_SECONDS
    except FileNotFoundError:
        return False


def _remove_old(path: Path) -> bool:
    """Remove a file unless it is touched at this very moment: it is put aside, looked at once more, then gone."""
    aside = path.with_name(f"{path.name}.{new_id()}.gone")
    try:
        path.rename(aside)
        if _is_old(aside):
            aside.unlink()
            return True
        aside.rename(path)
    except FileNotFoundError:
        pass
    return False


def note(
    connection: Connection,
    workspace_id: str,
    *,
    sha256: str,
    name: str,
    media_type: str,
    size: int,
    at: datetime,
    run_id: str | None,
) -> bool:
    """Say that a stored file belongs to a workspace; False when that was known."""
    row = {
        "workspace_id": workspace_id,
        "sha256": sha256,
        "name": name[:300],
        "media_type": media_type[:100],
        "size": size,
        "run_id": run_id,
        "created_at": at,
    }
    return insert_new(connection, artifacts, row)


def get(connection: Connection, workspace_id: str, sha256: str) -> AnyRow | None:
    """What a workspace knows of a stored file; None when it is not its own."""
    query = select(artifacts).where(artifacts.c.workspace_id == workspace_id, artifacts.c.sha256 == sha256)
    return connection.execute(query).one_or_none()


def of_run(connection: Connection, run_id: str) -> list[AnyRow]:
    """Files a run stored first."""
    return list(connection.execute(select(artifacts).where(artifacts.c.run_id == run_id).order_by(artifacts.c.name)))
