"""Own texts as they are given: a list, or a stored JSON, CSV or text file; what cannot be used is listed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ionflux_core.sdk import Context, Invalid

from .texts import clean, words

MOST_AT_ONCE = 5_000
MOST_CHARS = 10_000
FILE_BYTES = 8 * 1024 * 1024
LEAST_WORDS = 5
_TEXT_COLUMNS = ("text", "content", "body", "caption", "message", "texto")
_TIME_COLUMNS = ("at", "date", "created_at", "published_at", "time", "data")


@dataclass(frozen=True, slots=True)
class Given:
    """One own text; `at` is None when nobody said when it was written."""

    text: str
    at: datetime | None
    engagement: float | None
    segment: str

    @property
    def id(self) -> str:
        """The same text has the same id, whatever its blanks and case."""
        return text_id(self.text)


@dataclass(slots=True)
class Material:
    """What came in: usable texts, and for every other one its place and why it cannot be used."""

    texts: list[Given]
    rejected: list[dict[str, str]]


def text_id(text: str) -> str:
    """A short name for a text, made from its words."""
    return hashlib.sha256(" ".join(clean(text).casefold().split()).encode()).hexdigest()[:24]


def read_material(ctx: Context, inputs: Mapping[str, Any]) -> Material:
    """All own texts of the inputs; Invalid when a whole source cannot be read."""
    rows: list[tuple[str, Any]] = []
    if inputs.get("training_texts"):
        rows += _listed(inputs["training_texts"], "training_texts")
    if inputs.get("training_file"):
        value = inputs["training_file"]
        name = str(value.get("name") or "file") if isinstance(value, Mapping) else "file"
        rows += read_file(ctx.read_file(value), name)
    if len(rows) > MOST_AT_ONCE:
        raise Invalid(f"{len(rows):,} texts came at once.", hint=f"At most {MOST_AT_ONCE:,} are read in one run.")
    found = Material([], [])
    zone, now = ZoneInfo(ctx.workspace.settings.timezone), ctx.now()
    for place, row in rows:
        try:
            found.texts.append(_given(row, zone, now))
        except ValueError as problem:
            found.rejected.append({"place": place, "reason": str(problem)})
    return found


def read_file(data: bytes, name: str) -> list[tuple[str, Any]]:
    """The rows of a file with their places; its kind is told by its name, else by its first sign."""
    if len(data) > FILE_BYTES:
        raise Invalid(f"{name} is larger than {FILE_BYTES // 1024 // 1024} MiB.", hint="Give the texts in parts.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    kind = name.lower().rpartition(".")[2]
    if kind == "json" or (kind not in ("csv", "tsv", "txt", "md") and text.lstrip()[:1] in ("[", "{")):
        return _listed(_json(text, name), name)
    if kind in ("csv", "tsv"):
        return _table(text, name)
    parts = text.replace("\r\n", "\n").split("\n\n")
    if len([part for part in parts if part.strip()]) < 2:
        parts = text.splitlines()
    return [(f"{name}, text {n}", part) for n, part in enumerate(parts, 1) if part.strip()]


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid(f"{name} is no JSON.", hint='Write a list such as ["a text", {"text": "another"}].') from None


def _listed(value: Any, name: str) -> list[tuple[str, Any]]:
    if isinstance(value, str):
        value = _json(value, name)
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("texts", "pieces", "items") if isinstance(value.get(key), list)), None)
    if not isinstance(value, list):
        raise Invalid(f"{name} holds no list of texts.", hint='Write a list such as ["a text", {"text": "another"}].')
    return [(f"{name}, text {n}", row) for n, row in enumerate(value, 1)]


def _table(text: str, name: str) -> list[tuple[str, Any]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return list(_rows(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter), name))
    except csv.Error as problem:
        raise Invalid(f"{name} is no CSV: {problem}.", hint="Write a header with at least the column text.") from None


def _rows(reader: csv.DictReader[str], name: str) -> Iterator[tuple[str, Any]]:
    columns = {(column or "").strip().lower(): column for column in reader.fieldnames or []}
    body = next((columns[known] for known in _TEXT_COLUMNS if known in columns), None)
    if body is None:
        raise Invalid(f"{name} has no column text.", hint="The columns are text, at, engagement and segment.")
    when = next((columns[known] for known in _TIME_COLUMNS if known in columns), None)
    for row in reader:
        found = {"text": row[body], "at": row.get(when) if when else None}
        found |= {key: row.get(columns[key]) for key in ("engagement", "segment") if key in columns}
        yield f"{name}, line {reader.line_num}", {key: value or None for key, value in found.items()}


def _given(row: Any, zone: ZoneInfo, now: datetime) -> Given:
    """One row as a text; ValueError says what is wrong with it."""
    if isinstance(row, str):
        row = {"text": row}
    if not isinstance(row, Mapping) or not isinstance(row.get("text"), str):
        raise ValueError("is no text")
    if len(row["text"]) > MOST_CHARS:
        raise ValueError(f"is longer than {MOST_CHARS:,} characters; cut it into parts")
    text = clean(row["text"])
    if len(words(text)) < LEAST_WORDS:
        raise ValueError(f"has fewer than {LEAST_WORDS} words")
    segment = clean(str(row.get("segment") or ""))[:200]
    return Given(text, _time(row.get("at"), zone, now), _amount(row.get("engagement")), segment)


def _time(value: Any, zone: ZoneInfo, now: datetime) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
        moment = moment and (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise ValueError(f"has the time {str(value)[:40]!r}; write it like 2026-11-20 or 2026-11-20T12:00:00Z")
    if moment > now + timedelta(days=1) or moment.year < 1990:
        raise ValueError(f"has the time {str(value)[:40]!r}, which lies in the future or long ago")
    return moment


def _amount(value: Any) -> float | None:
    if value in (None, ""):
        return None
    try:
        amount = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        amount = math.nan
    if not math.isfinite(amount) or amount < 0:
        raise ValueError(f"has the engagement {str(value)[:40]!r}, which is no number from 0")
    return amount
