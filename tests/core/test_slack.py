"""Slack against a Slack on loopback: the test, what was said, posting, every class of error, and buttons."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from ionflux_core.channels.base import ChannelFailed, Delivery, NotSent, Reach
from ionflux_core.channels.slack import make as make_channel
from ionflux_core.channels.slack import message_of
from ionflux_core.connectors.base import Access, AccessRevoked
from ionflux_core.connectors.slack import make, plain_text
from ionflux_core.connectors.slack_actions import blocks_of, presses_of, read_payload
from ionflux_core.domain.chat import Proposal, ProposalAction
from ionflux_core.errors import Invalid, IonfluxError, NotFound, TooManyRequests, Unavailable
from tests.stand_ins.access import Told, access_to
from tests.stand_ins.slack import TOKEN, SlackStandIn, pressed, slack_stand_in
from tests.stand_ins.web import Answer, as_json

SLACK = make()
CHANNEL = make_channel(None)  # type: ignore[arg-type]


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    with slack_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def access(slack: SlackStandIn, told: Told) -> Access:
    return reaching(slack, told)


def reaching(slack: SlackStandIn, told: Told | None = None, *, token: str = TOKEN) -> Access:
    return access_to(slack.port, {"api_url": slack.url}, {"bot_token": token}, told=told)


def said(number: int, text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": "U0ANA", "ts": f"17000{number:05d}.000100", "text": text, **more}


def test_a_test_says_whose_workspace_it_is(access: Access) -> None:
    tested = SLACK.test(access)
    assert tested.label == "Sun & Salt <b>"
    assert tested.facts == {"bot": "ionflux", "team": "T0SUN", "address": "https://sun.slack.com/"}


def test_history_comes_whole_oldest_first_and_with_names(slack: SlackStandIn, access: Access) -> None:
    slack.messages = {"C0GENERAL": [said(n, f"Message {n}") for n in range(450)]}
    slack.page_most = 100
    found = SLACK.readings["history"](access, {"channel": "#General"})
    assert [each["text"] for each in found] == [f"Message {n}" for n in range(450)]
    assert found[0]["name"] == "Ana" and found[0]["at"] == "2023-11-14T22:13:20.000100+00:00"
    assert slack.asked.count("conversations.history") == 5 and slack.asked.count("users.info") == 1
    some = SLACK.readings["history"](
        access, {"channel": "C0GENERAL", "since": found[10]["at"], "until": found[400]["ts"], "limit": 20}
    )
    assert len(some) == 20 and some[-1]["text"] == "Message 400"


def test_a_thread_is_read_by_its_first_message(slack: SlackStandIn, access: Access) -> None:
    root = said(1, "Who decides, <@U0BOB>?", thread_ts="1700000001.000100", reply_count=2)
    slack.messages = {
        "C0OPSTEAM": [
            root, said(2, "Me &amp; you", user="U0BOB", thread_ts=root["ts"]),
            said(3, "ok", user="U0GONE", thread_ts=root["ts"]),
        ]
    }  # fmt: skip
    found = SLACK.readings["replies"](access, {"channel": "ops", "thread": root["ts"]})
    assert [(each["name"], each["text"], each["thread"]) for each in found] == [
        ("Ana", "Who decides, @Bob <b>?", None),
        ("Bob <b>", "Me & you", root["ts"]),
        ("U0GONE", "ok", root["ts"]),
    ]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("<#C1|ops> and <#C2>", "#ops and #C2"),
        ("<https://a.example/x|here> <https://b.example>", "here (https://a.example/x) https://b.example"),
        ("<!here> <!subteam^S1|@team> <!date^1^x|today>", "@here @team today"),
        ("1 &lt; 2 &amp;amp; <", "1 < 2 &amp; <"),
        ("<@U9|dora>", "@dora"),
        ("<" * 5000, "<" * 5000),
    ],
)
def test_messages_are_read_as_people_see_them(raw: str, shown: str) -> None:
    assert plain_text(raw, {}) == shown


def test_names_are_left_out_where_the_app_may_not_know_them(slack: SlackStandIn, access: Access) -> None:
    slack.messages = {"C0GENERAL": [said(1)]}
    refusal = as_json({"ok": False, "error": "missing_scope", "needed": "users:read"})
    slack.before = lambda method: refusal if method == "users.info" else None
    assert SLACK.readings["history"](access, {"channel": "C0GENERAL"})[0]["name"] == "U0ANA"


def test_channels_and_people_are_listed(slack: SlackStandIn, access: Access) -> None:
    slack.page_most = 1
    channels = SLACK.readings["channels"](access, {})
    assert [(each["name"], each["private"], each["topic"]) for each in channels] == [
        ("general", False, "Q&A"), ("ops", True, ""),
    ]  # fmt: skip
    assert [each["name"] for each in SLACK.readings["users"](access, {})] == ["Ana", "Bob <b>"]


@pytest.mark.parametrize(
    ("reading", "arguments"),
    [
        ("history", {}),
        ("history", {"channel": "nowhere"}),
        ("history", {"channel": "general", "limit": 0}),
        ("history", {"channel": "general", "limit": 99_999}),
        ("history", {"channel": "general", "since": "yesterday"}),
        ("history", {"channel": "general", "since": "2026-11-20T12:00:00"}),
        ("history", {"channel": "general", "cursor": "x"}),
        ("replies", {"channel": "general", "thread": "x"}),
        ("replies", {"channel": "general", "thread": "1700000009.000100"}),
    ],
)
def test_what_cannot_be_read_is_said(access: Access, reading: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as raised:
        SLACK.readings[reading](access, arguments)
    assert raised.value.hint


def test_a_cursor_that_goes_in_circles_ends(slack: SlackStandIn, access: Access) -> None:
    page = {"ok": True, "messages": [said(1)], "response_metadata": {"next_cursor": "same"}}
    slack.before = lambda method: as_json(page) if method == "conversations.history" else None
    with pytest.raises(Unavailable):
        SLACK.readings["history"](access, {"channel": "C0GENERAL"})


ERRORS: list[tuple[Answer, type[IonfluxError], str]] = [
    (as_json({"ok": False, "error": "invalid_auth"}), AccessRevoked, "access_revoked"),
    (as_json({"ok": False, "error": "token_revoked"}), AccessRevoked, "access_revoked"),
    (as_json({"ok": False, "error": "account_inactive"}), AccessRevoked, "access_revoked"),
    (Answer(401), AccessRevoked, "access_revoked"),
    (as_json({"ok": False, "error": "ratelimited"}, retry_after="90"), TooManyRequests, "too_many_requests"),
    (as_json({"ok": False, "error": "ratelimited"}, 429, retry_after="3"), TooManyRequests, "too_many_requests"),
    (as_json({"ok": False, "error": "channel_not_found"}), Invalid, "channel_not_found"),
    (as_json({"ok": False, "error": "missing_scope", "needed": "chat:write"}), Invalid, "scope_missing"),
    (as_json({"ok": False, "error": "msg_too_long"}), Invalid, "service_refused"),
    (as_json({"ok": False, "error": "internal_error"}), Unavailable, "service_down"),
    (as_json({"ok": False, "error": f"<b>{TOKEN}</b>"}), Unavailable, "service_garbage"),
    (as_json({"ok": False}), Unavailable, "service_garbage"),
    (Answer(200, b"<html>"), Unavailable, "service_garbage"),
    (Answer(500), Unavailable, "service_down"),
    (Answer(drops=True), Unavailable, "outbound_broken"),
]


@pytest.mark.parametrize(("answer", "error", "code"), ERRORS)
def test_every_error_has_its_class(
    slack: SlackStandIn, access: Access, answer: Answer, error: type[IonfluxError], code: str
) -> None:
    slack.before = lambda _: answer
    with pytest.raises(error) as raised:
        SLACK.test(access)
    assert raised.value.code == code and TOKEN not in str(raised.value)


def test_a_rate_limit_is_waited_for(slack: SlackStandIn, access: Access, told: Told) -> None:
    limits = iter([
        as_json({"ok": False, "error": "ratelimited"}, 429, retry_after="11"),
        as_json({"ok": False, "error": "ratelimited"}, retry_after="12"),
    ])  # fmt: skip
    slack.before = lambda _: next(limits, None)
    assert SLACK.test(access).label and told.waits == [11.0, 12.0]


def deliver(access: Access, target: str = "general", **payload: Any) -> dict[str, Any]:
    reach = Reach({}, access.outbound, access.secret, account=lambda _: access)
    return CHANNEL.deliver(Delivery("ws", "key", target, "Say it", payload), reach)


def test_a_message_is_posted_once_and_its_time_comes_back(slack: SlackStandIn, access: Access) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "Hi"}}]
    answer = deliver(access, text="Hi <!channel>", blocks=blocks, thread="1700000001.000100")
    assert answer == {"ts": "1700000000.000001", "channel": "C0GENERAL"}
    (posted,) = slack.posted
    assert posted["thread_ts"] == "1700000001.000100" and posted["blocks"] == blocks and not posted["unfurl_links"]


@pytest.mark.parametrize(
    ("target", "payload"),
    [
        ("general", {}),
        ("general", {"text": "  "}),
        ("general", {"text": "x" * 40_001}),
        ("general", {"text": 5}),
        ("general", {"text": "x", "blocks": [{}] * 51}),
        ("general", {"text": "x", "blocks": "many"}),
        ("general", {"text": "x", "as_user": True}),
        (" ", {"text": "x"}),
        ("nowhere", {"text": "x"}),
    ],
)
def test_a_message_slack_would_not_take_is_not_sent(
    slack: SlackStandIn, access: Access, target: str, payload: dict[str, Any]
) -> None:
    with pytest.raises(NotSent):
        deliver(access, target, **payload)
    assert slack.posted == []


@pytest.mark.parametrize(("answer", "error", "code"), ERRORS)
def test_only_a_lost_answer_leaves_open_whether_it_was_posted(
    slack: SlackStandIn, access: Access, told: Told, answer: Answer, error: type[IonfluxError], code: str
) -> None:
    slack.before = lambda _: answer
    with pytest.raises(Unavailable if error is Unavailable else NotSent) as raised:
        deliver(access, text="x")
    assert isinstance(raised.value, IonfluxError) and raised.value.code == code and TOKEN not in str(raised.value)
    assert len(told.refusals) == (error is AccessRevoked)
    assert error is not Unavailable or slack.asked == ["chat.postMessage"], "what may have arrived is not sent twice"


def test_without_an_account_there_is_no_way_out(access: Access) -> None:
    def nobody(_: str) -> Access:
        raise NotFound("None.", hint="Connect one.")

    without = Reach({}, access.outbound, access.secret, account=nobody)
    assert not CHANNEL.is_connected(without)  # type: ignore[attr-defined]
    assert CHANNEL.is_connected(Reach({}, access.outbound, access.secret, account=lambda _: access))  # type: ignore[attr-defined]
    with pytest.raises(ChannelFailed):
        CHANNEL.deliver(Delivery("ws", "key", "general", "Say", {"text": "x"}), without)


def test_a_press_finds_the_button_of_our_proposal() -> None:
    proposal = Proposal(
        title="Accept <https://evil.example|this>?", description="Bob & Ana", kind="event", reference="x.y.z",
        actions=[
            ProposalAction(action_id="accept", label="Accept", style="primary"),
            ProposalAction(action_id="ask", label="Ask"),
        ],
    )  # fmt: skip
    message_id = "019a0000-0000-7000-8000-000000000001"
    section, row = blocks_of(proposal, message_id)
    assert section["text"]["text"] == "*Accept &lt;https://evil.example|this&gt;?*\nBob &amp; Ana"
    assert row["elements"][0]["style"] == "primary" and "style" not in row["elements"][1]
    payload = read_payload(urlencode({"payload": json.dumps(pressed(row["elements"][1]["value"]))}).encode())
    (press,) = presses_of(payload)
    assert press.ours == (message_id, "ask") and press.user_name == "Ana"
    assert "response_url" not in press.as_payload() and "secret" not in str(press.as_payload())


@pytest.mark.parametrize(
    "body",
    [
        b"", b"payload=", b"payload=%7B", b"payload=[1]", b"nothing=1", b'{"payload": {}}', b"\xff\xfe",
        b"payload=" + b"%5B" * 10_000, b"&".join(b"a=1" for _ in range(50)),
    ],
)  # fmt: skip
def test_what_is_no_form_of_slacks_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        read_payload(body)


@pytest.mark.parametrize(
    "payload",
    [{}, {"type": "view_submission"}, {"type": "block_actions"}, {"type": "block_actions", "actions": "x", "user": 5}],
)
def test_a_payload_without_buttons_presses_nothing(payload: dict[str, Any]) -> None:
    assert presses_of(payload) == []


def test_a_button_that_only_looks_like_ours_is_none_of_ours() -> None:
    for value in ("ionflux:x:accept", "ionflux:019a0000-0000-7000-8000-000000000001:Accept!", "other", ""):
        (press,) = presses_of(pressed(value))
        assert press.ours is None


def test_a_proposal_goes_along_as_buttons_that_press_its_message() -> None:
    proposal = {"title": "Ship <today>?", "actions": [{"action_id": "accept", "label": "Yes", "style": "primary"}]}
    sent = message_of("C1", {"text": "A question", "proposal": proposal, "message_id": "m-1"})
    section, row = sent["blocks"]
    assert "Ship &lt;today&gt;?" in section["text"]["text"]
    assert row["elements"][0]["value"].endswith(":m-1:accept")
    for wrong in ({"proposal": proposal}, {"proposal": {"title": "x"}, "message_id": "m-1"}):
        with pytest.raises(NotSent):
            message_of("C1", {"text": "A question", **wrong})
