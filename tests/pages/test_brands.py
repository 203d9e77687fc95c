"""Brands and creators as a person meets them: adding, editing, wrong input, defaults for agents, putting away."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application, set_current
from ionflux_core.catalog.manifest import read_manifest
from ionflux_core.domain.workspaces import Platform
from ionflux_core.errors import Invalid
from ionflux_core.ids import now
from ionflux_core.limits import IMAGE_BYTES, MOOD_PICTURES
from ionflux_core.storage import accounts as account_rows
from ionflux_ui.brand_audience import platform_lines, platforms_of
from ionflux_ui.brand_colours import contrast, readable_pairs
from ionflux_ui.brand_inputs import read_inputs
from ionflux_ui.brand_parts import checked_links, words_of
from ionflux_ui.brand_pictures import is_allowed, stored_address, stored_picture
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
    assert "Secret: shopify_token, not stored yet" in said and "Nothing is written down." in said
    app.secrets.put(workspace(app), "shopify_token", "shpat-value-nobody-sees")
    said = words(page(app, brand=brand.id, part="Accounts"))
    assert "Secret: shopify_token, stored" in said and "nobody-sees" not in said


MAIL = {"host": "mail.example", "password": "a-password-nobody-sees", "from_address": "shop@mail.example"}


def test_connected_accounts_stand_first_and_an_unassigned_one_is_given_to_the_brand(app: Application) -> None:
    ws = workspace(app)
    eco, other = (app.workspaces.add_brand(ws, {"name": name}) for name in ("Eco", "Other"))
    assert "No account is connected here." in words(page(app, brand=eco.id, part="Accounts"))
    app.accounts.save(ws, "smtp", "Mail of Other", MAIL, brand_id=other.id)
    free = app.accounts.save(ws, "smtp", "Mail <b>of</b> all", MAIL)
    test = page(app, brand=eco.id, part="Accounts")
    said = words(test)
    assert "Mail <b>of</b> all" in said and "Not tested yet" in said and "All brands" in said
    assert "<b>of" not in "".join(each.value for each in test.markdown)
    assert "Mail of Other" not in said and "nobody-sees" not in said
    assert said.index("Connected") < said.index("Written down by hand")
    assert "Settings, Accounts" in [link.label for link in test.get("page_link")]
    assert test.selectbox(f"brand-choice-{free.id}").value == eco.id
    said = words(click(test, "Save its brand"))
    assert app.accounts.get(ws, free.id).brand_id == eco.id
    assert "Mail <b>of</b> all" in said and "All brands" not in said
    assert "Mail <b>of</b> all" not in words(page(app, brand=other.id, part="Accounts"))


def test_a_connected_account_tells_its_last_sync_and_what_is_wrong(app: Application) -> None:
    ws = workspace(app)
    eco = app.workspaces.add_brand(ws, {"name": "Eco"})
    shop = {"shop": "eco.myshopify.com", "token": "shpat_0123456789abcdef0123456789abcdef"}
    account = app.accounts.save(ws, "shopify", "Shop", shop, brand_id=eco.id)
    assert "Never synced." in words(page(app, brand=eco.id, part="Accounts"))
    wrong = {"message": "The shop does not *answer*.", "hint": "Wait."}

    def noted(**values: Any) -> str:
        app.db.write(lambda connection: account_rows.save(connection, ws, account.id, **values))
        return words(page(app, brand=eco.id, part="Accounts"))

    assert "Last sync 2 hours ago: went well" in noted(synced_at=now() - timedelta(hours=2), status="connected")
    said = noted(sync_error=wrong, status="revoked", error={"message": "The token is refused."})
    assert "The shop does not *answer*." in said and "Access revoked" in said and "The token is refused." in said


def test_a_creator_sees_the_accounts_of_all_brands(app: Application) -> None:
    ws = workspace(app)
    creator = app.workspaces.add_creator(ws, {"name": "Lia"})
    free = app.accounts.save(ws, "smtp", "Mail", MAIL)
    test = page(app, creator=creator.id, part="Accounts")
    # Without a brand there is none to choose.
    assert "Mail" in words(test) and not [each for each in test.selectbox if each.label == "Brand"]
    eco = app.workspaces.add_brand(ws, {"name": "Eco"})
    test = page(app, creator=creator.id, part="Accounts")
    test.selectbox(f"brand-choice-{free.id}").set_value(eco.id).run()
    click(test, "Save its brand")
    assert app.accounts.get(ws, free.id).brand_id == eco.id


def test_the_address_of_a_shop_is_kept_beside_its_connector(app: Application) -> None:
    brand = app.workspaces.add_brand(workspace(app), {"name": "Eco"})
    test = page(app, brand=brand.id, part="Accounts")
    assert "Agents link to this address." in words(test)
    # A shop's token belongs to its connected account; TikTok and WhatsApp have none.
    assert [each.label for each in test.selectbox] == ["Secret", "Secret"]
    labelled(test.text_input, "Address").set_value("https://eco.example")
    click(test, "Save account")
    assert app.workspaces.brand(workspace(app), brand.id).shopify.url == "https://eco.example"


def picture(number: int, size: int = 40) -> tuple[str, bytes, str]:
    return (f"mood_{number}.png", b"\x89PNG\r\n\x1a\n" + bytes([number]) * size, "image/png")


def uploader(test: AppTest) -> Any:
    return labelled(test.get("file_uploader"), "Mood board pictures")


def test_pictures_of_the_mood_board_are_stored_shown_and_removed(app: Application) -> None:
    ws = workspace(app)
    brand = app.workspaces.add_brand(ws, {"name": "Eco", "mood_board": ["https://a.example/1"]})
    test = page(app, brand=brand.id)
    uploader(test).set_value([picture(1), picture(2), picture(1)])
    said = words(click(test.run(), "Save"))
    first, second = app.workspaces.brand(ws, brand.id).visual.mood_pictures
    assert (first.name, first.media_type, first.size) == ("mood_1.png", "image/png", 48)
    assert f"](<files/{ws}/{first.sha256}?name=mood_1.png>)" in said and second.sha256 in said
    test = page(app, brand=brand.id)
    gone = next(each for each in test.button if first.sha256[:12] in str(each.key)).click().run()
    assert first.sha256 not in words(gone) and "1 to be removed when you save" in words(gone)
    assert len(app.workspaces.brand(ws, brand.id).visual.mood_pictures) == 2
    click(gone, "Save")
    saved = app.workspaces.brand(ws, brand.id)
    assert saved.visual.mood_pictures == [second] and saved.mood_board == ["https://a.example/1"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([picture(1), ("page.png", b"<svg onload=alert(1)>", "image/png")], "page.png is no PNG, JPEG, GIF or WebP"),
        ([picture(1), picture(2, IMAGE_BYTES)], "mood_2.png is larger than 5 MiB"),
        ([picture(number) for number in range(MOOD_PICTURES + 1)], "at most 24 pictures; with these it would be 25"),
    ],
    ids=["no picture", "too large", "too many"],
)
def test_what_the_mood_board_cannot_take_is_named_and_nothing_is_stored(
    app: Application, files: list[tuple[str, bytes, str]], said: str
) -> None:
    brand = app.workspaces.add_brand(workspace(app), {"name": "Eco"})
    test = page(app, brand=brand.id)
    field(test, "Industry").set_value("Fashion")
    uploader(test).set_value(files)
    assert said in words(click(test.run(), "Save"))
    kept = app.workspaces.brand(workspace(app), brand.id)
    assert kept.visual.mood_pictures == [] and kept.industry == ""
    assert app.keeping.sizes().files == 0


def test_a_picture_that_is_not_stored_any_more_is_said_and_can_go(app: Application) -> None:
    ws = workspace(app)
    lost = {"sha256": "0" * 64, "name": "lost.png"}
    brand = app.workspaces.add_brand(ws, {"name": "Eco", "visual": {"mood_pictures": [lost]}})
    test = page(app, brand=brand.id)
    assert "lost.png is not stored here any more." in words(test)
    click(click(test, "Remove"), "Save")
    assert app.workspaces.brand(ws, brand.id).visual.mood_pictures == []


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


def test_two_who_edit_a_brand_lose_nothing(app: Application) -> None:
    ws = workspace(app)
    brand = app.workspaces.add_brand(ws, {"name": "Eco", "voice": "Calm."})
    test = page(app, brand=brand.id)
    app.workspaces.save_brand(ws, brand.id, {"name": "Eco", "voice": "Loud."}, by="ana")
    field(test, "Industry").set_value("Fashion")
    field(test, "Forbidden words").set_value("cheap\nbest in class")
    assert "saved by somebody else meanwhile" in words(click(test, "Save"))
    assert app.workspaces.brand(ws, brand.id).industry == ""
    assert field(test, "Industry").value == "Fashion"
    click(test, "Save mine over it, with the button below")
    click(test, "Save")
    saved = app.workspaces.brand(ws, brand.id)
    assert (saved.industry, saved.forbidden_words) == ("Fashion", ["cheap", "best in class"])


def test_the_history_says_who_changed_what(app: Application) -> None:
    ws = workspace(app)
    brand = app.workspaces.add_brand(ws, {"name": "Eco"}, by="ana")
    app.workspaces.save_brand(ws, brand.id, {"name": "Eco", "voice": "**Loud**"}, by="ben")
    said = words(page(app, brand=brand.id, part="History"))
    assert "ana** added it" in said and "ben** saved it" in said and "Voice: nothing → “**Loud**”" in said


def test_an_account_is_changed_and_its_sync_kept(app: Application) -> None:
    ws = workspace(app)
    creator = app.workspaces.add_creator(ws, {"name": "Lia", "tiktok": {"handle": "@l", "last_sync_status": "ok"}})
    app.secrets.put(ws, "tiktok_token", "token-value-nobody-sees")
    test = page(app, creator=creator.id, part="Accounts")
    field(test, "Name or handle").set_value("@lia")
    test.selectbox[0].set_value("tiktok_token")
    said = words(click(test, "Save account"))
    account = app.workspaces.creator(ws, creator.id).tiktok
    assert (account.handle, account.secret, account.last_sync_status) == ("@lia", "secret://tiktok_token", "ok")
    assert "Secret: tiktok_token, stored" in said and "nobody-sees" not in said


def test_platforms_are_read_from_lines_and_written_back() -> None:
    text = "Instagram, @marina, 12,000\nYouTube, https://youtube.example/m\n\nBlog"
    read = platforms_of(text)
    assert [(each["name"], each["handle"], each["followers"]) for each in read] == [
        ("Instagram", "@marina", 12000),
        ("YouTube", "", None),
        ("Blog", "", None),
    ]
    assert platforms_of(platform_lines(Platform(**each) for each in read)) == read
    with pytest.raises(Invalid, match="no number of followers"):
        platforms_of("Instagram, @marina, many")


def test_contrast_is_what_the_guidelines_say() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert [pair[:2] for pair in readable_pairs(["#2f5d50", "#c9b28f", "#f4efe6"])] == [("#2f5d50", "#f4efe6")]


def test_only_pictures_become_logos_and_only_allowed_hosts_are_shown(app: Application) -> None:
    ws = app.workspaces.all()[0]
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
    set_current(app)
    logo = stored_picture(ws, SimpleNamespace(name="logo.png", getvalue=lambda: png), "The logo")
    address = stored_address(ws, logo)
    assert address == f"files/{ws.id}/{logo.sha256}?name=logo.png"
    assert stored_address(app.workspaces.create("Other"), logo) is None
    with pytest.raises(Invalid, match="no PNG"):
        stored_picture(ws, SimpleNamespace(name="logo.png", getvalue=lambda: b"<svg onload=alert(1)>"), "The logo")
    allowing = app.workspaces.save_settings(ws.id, {"media_allow": ["images.example.com"]})
    assert is_allowed(allowing, "https://images.example.com/a.png")
    for wrong in ("http://images.example.com/a.png", "https://evil.example/a.png", "https://images.example.com@evil/"):
        assert not is_allowed(allowing, wrong)
