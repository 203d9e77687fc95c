"""Orders, changes, money, bad input, and following an incident through timers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from ionflux_agents.sales_sentinel import watch
from ionflux_agents.sales_sentinel.agent import run
from ionflux_agents.sales_sentinel.causes import unfaithful
from ionflux_agents.sales_sentinel.gmv import at_risk_per_hour, lost, lost_share, protected

from ionflux_core.domain.runs import RunTrigger
from ionflux_core.sdk import Decision, Invalid, NotFound
from tests.fakes import NOON, MemoryContext

FIRST = NOON - timedelta(days=16)
ORDER = {
    "id": 820982911946154508,
    "name": "#1042",
    "currency": "USD",
    "total_price": "150.00",
    "financial_status": "paid",
    "line_items": [{"title": "Linen shirt", "quantity": 3, "price": "50.00"}],
}


def window(**other: Any) -> dict[str, Any]:
    row = {"start": "2026-11-20T11:00:00Z", "minutes": 5, "segment": {"device": "mobile", "browser": "safari"}}
    counts = {"sessions": 20, "checkouts_started": 2, "checkouts_completed": 1, "orders": 1, "revenue_minor": 5000}
    return {**row, **counts, "currency": "USD", "errors": 0, "page_ms_p75": None, **other}


@pytest.mark.parametrize(
    ("order", "threshold", "alerted"),
    [
        (ORDER, 100, True),
        (ORDER, 150, False),
        ({**ORDER, "total_price": "99.99"}, None, False),
        ({**ORDER, "test": True}, 100, False),
        ({**ORDER, "cancelled_at": "2026-11-20T11:00:00Z"}, 100, False),
        ({**ORDER, "total_price_set": {"shop_money": {"amount": "90.00", "currency_code": "USD"}}}, 100, False),
    ],
)
def test_an_order_above_the_threshold_is_announced(order, threshold, alerted):
    ctx = MemoryContext(task="ingest")
    out = run(ctx, {"shopify_event_payload": order, "min_order_value_alert_threshold": threshold})
    assert set(out) == {"incident_analysis_report", "alert_to_brief_butler", "engine"}
    alert = out["alert_to_brief_butler"]
    assert (alert["status"] == "alert") is alerted
    assert len(ctx.events) == alerted
    if alerted:
        assert "#1042" in alert["title"] and "150.00 USD" in alert["title"]
        assert alert["correlation_id"] == ctx.correlation_id
    else:
        assert alert["status"] == "nothing_to_report" and alert["reason"]


def test_orders_of_a_first_import_are_no_news():
    for subject, alerts in (("ionflux.shopify.order.imported", 0), ("ionflux.shopify.order.created", 1)):
        ctx = MemoryContext(task="ingest", trigger=RunTrigger(kind="event", event_type=subject))
        run(ctx, {"shopify_event_payload": ORDER, "min_order_value_alert_threshold": 100})
        assert len(ctx.events) == alerts


BAD_WINDOWS = {
    "negative": ({"sessions": -1}, "sessions"),
    "more completed than started": ({"checkouts_completed": 3}, "checkouts_completed"),
    "future": ({"start": "2027-01-01T00:00:00Z"}, "future"),
    "ages ago": ({"start": "1999-01-01T00:00:00Z"}, "five years"),
    "no zone": ({"start": "2026-11-20T11:00:00"}, "zone"),
    "no time": ({"start": "yesterday"}, "zone"),
    "off the grid": ({"start": "2026-11-20T11:03:00Z"}, "multiple of 5"),
    "an hour long": ({"minutes": 60}, "5 minutes"),
    "text": ({"orders": "many"}, "whole number"),
    "true": ({"orders": True}, "whole number"),
    "float": ({"sessions": 2.5}, "whole number"),
    "absurd": ({"sessions": 10**15}, "below"),
    "currency": ({"currency": "dollars"}, "currency"),
    "segment": ({"segment": "mobile"}, "segment"),
    "separator in a segment": ({"segment": {"device": "a|b"}}, "dimension"),
    "page time": ({"page_ms_p75": -5}, "Page time"),
    "no counts": ({"sessions": None}, "sessions"),
}


@pytest.mark.parametrize("name", BAD_WINDOWS)
def test_one_bad_window_refuses_all_and_stores_nothing(name):
    fault, word = BAD_WINDOWS[name]
    ctx = MemoryContext(task="ingest")
    payload = {"windows": [window(start="2026-11-20T10:00:00Z"), window(**fault)]}
    with pytest.raises(Invalid) as error:
        run(ctx, {"performance_metric_payload": payload, "change_log_entry": {"kind": "app", "name": "X"}})
    assert "windows[1]" in error.value.hint and word in error.value.hint
    assert not any(ctx.records.rows.values())


@pytest.mark.parametrize(
    "inputs",
    [
        {"performance_metric_payload": {"windows": "none"}},
        {"performance_metric_payload": [1]},
        {"performance_metric_payload": {"windows": [window(), window(sessions=21)]}},
        {"performance_metric_payload": {"windows": [window(), window(segment={}, currency="EUR")]}},
        {"shopify_event_payload": "text"},
        {"shopify_event_payload": {**ORDER, "total_price": "-5"}},
        {"shopify_event_payload": {**ORDER, "total_price": "NaN"}},
        {"shopify_event_payload": {**ORDER, "currency": "Euro"}},
        {"change_log_entry": {"kind": "magic", "name": "x"}},
        {"change_log_entry": {"kind": "app", "name": ""}},
        {"change_log_entry": {"kind": "app", "name": "x", "at": "tomorrow"}},
        {"incident_verdict": {"incident_id": "x", "status": "fine"}},
        {"sensitivity_h": 0},
        {"crash_p": float("nan")},
        {"min_order_value_alert_threshold": -1},
        {"gross_margin": 40},
    ],
)
def test_bad_input_is_refused_with_a_hint(inputs):
    ctx = MemoryContext(task="ingest")
    with pytest.raises(Invalid) as error:
        run(ctx, inputs)
    assert error.value.hint
    assert not any(ctx.records.rows.values())


def test_another_currency_is_refused_later_as_well():
    ctx = MemoryContext(task="ingest")
    run(ctx, {"performance_metric_payload": {"windows": [window()]}})
    with pytest.raises(Invalid, match="EUR"):
        run(ctx, {"performance_metric_payload": {"windows": [window(currency="EUR")]}})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_and_a_json_file_give_the_same_windows(encoding, separator):
    header = ["start", "device", "browser", "sessions", "checkouts_started", "checkouts_completed", "orders"]
    line = ["2026-11-20T11:00:00Z", "mobile", "safari", "20", "2", "1", "1"]
    text = "\r\n".join(separator.join(cells) for cells in ([*header, "revenue_minor"], [*line, "5000"]))
    from_csv, from_json = MemoryContext(task="ingest"), MemoryContext(task="ingest")
    run(from_csv, {"metrics_file": from_csv.file("a.csv", text.encode(encoding))})
    run(from_json, {"metrics_file": from_json.file("a.json", json.dumps([window()]).encode())})
    metrics = "shop_performance_metrics"
    assert {k: r.data for k, r in from_csv.records.rows[metrics].items()} == {
        k: r.data for k, r in from_json.records.rows[metrics].items()
    }
    with pytest.raises(Invalid, match="sessions"):
        run(from_csv, {"metrics_file": from_csv.file("b.csv", b"start,orders\n")})


def test_money_by_hand():
    # Three windows: 100.00 expected each; 40.00, 120.00 and 10.00 came in.
    rows = {"0": [10000, 4000, 2, 1, 4], "5": [10000, 12000, 2, 2, 4], "10": [10000, 1000, 2, 0, 4]}
    assert lost(rows) == 6000 - 2000 + 9000
    assert at_risk_per_hour(rows) == round(13000 / 3 * 12)
    assert protected(rows, acted=7, recovered=15) == 9000 - 2000
    assert protected(rows, acted=10, recovered=15) == 9000
    assert protected({"0": [10000, -5000, 2, 0, 4]}, acted=0, recovered=5) == 10000
    assert lost_share(rows) == pytest.approx(3 / 12)


def broken_shop(shop_rows) -> MemoryContext:
    """A context in which mobile Safari's checkout broke two hours ago, with a change log of innocents and a culprit."""
    ctx = MemoryContext(task="ingest", at=FIRST + timedelta(days=15))
    began = 15 * 288 - 24
    rows = shop_rows(
        FIRST, 15 * 288, seed=11, traffic=600, left=0.1, fault=(began, 15 * 288), segment=("mobile", "safari")
    )
    at = FIRST + timedelta(minutes=5 * began)
    log = [
        ("theme", "Driftwood 3.3", at - timedelta(hours=30), "Changed the font of headings."),
        ("config", "Return policy", at - timedelta(hours=2), "Return window is now 45 days."),
        ("app", "SocialProofWidget", at - timedelta(minutes=10), "Shows recent purchases on the checkout pages."),
        ("config", "Newsletter", at + timedelta(hours=1), "Moved the form to the footer of the checkout."),
    ]
    for kind, name, when, text in log:
        run(ctx, {"change_log_entry": {"kind": kind, "name": name, "at": when.isoformat(), "text": text}})
    run(ctx, {"performance_metric_payload": {"windows": rows}})
    return ctx


