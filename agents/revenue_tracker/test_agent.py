"""Whole runs: what a person gets back, what is kept, and what is announced."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timedelta
from importlib import import_module
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ionflux_core.catalog.loader import Catalog
from ionflux_core.domain.runs import RunTrigger
from ionflux_core.sdk import Completion, Invalid
from tests.fakes import NOON, MemoryContext

CATALOG = Catalog([Path(__file__).parents[1]])
run = CATALOG.code("revenue_tracker").run
digest = import_module("ionflux_agents.revenue_tracker.digest")
SAMPLE: dict[str, Any] = CATALOG.sample("revenue_tracker") or {}
GOLDEN: dict[str, Any] = SAMPLE["inputs"]
OUTPUTS = {
    "profitability_dashboard_data_json",
    "profitability_digest_markdown",
    "actionable_alert_payload",
    "engine",
}


def go(ctx: MemoryContext | None = None, **inputs: Any) -> dict[str, Any]:
    ctx = ctx or MemoryContext()
    ctx.journal.clear()
    costs = GOLDEN["manual_cost_inputs"]
    given_ = {"reporting_period": "all", "reporting_currency": "BRL", "manual_cost_inputs": costs, **inputs}
    outputs: dict[str, Any] = run(ctx, given_)
    assert set(outputs) == OUTPUTS
    json.dumps(outputs, allow_nan=False)
    return outputs


def board(outputs: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = outputs["profitability_dashboard_data_json"]
    return data


def order(number: int = 1, **changes: Any) -> dict[str, Any]:
    raw = copy.deepcopy(GOLDEN["shopify_order_payload"])
    return {**raw, "id": number, "name": f"#{number}", **changes}


def state(ctx: MemoryContext) -> Any:
    """Everything kept, without the time costs were entered."""
    return {name: {key: row.data for key, row in rows.items()} for name, rows in ctx.records.rows.items()}


@pytest.mark.parametrize(
    ("settings_", "gross", "net"),
    [({}, 66.51, 66.01), ({"fee_base": "net_items", "shipping_income": "exclude"}, 56.80, 56.30)],
)
def test_worked_example_through_the_whole_run(settings_: dict[str, Any], gross: float, net: float) -> None:
    outputs = go(**GOLDEN, **settings_)
    assert (board(outputs)["totals"]["gross_margin"], board(outputs)["totals"]["net_margin"]) == (gross, net)
    assert f"{net:.2f} BRL" in outputs["profitability_digest_markdown"]
    assert "**T-shirt (TSHIRT)**" in outputs["profitability_digest_markdown"]
    assert outputs["actionable_alert_payload"]["status"] == "none"
    assert outputs["engine"]["kind"] == "local"


def test_changing_a_setting_works_out_all_kept_orders_again() -> None:
    ctx = MemoryContext()
    go(ctx, orders_batch=[order(1), order(2)])
    totals = board(go(ctx, fee_base="net_items", shipping_income="exclude"))["totals"]
    assert totals["net_margin"] == 112.60
    assert any("fee_base" in message for _, message in ctx.logs)


def test_same_order_twice_changes_nothing_and_an_older_one_never_wins() -> None:
    ctx = MemoryContext()
    newer = order(1, updated_at="2026-11-20T10:00:00-03:00", total_price="120.00")
    first = board(go(ctx, shopify_order_payload=newer))["totals"]
    before = copy.deepcopy(state(ctx))
    for again in (newer, order(1)):
        assert board(go(ctx, shopify_order_payload=again))["totals"] == first
        assert state(ctx) == before


def test_update_cancellation_and_refund_of_an_order_replace_its_day() -> None:
    ctx = MemoryContext()
    go(ctx, shopify_order_payload=order(1))
    line = {"line_item_id": 1, "quantity": 1, "subtotal": "50.00", "restock_type": "return"}
    money = [{"kind": "refund", "status": "success", "amount": "50.00", "currency": "BRL"}]
    refund = {"id": 9, "order_id": 1, "created_at": "2026-11-20T08:00:00Z", "refund_line_items": [line]}
    totals = board(go(ctx, shopify_order_payload={**refund, "transactions": money}))["totals"]
    assert (totals["net_revenue"], totals["refunds"], totals["cogs"]) == (60.0, 50.0, 15.0)
    assert ctx.kpis["net_revenue", "2026-11-19T05:00:00+00:00", "[]"] == 60.0
    gone = order(1, cancelled_at="2026-11-20T09:00:00-03:00", updated_at="2026-11-20T09:00:00-03:00")
    totals = board(go(ctx, shopify_order_payload=gone))["totals"]
    assert (totals["orders"], totals["cancelled"], totals["net_revenue"]) == (0, 1, 0.0)


def test_refund_that_comes_before_its_order_is_not_lost() -> None:
    money = [{"kind": "refund", "status": "success", "amount": "10.00", "currency": "BRL"}]
    events = [{"id": 9, "order_id": 1, "transactions": money}, order(1)]
    results = []
    for sequence in permutations(events):
        ctx = MemoryContext()
        for event in sequence:
            outputs = go(ctx, shopify_order_payload=event)
        results.append(board(outputs)["totals"])
    assert results[0] == results[1] and results[0]["refunds"] == 10.0


def test_refund_that_does_not_fit_its_order_is_listed_and_harms_nothing() -> None:
    ctx = MemoryContext()
    money = [{"kind": "refund", "status": "success", "amount": "10.00", "currency": "EUR"}]
    go(ctx, shopify_order_payload={"id": 9, "order_id": 1, "transactions": money})
    data = board(go(ctx, shopify_order_payload=order(1)))
    assert data["totals"]["net_margin"] == 66.01
    assert "another currency" in data["rejected"][0]["message"]


VERSIONS = st.lists(
    st.builds(
        lambda number, minute, price, test: order(
            number,
            updated_at=f"2026-11-20T10:{minute:02d}:00Z",
            created_at=f"2026-11-{10 + number}T12:00:00Z",
            total_price=str(price),
            line_items=[{"sku": "TSHIRT", "quantity": 1, "price": str(price)}],
            test=test,
        ),
        st.integers(1, 4),
        st.integers(0, 3),
        st.integers(1, 100),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(VERSIONS, st.randoms(use_true_random=False), st.integers(1, 3))
def test_result_does_not_depend_on_order_or_repetition(versions: Any, random: Any, size: int) -> None:
    one, other = MemoryContext(), MemoryContext()
    go(one, orders_batch=versions)
    shuffled = [*versions, *versions]
    random.shuffle(shuffled)
    for start in range(0, len(shuffled), size):
        go(other, orders_batch=shuffled[start : start + size])
    assert state(one) == state(other)
    assert board(go(one))["totals"] == board(go(other))["totals"]


def test_missing_cost_is_named_and_recalculation_fills_the_margin() -> None:
    ctx = MemoryContext()
    mug = order(2, line_items=[{"sku": "MUG", "title": "Mug <b>", "quantity": 2, "price": "50.00"}])
    outputs = go(ctx, orders_batch=[order(1), mug])
    data = board(outputs)
    assert (data["totals"]["gross_margin"], data["totals"]["net_margin"]) == (None, None)
    assert data["totals"]["cogs_completeness"] == 50.0
    assert data["totals"]["known_costs"]["net_margin"] == 66.01
    assert data["completeness"]["missing_costs"] == [{"product": "MUG", "title": "Mug <b>"}]
    assert "gross_margin" not in {name for name, _, _ in ctx.kpis}
    assert "<b>" not in outputs["profitability_digest_markdown"].replace("\\<b\\>", "")
    assert [alert["kind"] for alert in outputs["actionable_alert_payload"]["alerts"]] == ["costs_missing"]
    ctx.task = "recalculate"
    costs = {**GOLDEN["manual_cost_inputs"], "cogs": {"TSHIRT": 15, "MUG": 20}}
    assert board(go(ctx, manual_cost_inputs=costs))["totals"]["net_margin"] == 122.02


def test_costs_entered_once_are_used_for_later_orders() -> None:
    ctx = MemoryContext()
    go(ctx, shopify_order_payload=order(1))
    assert board(go(ctx, manual_cost_inputs=None, shopify_order_payload=order(2)))["totals"]["net_margin"] == 132.02


def test_rate_stays_with_the_order_and_an_order_without_rate_is_in_no_figure() -> None:
    ctx = MemoryContext()
    euro = order(1, currency="EUR")
    data = board(go(ctx, shopify_order_payload=euro))
    assert (data["totals"]["orders"], data["completeness"]["left_out"]) == (0, {"no rate for EUR": 1})
    rates = {"EUR": {"2026-11-01": "6"}}
    ctx.task = "recalculate"
    assert board(go(ctx, fx_rates=rates))["totals"]["net_revenue"] == 660.0
    ctx.task = None
    later = {**euro, "updated_at": "2026-11-20T10:00:00Z"}
    data = board(go(ctx, shopify_order_payload=later, fx_rates={"EUR": "7"}))
    assert data["totals"]["net_revenue"] == 660.0
    assert data["orders"][0]["rate"] == {"from": "EUR", "to": "BRL", "date": "2026-11-01", "rate": "6"}


def test_currency_of_the_first_orders_is_used_when_none_is_chosen() -> None:
    ctx = MemoryContext()
    assert board(go(ctx, reporting_currency=None, shopify_order_payload=order(1)))["currency"] == "BRL"
    assert board(go(ctx, reporting_currency=None))["currency"] == "BRL"


def test_file_with_bad_orders_reads_the_good_and_keeps_the_bad() -> None:
    ctx = MemoryContext()
    lines = [json.dumps(order(1)), "{not json", json.dumps(order(2, currency="XXX")), json.dumps(order(3))]
    data = board(go(ctx, orders_file=ctx.file("orders.jsonl", "\n".join(lines).encode())))
    assert data["totals"]["orders"] == 2
    assert {row["where"] for row in data["rejected"]} == {"line 2", "line 3"}
    assert all(row["message"] and row["hint"] for row in data["rejected"])
    kept = ctx.files[data["processing"]["rejected_files"][0]["sha256"]].decode()
    assert "{not json" in kept and '"XXX"' in kept


@pytest.mark.parametrize(
    ("inputs", "word"),
    [
        ({"shopify_order_payload": "{"}, "not JSON"),
        ({"shopify_order_payload": "[" * 100_000}, "not JSON"),
        ({"shopify_order_payload": {"hello": 1}}, "no id"),
        ({"shopify_order_payload": order(1, total_price="-5")}, "negative"),
        ({"shopify_order_payload": {"order_id": 1}}, "no id"),
        ({"shopify_order_payload": {"id": 2, "order_id": 1, "refund_line_items": [{"quantity": -1}]}}, "negative"),
        ({"orders_batch": [{"id": 1}, {"id": 2}]}, "None of the orders"),
        ({"orders_batch": 5}, "JSON object"),
        ({"manual_cost_inputs": {"cogz": 1}}, "cogz"),
        ({"fx_rates": {"EUR": 0}, "shopify_order_payload": order(1)}, "is 0"),
        ({"reporting_period": "last_fortnight"}, "reporting_period"),
        ({"reporting_period": "2026-02-30..2026-03-01"}, "no day"),
        ({"reporting_currency": "ABC"}, "ABC"),
        ({"fee_base": "all"}, "fee_base"),
        ({"num_top_products": 0}, "num_top_products"),
        ({"margin_alert_threshold": "NaN"}, "margin_alert_threshold"),
    ],
)
def test_bad_input_is_refused_with_a_next_step_and_keeps_no_order(inputs: dict[str, Any], word: str) -> None:
    ctx = MemoryContext()
    with pytest.raises(Invalid) as caught:
        go(ctx, **inputs)
    assert word in str(caught.value) and caught.value.hint
    if "reporting_period" not in inputs:
        assert not ctx.records.rows.get("rt_orders")


@pytest.mark.parametrize("data", [b"", b"\n ", b"hello", b"\x00\x01\x02\x03", b"[1, 2", bytes(range(128, 160))])
def test_files_that_hold_no_orders_are_refused(data: bytes) -> None:
    ctx = MemoryContext()
    with pytest.raises(Invalid) as caught:
        go(ctx, orders_file=ctx.file("orders.csv", data))
    assert caught.value.hint


def test_nothing_stored_gives_empty_figures_not_invented_ones() -> None:
    data = board(go())
    assert (data["totals"]["orders"], data["totals"]["net_margin_pct"]) == (0, None)
    for name in ("variance", "margin_watch", "break_even"):
        assert data[name]["not_computed"]


def test_weak_margin_is_announced_once_a_day_with_a_key() -> None:
    costs = {**GOLDEN["manual_cost_inputs"], "cogs": {"TSHIRT": 49}}
    ctx = Keyed()
    for number in (1, 2):
        outputs = go(ctx, manual_cost_inputs=costs, shopify_order_payload=order(number))
    payload = outputs["actionable_alert_payload"]
    assert (payload["status"], payload["severity"]) == ("alert", "critical")
    assert {alert["kind"] for alert in payload["alerts"]} == {"margin_below_threshold", "product_margin_negative"}
    assert len(ctx.keys) == 4 and len(set(ctx.keys)) == 2
    assert {kind.rsplit(".", 1)[1] for kind, _ in ctx.events} == {
        "profit_margin_alert",
        "low_performing_product_alert",
    }


class Keyed(MemoryContext):
    """Remembers the keys of events."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    def emit(self, type: str, payload: Any, *, key: str | None = None) -> str:
        self.keys.append(str(key))
        return super().emit(type, payload, key=key)


