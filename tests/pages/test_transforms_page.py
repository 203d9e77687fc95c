"""The page of transforms without a browser: what is listed, tried and refused, and how one stands in a flow."""

from __future__ import annotations

from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.transforms.registry import known
from ionflux_ui import transform_try
from tests.pages.shown import labelled, open_page, plain_words


def _pressed(test: Any) -> Any:
    return labelled(test.button, "Try it").click().run()


def test_every_transform_is_listed_and_found_by_words(app: Application) -> None:
    test = open_page("transforms")
    assert len(test.radio(key="transforms-chosen").options) == len(known())
    test = open_page("transforms", q="regular expression")
    assert test.radio(key="transforms-chosen").options == ["Find or replace by a pattern"]
    assert "A pattern that takes too long is stopped" in plain_words(test)
    assert "No transform has these words" in plain_words(open_page("transforms", q="zzz"))


def test_a_transform_is_tried_with_its_example(app: Application) -> None:
    test = _pressed(open_page("transforms", transform="text.split"))
    assert '"summer"' in test.json[0].value
    assert "What came out" in plain_words(test)
    assert not app.runs.find(app.workspaces.all()[0].id).runs


def test_a_log_line_is_shown(app: Application) -> None:
    test = _pressed(open_page("transforms", transform="log@1"))
    assert "The order has come." in plain_words(test)


def test_wrong_inputs_are_told_by_name(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform_try, "current_text", lambda *_, **__: "text: 7\nseparater: x\n")
    said = plain_words(_pressed(open_page("transforms", transform="text.split")))
    assert "'text' must be text" in said
    assert "no input 'separater'" in said


def test_broken_yaml_is_told(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform_try, "current_text", lambda *_, **__: "text: [7\n")
    assert "line 2, column 1" in plain_words(_pressed(open_page("transforms", transform="text.split")))


def test_what_acts_is_tried_as_a_dry_run(app: Application) -> None:
    test = open_page("transforms", transform="email.send")
    said = plain_words(test)
    assert "acts on the world outside" in said
    assert "asks for email:send" in said
    test = labelled(test.button, "Try it as a dry run").click().run()
    ws = app.workspaces.all()[0].id
    run = app.runs.wait(ws, app.runs.find(ws).runs[0].id, timeout=30)
    assert (run.status, run.dry_run) == ("success", True)
    assert run.outputs is not None
    assert run.outputs["status"] == "would_send"
    assert '"would_send"' in test.run().json[0].value


def test_a_dry_run_that_fails_says_why(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform_try, "current_text", lambda *_, **__: "channel: x\n")
    test = labelled(open_page("transforms", transform="chat.post").button, "Try it as a dry run").click().run()
    assert "Input 'text' is missing" in plain_words(test)
    assert not app.runs.find(app.workspaces.all()[0].id).runs


def test_its_inputs_and_its_place_in_a_flow_are_shown(app: Application) -> None:
    said = plain_words(open_page("transforms", transform="data.filter@1", part="Inputs and outputs"))
    assert "| `where` | text | **required** |" in said
    assert "| `undecided` | whole number |" in said
    said = plain_words(open_page("transforms", transform="data.filter@1", part="In a flow"))
    assert "transform: data.filter@1" in said
    assert "{{ nodes.filter.outputs.items }}" in said


def test_a_name_nobody_knows_is_told(app: Application) -> None:
    assert "There is no transform 'text.spilt'" in plain_words(open_page("transforms", transform="text.spilt"))
