"""The playbooks page as a person meets it: begin from one of ours, change its steps, see its flow, clone it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application, set_current
from ionflux_core.services.playbooks import plain
from tests.pages.shown import labelled, open_page
from tests.pages.shown import plain_words as words

AGENTS = Path(__file__).resolve().parents[2] / "agents"


@pytest.fixture
def app(make_application: Callable[..., Application]) -> Application:
    made = make_application(agents_dir=AGENTS)
    made.workspaces.create("Test")
    set_current(made)
    return made


@pytest.fixture
def ws(app: Application) -> str:
    return app.workspaces.all()[0].id


def click(test: AppTest, label: str) -> AppTest:
    return labelled(test.button, label).click().run()  # type: ignore[no-any-return]


def field(test: AppTest, label: str) -> Any:
    return labelled([*test.text_input, *test.text_area, *test.selectbox, *test.number_input], label)


def test_a_playbook_begins_from_one_of_ours_and_is_changed_step_by_step(app: Application, ws: str) -> None:
    test = open_page("playbooks")
    assert "No playbook yet" in words(test)
    field(test, "New from").select("Abandoned cart").run()
    field(test, "Name").set_value("Carts of Lisbon")
    click(test, "Make it")
    (made,) = app.playbooks.find(ws)
    assert (made.name, made.status, len(made.steps)) == ("Carts of Lisbon", "draft", 3)
    assert "After 1 hour: Send a mail" in words(test)
    click(test, "Edit")
    field(test, "Name of the step").set_value("Remind them *soon*")
    field(test, "Wait before it").set_value(2).run()
    click(test, "Add a step")
    field(test, "What it does").select("nothing").run()
    assert "Not saved yet" in words(test)
    click(test, "Save as a new version")
    saved = app.playbooks.get(ws, made.id)
    assert (saved.version, len(saved.steps), saved.steps[0].name) == (2, 4, "Remind them *soon*")
    assert (saved.steps[0].delay_seconds, saved.steps[3].action) == (7_200, "nothing")


def test_what_keeps_it_from_running_stands_beside_its_flow(app: Application, ws: str) -> None:
    lost = {"id": "lost", "name": "Lost", "action": "send_email", "config": {"subject": "x"}}
    made = app.playbooks.create(ws, {
        "name": "Half", "trigger": {"event": "shop.cart.left"},
        "steps": [{"id": "a", "name": "First", "next": "end"}, lost],
    })  # fmt: skip
    test = open_page("playbooks", playbook=made.id, part="Flow")
    assert "No way leads to step 'Lost'" in words(test) and "Step 'Lost' has no text" in words(test)
    assert "name: playbook_half" in words(test)
    assert "The playbook cannot run yet" in words(click(test, "Activate"))
    assert app.playbooks.get(ws, made.id).status == "draft"
    figures = words(open_page("playbooks", playbook=made.id, part="Executions"))
    assert "Nobody has been through it yet" in figures


def test_it_is_rehearsed_and_an_earlier_version_comes_back(app: Application, ws: str) -> None:
    made = app.playbooks.create(ws, app.playbooks.shipped()[0])
    app.playbooks.save(ws, made.id, {**plain(made), "description": "Other words."}, expected=1)
    test = open_page("playbooks", playbook=made.id, part="Versions")
    click(test, "Restore")
    assert app.playbooks.get(ws, made.id).description == made.description
    test = open_page("playbooks", playbook=made.id, part="Flow")
    assert '"email": "ana@example.com"' in field(test, "The event's payload, as JSON").value
    click(test, "Go through it")
    (run,) = app.runs.find(ws).runs
    assert run.dry_run and app.runs.get(ws, run.id).inputs["email"] == "ana@example.com"


@pytest.mark.parametrize("name", ["VIP upsell", "Win-back"])
def test_the_offered_event_holds_what_the_playbook_reads(app: Application, ws: str, name: str) -> None:
    (shipped,) = (each for each in app.playbooks.shipped() if each.name == name)
    made = app.playbooks.create(ws, shipped)
    click(open_page("playbooks", playbook=made.id, part="Flow"), "Go through it")
    (run,) = app.runs.find(ws).runs
    assert app.start().runs.wait(ws, run.id, timeout=20).status == "success"


def test_a_step_without_a_name_is_called_by_its_place(app: Application, ws: str) -> None:
    made = app.playbooks.create(ws, app.playbooks.shipped()[0])
    test = open_page("playbooks", playbook=made.id)
    assert "otherwise Remind them once more" in words(test)
    click(test, "Edit")
    field(test, "Name of the step").set_value(" ").run()
    click(test, "Save as a new version")
    assert app.playbooks.get(ws, made.id).steps[0].name == "Step 1"


def test_its_flow_says_where_it_is_changed_and_switched(app: Application, ws: str) -> None:
    made = app.playbooks.activate(ws, app.playbooks.create(ws, app.playbooks.shipped()[0]).id)
    test = open_page("flows", flow=made.flow_id)
    assert "made from a playbook" in words(test)
    assert "Deactivate" not in [each.label for each in test.button]


def test_a_clone_is_a_draft_for_others(app: Application, ws: str) -> None:
    made = app.playbooks.create(ws, app.playbooks.shipped()[0])
    test = open_page("playbooks", playbook=made.id)
    field(test, "Audience").set_value("Porto")
    click(test, "Make the clone")
    (clone,) = [each for each in app.playbooks.find(ws) if each.id != made.id]
    assert (clone.name, clone.audience.name, clone.status) == ("Abandoned cart copy", "Porto", "draft")
    assert "Cloned from version 1" in str([each.label for each in test.button])


def test_an_unknown_playbook_gets_a_sentence(app: Application) -> None:
    assert "There is no such playbook" in words(open_page("playbooks", playbook="nobody"))
