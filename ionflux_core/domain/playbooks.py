"""Playbooks: what is done for a customer after an event, step by step, with delays, conditions and branches.

The long field names of the older records (`steps_json_array`, `trigger_event_schema_json`, ...) are read, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, JsonValue, ValidationInfo, field_validator, model_validator

from ionflux_core.domain.events import check_pattern, check_subject
from ionflux_core.domain.playbook_actions import ACTIONS, Action, ActionType, Nothing
from ionflux_core.domain.spellings import SpelledModel
from ionflux_core.errors import Invalid
from ionflux_core.limits import NAME_CHARS, PLAYBOOK_STEPS, TEXT_CHARS

PlaybookStatus = Literal["draft", "active", "paused", "archived"]
Operator = Literal["==", "!=", ">", ">=", "<", "<=", "contains", "in", "is_set", "is_not_set"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
# Where a branch or a step leads when nothing more is to be done.
END = "end"
ORDERED = "ionflux.shopify.order.created"

_YEAR_SECONDS = 366 * 86_400
_DAYS = 90
_VALUES, _VALUE_CHARS = 20, 200
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,9}")
_OPERATOR_WORDS = {
    "equals": "==", "eq": "==", "=": "==", "===": "==", "is": "==", "not_equals": "!=", "ne": "!=", "neq": "!=",
    "!==": "!=", "is_not": "!=", "gt": ">", "greater_than": ">", "gte": ">=", "lt": "<", "less_than": "<",
    "lte": "<=", "exists": "is_set", "not_exists": "is_not_set", "one_of": "in",
}  # fmt: skip

StepId = Annotated[str, Field(pattern=r"^[a-z](?:_?[a-z0-9])*$", max_length=40)]
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS)]
Path = Annotated[str, Field(max_length=200)]
Filter = Annotated[dict[str, JsonValue], Field(max_length=20)]


def _event(name: str) -> str:
    try:
        return check_pattern(name)
    except Invalid as error:
        raise ValueError(f"{error.message} {error.hint}".rstrip(". ")) from error


def _subject(name: str) -> str:
    try:
        return check_subject(name)
    except Invalid as error:
        raise ValueError(f"{error.message} {error.hint}".rstrip(". ")) from error


def _path(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError("write names joined by dots, such as customer.email")
    return text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 2**53


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _VALUE_CHARS and "\0" not in value
    return value is None or isinstance(value, bool) or _is_number(value)


class PlaybookTrigger(SpelledModel):
    """The event that starts it, and what its payload must hold; `source` is a note on who publishes it."""

    older_names = {"source_service": "source", "event_type": "event", "filter_conditions_json": "filter"}
    source: str = Field("", max_length=NAME_CHARS)
    event: str
    filter: Filter = {}

    _known = field_validator("event")(_event)

    @field_validator("source", "filter", mode="before")
    @classmethod
    def _none_is_left_out(cls, value: Any, info: ValidationInfo) -> Any:
        return cls.model_fields[str(info.field_name)].get_default() if value is None else value


class Audience(SpelledModel):
    """Whom it is for: a name, and what the event must hold beside the trigger's own filter."""

    name: str = Field("", max_length=NAME_CHARS)
    filter: Filter = {}


class Signal(SpelledModel):
    """An event of the same customer that is listened for while a delay lasts; with `ends` it ends the execution.

    `customer` is where its payload names the customer.
    """

    name: StepId
    event: str
    customer: Path = "customer.email"
    ends: bool = True

    _known = field_validator("event")(_event)
    _named = field_validator("customer")(_path)


