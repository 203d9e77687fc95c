"""Flows in a small world: transforms of the test's own beside the built-in ones, and short words for what tests ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypedDict

import pytest

from ionflux_core.domain.runs import Run
from ionflux_core.transforms import registry
from ionflux_core.transforms.base import Transform, transform
from tests.agents_for_tests.world import World, small_world, world

__all__ = ["Flows", "flows", "small_flows", "small_world", "world"]


class Given(TypedDict):
    """What a transform of a test gives."""

    value: Any


class Flows:
    """A world with flows: `flows.run("graph: ...", {"n": 1})` keeps a flow, runs it and waits for its end."""

    def __init__(self, world: World, kept: dict[str, Transform]) -> None:
        self.world = world
        self._kept = kept

    def does(self, name: str, work: Callable[[Any], Any], *, ctx: bool = False) -> None:
        """Make `test.<name>@1`: a transform whose one input `value` (and the context) is given to a function."""

        def plain(value: Any = None) -> Given:
            return {"value": work(value)}

        def with_context(ctx: Any, value: Any = None) -> Given:
            return {"value": work((ctx, value))}

        made = transform(f"test.{name}", title=name, examples=[])(with_context if ctx else plain)
        self._kept[made.id] = made

    def keep(self, text: str, *, name: str = "tried") -> str:
        """Keep a flow's text under a name; its id."""
        whole = f"name: {name}\n{text}"
        for each in self.world.app.flows.find(self.world.workspace):
            if each.name == name:
                return self.world.app.flows.save(self.world.workspace, each.id, whole).id
        return self.world.app.flows.create(self.world.workspace, whole).id

    def start(self, text: str, inputs: dict[str, Any] | None = None, **options: Any) -> str:
        """Keep a flow and start it; the run's id."""
        self.world.started()
        return self.world.app.runs.start(self.world.workspace, self.keep(text), inputs, **options).run_id

    def run(self, text: str, inputs: dict[str, Any] | None = None, **options: Any) -> Run:
        """Keep a flow, run it, and wait until it has ended."""
        return self.ended(self.start(text, inputs, **options))

    def ended(self, run_id: str) -> Run:
        """The run once it has ended."""
        return self.world.until(run_id, "success", "error", "cancelled_by_user", "budget_stopped")

    def steps(self, run: Run) -> dict[str, tuple[str, str]]:
        """Kind and status of each step by its key."""
        found = self.world.app.runs.steps(self.world.workspace, run.id)
        return {step.step_key: (step.kind, step.status) for step in found}


@pytest.fixture
def transforms_of_the_test(monkeypatch: pytest.MonkeyPatch) -> dict[str, Transform]:
    """The transforms a test has made; the runner finds them beside the built-in ones."""
    kept: dict[str, Transform] = {}
    known = registry.known()
    monkeypatch.setattr(registry, "known", lambda: {**known, **kept})
    return kept


@pytest.fixture
def flows(world: World, transforms_of_the_test: dict[str, Transform]) -> Iterator[Flows]:
    """Flows on SQLite, and on PostgreSQL."""
    yield Flows(world, transforms_of_the_test)


@pytest.fixture
def small_flows(small_world: World, transforms_of_the_test: dict[str, Transform]) -> Iterator[Flows]:
    """Flows on SQLite alone."""
    yield Flows(small_world, transforms_of_the_test)
