"""The catalogue's figures are those of the tables, however the cache was filled, and each says what it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core import ids
from ionflux_core.analytics import figures, questions
from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.analytics.metrics import CATALOGUE, MEASURES
from ionflux_core.analytics.scope import Scope, day_bounds
from ionflux_core.application import Application
from ionflux_core.errors import Invalid, NotFound
from ionflux_core.ids import new_id
from ionflux_core.services import figure_lines
from ionflux_core.services.dashboard import DashboardFilters
from ionflux_core.storage import agents, tables
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage.engine import Database, change_stamp
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes
from tests.core.worlds import BEGIN, UNTIL, ZONE, World, by_hand

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
WHOLE = Scope("", ZONE, BEGIN, UNTIL)


def new_workspace(database: Database) -> tuple[str, str]:
    """A workspace and its owner."""
    workspace, owner = new_id(), new_id()
    times = {"created_at": BEGIN, "updated_at": BEGIN}

    def work(connection: Any) -> None:
        user = {"id": owner, "email": f"{owner}@example.org", "name": owner, "profile": {}, **times}
        connection.execute(tables.users.insert(), user)
        row = {"id": workspace, "name": workspace, "owner_user_id": owner, "settings": {}, **times}
        connection.execute(tables.workspaces.insert(), row)
        definition = {"id": "agent_one", "slug": "one", "name": "One", "version": "1", "manifest": {}, **times}
        agents.register(connection, [definition | {"definition_status": "stable", "manifest_sha256": "0"}])

    database.write(work)
    return workspace, owner


def everything(cache: AnalyticsCache, scope: Scope) -> dict[str, Any]:
    """Every metric's whole figure and its rows by each of its dimensions."""
    found: dict[str, Any] = {}
    for name, measure in MEASURES.items():
        found[name] = figures.total(cache.query, measure, scope)
        for by in measure.dimensions:
            rows = figures.rows_by(cache.query, measure, scope, by)
            found[f"{name} by {by}"] = sorted(_close(row) for row in rows)
        found[name] = (_rounded(found[name].value), sorted(_close(row) for row in found[name].parts))
    return found


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _close(row: dict[str, Any]) -> str:
    """Sums of fractions may differ in the last digit with the order of the rows."""
    return str({name: _rounded(value) for name, value in row.items()})


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), happenings=st.lists(st.integers(0, 12), min_size=1, max_size=5))
def test_whatever_happens_the_cache_says_what_the_tables_say(
    database: Database, tmp_path: Path, seed: int, happenings: list[int]
) -> None:
    workspace, owner = new_workspace(database)
    cache = AnalyticsCache(None, database)
    try:
        world = World(database, workspace, seed)
        for count in happenings:
            for _ in range(count):
                world.step()
            cache.refresh(max_age=0, budget=None)
        scope = Scope(workspace, ZONE, BEGIN, UNTIL)
        before = everything(cache, scope)
        compare(cache, scope, by_hand(database, workspace, owner))
        cache.rebuild()
        assert everything(cache, scope) == before
    finally:
        cache.close()


def compare(cache: AnalyticsCache, scope: Scope, by_hand: dict[str, Any]) -> None:
    values = by_hand.pop("values")
    for name, expected in by_hand.items():
        value = figures.total(cache.query, MEASURES[name], scope).value
        assert value == (None if expected is None else pytest.approx(expected)), name
    for kind in ("money_made", "money_saved", "minutes_returned"):
        parts = figures.total(cache.query, MEASURES[kind], scope).parts
        own = {(method, unit): amount for (each, method, unit), amount in values.items() if each == kind}
        assert {(row["method"], row["unit"]): row["value"] for row in parts} == pytest.approx(own)


