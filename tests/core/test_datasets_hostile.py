"""Files that hold more than they weigh, hide what they hold or lie about it: refused before they cost anything."""

from __future__ import annotations

import io
import os
import random
import struct
import threading
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from openpyxl import Workbook
from pyarrow import parquet

from ionflux_core.analytics import dataset_checks, dataset_text, datasets, questions
from ionflux_core.analytics.datasets import Converted, converted
from ionflux_core.application import Application
from ionflux_core.errors import Invalid, IonfluxError
from tests.conftest import MakeApplication

NAMESPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHEET, STYLES, TEXTS = "xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/sharedStrings.xml"
DECLARED = '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'
# More than the processor needs for any of them on a slow machine, and a tenth of what they cost unguarded.
SECONDS = 6


def number(value: int) -> bytes:
    """A count as footers write it, seven bits at a time."""
    written = b""
    while value > 127:
        written += bytes([value & 127 | 128])
        value >>= 7
    return written + bytes([value])


def footer_of(columns: int, *, said: int | None = None) -> bytes:
    """A Parquet file without rows: its footer alone, with so many columns, or only said to be so many."""
    leaves = b"\x15\x04\x25\x02\x18\x01c\x00" * columns
    root = b"\x35\x00\x18\x01r\x15" + number(columns * 2) + b"\x00"
    count = number((columns if said is None else said) + 1)
    footer = b"\x15\x02\x19\xfc" + count + root + leaves + b"\x16\x00\x19\x0c\x00"
    return b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1"


def nested(depth: int) -> bytes:
    kind: pyarrow.DataType = pyarrow.int32()
    for _ in range(depth):
        kind = pyarrow.struct([("inner", kind)])
    file = io.BytesIO()
    parquet.write_metadata(pyarrow.schema([("a", kind)]), file)
    return file.getvalue()


def workbook(**parts: bytes) -> bytes:
    """A small workbook with some of its parts replaced; padded, so that it weighs a hundredth of what it unpacks to."""
    plain, made = io.BytesIO(), io.BytesIO()
    book = Workbook()
    assert book.active is not None
    book.active.append(["a", "b"])
    book.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            if name not in parts:
                target.writestr(name, source.read(name))
        for name, data in parts.items():
            target.writestr(name, data)
        target.writestr("xl/media/picture.png", os.urandom(sum(map(len, parts.values())) // 80))
    return made.getvalue()


def sheet(rows: bytes, *, before: bytes = b"") -> bytes:
    return b"<worksheet " + NAMESPACE + b">" + before + b"<sheetData>" + rows + b"</sheetData></worksheet>"


def read(filename: str, data: bytes) -> Converted:
    """What becomes of a file, in a bounded time of the processor."""
    began = time.process_time()
    try:
        return converted(filename, data)
    finally:
        assert time.process_time() - began < SECONDS


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (footer_of(300_000), "describes more than can be read"),
        (footer_of(501), "501 columns"),
        (footer_of(3, said=2**31 - 2), "describes more than can be read"),
        (nested(40), "describes more than can be read"),
        (b"PARE" + b"x" * 100 + struct.pack("<I", 50) + b"PARE", "encrypted"),
    ],
)
def test_a_footer_that_describes_too_much_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(IonfluxError, match=told):
        read("x.parquet", data)


def test_nested_columns_of_a_usual_depth_are_read() -> None:
    assert read("x.parquet", nested(8)).columns == [{"name": "a", "type": "json"}]


def test_rows_are_those_of_the_file_and_not_those_it_says_it_has() -> None:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"a": list(range(1000))}), file, write_statistics=False)
    data = file.getvalue()
    begin = len(data) - 8 - struct.unpack("<I", data[-8:-4])[0]
    at = data.index(number(2000), begin)
    assert read("x.parquet", data[:at] + number(200) + data[at + 2 :]).rows == 1000


@pytest.mark.parametrize(
    ("part", "data"),
    [
        (STYLES, b"<styleSheet " + NAMESPACE + b"><fonts>" + b"<font/>" * 1_000_000 + b"</fonts></styleSheet>"),
        (SHEET, sheet(b"<a/>" * 1_000_000)),
        (SHEET, sheet(b"<row><c>" + b"<a>" * 500_000 + b"</a>" * 500_000 + b"</c></row>")),
        (SHEET, sheet(b"<row>" + b"<c/>" * 1_000_000 + b"</row>")),
        (SHEET, sheet(b"<row><c><v>" + b"9" * 5_000_000 + b"</v></c></row>")),
    ],
)
def test_a_workbook_of_many_small_things_is_refused_before_it_is_read(part: str, data: bytes) -> None:
    with pytest.raises(IonfluxError, match="unpacks to far more"):
        read("x.xlsx", workbook(**{part: data}))


@pytest.mark.parametrize("declared", [f"<!--{' ' * 5_000}-->{DECLARED}".encode(), DECLARED.encode("utf-16")])
def test_a_document_type_is_found_wherever_it_hides(declared: bytes) -> None:
    with pytest.raises(IonfluxError, match="document type"):
        read("x.xlsx", workbook(**{"xl/workbook.xml": declared}))


