"""The zip of an `.ionrun` file: written with the hash of every member, and read as what it is, input from anybody.

Nothing is unpacked to a path of the archive's choosing. Before a member is looked at, the whole directory is: its size,
the number, names and kinds of its entries, and what they claim to grow to. Then each member is read as a stream that
ends when it passes its own claim, and its hash must be the manifest's.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from ionflux_core import limits
from ionflux_core.domain import run_files as form
from ionflux_core.errors import Invalid, LimitExceeded, NotFound, Problem

Part = TypeVar("Part", bound=BaseModel)

_CHUNK = 256 * limits.KIB
_MANIFEST_BYTES = 2 * limits.MIB
# What needs not be suspicious of a small file that grows a lot: text often repeats itself.
_ALWAYS_ALLOWED = 8 * limits.MIB
_END = struct.Struct("<4s4H2LH")
_ENTRY_BYTES = 46 + 200
_NO_RUN = "Choose a file that was exported from a run."
_BIG = 10**300


class ArchiveWriter:
    """Writes the members of a run's file and keeps their hashes; `close` adds the manifest."""

    def __init__(self, target: IO[bytes]) -> None:
        self._archive = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
        self.members: dict[str, form.Member] = {}
        self.size = 0

    def has_room(self, size: int) -> bool:
        """Whether a file of this size can still be taken in."""
        # The four texts and the manifest need their places, too.
        return (
            len(self.members) < limits.RUN_FILE_MEMBERS - 5
            and self.size + size + limits.RUN_FILE_TEXT_BYTES <= limits.RUN_FILE_UNPACKED_BYTES
        )

    def add(self, name: str, data: bytes) -> None:
        """Add one member."""
        self.members[name] = form.Member(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        self.size += len(data)
        self._write(name, data)

    def close(self, manifest: form.Manifest) -> None:
        """Write the manifest and the directory."""
        self._write(form.MANIFEST, manifest.model_dump_json(indent=2).encode())
        self._archive.close()

    def _write(self, name: str, data: bytes) -> None:
        # The date is not that of the export, so that the same run gives the same members.
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.external_attr = (stat.S_IFREG | 0o644) << 16
        # What shrinks too well would look like a bomb to whoever reads it.
        grows = len(data) > limits.ARCHIVE_RATIO // 2 * max(1, len(zlib.compress(data, 1)))
        info.compress_type = zipfile.ZIP_STORED if grows else zipfile.ZIP_DEFLATED
        self._archive.writestr(info, data)


class ArchiveReader:
    """A run's file that has been checked as a whole; its members are read one by one."""

    def __init__(self, archive: zipfile.ZipFile, manifest: form.Manifest) -> None:
        self._archive = archive
        self.manifest = manifest
        self._values = limits.RUN_FILE_VALUES
        self._text = limits.RUN_FILE_TEXT_BYTES

    def check(self) -> None:
        """Read every member once; Invalid when one is not what the manifest says."""
        for name in self.manifest.members:
            for _ in self._stream(name):
                pass

    def document(self, name: str, kind: type[Part]) -> Part:
        """A member that is one JSON document."""
        self._take_text(name)
        return self._parsed(b"".join(self._stream(name)), name, kind)

    def lines(self, name: str, kind: type[Part], most: int) -> list[Part]:
        """A member with one JSON document a line, at most so many."""
        self._take_text(name)
        text = b"".join(self._stream(name))
        if text.count(b"\n") > most:
            raise LimitExceeded(f"{name} has more than {most:,} lines.", hint=_NO_RUN)
        lines = enumerate(text.split(b"\n"), start=1)
        return [self._parsed(line, f"{name}, line {number}", kind) for number, line in lines if line]

    def file(self, sha256: str) -> bytes:
        """The bytes of a stored file."""
        return b"".join(self._stream(form.FILES + sha256))

    def _take_text(self, name: str) -> None:
        self._text -= self._member(name).size
        if self._text < 0:
            raise LimitExceeded(
                f"The run's text is larger than {limits.RUN_FILE_TEXT_BYTES // limits.MIB} MiB.", hint=_NO_RUN
            )

    def _member(self, name: str) -> form.Member:
        member = self.manifest.members.get(name)
        if member is None:
            raise Invalid(f"The file lacks {name}.", hint=_NO_RUN, code="not_a_run_file")
        return member

    def _stream(self, name: str) -> Iterator[bytes]:
        expected, digest, size = self._member(name), hashlib.sha256(), 0
        with self._archive.open(name) as packed:
            while chunk := packed.read(_CHUNK):
                size += len(chunk)
                if size > expected.size:
                    break
                digest.update(chunk)
                yield chunk
        if size != expected.size or digest.hexdigest() != expected.sha256:
            raise Invalid(
                f"{name} is not what the manifest says: the file was changed or damaged.",
                hint="Export the run again.",
                code="hash_mismatch",
            )

    def _parsed(self, text: bytes, where: str, kind: type[Part]) -> Part:
        # Counted before anything is built: a few bytes of JSON can become many objects.
        self._values -= text.count(b",") + text.count(b"[") + text.count(b"{") + 1
        if self._values < 0:
            raise LimitExceeded(f"{where} holds too many values.", hint=_NO_RUN)
        try:
            value = from_json(text, allow_inf_nan=False)
        except ValueError as error:
            raise Invalid(f"{where} is not JSON: {error}.", hint=_NO_RUN, code="not_a_run_file") from error
        _check_value(value, where)
        return _validated(value, where, kind)


def opened(source: Path, work: Callable[[ArchiveReader], Any]) -> Any:
    """What `work` makes of a run's file; whatever is wrong with the archive becomes Invalid or LimitExceeded."""
    try:
        size = source.stat().st_size
        if size > limits.RUN_FILE_BYTES:
            raise LimitExceeded(
                f"The file is larger than {limits.RUN_FILE_BYTES // limits.MIB} MiB.", hint="Choose another file."
            )
        with source.open("rb") as file:
            _check_directory(file, size)
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
                _check_entries(entries, size)
                return work(ArchiveReader(archive, _manifest(archive, entries)))
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {source.name[:100]}.", hint="Check the path.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError, struct.error) as error:
        raise _no_archive() from error