def test_a_long_busy_history_is_the_same_after_a_rebuild(database: Database, data_dir: Path) -> None:
    workspace, owner = new_workspace(database)
    world, cache = World(database, workspace, 7), AnalyticsCache(data_dir / "busy.duckdb", database)
    for number in range(400):
        world.step()
        if number % 50 == 0:
            cache.refresh(max_age=0, budget=None)
    cache.refresh(max_age=0, budget=None)
    for narrow in ({}, {"brand_id": "b1"}, {"trigger_kind": "manual"}, {"statuses": ("success",)}):
        scope = Scope(workspace, ZONE, BEGIN, UNTIL, **narrow)
        before = everything(cache, scope)
        assert before["runs"][0] > 0
        cache.rebuild()
        assert everything(cache, scope) == before
    compare(cache, Scope(workspace, ZONE, BEGIN, UNTIL), by_hand(database, workspace, owner))
    empty = {
        name: figures.total(cache.query, m, Scope("nobody", ZONE, BEGIN, UNTIL)).value for name, m in MEASURES.items()
    }
    assert not any(empty.values())
    cache.close()


def test_parts_of_an_additive_figure_add_up_to_it(database: Database, data_dir: Path) -> None:
    workspace, _ = new_workspace(database)
    world, cache = World(database, workspace, 11), AnalyticsCache(data_dir / "parts.duckdb", database)
    for _ in range(200):
        world.step()
    cache.refresh(max_age=0, budget=None)
    scope = Scope(workspace, ZONE, BEGIN, UNTIL)
    for metric in CATALOGUE:
        measure = MEASURES[metric.name]
        if not metric.additive or measure.series:
            continue
        whole = figures.total(cache.query, measure, scope).value
        for by in metric.dimensions:
            rows = figures.rows_by(cache.query, measure, scope, by)
            known = [row["value"] for row in rows if row["value"] is not None]
            assert sum(known) == pytest.approx(whole or 0), (metric.name, by)
    cache.close()


def test_every_metric_of_the_catalogue_explains_itself(database: Database, data_dir: Path) -> None:
    cache = AnalyticsCache(data_dir / "tables.duckdb", database)
    known = set(cache.tables())
    for metric in CATALOGUE:
        assert metric.definition.endswith(".") and len(metric.definition) > 40, metric.name
        assert metric.sources and set(metric.sources) <= known, metric.name
        assert metric.sql.startswith("SELECT ") and all(source in metric.sql for source in metric.sources), metric.name
        assert metric.dimensions[0] == "day" and metric.group
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE) >= 30
    cache.close()


@pytest.fixture
def ws(application: Application) -> str:
    return application.workspaces.all()[0].id


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    app = Starlette(routes=routes(), middleware=middleware(application, Requests()))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as opened:
        opened.base_url = "http://127.0.0.1/api/v1/"  # type: ignore[assignment]
        yield opened


def ran(application: Application, ws: str, target: str, **options: Any) -> str:
    started = application.runs.start(ws, target, {"text": "one two three"}, **options)
    run = application.runs.wait(ws, started.run_id, timeout=20)
    assert run.status == "success"
    application.cache.refresh(max_age=0, budget=None)
    return run.id


def test_a_real_run_is_in_the_figures(application: Application, ws: str) -> None:
    figures_of = application.figures
    assert figures_of.figure(ws, "success_rate").not_computed.startswith("No run")
    instance = application.agents.create(ws, "word_counter", "My counter", by="local owner")
    ran(application, ws, instance.id)
    assert figures_of.figure(ws, "runs", by=None).value == 1
    rate = figures_of.figure(ws, "success_rate", by="instance")
    assert (rate.value, rate.previous, rate.not_computed) == (1.0, None, "")
    assert [(row["label"], row["value"]) for row in rate.rows] == [("My counter", 1.0)]
    made = figures_of.figure(ws, "time_to_automation")
    assert made.value is not None and 0 < made.value < 60 and made.rows[0]["agents"] == 1
    builder = figures_of.figure(ws, "flows_per_builder", by=None)
    assert builder.value == 1.0
    words = figures_of.figure(ws, "kpi.word_counter.words")
    assert (words.value, words.rows[-1]["series"]) == (3.0, "My counter")
    days = figures_of.figure(ws, "runs").rows
    assert len(days) == 30 and [row["value"] for row in days[-2:]] == [0, 1]


