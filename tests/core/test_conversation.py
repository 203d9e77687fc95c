"""Talking with an agent in its channel: a model with tools, and the local engine that quotes and says what it is."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.domain.chat import Message
from ionflux_core.memory import Recalled
from ionflux_core.sdk import IonfluxError
from tests.agents_for_tests.world import World, small_world, wait_for
from tests.core.test_commands import echo
from tests.stand_ins.server import StandIn, events, stand_in
from tests.stand_ins.wire import responses_stream

__all__ = ["small_world"]

AGENTS = Path(__file__).resolve().parents[2] / "agents"


def connect(world: World, server: StandIn) -> None:
    """A workspace whose model is the stand-in."""
    settings = {
        "default_model": {"provider": "openai", "model": "gpt-4.1"},
        "outbound_allow": [f"127.0.0.1:{server.port}"],
        "providers": {"openai": {"base_url": f"{server.url}/v1"}},
    }
    world.app.workspaces.save_settings(world.workspace, settings)
    world.app.secrets.put(world.workspace, "openai_api_key", "sk-a-very-private-key-4711")


class Remembering:
    """Memory that takes no time to load: what shares words with a query comes back."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, str]] = {}

    def remember(self, workspace_id: str, namespace: str, text: str, metadata: Any, id: str, *, embedder: Any) -> str:
        self.kept.setdefault(namespace, {})[id] = text
        return id

    def recall(self, workspace_id: str, namespace: str, query: str, limit: int, *, embedder: Any) -> list[Recalled]:
        asked = set(query.casefold().split())
        found = self.kept.get(namespace, {})
        alike = {key: len(asked & set(text.casefold().split())) / len(asked) for key, text in found.items()}
        return [Recalled(key, found[key], alike[key]) for key in sorted(alike, key=alike.__getitem__)[:limit]]


@pytest.fixture
def server() -> Iterator[StandIn]:
    # Loading it takes longer than the lease of a test.
    importlib.import_module("openai.types.responses")
    with stand_in() as said:
        yield said


@pytest.fixture
def talking(small_world: World, agents_dir: Path) -> World:
    """A world with the conversation agent of the product, and an agent to talk about."""
    shutil.copytree(AGENTS / "conversation", agents_dir / "conversation")
    small_world.agent("teller", lambda ctx, inputs: {"result": f"The margin is {inputs.get('value', 41)} percent."})
    # Code that is loaded for the first time must not cost a run its lease.
    small_world.application(lease_seconds=60.0)._memory = Remembering()  # type: ignore[assignment]
    return small_world


def channel_of(world: World, instance_id: str) -> str:
    owner = world.app.workspaces.owner()
    draft = {"name": "talk", "type": "agent_dedicated", "instance_id": instance_id}
    return world.app.chat.create_channel(world.workspace, draft, by=owner.id).id


def say(world: World, channel_id: str, text: str) -> Message:
    owner = world.app.workspaces.owner()
    return world.app.chat.post(world.workspace, channel_id, text=text, sender_id=owner.id, sender_name=owner.name)


def reply(world: World, channel_id: str, after: Message) -> Message:
    """The agent's message behind another one, once its run has ended."""
    owner = world.app.workspaces.owner()

    def found() -> list[Message]:
        said = world.app.chat.messages(world.workspace, channel_id, user_id=owner.id)
        fresh = [each for each in said if each.id > after.id and each.content.status_update]
        return [each for each in fresh if each.content.status_update.status in ("success", "error")]  # type: ignore[union-attr]

    wait_for(found, 60, lambda: world.app.chat.messages(world.workspace, channel_id, user_id=owner.id))
    [message] = found()
    return message


def test_without_a_key_the_local_engine_quotes_runs_and_says_what_it_is(talking: World) -> None:
    instance = talking.instance("teller", "Margin Teller")
    talking.started()
    told = talking.run("Margin Teller")
    channel = channel_of(talking, instance.id)
    asked = say(talking, channel, "What is the margin, and how do I start it again?")
    answer = reply(talking, channel, asked)
    text = answer.content.text_body
    assert answer.thread_id is None and answer.sender_name == "Margin Teller"
    assert text.startswith("I am the built-in local engine: no language model is connected")
    assert "The margin is 41 percent." in text and f"run `{told.id[-8:]}`" in text
    assert '`/run_agent "Margin Teller"` starts an agent.' in text
    assert answer.content.status_update and answer.content.status_update.outputs["engine"]["kind"] == "local"
    assert answer.content.status_update.outputs["sources"] == [told.id]
    assert len(talking.rows("runs", definition_slug="teller")) == 1


def test_what_nobody_knows_is_not_made_up(talking: World) -> None:
    instance = talking.instance("teller", "Margin Teller")
    talking.started()
    channel = channel_of(talking, instance.id)
    answer = reply(talking, channel, say(talking, channel, "Quel temps fait-il sur Jupiter?"))
    assert "No run of this workspace holds these words." in answer.content.text_body
    assert "`/help`" in answer.content.text_body


