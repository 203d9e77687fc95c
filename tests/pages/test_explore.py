"""The Explore page without a browser: what it says when nothing was asked, what it answers, what it keeps."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from ionflux_core.domain.questions import Drawing
from ionflux_core.services.ready_questions import READY, slug
from ionflux_ui import explore_chart
from ionflux_ui.explore_table import sorted_rows
from tests.pages.shown import drawn, labelled, open_page, plain_words


def page(ws: str, **parameters: str) -> AppTest:
    return open_page("explore", workspace=ws, **parameters)


def table(test: AppTest) -> dict[str, Any]:
    """The answer as the page hands it to the element that draws it."""
    return next(each for each in drawn(test) if each.get("label") == "Answer")


def run_twice(app: Application, ws: str) -> str:
    instance = app.agents.create(ws, "word_counter", "Counter")
    for text in ("one two", "one two three"):
        started = app.runs.start(ws, instance.id, {"text": text})
        assert app.runs.wait(ws, started.run_id, timeout=20).status == "success"
    return instance.id


def test_an_unasked_page_offers_questions(ws: str) -> None:
    test = page(ws)
    assert test.title[0].value == "Explore"
    assert "Ready questions" in plain_words(test)
    [offered] = [each for each in drawn(test) if each.get("label") == "Ready questions"]
    assert len(offered["items"]) == len(READY) >= 12


def test_run_answers_as_a_table(app: Application, ws: str) -> None:
    run_twice(app, ws)
    test = page(ws)
    labelled(test.button, "Run").click().run()
    assert not test.exception
    assert [column["name"] for column in table(test)["columns"]] == ["agent", "status", "runs"]
    assert table(test)["rows"] == [["word_counter", "success", 2]]
    assert "1 row in" in plain_words(test) and "figures read" in plain_words(test)
    assert app.questions.history(ws)[0].row_count == 1


@pytest.mark.parametrize("ready", READY, ids=slug)
def test_every_ready_question_is_drawn(app: Application, ws: str, ready: Any) -> None:
    run_twice(app, ws)
    test = page(ws, ready=slug(ready))
    assert not test.exception
    assert "did not work" not in plain_words(test)
    assert ready.name in plain_words(test)


def test_an_address_opens_a_question_that_is_kept(app: Application, ws: str) -> None:
    run_twice(app, ws)
    saved = app.saved_questions.create(
        ws, {"name": "Runs *by* status", "sql_text": "SELECT status, count(*) AS n FROM runs GROUP BY 1", "chart": {}}
    )
    test = page(ws, question=saved.id)
    assert table(test)["rows"] == [["success", 2]]
    assert "Runs *by* status" in plain_words(test)
    assert labelled(test.text_input, "Name").value == "Runs *by* status"
    labelled(test.button, "Delete it").click().run()
    assert app.saved_questions.find(ws) == [] and "question" not in test.query_params
    assert table(test)["rows"] == [["success", 2]], "the text and its answer stay"


def test_a_question_is_saved_under_a_name(app: Application, ws: str) -> None:
    test = page(ws)
    labelled(test.text_input, "Name").set_value("Mine")
    labelled(test.button, "Save it").click().run()
    [saved] = app.saved_questions.find(ws)
    assert (saved.name, test.query_params["question"]) == ("Mine", saved.id)
    labelled(test.text_input, "Name").set_value("").run()
    labelled(test.button, "Save as a new one").click().run()
    assert not test.exception and len(app.saved_questions.find(ws)) == 1


@pytest.mark.parametrize(
    "nonsense", [{"question": "'; DROP TABLE"}, {"ready": "%"}, {"view": "pie"}, {"question": "x"}]
)
def test_nonsense_in_the_address_is_told_and_breaks_nothing(ws: str, nonsense: dict[str, str]) -> None:
    test = page(ws, **nonsense)
    labelled(test.button, "Run").click().run()
    assert not test.exception and "unexpected" not in plain_words(test)
    assert "row" in plain_words(test)


def test_the_answer_is_drawn_and_pivoted_by_choice(app: Application, ws: str) -> None:
    run_twice(app, ws)
    test = page(ws, ready="failures-by-cause")
    assert "No row answers this question." in plain_words(test)
    test = page(ws, ready="figures-by-day")
    assert test.get("plotly_chart"), "it says itself that it is a line"
    labelled(test.selectbox, "Drawn as").set_value("area").run()
    assert not test.exception and test.get("plotly_chart")
    control = next(each for each in test.segmented_control if each.label == "View")
    control.set_value("Pivot").run()
    assert test.query_params["view"] == "pivot"
    [pivot] = [each for each in drawn(test) if each.get("label") == "Pivot"]
    assert pivot["columns"][0]["name"] == "day"
    assert labelled(test.selectbox, "Put together by").value == "sum"


def test_files_and_questions_open_in_windows(app: Application, ws: str) -> None:
    app.datasets.upload(ws, "orders.csv", b"a,b\n1,2\n")
    app.questions.ask(ws, "SELECT 42", by="Ann")
    test = page(ws)
    labelled(test.button, "Tables & files").click().run()
    [listed] = [each for each in drawn(test) if each.get("label") == "Tables"]
    names = [item["title"] for item in listed["items"]]
    assert names[0] == "runs" and names[-1] == "orders"
    test = page(ws)
    labelled(test.button, "Questions").click().run()
    assert [each for each in drawn(test) if each.get("label") == "Ready questions"]


def chart(columns: str, *rows: list[Any]) -> Drawing | None:
    typed = [{"name": name, "type": type} for name, _, type in (each.partition(":") for each in columns.split())]
    return explore_chart.guessed(typed, rows)


def test_a_chart_that_suits_is_guessed() -> None:
    by_day = chart("day:day agent:text n:number", ["2026-01-01", "a", 1], ["2026-01-01", "b", 2])
    assert by_day and (by_day.kind, by_day.x, by_day.y, by_day.series) == ("line", "day", "n", "agent")
    by_name = chart("agent:text n:number m:number", ["a", 1, 2])
    assert by_name and (by_name.kind, by_name.x, by_name.y, by_name.series) == ("bar", "agent", "n", "")
    points = chart("n:number m:number", [1, 2])
    assert points and (points.kind, points.x, points.y) == ("scatter", "n", "m")
    alone = chart("n:number", [1])
    assert alone and alone.kind == "bar"
    assert chart("a:text b:json", ["x", None]) is None


def test_names_from_data_are_no_markup_in_a_chart() -> None:
    drawing = Drawing(kind="bar", x="<b>x</b>", y="y")
    figure = explore_chart.figure(drawing, [('<a href="http://x.example">n</a>', [("<i>p</i>", 1.0)])], by_time=False)
    assert "<" not in figure.data[0].name + figure.data[0].x[0] + figure.layout.xaxis.title.text


def test_rows_are_sorted_with_what_is_empty_last() -> None:
    rows: list[list[Any]] = [[2, "b"], [None, "a"], [10, None]]
    assert sorted_rows(rows, 0, False) == [[2, "b"], [10, None], [None, "a"]]
    assert sorted_rows(rows, 0, True) == [[10, None], [2, "b"], [None, "a"]]
    assert sorted_rows(rows, 1, False)[-1] == [10, None]
    assert sorted_rows([[1], ["a"], [[2]]], 0, False) == [[1], [[2]], ["a"]]
    assert sorted_rows(rows, None, True) is rows and sorted_rows([], 0, True) == []
