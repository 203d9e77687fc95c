"""The agent in the running application: the question, the edit, real mail files, events, a replay, the gate."""

from __future__ import annotations

import time
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.ids import now
from ionflux_core.services.runs import RunFilter
from tests.conftest import agents_dir, data_dir, empty_sqlite, make_application

from .conftest import UNSUBSCRIBE, customers, order

__all__ = ["agents_dir", "data_dir", "empty_sqlite", "make_application"]
GOAL = {"customer_segment": "past buyers", "email_goal": "thank"}


@pytest.fixture
def app(make_application: Any) -> Application:
    """The application over the real agents, with one workspace whose mails become files."""
    made: Application = make_application(agents_dir=Path(__file__).parents[1]).start()
    workspace = made.workspaces.create("Test").id
    made.policies.set_channel(workspace, "email", {"dry_run": False, "options": {"transport": "folder"}})
    made.policies.save(workspace, [{"channel": "email", "agent": "email_wizard", "verdict": "allow"}])
    made.agents.create(workspace, "email_wizard", "Mails")
    return made


def start(app: Application, task: str | None = None, **inputs: Any) -> Any:
    workspace = app.workspaces.all()[0].id
    instance = app.agents.find(workspace)[0]
    given = {"unsubscribe_base_url": UNSUBSCRIBE, "engagement_days": 3650, **inputs}
    started = app.runs.start(workspace, instance.id, given, task=task)
    run, until = app.runs.wait(workspace, started.run_id, timeout=60), time.monotonic() + 60
    while run.status == "waiting" and time.monotonic() < until:
        time.sleep(0.05)
        run = app.runs.wait(workspace, started.run_id, timeout=60)
    return run


def fill(app: Application) -> None:
    bought = [order(f"c{n}@example.com", n + 1, now() - timedelta(days=2)) for n in range(6)]
    assert start(app, "take_in", customers=customers(6), orders=bought).status == "success"


def test_one_question_one_edit_and_the_files_say_what_the_person_wrote(app: Application, data_dir: Path) -> None:
    fill(app)
    workspace = app.workspaces.all()[0].id
    parked = start(app, manual_payload=GOAL)
    assert parked.status == "awaiting_approval"
    [question] = app.approvals.pending(workspace)
    assert set(question.editable) == {"subject", "text"} and "6 mails" in question.title
    edits = {"text": "Dear {{first_name}},\n\nthank you. Olá!"}
    app.approvals.decide(workspace, question.id, approved=True, by="Ana", edits=edits)
    run = app.runs.wait(workspace, parked.id, timeout=60)
    assert run.status == "success", run.error
    report = run.outputs["send_report"]
    assert report["status"] == "sent" and report["counts"] == {"sent": 6} and not app.approvals.pending(workspace)
    files = list((data_dir / "outbox").rglob("*.eml"))
    assert len(files) == 6
    mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    assert {str(mail["To"]) for mail in mails} == {f"c{n}@example.com" for n in range(6)}
    for mail in mails:
        assert "thank you. Olá!" in mail.get_body(("plain",)).get_content()
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    replayed = app.runs.wait(workspace, app.forks.replay(workspace, run.id).run_id, timeout=60)
    assert replayed.status == "success", replayed.error
    click = {"effect_id": report["mails"][0]["effect_id"], "address": report["mails"][0]["recipient"]}
    heard = start(app, mail_event={"event": "clicked", "at": "2999-01-01T00:00:00Z", **click})
    assert heard.outputs["send_report"]["taken_in"]["mail_events"] == {"clicked": 1}


