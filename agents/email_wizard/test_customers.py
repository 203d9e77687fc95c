"""What comes in, how it is grouped, and who is held back."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ionflux_agents.email_wizard.addresses import read_address, read_name
from ionflux_agents.email_wizard.likelihood import labelled, learned
from ionflux_agents.email_wizard.people import new_customer
from ionflux_agents.email_wizard.segments import MIN_FOR_RFM, ORDER

from ionflux_core.sdk import Invalid, Record
from tests.fakes import NOON

from .conftest import Shop, customers, order, orders

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"
WIN = {"manual_payload": {"customer_segment": "past buyers", "email_goal": "win back"}}


@pytest.mark.parametrize(
    "address",
    [
        "", "a", "a@b", "@b.com", "a@", "a b@c.com", "a@b..com", "a@-b.com", "a@b.com\nBcc: d@e.com", "a\r@b.com",
        "<a@b.com>", "a@b.com,c@d.com", ".a@b.com", "a..b@c.com", "a@b.c", "a@127.0.0.1", "noreply@b.com", 5, None,
        "x" * 65 + "@b.com", "a@" + "b" * 250 + ".com", '"a"@b.com', "a\u202eb@c.com",
    ],
)  # fmt: skip
def test_what_is_no_address_says_why(address: Any) -> None:
    found = read_address(address.strip("\n") if address == "" else address)
    assert found.problem and not found.email


@pytest.mark.parametrize(
    ("address", "kept"),
    [(" Ana.Lima+news@Example.COM ", "ana.lima+news@example.com"), ("o'brien@exämple.de", "o'brien@xn--exmple-cua.de")],
)
def test_an_address_has_one_spelling(address: str, kept: str) -> None:
    assert read_address(address) == (kept, None)


def test_a_very_long_address_is_refused_quickly() -> None:
    assert read_address("a." * 500_000 + "@b.com").problem
    assert read_address("a@" + "a." * 500_000 + "com").problem


@pytest.mark.parametrize(
    ("name", "kept", "wrong"),
    [
        ("  Ana \n Lima ", "Ana Lima", "line breaks"),
        ("Ana\r\nBcc: x@example.com", "", "link"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>", "HTML"),
        ("Win at http://evil.example", "", "link"),
        ("x" * 5000, "", "longer"),
        ({"a": 1}, "", "text"),
        ("李小龍", "李小龍", None),
        ("عمر", "عمر", None),
    ],
)
def test_names_are_one_line_and_no_link(name: Any, kept: str, wrong: str | None) -> None:
    found, why = read_name(name)
    assert found == kept and (wrong in (why or "") if wrong else why is None)


def test_bad_rows_are_listed_with_their_place_and_the_good_ones_are_kept(shop: Shop) -> None:
    rows = [*customers(2), {"email": "c0@EXAMPLE.com"}, {"email": "nope"}, "text", {"first_name": "Only"}]
    bad = [{"id": 1, "email": "c1@example.com", "total_price": "x", "currency": "USD", "created_at": "2026-01-01"}]
    report, _, _ = shop.run({"customers": rows, "orders": bad}, task="take_in")
    taken = report["taken_in"]
    assert taken["customers"] == {"received": 3, "new": 2, "duplicates": 1, "kept": 2}
    assert {row["where"] for row in taken["rejected"]} == {
        "customers 3", "customers 4", "customers 5", "customers 6", "orders 1"
    }  # fmt: skip
    assert "same address as customers 1" in next(r["reason"] for r in taken["rejected"] if r["where"] == "customers 3")


@pytest.mark.parametrize("name", ["orders.json", "orders.csv"])
def test_the_demo_orders_are_read_the_same_from_json_and_csv(shop: Shop, name: str) -> None:
    ctx = shop.context("take_in")
    ctx.inputs = {"orders_file": ctx.file(name, (DEMO / name).read_bytes())}
    from ionflux_agents.email_wizard.agent import run

    report = run(ctx, ctx.inputs)["send_report"]
    raw = json.loads((DEMO / "orders.json").read_text())["orders"]
    counted = [o for o in raw if not o["cancelled_at"] and o["financial_status"] not in ("voided", "refunded")]
    assert report["taken_in"]["orders"]["new"] == len(counted) and not report["taken_in"]["rejected"]
    greta = shop.records.get("customers", "greta.kettlebrook.1@example.com").data
    assert greta["first"] == "Greta" and greta["consent"] is False
    [row] = greta["orders"].values()
    assert row[:3] == ["2026-01-02T15:52:37Z", "229.63", "USD"]
    assert any("Market Day Tote" in title for title in greta["titles"])


def test_a_customer_list_of_the_shop_is_read(shop: Shop) -> None:
    text = (
        "First Name,Last Name,Email,Accepts Email Marketing,Total Spent,Total Orders\n"
        "Ana,Lima,ana@example.com,yes,120.50,3\nBo,,bo@example.com,no,0,0\nCy,,broken,yes,1,1\n"
    )
    from ionflux_agents.email_wizard.agent import run

    ctx = shop.context("segment")
    report = run(ctx, {"customers_file": ctx.file("customers.csv", text.encode("cp1252"))})["send_report"]
    assert report["taken_in"]["rejected"][0]["where"] == "customers_file 3"
    ana = shop.records.get("customers", "ana@example.com").data
    assert ana["consent"] is True and ana["given"]["orders"] == 3 and ana["given"]["spent"] == "120.50"
    mains = {row["segment"]: row["main"] for row in report["segmentation"]["segments"]}
    assert mains["never bought"] == 1 and sum(mains.values()) == 2


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"a;b;c\n1;2;3\n", b"{broken"])
def test_a_file_that_is_no_list_is_refused_or_listed(shop: Shop, data: bytes) -> None:
    from ionflux_agents.email_wizard.agent import run

    ctx = shop.context("take_in")
    try:
        report = run(ctx, {"customers_file": ctx.file("x.csv", data)})["send_report"]
        assert report["taken_in"]["rejected_count"] >= 1
    except Invalid as error:
        assert error.hint


def test_a_customer_of_the_shop_s_webhook_keeps_the_opt_in_it_tells(shop: Shop) -> None:
    person = {
        "id": 5, "email": "Ana@Example.com", "first_name": "Ana", "created_at": "2026-11-01T10:00:00-03:00",
        "orders_count": 2, "total_spent": "80.00", "currency": "USD", "line_items_are": "not here",
        "email_marketing_consent": {"state": "subscribed", "opt_in_level": "single_opt_in"},
    }  # fmt: skip
    shop.run({"shopify_event": person})
    kept = shop.records.get("customers", "ana@example.com").data
    assert (kept["consent"], kept["created"], kept["given"]["orders"]) == (True, "2026-11-01T13:00:00Z", 2)
    shop.run({"shopify_event": {**person, "email_marketing_consent": {"state": "unsubscribed"}}})
    assert shop.records.get("customers", "ana@example.com").data["consent"] is False
    checkout = {
        "id": 9, "token": "t", "email": "bo@example.com", "abandoned_checkout_url": "https://x", "line_items": [],
        "total_price": "10.00", "buyer_accepts_marketing": True, "customer": {"first_name": "Bo"},
    }  # fmt: skip
    shop.run({"shopify_event": checkout})
    bo = shop.records.get("customers", "bo@example.com").data
    assert (bo["first"], bo["consent"], bo["orders"]) == ("Bo", True, {})


def test_a_cancelled_order_counts_no_more_and_an_older_version_changes_nothing(shop: Shop) -> None:
    shop.order("ana@example.com", updated_at="2026-11-20T11:00:00Z")
    shop.order("ana@example.com", "99.00", updated_at="2026-11-20T10:00:00Z")
    kept = shop.records.get("customers", "ana@example.com").data["orders"]
    assert [row[1] for row in kept.values()] == ["50.00"]
    report = shop.order("ana@example.com", cancelled_at="2026-11-20T12:00:00Z", updated_at="2026-11-20T12:00:00Z")[0]
    assert report["taken_in"]["orders"]["not_counted"] == 1
    assert not shop.records.get("customers", "ana@example.com").data["orders"]


def test_everybody_is_in_one_main_segment_with_a_reason(shop: Shop) -> None:
    rng = np.random.default_rng(3)
    people = customers(200)
    bought = [
        order(f"c{who}@example.com", n, NOON - timedelta(days=int(rng.integers(1, 300))), f"{rng.lognormal(4, 1):.2f}")
        for n, who in enumerate(rng.integers(0, 150, 300))
    ]
    report = shop.run({"customers": people, "orders": bought, "cluster": "kmeans"}, task="segment")[0]
    table = report["segmentation"]
    assert sum(row["main"] for row in table["segments"]) == table["customers"] == 200
    assert all(row["reason"] for row in table["segments"])
    assert {row["segment"] for row in table["segments"] if row["main"]} <= set(ORDER)
    buyers = {row["email"] for row in bought}
    averages = {who: float(np.mean([float(o["total_price"]) for o in bought if o["email"] == who])) for who in buyers}
    limit = np.percentile(list(averages.values()), 75)
    large = next(row for row in table["segments"] if row["segment"] == "high AOV past buyers")
    assert large["size"] == sum(value >= limit for value in averages.values())
    assert f"{limit:,.2f} USD" in large["reason"]
    assert sum(table["rfm"]["largest_cells"].values()) <= len(buyers)
    groups = table["clusters"]["groups"]
    assert sum(group["size"] for group in groups) == len(buyers) and all(group["reason"] for group in groups)
    again = shop.run({"cluster": "kmeans"}, task="segment")[0]["segmentation"]
    assert again == table


def test_too_few_buyers_are_said_and_not_guessed(shop: Shop) -> None:
    report = shop.run({"customers": customers(5), "orders": orders(2), "cluster": "hdbscan"}, task="segment")[0]
    table = report["segmentation"]
    assert "not_computed" in table["rfm"] and str(MIN_FOR_RFM) in table["rfm"]["not_computed"]
    assert "not_computed" in table["clusters"]
    assert next(row for row in table["segments"] if row["segment"] == "high AOV past buyers")["size"] == 0


def test_nobody_at_all_is_no_failure(shop: Shop) -> None:
    report = shop.run({}, task="segment")[0]
    assert report["summary"] == "There are no customers yet." and report["segmentation"]["customers"] == 0


def test_who_is_held_back_and_why(shop: Shop) -> None:
    long_ago = (NOON - timedelta(days=400)).isoformat()
    people = [
        *customers(2),
        {"email": "no@example.com", "consent": False},
        {"email": "unknown@example.com"},
        {"email": "old@example.com", "consent": True, "created_at": long_ago},
        {"email": "gone@example.com", "consent": True},
    ]
    shop.run({"customers": people, "opt_out": ["gone@example.com"]}, task="take_in")
    everybody = {"manual_payload": {"customer_segment": "everybody", "email_goal": "update", "about": "News."}}
    report, _, ctx = shop.run(everybody)
    held = {row["email"]: row["reason"] for row in report["held"]["list"]}
    assert {item.target for item in ctx.outbox} == {"c0@example.com", "c1@example.com"}
    assert "opt-in" in held["no@example.com"] and "opt-in" in held["unknown@example.com"]
    assert "180 days" in held["old@example.com"] and "Asked not" in held["gone@example.com"]
    assert report["held"]["by_reason"] == {"no_consent": 2, "no_engagement": 1, "opted_out": 1}
    assert "require_consent" in report["consent"]
    # The cap: the same people again on the same day, and nobody was deleted.
    again = shop.run(everybody)[0]
    assert again["status"] == "nobody_to_write_to" and again["held"]["by_reason"]["frequency_cap"] == 2
    assert len(shop.records.rows["customers"]) == 6


def test_a_person_restores_whom_a_person_may_restore(shop: Shop) -> None:
    old = (NOON - timedelta(days=400)).isoformat()
    people = [{"email": f"{name}@example.com", "consent": True, "created_at": old} for name in ("a", "b", "gone", "c")]
    people.append({"email": "fresh@example.com", "consent": True})
    shop.run({"customers": people, "opt_out": ["gone@example.com"]}, task="take_in")
    goal = {"manual_payload": {"customer_segment": "never bought", "email_goal": "update", "about": "News."}}
    report, _, ctx = shop.run({**goal, "restore": ["a@example.com", "gone@example.com"]})
    assert {item.target for item in ctx.outbox} == {"a@example.com", "fresh@example.com"}
    assert report["taken_in"]["restored"]["refused"][0]["email"] == "gone@example.com"
    _, _, ctx = shop.run({"restore": "never bought"}, task="send_pending")
    assert {item.target for item in ctx.outbox} == {"b@example.com", "c@example.com"}


def test_without_any_word_on_consent_the_assumption_is_said_and_can_be_changed(shop: Shop) -> None:
    people = [{"email": f"p{n}@example.com"} for n in range(3)]
    goal = {"manual_payload": {"customer_segment": "everybody", "email_goal": "update", "about": "News."}}
    report = shop.run({"customers": people, **goal}, task="draft")[0]
    assert "assumed" in report["consent"] and report["segment"]["cleared"] == 3
    report = shop.run({**goal, "require_consent": True}, task="draft")[0]
    assert report["segment"]["cleared"] == 0 and report["held"]["by_reason"] == {"no_consent": 3}
    shop.run({"customers": [{"email": "x@example.com", "consent": True}]}, task="take_in")
    report, _, ctx = shop.run(goal)
    assert [item.target for item in ctx.outbox] == ["x@example.com"]
    _, _, ctx = shop.run({**goal, "require_consent": False})
    assert len(ctx.outbox) == 3


def _history(count: int, seed: int = 1) -> list[Record]:
    """Sends whose outcome hangs on the days since the last sign of life."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(count):
        quiet = float(rng.uniform(0, 6))
        good = rng.random() < 1 / (1 + np.exp(2 * (quiet - 2)))
        data = {"state": "sent", "at": "2026-11-01T00:00:00Z", "features": [quiet, 1.0, 1.0, 0.2, 0.1, 0.5],
                "heard": {"clicked": "2026-11-01T01:00:00Z"} if good else {}, "orders": {}}  # fmt: skip
        rows.append(Record(f"s{n}", NOON - timedelta(days=19), data))
    return rows


