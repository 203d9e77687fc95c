"""Agents that answer in the chat: progress, stop, results, questions, alerts; restarts and two processes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.domain.chat import Message
from ionflux_core.domain.runs import RunTrigger
from ionflux_core.errors import Conflict
from ionflux_core.sdk import IonfluxError
from ionflux_core.services.answering import without
from ionflux_core.services.conversations import history
from ionflux_core.storage import taint
from tests.agents_for_tests.world import World, small_world, wait_for, world
from tests.core.test_commands import answers, asks, echo, say

__all__ = ["small_world", "world"]


def the_one(world: World, asked: Message) -> Message:
    """The one agent message that answers."""
    [message] = [each for each in answers(world, asked) if each.content_type == "agent_status_update"]
    return message


def update(world: World, asked: Message) -> Any:
    return the_one(world, asked).content.status_update


def ended(world: World, asked: Message, status: str = "success") -> Any:
    wait_for(lambda: update(world, asked).status == status, shown=lambda: update(world, asked))
    return update(world, asked)


def alerts(world: World) -> list[Message]:
    app, owner = world.app, world.app.workspaces.owner()
    channel = app.chat.channel_named(world.workspace, "alerts")
    return app.chat.messages(world.workspace, channel.id, user_id=owner.id) if channel else []


def test_a_mention_starts_the_agent_with_the_words_as_its_task(world: World) -> None:
    world.agent("echo", echo)
    manifest = world.app.catalog.folder("echo") / "agent.yaml"
    words = "inputs:\n  - {key: topic, type: string, runtime_promptable: true}\n"
    manifest.write_text(manifest.read_text().replace("inputs:\n", words))
    world.app.catalog.reload()
    world.instance("echo", "Revenue Tracker")
    world.started()
    asked = say(world, 'Good morning, @"Revenue Tracker" how was yesterday?')
    assert ended(world, asked).outputs == {"result": {"topic": "Good morning,  how was yesterday?".replace("  ", " ")}}


def test_an_agent_that_takes_no_words_is_started_without_them(small_world: World) -> None:
    small_world.agent("echo", echo)
    small_world.instance("echo", "Echo")
    small_world.started()
    asked = say(small_world, "@Echo do something")
    assert ended(small_world, asked).outputs == {"result": {}}
    [said] = [each for each in answers(small_world, asked) if each.sender_type == "system"]
    assert said.content.text_body == "**Echo** takes no words: it was started without them."


def test_a_message_follows_its_run_from_step_to_step(world: World) -> None:
    gates = {"first": False, "second": False}

    def works(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        for name in gates:
            ctx.step(name, lambda name=name: wait_for(lambda: gates[name]))
        return {"result": "done"}

    world.agent("worker", works)
    world.instance("worker", "Worker")
    world.started()
    asked = say(world, "/run_agent Worker")
    for number, name in enumerate(gates):
        wait_for(lambda name=name: update(world, asked).step == name, shown=lambda: update(world, asked))
        assert (update(world, asked).status, update(world, asked).steps_done) == ("running", number)
        gates[name] = True
    last = ended(world, asked)
    assert (last.steps_done, last.step, last.preview) == (2, "", "done")


def test_a_failed_run_says_why_and_what_to_do(world: World) -> None:
    def fails(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        raise IonfluxError("The shop is closed.", hint="Come back tomorrow.", code="closed")

    world.agent("shop", fails)
    world.instance("shop", "Shop")
    world.started()
    last = ended(world, say(world, "/run_agent Shop"), "error")
    assert last.error == {"code": "closed", "message": "The shop is closed.", "hint": "Come back tomorrow."}
    wait_for(lambda: alerts(world))
    [alert] = alerts(world)
    assert alert.content.text_body == "**Shop** failed: The shop is closed.\n\nCome back tomorrow."
    assert (alert.sender_type, alert.run_id) == ("system", last.run_id)


def test_an_agent_that_never_answers_ends_with_its_time(small_world: World) -> None:
    small_world.agent("stuck", lambda ctx, inputs: time.sleep(3) or {"result": 1}, timeout_seconds=0.5)
    small_world.instance("stuck", "Stuck")
    small_world.started()
    last = ended(small_world, say(small_world, "/run_agent Stuck"), "error")
    assert last.error["code"] == "timeout" and last.error["hint"]


def test_stop_ends_the_run_and_the_message_says_so(world: World) -> None:
    world.agent("sleeper", lambda ctx, inputs: ctx.wait(seconds=60) or {"result": 1})
    world.instance("sleeper", "Sleeper")
    app = world.started()
    asked = say(world, "/run_agent Sleeper")
    message, owner = the_one(world, asked), app.workspaces.owner()
    assert message.run_id
    world.until(message.run_id, "waiting")
    app.answering.stop(world.workspace, message.id, owner.id)
    assert update(world, asked).status == "cancelled_by_user"
    with pytest.raises(Conflict):
        app.answering.stop(world.workspace, message.id, owner.id)


def test_large_outputs_are_cut_and_not_lost(small_world: World) -> None:
    small_world.agent("big", lambda ctx, inputs: {"result": "x" * inputs["value"]})
    small_world.instance("big", "Big")
    small_world.started()
    cut = ended(small_world, say(small_world, "/run_agent Big value=20000")).outputs["result"]
    assert cut == {"cut": "x" * 2000, "size": 20_002}
    stored = ended(small_world, say(small_world, "/run_agent Big value=100000")).outputs["result"]
    assert stored["storage_ref"]["size"] == 100_002


def test_a_question_is_put_in_the_thread_and_in_alerts_and_acts_once(world: World) -> None:
    world.agent("asker", asks)
    world.instance("asker", "Asker")
    app = world.started()
    owner = app.workspaces.owner()
    asked = say(world, "/run_agent Asker")

    def proposals() -> list[Message]:
        here = [each for each in answers(world, asked) if each.content_type == "interactive_proposal"]
        return here + [each for each in alerts(world) if each.content_type == "interactive_proposal"]

    wait_for(lambda: len(proposals()) == 2, shown=lambda: answers(world, asked))
    # The questions are put first, then the message that follows the run says so.
    wait_for(lambda: update(world, asked).status == "awaiting_approval")
    here, alert = proposals()
    app.chat.press(world.workspace, here.id, "approve", owner.id)
    with pytest.raises(Conflict):
        app.chat.press(world.workspace, alert.id, "deny", owner.id)
    assert ended(world, asked).outputs == {"result": True}

    def chosen() -> list[Any]:
        return [(each.content.proposal.chosen, each.content.proposal.chosen_by) for each in proposals()]  # type: ignore[union-attr]

    wait_for(lambda: chosen() == [("approve", owner.name)] * 2, shown=chosen)


def test_a_question_answered_elsewhere_closes_its_proposals(small_world: World) -> None:
    small_world.agent("asker", asks)
    small_world.instance("asker", "Asker")
    app = small_world.started()
    small_world.until(small_world.start("Asker"), "awaiting_approval")
    wait_for(lambda: alerts(small_world))
    [question] = app.approvals.pending(small_world.workspace)
    app.approvals.decide(small_world.workspace, question.id, approved=False, by="Rui")

    def chosen() -> Any:
        [proposal] = [each.content.proposal for each in alerts(small_world) if each.content.proposal]
        return proposal.chosen, proposal.chosen_by

    wait_for(lambda: chosen() == ("deny", "Rui"), shown=chosen)


def test_a_question_of_a_child_is_put_where_its_parent_was_started(small_world: World) -> None:
    small_world.agent("asker", asks)
    small_world.agent("parent", lambda ctx, inputs: ctx.run_agent("agent:asker"))
    small_world.instance("parent", "Parent")
    small_world.started()
    asked = say(small_world, "/run_agent Parent")
    wait_for(lambda: [each for each in answers(small_world, asked) if each.content_type == "interactive_proposal"])


def test_a_storm_of_failures_is_one_message_that_counts(small_world: World) -> None:
    def fails(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        raise IonfluxError(f"Number {inputs['value']}.")

    small_world.agent("stormy", fails, breaker=100)
    small_world.instance("stormy", "Stormy")
    small_world.started()
    for number in range(9):
        small_world.run("Stormy", number)
    wait_for(lambda: any("9 times" in each.content.text_body for each in alerts(small_world)),
             shown=lambda: [each.content.text_body for each in alerts(small_world)])  # fmt: skip
    texts = [each.content.text_body for each in alerts(small_world)]
    assert len([text for text in texts if " failed: " in text]) <= 5
    [storm] = [text for text in texts if "times in 10 minutes" in text]
    assert storm == "**Stormy** has failed 9 times in 10 minutes. The last time: Number 8."


def test_an_opened_breaker_is_told(small_world: World) -> None:
    def fails(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        raise IonfluxError("No.")

    small_world.agent("broken", fails, breaker=1)
    small_world.instance("broken", "Broken")
    small_world.run("Broken")
    wait_for(lambda: any("was stopped" in each.content.text_body for each in alerts(small_world)))


def requested(world: World, payload: dict[str, Any], **options: Any) -> Message:
    """What comes of an event that asks for a message."""
    app, owner = world.app, world.app.workspaces.owner()
    before = {each.id for each in alerts(world)}
    app.events.publish(world.workspace, "ionflux.agent.butler.chat_message_requested", payload, **options)
    channel = app.chat.ensure_channel(world.workspace, "general")

    def fresh() -> list[Message]:
        found = app.chat.messages(world.workspace, channel.id, user_id=owner.id) + alerts(world)
        return [each for each in found if each.id not in before]

    wait_for(fresh)
    return fresh()[0]


def test_messages_asked_for_from_outside_are_marked(small_world: World) -> None:
    small_world.started()
    message = requested(small_world, {"channel": "general", "text": "<b>Hello</b>"})
    assert message.content.text_body == "<b>Hello</b>" and message.sender_type == "system"
    assert message.content.outside == ["was told by api"]
    turns, sources = history([message])
    assert "left out" in turns[0]["text"] and sources == []


def test_an_unknown_channel_is_the_alerts_and_no_event_asks_for_decisions(small_world: World) -> None:
    small_world.started()
    approval = {
        "title": "Say thanks",
        "kind": "approval",
        "reference": "x",
        "actions": [{"action_id": "approve", "label": "Yes"}],
    }
    message = requested(small_world, {"channel": "nowhere", "proposal": approval})
    assert message.content.proposal is None and "cannot be read" in message.content.text_body
    assert [each.id for each in alerts(small_world)] == [message.id]


def test_an_agent_asks_for_a_message_in_its_own_name(small_world: World) -> None:
    def emits(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        proposal = {"title": "Send it?", "kind": "event", "reference": "test.pressed", "data": {"a": 1},
                    "actions": [{"action_id": "yes", "label": "Yes"}]}  # fmt: skip
        ctx.emit("test.chat_message_requested", {"channel": "alerts", "text": "A word", "proposal": proposal})
        return {"result": 1}

    small_world.agent("emitter", emits)
    instance = small_world.instance("emitter", "Emitter")
    app = small_world.started()
    small_world.run("Emitter")
    wait_for(lambda: alerts(small_world))
    [message] = alerts(small_world)
    assert (message.sender_type, message.sender_id, message.sender_name) == ("agent", instance.id, "Emitter")
    assert message.content.outside == [] and message.content.proposal
    app.chat.press(small_world.workspace, message.id, "yes", app.workspaces.owner().id)
    wait_for(lambda: small_world.events("test.pressed"))
    assert small_world.events("test.pressed")[0][1]["a"] == 1


def test_words_from_outside_travel_with_the_conversation(small_world: World) -> None:
    small_world.agent("echo", echo)
    app = small_world.started()
    stored = app.runs.upload(small_world.workspace, "mail.txt", b"x", "text/plain")
    tainted = small_world.until(small_world.start("echo", stored), "success")
    origin = RunTrigger(by="Ana", sources=[tainted.id])
    later = small_world.until(small_world.start("echo", 1, trigger=origin), "success")
    with app.db.read() as connection:
        assert taint.reasons(connection, later) == ["was given words of a run that has read outside text"]


def test_a_restart_takes_the_messages_up_again(world: World) -> None:
    world.agent("asker", asks)
    world.instance("asker", "Asker")
    first = world.started(workers=1)
    asked = say(world, "/run_agent Asker")
    wait_for(lambda: update(world, asked).status == "awaiting_approval", shown=lambda: update(world, asked))
    first.answering.end()
    assert first.worker is not None and first.follow is not None
    first.worker.stop()
    first.follow.stop()
    second = world.application(workers=1)
    [question] = second.approvals.pending(world.workspace)
    second.start()
    second.approvals.decide(world.workspace, question.id, approved=True, by="Rui")
    assert ended(world, asked).outputs == {"result": True}


def test_what_another_process_executes_is_followed(world: World) -> None:
    """One process only looks and writes; another one executes: the message goes with the run."""
    world.agent("echo", echo)
    world.instance("echo", "Echo")
    assert world.app.worker is None
    asked = say(world, "/run_agent Echo value=1")
    assert update(world, asked).status == "pending"
    other: Application = world.application(workers=1)
    other.start()
    assert ended(world, asked).outputs == {"result": {"value": 1}}
    assert len(answers(world, asked)) == 1


def test_a_fact_told_twice_is_said_once(small_world: World) -> None:
    def fails(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        raise IonfluxError("No.")

    small_world.agent("broken", fails, breaker=1)
    small_world.instance("broken", "Broken")
    small_world.run("Broken")
    app = small_world.app
    wait_for(lambda: len(alerts(small_world)) == 2)
    for event in app.events.find(small_world.workspace, limit=50):
        if event.type in app.answering.follower.types:
            app.answering.follower.take(event)
    assert len(alerts(small_world)) == 2


def test_names_are_taken_out_of_the_words() -> None:
    from ionflux_core.domain.chat import Mention

    named = [Mention(kind="agent", id="1", name="Revenue Tracker"), Mention(kind="user", id="2", name="Ana")]
    assert without('@"Revenue Tracker" tell @Ana', named) == "tell @Ana"
    assert without("@revenue tracker, please", named) == "please"