def _no_archive() -> Invalid:
    return Invalid("The file is damaged, or is not the file of a run.", hint=_NO_RUN, code="not_a_run_file")


def _check_directory(file: IO[bytes], size: int) -> None:
    """Look at the end of the archive before it is opened: opening reads the whole directory, however long it is."""
    file.seek(max(0, size - _END.size - 20))
    tail = file.read()
    if len(tail) < _END.size:
        raise _no_archive()
    sign, *numbers = _END.unpack(tail[-_END.size :])
    disk, start_disk, here, count, length, offset, comment = numbers
    if sign != b"PK\x05\x06" or comment or disk or start_disk or here != count or b"PK\x06\x07" in tail:
        raise _no_archive()
    if count > limits.RUN_FILE_MEMBERS or length > limits.RUN_FILE_MEMBERS * _ENTRY_BYTES:
        raise LimitExceeded(f"The file holds more than {limits.RUN_FILE_MEMBERS:,} members.", hint=_NO_RUN)
    if offset + length + _END.size != size:
        raise _no_archive()
    file.seek(0)


def _check_entries(entries: list[zipfile.ZipInfo], size: int) -> None:
    names = [entry.filename for entry in entries]
    if len(names) > limits.RUN_FILE_MEMBERS:
        raise LimitExceeded(f"The file holds more than {limits.RUN_FILE_MEMBERS:,} members.", hint=_NO_RUN)
    for entry in entries:
        _check_entry(entry)
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice:
        raise Invalid(f"The member {twice} is there twice.", hint=_NO_RUN, code="bad_member")
    total = sum(entry.file_size for entry in entries)
    if total > limits.RUN_FILE_UNPACKED_BYTES:
        raise LimitExceeded(
            f"The file would grow to more than {limits.RUN_FILE_UNPACKED_BYTES // limits.MIB} MiB.", hint=_NO_RUN
        )
    if total > max(size * limits.ARCHIVE_RATIO, _ALWAYS_ALLOWED):
        raise LimitExceeded("The file would grow more than a hundredfold.", hint=_NO_RUN, code="ratio")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    # `orig_filename` is what stands in the file: Python cuts a name at its first NUL.
    if entry.orig_filename != name or not (name == form.MANIFEST or form.MEMBER.match(name)):
        raise Invalid(
            f"The member {name[:80]!r} does not belong into the file of a run.", hint=_NO_RUN, code="bad_member"
        )
    mode = stat.S_IFMT(entry.external_attr >> 16)
    if mode not in (0, stat.S_IFREG):
        raise Invalid(f"The member {name} is a link or something else than a file.", hint=_NO_RUN, code="bad_member")
    if entry.flag_bits & 0x1:
        raise Invalid(f"The member {name} is encrypted.", hint="Export the run again.", code="bad_member")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Invalid(f"The member {name} is packed in an unknown way.", hint=_NO_RUN, code="bad_member")


