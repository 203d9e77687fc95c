"""The dashboard's figures are those of the runs: real runs in, tiles, days, KPIs and Home's small figures out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ionflux_core import ids
from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.application import Application
from ionflux_core.errors import Invalid, NotFound
from ionflux_core.services.dashboard import Dashboard, DashboardFilters
from ionflux_core.storage import kpis as kpi_rows
from ionflux_core.storage import runs as run_rows

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def dashboard(application: Application, data_dir: Path) -> Iterator[Dashboard]:
    cache = AnalyticsCache(data_dir / "figures.duckdb", application.db)
    yield Dashboard(cache, application.db, application.workspaces.get, application.catalog)
    cache.close()


@pytest.fixture
def ws(application: Application) -> str:
    return application.workspaces.all()[0].id


def count_words(application: Application, ws: str, target: str = "agent:word_counter", **options: Any) -> str:
    started = application.runs.start(ws, target, {"text": "one two three"}, **options)
    run = application.runs.wait(ws, started.run_id, timeout=20)
    assert run.status == "success"
    return run.id


def finished(application: Application, ws: str, at: datetime, status: str, seconds: float, **more: Any) -> None:
    """A run of the past, stored as the runner would have."""
    row = application.runs.prepare(ws, "agent:word_counter", {"text": "a"}).row
    row |= {"created_at": at, "started_at": at, "finished_at": at + timedelta(seconds=seconds), "status": status} | more
    application.db.write(lambda connection: run_rows.insert(connection, row))


def tiles(dashboard: Dashboard, ws: str, **filters: Any) -> dict[str, tuple[float | None, float | None]]:
    shown = dashboard.overview(ws, DashboardFilters(**filters))
    return {tile.metric.name: (tile.value, tile.previous) for tile in shown.tiles}


def test_a_real_run_is_on_the_dashboard_with_its_kpi(application: Application, dashboard: Dashboard, ws: str) -> None:
    assert dashboard.overview(ws).is_empty
    instance = application.agents.create(ws, "word_counter", "My counter")
    count_words(application, ws, instance.id)
    dashboard._cache.refresh(max_age=0)
    shown = dashboard.overview(ws)
    assert [(row["status"], row["runs"]) for row in shown.runs_per_day] == [("success", 1)]
    assert [row["agent"] for row in shown.durations] == ["My counter"]
    assert shown.freshness.complete and shown.freshness.place == "file"
    (chart,) = [chart for chart in dashboard.kpi_series(ws) if chart.metric.name == "words"]
    assert chart.lines[0].label == "My counter" and chart.lines[0].value == 3.0
    assert chart.metric.title == application.catalog.definition("word_counter").kpis[0].title


def test_tiles_compare_with_the_period_before(application: Application, dashboard: Dashboard, ws: str) -> None:
    ids.set_clock(lambda: NOON)
    for days, status, seconds in ((0, "success", 2), (1, "success", 4), (2, "error", 6), (8, "error", 10)):
        finished(application, ws, NOON - days * DAY, status, seconds, cost_micros=250_000)
    since, until = dashboard.last_days(ws, 7)
    shown = tiles(dashboard, ws, since=since, until=until)
    assert shown["runs"] == (3, 1)
    assert shown["success_rate"] == (pytest.approx(2 / 3), 0.0)
    assert shown["failures"] == (1, 1)
    assert shown["duration"] == (4.0, 10.0)
    assert shown["cost"] == (0.75, 0.25)


def test_without_a_period_before_there_is_nothing_to_compare(
    application: Application, dashboard: Dashboard, ws: str
) -> None:
    finished(application, ws, ids.now(), "success", 1)
    assert tiles(dashboard, ws)["runs"] == (1, None)


def test_a_bar_holds_the_runs_its_link_finds(application: Application, dashboard: Dashboard, ws: str) -> None:
    ids.set_clock(lambda: NOON)
    # 03:30 UTC is still the evening before in New York, the zone of a new workspace.
    finished(application, ws, datetime(2026, 11, 19, 3, 30, tzinfo=UTC), "error", 1)
    finished(application, ws, datetime(2026, 11, 19, 12, 0, tzinfo=UTC), "success", 1)
    bars = {(row["day"], row["status"]): row["runs"] for row in dashboard.series(ws, "runs_per_day")}
    assert bars == {(date(2026, 11, 18), "error"): 1, (date(2026, 11, 19), "success"): 1}
    for (day, status), count in bars.items():
        since, until = dashboard.day(ws, day)
        from ionflux_core.domain.runs import RunFilter

        assert application.runs.count(ws, RunFilter(since=since, until=until, statuses=[status])) == count


def test_kpis_are_one_line_for_each_agent_and_say_their_brand(
    application: Application, dashboard: Dashboard, ws: str
) -> None:
    ids.set_clock(lambda: NOON)
    brand = application.workspaces.add_brand(ws, {"name": "Kelp & Co"})
    one = application.agents.create(ws, "word_counter", "Counter one", brand_id=brand.id)
    two = application.agents.create(ws, "word_counter", "Counter two")
    report(application, ws, one.id, "words", [5.0, 7.0], unit="count", brand_id=brand.id)
    report(application, ws, two.id, "words", [100.0], unit="count")
    report(application, ws, one.id, "income", [12.5], unit="currency")
    report(application, ws, one.id, "words", [4.0], unit="count", until=NOON - 30 * DAY)
    words, income = dashboard.kpi_series(ws)
    assert [(line.label, line.values) for line in words.lines] == [
        ("Counter one · Kelp & Co", (5.0, 7.0)),
        ("Counter two", (100.0,)),
    ] or {line.label for line in words.lines} == {"Counter one · Kelp & Co", "Counter two"}
    by_label = {line.label: line for line in words.lines}
    assert by_label["Counter one · Kelp & Co"].values == (5.0, 7.0)
    assert by_label["Counter one · Kelp & Co"].previous == 4.0
    assert by_label["Counter two"].previous is None
    # An agent that says "currency" means the workspace's; a figure without a definition says so.
    assert income.metric.unit == "USD" and "does not explain it" in income.metric.definition
    (only,) = dashboard.kpi_series(ws, DashboardFilters(brand_id=brand.id), name="words")
    assert [line.label for line in only.lines] == ["Counter one · Kelp & Co"]


def report(
    application: Application, ws: str, instance: str, name: str, values: list[float | None], *, unit: str,
    brand_id: str | None = None, until: datetime = NOON,
) -> None:  # fmt: skip
    rows = []
    for number, value in enumerate(reversed(values)):
        at = until - number * DAY
        rows.append(
            {"id": kpi_rows.point_id(instance, name, at, {}), "workspace_id": ws, "instance_id": instance,
             "brand_id": brand_id, "definition_slug": "word_counter", "run_id": "r", "name": name, "unit": unit,
             "value": value, "at": at, "dims": {}}
        )  # fmt: skip
    application.db.write(lambda connection: kpi_rows.put(connection, rows))


def test_a_figure_that_is_taken_back_leaves_the_chart(application: Application, dashboard: Dashboard, ws: str) -> None:
    ids.set_clock(lambda: NOON)
    instance = application.agents.create(ws, "word_counter", "Counter").id
    report(application, ws, instance, "words", [5.0, 7.0], unit="count")
    assert dashboard.kpi_series(ws)[0].lines[0].values == (5.0, 7.0)
    report(application, ws, instance, "words", [None], unit="count")
    dashboard._cache.refresh(max_age=0)
    assert dashboard.kpi_series(ws)[0].lines[0].values == (5.0,)


def test_home_counts_today_in_the_workspaces_zone_without_the_cache(
    application: Application, dashboard: Dashboard, ws: str
) -> None:
    now = ids.now()
    midnight = dashboard.last_days(ws, 1)[0]
    finished(application, ws, max(midnight, now - timedelta(seconds=1)), "success", 1, cost_micros=2_000_000)
    finished(application, ws, max(midnight, now - timedelta(seconds=1)), "error", 1)
    finished(application, ws, midnight - timedelta(minutes=1), "success", 1, cost_micros=1_000_000)
    finished(application, ws, midnight - 10 * DAY, "error", 1, cost_micros=9_000_000)
    run = count_words(application, ws)
    entry = {"workspace_id": ws, "run_id": run, "unit": "min", "kind": "minutes_returned", "note": "", "at": now}
    values = [
        {**entry, "id": ids.new_id(), "amount": 5.0, "method": "estimate"},
        {**entry, "id": ids.new_id(), "amount": 3.0, "method": "measured"},
    ]
    application.db.write(lambda connection: kpi_rows.put_values(connection, values))
    home = dashboard.home(ws)
    assert (home.runs_today, home.failures_today, home.unfinished_today) == (3, 1, 0)
    assert home.cost_week == pytest.approx(3.0)
    assert [(row["method"], row["amount"]) for row in home.values_week] == [("estimate", 5.0), ("measured", 3.0)]
    assert dashboard._cache.freshness().as_of is None
    assert dashboard.run_counts(ws) == {"today": 3, "days_7": 4, "days_30": 5}


def test_another_workspace_has_its_own_figures(application: Application, dashboard: Dashboard, ws: str) -> None:
    count_words(application, ws)
    other = application.workspaces.create("Other").id
    assert dashboard.overview(other).is_empty
    assert dashboard.kpi_series(other) == []
    assert dashboard.home(other).runs_today == 0
    with pytest.raises(NotFound):
        dashboard.overview("not there")
    with pytest.raises(NotFound):
        dashboard.freshness("not there")


def test_periods_that_make_no_sense_are_refused(dashboard: Dashboard, ws: str) -> None:
    with pytest.raises(ValidationError):
        DashboardFilters(since=NOON, until=NOON - DAY)
    with pytest.raises(ValidationError):
        DashboardFilters(since=datetime(2026, 1, 1))
    with pytest.raises(Invalid, match="period"):
        dashboard.overview(ws, DashboardFilters(since=datetime(1990, 1, 1, tzinfo=UTC)))
    with pytest.raises(Invalid, match="no series"):
        dashboard.series(ws, "runs; DROP TABLE runs")  # type: ignore[arg-type]
