"""Brands and creators as a person meets them: adding, editing, wrong input, defaults for agents, putting away."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application, set_current
from ionflux_core.catalog.manifest import read_manifest
from ionflux_core.errors import Invalid
from ionflux_ui.brand_inputs import read_inputs
from ionflux_ui.brand_parts import checked_links, words_of
from tests.pages.shown import ROOT, labelled, open_page
from tests.pages.shown import plain_words as words

TRACKER = read_manifest(ROOT / "agents" / "revenue_tracker" / "agent.yaml")


@pytest.fixture
def app(make_application) -> Application:  # type: ignore[no-untyped-def]
    made: Application = make_application()
    made.workspaces.create("Test")
    return made


def page(app: Application, **parameters: str) -> AppTest:
    set_current(app)
    return open_page("brands", **parameters)


def click(test: AppTest, label: str) -> AppTest:
    return labelled(test.button, label).click().run()  # type: ignore[no-any-return]


def field(test: AppTest, label: str) -> Any:
    return labelled([*test.text_input, *test.text_area], label)


def workspace(app: Application) -> str:
    return app.workspaces.all()[0].id


def test_an_empty_list_says_what_a_brand_is_for(app: Application) -> None:
    test = page(app)
    assert not test.exception
    assert "A brand holds the voice" in words(test)
    assert "A creator holds the niche" in words(page(app, kind="creators"))
    assert click(test, "Add a brand").query_params["new"] == "brand"


def test_a_brand_is_added_with_all_its_fields(app: Application) -> None:
    test = page(app, new="brand")
    field(test, "Name").set_value("  Eco *Threads* ")
    field(test, "Voice").set_value("Calm.")
    field(test, "Fonts").set_value("Inter, Lora, Inter")
    field(test, "Mood board links").set_value("https://a.example/1\n\nhttps://b.example")
    click(test, "Add a colour")
    test.color_picker[0].set_value("#2f5d50")
    click(test, "Add the brand")
    [brand] = app.workspaces.brands(workspace(app))
    assert (brand.name, brand.voice, brand.visual.fonts) == ("Eco *Threads*", "Calm.", ["Inter", "Lora"])
    assert brand.visual.palette == ["#2f5d50"]
    assert brand.mood_board == ["https://a.example/1", "https://b.example"]
    assert test.query_params["brand"] == brand.id
    assert "Eco *Threads*" in words(page(app))


@pytest.mark.parametrize(
    ("label", "value", "said"),
    [
        ("Name", "   ", "A name is missing."),
        ("Mood board links", "javascript:alert(1)", "must be a web address"),
        ("Logo address", "logo.png", "must be a web address"),
    ],
)
def test_wrong_fields_are_named_and_nothing_is_saved(app: Application, label: str, value: str, said: str) -> None:
    test = page(app, new="brand")
    field(test, "Name").set_value("Eco")
    field(test, label).set_value(value)
    assert said in words(click(test, "Add the brand"))
    assert app.workspaces.brands(workspace(app)) == []


def test_a_taken_name_is_refused(app: Application) -> None:
    app.workspaces.add_brand(workspace(app), {"name": "Eco"})
    test = page(app, new="brand")
    field(test, "Name").set_value("Eco")
    assert "There is a brand 'Eco' already." in words(click(test, "Add the brand"))


def test_editing_a_profile_keeps_what_is_not_on_it(app: Application) -> None:
    shopify = {"url": "https://eco.example", "secret": "secret://shopify_token"}
    inputs = {"word_counter": {"text": "hello"}}
    brand = app.workspaces.add_brand(workspace(app), {"name": "Eco", "shopify": shopify, "inputs": inputs})
    test = page(app, brand=brand.id)
    field(test, "Industry").set_value("Fashion")
    click(test, "Save")
    saved = app.workspaces.brand(workspace(app), brand.id)
    assert saved.industry == "Fashion"
    assert saved.inputs == inputs and saved.shopify.secret == "secret://shopify_token"


def test_a_colour_can_be_taken_out(app: Application) -> None:
    brand = app.workspaces.add_brand(workspace(app), {"name": "Eco", "visual": {"palette": ["#abc", "#112233"]}})
    test = page(app, brand=brand.id)
    assert [picker.value for picker in test.color_picker] == ["#aabbcc", "#112233"]
    click(test, "Remove")
    click(test, "Save")
    assert app.workspaces.brand(workspace(app), brand.id).visual.palette == ["#112233"]


def test_archiving_puts_a_brand_away_and_brings_it_back(app: Application) -> None:
    brand = app.workspaces.add_brand(workspace(app), {"name": "Eco"})
    test = click(page(app, brand=brand.id), "Archive")
    assert app.workspaces.brands(workspace(app)) == []
    assert "archived" in words(test)
    assert "Eco" in words(page(app, archived="1"))
    click(page(app, brand=brand.id), "Bring it back")
    assert [each.name for each in app.workspaces.brands(workspace(app))] == ["Eco"]


def test_an_unknown_brand_or_creator_gets_a_sentence(app: Application) -> None:
    for parameters in ({"brand": "nobody"}, {"creator": "nobody"}):
        test = page(app, **parameters)
        assert not test.exception
        assert "There is no such" in words(test)


def test_accounts_name_their_secret_and_whether_it_is_stored(app: Application) -> None:
    shopify = {"url": "https://eco.example", "secret": "secret://shopify_token", "last_sync_status": "ok"}
    brand = app.workspaces.add_brand(workspace(app), {"name": "Eco", "shopify": shopify})
    said = words(page(app, brand=brand.id, part="Accounts"))
    assert "Secret: shopify_token, not stored yet" in said and "No account is connected." in said
    app.secrets.put(workspace(app), "shopify_token", "shpat-value-nobody-sees")
    said = words(page(app, brand=brand.id, part="Accounts"))
    assert "Secret: shopify_token, stored" in said and "nobody-sees" not in said


def test_defaults_are_set_for_an_agent_and_reach_its_configuration(app: Application) -> None:
    ws = workspace(app)
    brand = app.workspaces.add_brand(ws, {"name": "Eco"})
    test = page(app, brand=brand.id, part="Defaults for agents")
    click(test, "Set defaults for it")
    field(test, "Default inputs").set_value("nope: 1")
    assert "has no input 'nope'" in words(click(test, "Save the defaults"))
    field(test, "Default inputs").set_value("text: from the brand")
    click(test, "Save the defaults")
    instance = app.agents.create(ws, "word_counter", "Mine", brand_id=brand.id)
    explained = app.agents.explain(ws, instance.id)
    assert explained.inputs["text"] == "from the brand"
    assert explained.origins["inputs.text"] == "brand"
    assert "Mine" in [link.label for link in page(app, brand=brand.id, part="Agents at work").get("page_link")]


def test_defaults_are_read_with_the_kinds_an_agent_takes() -> None:
    read = read_inputs(TRACKER, "reporting_currency: BRL\nmargin_alert_threshold: 12.50\nnum_top_products: 3\n")
    assert read == {"reporting_currency": "BRL", "margin_alert_threshold": 12.5, "num_top_products": 3}
    assert read_inputs(TRACKER, "  \n") == {} and read_inputs(TRACKER, "# only a remark\n") == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [("num_top_products: many", 1), ("\nfee_base: everything", 2), ("reporting_currency: BRL\nno_such: 1", 2)],
)
def test_a_default_that_does_not_fit_is_named_with_its_line(text: str, line: int) -> None:
    with pytest.raises(Invalid) as caught:
        read_inputs(TRACKER, text)
    assert [problem.line for problem in caught.value.problems] == [line]


@pytest.mark.parametrize("text", ["- a\n- b", "just words", "a: &x [1]\nb: *x", "a: [", "key: sk-" + "a1b2c3d4" * 5])
def test_defaults_that_are_no_map_or_hold_a_secret_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_inputs(TRACKER, text)


def test_a_creator_is_added_edited_and_put_away(app: Application) -> None:
    ws = workspace(app)
    test = page(app, new="creator")
    field(test, "Name").set_value("Marina")
    field(test, "Niche").set_value("repair, slow fashion")
    field(test, "Audience").set_value("country: Brazil\nage: 18-34")
    click(test, "Add the creator")
    [creator] = app.workspaces.creators(ws)
    assert creator.niche_tags == ["repair", "slow fashion"]
    assert creator.audience_demographics == {"country": "Brazil", "age": "18-34"}
    test = page(app, creator=creator.id)
    field(test, "Audience").set_value("- no map")
    assert "The audience cannot be read." in words(click(test, "Save"))
    field(test, "Audience").set_value("")
    field(test, "Story").set_value("Mends clothes.")
    click(test, "Save")
    [creator] = app.workspaces.creators(ws)
    assert (creator.bio, creator.audience_demographics) == ("Mends clothes.", {})
    click(page(app, creator=creator.id), "Archive")
    assert app.workspaces.creators(ws) == []


def test_two_creators_cannot_share_a_name(app: Application) -> None:
    ws = workspace(app)
    app.workspaces.add_creator(ws, {"name": "Marina"})
    other = app.workspaces.add_creator(ws, {"name": "Lia"})
    test = page(app, creator=other.id)
    field(test, "Name").set_value("Marina")
    assert "There is a creator 'Marina' already." in words(click(test, "Save"))


def test_lists_are_read_without_blanks_and_repeats() -> None:
    assert words_of(" a, b\n a ,,") == ["a", "b"]
    assert checked_links(["https://a.example"], "Links") == ["https://a.example"]
    with pytest.raises(Invalid):
        checked_links(["https://a.example", "file:///etc/passwd"], "Links")
