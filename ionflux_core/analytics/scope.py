"""What part of the figures is asked for, as constant SQL with parameters: a workspace, a period, and more if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

OF_RUN: Final = ("instance_id", "brand_id", "definition_slug", "trigger_kind")


@dataclass(frozen=True, slots=True)
class Scope:
    """Rows of one workspace from `since` until before `until`; None and () narrow nothing.

    `statuses` and `trigger_kind` are those of the run a row belongs to.
    """

    workspace_id: str
    zone: str
    since: datetime
    until: datetime
    instance_id: str | None = None
    brand_id: str | None = None
    definition_slug: str | None = None
    statuses: tuple[str, ...] = ()
    trigger_kind: str | None = None

    def before(self) -> Scope:
        """The period right before this one: as many local days, or as much time where it is no whole days."""
        zone = ZoneInfo(self.zone)
        first = self.since.astimezone(zone).date()
        last = (self.until - timedelta(microseconds=1)).astimezone(zone).date()
        if day_bounds(first, self.zone)[0] != self.since or day_bounds(last, self.zone)[1] != self.until:
            return replace(self, since=self.since - (self.until - self.since), until=self.since)
        # Days are counted, not hours: that of a clock change has more or fewer, and not every day begins at midnight.
        earlier = first - timedelta(days=(last - first).days + 1)
        return replace(self, since=day_bounds(earlier, self.zone)[0], until=self.since)

    @property
    def is_narrowed(self) -> bool:
        """Whether it asks for less than the whole workspace."""
        return bool(self.statuses) or any(getattr(self, name) is not None for name in OF_RUN)


@dataclass(slots=True)
class Narrowed:
    """A WHERE clause and a local day, both over one time column, with the parameters they need."""

    where: str
    day: str
    parameters: dict[str, Any] = field(default_factory=dict)


def narrowed(
    scope: Scope, *, time: str, status: str = "", by_day: bool = False, columns: Sequence[str] = OF_RUN
) -> Narrowed:
    """Conditions for a table whose time column is `time` (empty: of all times); the local `day` of it when `by_day`.

    `status` is the column of the run's status and `columns` are those of the run the table has; what it lacks is asked
    of the runs themselves, by the table's `run_id`.
    """
    parameters: dict[str, Any] = {
        "workspace_id": scope.workspace_id,
        "since": naive_utc(scope.since),
        "until": naive_utc(scope.until),
    }
    conditions = ["workspace_id = $workspace_id"]
    if time:
        conditions += [f"{time} >= $since", f"{time} < $until"]
    own, of_run = list[str](), list[str]()
    for name in OF_RUN:
        wanted = getattr(scope, name)
        if wanted is not None:
            (own if name in columns else of_run).append(f"{name} = ${name}")
            parameters[name] = wanted
    if scope.statuses:
        (own if status else of_run).append(f"list_contains($statuses::VARCHAR[], {status or 'status'})")
        parameters["statuses"] = list(scope.statuses)
    conditions += own
    if of_run:
        asked = " AND ".join(["workspace_id = $workspace_id", *of_run])
        conditions.append(f"run_id IN (SELECT id FROM runs WHERE {asked})")
    day = _local_day(scope, time, parameters) if by_day else ""
    return Narrowed(" AND ".join(conditions), day, parameters)


def _local_day(scope: Scope, time: str, parameters: dict[str, Any]) -> str:
    """The day in the zone: a constant shift between two clock changes is ten times as fast as asking the calendar.

    The shift is added to a number: adding an interval to a time takes twice as long.
    """
    shifts = clock_shifts(scope.zone, scope.since, scope.until)
    branches = []
    for number, (until, micros) in enumerate(shifts):
        parameters[f"shift_{number}"] = micros
        if number < len(shifts) - 1:
            parameters[f"change_{number}"] = until
            branches.append(f"WHEN {time} < $change_{number} THEN $shift_{number}::BIGINT")
        else:
            branches.append(f"ELSE $shift_{number}::BIGINT")
    shift = f"CASE {' '.join(branches)} END" if len(branches) > 1 else branches[0].removeprefix("ELSE ")
    return f"make_timestamp(epoch_us({time}) + {shift})::DATE"


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
