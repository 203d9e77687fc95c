"""The measures of alert rules: each looks at one workspace now and says what it finds, in figures and in words."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.alert_rules import FIGURE, AlertRuleDraft, RuleTarget, measure_of, shown_value
from ionflux_core.domain.health import Health, p95, spoken
from ionflux_core.domain.money import MICROS
from ionflux_core.domain.triggers import Trigger
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Unavailable
from ionflux_core.storage import health as lease_rows
from ionflux_core.storage import ledger
from ionflux_core.storage import triggers as trigger_rows
from ionflux_core.storage import watch as rows
from ionflux_core.storage.agents import find_instances
from ionflux_core.storage.engine import Database

LEAST_RUNS = 5
_NAMED = 5
_CLOCK = "clock"
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Reading:
    """What a measure found for one subject; `not_computed` says why there is no value."""

    subject: str
    title: str
    detail: str
    value: float | None
    instance_id: str | None = None
    run_id: str | None = None
    not_computed: str = ""


class Judge(Protocol):
    """Who knows how agents are."""

    def of(self, instance: AgentInstance, triggers: list[Trigger], at: datetime) -> Health:
        """How one agent is."""

    def overdue(self, triggers: list[Trigger], at: datetime) -> list[tuple[Trigger, datetime]]:
        """Schedules whose time has passed."""


@dataclass(frozen=True)
class Look:
    """One look at a workspace; what several measures need is read once."""

    db: Database
    judge: Judge
    workspace: Workspace
    at: datetime
    data_dir: Path
    figure: Callable[[str, str, RuleTarget, timedelta], tuple[float | None, str, str]]

    @cached_property
    def instances(self) -> list[AgentInstance]:
        """The workspace's agents that are not archived."""
        with self.db.read() as connection:
            return find_instances(connection, self.workspace.id, archived=False, definition_slug=None)

    @cached_property
    def triggers(self) -> Mapping[str, list[Trigger]]:
        """Every trigger of the workspace, by agent."""
        with self.db.read() as connection:
            found = trigger_rows.find(connection, self.workspace.id)
        by_instance: dict[str, list[Trigger]] = {}
        for trigger in found:
            by_instance.setdefault(trigger.instance_id, []).append(trigger)
        return by_instance

    @cached_property
    def overdue(self) -> list[tuple[Trigger, datetime]]:
        """The workspace's overdue schedules, the oldest first."""
        every = [trigger for triggers in self.triggers.values() for trigger in triggers]
        return sorted(self.judge.overdue(every, self.at), key=lambda each: each[1])

    @cached_property
    def clock_is_kept(self) -> bool:
        """Whether some process holds the clock."""
        with self.db.glance() as connection:
            held = lease_rows.lease(connection, _CLOCK)
        return held is not None and bool(held.until >= self.at)

    @cached_property
    def healths(self) -> Mapping[str, Health]:
        """How each agent is."""
        return {each.id: self.judge.of(each, self.triggers.get(each.id, []), self.at) for each in self.instances}

    def named(self, target: RuleTarget) -> list[AgentInstance]:
        """The agents a target names; all for the whole workspace."""
        return [
            each
            for each in self.instances
            if target.instance_id in (None, each.id)
            and target.definition_slug in (None, each.definition_slug)
            and target.brand_id in (None, each.brand_id)
        ]

    def of_whom(self, target: RuleTarget) -> str:
        """The target as the end of a phrase, like " of Revenue Tracker"; empty for the whole workspace."""
        if target.instance_id:
            names = {each.id: each.name for each in self.instances}
            return f" of {names.get(target.instance_id, 'an agent that is gone')}"
        if target.definition_slug:
            return f" of {target.definition_slug.replace('_', ' ')}"
        return " of one brand" if target.brand_id else ""

    def ids(self, target: RuleTarget) -> list[str] | None:
        """The ids of the agents a target names; None for the whole workspace."""
        return self.ids_of(target) if target.is_narrow else None

    def ids_of(self, target: RuleTarget) -> list[str]:
        """The ids of the agents a target names."""
        return [each.id for each in self.named(target)]


