"""The dashboard page without a browser: what it says when empty, what it draws, and what the address keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core import ids
from ionflux_core.analytics.metrics import METRICS, Metric
from ionflux_core.application import Application
from ionflux_core.domain.figure_text import change_text, figure_text
from ionflux_core.domain.runs import RunFilter
from ionflux_core.ids import now
from ionflux_core.services.dashboard import KpiChart, KpiLine
from ionflux_ui import dashboard_charts as charts
from ionflux_ui.chart_board import large_figure
from ionflux_ui.chart_large import table_of
from ionflux_ui.charts import Earlier
from ionflux_ui.dashboard_acts import picked_day
from ionflux_ui.dashboard_parts import SECTIONS, confidence
from tests.pages.shown import drawn, labelled, open_page, words

MakeAgent = Callable[..., Path]


def page(ws: str, **parameters: str) -> AppTest:
    return open_page("dashboard", workspace=ws, **parameters)


def on_page(test: AppTest) -> dict[str, Any]:
    """Everything the page hands to the element that draws it."""
    [found] = [each for each in drawn(test) if "parts" in each]
    return found | {name: found[name][0] for name in ("bar", "about", "paper") if name in found}


def board(test: AppTest) -> list[dict[str, Any]]:
    """The groups of figures and charts."""
    return [part for each in drawn(test) for part in each.get("parts", [])]


def tiles(test: AppTest) -> dict[str, str]:
    return {tile["label"]: tile["value"] for part in board(test) for tile in part["tiles"]}


def charts_of(test: AppTest) -> dict[str, dict[str, Any]]:
    return {chart["title"]: chart for part in board(test) for chart in part["charts"]}


def run_twice(app: Application, ws: str) -> str:
    instance = app.agents.create(ws, "word_counter", "Counter *one*")
    for text in ("one two", "one two three"):
        started = app.runs.start(ws, instance.id, {"text": text})
        assert app.runs.wait(ws, started.run_id, timeout=20).status == "success"
    return instance.id


def test_an_empty_dashboard_says_what_it_is_for_and_how_to_fill_it(ws: str) -> None:
    test = page(ws)
    assert test.title[0].value == "Dashboard"
    assert "There is nothing to draw yet." in words(test)
    assert any(button.label == "Choose an agent from the marketplace" for button in test.button)
    assert not board(test)


def test_runs_and_reported_figures_are_drawn(app: Application, ws: str) -> None:
    run_twice(app, ws)
    test = page(ws)
    assert {"Runs": "2", "Success": "100.0 %", "Failures": "0"}.items() <= tiles(test).items()
    shown = charts_of(test)
    assert {"Runs by day", "Success by day", "Runs by agent", "Runs by trigger", "Words"} <= set(shown)
    assert shown["Words"]["tile"]["value"] == "3"
    [success] = shown["Runs by day"]["series"]
    assert (success["name"], success["values"][-1], success["texts"][-1]) == ("Success", 2, "2 runs")
    assert "Figures read just now." in words(test)


def test_nothing_that_is_drawn_makes_streamlit_load_pandas(
    app: Application, ws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(data: object) -> str:
        asked.append(type(data).__name__)
        return "unknown"

    run_twice(app, ws)
    monkeypatch.setattr("streamlit.dataframe_util.determine_data_format", refuse)
    assert charts_of(page(ws)) and asked == [], "it asks pandas whether a value is a table: 0.8 s of a first visit"


def test_the_north_star_comes_first_and_says_why_a_figure_is_missing(app: Application, ws: str) -> None:
    run_twice(app, ws)
    first = board(page(ws))[0]
    assert first["title"] == "North star"
    shown = {tile["about"]: tile for tile in first["tiles"]}
    assert set(shown) == {"flows_per_builder", "time_to_automation", "agent_gmv", "cion_burn", "minutes_returned"}
    assert shown["agent_gmv"]["value"] == "–" and "No run has booked" in shown["agent_gmv"]["note"]
    assert shown["time_to_automation"]["value"] != "–"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_figure_of_every_section_opens_its_definition(app: Application, ws: str, section: str) -> None:
    run_twice(app, ws)
    test = page(ws, show=section)
    about = on_page(test)["about"]
    named = {tile["about"] for part in board(test) for tile in part["tiles"]}
    named |= {chart["about"] for part in board(test) for chart in part["charts"]}
    assert named and named <= set(about)
    assert all(each["definition"] and each["title"] for each in about.values())
    whole = [about[name] for name in named if name in METRICS and METRICS[name].sql]
    assert whole and all("SELECT" in each["sql"] and each["sources"] for each in whole)


def test_a_bar_names_what_it_opens(app: Application, ws: str) -> None:
    instance = run_twice(app, ws)
    days = charts_of(page(ws))["Runs by day"]
    assert days["opens"] == "Click a bar to see its runs." and days["drill"] == ["day", "status"]
    assert picked_day(days["keys"][-1]) and days["series"][0]["key"] == "success"
    newest = {run.id for run in app.runs.find(ws, RunFilter(), limit=5).runs}
    speed = charts_of(page(ws, show="speed"))
    assert set(speed["Slowest runs"]["keys"]) == newest
    assert speed["Duration by agent"]["keys"] == [instance] and speed["Duration by agent"]["narrows"]
    names = [each["name"] for each in speed["Duration by day"]["series"]]
    assert names == ["p50", "p95", "p99"]


def test_the_address_narrows_and_the_fields_and_chips_follow(app: Application, ws: str) -> None:
    instance = run_twice(app, ws)
    other = app.agents.create(ws, "word_counter", "Idle").id
    test = page(ws, instance=instance, days="7", trigger="manual", status="success,error")
    assert test.selectbox(key="dashboard_filter_instance").value == instance
    assert test.selectbox(key="dashboard_filter_trigger").value == "manual"
    assert test.multiselect(key="dashboard_filter_status").value == ["success", "error"]
    assert tiles(test)["Runs"] == "2"
    chips = {chip["label"]: chip["text"] for chip in on_page(test)["bar"]["chips"]}
    assert chips == {"Configured as": "Counter *one*", "Started by": "Manual", "Status": "Success, Error"}
    test.selectbox(key="dashboard_filter_instance").set_value(other).run()
    assert test.query_params["instance"] == other
    assert "Nothing ran in these days" in words(test)
    next(button for button in test.button if button.label.startswith("Show the last 30 days")).click().run()
    assert not {"instance", "days", "trigger", "status"} & set(test.query_params)
    assert tiles(test)["Runs"] == "2"


def test_own_dates_are_kept_in_the_address_and_win_over_days(app: Application, ws: str) -> None:
    run_twice(app, ws)
    today = now().date()
    test = page(ws, since=(today - timedelta(days=1)).isoformat(), until=today.isoformat(), days="7")
    assert tiles(test)["Runs"] == "2"
    long_ago = page(ws, since="2020-02-28", until="2020-03-01")
    assert "Nothing ran in these days: 28 Feb to 1 Mar 2020." in words(long_ago).replace("**", "")
    test.segmented_control(key="dashboard_filter_days").set_value(90).run()
    assert test.query_params["days"] == "90" and "since" not in test.query_params


def test_the_days_are_counted_by_the_clock_of_the_product_in_the_workspaces_zone(
    app: Application, ws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_twice(app, ws)
    app.workspaces.save_settings(ws, {"timezone": "Asia/Tokyo"})
    asked: dict[str, Any] = {}
    monkeypatch.setattr("ionflux_ui.dashboard_filters.open_page", lambda _, **named: asked.update(named))
    ids.set_clock(lambda: datetime(2031, 5, 6, 20, 0, tzinfo=UTC))
    labelled(page(ws, days="7").button, "See the runs").click().run()
    assert (asked["since"], asked["until"]) == ("2031-05-01", "2031-05-07")


def test_own_dates_are_chosen_in_one_field(app: Application, ws: str) -> None:
    run_twice(app, ws)
    test = page(ws)
    assert not test.date_input
    test.segmented_control(key="dashboard_filter_days").set_value(0).run()
    today = now().date()
    assert "since" not in test.query_params, "nothing is chosen yet"
    test.date_input(key="dashboard_filter_own").set_value((today - timedelta(days=3), today)).run()
    assert test.query_params["since"] == (today - timedelta(days=3)).isoformat()
    assert test.query_params["until"] == today.isoformat() and tiles(test)["Runs"] == "2"
    test.segmented_control(key="dashboard_filter_days").set_value(7).run()
    assert "since" not in test.query_params and not test.date_input


def test_comparing_is_switched_off_in_the_address(app: Application, ws: str) -> None:
    run_twice(app, ws)
    assert page(ws).toggle(key="dashboard_filter_compare").value is True
    test = page(ws, compare="off")
    assert test.toggle(key="dashboard_filter_compare").value is False
    assert all(not tile["change"] for part in board(test) for tile in part["tiles"])
    assert all(not chart["before"] for chart in charts_of(test).values())
    test.toggle(key="dashboard_filter_compare").set_value(True).run()
    assert "compare" not in test.query_params


def test_a_person_begins_with_their_view_and_may_leave_it(app: Application, ws: str) -> None:
    instance, me = run_twice(app, ws), app.workspaces.owner().id
    draft = {"page": "dashboard", "name": "Mine", "parameters": {"instance": instance, "days": "90"}}
    view = app.views.create(ws, draft)
    app.views.begin_with(ws, "dashboard", me, view.id)
    test = page(ws)
    assert (test.query_params["instance"], test.query_params["days"]) == (instance, "90")
    bar = on_page(test)["bar"]
    assert bar["view"] == "Mine" and bar["views"] == [{"id": view.id, "name": "Mine", "current": True, "first": True}]
    test.selectbox(key="dashboard_filter_instance").set_value(None).run()
    test.segmented_control(key="dashboard_filter_days").set_value(30).run()
    assert not {"instance", "days"} & set(test.query_params), "an emptied address stays empty"


def test_marks_and_the_paper_say_what_they_are(app: Application, ws: str) -> None:
    instance = run_twice(app, ws)
    app.annotations.note(ws, {"at": now(), "words": "Campaign <b>began</b>"})
    found = on_page(page(ws, instance=instance))
    assert [(each["kind"], each["words"]) for each in found["marks"]] == [
        ("version", "Counter *one* was set up"), ("note", "Campaign <b>began</b>"),
    ]  # fmt: skip
    assert found["marks"][0]["day"] in charts_of(page(ws))["Runs by day"]["keys"]
    assert found["paper"]["title"] == "Test: overview"
    assert found["paper"]["lines"][1] == "Narrowed to Configured as: Counter *one*"


@pytest.mark.parametrize(
    "nonsense",
    [
        {"days": "999"}, {"days": "x"}, {"instance": "'; DROP TABLE runs"}, {"brand": "%"}, {"trigger": "x"},
        {"status": "x,,y"}, {"show": "<b>"}, {"compare": "?"}, {"since": "2026-13-01", "until": "x"},
        {"since": "2026-01-02", "until": "2026-01-01"}, {"since": "0001-01-01", "until": "9999-12-31"},
        {"since": "9999-12-31", "until": "9999-12-31"}, {"since": "0002-01-01", "until": "0011-01-01"},
        {"since": "1969-12-30", "until": "1970-01-02"}, {"since": "9000-01-01", "until": "9000-12-31"},
        {"since": "2060-01-01", "until": "2060-01-31"},
    ],
)  # fmt: skip
def test_nonsense_in_the_address_is_no_error(app: Application, ws: str, nonsense: dict[str, str]) -> None:
    run_twice(app, ws)
    test = page(ws, **nonsense)
    assert "did not work" not in words(test) and "unexpected" not in words(test)


VALUABLE = """
def run(ctx, inputs):
    for amount, method, sure in ((40, "measured", 0.9), (25, "modelled", None), (60, "measured", 0.7)):
        ctx.value("money_made", amount, unit="EUR", method=method, note="x", confidence=sure)
    ctx.value("money_made", 7, unit="USD", method="measured", note="x")
    return {}