class Check(SpelledModel):
    """A value that is looked at: `event.total_price`, `steps.offer.approved`, a signal's name, or an output's."""

    older_names = {"condition_on_output_key": "key"}
    key: str = Field(max_length=200)
    operator: Operator = "=="
    value: JsonValue = None

    _named = field_validator("key")(_path)

    @field_validator("operator", mode="before")
    @classmethod
    def _sign(cls, word: Any) -> Any:
        return _OPERATOR_WORDS.get(word.strip().lower(), word.strip().lower()) if isinstance(word, str) else word

    @model_validator(mode="after")
    def _fits(self) -> Check:
        value = self.value
        if self.operator in (">", ">=", "<", "<=") and not _is_number(value):
            raise ValueError(f"{self.operator} compares with a number")
        if self.operator == "in" and not (isinstance(value, list) and 0 < len(value) <= _VALUES):
            raise ValueError(f"'in' needs a list of 1 to {_VALUES} values")
        for each in value if self.operator == "in" and isinstance(value, list) else [value]:
            if not _is_plain(each):
                raise ValueError(f"compare with true, false, a number, or a text of at most {_VALUE_CHARS} characters")
        return self


class Branch(Check):
    """A way that is taken when its check holds: the step it leads to, or `end`."""

    older_names = {**Check.older_names, "next_step_id": "next"}
    next: str


class PlaybookStep(SpelledModel):
    """One step: wait, then act, then go on. `next` is a step, `end`, or None for the step below.

    `only_if` decides after the delay whether it acts; the way on is the same either way. Of the branches the first
    whose check holds is taken, else `next`.
    """

    older_names = {
        "step_id": "id",
        "step_name": "name",
        "action_type": "action",
        "action_config_json": "config",
        "next_step_conditions_json_array": "branches",
        "default_next_step_id": "next",
    }
    id: StepId
    name: Name
    delay_seconds: int = Field(0, ge=0, le=_YEAR_SECONDS)
    action: ActionType = "nothing"
    config: dict[str, JsonValue] = {}
    only_if: tuple[Check, ...] = Field((), max_length=5)
    branches: tuple[Branch, ...] = Field((), max_length=10)
    next: str | None = None

    @field_validator("id")
    @classmethod
    def _not_the_end(cls, step_id: str) -> str:
        if step_id == END:
            raise ValueError("'end' is the end and no step")
        return step_id

    @model_validator(mode="before")
    @classmethod
    def _settings_fit(cls, data: Any) -> Any:
        """Read the settings as those of the action, older spellings too; its complaints become this step's."""
        if not isinstance(data, dict):
            return data
        if "default_next_step_id" in data and data["default_next_step_id"] is None:
            data = {**data, "default_next_step_id": END}
        action = str(data.get("action", data.get("action_type", "nothing")))
        name = "action_config_json" if "action_config_json" in data else "config"
        written = data.get(name) or {}
        if action not in ACTIONS or not isinstance(written, dict):
            return data
        return {**data, name: ACTIONS[action].model_validate(written).model_dump(mode="json", exclude_defaults=True)}

    @property
    def settings(self) -> Action:
        """The settings as those of its action."""
        return ACTIONS[self.action].model_validate(self.config)

    @property
    def acts(self) -> bool:
        """False for a step that only waits or chooses a way."""
        return ACTIONS[self.action] is not Nothing


class Conversion(SpelledModel):
    """What counts as success: an event of the same customer within so many days after the start."""

    event: str = ORDERED
    customer: Path = "customer.email"
    within_days: int = Field(7, ge=1, le=_DAYS)

    _known = field_validator("event")(_subject)
    _named = field_validator("customer")(_path)