@pytest.mark.parametrize("encoding", ["utf-7", "shift_jis", "idna", "nothing"])
def test_an_alphabet_that_cannot_be_read_is_said(encoding: str) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding}"?><x/>'.encode()
    with pytest.raises(IonfluxError, match="damaged"):
        read("x.xlsx", workbook(**{"xl/workbook.xml": declared}))


def test_a_workbook_with_a_broken_byte_is_refused_or_read_and_never_more() -> None:
    whole = workbook(**{SHEET: sheet(b"<row><c><v>1</v></c></row>" * 40)})
    chance = random.Random(7)
    for _ in range(150):
        broken = bytearray(whole)
        broken[chance.randrange(len(broken))] = chance.randrange(256)
        with suppress(IonfluxError):
            converted("x.xlsx", bytes(broken))


def test_all_rows_are_read_whatever_the_sheet_says_of_its_size() -> None:
    rows = b"".join(b'<row r="%d"><c r="A%d"><v>%d</v></c></row>' % (at, at, at) for at in range(1, 11))
    made = read("x.xlsx", workbook(**{SHEET: sheet(rows, before=b'<dimension ref="A1:A2"/>')}))
    assert made.rows == 9, "the first one names the column"


def test_texts_are_counted_like_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_checks, "_IN_TEXTS", 1_000)
    with pytest.raises(IonfluxError, match="unpacks to far more"):
        read("x.xlsx", workbook(**{TEXTS: b"<sst " + NAMESPACE + b">" + b"<si/>" * 2_000 + b"</sst>"}))


def test_a_row_that_says_it_stands_at_the_end_of_the_world_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_text, "_SHEET_ROWS", 50_000)
    rows = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="99999999999"><c r="A99999999999"><v>1</v></c></row>'
    with pytest.raises(IonfluxError, match="rows"):
        read("x.xlsx", workbook(**{SHEET: sheet(rows)}))


def test_wide_and_long_sheets_keep_every_value() -> None:
    book, file = Workbook(), io.BytesIO()
    assert book.active is not None
    for row in (["a", "b", "c"], [1], [None] * 3, [2, None, 3], [None, 4]):
        book.active.append(row)
    book.save(file)
    table = parquet.read_table(io.BytesIO(read("x.xlsx", file.getvalue()).parquet)).to_pylist()
    assert [list(row.values()) for row in table] == [[1, None, None], [2, None, 3], [None, 4, None]]


def held(app: Application) -> int:
    """How many files' rows lie in the cache."""
    with app.cache.cursor() as cursor:
        query = "SELECT count(*) FROM duckdb_tables() WHERE starts_with(table_name, 'dataset_')"
        return int(cursor.execute(query).fetchall()[0][0])


@pytest.fixture
def app(make_application: MakeApplication) -> Application:
    made: Application = make_application()
    made.workspaces.create("Ours")
    return made


def test_a_file_deleted_while_it_is_asked_is_said_in_words(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    ws = app.workspaces.all()[0].id
    file = app.datasets.upload(ws, "orders.csv", b"a\n1\n")
    make = datasets.held

    def gone(*asked: Any) -> str:
        table = make(*asked)
        app.datasets.delete(ws, file.id)
        return table

    monkeypatch.setattr(datasets, "held", gone)
    with pytest.raises(Invalid, match="deleted meanwhile") as refused:
        app.questions.ask(ws, "SELECT * FROM orders")
    assert refused.value.hint and "dataset_" not in str(refused.value)


def test_a_file_deleted_while_its_rows_are_read_leaves_nothing(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = app.workspaces.all()[0].id
    file = app.datasets.upload(ws, "orders.csv", b"a\n1\n")
    errors, batches = list[Exception](), datasets._batches

    def slowly(path: Path) -> Any:
        deleting.start()
        return batches(path)

    def delete() -> None:
        try:
            app.datasets.delete(ws, file.id)
        except Exception as error:
            errors.append(error)

    deleting = threading.Thread(target=delete)
    monkeypatch.setattr(datasets, "_batches", slowly)
    with suppress(Invalid):
        app.questions.ask(ws, "SELECT * FROM orders")
    deleting.join()
    assert not errors and held(app) == 0


def test_a_renamed_file_is_asked_by_its_new_name_while_an_old_question_ends(app: Application) -> None:
    ws = app.workspaces.all()[0].id
    file = app.datasets.upload(ws, "orders.csv", b"a\n1\n")
    before = app.datasets.stored(ws)
    app.datasets.rename(ws, file.id, "sales")
    assert questions.ask(app.cache, ws, "SELECT a FROM orders", files=before)["rows"] == [[1]]
    assert app.questions.ask(ws, "SELECT a FROM sales")["rows"] == [[1]]
    with pytest.raises(Invalid, match="no table 'orders'"):
        app.questions.ask(ws, "SELECT a FROM orders")
