"""Files that questions read: taken in, refused with the place of what is wrong, asked, renamed, deleted."""

from __future__ import annotations

import io
import time
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pytest
from openpyxl import Workbook
from pyarrow import parquet

from ionflux_core.analytics import dataset_text, datasets
from ionflux_core.application import Application
from ionflux_core.errors import Conflict, Invalid, IonfluxError, LimitExceeded, NotFound
from ionflux_core.limits import DATASET_COLUMNS, UPLOAD_BYTES
from tests.conftest import MakeApplication


@pytest.fixture
def app(make_application: MakeApplication, database_url: str) -> Application:
    """An open application on either database, with two workspaces."""
    made: Application = make_application(database_url=database_url)
    made.workspaces.create("Ours")
    made.workspaces.create("Theirs")
    return made


@pytest.fixture
def ws(app: Application) -> str:
    return next(each.id for each in app.workspaces.all() if each.name == "Ours")


def ask(app: Application, ws: str, sql: str) -> list[list[Any]]:
    rows: list[list[Any]] = app.questions.ask(ws, sql)["rows"]
    return rows


def workbook(rows: list[list[Any]]) -> bytes:
    book, file = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    book.save(file)
    return file.getvalue()


def as_parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


ORDERS = b'Order No,When,Amount,Note\n1,2026-01-02,1.5,hello\n2,2026-02-03,,"a, b"\n'


def test_a_csv_becomes_a_table_beside_ours(app: Application, ws: str) -> None:
    made = app.datasets.upload(ws, "C:\\files\\My Orders 2026.csv", ORDERS, by="Ann")
    assert (made.name, made.filename, made.row_count) == ("my_orders_2026", "My Orders 2026.csv", 2)
    assert [(column.name, column.type) for column in made.columns] == [
        ("order_no", "number"), ("when_", "day"), ("amount", "number"), ("note", "text"),
    ]  # fmt: skip
    assert ask(app, ws, "SELECT * FROM my_orders_2026 ORDER BY order_no") == [
        [1, "2026-01-02", 1.5, "hello"], [2, "2026-02-03", None, "a, b"],
    ]  # fmt: skip
    assert ask(app, ws, "SELECT count(*) FROM MY_ORDERS_2026 o LEFT JOIN runs ON runs.id = o.note") == [[2]]
    assert app.questions.tables(ws)[-1]["name"] == "my_orders_2026"


def test_nobody_else_sees_the_file(app: Application, ws: str) -> None:
    made = app.datasets.upload(ws, "orders.csv", ORDERS)
    theirs = next(each.id for each in app.workspaces.all() if each.name == "Theirs")
    ask(app, ws, "SELECT * FROM orders")
    for name in ("orders", f"dataset_{made.sha256}", f"main.dataset_{made.sha256}"):
        with pytest.raises(Invalid, match=r"There is no table|without a place"):
            ask(app, theirs, f"SELECT * FROM {name}")
    with pytest.raises(NotFound):
        app.datasets.get(theirs, made.id)
    assert "orders" not in [table["name"] for table in app.questions.tables(theirs)]
    app.datasets.upload(theirs, "orders.csv", b"a\n7\n")
    assert ask(app, theirs, "SELECT * FROM orders") == [[7]]
    assert len(ask(app, ws, "SELECT * FROM orders")) == 2


def test_parquet_keeps_its_types(app: Application, ws: str) -> None:
    data = as_parquet(
        id=[1, 2], at=[datetime(2026, 1, 1, 12), None], day=[date(2026, 1, 1)] * 2, tags=[["a"], []],
        flag=[True, False], big=[2**70, 1] if False else [1.5, 2.5], raw=[b"\x00\xff", b"x"],
    )  # fmt: skip
    made = app.datasets.upload(ws, "x.parquet", data)
    types = {column.name: column.type for column in made.columns}
    assert types == {
        "id": "number", "at_": "time", "day": "day", "tags": "json", "flag": "boolean", "big": "number", "raw": "text",
    }  # fmt: skip
    assert ask(app, ws, "SELECT id, at_, tags FROM x ORDER BY id") == [
        [1, "2026-01-01T12:00:00Z", '["a"]'],
        [2, None, "[]"],
    ]


