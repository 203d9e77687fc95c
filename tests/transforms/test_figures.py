"""Numbers and times: decimals, what cannot be known, calendars with their clock changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ionflux_core.errors import Invalid
from tests.transforms.surroundings import made


@pytest.mark.parametrize(
    ("expression", "values", "result"),
    [
        ("1 / 2", {}, 0.5),
        ("2 + 2.5 * n", {"n": 2}, 7),
        ("prices[0] + prices[1]", {"prices": [1, 2.5]}, 3.5),
        ("order.total > 100 ? 1 : 0", {"order": {"total": 99}}, 0),
        ("-(a - b)", {"a": 1, "b": 3}, 2),
        ("1e3 * 2", {}, 2000),
    ],
)
def test_expressions_are_decimals(expression: str, values: dict[str, Any], result: float) -> None:
    assert made("math.calc", expression=expression, values=values) == {"value": result}


@pytest.mark.parametrize(
    ("expression", "values", "told"),
    [
        ("1 / 0", {}, "no number"),
        ("1 +", {}, "ends too early"),
        ("a + 1", {}, "a is missing"),
        ("a + 1", {"a": "x"}, "The expression failed"),
        ("'x'", {}, "no number"),
        ("a * a", {"a": 2**60}, "more digits"),
        ("9 ** 9", {}, "cannot be read|does not belong"),
        ("__import__('os')", {}, "cannot be used"),
        ("1" + " + 1" * 400, {}, "500 characters"),
    ],
)
def test_what_is_no_figure_is_told(expression: str, values: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid, match=told) as caught:
        made("math.calc", expression=expression, values=values)
    assert caught.value.problems or "no number" in told


@given(some.lists(some.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_figures_lie_within_the_list(numbers: list[float]) -> None:
    found = made("math.stats", items=numbers)
    assert found["count"] == len(numbers)
    assert found["min"] <= found["median"] <= found["max"]
    assert found["min"] - 1e-6 <= found["mean"] <= found["max"] + 1e-6


def test_nothing_has_no_average() -> None:
    found = made("math.stats", items=[{}, {"n": None}], of="n")
    assert (found["count"], found["sum"], found["missing"]) == (0, 0, 2)
    assert found["mean"] == {"not_computed": "There is no number."}
    with pytest.raises(Invalid, match="'x' is no number"):
        made("math.stats", items=[1, "x"])


@pytest.mark.parametrize(
    "text",
    ["2026-11-20T12:30:00Z", "20 November 2026", "November 20, 2026", "20/11/2026", "1795177800", "1795177800000",
     "Fri, 20 Nov 2026 12:30:00 +0000", "2026-11-20 12:30"],
)  # fmt: skip
def test_times_are_read_in_usual_spellings(text: str) -> None:
    assert made("time.parse", text=text)["date"] == "2026-11-20"


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "99999999999", ""])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(Invalid, match="no time"):
        made("time.parse", text=text)


def test_a_day_later_is_the_same_hour_where_the_clocks_change() -> None:
    before = "2026-03-28T12:00:00+00:00"
    a_day = made("time.shift", time=before, days=1, timezone="Europe/Lisbon")
    assert a_day["clock"] == "12:00"
    assert a_day["utc"] == "2026-03-29T11:00:00+00:00"
    assert made("time.shift", time=before, hours=24, timezone="Europe/Lisbon")["clock"] == "13:00"


@pytest.mark.parametrize(
    ("start_of", "time"),
    [("day", "2026-11-20"), ("week", "2026-11-16"), ("month", "2026-11-01"), ("year", "2026-01-01")],
)
def test_starts_are_found(start_of: str, time: str) -> None:
    found = made("time.shift", time="2026-11-20T12:30:00+00:00", start_of=start_of)
    assert found["time"] == f"{time}T00:00:00+00:00"


@pytest.mark.parametrize(
    ("name", "inputs", "told"),
    [
        ("time.shift", {"time": "2026-01-01T00:00:00Z", "months": 4_000_000}, "beyond the calendar"),
        ("time.shift", {"time": "2026-01-01T00:00:00Z", "days": -4_000_000}, "beyond the calendar"),
        ("time.parse", {"text": "0001-01-01", "timezone": "Asia/Tokyo"}, "beyond the calendar"),
        ("time.now", {"timezone": "../../etc/passwd"}, "no time zone"),
        ("time.format", {"time": "2026-01-01T00:00:00Z", "format": "%999999999d"}, "%9 means nothing"),
        ("time.format", {"time": "tomorrow"}, "no time"),
        ("time.format", {"time": "2026-01-01T00:00:00Z", "format": "100%"}, "means nothing"),
    ],
)
def test_times_beyond_reason_are_told(name: str, inputs: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        made(name, **inputs)