def test_the_planted_culprit_is_ranked_first_and_named_with_evidence(shop_rows):
    ctx = broken_shop(shop_rows)
    ctx.task = None
    [incident] = run(ctx, {})["incident_analysis_report"]["incidents"]
    names = [suspect["name"] for suspect in incident["suspects"]]
    assert names[0] == "SocialProofWidget" and "Newsletter" not in names
    best = incident["suspects"][0]
    product = best["time_decay"] * best["likeness"] * best["prior_culprit_rate"]
    assert best["score"] == pytest.approx(product, abs=1e-4)
    assert "SocialProofWidget" in incident["cause"]["text"]


class Parked(Exception):
    """The run has let its thread go."""


class ParkingContext(MemoryContext):
    """Replays its journal from the top, and parks at the first wait or question that is not answered yet."""

    def begin(self) -> None:
        self.done: dict[str, int] = {}

    def _next(self, name: str) -> str:
        self.done[name] = self.done.get(name, -1) + 1
        return f"{name}[{self.done[name]}]"

    def step(self, name, fn, /, *args, **kwargs):
        key = self._next(name)
        if key not in self.journal:
            self.journal[key] = json.loads(json.dumps(fn(*args, **kwargs)))
        return json.loads(json.dumps(self.journal[key]))

    def wait(self, *, seconds=None, until=None):
        key = self._next("wait")
        if key not in self.journal:
            self.journal[key] = seconds
            self.waits.append(seconds)
            raise Parked

    def approve(self, title, **details):
        key = self._next("approve")
        if key not in self.journal:
            self.asked.append(title)
            self.journal[key] = self.decisions.pop(0)
            raise Parked
        return self.journal[key]


