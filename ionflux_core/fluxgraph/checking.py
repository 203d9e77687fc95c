"""Everything that can be said of a flow before it runs: all problems at once, each with line, column, path and hint.

Nothing is executed, fetched or opened here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ionflux_core.domain.suggestions import did_you_mean
from ionflux_core.errors import Problem
from ionflux_core.fluxgraph import ordering
from ionflux_core.fluxgraph.document import AgentNode, Flow, FlowNode, TransformNode
from ionflux_core.fluxgraph.graphs import Graph, Spot, graphs_of, spots_of
from ionflux_core.fluxgraph.input_checks import check_inputs, schema_problem
from ionflux_core.fluxgraph.reading import Reading, read
from ionflux_core.fluxgraph.reference_checks import References
from ionflux_core.fluxgraph.surroundings import Known, Offer, Surroundings, transform_named
from ionflux_core.limits import RUN_DEPTH


def validate(text: str | bytes, surroundings: Surroundings | None = None) -> list[Problem]:
    """All problems of a flow's text, by their place; empty when it can be run.

    Without a catalogue in the surroundings the names of that kind are not looked up.
    """
    reading = read(text)
    if reading.flow is not None:
        _Checks(reading, reading.flow, surroundings or Known()).run()
    return reading.settled()


class _Checks:
    """One look over a flow that could be read."""

    def __init__(self, reading: Reading, flow: Flow, around: Surroundings) -> None:
        self.reading, self.flow, self.around = reading, flow, around
        self.graphs = graphs_of(flow)
        self.offers: dict[Spot, Offer] = {}

    def run(self) -> None:
        """Report everything that is wrong."""
        self._triggers()
        self._schemas()
        for graph in self.graphs:
            self._waits(graph)
        self._ids()
        for spot in spots_of(self.graphs):
            if spot.path not in self.reading.broken and not self.reading.full:
                self._called(spot)
                self._scope(spot)
        References(self.reading, self.flow, self.graphs, self.offers).check()
        self._order()
        self._recursion()

    def _triggers(self) -> None:
        seen: Counter[str] = Counter()
        hooks: Counter[str] = Counter()
        for at, trigger in enumerate(self.flow.triggers):
            seen[trigger.key] += 1
            if seen[trigger.key] == 2:
                message = f"The trigger {trigger.key!r} is there twice."
                self.reading.report(("triggers", at, "key"), message, "Give one of the two another key.")
            path = getattr(trigger.config, "path", None)
            hooks[path or ""] += 1
            if path and hooks[path] == 2:
                message = f"Two webhooks have the path {path!r}."
                self.reading.report(("triggers", at, "config", "path"), message, "Give one of the two another path.")
            started_by = getattr(trigger.config, "from_flow", None)
            if started_by is not None:
                self._starting_flow(("triggers", at, "config", "from_flow"), started_by)

    def _starting_flow(self, path: tuple[str | int, ...], name: str) -> None:
        if name == self.flow.name:
            self.reading.report(path, "The flow starts itself, without end.", "Name another flow.")
        elif self.around.flows is not None and name not in self.around.flows:
            self._unknown("flow", name, path, self.around.flows)

    def _schemas(self) -> None:
        for name in ("input_schema", "output_schema"):
            schema: dict[str, Any] = getattr(self.flow, name)
            wrong = schema_problem(schema) if schema else ""
            if wrong:
                self.reading.report((name,), f"{name} is no JSON Schema: {wrong}.", "Write type: object, properties:.")

    def _ids(self) -> None:
        """Ids are unique in their graph; the cases of one switch count as one, for their steps have the same keys."""
        first: dict[str, Spot] = {}
        for spot in spots_of(self.graphs):
            other = first.setdefault(spot.key, spot)
            if other is not spot:
                line = self.reading.modern.place((*other.path, "id"))[0] if self.reading.modern else 0
                message = f"The id {spot.id!r} is there twice; the first is on line {line}."
                self.reading.report((*spot.path, "id"), message, "Give one of the two another id.")

    def _waits(self, graph: Graph) -> None:
        for spot in graph.spots:
            for at, name in enumerate(spot.node.after if not self.reading.full else ()):
                path = (*spot.path, "after", at)
                if name == spot.id:
                    self.reading.report(path, f"Node {name!r} waits for itself.", "Name another node.")
                elif graph.named(name) is None:
                    ids = {each.id for each in graph.spots} - {spot.id}
                    message = f"There is no node {name[:60]!r} in this graph."
                    self.reading.report(path, message, did_you_mean(name, ids))

    def _called(self, spot: Spot) -> None:
        """What the node calls must be there, and must get what it needs."""
        node = spot.node
        if isinstance(node, TransformNode) and self.around.transforms is not None:
            self._offered(spot, node.transform, transform_named(self.around.transforms, node.transform))
        elif isinstance(node, AgentNode) and self.around.agents is not None and "{{" not in node.agent:
            self._offered(spot, node.agent, self.around.agents.get(node.agent))
        elif isinstance(node, FlowNode) and self.around.flows is not None and node.flow != self.flow.name:
            self._offered(spot, node.flow, self.around.flows.get(node.flow))

    def _offered(self, spot: Spot, name: str, offer: Offer | None) -> None:
        kind = spot.node.kind
        if offer is None:
            known = {"transform": self.around.transforms, "agent": self.around.agents, "flow": self.around.flows}[kind]
            self._unknown(kind, name, (*spot.path, kind), known or {})
            return
        check_inputs(self.reading, spot, offer)
        if isinstance(spot.node, FlowNode) and not spot.node.wait:
            offer = replace(offer, outputs=frozenset({"run_id"}))
        self.offers[spot] = offer

    def _unknown(self, kind: str, name: str, path: tuple[str | int, ...], known: Mapping[str, Offer]) -> None:
        hint = did_you_mean(name, known) if known else f"There is no {kind} yet."
        self.reading.report(path, f"There is no {kind} {name[:60]!r}.", hint)

    def _scope(self, spot: Spot) -> None:
        offer = self.offers.get(spot)
        scope = spot.node.scope
        if scope is None and offer is not None and offer.scope:
            message = f"Node {spot.id!r} needs a scope: {spot.node.kind}s like this one ask for permission."
            self.reading.report(spot.path, message, f"Add scope: {offer.scope!r}.")
        elif scope and self.around.verdict is not None and self.around.verdict(scope) == "deny":
            message = f"The workspace's policies deny {scope!r}."
            self.reading.report((*spot.path, "scope"), message, "Change the policies, or what the node does.")

    def _order(self) -> None:
        needs = ordering.Needs(self.graphs)
        for circle in needs.cycles:
            path = ordering.told(circle)
            self.reading.report(circle[0].path, f"These nodes wait for each other: {path}.",
                                "Take out one of the reads, or one of the entries of after.")  # fmt: skip
        for place, message, hint in ordering.dead_ends(self.graphs, needs):
            self.reading.report(place, message, hint)

    def _recursion(self) -> None:
        """A flow must not call itself, neither directly nor through others."""
        for spot in spots_of(self.graphs):
            if not isinstance(spot.node, FlowNode):
                continue
            route = self._way_back(spot.node.flow)
            if route:
                told = " -> ".join([self.flow.name, *route])
                self.reading.report((*spot.path, "flow"), f"The flow calls itself: {told}.", "Call another flow.")

    def _way_back(self, name: str) -> list[str]:
        flows = self.around.flows or {}
        routes = [[name]]
        seen = {name}
        while routes:
            route = routes.pop(0)
            if route[-1] == self.flow.name:
                return route
            offer = flows.get(route[-1])
            # One more than may be nested in a run: what lies deeper is refused there.
            for following in sorted(offer.calls - seen) if offer and len(route) <= RUN_DEPTH * 4 else ():
                seen.add(following)
                routes.append([*route, following])
        return []
