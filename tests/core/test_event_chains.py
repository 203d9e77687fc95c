"""Chains: what followed from what, tied together by cause, small enough to draw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core.domain.event_chains import ChainNode, in_order, thinned
from ionflux_core.errors import NotFound
from ionflux_ui.event_chain import boxes_of
from tests.agents_for_tests.world import World, small_world, wait_for, world

__all__ = ["small_world", "world"]

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HEARS = "  - {key: hears, type: event, config: {topic: shop.order}, is_user_overridable: true, payload_to: value}\n"
CHATS = "ionflux.agent.probe.chat_message_requested"


def node(name: str, cause: str | None = None, *, at: int = 0, kind: str = "step") -> ChainNode:
    """A node of a made chain."""
    return ChainNode.model_validate(
        {"id": name, "kind": kind, "title": name, "at": START + timedelta(seconds=at), "cause": cause, "page": "runs"}
    )


def works(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Publishes an alert in a step."""

    def tell() -> None:
        ctx.emit(CHATS, {"channel": "alerts", "text": "A **large** order"})

    ctx.step("look", lambda: 1)
    ctx.step("tell", tell)
    return {"result": 1}


def test_a_chain_goes_from_the_event_over_the_run_and_its_step_to_the_message(world: World) -> None:
    world.agent("probe", works, triggers=HEARS)
    world.started()
    world.instance("probe")
    event_id = world.app.events.publish(world.workspace, "shop.order", {"n": 1}, source="shop")
    chains = world.app.events.chains
    wait_for(lambda: any(each.kind == "message" for each in chains.get(world.workspace, event_id).nodes))
    wait_for(lambda: world.app.runs.unfinished(world.workspace) == 0)
    chain = chains.get(world.workspace, event_id)
    by_id = {each.id: each for each in chain.nodes}
    (message,) = [each for each in chain.nodes if each.kind == "message"]
    way = [message]
    while way[-1].cause:
        way.append(by_id[way[-1].cause])
    assert [each.kind for each in way] == ["message", "event", "step", "run", "event"]
    assert way[1].title == CHATS and way[2].title == "tell" and way[4].title == "shop.order"
    assert way[4].detail == "from shop" and message.title == "#alerts" and message.detail == "A large order"
    assert [(each.page, bool(each.parameters)) for each in way] == [
        ("chat", True), ("events", True), ("runs", True), ("runs", True), ("events", True),
    ]  # fmt: skip
    ended = [each for each in chain.nodes if each.title == "ionflux.agent.run.completed"]
    assert [by_id[each.cause or ""].kind for each in ended] == ["run"]
    assert (chain.events, chain.runs, chain.left_out) == (3, 1, 0)


