"""The dashboard page without a browser: what it says when empty, what it draws, and what the address keeps."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.analytics.metrics import METRICS, Metric
from ionflux_core.application import Application, set_current
from ionflux_core.services.dashboard import KpiChart, KpiLine
from ionflux_ui import charts

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app(application: Application) -> Application:
    set_current(application)
    return application


@pytest.fixture
def ws(app: Application) -> str:
    return app.workspaces.all()[0].id


def page(ws: str, **parameters: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "ionflux_ui" / "shell.py"), default_timeout=60)
    test.switch_page(str(ROOT / "pages" / "dashboard.py"))
    for name, value in ({"workspace": ws} | parameters).items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def words(test: AppTest) -> str:
    shown = [*test.title, *test.subheader, *test.markdown, *test.caption, *test.text, *test.info]
    return "\n".join(str(element.value) for element in shown)


def drawn(test: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in test.get("plotly_chart")]


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
    assert not test.metric and not test.get("plotly_chart")


def test_runs_and_reported_figures_are_drawn(app: Application, ws: str) -> None:
    run_twice(app, ws)
    test = page(ws)
    shown = {metric.label: metric.value for metric in test.metric}
    assert shown["Runs"] == "2" and shown["Success"] == "100.0 %" and shown["Failures"] == "0"
    assert any(label.startswith("Words") and value == "3" for label, value in shown.items())
    assert all(metric.help for metric in test.metric), "every figure explains itself"
    bars = drawn(test)[0]["data"][0]
    assert (bars["type"], bars["name"]) == ("bar", "Success")
    assert "Click a bar to see its runs." in words(test)
    assert "Figures read just now." in words(test)


def test_every_chart_has_its_rows_as_a_table(app: Application, ws: str) -> None:
    run_twice(app, ws)
    test = page(ws)
    assert not test.dataframe
    folds = [fold for fold in test.expander if fold.label == "As a table"]
    assert len(folds) == len(test.get("plotly_chart")) > 3


def test_the_address_narrows_and_the_fields_follow(app: Application, ws: str) -> None:
    instance = run_twice(app, ws)
    other = app.agents.create(ws, "word_counter", "Idle").id
    test = page(ws, instance=instance, days="7")
    assert test.selectbox(key="dashboard_filter_instance").value == instance
    assert {metric.label: metric.value for metric in test.metric}["Runs"] == "2"
    test.selectbox(key="dashboard_filter_instance").set_value(other).run()
    assert test.query_params["instance"] == other
    assert "Nothing ran in the last 7 days." in words(test)
    next(button for button in test.button if button.label.startswith("Show the last 30 days")).click().run()
    assert "instance" not in test.query_params and "days" not in test.query_params
    assert {metric.label: metric.value for metric in test.metric}["Runs"] == "2"


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


def test_names_from_data_are_no_markup_in_a_chart(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    line = KpiLine("i", None, '<a href="http://elsewhere.example">x</a>', (date(2026, 1, 1),), (1.0,), None)
    metric = Metric("words", "Words", "count", "up", "Words counted.")
    figure = charts.kpi_by_day(KpiChart("word_counter", "Counter", metric, (line, line)))
    assert "<a" not in figure.data[0].name


def test_stacked_statuses_are_told_apart_without_colour() -> None:
    rows = [{"day": date(2026, 1, 1), "status": status, "runs": 1} for status in ("error", "budget_stopped", "success")]
    figure = charts.runs_by_day(rows)
    looks = {(trace.marker.color, trace.marker.pattern.shape) for trace in figure.data}
    assert [trace.name for trace in figure.data] == ["Success", "Error", "Stopped by budget"]
    assert len(looks) == 3


def test_a_click_names_its_day() -> None:
    assert charts.picked_day({"x": "2026-11-20"}) == date(2026, 11, 20)
    assert charts.picked_day({"x": "2026-11-20 00:00"}) == date(2026, 11, 20)
    assert charts.picked_day({"y": 3}) is None
    assert METRICS["runs_per_day"].definition
