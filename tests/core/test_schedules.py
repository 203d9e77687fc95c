"""Cron texts: standard weekday numbers, plain words, next times across clock changes, and what never fires."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ionflux_core.domain.schedules import cron_fields, cron_text, next_times
from ionflux_core.errors import Invalid

FRIDAY = datetime(2027, 1, 1, tzinfo=UTC)


def next_days(cron: str, count: int = 7) -> list[str]:
    return [time.strftime("%a") for time in next_times(cron, "UTC", FRIDAY, count)]


@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("0 0 * * 0", ["Sun"]),
        ("0 0 * * 7", ["Sun"]),
        ("0 0 * * 1", ["Mon"]),
        ("0 0 * * sun", ["Sun"]),
        ("0 9 * * 1-5", ["Fri", "Mon", "Tue", "Wed", "Thu"]),
        ("0 0 * * 5-7", ["Sat", "Sun", "Fri"]),
        ("0 0 * * fri-sun", ["Sat", "Sun", "Fri"]),
        ("0 0 * * */2", ["Sat", "Sun", "Tue", "Thu"]),
        ("0 0 * * 0,6", ["Sat", "Sun"]),
    ],
)
def test_weekday_numbers_are_those_of_cron(cron: str, days: list[str]) -> None:
    assert next_days(cron, len(days)) == days


@pytest.mark.parametrize(
    ("words", "cron"),
    [
        ("every Monday at 9", "0 9 * * 1"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every day at 18:30", "30 18 * * *"),
        ("Every  weekday at 7:05 am", "5 7 * * 1-5"),
        ("every monday and friday at 6 pm", "0 18 * * 1,5"),
        ("every Sat, Sun at noon", "0 12 * * 0,6"),
        ("every weekend at 12 am", "0 0 * * 0,6"),
        ("every hour", "0 * * * *"),
        ("every 2 hours", "0 */2 * * *"),
        ("every minute", "* * * * *"),
        ("every month at 8", "0 8 1 * *"),
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        (" 0  5 * * * ", "0 5 * * *"),
    ],
)
def test_words_and_macros_become_cron(words: str, cron: str) -> None:
    assert cron_text(words) == cron


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "*-5 * * * *",
        "1,,2 * * * *",
        "a * * * *",
        "@sometimes",
        "every 7 minutes",
        "every 0 minutes",
        "every blue moon",
        "every monday at 25",
        "every monday at 13 pm",
        "* * * * *; rm",
        "0 0 1 * 1",
        "1" * 5000 + " * * * *",
    ],
)
def test_bad_schedule_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        cron_text(text)
    assert caught.value.hint


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30-31 feb *"])
def test_schedule_that_never_fires_is_refused(cron: str) -> None:
    with pytest.raises(Invalid, match="never fires"):
        next_times(cron, "UTC", FRIDAY, 1)


def test_leap_day_waits_for_its_year() -> None:
    assert next_times("0 0 29 2 *", "UTC", FRIDAY, 2)[1].year == 2032


def test_next_times_are_strictly_later_and_in_the_zone() -> None:
    after = datetime(2027, 1, 4, 12, 0, tzinfo=UTC)
    times = next_times("0 9 * * 1", "America/Sao_Paulo", after, 2)
    assert [time.isoformat() for time in times] == ["2027-01-11T09:00:00-03:00", "2027-01-18T09:00:00-03:00"]


def test_daily_time_fires_once_on_the_days_the_clock_changes() -> None:
    spring = next_times("30 2 * * *", "Europe/Berlin", datetime(2027, 3, 27, 12, tzinfo=UTC), 2)
    assert [time.isoformat() for time in spring] == ["2027-03-28T03:30:00+02:00", "2027-03-29T02:30:00+02:00"]
    autumn = next_times("30 2 * * *", "Europe/Berlin", datetime(2027, 10, 30, 12, tzinfo=UTC), 2)
    assert [time.isoformat() for time in autumn] == ["2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"]


def test_hourly_keeps_every_hour_when_the_clock_goes_back() -> None:
    times = next_times("@hourly", "Europe/Berlin", datetime(2027, 10, 30, 23, 30, tzinfo=UTC), 4)
    assert [time.astimezone(UTC).hour for time in times] == [0, 1, 2, 3]


def test_unknown_zone_is_refused() -> None:
    for zone in ("Mars/Base", "", "../etc/passwd", "x" * 300):
        with pytest.raises(Invalid, match="time zone"):
            next_times("@daily", zone, FRIDAY, 1)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, 9).map(lambda every: f"*/{every}")
    return st.just("*") | number.map(str) | span | step


@given(field(0, 59), field(0, 23), field(1, 12), field(0, 7))
@settings(max_examples=60, deadline=None)
def test_every_next_time_matches_its_own_cron(minute: str, hour: str, month: str, weekday: str) -> None:
    fields = cron_fields(f"{minute} {hour} * {month} {weekday}")
    for time in next_times(f"{minute} {hour} * {month} {weekday}", "UTC", FRIDAY, 3):
        assert fields["minute"] == "*" or str(time.minute) in fields["minute"].split(",")
        assert fields["hour"] == "*" or str(time.hour) in fields["hour"].split(",")
        assert fields["month"] == "*" or str(time.month) in fields["month"].split(",")
        assert fields["day_of_week"] == "*" or time.strftime("%a").lower() in fields["day_of_week"].split(",")