def test_forks_and_replays_stand_behind_what_they_come_from(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": ctx.step("only", lambda: 1)}, triggers=HEARS)
    world.started()
    world.instance("probe")
    event_id = world.app.events.publish(world.workspace, "shop.order", {})
    wait_for(lambda: world.rows("runs") and world.app.runs.unfinished(world.workspace) == 0)
    (first,) = world.rows("runs")
    forked = world.app.forks.replay(world.workspace, first.id).run_id
    world.ended(forked)
    (trigger,) = [t for t in world.app.triggers.of_instance(world.workspace, first.instance_id) if t.kind == "event"]
    again = world.app.events.replays.replay(world.workspace, event_id, trigger.id).run_id
    world.ended(again)
    by_id = {each.id: each for each in world.app.events.chains.get(world.workspace, event_id).nodes}
    assert by_id[f"run:{forked}"].cause == f"run:{first.id}" and "replay" in by_id[f"run:{forked}"].detail
    assert by_id[f"run:{again}"].cause == f"event:{event_id}" == by_id[f"run:{first.id}"].cause


def test_a_question_and_what_it_lets_out_stand_in_the_chain(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": ctx.approve("May I?").verdict})
    world.started()
    run_id = world.start("probe")
    world.until(run_id, "awaiting_approval")
    chain = world.app.events.chains.get(world.workspace, world.get(run_id).correlation_id)
    (asked,) = [each for each in chain.nodes if each.kind == "approval"]
    assert (asked.title, asked.status, asked.page) == ("May I?", "pending", "approvals")
    assert asked.cause and asked.cause.startswith(("run:", "step:"))


def test_an_effect_stands_behind_the_question_that_lets_it_out(world: World) -> None:
    world.agent(
        "probe",
        lambda ctx, inputs: {"result": ctx.send("folder", "drop", {"text": "x"}, summary="Put it there").status},
    )
    world.started()
    world.app.policies.set_channel(world.workspace, "folder", {"dry_run": False})
    run_id = world.start("probe")
    world.until(run_id, "awaiting_approval")
    nodes = world.app.events.chains.get(world.workspace, world.get(run_id).correlation_id).nodes
    by_id = {each.id: each for each in nodes}
    (effect,) = [each for each in nodes if each.kind == "effect"]
    assert (effect.title, effect.detail, effect.page) == ("Put it there", "folder", "outbox")
    assert by_id[effect.cause or ""].kind == "approval" and by_id[effect.cause or ""].cause


def test_a_webhook_stands_before_the_event_it_brought(world: World) -> None:
    world.agent("probe", works)
    instance = world.instance("probe")
    source = f"hook:{instance.id}"
    first = world.app.events.publish(world.workspace, "shop.order", {}, source=source)
    world.app.events.publish(world.workspace, "shop.paid", {}, source=source, correlation_id=first)
    nodes = world.app.events.chains.get(world.workspace, first).nodes
    assert [(each.kind, each.cause) for each in nodes] == [
        ("webhook", None), ("event", f"door:{source}"), ("event", f"door:{source}"),
    ]  # fmt: skip
    assert (nodes[0].page, nodes[0].parameters) == ("agents", {"instance": instance.id})


def test_a_chain_of_another_workspace_is_not_there(small_world: World) -> None:
    event_id = small_world.app.events.publish(small_world.workspace, "a.b", {})
    other = small_world.app.workspaces.create("Other").id
    with pytest.raises(NotFound):
        small_world.app.events.chains.get(other, event_id)
    with pytest.raises(NotFound):
        small_world.app.events.chains.get(small_world.workspace, "nothing")


def test_many_small_things_of_one_cause_become_and_n_more() -> None:
    nodes = [node("run", kind="run"), *(node(f"s{n}", "run", at=n) for n in range(10))]
    found, left_out = thinned(nodes, beside=6, most=80)
    assert [each.id for each in found] == ["run", "s0", "s1", "s2", "s3", "s4", "s5", "more:run"]
    assert found[-1].title == "and 4 more" and found[-1].page == "runs" and left_out == 4


def test_a_step_that_something_followed_from_is_kept() -> None:
    nodes = [node("run", kind="run"), *(node(f"s{n}", "run", at=n) for n in range(10)), node("told", "s9", at=11)]
    found, _ = thinned(nodes, beside=3, most=80)
    assert {"s9", "told"} <= {each.id for each in found}


def test_a_long_chain_is_cut_and_counts_what_is_missing() -> None:
    nodes = [node("e0", kind="event")] + [node(f"e{n}", f"e{n - 1}", at=n, kind="event") for n in range(1, 50)]
    found, left_out = thinned(nodes, beside=6, most=20)
    drawn = [each for each in found if each.kind != "more"]
    assert len(drawn) == 20 and left_out == 30
    assert [each.title for each in found if each.kind == "more"] == ["and 30 more"]


_nodes = st.lists(
    st.tuples(st.integers(0, 14), st.none() | st.integers(0, 14), st.integers(0, 9)),
    max_size=15,
    unique_by=lambda n: n[0],
)


@given(_nodes)
def test_whatever_the_causes_every_node_is_drawn_once_and_none_over_another(
    made: list[tuple[int, int | None, int]],
) -> None:
    nodes = [node(f"n{name}", None if cause is None else f"n{cause}", at=at) for name, cause, at in made]
    ordered = in_order(nodes)
    assert sorted(each.id for each in ordered) == sorted(each.id for each in nodes)
    boxes = boxes_of(ordered, "UTC")
    places = {(box["column"], box["row"] + part) for box in boxes for part in range(box["size"])}
    assert len(places) == sum(box["size"] for box in boxes), "no two boxes lie over each other"
    by_id = {box["id"]: box for box in boxes}
    for box in boxes:
        if box["cause"]:
            cause = by_id[box["cause"]]
            assert box["column"] == cause["column"] + 1 and box["row"] >= cause["row"]
