"""The settings page without a browser: what is saved, what is refused, and what is never shown."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from ionflux_core.errors import Invalid
from ionflux_ui.settings_secrets import secret_users
from ionflux_ui.settings_workspace import checked_inputs
from tests.pages.shown import labelled as named
from tests.pages.shown import open_page, words

VALUE = "a-very-private-value-4711"


def page(tab: str, **parameters: str) -> AppTest:
    return open_page("settings", tab=tab, **parameters)


def test_an_unknown_tab_is_the_first_one(ws: str) -> None:
    assert named(page("nonsense").text_input, "Name").value == "Test"


def test_the_workspace_is_saved_as_written(application: Application, ws: str) -> None:
    test = page("workspace")
    named(test.text_input, "Name").set_value("Atelier")
    named(test.text_input, "Currency").set_value("eur")
    named(test.selectbox, "Time zone").set_value("Europe/Lisbon")
    named(test.number_input, "Runs at the same time").set_value(3)
    named(test.text_area, "Closed addresses that agents may reach").set_value("10.1.0.0/16\n\n192.168.1.9:8080")
    named(test.button, "Save").click().run()
    saved = application.workspaces.get(ws)
    assert (saved.name, saved.settings.currency, saved.settings.timezone) == ("Atelier", "EUR", "Europe/Lisbon")
    assert saved.settings.max_parallel_runs == 3
    assert saved.settings.outbound_allow == ["10.1.0.0/16", "192.168.1.9:8080"]


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("Currency", "E1"),
        ("Name", "   "),
        ("Closed addresses that agents may reach", "http://x y"),
    ],
)
def test_wrong_input_is_refused_whole(application: Application, ws: str, label: str, text: str) -> None:
    before = application.workspaces.get(ws)
    test = page("workspace")
    named([*test.text_input, *test.text_area], label).set_value(text)
    named(test.text_input, "Language").set_value("pt")
    named(test.button, "Save").click().run()
    assert "That did not work" in words(test)
    assert application.workspaces.get(ws) == before


def test_default_inputs_reach_a_run_and_say_so(application: Application, ws: str) -> None:
    test = page("inputs", definition="word_counter")
    named(test.text_area, "Default inputs as YAML").set_value("text: from the workspace")
    named(test.button, "Save defaults").click().run()
    assert application.workspaces.get(ws).settings.inputs == {"word_counter": {"text": "from the workspace"}}
    run = application.runs.get(ws, application.runs.start(ws, "agent:word_counter").run_id)
    assert run.inputs["text"] == "from the workspace"
    assert run.config["origins"]["inputs.text"] == "workspace"
    test = page("inputs", definition="word_counter")
    named(test.text_area, "Default inputs as YAML").set_value("")
    named(test.button, "Save defaults").click().run()
    assert application.workspaces.get(ws).settings.inputs == {}


@pytest.mark.parametrize("text", ["nonsense: 1", "text: [1]", "- a", "text: 'x", "text: a\ntext: b"])
def test_default_inputs_are_checked_against_the_agent(application: Application, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_inputs(application.marketplace.definition("word_counter"), text)
    assert refused.value.hint or refused.value.problems


def test_another_workspace_is_made_and_put_away(application: Application, ws: str) -> None:
    test = page("workspace")
    assert not [button for button in test.button if button.label == "Archive it"]
    named(test.text_input, "Name of another workspace").set_value("Second")
    named(test.button, "Create workspace").click().run()
    assert [each.name for each in application.workspaces.all()] == ["Test", "Second"]
    named(page("workspace").button, "Archive it").click().run()
    assert len(application.workspaces.all()) == 1


def test_a_secret_goes_in_and_never_comes_out(application: Application, ws: str) -> None:
    test = page("secrets")
    assert "None stored yet" in words(test)
    named(test.text_input, "Name").set_value("shop_token")
    named(test.text_input, "Value").set_value(VALUE)
    named(test.button, "Store secret").click().run()
    assert application.secrets.reveal(ws, "shop_token") == VALUE
    assert "shop\\_token" in words(test)
    assert VALUE not in words(test) + str(test.main)
    assert VALUE not in str(page("secrets").main)


def test_a_secret_is_replaced_in_its_row(application: Application, ws: str) -> None:
    application.secrets.put(ws, "shop_token", "the-old-value")
    test = page("secrets")
    named(test.text_input, "New value").set_value(VALUE)
    named(test.button, "Replace it").click().run()
    assert application.secrets.reveal(ws, "shop_token") == VALUE


def test_a_secret_is_removed_only_after_a_second_look(application: Application, ws: str) -> None:
    application.secrets.put(ws, "shop_token", VALUE)
    named(page("secrets").button, "Remove it").click().run()
    assert application.secrets.names(ws) == []


@pytest.mark.parametrize(("name", "value"), [("9 bad", VALUE), ("", VALUE), ("shop_token", "")])
def test_a_secret_without_a_usable_name_or_value_is_refused(
    application: Application, ws: str, name: str, value: str
) -> None:
    test = page("secrets")
    named(test.text_input, "Name").set_value(name)
    named(test.text_input, "Value").set_value(value)
    named(test.button, "Store secret").click().run()
    assert "That did not work" in words(test)
    assert VALUE not in words(test)
    assert application.secrets.names(ws) == []


def test_who_uses_a_secret_is_named_and_a_missing_one_too(application: Application, ws: str) -> None:
    application.agents.create(ws, "word_counter", "Counter", yaml="inputs:\n  text: secret://shop_token\n")
    application.workspaces.save_settings(ws, {"default_model": {"provider": "openai", "model": "gpt"}})
    assert secret_users(application, ws) == {"shop_token": ["Counter"], "openai_api_key": ["the default model"]}
    shown = words(page("secrets"))
    assert "**shop\\_token** is not stored, but used by Counter." in shown


def test_a_token_is_shown_once(application: Application, ws: str) -> None:
    test = page("tokens")
    named(test.text_input, "Name").set_value("Report script")
    named(test.button, "Create token").click().run()
    token = test.code[0].value
    assert application.tokens.caller(token).workspace_id == ws
    named(test.button, "I have copied it").click().run()
    assert token not in words(test)
    assert "Report script" in words(test)
    assert token not in words(page("tokens"))


def test_a_token_is_revoked(application: Application, ws: str) -> None:
    application.tokens.create(ws, "Old", days=None)
    test = page("tokens")
    assert "never expires" in words(test)
    named(test.button, "Revoke it").click().run()
    assert application.tokens.find(ws) == []


def test_a_token_needs_a_name(application: Application, ws: str) -> None:
    test = page("tokens")
    named(test.button, "Create token").click().run()
    assert "That did not work" in words(test)
    assert application.tokens.find(ws) == []


def test_health_shows_what_is_not_well_with_what_to_do(application: Application, ws: str) -> None:
    shown = words(page("health"))
    assert "Nobody keeps the clock" in shown
    assert "What to do:" in shown
    assert "wrote and read back" in shown


def test_about_is_measured(application: Application, ws: str) -> None:
    test = page("about")
    measured = {metric.label: metric.value for metric in test.metric}
    assert measured["Version"] == "0.1.0"
    assert measured["Start, measured"].endswith("s")
    assert measured["Memory (PSS)"].endswith("MiB")
    assert any("Inter" in fold.label for fold in test.expander)


def test_a_start_that_was_not_measured_is_not_invented(application: Application, ws: str) -> None:
    application.ready_seconds = None
    assert named(page("about").metric, "Start, measured").value == "not measured"
