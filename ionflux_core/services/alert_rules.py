"""Alert rules: what a workspace wants to be told of, written by people, checked before they are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.alert_rules import FIGURE, USUAL_RULES, AlertRule, AlertRuleDraft, measure_of
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.agents import Agents
from ionflux_core.services.workspaces import Workspaces, validated
from ionflux_core.storage import alert_rules as rows
from ionflux_core.storage import audit
from ionflux_core.storage.engine import Connection, Database

MOST_MUTED = timedelta(days=90)


class AlertRules:
    """Use-cases around alert rules. `check_figure` refuses figures that the catalogue does not have."""

    def __init__(self, db: Database, workspaces: Workspaces, agents: Agents) -> None:
        self._db = db
        self._workspaces = workspaces
        self._agents = agents
        self.check_figure: Callable[[str, str], object] = _no_figures

    def find(self, workspace_id: str) -> list[AlertRule]:
        """The rules of a workspace by name."""
        with self._db.read() as connection:
            return rows.find(connection, workspace_id)

    def enabled(self) -> dict[str, list[AlertRule]]:
        """Every rule that is switched on, by workspace."""
        with self._db.read() as connection:
            found = rows.enabled(connection)
        by_workspace: dict[str, list[AlertRule]] = {}
        for rule in found:
            by_workspace.setdefault(rule.workspace_id, []).append(rule)
        return by_workspace

    def get(self, workspace_id: str, rule_id: str) -> AlertRule:
        """One rule; NotFound when it is not there."""
        with self._db.read() as connection:
            found = rows.get(connection, workspace_id, rule_id)
        if found is None:
            raise NotFound("There is no such alert rule.", hint="Choose one from the list.")
        return found

    def create(
        self, workspace_id: str, draft: AlertRuleDraft | Mapping[str, Any], *, by: str | None = None
    ) -> AlertRule:
        """A new rule; Conflict when its name is taken."""
        checked = self.checked(workspace_id, draft)
        row = self._row(workspace_id, checked, by)

        def work(connection: Connection) -> None:
            if rows.count(connection, workspace_id) >= limits.ALERT_RULES:
                raise LimitExceeded(f"A workspace has at most {limits.ALERT_RULES} alert rules.", hint="Remove one.")
            if not rows.insert(connection, row):
                raise _taken(checked.name)
            _note(connection, workspace_id, row["id"], "created", by, name=checked.name, measure=checked.measure)

        self._db.write(work)
        return self.get(workspace_id, row["id"])

    def save(
        self, workspace_id: str, rule_id: str, draft: AlertRuleDraft | Mapping[str, Any], *, by: str | None = None
    ) -> AlertRule:
        """Replace what a person edits of a rule."""
        checked = self.checked(workspace_id, draft)
        self.get(workspace_id, rule_id)

        def work(connection: Connection) -> None:
            if rows.name_is_taken(connection, workspace_id, checked.name, beside=rule_id):
                raise _taken(checked.name)
            if not rows.save(connection, workspace_id, rule_id, now(), **_values(checked)):
                raise NotFound("There is no such alert rule.", hint="Reload the list.")
            _note(connection, workspace_id, rule_id, "saved", by, name=checked.name, measure=checked.measure)

        self._db.write(work)
        return self.get(workspace_id, rule_id)

    def remove(self, workspace_id: str, rule_id: str, *, by: str | None = None) -> None:
        """Take a rule away; its incidents stay and end by themselves."""
        rule = self.get(workspace_id, rule_id)

        def work(connection: Connection) -> None:
            if rows.remove(connection, workspace_id, rule_id):
                _note(connection, workspace_id, rule_id, "removed", by, name=rule.name)

        self._db.write(work)

    def mute(self, workspace_id: str, rule_id: str, minutes: int | None, *, by: str | None = None) -> AlertRule:
        """Let a rule tell nothing for so many minutes; None lets it speak again. What it sees is counted on."""
        until = muted_until(minutes)
        self.get(workspace_id, rule_id)

        def work(connection: Connection) -> None:
            if rows.save(connection, workspace_id, rule_id, now(), muted_until=until):
                _note(connection, workspace_id, rule_id, "muted" if until else "unmuted", by, minutes=minutes)

        self._db.write(work)
        return self.get(workspace_id, rule_id)

    def stock(self, workspace_id: str) -> None:
        """Give a new workspace the rules that every one begins with."""
        self.add_usual(workspace_id)

    def add_usual(self, workspace_id: str) -> int:
        """Give a workspace the rules that every one begins with, but for those whose name is taken; how many."""
        drafts = [self._row(workspace_id, draft, "IONFLUX") for draft in USUAL_RULES]
        return self._db.write(lambda connection: sum(rows.insert(connection, row) for row in drafts))

    def checked(self, workspace_id: str, draft: AlertRuleDraft | Mapping[str, Any]) -> AlertRuleDraft:
        """The rule when everything it names is there; Invalid otherwise."""
        checked = validated(AlertRuleDraft, draft, "alert rule")
        target = checked.target
        if target.definition_slug:
            self._agents.resolve(workspace_id, f"agent:{target.definition_slug}")
        if target.instance_id:
            self._agents.get(workspace_id, target.instance_id)
        if target.brand_id:
            self._workspaces.brand(workspace_id, target.brand_id)
        if checked.measure.startswith(FIGURE):
            self.check_figure(workspace_id, checked.measure.removeprefix(FIGURE))
        return checked

    @staticmethod
    def _row(workspace_id: str, draft: AlertRuleDraft, by: str | None) -> dict[str, Any]:
        at = now()
        head = {"id": new_id(), "workspace_id": workspace_id, "muted_until": None, "created_by": by}
        return {**head, **_values(draft), "created_at": at, "updated_at": at}


def muted_until(minutes: int | None) -> datetime | None:
    """When a pause of so many minutes is over; Invalid for one that is too long."""
    if minutes is None or minutes <= 0:
        return None
    if timedelta(minutes=minutes) > MOST_MUTED:
        raise Invalid(f"At most {MOST_MUTED.days} days can be muted.", hint="Switch the rule off instead.")
    return now() + timedelta(minutes=minutes)


def described(rule: AlertRuleDraft) -> str:
    """The condition in words, like "Failure rate above 50 % within 60 min"."""
    measure = measure_of(rule.measure)
    threshold = f"{rule.threshold:,.15g} {measure.unit}".strip()
    if not rule.threshold and rule.comparison == "above" and not measure.windowed:
        return f"{measure.title}: any"
    window = f" within {_minutes(rule.period_minutes)}" if measure.windowed else ""
    return f"{measure.title} {rule.comparison} {threshold}{window}"


def _minutes(minutes: int) -> str:
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes % size == 0:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"


def _values(draft: AlertRuleDraft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "measure": draft.measure,
        "target": draft.target.model_dump(exclude_none=True),
        "comparison": draft.comparison,
        "threshold": draft.threshold,
        "period_minutes": draft.period_minutes,
        "destinations": [each.model_dump() for each in draft.destinations],
        "enabled": draft.enabled,
    }


def _taken(name: str) -> Conflict:
    return Conflict(f"There is an alert rule {name!r} already.", hint="Choose another name.")


def _no_figures(workspace_id: str, name: str) -> None:
    raise NotFound(f"There is no figure {name[:60]!r}.", hint="Choose one of the catalogue.")


def _note(connection: Connection, workspace_id: str, rule_id: str, action: str, by: str | None, **details: Any) -> None:
    audit.note(
        connection, workspace_id, at=now(), who=by, action=action, entity="alert_rule", entity_id=rule_id,
        details=details,
    )  # fmt: skip