def test_digest_task_announces_the_weekly_digest() -> None:
    ctx = MemoryContext(task="generate_daily_profitability_digest")
    outputs = go(ctx, shopify_order_payload=order(1))
    kind, payload = ctx.events[-1]
    assert kind == "ionflux.agent.revenuetracker.weekly_digest_ready"
    assert payload["digest_markdown"] == outputs["profitability_digest_markdown"]


def test_event_payload_without_input_mapping_is_read_from_the_trigger() -> None:
    ctx = MemoryContext(trigger=RunTrigger(kind="webhook", payload={"order": order(1)}))
    assert board(go(ctx))["totals"]["orders"] == 1


def test_interrupted_run_counts_every_order_once() -> None:
    """Orders were kept, the run was cut off before the days were summed, and it starts from the top."""
    ctx = MemoryContext()
    module = import_module("ionflux_agents.revenue_tracker.processing")
    options = import_module("ionflux_agents.revenue_tracker.options")
    inputs = {"manual_cost_inputs": GOLDEN["manual_cost_inputs"], "orders_batch": [order(1), order(2)]}
    module.process(ctx, inputs, options.read_options(ctx, inputs))
    assert board(go(ctx, **inputs))["totals"]["net_margin"] == 132.02


def test_kept_orders_hold_no_customer() -> None:
    ctx = MemoryContext()
    address = {"country_code": "BR", "province_code": "CE", "name": "Ana Souza", "address1": "Rua 1"}
    go(ctx, shopify_order_payload=order(1, email="ana@example.com", shipping_address=address, note="call me"))
    kept = json.dumps(state(ctx))
    assert "BR" in kept and not any(word in kept for word in ("Ana", "ana@", "Rua", "call me"))


