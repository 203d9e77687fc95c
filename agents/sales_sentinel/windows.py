"""Five-minute windows of a shop: read, checked, and kept as one record per UTC hour."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ionflux_core.sdk import Invalid, Records

from .times import HOUR, WINDOW, hour_key, iso, minute_of, moment

METRICS = "shop_performance_metrics"
STATE = "sentinel_state"
OVERALL = ""
COUNTS = ("sessions", "checkouts_started", "checkouts_completed", "orders", "revenue_minor", "errors")
SESSIONS, STARTED, COMPLETED, ORDERS, REVENUE, ERRORS, PAGE = range(7)
MAX_WINDOWS = 400_000
MAX_SEGMENTS = 60
MAX_COUNT = 10**12
SHOWN_FAULTS = 8
OLDEST = timedelta(days=5 * 366)
AHEAD = timedelta(minutes=10)
_CURRENCY = re.compile(r"[A-Z]{3}")
_DIMENSIONS = ("device", "browser", "country", "channel")
Cells = dict[str, list[Any]]


class Window(NamedTuple):
    """One window of one segment; `counts` in the order of COUNTS, page time in ms or None."""

    minute: int
    segment: str
    counts: tuple[int, ...]
    page_ms: float | None
    currency: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What an import changed: windows and hours written, and the span they cover in minutes."""

    windows: int
    hours: int
    first: int
    last: int
    segments: int


def segment_key(parts: Mapping[str, str]) -> str:
    """`device=mobile|browser=safari`: known dimensions first, then the others by name."""
    order = {name: place for place, name in enumerate(_DIMENSIONS)}
    names = sorted(parts, key=lambda name: (order.get(name, len(order)), name))
    return "|".join(f"{name}={parts[name]}" for name in names)


def segment_label(segment: str) -> str:
    """A segment for people: `mobile / safari`, or `whole shop`."""
    return " / ".join(part.partition("=")[2] for part in segment.split("|")) if segment else "whole shop"


class _Checker:
    """Reads rows one by one and keeps every fault with its place."""

    def __init__(self, now: datetime) -> None:
        self.faults: list[str] = []
        self.wrong = 0
        self._latest = minute_of(now + AHEAD)
        self._oldest = minute_of(now - OLDEST)

    def blame(self, path: str, message: str, hint: str = "") -> None:
        self.wrong += 1
        if len(self.faults) < SHOWN_FAULTS:
            self.faults.append(f"{path}: {message} {hint}".strip())

    def window(self, row: Any, path: str) -> Window | None:
        before = self.wrong
        if not isinstance(row, Mapping):
            self.blame(path, "A window must be an object with start, segment and counts.")
            return None
        minute = self._start(row, path)
        segment = self._segment(row.get("segment"), f"{path}.segment")
        counts = self._counts(row, path)
        page = self._page(row.get("page_ms_p75"), f"{path}.page_ms_p75")
        currency = row.get("currency", "USD")
        if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
            self.blame(
                f"{path}.currency", f"{str(currency)[:20]!r} is no currency.", "Write three letters such as USD."
            )
        if self.wrong > before:
            return None
        return Window(minute, segment, counts, page, currency)

    def _start(self, row: Mapping[str, Any], path: str) -> int:
        if row.get("minutes", WINDOW) != WINDOW:
            self.blame(f"{path}.minutes", "Windows must be 5 minutes long.", "Add up shorter ones before sending them.")
        text = row.get("start")
        try:
            start = datetime.fromisoformat(text) if isinstance(text, str) else None
        except ValueError:
            start = None
        if start is None or start.tzinfo is None:
            self.blame(
                f"{path}.start", f"{str(text)[:40]!r} is no time with a zone.", "Write it like 2026-11-20T12:05:00Z."
            )
            return 0
        start = start.astimezone(UTC)
        minute = minute_of(start)
        if start.second or start.microsecond or minute % WINDOW:
            self.blame(f"{path}.start", f"{text} does not begin on a multiple of 5 minutes.")
        elif minute > self._latest:
            self.blame(
                f"{path}.start", f"{text} lies in the future.", "Check the clock or the time zone of the sender."
            )
        elif minute < self._oldest:
            self.blame(f"{path}.start", f"{text} is more than five years old.", "Check the year.")
        return minute

    def _segment(self, parts: Any, path: str) -> str:
        if parts in (None, {}):
            return OVERALL
        if not isinstance(parts, Mapping) or len(parts) > len(_DIMENSIONS):
            self.blame(path, "A segment must name at most four dimensions, such as device and browser.")
            return OVERALL
        clean: dict[str, str] = {}
        for name, value in parts.items():
            if (
                not isinstance(value, str)
                or not value.strip()
                or len(value) > 40
                or re.search(r"[|=]", f"{name}{value}")
            ):
                self.blame(f"{path}.{str(name)[:40]}", "A dimension needs a short text without | or =.")
                continue
            clean[str(name).strip().lower()[:40]] = value.strip().lower()
        return segment_key(clean)

    def _counts(self, row: Mapping[str, Any], path: str) -> tuple[int, ...]:
        counts = []
        for name in COUNTS:
            value = row.get(name, 0 if name in ("errors", "revenue_minor") else None)
            if isinstance(value, bool) or not isinstance(value, int):
                self.blame(f"{path}.{name}", f"{name} must be a whole number, not {str(value)[:20]!r}.")
                value = 0
            elif not 0 <= value <= MAX_COUNT:
                self.blame(f"{path}.{name}", f"{name} is {value}; it must be 0 or more and below {MAX_COUNT}.")
            counts.append(value)
        if counts[COMPLETED] > counts[STARTED]:
            self.blame(
                f"{path}.checkouts_completed",
                f"{counts[COMPLETED]} checkouts were completed but only {counts[STARTED]} started.",
                "Count a checkout in the window in which it started.",
            )
        return tuple(counts)

    def _page(self, value: Any, path: str) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 600_000:
            self.blame(path, "Page time must be between 0 and 600000 ms, or absent.")
            return None
        return float(value)


