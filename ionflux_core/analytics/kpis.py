"""Named queries over the cache: plain rows (dicts) out, every value a parameter; `metrics.py` says what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from ionflux_core.analytics.catalogue_runs import ENDED, ENDED_STATUSES, FAILED, SECONDS, TIMED
from ionflux_core.analytics.scope import Narrowed, Scope, naive_utc, narrowed

Ask = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
Rows = list[dict[str, Any]]
GroupBy = Literal["definition_slug", "instance_id", "brand_id"]

_OF_POINT = ("instance_id", "brand_id", "definition_slug")
_GROUPS: dict[GroupBy, str] = {
    "definition_slug": "definition_slug",
    "instance_id": "instance_id",
    "brand_id": "brand_id",
}


def totals(ask: Ask, scope: Scope) -> dict[str, Any]:
    """One row: runs, ended, success, failures, rate (0-1), p50 and p95 (s), cost (USD); None where nothing ended."""
    part = narrowed(scope, time="created_at", status="status")
    sql = f"""
        SELECT runs, ended, success, failures, success / nullif(ended, 0) AS rate, cost, q[1] AS p50, q[2] AS p95 FROM (
            SELECT count(*) AS runs,
                   count(*) FILTER ({ENDED}) AS ended,
                   count(*) FILTER (status = 'success') AS success,
                   count(*) FILTER ({FAILED}) AS failures,
                   coalesce(sum(cost_micros), 0)::DOUBLE / 1e6 AS cost,
                   quantile_cont({SECONDS}, [0.5, 0.95]) FILTER ({TIMED}) AS q
            FROM runs WHERE {part.where}
        )"""
    return ask(sql, part.parameters)[0]


def runs_per_day(ask: Ask, scope: Scope) -> Rows:
    """day, status, runs."""
    part = narrowed(scope, time="created_at", status="status", by_day=True)
    sql = f"SELECT {part.day} AS day, status, count(*) AS runs FROM runs WHERE {part.where} GROUP BY ALL ORDER BY ALL"
    return ask(sql, part.parameters)


def success_per_day(ask: Ask, scope: Scope) -> Rows:
    """day, success, ended, rate (0-1); days on which nothing ended are left out."""
    return success_of(runs_per_day(ask, scope))


def success_of(runs: Rows) -> Rows:
    """The same from the rows of `runs_per_day`, which hold it already."""
    days: dict[Any, dict[str, int]] = {}
    for row in runs:
        if row["status"] in ENDED_STATUSES:
            days.setdefault(row["day"], {})[row["status"]] = row["runs"]
    answer = []
    for day, counts in days.items():
        success, ended = counts.get("success", 0), sum(counts.values())
        answer.append({"day": day, "success": success, "ended": ended, "rate": success / ended})
    return answer


def durations(ask: Ask, scope: Scope, *, by: GroupBy = "definition_slug") -> Rows:
    """The group's id, runs, p50, p95 (s); the slowest group first."""
    part = narrowed(scope, time="created_at", status="status")
    sql = f"""
        SELECT {_GROUPS[by]}, runs, q[1] AS p50, q[2] AS p95 FROM (
            SELECT {_GROUPS[by]}, count(*) AS runs, quantile_cont({SECONDS}, [0.5, 0.95]) AS q
            FROM runs WHERE {part.where} AND {TIMED} GROUP BY {_GROUPS[by]}
        ) ORDER BY p95 DESC, {_GROUPS[by]}"""
    return ask(sql, part.parameters)


def durations_per_day(ask: Ask, scope: Scope) -> Rows:
    """day, runs, p50, p95 (s)."""
    part = narrowed(scope, time="created_at", status="status", by_day=True)
    sql = f"""
        SELECT day, runs, q[1] AS p50, q[2] AS p95 FROM (
            SELECT {part.day} AS day, count(*) AS runs, quantile_cont({SECONDS}, [0.5, 0.95]) AS q
            FROM runs WHERE {part.where} AND {TIMED} GROUP BY day
        ) ORDER BY day"""
    return ask(sql, part.parameters)


