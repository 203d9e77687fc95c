"""Whatever people, time and crashes do to runs, they stand where a small model says, and no step runs twice."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ionflux_core.domain.runs import ALLOWED_MOVES, FINISHED, RUN_STATUSES, sources_of
from ionflux_core.errors import Conflict
from ionflux_core.runtime.worker import Worker
from ionflux_core.sdk import Retry
from tests.agents_for_tests.world import Clock, World, small_world, world

__all__ = ["small_world", "world"]

BACKOFF, NAP = 10, 60
OPERATIONS = ["step", "step", "retry", "approve", "wait", "fail"]


@dataclass
class Model:
    """Where a run should stand: at which operation of its plan, in which status, until when."""

    plan: list[str]
    status: str = "pending"
    at: int = 0
    attempt: int = 1
    wake: datetime | None = None
    answered: bool = False
    retried: set[int] = field(default_factory=set)

    def work(self, now: datetime) -> None:
        """Carry out the plan up to its end or its next stop."""
        while self.at < len(self.plan):
            operation = self.plan[self.at]
            if operation == "retry" and self.at not in self.retried:
                self.retried.add(self.at)
                if self.attempt > 2:
                    return self.move("error")
                self.attempt += 1
                return self.move("pending", now + timedelta(seconds=BACKOFF * 2 ** (self.attempt - 2)))
            if operation == "fail":
                return self.move("error")
            if operation == "approve" and not self.answered:
                return self.move("awaiting_approval")
            if operation == "wait" and (self.wake is None or now < self.wake):
                return self.move("waiting", self.wake or now + timedelta(seconds=NAP))
            self.at, self.wake, self.answered = self.at + 1, None, False
        return self.move("success")

    def move(self, status: str, wake: datetime | None = None) -> None:
        """Stand there."""
        self.status, self.wake = status, wake


class Moves(RuleBasedStateMachine):
    """Random acts upon real runs and the model beside them."""

    started: Bundle[str] = Bundle("started")
    world: World
    worker: Worker
    ran: Counter[tuple[str, int]]

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.models: dict[str, Model] = {}

    @rule(target=started, plan=st.lists(st.sampled_from(OPERATIONS), max_size=5))
    def start(self, plan: list[str]) -> str:
        run_id = self.world.start("planned", plan)
        self.models[run_id] = Model(plan)
        return run_id

    @rule()
    def work(self) -> None:
        due = [
            (run_id, model)
            for run_id, model in sorted(self.models.items())
            if model.status == "pending" and (self.sleeps(model) or self.clock.at >= self.wake_of(model))
        ]
        claimed = self.worker._claim()
        assert (claimed is None) == (not due)
        if claimed is not None:
            assert claimed[0].row.id == due[0][0]
            self.worker._begin(*claimed, threading.current_thread())
            due[0][1].work(self.clock.at)

    @staticmethod
    def sleeps(model: Model) -> bool:
        """A woken or resumed run keeps its timer in its journal; the queue does not hold it back."""
        return model.wake is None or model.plan[model.at] == "wait"

    @staticmethod
    def wake_of(model: Model) -> datetime:
        assert model.wake is not None
        return model.wake

    @rule(run_id=started)
    def cancel(self, run_id: str) -> None:
        model = self.models[run_id]
        if model.status in FINISHED:
            with pytest.raises(Conflict):
                self.world.app.runs.cancel(self.world.workspace, run_id)
        else:
            self.world.app.runs.cancel(self.world.workspace, run_id)
            model.move("cancelled_by_user")

    @rule(run_id=started)
    def pause(self, run_id: str) -> None:
        model = self.models[run_id]
        if model.status in ("pending", "waiting"):
            self.world.app.runs.pause(self.world.workspace, run_id)
            model.status = "paused"
        else:
            with pytest.raises(Conflict):
                self.world.app.runs.pause(self.world.workspace, run_id)

    @rule(run_id=started)
    def resume(self, run_id: str) -> None:
        model = self.models[run_id]
        if model.status == "paused":
            self.world.app.runs.resume(self.world.workspace, run_id)
            waits = model.at < len(model.plan) and model.plan[model.at] == "wait"
            model.move("pending", model.wake if waits else None)
        else:
            with pytest.raises(Conflict):
                self.world.app.runs.resume(self.world.workspace, run_id)

    @rule(approved=st.booleans())
    def decide(self, approved: bool) -> None:
        open_ones = self.world.app.approvals.pending(self.world.workspace)
        asking = [run_id for run_id, model in self.models.items() if model.status == "awaiting_approval"]
        assert sorted(question.run_id for question in open_ones) == sorted(asking)
        for question in open_ones[:1]:
            self.world.app.approvals.decide(self.world.workspace, question.id, approved=approved)
            self.models[question.run_id].status = "pending"
            self.models[question.run_id].answered = True

    @rule(seconds=st.sampled_from([1, 15, 45, 90]))
    def time_passes(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)
        self.worker._wake_due()
        for model in self.models.values():
            if model.status == "waiting" and model.wake is not None and self.clock.at >= model.wake:
                model.status = "pending"

    @rule()
    def a_worker_is_lost(self) -> None:
        """It took a run and was gone before the first step: the run comes back, and nothing else has changed."""
        claimed = self.worker._claim()
        if claimed is not None:
            self.clock.forward(seconds=0.001)
            self.worker._ports.db.write(lambda c: _expire(c, claimed[0].row.id, self.clock.at))
            row_claims = claimed[0].row.claims
            self.worker.recover()
            model = self.models[claimed[0].row.id]
            if row_claims + 1 >= 5:
                model.move("error")
            elif not (model.at < len(model.plan) and model.plan[model.at] == "wait"):
                model.wake = None

    @invariant()
    def all_stand_where_they_should(self) -> None:
        for run_id, model in self.models.items():
            assert self.world.get(run_id).status == model.status, (run_id, model)

    @invariant()
    def no_step_ran_twice(self) -> None:
        assert all(count == 1 for (run_id, _), count in self.ran.items() if run_id in self.models)

    def teardown(self) -> None:
        for run_id, model in self.models.items():
            if model.status not in FINISHED:
                self.world.app.runs.cancel(self.world.workspace, run_id)


def _expire(connection: Any, run_id: str, at: datetime) -> None:
    from sqlalchemy import update

    from ionflux_core.storage.tables import runs

    values = {"lease_owner": "elsewhere:1:x", "lease_until": at - timedelta(seconds=1)}
    connection.execute(update(runs).where(runs.c.id == run_id).values(**values))


def _machine(world: World) -> type[Moves]:
    ran: Counter[tuple[str, int]] = Counter()
    retried: set[tuple[str, int]] = set()

    def step(run_id: str, number: int, operation: str) -> int:
        if operation == "retry" and (run_id, number) not in retried:
            retried.add((run_id, number))
            raise Retry("Not yet.", after_seconds=0)
        ran[run_id, number] += 1
        return number

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        for number, operation in enumerate(inputs["value"]):
            if operation == "approve":
                ctx.approve("Go on?")
            elif operation == "wait":
                ctx.wait(seconds=NAP)
            elif operation == "fail":
                raise ValueError("as planned")
            else:
                ctx.step(f"n{number}", step, ctx.run_id, number, operation)
        return {"result": 1}

    world.agent("planned", run, retries=2, backoff_seconds=BACKOFF)
    app = world.app
    worker = Worker(app.ports(), threads=1, lease_seconds=1000, workspace_limit=lambda _: 1000)
    return type("MovesHere", (Moves,), {"world": world, "worker": worker, "ran": ran})


def _check(world: World, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        _machine(world),
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_runs_stand_where_the_model_says(world: World) -> None:
    _check(world, 25 if world.app.db.is_sqlite else 8, 40)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_runs_stand_where_the_model_says_for_long(small_world: World) -> None:
    _check(small_world, 200, 50)


def test_every_end_is_an_end_and_every_status_can_be_reached() -> None:
    assert set(ALLOWED_MOVES) == set(RUN_STATUSES)
    assert all(not ALLOWED_MOVES[status] for status in FINISHED - {"budget_stopped"})
    reached, ahead = {"pending"}, ["pending"]
    while ahead:
        fresh = ALLOWED_MOVES[ahead.pop()] - reached  # type: ignore[index]
        reached |= fresh
        ahead += fresh
    assert reached == set(RUN_STATUSES)
    assert set(sources_of("running")) == {"pending"}
