"""Figures in words: a value with its unit, its change, and lengths of time."""

from __future__ import annotations

from typing import Final

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_PLAIN: Final = ("runs", "count", "calls", "events", "messages", "tokens")


def figure_text(value: float | None, unit: str, *, signed: bool = False) -> str:
    """A value with its unit, like "1,204", "97.5 %", "3 min 05 s" or "+12.50 USD"; a dash for None."""
    if value is None:
        return "–"
    sign = "+" if signed and value > 0 else ""
    if unit == "s":
        return ("-" if value < 0 else sign) + duration(abs(value))
    if unit == "ratio":
        # A small rate, such as orders per visit, needs its second decimal to move at all.
        places = 2 if abs(value) < 0.1 else 1
        return f"{sign}{value * 100:,.{places}f} {'points' if signed else '%'}"
    if unit in _PLAIN:
        return f"{sign}{value:,.0f}" if float(value).is_integer() else f"{sign}{value:,.1f}"
    if unit == "%":
        return f"{sign}{value:,.1f} {'points' if signed else '%'}"
    if unit.islower() and float(value).is_integer():
        return f"{sign}{value:,.0f} {unit}"
    return f"{sign}{value:,.2f} {unit}".rstrip()


def change_text(value: float | None, previous: float | None, unit: str) -> str:
    """How a figure has moved, like "↑ +12"; empty where there is nothing to compare."""
    if value is None or previous is None:
        return ""
    change = value - previous
    if figure_text(value, unit) == figure_text(previous, unit):
        return "unchanged"
    return f"{'↑' if change > 0 else '↓'} {figure_text(change, unit, signed=True)}"


def tone_of(value: float | None, previous: float | None, direction: str) -> str:
    """Whether a move is good, bad or even, by the direction that is good."""
    change = 0.0 if value is None or previous is None else value - previous
    if not change or direction == "none":
        return "even"
    return "good" if (change > 0) == (direction == "up") else "bad"


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units, like "84 ms", "2.4 s", "3 min 05 s" or "2 d 04 h"; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 0:
        return "–" + duration(-seconds)
    if round(seconds, 3) < 1:
        return f"{round(seconds * 1000)} ms"
    if round(seconds, 1) < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(whole // _MINUTE, "min", whole % _MINUTE, "s")
    minutes = round(seconds / _MINUTE)
    if minutes < _DAY // _MINUTE:
        return _two(minutes // 60, "h", minutes % 60, "min")
    hours = round(seconds / _HOUR)
    return _two(hours // 24, "d", hours % 24, "h")


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small:02d} {small_unit}" if small else f"{large} {large_unit}"