def read_windows(payload: Any, now: datetime) -> list[Window]:
    """The windows of a payload `{"windows": [...]}`; Invalid naming every fault when one of them is wrong."""
    rows = payload.get("windows") if isinstance(payload, Mapping) else None
    if not isinstance(rows, list):
        raise Invalid(
            "The performance figures hold no list of windows.", hint='Send {"windows": [{"start": ..., ...}]}.'
        )
    if len(rows) > MAX_WINDOWS:
        raise Invalid(f"{len(rows)} windows are too many at once.", hint=f"Send at most {MAX_WINDOWS} in one file.")
    checker = _Checker(now)
    windows = [w for i, row in enumerate(rows) if (w := checker.window(row, f"windows[{i}]")) is not None]
    _refuse_conflicts(windows, checker)
    if checker.wrong:
        more = checker.wrong - len(checker.faults)
        raise Invalid(
            f"{checker.wrong} faults in {len(rows)} windows; nothing was stored.",
            hint=" ".join(checker.faults) + (f" And {more} more." if more > 0 else ""),
        )
    return windows


def _refuse_conflicts(windows: list[Window], checker: _Checker) -> None:
    seen: dict[tuple[int, str], Window] = {}
    for window in windows:
        former = seen.setdefault((window.minute, window.segment), window)
        if former != window:
            where = f"{iso(window.minute)} {segment_label(window.segment)}"
            checker.blame("windows", f"The window {where} is there twice with different figures.")
    currencies = sorted({w.currency for w in windows})
    if len(currencies) > 1:
        checker.blame("windows", f"Windows come in {' and '.join(currencies)}; one shop has one currency.")
    if len({w.segment for w in windows}) > MAX_SEGMENTS:
        checker.blame("windows", f"More than {MAX_SEGMENTS} segments.", "Group rare browsers as 'other'.")


def read_file(raw: bytes, name: str) -> dict[str, Any]:
    """A payload from a JSON or CSV file (UTF-8, UTF-16 or Windows encoding; comma, semicolon or tab)."""
    text = _decode(raw)
    if name.lower().endswith(".json") or text.lstrip()[:1] in ("{", "["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"{name} is not valid JSON: {error}.", hint="Export it again, or send CSV.") from error
        return {"windows": found} if isinstance(found, list) else found
    return {"windows": _csv_rows(text, name)}


