"""The dashboard page without a browser: what it says when empty, what it draws, and what the address keeps."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.analytics.metrics import METRICS, Metric
from ionflux_core.application import Application
from ionflux_core.domain.runs import RunFilter
from ionflux_core.services.dashboard import KpiChart, KpiLine
from ionflux_ui import charts
from ionflux_ui.chart_board import large_figure
from ionflux_ui.dashboard_parts import picked_day
from tests.pages.shown import open_page, words


def page(ws: str, **parameters: str) -> AppTest:
    return open_page("dashboard", workspace=ws, **parameters)


def board(test: AppTest) -> list[dict[str, Any]]:
    """The groups of figures and charts the page hands to the element that draws them."""
    return [part for element in test.get("bidi_component") for part in json.loads(element.proto.json)["parts"]]


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
    assert all(tile["help"] for part in board(test) for tile in part["tiles"]), "every figure explains itself"
    shown = charts_of(test)
    assert {"Runs by day", "Success", "Duration", "Slowest runs", "Runs by trigger", "Words"} <= set(shown)
    assert shown["Words"]["tile"]["value"] == "3"
    [success] = shown["Runs by day"]["series"]
    assert (success["name"], success["values"][-1], success["texts"][-1]) == ("Success", 2, "2 runs")
    assert "Figures read just now." in words(test)


def test_a_bar_names_what_it_opens(app: Application, ws: str) -> None:
    run_twice(app, ws)
    shown = charts_of(page(ws))
    days = shown["Runs by day"]
    assert days["opens"] == "Click a bar to see its runs."
    assert picked_day(days["keys"][-1]) and days["series"][0]["key"] == "success"
    newest = {run.id for run in app.runs.find(ws, RunFilter(), limit=5).runs}
    assert set(shown["Slowest runs"]["keys"]) == newest


def test_the_address_narrows_and_the_fields_follow(app: Application, ws: str) -> None:
    instance = run_twice(app, ws)
    other = app.agents.create(ws, "word_counter", "Idle").id
    test = page(ws, instance=instance, days="7")
    assert test.selectbox(key="dashboard_filter_instance").value == instance
    assert tiles(test)["Runs"] == "2"
    test.selectbox(key="dashboard_filter_instance").set_value(other).run()
    assert test.query_params["instance"] == other
    assert "Nothing ran in the last 7 days." in words(test)
    next(button for button in test.button if button.label.startswith("Show the last 30 days")).click().run()
    assert "instance" not in test.query_params and "days" not in test.query_params
    assert tiles(test)["Runs"] == "2"


@pytest.mark.parametrize(
    "nonsense", [{"days": "999"}, {"days": "x"}, {"instance": "'; DROP TABLE runs"}, {"brand": "%"}]
)
def test_nonsense_in_the_address_is_no_error(app: Application, ws: str, nonsense: dict[str, str]) -> None:
    run_twice(app, ws)
    test = page(ws, **nonsense)
    assert "did not work" not in words(test) and "unexpected" not in words(test)


def test_figures_are_written_with_their_units() -> None:
    assert charts.figure_text(None, "USD") == "–"
    assert charts.figure_text(1204, "runs") == "1,204"
    assert charts.figure_text(0.975, "ratio") == "97.5 %"
    assert charts.figure_text(0.0312, "ratio") == "3.12 %"
    assert charts.figure_text(0.021, "ratio", signed=True) == "+2.10 points"
    assert charts.figure_text(-12.5, "USD", signed=True) == "-12.50 USD"
    assert charts.figure_text(185, "s") == "3 min 05 s"
    # Streamlit reads the sign of a change from a real minus.
    assert charts.figure_text(-1.5, "s", signed=True) == "-1.5 s"
    assert charts.figure_text(41.27, "%") == "41.3 %"
    assert charts.figure_text(-2.5, "%", signed=True) == "-2.5 points"


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


def test_a_click_names_its_day() -> None:
    assert picked_day("2026-11-20") == date(2026, 11, 20)
    assert picked_day("2026-11-20 00:00") == date(2026, 11, 20)
    assert picked_day("") is None and picked_day("'; DROP TABLE runs") is None