def test_without_any_policy_a_person_is_asked_once_by_the_agent_or_by_the_outbox(app: Application) -> None:
    fill(app)
    workspace = app.workspaces.all()[0].id
    app.policies.save(workspace, [])
    first = start(app, manual_payload=GOAL)
    [question] = app.approvals.pending(workspace)
    assert question.kind != "effect"
    app.approvals.decide(workspace, question.id, approved=False)
    assert app.runs.wait(workspace, first.id, timeout=60).outputs["send_report"]["status"] == "denied"
    parked = start(app, manual_payload=GOAL, review="never")
    [question] = app.approvals.pending(workspace)
    assert question.kind == "effect" and question.data["count"] == 6
    app.approvals.decide(workspace, question.id, approved=False, comment="not today")
    run = app.runs.wait(workspace, parked.id, timeout=60)
    assert run.outputs["send_report"]["status"] == "denied"
    again = start(app, manual_payload=GOAL)
    [question] = app.approvals.pending(workspace)
    app.approvals.decide(workspace, question.id, approved=True, by="Ana")
    sent = app.runs.wait(workspace, again.id, timeout=60)
    assert sent.outputs["send_report"]["counts"] == {"sent": 6} and not app.approvals.pending(workspace)
    one = app.outbox.get(workspace, sent.outputs["send_report"]["mails"][0]["effect_id"])
    assert one.approval_id == question.id and "Ana approved it" in (one.reasons or [""])[0]


def test_the_guardian_that_knows_no_voice_is_said_and_blocks_nothing(app: Application) -> None:
    fill(app)
    run = start(app, "draft", manual_payload=GOAL, voice_id="nobody")
    assert run.status == "success"
    voice = run.outputs["send_report"]["voice"]
    assert voice["state"] in ("too_little_material", "unknown") and "not_computed" in voice["score"]


def test_events_of_shop_and_mail_find_their_way_and_come_with_one_correlation(app: Application) -> None:
    fill(app)
    workspace = app.workspaces.all()[0].id
    parked = start(app, manual_payload={"customer_segment": "past buyers", "email_goal": "win back"})
    app.approvals.decide(workspace, app.approvals.pending(workspace)[0].id, approved=True, by="Ana")
    report = app.runs.wait(workspace, parked.id, timeout=60).outputs["send_report"]
    assert report["counts"] == {"sent": 6}
    instance = app.agents.find(workspace)[0]
    first = report["mails"][0]
    fact = {"address": first["recipient"], "effect_id": first["effect_id"], "id": "f1"}
    app.events.publish(workspace, "ionflux.mail.clicked", fact, correlation_id="c-1")
    bought = order("c3@example.com", 99, now())
    app.events.publish(workspace, "ionflux.shopify.order.created", bought, correlation_id="c-2")
    heard: dict[str, Any] = {}
    until = time.monotonic() + 20
    while len(heard) < 2 and time.monotonic() < until:
        time.sleep(0.1)
        for line in app.runs.find(workspace, RunFilter(instance_id=instance.id, statuses=("success",)), limit=20).runs:
            run = app.runs.get(workspace, line.id)
            if run.correlation_id in ("c-1", "c-2"):
                heard[run.correlation_id] = (run.outputs or {})["send_report"]["taken_in"]
    assert heard["c-1"]["mail_events"] == {"clicked": 1}
    assert heard["c-2"]["sequences_ended"] == 1


def test_the_guardian_s_word_and_repair_stand_with_the_draft(app: Application) -> None:
    fill(app)
    workspace = app.workspaces.all()[0].id
    texts = [
        said.format(thing)
        for said in (
            "Hey you! {} is here and we are so, so happy! Come by, say hi, bring a friend, have fun! Yay!!",
            "Oh wow, {}! Can you believe it? We can't! Run, jump, dance, come and see, we wait for you!!",
        )
        for thing in ("The new tote", "Our linen shirt", "A warm scarf", "The rain coat", "That blue hat", "Spring",
                      "Summer", "The sale", "Our party", "The market", "A big hug", "The parcel", "Your sock",
                      "The wool", "A surprise", "The old barn", "Our shop", "The bike", "Friday", "The sun",
                      "A green bag", "The apron", "Tea time", "The garden", "Our cat")
    ]  # fmt: skip
    taught = app.runs.start(
        workspace, "agent:persona_guardian", {"creator_id_or_brand_id": "us", "training_texts": texts}
    )
    assert app.runs.wait(workspace, taught.run_id, timeout=60).status == "success"
    run = start(app, "draft", manual_payload=GOAL, voice_id="us")
    voice = run.outputs["send_report"]["voice"]
    assert run.status == "success" and voice["state"] == "repair", voice
    assert 0 <= voice["score"] < voice["threshold"] and voice["engine"]
    if voice["repair"]:
        assert "{{first_name}}" in voice["repair"]["text"] and voice["repair"]["score_after"] > voice["score"]
