"""The flows page without a browser: what is listed, made, drawn, edited, kept, saved, run and brought back."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from ionflux_core.domain.agents import AgentInstance
from ionflux_core.errors import Conflict, Invalid
from ionflux_ui.flow_desk import Desk, open_desk
from ionflux_ui.flow_words import triggers_in_words
from tests.pages.shown import drawn, labelled, open_page, plain_words, words

GREETER = """\
# kept as it is
name: greeter
title: Greeter
description: Says hello to whoever comes.
triggers:
  - {key: manual, type: manual}
  - {key: nightly, type: schedule, cron: "0 5 * * *"}
input_schema:
  type: object
  required: [who]
  properties: {who: {type: string, description: Whom to greet.}}
graph:
  - id: hello  # the first
    transform: text.template@1
    inputs: {template: "Hello {{ trigger.input_data.who }}"}
  - {id: told, transform: log@1, inputs: {message: "{{ nodes.hello.outputs.text }}"}}
output: {text: "{{ nodes.hello.outputs.text }}"}
"""


@pytest.fixture
def flow(app: Application, ws: str) -> AgentInstance:
    return app.flows.create(ws, GREETER)


def canvas(test: AppTest) -> dict[str, Any]:
    """What the picture is given."""
    return next(each for each in drawn(test) if "picture" in each)


def states(data: dict[str, Any]) -> dict[str, str]:
    """How the nodes stand at the end of the run that is shown."""
    return {key: state["status"] for moment in data["run"]["moments"] for key, state in moment["changes"].items()}


def test_an_empty_list_says_what_flows_are_for(app: Application) -> None:
    test = open_page("flows")
    assert "No flows yet" in words(test) and labelled(test.button, "New flow")


def test_the_list_says_what_starts_a_flow_and_when_next(app: Application, flow: AgentInstance) -> None:
    (row,) = drawn(open_page("flows"))[0]["rows"]
    assert (row["title"], row["name"]) == ("Greeter", "greeter")
    assert row["triggers"] == "by hand, at 0 5 * * *"
    assert row["last"] is None and row["next"]["when"].startswith("in ")
    assert triggers_in_words([]) == "by hand only"
    assert "No flow matches" in words(open_page("flows", q="invoices"))


def test_a_new_flow_says_hello_and_runs_as_it_is(app: Application, ws: str) -> None:
    test = open_page("flows", new="1")
    labelled(test.text_input, "Title").set_value("Order: guard").run()
    assert "order_guard" in plain_words(test)
    labelled(test.button, "Create").click().run()
    (made,) = app.flows.find(ws)
    assert made.name == "order_guard" and "Hello IONFLUX" in made.yaml
    assert app.flow_pictures.title(made) == "Order: guard"
    run = app.runs.wait(ws, app.runs.start(ws, made.id, {}).run_id, timeout=20)
    assert run.status == "success", run.error
    again = open_page("flows", new="1")
    labelled(again.text_input, "Title").set_value("Order guard").run()
    assert "order_guard_2" in plain_words(again), "a taken name is not offered"


def test_the_picture_is_of_the_text_beside_it(app: Application, flow: AgentInstance) -> None:
    test = open_page("flows", flow=flow.id)
    data = canvas(test)
    assert [node["key"] for node in data["picture"]["nodes"]] == ["hello", "told"]
    assert [(edge["source"], edge["target"]) for edge in data["picture"]["edges"]] == [("hello", "told")]
    assert data["editable"] and data["problems"] == []
    template = next(offer for offer in data["offers"] if offer["name"] == "text.template@1")
    assert template["fields"][0]["path"] == ["inputs", "template"]
    unused = next(offer for offer in data["offers"] if offer["name"] == "time.now@1")
    assert unused["fields"] == [], "what no node calls travels without its fields"
    assert {offer["kind"] for offer in data["offers"]} >= {"transform", "agent", "approval", "foreach"}
    assert "Version 1, as saved" in words(test)


def test_a_page_of_no_flow_leads_back(app: Application) -> None:
    test = open_page("flows", flow="nothing")
    assert "There is no flow" in words(test)


@pytest.fixture
def desk(flow: AgentInstance) -> Desk:
    return open_desk(flow)


def test_what_is_done_on_the_picture_is_undone_and_done_again(desk: Desk) -> None:
    desk.do({"action": "add", "kind": "wait", "after": "told"})
    added = desk.text
    assert desk.chosen == ("wait",) and "# the first" in added
    desk.do({"action": "delete", "keys": ["hello"]})
    desk.do({"action": "undo"})
    assert desk.text == added
    desk.do({"action": "undo"})
    assert desk.text == GREETER and desk.draft.is_changed is False
    desk.do({"action": "redo"})
    assert desk.text == added
    desk.do({"action": "place", "places": [["wait", 5, 6]]})
    desk.do({"action": "redo"})
    assert "position: {x: 5, y: 6}" in desk.text, "a new change forgets what was undone"


def test_nodes_are_copied_from_one_flow_to_another(app: Application, ws: str, desk: Desk) -> None:
    desk.do({"action": "copy", "keys": ["hello", "told"]})
    other = open_desk(app.flows.create(ws, "name: other\ngraph:\n  - {id: hello, wait: {for: 1m}}\n"))
    other.do({"action": "paste"})
    assert "nodes.hello_2.outputs.text" in other.text
    other.do({"action": "duplicate", "keys": ["told"]})
    picture, readable, problems = other.look()
    assert readable and problems == []
    assert [node.key for node in picture.nodes] == ["hello", "hello_2", "told", "told_2"]


def test_while_the_text_cannot_be_read_the_last_picture_stands(desk: Desk) -> None:
    desk.look()
    desk.put(GREETER.replace("graph:", "graph: ["))
    picture, readable, problems = desk.look()
    assert not readable and problems and [node.key for node in picture.nodes] == ["hello", "told"]
    with pytest.raises(Invalid):
        desk.do({"action": "add", "kind": "wait"})
    desk.do({"action": "undo"})
    assert desk.look()[1]


def test_a_draft_is_kept_with_its_problems_and_is_there_again(app: Application, flow: AgentInstance) -> None:
    broken = GREETER.replace("nodes.hello", "nodes.nobody")
    app.flows.keep_draft(flow.workspace_id, flow.id, broken, base_version=1)
    test = open_page("flows", flow=flow.id)
    data = canvas(test)
    assert "nobody" in data["problems"][0]["message"]
    told = next(node for node in data["picture"]["nodes"] if node["key"] == "told")
    assert told["problems"] == [0]
    assert labelled(test.button, "Review and save").disabled
    labelled(test.button, "Discard").click().run()
    assert canvas(test)["problems"] == [] and app.flows.draft(flow.workspace_id, flow.id) is None


def test_a_text_becomes_a_version_after_it_was_reviewed(app: Application, flow: AgentInstance) -> None:
    app.flows.keep_draft(flow.workspace_id, flow.id, GREETER.replace("Hello", "Good day"), base_version=1)
    test = open_page("flows", flow=flow.id)
    labelled(test.button, "Review and save").click().run()
    assert "Good day" in test.code[0].value
    labelled(test.button, "Save as a new version").click().run()
    saved = app.flows.get(flow.workspace_id, flow.id)
    assert saved.version == 2 and "Good day" in saved.yaml and "# kept as it is" in saved.yaml
    assert "Version 2, as saved" in words(test)


def test_an_address_that_asks_for_a_review_of_nothing_asks_no_longer(app: Application, flow: AgentInstance) -> None:
    test = open_page("flows", flow=flow.id, review="1")
    assert "review" not in test.query_params and not test.exception


def test_who_saved_meanwhile_is_told_and_nothing_is_lost(app: Application, flow: AgentInstance) -> None:
    mine, theirs = GREETER.replace("Hello", "Good day"), GREETER.replace("Hello", "Ahoy")
    app.flows.keep_draft(flow.workspace_id, flow.id, mine, base_version=1)
    test = open_page("flows", flow=flow.id)
    app.agents.save(flow.workspace_id, flow.id, theirs, by="Ana")
    labelled(test.button, "Review and save").click().run()
    assert "Version 2 was saved meanwhile" in words(test) and "Ana" in words(test)
    assert "Ahoy" in test.code[0].value and "Good day" in test.code[0].value
    labelled(test.button, "Save mine over version 2").click().run()
    assert [version.version for version in app.agents.versions(flow.workspace_id, flow.id)] == [3, 2, 1]
    assert "Good day" in app.flows.get(flow.workspace_id, flow.id).yaml
    with pytest.raises(Conflict):
        app.flows.save(flow.workspace_id, flow.id, theirs, expected_version=2)


def test_an_earlier_version_is_brought_back(app: Application, flow: AgentInstance) -> None:
    app.flows.save(flow.workspace_id, flow.id, GREETER.replace("Hello", "Ahoy"), message="sea words")
    test = open_page("flows", flow=flow.id, tab="versions")
    assert "sea words" in words(test)
    labelled(test.button, "Restore").click().run()
    saved = app.flows.get(flow.workspace_id, flow.id)
    assert saved.version == 3 and saved.yaml == GREETER


def test_the_form_asks_for_what_the_flow_is_started_with(app: Application, flow: AgentInstance) -> None:
    test = open_page("flows", flow=flow.id, start="run")
    labelled(test.button, "Start the run").click().run()
    assert "Look again at: Who" in plain_words(test)
    labelled(test.text_input, "Who \\*").set_value("Rui").run()
    labelled(test.button, "Start the run").click().run()
    (found,) = app.runs.find(flow.workspace_id).runs
    run = app.runs.wait(flow.workspace_id, found.id, timeout=20)
    assert run.outputs == {"text": "Hello Rui"} and test.query_params["run"] == run.id


def test_a_dry_run_takes_the_text_as_it_stands(app: Application, flow: AgentInstance) -> None:
    app.flows.keep_draft(flow.workspace_id, flow.id, GREETER.replace("Hello", "Ahoy"), base_version=1)
    test = open_page("flows", flow=flow.id, start="dry")
    assert "takes your text as it stands" in words(test)
    labelled(test.text_input, "Who \\*").set_value("Rui").run()
    labelled(test.button, "Start the dry run").click().run()
    (found,) = app.runs.find(flow.workspace_id).runs
    run = app.runs.wait(flow.workspace_id, found.id, timeout=20)
    assert run.dry_run and run.outputs == {"text": "Ahoy Rui"}
    shown = canvas(open_page("flows", flow=flow.id, run=run.id))
    assert shown["picture"]["nodes"][0]["values"]["inputs"] == {"template": "Ahoy {{ trigger.input_data.who }}"}
    assert states(shown) == {"hello": "success", "told": "success"}


def test_a_run_is_shown_on_the_picture_of_the_text_it_took(app: Application, flow: AgentInstance) -> None:
    started = app.runs.start(flow.workspace_id, flow.id, {"who": "Rui"})
    app.runs.wait(flow.workspace_id, started.run_id, timeout=20)
    app.flows.save(flow.workspace_id, flow.id, "name: greeter\ngraph:\n  - {id: pause, wait: {for: 1m}}\n")
    test = open_page("flows", flow=flow.id, run=started.run_id)
    data = canvas(test)
    assert [node["key"] for node in data["picture"]["nodes"]] == ["hello", "told"]
    assert states(data) == {"hello": "success", "told": "success"}
    assert not data["editable"] and not data["run"]["live"]
    (visit,) = app.flow_pictures.visits(flow.workspace_id, started.run_id, "hello")
    assert visit.step.outputs["text"] == "Hello Rui"


def test_a_run_of_something_else_is_told_and_not_drawn(app: Application, flow: AgentInstance) -> None:
    started = app.runs.start(flow.workspace_id, "agent:word_counter", {"text": "two words"})
    app.runs.wait(flow.workspace_id, started.run_id, timeout=20)
    test = open_page("flows", flow=flow.id, run=started.run_id)
    assert "is not here" in plain_words(test) and drawn(test) == []
    assert "no such run" in words(open_page("flows", flow=flow.id, run="nothing"))


def test_a_run_goes_on_anew_from_a_node(app: Application, flow: AgentInstance) -> None:
    started = app.runs.start(flow.workspace_id, flow.id, {"who": "Rui"})
    app.runs.wait(flow.workspace_id, started.run_id, timeout=20)
    test = open_page("flows", flow=flow.id, run=started.run_id, fork="told")
    assert "1 step reused at no cost" in words(test)
    field = labelled(test.text_area, "What it is given (JSON)")
    field.set_value(field.value.replace("Hello Rui", "Hello Ana")).run()
    labelled(test.button, "Run from here").click().run()
    fork = app.runs.wait(flow.workspace_id, test.query_params["run"], timeout=20)
    assert fork.parent_run_id == started.run_id and fork.status == "success", fork.error
    steps = {each.step_key: each for each in app.runs.steps(flow.workspace_id, fork.id)}
    assert steps["hello"].status == "reused" and steps["told"].outputs["message"] == "Hello Ana"


def test_triggers_are_shown_and_tried_with_a_payload(app: Application, flow: AgentInstance) -> None:
    test = open_page("flows", flow=flow.id, tab="triggers")
    assert "0 5 * * *" in words(test) and "Next:" in words(test)
    labelled(test.text_area, "Payload (JSON)").set_value('{"who": "Rui"}').run()
    labelled(test.button, "Start the test").click().run()
    (found,) = app.runs.find(flow.workspace_id).runs
    run = app.runs.wait(flow.workspace_id, found.id, timeout=20)
    assert run.dry_run and run.trigger_kind == "schedule" and run.outputs == {"text": "Hello Rui"}


def test_an_archived_flow_leaves_the_list_and_comes_back(app: Application, flow: AgentInstance) -> None:
    app.agents.set_status(flow.workspace_id, flow.id, "archived")
    assert "No flow matches" in words(open_page("flows"))
    (row,) = drawn(open_page("flows", archived="1"))[0]["rows"]
    assert row["badges"][0]["text"] == "Archived"


def test_a_flow_begins_with_a_blueprint(app: Application, ws: str) -> None:
    app.flows.create(ws, app.blueprints.text("hello_world"))
    test = open_page("flows", new="1")
    labelled(test.selectbox, "Begin with").set_value("hello_world").run()
    assert "hello_world_2" in plain_words(test)
    assert "Title" not in [each.label for each in test.text_input]
    labelled(test.button, "Create").click().run()
    assert {each.name for each in app.flows.find(ws)} == {"hello_world", "hello_world_2"}
