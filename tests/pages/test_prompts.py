"""The prompt library as a person meets it: finding, writing, two who save, versions, and trying with a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application, set_current
from tests.pages.shown import labelled, open_page
from tests.pages.shown import plain_words as words

AGENTS = Path(__file__).resolve().parents[2] / "agents"
GREETING: dict[str, Any] = {
    "name": "Greeting",
    "text": "Dear {{ name }}, {{ count }} are left.",
    "variables": [{"name": "name"}, {"name": "count", "type": "number", "required": False, "default": 3}],
    "tags": ["mail"],
}


@pytest.fixture
def app(make_application: Callable[..., Application]) -> Application:
    made = make_application(agents_dir=AGENTS)
    made.workspaces.create("Test")
    set_current(made)
    return made


@pytest.fixture
def ws(app: Application) -> str:
    return app.workspaces.all()[0].id


@pytest.fixture
def library(app: Application, ws: str) -> str:
    return app.prompts.libraries(ws)[0].id


def click(test: AppTest, label: str) -> AppTest:
    return labelled(test.button, label).click().run()  # type: ignore[no-any-return]


def field(test: AppTest, label: str, number: int = 0) -> Any:
    fields = [*test.text_input, *test.text_area, *test.selectbox]
    return [each for each in fields if each.label == label][number]


def test_prompts_are_found_by_library_words_and_pages(app: Application, ws: str, library: str) -> None:
    for number in range(25):
        app.prompts.add(
            ws, library, {"name": f"Note {number:02}", "text": "linen", "tags": ["odd"] if number % 2 else []}
        )
    second = app.prompts.create_library(ws, {"name": "Second"})
    app.prompts.add(ws, second.id, {"name": "Elsewhere"})
    test = open_page("prompts", library=library)
    assert "Note 18" in words(test) and "Note 19" not in words(test) and "Elsewhere" not in words(test)
    assert "Note 24" in words(click(test, "Next page"))
    app.prompts.set_library_status(ws, second.id, "archived")
    found = words(open_page("prompts", q="odd"))
    assert "Note 01" in found and "Note 02" not in found


def test_an_archived_library_takes_its_prompts_with_it(app: Application, ws: str) -> None:
    second = app.prompts.create_library(ws, {"name": "Second"})
    app.prompts.add(ws, second.id, {"name": "Elsewhere"})
    app.prompts.set_library_status(ws, second.id, "archived")
    assert app.prompts.find(ws, text="elsewhere") == []
    assert "Elsewhere" in words(open_page("prompts", q="else", archived="1"))


def test_a_prompt_is_written_with_the_variables_its_text_names(app: Application, ws: str, library: str) -> None:
    test = open_page("prompts", new="1")
    field(test, "Name").set_value("Launch *mail*")
    field(test, "Text").set_value("Tell of {{ product }} to {{audience}}.")
    field(test, "Tags").set_value("mail, launch, mail")
    assert "The text names product, audience: no variable yet." in words(test.run())
    click(test, "Add the prompt")
    assert "which is no variable of the prompt" in words(test)
    click(test, "Declare them")
    assert [each.value for each in test.text_input if each.label == "Variable"] == ["product", "audience"]
    click(test, "Add the prompt")
    (made,) = [each for each in app.prompts.find(ws) if each.name == "Launch *mail*"]
    assert [each.name for each in made.variables] == ["product", "audience"]
    assert (made.tags, test.query_params["prompt"]) == (["mail", "launch"], made.id)


def test_saving_makes_a_version_and_unsaved_words_outlive_a_look_elsewhere(
    app: Application, ws: str, library: str
) -> None:
    prompt = app.prompts.add(ws, library, GREETING)
    test = open_page("prompts", prompt=prompt.id)
    field(test, "Text").set_value("Hello {{ name }}, {{ count }} are left.")
    field(test, "Default", 1).set_value("4")
    test.run()
    test.segmented_control[0].set_value("Try it").run()
    assert "There are unsaved changes" in words(test)
    test.segmented_control[0].set_value("Text").run()
    field(test, "What has changed").set_value("Warmer.")
    click(test, "Save as a new version")
    saved = app.prompts.get(ws, prompt.id)
    assert (saved.version, saved.text[:5], saved.variables[1].default) == (2, "Hello", 4)
    assert app.prompts.versions(ws, prompt.id)[0].message == "Warmer."
    click(test, "Save as a new version")
    assert app.prompts.get(ws, prompt.id).version == 2


def test_the_second_of_two_tabs_is_told_and_keeps_its_text(app: Application, ws: str, library: str) -> None:
    prompt = app.prompts.add(ws, library, GREETING)
    mine = open_page("prompts", prompt=prompt.id)
    app.prompts.save(ws, prompt.id, GREETING | {"text": "Theirs {{ name }} {{ count }}."}, expected=1, by="ana")
    field(mine, "Text").set_value("Mine {{ name }} {{ count }}.")
    click(mine, "Save as a new version")
    assert "Version 2 was saved by ana meanwhile" in words(mine)
    assert "-Theirs" in words(mine) and "+Mine" in words(mine)
    assert field(mine, "Text").value == "Mine {{ name }} {{ count }}."
    assert app.prompts.get(ws, prompt.id).text.startswith("Theirs")
    click(mine, "Save mine over it, with the button below")
    click(mine, "Save as a new version")
    saved = app.prompts.get(ws, prompt.id)
    assert (saved.version, saved.text) == (3, "Mine {{ name }} {{ count }}.")


def test_whoever_has_typed_nothing_goes_along(app: Application, ws: str, library: str) -> None:
    prompt = app.prompts.add(ws, library, GREETING)
    test = open_page("prompts", prompt=prompt.id)
    app.prompts.save(ws, prompt.id, GREETING | {"text": "New {{ name }} {{ count }}."}, expected=1)
    test.run()
    assert field(test, "Text").value == "New {{ name }} {{ count }}."
    assert "meanwhile" not in words(test)


def test_versions_are_compared_and_brought_back(app: Application, ws: str, library: str) -> None:
    prompt = app.prompts.add(ws, library, GREETING)
    app.prompts.save(ws, prompt.id, GREETING | {"text": "Short."}, expected=1, by="ana")
    test = open_page("prompts", prompt=prompt.id, part="Versions")
    assert "-Dear {{ name }}, {{ count }} are left." in words(test) and "+Short." in words(test)
    click(test, "Restore")
    assert app.prompts.get(ws, prompt.id).text == GREETING["text"]
    assert app.prompts.get(ws, prompt.id).version == 3


def test_a_fork_and_its_origin(app: Application, ws: str, library: str) -> None:
    prompt = app.prompts.add(ws, library, GREETING)
    test = open_page("prompts", prompt=prompt.id)
    click(test, "Make the fork")
    (fork,) = [each for each in app.prompts.find(ws) if each.name == "Greeting copy"]
    assert test.query_params["prompt"] == fork.id
    assert "Forked from version 1 of another prompt" in [button.label for button in test.button]


def test_everything_wrong_with_the_values_is_named(app: Application, ws: str, library: str) -> None:
    prompt = app.prompts.add(ws, library, GREETING)
    test = open_page("prompts", prompt=prompt.id, part="Try it")
    field(test, "count (optional)").set_value("many")
    click(test, "Ask the model")
    assert "name is missing." in words(test) and "count must be a number." in words(test)
    assert app.runs.find(ws).runs == []


def test_an_answer_says_its_engine_and_its_cost(app: Application, ws: str, library: str) -> None:
    prompt = app.prompts.add(ws, library, GREETING)
    app.start()
    test = open_page("prompts", prompt=prompt.id, part="Try it")
    field(test, "name").set_value("*Ana*")
    click(test, "Ask the model")
    (run,) = app.runs.find(ws).runs
    app.runs.wait(ws, run.id, timeout=30)
    said = words(test.run())
    assert "Success" in said and "local engine" in said and "$0" in said
    assert "Dear *Ana*, 3 are left." in said
    assert "Open its run" in [link.label for link in test.get("page_link")]


def test_where_a_prompt_is_used(app: Application, ws: str, library: str) -> None:
    prompt = app.prompts.add(ws, library, GREETING)
    assert "No page and no agent" in words(open_page("prompts", prompt=prompt.id, part="Where it is used"))
    page = app.canvas.create(ws, "Launch plan")
    app.canvas.add_block(ws, page.id, "prompt", {"prompt_id": prompt.id})
    app.canvas.add_block(ws, page.id, "text", {"markdown_text": prompt.id})
    (use,) = app.prompts.uses(ws, prompt.id)
    assert (use.kind, use.id, use.title) == ("page", page.id, "Launch plan")
    assert prompt.id in words(open_page("prompts", prompt=prompt.id, part="Where it is used"))


@pytest.mark.parametrize(
    "hostile", ["<img src=x onerror=alert(1)>", "![x](https://evil.example/a.png)", "$\\href{x}{y}$"]
)
def test_words_from_data_are_no_markup(app: Application, ws: str, library: str, hostile: str) -> None:
    app.prompts.add(ws, library, {"name": hostile, "text": hostile, "tags": [hostile]})
    test = open_page("prompts")
    assert not [each for each in test.markdown if hostile in each.value]


def test_an_unknown_prompt_gets_a_sentence(app: Application) -> None:
    assert "There is no such prompt." in words(open_page("prompts", prompt="nobody"))
