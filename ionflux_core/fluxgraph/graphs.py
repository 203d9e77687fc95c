"""A flow's graphs and the nodes in them, each with its place and key, and every text that is read when a node runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ionflux_core.fluxgraph.document import (
    ApprovalNode,
    Branch,
    Flow,
    ForeachNode,
    NodeBase,
    OnError,
    ParallelNode,
    SwitchNode,
    WaitNode,
)
from ionflux_core.fluxgraph.references import ERROR, LOOP
from ionflux_core.yaml_text import Path

Roots = dict[str, frozenset[str] | None]


class Source(NamedTuple):
    """A condition or template of a document, where it stands, and whether it may read `value`."""

    kind: Literal["condition", "template"]
    text: str
    path: Path
    reads_value: bool = False


@dataclass(slots=True, eq=False)
class Spot:
    """A node in its graph. Its key is the path of ids, such as lines.stock, with the branch of a `parallel`."""

    node: NodeBase
    path: Path
    key: str
    graph: Graph
    inner: list[Graph] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The node's id."""
        return self.node.id


@dataclass(slots=True, eq=False)
class Graph:
    """A list of nodes: the whole flow's, a branch's, a loop's, or what is done about an error."""

    path: Path
    owner: Spot | None = None
    label: str = ""
    roots: Roots = field(default_factory=dict)
    spots: list[Spot] = field(default_factory=list)
    by_id: dict[str, Spot] = field(default_factory=dict)

    @property
    def outer(self) -> Graph | None:
        """The graph around this one."""
        return self.owner.graph if self.owner else None

    def named(self, node_id: str) -> Spot | None:
        """The node of that id in this graph."""
        return self.by_id.get(node_id)

    def chain(self) -> Iterator[Graph]:
        """This graph and those around it, from the inside out."""
        graph: Graph | None = self
        while graph is not None:
            yield graph
            graph = graph.outer

    def visible_roots(self) -> Roots:
        """The names that are known here beside those known everywhere."""
        return {name: keys for graph in reversed(list(self.chain())) for name, keys in graph.roots.items()}


def graphs_of(flow: Flow) -> list[Graph]:
    """All graphs of a flow, each before the ones inside it."""
    top = Graph(("graph",))
    found: list[Graph] = []
    _fill(top, flow.graph, "", found)
    return found


def spots_of(graphs: list[Graph]) -> Iterator[Spot]:
    """All nodes of the graphs."""
    for graph in graphs:
        yield from graph.spots


def _fill(graph: Graph, nodes: tuple[Any, ...], prefix: str, found: list[Graph]) -> None:
    found.append(graph)
    for at, node in enumerate(nodes):
        spot = Spot(node, (*graph.path, at), f"{prefix}{node.id}", graph)
        graph.spots.append(spot)
        graph.by_id.setdefault(spot.id, spot)
        for inner, inside, step in _inner(spot):
            spot.inner.append(inner)
            _fill(inner, inside, f"{spot.key}.{step}", found)


def _inner(spot: Spot) -> Iterator[tuple[Graph, tuple[Any, ...], str]]:
    node, path = spot.node, spot.path
    if isinstance(node, SwitchNode):
        for at, case in enumerate(node.cases):
            yield Graph((*path, "cases", at, "graph"), spot, f"case {at + 1}"), case.graph, ""
    elif isinstance(node, ForeachNode):
        roots: Roots = {node.as_: None, "loop": LOOP}
        yield Graph((*path, "graph"), spot, "the loop", roots), node.graph, ""
    elif isinstance(node, ParallelNode):
        for name, branch in node.parallel.items():
            yield Graph((*path, "parallel", name, "graph"), spot, f"branch {name}"), branch.graph, f"{name}."
    if isinstance(node.on_error, OnError) and isinstance(node.on_error.then, Branch):
        then = Graph((*path, "on_error", "then", "graph"), spot, "on_error", {"error": ERROR})
        yield then, node.on_error.then.graph, ""


def sources(spot: Spot) -> Iterator[Source]:
    """The conditions and templates of a node itself; those of nodes inside it are theirs."""
    node, path = spot.node, spot.path
    if node.if_ is not None:
        yield Source("condition", node.if_, (*path, "if"))
    yield from templates(node.inputs, (*path, "inputs"))
    if isinstance(node, SwitchNode):
        yield Source("condition", node.switch, (*path, "switch"))
        for at, case in enumerate(node.cases):
            yield Source("condition", case.when, (*path, "cases", at, "when"), True)
    elif isinstance(node, ForeachNode):
        yield from templates(node.foreach, (*path, "foreach"))
    elif isinstance(node, ApprovalNode):
        yield Source("template", node.approval.title, (*path, "approval", "title"))
        yield Source("template", node.approval.body, (*path, "approval", "body"))
    elif isinstance(node, WaitNode):
        yield from templates(node.wait.until, (*path, "wait", "until"))
        if node.wait.event is not None:
            yield from templates(node.wait.event.filter, (*path, "wait", "event", "filter"))


def templates(value: Any, path: Path) -> Iterator[Source]:
    """Every text in a value that holds a template."""
    if isinstance(value, str):
        if "{" in value:
            yield Source("template", value, path)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from templates(each, (*path, key))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from templates(each, (*path, at))
