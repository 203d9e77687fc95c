"""Incidents: opened once for each trouble, counted while it lasts, ended by a person or when it is gone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.alert_rules import AlertRule
from ionflux_core.domain.incidents import BY_ITSELF, OPENED, RESOLVED, Incident, IncidentStatus, Sighting
from ionflux_core.errors import Conflict, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.alert_rules import muted_until
from ionflux_core.services.events import Events
from ionflux_core.storage import audit, events, runs
from ionflux_core.storage import incidents as rows
from ionflux_core.storage.engine import Connection, Database

TOPIC = "alerts"
_SOURCE = "alerts"
# How long a trouble without a rule (it was removed) must be gone.
_USUAL_QUIET = timedelta(minutes=5)
_TITLE_CHARS, _DETAIL_CHARS, _SUBJECT_CHARS = 300, 2_000, 200


class Incidents:
    """Use-cases around incidents. `told` is called after one was resolved by a person."""

    def __init__(self, db: Database, published: Callable[[], None], changed: Callable[[str, str], None]) -> None:
        self._db = db
        self._published = published
        self._changed = changed
        self.told: Callable[[str], object] = lambda _: None

    def find(
        self,
        workspace_id: str,
        status: IncidentStatus | None = None,
        since: datetime | None = None,
        before: str | None = None,
        limit: int = 50,
        *,
        until: datetime | None = None,
        kind: str | None = None,
        instance_id: str | None = None,
    ) -> list[Incident]:
        """Incidents that were open between two times, newest first; `before` is the id of the last one seen."""
        limit = max(1, min(limit, limits.PAGE_ROWS + 1))
        with self._db.read() as connection:
            return rows.find(
                connection, workspace_id, status=status, kind=kind, instance_id=instance_id, since=since, until=until,
                before=before, limit=limit,
            )  # fmt: skip

    def open_count(self, workspace_id: str) -> int:
        """How many incidents are open, counted up to 1,000."""
        with self._db.glance() as connection:
            return rows.count_open(connection, workspace_id)

    def get(self, workspace_id: str, incident_id: str) -> Incident:
        """One incident; NotFound when it is not there."""
        with self._db.read() as connection:
            found = rows.get(connection, workspace_id, incident_id)
        if found is None:
            raise NotFound("There is no such incident.", hint="Choose one from the list.")
        return found

    def mute(self, workspace_id: str, incident_id: str, minutes: int | None, *, by: str | None = None) -> Incident:
        """Hear nothing of an incident for so many minutes; None lets it speak again."""
        until = muted_until(minutes)
        self.get(workspace_id, incident_id)

        def work(connection: Connection) -> None:
            if rows.mute(connection, workspace_id, incident_id, until):
                _note(connection, workspace_id, incident_id, "muted" if until else "unmuted", by, minutes=minutes)

        self._db.write(work)
        self._changed(workspace_id, TOPIC)
        return self.get(workspace_id, incident_id)

    def resolve(self, workspace_id: str, incident_id: str, *, by: str) -> Incident:
        """End an incident, once. It opens anew only after its condition has been gone for a while and came back."""
        found = self.get(workspace_id, incident_id)
        name = by.strip()[:200] or "somebody"
        name = name if name != BY_ITSELF else f"{name} (a person)"

        def work(connection: Connection) -> None:
            if not self._end(connection, found, at=now(), by=name):
                raise Conflict("It is resolved already.", hint="Reload the list.")
            _note(connection, workspace_id, incident_id, "resolved", by, title=found.title)

        self._db.write(work)
        self._published()
        self._changed(workspace_id, TOPIC)
        self.told(workspace_id)
        return self.get(workspace_id, incident_id)

    def take_note(
        self,
        workspace_id: str,
        rules: Mapping[str, AlertRule],
        sightings: Sequence[Sighting],
        unknown: frozenset[str] = frozenset(),
    ) -> bool:
        """Open, count and end what a look at a workspace has found; True when something began or ended.

        Nothing of a kind in `unknown` ends: it could not be measured this time.
        """
        at = now()
        noted = [replace(each, subject=_kept(each.subject)) for each in sightings]

        def work(connection: Connection) -> bool:
            moved = [self._see(connection, workspace_id, rules, each, at) for each in noted]
            seen = {(each.kind, each.subject) for each in noted}
            gone = [
                incident
                for incident in rows.opened(connection, workspace_id)
                if (incident.kind, incident.subject) not in seen
                and incident.kind not in unknown
                and at - incident.seen_at >= _quiet(rules.get(incident.rule_id or ""))
            ]
            moved += [self._end(connection, incident, at=at, by=BY_ITSELF) for incident in gone]
            return any(moved)

        moved = self._db.write(work)
        if moved:
            self._published()
            self._changed(workspace_id, TOPIC)
        return moved

    def with_open(self) -> list[str]:
        """The workspaces in which something is open."""
        with self._db.read() as connection:
            return rows.workspaces_with_open(connection)

    def purge(self) -> int:
        """Remove what was resolved more than a year ago; how many."""
        before = now() - timedelta(days=limits.INCIDENT_DAYS)
        return self._db.write(lambda connection: rows.purge(connection, before))

    def _see(
        self, connection: Connection, workspace_id: str, rules: Mapping[str, AlertRule], seen: Sighting, at: datetime
    ) -> bool:
        said = {"title": seen.title[:_TITLE_CHARS], "detail": seen.detail[:_DETAIL_CHARS], "value": seen.value}
        if rows.see_again(connection, workspace_id, seen.kind, seen.subject, at=at, **said):
            return False
        settled = rows.closed_by_a_person(connection, workspace_id, seen.kind, seen.subject)
        if settled is not None and at - settled.seen_at < max(_quiet(rules.get(seen.rule_id)), _USUAL_QUIET):
            # Somebody has dealt with it and it has not been gone since: it stays settled.
            rows.note_sight(connection, settled.id, at)
            return False
        row: dict[str, Any] = {
            "id": new_id(), "workspace_id": workspace_id, "rule_id": seen.rule_id, "kind": seen.kind,
            "subject": seen.subject, **said, "instance_id": seen.instance_id, "status": "open", "sightings": 1,
            "opened_at": at, "seen_at": at,
        }  # fmt: skip
        if not rows.insert(connection, row):
            # Another process has opened it in the same moment.
            rows.see_again(connection, workspace_id, seen.kind, seen.subject, at=at, **said)
            return False
        rule = rules.get(seen.rule_id)
        self._publish(connection, OPENED, Incident.model_validate(row), rule=rule, seen=seen)
        return True

    def _end(self, connection: Connection, incident: Incident, *, at: datetime, by: str) -> bool:
        if not rows.resolve(connection, incident.workspace_id, incident.id, at=at, by=by):
            return False
        ended = incident.model_copy(update={"status": "resolved", "resolved_at": at, "resolved_by": by})
        self._publish(connection, RESOLVED, ended)
        return True

    @staticmethod
    def _publish(
        connection: Connection, type: str, incident: Incident, *, rule: AlertRule | None = None,
        seen: Sighting | None = None,
    ) -> None:  # fmt: skip
        payload: dict[str, Any] = incident.model_dump(
            mode="json", exclude={"workspace_id", "told_at", "muted_until", "rule_id"}
        )
        payload = {"incident_id": payload.pop("id"), "rule_id": incident.rule_id, **payload}
        if rule is not None:
            condition = {"comparison": rule.comparison, "threshold": rule.threshold, "minutes": rule.period_minutes}
            payload |= {"rule": rule.name, "measure": rule.measure, "condition": condition}
        if seen is not None and seen.run_id:
            payload["run_id"] = seen.run_id
        # In the chain of the run that has shown the trouble, where there is one; the end stands where the opening did.
        run = runs.get(connection, incident.workspace_id, seen.run_id) if seen and seen.run_id else None
        origin = run or (None if seen else rows.origin(connection, incident.workspace_id, incident.id))
        key = rows.opening_key(incident.id) if seen else f"incident:{incident.id}:resolved"
        row = Events.prepared(
            incident.workspace_id, type, payload, source=_SOURCE, key=key,
            correlation_id=origin.correlation_id if origin else None,
        )  # fmt: skip
        events.insert(connection, row)


def _kept(subject: str) -> str:
    """A subject that fits its column, and stays another than every other one."""
    if len(subject) <= _SUBJECT_CHARS:
        return subject
    mark = hashlib.sha256(subject.encode()).hexdigest()[:32]
    return f"{subject[: _SUBJECT_CHARS - len(mark) - 1]}:{mark}"


def _quiet(rule: AlertRule | None) -> timedelta:
    """How long a condition must be gone before its incident ends: one whole period."""
    return timedelta(minutes=rule.period_minutes) if rule else _USUAL_QUIET


def _note(
    connection: Connection, workspace_id: str, incident_id: str, action: str, by: str | None, **details: Any
) -> None:
    audit.note(
        connection, workspace_id, at=now(), who=by, action=action, entity="incident", entity_id=incident_id,
        details=details,
    )  # fmt: skip
