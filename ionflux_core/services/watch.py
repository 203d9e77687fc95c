"""The watch: looks at every workspace each half minute, finds what alert rules forbid, and has it told.

It has a thread of its own (`triggers/watch.py`): that the clock has died is one of the things it must notice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.alert_rules import FIGURE, AlertRule, AlertRuleDraft, RuleTarget, measure_of, shown_value
from ionflux_core.domain.health import Health
from ionflux_core.domain.incidents import Sighting
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import IonfluxError, NotFound
from ionflux_core.ids import now
from ionflux_core.services.alert_rules import AlertRules
from ionflux_core.services.demo import BUILDING
from ionflux_core.services.incident_notices import IncidentNotices
from ionflux_core.services.incidents import Incidents
from ionflux_core.services.watch_health import AgentHealth
from ionflux_core.services.watch_measures import Look, Reading, read
from ionflux_core.storage import triggers as lease_rows
from ionflux_core.storage.engine import Database

log = logging.getLogger(__name__)

LOOK_SECONDS = 20.0
_LEASE = "watch"
_LEASE_TIME = timedelta(seconds=60)
_TIDY_LOOKS = 200
_LONGEST_KEPT, _MOST_KEPT = 300, 1_000


@dataclass(frozen=True, slots=True)
class Present:
    """What a rule would say now: its worst value in words, whether that breaks it, and what was found in detail."""

    value: float | None
    words: str
    broken: bool
    readings: Sequence[Reading]
    error: str = ""


class Watch:
    """Measures what alert rules and manifests speak of. Safe in several processes: one of them holds the lease."""

    def __init__(
        self,
        db: Database,
        workspace: Callable[[str], Workspace],
        rules: AlertRules,
        incidents: Incidents,
        notices: IncidentNotices,
        health: AgentHealth,
        data_dir: Path,
    ) -> None:
        self._db = db
        self._workspace = workspace
        self._rules = rules
        self._incidents = incidents
        self._notices = notices
        self._health = health
        self._data_dir = data_dir
        self._looks = 0
        self._kept: dict[str, tuple[float, Present]] = {}
        self.figure: Callable[[str, str, RuleTarget, timedelta], tuple[float | None, str, str]] = _no_figure
        incidents.told = self.tell

    def look(self, owner: str, *, settled: bool = True) -> int:
        """Look at every workspace once, when this process holds the watch; how many were looked at.

        Not `settled` is a process that has just begun: what was missed while none ran is being made up for, so it
        judges nobody as silent yet.
        """
        at = now()
        if not self._db.write(lambda c: lease_rows.take_lease(c, _LEASE, owner, at=at, until=at + _LEASE_TIME)):
            return 0
        by_workspace = self._rules.enabled()
        looked_at = 0
        troubled = set(self._incidents.with_open())
        for workspace_id in sorted({*by_workspace, *troubled}):
            rules = by_workspace.get(workspace_id, [])
            try:
                self._look_at(workspace_id, rules, troubled=workspace_id in troubled, settled=settled)
                looked_at += 1
            except NotFound:
                # It was removed between two queries.
                continue
            except Exception:
                # The tick edge of one workspace: what is wrong there must not hide the others.
                log.exception("the watch could not look at workspace %s; it comes again", workspace_id)
        self._looks += 1
        if self._looks % _TIDY_LOOKS == 1:
            self._incidents.purge()
        return looked_at

    def leave(self, owner: str) -> None:
        """Let another process watch."""
        self._db.write(lambda connection: lease_rows.drop_lease(connection, _LEASE, owner))

    def tell(self, workspace_id: str) -> int:
        """Tell what is due of a workspace's incidents."""
        return self._notices.tell(workspace_id, {rule.id: rule for rule in self._rules.find(workspace_id)})

    def health(self, workspace_id: str) -> dict[str, Health]:
        """How each agent of a workspace is, by its id; archived ones are left out."""
        return dict(self._at(workspace_id).healths)

    def health_of(self, instance: AgentInstance) -> Health:
        """How one agent is."""
        look = self._at(instance.workspace_id)
        return self._health.of(instance, look.triggers.get(instance.id, []), look.at)

    def present(self, workspace_id: str, rules: Sequence[AlertRule]) -> dict[str, Present]:
        """What each of these rules would say now, by its id; nothing is opened and nobody told."""
        look = self._at(workspace_id)
        return {rule.id: self._measured(look, rule) for rule in rules}

    def try_rule(self, workspace_id: str, draft: AlertRuleDraft | Mapping[str, Any]) -> Present:
        """What a rule that is not kept yet would say now."""
        checked, look = self._rules.checked(workspace_id, draft), self._at(workspace_id)
        return self._try(look, checked, _since(checked, look.at))

    def _at(self, workspace_id: str) -> Look:
        workspace = self._workspace(workspace_id)
        return Look(self._db, self._health, workspace, now(), self._data_dir, self.figure)

    def _look_at(self, workspace_id: str, rules: Sequence[AlertRule], *, troubled: bool, settled: bool) -> None:
        look = self._at(workspace_id)
        if look.workspace.name == BUILDING:
            return
        unknown = set() if settled else {"silence"}
        found: list[Sighting] = []
        watched: dict[tuple[str, str], str] = {}
        for rule in rules:
            kind = kind_of(rule)
            if not settled and kind == "silence":
                continue
            present = self._measured(look, rule)
            if present.error:
                unknown.add(kind)
            for reading in present.readings:
                first = watched.setdefault((kind, reading.subject), rule.id) == rule.id
                if rule.is_broken_by(reading.value):
                    found.append(_sighting(rule, reading, reading.subject if first else f"{reading.subject}+{rule.id}"))
        by_id = {rule.id: rule for rule in rules}
        if found or troubled:
            self._incidents.take_note(workspace_id, by_id, found, frozenset(unknown))
        # The first look also tells what a process that died had no time to tell.
        if found or troubled or not self._looks:
            self._notices.tell(workspace_id, by_id)

    def _measured(self, look: Look, rule: AlertRule) -> Present:
        """What a rule says now; what is measured over hours is read anew only every few minutes."""
        seconds = min(_LONGEST_KEPT, rule.period_minutes) if measure_of(rule.measure).windowed else 0
        key, at = f"{rule.id} {rule.updated_at}", time.monotonic()
        kept = self._kept.get(key)
        if kept is not None and at - kept[0] < seconds:
            return kept[1]
        present = self._try(look, rule, _since(rule, look.at))
        if seconds > LOOK_SECONDS * 3:
            if len(self._kept) > _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = (at, present)
        return present

    def _try(self, look: Look, rule: AlertRuleDraft, since: datetime) -> Present:
        """The edge of one rule: what cannot be measured says so."""
        try:
            readings = read(look, rule, since)
        except IonfluxError as error:
            return Present(None, "not computed", False, (), error.message)
        except Exception:
            # One measure that breaks must not hide what the others see.
            log.exception("the rule %r could not be measured", rule.name)
            return Present(None, "not computed", False, (), "It could not be measured; the log says why.")
        values = [reading.value for reading in readings if reading.value is not None]
        broken = any(rule.is_broken_by(value) for value in values)
        unit = measure_of(rule.measure).unit
        if readings and not values:
            return Present(None, "not computed", False, readings)
        worst = (max if rule.comparison == "above" else min)(values) if values else 0.0
        words = shown_value(worst, unit) if values else "none"
        return Present(worst, words, broken, readings)


def kind_of(rule: AlertRuleDraft) -> str:
    """The kind of the incidents a rule opens."""
    return "figure" if rule.measure.startswith(FIGURE) else rule.measure


def _since(rule: AlertRuleDraft, at: datetime) -> datetime:
    """Where a rule's look back begins: what happened before it was made alarms nobody."""
    if not measure_of(rule.measure).windowed and isinstance(rule, AlertRule):
        return rule.created_at
    begin = at - timedelta(minutes=rule.period_minutes)
    if not measure_of(rule.measure).windowed:
        return datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return max(begin, rule.created_at) if isinstance(rule, AlertRule) else begin


def _sighting(rule: AlertRule, reading: Reading, subject: str) -> Sighting:
    """A reading that breaks a rule. A second rule about the same has an incident of its own, told where it says."""
    return Sighting(
        rule.id, kind_of(rule), subject, reading.title, reading.detail, reading.value, reading.instance_id,
        reading.run_id,
    )  # fmt: skip


def _no_figure(workspace_id: str, name: str, target: RuleTarget, period: timedelta) -> tuple[float | None, str, str]:
    return None, name, "The catalogue of figures is not there."
