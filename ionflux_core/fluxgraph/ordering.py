"""In which order the nodes of a graph run: what they read and what they wait for, levels, cycles, dead ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph import conditions, templates
from ionflux_core.fluxgraph.document import Flow, ForeachNode, SwitchNode
from ionflux_core.fluxgraph.graphs import Graph, Source, Spot, graphs_of, sources, spots_of
from ionflux_core.fluxgraph.references import Read, canonical
from ionflux_core.yaml_text import Path

_CIRCLE_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Order:
    """How a graph runs: its nodes in levels that may run side by side, and which nodes each one needs."""

    levels: tuple[tuple[str, ...], ...]
    needs: Mapping[str, frozenset[str]]

    @property
    def sequence(self) -> tuple[str, ...]:
        """All nodes, each after those it needs."""
        return tuple(name for level in self.levels for name in level)


@lru_cache(maxsize=1024)
def reads_of(source: Source) -> tuple[Read, ...]:
    """The paths a condition or template reads; none when it cannot be read at all, which the checks tell."""
    try:
        if source.kind == "condition":
            found = conditions.compiled(source.text).reads
        else:
            found = templates.parsed(source.text).reads if templates.is_template(source.text) else ()
    except Invalid:
        return ()
    return tuple(Read(canonical(read.path), read.optional) for read in found)


def target_of(graph: Graph, read: Read) -> Spot | None:
    """The node a read of `nodes.<id>` means: in this graph or one around it."""
    if read.path[0] != "nodes" or len(read.path) < 2:
        return None
    return next((spot for each in graph.chain() if (spot := each.named(str(read.path[1])))), None)


def holders(spot: Spot) -> list[Spot]:
    """The node and the nodes it lies in, from the inside out."""
    found = [spot]
    while (owner := found[-1].graph.owner) is not None:
        found.append(owner)
    return found


@dataclass
class Needs:
    """Which nodes need which, in every graph of a flow; a container needs what is read inside it."""

    graphs: list[Graph]
    found: dict[Spot, set[Spot]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for spot in spots_of(self.graphs):
            self.found.setdefault(spot, set())
            for name in spot.node.after:
                target = spot.graph.named(name)
                if target is not None and target is not spot:
                    self.found[spot].add(target)
            for source in sources(spot):
                for read in reads_of(source):
                    self._add(spot, target_of(spot.graph, read))

    def _add(self, reader: Spot, target: Spot | None) -> None:
        around = holders(reader)
        if target is None or target in around:
            return
        for holder in around:
            if holder.graph is target.graph:
                self.found.setdefault(holder, set()).add(target)

    @cached_property
    def cycles(self) -> list[list[Spot]]:
        """Circles of nodes that wait for each other, one of each knot, beginning with its first node in the text."""
        return [circle for graph in self.graphs for circle in self._circles(graph)]

    def _circles(self, graph: Graph) -> Iterator[list[Spot]]:
        waiting = self._waiting(graph)
        stuck = set(graph.spots).difference(*self._levels(graph))
        needed = {spot: len(self.found[spot] & stuck) for spot in stuck}
        while stuck:
            circle = self._circle(stuck)
            first = min(range(len(circle)), key=lambda at: circle[at].path[-1])
            yield circle[first:] + circle[:first]
            # All circles through one knot are one problem; what only waits for it is none.
            upward = _reached(circle, lambda spot: self.found[spot] & stuck)
            gone = list(upward & _reached(circle, lambda spot: stuck.intersection(waiting.get(spot, ()))))
            while gone:
                spot = gone.pop()
                if spot not in stuck:
                    continue
                stuck.discard(spot)
                for each in stuck.intersection(waiting.get(spot, ())):
                    needed[each] -= 1
                    if not needed[each]:
                        gone.append(each)

    def _circle(self, stuck: set[Spot]) -> list[Spot]:
        walked: dict[Spot, int] = {}
        spot = min(stuck, key=lambda each: each.path[-1])
        while spot not in walked:
            walked[spot] = len(walked)
            spot = min(self.found[spot] & stuck, key=lambda each: each.path[-1])
        # Told in the order of running: what is needed comes first.
        return list(walked)[walked[spot] :][::-1]

    def _waiting(self, graph: Graph) -> dict[Spot, list[Spot]]:
        """Who waits for each node."""
        waiting: dict[Spot, list[Spot]] = {}
        for spot in graph.spots:
            for needed in self.found[spot]:
                waiting.setdefault(needed, []).append(spot)
        return waiting

    def _levels(self, graph: Graph) -> list[list[Spot]]:
        """The nodes in levels, each after those it needs; what is in a circle or waits for one is left out."""
        open_needs = {spot: len(self.found[spot]) for spot in graph.spots}
        waiting = self._waiting(graph)
        levels: list[list[Spot]] = []
        level = [spot for spot in graph.spots if not open_needs[spot]]
        while level:
            levels.append(level)
            following = []
            for spot in level:
                for each in waiting.get(spot, ()):
                    open_needs[each] -= 1
                    if not open_needs[each]:
                        following.append(each)
            level = sorted(following, key=lambda each: each.path[-1])
        return levels

    def order(self, graph: Graph) -> Order:
        """The levels of a graph; nodes in a circle are left out."""
        levels = tuple(tuple(spot.id for spot in level) for level in self._levels(graph))
        needs = {spot.id: frozenset(each.id for each in self.found[spot]) for spot in graph.spots}
        return Order(levels, needs)


def _reached(start: Iterable[Spot], following: Callable[[Spot], Iterable[Spot]]) -> set[Spot]:
    found = set(start)
    left = list(found)
    while left:
        for spot in following(left.pop()):
            if spot not in found:
                found.add(spot)
                left.append(spot)
    return found


def ordered(flow: Flow) -> dict[Path, Order]:
    """The order of each graph of a flow, by its path; Invalid when nodes wait for each other in a circle."""
    needs = Needs(graphs_of(flow))
    if needs.cycles:
        raise Invalid(f"These nodes wait for each other: {told(needs.cycles[0])}.", hint="Take one of the reads out.")
    return {graph.path: needs.order(graph) for graph in needs.graphs}


def told(circle: list[Spot]) -> str:
    """A circle in words."""
    shown = [spot.id for spot in circle]
    if len(shown) > _CIRCLE_SHOWN:
        shown = [*shown[: _CIRCLE_SHOWN // 2], f"({len(shown) - _CIRCLE_SHOWN} more)", *shown[-_CIRCLE_SHOWN // 2 :]]
    return " -> ".join([*shown, circle[0].id])


def never(source: str) -> bool | None:
    """What a condition that reads nothing comes to; None when it reads something or is none."""
    try:
        condition = conditions.compiled(source)
        outcome = conditions.evaluate(source, {}).value if condition.fixed else None
    except Invalid:
        return None
    return outcome if isinstance(outcome, bool) else None


def dead_ends(graphs: list[Graph], needs: Needs) -> Iterator[tuple[Path, str, str]]:
    """What can never run: the path, the sentence and the hint of each."""
    dead: set[Spot] = set()
    for graph in graphs:
        for spot in graph.spots:
            if spot.node.if_ is not None and never(spot.node.if_) is False:
                dead.add(spot)
                yield (*spot.path, "if"), f"Node {spot.id!r} never runs: its condition is false.", "Remove the node."
            if isinstance(spot.node, SwitchNode):
                yield from _dead_cases(spot, spot.node)
            if isinstance(spot.node, ForeachNode) and spot.node.foreach == []:
                yield (*spot.path, "foreach"), f"The loop {spot.id!r} has no items.", "Name a list."
    for spot in _followers(graphs, needs, dead):
        reason = next(each.id for each in needs.found[spot] if each in dead)
        yield spot.path, f"Node {spot.id!r} never runs: it needs {reason!r}.", f"Take {reason!r} out of what it needs."


def _dead_cases(spot: Spot, node: SwitchNode) -> Iterator[tuple[Path, str, str]]:
    taken = None
    for at, case in enumerate(node.cases):
        path = (*spot.path, "cases", at, "when")
        if taken is not None:
            yield path, f"This case is never reached: case {taken + 1} always holds.", "Put it before that case."
        elif never(case.when) is False:
            yield path, "This case is never taken: its condition is false.", "Remove the case."
        if taken is None and never(case.when) is True:
            taken = at


def _followers(graphs: list[Graph], needs: Needs, dead: set[Spot]) -> list[Spot]:
    """Nodes that read a dead one's outputs without a default, and so are dead, too."""
    if not dead:
        return []
    readers: dict[Spot, list[Spot]] = {}
    for spot in spots_of(graphs):
        for needed in needs.found[spot]:
            readers.setdefault(needed, []).append(spot)
    found: list[Spot] = []
    left = list(dead)
    while left:
        gone = left.pop()
        for spot in readers.get(gone, ()):
            if spot not in dead and _firmly(spot, gone):
                dead.add(spot)
                found.append(spot)
                left.append(spot)
    return found


def _firmly(spot: Spot, needed: Spot) -> bool:
    """Whether a template of the node itself reads the needed node's outputs with no default."""
    return any(
        target_of(spot.graph, read) is needed and not read.optional and read.path[2:3] == ("outputs",)
        for source in sources(spot)
        if source.kind == "template"
        for read in reads_of(source)
    )
