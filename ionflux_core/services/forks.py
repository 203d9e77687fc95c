"""Runs made from runs: retry what failed, fork with something changed, replay from the recording; and their tree.

What is reused is verified by its hash before it is taken over, in one transaction with the new run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from ionflux_core import limits
from ionflux_core.catalog.configuration import hash_of
from ionflux_core.catalog.instance_text import as_typed, input_hint, model_id
from ionflux_core.catalog.manifest import did_you_mean
from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.domain.lineage import ForkPlan, LineageTree
from ionflux_core.domain.runs import FINISHED, Run
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound, Problem
from ionflux_core.ids import new_id, now
from ionflux_core.runtime.context import bounded, clock_of, seed_of
from ionflux_core.runtime.step_inputs import whole
from ionflux_core.services.agents import Agents
from ionflux_core.services.runs import Runs
from ionflux_core.services.starting import Prepared, Started, first_row
from ionflux_core.services.targets import Target
from ionflux_core.storage import audit, lineage
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import AnyRow, Connection, Database, dump_json

_PAGE: Final = 200
_SEALED: Final = ("definition", "triggers", "memory", "stack", "advanced_features")
_MODEL: Final = re.compile(r"[a-z][a-z0-9_-]{0,40}:\S{1,120}")
_LIKE_PARENT: Final = (
    "workspace_id", "instance_id", "definition_slug", "target", "brand_id", "trigger_kind", "trigger", "task",
    "correlation_id", "priority", "depth", "budget_micros",
)  # fmt: skip


class Forks:
    """Use-cases around runs that come from other runs."""

    def __init__(self, db: Database, files: ArtifactFiles, agents: Agents, runs: Runs) -> None:
        self._db = db
        self._files = files
        self._agents = agents
        self._runs = runs

    def retry(self, workspace_id: str, run_id: str, *, key: str | None = None, by: str | None = None) -> Started:
        """Go on with a run that did not end well in a new run: what it had finished is neither repeated nor paid."""
        parent = self._parent(workspace_id, run_id)
        if parent.status == "success":
            raise Conflict("This run ended well, so nothing is to be retried.", hint="Fork it, or run it again.")
        definition = self._definition(parent)
        row = self._child(parent, definition, "retry")
        changes = self._agent_change(parent, definition)
        return self._start(parent, row | {"changes": changes or None}, None, key=key, by=by)

    def fork(
        self,
        workspace_id: str,
        run_id: str,
        *,
        step: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        model: str | None = None,
        version: int | None = None,
        step_inputs: Mapping[str, Any] | None = None,
        dry_run: bool | None = None,
        key: str | None = None,
        by: str | None = None,
    ) -> Started:
        """A run that shares everything before a step with its parent and goes on anew from there.

        `inputs` replace those of the same name (None: not given any more); `step_inputs` replace what the step itself
        was given, in the form of its `ForkPlan`. Without a step nothing is reused.
        """
        parent = self._parent(workspace_id, run_id)
        definition = self._definition(parent)
        at = self._step(parent, step) if step else None
        self._agents.refuse_secrets(workspace_id, [inputs, step_inputs], "The fork")
        changes: dict[str, Any] = {}
        row = self._child(parent, definition, "fork") | {"forked_at": step}
        row |= self._changed(parent, definition, dict(inputs or {}), model, version, changes)
        changes |= self._agent_change(parent, definition)
        if step_inputs is not None:
            changes["step_inputs"] = _replaced(at, step_inputs)
        if dry_run is not None and dry_run != parent.dry_run:
            changes["dry_run"] = {"from": parent.dry_run, "to": dry_run}
            row["dry_run"] = dry_run
        return self._start(parent, row | {"changes": changes or None}, at, all_steps=False, key=key, by=by)

    def replay(self, workspace_id: str, run_id: str, *, key: str | None = None, by: str | None = None) -> Started:
        """The same run again from its recording: no call leaves, nothing is paid, the outputs must be the same."""
        parent = self._parent(workspace_id, run_id, replay=True)
        if parent.lineage == "replay" and parent.replay_of:
            parent = self._parent(workspace_id, parent.replay_of, replay=True)
        if parent.status.startswith("cancelled"):
            raise Conflict("A cancelled run has no end to be replayed to.", hint="Retry it, or fork it.")
        definition = self._agents.definition_of(parent)
        # A dry run to everyone who counts: the recorded run stands in the figures already.
        row = self._child(parent, definition, "replay") | {"replay_of": parent.id, "dry_run": True}
        if parent.definition_version != definition.version:
            told = (
                f"Recorded with version {parent.definition_version} of the agent, replayed with {definition.version}."
            )
            row["warnings"] = [told]
        return self._start(parent, row, None, failed=True, key=key, by=by)

    def plan(self, workspace_id: str, run_id: str, step: str | None) -> ForkPlan:
        """What a fork at a step would reuse, and the step's inputs if its record keeps them whole and plain."""
        parent = self._parent(workspace_id, run_id)
        if not step:
            return ForkPlan(None, [], None)
        at = self._step(parent, step)
        reused: list[tuple[str, str]] = []
        with self._db.read() as connection:
            for row in _pages(connection, parent.id, at):
                reused.append((row.step_key, row.title))
        kept = whole(at.inputs, at.inputs_hash)
        return ForkPlan(step, reused, {"args": kept[0], "kwargs": kept[1]} if kept else None)

    def lineage(
        self, workspace_id: str, run_id: str, *, cursor: str | None = None, limit: int = limits.PAGE_ROWS
    ) -> LineageTree:
        """The tree a run stands in, a page at a time."""
        self._runs.get(workspace_id, run_id)
        limit = max(1, min(limit, limits.PAGE_ROWS))
        with self._db.read() as connection:
            above = lineage.ancestors(connection, workspace_id, run_id)
            root = above[0].run_id if above else run_id
            found = lineage.family(connection, workspace_id, root, after=cursor, limit=limit + 1)
        return LineageTree(run_id, above, found[:limit], found[limit - 1].run_id if len(found) > limit else None)

    def _parent(self, workspace_id: str, run_id: str, *, replay: bool = False) -> Run:
        run = self._runs.get(workspace_id, run_id)
        if run.status not in FINISHED:
            raise Conflict("The run has not ended yet.", hint="Wait for its end, or cancel it.")
        if run.imported is not None and not replay:
            raise Conflict("This run came from a file.", hint="It can be looked at, compared and replayed.")
        if run.lineage == "replay" and not replay:
            raise Conflict("A replay is only a look at another run.", hint="Choose the run it replays.")
        return run

    def _definition(self, parent: Run) -> AgentDefinition:
        """The parent's definition, if it may run today; what its instance's YAML says today does not matter."""
        if parent.instance_id is not None:
            instance = self._agents.get(parent.workspace_id, parent.instance_id)
            if instance.status == "archived":
                raise Conflict(f"{instance.name} is archived.", hint="Bring it back before you run it.")
        self._agents.resolve(parent.workspace_id, f"agent:{parent.definition_slug}")
        return self._agents.definition_of(parent)

    def _step(self, parent: Run, step: str) -> AnyRow:
        with self._db.read() as connection:
            found = lineage.step(connection, parent.id, step)
        if found is None:
            raise NotFound(f"The run has no step {step[:80]!r}.", hint="Choose one of its steps.")
        return found

    @staticmethod
    def _agent_change(parent: Run, definition: AgentDefinition) -> dict[str, Any]:
        then, today = parent.definition_version, definition.version
        return {} if then == today else {"agent_version": {"from": then, "to": today}}

    def _child(self, parent: Run, definition: AgentDefinition, kind: str) -> dict[str, Any]:
        """The columns of a run that begins where another one stands, by the same clock and seed."""
        with self._db.read() as connection:
            found = lineage.parent(connection, parent.workspace_id, parent.id)
        assert found is not None
        same = {name: getattr(found, name) for name in _LIKE_PARENT}
        return same | {
            "id": new_id(),
            "definition_version": definition.version,
            "parent_run_id": parent.id,
            "lineage": kind,
            "clock": clock_of(parent),
            "seed": seed_of(parent),
            "status": "pending",
            "dry_run": parent.dry_run,
            "concurrency": definition.limits.concurrency,
            "attempt": 1,
            "claims": 0,
            "inputs": parent.inputs,
            "config": parent.config,
            "config_sha256": parent.config_sha256,
            "warnings": [],
            "kpis": {},
            "cost_micros": 0,
            "created_at": now(),
        }

    def _changed(
        self,
        parent: Run,
        definition: AgentDefinition,
        edits: dict[str, Any],
        model: str | None,
        version: int | None,
        changes: dict[str, Any],
    ) -> dict[str, Any]:
        """Inputs and configuration of a fork; what differs from the parent is noted in `changes`."""
        inputs, config = _edited(definition, parent, edits)
        named = set(definition.memory.placeholders()) & set(edits) if definition.memory.namespace else set()
        if version is not None or named:
            inputs, config = self._configured(parent, definition, edits, version)
        if model:
            config = _with_model(definition, config, model)
        if len(dump_json(inputs)) > limits.OUTPUT_BYTES:
            raise LimitExceeded("The inputs are too large.", hint="Give large data as a file.")
        moved = {
            name: {"from": _kept(parent.inputs.get(name)), "to": _kept(inputs.get(name))}
            for name in {**parent.inputs, **inputs}
            if parent.inputs.get(name) != inputs.get(name)
        }
        if moved:
            changes["inputs"] = moved
        for name, before, after in (
            ("model", _model(parent.config), _model(config)),
            ("version", parent.config.get("instance_version"), config.get("instance_version")),
        ):
            if before != after:
                changes[name] = {"from": before, "to": after}
        sealed = {name: config.get(name) for name in _SEALED} | {"inputs": inputs}
        return {"inputs": inputs, "config": config, "config_sha256": hash_of(sealed)}

    def _configured(
        self, parent: Run, definition: AgentDefinition, edits: dict[str, Any], version: int | None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Inputs and configuration by a saved version; what the start and the trigger gave then is given again."""
        saved = version if version is not None else parent.config.get("instance_version")
        if parent.instance_id is None or saved is None:
            if version is not None:
                raise Invalid("This run has no saved configuration.", hint="Leave the version out.")
            target = self._agents.resolve(parent.workspace_id, f"agent:{definition.slug}")
        else:
            target = self._agents.at_version(parent.workspace_id, parent.instance_id, saved)
        origins = parent.config.get("origins") or {}
        given: dict[str, dict[str, Any]] = {"run": {}, "trigger": {}}
        for name, value in parent.inputs.items():
            if origins.get(f"inputs.{name}") in given and definition.input(name):
                given[origins[f"inputs.{name}"]][name] = value
        return self._merged(parent, target, given["run"] | edits, given["trigger"])

    def _merged(
        self, parent: Run, target: Target, runtime: dict[str, Any], brought: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        merged = self._agents.effective(
            parent.workspace_id, target, runtime=runtime, brought=brought, brand_id=parent.brand_id
        )
        row = first_row(parent.workspace_id, target, merged, parent.brand_id)
        return row["inputs"], row["config"]

    def _start(
        self,
        parent: Run,
        row: dict[str, Any],
        at: AnyRow | None,
        *,
        all_steps: bool = True,
        failed: bool = False,
        key: str | None,
        by: str | None,
    ) -> Started:
        self._runs.check_disk()
        takes = all_steps or at is not None
        count = self._verify(parent, at) if takes else 0
        prepared = Prepared(row["id"], row | {"idempotency_key": bounded(key) if key else None})

        def work(connection: Connection) -> Started:
            started = self._runs.insert(connection, prepared)
            if started.repeated:
                return started
            if takes:
                taken = lineage.take_over(connection, parent.id, row["id"], before=at, failed=failed)
                if taken < count:
                    raise Conflict("Steps of the run went away meanwhile.", hint="Try again.")
            details = {"from": parent.id, "step": row.get("forked_at")}
            audit.note(
                connection, parent.workspace_id, at=now(), who=by, action=row["lineage"], entity="run",
                entity_id=row["id"], details=details,
            )  # fmt: skip
            return started

        started = self._db.write(work, durable=True)
        self._runs.announce()
        return started

    def _verify(self, parent: Run, before: AnyRow | None) -> int:
        """How many steps are to be reused; Conflict when one does not hold any more what it recorded."""
        count = 0
        with self._db.read() as connection:
            for row in _pages(connection, parent.id, before):
                count += 1
                if row.outputs_hash and row.outputs_hash != self._content(row):
                    raise Conflict(
                        f"Step {row.title[:80]!r} does not hold what it recorded: its hash is another one.",
                        hint="Fork at that step or before it, so that it runs anew.",
                        code="recording_damaged",
                        step=row.step_key,
                    )
        return count

    def _content(self, row: AnyRow) -> str:
        data = self._files.read(row.output_ref) if row.output_ref else to_json(row.outputs)
        return hashlib.sha256(data).hexdigest()


def _pages(connection: Connection, run_id: str, before: AnyRow | None) -> Any:
    """Every step to be reused, read in pages so that a long run need not lie in memory at once."""
    place = (-1, "")
    while page := lineage.finished_steps(connection, run_id, before=before, after=place, limit=_PAGE):
        yield from page
        place = (page[-1].seq, page[-1].step_key)


def _edited(definition: AgentDefinition, parent: Run, edits: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parent's own inputs and configuration with some inputs replaced, each checked."""
    inputs, problems = dict(parent.inputs), []
    origins = dict(parent.config.get("origins") or {})
    for name, value in edits.items():
        spec = definition.input(name)
        wrong = spec.problem_with(value) if spec and value is not None else None
        if spec is None:
            hint = did_you_mean(name, [known.key for known in definition.inputs])
            problems.append(Problem(f"{definition.name} has no input {name[:60]!r}.", hint, f"inputs.{name}"))
        elif wrong:
            problems.append(Problem(f"Input {name!r} {wrong}.", input_hint(spec, value), f"inputs.{name}"))
        elif value is None and spec.required:
            problems.append(Problem(f"Input {name!r} is missing.", "Give it.", f"inputs.{name}"))
        elif value is None:
            inputs.pop(name, None)
        else:
            inputs[name], origins[f"inputs.{name}"] = as_typed(spec, value), "run"
    if problems:
        raise Invalid(f"The fork of {definition.name} has {len(problems)} problems.", problems=problems)
    return inputs, parent.config | {"origins": origins}


def _with_model(definition: AgentDefinition, config: dict[str, Any], model: str) -> dict[str, Any]:
    chosen = model_id(definition, model) or (model if _MODEL.fullmatch(model) else None)
    if chosen is None:
        known = ", ".join(each.id for each in definition.stack.models) or "local:local-1"
        raise Invalid(f"{model[:80]!r} names no model.", hint=f"Write provider:name, such as {known}.")
    origins = {**(config.get("origins") or {}), "model": "run"}
    return config | {"stack": {**(config.get("stack") or {}), "model": chosen}, "origins": origins}


def _model(config: dict[str, Any]) -> Any:
    return (config.get("stack") or {}).get("model")


def _replaced(at: AnyRow | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The change of a step's own inputs, with what they were."""
    kept = whole(at.inputs, at.inputs_hash) if at is not None else None
    if kept is None:
        raise Invalid(
            "The inputs of this step cannot be edited: the run keeps only a summary of them.",
            hint="Edit the run's inputs, or fork at another step.",
        )
    args, kwargs = given.get("args", kept[0]), given.get("kwargs", kept[1])
    if not isinstance(args, list) or not isinstance(kwargs, dict) or set(given) - {"args", "kwargs"}:
        raise Invalid("Step inputs are a list of args and a map of kwargs.", hint='{"args": [...], "kwargs": {...}}')
    if len(args) != len(kept[0]) or set(kwargs) != set(kept[1]):
        raise Invalid("The step takes other inputs than these.", hint="Change values; keep their number and names.")
    if len(dump_json([args, kwargs])) > limits.INLINE_OUTPUT_BYTES:
        raise LimitExceeded("The step's inputs are too large.", hint="Give less.")
    return {"from": {"args": kept[0], "kwargs": kept[1]}, "to": {"args": args, "kwargs": kwargs}}


def _kept(value: Any) -> Any:
    """A value as it is noted among the changes; a large one by its size."""
    size = len(dump_json(value))
    return value if size <= limits.KIB else f"{size:,} bytes of JSON"
