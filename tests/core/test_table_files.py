"""Tables to take away: the same cells in CSV and Parquet, and no text that turns into something else."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ionflux_core.services.table_files import as_csv, as_parquet


def read(data: bytes, folder: Path) -> tuple[list[str], list[tuple[Any, ...]]]:
    place = folder / "table.parquet"
    place.write_bytes(data)
    with duckdb.connect(":memory:") as connection:
        answer = connection.execute("SELECT * FROM read_parquet(?)", [str(place)])
        return [column[0] for column in answer.description or ()], answer.fetchall()


def test_parquet_keeps_types_gaps_and_names(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        [date(2026, 1, 1), 1, 2.5, "a", True, datetime(2026, 1, 1, 12, tzinfo=UTC)],
        [date(2026, 1, 2), None, 3, None, None, None],
    ]
    names, found = read(as_parquet(["day", "runs", "cost", "name", "well", "at"], rows), tmp_path)
    assert names == ["day", "runs", "cost", "name", "well", "at"]
    assert found == [
        (date(2026, 1, 1), 1, 2.5, "a", True, datetime(2026, 1, 1, 12)),
        (date(2026, 1, 2), None, 3.0, None, None, None),
    ]


@pytest.mark.parametrize("name", ['a"b', '"; DROP TABLE shown; --', "", "größe", "x\ny"])
def test_any_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    names, found = read(as_parquet([name, name.upper()], [[1, 2]]), tmp_path)
    assert len(names) == len({each.casefold() for each in names}) == 2 and found == [(1, 2)]
    assert not name or names[0] == name


def test_values_of_many_kinds_are_text_and_no_rows_are_no_error(tmp_path: Path) -> None:
    assert read(as_parquet(["x"], [[1], ["a"]]), tmp_path)[1] == [("1",), ("a",)]
    assert read(as_parquet(["x"], []), tmp_path) == (["x"], [])


def test_what_a_spreadsheet_would_compute_is_text_in_csv() -> None:
    written = as_csv(["name", "=cmd"], [["=HYPERLINK(1)", -2], ["+1", 3.5], ["plain, with comma", None]])
    assert written.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(written.decode("utf-8-sig"))))
    assert rows == [["name", "'=cmd"], ["'=HYPERLINK(1)", "-2"], ["'+1", "3.5"], ["plain, with comma", ""]]
