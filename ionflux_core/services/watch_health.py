"""How each agent is: what its manifest and its schedules expect, against what its newest runs have brought."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ionflux_core.catalog.configuration import parse_configuration
from ionflux_core.catalog.loader import Catalog
from ionflux_core.domain.agents import AgentDefinition, AgentInstance
from ionflux_core.domain.health import Ended, Expected, Health, HealthSpec, judged, span_of
from ionflux_core.domain.runs import UNFINISHED
from ionflux_core.domain.schedules import next_times
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import IonfluxError
from ionflux_core.services.triggers import Triggers
from ionflux_core.storage import watch as rows
from ionflux_core.storage.engine import AnyRow, Database

OVERDUE_AFTER = timedelta(seconds=30)
_LEAST_GRACE = timedelta(minutes=5)
_KNOWN_SPECS = 5_000
_OFF = {
    "inactive": "It is switched off, so nothing is expected of it.",
    "paused": "It is paused, so nothing is expected of it.",
    "archived": "It is archived.",
}


class AgentHealth:
    """Judges agents; what it keeps in memory is only what it can find out again."""

    def __init__(self, db: Database, catalog: Catalog, triggers: Triggers) -> None:
        self._db = db
        self._catalog = catalog
        self._triggers = triggers
        self._specs: dict[tuple[str, int, str], HealthSpec] = {}
        self._unarmed: dict[tuple[str, str], datetime] = {}

    def of(self, instance: AgentInstance, triggers: Sequence[Trigger], at: datetime) -> Health:
        """How one agent is at a time, given its triggers."""
        definition = self._catalog.find(instance.definition_slug)
        if instance.status == "error_requires_review":
            run_id = str((instance.last_run or {}).get("run_id") or "") or None
            return Health("failing", f"It was stopped: {instance.status_reason or 'its runs failed'}", run_id=run_id)
        if instance.status in _OFF:
            return Health("unknown", _OFF[instance.status])
        if definition is None or definition.planned:
            return Health("unknown", "Its code is not there.")
        spec = self.spec_of(instance, definition)
        with self._db.glance() as connection:
            newest = rows.newest_runs(connection, instance.id)
        ended = [_ended(row) for row in newest if _has_verdict(row)]
        last_sign = self._last_sign(spec, instance, newest)
        # Whoever was edited or switched on again begins anew.
        base = max(filter(None, (last_sign, instance.updated_at)))
        missed = sorted(((due, trigger.key) for trigger, due in self.overdue(triggers, at)))
        return judged(
            spec,
            at=at,
            runs=ended,
            last_sign=last_sign,
            expected=self._expected(spec, definition, triggers, base),
            overdue=(missed[0][1], missed[0][0]) if missed else None,
        )

    def overdue(self, triggers: Sequence[Trigger], at: datetime) -> list[tuple[Trigger, datetime]]:
        """Schedules whose time has passed by more than half a minute, with that time.

        One that nobody has ever armed is due at the first time after it was seen here.
        """
        found = []
        for trigger in triggers:
            if trigger.kind != "schedule" or not trigger.enabled or trigger.instance_status != "active":
                continue
            due = trigger.next_due or self._first_due(trigger, at)
            if due is not None and at - due > OVERDUE_AFTER:
                found.append((trigger, due))
        return found

    def spec_of(self, instance: AgentInstance, definition: AgentDefinition) -> HealthSpec:
        """What counts as well: the manifest's, and over it what the instance says under `health`."""
        key = (instance.id, instance.version, definition.version)
        if key not in self._specs:
            if len(self._specs) > _KNOWN_SPECS:
                self._specs.clear()
            self._specs[key] = _merged(instance, definition)
        return self._specs[key]

    def _first_due(self, trigger: Trigger, at: datetime) -> datetime | None:
        key = (trigger.id, f"{trigger.config.get('cron')} {trigger.config.get('timezone')}")
        if key not in self._unarmed:
            if len(self._unarmed) > _KNOWN_SPECS:
                self._unarmed.clear()
            times = self._times(trigger, at, 1)
            if not times:
                return None
            self._unarmed[key] = times[0]
        return self._unarmed[key]

    def _last_sign(self, spec: HealthSpec, instance: AgentInstance, newest: Sequence[AnyRow]) -> datetime | None:
        if spec.sign == "event":
            real = [row for row in newest if not row.dry_run]
            with self._db.glance() as connection:
                return rows.last_event(connection, instance.workspace_id, real, spec.sign_name or ">")
        signs = [
            row.finished_at or row.created_at
            for row in newest
            if (_has_verdict(row) and row.status == "success" and (spec.sign == "run" or _reports(row, spec.sign_name)))
            # A run in hand, or one that waits for a person, is a sign of life too.
            or (spec.sign == "run" and row.status in UNFINISHED and not row.dry_run)
        ]
        if not signs and len(newest) and instance.last_run and instance.last_run.get("status") == "success":
            return datetime.fromisoformat(str(instance.last_run["timestamp"])) if spec.sign == "run" else None
        return max(signs, default=None)

    def _expected(
        self, spec: HealthSpec, definition: AgentDefinition, triggers: Sequence[Trigger], base: datetime
    ) -> Expected | None:
        noun = {"run": "successful run", "kpi": f"figure {spec.sign_name or ''}", "event": f"event {spec.sign_name}"}
        said = noun[spec.sign].strip()
        if spec.expected_every:
            span = span_of(spec.expected_every)
            grace = max(timedelta(minutes=1), span / 10)
            words = f"one is expected every {spec.expected_every}"
            return Expected(base + span + grace, base + 2 * span + grace, said, words)
        grace = max(_LEAST_GRACE, timedelta(seconds=definition.limits.timeout_seconds))
        coming = []
        for trigger in triggers:
            if trigger.kind == "schedule" and trigger.enabled and trigger.instance_status == "active":
                times = self._times(trigger, base, 2)
                if len(times) == 2:
                    words = f"one was due by its schedule {trigger.key}"
                    coming.append(Expected(times[0] + grace, times[1] + grace, said, words))
        return min(coming, key=lambda each: each.by, default=None)

    def _times(self, trigger: Trigger, after: datetime, count: int) -> list[datetime]:
        try:
            return next_times(trigger.config["cron"], self._triggers.zone(trigger), after, count)
        except (IonfluxError, KeyError):
            # A schedule that can never fire is never late; its own page says why.
            return []


def _merged(instance: AgentInstance, definition: AgentDefinition) -> HealthSpec:
    try:
        return parse_configuration(instance.yaml, definition).health
    except IonfluxError:
        # A text that fits the manifest no more: what the agent's author has said holds.
        return definition.health


def _has_verdict(row: AnyRow) -> bool:
    return (
        row.status in ("success", "error")
        and row.finished_at is not None
        and not row.dry_run
        and row.replay_of is None
        and row.imported is None
    )


def _ended(row: AnyRow) -> Ended:
    seconds = (row.finished_at - (row.started_at or row.created_at)).total_seconds()
    return Ended(row.id, row.status == "success", row.finished_at, max(0.0, seconds))


def _reports(row: AnyRow, name: str | None) -> bool:
    kpis = row.kpis if isinstance(row.kpis, dict) else {}
    return bool(kpis) if name is None else name in kpis
