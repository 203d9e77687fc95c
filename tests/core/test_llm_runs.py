"""What an agent gets from `ctx.llm`, and what a run keeps of it: steps, rows, money, text while it is written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import anthropic  # noqa: F401  loading these takes longer than the lease of a test
import openai  # noqa: F401
import pytest
from pydantic import BaseModel, field_validator

from ionflux_core.errors import IonfluxError
from ionflux_core.llm import attempts
from ionflux_core.llm import openai as openai_provider
from ionflux_core.sdk import Image, Message, Tool
from tests.agents_for_tests.world import World, small_world, wait_for, world
from tests.core.test_llm import PIXEL
from tests.stand_ins.server import StandIn, events, half, stand_in, whole
from tests.stand_ins.wire import VENDORS, chat, messages, responses, responses_stream

__all__ = ["small_world", "world"]

KEY = "sk-a-very-private-key-4711"
TOWN = Tool("weather", "The weather of a town", {
    "type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"], "additionalProperties": False,
})  # fmt: skip


class Town(BaseModel):
    """What a model is to fill in."""

    name: str
    people: int

    @field_validator("name")
    @classmethod
    def _capital(cls, name: str) -> str:
        if not name[:1].isupper():
            raise ValueError("begin it with a capital")
        return name


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in() as said:
        yield said


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_FIRST_WAIT", 0.001)
    monkeypatch.setattr(attempts, "_JITTER", 0.001)


def connect(world: World, server: StandIn, *, model: str = "openai:gpt-4.1", **settings: Any) -> None:
    """A workspace whose providers are the stand-in, with a key for OpenAI and one for Anthropic."""
    provider, _, name = model.partition(":")
    world.app.workspaces.save_settings(
        world.workspace,
        {
            "default_model": {"provider": provider, "model": name},
            "outbound_allow": [f"127.0.0.1:{server.port}"],
            "providers": {
                "openai": {"base_url": f"{server.url}/v1"},
                "compatible": {"base_url": f"{server.url}/v1"},
                "anthropic": {"base_url": server.url},
            },
            **settings,
        },
    )
    for name in ("openai_api_key", "anthropic_api_key"):
        world.app.secrets.put(world.workspace, name, KEY)


def listed(world: World, server: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same at OpenAI's own address, where prices are known."""
    monkeypatch.setattr(openai_provider, "BASE_URL", f"{server.url}/v1")
    connect(world, server, providers={"openai": {"base_url": ""}})


def answering(world: World, how: Any, **limits: Any) -> None:
    """An agent that asks as the test says, and may use any language model."""
    world.agent("probe", how, **limits)
    path = world.app.catalog.definition("probe")
    assert path
    (manifest,) = [p for p in world.app.settings.agents_dir.glob("probe/agent.yaml")]
    text = manifest.read_text()
    models = "{provider: local, name: local-1, purpose: offline}, {provider: openai, name: gpt-4o, purpose: words}"
    manifest.write_text(text + f"stack: {{models: [{models}]}}\n")
    world.app.catalog.reload()
    world.app.marketplace.register()
    world.replace("probe", how)


def calls(world: World, run_id: str) -> list[dict[str, Any]]:
    return world.app.runs.calls(world.workspace, run_id)


def says(**how: Any) -> Any:
    return lambda ctx, inputs: {"result": ctx.llm.complete("Say hello", **how).text}