def test_what_people_said_is_remembered_in_its_channel(talking: World) -> None:
    instance = talking.instance("teller", "Margin Teller")
    talking.started()
    channel = channel_of(talking, instance.id)
    reply(talking, channel, say(talking, channel, "Our target margin for the shop is sixty percent"))
    answer = reply(talking, channel, say(talking, channel, "target margin for the shop?"))
    assert "Said here before:" in answer.content.text_body and "sixty percent" in answer.content.text_body


def test_a_model_calls_the_agent_it_may_call_and_streams_its_answer(talking: World, server: StandIn) -> None:
    instance = talking.instance("teller", "Margin Teller")
    connect(talking, server)
    talking.started()
    server.says(
        events(responses_stream(["Let me ask."], wishes=[("ask_margin_teller", {"value": 52})])),
        events(responses_stream(["The ", "margin ", "is ", "52 ", "percent."], ()), pause=0.3),
    )
    channel = channel_of(talking, instance.id)
    owner = talking.app.workspaces.owner()
    asked = say(talking, channel, "What is the margin?")
    said: list[str] = []

    def streamed() -> bool:
        found = talking.app.chat.messages(talking.workspace, channel, user_id=owner.id)
        said.extend(each.content.status_update.said for each in found if each.content.status_update)
        return any(text and "percent" not in text and "margin" in text for text in said)

    wait_for(streamed, 100, lambda: said)
    answer = reply(talking, channel, asked)
    assert answer.content.text_body == "The margin is 52 percent."
    assert answer.content.status_update and answer.content.status_update.outputs["calls"] == [
        {"tool": "run_agent", "agent": "Margin Teller", "ok": True}
    ]
    assert answer.run_id
    assert talking.steps(answer.run_id) == {
        "recall": "success", "llm": "success", "run Margin Teller": "success", "llm[1]": "success",
        "remember": "success",
    }  # fmt: skip
    [child] = talking.rows("runs", parent_run_id=answer.run_id)
    assert child.inputs == {"value": 52}
    first, second = server.requests
    assert {tool["name"] for tool in first.body["tools"]} == {"find_runs", "ask_margin_teller"}
    assert "The margin is 52 percent." in str(second.body["input"])


def test_a_model_is_told_when_an_agent_fails_and_of_what_was_said_before(talking: World, server: StandIn) -> None:
    def fails(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        raise IonfluxError("The shop is closed.", hint="Come back tomorrow.")

    talking.agent("shop", fails)
    instance = talking.instance("shop", "Shop")
    connect(talking, server)
    talking.started()
    server.says(
        events(responses_stream(["Hello Ana."])),
        events(responses_stream([], wishes=[("ask_shop", {}), ("find_runs", {"question": "closed"})])),
        events(responses_stream(["It is closed."])),
    )
    channel = channel_of(talking, instance.id)
    reply(talking, channel, say(talking, channel, "I am Ana."))
    answer = reply(talking, channel, say(talking, channel, "Is it open?"))
    assert answer.content.text_body == "It is closed."
    heard = str(server.requests[1].body["input"])
    assert "I am Ana." in heard and "Hello Ana." in heard
    told = str(server.requests[2].body["input"])
    assert "gave no answer: Shop: The shop is closed. Come back tomorrow." in told
    assert answer.content.status_update and answer.content.status_update.outputs["calls"][0]["ok"] is False
    assert len(talking.rows("runs", definition_slug="shop")) == 1


def test_a_model_has_only_the_tools_it_was_given_and_only_so_many(talking: World, server: StandIn) -> None:
    talking.agent("echo", echo)
    talking.instance("echo", "Echo")
    yaml = "inputs:\n  message: x\n  may_call: [Echo, Nobody]\n  max_calls: 2\n"
    instance = talking.app.agents.create(talking.workspace, "conversation", "Talker", yaml=yaml)
    connect(talking, server)
    talking.started()
    wish = events(responses_stream([], wishes=[("ask_echo", {"value": 1})]))
    server.says(wish, wish, events(responses_stream(["Enough."])))
    channel = channel_of(talking, instance.id)
    answer = reply(talking, channel, say(talking, channel, "Go on"))
    assert answer.content.text_body == "Enough."
    assert len(talking.rows("runs", definition_slug="echo")) == 2
    assert {tool["name"] for tool in server.requests[0].body["tools"]} == {"find_runs", "ask_echo"}
    assert not server.requests[2].body.get("tools")


def test_a_conversation_is_replayed_without_a_model_and_without_a_child(talking: World, server: StandIn) -> None:
    instance = talking.instance("teller", "Margin Teller")
    connect(talking, server)
    talking.started()
    server.says(
        events(responses_stream([], wishes=[("ask_margin_teller", {"value": 52})])),
        events(responses_stream(["52."])),
    )
    channel = channel_of(talking, instance.id)
    answer = reply(talking, channel, say(talking, channel, "What is the margin?"))
    assert answer.run_id
    count, asked = len(talking.rows("runs")), len(server.requests)
    replayed = talking.app.forks.replay(talking.workspace, answer.run_id).run_id
    assert talking.until(replayed, "success", "error", timeout=60).status == "success", talking.get(replayed).error
    assert (len(talking.rows("runs")), len(server.requests)) == (count + 1, asked)
