"""Complaints of users of other tools about models and their cost, each as what IONFLUX does instead."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from ionflux_core.llm import attempts
from tests.agents_for_tests.world import World, world
from tests.core.test_llm_runs import answering, calls, connect, listed
from tests.stand_ins.server import StandIn, events, half, stand_in, whole
from tests.stand_ins.wire import chat, responses, responses_stream

__all__ = ["world"]


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in() as said:
        yield said


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_FIRST_WAIT", 0.001)
    monkeypatch.setattr(attempts, "_JITTER", 0.001)


def test_complaint_4_every_call_has_model_tokens_and_price_and_a_run_costs_their_sum(
    world: World, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(world, server, monkeypatch)

    def ask(ctx, inputs):  # type: ignore[no-untyped-def]
        ctx.llm.complete("one")
        ctx.llm.stream("two")
        ctx.step("inside", lambda: ctx.llm.complete("three").text)
        return {"result": "done"}

    answering(world, ask)
    server.says(
        whole({"error": {"message": "x"}}, 500),
        whole(responses()),
        events(responses_stream(["half"]), keep=2),
        events(responses_stream(["Hello ", "there"])),
        half(responses()),
        whole(responses()),
    )
    run = world.run("probe")
    rows = calls(world, run.id)
    assert [row["status"] for row in rows] == ["error", "success"] * 3
    for row in rows:
        assert (row["provider"], row["model"]) == ("openai", "gpt-4.1") and row["latency_ms"] > 0
    for row in rows[1::2]:
        price = {name: Decimal(row["price"][name]) for name in ("input", "cached", "output")}
        exact = 60 * price["input"] + 40 * price["cached"] + 10 * price["output"]
        assert (row["tokens_in"], row["cached_tokens"], row["tokens_out"]) == (100, 40, 10)
        assert row["cost_micros"] == exact
    total = sum(row["cost_micros"] or 0 for row in rows)
    assert run.cost_micros == total == 660
    assert sum(step.cost_micros for step in world.app.runs.steps(world.workspace, run.id)) == total


def test_complaint_4_a_run_that_fails_still_shows_what_its_calls_were(world: World, server: StandIn) -> None:
    connect(world, server)
    answering(world, lambda ctx, inputs: {"result": ctx.llm.complete("x").text})
    server.says(whole({"error": {"message": "x"}}, 500))
    run = world.run("probe")
    assert run.status == "error"
    assert [row["status"] for row in calls(world, run.id)] == ["error"] * 4


def test_complaint_5_an_unknown_model_has_no_price_and_never_a_price_of_zero(world: World, server: StandIn) -> None:
    connect(world, server, model="compatible:llama3")
    answering(world, lambda ctx, inputs: {"result": ctx.llm.complete("x").text})
    server.says(whole(chat()))
    run = world.run("probe")
    (row,) = calls(world, run.id)
    assert row["cost_micros"] is None and row["price"] is None and row["tokens_in"] == 100
    world.app.cache.refresh(budget=None)
    view = world.app.dashboard.overview(world.workspace)
    (shown,) = [each for each in view.models if each["model"].endswith("llama3")]
    assert shown["cost"] is None and shown["calls"] == shown["unpriced"] == 1


def test_complaint_5_cost_is_known_by_day_agent_and_model_without_any_other_service(
    world: World, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(world, server, monkeypatch)
    answering(world, lambda ctx, inputs: {"result": ctx.llm.complete("x").text})
    server.says(whole(responses()))
    for _ in range(2):
        world.run("probe")
    world.app.cache.refresh(budget=None)
    (shown,) = [each for each in world.app.dashboard.overview(world.workspace).models if "gpt-4.1" in each["model"]]
    assert (shown["definition_slug"], shown["calls"]) == ("probe", 2) and shown["cost"] == pytest.approx(0.00044)
