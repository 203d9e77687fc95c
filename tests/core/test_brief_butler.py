"""The Butler through the real application: messages, a brief with buttons, a press, an alert in its channel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.domain.chat import Message
from ionflux_core.domain.runs import Run
from tests.agents_for_tests.world import wait_for

AGENTS = Path(__file__).resolve().parents[2] / "agents"
TALK = [
    "OK, let's allocate 60% to Phoenix and 40% to Eagle.",
    "I'll lead Phoenix and write its plan by the end of next week.",
    "Who informs the customers?",
]
ALERT = "ionflux.agent.salessentinel.alert_generated"


class Office:
    """A workspace with one Butler, and a person who talks."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.ws = app.workspaces.create("Test").id
        owner = app.workspaces.owner()
        self.me, self.name = owner.id, owner.name
        self.butler = app.agents.create(self.ws, "brief_butler", "Butler")

    def say(self, text: str, channel: str = "general", thread: str | None = None) -> Message:
        found = self.app.chat.ensure_channel(self.ws, channel)
        return self.app.chat.post(
            self.ws, found.id, text=text, sender_id=self.me, sender_name=self.name, thread_id=thread
        )

    def shown(self, channel: str) -> list[Message]:
        return self.app.chat.messages(self.ws, self.app.chat.ensure_channel(self.ws, channel).id, user_id=self.me)

    def thread(self, first: str) -> list[Message]:
        return self.app.chat.thread(self.ws, first, user_id=self.me)

    def run(self, inputs: dict[str, Any], **options: Any) -> Run:
        started = self.app.runs.start(self.ws, self.butler.id, inputs, **options)
        run = self.app.runs.wait(self.ws, started.run_id, timeout=30)
        assert run.status == "success", run.error
        return run

    def runs_of(self, task: str) -> list[Run]:
        found = [self.app.runs.get(self.ws, each.id) for each in self.app.runs.find(self.ws).runs]
        return [each for each in found if each.task == task and each.status == "success"]


@pytest.fixture
def office(make_application: Callable[..., Application]) -> Office:
    """A started application over the real agents."""
    return Office(make_application(agents_dir=AGENTS).start())


def test_messages_become_a_brief_with_buttons_and_a_press_changes_the_item(office: Office) -> None:
    first = office.say("Capacity for December")
    for line in TALK:
        office.say(line, thread=first.id)
    asked = {
        "chat_platform_details": {"platform": "ionflux", "channel": "general"},
        "summary_request_details": {"summary_type": "thread", "thread_id": first.id},
    }
    run = office.run(asked)
    assert run.warnings == []
    assert run.outputs is not None
    data = run.outputs["extracted_action_items_json"]
    assert data["counts"] | {"answered": 0} == {
        "decisions": 1, "actions": 1, "open_questions": 1, "answered": 0, "blockers": 0, "postponed": 0,
    }  # fmt: skip
    page = office.app.canvas.page(office.ws, run.outputs["knowledge_base_update_status"]["page_id"])
    assert {block.type for block in page.blocks} == {"text", "table_view"}

    answers = office.thread(first.id)
    brief = next(each for each in answers if each.sender_type == "agent" and each.content_type == "markdown")
    assert "## Decisions" in brief.content.text_body
    link = data["decisions"][0]["links"][0]
    assert link == f"chat?channel={brief.channel_id}&message={data['decisions'][0]['messages'][0]}"
    assert link in brief.content.text_body
    asking = {each.content.proposal.title.split(":")[0]: each for each in answers if each.content.proposal}
    assert set(asking) == {"Action", "Decision", "Open question"}

    office.app.chat.press(office.ws, asking["Decision"].id, "confirm", office.me)
    wait_for(lambda: office.runs_of("answer_item"), 20)
    told = office.runs_of("answer_item")[0].outputs or {}
    assert told["extracted_action_items_json"]["state"] == "confirmed"
    again = office.run(asked).outputs or {}
    states = {row["id"]: row["state"] for row in again["extracted_action_items_json"]["decisions"]}
    assert list(states.values()) == ["confirmed"]
    replayed = office.app.forks.replay(office.ws, run.id).run_id
    assert office.app.runs.wait(office.ws, replayed, timeout=30).outputs == run.outputs
    # The buttons of an item are posted once, however often the thread is read.
    buttons = [each for each in office.thread(first.id) if each.content.proposal]
    assert len(buttons) == 3


