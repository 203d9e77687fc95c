"""Cron texts: checked, read from plain words, turned into APScheduler's fields, and counted forward.

Standard cron numbers the days of the week from 0 (and 7) = Sunday. APScheduler counts from 0 = Monday and takes
"day of month and day of week" where cron takes "or"; so every field is expanded here and handed over as plain lists
with weekday names, and a text that restricts both kinds of day is refused instead of firing on other days.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from ionflux_core.domain.workspaces import known_time_zone
from ionflux_core.errors import Invalid

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day_of_week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)
_FORM = "minute hour day-of-month month day-of-week, such as 0 9 * * 1-5, or words such as every Monday at 9"
_PART = re.compile(r"(\*|[0-9a-z]+)(?:-([0-9a-z]+))?(?:/([0-9]{1,2}))?")
_TIME = r"(?:\s+at\s+(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?\s*(?P<half>am|pm)?|\s+at\s+(?P<word>noon|midnight))?"
_DAY_WORDS = re.compile(rf"every\s+(?P<days>[a-z]+(?:(?:\s*,\s*|\s+and\s+)[a-z]+)*){_TIME}")
_STEP_WORDS = re.compile(r"every\s+(?:(?P<count>\d{1,2})\s+)?(?P<unit>minute|hour)s?")


def cron_text(text: str) -> str:
    """The five-field cron of a cron text, a macro such as @daily, or plain words; Invalid when it is none of them."""
    words = " ".join(text.lower().split())
    cron = MACROS.get(words) or (_from_words(words) if words.startswith("every ") else words)
    _expand(cron, text)
    return cron


def cron_fields(text: str) -> dict[str, str]:
    """The keyword arguments minute, hour, day, month and day_of_week of APScheduler's CronTrigger."""
    sets = _expand(cron_text(text), text)
    fields = {}
    for name, low, high, _names in _FIELDS:
        values = sorted(sets[name])
        full = 7 if name == "day_of_week" else high - low + 1
        if len(values) == full:
            fields[name] = "*"
        else:
            fields[name] = ",".join(_WEEKDAYS[v] if name == "day_of_week" else str(v) for v in values)
    return fields


