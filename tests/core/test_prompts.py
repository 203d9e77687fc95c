"""Prompt libraries: typed variables, versions that lose nothing, and trying a prompt as a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core.application import Application
from ionflux_core.domain.prompts import PromptDraft, PromptVariable, places, rendered
from ionflux_core.errors import Conflict, Invalid, NotFound

AGENTS = Path(__file__).resolve().parents[2] / "agents"
MakeApplication = Callable[..., Application]
GREETING: dict[str, Any] = {
    "name": "Greeting",
    "text": "Dear {{ name }}, it is {{day}} and {{count}} of {{ name }} are left. {{ extra }}",
    "variables": [
        {"name": "name"},
        {"name": "day", "type": "date"},
        {"name": "count", "type": "number", "required": False, "default": 3},
        {"name": "extra", "type": "json_object", "required": False},
    ],
    "tags": ["mail"],
}


@pytest.fixture
def app(make_application: MakeApplication, database_url: str) -> Application:
    return make_application(database_url=database_url)


@pytest.fixture
def ws(app: Application) -> str:
    return app.workspaces.create("Prompts").id


def first_library(app: Application, ws: str) -> str:
    return app.prompts.libraries(ws)[0].id


def test_a_new_workspace_has_a_library_to_begin_with(app: Application, ws: str) -> None:
    (library,) = app.prompts.libraries(ws)
    (prompt,) = app.prompts.find(ws)
    assert library.name == "Marketing Email Prompts"
    assert [each.name for each in prompt.variables] == places(prompt.text)
    app.prompts.stock(ws)
    assert len(app.prompts.find(ws)) == 1


def test_values_are_put_in_by_their_types(app: Application, ws: str) -> None:
    prompt = app.prompts.add(ws, first_library(app, ws), GREETING)
    text = app.prompts.render(ws, prompt.id, {"name": "shirts", "day": "2026-11-21", "extra": '{"a": 1}'})
    assert text == 'Dear shirts, it is 2026-11-21 and 3 of shirts are left. {\n  "a": 1\n}'


def test_everything_that_is_wrong_is_named_at_once(app: Application, ws: str) -> None:
    prompt = app.prompts.add(ws, first_library(app, ws), GREETING)
    with pytest.raises(Invalid) as caught:
        app.prompts.render(ws, prompt.id, {"day": "tomorrow", "count": "many", "extra": "[1]", "colour": "red"})
    assert {problem.path for problem in caught.value.problems} == {"name", "day", "count", "extra", "colour"}
    assert "a date like" in str(caught.value.problems)


@given(st.text(max_size=60))
def test_a_value_is_never_read_again(value: str) -> None:
    draft = PromptDraft(name="p", text="[{{a}}|{{b}}]", variables=[PromptVariable(name="a"), PromptVariable(name="b")])
    if value:
        assert rendered(draft, {"a": value, "b": "{{ a }}"}) == f"[{value}|{{{{ a }}}}]"


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", True, "", "one", "1_0_"])
def test_what_is_no_number_is_refused(value: Any) -> None:
    draft = PromptDraft(name="p", text="{{n}}", variables=[PromptVariable(name="n", type="number")])
    with pytest.raises(Invalid):
        rendered(draft, {"n": value})


@pytest.mark.parametrize(
    "broken",
    [
        {"text": "Hello {{ stranger }}"},
        {"variables": [{"name": "a"}, {"name": "a"}], "text": "{{a}}"},
        {"variables": [{"name": "a b"}], "text": ""},
        {"variables": [{"name": "day", "type": "date", "default": "soon"}], "text": "{{day}}"},
        {"name": ""},
        {"text": "x" * 20_001},
        {"colour": "red"},
    ],
)
def test_a_draft_that_breaks_a_rule_is_refused(app: Application, ws: str, broken: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        app.prompts.add(ws, first_library(app, ws), {"name": "Broken", "text": "x", **broken})


def test_each_save_is_a_version_and_a_restore_loses_nothing(app: Application, ws: str) -> None:
    prompt = app.prompts.add(ws, first_library(app, ws), GREETING)
    changed = app.prompts.save(ws, prompt.id, GREETING | {"text": "Short."}, expected=1, by="ana", message="Shorter.")
    assert (changed.version, changed.author) == (2, "ana")
    again = app.prompts.save(ws, prompt.id, GREETING | {"text": "Short."}, expected=2)
    assert again.version == 2, "nothing changed, so no version is made"
    restored = app.prompts.restore(ws, prompt.id, 1)
    assert (restored.version, restored.text) == (3, GREETING["text"])
    assert [each.version for each in app.prompts.versions(ws, prompt.id)] == [3, 2, 1]
    assert app.prompts.version(ws, prompt.id, 2).text == "Short."


def test_the_second_of_two_who_save_is_told_and_shown_what_stands(app: Application, ws: str) -> None:
    prompt = app.prompts.add(ws, first_library(app, ws), GREETING)
    app.prompts.save(ws, prompt.id, GREETING | {"text": "Mine."}, expected=1, by="ana")
    with pytest.raises(Conflict, match="version 2 by ana") as caught:
        app.prompts.save(ws, prompt.id, GREETING | {"text": "Yours."}, expected=1, by="ben")
    assert caught.value.code == "edited_elsewhere"
    assert caught.value.details["current"]["text"] == "Mine."
    assert app.prompts.get(ws, prompt.id).text == "Mine."


def test_a_fork_stands_alone_and_remembers_where_it_came_from(app: Application, ws: str) -> None:
    prompt = app.prompts.add(ws, first_library(app, ws), GREETING)
    app.prompts.save(ws, prompt.id, GREETING | {"text": "Later."}, expected=1)
    fork = app.prompts.fork(ws, prompt.id, "Greeting of my own", number=1)
    assert fork.derived_from == {"prompt_id": prompt.id, "version": 1}
    assert (fork.version, fork.text) == (1, GREETING["text"])


def test_names_are_taken_within_a_library(app: Application, ws: str) -> None:
    library = first_library(app, ws)
    app.prompts.add(ws, library, GREETING)
    other = app.prompts.add(ws, library, GREETING | {"name": "Another"})
    with pytest.raises(Conflict, match="already"):
        app.prompts.add(ws, library, GREETING)
    with pytest.raises(Conflict, match="already"):
        app.prompts.save(ws, other.id, GREETING, expected=1)
    second = app.prompts.create_library(ws, {"name": "Second"})
    assert app.prompts.add(ws, second.id, GREETING).name == "Greeting"
    with pytest.raises(Conflict, match="already"):
        app.prompts.create_library(ws, {"name": "Second"})


def test_another_workspace_sees_and_changes_nothing(app: Application, ws: str) -> None:
    prompt = app.prompts.add(ws, first_library(app, ws), GREETING)
    other = app.workspaces.create("Other").id
    library = first_library(app, ws)
    attempts: list[Callable[[], Any]] = [
        lambda: app.prompts.get(other, prompt.id),
        lambda: app.prompts.save(other, prompt.id, GREETING, expected=1),
        lambda: app.prompts.versions(other, prompt.id),
        lambda: app.prompts.version(other, prompt.id, 1),
        lambda: app.prompts.set_status(other, prompt.id, "archived"),
        lambda: app.prompts.fork(other, prompt.id, "Stolen"),
        lambda: app.prompts.add(other, library, GREETING),
        lambda: app.prompts.save_library(other, library, {"name": "Mine now"}),
        lambda: app.prompts.try_it(other, prompt.id, {}),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()
    assert all(each.id != prompt.id for each in app.prompts.find(other))


def test_prompts_are_found_by_words_and_paged_by_name(app: Application, ws: str) -> None:
    library = first_library(app, ws)
    for number in range(5):
        app.prompts.add(ws, library, {"name": f"Note {number}", "text": "100 % linen", "tags": [f"t{number}"]})
    assert {each.name for each in app.prompts.find(ws, text="% LINEN")} == {f"Note {n}" for n in range(5)}
    assert [each.name for each in app.prompts.find(ws, text="t3")] == ["Note 3"]
    first = app.prompts.find(ws, library_id=library, limit=3)
    rest = app.prompts.find(ws, library_id=library, after=(first[-1].name, first[-1].id))
    assert [each.name for each in first + rest] == ["Exciting Product Promotion", *(f"Note {n}" for n in range(5))]
    app.prompts.set_status(ws, rest[0].id, "archived")
    assert rest[0].id not in {each.id for each in app.prompts.find(ws)}


def test_trying_a_prompt_is_a_run_that_says_which_engine_answered(
    make_application: MakeApplication,
) -> None:
    app = make_application(agents_dir=AGENTS).start()
    ws = app.workspaces.create("Trying").id
    prompt = app.prompts.add(ws, first_library(app, ws), {"name": "One", "text": "Say something of linen."})
    run = app.runs.wait(ws, app.prompts.try_it(ws, prompt.id, {}, by="ana"), timeout=20)
    assert run.status == "success" and run.outputs is not None
    assert run.outputs["engine"]["kind"] == "local"
    assert run.inputs["prompt_version"] == 1


def test_the_agent_behind_it_is_offered_nowhere(make_application: MakeApplication) -> None:
    app = make_application(agents_dir=AGENTS)
    assert "prompt_runner" in {each.slug for each in app.marketplace.definitions()}
    assert "prompt_runner" not in {each.slug for each in app.marketplace.offered()}