def test_an_accepted_action_can_be_done_next(office: Office) -> None:
    office.say("I'll send the contract tomorrow.")
    run = office.run({"summary_request_details": {"summary_type": "channel", "page": False, "audio": False}})
    message = (run.outputs or {})["extracted_action_items_json"]["posted"]["message_id"]
    (asked,) = [each for each in office.thread(message) if each.content.proposal]
    office.app.chat.press(office.ws, asked.id, "accept", office.me)
    wait_for(lambda: [e for e in office.shown("general") if e.content.proposal], 20)
    (accepted,) = [each for each in office.shown("general") if each.content.proposal]
    assert accepted.content.proposal is not None
    assert [each.action_id for each in accepted.content.proposal.actions] == ["done", "ask", "drop"]
    office.app.chat.press(office.ws, accepted.id, "done", office.me)
    wait_for(lambda: len(office.runs_of("answer_item")) == 2, 20)
    states = {(each.outputs or {})["extracted_action_items_json"]["state"] for each in office.runs_of("answer_item")}
    assert states == {"in_progress", "completed"}
    assert {each.kpis.get("actions_done") for each in office.runs_of("answer_item")} >= {100.0}


def test_an_alert_event_becomes_one_message_in_alerts_with_its_correlation_id(office: Office) -> None:
    incident = {
        "kind": "incident", "id": "inc-1", "title": "Checkouts fell by half", "severity": "critical", "status": "open",
        "start": "2026-11-20T10:00:00Z", "cause": "The app SocialProofWidget was installed [E1].",
        "gmv": {"at_risk_per_hour_minor": 120000, "lost_minor": 40000, "currency": "USD"},
    }  # fmt: skip
    for key in ("one", "two"):
        office.app.events.publish(office.ws, ALERT, incident, key=key, correlation_id="corr-1")
    wait_for(lambda: len(office.runs_of("deliver_alert")) == 2, 20)
    (message,) = office.shown("alerts")
    text = message.content.text_body
    assert "CRITICAL" in text and "Checkouts fell by half" in text and "SocialProofWidget" in text
    assert "1,200.00 USD an hour" in text and f"runs?run={message.run_id}" in text
    assert message.run_id is not None
    assert {each.correlation_id for each in office.runs_of("deliver_alert")} == {"corr-1"}
    assert office.app.runs.get(office.ws, message.run_id).correlation_id == "corr-1"


def test_a_digest_reads_channel_and_threads_once_and_takes_the_form_of_a_prompt(office: Office) -> None:
    first = office.say("About the label")
    office.say("We decided to print it in blue.", thread=first.id)
    office.say("I'll order the boxes tomorrow.")
    library = office.app.prompts.libraries(office.ws)[0]
    draft = {"name": "Digest", "text": "## To do\n[[actions]]\n\n## Settled\n[[decisions]]", "variables": []}
    prompt = office.app.prompts.add(office.ws, library.id, draft)
    asked = {
        "summary_request_details": {"summary_type": "daily_digest", "target_channel_ids": ["general"]},
        "custom_summary_template_id": prompt.id,
    }
    run = office.run(asked, task="daily_digest")
    text = str((run.outputs or {})["structured_summary_markdown"])
    assert text.index("## To do") < text.index("order the boxes") < text.index("## Settled") < text.index("in blue")
    told = [each for each in office.shown("general") if each.sender_type == "agent"]
    assert [each.content.text_body for each in told] == [text]
    again = office.run(asked, task="daily_digest").outputs or {}
    assert again["extracted_action_items_json"]["status"] == "nothing_happened"
    assert len([each for each in office.shown("general") if each.sender_type == "agent"]) == 1
