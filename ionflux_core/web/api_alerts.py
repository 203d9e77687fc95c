"""The API's alerts: incidents, the rules that open them, and what a rule would say now."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from ionflux_core.domain.alert_rules import (
    MEASURES,
    AlertRule,
    AlertRuleDraft,
    Comparison,
    Destination,
    Reach,
    RuleTarget,
)
from ionflux_core.domain.health import HealthState
from ionflux_core.domain.incidents import IncidentStatus
from ionflux_core.services.watch import Present
from ionflux_core.web.api_here import Answer, Body, Editing, Here, Limit, Moment, Reading, Word

router = APIRouter(tags=["alerts"])


class IncidentOut(Answer):
    """One trouble, from its first sight to its end; `kind` is the measure that found it."""

    id: str
    rule_id: str | None
    kind: str
    subject: str
    title: str
    detail: str
    instance_id: str | None
    value: float | None
    status: IncidentStatus
    sightings: int
    opened_at: datetime
    seen_at: datetime
    told_at: datetime | None
    muted_until: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None


class IncidentList(Answer):
    """Incidents, newest first, and how many are open in all; `cursor` asks for the next page, null on the last one."""

    incidents: list[IncidentOut]
    open: int
    cursor: str | None


class RuleOut(Answer):
    """A rule as it is kept."""

    id: str
    name: str
    measure: str
    target: RuleTarget
    comparison: Comparison
    threshold: float
    period_minutes: int
    destinations: list[Destination]
    enabled: bool
    muted_until: datetime | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime


class ReadingOut(Answer):
    """What a measure finds for one subject; `not_computed` says why there is no value."""

    subject: str
    title: str
    detail: str
    value: float | None
    instance_id: str | None
    not_computed: str


class PresentOut(Answer):
    """What a rule would say now: its worst value, the same in words, and whether that breaks it."""

    value: float | None
    words: str
    broken: bool
    error: str
    readings: list[ReadingOut]


class RuleNow(RuleOut):
    """A rule with what it would say now; null while it is switched off."""

    present: PresentOut | None


class RuleList(Answer):
    """Every rule of the workspace, by name."""

    rules: list[RuleNow]


class MeasureOut(Answer):
    """One thing a rule can watch, how it is computed, and what a new rule starts with."""

    name: str
    title: str
    unit: str
    definition: str
    comparison: Comparison
    threshold: float
    period_minutes: int
    reach: Reach
    windowed: bool


class MeasureList(Answer):
    """Every measure; beside these a rule may watch a figure of the catalogue, as `figure:<name>`."""

    measures: list[MeasureOut]


class Pause(Body):
    """For how many minutes nobody is told; null or 0 ends the pause."""

    minutes: int | None = Field(60, ge=0, le=10_000_000)


class AgentHealthOut(Answer):
    """How an agent is, why, and how far behind its next sign of life it is."""

    instance_id: str
    state: HealthState
    reason: str
    late_seconds: float
    run_id: str | None


class HealthList(Answer):
    """How every agent of the workspace is, archived ones left out."""

    agents: list[AgentHealthOut]


@router.get("/alerts")
def find_incidents(
    here: Reading,
    status: IncidentStatus | None = None,
    kind: Annotated[Word | None, Query(description="Name of a measure.")] = None,
    instance_id: Word | None = None,
    since: Annotated[Moment | None, Query(description="Open at or after this time.")] = None,
    until: Annotated[Moment | None, Query(description="Opened before this time.")] = None,
    cursor: Word | None = None,
    limit: Limit = 50,
) -> IncidentList:
    """A page of incidents."""
    incidents = here.application.incidents
    found = incidents.find(
        here.workspace_id, status, since, cursor, limit + 1, until=until, kind=kind, instance_id=instance_id
    )
    shown = [IncidentOut.model_validate(each) for each in found[:limit]]
    following = shown[-1].id if len(found) > limit else None
    return IncidentList(incidents=shown, open=incidents.open_count(here.workspace_id), cursor=following)


@router.get("/alerts/rules")
def find_rules(here: Reading) -> RuleList:
    """The rules with what each would say now; a viewer sees of a webhook only where it leads."""
    app = here.application
    rules = app.alert_rules.find(here.workspace_id)
    present = app.watch.present(here.workspace_id, [rule for rule in rules if rule.enabled])
    return RuleList(rules=[_now(here, rule, present.get(rule.id)) for rule in rules])


@router.post("/alerts/rules", status_code=201)
def create_rule(here: Editing, draft: AlertRuleDraft) -> RuleOut:
    """Keep a new rule; what was before it alarms nobody."""
    rule = here.application.alert_rules.create(here.workspace_id, draft, by=here.who.name)
    return RuleOut.model_validate(rule)


@router.post("/alerts/rules/try")
def try_rule(here: Reading, draft: AlertRuleDraft) -> PresentOut:
    """What a rule would say now; nothing is kept and nobody is told."""
    return _present(here.application.watch.try_rule(here.workspace_id, draft))


@router.put("/alerts/rules/{rule_id}")
def save_rule(here: Editing, rule_id: str, draft: AlertRuleDraft) -> RuleOut:
    """Replace what a rule says."""
    rule = here.application.alert_rules.save(here.workspace_id, rule_id, draft, by=here.who.name)
    return RuleOut.model_validate(rule)


@router.delete("/alerts/rules/{rule_id}", status_code=204)
def remove_rule(here: Editing, rule_id: str) -> None:
    """Take a rule away; its incidents stay and end by themselves."""
    here.application.alert_rules.remove(here.workspace_id, rule_id, by=here.who.name)


@router.post("/alerts/rules/{rule_id}/mute")
def mute_rule(here: Editing, rule_id: str, pause: Pause) -> RuleOut:
    """Let a rule tell nothing for a while; what it sees is counted on."""
    rule = here.application.alert_rules.mute(here.workspace_id, rule_id, pause.minutes, by=here.who.name)
    return RuleOut.model_validate(rule)


@router.get("/alerts/measures")
def get_measures(here: Reading) -> MeasureList:
    """What rules can watch."""
    return MeasureList(measures=[MeasureOut.model_validate(measure) for measure in MEASURES])


@router.get("/alerts/health")
def get_health(here: Reading) -> HealthList:
    """How the agents are."""
    found = here.application.watch.health(here.workspace_id)
    return HealthList(
        agents=[
            AgentHealthOut(instance_id=key, state=each.state, reason=each.reason, late_seconds=each.late_seconds,
                           run_id=each.run_id)
            for key, each in found.items()
        ]
    )  # fmt: skip


@router.get("/alerts/{incident_id}")
def get_incident(here: Reading, incident_id: str) -> IncidentOut:
    """One incident."""
    return IncidentOut.model_validate(here.application.incidents.get(here.workspace_id, incident_id))


@router.post("/alerts/{incident_id}/mute")
def mute_incident(here: Editing, incident_id: str, pause: Pause) -> IncidentOut:
    """Hear nothing of an incident for a while."""
    found = here.application.incidents.mute(here.workspace_id, incident_id, pause.minutes, by=here.who.name)
    return IncidentOut.model_validate(found)


@router.post("/alerts/{incident_id}/resolve")
def resolve_incident(here: Editing, incident_id: str) -> IncidentOut:
    """End an incident; it opens anew only after its condition was gone and came back."""
    found = here.application.incidents.resolve(here.workspace_id, incident_id, by=here.who.name)
    return IncidentOut.model_validate(found)


def _now(here: Here, rule: AlertRule, present: Present | None) -> RuleNow:
    if not here.may_edit:
        rule = rule.model_copy(update={"destinations": tuple(each.for_readers() for each in rule.destinations)})
    kept = RuleOut.model_validate(rule).model_dump()
    return RuleNow(**kept, present=_present(present) if present else None)


def _present(present: Present) -> PresentOut:
    return PresentOut.model_validate(present)
