"""What a run will probably cost, from what its like have cost; and what an agent's runs have cost so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from statistics import median, quantiles

from ionflux_core.domain.money import Band, CostFigures, Estimate, StepEstimate
from ionflux_core.domain.runs import FINISHED, Run
from ionflux_core.errors import Invalid
from ionflux_core.ids import now
from ionflux_core.services.agents import Agents
from ionflux_core.services.runs import Runs
from ionflux_core.storage import costs, steps
from ionflux_core.storage.engine import AnyRow, Connection, Database

_HISTORY = 50
_DAYS = 30
_MOST_STEPS = 10_000
_NOTHING = "It has not ended well here yet, so there is nothing to estimate from."

Priced = Callable[[AnyRow], int | None]


class Estimates:
    """Use-cases around what runs cost. Every estimate says from how many runs it was made, or why there is none."""

    def __init__(self, db: Database, agents: Agents, runs: Runs) -> None:
        self._db = db
        self._agents = agents
        self._runs = runs

    def of_instance(self, workspace_id: str, instance_id: str, *, model: str | None = None) -> Estimate:
        """What the next run of an instance will probably cost and take; `model` asks for another one's prices."""
        instance = self._agents.get(workspace_id, instance_id)
        return self._estimate(workspace_id, instance.id, instance.definition_slug, model=model)

    def of_definition(self, workspace_id: str, slug: str, *, model: str | None = None) -> Estimate:
        """What a run of an agent will probably cost and take, from all its runs in the workspace."""
        return self._estimate(workspace_id, None, slug, model=model)

    def of_fork(self, workspace_id: str, run_id: str, *, step: str | None = None, model: str | None = None) -> Estimate:
        """What a fork of a run will cost: the steps before `step` are taken over and cost nothing."""
        run = self._runs.get(workspace_id, run_id)
        reused: set[str] = set()
        if step is not None:
            with self._db.read() as connection:
                known = steps.of_run(connection, run_id, limit=_MOST_STEPS)
            first = next((each.seq for each in known if each.step_key == step), None)
            if first is None:
                raise Invalid(f"The run has no step {step[:80]!r}.", hint="Choose one of its steps.")
            reused = {each.step_key for each in known if each.seq < first}
        return self._estimate(workspace_id, run.instance_id, run.definition_slug, model=model, without=reused, like=run)

    def _estimate(
        self,
        workspace_id: str,
        instance_id: str | None,
        slug: str,
        *,
        model: str | None = None,
        without: Collection[str] = (),
        like: Run | None = None,
    ) -> Estimate:
        with self._db.read() as connection:
            of_instance = _history(connection, workspace_id, instance_id, slug) if instance_id else []
            history = of_instance or _history(connection, workspace_id, None, slug)
            run_ids = [row.id for row in history]
            if not run_ids and like is not None and like.status in FINISHED:
                run_ids = [like.id]
            rows = costs.calls_by_step(connection, run_ids) if run_ids else []
        if not run_ids:
            return Estimate(not_computed=_NOTHING)
        took = [(row.finished_at - row.started_at).total_seconds() for row in history if row.started_at]
        # A part of a run does not take as long as the whole, and nobody knows which part of the time it takes.
        seconds = None if without or not took else band(took)
        source = "instance" if of_instance else "definition"
        rows = [row for row in rows if row.step_key not in without]
        by_run = _costs_of(run_ids, rows, _as_recorded if model is None else _at_price_of(model))
        if not by_run:
            unknown = model or ", ".join(sorted({f"{row.provider}:{row.model}" for row in rows if row.unpriced}))
            return Estimate(
                seconds=seconds, source=source, not_computed=f"No price is known for {unknown}, so its calls have none."
            )
        totals = [float(sum(parts.values())) for parts in by_run.values()]
        return Estimate(cost=band(totals), seconds=seconds, steps=_by_step(by_run, rows), source=source)

    def figures(self, workspace_id: str, instance_id: str) -> CostFigures:
        """What an instance's runs of the last 30 days have cost."""
        with self._db.read() as connection:
            since = now() - timedelta(days=_DAYS)
            row = costs.of_runs(connection, workspace_id, instance_id=instance_id, since=since)
        return CostFigures(
            runs=row.runs,
            cost_micros=row.cost_micros,
            per_run_micros=row.cost_micros / row.runs if row.runs else None,
            calls=row.calls,
            unpriced_calls=row.unpriced,
        )


def band(values: Sequence[float]) -> Band:
    """The middle of some values, and the range that holds 8 of 10."""
    if len(values) < 2:
        return Band(n=len(values), p10=values[0], median=values[0], p90=values[0])
    tenths = quantiles(values, n=10, method="inclusive")
    return Band(n=len(values), p10=tenths[0], median=median(values), p90=tenths[-1])


def _history(connection: Connection, workspace_id: str, instance_id: str | None, slug: str) -> Sequence[AnyRow]:
    return costs.finished_runs(connection, workspace_id, instance_id=instance_id, definition_slug=slug, limit=_HISTORY)


def _as_recorded(row: AnyRow) -> int | None:
    return None if row.unpriced else int(row.cost_micros)


def _at_price_of(model: str) -> Priced:
    """What the same tokens would cost today at another model."""
    from ionflux_core.llm.pricing import cost_micros

    provider, _, name = model.partition(":")
    day = now().date()

    def priced(row: AnyRow) -> int | None:
        # Per call: a price may hold only up to so many tokens.
        each = [count // row.calls for count in (row.tokens_in, row.tokens_out, row.cached_tokens)]
        one = cost_micros(provider, name, *each, on=day)
        return None if one is None else one * int(row.calls)

    return priced


def _costs_of(run_ids: Sequence[str], rows: Sequence[AnyRow], priced: Priced) -> dict[str, dict[str, int]]:
    """Cost by run and step; runs with a call whose price nobody knows are left out: they would look cheap."""
    by_run: dict[str, dict[str, int]] = {run_id: {} for run_id in run_ids}
    for row in rows:
        cost, key = priced(row), row.step_key or ""
        if cost is None:
            by_run.pop(row.run_id, None)
        elif row.run_id in by_run:
            parts = by_run[row.run_id]
            parts[key] = parts.get(key, 0) + cost
    return by_run


def _by_step(by_run: dict[str, dict[str, int]], rows: Sequence[AnyRow]) -> list[StepEstimate]:
    found: dict[str, list[float]] = defaultdict(list)
    made: dict[str, int] = defaultdict(int)
    for parts in by_run.values():
        for key, cost in parts.items():
            found[key].append(float(cost))
    for row in rows:
        if row.run_id in by_run:
            made[row.step_key or ""] += row.calls
    return [
        StepEstimate(step_key=key, calls=made[key] / len(found[key]), cost=band(found[key])) for key in sorted(found)
    ]
