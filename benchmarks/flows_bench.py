"""How soon a flow of 200 nodes is checked, at first and after an edit; what a condition and a template take."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, median
from ionflux_core.fluxgraph import conditions, templates
from ionflux_core.fluxgraph.checking import validate

NODES, VALIDATE_MS, GATE_MS, REFUSE_MS = 200, 50, 1, 500


def flow_text(nodes: int, turn: int = 0) -> str:
    """A flow as people write it: each node reads the one before, every third asks a condition, every fifth a filter.

    Each turn has other words, so that nothing is known of its texts from before.
    """
    lines = ["name: big", "triggers:", "  - {key: manual, type: manual}", "graph:"]
    for at in range(nodes):
        before = f"nodes.n{at - 1}.outputs" if at else "trigger.input_data"
        lines += [f"  - id: n{at}", "    transform: text.template@1"]
        if at and at % 3 == 0:
            lines.append(f'    if: "{before}.total > {turn * 1_000 + at}"')
        other = (
            f"{{{{ trigger.input_data.note | default('{turn}') }}}}" if at % 5 == 0 else "{{ trigger.input_data.note }}"
        )
        lines += [
            "    inputs:",
            f'      template: "Order {at} of turn {turn}, {{{{ {before}.total }}}}"',
            f'      note: "{other}"',
        ]
        lines.append("    retry: {max: 2, backoff: 1s}")
    return "\n".join(lines) + "\n"


def flows(folder: Path, *, quick: bool) -> list[Figure]:
    """Checking 200 nodes with nothing kept from before, and after one node was edited; the refusal of a crowd."""
    rounds = 5 if quick else 15
    text = flow_text(NODES)
    if found := validate(text):
        raise RuntimeError(f"the flow of the bench is not well: {found[0]}")
    fresh = iter([flow_text(NODES, turn) for turn in range(1, rounds + 1)])
    first = _timed(rounds, lambda: validate(next(fresh)))
    edits = iter([text.replace("Order 7 ", f"Order {turn} seven ") for turn in range(rounds)])
    again = _timed(rounds, lambda: validate(next(edits)))
    crowd = flow_text(10_000)
    refused = _timed(rounds, lambda: validate(crowd))
    context = {"nodes": {"score": {"outputs": {"value": 0.9, "lines": [{"sku": "a"}] * 100}}}}
    gate = _timed(rounds, lambda: [conditions.decide("nodes.score.outputs.value > 0.7", context) for _ in range(1_000)])
    words = "Order with {{ nodes.score.outputs.value }} in {{ nodes.score.outputs.lines | length }} lines"
    filled = _timed(rounds, lambda: [templates.filled(words, context) for _ in range(1_000)])
    return [
        Figure(f"check of {NODES} nodes, the first time", "ms", first, None, "value<=", VALIDATE_MS),
        Figure(f"check of {NODES} nodes, after an edit", "ms", again, None, "value<=", VALIDATE_MS),
        Figure("refusal of 10,000 nodes", "ms", refused, None, "value<=", REFUSE_MS),
        Figure("a condition", "ms", gate / 1_000, None, "value<=", GATE_MS, "a logic gate's own work"),
        Figure("a template with a filter", "ms", filled / 1_000, None, "value<=", GATE_MS),
    ]


def _timed(rounds: int, work: Callable[[], object]) -> float:
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)
