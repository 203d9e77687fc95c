"""Health: whether this process can do its work, each check with a sentence and what to do next."""

from __future__ import annotations

import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Literal, Protocol

from ionflux_core import __version__, limits
from ionflux_core.catalog.loader import Catalog
from ionflux_core.errors import IonfluxError
from ionflux_core.ids import now
from ionflux_core.runtime.worker import Worker
from ionflux_core.sandbox.walls import INSTALL, standing
from ionflux_core.services.backups import last_backup
from ionflux_core.services.secrets import Secrets
from ionflux_core.settings import Settings
from ionflux_core.storage import health as rows
from ionflux_core.storage import schema, space
from ionflux_core.storage import secrets as secret_rows
from ionflux_core.storage.engine import Database

Status = Literal["ok", "warning", "error"]

# Below the first, new runs are refused (services/runs.py); below the second, somebody should know.
_LEAST_FREE_BYTES = 64 * limits.MIB
_FREE_TO_WARN_BYTES = 1024 * limits.MIB
_QUEUE_WAIT_SECONDS = 60
_BACKUP_AGE = timedelta(days=14)
_SHOWN_PACKAGES = ("streamlit", "sqlalchemy", "pydantic", "duckdb", "pandas", "chromadb")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: how it is, in a sentence, and what to do when it is not well."""

    name: str
    title: str
    status: Status
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Memory of this process: PSS (shared pages divided among their users) where the system tells, else RSS."""

    kind: Literal["PSS", "RSS"]
    bytes: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of the house in a few figures: what was looked at, bytes of database and disk, backup, queue."""

    checks: list[Check]
    database: int
    free: int
    backup: datetime | None
    waiting: int

    @property
    def unwell(self) -> list[Check]:
        """What is not as it should be."""
        return [check for check in self.checks if check.status != "ok"]


class _Clock(Protocol):
    keeping: bool


class Parts(Protocol):
    """What the checks look at; the application is one."""

    settings: Settings
    db: Database
    catalog: Catalog
    secrets: Secrets
    worker: Worker | None

    @property
    def clock(self) -> _Clock | None:
        """What keeps the schedules in this process."""

    @property
    def bus(self) -> object | None:
        """What delivers events in this process."""


class Health:
    """The checks of one process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def quick(self) -> Check:
        """A real write and read of the database: what a load balancer asks for."""
        return self._guarded("database", "Database", self._database)

    def checks(self) -> list[Check]:
        """Every check; none of them raises."""
        looked_at: tuple[tuple[str, str, Callable[[], Check]], ...] = (
            ("schema", "Database tables", self._schema),
            ("disk", "Free disk space", self._disk),
            ("data_folder", "Data folder", self._data_folder),
            ("worker", "Worker", self._worker),
            ("queue", "Queue", self._queue),
            ("clock", "Clock", self._clock),
            ("bus", "Event bus", self._bus),
            ("key", "Key of the secrets", self._key),
            ("catalog", "Agent folders", self._catalog),
            ("backup", "Backup", self._backup),
            ("sandbox", "Sandbox", self._sandbox),
            ("versions", "Versions", self._versions),
        )
        return [self.quick(), *(self._guarded(name, title, look) for name, title, look in looked_at)]

    def standing(self) -> Standing:
        """How things stand, for a page that is opened often: it writes nothing and looks at few rows."""
        parts: tuple[tuple[str, str, Callable[[], Check]], ...] = (
            ("disk", "Free disk space", self._disk),
            ("worker", "Worker", self._worker),
            ("queue", "Queue", self._queue),
            ("clock", "Clock", self._clock),
            ("bus", "Event bus", self._bus),
            ("backup", "Backup", self._backup),
        )
        checks = [self._guarded(name, title, look) for name, title, look in parts]
        folder = self._parts.settings.data_dir
        try:
            database = space.measure(self._parts.db).database
        except IonfluxError:
            database = 0
        with self._parts.db.read() as connection:
            waiting, _ = rows.queue(connection, now())
        return Standing(checks, database, shutil.disk_usage(folder).free, last_backup(folder), waiting)

    def _backup(self) -> Check:
        """A backup matters once there is something to lose."""
        last, at = last_backup(self._parts.settings.data_dir), now()
        with self._parts.db.read() as connection:
            began = rows.began(connection)
        hint = "Make one: ionflux backup FILE. It can be made while IONFLUX runs."
        if not self._parts.db.is_sqlite:
            return Check("backup", "Backup", "ok", "The database server keeps its own backups.")
        if last is None and began is not None and at - began > _BACKUP_AGE:
            return Check("backup", "Backup", "warning", "There is no backup yet.", hint)
        if last is not None and at - last > _BACKUP_AGE:
            return Check("backup", "Backup", "warning", f"The last backup is {(at - last).days} days old.", hint)
        return Check("backup", "Backup", "ok", "No backup yet." if last is None else "There is a recent backup.")

    @staticmethod
    def _guarded(name: str, title: str, look: Callable[[], Check]) -> Check:
        try:
            return look()
        except IonfluxError as error:
            return Check(name, title, "error", error.message, error.hint)
        except OSError as error:
            return Check(name, title, "error", f"{error.strerror or error}.", "Check the data folder and its disk.")

    def _database(self) -> Check:
        db, at, began = self._parts.db, now(), time.perf_counter()
        db.write(lambda connection: rows.write_probe(connection, f"probe:{platform.node()}", at))
        with db.read() as connection:
            found, version = rows.read_probe(connection), rows.server_version(connection)
        took = (time.perf_counter() - began) * 1000
        if found is None or found < at:
            return Check(
                "database", "Database", "error", f"{version} did not give back what was written.",
                "Check that the database is not a read-only copy.",
            )  # fmt: skip
        return Check("database", "Database", "ok", f"{version} wrote and read back in {took:.0f} ms.")

    def _schema(self) -> Check:
        current, newest = schema.revision(self._parts.db), schema.head()
        if current == newest:
            return Check("schema", "Database tables", "ok", f"At revision {current}, the newest.")
        return Check(
            "schema", "Database tables", "error", f"At revision {current or 'none'}; this IONFLUX needs {newest}.",
            "Restart IONFLUX: it brings the tables up to date at its start.",
        )  # fmt: skip

    def _disk(self) -> Check:
        free = shutil.disk_usage(self._parts.settings.data_dir).free
        status: Status = "ok" if free >= _FREE_TO_WARN_BYTES else "warning"
        status = "error" if free < _LEAST_FREE_BYTES else status
        hint = {"ok": "", "warning": "Free some space soon.", "error": "Free some space: no run is started now."}
        size = f"{free / 1024**3:,.1f} GiB" if free >= _FREE_TO_WARN_BYTES else f"{free // limits.MIB} MiB"
        return Check("disk", "Free disk space", status, f"{size} free where the data lies.", hint[status])

    def _data_folder(self) -> Check:
        folder = self._parts.settings.data_dir.resolve()
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"probe")
        except OSError as error:
            return Check(
                "data_folder", "Data folder", "error", f"{folder} cannot be written: {error.strerror}.",
                "Give the user who runs IONFLUX the right to write there, or set IONFLUX_DATA_DIR.",
            )  # fmt: skip
        return Check("data_folder", "Data folder", "ok", f"{folder} can be written.")

    def _worker(self) -> Check:
        worker, wanted = self._parts.worker, self._parts.settings.workers
        if worker is None:
            hint = "Start runs in another process, or set IONFLUX_WORKERS to 1 or more." if not wanted else "Restart."
            return Check("worker", "Worker", "warning", "This process executes no runs.", hint)
        alive = _threads("ionflux-worker-")
        if not _threads("ionflux-keeper") or alive < wanted:
            return Check(
                "worker", "Worker", "error", f"{alive} of {wanted} worker threads are alive.", "Restart IONFLUX."
            )
        return Check("worker", "Worker", "ok", f"{wanted} threads, {worker.running} of them busy with a run.")

    def _queue(self) -> Check:
        at = now()
        with self._parts.db.read() as connection:
            count, since = rows.queue(connection, at)
        if not count or since is None:
            return Check("queue", "Queue", "ok", "No run waits to be taken.")
        waited = max(0.0, (at - since).total_seconds())
        message = f"{count:,} {'run waits' if count == 1 else 'runs wait'}, the oldest for {waited:.0f} s."
        if waited < _QUEUE_WAIT_SECONDS:
            return Check("queue", "Queue", "ok", message)
        return Check(
            "queue", "Queue", "warning", message,
            "Raise IONFLUX_WORKERS or the workspace's parallel runs, or look for a run that takes too long.",
        )  # fmt: skip

    def _clock(self) -> Check:
        with self._parts.db.read() as connection:
            held = rows.lease(connection, "clock")
        if held is not None and held.until >= now():
            own = self._parts.clock is not None and self._parts.clock.keeping
            return Check("clock", "Clock", "ok", f"{'This process' if own else held.owner} keeps the schedules.")
        hint = "Set IONFLUX_SCHEDULER to true and IONFLUX_WORKERS to 1 or more in one process."
        if self._parts.clock is not None:
            hint = "Wait a few seconds after a start; if it stays so, restart IONFLUX."
        return Check("clock", "Clock", "warning", "Nobody keeps the clock, so no schedule fires.", hint)

    def _bus(self) -> Check:
        if self._parts.bus is None:
            return Check("bus", "Event bus", "warning", "This process delivers no events.", "Another one must do it.")
        if not _threads("ionflux-events"):
            return Check("bus", "Event bus", "error", "The thread that delivers events has ended.", "Restart IONFLUX.")
        return Check("bus", "Event bus", "ok", "Events are delivered.")

    def _key(self) -> Check:
        settings, title = self._parts.settings, "Key of the secrets"
        with self._parts.db.read() as connection:
            stored = secret_rows.everything(connection)
        file = settings.key_file.expanduser()
        if not settings.key.strip() and not file.exists():
            # The vault is not asked here: with nothing stored it would make a key, and one in memory hides the loss.
            if stored:
                return Check(
                    "key", title, "error", f"There are {len(stored)} secrets, but their key file {file} is missing.",
                    "Put the file back, or set IONFLUX_KEY, before you restart.",
                )  # fmt: skip
            return Check("key", title, "ok", f"No key yet: {file} is made with the first secret.")
        vault = self._parts.secrets.vault()
        closed = sorted({row.name for row in stored if not vault.can_open(row.key_id)})
        if closed:
            return Check(
                "key", title, "error", f"The key in use does not open {', '.join(closed[:5])}.",
                "Put the earlier key back, or enter these secrets again.",
            )  # fmt: skip
        where = "IONFLUX_KEY" if settings.key.strip() else str(file)
        return Check("key", title, "ok", f"The key from {where} opens all {len(stored)} secrets.")

    def _catalog(self) -> Check:
        catalog = self._parts.catalog
        usable = len(catalog.definitions())
        if not catalog.problems:
            return Check("catalog", "Agent folders", "ok", f"{usable} usable, none broken.")
        named = "; ".join(f"{broken.folder.name}: {broken.message}" for broken in catalog.problems[:5])
        return Check(
            "catalog", "Agent folders", "warning", f"{len(catalog.problems)} of {usable + len(catalog.problems)} agent "
            f"folders cannot be used. {named}", "Correct the manifest, then restart IONFLUX.",
        )  # fmt: skip

    @staticmethod
    def _sandbox() -> Check:
        """Not to have it is well: only code steps of flows need it."""
        walls = standing()
        hint = "" if walls.whole else f"For flows with code: {INSTALL}"
        return Check("sandbox", "Sandbox", "ok", walls.sentence, hint)

    @staticmethod
    def _versions() -> Check:
        return Check("versions", "Versions", "ok", ", ".join(f"{name} {number}" for name, number in versions().items()))


def versions() -> dict[str, str]:
    """IONFLUX, Python and the larger packages with their versions; a package that is not installed is left out."""
    found = {"IONFLUX": __version__, "Python": platform.python_version()}
    for name in _SHOWN_PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def process_memory() -> ProcessMemory | None:
    """What this process occupies, in bytes; None where the system does not tell."""
    for path, field, kind in (
        (Path("/proc/self/smaps_rollup"), "Pss:", "PSS"),
        (Path("/proc/self/status"), "VmRSS:", "RSS"),
    ):
        try:
            lines = path.read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith(field):
                return ProcessMemory("PSS" if kind == "PSS" else "RSS", int(line.split()[1]) * limits.KIB)
    return None


def _threads(prefix: str) -> int:
    return sum(thread.name.startswith(prefix) and thread.is_alive() for thread in threading.enumerate())