def runs_by_trigger(ask: Ask, scope: Scope) -> Rows:
    """trigger_kind, runs; the most first."""
    part = narrowed(scope, time="created_at", status="status")
    sql = f"""
        SELECT trigger_kind, count(*) AS runs
        FROM runs WHERE {part.where} GROUP BY trigger_kind ORDER BY runs DESC, trigger_kind"""
    return ask(sql, part.parameters)


def cost_per_day(ask: Ask, scope: Scope) -> Rows:
    """day, definition_slug, cost (USD); days without cost are left out."""
    part = narrowed(scope, time="created_at", status="status", by_day=True)
    sql = f"""
        SELECT {part.day} AS day, definition_slug, sum(cost_micros)::DOUBLE / 1e6 AS cost
        FROM runs WHERE {part.where} AND cost_micros > 0 GROUP BY ALL ORDER BY ALL"""
    return ask(sql, part.parameters)


def cost_by_model_per_day(ask: Ask, scope: Scope) -> Rows:
    """day, definition_slug, model, calls, unpriced, cost (USD, None where no call of the model had a price)."""
    part = narrowed(scope, time="created_at", status="status", by_day=True)
    sql = f"""
        SELECT {part.day} AS day, definition_slug, model,
               sum(calls)::BIGINT AS calls, sum(unpriced)::BIGINT AS unpriced,
               CASE WHEN sum(unpriced) > 0 AND sum(cost_micros) = 0 THEN NULL
                    ELSE sum(cost_micros)::DOUBLE / 1e6 END AS cost
        FROM model_costs WHERE {part.where} GROUP BY ALL ORDER BY ALL"""
    return ask(sql, part.parameters)


def failures_by_code(ask: Ask, scope: Scope, *, limit: int = 12) -> Rows:
    """code, runs, last (naive UTC); the most frequent first."""
    part = narrowed(scope, time="created_at", status="status")
    sql = f"""
        SELECT coalesce(error_code, status) AS code, count(*) AS runs, max(created_at) AS last
        FROM runs WHERE {part.where} AND {FAILED} GROUP BY code ORDER BY runs DESC, code LIMIT $limit"""
    return ask(sql, {**part.parameters, "limit": limit})


def slowest_runs(ask: Ask, scope: Scope, *, limit: int = 10) -> Rows:
    """id, definition_slug, instance_id, status, created_at (naive UTC), seconds; the slowest first."""
    part = narrowed(scope, time="created_at", status="status")
    # Two passes: the first looks at times only, which is several times as fast as sorting whole rows.
    sql = f"""
        SELECT id, definition_slug, instance_id, status, created_at, {SECONDS} AS seconds
        FROM runs WHERE rowid IN (
            SELECT rowid FROM runs WHERE {part.where} AND {TIMED} ORDER BY {SECONDS} DESC, created_at LIMIT $limit
        ) ORDER BY seconds DESC, created_at, id"""
    return ask(sql, {**part.parameters, "limit": limit})


def step_times(ask: Ask, scope: Scope, *, limit: int = 20) -> Rows:
    """definition_slug, title, kind, steps, p50, p95 (s), failed; the slowest first."""
    part = narrowed(scope, time="started_at", status="run_status")
    sql = f"""
        SELECT definition_slug, title, kind, count(*) AS steps, quantile_cont({SECONDS}, 0.5) AS p50,
               quantile_cont({SECONDS}, 0.95) AS p95, count(*) FILTER (status = 'error') AS failed
        FROM run_steps WHERE {part.where} AND finished_at IS NOT NULL
        GROUP BY definition_slug, title, kind ORDER BY p95 DESC, title LIMIT $limit"""
    return ask(sql, {**part.parameters, "limit": limit})


def run_counts(ask: Ask, month: Scope, *, today: datetime, week: datetime) -> dict[str, int]:
    """Runs created since `today`, since `week`, and in all of the scope `month`: today, days_7, days_30."""
    part = narrowed(month, time="created_at", status="status")
    sql = f"""
        SELECT count(*) FILTER (created_at >= $today) AS today, count(*) FILTER (created_at >= $week) AS days_7,
               count(*) AS days_30
        FROM runs WHERE {part.where}"""
    return ask(sql, {**part.parameters, "today": naive_utc(today), "week": naive_utc(week)})[0]


