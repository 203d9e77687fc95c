"""Comparing two runs step beside step, and two versions of an instance's configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from ionflux_core import limits
from ionflux_core.domain.comparisons import (
    PairMark,
    RunComparison,
    RunSide,
    Spent,
    StepPair,
    StepSide,
    ValueMark,
    ValuePair,
    figure,
)
from ionflux_core.domain.configuration_differences import ConfigurationDifference, configuration_difference
from ionflux_core.domain.differences import Difference, json_difference
from ionflux_core.domain.runs import Run, RunStep
from ionflux_core.errors import Invalid, NotFound
from ionflux_core.redaction import Redactor
from ionflux_core.services.agents import Agents
from ionflux_core.services.secrets import Secrets
from ionflux_core.storage import run_files
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage import steps as step_rows
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import AnyRow, Connection, Database

STEPS_COMPARED = 500
# What is not about how the run was configured: it is told elsewhere, or follows from the rest.
_NO_SETTING = frozenset({"origins", "snippet_preview_output_key", "instance_version", "inputs"})
_Recorded = tuple[Run, list[RunStep], list[AnyRow], int]


class Comparisons:
    """Use-cases around looking at two things side by side."""

    def __init__(self, db: Database, files: ArtifactFiles, agents: Agents, secrets: Secrets) -> None:
        self._db = db
        self._files = files
        self._agents = agents
        self._secrets = secrets

    def runs(self, workspace_id: str, left_id: str, right_id: str) -> RunComparison:
        """Two runs side by side; NotFound when the workspace has not both, Invalid when they are the same one."""
        if left_id == right_id:
            raise Invalid("A run cannot be compared with itself.", hint="Choose two runs.")
        with self._db.read() as connection:
            left = _recorded(connection, workspace_id, left_id)
            right = _recorded(connection, workspace_id, right_id)
        redactor = self._secrets.redactor(workspace_id)
        one, two = left[0], right[0]
        pairs = list(self._pairs(left, right, redactor))
        return RunComparison(
            left=_side(one, left[2], redactor),
            right=_side(two, right[2], redactor),
            settings=_values(_settings(one), _settings(two), redactor),
            inputs=_values(one.inputs, two.inputs, redactor),
            outputs=_values(one.outputs or {}, two.outputs or {}, redactor),
            kpis=tuple(figure(name, one.kpis.get(name), two.kpis.get(name)) for name in {**one.kpis, **two.kpis}),
            steps=tuple(pairs),
            steps_left_out=max(left[3], right[3]),
        )

    def versions(self, workspace_id: str, instance_id: str, left: int, right: int) -> ConfigurationDifference:
        """What differs between two saved versions of an instance; secrets are not told."""
        texts = {each.version: each.yaml for each in self._agents.versions(workspace_id, instance_id)}
        for version in (left, right):
            if version not in texts:
                raise NotFound(f"There is no version {version}.", hint="Choose one from the list.")
        return configuration_difference(texts[left], texts[right], self._secrets.redactor(workspace_id))

    def texts(self, workspace_id: str, left: str, right: str) -> ConfigurationDifference:
        """What differs between two YAML texts that may not be saved yet; secrets are not told."""
        return configuration_difference(left, right, self._secrets.redactor(workspace_id))

    def _pairs(self, left: _Recorded, right: _Recorded, redactor: Redactor) -> Iterator[StepPair]:
        """Steps with the same key beside each other, in the order of both runs as far as they have one."""
        spent = _by_step(left[2]), _by_step(right[2])
        for one, two in _aligned(left[1], right[1]):
            step = one or two
            assert step is not None
            inputs, outputs, note = Difference(), Difference(), ""
            if one is not None and two is not None:
                inputs, input_note = self._inputs(one, two, redactor)
                outputs, note = self._outputs(one, two, redactor)
                note = note or input_note
            yield StepPair(
                redactor.text(step.step_key),
                _mark(one, two, inputs.same and outputs.same and not note),
                _step_side(one, spent[0].get(step.step_key, Spent()), redactor),
                _step_side(two, spent[1].get(step.step_key, Spent()), redactor),
                inputs,
                outputs,
                note,
            )

    @staticmethod
    def _inputs(one: RunStep, two: RunStep, redactor: Redactor) -> tuple[Difference, str]:
        if one.inputs_hash and one.inputs_hash == two.inputs_hash:
            return Difference(), ""
        found = _difference(one.inputs, two.inputs, redactor)
        # Inputs are kept as a preview; their hash was made of the whole.
        unseen = found.same and bool(one.inputs_hash and two.inputs_hash)
        return found, "The inputs differ in a part that is not kept." if unseen else ""

    def _outputs(self, one: RunStep, two: RunStep, redactor: Redactor) -> tuple[Difference, str]:
        if one.output_ref and one.output_ref == two.output_ref:
            return Difference(), ""
        try:
            return _difference(self._output(one), self._output(two), redactor), ""
        except NotFound:
            return Difference(), "A large output is not stored any more."
        except _TooLarge:
            return Difference(), "The outputs differ and are too large to be compared here."

    def _output(self, step: RunStep) -> Any:
        if not step.output_ref:
            return step.outputs
        data = self._files.read(step.output_ref)
        if len(data) > limits.COMPARED_BYTES:
            raise _TooLarge
        return from_json(data)


class _TooLarge(Exception):
    """More than is looked at for a comparison."""


def _recorded(connection: Connection, workspace_id: str, run_id: str) -> _Recorded:
    """A run, the steps that are compared, what its calls took, and how many steps are not compared."""
    run = run_rows.get(connection, workspace_id, run_id)
    if run is None:
        raise NotFound("There is no such run.", hint="Choose one from the list.")
    found = step_rows.of_run(connection, run_id, limit=STEPS_COMPARED)
    count = step_rows.count(connection, run_id) if len(found) == STEPS_COMPARED else len(found)
    return run, found, run_files.spent_by_step(connection, run_id), count - len(found)


def _aligned(left: list[RunStep], right: list[RunStep]) -> Iterator[tuple[RunStep | None, RunStep | None]]:
    on_left, on_right = {step.step_key for step in left}, {step.step_key: step for step in right}
    waiting = iter(right)
    for one in left:
        # What only the right one has stands where it came there: before the next step that both have.
        if one.step_key in on_right:
            for two in waiting:
                if two.step_key in on_left:
                    break
                yield None, two
        yield one, on_right.get(one.step_key)
    for two in waiting:
        if two.step_key not in on_left:
            yield None, two


def _mark(one: RunStep | None, two: RunStep | None, same: bool) -> PairMark:
    if one is None or two is None:
        return "only_right" if one is None else "only_left"
    if "reused" in (one.status, two.status) and same:
        return "reused"
    return "same" if same and one.status == two.status else "changed"


def _difference(left: Any, right: Any, redactor: Redactor) -> Difference:
    return json_difference(left, right, shown=lambda _, value: redactor.tree(value), named=redactor.text)


def _values(left: Mapping[str, Any], right: Mapping[str, Any], redactor: Redactor) -> tuple[ValuePair, ...]:
    return tuple(_value(name, left, right, redactor) for name in {**left, **right})


def _value(name: str, left: Mapping[str, Any], right: Mapping[str, Any], redactor: Redactor) -> ValuePair:
    mark: ValueMark
    if name not in left or name not in right:
        mark = "removed" if name in left else "added"
        only = {"value": left.get(name, right.get(name))}
        difference = _difference(*((only, {}) if mark == "removed" else ({}, only)), redactor)
        return ValuePair(redactor.text(name), mark, difference)
    difference = _difference(left[name], right[name], redactor)
    return ValuePair(redactor.text(name), "same" if difference.same else "changed", difference)


def _settings(run: Run) -> dict[str, Any]:
    """How a run was configured, its inputs aside."""
    return {name: value for name, value in run.config.items() if name not in _NO_SETTING}


def _side(run: Run, spent: list[AnyRow], redactor: Redactor) -> RunSide:
    used = {f"{row.provider}:{row.model}" for row in spent if row.kind == "llm"}
    return RunSide(
        run_id=run.id,
        name=run.instance_name or run.definition_slug,
        agent=run.definition_slug,
        agent_version=run.definition_version,
        instance_version=run.config.get("instance_version"),
        config_sha256=run.config_sha256,
        status=run.status,
        model=str((run.config.get("stack") or {}).get("model") or ""),
        models_used=tuple(sorted(used)),
        lineage=run.lineage,
        parent_run_id=run.parent_run_id,
        imported=run.imported is not None,
        dry_run=run.dry_run,
        error=redactor.text(run.error.message) if run.error else None,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        seconds=_seconds(run.started_at, run.finished_at),
        spent=_sum(spent),
    )


def _step_side(step: RunStep | None, spent: Spent, redactor: Redactor) -> StepSide | None:
    if step is None:
        return None
    return StepSide(
        title=redactor.text(step.title),
        kind=step.kind,
        status=step.status,
        attempt=step.attempt,
        seconds=_seconds(step.started_at, step.finished_at),
        source_run_id=step.source_run_id,
        error=redactor.text(step.error.message) if step.error else None,
        spent=spent,
    )


def _by_step(rows: list[AnyRow]) -> dict[str, Spent]:
    found: dict[str, list[AnyRow]] = {}
    for row in rows:
        found.setdefault(row.step_key or "", []).append(row)
    return {key: _sum(of_step) for key, of_step in found.items()}


def _sum(rows: list[AnyRow]) -> Spent:
    names = ("calls", "failed", "tokens_in", "tokens_out", "cost_micros", "unpriced")
    return Spent(**{name: sum(int(getattr(row, name) or 0) for row in rows) for name in names})


def _seconds(began: datetime | None, ended: datetime | None) -> float | None:
    return (ended - began).total_seconds() if began and ended else None
