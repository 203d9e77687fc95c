"""Two runs side by side, as a page draws them and the API answers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ionflux_core.domain.differences import Difference
from ionflux_core.domain.runs import RunStatus, StepStatus

PairMark = Literal["same", "changed", "only_left", "only_right", "reused"]
ValueMark = Literal["same", "changed", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Spent:
    """What was called: how many calls, with how many tokens, at which cost; `unpriced` calls have no known price."""

    calls: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int = 0
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class RunSide:
    """One of the two runs: what stands in its column at the top."""

    run_id: str
    name: str
    agent: str
    agent_version: str
    instance_version: int | None
    config_sha256: str
    status: RunStatus
    model: str
    models_used: tuple[str, ...]
    lineage: str | None
    parent_run_id: str | None
    imported: bool
    dry_run: bool
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    spent: Spent


@dataclass(frozen=True, slots=True)
class Figure:
    """A number on both sides; `delta` is right minus left, None when a side has none."""

    name: str
    left: float | None
    right: float | None
    delta: float | None


@dataclass(frozen=True, slots=True)
class ValuePair:
    """One named value (an input, an output, a setting) on both sides, with its differences."""

    name: str
    mark: ValueMark
    difference: Difference


@dataclass(frozen=True, slots=True)
class StepSide:
    """One side of a step."""

    title: str
    kind: str
    status: StepStatus
    attempt: int
    seconds: float | None
    source_run_id: str | None
    error: str | None
    spent: Spent


@dataclass(frozen=True, slots=True)
class StepPair:
    """A step beside the step with the same key; a side that has none is None.

    `note` says what could not be compared, and why.
    """

    step_key: str
    mark: PairMark
    left: StepSide | None
    right: StepSide | None
    inputs: Difference
    outputs: Difference
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Everything two runs have in common and not; `steps_left_out` counts steps behind the last one told."""

    left: RunSide
    right: RunSide
    settings: tuple[ValuePair, ...]
    inputs: tuple[ValuePair, ...]
    outputs: tuple[ValuePair, ...]
    kpis: tuple[Figure, ...]
    steps: tuple[StepPair, ...]
    steps_left_out: int = 0

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Duration, cost, calls and tokens on both sides."""
        one, two = self.left.spent, self.right.spent
        return (
            figure("seconds", self.left.seconds, self.right.seconds),
            figure("cost_micros", one.cost_micros, two.cost_micros),
            figure("calls", one.calls, two.calls),
            figure("tokens_in", one.tokens_in, two.tokens_in),
            figure("tokens_out", one.tokens_out, two.tokens_out),
        )


def figure(name: str, left: Any, right: Any) -> Figure:
    """A figure of two values that may be none or no numbers."""
    one, two = _number(left), _number(right)
    return Figure(name, one, two, None if one is None or two is None else two - one)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
