"""Times: the run's own, read from text, written for people, moved. In between they are ISO texts with an offset."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Final, Literal, TypedDict, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field

from ionflux_core.domain.workspaces import known_time_zone
from ionflux_core.errors import Invalid
from ionflux_core.sdk import Context
from ionflux_core.transforms.base import Example, transform, unfit

_LETTERS: Final = "YmdHMSyjBbAaIpzZGVu%"
_CODE = re.compile(r"%(.?)", re.DOTALL)
_HINT: Final = "Write it like 2026-11-20T12:00:00+00:00, or name its format."
_FORMATS: Final = ("%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d/%m/%Y", "%d %B %Y", "%B %d, %Y", "%d %b %Y",
                   "%a, %d %b %Y %H:%M:%S %z")  # fmt: skip
T = TypeVar("T")
Zone = Annotated[str, Field(min_length=1, max_length=64)]
Amount = Annotated[int, Field(ge=-4_000_000, le=4_000_000)]


class Moment(TypedDict):
    """A time and its parts, as the clock shows them in the time zone."""

    time: Annotated[str, "ISO 8601 with the zone's offset."]
    utc: Annotated[str, "The same moment in UTC."]
    date: Annotated[str, "The day, such as 2026-11-20."]
    clock: Annotated[str, "Hours and minutes, such as 17:05."]
    weekday: Annotated[str, "Monday to Sunday."]
    timestamp: Annotated[int, "Seconds since 1970."]


_MOMENT = {
    "time": "2026-11-20T09:30:00-03:00", "utc": "2026-11-20T12:30:00+00:00", "date": "2026-11-20", "clock": "09:30",
    "weekday": "Friday", "timestamp": 1795177800,
}  # fmt: skip


@transform(
    "time.now",
    title="The time of the run",
    alone=True,
    examples=[Example("In São Paulo", {"timezone": "America/Sao_Paulo"}, _MOMENT)],
)
def now(ctx: Context, timezone: Annotated[Zone, "A time zone such as Europe/Lisbon."] = "UTC") -> Moment:
    """Give the time at which the run began; a retry and a replay see the same."""
    return _moment(ctx.now().astimezone(_zone(timezone)))


@transform(
    "time.parse",
    title="Read a time",
    examples=[
        Example("Without an offset", {"text": "20.11.2026 09:30", "timezone": "America/Sao_Paulo"}, _MOMENT),
        Example("A format of its own", {"text": "2026/20/11 0930", "format": "%Y/%d/%m %H%M",
                                        "timezone": "America/Sao_Paulo"}, _MOMENT),
    ],
)  # fmt: skip
def parse(
    text: Annotated[str, "A time: ISO 8601, seconds since 1970, or a usual way to write one.", Field(max_length=100)],
    format: Annotated[str, "How it is written, such as %d.%m.%Y %H:%M.", Field(max_length=100)] = "",
    timezone: Annotated[Zone, "The zone of a time without an offset, and of what comes out."] = "UTC",
) -> Moment:
    """Read a time. Of 3/4/2026 the first is the day; name the format where it is not."""
    zone = _zone(timezone)
    found = _by_format(text.strip(), _checked(format)) if format else _guessed(text.strip())
    if found is None:
        raise unfit("text", f"{text[:60]!r} is no time that can be read.", _HINT)
    return _within(lambda: _moment((found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(zone)))


class Written(TypedDict):
    """A time as text."""

    text: Annotated[str, "The text."]


@transform(
    "time.format",
    title="Write a time",
    examples=[Example("For people", {"time": "2026-11-20T12:30:00+00:00", "format": "%A, %d.%m.%Y at %H:%M",
                                     "timezone": "America/Sao_Paulo"}, {"text": "Friday, 20.11.2026 at 09:30"})],
)  # fmt: skip
def format_time(
    time: Annotated[str, "A time in ISO 8601.", Field(max_length=100)],
    format: Annotated[
        str, "%Y %m %d %H %M %S, %A %B for names, %j %V for the day and week of the year.", Field(max_length=200)
    ] = "%Y-%m-%d %H:%M",
    timezone: Annotated[Zone, "Where."] = "UTC",
) -> Written:
    """Write a time for people; names are English."""
    zone = _zone(timezone)
    moment = _within(lambda: _read(time).astimezone(zone))
    return {"text": _CODE.sub(lambda match: _written(moment, match[1]), _checked(format))}


@transform(
    "time.shift",
    title="Move a time",
    examples=[
        Example("A month on, at the end of January", {"time": "2026-01-31T09:00:00+00:00", "months": 1},
                {"time": "2026-02-28T09:00:00+00:00", "utc": "2026-02-28T09:00:00+00:00", "date": "2026-02-28",
                 "clock": "09:00", "weekday": "Saturday", "timestamp": 1772269200}),
        Example("The start of the day before", {"time": "2026-11-21T12:30:00+00:00", "days": -1, "start_of": "day",
                                                "hours": 9, "minutes": 30, "timezone": "America/Sao_Paulo"}, _MOMENT),
    ],
)  # fmt: skip
def shift(
    time: Annotated[str, "A time in ISO 8601.", Field(max_length=100)],
    months: Annotated[Amount, "Months on; the day stays, or is the last of a shorter month."] = 0,
    days: Annotated[Amount, "Days on, by the calendar: the hour stays where the clocks change."] = 0,
    hours: Annotated[Amount, "Hours on, by the clock."] = 0,
    minutes: Annotated[Amount, "Minutes on."] = 0,
    start_of: Annotated[
        Literal["", "day", "week", "month", "year"], "Go back to the start of it before hours are added."
    ] = "",
    timezone: Annotated[Zone, "By whose calendar."] = "UTC",
) -> Moment:
    """Move a time, first by the calendar, then by the clock. Minus goes back."""
    zone = _zone(timezone)

    def moved() -> Moment:
        wall = _read(time).astimezone(zone).replace(tzinfo=None)
        wall = _start(_months_on(wall, months) + timedelta(days=days), start_of)
        moment = wall.replace(tzinfo=zone).astimezone(UTC) + timedelta(hours=hours, minutes=minutes)
        return _moment(moment.astimezone(zone))

    return _within(moved)


def _moment(moment: datetime) -> Moment:
    moment = moment.replace(microsecond=0)
    return {
        "time": moment.isoformat(),
        "utc": moment.astimezone(UTC).isoformat(),
        "date": moment.date().isoformat(),
        "clock": moment.strftime("%H:%M"),
        "weekday": calendar.day_name[moment.weekday()],
        "timestamp": int(moment.timestamp()),
    }


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(known_time_zone(name))
    except ValueError as error:
        raise unfit("timezone", f"{name[:60]!r} is no time zone.", "Write one such as Europe/Lisbon.") from error


def _read(text: str) -> datetime:
    """A time in ISO; one without an offset is in UTC."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise unfit("time", f"{text[:60]!r} is no time.", "Read it with time.parse before.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _guessed(text: str) -> datetime | None:
    if re.fullmatch(r"[0-9]{9,10}(?:\.[0-9]+)?", text):
        return datetime.fromtimestamp(float(text), UTC)
    if re.fullmatch(r"[0-9]{12,13}", text):
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return next((found for form in _FORMATS if (found := _by_format(text, form)) is not None), None)


def _by_format(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None


def _checked(form: str) -> str:
    wrong = next((letter for letter in _CODE.findall(form) if not letter or letter not in _LETTERS), None)
    if wrong is not None:
        raise unfit(
            "format", f"%{wrong} means nothing here.", f"There are: {' '.join(f'%{each}' for each in _LETTERS)}."
        )
    return form


def _written(moment: datetime, letter: str) -> str:
    return f"{moment.year:04d}" if letter == "Y" else moment.strftime(f"%{letter}")


def _months_on(wall: datetime, months: int) -> datetime:
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    if not datetime.min.year <= year <= datetime.max.year:
        raise OverflowError
    return wall.replace(year=year, month=month + 1, day=min(wall.day, calendar.monthrange(year, month + 1)[1]))


def _start(wall: datetime, of: str) -> datetime:
    if not of:
        return wall
    day = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    if of == "week":
        return day - timedelta(days=day.weekday())
    if of == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if of == "year" else day


def _within(make: Callable[[], T]) -> T:
    """What is made, or Invalid when the time lies beyond the calendar."""
    try:
        return make()
    except OverflowError as error:
        raise Invalid("The time lies beyond the calendar, which has the years 1 to 9999.", hint="Move it less.") \
            from error  # fmt: skip
