"""What nodes of a flow cost when it runs, how long a loop of 10,000 items takes, and whether many flows share alike."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, median, percentile
from benchmarks.stores import BENCH_AGENTS, application
from ionflux_core.application import Application
from ionflux_core.domain.runs import Run

_ITEMS, _NODES, _FLOWS = 10_000, 100, 100
_WAIT_SECONDS = 300.0
_LOOP = """\
name: loop
limits: {max_steps: 20000}
input_schema: {type: object, properties: {items: {type: array}}}
graph:
  - id: each
    foreach: "{{ inputs.items }}"
    graph: [{id: turn, transform: text.reverse, inputs: {text: "{{ item }}"}}]
"""


def _chain(name: str, node: str) -> str:
    nodes = "\n".join(f"  - {{id: n{at}, {node}{f', after: [n{at - 1}]' if at else ''}}}" for at in range(_NODES))
    return f"name: {name}\nlimits: {{concurrency: 64}}\ngraph:\n{nodes}\n"


def flow_runs(folder: Path, *, quick: bool) -> list[Figure]:
    """A chain of 100 small transforms and one of 100 gates; a loop of 10,000 items; 100 flows started at once."""
    started = application(folder / "data", agents=BENCH_AGENTS, workers=4).start()
    try:
        workspace_id = started.workspaces.create("Flows").id
        rounds = 3 if quick else 9
        work = _per_node(started, workspace_id, _chain("work", "transform: noop"), rounds)
        gates = _per_node(
            started, workspace_id, _chain("gates", 'switch: "1 + 1", cases: [{when: "value > 3"}]'), rounds
        )
        loop = started.flows.create(workspace_id, _LOOP)
        before, began = _resident(), time.perf_counter()
        ended = _run(started, workspace_id, loop.id, {"items": [f"item {at}" for at in range(_ITEMS)]})
        seconds, grown = time.perf_counter() - began, _resident() - before
        if ended.outputs is None:
            raise RuntimeError(f"the loop did not end well: {ended.error}")
        alike = _at_once(started, workspace_id)
    finally:
        started.stop()
    return [
        Figure("a small transform, with its record", "ms", work, None, "value<=", 5),
        Figure("a gate, with its record", "ms", gates, None, "value<=", 1, "its own work is a part of it: see flows"),
        Figure(f"a loop over {_ITEMS:,} items", "s", seconds, None, "value<=", 20),
        Figure("the same, memory", "MB", grown, None, "value<=", 300, "what the process grew by"),
        Figure(f"{_FLOWS} flows at once: last tenth against the median", "s", alike[1], alike[0], "ratio<=", 3),
    ]


def _per_node(app: Application, workspace_id: str, text: str, rounds: int) -> float:
    flow = app.flows.create(workspace_id, text)
    _run(app, workspace_id, flow.id, {})
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        _run(app, workspace_id, flow.id, {})
        took.append((time.perf_counter() - began) * 1000 / _NODES)
    return median(took)


def _run(app: Application, workspace_id: str, flow_id: str, inputs: dict[str, Any]) -> Run:
    ended = app.runs.call(workspace_id, flow_id, inputs, timeout=_WAIT_SECONDS)
    if ended.status != "success":
        raise RuntimeError(f"the flow of the bench ended with {ended.status}: {ended.error}")
    return ended


def _at_once(app: Application, workspace_id: str) -> tuple[float, float]:
    """Seconds from start to end of 100 flows of ten nodes each: the median, and what nine in ten stay below."""
    nodes = ", ".join(f"{{id: n{at}, transform: noop}}" for at in range(10))
    ids = [app.flows.create(workspace_id, f"name: many{at}\ngraph: [{nodes}]").id for at in range(_FLOWS)]
    runs = [app.runs.start(workspace_id, each, {}).run_id for each in ids]
    ended = [app.runs.wait(workspace_id, each, timeout=_WAIT_SECONDS) for each in runs]
    took = [(run.finished_at - run.created_at).total_seconds() for run in ended if run.finished_at]
    return median(took), percentile(took, 90)


def _resident() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0
