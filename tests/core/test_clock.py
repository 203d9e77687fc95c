"""The clock: each slot fires once, whoever keeps it; what was missed follows the schedule's own policy."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from ionflux_core import ids
from ionflux_core.application import Application
from ionflux_core.domain.schedules import next_times
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import Unavailable
from ionflux_core.storage.tables import triggers
from ionflux_core.triggers.schedule import ScheduleTriggers, missed_slots
from tests.agents_for_tests.world import Clock, World, small_world, wait_for, world

__all__ = ["small_world", "world"]

NEW_YORK = "America/New_York"


class Alarms:
    """Stands in for APScheduler: keeps one alarm per id and rings those whose time has come."""

    def __init__(self) -> None:
        self.set: dict[str, tuple[datetime, Any, list[Any]]] = {}

    def add_job(
        self, ring: Any, kind: str, *, run_date: datetime, args: list[Any], id: str, replace_existing: bool
    ) -> None:
        assert kind == "date" and replace_existing
        self.set[id] = (run_date.astimezone(UTC), ring, args)

    def get_job(self, id: str) -> bool:
        return id in self.set

    def remove_job(self, id: str) -> None:
        del self.set[id]

    def shutdown(self, wait: bool) -> None:
        self.set.clear()

    def ring(self, at: datetime) -> None:
        """Ring what is due at this time, the earliest first."""
        while due := sorted((when, id) for id, (when, _, _) in self.set.items() if when <= at):
            _, ring, args = self.set.pop(due[0][1])
            ring(*args)


class Keeper:
    """A process that may keep the clock, on simulated time."""

    def __init__(self, app: Application, owner: str) -> None:
        self.alarms = Alarms()
        self.clock = ScheduleTriggers(app.triggers, owner)
        self.clock._clock = self.alarms  # type: ignore[assignment]

    def pass_by(self) -> None:
        """What one moment brings: the tick, then whatever is due."""
        self.clock._tick()
        self.alarms.ring(ids.now())


def _schedule(cron: str, *, missed: str = "last", zone: str | None = None, key: str = "daily") -> str:
    more = f", timezone: {zone}" if zone else ""
    return (
        f"  - {{key: {key}, type: schedule, config: {{cron: '{cron}', missed: {missed}{more}}}, "
        "is_user_overridable: true}\n"
    )


def _trigger(world: World, instance_id: str, key: str = "daily") -> Trigger:
    (found,) = [t for t in world.app.triggers.of_instance(world.workspace, instance_id) if t.key == key]
    return found


def _scheduled(world: World, cron: str, **options: Any) -> Trigger:
    world.agent("probe", lambda ctx, inputs: {"result": 1}, triggers=_schedule(cron, **options))
    return _trigger(world, world.instance("probe").id)


def _slots(world: World) -> list[datetime]:
    runs = [world.get(run.id) for run in reversed(world.app.runs.find(world.workspace, limit=200).runs)]
    return [run.trigger.slot for run in runs if run.trigger.slot is not None]


def test_weekdays_are_those_of_standard_cron(small_world: World) -> None:
    world, clock = small_world, Clock(datetime(2026, 3, 2, 0, 0, tzinfo=UTC))
    trigger = _scheduled(world, "0 9 * * 0", zone="UTC")
    keeper = Keeper(world.app, "a")
    for _ in range(14 * 24):
        keeper.pass_by()
        clock.forward(hours=1)
    assert [slot.strftime("%A %d %H:%M") for slot in _slots(world)] == ["Sunday 08 09:00", "Sunday 15 09:00"]
    firings = world.app.triggers.firings(world.workspace, trigger.id)
    assert [firing.outcome for firing in firings] == ["started", "started"]


@pytest.mark.parametrize(
    "start", [datetime(2026, 3, 6, 5, tzinfo=UTC), datetime(2026, 10, 30, 4, tzinfo=UTC)], ids=["spring", "autumn"]
)
@pytest.mark.parametrize("cron", ["30 1 * * *", "30 2 * * *", "0 12 * * *"])
def test_a_daily_schedule_fires_once_a_local_day_when_clocks_change(
    small_world: World, start: datetime, cron: str
) -> None:
    world, clock = small_world, Clock(start)
    _scheduled(world, cron, zone=NEW_YORK)
    keeper = Keeper(world.app, "a")
    for _ in range(5 * 24):
        keeper.pass_by()
        clock.forward(hours=1)
    days = Counter(slot.astimezone(ZoneInfo(NEW_YORK)).date() for slot in _slots(world))
    assert len(days) == 5 and set(days.values()) == {1}


@pytest.mark.parametrize("missed", ["skip", "last", "all"])
def test_what_passed_while_nobody_kept_the_clock_follows_the_policy(world: World, missed: str) -> None:
    clock = Clock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
    trigger = _scheduled(world, "0 * * * *", missed=missed, zone="UTC")
    before = Keeper(world.app, "before")
    before.pass_by()
    assert _trigger(world, trigger.instance_id).next_due == datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
    before.clock.stop()
    clock.forward(hours=5, minutes=30)
    late = world.app.triggers.overdue(world.workspace)
    assert [t.id for t in late] == [trigger.id]
    after = Keeper(world.app, "after")
    after.pass_by()
    hours = [slot.hour for slot in _slots(world)]
    assert hours == {"skip": [], "last": [17], "all": [13, 14, 15, 16, 17]}[missed]
    assert world.app.triggers.overdue(world.workspace) == []
    outcomes = [firing.outcome for firing in world.app.triggers.firings(world.workspace, trigger.id)]
    assert outcomes.count("skipped") == (missed != "all")
    clock.forward(minutes=31)
    after.pass_by()
    assert [slot.hour for slot in _slots(world)][-1] == 18


@pytest.mark.parametrize(("missed", "expected"), [("skip", []), ("last", [3]), ("all", [23, 0, 1, 2, 3])])
def test_a_machine_that_slept_keeps_its_schedules(small_world: World, missed: str, expected: list[int]) -> None:
    world, clock = small_world, Clock(datetime(2026, 3, 2, 22, 30, tzinfo=UTC))
    _scheduled(world, "0 * * * *", missed=missed, zone="UTC")
    keeper = Keeper(world.app, "a")
    keeper.pass_by()
    clock.forward(hours=5)
    keeper.pass_by()
    assert [slot.hour for slot in _slots(world)] == expected
    clock.forward(minutes=31)
    keeper.pass_by()
    assert [slot.hour for slot in _slots(world)] == [*expected, 4]


def test_the_real_alarms_ring_late_rather_than_never(small_world: World) -> None:
    world = small_world
    trigger = _scheduled(world, "0 * * * *", zone="UTC")
    keeping = ScheduleTriggers(world.app.triggers, "a")
    keeping.start()
    try:
        wait_for(lambda: trigger.id in keeping._loaded)
        slot = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
        world.app.triggers.set_next_due(trigger.id, slot)
        keeping._ring(trigger.id, slot, slot)
        wait_for(lambda: world.rows("runs"))
        wait_for(lambda: (_trigger(world, trigger.instance_id).next_due or slot) > datetime.now(UTC))
    finally:
        keeping.stop()


def test_two_processes_with_one_lease_fire_each_of_a_thousand_slots_once(small_world: World) -> None:
    world, clock, dice = small_world, Clock(), random.Random(7)
    _scheduled(world, "* * * * *", zone="UTC", missed="all")
    second = world.application(workers=0)
    keepers = [Keeper(world.app, "first"), Keeper(second, "second")]
    began, kept = clock.at, [0, 0]
    while clock.at < began + timedelta(minutes=1000):
        if dice.random() < 0.1:
            # One of them is lost without a word, and a new one takes its place.
            lost = dice.randrange(2)
            keepers[lost] = Keeper((world.app, second)[lost], f"{dice.random()}")
        for keeper in dice.sample(keepers, 2):
            keeper.pass_by()
        kept = [kept[n] + keepers[n].clock.keeping for n in range(2)]
        clock.forward(seconds=dice.choice([10, 60, 300, 600, 1200]))
    for keeper in keepers:
        keeper.pass_by()
    slots = sorted(datetime.fromisoformat(row.trigger["slot"]) for row in world.rows("runs"))
    assert len(slots) >= 1000 and slots == next_times("* * * * *", "UTC", began, len(slots))
    assert clock.at - slots[-1] < timedelta(minutes=1) and min(kept) > 0


def test_an_instance_that_is_stopped_does_not_fire_and_is_not_overdue(world: World) -> None:
    clock = Clock(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    trigger = _scheduled(world, "0 * * * *", zone="UTC")
    keeper = Keeper(world.app, "a")
    keeper.pass_by()
    world.app.agents.set_status(world.workspace, trigger.instance_id, "error_requires_review")
    clock.forward(hours=3)
    keeper.pass_by()
    assert _slots(world) == [] and world.app.triggers.overdue(world.workspace) == []
    assert world.app.triggers.fire(trigger.id, clock.at) is None
    world.app.agents.set_status(world.workspace, trigger.instance_id, "active")
    keeper.pass_by()
    clock.forward(minutes=31)
    keeper.pass_by()
    assert [slot.hour for slot in _slots(world)] == [16]


def test_saving_an_instance_keeps_when_it_is_due(small_world: World) -> None:
    world, clock = small_world, Clock(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    trigger = _scheduled(world, "0 * * * *", zone="UTC")
    keeper = Keeper(world.app, "a")
    keeper.pass_by()
    instance = world.app.agents.get(world.workspace, trigger.instance_id)
    clock.forward(seconds=1)
    world.app.agents.save(world.workspace, instance.id, instance.yaml + "\n# a word\n")
    assert _trigger(world, instance.id).next_due == datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
    keeper.pass_by()
    assert _trigger(world, instance.id).next_due == datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
    clock.forward(seconds=1)
    other = "triggers:\n  - key: daily\n    config: {cron: '15 * * * *', timezone: UTC}\n"
    world.app.agents.save(world.workspace, instance.id, other)
    keeper.pass_by()
    assert _trigger(world, instance.id).next_due == datetime(2026, 3, 2, 13, 15, tzinfo=UTC)


def test_a_new_time_zone_of_the_workspace_moves_its_schedules(small_world: World) -> None:
    world, clock = small_world, Clock(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    trigger = _scheduled(world, "0 9 * * *")
    world.app.workspaces.save_settings(world.workspace, {"timezone": "UTC"})
    keeper = Keeper(world.app, "a")
    keeper.pass_by()
    assert _trigger(world, trigger.instance_id).next_due == datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
    clock.forward(seconds=5)
    world.app.workspaces.save_settings(world.workspace, {"timezone": "Asia/Tokyo"})
    keeper.pass_by()
    assert _trigger(world, trigger.instance_id).next_due == datetime(2026, 3, 3, 0, 0, tzinfo=UTC)


def test_a_slot_that_meets_a_busy_database_is_tried_again(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world, clock = small_world, Clock(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    _scheduled(world, "0 * * * *", zone="UTC")
    keeper = Keeper(world.app, "a")
    keeper.pass_by()
    clock.forward(minutes=31)

    def busy(*_: Any, **__: Any) -> Any:
        raise Unavailable("The database is busy.", hint="Try again.")

    with monkeypatch.context() as patch:
        patch.setattr(world.app.triggers, "schedules", busy)
        keeper.alarms.ring(clock.at)
    assert _slots(world) == []
    clock.forward(seconds=20)
    keeper.alarms.ring(clock.at)
    assert [slot.hour for slot in _slots(world)] == [13]


def test_the_lease_changes_hands_when_its_keeper_is_gone(world: World) -> None:
    clock = Clock()
    second = world.application(workers=0)
    one, two = Keeper(world.app, "one"), Keeper(second, "two")
    for keeper in (one, two):
        keeper.pass_by()
    assert (one.clock.keeping, two.clock.keeping) == (True, False)
    one.clock.stop()
    two.pass_by()
    assert two.clock.keeping
    clock.forward(seconds=60)
    third = Keeper(world.app, "three")
    third.pass_by()
    two.pass_by()
    assert (third.clock.keeping, two.clock.keeping) == (True, False)


def test_missed_slots_are_counted_up_to_a_hundred(small_world: World) -> None:
    trigger = _scheduled(small_world, "* * * * *", zone="UTC")
    at = datetime(2026, 3, 9, 12, 0, 30, tzinfo=UTC)
    due = trigger.model_copy(update={"next_due": at - timedelta(days=7)})
    slots = missed_slots(due, "UTC", at)
    assert len(slots) == 100 and slots[-1] == at.replace(second=0)
    assert missed_slots(trigger, "UTC", at) == []


def test_a_started_application_fires_its_schedules(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": 1}, triggers=_schedule("0 0 1 1 *", zone="UTC"))
    app = world.started(scheduler=True)
    trigger = _trigger(world, world.instance("probe").id)
    assert app.clock is not None
    wait_for(lambda: _trigger(world, trigger.instance_id).next_due is not None)
    app.stop()
    past = datetime.now(UTC) - timedelta(minutes=5)
    app.db.write(lambda c: c.execute(update(triggers).where(triggers.c.id == trigger.id).values(next_due=past)))
    app.start()
    assert app.clock is not None
    # The clock takes its lease first and sets its alarms then.
    wait_for(lambda: (_trigger(world, trigger.instance_id).next_due or past) > datetime.now(UTC))
    due = _trigger(world, trigger.instance_id).next_due
    assert app.clock.keeping
    assert due is not None and (due.month, due.day, due.hour) == (1, 1, 0)
