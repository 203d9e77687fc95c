"""What a shop owner would see of a fault: when it is noticed, where, and that a quiet shop stays quiet."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionflux_agents.sales_sentinel.agent import run
from ionflux_agents.sales_sentinel.detectors import Cusum, Trial, lower_tail, rate_terms
from ionflux_agents.sales_sentinel.funnels import funnel
from ionflux_agents.sales_sentinel.notice import trials_needed

from tests.fakes import NOON, MemoryContext

FIRST = NOON - timedelta(days=16)
PER_DAY = 288


def feed(ctx: MemoryContext, rows: list[dict], at: datetime) -> dict:
    ctx.at, ctx.task = at, "ingest"
    return run(ctx, {"performance_metric_payload": {"windows": rows}})


def check(ctx: MemoryContext, at: datetime) -> dict:
    ctx.at, ctx.task = at, None
    return run(ctx, {})["incident_analysis_report"]


def events(ctx: MemoryContext, word: str) -> list[dict]:
    return [payload for type, payload in ctx.events if type.endswith(word)]


def test_a_crash_is_noticed_within_four_windows_and_alerted_once(shop_rows):
    ctx = MemoryContext()
    begin = FIRST + timedelta(days=15)
    feed(ctx, shop_rows(FIRST, 15 * PER_DAY, seed=1), begin)
    crashed = shop_rows(begin, 48, seed=2, left=0.125, fault=(24, 48))
    alerts = []
    for number in range(0, 48, 3):
        rows = crashed[number * 3 : (number + 3) * 3]
        out = feed(ctx, rows, begin + timedelta(minutes=5 * (number + 3)))
        alerts += out["alert_to_brief_butler"].get("alerts", [])
    fault_began = begin + timedelta(minutes=5 * 24)
    [found] = events(ctx, "anomaly_detected")
    detected = datetime.fromisoformat(found["detected"])
    assert timedelta(0) < detected - fault_began <= timedelta(minutes=20)
    assert abs(datetime.fromisoformat(found["start"]) - fault_began) <= timedelta(minutes=15)
    assert len(alerts) == 1 and alerts[0]["severity"] == "critical"
    assert len(events(ctx, "alert_generated")) == 1
    report = check(ctx, begin + timedelta(minutes=5 * 48))
    [incident] = report["incidents"]
    assert incident["status"] == "open" and incident["end"] is None
    assert incident["lost_share_of_orders"] > 0.75
    # Around 14:00: 200 x 1.48 sessions x 3.18 % x 50.00 = 470.64 a window, 7/8 of it lost, 12 windows an hour.
    assert incident["gmv"]["at_risk_per_hour_minor"] == pytest.approx(47_064 * 7 / 8 * 12, rel=0.1)


def test_a_clean_fortnight_gives_no_alarm_and_a_check_afterwards_is_cheap(shop_rows):
    ctx = MemoryContext()
    feed(ctx, shop_rows(FIRST, 15 * PER_DAY, seed=3), FIRST + timedelta(days=15))
    assert events(ctx, "anomaly_detected") == []
    began = time.process_time()
    report = check(ctx, FIRST + timedelta(days=15))
    assert time.process_time() - began < 0.5
    assert report["status"] == "nothing_to_report"
    assert report["checked"]["windows"] == 0
    assert report["expected_time_to_notice"]["average"]["crash"]["windows"] <= 4


def test_a_fault_of_one_browser_is_found_in_that_segment(shop_rows):
    ctx = MemoryContext()
    rows = shop_rows(
        FIRST, 15 * PER_DAY, seed=4, left=0.4, fault=(14 * PER_DAY, 15 * PER_DAY), segment=("mobile", "safari")
    )
    feed(ctx, rows, FIRST + timedelta(days=15))
    [incident] = check(ctx, FIRST + timedelta(days=15))["incidents"]
    assert "completion:device=mobile|browser=safari" in {flag["series"] for flag in incident["flags"]}
    flagged = {flag["label"] for flag in incident["flags"] if flag["segment"]}
    assert flagged == {"mobile / safari"}
    cited = {id for sentence in incident["cause"]["sentences"] for id in sentence["evidence"]}
    assert cited <= {fact["id"] for fact in incident["evidence"]}
    assert all(sentence["evidence"] for sentence in incident["cause"]["sentences"])


def test_the_end_of_a_fault_closes_the_incident(shop_rows):
    ctx = MemoryContext()
    end = FIRST + timedelta(days=15)
    feed(ctx, shop_rows(FIRST, 15 * PER_DAY, seed=5, left=0.1, fault=(4200, 4224)), end)
    [incident] = ctx.records.find("sentinel_incidents")
    assert incident.data["status"] == "resolved"
    recovered = FIRST + timedelta(minutes=5 * 4224)
    ended = datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(minutes=incident.data["end"])
    assert abs(ended - recovered) <= timedelta(minutes=15)


def test_sending_windows_again_and_out_of_order_changes_nothing(shop_rows):
    rows = shop_rows(FIRST, 6 * PER_DAY, seed=6, left=0.1, fault=(1600, 1640))
    one, other = MemoryContext(), MemoryContext()
    end = FIRST + timedelta(days=6)
    feed(one, rows, end)
    late = 1615 * 3
    feed(other, rows[:late] + rows[late + 6 :], end)
    feed(other, rows[late : late + 6], end)
    feed(other, rows, end)
    metrics = "shop_performance_metrics"
    assert {k: r.data for k, r in one.records.rows[metrics].items()} == {
        k: r.data for k, r in other.records.rows[metrics].items()
    }
    incidents = [[r.data for r in ctx.records.find("sentinel_incidents")] for ctx in (one, other)]
    assert len(incidents[0]) == len(incidents[1]) == 1
    assert len(events(other, "alert_generated")) == 1
    for key in ("id", "start", "detected", "end", "status", "severity", "rows"):
        assert incidents[0][0][key] == incidents[1][0][key]


def test_visits_that_stop_are_an_incident(shop_rows):
    ctx = MemoryContext()
    rows = shop_rows(FIRST, 5 * PER_DAY, seed=7)
    counts = ("sessions", "checkouts_started", "checkouts_completed", "orders", "revenue_minor")
    for row in rows[-12 * 3 :]:
        row |= dict.fromkeys(counts, 0)
    feed(ctx, rows, FIRST + timedelta(days=5))
    [incident] = check(ctx, FIRST + timedelta(days=5))["incidents"]
    assert incident["kind"] == "traffic_stopped" and incident["severity"] == "critical"
    assert incident["gmv"]["lost_minor"] > 0


def test_too_little_history_is_said_and_nothing_is_guessed(shop_rows):
    ctx = MemoryContext()
    feed(ctx, shop_rows(FIRST, PER_DAY, seed=8, left=0.1, fault=(200, 288)), FIRST + timedelta(days=1))
    report = check(ctx, FIRST + timedelta(days=1))
    assert report["incidents"] == []
    assert "not_computed" in report["expected_time_to_notice"]
    assert "not_computed" in check(MemoryContext(), NOON)["expected_time_to_notice"]


def test_the_funnel_adds_up_its_windows():
    total = funnel([[100, 10, 4, 4, 400, 0, None], [300, 20, 11, 10, 900, 1, 5.0]])
    assert (total["sessions"], total["checkouts_started"], total["orders"]) == (400, 30, 14)
    assert total["completion_rate"] == 0.5 and total["conversion_rate"] == 0.035
    assert funnel([])["conversion_rate"] is None


@given(st.integers(0, 60), st.integers(1, 60), st.floats(0.01, 0.99))
def test_the_binomial_tail_is_the_sum_of_its_terms(k, n, p):
    from math import comb

    expected = sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(min(k, n) + 1))
    assert lower_tail(k, n, p) == pytest.approx(min(1.0, expected), rel=1e-9, abs=1e-12)


def test_cusum_by_hand():
    a, b = rate_terms(0.5, 0.5)
    assert (a, b) == pytest.approx((-1.0986, 0.4055), abs=1e-4)
    state = Cusum()
    events = [state.advance(Trial(m * 5, m * 5 + 5, 0, 4, 0.5), 4 * b, 7.0) for m in range(5)]
    # 4 trials without a success add 1.622 each: 1.62, 3.24, 4.87, 6.49, 8.11.
    assert events == [None, None, None, None, "alarm"]
    assert state.since == 0 and state.k == 0 and state.n == 20
    back = [state.advance(Trial(25 + m * 5, 30 + m * 5, 4, 4, 0.5), 4 * (a + b), 7.0) for m in range(2)]
    # Each window of 4 successes says e^(4 ln 2) = 16 to 1 that the rate is back; 4 is needed.
    assert back == [None, "recovered"] and state.back_since == 25


def test_time_to_notice_agrees_with_the_crash_of_the_scenario():
    needed = trials_needed(0.032, 0.125, 0.5, 7.0)
    assert needed is not None and 400 < needed < 600
    assert trials_needed(0.53, 0.9, 0.5, 7.0) is None
