"""The doors of accounts: OAuth with its state, webhooks a shop signs, buttons Slack signs; forgeries change nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from ionflux_core import ids, limits
from ionflux_core.application import Application
from ionflux_core.connectors.shopify_doors import is_signed
from ionflux_core.domain.accounts import Account
from ionflux_core.domain.chat import Proposal, ProposalAction
from ionflux_core.errors import Conflict, Invalid
from ionflux_core.signatures import sign
from tests.core.test_routes import assert_problem, client_of
from tests.stand_ins.shopify import CLIENT_ID, CLIENT_SECRET, CODE, DOMAIN, TOKEN, ShopStandIn, shop_stand_in
from tests.stand_ins.slack import SIGNING_SECRET, pressed, signed_form
from tests.stand_ins.slack import TOKEN as BOT

MakeApplication = Callable[..., Application]
PUBLIC = "https://ionflux.example.com"


@pytest.fixture(scope="module")
def shop() -> Iterator[ShopStandIn]:
    with shop_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def app(make_application: MakeApplication, shop: ShopStandIn) -> Application:
    shop.codes, shop.hooks, shop.cost = {CODE}, [], 0.0
    application = make_application(public_url=PUBLIC)
    workspace = application.workspaces.create("Ours")
    application.workspaces.save_settings(workspace.id, {"outbound_allow": [f"127.0.0.1:{shop.port}"]})
    return application


@pytest.fixture
def ws(app: Application) -> str:
    return app.workspaces.all()[0].id


@pytest.fixture
def account(app: Application, ws: str, shop: ShopStandIn) -> Account:
    values = {"shop": DOMAIN, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "api_url": shop.url}
    return app.accounts.save(ws, "shopify", "Shop", values)


@pytest.fixture
def client(app: Application) -> Iterator[TestClient]:
    with client_of(app) as opened:
        yield opened


def begun(app: Application, account: Account) -> str:
    url = urlsplit(app.account_doors.begin(account.workspace_id, account.id))
    asked = parse_qs(url.query)
    assert asked["client_id"] == [CLIENT_ID] and asked["redirect_uri"] == [f"{PUBLIC}/oauth/shopify/callback"]
    assert CLIENT_SECRET not in url.query
    return asked["state"][0]


def answer_of(state: str, *, secret: str = CLIENT_SECRET, **changes: str) -> dict[str, str]:
    query = {"code": CODE, "shop": DOMAIN, "state": state, "timestamp": str(int(time.time())), "host": "YWRtaW4="}
    query |= changes
    message = "&".join(f"{name}={query[name]}" for name in sorted(query))
    return {**query, "hmac": hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()}


def come_back(client: TestClient, query: dict[str, str]) -> str:
    answer = client.get("/oauth/shopify/callback", params=query)
    assert answer.status_code == 303 and answer.headers["cache-control"] == "no-store"
    assert CODE not in answer.headers["location"] and TOKEN not in answer.text
    return str(parse_qs(urlsplit(answer.headers["location"]).query)["oauth"][0])


def status(app: Application, account: Account) -> str:
    return app.accounts.get(account.workspace_id, account.id).status


def test_the_vendors_own_vector_verifies() -> None:
    query = {
        "code": "0907a61c0c8d55e99db179b68161bc00", "shop": "some-shop.myshopify.com", "timestamp": "1337178173",
        "hmac": "4712bf92ffc2917d15a2f5a273e39f0116667419aa4b6ac0b3baaf26fa3c4d20",
    }  # fmt: skip
    assert is_signed(query, "hush") and not is_signed(query, "hush2") and not is_signed(query, "")
    assert not is_signed({**query, "shop": "evil.myshopify.com"}, "hush")
    assert not is_signed({**query, "hmac": "é"}, "hush") and not is_signed({"shop": "x"}, "hush")


def test_a_person_lets_the_app_in_and_the_account_works(app: Application, account: Account, client: TestClient) -> None:
    state = begun(app, account)
    assert come_back(client, answer_of(state)) == "connected"
    found = app.accounts.get(account.workspace_id, account.id)
    assert found.label == "Sun & Salt <b>" and app.secrets.reveal(found.workspace_id, found.secrets["token"]) == TOKEN
    assert sorted(app.secrets.names(found.workspace_id)) == sorted(found.secrets.values()), "the state is used up"


def test_a_state_is_good_once(app: Application, account: Account, client: TestClient, shop: ShopStandIn) -> None:
    query = answer_of(begun(app, account))
    assert come_back(client, query) == "connected"
    shop.codes = {CODE}
    assert come_back(client, query) == "stale" and shop.codes == {CODE}


def test_a_state_is_good_for_ten_minutes(app: Application, account: Account, client: TestClient) -> None:
    query = answer_of(begun(app, account))
    late = ids.now() + timedelta(minutes=10, seconds=2)
    ids.set_clock(lambda: late)
    assert come_back(client, query) == "stale" and status(app, account) == "untested"


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (lambda state: answer_of(state + "x"), "stale"),
        (lambda state: answer_of(state.partition(".")[0] + "." + "A" * 43), "stale"),
        (lambda state: answer_of("nobody.x"), "stale"),
        (lambda _: answer_of(""), "stale"),
        (lambda state: answer_of(state, secret="another-secret"), "refused"),
        (lambda state: answer_of(state, shop="evil.myshopify.com"), "refused"),
        (lambda state: answer_of(state, shop="evil.example"), "refused"),
        (lambda state: answer_of(state) | {"code": "another"}, "refused"),
        (lambda state: {**answer_of(state), "hmac": ""}, "refused"),
        (lambda state: answer_of(state, code=""), "failed"),
        (lambda state: answer_of(state, code="unknown-code"), "failed"),
        (lambda state: answer_of(state, more="x" * 9_000), "refused"),
    ],
)
def test_a_forged_answer_brings_no_token(
    app: Application, account: Account, client: TestClient, shop: ShopStandIn,
    forge: Callable[[str], dict[str, str]], said: str,
) -> None:  # fmt: skip
    assert come_back(client, forge(begun(app, account))) == said
    assert status(app, account) == "untested" and shop.codes == {CODE}
    assert "token" not in app.accounts.get(account.workspace_id, account.id).secrets


def test_a_parameter_that_comes_twice_is_refused(app: Application, account: Account, client: TestClient) -> None:
    pairs = [*answer_of(begun(app, account)).items(), ("shop", "evil.myshopify.com")]
    answer = client.get("/oauth/shopify/callback", params=pairs)  # type: ignore[arg-type]
    assert "oauth=refused" in answer.headers["location"] and status(app, account) == "untested"


def test_another_begin_makes_the_first_state_stale(app: Application, account: Account, client: TestClient) -> None:
    first, second = begun(app, account), begun(app, account)
    assert come_back(client, answer_of(first)) == "stale"
    assert come_back(client, answer_of(second)) == "connected"


def test_oauth_needs_the_apps_id_and_secret(app: Application, ws: str, shop: ShopStandIn) -> None:
    bare = app.accounts.save(ws, "shopify", "Bare", {"shop": DOMAIN, "token": TOKEN})
    assert not app.account_doors.can_authorize(bare)
    with pytest.raises(Invalid):
        app.account_doors.begin(ws, bare.id)
    slack = app.accounts.save(ws, "slack", "Talk", {"bot_token": BOT})
    with pytest.raises(Conflict):
        app.account_doors.begin(ws, slack.id)


def test_webhooks_need_a_public_address(
    make_application: MakeApplication, app: Application, account: Account, shop: ShopStandIn, client: TestClient
) -> None:
    come_back(client, answer_of(begun(app, account)))
    found = app.account_doors.register(account.workspace_id, account.id)
    assert set(found.values()) == {"registered"}
    assert {hook["uri"] for hook in shop.hooks} == {f"{PUBLIC}/shopify/webhooks/{account.id}"}
    inside = make_application()
    with pytest.raises(Conflict) as raised:
        inside.account_doors.register(account.workspace_id, account.id)
    assert "IONFLUX_PUBLIC_URL" in raised.value.hint


ORDER = {"id": 820982911946154508, "updated_at": "2026-11-20T12:00:00-05:00", "total_price": "10.00"}


def webhook(
    client: TestClient, account: Account, payload: Any = ORDER, *, topic: str = "orders/create",
    secret: str = CLIENT_SECRET, shop: str = DOMAIN, **headers: str,
) -> Any:  # fmt: skip
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = sign("shopify", secret, body, now=ids.now())
    sent = {**signed, "X-Shopify-Topic": topic, "X-Shopify-Shop-Domain": shop, "Content-Type": "application/json"}
    return client.post(f"/shopify/webhooks/{account.id}", content=body, headers={**sent, **headers})


def events(app: Application, account: Account, prefix: str = "ionflux.shopify") -> list[Any]:
    return app.events.find(account.workspace_id, prefix=prefix)


def test_a_webhook_becomes_one_event_however_often_it_comes(
    app: Application, account: Account, client: TestClient
) -> None:
    for number in range(3):
        answer = webhook(client, account, **{"X-Shopify-Webhook-Id": f"w{number}"})
        assert answer.status_code == 202, answer.text
    webhook(client, account, topic="orders/updated")
    webhook(client, account, ORDER | {"updated_at": "2026-11-20T17:00:00Z"}, topic="orders/updated")
    found = events(app, account)
    assert sorted(event.type for event in found) == ["ionflux.shopify.order.created", "ionflux.shopify.order.updated"]
    assert found[0].payload["id"] == ORDER["id"] and found[0].source == f"account:{account.id}"


def test_two_topics_about_one_moment_are_two_events(app: Application, account: Account, client: TestClient) -> None:
    for topic in ("orders/updated", "orders/cancelled", "orders/cancelled"):
        webhook(client, account, topic=topic, **{"X-Shopify-Webhook-Id": f"w-{topic}"})
    assert sorted(event.type for event in events(app, account)) == [
        "ionflux.shopify.order.cancelled", "ionflux.shopify.order.updated",
    ]  # fmt: skip


def test_a_thing_without_a_state_is_told_apart_by_its_delivery(
    app: Application, account: Account, client: TestClient
) -> None:
    for number in (1, 1, 2):
        webhook(client, account, {"id": 7}, topic="products/delete", **{"X-Shopify-Webhook-Id": f"w{number}"})
    assert len(events(app, account)) == 2


@pytest.mark.parametrize(
    ("more", "status_code"),
    [
        ({"secret": "another-secret"}, 401),
        ({"shop": "evil.myshopify.com"}, 401),
        ({"shop": ""}, 401),
        ({"topic": ""}, 422),
        ({"payload": b"not json"}, 422),
        ({"payload": b"[1]"}, 422),
    ],
)
def test_a_forged_webhook_publishes_nothing(
    app: Application, account: Account, client: TestClient, more: dict[str, Any], status_code: int
) -> None:
    assert_problem(webhook(client, account, **more), status_code)
    assert events(app, account) == []


def test_an_unknown_account_answers_like_a_wrong_signature(
    app: Application, account: Account, ws: str, client: TestClient
) -> None:
    slack = app.accounts.save(ws, "slack", "Talk", {"bot_token": BOT})
    unknown = [account.model_copy(update={"id": other}) for other in (ids.new_id(), "x" * 300, slack.id)]
    answers = [webhook(client, each).json()["detail"] for each in unknown]
    app.accounts.disconnect(ws, account.id)
    answers.append(webhook(client, account).json()["detail"])
    assert set(answers) == {"The signature does not fit this body."}


def test_a_flood_is_stopped_before_anything_is_looked_up(
    app: Application, account: Account, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WEBHOOK_PER_MINUTE", 3)
    answers = [webhook(client, account, secret="another-secret").status_code for _ in range(5)]
    assert answers == [401, 401, 401, 429, 429]


def test_an_app_that_was_removed_is_revoked(app: Application, account: Account, client: TestClient) -> None:
    come_back(client, answer_of(begun(app, account)))
    assert status(app, account) == "connected"
    webhook(client, account, {"id": 1}, topic="app/uninstalled")
    assert status(app, account) == "revoked"


def test_a_late_word_that_the_app_was_removed_does_not_undo_connecting_it_anew(
    app: Application, account: Account, client: TestClient
) -> None:
    come_back(client, answer_of(begun(app, account)))
    removed = {"id": 1, "updated_at": "2026-11-20T12:00:00Z"}
    early = {"X-Shopify-Triggered-At": "2026-01-02T03:04:05.6Z"}
    told = webhook(client, account, removed, topic="app/uninstalled", **early)
    assert told.status_code == 202 and status(app, account) == "connected"
    later = (ids.now() + timedelta(minutes=1)).isoformat()
    webhook(client, account, removed, topic="app/uninstalled", **{"X-Shopify-Triggered-At": later})
    assert status(app, account) == "revoked"


def test_doors_take_their_own_method_only(account: Account, client: TestClient) -> None:
    assert_problem(client.get(f"/shopify/webhooks/{account.id}"), 405)
    assert_problem(client.get(f"/slack/actions/{account.id}"), 405)
    assert_problem(client.post("/oauth/shopify/callback"), 405)
    for path in ("/oauth", "/oauth/x", "/slack", "/slack/x", "/shopify/x"):
        assert_problem(client.get(path), 404)
    too_large = client.post(f"/shopify/webhooks/{account.id}", content=b"x" * 1_100_000)
    assert_problem(too_large, 413)


def test_doors_are_open_where_everything_else_needs_a_token(
    make_application: MakeApplication, app: Application, account: Account
) -> None:
    locked = make_application(public_url=PUBLIC, auth="on")
    with client_of(locked, at=PUBLIC, peer="203.0.113.9") as outside:
        assert webhook(outside, account).status_code == 202
        assert outside.get("/api/v1/accounts").status_code == 401


@pytest.fixture
def talk(app: Application, ws: str) -> Account:
    return app.accounts.save(ws, "slack", "Talk", {"bot_token": BOT, "signing_secret": SIGNING_SECRET})


def press(client: TestClient, talk: Account, payload: Any, **more: Any) -> Any:
    body, headers = signed_form(payload, more.pop("at", ids.now()), **more)
    return client.post(f"/slack/actions/{talk.id}", content=body, headers=headers)


def proposed(app: Application, ws: str, kind: str = "event", reference: str = "ionflux.test.accepted") -> str:
    channel_id = app.chat.ensure_channel(ws, "team").id
    actions = [ProposalAction(action_id="accept", label="Accept"), ProposalAction(action_id="ask", label="Ask")]
    proposal = Proposal(title="Ship it?", kind=kind, reference=reference, data={"item": 7}, actions=actions)  # type: ignore[arg-type]
    return app.chat.post(
        ws, channel_id, content={"proposal": proposal.model_dump()}, content_type="interactive_proposal",
        sender_type="agent", sender_id="butler", sender_name="Butler",
    ).id  # fmt: skip


def test_a_button_of_ours_pressed_in_slack_acts_once(
    app: Application, ws: str, talk: Account, client: TestClient
) -> None:
    message_id = proposed(app, ws)
    for action_ts in ("1700000100.000001", "1700000100.000001", "1700000200.000001"):
        began = time.perf_counter()
        answer = press(client, talk, pressed(f"ionflux:{message_id}:accept", action_ts=action_ts))
        assert (answer.status_code, answer.content) == (200, b"") and time.perf_counter() - began < 20
    (told,) = app.events.find(ws, prefix="ionflux.test.accepted")
    assert told.payload == {"item": 7, "action": "accept", "message_id": message_id, "by": "Ana (Slack)"}
    outcomes = [event.payload["outcome"] for event in app.events.find(ws, prefix="ionflux.slack.action")]
    assert outcomes == ["already_pressed", "pressed"]
    message = app.chat.message(ws, message_id, app.workspaces.owner().id)
    assert message.content.proposal and message.content.proposal.chosen_by == "Ana (Slack)"


def test_a_question_about_an_effect_is_not_decided_from_slack(
    app: Application, ws: str, talk: Account, client: TestClient
) -> None:
    message_id = proposed(app, ws, "approval", ids.new_id())
    press(client, talk, pressed(f"ionflux:{message_id}:accept"))
    (event,) = app.events.find(ws, prefix="ionflux.slack.action")
    assert event.payload["outcome"] == "only_here"


def test_a_button_of_somebody_else_is_published(app: Application, ws: str, talk: Account, client: TestClient) -> None:
    press(client, talk, pressed("deploy-now"))
    (event,) = app.events.find(ws, prefix="ionflux.slack.action")
    assert event.payload["value"] == "deploy-now" and event.payload["outcome"] is None
    assert event.payload["user"] == {"id": "U0ANA", "name": "Ana"} and "hooks.slack.com" not in str(event.payload)


def test_a_message_of_another_workspace_is_not_pressed(
    app: Application, ws: str, talk: Account, client: TestClient
) -> None:
    other = app.workspaces.create("Theirs").id
    message_id = proposed(app, other)
    press(client, talk, pressed(f"ionflux:{message_id}:accept"))
    (event,) = app.events.find(ws, prefix="ionflux.slack.action")
    assert event.payload["outcome"] == "not_found" and app.events.find(other, prefix="ionflux.test") == []


def test_a_forged_or_old_press_is_refused(app: Application, ws: str, talk: Account, client: TestClient) -> None:
    payload = pressed("x")
    assert_problem(press(client, talk, payload, secret="another-secret-1"), 401)
    assert_problem(press(client, talk, payload, at=ids.now() - timedelta(minutes=6)), 401)
    body, headers = signed_form(payload, ids.now())
    assert_problem(client.post(f"/slack/actions/{talk.id}", content=body + b"&x=1", headers=headers), 401)
    assert_problem(press(client, talk, "{"), 422)
    assert app.events.find(ws, prefix="ionflux.slack") == []


def test_without_a_signing_secret_nothing_is_taken(app: Application, ws: str, client: TestClient) -> None:
    bare = app.accounts.save(ws, "slack", "Bare", {"bot_token": BOT})
    assert_problem(press(client, bare, pressed("x")), 401)