def test_filters_narrow_every_figure_that_belongs_to_runs(application: Application, ws: str) -> None:
    one = application.agents.create(ws, "word_counter", "One")
    two = application.agents.create(ws, "word_counter", "Two")
    for target in (one.id, one.id, two.id):
        ran(application, ws, target)
    figure = application.figures.figure
    assert figure(ws, "runs", DashboardFilters(instance_id=one.id)).value == 2
    assert figure(ws, "runs", DashboardFilters(trigger_kind="schedule")).value == 0
    assert figure(ws, "events", DashboardFilters(instance_id=two.id), by=None).value == 1
    refused = figure(ws, "messages", DashboardFilters(instance_id=two.id))
    assert refused.value is None and "cannot be narrowed by agent" in refused.not_computed
    assert (
        figure(ws, "kpi.word_counter.words", DashboardFilters(instance_id=one.id), by="instance").rows[0]["label"]
        == "One"
    )


def test_a_figure_is_compared_with_the_period_before(application: Application, ws: str) -> None:
    ran(application, ws, "agent:word_counter")
    long_ago = ids.now() - timedelta(days=40)
    row = application.runs.prepare(ws, "agent:word_counter", {"text": "a"}).row
    row |= {"created_at": long_ago, "started_at": long_ago, "finished_at": long_ago, "status": "success"}
    application.db.write(lambda connection: run_rows.insert(connection, row))
    application.cache.refresh(max_age=0, budget=None)
    found = application.figures.figure(ws, "runs", by=None)
    assert (found.value, found.previous) == (1, 1)
    assert application.figures.figure(ws, "failures", by=None).previous == 0


def test_an_unknown_metric_and_dimension_say_what_there_is(application: Application, ws: str) -> None:
    with pytest.raises(NotFound) as missing:
        application.figures.metric(ws, "succes_rate")
    assert "success_rate" in missing.value.hint
    with pytest.raises(Invalid) as wrong:
        application.figures.figure(ws, "runs", by="weather")
    assert "brand" in wrong.value.hint


def test_the_api_gives_the_catalogue_and_its_figures(application: Application, ws: str, client: TestClient) -> None:
    instance = application.agents.create(ws, "word_counter", "My counter")
    ran(application, ws, instance.id)
    found = client.get("metrics-catalogue").json()
    names = {metric["name"] for metric in found["metrics"]}
    assert {"flows_per_builder", "success_rate", "kpi.word_counter.words"} <= names
    assert {"runs", "events", "ledger_entries"} <= {table["name"] for table in found["tables"]}
    figure = client.get("metrics/runs", params={"by": "instance", "status": "success"}).json()
    assert (figure["value"], figure["rows"][0]["label"]) == (1, "My counter")
    today = ids.now().date()
    asked = {"from": (today - timedelta(days=2)).isoformat(), "to": (today + timedelta(days=1)).isoformat()}
    assert len(client.get("metrics/runs", params=asked).json()["rows"]) == 4
    assert client.get("metrics/success_rate", params={"by": "none"}).json()["rows"] == []
    assert client.get("metrics/kpi.word_counter.words").json()["value"] == 3
    nothing = client.get("metrics/success_rate", params={"from": "2020-01-01", "to": "2020-01-31"}).json()
    assert nothing["value"] is None and nothing["not_computed"]
    assert client.get("metrics/nothing_like_it").status_code == 404
    assert client.get("metrics/runs", params={"by": "weather"}).status_code == 422
    for first, last in (("2026-02-01", "2026-01-01"), ("0001-01-03", "0002-01-01"), ("9001-01-01", "9001-01-02")):
        assert client.get("metrics/runs", params={"from": first, "to": last}).status_code == 422


