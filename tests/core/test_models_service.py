"""The test button of Settings, Models: whatever is wrong is said in a sentence with what to do next."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.errors import Invalid
from ionflux_core.services import models as models_service
from ionflux_core.services.models import choice_of, price_list
from tests.agents_for_tests.world import World, small_world
from tests.core.test_llm_runs import connect
from tests.stand_ins.server import StandIn, stand_in, whole
from tests.stand_ins.wire import chat, messages, responses

__all__ = ["small_world"]


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in() as said:
        yield said


def failing(status: int, code: str = "some_code") -> Any:
    return whole({"error": {"type": code, "code": code, "message": "private"}}, status)


@pytest.mark.parametrize(
    ("reply", "sentence", "advice"),
    [
        (failing(401), "does not accept the key", "valid key"),
        (failing(403), "may not do this", "allowed to do"),
        (failing(404), "does not know this model", "model's name"),
        (failing(429), "accepts no more requests", "Wait"),
        (failing(429, "insufficient_quota"), "accepts no more requests", "no credit left"),
        (failing(500), "failed with status 500", "later"),
        (whole(b"<html>a login page</html>", content_type="text/html"), "cannot be read", "base URL"),
    ],
)
@pytest.mark.parametrize("chosen", ["openai:gpt-4.1", "anthropic:claude-opus-5", "compatible:llama3"])
def test_what_is_wrong_is_said(
    small_world: World, server: StandIn, chosen: str, reply: Any, sentence: str, advice: str
) -> None:
    connect(small_world, server)
    server.says(reply)
    tested = small_world.app.models.test(small_world.workspace, chosen)
    assert not tested.ok and sentence in tested.message and advice in tested.hint and "private" not in tested.message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("chosen", "answer"),
    [("openai:gpt-4.1", responses()), ("anthropic:claude-opus-5", messages()), ("compatible:llama3", chat())],
)
def test_who_answered_and_how_fast_is_said(small_world: World, server: StandIn, chosen: str, answer: Any) -> None:
    connect(small_world, server)
    server.says(whole(answer))
    tested = small_world.app.models.test(small_world.workspace, chosen)
    assert tested.ok and answer["model"] in tested.message and "no price is known" in tested.message
    assert "temperature" not in server.requests[0].body


def test_a_server_that_hangs_does_not_hold_the_page(
    small_world: World, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(small_world, server)
    monkeypatch.setattr(models_service, "TEST_SECONDS", 0.3)
    server.says(whole(responses(), delay=20))
    started = time.monotonic()
    tested = small_world.app.models.test(small_world.workspace, "openai:gpt-4.1")
    assert "did not answer within" in tested.message and time.monotonic() - started < 15


def test_no_key_no_address_no_network_and_a_closed_address(small_world: World, server: StandIn) -> None:
    app, ws = small_world.app, small_world.workspace

    def said(chosen: str) -> str:
        tested = app.models.test(ws, chosen)
        assert not tested.ok and tested.hint
        return tested.message

    assert said("openai:gpt-4.1") == "There is no key for OpenAI."
    assert "has no address" in said("compatible:llama3")
    assert "No model of OpenAI is named" in said("openai:")
    assert "no model provider" in said("elsewhere:m")
    app.workspaces.save_settings(ws, {"providers": {"compatible": {"base_url": f"{server.url}/v1"}}})
    assert "not on the public internet" in said("compatible:llama3")
    app.workspaces.save_settings(ws, {"providers": {"compatible": {"base_url": "http://nowhere.invalid/v1"}}})
    assert "was not found" in said("compatible:llama3")
    app.workspaces.save_settings(
        ws, {"outbound_allow": ["127.0.0.1:9"], "providers": {"compatible": {"base_url": "http://127.0.0.1:9"}}}
    )
    assert "cannot be reached" in said("compatible:llama3")
    assert server.requests == [] and app.models.test(ws, "local:local-1").ok


def test_a_successful_test_ends_the_rest_of_a_provider(small_world: World, server: StandIn) -> None:
    connect(small_world, server)
    app, ws = small_world.app, small_world.workspace
    breaker = app.models.breakers.of("openai", f"{server.url}/v1")
    for _ in range(5):
        breaker.failed()
    assert [provider.name for provider in app.models.providers(ws) if provider.resting] == ["openai"]
    server.says(whole(responses()))
    assert app.models.test(ws, "openai:gpt-4.1").ok and not breaker.is_open


def test_providers_tell_what_they_lack_and_never_a_key(small_world: World) -> None:
    app: Application = small_world.app
    ws = small_world.workspace
    app.secrets.put(ws, "openai_api_key", "sk-private-value-1234")
    found = {provider.name: provider for provider in app.models.providers(ws)}
    assert [name for name, provider in found.items() if provider.is_ready] == ["local", "openai"]
    assert "private" not in repr(found)


def test_what_a_call_can_cost_is_known_before_it(small_world: World) -> None:
    app, ws = small_world.app, small_world.workspace
    most = app.models.most_micros(ws, "openai:gpt-4.1", "word " * 100, 1000)
    assert most is not None and 8000 < most < 9000
    assert app.models.most_micros(ws, "openai:gpt-99", "word", 10) is None
    assert app.models.most_micros(ws, "local:local-1", "word", 10) == 0


def test_choices_are_read_strictly() -> None:
    assert choice_of(" compatible:llama3:8b ").model == "llama3:8b"
    for text in ("gpt-4.1", "openai:", "elsewhere:m"):
        with pytest.raises(Invalid):
            choice_of(text)


def test_the_price_list_shows_what_holds_today() -> None:
    shown = {(price.provider, price.model): str(price.cached) for price in price_list()}
    assert shown["anthropic", "claude-sonnet-5-5"] == "0.10" and len(shown) == len(price_list())