def test_the_workspace_s_model_answers_and_the_row_says_all(
    world: World, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(world, server, monkeypatch)
    answering(world, says(system="Be kind"))
    server.says(whole(responses()))
    run = world.run("probe")
    assert run.outputs == {"result": "Hello wörld"}
    (row,) = calls(world, run.id)
    assert (row["provider"], row["model"], row["status"], row["attempt"]) == ("openai", "gpt-4.1", "success", 1)
    assert (row["tokens_in"], row["tokens_out"], row["cached_tokens"]) == (100, 10, 40)
    assert row["cost_micros"] == 220 == run.cost_micros and row["price"]["input"] == "2"
    assert row["latency_ms"] > 0 and len(row["request_hash"]) == 64
    assert row["request"] == {"prompt": "Say hello", "system": "Be kind", "max_tokens": 800}
    assert row["response"]["text"] == "Hello wörld" and row["response"]["model"] == "gpt-4.1-2025-04-14"
    assert world.steps(run.id) == {"llm": "success"}
    assert KEY not in str(row)


def test_the_same_question_has_the_same_address(world: World, server: StandIn) -> None:
    connect(world, server)
    answering(world, lambda ctx, inputs: {"result": ctx.llm.complete(inputs["value"]).text})
    server.says(whole(responses()))
    first, again, other = (calls(world, world.run("probe", text).id)[0]["request_hash"] for text in ("a", "a", "b"))
    assert first == again != other


def test_every_attempt_is_a_row_the_failed_ones_too(world: World, server: StandIn) -> None:
    connect(world, server)
    answering(world, says())
    server.says(
        whole({"error": {"message": "x"}}, 500),
        whole({"error": {"message": "x"}}, 429, Retry_After="0.05"),
        half(responses()),
        whole(responses()),
    )
    run = world.run("probe")
    rows = calls(world, run.id)
    assert [row["status"] for row in rows] == ["error", "error", "error", "success"]
    assert [row["attempt"] for row in rows] == [1, 2, 3, 4]
    assert [row["error"]["code"] for row in rows[:2]] == ["model_failed", "too_many_requests"]
    # Nobody knows what a failed attempt cost: that is no zero.
    assert [row["cost_micros"] for row in rows] == [None] * 4
    assert server.requests[2].at - server.requests[1].at >= 0.05


def test_the_next_model_takes_over_and_the_row_says_who_answered(world: World, server: StandIn) -> None:
    connect(world, server, fallback_models=[{"provider": "anthropic", "model": "claude-opus-4-5"}])
    answering(world, lambda ctx, inputs: {"result": ctx.llm.complete("Say hello").engine["name"]})
    down = whole({"error": {"message": "x"}}, 503)
    server.says(down, down, down, down, whole(messages()))
    run = world.run("probe")
    assert run.outputs == {"result": "anthropic/claude-opus-4-5"}
    assert [row["provider"] for row in calls(world, run.id)] == ["openai"] * 4 + ["anthropic"]


def test_a_pinned_step_is_never_answered_by_another_model(world: World, server: StandIn) -> None:
    connect(world, server, fallback_models=[{"provider": "anthropic", "model": "claude-opus-4-5"}])
    answering(world, says(pinned=True))
    server.says(whole({"error": {"message": "x"}}, 503))
    run = world.run("probe")
    assert run.status == "error" and run.error_code == "model_failed"
    assert {row["provider"] for row in calls(world, run.id)} == {"openai"}
    world.app.secrets.remove(world.workspace, "openai_api_key")
    run = world.run("probe")
    assert run.error_code == "model_key_missing" and calls(world, run.id) == []


def test_a_refusal_is_an_answer_and_asks_nobody_else(world: World, server: StandIn) -> None:
    connect(world, server)
    models = ["openai:gpt-4.1", "anthropic:claude-opus-4-5"]
    answering(world, lambda ctx, inputs: {"result": ctx.llm.complete("x", models=models).finish_reason})
    refused = {"type": "message", "id": "1", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    server.says(whole(responses(output=[refused])))
    run = world.run("probe")
    assert run.outputs == {"result": "refusal"} and len(server.requests) == 1


def test_without_any_key_the_local_engine_answers_and_says_so(world: World) -> None:
    world.app.workspaces.save_settings(world.workspace, {"default_model": {"provider": "openai", "model": "gpt-4.1"}})
    answering(world, lambda ctx, inputs: {"result": ctx.llm.complete("Say hello. It is late.").engine["kind"]})
    run = world.run("probe")
    assert run.outputs == {"result": "local"}
    (row,) = calls(world, run.id)
    assert (row["provider"], row["model"], row["cost_micros"]) == ("local", "extractive-tfidf", 0)


def test_what_the_local_engine_cannot_do_names_the_missing_key(world: World) -> None:
    world.app.workspaces.save_settings(world.workspace, {"default_model": {"provider": "openai", "model": "gpt-4.1"}})
    answering(world, says(schema=Town))
    run = world.run("probe")
    assert run.error_code == "model_key_missing" and run.error and "Settings, Models" in run.error.hint


def test_a_missed_schema_gets_one_repair_turn(world: World, server: StandIn) -> None:
    connect(world, server)

    def ask(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        done = ctx.llm.complete("A town", schema=Town)
        assert isinstance(done.data, Town)
        return {"result": {"town": done.data.name, "tokens": done.tokens_in}}

    answering(world, ask)
    server.says(
        whole(responses('{"name": "porto", "people": 1}')),
        whole(responses('```json\n{"name": "Porto", "people": 1}\n```')),
    )
    run = world.run("probe")
    assert run.outputs == {"result": {"town": "Porto", "tokens": 200}}
    assert len(server.requests) == 2
    told = server.requests[1].body["input"]
    assert [turn["role"] for turn in told] == ["user", "assistant", "user"] and "begin it with a capital" in told[2][
        "content"
    ]
    assert "begin it with a capital" in calls(world, run.id)[1]["request"]["told"]


def test_a_schema_missed_twice_fails_and_says_why(world: World, server: StandIn) -> None:
    connect(world, server)
    answering(
        world, says(schema={"type": "object", "properties": {"people": {"type": "integer"}}, "required": ["people"]})
    )
    server.says(whole(responses('{"people": "many"}')))
    run = world.run("probe")
    assert run.error_code == "model_unfit_answer" and "people" in str(run.error_message)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (responses("{", status="incomplete", incomplete_details={"reason": "max_output_tokens"}), "model_answer_cut"),
        (responses("{", status="incomplete", incomplete_details={"reason": "content_filter"}), "model_refused"),
    ],
)
def test_a_cut_or_refused_form_is_not_asked_again(
    small_world: World, server: StandIn, answer: dict[str, Any], code: str
) -> None:
    world = small_world
    connect(world, server)
    answering(world, says(schema=Town))
    server.says(whole(answer))
    assert world.run("probe").error_code == code and len(server.requests) == 1


def test_tools_are_wished_for_done_by_the_agent_and_told(world: World, server: StandIn) -> None:
    connect(world, server)

    def ask(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        first = Message("user", "How is the weather?")
        wish = ctx.llm.complete(messages=[first], tools=[TOWN])
        seen = [ctx.step("look", lambda call=call: f"sunny in {call.arguments['town']}") for call in wish.tool_calls]
        told = [Message("tool", text, tool_call_id=c.id) for c, text in zip(wish.tool_calls, seen, strict=True)]
        return {"result": ctx.llm.complete(messages=[first, wish.message, *told], tools=[TOWN]).text}

    answering(world, ask)
    server.says(whole(responses("", [("weather", {"town": "Porto"})])), whole(responses("Sunny!")))
    run = world.run("probe")
    assert run.outputs == {"result": "Sunny!"}
    assert list(world.steps(run.id)) == ["llm", "look", "llm[1]"]
    assert {"type": "function_call_output", "call_id": "call_0", "output": "sunny in Porto"} in server.requests[1].body[
        "input"
    ]


@pytest.mark.parametrize("wish", [("launch", {}), ("weather", {"city": "Porto"}), ("weather", {"town": 7})])
def test_a_wish_for_what_was_not_offered_is_never_handed_over(
    small_world: World, server: StandIn, wish: tuple[str, dict[str, Any]]
) -> None:
    world = small_world
    connect(world, server)
    answering(world, lambda ctx, inputs: {"result": len(ctx.llm.complete("x", tools=[TOWN]).tool_calls)})
    server.says(whole(responses("", [wish])))
    assert world.run("probe").error_code == "model_unfit_answer"
    assert server.requests[1].body["input"][-1]["type"] == "function_call_output"


def test_a_picture_is_sent_and_recorded_by_its_hash_only(world: World, server: StandIn) -> None:
    connect(world, server, model="compatible:llava")
    answering(world, says(images=[Image(PIXEL)]))
    server.says(whole(chat()))
    run = world.run("probe")
    assert "data:image/png;base64," in str(server.requests[0].body)
    (row,) = calls(world, run.id)
    assert row["request"]["images"][0]["size"] == len(PIXEL) and "base64" not in str(row)


def test_a_finished_answer_is_not_asked_for_again(world: World, server: StandIn) -> None:
    connect(world, server)
    tries: list[int] = []

    def ask(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        done = ctx.llm.complete("A town", schema=Town)
        tries.append(1)
        if len(tries) == 1:
            raise IonfluxError("later")
        return {"result": done.data.name}

    answering(world, ask)
    server.says(whole(responses('{"name": "Porto", "people": 1}')))
    assert world.run("probe").status == "error"
    (failed,) = world.rows("runs")
    child = world.app.forks.retry(world.workspace, failed.id)
    assert world.ended(child.run_id).outputs == {"result": "Porto"} and len(server.requests) == 1


def test_text_is_seen_on_the_run_while_it_is_written(world: World, server: StandIn) -> None:
    connect(world, server)
    heard: list[str] = []
    answering(world, lambda ctx, inputs: {"result": ctx.llm.stream("x", on_text=heard.append).text})
    server.says(events(responses_stream([f"word{number} " for number in range(25)]), pause=0.1))
    world.started()
    run_id = world.start("probe")
    seen: set[str] = set()

    def ended() -> bool:
        seen.update(
            step.outputs["text"]
            for step in world.app.runs.steps(world.workspace, run_id)
            if step.status == "running" and step.outputs
        )
        return world.get(run_id).status == "success"

    wait_for(ended)
    whole_text = "".join(f"word{number} " for number in range(25))
    assert len(seen) >= 3 and all(whole_text.startswith(text) for text in seen)
    assert "".join(heard) == whole_text
    (step,) = world.app.runs.steps(world.workspace, run_id)
    assert step.outputs["text"] == whole_text


def test_a_stream_that_breaks_off_starts_over(world: World, server: StandIn) -> None:
    connect(world, server)
    answering(world, lambda ctx, inputs: {"result": ctx.llm.stream("x").text})
    server.says(events(responses_stream(["Hello ", "there"]), keep=2), events(responses_stream(["Hello ", "there"])))
    run = world.run("probe")
    assert run.outputs == {"result": "Hello there"}
    assert [row["status"] for row in calls(world, run.id)] == ["error", "success"]


def test_a_secret_that_comes_back_is_not_kept(world: World, server: StandIn) -> None:
    connect(world, server)
    answering(world, lambda ctx, inputs: {"result": ctx.llm.stream("x").text})
    server.says(events(responses_stream(["Your key is ", KEY])))
    run = world.run("probe")
    assert run.status == "success"
    assert KEY not in str(run) + str(calls(world, run.id)) + str(world.rows("run_steps"))


def test_a_fault_of_the_listener_is_not_the_provider_s(small_world: World, server: StandIn) -> None:
    world = small_world
    connect(world, server)
    answering(world, lambda ctx, inputs: {"result": ctx.llm.stream("x", on_text=lambda text: {}[text]).text})
    server.says(events(responses_stream(["Hello"])))
    run = world.run("probe")
    assert run.error_code == "agent_failed" and "KeyError" in str(run.error_message)
    assert len(server.requests) == 1


def test_a_secret_in_a_wish_is_not_kept_either(small_world: World, server: StandIn) -> None:
    world = small_world
    connect(world, server)
    answering(world, lambda ctx, inputs: {"result": ctx.llm.complete("x", tools=[TOWN]).tool_calls[0].arguments})
    server.says(whole(responses("", [("weather", {"town": f"key {KEY}"})])))
    run = world.run("probe")
    assert run.status == "success"
    assert KEY not in str(run) + str(calls(world, run.id)) + str(world.rows("run_steps"))


def test_money_is_set_aside_before_and_settled_after_each_attempt(
    world: World, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(world, server, monkeypatch)
    answering(world, says())
    server.says(whole({"error": {"message": "x"}}, 500), whole(responses()))
    run = world.run("probe")
    assert run.status == "success"
    kinds = [row.kind for row in world.rows("billing_ledger", run_id=run.id)]
    assert kinds.count("debit_reserve") == 2 and "refund" in kinds and "debit_flow_execution" in kinds
    assert world.rows("reservations") == []


def test_a_budget_stops_the_run_before_the_call(world: World, server: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(world, server, monkeypatch)
    answering(world, says(models=["openai:gpt-4.1", "anthropic:claude-opus-4-5"]))
    server.says(whole(responses()))
    run = world.run("probe", budget_micros=1)
    assert run.status == "budget_stopped" and server.requests == [] and calls(world, run.id) == []


def test_texts_become_vectors_without_any_key(world: World) -> None:
    answering(world, lambda ctx, inputs: {"result": [len(vector) for vector in ctx.llm.embed(["a b", "c"])]})
    run = world.run("probe")
    assert run.outputs == {"result": [256, 256]}
    (row,) = calls(world, run.id)
    assert (row["kind"], row["provider"], row["cost_micros"]) == ("embedding", "local", 0)


def test_vectors_of_the_workspace_s_embedding_model(world: World, server: StandIn) -> None:
    connect(world, server, embedding_model={"provider": "compatible", "model": "embed-1"})
    answering(world, lambda ctx, inputs: {"result": ctx.llm.embed(["a"])})
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, 1.0]}]
    server.says(
        whole({"object": "list", "data": data, "model": "embed-1", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    )
    assert world.run("probe").outputs == {"result": [[0.5, 1.0]]}


def test_a_brand_has_a_model_of_its_own_and_an_instance_overrides_it(world: World, server: StandIn) -> None:
    connect(world, server)
    answering(world, lambda ctx, inputs: {"result": ctx.llm.complete("x").engine["name"]})
    brand = world.app.workspaces.add_brand(
        world.workspace, {"name": "Atelier", "model": {"provider": "compatible", "model": "llama3"}}
    )
    server.says(whole(chat()))
    assert world.run("probe", brand_id=brand.id).outputs == {"result": "compatible/llama3"}
    world.instance("probe", brand_id=brand.id, yaml="stack_preferences:\n  model: gpt-4o\n")
    server.says(whole(responses()))
    assert world.run("one").outputs == {"result": "openai/gpt-4o"}


def test_an_agent_without_language_models_hears_no_wish(world: World, server: StandIn) -> None:
    connect(world, server)
    world.agent("plain", lambda ctx, inputs: {"result": ctx.llm.complete("Say it.").engine["kind"]})
    assert world.run("plain").outputs == {"result": "local"}


def test_a_hanging_model_is_cut_off(small_world: World, server: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    world = small_world
    monkeypatch.setattr("ionflux_core.limits.MODEL_SECONDS", 1)
    connect(world, server, fallback_models=[{"provider": "anthropic", "model": "claude-opus-4-5"}])
    answering(world, lambda ctx, inputs: {"result": ctx.llm.complete("x").engine["name"]})
    server.says(whole(responses(), delay=20), whole(messages()))
    started = time.monotonic()
    run = world.run("probe")
    assert run.outputs == {"result": "anthropic/claude-opus-4-5"} and time.monotonic() - started < 15
    assert [row["status"] for row in calls(world, run.id)] == ["error", "success"]


@pytest.mark.parametrize("name", list(VENDORS))
def test_every_vendor_streams_into_a_run(small_world: World, server: StandIn, name: str) -> None:
    world, vendor = small_world, VENDORS[name]
    connect(world, server, model=f"{vendor.provider}:{vendor.model}")
    world.app.workspaces.save_settings(world.workspace, {"providers": {vendor.provider: {"api": vendor.api}}})
    answering(world, lambda ctx, inputs: {"result": ctx.llm.stream("x").text})
    server.says(events(vendor.stream(["Hello ", "there"])))
    assert world.run("probe").outputs == {"result": "Hello there"}
    assert server.requests[0].path == vendor.path


def test_what_no_wait_can_heal_is_not_tried_again(small_world: World, server: StandIn) -> None:
    world = small_world
    connect(world, server)
    answering(world, lambda ctx, inputs: {"result": ctx.llm.complete("x", **inputs["value"]).text}, retries=3)
    server.says(whole(responses("no JSON")))
    unfit = world.run("probe", {"schema": {"type": "object"}})
    assert (unfit.error_code, unfit.attempt, len(server.requests)) == ("model_unfit_answer", 1, 2)
    world.app.secrets.remove(world.workspace, "openai_api_key")
    missing = world.run("probe", {"models": ["openai:gpt-4.1"], "pinned": True})
    assert (missing.error_code, missing.attempt) == ("model_key_missing", 1)


def test_nothing_asked_is_said_plainly(small_world: World) -> None:
    small_world.agent("probe", lambda ctx, inputs: {"result": ctx.llm.complete().text})
    run = small_world.run("probe")
    assert run.error_code == "invalid" and "asked nothing" in str(run.error_message)