def test_a_clock_that_was_put_back_makes_no_figure_below_zero(application: Application, ws: str) -> None:
    run_id = ran(application, ws, "agent:word_counter")
    at = ids.now()

    def work(connection: Any) -> None:
        own = tables.runs
        # Begun before it was made, and ended before it was begun.
        values = {"created_at": at, "started_at": at - timedelta(hours=1), "finished_at": at - timedelta(hours=2)}
        values["change_seq"] = change_stamp()
        connection.execute(own.update().where(own.c.id == run_id).values(**values))

    application.db.write(work)
    application.cache.refresh(max_age=0, budget=None)
    for name in ("queue_delay", "duration", "duration_p99"):
        assert application.figures.figure(ws, name, by=None).value == 0, name
    assert application.dashboard.overview(ws).slowest[0]["seconds"] == 0


@pytest.mark.parametrize("zone", ["Africa/Cairo", "America/Havana", "Atlantic/Azores", "Europe/Lisbon", ZONE])
def test_the_days_before_are_whole_days_around_every_clock_change(zone: str) -> None:
    """In half of these zones a day of the year begins at one o'clock, because its midnight is left out."""
    changes = [day for day in map(date(2026, 1, 1).__add__, map(timedelta, range(365))) if _hours(day, zone) != 24]
    assert len(changes) == 2
    for change in changes:
        for count in (1, 2, 7):
            for first in (change - timedelta(days=count - 1), change, change + timedelta(days=1)):
                begin, end = day_bounds(first, zone)[0], day_bounds(first + timedelta(days=count - 1), zone)[1]
                before = Scope("", zone, begin, end).before()
                assert (before.since, before.until) == (day_bounds(first - timedelta(days=count), zone)[0], begin)


def _hours(day: date, zone: str) -> float:
    begin, end = day_bounds(day, zone)
    return (end - begin).total_seconds() / 3600


def test_hours_before_an_hour_that_comes_twice_are_as_many() -> None:
    since, until = datetime(2026, 10, 25, 0, 40, tzinfo=UTC), datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    before = Scope("", "Europe/Lisbon", since, until).before()
    assert (before.since, before.until) == (since - timedelta(minutes=30), since)


def test_a_block_of_a_page_shows_any_metric_and_never_adds_methods(
    application: Application, ws: str, make_agent: Any
) -> None:
    make_agent("earner", _EARNER)
    application.catalog.reload()
    application.marketplace.register()
    application.runs.wait(ws, application.runs.start(ws, "agent:earner", {"value": 1}).run_id, timeout=20)
    ran(application, ws, "agent:word_counter")
    page = application.canvas.create(ws, "Figures")
    from ionflux_core.blocks.chart import ChartContent, make
    from ionflux_core.blocks.kpi_tile import KpiContent
    from ionflux_core.blocks.kpi_tile import make as make_tile

    here = application.refreshing.surroundings(ws, application.canvas.page(ws, page.id))
    tile = make_tile()
    runs = tile.view(KpiContent(definition="*", kpi="runs", days=7), None, here)  # type: ignore[arg-type]
    assert (runs["state"], runs["text"], runs["label"], runs["since_text"]) == ("ready", "2", "Runs", "7 days")
    made = tile.view(KpiContent(definition="*", kpi="money_made"), None, here)  # type: ignore[arg-type]
    assert made["state"] == "not_computed" and "never added" in made["note"]
    chart = make().view(ChartContent(definition="*", kpi="money_made"), None, here)  # type: ignore[arg-type]
    assert [one["name"] for one in chart["series"]] == ["Estimate, USD", "Measured, USD"]
    saved = tile.view(KpiContent(definition="*", kpi="money_saved"), None, here)  # type: ignore[arg-type]
    assert saved["note"] == "No run has booked money saved in this period."
    unknown = tile.view(KpiContent(definition="*", kpi="nonsense"), None, here)  # type: ignore[arg-type]
    assert unknown["state"] == "not_computed"


_EARNER = """
    from ionflux_core.sdk import Context

    def run(ctx: Context, inputs):
        ctx.value("money_made", 8, unit="USD", method="measured", note="Sold.")
        ctx.value("money_made", 2, unit="USD", method="estimate", note="Guessed.")
        return {"result": 1}
"""


