"""Places for boxes that have none: in rows, each below those it needs, clear of those placed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

EDGE: Final = 16.0
ACROSS: Final = 24.0
DOWN: Final = 48.0

_SWEEPS: Final = 2
_BESIDE: Final = 8
"""Boxes beside each other at most; a longer row goes on below itself, so that the picture stays readable."""


class Box(NamedTuple):
    """A box in pixels, and where it was placed by hand, if it was."""

    width: float
    height: float
    place: tuple[float, float] | None = None


def arranged(boxes: Sequence[Box], needs: Sequence[Sequence[int]]) -> list[tuple[float, float]]:
    """The place of each box; `needs` are the numbers of the boxes each one stands below. Circles do no harm."""
    rows = _rows(len(boxes), needs)
    _sort(rows, needs)
    rows = [row[start : start + _BESIDE] for row in rows for start in range(0, len(row), _BESIDE)]
    found = [box.place or (0.0, 0.0) for box in boxes]
    placed = [at for at, box in enumerate(boxes) if box.place is not None]
    widths = [sum(boxes[at].width + ACROSS for at in row) - ACROSS for row in rows]
    widest = max(widths, default=0.0)
    y = EDGE
    for row, width in zip(rows, widths, strict=True):
        x = EDGE + (widest - width) / 2
        for at in row:
            if boxes[at].place is None:
                x = _clear(x, y, boxes[at], [(boxes[other], found[other]) for other in placed])
                found[at] = (x, y)
            x += boxes[at].width + ACROSS
        y += max(boxes[at].height for at in row) + DOWN
    return found


def _rows(count: int, needs: Sequence[Sequence[int]]) -> list[list[int]]:
    """The boxes by the length of the longest way to them; what waits for itself stands behind all others."""
    waiting: list[list[int]] = [[] for _ in range(count)]
    left = [len(set(each)) for each in needs]
    for at, needed in enumerate(needs):
        for each in set(needed):
            waiting[each].append(at)
    rows = []
    row = [at for at in range(count) if not left[at]]
    seen = set(row)
    while row:
        rows.append(row)
        following = []
        for at in row:
            for each in waiting[at]:
                left[each] -= 1
                if not left[each]:
                    following.append(each)
        row = sorted(following)
        seen.update(row)
    stuck = [at for at in range(count) if at not in seen]
    return [*rows, *([stuck] if stuck else [])]


def _sort(rows: list[list[int]], needs: Sequence[Sequence[int]]) -> None:
    """Put each box near the middle of those it needs, so that few lines cross."""
    place = {at: number - len(row) / 2 for row in rows for number, at in enumerate(row)}
    for _ in range(_SWEEPS):
        for row in rows[1:]:
            row.sort(key=lambda at: sum(place[each] for each in needs[at]) / len(needs[at]) if needs[at] else place[at])
            for number, at in enumerate(row):
                place[at] = number - len(row) / 2


def _clear(x: float, y: float, box: Box, others: list[tuple[Box, tuple[float, float]]]) -> float:
    """The first place from `x` to the right at which a box in a row covers none of those that were placed."""
    beside = [(left, left + other.width) for other, (left, top) in others
              if top < y + box.height and y < top + other.height]  # fmt: skip
    for left, right in sorted(beside):
        if left < x + box.width and x < right:
            x = right + ACROSS
    return x