def next_times(cron: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """The next `count` times strictly after `after`, in the given time zone.

    A local time that a clock change skips fires at the same instant an hour later on the clock; one that comes twice
    fires once when the hour is restricted. Raises Invalid for a bad cron, one that never fires, or an unknown zone.
    """
    from apscheduler.triggers.cron import CronTrigger

    fields = cron_fields(cron)
    zone = zone_of(timezone)
    trigger = CronTrigger(**fields, second="0", timezone=zone)
    found: list[datetime] = []
    last = after.astimezone(UTC)
    previous: datetime | None = None
    while len(found) < count:
        fired = trigger.get_next_fire_time(previous, previous or last)
        if fired is None:
            raise Invalid(f"The schedule {cron!r} never fires.", hint="Check the day and the month.")
        previous = fired
        instant = fired.astimezone(UTC)
        repeated = fired.fold == 1 and fields["hour"] != "*"
        if instant > last and not repeated:
            found.append(instant.astimezone(zone))
    return found


def zone_of(name: str) -> tzinfo:
    """The time zone of that name; Invalid when there is none."""
    try:
        return ZoneInfo(known_time_zone(name))
    except ValueError as error:
        raise Invalid(f"{name[:60]!r} is not a known time zone.", hint="Write one like Europe/Lisbon.") from error


def _expand(cron: str, written: str) -> dict[str, set[int]]:
    """Each field as the set of its values, Sunday as 0; Invalid when the text is no cron or can never fire."""
    parts = cron.split()
    if len(parts) != len(_FIELDS) or len(cron) > 200:
        raise Invalid(f"{written[:80]!r} is not a schedule.", hint=f"Write {_FORM}.")
    sets: dict[str, set[int]] = {}
    for part, (name, low, high, names) in zip(parts, _FIELDS, strict=True):
        values = {value for piece in part.split(",") for value in _values(piece, name, low, high, names, written)}
        sets[name] = {value % 7 for value in values} if name == "day_of_week" else values
    if not parts[2].startswith("*") and not parts[4].startswith("*"):
        raise Invalid(
            f"{written[:80]!r} restricts both the day of the month and the day of the week.",
            hint="Cron would fire on either day. Write two schedules, one for each.",
        )
    if min(sets["day"]) > max(_DAYS_IN_MONTH[month - 1] for month in sets["month"]):
        raise Invalid(
            f"{written[:80]!r} never fires: no such day in the chosen months.", hint="Check the day and the month."
        )
    return sets


def _values(piece: str, name: str, low: int, high: int, names: dict[str, int], written: str) -> range:
    match = _PART.fullmatch(piece)
    if match is None:
        raise _bad_part(piece, name, low, high, written)
    first, last, step = match.groups()
    every = int(step) if step else 1
    if first == "*":
        if last is not None:
            raise _bad_part(piece, name, low, high, written)
        # */2 on weekdays counts from Sunday = 0 to Saturday = 6; 7 is only another name of Sunday.
        start, end = low, 6 if name == "day_of_week" else high
    else:
        start = _number(first, names)
        end = _number(last, names) if last else (high if step else start)
        if name == "day_of_week" and last and end == 0 and start > 0:
            end = 7
    if every < 1 or not low <= start <= end <= high:
        raise _bad_part(piece, name, low, high, written)
    return range(start, end + 1, every)


def _number(word: str, names: dict[str, int]) -> int:
    return int(word) if word.isdigit() else names.get(word, -1)


def _bad_part(piece: str, name: str, low: int, high: int, written: str) -> Invalid:
    field = name.replace("_", " ")
    return Invalid(
        f"{written[:80]!r} is not a schedule: {piece[:20]!r} does not fit the field {field}.",
        hint=f"That field takes {low} to {high}, *, lists, ranges and steps such as */5.",
    )


def _from_words(words: str) -> str:
    step = _STEP_WORDS.fullmatch(words)
    if step:
        return _every(int(step["count"] or 1), step["unit"], words)
    match = _DAY_WORDS.fullmatch(words)
    if match is None:
        raise Invalid(f"{words[:80]!r} is not understood as a schedule.", hint=f"Write {_FORM}.")
    hour, minute = _time_of_day(match, words)
    if match["days"] == "month":
        return f"{minute} {hour} 1 * *"
    return f"{minute} {hour} * * {_days(match['days'], words)}"


def _every(count: int, unit: str, words: str) -> str:
    limit = 60 if unit == "minute" else 24
    if not 1 <= count <= limit or limit % count:
        raise Invalid(
            f"{words[:80]!r} cannot be kept evenly: {count} does not divide {limit}.",
            hint="Use 5, 10, 15, 20 or 30 minutes, or 1, 2, 3, 4, 6, 8 or 12 hours.",
        )
    if unit == "hour":
        return "0 0 * * *" if count == limit else f"0 {'*' if count == 1 else f'*/{count}'} * * *"
    return "0 * * * *" if count == limit else f"{'*' if count == 1 else f'*/{count}'} * * * *"


def _time_of_day(match: re.Match[str], words: str) -> tuple[int, int]:
    if match["word"]:
        return (12, 0) if match["word"] == "noon" else (0, 0)
    hour, minute = int(match["hour"] or 0), int(match["minute"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            raise Invalid(f"{words[:80]!r} names no time of day.", hint="Write 9 am, 6:30 pm or 18:30.")
        hour = hour % 12 + (12 if match["half"] == "pm" else 0)
    if hour > 23 or minute > 59:
        raise Invalid(f"{words[:80]!r} names no time of day.", hint="Write 9, 9:15 or 18:30.")
    return hour, minute


def _days(text: str, words: str) -> str:
    sets = {"day": "*", "weekday": "1-5", "week": "1", "weekend": "0,6"}
    if text.rstrip("s") in sets:
        return sets[text.rstrip("s")]
    numbers = []
    for word in re.split(r"\s*,\s*|\s+and\s+", text):
        short = word[:3]
        full = {"sun": "sunday", "mon": "monday", "tue": "tuesday", "wed": "wednesday"} | {
            "thu": "thursday",
            "fri": "friday",
            "sat": "saturday",
        }
        if short not in full or word.rstrip("s") not in (short, full[short]):
            raise Invalid(f"{word[:20]!r} in {words[:80]!r} is not a day.", hint=f"Write {_FORM}.")
        numbers.append(_WEEKDAYS.index(short))
    return ",".join(str(number) for number in sorted(set(numbers)))
