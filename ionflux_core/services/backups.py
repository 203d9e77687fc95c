"""Backups: the database and the stored files in one zip with a manifest of hashes, and the way back."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from ionflux_core import __version__, limits
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound, Unavailable
from ionflux_core.ids import now
from ionflux_core.settings import Settings
from ionflux_core.storage import backup as copies

FORMAT = "ionflux-backup-1"
DATABASE = "ionflux.sqlite"
_MANIFEST = "manifest.json"
# Its time is that of the last backup.
_LAST = "last-backup"
_NAME = re.compile(r"ionflux\.sqlite|artifacts/([0-9a-f]{2})/\1[0-9a-f]{62}")
_CHUNK = 1 * limits.MIB


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class Manifest(BaseModel):
    """What a backup holds: every file with its hash and size in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str
    version: str
    revision: str
    created_at: datetime
    files: dict[str, _File]


def last_backup(folder: Path) -> datetime | None:
    """When a backup of a data folder was last made; None when never."""
    try:
        return datetime.fromtimestamp((folder / _LAST).stat().st_mtime, UTC)
    except OSError:
        return None


class Backups:
    """Use-cases around backups of the data folder. Keys and the vector memory are not part of one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.data_dir

    def create(self, target: Path) -> Manifest:
        """Write a backup while IONFLUX may be running; Conflict when the file exists."""
        self._refuse_servers()
        source = self._folder / DATABASE
        if not source.exists():
            raise NotFound(
                f"There is no database in {self._folder}.", hint="Start IONFLUX once, or set IONFLUX_DATA_DIR."
            )
        if target.exists():
            raise Conflict(f"{target} exists already.", hint="Choose another name.")
        part = target.with_name(target.name + ".part")
        try:
            with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
                copy = Path(scratch) / DATABASE
                copies.copy_to(source, copy)
                manifest = self._pack(copy, part)
            part.replace(target)
            (self._folder / _LAST).touch()
        except OSError as error:
            part.unlink(missing_ok=True)
            raise Unavailable(f"The backup could not be written: {error.strerror}.", hint="Check the disk.") from error
        return manifest

    def _pack(self, copy: Path, target: Path) -> Manifest:
        files: dict[str, _File] = {}
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in [(DATABASE, copy), *self._artifacts()]:
                data_sha256, size = _hashed(path)
                archive.write(path, name)
                files[name] = _File(sha256=data_sha256, size=size)
            manifest = Manifest(
                format=FORMAT,
                version=__version__,
                revision=copies.check_copy(copy),
                created_at=now(),
                files=files,
            )
            archive.writestr(_MANIFEST, to_json(manifest, indent=2))
        return manifest

    def _artifacts(self) -> Iterator[tuple[str, Path]]:
        folder = self._folder / "artifacts"
        for path in sorted(folder.glob("??/*")):
            name = path.relative_to(self._folder).as_posix()
            if _NAME.fullmatch(name):
                yield name, path

    def restore(self, source: Path) -> tuple[Manifest, Path | None]:
        """Replace the data by a backup's; the manifest, and the folder the old data was put aside in.

        Everything is unpacked and checked beside the data first: a bad archive changes nothing.
        """
        self._refuse_servers()
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="restore-") as scratch:
            manifest = self._unpack(source, Path(scratch))
            copies.check_copy(Path(scratch) / DATABASE)
            if (self._folder / DATABASE).exists():
                copies.take_alone(self._folder / DATABASE)
            aside = self._put_aside()
            for name in (DATABASE, "artifacts"):
                if (Path(scratch) / name).exists():
                    shutil.move(Path(scratch) / name, self._folder / name)
        return manifest, aside

    def _put_aside(self) -> Path | None:
        """Move what a restore replaces into a folder of its own; caches go with it and are made anew."""
        old = [*self._folder.glob(f"{DATABASE}*"), *self._folder.glob("analytics.duckdb*"), self._folder / "artifacts"]
        old = [path for path in old if path.exists()]
        if not old:
            return None
        aside = self._folder / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S}"
        aside.mkdir()
        for path in old:
            shutil.move(path, aside / path.name)
        return aside

    def _unpack(self, source: Path, target: Path) -> Manifest:
        try:
            with zipfile.ZipFile(source) as archive:
                manifest = _read_manifest(archive)
                self._check_sizes(source, archive, manifest)
                for name, expected in manifest.files.items():
                    path = target / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(name) as packed, path.open("wb") as unpacked:
                        _copy_checked(packed, unpacked, name, expected)
        except FileNotFoundError as error:
            raise NotFound(f"There is no file {source}.", hint="Check the path.") from error
        except (zipfile.BadZipFile, zipfile.LargeZipFile, KeyError, NotImplementedError, RuntimeError) as error:
            raise Invalid(f"{source.name} is not a backup of IONFLUX.", hint="Choose another file.") from error
        except OSError as error:
            raise Unavailable(
                f"The backup could not be unpacked: {error.strerror}.", hint="Free some space."
            ) from error
        return manifest

    def _check_sizes(self, source: Path, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        names = sorted(info.filename for info in archive.infolist())
        if names != sorted([*manifest.files, _MANIFEST]):
            raise Invalid("The archive holds other files than its manifest names.", hint="Choose another backup.")
        total = sum(file.size for file in manifest.files.values())
        if total > max(source.stat().st_size, limits.MIB) * limits.ARCHIVE_RATIO:
            raise LimitExceeded("The archive would grow more than a hundredfold.", hint="Choose another backup.")
        free = shutil.disk_usage(self._folder).free
        if total > free - 64 * limits.MIB:
            raise Unavailable(
                f"Restoring needs {total // limits.MIB} MiB, which the disk does not have.", hint="Free some."
            )

    def _refuse_servers(self) -> None:
        if self._settings.database_url and not self._settings.database_url.startswith("sqlite"):
            raise Unavailable("The data lies in PostgreSQL.", hint="Use pg_dump and pg_restore for it.")
        if self._settings.database_url:
            raise Unavailable("The database lies outside the data folder.", hint="Unset IONFLUX_DATABASE_URL.")


def _read_manifest(archive: zipfile.ZipFile) -> Manifest:
    info = archive.getinfo(_MANIFEST)
    if info.file_size > limits.UPLOAD_BYTES:
        raise LimitExceeded("The manifest of the backup is too large.", hint="Choose another backup.")
    with archive.open(info) as file:
        text = file.read(limits.UPLOAD_BYTES)
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise Invalid("The manifest of the backup cannot be read.", hint="Choose another backup.") from error
    strange = [name for name in manifest.files if not _NAME.fullmatch(name)]
    if manifest.format != FORMAT or strange or DATABASE not in manifest.files:
        raise Invalid("The archive is not a backup of this kind.", hint="Choose another backup.")
    return manifest


def _copy_checked(packed: IO[bytes], unpacked: IO[bytes], name: str, expected: _File) -> None:
    """Copy one file, stopping as soon as it is longer than it says it is."""
    digest, size = hashlib.sha256(), 0
    while chunk := packed.read(_CHUNK):
        size += len(chunk)
        if size > expected.size:
            break
        digest.update(chunk)
        unpacked.write(chunk)
    if size != expected.size or digest.hexdigest() != expected.sha256:
        raise Invalid(f"{name} in the backup is not what its manifest says.", hint="Choose another backup.")


def _hashed(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest, path.stat().st_size
