"""How each node of a flow stands at every moment of a run, from the run's steps: what the picture is coloured by.

A node in a loop has run once for each item; what is told of it is of all its turns together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ionflux_core.domain.runs import RunStep

_PLACE: Final = re.compile(r"\[\d+\]")
_WEIGHT: Final = ("skipped", "pending", "cancelled", "reused", "success", "waiting", "running", "error")
"""What is told when turns stand differently: the last of these that occurs."""
_MOMENTS: Final = 400
_OPEN: Final = frozenset({"pending", "running", "waiting"})
_PARKS: Final = frozenset({"approval", "wait"})


@dataclass(frozen=True, slots=True)
class NodeState:
    """How a node stands: the status word, how many of its turns have ended, their time in seconds, their cost."""

    status: str
    turns: int
    ended: int
    seconds: float
    cost_micros: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a run at which something changed, and how the nodes concerned stand from then on."""

    at: datetime
    changes: Mapping[str, NodeState]


@dataclass(frozen=True, slots=True)
class Visit:
    """One turn of a node: its step, and what else was written inside of it."""

    step: RunStep
    cost_micros: int


def node_of(step_key: str) -> str:
    """The key of the node a step belongs to: lines[3].stock/http becomes lines.stock."""
    return _PLACE.sub("", step_key.partition("/")[0])


def visits(steps: Iterable[RunStep], key: str) -> list[Visit]:
    """The turns of a node in their order, each with the cost of what was called inside of it."""
    found = {step.step_key: step for step in steps if node_of(step.step_key) == key}
    cost = _costs(found.values())
    return [Visit(step, cost[name]) for name, step in found.items() if "/" not in name]


def moments(
    steps: Sequence[RunStep], owners: Mapping[str, str], choices: Mapping[str, Sequence[str]] | None = None
) -> list[Moment]:
    """The moments at which something changed, oldest first; those close together are one when there are very many.

    `owners` names for each node the one it lies in: a box that has no step of its own yet runs while one inside does.
    `choices` names for each switch the nodes in its cases: those of no taken case have no step and were skipped.
    """
    turns = _turns(steps)
    cost = _costs(steps)
    tallies: dict[str, _Tally] = {}
    for step in turns:
        tallies.setdefault(node_of(step.step_key), _Tally()).turns += 1
    found: list[Moment] = []
    known: dict[str, NodeState] = {}
    events = sorted(_events(turns), key=lambda event: (event[0], event[2]))
    for at, step, ends in events:
        key = node_of(step.step_key)
        tally = tallies[key]
        tally.take(step, cost.get(step.step_key, 0), ends=ends)
        changes = {key: tally.state()}
        # A box gets its step when it ends; until then what runs inside tells of it.
        for owner in _owners(key, owners):
            if owner not in known:
                changes[owner] = NodeState("running", 1, 0, 0.0, 0)
        if ends:
            skipped = [each for each in (choices or {}).get(key, ()) if each not in known]
            changes |= {each: NodeState("skipped", 1, 1, 0.0, 0) for each in skipped}
        known |= changes
        if found and found[-1].at == at:
            found[-1] = Moment(at, {**found[-1].changes, **changes})
        else:
            found.append(Moment(at, changes))
    return _thinned(found)


@dataclass(slots=True)
class _Tally:
    """The turns of one node so far, by how they stand."""

    words: Counter[str] = field(default_factory=Counter)
    turns: int = 0
    ended: int = 0
    seconds: float = 0.0
    cost_micros: int = 0

    def take(self, step: RunStep, cost_micros: int, *, ends: bool) -> None:
        """Note that a turn begins or ends."""
        meanwhile = "waiting" if step.kind in _PARKS or step.status == "waiting" else "running"
        if not ends:
            self.words[meanwhile] += 1
            return
        self.words[meanwhile] -= 1
        self.words["skipped" if step.kind == "skipped" else step.status] += 1
        self.ended += 1
        self.cost_micros += cost_micros
        self.seconds += (step.finished_at - step.started_at).total_seconds() if step.finished_at else 0.0

    def state(self) -> NodeState:
        """How the node stands now."""
        words = [word for word, count in self.words.items() if count > 0]
        heaviest = max(words, key=lambda word: _WEIGHT.index(word) if word in _WEIGHT else 0)
        return NodeState(heaviest, self.turns, self.ended, round(self.seconds, 3), self.cost_micros)


def _events(turns: Iterable[RunStep]) -> Iterator[tuple[datetime, RunStep, bool]]:
    for step in turns:
        yield step.started_at, step, False
        if step.status not in _OPEN:
            yield max(step.finished_at or step.started_at, step.started_at), step, True


def _thinned(found: list[Moment]) -> list[Moment]:
    """At most so many moments as a slider can show, each with all that changed up to it."""
    size = -(-len(found) // _MOMENTS)
    groups = [found[start : start + size] for start in range(0, len(found), size)] if size > 1 else []
    whole = [Moment(group[-1].at, {k: v for each in group for k, v in each.changes.items()}) for group in groups]
    return whole or found


def _turns(steps: Iterable[RunStep]) -> list[RunStep]:
    """The steps that are nodes themselves; what a node only called inside stands for it until it has one."""
    whole = {step.step_key for step in steps if "/" not in step.step_key}
    found = {}
    for step in steps:
        name = step.step_key.partition("/")[0]
        if "/" not in step.step_key:
            found[name] = step
        elif name not in whole and name not in found:
            found[name] = step.model_copy(update={"step_key": name, "status": "running", "finished_at": None})
    return list(found.values())


def _costs(steps: Iterable[RunStep]) -> dict[str, int]:
    """The cost of each node's turn, what it called included."""
    found: dict[str, int] = {}
    for step in steps:
        name = step.step_key.partition("/")[0]
        found[name] = found.get(name, 0) + step.cost_micros
    return found


def _owners(key: str, owners: Mapping[str, str]) -> Iterator[str]:
    while key := owners.get(key, ""):
        yield key
