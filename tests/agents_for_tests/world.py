"""A small world for tests of the runner: agents written as functions of the test, on both databases.

world.agent("probe", run, timeout_seconds=1)      # a folder with a manifest; its run() is the test's function
run = world.run("probe", value=1)                 # start it, wait for its end or its parking
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ionflux_core import ids
from ionflux_core.application import Application
from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.runs import Run, RunStatus
from ionflux_core.storage.tables import metadata

AgentFunction = Callable[[Any, dict[str, Any]], dict[str, Any]]

_CODE = '''\
"""Calls the function a test has put here."""

RUN = []


def run(ctx, inputs):
    """Whatever the test wants."""
    return RUN[0](ctx, inputs)
'''
_MANIFEST = """\
tables: [notes]
inputs:
  - {{key: value, type: json, runtime_promptable: true, from_trigger: true}}
outputs:
  - {{key: result, type: json}}
limits:
  timeout_seconds: {timeout_seconds}
  breaker: {breaker}
  concurrency: {concurrency}
  retry: {{max: {retries}, backoff_seconds: {backoff_seconds}}}
"""
_LIMITS: dict[str, Any] = {
    "timeout_seconds": 60,
    "breaker": 3,
    "concurrency": 8,
    "retries": 0,
    "backoff_seconds": 0.05,
}


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self, at: datetime = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)) -> None:
        self.at = at
        ids.set_clock(lambda: self.at)

    def forward(self, **by: float) -> None:
        """Let time pass: `forward(hours=2)`."""
        self.at += timedelta(**by)


class World:
    """Agents, applications over one database, and what a test asks of them."""

    def __init__(self, make: Callable[..., Application], make_agent: Callable[..., Path], url: str) -> None:
        self._make = make
        self._make_agent = make_agent
        self.url = url
        self._functions: dict[str, AgentFunction] = {}
        self._first: Application | None = None
        self._workspace = ""

    def agent(self, slug: str, run: AgentFunction, *, triggers: str = "", **limits: Any) -> None:
        """An agent whose code is a function of the test; `triggers` is a YAML list in flow form."""
        more = _MANIFEST.format(**{**_LIMITS, **limits})
        place = self._make_agent(slug, _CODE, manifest=more)
        if triggers:
            text = (place / "agent.yaml").read_text()
            by_hand = "  - {key: by_hand, type: manual, config: {form: true}}\n"
            (place / "agent.yaml").write_text(text.replace(by_hand, by_hand + triggers))
        self._functions[slug] = run
        if self._first is not None:
            self._first.catalog.reload()
            self._first.marketplace.register()
            self._give(self._first)

    def replace(self, slug: str, run: AgentFunction) -> None:
        """Give an agent another function, as a new release of its code would."""
        self._functions[slug] = run
        self._give(self.app)

    def _give(self, application: Application) -> None:
        for slug, run in self._functions.items():
            application.catalog.code(slug).module.__dict__["RUN"][:] = [run]

    def application(self, **overrides: Any) -> Application:
        """One more application over the same database, as another process would be."""
        made = self._make(database_url=self.url, **overrides)
        self._give(made)
        if self._first is None:
            self._first = made
            self._workspace = made.workspaces.create("Test").id
        return made

    @property
    def app(self) -> Application:
        """The first application, open and not started."""
        return self._first or self.application()

    def started(self, **overrides: Any) -> Application:
        """The first application, started."""
        first = self._first or self.application(**overrides)
        return first if first.worker else first.start()

    @property
    def workspace(self) -> str:
        """The id of the one workspace."""
        assert self.app
        return self._workspace

    def instance(self, slug: str, name: str = "one", **options: Any) -> AgentInstance:
        """An instance of an agent."""
        return self.app.agents.create(self.workspace, slug, name, **options)

    def start(self, target: str, value: Any = None, **options: Any) -> str:
        """Start a run, by slug or instance name; its id."""
        target = f"agent:{target}" if target in self._functions else target
        inputs = {} if value is None else {"value": value}
        return self.app.runs.start(self.workspace, target, inputs, **options).run_id

    def run(self, target: str, value: Any = None, *, timeout: float = 30.0, **options: Any) -> Run:
        """Start a run and wait until it has ended or is parked."""
        self.started()
        return self.ended(self.start(target, value, **options), timeout=timeout)

    def get(self, run_id: str) -> Run:
        """A run as it stands."""
        return self.app.runs.get(self.workspace, run_id)

    def ended(self, run_id: str, *, timeout: float = 30.0) -> Run:
        """The run once it has ended or is parked."""
        return self.app.runs.wait(self.workspace, run_id, timeout=timeout)

    def until(self, run_id: str, *statuses: RunStatus, timeout: float = 30.0) -> Run:
        """The run once it has one of these statuses."""
        wait_for(lambda: self.get(run_id).status in statuses, timeout, lambda: self.get(run_id))
        return self.get(run_id)

    def steps(self, run_id: str) -> dict[str, str]:
        """Step keys of a run with their statuses, in order."""
        return {step.step_key: step.status for step in self.app.runs.steps(self.workspace, run_id)}

    def rows(self, table: str, **equal: Any) -> list[Any]:
        """Rows of a table."""
        chosen = metadata.tables[table]
        query = select(chosen).where(*(chosen.c[name] == value for name, value in equal.items()))
        with self.app.db.read() as connection:
            return list(connection.execute(query))

    def events(self, prefix: str = "test.") -> list[tuple[str, dict[str, Any]]]:
        """Published events, oldest first: type and payload."""
        found = self.app.events.find(self.workspace, prefix=prefix, limit=200)
        return [(event.type, event.payload) for event in reversed(found)]


def wait_for(condition: Callable[[], Any], timeout: float = 30.0, shown: Callable[[], Any] = lambda: "") -> None:
    """Return once a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not reached within {timeout} s: {shown()}")
        time.sleep(0.01)


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What `work(0) ... work(count - 1)` return, called at the same moment on as many threads."""
    answers: list[Any] = [None] * count
    gate = threading.Barrier(count)

    def one(number: int) -> None:
        gate.wait()
        try:
            answers[number] = work(number)
        except Exception as error:
            answers[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.fixture
def world(database_url: str, make_application: Any, make_agent: Any) -> Iterator[World]:
    """A world on SQLite, and on PostgreSQL."""
    yield World(make_application, make_agent, database_url)


@pytest.fixture
def small_world(make_application: Any, make_agent: Any, data_dir: Path) -> Iterator[World]:
    """A world on SQLite alone, for what the database has no part in."""
    yield World(make_application, make_agent, "")