"""


def test_value_never_mixes_methods_or_currencies(app: Application, ws: str, make_agent: MakeAgent) -> None:
    make_agent("worth", VALUABLE)
    app.catalog.reload()
    app.marketplace.register()
    started = app.runs.start(ws, "agent:worth", {})
    assert app.runs.wait(ws, started.run_id, timeout=20).status == "success"
    test = page(ws, show="value")
    shown = {(tile["label"], tile["value"]): tile["note"] for part in board(test) for tile in part["tiles"]}
    made = {key: note for key, note in shown.items() if key[0].startswith("Money made")}
    assert made == {
        ("Money made: measured", "100.00 EUR"): "2 entries, confidence 80.0 %",
        ("Money made: modelled", "25.00 EUR"): "1 entry, no confidence stated",
        ("Money made: measured", "7.00 USD"): "1 entry, no confidence stated",
    }
    charts = [chart for part in board(test) for chart in part["charts"]]
    units = {chart["unit"] for chart in charts if chart["key"].startswith("agent_gmv_by_day")}
    assert units == {"EUR", "USD"}, "two currencies share no axis"
    assert len({chart["key"] for chart in charts}) == len(charts)
    by_agent = next(chart for chart in charts if chart["key"] == "agent_gmv_by_agent_EUR")
    assert [label.partition(":")[0] for label in by_agent["full"]] == ["Measured", "Modelled"]


def test_amounts_of_different_methods_stand_apart_with_their_confidence() -> None:
    row = {"method": "measured", "unit": "EUR", "entries": 3, "confidence": 0.9}
    assert confidence(row) == "3 entries, confidence 90.0 %"
    assert confidence({**row, "entries": 1, "confidence": None}) == "1 entry, no confidence stated"
    assert charts.apart(row) == "Measured, EUR"
    assert charts.apart({"method": "estimate", "unit": "min"}) == "Owner's estimate, min"


def test_figures_are_written_with_their_units() -> None:
    assert figure_text(None, "USD") == "–"
    assert figure_text(1204, "runs") == "1,204"
    assert figure_text(0.975, "ratio") == "97.5 %"
    assert figure_text(0.0312, "ratio") == "3.12 %"
    assert figure_text(0.021, "ratio", signed=True) == "+2.10 points"
    assert figure_text(-12.5, "USD", signed=True) == "-12.50 USD"
    assert figure_text(185, "s") == "3 min 05 s"
    # Streamlit reads the sign of a change from a real minus.
    assert figure_text(-1.5, "s", signed=True) == "-1.5 s"
    assert figure_text(41.27, "%") == "41.3 %"
    assert figure_text(-2.5, "%", signed=True) == "-2.5 points"
    assert change_text(3, 1, "runs") == "↑ +2" and change_text(1, 1, "runs") == "unchanged"
    assert change_text(1, None, "runs") == ""


def test_names_from_data_are_no_markup_in_the_large_view(app: Application) -> None:
    line = KpiLine("i", None, '<a href="http://elsewhere.example">x</a>', (date(2026, 1, 1),), (1.0,), None)
    metric = Metric("words", "Words", "count", "up", "Words counted.")
    figure = large_figure(charts.kpi_by_day(KpiChart("word_counter", "Counter", metric, (line, line))))
    assert "<a" not in figure.data[0].name


def test_stacked_statuses_are_told_apart_without_colour() -> None:
    rows = [{"day": date(2026, 1, 1), "status": status, "runs": 1} for status in ("error", "budget_stopped", "success")]
    chart = charts.runs_by_day(rows, METRICS["runs_per_day"])
    looks = {(each["color"], each["hatched"]) for each in chart["series"]}
    assert [each["name"] for each in chart["series"]] == ["Success", "Error", "Stopped by budget"]
    assert len(looks) == 3
    in_large = {(trace.marker.color, trace.marker.pattern.shape) for trace in large_figure(chart).data}
    assert len(in_large) == 3


def test_the_period_before_lies_under_the_same_days() -> None:
    rows = [{"day": date(2026, 1, 8 + number), "status": "success", "runs": 2} for number in range(3)]
    earlier: Earlier = {"days": 7, "values": {date(2026, 1, 1): 5.0, date(2026, 1, 3): 1.0}}
    chart = charts.runs_by_day(rows, METRICS["runs_per_day"], earlier=earlier)
    before = chart["before"]
    assert before is not None and before["name"] == "7 days before"
    assert dict(zip(chart["keys"], before["values"], strict=True))["2026-01-08"] == 5.0
    assert chart["range"][1] >= 5, "what is higher than this period is not cut off"
    names, table = table_of(chart)
    assert names == ["day", "Success", "7 days before"] and table[-1] == ["2026-01-10", 2, 1.0]
    assert len(large_figure(chart).data) == 2


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 47.0, 166.0], ["0", "50", "100", "150", "200"]),
        ([0.0, 0.46], ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]),
        ([-3.0, 2.0], ["-3", "-2", "-1", "0", "1", "2"]),
    ],
)
def test_axes_have_a_few_round_figures(values: list[float], labels: list[str]) -> None:
    days = tuple(date(2026, 1, 1 + number) for number in range(len(values)))
    line = KpiLine("i", None, "Counter", days, tuple(values), None)
    chart = charts.kpi_by_day(KpiChart("c", "Counter", Metric("w", "W", "count", "up", "W."), (line,)))
    assert [text for _, text in chart["ticks"]] == labels


def test_a_figure_that_never_changes_still_has_an_axis() -> None:
    line = KpiLine("i", None, "Counter", (date(2026, 1, 1), date(2026, 1, 2)), (0.0, 0.0), None)
    chart = charts.kpi_by_day(KpiChart("c", "Counter", Metric("w", "W", "count", "up", "W."), (line,)))
    assert chart["range"][0] < chart["range"][1]


def test_a_day_without_a_value_is_a_gap_and_one_day_is_not_as_wide_as_the_page() -> None:
    rows = [{"day": date(2026, 1, 9), "success": 1, "ended": 2, "rate": 0.5}]
    chart = charts.success_by_day(rows, METRICS["success_rate"])
    assert len(chart["labels"]) == 7 and chart["series"][0]["values"] == [None] * 6 + [0.5]
    until_today = charts.success_by_day(rows, METRICS["success_rate"], last=date(2026, 1, 12))
    assert until_today["keys"][-1] == "2026-01-12", "days on which nothing ran are not hidden"


def test_a_click_names_its_day() -> None:
    assert picked_day("2026-11-20") == date(2026, 11, 20)
    assert picked_day("2026-11-20 00:00") == date(2026, 11, 20)
    assert picked_day("") is None and picked_day("'; DROP TABLE runs") is None


def test_a_day_of_an_agents_own_figure_leads_to_that_agents_runs(app: Application, ws: str) -> None:
    run_twice(app, ws)
    words_chart = charts_of(page(ws))["Words"]
    assert words_chart["drill"] == ["day", ""] and words_chart["within"] == {"definition": "word_counter"}
