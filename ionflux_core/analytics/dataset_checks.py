"""Files that hold more than they weigh: workbooks and Parquet files, looked through before anything reads them whole.

What reads them keeps whatever it finds in memory and cannot be stopped on its way, so how much there is has to be known
before: numbers that a file says of itself are only believed where they are too large.
"""

from __future__ import annotations

import io
import struct
import time
import zipfile
import zlib
from typing import IO, Any, Final
from xml.parsers import expat

from ionflux_core.errors import Invalid, LimitExceeded
from ionflux_core.limits import (
    ARCHIVE_FILES,
    ARCHIVE_RATIO,
    DATASET_COLUMNS,
    DATASET_SECONDS,
    DATASET_UNPACKED_BYTES,
    MIB,
)

_KINDS_HINT: Final = "CSV, TSV, Parquet and Excel (.xlsx) files can be read."
_DEPTH: Final = 32
# Elements at once: a row is forgotten once it is read, everything else is kept. Texts are cheap, formats are not.
_IN_ROW: Final = 100_000
_IN_SHEET: Final = 200_000
_IN_FORMATS: Final = 300_000
_IN_TEXTS: Final = 2_000_000
# Texts and formats of a workbook are read whole, before its rows.
_PART_BYTES: Final = 48 * MIB
_VALUE_BYTES: Final = 4 * MIB
_CHUNK: Final = 64 * 1024
_TYPES: Final = "[Content_Types].xml"
_SHEETS: Final = "xl/worksheets/"
_READ_WHOLE: Final = ("docProps/", "xl/styles", "xl/theme", "xl/workbook")
# What a broken archive, or text in an alphabet that nobody knows, makes the standard library raise.
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    RuntimeError,
    EOFError,
    LookupError,
    OSError,
    ValueError,
)
_PACKINGS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Leaves of nested columns, parts of a file and pieces in them: each list of a footer.
_FOOTER_LIST: Final = 20_000


def not_readable(why: str) -> Invalid:
    """A file that is none of what can be read."""
    return Invalid(f"The file cannot be read. {why}", hint=_KINDS_HINT, code="file_not_readable")


def check_columns(count: int) -> None:
    """LimitExceeded when a file has more columns than a table may have."""
    if count > DATASET_COLUMNS:
        raise LimitExceeded(
            f"The file has {count:,} columns; {DATASET_COLUMNS} are possible.", hint="Leave out what is not needed."
        )


def check_parquet(data: bytes) -> None:
    """Refuse a Parquet file whose footer is damaged, hides what it describes, or describes more than can be read."""
    import pyarrow
    from pyarrow import parquet

    if data[-4:] == b"PARE":
        raise not_readable("It is encrypted.")
    try:
        file = parquet.ParquetFile(
            io.BytesIO(data), thrift_container_size_limit=_FOOTER_LIST, thrift_string_size_limit=_VALUE_BYTES,
            schema_depth_limit=_DEPTH,
        )  # fmt: skip
        check_columns(len(file.schema_arrow.names))
        told = file.metadata
        size = sum(told.row_group(at).total_byte_size for at in range(told.num_row_groups))
    except (pyarrow.ArrowException, OSError) as error:
        raise not_readable("It is damaged, encrypted, or describes more than can be read.") from error
    if size > DATASET_UNPACKED_BYTES:
        raise LimitExceeded(
            f"Unpacked, the file holds more than {DATASET_UNPACKED_BYTES // MIB} MiB.", hint="Split it into parts."
        )


def check_workbook(data: bytes) -> None:
    """Refuse what unpacks to much more than it is, and what is no workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members, names = archive.infolist(), archive.namelist()
            if "xl/workbook.xml" not in names:
                raise not_readable("It is a zip file, but no Excel workbook.")
            if any(member.compress_type not in _PACKINGS for member in members):
                raise not_readable("It is packed as no workbook is.")
            size = sum(member.file_size for member in members)
            if size > DATASET_UNPACKED_BYTES or size > max(len(data) * ARCHIVE_RATIO, MIB):
                raise _far_more()
            if len(members) > ARCHIVE_FILES:
                raise LimitExceeded(f"The file holds more than {ARCHIVE_FILES} parts.", hint="Save the sheet as CSV.")
            if any(each.file_size > _PART_BYTES and not each.filename.startswith(_SHEETS) for each in members):
                raise LimitExceeded("The workbook holds too many texts or formats.", hint="Save it as CSV.")
            _look_through(archive, names)
    except _DAMAGED as error:
        raise not_readable("It is damaged, or has a password.") from error


def _look_through(archive: zipfile.ZipFile, names: list[str]) -> None:
    """Count what is in every part, whatever it is called: a workbook says itself which of them are read as what."""
    deadline = time.monotonic() + DATASET_SECONDS
    types = _Part(_IN_FORMATS, deadline)
    if _TYPES in names:
        with archive.open(_TYPES) as stream:
            types.read(stream)
    for name in names:
        kind = types.kinds.get(f"/{name}", "")
        if "main+xml" in kind or name.startswith(_READ_WHOLE) or name.endswith(".rels"):
            part = _Part(_IN_FORMATS, deadline)
        elif "sharedStrings" not in kind and ("worksheet+xml" in kind or name.startswith(_SHEETS)):
            part = _Part(_IN_SHEET, deadline, in_row=_IN_ROW)
        else:
            part = _Part(_IN_TEXTS, deadline)
        with archive.open(name) as stream:
            part.read(stream)


class _Part:
    """One part of a workbook on its way through: how deep it is, how much it holds at once, how long its values are."""

    def __init__(self, most: int, deadline: float, *, in_row: int = 0) -> None:
        self.kinds: dict[str, str] = {}
        self._most = most
        self._in_row = in_row
        self._deadline = deadline
        self._depth = self._count = self._row = self._of_row = self._at = 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._declared

    def read(self, stream: IO[bytes]) -> None:
        """Go through to the end, or to where it is no XML: who reads it later comes no further."""
        read = 0
        while chunk := stream.read(_CHUNK):
            read += len(chunk)
            try:
                self._parser.Parse(chunk)
            except expat.ExpatError:
                return
            if read - self._at > _VALUE_BYTES:
                raise _far_more()
            if time.monotonic() > self._deadline:
                raise LimitExceeded(f"Reading took longer than {DATASET_SECONDS} seconds.", hint="Split it.")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._at = self._parser.CurrentByteIndex
        self._depth += 1
        tag = name.rpartition(":")[2]
        if tag == "Override":
            kind = self.kinds.get(attributes.get("PartName", ""), "")
            self.kinds[attributes.get("PartName", "")] = f"{kind} {attributes.get('ContentType', '')}"
        if self._in_row and not self._row and tag == "row":
            self._row, self._of_row = self._depth, 0
        if self._row:
            self._of_row += 1
        else:
            self._count += 1
        if self._depth > _DEPTH or self._count > self._most or self._of_row > self._in_row:
            raise _far_more()

    def _end(self, name: str) -> None:
        self._at = self._parser.CurrentByteIndex
        if self._row == self._depth:
            self._row = self._of_row = 0
        self._depth -= 1

    def _declared(self, *_: Any) -> None:
        raise not_readable("It declares a document type, as no workbook does.")


def _far_more() -> LimitExceeded:
    return LimitExceeded("The file unpacks to far more than it is.", hint="Save it again, or as CSV.")
