"""The page of pages as a person meets it: empty, opened, its windows, its settings, what is too large, and history."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from ionflux_core.domain.canvas import CanvasPage, Place
from ionflux_core.errors import Conflict, Invalid
from ionflux_core.services import block_fields
from ionflux_core.services.block_outputs import BlockOutputs
from ionflux_ui.canvas_board import Did
from ionflux_ui.canvas_configure import link_to
from ionflux_ui.canvas_deeds import deeds_on
from ionflux_ui.canvas_fields import key_of
from ionflux_ui.canvas_output import as_csv, parts_of, rows_at_once, rows_of
from tests.pages.shown import labelled, open_page, plain_words, words


@pytest.fixture
def page(app: Application, ws: str) -> CanvasPage:
    """A page with a text that another text reads."""
    made = app.canvas.create(ws, "Plan")
    app.canvas.add_block(ws, made.id, "text", {"title_text": "", "markdown_text": "Seven"}, name="goal")
    app.canvas.add_block(
        ws, made.id, "text", {"title_text": "", "markdown_text": "{{ blocks.goal.output }}!"}, name="echo"
    )
    return app.canvas.page(ws, made.id)


def elements(test: AppTest) -> dict[str, Any]:
    """What each light element of the page was given, by its name."""
    return {each.proto.component_name: json.loads(each.proto.json) for each in test.get("bidi_component")}


def board(test: AppTest) -> dict[str, Any]:
    found: dict[str, Any] = elements(test)["ionflux_canvas"]
    return found


def with_window(page_id: str, name: str, **given: Any) -> AppTest:
    """The page with a window open over it."""
    test = open_page("canvas", page=page_id)
    test.session_state["canvas_window"] = (name, given)
    test.run()
    assert not test.exception
    return test


def block(app: Application, ws: str, page: CanvasPage, name: str) -> Any:
    return next(each for each in app.canvas.page(ws, page.id).blocks if each.name == name)


def test_no_page_says_what_pages_are_for_and_makes_one(app: Application, ws: str) -> None:
    test = open_page("canvas")
    assert "There is no page yet." in words(test)
    labelled(test.button, "Make a page").click().run()
    labelled(test.text_input, "Title").set_value("Campaign")
    labelled(test.button, "Make the page").click().run()
    [made] = app.canvas.tree(ws)
    assert made.title == "Campaign"
    assert test.query_params["page"] in (made.id, [made.id])
    assert board(test)["blocks"] == []


def test_a_page_is_drawn_with_its_tree_its_way_and_its_blocks(app: Application, ws: str, page: CanvasPage) -> None:
    below = app.canvas.create(ws, "Below", parent_id=page.id)
    drawn = elements(open_page("canvas", page=below.id))
    assert [(each["title"], each["depth"]) for each in drawn["ionflux_canvas_tree"]["pages"]] == [
        ("Plan", 0),
        ("Below", 1),
    ]
    assert [each["title"] for each in drawn["ionflux_canvas_head"]["crumbs"]] == ["Plan"]
    assert drawn["ionflux_canvas_head"]["page"]["title"] == "Below"
    shown = board(open_page("canvas", page=page.id))
    assert [each["view"]["text"] for each in shown["blocks"]] == ["Seven", "Seven!"]
    assert len(shown["kinds"]) == len(block_fields.kinds()) >= 14
    assert not shown["page"]["read_only"]


def test_without_an_address_the_first_page_opens_and_an_unknown_one_gets_a_sentence(
    app: Application, ws: str, page: CanvasPage
) -> None:
    assert board(open_page("canvas"))["page"]["id"] == page.id
    assert "There is no such page" in words(open_page("canvas", page="nobody"))


def test_an_archived_page_is_read_only_until_it_is_brought_back(app: Application, ws: str, page: CanvasPage) -> None:
    app.canvas.set_page_status(ws, page.id, "archived")
    test = open_page("canvas", page=page.id)
    assert board(test)["page"]["read_only"]
    labelled(test.button, "Bring it back").click().run()
    assert app.canvas.page(ws, page.id).status == "active"
    assert not board(test)["page"]["read_only"]


@pytest.mark.parametrize("type", [each.type for each in block_fields.kinds()])
def test_every_kind_has_a_form_that_saves_what_it_shows(app: Application, ws: str, page: CanvasPage, type: str) -> None:
    made = app.canvas.add_block(ws, page.id, type)
    test = with_window(page.id, "configure", block=made.id)
    labelled(test.text_input, "Title").set_value("A title")
    labelled(test.button, "Save").click().run()
    assert not test.exception
    assert app.canvas.block(ws, made.id).content == {**made.content, "title_text": "A title"}


def test_wrong_fields_are_named_and_nothing_is_saved(app: Application, ws: str, page: CanvasPage) -> None:
    made = app.canvas.add_block(ws, page.id, "image")
    test = with_window(page.id, "configure", block=made.id)
    labelled(test.text_input, "Address").set_value("javascript:alert(1)")
    labelled(test.button, "Save").click().run()
    assert "write an address that begins with" in plain_words(test) and "Nothing was saved." in plain_words(test)
    assert app.canvas.block(ws, made.id).content == made.content


def test_json_that_is_none_is_refused_at_its_field(app: Application, ws: str, page: CanvasPage) -> None:
    made = app.canvas.add_block(ws, page.id, "json_display")
    test = with_window(page.id, "configure", block=made.id)
    labelled(test.text_area, "Data").set_value("{'a': 1}")
    labelled(test.button, "Save").click().run()
    assert "This is not JSON" in plain_words(test)
    labelled(test.text_area, "Data").set_value('{"a": [1, 2]}')
    labelled(test.button, "Save").click().run()
    assert app.canvas.block(ws, made.id).content["json_data_to_display"] == {"a": [1, 2]}


def test_a_text_of_a_megabyte_gets_a_clear_sentence(app: Application, ws: str, page: CanvasPage) -> None:
    goal = block(app, ws, page, "goal")
    test = with_window(page.id, "configure", block=goal.id)
    labelled(test.text_area, "Text").set_value("a" * 1_000_001)
    labelled(test.button, "Save").click().run()
    assert "at most 100000 characters" in plain_words(test).replace(",", "")
    assert block(app, ws, page, "goal").content == goal.content
    with pytest.raises(Invalid):
        save = {"revision": goal.revision, "content": {"markdown_text": "a" * 1_000_001}}
        deeds_on(ws, page.id)(Did("save", goal.id, save))


def test_who_edited_elsewhere_meanwhile_is_told_of_and_nothing_is_lost(
    app: Application, ws: str, page: CanvasPage
) -> None:
    goal = block(app, ws, page, "goal")
    test = with_window(page.id, "configure", block=goal.id)
    labelled(test.text_area, "Text").set_value("Mine")
    app.canvas.save_block(ws, goal.id, revision=goal.revision, content={**goal.content, "markdown_text": "Theirs"})
    labelled(test.button, "Save").click().run()
    assert "was changed elsewhere" in plain_words(test)
    assert labelled(test.text_area, "Text").value == "Mine"
    assert block(app, ws, page, "goal").content["markdown_text"] == "Theirs"
    labelled(test.button, "Save mine in place of theirs").click().run()
    assert block(app, ws, page, "goal").content["markdown_text"] == "Mine"


def test_an_agent_is_chosen_with_its_inputs_and_its_output(app: Application, ws: str, page: CanvasPage) -> None:
    instance = app.agents.create(ws, "word_counter", "Counter")
    made = app.canvas.add_block(ws, page.id, "agent_snippet", {"agent_configuration_id": instance.id})
    test = with_window(page.id, "configure", block=made.id)
    labelled(test.selectbox, "Output to show").set_value("report")
    test.text_area(key=f"{key_of(made.id, 'inputs')}-text").set_value("{{ blocks.goal.output }}")
    labelled(test.button, "Save").click().run()
    content = app.canvas.block(ws, made.id).content
    assert content["agent_last_run_output_key_ref"] == "report"
    assert content["inputs"] == {"text": "{{ blocks.goal.output }}"}
    app.agents.set_status(ws, instance.id, "archived")
    test = with_window(page.id, "configure", block=made.id)
    assert labelled(test.selectbox, "Agent").value == instance.id


def test_the_names_that_can_be_read_are_offered_to_copy(app: Application, ws: str, page: CanvasPage) -> None:
    test = with_window(page.id, "configure", block=block(app, ws, page, "echo").id)
    labelled(test.selectbox, "Another block").set_value("goal").run()
    assert "{{ blocks.goal.output }}" in [each.value for each in test.code]
    labelled(test.selectbox, "A page, agent, brand or creator").set_value("Plan (page)").run()
    assert f"[Plan](canvas?page={page.id})" in [each.value for each in test.code]


def test_a_mention_cannot_break_out_of_its_link() -> None:
    assert link_to("page", "p1", "a](https://evil.example)![x") == (
        "[a\\]\\(https\\:/\u2060/evil\\.example\\)\\!\\[x](canvas?page=p1)"
    )


def test_a_deed_does_what_it_says(app: Application, ws: str, page: CanvasPage) -> None:
    act, goal = deeds_on(ws, page.id), block(app, ws, page, "goal")
    act(Did("place", "", {"places": {goal.id: {"x": 3, "y": 9, "width": 5, "height": 2}}}))
    assert block(app, ws, page, "goal").place == Place(x=3, y=9, width=5, height=2)
    act(Did("rename", goal.id, {"name": "aim"}))
    assert block(app, ws, page, "echo").content["markdown_text"] == "{{ blocks.aim.output }}!"
    act(Did("duplicate", goal.id, {}))
    act(Did("remove", goal.id, {}))
    assert {each.name for each in app.canvas.page(ws, page.id).blocks} == {"aim_2", "echo"}
    act(Did("undo", goal.id, {}))
    act(Did("convert", goal.id, {"type": "json_display"}))
    assert block(app, ws, page, "aim").type == "json_display"
    act(Did("add", "", {"type": "agent_snippet", "definition": "word_counter"}))
    act(Did("add", "", {"type": "agent_snippet", "definition": "word_counter"}))
    assert len(app.agents.find(ws)) == 2
    for wrong in (Did("place", "", {"places": {goal.id: {"x": 40}}}), Did("dance", "", {}), Did("save", goal.id, {})):
        with pytest.raises(Invalid):
            act(wrong)


def test_an_old_revision_is_a_conflict_for_the_board(app: Application, ws: str, page: CanvasPage) -> None:
    act, goal = deeds_on(ws, page.id), block(app, ws, page, "goal")
    content = {"title_text": "", "markdown_text": "one"}
    act(Did("save", goal.id, {"revision": goal.revision, "content": content}))
    with pytest.raises(Conflict) as caught:
        act(Did("save", goal.id, {"revision": goal.revision, "content": {**content, "markdown_text": "two"}}))
    assert caught.value.code == "edited_elsewhere"


def test_history_shows_what_differs_and_brings_it_back(app: Application, ws: str, page: CanvasPage) -> None:
    goal = block(app, ws, page, "goal")
    app.canvas.save_block(ws, goal.id, revision=goal.revision, content={"markdown_text": "Eight"}, by="Someone else")
    first = app.canvas.history(ws, page.id)[1]
    test = with_window(page.id, "history", page=page.id)
    assert "This is the page as it is." in words(test)
    labelled(test.selectbox, "Version").set_value(first.version).run()
    assert "different today" in words(test)
    labelled(test.button, "Restore this version").click().run()
    assert block(app, ws, page, "goal").content["markdown_text"] == "Seven"
    assert app.canvas.history(ws, page.id)[0].version > first.version


def test_templates_are_saved_and_made_into_pages(app: Application, ws: str, page: CanvasPage) -> None:
    test = with_window(page.id, "template", page=page.id)
    labelled(test.text_input, "Name of the template").set_value("Weekly")
    labelled(test.button, "Save the template").click().run()
    [template] = app.canvas.templates(ws)
    test = with_window(page.id, "new", template=template.id)
    labelled(test.text_input, "Title").set_value("Week 47")
    labelled(test.button, "Make the page").click().run()
    made = next(each for each in app.canvas.tree(ws) if each.title == "Week 47")
    assert [each.name for each in app.canvas.page(ws, made.id).blocks] == ["goal", "echo"]


def test_a_page_moves_below_another_but_not_below_itself(app: Application, ws: str, page: CanvasPage) -> None:
    other = app.canvas.create(ws, "Other")
    below = app.canvas.create(ws, "Below", parent_id=page.id)
    test = with_window(page.id, "move", page=page.id)
    assert [each.strip() for each in labelled(test.selectbox, "Below").options] == ["The top of the tree", "Other"]
    labelled(test.selectbox, "Below").set_value(other.id)
    labelled(test.button, "Move it").click().run()
    assert [(each.id, each.depth) for each in app.canvas.tree(ws)] == [(other.id, 0), (page.id, 1), (below.id, 2)]


def test_an_output_of_five_megabytes_is_shown_in_parts(app: Application, ws: str, page: CanvasPage) -> None:
    text = "\n".join(f"line {number} " + "x" * 90 for number in range(50_000))
    parts = parts_of(text)
    assert "".join(parts) == text and max(len(part.encode()) for part in parts) <= 32 * 1024
    assert "".join(parts_of("ü" * 100_000)) == "ü" * 100_000
    rows = rows_of([{"name": "y" * 500, "more": {"a": 1}}] * 3_000)
    assert rows is not None and rows_at_once(rows) < len(rows)
    assert parts_of("") == [""]


def test_a_cell_that_looks_like_a_formula_stays_text_in_a_csv_file() -> None:
    assert as_csv([{"a": "=1+1", "b": 2}]).decode("utf-8-sig").splitlines() == ["a,b", "'=1+1,2"]


def test_the_whole_output_of_an_agent_comes_from_its_run(
    app: Application, ws: str, page: CanvasPage, make_agent: Any
) -> None:
    code = 'def run(ctx, inputs):\n    return {"result": "z" * 3_000_000}\n'
    make_agent("talker", code)
    app.catalog.reload()
    app.marketplace.register()
    instance = app.agents.create(ws, "talker", "Talker")
    made = app.canvas.add_block(ws, page.id, "agent_snippet", {"agent_configuration_id": instance.id})
    run_id = app.refreshing.run_block(ws, made.id)
    assert run_id is not None
    run = app.runs.wait(ws, run_id, timeout=60)
    assert run.status == "success", run.error
    app.refreshing.take(ws, made.id, run)
    [output] = [
        each for each in BlockOutputs(app.canvas, app.refreshing, app.runs).whole(ws, made.id) if each.key == "result"
    ]
    assert output.value == "z" * 3_000_000
    shown = next(each for each in board(open_page("canvas", page=page.id))["blocks"] if each["id"] == made.id)
    assert len(json.dumps(shown)) < 200_000
    test = with_window(page.id, "open", block=made.id)
    assert any(each.label.startswith("Part, of") for each in test.number_input)
    assert len(words(test)) < 200_000