def test_cost_jump_and_change_are_told_against_the_period_before() -> None:
    ctx = MemoryContext()
    old = [order(n, created_at=f"2026-11-0{n}T12:00:00Z") for n in range(1, 7)]
    new = [order(10 + n, created_at=f"2026-11-1{n}T12:00:00Z") for n in range(1, 7)]
    go(ctx, orders_batch=old)
    costs = {**GOLDEN["manual_cost_inputs"], "shipping_cost_per_order": "11.50"}
    outputs = go(ctx, orders_batch=new, manual_cost_inputs=costs, reporting_period="2026-11-11..2026-11-20")
    assert [a["kind"] for a in outputs["actionable_alert_payload"]["alerts"]] == ["cost_jump"]
    change = board(outputs)["variance"]
    assert (change["change"], change["cost"], change["by_kind"]["shipping_cost"]) == (-9.0, -9.0, -9.0)
    assert change["price"] == change["volume"] == change["mix"] == 0


def test_days_follow_the_workspace_zone_and_series_has_no_holes() -> None:
    late = order(1, created_at="2026-11-19T03:30:00Z")
    data = board(go(shopify_order_payload=late, reporting_period="last_7_days"))
    assert len(data["daily"]) == 7
    assert [day["day"] for day in data["daily"] if day["orders"]] == ["2026-11-18"]


