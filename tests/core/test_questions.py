"""Questions in SQL: what they answer, and that they can do nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ionflux_core.analytics import questions
from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.analytics.question_views import TABLES
from ionflux_core.errors import Invalid, IonfluxError, LimitExceeded, TooManyRequests
from ionflux_core.limits import SQL_CHARS
from tests.core.questions_world import DAY, OURS, two_workspaces


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> Iterator[AnalyticsCache]:
    """A cache with the figures of two workspaces; no test can change it, which is what the tests are about."""
    with two_workspaces(tmp_path_factory.mktemp("questions"), empty_sqlite) as opened:
        yield opened


def rows(cache: AnalyticsCache, sql: str, **options: Any) -> list[list[Any]]:
    answer: list[list[Any]] = questions.ask(cache, OURS, sql, **options)["rows"]
    return answer


def test_a_question_is_answered_over_the_workspace_alone(cache: AnalyticsCache) -> None:
    answer = questions.ask(cache, OURS, "SELECT agent, status, count(*) AS n FROM runs GROUP BY ALL ORDER BY status")
    assert answer["columns"] == [
        {"name": "agent", "type": "text"},
        {"name": "status", "type": "text"},
        {"name": "n", "type": "number"},
    ]
    assert answer["rows"] == [["ours", "error", 3], ["ours", "success", 9]]
    assert answer["truncated"] is False
    assert rows(cache, "select count(*) from steps") == [[0]]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT sum(cost_usd), max(seconds) FROM runs", [[3.0, 11.0]]),
        ("WITH t AS (SELECT status FROM runs), u AS (SELECT * FROM t) SELECT count(*) FROM u", [[12]]),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT sum(n) FROM t", [[10]]),
        ("SELECT count(*) FROM runs r JOIN kpi_points k ON k.run_id = r.id WHERE k.value > 10", [[1]]),
        ("SELECT sum(value) FILTER (reported_at > TIMESTAMP '2026-11-18') FROM kpi_points", [[3.0]]),
        ("SELECT created_at FROM runs ORDER BY 1 DESC LIMIT 1;", [["2026-11-20T12:00:00Z"]]),
        ("SELECT date_trunc('month', created_at)::DATE FROM runs ORDER BY 1 LIMIT 1 -- the first", [["2026-11-01"]]),
        (
            "SELECT list(status ORDER BY id)[1], {'a': [1, 2]}, 2::BIGINT ** 60 FROM runs",
            [["error", {"a": [1, 2]}, 2.0**60]],
        ),
        ("SELECT 9007199254740993, 'NaN'::DOUBLE, NULL, true", [["9007199254740993", None, None, True]]),
        ("FROM runs SELECT count(DISTINCT agent)", [[1]]),
        ("VALUES (1, 'a')", [[1, "a"]]),
        ("SELECT count(*) FROM range(5) t(n), generate_series(1, 2)", [[10]]),
        ("SELECT row_number() OVER (ORDER BY id) FROM runs ORDER BY 1 LIMIT 2", [[1], [2]]),
    ],
)
def test_ordinary_sql_is_answered_as_plain_json(cache: AnalyticsCache, sql: str, expected: list[list[Any]]) -> None:
    answer = rows(cache, sql)
    assert answer == expected
    assert json.loads(json.dumps(answer, allow_nan=False)) == expected


def test_values_come_as_parameters_and_are_never_read_as_sql(cache: AnalyticsCache) -> None:
    hostile = "' OR 1=1; DROP TABLE runs; --"
    assert rows(cache, "SELECT $a, $b", parameters={"a": hostile, "b": 3}) == [[hostile, 3]]
    assert rows(cache, "SELECT count(*) FROM runs WHERE status = $a", parameters={"a": hostile}) == [[0]]


@pytest.mark.parametrize(("sql", "values"), [("SELECT $a", {}), ("SELECT '$a'", {"a": 1})])
def test_a_value_that_is_missing_or_quoted_away_is_told(
    cache: AnalyticsCache, sql: str, values: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as told:
        questions.ask(cache, OURS, sql, parameters=values)
    assert "without quotes" in told.value.hint


def test_instances_are_known_by_name(cache: AnalyticsCache) -> None:
    given = [("i1", "Sentinel", "sales_sentinel", "active", None)]
    assert rows(cache, "SELECT name, agent FROM instances", instances=given) == [["Sentinel", "sales_sentinel"]]


@pytest.mark.parametrize(
    "sql", ["", ";", "-- nothing", "/* open", "SELEC 1", "SELECT", "SELECT * FROM", "\x00", "𝕊ELECT 1"]
)
def test_what_is_no_query_is_told_so(cache: AnalyticsCache, sql: str) -> None:
    with pytest.raises(Invalid):
        questions.ask(cache, OURS, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT " + "+".join("1" * 4_000),
        "SELECT * FROM " + "(SELECT * FROM " * 900 + "runs" + ")" * 900,
        "SELECT " + "NOT " * 4_000 + "true",
        "SELECT " + "[" * 5_000 + "]" * 5_000,
    ],
)
def test_a_deeply_nested_query_is_refused_or_answered_and_nothing_breaks(cache: AnalyticsCache, sql: str) -> None:
    try:
        questions.ask(cache, OURS, sql)
    except IonfluxError as error:
        assert error.code in ("sql_failed", "sql_refused", "limit_exceeded", "sql_too_large")
    assert rows(cache, "SELECT 1") == [[1]]


def test_a_long_query_is_refused(cache: AnalyticsCache) -> None:
    with pytest.raises(LimitExceeded, match="longer than"):
        questions.ask(cache, OURS, "SELECT 1 --" + "x" * SQL_CHARS)


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c",
        "SELECT sum(sin(a.range) * b.range) FROM range(1000000) a, range(1000000) b",
    ],
)
def test_an_endless_query_is_stopped_when_its_time_is_over(cache: AnalyticsCache, sql: str) -> None:
    with pytest.raises(LimitExceeded) as stopped:
        questions.ask(cache, OURS, sql, seconds=0.3)
    assert stopped.value.code in ("sql_too_long", "sql_too_large")
    assert rows(cache, "SELECT 1") == [[1]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list(a.range) FROM range(1000000) a, range(1000000) b",
        "WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM t) SELECT length(max(s)) FROM t",
    ],
)
def test_a_query_that_grows_without_end_meets_the_memory_limit(cache: AnalyticsCache, sql: str) -> None:
    with pytest.raises(LimitExceeded):
        questions.ask(cache, OURS, sql, seconds=5)
    assert rows(cache, "SELECT count(*) FROM runs") == [[12]]


def test_rows_beyond_the_limit_are_cut_and_it_says_so(cache: AnalyticsCache) -> None:
    answer = questions.ask(cache, OURS, "SELECT * FROM range(100000000)", rows=5)
    assert answer["rows"] == [[0], [1], [2], [3], [4]]
    assert answer["truncated"] is True
    wide = questions.ask(cache, OURS, "SELECT string_agg('x', '') FROM range(900) GROUP BY range % 1")["rows"]
    assert wide


def test_an_answer_is_never_larger_than_a_block_keeps(cache: AnalyticsCache) -> None:
    text = "x" * 10_000
    answer = questions.ask(cache, OURS, f"SELECT '{text}' || range FROM range(10000)")
    assert answer["truncated"] is True
    assert len(json.dumps(answer["rows"])) < 1_000_000


def test_an_error_tells_no_value_of_a_row(cache: AnalyticsCache) -> None:
    with pytest.raises(Invalid) as failed:
        questions.ask(cache, OURS, "SELECT status::INTEGER FROM runs")
    assert "success" not in str(failed.value) and "error" not in failed.value.message
    assert "TRY_CAST" in failed.value.hint


def test_a_wrong_column_is_named(cache: AnalyticsCache) -> None:
    with pytest.raises(Invalid, match="statsu"):
        questions.ask(cache, OURS, "SELECT statsu FROM runs")


def test_one_question_waits_for_another_and_gives_up_in_time(cache: AnalyticsCache) -> None:
    assert questions._turn.acquire(timeout=1)
    try:
        with pytest.raises(TooManyRequests):
            questions.ask(cache, OURS, "SELECT 1", seconds=0.05)
    finally:
        questions._turn.release()
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(rows(cache, "SELECT 1"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[[1]]] * 4


def test_every_table_has_the_columns_it_is_said_to_have(cache: AnalyticsCache) -> None:
    for name, columns in TABLES.items():
        answer = questions.ask(cache, OURS, f"SELECT * FROM {name} LIMIT 0")
        assert [column["name"] for column in answer["columns"]] == [column for column, _ in columns], name


def test_no_view_of_a_question_is_left_behind(cache: AnalyticsCache) -> None:
    rows(cache, "SELECT count(*) FROM runs")
    with cache.cursor() as cursor:
        names = cursor.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        assert names == []
        assert cursor.execute("SELECT count(*) FROM runs").fetchall() == [(20,)]


def test_duckdb_has_the_version_these_rules_were_tried_on() -> None:
    assert duckdb.__version__.startswith("2."), "read the parse tree's node names again: analytics/question_text.py"


def test_hostile_workspace_ids_are_refused(cache: AnalyticsCache) -> None:
    with pytest.raises(Invalid):
        questions.ask(cache, "x' OR '1'='1", "SELECT 1")


def test_utc_is_what_times_are_in(cache: AnalyticsCache) -> None:
    assert DAY.replace(tzinfo=UTC).isoformat() == rows(cache, "SELECT max(created_at) FROM runs")[0][0].replace(
        "Z", "+00:00"
    )
