"""The page that puts two runs side by side, and a run as a file on the Runs page."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from ionflux_core.domain.comparisons import Figure, RunComparison
from ionflux_core.domain.configuration_differences import configuration_difference
from ionflux_core.redaction import Redactor
from ionflux_ui.compare_versions import summary_of
from ionflux_ui.compare_view import facts_of, step_items, value_items
from tests.pages.shown import labelled, open_page, plain_words, words

MakeAgent = Callable[..., Path]
CODE = '''
"""Writes."""


def run(ctx, inputs):
    """A draft, and a step the other run has not."""
    to = (inputs.get("value") or {}).get("to", "Ada")
    ctx.step("Read", lambda: {"voice": "warm"})
    ctx.step("Write", lambda: f"Dear {to},\\nthe rest of the letter stays as it is, whoever reads it.")
    if to == "Bob":
        ctx.step("Extra", lambda: 1)
        raise ValueError("<b>Bob</b> is on the list")
    ctx.kpi("words", 11)
    return {"result": {"to": to}}
'''


@pytest.fixture
def writer(make_agent: MakeAgent, app: Application) -> Application:
    make_agent("writer", CODE)
    app.catalog.reload()
    app.marketplace.register()
    return app


def ran(application: Application, to: str) -> str:
    ws = application.workspaces.all()[0].id
    started = application.runs.start(ws, "agent:writer", {"value": {"to": to}})
    return application.runs.wait(ws, started.run_id, timeout=20).id


def compared(application: Application, one: str, two: str) -> RunComparison:
    return application.comparisons.runs(application.workspaces.all()[0].id, one, two)


def in_address(test: AppTest, name: str) -> str | None:
    value = test.query_params.get(name)
    return value[0] if isinstance(value, list) else value


def test_without_a_choice_the_page_says_what_to_do(writer: Application) -> None:
    test = open_page("compare")
    assert "Choose two runs." in words(test)
    assert labelled(test.button, "Swap").disabled


def test_the_address_names_the_two_runs_and_the_sides_can_be_swapped(writer: Application) -> None:
    one, two = ran(writer, "Ada"), ran(writer, "Bob")
    test = open_page("compare", left=one, right=two)
    assert [box.value for box in test.selectbox] == [one, two]
    assert "1 the same, 1 different, 1 only on the right." in plain_words(test)
    labelled(test.button, "Swap").click().run()
    assert (in_address(test, "left"), in_address(test, "right")) == (two, one)
    assert "1 only on the left" in plain_words(test)


def test_choosing_runs_puts_them_into_the_address(writer: Application) -> None:
    one, two = ran(writer, "Ada"), ran(writer, "Ada")
    test = open_page("compare", left=one)
    assert "Choose the other run." in words(test)
    labelled(test.selectbox, "Right").set_value(two).run()
    assert in_address(test, "right") == two
    assert "2 the same." in plain_words(test)


def test_a_run_of_another_workspace_and_the_same_run_twice_are_told_kindly(writer: Application) -> None:
    one = ran(writer, "Ada")
    test = open_page("compare", left=one, right="someone-elses")
    assert "not in this workspace any more" in words(test)
    assert "cannot be compared with itself" in words(open_page("compare", left=one, right=one))


def test_what_is_drawn_is_plain_text_with_the_difference_of_every_step(writer: Application) -> None:
    found = compared(writer, ran(writer, "Ada"), ran(writer, "Bob"))
    facts = {fact["name"]: fact for fact in facts_of(found, None, "UTC")}
    assert facts["Status"]["left"]["text"] == "Success" and facts["Status"]["right"]["text"] == "Error"
    assert facts["Error"]["right"]["text"] == "ValueError: <b>Bob</b> is on the list"
    assert facts["words"]["left"]["text"] == "11" and facts["words"]["right"]["text"] == "–"
    items = {item["title"]: item for item in step_items(found.steps, hide_same=False)}
    assert [items[name]["badge"]["text"] for name in ("Read", "Write", "Extra")] == [
        "The same", "Differs", "Only on the right",
    ]  # fmt: skip
    (change,) = items["Write"]["parts"][0]["changes"]
    assert change["rows"][0][0] == "changed" and change["rows"][1][0] == "same"
    assert items["Write"]["open"] and not items["Read"]["open"]
    assert [item["title"] for item in step_items(found.steps, hide_same=True)] == ["Write", "Extra"]
    (value,) = value_items(found.inputs, hide_same=True)
    assert value["parts"][0]["changes"][0] | {"label": ""} == {
        "path": "to", "label": "", "left": "Ada", "right": "Bob", "rows": None,
    }  # fmt: skip


def test_a_figure_is_coloured_by_what_is_better_and_only_when_it_matters(writer: Application) -> None:
    from ionflux_ui.compare_view import _delta

    assert _delta(Figure("x", 100.0, 50.0, -50.0), "down", "") == ("−50 (−50%)", "green")
    assert _delta(Figure("x", 100.0, 50.0, -50.0), "up", "") == ("−50 (−50%)", "red")
    assert _delta(Figure("x", 100.0, 101.0, 1.0), "down", "")[1] == "gray"
    assert _delta(Figure("seconds", 0.001, 0.004, 0.003), "down", "seconds")[1] == "gray"
    assert _delta(Figure("x", 5.0, 5.0, 0.0), "down", "") == ("the same", "gray")
    assert _delta(Figure("x", None, 5.0, None), "down", "") == ("", "gray")


def test_versions_are_summed_up_in_words() -> None:
    redactor = Redactor()
    before = "a: 1\nsteps:\n  - {key: x}\n  - {key: y}\n"
    moved = "steps:\n  - {key: y}\n  - {key: x}\na: 1\n"
    assert "They mean the same" in summary_of(configuration_difference(before, moved, redactor))
    assert "1 value changed" in summary_of(configuration_difference(before, before.replace("1", "2"), redactor))
    assert "no YAML" in summary_of(configuration_difference(before, "a: [", redactor))


def test_an_imported_run_is_shown_as_one_and_cannot_be_run_again(writer: Application, tmp_path: Path) -> None:
    run_id, ws = ran(writer, "Ada"), writer.workspaces.all()[0].id
    target = io.BytesIO()
    writer.run_files.export(ws, run_id, target)
    path = tmp_path / "x.ionrun"
    path.write_bytes(target.getvalue())
    there = writer.run_files.bring_in(ws, path).run_id
    test = open_page("runs", run=there)
    assert "Imported from Test" in plain_words(test)
    assert "Run again" not in {button.label for button in test.button}
    own = open_page("runs", run=run_id)
    assert "Imported from" not in words(own)
    assert "Run again" in {button.label for button in own.button}
    downloads: list[Any] = own.get("download_button")
    assert any(each.proto.label == "Export" for each in downloads)


def test_two_runs_of_the_list_are_ticked_on_demand(writer: Application) -> None:
    ran(writer, "Ada")
    test = open_page("runs")
    labelled(test.button, "Compare").click().run()
    assert "Tick two runs" in words(test)
    labelled(test.button, "Stop comparing").click().run()
    assert "Tick two runs" not in words(test)
