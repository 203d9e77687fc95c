"""Alert rules: what is measured, when it is too much, of what, and where it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ionflux_core.domain.destinations import Way, complaint, shown_to_readers
from ionflux_core.limits import ADDRESS_CHARS, ALERT_DESTINATIONS, ALERT_PERIOD_MINUTES, NAME_CHARS

Comparison = Literal["above", "below"]
# What a measure can be narrowed to: anything, single agents, or nothing because it is about the machine.
Reach = Literal["runs", "instances", "workspace"]

FIGURE = "figure:"
MEASURE_CHARS = 60


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing a rule can watch: its name and unit, how it is computed in words, and what a new rule starts with."""

    name: str
    title: str
    unit: str
    definition: str
    comparison: Comparison
    threshold: float
    period_minutes: int
    reach: Reach
    # The period is a window that is measured over; else it is only how long it has to be well again.
    windowed: bool = False


MEASURES: tuple[Measure, ...] = (
    Measure("failure_rate", "Failure rate", "%", "Runs that ended in error or by a budget divided by runs that ended "
            "with a verdict in the period; not computed below 5 runs.", "above", 50, 60, "runs", windowed=True),
    Measure("latency_p95", "Run time, p95", "s", "The time that 95 of 100 successful runs of the period stay within, "
            "from their start to their end; not computed below 5 runs.", "above", 60, 60, "runs", windowed=True),
    Measure("cost", "Cost", "USD", "What the runs that ended in the period have cost, the newest 20,000 at most.",
            "above", 1, 60, "runs", windowed=True),
    Measure("cost_projected", "Cost pace", "USD", "What was spent and set aside since midnight, projected to the end "
            "of the day; not computed in the day's first hour.", "above", 10, 30, "instances"),
    Measure("queue_length", "Queue length", "runs", "Runs that could start now and wait.", "above", 50, 5, "instances"),
    Measure("queue_delay", "Queue delay", "s", "How long the run that waits longest has waited.", "above", 60, 5,
            "instances"),
    Measure("breaker", "Stopped agents", "failures", "Agents stopped after failing several times in a row; the value "
            "is how often.", "above", 0, 5, "instances"),
    Measure("overdue", "Overdue schedules", "min", "Minutes since a schedule should have fired.", "above", 0.5, 5,
            "instances"),
    Measure("silence", "Silent agents", "min", "Minutes since an agent's next sign of life was due: after its "
            "schedules, or what its manifest says under health.", "above", 0, 5, "instances"),
    Measure("dead_letters", "Dead letters", "events", "Events of the period that a trigger could not take.", "above", 0,
            1440, "instances", windowed=True),
    Measure("disk_free", "Free disk", "GiB", "What is free where the data lies.", "below", 1, 15, "workspace"),
)  # fmt: skip
BY_NAME = {measure.name: measure for measure in MEASURES}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleTarget(_Model):
    """What a rule looks at; empty is the whole workspace."""

    definition_slug: str | None = Field(default=None, min_length=1, max_length=100)
    instance_id: str | None = Field(default=None, min_length=1, max_length=36)
    brand_id: str | None = Field(default=None, min_length=1, max_length=36)

    @property
    def subject(self) -> str:
        """The target as the subject of an incident."""
        parts = (("agent", self.definition_slug), ("instance", self.instance_id), ("brand", self.brand_id))
        return "+".join(f"{kind}:{value}" for kind, value in parts if value) or "workspace"

    @property
    def is_narrow(self) -> bool:
        """Whether it is less than the whole workspace."""
        return self.subject != "workspace"


class Destination(_Model):
    """Where an incident is told beside the app itself."""

    channel: Way
    to: Annotated[str, Field(min_length=1, max_length=ADDRESS_CHARS)]

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Destination:
        wrong = complaint(self.channel, self.to.strip())
        if wrong:
            raise ValueError(wrong)
        return self

    def for_readers(self) -> Destination:
        """The same as who may not change the rule sees it."""
        return self.model_copy(update={"to": shown_to_readers(self.channel, self.to)})


class AlertRuleDraft(_Model):
    """A rule as a person writes it."""

    name: str = Field(min_length=1, max_length=NAME_CHARS)
    measure: str = Field(min_length=1, max_length=MEASURE_CHARS)
    target: RuleTarget = RuleTarget()
    comparison: Comparison = "above"
    threshold: float = Field(ge=-1e12, le=1e12, allow_inf_nan=False)
    period_minutes: int = Field(default=60, ge=1, le=ALERT_PERIOD_MINUTES)
    destinations: tuple[Destination, ...] = Field(default=(), max_length=ALERT_DESTINATIONS)
    enabled: bool = True

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not name.strip() or not name.isprintable():
            raise ValueError("write a short plain name")
        return name.strip()

    @model_validator(mode="after")
    def _measure_and_target_agree(self) -> AlertRuleDraft:
        if self.measure.startswith(FIGURE):
            return self
        known = BY_NAME.get(self.measure)
        if known is None:
            raise ValueError(f"there is no measure {self.measure[:40]!r}; there are: {', '.join(BY_NAME)}")
        if known.reach == "workspace" and self.target.is_narrow:
            raise ValueError(f"{known.title} is about the whole program and cannot be narrowed")
        return self

    def is_broken_by(self, value: float | None) -> bool:
        """Whether the condition holds for a value; one that could not be computed breaks nothing."""
        if value is None:
            return False
        return value > self.threshold if self.comparison == "above" else value < self.threshold


class AlertRule(AlertRuleDraft):
    """A rule as it is kept."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    workspace_id: str
    muted_until: datetime | None = None
    created_by: str | None = None
    created_at: datetime
    updated_at: datetime

    def is_muted(self, at: datetime) -> bool:
        """Whether it tells nothing for now."""
        return self.muted_until is not None and self.muted_until > at


ALERTS_CHANNEL = "alerts"
_IN_CHAT = (Destination(channel="chat", to=ALERTS_CHANNEL),)
# What every workspace begins with: that something has stopped is worth knowing before anybody asks.
USUAL_RULES: tuple[AlertRuleDraft, ...] = tuple(
    AlertRuleDraft(
        name=name, measure=measure, comparison=BY_NAME[measure].comparison, threshold=BY_NAME[measure].threshold,
        period_minutes=BY_NAME[measure].period_minutes, destinations=_IN_CHAT,
    )
    for name, measure in (
        ("A schedule is overdue", "overdue"),
        ("An agent went silent", "silence"),
        ("An agent was stopped", "breaker"),
        ("Half of the runs fail", "failure_rate"),
        ("The disk fills up", "disk_free"),
    )
)  # fmt: skip


def measure_of(name: str) -> Measure:
    """The measure of a rule; a figure of the catalogue is measured over its period like any other."""
    known = BY_NAME.get(name)
    if known is not None:
        return known
    title = name.removeprefix(FIGURE).replace("_", " ").replace(".", " ").strip().capitalize()
    return Measure(name, title, "", "A figure of the catalogue.", "above", 0, 1440, "runs", windowed=True)


def shown_value(value: float | None, unit: str) -> str:
    """A value with its unit, such as 42 %, $1.20 or 3.5 s; a dash where nothing was computed."""
    if value is None:
        return "–"
    if unit == "USD":
        return f"${value:,.2f}"
    digits = 0 if value == int(value) or abs(value) >= 100 else 1
    return f"{value:,.{digits}f} {unit}".strip()