def test_following_an_incident_survives_its_timers_and_books_what_was_protected(shop_rows, monkeypatch):
    ready = broken_shop(shop_rows)
    clock = [ready.at]
    monkeypatch.setattr(watch, "wall_clock", lambda: clock[0])
    done = Decision(approved=True, by="ana")
    ctx = ParkingContext(records=ready.records, at=ready.at, task="watch_incident", decisions=[done, done])
    starts = 0
    while starts < 20:
        starts += 1
        ctx.begin()
        try:
            out = run(ctx, {"watch_minutes": 30})
            break
        except Parked:
            clock[0] += timedelta(minutes=5)
            if ctx.waits and clock[0] < ready.at + timedelta(hours=1):
                clock[0] = ready.at + timedelta(hours=1)
                healed = shop_rows(
                    ready.at, 12, seed=12, traffic=600, left=0.1, fault=(0, 4), segment=("mobile", "safari")
                )
                feeder = MemoryContext(records=ready.records, at=clock[0], task="ingest")
                run(feeder, {"performance_metric_payload": {"windows": healed}})
    [incident] = out["incident_analysis_report"]["incidents"]
    assert ctx.asked[0].startswith("Is this real?") and ctx.asked[1] == "Switch off the app SocialProofWidget"
    assert ctx.waits == [1800] and starts == 4
    assert incident["status"] == "resolved" and incident["culprit"] == incident["suspects"][0]["change"]
    assert [action["outcome"] for action in incident["actions"]] == ["done", "done"]
    assert incident["gmv"]["protected_minor"] > 0
    taken = [payload for type, payload in ctx.events if type.endswith("remediation_action_taken")]
    assert len(taken) == 1 and taken[0]["incident_id"] == incident["id"]
    assert any(name == "gmv_protected" and value > 0 for (name, *_), value in ctx.kpis.items())
    # The next incident of its kind weighs apps heavier than before.
    assert ready.records.get("sentinel_changes", incident["culprit"]).data["blamed"] is True


