"""Times in words: what a person reads beside a run, and what the exact time says on hover."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core import ids
from ionflux_ui.moments import ago, duration, exact

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ZONE = "America/Sao_Paulo"


@pytest.fixture(autouse=True)
def _noon() -> None:
    ids.set_clock(lambda: NOW)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (59 * 60 + 59, "59 min ago"),
        (3600, "1 hour ago"),
        (2 * 3600 + 1, "2 hours ago"),
        (86400, "1 day ago"),
        (6 * 86400, "6 days ago"),
        (8 * 86400, "2 Mar"),
        (400 * 86400, "3 Feb 2025"),
        (-1, "in a moment"),
        (-60, "in 1 min"),
        (-7199, "in 2 hours"),
        (-86400 + 1, "in 1 day"),
        (-8 * 86400, "18 Mar"),
    ],
)
def test_a_time_is_told_relative_to_now(seconds: int, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), ZONE) == words


def test_a_date_is_the_day_in_the_workspace_zone() -> None:
    late = datetime(2026, 2, 1, 1, 30, tzinfo=UTC)
    assert ago(late, "UTC") == "1 Feb"
    assert ago(late, ZONE) == "31 Jan"
    assert exact(late, ZONE) == "Sat 31 Jan 2026, 22:30:00 -03"


def test_a_time_without_zone_counts_as_utc() -> None:
    assert ago(datetime(2026, 3, 10, 11, 0), ZONE) == "1 hour ago"
    assert exact(datetime(2026, 7, 1, 11, 0), "Europe/Lisbon") == "Wed 1 Jul 2026, 12:00:00 WEST"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.0844, "84 ms"),
        (0.9999, "1.0 s"),
        (2.44, "2.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (185, "3 min 05 s"),
        (3599.7, "1 h"),
        (4800, "1 h 20 min"),
        (86399, "1 d"),
        (2 * 86400 + 4 * 3600, "2 d 04 h"),
        (-5, "–5.0 s"),
    ],
)
def test_a_duration_names_its_two_largest_units(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@given(st.floats(min_value=0, max_value=1e9))
def test_no_duration_shows_sixty_of_a_smaller_unit(seconds: float) -> None:
    words = duration(seconds)
    assert "60 s" not in words and "60 min" not in words and "1000 ms" not in words and "24 h" not in words