def test_excel_gives_values_and_never_computes(app: Application, ws: str) -> None:
    data = workbook([["Name", "Sold", "On"], ["Cap", 3, datetime(2026, 1, 2)], ["Mug", "=1+1", None], [None] * 3])
    made = app.datasets.upload(ws, "stock.xlsx", data)
    assert [(column.name, column.type) for column in made.columns] == [
        ("name", "text"), ("sold", "number"), ("on_", "day"),
    ]  # fmt: skip
    # No program has computed this workbook, so its formula has no value; its text is not data either.
    assert ask(app, ws, "SELECT * FROM stock ORDER BY name") == [["Cap", 3, "2026-01-02"], ["Mug", None, None]]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.tsv", b"a\tb\n1\t2\n", [[1, 2]]),
        ("a.csv", b"a;b\n1;2\n", [[1, 2]]),
        ("a.csv", "a,b\n1,é\n".encode("utf-16"), [[1, "é"]]),
        ("a.csv", "a,b\n1,é\n".encode("cp1252"), [[1, "é"]]),
        ("a.csv", b'\xef\xbb\xbfa,b\r\n\r\n1,"x\ny"\r\n', [[1, "x\ny"]]),
        ("a.csv", b"a,a,,1st\n1,2,3,4\n", [[1, 2, 3, 4]]),
        ("a.csv", b"id\n007\n", [["007"]]),
        ("a.txt", b"a\nx\n", [["x"]]),
    ],
)
def test_the_ways_of_writing_tables_are_understood(
    app: Application, ws: str, name: str, data: bytes, expected: list[list[Any]]
) -> None:
    app.datasets.upload(ws, name, data)
    assert ask(app, ws, "SELECT * FROM a") == expected


def test_names_are_made_so_that_sql_takes_them() -> None:
    raw = ["Order Date", "order", "ORDER DATE", "", "1st", "Prix TTC (€)", "名前", "a" * 100]
    assert dataset_text.names_for(raw) == [
        "order_date", "order_", "order_date_2", "column_4", "n1st", "prix_ttc", "column_7", "a" * 60,
    ]  # fmt: skip
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
    with duckdb.connect() as connection:
        words = connection.execute(query).fetchall()
    assert {word for (word,) in words} <= dataset_text.RESERVED


@pytest.mark.parametrize("name", ["runs", "steps", "instances", "range", "select", "Runs"])
def test_a_file_never_hides_a_table_of_ours(app: Application, ws: str, name: str) -> None:
    made = app.datasets.upload(ws, f"{name}.csv", b"a\n1\n")
    assert made.name == f"{name.lower()}_file"
    with pytest.raises(Invalid, match="cannot be a table"):
        app.datasets.rename(ws, made.id, name)
    assert ask(app, ws, "SELECT count(*) FROM runs") == [[0]]


@pytest.mark.parametrize(
    ("name", "data", "told", "line"),
    [
        ("a.csv", b'a,b\n1,"x\n2,y\n3,z\n', "never closed", 2),
        ("a.csv", b'a,b\n1,2\n1,"x"y\n', "closing quotation mark", 3),
        ("a.csv", b"a,b\n1,2\n1,2,3\n", "3 values, the first line has 2", 3),
        ("a.csv", b"a,b\n1,2\n1\n", "1 value, the first line has 2", 3),
        ("a.csv", b"a,b\n" + b"1,2\n" * 2_000 + b"1,\x002\n", "NUL", 2_002),
        ("a.csv", b"a,b\n1," + b"x" * 200_000 + b"\n", "longer than", 2),
        ("a.csv", b"", "empty", 0),
        ("a.csv", b"\n\n", "no line", 0),
        ("a.parquet", b"a,b\n1,2\n", "Its name says", 0),
        ("a.parquet", b"PAR1" + b"x" * 50, "cannot be read", 0),
        ("a.xlsx", b"PK\x03\x04" + b"x" * 50, "damaged", 0),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 50, "old kind", 0),
        ("a.csv", b"\x89PNG\r\n\x1a\n\x00\x00", "no text", 0),
    ],
)
def test_a_bad_file_is_refused_with_its_place(
    app: Application, ws: str, name: str, data: bytes, told: str, line: int
) -> None:
    with pytest.raises(Invalid, match=told) as refused:
        app.datasets.upload(ws, name, data)
    assert [problem.line for problem in refused.value.problems] == ([line] if line else [])
    assert refused.value.hint
    assert app.datasets.find(ws) == []


def test_500_columns_are_taken_and_more_are_not(app: Application, ws: str) -> None:
    def wide(count: int) -> bytes:
        return (",".join(f"c{n}" for n in range(count)) + "\n" + ",".join("1" * count) + "\n").encode()

    made = app.datasets.upload(ws, "wide.csv", wide(DATASET_COLUMNS))
    assert len(made.columns) == 500
    assert ask(app, ws, "SELECT c0 + c499 FROM wide") == [[2]]
    with pytest.raises(LimitExceeded, match="501 columns"):
        app.datasets.upload(ws, "wider.csv", wide(DATASET_COLUMNS + 1))