def values(ask: Ask, scope: Scope) -> Rows:
    """kind, method, unit, amount, entries, confidence, sure: one row for each kind, method and unit, never mixed.

    `confidence` is the mean of the entries that say one, and `sure` how many those are.
    """
    part = narrowed(scope, time='"at"', status="run_status")
    sql = f"""
        SELECT kind, method, unit, sum(amount) AS amount, count(*) AS entries, avg(confidence) AS confidence,
               count(confidence) AS sure
        FROM value_entries WHERE {part.where} GROUP BY kind, method, unit ORDER BY kind, method, unit"""
    return ask(sql, part.parameters)


def value_places(
    ask: Ask,
    scope: Scope,
    *,
    before: tuple[datetime, str] | None,
    limit: int,
    kind: str | None = None,
    method: str | None = None,
) -> Rows:
    """id, at (naive UTC) of value entries, the newest first, behind the place `before`."""
    part = narrowed(scope, time='"at"', status="run_status")
    where, parameters = part.where, {**part.parameters, "limit": limit}
    for name, wanted in (("kind", kind), ("method", method)):
        if wanted is not None:
            where, parameters[name] = f"{where} AND {name} = ${name}", wanted
    if before is not None:
        where += ' AND ("at" < $seen_at OR ("at" = $seen_at AND id < $seen))'
        parameters |= {"seen_at": before[0], "seen": before[1]}
    sql = f'SELECT id, "at" FROM value_entries WHERE {where} ORDER BY "at" DESC, id DESC LIMIT $limit'
    return ask(sql, parameters)


def kpi_series(ask: Ask, scope: Scope, *, name: str | None = None) -> Rows:
    """definition_slug, instance_id, name, unit, day, brand_id, value: one row a day and instance, by `KPI_RULE`."""
    part = narrowed(scope, time='"at"', by_day=True, columns=_OF_POINT)
    parameters = {**part.parameters, "name": name} if name is not None else part.parameters
    return ask(_kpi_sql(part, " AND name = $name" if name is not None else ""), parameters)


def kpi_names(ask: Ask, workspace_id: str) -> Rows:
    """definition_slug, name, unit: every figure that agents of a workspace have ever reported."""
    sql = """
        SELECT DISTINCT definition_slug, name, unit FROM kpi_points
        WHERE workspace_id = $workspace_id AND value IS NOT NULL ORDER BY ALL"""
    return ask(sql, {"workspace_id": workspace_id})


def _kpi_sql(part: Narrowed, wanted: str) -> str:
    return f"""
        WITH last AS (
            SELECT definition_slug, instance_id, name, unit, {part.day} AS day, dims,
                   arg_max(brand_id, ("at", change_seq)) AS brand_id, arg_max(value, ("at", change_seq)) AS value
            FROM kpi_points WHERE {part.where} AND value IS NOT NULL{wanted}
            GROUP BY definition_slug, instance_id, name, unit, day, dims
        )
        SELECT definition_slug, instance_id, name, unit, day, any_value(brand_id) AS brand_id,
               CASE WHEN bool_or(dims = '{{}}') THEN max(value) FILTER (dims = '{{}}')
                    WHEN unit IN ('count', 'currency') OR regexp_full_match(unit, '[A-Z]{{3}}') THEN sum(value)
                    ELSE avg(value) END AS value
        FROM last GROUP BY definition_slug, instance_id, name, unit, day
        ORDER BY definition_slug, name, unit, instance_id, day"""


def kpi_shown() -> str:
    """The query of one figure as people read it, with $names in place of values."""
    since = datetime(2026, 1, 1, tzinfo=UTC)
    scope = Scope("", "UTC", since, since.replace(month=2), definition_slug="")
    part = narrowed(scope, time='"at"', by_day=True, columns=_OF_POINT)
    return " ".join(_kpi_sql(part, " AND name = $name").split())


def begun_before(ask: Ask, scope: Scope) -> bool:
    """Whether there was anything before the period, so that nothing then really was nothing."""
    sql = "SELECT min(created_at) AS first FROM runs WHERE workspace_id = $workspace_id"
    first = ask(sql, {"workspace_id": scope.workspace_id})[0]["first"]
    return first is not None and first < naive_utc(scope.since)
