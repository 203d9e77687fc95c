"""The stored windows of a run's span: read once from the hour records, handed out by time or by local day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ionflux_core.sdk import Record, Records

from .times import HOUR, SLOTS, day_start, minute_of, moment, place
from .windows import COUNTS, METRICS, OVERALL, PAGE, SESSIONS, Cells, overall, windows_of_hour

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Day = dict[str, NDArray[np.float64]]

PAGE_WEIGHT, PAGE_SUM, PRESENT = 6, 7, 8
COLUMNS = len(COUNTS) + 3


class History:
    """Windows of one instance. `zone` decides which local day and slot a window belongs to."""

    def __init__(self, records: Records, zone: str) -> None:
        self.zone = zone
        self._records = records
        self._hours: dict[int, list[tuple[int, Cells]]] = {}
        self._span: tuple[int, int] | None = None
        self._days: dict[int, Day] = {}

    def windows(self, first: int, last: int) -> Iterator[tuple[int, Cells]]:
        """The windows that start in [first, last), by time, with the whole shop under the key ''."""
        self._load(first, last)
        for hour in range(first // HOUR * HOUR, last, HOUR):
            for minute, cells in self._hours.get(hour, ()):
                if first <= minute < last:
                    yield minute, cells

    def days(self, first: int, stop: int) -> dict[int, Day]:
        """Arrays of shape (288 slots, 9 columns) by local day in [first, stop) and segment; empty days are left out.

        Columns: the six counts, page weight, page sum, windows present.
        """
        missing = [day for day in range(first, stop) if day not in self._days]
        if missing:
            self._read_days(min(missing), max(missing) + 1)
        return {day: grids for day in range(first, stop) if (grids := self._days[day])}

    def _read_days(self, first: int, stop: int) -> None:
        import numpy as np

        rows: dict[int, dict[str, list[tuple[int, list[float]]]]] = {day: {} for day in range(first, stop)}
        for minute, cells in self.windows(day_start(first, self.zone), day_start(stop, self.zone)):
            day, slot = place(minute, self.zone)
            for segment, values in cells.items():
                rows[day].setdefault(segment, []).append((slot, _columns(values)))
        for day, segments in rows.items():
            self._days[day] = {}
            for segment, found in segments.items():
                grid = self._days[day][segment] = np.zeros((SLOTS, COLUMNS))
                # A clock set back gives two windows for one slot: both count.
                np.add.at(grid, [slot for slot, _ in found], np.array([columns for _, columns in found]))
            for grid in self._days[day].values():
                # Exports leave out segments without a visit: the window was there all the same.
                grid[:, PRESENT] = self._days[day][OVERALL][:, PRESENT]

    def _load(self, first: int, last: int) -> None:
        """Widen the span that is in memory; it stays in one piece."""
        low, high = first // HOUR * HOUR, -(-last // HOUR) * HOUR
        if self._span is None:
            gaps, self._span = [(low, high)], (low, high)
        else:
            start, end = self._span
            gaps = [(low, start), (end, high)]
            self._span = (min(low, start), max(high, end))
        for since, until in gaps:
            if since < until:
                found = self._records.find(METRICS, since=moment(since), until=moment(until))
                self._hours.update((minute_of(record.at), _read_hour(record)) for record in found)


def _read_hour(record: Record) -> list[tuple[int, Cells]]:
    windows = windows_of_hour(minute_of(record.at), record.data)
    return [(minute, {**cells, OVERALL: overall(cells)}) for minute, cells in windows]


def _columns(values: list[Any]) -> list[float]:
    page = values[PAGE]
    weight = float(values[SESSIONS]) if page is not None else 0.0
    return [*values[: len(COUNTS)], weight, weight * page if page is not None else 0.0, 1.0]
