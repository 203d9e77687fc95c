"""Commands in the chat: what each answers, and how what is mistyped is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ionflux_core.domain.chat import Message
from ionflux_core.services.commands import COMMANDS
from tests.agents_for_tests.world import World, small_world, wait_for, world

__all__ = ["small_world", "world"]


def say(world: World, text: str, thread: Message | None = None) -> Message:
    """The owner writes into `general`, or answers in a thread."""
    app, owner = world.app, world.app.workspaces.owner()
    channel = app.chat.ensure_channel(world.workspace, "general")
    return app.chat.post(
        world.workspace, channel.id, text=text, sender_id=owner.id, sender_name=owner.name,
        thread_id=thread.id if thread else None,
    )  # fmt: skip


def answers(world: World, to: Message) -> list[Message]:
    """What came back in the thread of a message, oldest first."""
    owner = world.app.workspaces.owner()
    found = world.app.chat.thread(world.workspace, to.id, owner.id)
    return [each for each in found if each.sender_type != "user"]


def told(world: World, text: str) -> str:
    """The words of the one answer to a message."""
    [only] = answers(world, say(world, text))
    assert (only.sender_type, only.sender_name) == ("system", "IONFLUX")
    return only.content.text_body


def echo(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"result": inputs}


def asks(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"result": ctx.approve("May it?").approved}


def test_an_unknown_command_names_the_nearest_one(small_world: World) -> None:
    assert told(small_world, "/statsu") == "There is no command /statsu.\n\nDid you mean /status?"
    assert "/help lists the commands" in told(small_world, "/quux")


def test_a_path_and_a_fraction_are_no_commands(small_world: World) -> None:
    for text in ("/etc/hosts is a file", "1/2", "//help"):
        assert answers(small_world, say(small_world, text)) == []


def test_bad_json_is_told_with_line_and_column(small_world: World) -> None:
    small_world.agent("echo", echo)
    small_world.instance("echo", "Revenue Tracker")
    said = told(small_world, '/run_agent "Revenue Tracker" {value: 1')
    assert said.startswith("Line 1, column 30: ") and "never closed" in said
    assert small_world.rows("runs") == []


def test_an_unknown_agent_names_the_nearest_one(small_world: World) -> None:
    small_world.agent("echo", echo)
    small_world.instance("echo", "Revenue Tracker")
    said = told(small_world, '/run_agent "Revenue Traker" {}')
    assert said == "There is no agent “Revenue Traker”.\n\nDid you mean “Revenue Tracker”?"
    assert "/agents lists" in told(small_world, "/run_agent nobody")


def test_a_flow_is_started_by_its_name(small_world: World) -> None:
    text = (
        "name: hello\ninput_schema: {type: object, properties: {who: {type: string}}}\n"
        "graph: [{id: say, transform: log, inputs: {message: 'Hello {{ inputs.who }}'}}]\n"
        "output: {said: '{{ nodes.say.outputs.message }}'}"
    )
    small_world.started().flows.create(small_world.workspace, text)
    say(small_world, "/run_flow hello who=Ada")
    wait_for(lambda: [row for row in small_world.rows("runs") if row.status == "success"])
    assert [row.outputs for row in small_world.rows("runs")] == [{"said": "Hello Ada"}]
    say(small_world, '/run_agent hello {"who": "Grace"}')
    wait_for(lambda: {"said": "Hello Grace"} in [row.outputs for row in small_world.rows("runs")])
    assert told(small_world, "/run_flow helo") == "There is no flow “helo”.\n\nDid you mean “hello”?"
    assert "The Flows page lists" in told(small_world, "/run_flow quux")
    assert "no input 'whom'" in told(small_world, "/run_flow hello whom=Ada")


def test_an_unknown_input_is_told_with_the_nearest_one(small_world: World) -> None:
    small_world.agent("echo", echo)
    small_world.instance("echo", "Revenue Tracker")
    assert "no input 'valeu'" in told(small_world, "/run_agent Revenue Tracker valeu=1")
    assert "takes no words" in told(small_world, "/run_agent Revenue Tracker summarize it")


@pytest.mark.parametrize(
    "typed",
    [
        '/run_agent Revenue Tracker {"value": {"days": 7}}',
        "/run_agent revenue tracker {value: {days: 7}}",
        "/RUN_AGENT 'Revenue Tracker' value={days:7}",
    ],
)
def test_an_agent_is_started_and_answers_in_the_thread(small_world: World, typed: str) -> None:
    small_world.agent("echo", echo)
    instance = small_world.instance("echo", "Revenue Tracker")
    small_world.started()
    asked = say(small_world, typed)
    [ack] = answers(small_world, asked)
    assert (ack.sender_type, ack.sender_id, ack.sender_name) == ("agent", instance.id, "Revenue Tracker")
    assert ack.content_type == "agent_status_update" and ack.thread_id == asked.id and ack.run_id

    def update() -> Any:
        [message] = answers(small_world, asked)
        return message.content.status_update

    wait_for(lambda: update().status == "success", shown=update)
    assert update().outputs == {"result": {"value": {"days": 7}}}
    run = small_world.get(ack.run_id)
    assert run.trigger.by == small_world.app.workspaces.owner().name


def test_words_choose_a_task_or_fill_the_input_for_words(small_world: World) -> None:
    small_world.agent("echo", echo)
    place = small_world.app.catalog.folder("echo") / "agent.yaml"
    text = place.read_text().replace(
        "inputs:\n", "inputs:\n  - {key: topic, type: string, runtime_promptable: true}\n"
        "  - {key: days, type: integer, runtime_promptable: true}\n"
    ) + "tasks: [{key: summarize_thread, title: Summarise the thread}]\n"  # fmt: skip
    place.write_text(text)
    small_world.app.catalog.reload()
    small_world.instance("echo", "Butler")
    say(small_world, "/run_agent Butler summarize_thread")
    say(small_world, "/run_agent Butler what was decided? days=7")
    first, second = sorted(small_world.rows("runs"), key=lambda row: row.id)
    assert (first.task, first.inputs) == ("summarize_thread", {})
    assert (second.task, second.inputs) == (None, {"topic": "what was decided?", "days": 7})


def test_status_and_cancel_speak_of_the_run_of_the_thread(small_world: World) -> None:
    small_world.agent("sleeper", lambda ctx, inputs: ctx.wait(seconds=60) or {"result": 1})
    small_world.instance("sleeper", "Sleeper")
    small_world.started()
    asked = say(small_world, "/run_agent Sleeper")
    [ack] = answers(small_world, asked)
    assert ack.run_id
    small_world.until(ack.run_id, "waiting")
    say(small_world, "/status", asked)
    assert "**Sleeper** · waiting" in answers(small_world, asked)[-1].content.text_body
    say(small_world, "/cancel", asked)
    assert "Stopped **Sleeper**" in answers(small_world, asked)[-1].content.text_body
    assert small_world.get(ack.run_id).status == "cancelled_by_user"
    assert "cancelled by user" in told(small_world, f"/status {ack.run_id[-8:]}")
    assert "cannot become" in told(small_world, f"/cancel #{ack.run_id}")
    assert "There is no run 'zzzz'" in told(small_world, "/status zzzz")


def test_approve_acts_once(small_world: World) -> None:
    small_world.agent("asker", asks)
    small_world.instance("asker", "Asker")
    app = small_world.started()
    assert "No agent is waiting" in told(small_world, "/approve")
    run_id = small_world.start("Asker")
    small_world.until(run_id, "awaiting_approval")
    [asked] = app.approvals.pending(small_world.workspace)
    assert told(small_world, f"/approve {asked.id[-8:]} looks good") == "Approved: **May it?**"
    assert "No agent is waiting" in told(small_world, f"/deny {asked.id}")
    assert small_world.until(run_id, "success").outputs == {"result": True}
    line = app.approvals.get(small_world.workspace, asked.id)
    assert (line.status, line.comment, line.decided_by) == ("approved", "looks good", app.workspaces.owner().name)


def test_of_two_questions_the_meant_one_must_be_named(small_world: World) -> None:
    small_world.agent("asker", asks)
    app = small_world.started()
    for name in ("One", "Two"):
        small_world.instance("asker", name)
        small_world.until(small_world.start(name), "awaiting_approval")
    assert told(small_world, "/deny").startswith("2 questions are open.")
    first = app.approvals.pending(small_world.workspace)[0]
    assert told(small_world, f"/deny {first.id}") == "Denied: **May it?**"


def test_lists_and_help(small_world: World) -> None:
    small_world.agent("echo", echo)
    assert "no agents yet" in told(small_world, "/agents")
    small_world.instance("echo", "A *bold* name")
    assert told(small_world, "/agents") == "- **A \\*bold\\* name** · active · has not run yet"
    listed = told(small_world, "/help")
    assert all(f"`{each.usage}`" in listed for each in COMMANDS.values())
    assert told(small_world, "/help cancel").startswith("`/cancel [RUN]`")
    assert told(small_world, "/status") == "Nothing has run in this workspace yet."


def test_a_brief_is_asked_of_the_butler_once_it_is_configured(make_application: Any) -> None:
    app = make_application(agents_dir=Path(__file__).resolve().parents[2] / "agents")
    owner, workspace = app.workspaces.owner(), app.workspaces.create("Test").id
    channel = app.chat.ensure_channel(workspace, "general")
    asked = app.chat.post(workspace, channel.id, text="/brief", sender_id=owner.id, sender_name=owner.name)
    [said] = app.chat.thread(workspace, asked.id, owner.id)
    assert "is not configured here" in said.content.text_body
    app.agents.create(workspace, "brief_butler", "Butler")
    asked = app.chat.post(workspace, channel.id, text="/brief", sender_id=owner.id, sender_name=owner.name)
    [follows] = app.chat.thread(workspace, asked.id, owner.id)
    assert follows.content.status_update is not None and follows.content.status_update.agent == "Butler"


def test_completion_offers_commands_agents_and_their_parameters(small_world: World) -> None:
    small_world.agent("echo", echo)
    instance = small_world.instance("echo", "Revenue Tracker")
    offered = small_world.app.answering.commands(small_world.workspace)
    assert [each.name for each in offered.commands] == list(COMMANDS)
    assert [each.name for each in offered.commands if each.takes_agent] == ["run_agent"]
    [agent] = offered.agents
    assert (agent.id, agent.name) == (instance.id, "Revenue Tracker")
    assert [(each.key, each.type, each.required) for each in agent.parameters] == [("value", "json", False)]
    only = small_world.app.answering.commands(small_world.workspace, "/run")
    assert [each.name for each in only.commands] == ["run_agent", "run_flow"]