def test_nothing_is_compared_with_what_another_method_or_currency_was(
    application: Application, ws: str, make_agent: Any
) -> None:
    make_agent("booker", _BOOKER)
    application.catalog.reload()
    application.marketplace.register()

    def booked(*entries: str) -> tuple[Any, Any, list[Any]]:
        """What a day books, looked at in that day: its value, the one of the day before, and those of its parts."""
        for entry in entries:
            run_id = application.runs.start(ws, "agent:booker", {"value": entry}).run_id
            assert application.runs.wait(ws, run_id, timeout=20).status == "success"
        application.cache.refresh(max_age=0, budget=None)
        since, until = application.dashboard.last_days(ws, 1)
        found = application.figures.figure(ws, "money_made", DashboardFilters(since=since, until=until), by=None)
        return found.value, found.previous, [(part["value"], part["previous"]) for part in found.parts]

    days = iter(range(1, 9))
    begin = NOON + timedelta(days=400)

    def tomorrow() -> None:
        at = begin + timedelta(days=next(days))
        ids.set_clock(lambda: at)

    tomorrow()
    assert booked("100 USD estimate") == (100, None, [(100, None)])
    tomorrow()
    assert booked("10 USD measured") == (10, None, [(10, None)]), "an estimate is nothing to compare with"
    tomorrow()
    assert booked("12 USD measured", "7 EUR measured") == (None, None, [(7, None), (12, 10)])
    tomorrow()
    assert booked("20 EUR measured") == (20, None, [(20, 7)])
    tomorrow()
    assert booked("30 EUR measured") == (30, 20, [(30, 20)])


_BOOKER = """
    from ionflux_core.sdk import Context

    def run(ctx: Context, inputs):
        amount, unit, method = inputs["value"].split()
        ctx.value("money_made", float(amount), unit=unit, method=method, note="Booked.")
        return {"result": 1}
"""


def test_a_block_compares_each_agents_own_figure_with_its_own(application: Application, ws: str) -> None:
    begin = NOON + timedelta(days=400)
    both = [application.agents.create(ws, "word_counter", name).id for name in ("One", "Two")]
    for day, texts in ((0, ("a b", "a b c")), (7, ("a b c d", "a b c d e"))):
        at = begin + timedelta(days=day)
        ids.set_clock(lambda at=at: at)
        for instance, text in zip(both, texts, strict=True):
            started = application.runs.start(ws, instance, {"text": text})
            assert application.runs.wait(ws, started.run_id, timeout=20).status == "success"
    application.cache.refresh(max_age=0, budget=None)
    drawn = figure_lines.lines(
        application.figures, application.dashboard, ws, "kpi.word_counter.words", instance_id=None, days=7
    )
    assert sorted((line["value"], line["previous"]) for line in drawn) == [(4, 2), (5, 3)]


def test_every_call_is_asked_for_by_sql_without_what_was_said(database: Database, data_dir: Path) -> None:
    workspace, _ = new_workspace(database)
    world, cache = World(database, workspace, 3), AnalyticsCache(data_dir / "calls.duckdb", database)
    for number in range(200):
        world.step()
        if number % 40 == 0:
            cache.refresh(max_age=0, budget=None)
    cache.refresh(max_age=0, budget=None)
    sql = "SELECT count(*), sum(tokens_in + tokens_out), count(cost_usd), sum(cost_usd) FROM calls"
    with database.read() as connection:
        kept = list(connection.execute(tables.calls.select()))
    [[count, tokens, priced, cost]] = questions.ask(cache, workspace, sql)["rows"]
    assert count == len(kept) > 5
    assert tokens == sum(row.tokens_in + row.tokens_out for row in kept)
    known = [row.cost_micros for row in kept if row.cost_micros is not None]
    assert (priced, cost) == (len(known), pytest.approx(sum(known) / 1e6))
    assert questions.ask(cache, new_id(), sql)["rows"][0][0] == 0
    columns = {column["name"] for column in questions.ask(cache, workspace, "SELECT * FROM calls")["columns"]}
    assert not columns & {"request", "response", "price"}
    cache.rebuild()
    assert questions.ask(cache, workspace, sql)["rows"] == [[count, tokens, priced, cost]]
    cache.close()