def test_what_is_too_large_is_refused(app: Application, ws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LimitExceeded, match="25 MiB"):
        app.datasets.upload(ws, "x.csv", b"a\n" * (UPLOAD_BYTES // 2 + 1))
    monkeypatch.setattr(datasets, "DATASET_ROWS", 10)
    monkeypatch.setattr(dataset_text, "DATASET_ROWS", 10)
    book = workbook([["a"], *[[1]] * 11])
    for name, data in (("x.csv", b"a\n" + b"1\n" * 11), ("x.parquet", as_parquet(a=[1] * 11)), ("x.xlsx", book)):
        with pytest.raises(LimitExceeded, match="rows"):
            app.datasets.upload(ws, name, data)
    assert app.datasets.upload(ws, "x.csv", b"a\n" + b"1\n" * 10).row_count == 10


def test_a_parquet_bomb_is_found_before_it_unpacks(app: Application, ws: str) -> None:
    text = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 900_000), pyarrow.array(["x" * 10_000]))
    data = as_parquet(a=text)
    assert len(data) < 1_000_000
    began = time.monotonic()
    with pytest.raises(LimitExceeded):
        app.datasets.upload(ws, "bomb.parquet", data)
    assert time.monotonic() - began < 60


def _zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (_zipped(**{"xl__workbook.xml": b"<x/>", "xl__sheet.xml": b" " * 60_000_000}), "unpacks to far more"),
        (_zipped(**{"readme.txt": b"hello"}), "no Excel workbook"),
        (_zipped(**{"xl__workbook.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}), "document type"),
        (_zipped(**{"xl__workbook.xml": b"<x/>"}), "damaged"),
    ],
)
def test_a_workbook_that_is_a_bomb_or_none_is_refused(app: Application, ws: str, data: bytes, told: str) -> None:
    with pytest.raises(IonfluxError, match=told):
        app.datasets.upload(ws, "x.xlsx", data)


def test_names_are_given_taken_and_changed(app: Application, ws: str) -> None:
    first, second = (app.datasets.upload(ws, "orders.csv", data) for data in (ORDERS, b"a\n1\n"))
    assert (first.name, second.name) == ("orders", "orders_2")
    with pytest.raises(Conflict):
        app.datasets.rename(ws, second.id, "orders")
    for bad in ("", "Order s", "1a", "a;b", 'a"b', "x" * 61, "ünï"):
        with pytest.raises(Invalid):
            app.datasets.rename(ws, second.id, bad)
    assert app.datasets.rename(ws, second.id, " Returns ", by="Ann").name == "returns"
    assert ask(app, ws, "SELECT * FROM returns") == [[1]]
    with pytest.raises(Invalid, match="no table"):
        ask(app, ws, "SELECT * FROM orders_2")


def test_a_deleted_file_is_gone_from_questions_and_from_the_cache(app: Application, ws: str) -> None:
    one, same = (app.datasets.upload(ws, name, ORDERS) for name in ("one.csv", "same.csv"))
    assert one.sha256 == same.sha256
    ask(app, ws, "SELECT * FROM one")

    def held() -> int:
        with app.cache.cursor() as cursor:
            query = "SELECT count(*) FROM duckdb_tables() WHERE starts_with(table_name, 'dataset_')"
            return int(cursor.execute(query).fetchall()[0][0])

    app.datasets.delete(ws, one.id)
    assert held() == 1, "another name still reads these bytes"
    assert len(ask(app, ws, "SELECT * FROM same")) == 2
    app.datasets.delete(ws, same.id)
    assert held() == 0
    with pytest.raises(Invalid, match="no table"):
        ask(app, ws, "SELECT * FROM same")


def test_a_deleted_cache_is_filled_again_from_the_stored_file(app: Application, ws: str) -> None:
    made = app.datasets.upload(ws, "orders.csv", ORDERS)
    ask(app, ws, "SELECT * FROM orders")
    datasets.forget(app.cache, made.sha256)
    assert len(ask(app, ws, "SELECT * FROM orders")) == 2
    datasets.forget(app.cache, made.sha256)
    app.files.path(made.sha256).unlink()
    with pytest.raises(Invalid, match="not stored any more"):
        ask(app, ws, "SELECT * FROM orders")


def test_the_reader_may_touch_one_file_alone(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    source, target = tmp_path / "s.csv", tmp_path / "t.parquet"
    source.write_text("a\n1\n")
    with datasets._bounded(source, target) as connection:
        assert connection.execute("SELECT count(*) FROM read_csv($1)", [str(source)]).fetchall() == [(1,)]
        for sql in (
            f"SELECT * FROM read_csv('{secret}')", f"COPY (SELECT 1) TO '{tmp_path}/other.csv'",
            "SELECT * FROM read_text('/etc/passwd')", "SET enable_external_access = true", "INSTALL httpfs",
            "SET memory_limit = '90GB'", f"ATTACH '{tmp_path}/x.duckdb'",
        ):  # fmt: skip
            with pytest.raises(duckdb.Error):
                connection.execute(sql).fetchall()