class Speaking(MemoryContext):
    """A model that says what the test wants."""

    said = ""

    def complete(self, prompt: str, **_: Any) -> Completion:
        return Completion(self.said, {"kind": "llm", "name": "m", "version": "1", "seed": 0}, 1, 1, 0)


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("From {orders} came {revenue}, and {margin} of it, {share}, stayed.", True),
        ("From {orders} came {revenue}, and 99 of it, {share} {margin}, stayed.", False),
        ("Only {margin} stayed.", False),
        ("<b>{orders}</b> {revenue} {margin} {share}", False),
        ("{orders} {revenue} {margin} {share} {orders}", False),
        ("", False),
    ],
)
def test_model_may_word_one_sentence_but_never_touch_a_figure(said: str, taken: bool) -> None:
    ctx = Speaking()
    ctx.said = said
    outputs = go(ctx, shopify_order_payload=order(1), reword_digest=True)
    text = outputs["profitability_digest_markdown"]
    assert ("stayed" in text) is taken
    assert "66.01 BRL" in text.splitlines()[2]
    assert outputs["engine"]["kind"] == ("llm" if taken else "local")


def test_names_from_orders_cannot_write_markdown() -> None:
    hostile = "[x](http://evil) <script>`$1$` :red[a] **b**\n# big"
    raw = order(1, line_items=[{"sku": "", "title": hostile, "quantity": 1, "price": "50.00"}])
    costs = {"cogs": {f"title:{hostile}": 1}}
    text = go(shopify_order_payload=raw, manual_cost_inputs=costs)["profitability_digest_markdown"]
    assert "\\[x\\](http\\://evil) \\<script\\>" in text and "\n# big" not in text


def test_sample_expects_what_the_agent_gives() -> None:
    totals = board(go(**GOLDEN))["totals"]
    expected = SAMPLE["expect"]["outputs"]["profitability_dashboard_data_json"]["totals"]
    assert {key: totals[key] for key in expected} == expected


def test_thousands_of_orders_are_counted_in_one_run() -> None:
    start = datetime.fromisoformat("2026-11-01T00:00:00+00:00")
    batch = [order(n, created_at=(start + timedelta(minutes=12 * n)).isoformat()) for n in range(2_000)]
    data = board(go(orders_batch=batch, reporting_period="last_30_days"))
    assert data["totals"]["orders"] == 2_000
    assert data["totals"]["net_margin"] == 132_020.0
    assert NOON.date().isoformat() == data["period"]["to"]
