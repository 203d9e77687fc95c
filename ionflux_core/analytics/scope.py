"""What part of the figures is asked for, as constant SQL with parameters: a workspace, a period, and more if wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Scope:
    """Rows of one workspace from `since` until before `until`; None and () narrow nothing."""

    workspace_id: str
    zone: str
    since: datetime
    until: datetime
    instance_id: str | None = None
    brand_id: str | None = None
    definition_slug: str | None = None
    statuses: tuple[str, ...] = ()

    def before(self) -> Scope:
        """The period of the same number of local days right before this one."""
        zone = ZoneInfo(self.zone)
        first, last = self.since.astimezone(zone), self.until.astimezone(zone)
        # Wall-clock time is moved, so that the day of a clock change is one day.
        earlier = first.replace(tzinfo=None) - (last.replace(tzinfo=None) - first.replace(tzinfo=None))
        return Scope(
            self.workspace_id,
            self.zone,
            earlier.replace(tzinfo=zone).astimezone(UTC),
            self.since,
            self.instance_id,
            self.brand_id,
            self.definition_slug,
            self.statuses,
        )


@dataclass(slots=True)
class Narrowed:
    """A WHERE clause and a local day, both over one time column, with the parameters they need."""

    where: str
    day: str
    parameters: dict[str, Any] = field(default_factory=dict)


def narrowed(scope: Scope, *, time: str, by_status: bool = False, by_day: bool = False) -> Narrowed:
    """Conditions for a table whose time column is `time`; a `day` expression in the zone when `by_day`."""
    parameters: dict[str, Any] = {
        "workspace_id": scope.workspace_id,
        "since": naive_utc(scope.since),
        "until": naive_utc(scope.until),
    }
    conditions = ["workspace_id = $workspace_id", f"{time} >= $since", f"{time} < $until"]
    for name in ("instance_id", "brand_id", "definition_slug"):
        wanted = getattr(scope, name)
        if wanted is not None:
            conditions.append(f"{name} = ${name}")
            parameters[name] = wanted
    if by_status and scope.statuses:
        conditions.append("list_contains($statuses::VARCHAR[], status)")
        parameters["statuses"] = list(scope.statuses)
    day = _local_day(scope, time, parameters) if by_day else ""
    return Narrowed(" AND ".join(conditions), day, parameters)


def _local_day(scope: Scope, time: str, parameters: dict[str, Any]) -> str:
    """The day in the zone: a constant shift between two clock changes is ten times as fast as asking the calendar."""
    shifts = clock_shifts(scope.zone, scope.since, scope.until)
    branches = []
    for number, (until, micros) in enumerate(shifts):
        parameters[f"shift_{number}"] = micros
        if number < len(shifts) - 1:
            parameters[f"change_{number}"] = until
            branches.append(f"WHEN {time} < $change_{number} THEN to_microseconds($shift_{number}::BIGINT)")
        else:
            branches.append(f"ELSE to_microseconds($shift_{number}::BIGINT)")
    shift = f"CASE {' '.join(branches)} END" if len(branches) > 1 else branches[0].removeprefix("ELSE ")
    return f"({time} + {shift})::DATE"


@lru_cache(maxsize=64)
def clock_shifts(zone_name: str, since: datetime, until: datetime) -> tuple[tuple[datetime, int], ...]:
    """The zone's distances from UTC in a period: (until when, as naive UTC; microseconds to add), in order."""
    zone, shifts, begin = ZoneInfo(zone_name), [], since.astimezone(UTC)
    end = until.astimezone(UTC)
    while begin < end:
        following = min(begin + timedelta(days=1), end)
        if _offset(begin, zone) != _offset(following, zone):
            change = _change_between(begin, following, zone)
            shifts.append((naive_utc(change), _offset(begin, zone)))
        begin = following
    return (*shifts, (naive_utc(end), _offset(end, zone)))


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The second at which the clocks change."""
    old = _offset(before, zone)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        before, after = (middle, after) if _offset(middle, zone) == old else (before, middle)
    return after.replace(microsecond=0)


def _offset(moment: datetime, zone: ZoneInfo) -> int:
    return (moment.astimezone(zone).utcoffset() or timedelta()) // timedelta(microseconds=1)


def day_bounds(day: date, zone_name: str) -> tuple[datetime, datetime]:
    """A local day's begin and the next day's begin, in UTC."""
    zone = ZoneInfo(zone_name)
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=zone)
    return begin.astimezone(UTC), end.astimezone(UTC)


def naive_utc(moment: datetime) -> datetime:
    """The moment as the cache keeps it: in UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)
