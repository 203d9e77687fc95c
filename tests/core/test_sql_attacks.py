"""Attacks on questions in SQL: each is refused before it runs, or ends by a limit, and nobody else's rows are seen."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ionflux_core.analytics import questions
from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.analytics.question_text import Statement
from ionflux_core.analytics.question_views import VIEWS
from ionflux_core.errors import Invalid, IonfluxError, LimitExceeded
from tests.core.questions_world import OURS, THEIRS, two_workspaces


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> Iterator[AnalyticsCache]:
    """A cache with the figures of two workspaces; no attack can change it."""
    with two_workspaces(tmp_path_factory.mktemp("attacks"), empty_sqlite) as opened:
        yield opened


def rows(cache: AnalyticsCache, sql: str, **options: Any) -> list[list[Any]]:
    answer: list[list[Any]] = questions.ask(cache, OURS, sql, **options)["rows"]
    return answer


ATTACKS = """
SELECT * FROM read_csv('/etc/passwd')
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM read_blob('/etc/passwd')
SELECT * FROM read_json_auto('/etc/passwd')
SELECT * FROM read_parquet('http://127.0.0.1/x')
SELECT * FROM '/etc/passwd'
SELECT * FROM "/etc/passwd"
SELECT * FROM 'http://127.0.0.1:9/x.csv'
SELECT * FROM glob('/*')
SELECT * FROM sniff_csv('/etc/passwd')
SELECT getenv('HOME')
SELECT 'HOME'.getenv()
SELECT list_transform(['HOME'], lambda x: getenv(x))
SELECT current_setting('temp_directory')
SELECT getvariable('x')
COPY runs TO '/tmp/x.csv'
COPY (SELECT 1) TO '/tmp/x.csv'
ATTACH '/tmp/x.duckdb'
ATTACH ':memory:' AS x
DETACH analytics
USE memory
PRAGMA database_list
PRAGMA enable_profiling
CALL pragma_version()
SELECT * FROM pragma_database_list()
INSTALL httpfs
LOAD httpfs
SET threads = 64
SET enable_external_access = true
RESET memory_limit
SET VARIABLE x = 1
CREATE TABLE x (a INT)
CREATE TEMP TABLE x AS SELECT 1
CREATE MACRO f(x) AS getenv(x)
CREATE SECRET (TYPE s3)
INSERT INTO runs VALUES (1)
UPDATE runs SET status = 'x'
DELETE FROM runs
DROP TABLE runs
TRUNCATE runs
ALTER TABLE runs ADD COLUMN x INT
VACUUM
CHECKPOINT
EXPORT DATABASE '/tmp/x'
IMPORT DATABASE '/tmp/x'
BEGIN
EXPLAIN ANALYZE SELECT 1
DESCRIBE runs
SHOW TABLES
SHOW ALL TABLES
SUMMARIZE runs
PREPARE p AS SELECT 1
EXECUTE p
SELECT 1; SELECT 2
SELECT 1; DROP TABLE runs
SELECT * FROM main.runs
SELECT * FROM analytics.main.runs
SELECT * FROM "analytics"."main"."runs"
SELECT * FROM temp.runs
SELECT * FROM main.kpi_points
SELECT * FROM run_steps
SELECT * FROM meta
SELECT * FROM information_schema.tables
SELECT * FROM pg_catalog.pg_class
SELECT * FROM pg_class
SELECT * FROM sqlite_master
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_tables
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_databases()
SELECT * FROM query('SELECT * FROM main.runs')
SELECT * FROM query_table('main.runs')
WITH duckdb_tables AS (SELECT * FROM duckdb_tables) SELECT * FROM duckdb_tables
WITH meta AS (SELECT * FROM meta) SELECT * FROM meta
SELECT * FROM (WITH meta AS (SELECT 1) SELECT * FROM meta) a, meta
WITH a AS (SELECT * FROM meta), meta AS (SELECT 1) SELECT * FROM a
SELECT * FROM runs WHERE id IN (SELECT id FROM main.runs)
SELECT (SELECT count(*) FROM main.runs)
SELECT EXISTS (FROM main.runs)
SELECT * FROM runs UNION ALL SELECT * FROM main.runs
SELECT * FROM runs ORDER BY (SELECT count(*) FROM main.runs)
SELECT * FROM runs LIMIT (SELECT count(*) FROM main.runs)
SELECT count(*) FILTER (WHERE 'HOME' = getenv('HOME')) FROM runs
SELECT sum(1) OVER (PARTITION BY getenv('HOME')) FROM runs
SELECT CASE WHEN getenv('HOME') IS NULL THEN 1 END
SELECT * REPLACE (getenv('HOME') AS id) FROM runs
SELECT * FROM runs JOIN steps ON getenv('HOME') = 'x'
SELECT * FROM range((SELECT count(*) FROM main.runs))
VALUES (getenv('HOME'))
SELECT repeat('x', 2000000000)
SELECT replace('xx', 'x', 'yy')
SELECT lpad('x', 2000000000, 'y')
SELECT rpad('x', 2000000000, 'y')
SELECT format('{:2000000000}', 1)
SELECT printf('%2000000000d', 1)
SELECT list_resize([1], 2000000000)
SELECT levenshtein(string_agg(id, ''), 'x') FROM runs
SELECT jaro_similarity(string_agg(id, ''), 'x') FROM runs
SELECT jaro_winkler_similarity(string_agg(id, ''), 'x') FROM runs
SELECT damerau_levenshtein('a', 'b')
SELECT list_sum(range(1000000000))
SELECT len(generate_series(1, 1000000000))
SELECT * FROM range(len(range(1000000000)))
SELECT regexp_matches(string_agg(id, ''), '(a|1)*.{0,900}z') FROM runs
SELECT regexp_extract(string_agg(id, ''), id) FROM runs
SELECT strftime(created_at, string_agg('%c', '') OVER ()) FROM runs
SELECT strptime(id, string_agg('%Y', '') OVER ()) FROM runs
SELECT id FROM runs WHERE id SIMILAR TO 'a{900}'
SELECT regexp_matches(pattern := 'a{900}', string := id) FROM runs
SELECT nextval('x')
SELECT error('x')
SELECT system.main.getenv('HOME')
SELECT write_log('x')
SELECT * FROM which_secret('x', 's3')
SELECT * FROM runs AT (VERSION => 1)
SELECT * FROM python_variable
SELECT * FROM read_csv_auto('/etc/passwd')
SELECT * FROM parquet_scan('/etc/passwd')
SELECT * FROM parquet_metadata('/etc/passwd')
SELECT * FROM parquet_schema('/etc/passwd')
SELECT * FROM parquet_file_metadata('/etc/passwd')
SELECT * FROM read_ndjson('/etc/passwd')
SELECT * FROM read_json_objects('/etc/passwd')
SELECT * FROM read_duckdb('/tmp/x.duckdb')
SELECT * FROM sqlite_scan('/tmp/x.sqlite', 'runs')
SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 'runs')
SELECT * FROM iceberg_scan('/tmp/x')
SELECT * FROM read_xlsx('/tmp/x.xlsx')
SELECT * FROM "READ_TEXT"('/etc/passwd')
SELECT * FROM Read_Text('/etc/passwd')
SELECT * FROM read_text/* a comment */('/etc/passwd')
SELECT * FROM main.read_text('/etc/passwd')
SELECT * FROM system.main.read_text('/etc/passwd')
SELECT * FROM 's3://bucket/x.parquet'
SELECT * FROM "/etc/passwd" AS runs
SELECT * FROM 'data/analytics.duckdb'
FROM '/etc/passwd'
TABLE main.runs
SELECT content FROM read_text(['/etc/passwd'])
SELECT * FROM runs, read_text('/etc/passwd')
SELECT * FROM runs LEFT JOIN LATERAL (SELECT * FROM read_text('/etc/passwd')) ON true
SELECT * FROM runs WHERE EXISTS (SELECT * FROM glob('*'))
SELECT (FROM read_text('/etc/passwd') SELECT content)
SELECT ARRAY(SELECT file FROM glob('/*'))
SELECT * FROM runs SEMI JOIN main.runs AS other USING (id)
SELECT * FROM runs ASOF JOIN main.runs AS other ON runs.created_at >= other.created_at
SELECT * FROM runs POSITIONAL JOIN main.runs
WITH runs AS (SELECT * FROM main.runs) SELECT * FROM runs
WITH a AS MATERIALIZED (SELECT * FROM main.kpi_points) SELECT * FROM a
WITH RECURSIVE a AS (SELECT * FROM main.runs UNION ALL SELECT * FROM a) SELECT * FROM a
WITH a AS (WITH b AS (SELECT * FROM ledger_entries) SELECT * FROM b) SELECT * FROM a
SELECT * FROM dataset_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
SELECT * FROM "run_steps"
SELECT * FROM "RUN_STEPS"
SELECT * FROM "runs "
SELECT * FROM "main.runs"
SELECT * FROM RUNS.RUNS
SELECT * FROM ruñs
SELECT * FROM ｒｕｎ＿ｓｔｅｐｓ
SELECT * FROM run​_steps
SELECT * FROM U&"\\0072un_steps"
SELECT * FROM runs ; SELECT 1
SELECT 1 /* ; */; COPY runs TO '/tmp/x'
SELECT $$a$$; DROP TABLE runs
SELECT * FROM duckdb_functions()
SELECT * FROM duckdb_extensions()
SELECT * FROM duckdb_columns()
SELECT * FROM duckdb_memory()
SELECT * FROM duckdb_logs
SELECT * FROM duckdb_temporary_files()
SELECT * FROM duckdb_variables()
SELECT * FROM information_schema.columns
SELECT * FROM pg_tables
SELECT * FROM pragma_table_info('runs')
SELECT * FROM pragma_storage_info('runs')
SELECT * FROM show_databases()
SELECT * FROM test_all_types()
SELECT * FROM repeat_row('x', num_rows => 2000000000)
SELECT * FROM repeat('x', 2000000000)
SELECT * FROM summary(runs)
SELECT * FROM checkpoint()
SELECT * FROM force_checkpoint()
SELECT * FROM json_execute_serialized_sql('{}')
SELECT json_serialize_sql('SELECT 1')
SELECT * FROM json_each('{}')
SELECT * FROM sql_auto_complete('SEL')
SELECT * FROM from_substrait('x')
SELECT current_schema()
SELECT current_database()
SELECT version()
SELECT current_query()
SELECT txid_current()
SELECT pg_typeof(1), pg_get_viewdef('runs')
SELECT set_config('threads', '9', true)
SELECT uuid(), random(), setseed(1)
SELECT sleep_ms(100000)
SELECT bar(1, 0, 100, 2000000000)
SELECT list_value(1)[1:2], range(2000000000), list_aggregate([1], 'sum')
SELECT array_to_string([1], repeat('x', 2000000000))
SELECT list_reduce(range(10), lambda a, b: a || b)
SELECT to_json(runs), json_object('a', 1), json_group_array(1) FROM runs
SELECT string_agg(getenv('HOME'), ',') FROM runs
SELECT first_value(getenv('HOME')) OVER () FROM runs
SELECT COLUMNS(x -> getenv(x)) FROM runs
SELECT * FROM runs QUALIFY getenv('HOME') = row_number() OVER ()
SELECT status FROM runs GROUP BY getenv('HOME'), status
SELECT status FROM runs GROUP BY ALL HAVING max(getenv('HOME')) > ''
SELECT DISTINCT ON (getenv('HOME')) id FROM runs
SELECT * EXCLUDE (id) REPLACE (getenv('HOME') AS status) FROM runs
SELECT runs.id.getenv() FROM runs
PIVOT runs ON status USING count(*)
UNPIVOT runs ON status INTO NAME a VALUE b
SELECT * FROM (PIVOT runs ON status USING count(*))
MERGE INTO runs USING steps ON true WHEN MATCHED THEN DELETE
CREATE VIEW x AS SELECT * FROM main.runs
CREATE OR REPLACE TEMP VIEW runs AS SELECT * FROM main.runs
CREATE TYPE x AS ENUM (SELECT id FROM main.runs)
CREATE SEQUENCE x
CREATE SCHEMA x
COMMENT ON TABLE runs IS 'x'
ANALYZE
EXPLAIN SELECT 1
COPY (SELECT 1) TO '/dev/stdout'
COPY runs FROM '/etc/passwd'
SET SESSION memory_limit = '90%'
SET GLOBAL enable_external_access = true
SET allowed_paths = ['/etc/passwd']
SET home_directory = '/tmp'
SET errors_as_json = false
PRAGMA memory_limit = '90GB'
FORCE INSTALL httpfs FROM 'http://127.0.0.1'
UPDATE EXTENSIONS
DROP VIEW runs
ROLLBACK
DEALLOCATE p
"""


@pytest.mark.parametrize("sql", [line for line in ATTACKS.split("\n") if line])
def test_an_attack_is_refused_before_it_runs(cache: AnalyticsCache, sql: str) -> None:
    python_variable = [("secret",)]
    assert python_variable
    with pytest.raises(Invalid) as refused:
        questions.ask(cache, OURS, sql)
    assert refused.value.code in ("sql_refused", "sql_failed")
    assert os.environ.get("HOME", "/root") not in str(refused.value)
    assert "theirs" not in str(refused.value)
    assert rows(cache, "SELECT count(*) FROM runs") == [[12]], "the figures are as before"


@pytest.mark.parametrize("name", ["mode(range)", "histogram(range)", "list(range)", "approx_quantile(range, 0.5)"])
def test_what_cannot_be_stopped_over_a_window_is_refused(cache: AnalyticsCache, name: str) -> None:
    frame = "ROWS BETWEEN 100000 PRECEDING AND 100000 FOLLOWING"
    with pytest.raises(Invalid) as refused:
        questions.ask(cache, OURS, f"SELECT {name} OVER (ORDER BY range {frame}) FROM range(1000000)")
    assert refused.value.code == "sql_refused"
    assert rows(cache, "SELECT median(range) OVER (ORDER BY range ROWS 1 PRECEDING) FROM range(2)") == [[0], [0.5]]


BOMBS = {
    "endless recursion": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    "branching recursion": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 "
    "FROM t, range(50)) SELECT max(n) FROM t",
    "doubling text": "WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM t) SELECT length(max(s)) FROM t",
    "cross join": "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c",
    "cross join of sines": "SELECT sum(sin(a.range) * b.range) FROM range(1000000) a, range(1000000) b",
    "a long range": "SELECT sum(range) FROM range(1000000000000)",
    "a long series": "SELECT count(*) FROM generate_series(1, 1000000000000)",
    "a series of seconds": "SELECT count(DISTINCT x) "
    "FROM generate_series(TIMESTAMP '1000-01-01', TIMESTAMP '9000-01-01', INTERVAL 1 SECOND) t(x)",
    "a list of everything": "SELECT list(a.range) FROM range(1000000) a, range(1000000) b",
    "a list of lists": "SELECT list([a.range, b.range, a.range, b.range]) FROM range(100000) a, range(100000) b",
    "one long text": "SELECT string_agg('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', '') FROM range(1000000000)",
    "a group for each": "SELECT a.range, b.range, count(*) FROM range(100000) a, range(100000) b GROUP BY ALL",
    "sorting everything": "SELECT md5(a.range || '-' || b.range) AS h FROM range(100000) a, range(100000) b ORDER BY h",
    "a window over all": "SELECT count(*) FROM (SELECT sum(a.range) OVER (ORDER BY b.range, a.range) "
    "FROM range(100000) a, range(100000) b)",
    "a histogram": "SELECT histogram(a.range * b.range) FROM range(100000) a, range(100000) b",
    "a costly pattern": "SELECT count(*) "
    "FROM range(100000000) WHERE regexp_matches(range::VARCHAR, '(1*)*(2*)*(3*)*$')",
    "a lambda over a range": "SELECT list_sum(list_transform(list(range), lambda x: sin(x) * x)) "
    "FROM range(1000000000)",
    "unnested twice": "SELECT count(*) FROM (SELECT unnest(l) FROM (SELECT list(range) AS l "
    "FROM range(1000000)), range(1000000))",
}


@pytest.mark.parametrize("sql", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_ends_by_time_or_memory(cache: AnalyticsCache, sql: str) -> None:
    began = time.monotonic()
    with pytest.raises(LimitExceeded) as stopped:
        questions.ask(cache, OURS, sql, seconds=1.0)
    assert stopped.value.code in ("sql_too_long", "sql_too_large")
    assert time.monotonic() - began < 30
    assert rows(cache, "SELECT count(*) FROM runs") == [[12]]


def _nested(made: str) -> str:
    """A query in a query, forty deep, each with a column made of the one below."""
    return "SELECT s FROM " + f"(SELECT {made} AS s FROM " * 40 + "(SELECT 1 AS s)" + " AS t)" * 40 + " AS t"


NESTS = {
    "parentheses": "SELECT " + "(" * 9_000 + "1" + ")" * 9_000,
    "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 900 + "runs" + ")" * 900,
    "lists": "SELECT " + "[" * 9_000 + "]" * 9_000,
    "cases": "SELECT " + "CASE WHEN true THEN " * 500 + "1" + " END" * 500,
    "minus": "SELECT " + "- " * 9_000 + "1",
    "casts": "SELECT 1" + "::INT" * 3_000,
    "unions": "SELECT 1" + " UNION ALL SELECT 1" * 900,
    "doubling queries": "WITH t0 AS (FROM runs), "
    + ", ".join(f"t{n} AS (SELECT * FROM t{n - 1}, t{n - 1} AS u)" for n in range(1, 90)) + " SELECT * FROM t89",
    "doubling inside": "WITH a AS (WITH b AS (WITH c AS (FROM runs, runs r) FROM c, c d) FROM b, b d) "
    + "SELECT * FROM a" + ", a" * 300,
    "many names": "WITH " + ", ".join(f"t{n} AS (SELECT 1)" for n in range(500)) + " SELECT 1",
    "doubling columns": "SELECT 1 AS a0, " + ", ".join(f"a{n - 1} + a{n - 1} AS a{n}" for n in range(1, 40)),
    "doubling texts": "SELECT 'x' AS a0, " + ", ".join(f"a{n - 1} || a{n - 1} AS a{n}" for n in range(1, 40)),
    "doubling records": "SELECT 1 AS a0, " + ", ".join(f"[a{n - 1}, a{n - 1}] AS a{n}" for n in range(1, 40)),
    "doubling in the condition": "SELECT 1 AS a0, " + ", ".join(f"a{n - 1} + a{n - 1} AS a{n}" for n in range(1, 12))
    + " FROM runs WHERE " + " + ".join(["a11"] * 300) + " > 0",
    "a cube": "SELECT 1 FROM runs GROUP BY CUBE (id, agent, status, instance_id, brand_id, trigger_kind, dry_run, "
    "error_code, cost_usd, created_at, started_at, finished_at, seconds, queue_seconds, attempt, started_by)",
    "a long list": "SELECT list(range) FROM range(10000000)",
    "doubling records below": _nested("{'a': s, 'b': s}"),
    "doubling rows below": _nested("{'a': t, 'b': t}"),
    "doubling lists below": _nested("[s, s]"),
    "doubling in what is replaced": "SELECT * FROM "
    + "(SELECT * REPLACE ({'a': s, 'b': s} AS s) FROM " * 40 + "(SELECT 1 AS s)" + ")" * 40,
    "doubling named records": "WITH t0(s) AS (SELECT 1), "
    + ", ".join(f"t{n}(s) AS (SELECT {{'a': s, 'b': s}} FROM t{n - 1})" for n in range(1, 40)) + " SELECT s FROM t39",
    "doubling beside": "SELECT s39 FROM (SELECT 1 AS s0)"
    + "".join(f", (SELECT {{'a': s{n - 1}, 'b': s{n - 1}}} AS s{n})" for n in range(1, 40)),
    "doubling of what is outside": _nested("(SELECT {'a': s, 'b': s})"),
    "wide": "SELECT " + ", ".join("1" for _ in range(6_000)),
}  # fmt: skip


@pytest.mark.parametrize("sql", NESTS.values(), ids=NESTS.keys())
def test_a_deep_or_wide_text_is_refused_bounded_or_answered(cache: AnalyticsCache, sql: str) -> None:
    began = time.monotonic()
    try:
        questions.ask(cache, OURS, sql, seconds=1.0)
    except IonfluxError as error:
        assert error.code in ("sql_failed", "sql_refused", "limit_exceeded", "sql_too_large", "sql_too_long")
    assert time.monotonic() - began < 30
    assert rows(cache, "SELECT count(*) FROM runs") == [[12]]


def test_a_question_that_breaks_the_database_leaves_it_to_others(cache: AnalyticsCache) -> None:
    broken = "SELECT 1 FROM runs"
    with pytest.raises(Invalid, match="cannot answer it"), questions.opened(cache, OURS, broken, given={}):
        raise duckdb.InternalException("INTERNAL Error: a text is too long")
    assert rows(cache, "SELECT count(*) FROM runs") == [[12]]
    with pytest.raises(Invalid), questions.opened(cache, OURS, broken, given={}):
        raise duckdb.FatalException("FATAL Error: database has been invalidated")
    assert rows(cache, "SELECT count(*) FROM runs") == [[12]]


def test_ordinary_patterns_and_ranges_are_answered(cache: AnalyticsCache) -> None:
    assert rows(cache, "SELECT count(*) FROM runs WHERE regexp_matches(id, '^run[0-9]{1,2}$')") == [[12]]
    assert rows(cache, "SELECT count(*) FROM range(10) a, generate_series(1, 3) b") == [[30]]


@pytest.mark.parametrize("name", [name for name, view in VIEWS.items() if view.source])
def test_every_table_is_cut_to_one_workspace(cache: AnalyticsCache, name: str) -> None:
    with cache.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE keys AS SELECT * FROM {VIEWS[name].source} LIMIT 0").fetchall()
        assert "workspace_id" in [column[0] for column in cursor.execute("SELECT * FROM keys").description]
    text = VIEWS[name].sql("main", THEIRS)
    assert text.endswith(f"WHERE workspace_id = '{THEIRS}'") and OURS not in text


# Names that a query gives itself, in places where they do not count: the cache's own table would be read instead.
SHADOWS = [
    "WITH RECURSIVE meta AS (SELECT * FROM meta UNION SELECT * FROM meta WHERE false) SELECT * FROM meta",
    "WITH RECURSIVE meta(a, b, c) USING KEY (a) AS (FROM meta UNION SELECT * FROM meta WHERE false) FROM meta",
    "WITH RECURSIVE meta AS ((WITH RECURSIVE b AS (FROM meta) FROM b) UNION SELECT * FROM meta WHERE false) FROM meta",
    "WITH RECURSIVE run_steps AS (SELECT * FROM run_steps UNION ALL SELECT * FROM run_steps WHERE false) "
    "SELECT * FROM run_steps",
    'SELECT * FROM "\u212api_points"',
    'WITH RECURSIVE "\u212api_points" AS (SELECT * FROM kpi_points, meta UNION SELECT 1) FROM "\u212api_points"',
    "SELECT '\ud800'",
]


@pytest.mark.parametrize("sql", SHADOWS)
def test_a_name_of_the_query_s_own_does_not_open_a_table_of_the_cache(cache: AnalyticsCache, sql: str) -> None:
    with pytest.raises(Invalid) as refused:
        questions.ask(cache, OURS, sql)
    assert refused.value.code in ("sql_refused", "sql_failed")


@pytest.mark.parametrize("name", ["meta", "run_steps", "ledger_entries", "kpi_points"])
def test_even_a_text_that_is_not_looked_at_reaches_no_table_of_the_cache(
    cache: AnalyticsCache, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        questions.question_text, "checked", lambda _cursor, sql, _tables: Statement(sql, 0, frozenset({"runs"}))
    )
    with pytest.raises(Invalid, match="does not exist"):
        questions.ask(cache, OURS, f"SELECT * FROM {name}")
    assert rows(cache, "SELECT count(*) FROM runs") == [[12]]


TRICKS = [
    "WITH RECURSIVE runs AS (FROM runs UNION SELECT * FROM runs WHERE false) SELECT count(*) FROM runs",
    'WITH "\u212api_points" AS (SELECT 1) SELECT count(*) FROM kpi_points',
    "SELECT count(*) FROM runs WHERE agent = 'theirs' OR true",
    "SELECT count(*) FROM runs WHERE 1 = 1 OR 'a' = 'a'",
    "SELECT count(*) FROM (SELECT * FROM runs UNION SELECT * FROM runs)",
    'SELECT count(*) FROM "RUNS"',
    "WITH steps AS (SELECT * FROM runs) SELECT count(*) FROM steps",
    "WITH runs AS (SELECT * FROM runs) SELECT count(*) FROM runs",
    "SELECT count(DISTINCT r.id) FROM runs r, LATERAL (SELECT * FROM runs WHERE agent = 'theirs' OR id = r.id)",
]


@pytest.mark.parametrize("sql", TRICKS)
def test_no_trick_shows_the_rows_of_another_workspace(cache: AnalyticsCache, sql: str) -> None:
    with suppress(Invalid):
        assert rows(cache, sql) in ([[12]], [[0]])
    assert rows(cache, "SELECT DISTINCT agent FROM runs") == [["ours"]]
    assert questions.ask(cache, THEIRS, "SELECT DISTINCT agent FROM runs")["rows"] == [["theirs"]]


@pytest.mark.parametrize(
    ("sql", "line", "column"),
    [
        ("SELECT *\nFORM runs", 2, 6),
        ("SELECT status,\n  getenv('HOME') FROM runs", 2, 3),
        ("-- é\nSELECT *\nFROM nowhere", 3, 6),
        ("SELECT 'é', nothing FROM runs", 1, 13),
        ("SELECT * FROM read_text('/etc/passwd')", 1, 15),
    ],
)
def test_what_is_wrong_is_told_with_its_place(cache: AnalyticsCache, sql: str, line: int, column: int) -> None:
    with pytest.raises(Invalid) as wrong:
        questions.ask(cache, OURS, sql)
    [problem] = wrong.value.problems
    assert (problem.line, problem.column) == (line, column)