def _decode(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _csv_rows(text: str, name: str) -> list[dict[str, Any]]:
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=header.count))
    fields = {field.strip().lower() for field in reader.fieldnames or ()}
    missing = sorted({"start", "sessions", "checkouts_started", "checkouts_completed", "orders"} - fields)
    if missing:
        raise Invalid(
            f"{name} has no column {missing[0]!r}.",
            hint="The first line must name start, device, browser, " + ", ".join(COUNTS) + ".",
        )
    try:
        return [_csv_row({str(k).strip().lower(): (v or "").strip() for k, v in row.items() if k}) for row in reader]
    except (csv.Error, TypeError, AttributeError) as error:
        raise Invalid(
            f"{name} is no readable CSV: {error}.", hint="Export it again with one window per line."
        ) from error


def _csv_row(row: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "start": row["start"],
        "minutes": _number(row.get("minutes") or "5"),
        "segment": {d: row[d] for d in _DIMENSIONS if row.get(d)},
    }
    made |= {field: _number(row[field]) for field in COUNTS if row.get(field)}
    made |= {"page_ms_p75": _number(row["page_ms_p75"])} if row.get("page_ms_p75") else {}
    return made | ({"currency": row["currency"].upper()} if row.get("currency") else {})


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def store_windows(records: Records, windows: list[Window]) -> Stored:
    """Merge windows into their hours; sending the same windows again changes nothing."""
    hours: dict[int, list[Window]] = {}
    for window in windows:
        hours.setdefault(window.minute // HOUR * HOUR, []).append(window)
    first, last = min(hours), max(hours) + HOUR
    _settle(records, windows[0].currency, first=min(w.minute for w in windows), last=max(w.minute for w in windows))
    kept = {minute_of(r.at): r.data for r in records.find(METRICS, since=moment(first), until=moment(last))}
    rows = []
    for hour, new in hours.items():
        cells: dict[str, Cells] = {seg: dict(cell) for seg, cell in kept.get(hour, {}).get("cells", {}).items()}
        for window in new:
            cells.setdefault(window.segment, {})[f"{window.minute % HOUR:02d}"] = [*window.counts, window.page_ms]
        rows.append((hour_key(hour), {"cells": cells}, moment(hour)))
    records.put_many(METRICS, rows)
    return Stored(len(windows), len(rows), first, last, len({w.segment for w in windows}))


def _settle(records: Records, currency: str, *, first: int, last: int) -> None:
    """Note the currency and what must be looked at again, before the windows themselves are written."""
    found = records.get(STATE, "shop")
    shop: dict[str, Any] = (
        dict(found.data) if found else {"currency": currency, "dirty_from": first, "first": first, "last": last}
    )
    if shop["currency"] != currency:
        raise Invalid(
            f"These windows are in {currency}, this shop's earlier ones in {shop['currency']}.",
            hint="Configure a second instance for the other shop.",
        )
    dirty = shop.get("dirty_from")
    shop |= {
        "dirty_from": first if dirty is None else min(dirty, first),
        "first": min(shop["first"], first),
        "last": max(shop["last"], last),
    }
    records.put(STATE, "shop", shop)


def windows_of_hour(hour: int, data: Mapping[str, Any]) -> Iterator[tuple[int, Cells]]:
    """The windows of one stored hour by time: (minute, {segment: [counts..., page_ms]})."""
    by_minute: dict[str, Cells] = {}
    for segment, cell in data["cells"].items():
        for at, values in cell.items():
            by_minute.setdefault(at, {})[segment] = values
    for at in sorted(by_minute):
        yield hour + int(at), by_minute[at]


def overall(cells: Cells) -> list[Any]:
    """The whole shop in one window: its own row when there is one, else the sum of the segments."""
    if OVERALL in cells:
        return cells[OVERALL]
    total: list[Any] = [sum(values[i] for values in cells.values()) for i in range(len(COUNTS))]
    timed = [(values[SESSIONS], values[PAGE]) for values in cells.values() if values[PAGE] is not None]
    weight = sum(sessions for sessions, _ in timed)
    total.append(sum(sessions * page for sessions, page in timed) / weight if weight else None)
    return total
