"""The clock: an APScheduler thread that fires schedules, in one process at a time.

The rows are the truth; the clock is loaded from them, and a slot starts at most one run because its key is
`trigger:slot`. What was missed while nobody kept the clock follows each schedule's own policy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ionflux_core.domain.schedules import next_times
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import Invalid
from ionflux_core.ids import now
from ionflux_core.services.triggers import Triggers

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

log = logging.getLogger(__name__)

TICK_SECONDS = 3
LEASE_SECONDS = 15
_MOST_MADE_UP = 100
_GRACE = timedelta(minutes=5)
_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Chore:
    """Housework that whoever keeps the clock does every so many seconds."""

    name: str
    seconds: float
    work: Callable[[], object]


class ScheduleTriggers:
    """Keeps the clock while it holds the lease."""

    def __init__(self, triggers: Triggers, owner: str, *, chores: Sequence[Chore] = ()) -> None:
        self._triggers = triggers
        self._chores = chores
        self._owner = owner
        self._clock: BackgroundScheduler | None = None
        self._loaded: dict[str, str] = {}
        self._mark: object = None
        self.keeping = False

    def start(self) -> None:
        """Begin to keep the clock, or to wait for the lease."""
        from apscheduler.schedulers.background import BackgroundScheduler

        # One thread fires: starting a run is a single insert, the worker does the rest.
        self._clock = BackgroundScheduler(
            timezone="UTC",
            # Chores may take long and have threads of their own.
            executors={
                "default": {"type": "threadpool", "max_workers": 2},
                "chores": {"type": "threadpool", "max_workers": 2},
            },
            # An alarm that rings late, after a night's sleep of the machine, still rings: what then happens to the
            # slots that passed is each schedule's own policy.
            job_defaults={"coalesce": True, "max_instances": 100, "misfire_grace_time": None},
        )
        self._clock.add_job(
            self._tick, "interval", seconds=TICK_SECONDS, id="tick", coalesce=True, max_instances=1, next_run_time=now()
        )
        self._clock.add_job(self._tidy, "interval", hours=1, id="tidy", coalesce=True, max_instances=1)
        for chore in self._chores:
            self._clock.add_job(
                self._do, "interval", args=[chore], seconds=chore.seconds, id=f"chore:{chore.name}",
                executor="chores", coalesce=True, max_instances=1,
            )  # fmt: skip
        self._clock.start()

    def stop(self) -> None:
        """Stop the clock and give the lease back."""
        if self._clock is not None:
            # What is in hand must end before the lease is given back, or it would take it again.
            self._clock.shutdown(wait=True)
            self._clock = None
        if self.keeping:
            self.keeping = False
            self._triggers.drop_clock(self._owner)

    def _tidy(self) -> None:
        """The tick edge of what may be forgotten."""
        try:
            if self.keeping:
                self._triggers.forget_deliveries()
        except Exception:
            log.exception("old webhook deliveries could not be forgotten")

    def _do(self, chore: Chore) -> None:
        """The tick edge of one chore."""
        try:
            if self.keeping:
                chore.work()
        except Exception:
            log.exception("the chore %s met an error; it comes again", chore.name)

    def _tick(self) -> None:
        """The tick edge: take or keep the lease, and load what has changed."""
        try:
            at = now()
            holds = self._triggers.take_clock(self._owner, at=at, until=at + timedelta(seconds=LEASE_SECONDS))
            if holds and not self.keeping:
                self._make_up(at)
            if not holds and self.keeping:
                self._unload()
            self.keeping = holds
            if holds:
                self._load()
        except Exception:
            log.exception("the clock met an error and goes on")

    def _load(self) -> None:
        mark = self._triggers.change_mark()
        if mark == self._mark or self._clock is None:
            return
        wanted = {trigger.id: trigger for trigger in self._triggers.schedules()}
        for trigger_id in set(self._loaded) - set(wanted):
            self._disarm(trigger_id)
        for trigger in wanted.values():
            fingerprint = f"{trigger.config['cron']} {self._triggers.zone(trigger)}"
            if self._loaded.get(trigger.id) != fingerprint:
                self._schedule(trigger, fingerprint)
        self._mark = mark

    def _schedule(self, trigger: Trigger, fingerprint: str) -> None:
        self._loaded[trigger.id] = fingerprint
        self._arm(trigger, now())

    def _arm(self, trigger: Trigger, after: datetime) -> None:
        """Set the alarm for the next slot. One alarm at a time: a cron of its own would ring twice in the hour that
        a change to winter time repeats."""
        try:
            due = next_times(trigger.config["cron"], self._triggers.zone(trigger), after, 1)
        except Invalid as error:
            log.warning("schedule %s of %s never fires: %s", trigger.key, trigger.instance_name, error)
            due = []
        self._triggers.set_next_due(trigger.id, due[0] if due else None)
        if due:
            self._ring(trigger.id, due[0], due[0])

    def _ring(self, trigger_id: str, slot: datetime, at: datetime) -> None:
        if self._clock is not None:
            self._clock.add_job(
                self._fire, "date", run_date=at, args=[trigger_id, slot], id=trigger_id, replace_existing=True
            )

    def _unload(self) -> None:
        for trigger_id in list(self._loaded):
            self._disarm(trigger_id)
        self._mark = None

    def _disarm(self, trigger_id: str) -> None:
        self._loaded.pop(trigger_id, None)
        if self._clock is not None and self._clock.get_job(trigger_id):
            self._clock.remove_job(trigger_id)

    def _fire(self, trigger_id: str, slot: datetime) -> None:
        """The tick edge of one schedule."""
        try:
            found = [trigger for trigger in self._triggers.schedules() if trigger.id == trigger_id]
            for trigger in found:
                at = max(now(), slot)
                due = missed_slots(trigger, self._triggers.zone(trigger), at) or [slot]
                self._meet(trigger, due, at=at, grace=_GRACE)
                self._arm(trigger, at)
            if not found:
                self._loaded.pop(trigger_id, None)
        except Exception:
            log.exception("schedule %s could not fire; trying again", trigger_id)
            self._ring(trigger_id, slot, now() + _AGAIN)

    def _make_up(self, at: datetime) -> None:
        """Meet each schedule's own wish for what passed while nobody kept the clock: skip, last, or all."""
        for trigger in self._triggers.schedules():
            slots = missed_slots(trigger, self._triggers.zone(trigger), at)
            if slots:
                self._meet(trigger, slots, at=at, grace=timedelta(0))

    def _meet(self, trigger: Trigger, slots: list[datetime], *, at: datetime, grace: timedelta) -> None:
        """Fire what the schedule's policy keeps of slots that have come; the newest is on time within the grace."""
        policy = trigger.config.get("missed", "last")
        on_time = at - slots[-1] <= grace
        chosen = slots if policy == "all" else slots[-1:] if policy == "last" or on_time else []
        for slot in chosen:
            self._triggers.fire(trigger.id, slot.astimezone(UTC))
        if len(chosen) < len(slots):
            self._triggers.skip(trigger, len(slots) - len(chosen))


def missed_slots(trigger: Trigger, zone: str, at: datetime) -> list[datetime]:
    """The times between the kept next one and now at which a schedule should have fired, the newest hundred at most."""
    if trigger.next_due is None or trigger.next_due > at:
        return []
    slots: list[datetime] = []
    after = trigger.next_due - timedelta(seconds=1)
    while True:
        batch = [slot for slot in next_times(trigger.config["cron"], zone, after, 50) if slot <= at]
        slots = (slots + batch)[-_MOST_MADE_UP:]
        if len(batch) < 50:
            return slots
        after = batch[-1]