def read(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    """What a rule's measure finds; `since` bounds the period it is measured over."""
    if rule.measure.startswith(FIGURE):
        return [_figure(look, rule)]
    return _MEASURES[rule.measure](look, rule, since)


def _failure_rate(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    period, whom, newest = _period(rule), look.of_whom(rule.target), None
    with look.db.read() as connection:
        ended = rows.ended_runs(connection, look.workspace.id, rule.target, since, period)
        if ended.failed:
            newest = rows.newest_failure(connection, look.workspace.id, rule.target, since, period)
    if ended.verdicts < LEAST_RUNS:
        reason = f"{_runs(ended.verdicts)} ended in the period; a share needs at least {LEAST_RUNS}."
        return [_none(rule, f"Runs{whom}", reason)]
    rate = 100 * ended.failed / ended.verdicts
    said = f"{ended.failed} of {_runs(ended.verdicts)} that ended within {_span(rule)} failed."
    return [_one(rule, f"{rate:.0f} % of the runs{whom} fail", said, rate, run_id=newest)]


def _latency(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    whom = look.of_whom(rule.target)
    with look.db.read() as connection:
        seconds = rows.durations(connection, look.workspace.id, rule.target, since, _period(rule))
    if len(seconds) < LEAST_RUNS:
        reason = f"{_runs(len(seconds))} succeeded in the period; at least {LEAST_RUNS} are needed."
        return [_none(rule, f"Run time{whom}", reason)]
    slow = p95(seconds)
    said = f"95 of 100 of the {_runs(len(seconds))} that succeeded within {_span(rule)} took up to {slow:.1f} s."
    return [_one(rule, f"Runs{whom} take up to {spoken(slow)}", said, slow)]


def _cost(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    with look.db.read() as connection:
        ended = rows.ended_runs(connection, look.workspace.id, rule.target, since, _period(rule))
    dollars = ended.cost_micros / MICROS
    said = f"Runs that ended within {_span(rule)} have cost ${dollars:,.2f}."
    return [_one(rule, f"${dollars:,.2f} were spent{look.of_whom(rule.target)} within {_span(rule)}", said, dollars)]


def _cost_projected(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    zone = ZoneInfo(look.workspace.settings.timezone)
    day = look.at.astimezone(zone).date()
    # From midnight to midnight where the workspace lives: 23 or 25 hours when the clocks change.
    began, ends = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    title = f"Spending{look.of_whom(rule.target)}"
    if look.at - began < timedelta(hours=1):
        return [_none(rule, title, "The day is less than an hour old; its pace says nothing yet.")]
    owners = look.ids_of(rule.target) if rule.target.is_narrow else [look.workspace.id]
    with look.db.read() as connection:
        spent = sum(ledger.spent(connection, each, day.isoformat(), day.isoformat()) for each in owners) / MICROS
    pace = spent / min(1.0, (look.at - began) / (ends - began))
    said = f"${spent:,.2f} were spent or set aside since midnight; at this pace the day ends at ${pace:,.2f}."
    return [_one(rule, f"{title} heads for ${pace:,.2f} today", said, pace)]


def _queue_length(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    count, oldest = _queue(look, rule)
    waited = f", the oldest for {spoken((look.at - oldest).total_seconds())}" if oldest else ""
    whom = look.of_whom(rule.target)
    return [_one(rule, f"{_runs(count)}{whom} wait to start", f"{_runs(count)} could start now{waited}.", float(count))]


def _queue_delay(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    count, oldest = _queue(look, rule)
    seconds = max(0.0, (look.at - oldest).total_seconds()) if oldest else 0.0
    said = f"{_runs(count)} could start now; the one that waits longest has waited {spoken(seconds)}."
    whom = look.of_whom(rule.target)
    return [_one(rule, f"A run{whom} has waited {spoken(seconds)} for its start", said, seconds)]


def _queue(look: Look, rule: AlertRuleDraft) -> tuple[int, datetime | None]:
    with look.db.read() as connection:
        return rows.queue(connection, look.workspace.id, look.ids(rule.target), look.at)


def _breaker(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    return [
        Reading(
            f"instance:{each.id}", f"{each.name} was stopped", each.status_reason or "Its runs failed in a row.",
            float(max(1, each.consecutive_failures)), each.id, str((each.last_run or {}).get("run_id") or "") or None,
        )
        for each in look.named(rule.target)
        # What was stopped before anybody wished to hear of it is no news.
        if each.status == "error_requires_review" and each.updated_at >= since
    ]  # fmt: skip


def _overdue(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    wanted = {each.id for each in look.named(rule.target)}
    found = [(trigger, due) for trigger, due in look.overdue if trigger.instance_id in wanted]
    if not found:
        return []
    if not look.clock_is_kept:
        return [_nobody_keeps_the_clock(look, found)]
    return [
        Reading(
            f"schedule:{trigger.id}", f"{trigger.instance_name} is overdue",
            f"Its schedule {trigger.key} was due {spoken(late)} ago and has started nothing.",
            late / 60, trigger.instance_id,
        )
        for trigger, late in ((trigger, (look.at - due).total_seconds()) for trigger, due in found)
    ]  # fmt: skip


def _nobody_keeps_the_clock(look: Look, found: list[tuple[Trigger, datetime]]) -> Reading:
    """All of them for one reason, so one trouble."""
    names = list(dict.fromkeys(trigger.instance_name for trigger, _ in found))
    late = (look.at - found[0][1]).total_seconds()
    who = names[0] if len(names) == 1 else f"{len(names)} agents"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    detail = (
        f"No process keeps the clock, so no schedule fires: {', '.join(names[:_NAMED])}{more}. The first was due "
        f"{spoken(late)} ago. Restart IONFLUX with IONFLUX_SCHEDULER and IONFLUX_WORKERS on."
    )
    only = found[0][0].instance_id if len(names) == 1 else None
    return Reading(_CLOCK, f"{who} {'is' if len(names) == 1 else 'are'} overdue: nobody keeps the clock", detail,
                   late / 60, only)  # fmt: skip


def _silence(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    # A schedule that did not fire is told as overdue, and would be the reason of the silence.
    told = {trigger.instance_id for trigger, _ in look.overdue}
    found = []
    for each in look.named(rule.target):
        health = look.healths[each.id]
        if health.late_seconds > 0 and each.status == "active" and each.id not in told:
            found.append(Reading(f"instance:{each.id}", f"{each.name} has gone silent", health.reason,
                                 health.late_seconds / 60, each.id, health.run_id))  # fmt: skip
    return found


def _dead_letters(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    with look.db.read() as connection:
        count, type = rows.dead_letters(connection, look.workspace.id, look.ids(rule.target), since)
    events = f"{count} event{'' if count == 1 else 's'}"
    newest = f", the newest is {type}" if type else ""
    said = f"{events} of the last {_span(rule)} could not be taken by a trigger{newest}."
    return [_one(rule, f"{events} ended as dead letters", said, float(count))]


def _disk_free(look: Look, rule: AlertRuleDraft, since: datetime) -> list[Reading]:
    try:
        free = shutil.disk_usage(look.data_dir).free / _GIB
    except OSError as error:
        # Raised, not read as nothing: a disk that cannot be looked at is not well again.
        raise Unavailable(f"The data folder cannot be looked at: {error.strerror}.", hint="Check the disk.") from error
    said = f"{free:,.1f} GiB are free where the data lies. Remove old runs under Settings, Retention."
    return [_one(rule, f"Only {free:,.1f} GiB of disk are free", said, free)]


def _figure(look: Look, rule: AlertRuleDraft) -> Reading:
    name = rule.measure.removeprefix(FIGURE)
    value, title, said = look.figure(look.workspace.id, name, rule.target, _period(rule))
    if value is None:
        return _none(rule, title, said)
    whom = look.of_whom(rule.target)
    return _one(rule, f"{title}{whom}: {said}", f"{title}{whom} over the last {_span(rule)}: {said}.", value)


_MEASURES: Mapping[str, Callable[[Look, AlertRuleDraft, datetime], list[Reading]]] = {
    "failure_rate": _failure_rate,
    "latency_p95": _latency,
    "cost": _cost,
    "cost_projected": _cost_projected,
    "queue_length": _queue_length,
    "queue_delay": _queue_delay,
    "breaker": _breaker,
    "overdue": _overdue,
    "silence": _silence,
    "dead_letters": _dead_letters,
    "disk_free": _disk_free,
}


def subject_of(rule: AlertRuleDraft) -> str:
    """What a rule with a single figure is about; a figure of the catalogue is part of it."""
    name = rule.measure.removeprefix(FIGURE)
    return f"{name}:{rule.target.subject}" if rule.measure.startswith(FIGURE) else rule.target.subject


def _one(rule: AlertRuleDraft, title: str, detail: str, value: float, *, run_id: str | None = None) -> Reading:
    limit = shown_value(rule.threshold, measure_of(rule.measure).unit)
    said = f"{detail} The rule says {rule.comparison} {limit}."
    return Reading(subject_of(rule), title, said, value, rule.target.instance_id, run_id)


def _none(rule: AlertRuleDraft, title: str, reason: str) -> Reading:
    return Reading(subject_of(rule), title, reason, None, rule.target.instance_id, not_computed=reason)


def _period(rule: AlertRuleDraft) -> timedelta:
    return timedelta(minutes=rule.period_minutes)


def _span(rule: AlertRuleDraft) -> str:
    return spoken(_period(rule).total_seconds())


def _runs(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"