def test_the_model_learns_from_two_hundred_sends_and_not_before() -> None:
    fresh, stale = new_customer("fresh@example.com"), new_customer("stale@example.com")
    fresh |= {"opened": "2026-11-19T00:00:00Z", "mails": 2, "opens": 1, "quiet": 1}
    stale |= {"opened": "2025-12-01T00:00:00Z", "mails": 2, "opens": 1, "quiet": 1}
    chances, told = learned(_history(199), [fresh, stale], NOON, 7)
    assert not chances and "199" in told["not_computed"]
    chances, told = learned(_history(600), [fresh, stale], NOON, 7)
    assert chances["fresh@example.com"] > 0.6 > 0.1 > chances["stale@example.com"]
    assert told["auc_held_out"] > 0.85 and told["brier_held_out"] < told["brier_of_the_average"]
    assert learned(_history(600), [fresh, stale], NOON, 7) == (chances, told)
    assert not labelled([Record("x", NOON, {**_history(1)[0].data, "at": "2026-11-20T11:00:00Z"})], NOON)


def test_who_would_hardly_welcome_the_mail_is_held_back_with_the_chance(shop: Shop) -> None:
    shop.run({"customers": customers(4), "orders": orders(4)}, task="take_in")
    for row in _history(400):
        shop.records.put("sends", row.key, {**row.data, "campaign": "x", "step": 0, "email": "z"}, at=row.at)
    report = shop.run({**WIN, "clearance_threshold": 0.9}, task="draft")[0]
    assert report["held"]["by_reason"] == {"unlikely": 4}
    assert "under the limit of 90.0%" in report["held"]["list"][0]["reason"]
    assert report["clearance"]["sends"] == 400
