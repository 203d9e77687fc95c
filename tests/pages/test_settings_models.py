"""Settings, Models without a browser: what is chosen, what is stored and never shown, and what a test says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from tests.pages.shown import labelled as named
from tests.pages.shown import open_page, plain_words
from tests.stand_ins.server import StandIn, stand_in, whole
from tests.stand_ins.wire import chat

KEY = "sk-a-very-private-key-4711"


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in() as said:
        yield said


def page() -> AppTest:
    return open_page("settings", tab="models")


def button(test: AppTest, provider: str) -> AppTest:
    return next(
        each for each in test.button if each.label == "Test" and (each.key or "").endswith(f"{provider}-button")
    )


def test_models_are_chosen_in_order(application: Application, ws: str) -> None:
    test = page()
    named(test.selectbox, "Default model").set_value("openai:gpt-4.1")
    named(test.multiselect, "When it does not answer, ask in this order").set_value(["anthropic:claude-opus-5"])
    named(test.button, "Save").click().run()
    saved = application.workspaces.get(ws).settings
    assert (saved.default_model.provider, saved.default_model.model) == ("openai", "gpt-4.1")
    assert [(each.provider, each.model) for each in saved.fallback_models] == [("anthropic", "claude-opus-5")]


def test_a_choice_without_a_provider_is_refused(application: Application, ws: str) -> None:
    application.workspaces.save_settings(ws, {"default_model": {"provider": "elsewhere", "model": "m"}})
    test = page()
    named(test.button, "Save").click().run()
    assert "'elsewhere' is no model provider." in plain_words(test)


def test_a_key_goes_in_and_never_comes_out(application: Application, ws: str) -> None:
    test = page()
    assert "No key" in plain_words(test)
    named(test.text_input, "Key of OpenAI").set_value(KEY)
    next(each for each in test.button if each.label == "Store it").click().run()
    assert application.secrets.reveal(ws, "openai_api_key") == KEY
    shown = page()
    assert "Key stored" in plain_words(shown) and KEY not in str(shown.main)
    named(shown.button, "Remove the key").click().run()
    assert application.secrets.names(ws) == []


def test_a_server_in_the_house_is_reached_once_it_is_opened(application: Application, ws: str, server: StandIn) -> None:
    server.says(whole(chat("ready")))
    test = page()
    named(test.text_input, "Base URL of Compatible server").set_value(f"{server.url}/v1")
    [*_, save] = [each for each in test.button if each.label == "Save address"]
    save.click().run()
    test = page()
    named(test.text_input, "Model of Compatible server to test").set_value("llama3")
    button(test, "compatible").click().run()
    assert "not on the public internet" in plain_words(test) and "allow-list" in plain_words(test)
    assert server.requests == []
    [*_, opened] = [each for each in test.text_input if each.label == "Open this address for agents, too"]
    opened.set_value(f"127.0.0.1:{server.port}")
    [*_, save] = [each for each in test.button if each.label == "Save address"]
    save.click().run()
    assert application.workspaces.get(ws).settings.outbound_allow == [f"127.0.0.1:{server.port}"]
    test = page()
    named(test.text_input, "Model of Compatible server to test").set_value("llama3")
    button(test, "compatible").click().run()
    assert "answered in" in plain_words(test) and "no price is known" in plain_words(test)


@pytest.mark.parametrize("url", ["ftp://x", "http://user:pw@x/v1", "not an address", "http://x/v1?key=1"])
def test_an_address_that_is_none_is_refused(application: Application, ws: str, url: str) -> None:
    test = page()
    named(test.text_input, "Base URL of OpenAI").set_value(url)
    next(each for each in test.button if each.label == "Save address").click().run()
    assert "That did not work" in plain_words(test)
    assert application.workspaces.get(ws).settings.providers == {}


def test_a_test_without_a_key_says_so(ws: str) -> None:
    test = page()
    button(test, "openai").click().run()
    assert "There is no key for OpenAI." in plain_words(test)


def test_prices_are_shown_with_their_days(ws: str) -> None:
    shown = plain_words(page())
    assert "openai:gpt-4.1" in shown and "2026-06-01" in shown and "has no price" in shown


def test_a_brand_may_have_a_model_of_its_own(application: Application, ws: str) -> None:
    brand = application.workspaces.add_brand(ws, {"name": "Atelier"})
    test = open_page("brands", brand=brand.id)
    named(test.selectbox, "Model").set_value("anthropic:claude-opus-5")
    named(test.button, "Save").click().run()
    saved = application.workspaces.brand(ws, brand.id)
    assert saved.model is not None and (saved.model.provider, saved.model.model) == ("anthropic", "claude-opus-5")
    test = open_page("brands", brand=brand.id)
    assert named(test.selectbox, "Model").value == "anthropic:claude-opus-5"
    named(test.selectbox, "Model").set_value("")
    named(test.button, "Save").click().run()
    assert application.workspaces.brand(ws, brand.id).model is None
