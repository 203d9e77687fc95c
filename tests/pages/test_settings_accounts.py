"""Settings, Accounts without a browser: connected by a form, tested, synced, disconnected, and no secret is shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from ionflux_core.domain.accounts import Account
from tests.pages.shown import labelled, open_page, plain_words
from tests.stand_ins.shopify import CLIENT_ID, CLIENT_SECRET, DOMAIN, TOKEN, ShopStandIn, shop_stand_in
from tests.stand_ins.shopify_nodes import customer_node, product_node
from tests.stand_ins.slack import SIGNING_SECRET
from tests.stand_ins.slack import TOKEN as BOT


@pytest.fixture
def shop(app: Application, ws: str) -> Iterator[ShopStandIn]:
    with shop_stand_in() as stand_in:
        stand_in.cost, stand_in.polls = 0.0, 0
        app.workspaces.save_settings(ws, {"outbound_allow": [f"127.0.0.1:{stand_in.port}"]})
        yield stand_in


def page(**parameters: str) -> AppTest:
    return open_page("settings", tab="accounts", **parameters)


def connected(app: Application, ws: str, shop: ShopStandIn, **values: Any) -> Account:
    given = {"shop": DOMAIN, "token": TOKEN, "api_url": shop.url, **values}
    return app.accounts.test(ws, app.accounts.save(ws, "shopify", "Shop", given).id)


def everything(test: AppTest) -> str:
    """Whatever is sent to the browser, values and hints of fields included."""

    def told(node: Any) -> Iterator[str]:
        yield str(getattr(node, "proto", ""))
        for child in getattr(node, "children", {}).values():
            yield from told(child)

    return "\n".join(told(test.main))


def press(test: AppTest, label: str) -> AppTest:
    run: AppTest = labelled(test.button, label).click().run()
    assert not run.exception
    return run


def test_an_empty_page_says_what_a_connection_gives(app: Application, ws: str) -> None:
    words = plain_words(page())
    assert "Nothing is connected yet" in words and "come in by themselves" in words


def test_a_shop_is_connected_by_its_form_and_tested_at_once(app: Application, ws: str, shop: ShopStandIn) -> None:
    test = page()
    labelled(test.selectbox, "Service").set_value("shopify").run()
    labelled(test.text_input, "Name").set_value("My <b>shop</b>")
    labelled(test.text_input, "Shop").set_value(DOMAIN)
    field = labelled(test.text_input, "Admin API access token (optional)")
    assert field.proto.type == field.proto.PASSWORD
    field.set_value(TOKEN)
    labelled(test.text_input, "Other address (optional)").set_value(shop.url)
    press(test, "Save and test")
    (account,) = app.accounts.find(ws)
    assert (account.status, account.name) == ("connected", "My <b>shop</b>")
    shown = page()
    words = plain_words(shown)
    assert "Connected" in words and "Sun & Salt <b>" in words and "Basic" in words and "Never synced" in words
    assert DOMAIN in everything(shown) and TOKEN not in everything(shown), "no secret that was entered comes back"
    assert not any("<b>" in element.value and element.allow_html for element in shown.markdown)


def test_what_is_wrong_is_said_with_what_to_do(app: Application, ws: str, shop: ShopStandIn) -> None:
    test = page()
    labelled(test.selectbox, "Service").set_value("shopify").run()
    labelled(test.text_input, "Shop").set_value("https://evil.example")
    test = press(test, "Save and test")
    assert "This is no shop's domain" in plain_words(test) and "my-shop.myshopify.com" in plain_words(test)
    assert app.accounts.find(ws) == []
    shop.tokens = set()
    connected(app, ws, shop)
    words = plain_words(page())
    assert "Access revoked" in words and "Connect the account anew" in words and "Connect again" in everything(page())


def test_a_sync_shows_what_it_has_brought(app: Application, ws: str, shop: ShopStandIn) -> None:
    shop.products = [product_node(n, "2026-11-01T00:00:00Z") for n in range(1, 4)]
    shop.customers = [customer_node(1, "2026-11-01T00:00:00Z")]
    account = connected(app, ws, shop)
    press(page(), "Sync now")
    for _ in range(200):
        if app.accounts.get(ws, account.id).synced_at:
            break
        time.sleep(0.02)
    words = plain_words(page())
    assert "1 customer imported, 3 product imported" in words and "The next one is tonight" in words


def test_a_sync_that_failed_says_why(app: Application, ws: str, shop: ShopStandIn) -> None:
    account = connected(app, ws, shop)
    shop.bulk_ends = "FAILED"
    app.accounts.sync(ws, account.id)
    words = plain_words(page())
    assert "has not finished the import" in words and "Sync again to begin anew" in words and "Connected" in words


def test_a_secret_is_kept_when_its_field_is_empty(app: Application, ws: str, shop: ShopStandIn) -> None:
    account = connected(app, ws, shop)
    test = page()
    field = labelled(test.text_input, "Admin API access token (optional)")
    assert field.value == "" and "Stored" in field.placeholder
    labelled(test.text_input, "Name").set_value("Renamed")
    press(test, "Save and test")
    found = app.accounts.get(ws, account.id)
    assert (found.name, found.status) == ("Renamed", "connected")


def test_disconnecting_is_asked_twice_and_forgets_the_secrets(app: Application, ws: str, shop: ShopStandIn) -> None:
    account = connected(app, ws, shop)
    test = page()
    assert "removed from here for good" in plain_words(test)
    press(test, "Disconnect it")
    assert app.accounts.get(ws, account.id).status == "disconnected" and app.secrets.names(ws) == []
    test = page()
    assert "Disconnected" in plain_words(test)
    press(test, "Delete it")
    assert app.accounts.find(ws) == []


def test_oauth_begins_where_the_apps_id_and_secret_are(app: Application, ws: str, shop: ShopStandIn) -> None:
    values = {"shop": DOMAIN, "api_url": shop.url}
    app.accounts.save(ws, "shopify", "Shop", values)
    assert "Connect by OAuth" not in [each.label for each in page().button]
    (account,) = app.accounts.find(ws)
    more = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    app.accounts.save(ws, "shopify", "Shop", more, account_id=account.id)
    test = press(page(), "Connect by OAuth")
    (link,) = test.get("link_button")
    assert link.proto.url.startswith(f"{shop.url}/admin/oauth/authorize?client_id={CLIENT_ID}")
    assert any("/oauth/shopify/callback" in each.value for each in test.code) and CLIENT_SECRET not in everything(test)


@pytest.mark.parametrize(
    ("came", "said"),
    [("connected", "the account works"), ("stale", "too old"), ("refused", "not signed"), ("failed", "no token"),
     ("<script>", None)],
)  # fmt: skip
def test_what_became_of_oauth_is_said_in_words_of_ours(app: Application, ws: str, came: str, said: str | None) -> None:
    words = plain_words(page(oauth=came))
    assert (said is None or said in words) and "<script>" not in words


def test_without_a_public_address_the_page_says_what_to_do(app: Application, ws: str, shop: ShopStandIn) -> None:
    connected(app, ws, shop, client_secret=CLIENT_SECRET)
    app.accounts.save(ws, "slack", "Talk", {"bot_token": BOT, "signing_secret": SIGNING_SECRET})
    words = plain_words(page())
    assert "Nobody outside can reach this server" in words and "IONFLUX_PUBLIC_URL" in words
    app.account_doors.public_url = "https://ionflux.example.com"
    test = page()
    addresses = {each.value for each in test.code}
    assert addresses == {app.account_doors.address(each) for each in app.accounts.find(ws)}
    test = press(test, "Register webhooks")
    assert "orders create: registered" in plain_words(test) and len(shop.hooks) == 8


def test_secrets_of_accounts_are_named_where_secrets_are(app: Application, ws: str, shop: ShopStandIn) -> None:
    connected(app, ws, shop)
    assert "used by Shop." in plain_words(open_page("settings", tab="secrets"))