def _manifest(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> form.Manifest:
    sizes = {entry.filename: entry.file_size for entry in entries}
    if form.MANIFEST not in sizes:
        raise Invalid("The file has no manifest.", hint=_NO_RUN, code="not_a_run_file")
    with archive.open(form.MANIFEST) as packed:
        text = packed.read(_MANIFEST_BYTES + 1)
    if len(text) > _MANIFEST_BYTES:
        raise LimitExceeded("The manifest is too large.", hint=_NO_RUN)
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise Invalid(f"The manifest is not JSON: {error}.", hint=_NO_RUN, code="not_a_run_file") from error
    _check_value(value, "The manifest")
    if isinstance(value, dict) and value.get("format") != form.FORMAT:
        raise Invalid(
            f"The file has the format {str(value.get('format'))[:40]!r}.", hint=f"This IONFLUX reads {form.FORMAT}."
        )
    manifest = _validated(value, form.MANIFEST, form.Manifest)
    claimed = {name: member.size for name, member in manifest.members.items()}
    if sizes != {**claimed, form.MANIFEST: sizes[form.MANIFEST]} or form.MANIFEST in claimed:
        raise Invalid("The file holds other members than its manifest names.", hint=_NO_RUN, code="bad_member")
    wrong = [name for name, each in manifest.members.items() if name[:6] == form.FILES and name[6:] != each.sha256]
    if wrong:
        raise Invalid(f"{wrong[0]} is not named by its hash.", hint=_NO_RUN, code="hash_mismatch")
    return manifest


def _validated(value: Any, where: str, kind: type[Part]) -> Part:
    try:
        return kind.model_validate(value, strict=False)
    except ValidationError as error:
        problems = [
            Problem(each["msg"].removeprefix("Value error, "), path=".".join(map(str, each["loc"]))[:200])
            for each in error.errors(include_url=False, include_input=False, include_context=False)[:20]
        ]
        first = problems[0]
        raise Invalid(
            f"{where}: {first.path or 'the whole'}: {first.message}.", problems=problems, hint=_NO_RUN, code="bad_run"
        ) from error


def _check_value(value: Any, where: str) -> None:
    """Refuse what not every database can keep: too deep, a NUL character, numbers without measure."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > limits.RUN_FILE_DEPTH:
            raise LimitExceeded(f"{where} is nested deeper than {limits.RUN_FILE_DEPTH}.", hint=_NO_RUN)
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
        elif isinstance(item, str) and "\0" in item:
            raise Invalid(f"{where} holds a NUL character.", hint=_NO_RUN, code="bad_run")
        elif isinstance(item, int) and abs(item) >= _BIG:
            raise Invalid(f"{where} holds a number of more than 300 digits.", hint=_NO_RUN, code="bad_run")