def test_declining_the_first_question_makes_it_a_false_alarm(shop_rows, monkeypatch):
    ready = broken_shop(shop_rows)
    monkeypatch.setattr(watch, "wall_clock", lambda: ready.at)
    ctx = MemoryContext(records=ready.records, at=ready.at, task="watch_incident")
    [incident] = run(ctx, {})["incident_analysis_report"]["incidents"]
    assert incident["status"] == "false_positive" and len(ctx.asked) == 1
    ctx.task = None
    later = run(ctx, {})
    assert later["alert_to_brief_butler"]["status"] == "nothing_to_report"


def test_unanswered_tasks_call_a_person(shop_rows, monkeypatch):
    ready = broken_shop(shop_rows)
    monkeypatch.setattr(watch, "wall_clock", lambda: ready.at)
    nobody = [Decision(approved=False, timed_out=True) for _ in range(9)]
    ctx = MemoryContext(records=ready.records, at=ready.at, task="watch_incident", decisions=nobody)
    alert = run(ctx, {})["alert_to_brief_butler"]
    assert alert["call_a_person"] is True and alert["severity"] == "critical"
    assert len(ctx.asked) == 4


def test_watching_without_an_incident_says_so():
    out = run(MemoryContext(task="watch_incident"), {})
    assert out["incident_analysis_report"]["status"] == "nothing_to_report"
    with pytest.raises(NotFound):
        run(MemoryContext(task="watch_incident"), {"incident_id": "inc-x"})


def test_product_prices_that_change_enter_the_change_log_once():
    ctx = MemoryContext(task="ingest")
    product = {"id": 7, "title": "Linen shirt", "variants": [{"price": "50.00"}]}
    for price in ("50.00", "50.00", "5.00", "5.00"):
        run(ctx, {"shopify_event_payload": {**product, "variants": [{"price": price}]}})
    [change] = ctx.records.find("sentinel_changes")
    assert change.data["kind"] == "price" and "5.00" in change.data["text"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The rate fell to 0.4 % [E1]. An app came before [E2].", True),
        ("The rate fell to 0.4 %.", False),
        ("The rate fell to 0.4 % [E9].", False),
        ("The rate fell to 0.5 % [E1].", False),
        ("The rate fell [E1]. Fire the developer.", False),
    ],
)
def test_a_models_wording_must_stand_on_the_evidence(text, kept):
    assert (unfaithful(text, "The rate fell to 0.4 % [E1]. An app [E2].", {"E1", "E2"}) is None) is kept
