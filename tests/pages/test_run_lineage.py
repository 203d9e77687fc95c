"""The run page's ties to other runs: retry, fork and replay by hand, reused steps, calls of a step, and the tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from ionflux_core.domain.runs import Run
from ionflux_ui.run_calls import draw_step_calls
from tests.pages.shown import labelled, open_page, plain_words, words

CODE = '''
"""Writes."""

BROKEN = []


def run(ctx, inputs):
    """Three steps, the last of which may fail."""
    found = ctx.step("Find", lambda: "Hemp shirts.")
    text = ctx.llm.complete(f"Write about {found} For {inputs.get('audience')}.").text
    ctx.step("Check", check, text)
    return {"result": text}


def check(text):
    if BROKEN:
        raise ValueError("Not today.")
    return len(text)
'''
MANIFEST = """
inputs:
  - {key: audience, type: string, runtime_promptable: true}
  - {key: size, type: integer, runtime_promptable: true}
outputs:
  - {key: result, type: markdown}
"""


@pytest.fixture
def broken(make_agent: Callable[..., Path], app: Application) -> list[int]:
    """The agent `writer`; what is put into this list makes its last step fail."""
    make_agent("writer", CODE, manifest=MANIFEST)
    app.catalog.reload()
    app.marketplace.register()
    found: list[int] = app.catalog.code("writer").module.__dict__["BROKEN"]
    return found


def _run(app: Application, ws: str, **inputs: Any) -> Run:
    return app.runs.call(ws, "agent:writer", {"audience": "students", **inputs}, timeout=20)


def _opened(app: Application, ws: str, page: AppTest) -> Run:
    """The run that the page has gone to, once it has ended."""
    return app.runs.wait(ws, page.query_params["run"], timeout=20)


def test_a_failed_run_is_retried_by_a_click(app: Application, ws: str, broken: list[int]) -> None:
    broken.append(1)
    failed = _run(app, ws)
    assert failed.status == "error"
    broken.clear()
    page = open_page("runs", run=failed.id)
    labelled(page.button, "Retry from failed step").click().run()
    done = _opened(app, ws, page)
    assert (done.status, done.lineage, done.parent_run_id) == ("success", "retry", failed.id)
    page.run()
    said = plain_words(page)
    assert "**Retry** of" in said and "Lineage" in said and "First run" in said
    labels = [fold.label for fold in page.expander]
    assert sum(f"from run {failed.id[-8:]}" in label for label in labels) == 2
    assert "Retry from failed step" not in [button.label for button in page.button]


def test_a_fork_is_made_in_the_dialog(app: Application, ws: str, broken: list[int]) -> None:
    parent = _run(app, ws, size=3)
    page = open_page("runs", run=parent.id, fork="@llm")
    said = plain_words(page)
    assert "1 step reused at no cost:" in said and "Find" in said and "The rest will cost about $0.00" in said
    assert labelled(page.selectbox, "Begin at").value == "llm"
    labelled(page.text_input, "Audience").set_value("parents")
    labelled(page.button, "Start the fork").click().run()
    done = _opened(app, ws, page)
    assert (done.lineage, done.forked_at, done.inputs) == ("fork", "llm", {"audience": "parents", "size": 3})
    assert done.changes == {"inputs": {"audience": {"from": "students", "to": "parents"}}}
    page = open_page("runs", run=done.id, step="llm")
    said = plain_words(page)
    assert "Changed: input audience: students → parents" in said and "fork" not in page.query_params
    # The question and the answer of the model stand with the step.
    assert any("For parents." in block.value for block in page.code) and "Prompt" in said and "Answer" in said


def test_inputs_that_are_wrong_are_named_in_the_dialog(app: Application, ws: str, broken: list[int]) -> None:
    parent = _run(app, ws)
    page = open_page("runs", run=parent.id, fork="@")
    labelled(page.toggle, "Edit as JSON").set_value(True).run()
    labelled(page.text_area, "Inputs (JSON)").set_value('{"audience": 5}')
    labelled(page.button, "Start the fork").click().run()
    assert "Look again at: Audience" in plain_words(page) and page.query_params["run"] == parent.id
    labelled(page.text_area, "Inputs (JSON)").set_value("{")
    labelled(page.button, "Start the fork").click().run()
    assert "not a JSON object" in words(page)
    labelled(page.text_area, "Inputs (JSON)").set_value('{"size": 4}')
    labelled(page.button, "Start the fork").click().run()
    assert _opened(app, ws, page).inputs == {"size": 4}


def test_a_step_may_be_given_something_else(app: Application, ws: str, broken: list[int]) -> None:
    parent = _run(app, ws)
    page = open_page("runs", run=parent.id, fork="@Check")
    labelled(page.text_area, "Step inputs (JSON)").set_value('{"args": ["four"], "kwargs": {}}')
    labelled(page.button, "Start the fork").click().run()
    done = _opened(app, ws, page)
    assert [step.outputs for step in app.runs.steps(ws, done.id)][-1] == 4
    assert "this step's own inputs" in plain_words(open_page("runs", run=done.id))


def test_fork_from_here_opens_the_dialog_at_that_step(app: Application, ws: str, broken: list[int]) -> None:
    parent = _run(app, ws)
    page = open_page("runs", run=parent.id, step="Check")
    labelled(page.button, "Fork from here").click().run()
    assert labelled(page.selectbox, "Begin at").value == "Check"
    assert labelled(page.text_input, "Audience").value == "students"


def test_a_fork_takes_another_saved_version(app: Application, ws: str, broken: list[int]) -> None:
    one = app.agents.create(ws, "writer", "one", yaml="inputs:\n  audience: saved 1\n")
    parent = app.runs.call(ws, "one", {}, timeout=20)
    app.agents.save(ws, one.id, "inputs:\n  audience: saved 2\n")
    page = open_page("runs", run=parent.id, fork="@")
    labelled(page.selectbox, "Configuration").set_value(2)
    labelled(page.button, "Start the fork").click().run()
    assert _opened(app, ws, page).inputs == {"audience": "saved 2"}


def test_a_replay_says_that_it_is_the_same(app: Application, ws: str, broken: list[int]) -> None:
    original = _run(app, ws)
    page = open_page("runs", run=original.id)
    labelled(page.button, "Replay").click().run()
    done = _opened(app, ws, page)
    page = open_page("runs", run=done.id)
    said = plain_words(page)
    assert "Identical to the recording" in said and "Dry run" not in said and "local engine" in said
    buttons = [button.label for button in page.button]
    assert "Replay" in buttons and not {"Fork…", "Run again", "Retry from failed step"} & set(buttons)


def test_a_run_without_relatives_shows_no_tree(app: Application, ws: str, broken: list[int]) -> None:
    page = open_page("runs", run=_run(app, ws).id)
    assert "Lineage" not in [each.value for each in page.subheader]


def test_the_answer_of_a_step_is_shown_while_it_is_written() -> None:
    def script() -> None:
        from types import SimpleNamespace
        from typing import Any, cast

        from ionflux_ui.run_calls import draw_step_calls

        runs = SimpleNamespace(step_calls=lambda *_, **__: [])
        run = SimpleNamespace(workspace_id="w", id="r")
        step = SimpleNamespace(kind="llm", source_run_id=None, step_key="llm", status="running",
                               outputs={"text": "Dear parents, we"})  # fmt: skip
        draw_step_calls(cast(Any, SimpleNamespace(runs=runs)), cast(Any, run), cast(Any, step))

    assert draw_step_calls
    page = AppTest.from_function(script).run()
    assert not page.exception and [block.value for block in page.code] == ["Dear parents, we"]
