"""kill -9 while flows with every kind of node run: none is lost, and no step that was recorded runs again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from ionflux_core.application import Application
from ionflux_core.domain.runs import RunFilter
from ionflux_core.storage.tables import events, run_steps
from tests.crash.test_recovery import SEED, Process, looking_on

__all__ = ["looking_on"]

INNER = """
name: inner
input_schema: {type: object, properties: {file: {type: string}}}
graph:
  - {id: five, agent: five_steps, inputs: {file: "{{ inputs.file }}"}}
output: {total: "{{ nodes.five.outputs.total }}"}
"""
EVERY_KIND = """
name: every_kind
limits: {concurrency: 8}
input_schema: {type: object, properties: {file: {type: string}, items: {type: array}}}
graph:
  - {id: begin, transform: text.join, inputs: {items: "{{ inputs.items }}", separator: ","}}
  - id: lines
    foreach: "{{ inputs.items }}"
    max_parallel: 3
    graph:
      - {id: turn, transform: text.reverse, inputs: {text: "{{ item }}"}}
      - {id: nap, if: "loop.index == 1", wait: {for: 50ms}}
  - id: route
    switch: "nodes.begin.outputs.text"
    cases: [{when: "value == 'ab,cd,ef'", graph: [{id: told, transform: log, inputs: {message: as thought}}]}]
  - id: both
    parallel:
      agent: {graph: [{id: five, agent: five_steps, inputs: {file: "{{ inputs.file }}"}}]}
      flow: {graph: [{id: inner, flow: inner, inputs: {file: "{{ inputs.file }}"}}]}
      person: {graph: [{id: ask, approval: {title: "Go on?", editable: [body]}}]}
  - id: tell
    after: [both]
    transform: event.publish
    inputs: {type: test.crash, payload: {run: "{{ run.id }}"}}
output:
  turned: "{{ nodes.lines.outputs.items | pick('turn') | pick('text') }}"
  route: "{{ nodes.route.outputs.told.message }}"
  totals: ["{{ nodes.both.outputs.agent.five.total }}", "{{ nodes.both.outputs.flow.inner.total }}"]
  approved: "{{ nodes.both.outputs.person.ask.approved }}"
"""


def _recorded(app: Application) -> set[str]:
    chosen = select(run_steps.c.run_id, run_steps.c.step_key).where(run_steps.c.status == "success")
    with app.db.read() as connection:
        return {f"{run_id}/{key}" for run_id, key in connection.execute(chosen)}


def _crash(app: Application, workspace: str, file: Path, count: int, seed: int) -> int:
    dice, kills, repeated = random.Random(seed), 0, 0
    app.flows.create(workspace, INNER)
    flow = app.flows.create(workspace, EVERY_KIND)
    inputs = {"file": str(file), "items": ["ab", "cd", "ef"]}
    started = [app.runs.start(workspace, flow.id, inputs).run_id for _ in range(count)]
    recorded: set[str] = set()
    read = 0
    while app.runs.count(workspace, RunFilter(statuses=["success"])) < 4 * count:
        assert kills < 200, [app.runs.get(workspace, each) for each in started]
        worker = Process(app)
        try:
            worker.ready()
            time.sleep(dice.uniform(0.05, 1.2))
            for question in app.approvals.pending(workspace):
                app.approvals.decide(workspace, question.id, approved=True, by="Ada")
        finally:
            worker.kill()
        kills += 1
        lines = file.read_text().splitlines() if file.exists() else []
        repeated += sum(line in recorded for line in lines[read:])
        read, recorded = len(lines), _recorded(app)
    assert kills > 1 and repeated == 0
    wanted = {"turned": ["ba", "dc", "fe"], "route": "as thought", "totals": [10, 10], "approved": True}
    assert [app.runs.get(workspace, each).outputs for each in started] == [wanted] * count
    with app.db.read() as connection:
        told = connection.execute(select(events.c.payload).where(events.c.type == "test.crash")).scalars()
        assert Counter(payload["run"] for payload in told) == Counter(started)
    return kills


def test_flows_survive_kills_at_random_points(
    looking_on: Callable[[str], tuple[Application, str]], tmp_path: Path
) -> None:
    app, workspace = looking_on("")
    _crash(app, workspace, tmp_path / "ran", 4, SEED)


@pytest.mark.slow
def test_flows_survive_a_thousand_kills(looking_on: Callable[[str], tuple[Application, str]], tmp_path: Path) -> None:
    app, workspace = looking_on("")
    _crash(app, workspace, tmp_path / "ran", 200, SEED + 1)
