"""The inbox, the outbox and the policies without a browser: what they say, and what a person can do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application, set_current
from ionflux_ui.approval_changes import changed_words
from ionflux_ui.session import open_questions
from tests.pages.shown import labelled, open_page
from tests.pages.shown import plain_words as words

MakeAgent = Callable[..., Path]
CODE = '''
"""Asks, or sends."""


def run(ctx, inputs):
    """As it is wished."""
    wish = inputs.get("value") or {}
    if wish.get("send"):
        draft = {"text": "Dear *Ana*,\\n\\n![spy](https://spy.example/p.png) <b>hi</b>", "copies": 2}
        sent = ctx.send("folder", "letters", draft, summary="A letter to Ana")
        return {"result": [sent.status, sent.edits]}
    data = {"text": "Good morning.", "price": 12, "live": False, "tags": ["a"], "rows": [{"n": 1}]}
    may_change = ["text", "price", "live", "tags"]
    answer = ctx.approve("Publish the post?", body="It scored **0.62**.", data=data, editable=may_change, **wish)
    return {"result": [answer.approved, answer.edits, answer.comment]}
'''


@pytest.fixture
def app(make_application: Callable[..., Application], make_agent: MakeAgent) -> Application:
    """A started application with an agent that asks."""
    make_agent("writer", CODE)
    started = make_application().start()
    ws = started.workspaces.create("Test").id
    started.agents.create(ws, "writer", "The writer")
    started.policies.set_channel(ws, "folder", {"dry_run": False})
    set_current(started)
    return started


def start(app: Application, **wish: Any) -> str:
    ws = app.workspaces.all()[0].id
    run_id = app.runs.start(ws, "The writer", {"value": wish}).run_id
    app.runs.wait(ws, run_id, timeout=20)
    return run_id


def outputs(app: Application, run_id: str) -> Any:
    run = app.runs.wait(app.workspaces.all()[0].id, run_id, timeout=20)
    return run.outputs and run.outputs["result"]


def press(test: AppTest, label: str) -> AppTest:
    labelled(test.button, label).click().run()
    assert not test.exception
    return test


class TestTheInbox:
    def test_an_empty_one_says_what_it_is_for(self, app: Application) -> None:
        assert "Nothing waits for you." in words(open_page("approvals"))
        assert "Nothing has been decided yet." in words(open_page("approvals", view="decided"))

    def test_every_field_is_edited_by_its_kind_and_the_change_is_kept_and_shown(self, app: Application) -> None:
        run_id, ws = start(app), app.workspaces.all()[0].id
        (asked,) = app.approvals.pending(ws)
        test = open_page("approvals")
        said = words(test)
        assert "Publish the post?" in said and "It scored **0.62**." in said and "The writer" in said
        test.text_input(key=f"edit_{asked.id}_text").set_value("Good evening.")
        test.number_input(key=f"edit_{asked.id}_price").set_value(10)
        test.checkbox(key=f"edit_{asked.id}_live").set_value(True)
        test.text_input(key=f"edit_{asked.id}_tags").set_value("[a, b]")
        test.text_input(key=f"comment_{asked.id}").set_value("Later is better")
        press(test, "Approve")
        edits = {"text": "Good evening.", "price": 10, "live": True, "tags": ["a", "b"]}
        assert outputs(app, run_id) == [True, edits, "Later is better"]
        decided = words(open_page("approvals", view="decided"))
        assert "Approved" in decided and "edited" in decided and "Later is better" in decided
        assert ":red[~~morning~~]" in decided and ":green[**evening**]" in decided
        assert open_page("approvals", view="decided").metric[0].value == "0%"

    def test_the_most_urgent_one_is_open_and_any_other_can_be_chosen(self, app: Application) -> None:
        start(app, urgency="low")
        start(app, urgency="critical")
        ws = app.workspaces.all()[0].id
        low, critical = app.approvals.pending(ws)
        assert any(each.key == f"yes_{critical.id}" for each in open_page("approvals").button)
        test = open_page("approvals", approval=low.id)
        assert any(each.key == f"yes_{low.id}" for each in test.button)
        assert "No question fits these filters." in words(open_page("approvals", urgency="medium"))
        assert app.approvals.count(ws) == 2

    def test_a_question_that_was_answered_meanwhile_is_shown_as_decided(self, app: Application) -> None:
        start(app)
        ws = app.workspaces.all()[0].id
        (asked,) = app.approvals.pending(ws)
        test = open_page("approvals")
        app.approvals.decide(ws, asked.id, approved=False, by="Bo")
        press(test, "Approve")
        assert "Denied" in words(test) and "by Bo" in words(test)

    def test_the_sidebar_counts_what_waits(self, app: Application) -> None:
        assert open_questions() == 0
        start(app)
        assert open_questions() == 1


class TestTheOutbox:
    def test_what_waits_is_shown_as_data_and_goes_out_when_it_is_approved(self, app: Application) -> None:
        run_id, ws = start(app, send=True), app.workspaces.all()[0].id
        (effect,) = app.outbox.find(ws).effects
        said = words(open_page("outbox"))
        assert "Awaiting approval" in said and "folder to letters" in said
        inside = words(open_page("outbox", effect=effect.id))
        assert "![spy]" not in inside and "No policy allows this by itself" in inside
        press(open_page("approvals"), "Approve")
        assert outputs(app, run_id) == ["sent", {}]
        assert "Sent" in words(open_page("outbox", status="sent"))
        assert "No effect fits these filters." in words(open_page("outbox", status="failed"))

    def test_a_doubtful_one_offers_three_answers(self, app: Application) -> None:
        from ionflux_core.ids import now
        from ionflux_core.storage import outbox

        start(app, send=True)
        ws = app.workspaces.all()[0].id
        (effect,) = app.outbox.find(ws).effects
        app.db.write(
            lambda c: outbox.move(c, effect.id, "uncertain", source=("awaiting_approval",), at=now(), attempts=1)
        )
        test = open_page("outbox", effect=effect.id)
        assert {"It was sent", "Send it again", "Give up"} <= {each.label for each in test.button}
        press(test, "It was sent")
        assert app.outbox.get(ws, effect.id).status == "sent"

    def test_an_unknown_one_gets_a_sentence(self, app: Application) -> None:
        assert "There is no such effect." in words(open_page("outbox", effect="nothing"))
        assert "Nothing was sent, and nothing would have been." in words(open_page("outbox"))


class TestThePolicies:
    def test_a_policy_is_added_and_removed(self, app: Application) -> None:
        ws = app.workspaces.all()[0].id
        test = open_page("settings", tab="policies")
        labelled(test.selectbox, "What happens").select("ask_above")
        press(test, "Add policy")
        (policy,) = app.policies.find(ws)
        assert (policy.verdict, policy.amount, policy.channel) == ("ask_above", 1.0, "*")
        press(open_page("settings", tab="policies"), "Remove")
        assert app.policies.find(ws) == []

    def test_a_channel_says_whether_it_is_connected_and_is_switched(self, app: Application) -> None:
        ws = app.workspaces.all()[0].id
        test = open_page("settings", tab="policies")
        assert "Connected" in words(test) and "Dry run" in words(test)
        test.toggle(key=f"channel_{ws}_folder_dry").set_value(True)
        saves = [each for each in test.button if each.label == "Save" and "folder" in each.form_id]
        saves[0].click().run()
        assert not any(each.connected for each in app.policies.channels(ws))


def test_changed_words_are_marked_and_nothing_in_them_is_markup() -> None:
    said = changed_words("Two *shirts* for you", "Three *shirts* for you")
    assert said.count("~~") == 2 and "~~Two~~" in said and "**Three**" in said
    assert "\\*shirts\\*" in said