class PlaybookDraft(SpelledModel):
    """What a person edits of a playbook. `customer` is where the trigger's payload names the customer."""

    older_names = {
        "description_text": "description",
        "trigger_event_schema_json": "trigger",
        "target_audience_segment_id": "audience",
        "steps_json_array": "steps",
    }
    name: Name
    description: str = Field("", max_length=TEXT_CHARS)
    trigger: PlaybookTrigger
    audience: Audience = Audience()
    customer: Path = "customer.email"
    signals: tuple[Signal, ...] = Field((), max_length=5)
    steps: tuple[PlaybookStep, ...] = Field((), max_length=PLAYBOOK_STEPS)
    conversion: Conversion = Conversion()

    _named = field_validator("customer")(_path)

    @field_validator("description", mode="before")
    @classmethod
    def _none_is_empty(cls, text: Any) -> Any:
        return "" if text is None else text

    @field_validator("audience", mode="before")
    @classmethod
    def _segment(cls, audience: Any) -> Any:
        """The older records name a segment and nothing else."""
        return {"name": audience or ""} if audience is None or isinstance(audience, str) else audience

    @model_validator(mode="after")
    def _names_agree(self) -> PlaybookDraft:
        for what, names in (
            ("step", [step.id for step in self.steps]),
            ("signal", [signal.name for signal in self.signals]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"the {what} {sorted(twice)[0]!r} is there twice")
        known = {step.id for step in self.steps} | {END}
        for step in self.steps:
            for target in (step.next, *(branch.next for branch in step.branches)):
                if target is not None and target not in known:
                    raise ValueError(f"step {step.name!r} leads to {target[:60]!r}, which is no step")
        self._check_signals()
        return self

    def _check_signals(self) -> None:
        """A signal has come or not: it is compared with true or false."""
        signals = {signal.name for signal in self.signals}
        for step in self.steps:
            for check in (*step.only_if, *step.branches):
                told = check.operator in ("==", "!=") and isinstance(check.value, bool)
                if check.key in signals and not told:
                    raise ValueError(f"step {step.name!r}: the signal {check.key!r} is or is not true or false")

    def step(self, step_id: str) -> PlaybookStep | None:
        """The step of that id, or None."""
        return next((step for step in self.steps if step.id == step_id), None)

    def following(self, step: PlaybookStep) -> str:
        """Where a step leads when no branch is taken: a step's id, or `end`."""
        if step.next is not None:
            return step.next
        place = self.steps.index(step) + 1
        return self.steps[place].id if place < len(self.steps) else END

    def ways(self, step: PlaybookStep) -> Iterator[str]:
        """Where a step may lead, branches first."""
        yield from (branch.next for branch in step.branches)
        yield self.following(step)

    def circle(self) -> list[str]:
        """Steps that lead back to themselves, by name in their order; empty when there are none."""
        done: set[str] = set()

        def search(step: PlaybookStep, way: tuple[str, ...]) -> tuple[str, ...]:
            if step.id in way:
                return (*way[way.index(step.id) :], step.id)
            for target in () if step.id in done else self.ways(step):
                following = self.step(target)
                found = search(following, (*way, step.id)) if following else ()
                if found:
                    return found
            done.add(step.id)
            return ()

        found = next((found for step in self.steps if (found := search(step, ()))), ())
        return [self._called(each) for each in found]

    def unreached(self) -> list[PlaybookStep]:
        """Steps that no way leads to."""
        reached: set[str] = set()
        left = [self.steps[0].id] if self.steps else []
        while left:
            step = self.step(left.pop())
            if step is not None and step.id not in reached:
                reached.add(step.id)
                left.extend(self.ways(step))
        return [step for step in self.steps if step.id not in reached]

    def _called(self, step_id: str) -> str:
        step = self.step(step_id)
        return step.name if step else step_id


class Playbook(PlaybookDraft):
    """A playbook of a workspace; `flow_id` is the flow it runs as, once it has been active."""

    id: str
    workspace_id: str
    slug: str
    status: PlaybookStatus = "draft"
    version: int = 1
    author: str = ""
    flow_id: str | None = None
    derived_from: dict[str, Any] | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def flow_name(self) -> str:
        """What its flow is called."""
        return flow_name(self.slug)


class PlaybookVersion(SpelledModel):
    """A playbook as it was."""

    playbook_id: str
    version: int
    draft: PlaybookDraft
    author: str
    message: str
    created_at: datetime


def flow_name(slug: str) -> str:
    """What the flow of a playbook is called."""
    return f"playbook_{slug}"


def slug_of(name: str) -> str:
    """A playbook's short name made from its name: small letters, digits and _, at most 40."""
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40].strip("_")
    return words or "playbook"
