"""A campaign from the wish to the mails, and what becomes of it: edits, caps, stops, sequences, money."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ionflux_agents.email_wizard.dispatch import stops

from ionflux_core.sdk import Decision, Invalid, Outgoing, Sent
from tests.fakes import NOON

from .conftest import Shop, customers, order, orders

WIN = {"manual_payload": {"customer_segment": "past buyers", "email_goal": "win back"}}


def failing(code: str, message: str) -> Any:
    return lambda item, number: Sent("failed", f"effect:{item.key}", error={"code": code, "message": message})


def test_a_person_edits_the_draft_and_the_edit_is_what_goes_out(filled: Shop) -> None:
    edit = {"subject": "Come back, {{first_name}}\r\nBcc: x@example.com", "text": "Hello {{first_name}}, we miss you."}
    report, draft, ctx = filled.run(WIN, decisions=[Decision(True, "Ana", edits=edit)])
    assert report["status"] == "sent" and report["counts"] == {"sent": 10}
    [question] = ctx.questions
    assert "10 mails" in question["title"] and "past buyers" in question["body"]
    assert set(question["editable"]) == {"subject", "text", "subject_2", "text_2"}
    first = next(item for item in ctx.outbox if item.target == "c3@example.com")
    assert first.payload["subject"] == "Come back, Name3 Bcc: x@example.com"
    assert "we miss you" in first.payload["text"] and "we miss you" in first.payload["html"]
    assert first.payload["list_unsubscribe"].startswith("https://shop.example/leave?m=")
    assert report["approval"]["edited"] == ["subject", "text"] and "we miss you" in draft
    assert [event for event, _ in ctx.events].count("ionflux.agent.emailwizard.campaign_sent") == 1


def test_a_no_sends_nothing_and_nothing_is_left_to_send(filled: Shop) -> None:
    report, draft, ctx = filled.run(WIN, decisions=[Decision(False, "Ana", comment="too early")])
    assert report["status"] == "denied" and "too early" in report["summary"] and not ctx.outbox
    assert "Mail 1" in draft
    pending, _, later = filled.run(task="send_pending")
    assert pending["status"] == "nothing_due" and not later.outbox


def test_an_edited_sequence_can_be_kept_and_used_again(filled: Shop) -> None:
    wish = {**WIN["manual_payload"], "save_as": "warm"}
    filled.run(
        {"manual_payload": wish}, decisions=[Decision(True, "Ana", edits={"text": "Hello {{first_name}}, dear."})]
    )
    report, draft, _ = filled.run({"manual_payload": {"template": "warm"}}, task="draft")
    assert "dear." in draft and report["campaign"]["source"] == "kept template warm"
    with pytest.raises(Invalid, match="cold"):
        filled.run({"manual_payload": {"template": "cold"}}, task="draft")


def test_without_an_account_nobody_is_asked_and_the_mails_are_only_shown(filled: Shop) -> None:
    filled.accounts_there = False
    shown = lambda item, number: Sent("would_send", f"effect:{item.key}")  # noqa: E731
    report, _, ctx = filled.run(WIN, answer=shown)
    assert report["status"] == "would_send" and report["counts"] == {"would_send": 10}
    assert not ctx.questions and not ctx.events
    assert report["summary"] == "10 mails to past buyers, nobody held back. Only shown: no account is connected."
    filled.accounts_there = True
    tried = filled.run({"manual_payload": {**WIN["manual_payload"]}}, answer=shown, dry_run=True)[0]
    assert tried["summary"].endswith("Only shown: this is a dry run.")
    assert not filled.run(task="send_pending")[2].outbox


def test_without_a_way_to_unsubscribe_the_draft_stays(filled: Shop) -> None:
    report, draft, ctx = filled.run({**WIN, "unsubscribe_base_url": None})
    assert report["status"] == "refused" and "unsubscribe" in report["summary"]
    assert not ctx.questions and not ctx.outbox and "glad to see you again" in draft


def test_the_next_mail_follows_from_what_the_last_one_met_with(filled: Shop) -> None:
    filled.run(WIN)
    filled.later(hours=1)
    filled.mail_event("clicked", "c1@example.com")
    filled.mail_event("unsubscribed", "c2@example.com")
    filled.mail_event("complained", "c3@example.com")
    filled.mail_event("bounced", "c4@example.com", hard=True, reason="550 no such user")
    ended = filled.order("c5@example.com")[0]
    assert ended["taken_in"]["sequences_ended"] == 1
    filled.later(hours=50)
    assert not filled.run(task="send_pending")[2].outbox
    filled.later(hours=60)
    report, _, ctx = filled.run(task="send_pending")
    left = {f"c{n}@example.com" for n in (0, 6, 7, 8, 9)}
    assert {item.target for item in ctx.outbox} == left
    assert all("last mail about it" in item.payload["text"] for item in ctx.outbox)
    assert report["ended_by_reason"] == {
        "not_needed": 1, "unsubscribed": 1, "complained": 1, "bounced": 1, "bought": 1
    }  # fmt: skip
    filled.later(hours=200)
    report, _, ctx = filled.run(task="send_pending")
    assert report["swept"]["sequences_over"] == 1
    assert "past buyers, goal win_back" in ctx.remembered[0] and "15 mails, 1 opened, 1 clicked" in ctx.remembered[0]


def test_doubled_and_disordered_facts_change_nothing_twice(filled: Shop) -> None:
    offers = [{"name": "ten", "text": "10 % off"}, {"name": "ship", "text": "Free shipping"}]
    filled.run({"manual_payload": {**WIN["manual_payload"], "offers": offers}})
    key = next(key for key in filled.records.rows["sends"] if key.endswith("c1@example.com"))
    campaign = key.split(":")[0]
    at = (NOON + timedelta(hours=2)).isoformat()
    click = {"event": "click", "email": "c1@example.com", "effect_id": f"effect:{key}", "sg_event_id": "e1", "at": at}
    report, _, _ = filled.run({"mail_event": [click, click]})
    assert report["taken_in"]["mail_events"] == {"clicked": 1, "doubled": 1}
    before = filled.records.get("state", "offers:win_back:past buyers").data["arms"]
    named = {"event": "deferred", "email": "c1@example.com", "effect_key": key, "sg_event_id": "e0", "at": at}
    assert filled.run({"mail_event": named})[0]["taken_in"]["mail_events"] == {"deferred": 1}
    late = {"event": "delivered", "email": "c1@example.com", "effect_id": f"effect:{key}", "sg_event_id": "e2"}
    opened = {"event": "open", "email": "c1@example.com", "effect_id": f"effect:{key}", "sg_event_id": "e3", "at": at}
    again = {**click, "sg_event_id": "e4"}
    filled.run({"mail_event": {"events": [late, opened, again, click]}})
    row = filled.records.get("recipients", f"{campaign}:c1@example.com").data
    assert set(row["heard"]) == {"delivered", "opened", "clicked"}
    person = filled.records.get("customers", "c1@example.com").data
    assert (person["opens"], person["clicks"]) == (1, 1)
    after = filled.records.get("state", "offers:win_back:past buyers").data["arms"]
    assert before == after and sum(pair[0] for pair in after.values()) == 3.0
    filled.run({"mail_event": {"event": "complained", "email": "c1@example.com", "id": "x"}})
    filled.order("c1@example.com")
    assert filled.records.get("recipients", f"{campaign}:c1@example.com").data["reason"] == "complained"


def test_facts_nobody_knows_are_named_and_change_nothing(shop: Shop) -> None:
    bad = [{"event": "telepathy", "email": "a@example.com"}, {"event": "open"}, 5, {"event": "open", "email": "a b"}]
    report, _, _ = shop.run({"mail_event": bad})
    assert report["taken_in"]["mail_events"] == {"not_understood": 4}
    assert len(report["taken_in"]["events_not_understood"]) == 4


def test_the_unsubscribe_link_says_who_leaves_and_no_one_else(filled: Shop) -> None:
    _, _, ctx = filled.run(WIN)
    link = next(item for item in ctx.outbox if item.target == "c1@example.com").payload["list_unsubscribe"]
    campaign, token = link.partition("?m=")[2].split("&r=")
    filled.run({"mail_event": {"event": "unsubscribed", "m": campaign, "r": token}})
    assert filled.records.get("suppressed", "c1@example.com").data["reason"] == "unsubscribed"
    report = filled.run({"mail_event": {"event": "unsubscribed", "m": campaign, "r": "0" * 24}})[0]
    assert report["taken_in"]["mail_events"] == {"not_understood": 1}


def test_an_order_after_a_click_is_money_made_once(filled: Shop) -> None:
    filled.run(WIN)
    filled.later(hours=1)
    filled.mail_event("delivered", "c2@example.com")
    filled.mail_event("clicked", "c1@example.com")
    filled.later(hours=1)
    _, _, ctx = filled.order("c1@example.com", "80.00")
    assert ctx.values == [
        {"kind": "money_made", "amount": 80.0, "unit": "USD", "method": "measured", "note": ctx.values[0]["note"]}
    ]
    assert "click" in ctx.values[0]["note"]
    assert not filled.order("c1@example.com", "80.00")[2].values
    assert not filled.order("c3@example.com", "10.00", number=901)[2].values
    report, _, ctx = filled.run(task="send_pending")
    kpis = report["kpis"]
    assert kpis["revenue"] == {"USD": "80.00"} and kpis["click_to_order"] == 100.0
    assert kpis["delivery_rate"] == 20.0 and kpis["revenue_per_mail"] == 8.0
    assert {name for name, _, _ in ctx.kpis} >= {"delivery_rate", "click_rate", "revenue_per_mail"}


def test_a_click_that_is_heard_after_its_order_still_counts(filled: Shop) -> None:
    filled.run(WIN)
    clicked = filled.at + timedelta(minutes=5)
    filled.later(hours=1)
    assert not filled.order("c1@example.com", "80.00")[2].values
    event = {"event": "clicked", "address": "c1@example.com", "at": clicked.isoformat()}
    assert filled.run({"mail_event": event})[2].values[0]["amount"] == 80.0


def test_nothing_is_computed_before_anything_came_back(filled: Shop) -> None:
    report, _, ctx = filled.run(WIN)
    for name in ("delivery_rate", "click_rate", "click_to_order", "revenue_per_mail", "complaint_rate"):
        assert "not_computed" in report["kpis"][name], name
    assert report["kpis"]["bounce_rate"] == 0.0
    assert {name for name, _, _ in ctx.kpis} == {"bounce_rate"} and not ctx.values


def test_the_day_s_cap_holds_over_all_runs_of_the_day(shop: Shop) -> None:
    shop.zone = "America/New_York"
    shop.run({"customers": customers(30), "orders": orders(30)}, task="take_in")
    shop.mail_event("clicked", "c7@example.com")
    plan = {"warmup_start": "2026-11-20", "warmup_caps": [4, 8, 100]}
    report, _, ctx = shop.run({**WIN, **plan})
    assert len(ctx.outbox) == 4 and report["waiting"]["count"] == 26
    assert ctx.outbox[0].target == "c7@example.com"
    assert "cap" in report["waiting"]["list"][0]["reason"]
    shop.later(hours=8)
    assert not shop.run(plan, task="send_pending")[2].outbox
    # 03:00 UTC on the 21st is still the 20th in New York.
    shop.at = NOON.replace(day=21, hour=3)
    assert not shop.run(plan, task="send_pending")[2].outbox
    shop.at = NOON.replace(day=21, hour=6)
    report, _, ctx = shop.run(plan, task="send_pending")
    assert len(ctx.outbox) == 8 and report["warmup"]["cap_today"] == 8


def test_the_cap_does_not_rise_after_a_day_with_bounces(shop: Shop) -> None:
    shop.run({"customers": customers(30), "orders": orders(30)}, task="take_in")
    plan = {"warmup_start": "2026-11-20", "warmup_caps": [4, 8, 100]}
    shop.run({**WIN, **plan})
    victim = next(iter(shop.records.rows["sends"].values())).data["email"]
    shop.mail_event("bounced", victim)
    shop.later(days=1)
    report, _, ctx = shop.run(plan, task="send_pending")
    assert len(ctx.outbox) == 4 and "bounced" in report["warmup"]["why"]


def test_a_mail_that_is_on_its_way_in_another_run_counts_for_the_cap(shop: Shop) -> None:
    shop.run({"customers": customers(30), "orders": orders(30)}, task="take_in")
    plan = {"warmup_start": "2026-11-20", "warmup_caps": [4, 8]}

    class CutOff(BaseException):
        pass

    def cut_off(item: Outgoing, number: int) -> Sent:
        raise CutOff

    with pytest.raises(CutOff):
        shop.run({**WIN, **plan}, answer=cut_off)
    assert not shop.run({**WIN, **plan})[2].outbox
    shop.later(days=1)
    # Yesterday's four may still leave today, so only what is left of today's cap goes out.
    assert len(shop.run({**WIN, **plan, "warmup_caps": [6, 8]})[2].outbox) == 2


def test_three_refusals_of_the_server_stop_everything_until_a_person_resumes(filled: Shop) -> None:
    report, _, ctx = filled.run(WIN, answer=failing("refused", "The mail server does not take the mail (554 5.7.1)."))
    assert report["status"] == "stopped" and "three" not in report["summary"] and "3 times" in report["summary"]
    [(channel, text, _)] = ctx.said
    assert channel == "ops-email" and "554" in text
    report, _, ctx = filled.run(task="send_pending")
    assert report["status"] == "stopped" and not ctx.outbox and not ctx.said
    assert filled.run(WIN)[0]["status"] == "stopped"
    report, _, ctx = filled.run({"resume_sending": True}, task="send_pending")
    assert report["status"] == "sent" and len(ctx.outbox) == 10


@pytest.mark.parametrize(
    ("codes", "stopped"),
    [
        (["554", "554", "554"], True),
        (["554", "554", "", "554"], False),
        (["bounced", "bounced", "bounced"], False),
        (["450", "450", "450"], False),
        (["", "channel_down"], True),
    ],
)
def test_what_stops_sending(codes: list[str], stopped: bool) -> None:
    def answer(code: str) -> Sent:
        if not code:
            return Sent("sent", "e")
        known = code if code in ("bounced", "channel_down") else "refused"
        return Sent("failed", "e", error={"code": known, "message": f"No ({code} said)."})

    assert (stops([answer(code) for code in codes]) is not None) is stopped


def test_a_segment_with_many_bounces_rests_for_a_day_and_begins_again_carefully(shop: Shop) -> None:
    shop.run({"customers": customers(60), "orders": orders(60)}, task="take_in")

    def some_bounce(item: Outgoing, number: int) -> Sent:
        if number % 10 == 0:
            return Sent("failed", "e", error={"code": "bounced", "message": "The address takes no mail (550 5.1.1)."})
        return Sent("sent", f"effect:{item.key}")

    report, _, ctx = shop.run({**WIN, "max_per_run": 30}, answer=some_bounce)
    assert report["counts"] == {"sent": 27, "bounced": 3}
    assert report["paused_segments"][0]["segment"] == "past buyers"
    bounces = [payload for event, payload in ctx.events if event.endswith("email_bounced")]
    assert len(bounces) == 3
    shop.later(hours=2)
    report, _, ctx = shop.run(task="send_pending")
    assert not ctx.outbox and "paused" in report["waiting"]["list"][0]["reason"]
    shop.later(hours=23)
    report, _, ctx = shop.run(task="send_pending")
    assert len(ctx.outbox) == 7 and "quarter" in report["waiting"]["list"][0]["reason"]


def test_what_fails_for_now_is_tried_again_and_what_nobody_knows_is_not(filled: Shop) -> None:
    def mixed(item: Outgoing, number: int) -> Sent:
        if number == 0:
            return Sent("failed", "e", error={"code": "deferred", "message": "Not now (450)."})
        return Sent("uncertain" if number == 1 else "sent", f"effect:{item.key}")

    report, _, first = filled.run(WIN, answer=mixed)
    assert report["counts"] == {"deferred": 1, "uncertain": 1, "sent": 8}
    filled.later(hours=5)
    report, _, ctx = filled.run(task="send_pending")
    assert len(ctx.outbox) == 1 and ctx.outbox[0].target not in {item.target for item in first.outbox}


def test_a_purchase_may_start_a_sequence_of_its_own(filled: Shop) -> None:
    event = order("new@example.com", 77, NOON, buyer_accepts_marketing=True, customer={"first_name": "Nia"})
    old = order("c1@example.com", 78, NOON - timedelta(days=9))
    assert not filled.run({"shopify_event": old, "after_purchase_goal": "thank"})[2].outbox
    _, _, ctx = filled.run({"shopify_event": event, "after_purchase_goal": "thank"})
    [item] = ctx.outbox
    assert item.target == "new@example.com" and item.payload["subject"] == "Thank you, Nia"


def test_a_draft_asks_for_nobody_and_needs_nobody(shop: Shop) -> None:
    product = {"title": "Linen <b>shirt</b>", "price": "59.00 USD", "url": "https://shop.example/linen"}
    report, draft, ctx = shop.run({"manual_payload": {"product": product, "goal": "launch"}}, task="draft")
    assert report["status"] == "draft" and not ctx.questions and not ctx.outbox
    assert "Hello {{first_name}}," in draft
    assert "there is something new at Little Shop: Linen \\<b\\>shirt" in draft and "59.00 USD" in draft
    assert "https://shop.example/linen" in draft and report["campaign"]["goal"] == "launch"
    assert "New at Little Shop: Linen <b>shirt</b>" in report["notes"][1]
    report, draft, _ = shop.run({"manual_payload": {"product": product, "goal": "launch"}})
    assert report["status"] == "nobody_to_write_to" and "Linen" in draft


@pytest.mark.parametrize(
    "inputs",
    [
        {"manual_payload": "{not json"},
        {"manual_payload": [1]},
        {"manual_payload": {"customer_segment": "martians"}},
        {"manual_payload": {"text": "word " * 200_000}},
        {"manual_payload": {"offers": [{"name": "a"}]}},
        {"manual_payload": {"offers": [{"name": "a", "text": "x"}, {"name": "a", "text": "y"}]}},
        {"manual_payload": {"link": "javascript:alert(1)"}},
        {"manual_payload": {"steps": [{"delay_hours": -1, "text": "x"}]}},
        {"unsubscribe_base_url": "http://shop.example/leave"},
        {"from_address": "a@b\r\nBcc: c@example.com"},
        {"warmup_start": "tomorrow"},
        {"warmup_caps": [100, 50]},
        {"frequency_cap_hours": float("nan")},
        {"voice_gate": "maybe"},
        {"restore": {"a": {"b": 1}}},
        {"opt_out": ["nobody"]},
        {"customers": "text"},
        {"shopify_event": 7, "manual_payload": {}},
    ],
)
def test_bad_input_is_refused_with_a_hint_and_nothing_is_kept(shop: Shop, inputs: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as error:
        shop.run(inputs)
    assert error.value.hint
    assert not any(shop.records.rows.values())
