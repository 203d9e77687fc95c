"""What agents remember, seen from outside: whose it is, embedded by whom, searched, forgotten, and noted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai  # noqa: F401  loading it takes longer than the lease of a test
import pytest

from ionflux_core.errors import NotFound
from ionflux_core.storage import audit
from tests.agents_for_tests.world import World, small_world, world
from tests.core.test_llm_runs import connect
from tests.stand_ins.server import StandIn, stand_in, whole

pytest.importorskip("chromadb", reason="vector memory is optional; pip install chromadb")
__all__ = ["small_world", "world"]

OFFLINE = "hashing-256-v1"


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in() as said:
        yield said


def remembering(world: World, template: str = "notes_ws_{{workspace_id}}") -> None:
    """An agent that remembers what it is given, and answers with what it recalls of it."""

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        for text in inputs["value"].get("keep", []):
            ctx.memory.remember(text, {"by": "probe"})
        asked = inputs["value"].get("ask")
        return {"result": [each.text for each in ctx.memory.recall(asked)] if asked else None}

    world.agent("probe", run)
    manifest = world.app.settings.agents_dir / "probe" / "agent.yaml"
    memory = f'memory: {{required: true, type: vector, namespace: "{template}"}}\n'
    manifest.write_text(manifest.read_text() + memory)
    world.app.catalog.reload()
    world.app.marketplace.register()
    world.replace("probe", run)


def test_what_an_agent_remembers_is_seen_searched_and_forgotten_by_its_people(world: World) -> None:
    remembering(world)
    made = world.instance("probe")
    app, ws, name = world.app, world.workspace, f"notes_ws_{world.workspace}"
    assert app.memories.of_instance(ws, made.id) == []
    world.run("one", {"keep": ["linen sells in summer", "the checkout broke on friday"]})
    (found,) = app.memories.of_instance(ws, made.id)
    assert (found.name, found.embedder, found.count) == (name, OFFLINE, 2)
    first = app.memories.search(ws, made.id, name, "what broke the checkout?", 1)[0]
    assert first.text == "the checkout broke on friday"
    assert first.metadata == {"by": "probe"}
    app.memories.forget(ws, made.id, name, OFFLINE, [first.id], by="Ann")
    assert [each.text for each in app.memories.browse(ws, made.id, name, OFFLINE)] == ["linen sells in summer"]
    with app.db.read() as connection:
        noted = audit.find(connection, ws, entity_id=made.id, limit=1)[0]
    assert (noted["who"], noted["action"], noted["details"]["texts"]) == ("Ann", "forgotten", 1)


def test_a_namespace_that_does_not_fit_the_template_is_somebody_elses(world: World) -> None:
    remembering(world)
    made = world.instance("probe")
    world.app.memory().remember(world.workspace, "notes_ws_other", "a secret of others")
    world.app.memory().remember(world.workspace, f"x_notes_ws_{world.workspace}", "another one")
    assert world.app.memories.of_instance(world.workspace, made.id) == []
    with pytest.raises(NotFound):
        world.app.memories.browse(world.workspace, made.id, "notes_ws_other", OFFLINE)
    other = world.app.workspaces.create("Other").id
    with pytest.raises(NotFound):
        world.app.memories.of_instance(other, made.id)


def test_parts_of_a_template_that_a_run_fills_may_be_anything(world: World) -> None:
    remembering(world, "notes_ws_{{workspace_id}}_of_{{customer}}")
    made, memory = world.instance("probe"), world.app.memory()
    for customer in ("ann", "bob"):
        memory.remember(world.workspace, f"notes_ws_{world.workspace}_of_{customer}", f"about {customer}")
    found = [each.name.rpartition("_")[2] for each in world.app.memories.of_instance(world.workspace, made.id)]
    assert found == ["ann", "bob"]


def test_vectors_of_a_provider_lie_apart_and_each_is_a_call_of_the_run(world: World, server: StandIn) -> None:
    remembering(world)
    made = world.instance("probe")
    world.run("one", {"keep": ["known offline"]})
    connect(world, server, model="local:local-1", embedding_model={"provider": "compatible", "model": "embed-1"})
    for _ in range(2):
        data = [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        server.says(whole({"object": "list", "data": data, "model": "embed-1", "usage": usage}))
    run = world.run("one", {"keep": ["known online"], "ask": "what is known?"})
    assert run.outputs == {"result": ["known online"]}, run.error
    assert [call["kind"] for call in world.app.runs.calls(world.workspace, run.id)] == ["embedding", "embedding"]
    found = world.app.memories.of_instance(world.workspace, made.id)
    assert [(each.embedder, each.dimensions, each.count) for each in found] == [
        ("compatible:embed-1", 2, 1),
        (OFFLINE, 256, 1),
    ]
