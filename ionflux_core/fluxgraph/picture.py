"""A flow's text as a picture: boxes in boxes with their places and what each needs. Nothing is drawn here.

Sizes and places are in pixels. A node's place is inside the section of the node it lies in, or on the open ground.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ionflux_core.domain.figure_text import duration
from ionflux_core.errors import Problem
from ionflux_core.fluxgraph.document import (
    AgentNode,
    CodeNode,
    FlowNode,
    ForeachNode,
    NodeBase,
    OnError,
    ParallelNode,
    SwitchNode,
    TransformNode,
    WaitNode,
)
from ionflux_core.fluxgraph.graphs import Graph, Spot, graphs_of, sources, spots_of
from ionflux_core.fluxgraph.layout import EDGE, Box, arranged
from ionflux_core.fluxgraph.ordering import Needs, holders, reads_of, target_of
from ionflux_core.fluxgraph.reading import Reading, read
from ionflux_core.yaml_text import Path

WIDTH: Final = 208.0
HEIGHT: Final = 64.0
HEAD: Final = 56.0
"""How high a node is above its first section."""
LABEL: Final = 26.0
_EMPTY: Final = (WIDTH, 52.0)
_SAID: Final = 120

SectionKind = Literal["loop", "case", "branch", "on_error"]


@dataclass(frozen=True, slots=True)
class Section:
    """A graph inside a node: a loop's, a case's, a branch's, or what is done about an error.

    `path` is where its nodes are written; its place is inside the node, its label included.
    """

    kind: SectionKind
    label: str
    path: Path
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PictureNode:
    """A node as it is drawn; `parent` and `section` say where it lies, `values` what is written of it."""

    key: str
    id: str
    kind: str
    title: str
    calls: str
    parent: str
    section: int
    path: Path
    x: float
    y: float
    width: float
    height: float
    placed: bool
    values: dict[str, Any]
    sections: tuple[Section, ...] = ()
    problems: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PictureEdge:
    """A node that runs before another one of its graph: because it is read, because `after` names it, or both."""

    source: str
    target: str
    reads: bool
    after: bool
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is to draw; `values` is what is written of the flow itself, `elsewhere` the problems of no node.

    `readable` is False when the text is no flow at all.
    """

    readable: bool
    name: str = ""
    title: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    nodes: tuple[PictureNode, ...] = ()
    edges: tuple[PictureEdge, ...] = ()
    elsewhere: tuple[int, ...] = ()


def picture(text: str, problems: list[Problem] | None = None) -> Picture:
    """The picture of a text; `problems` are found again by their places in the list, those of no node in `elsewhere`.

    A broken node is drawn by what can be read of it.
    """
    reading = read(text)
    if reading.flow is None or reading.modern is None:
        return Picture(False, elsewhere=tuple(range(len(problems or ()))))
    return _Drawing(reading).drawn(problems or [])


@dataclass(slots=True)
class _Place:
    """Where a node goes, once it is known how large it is."""

    width: float
    height: float
    sections: tuple[Section, ...]
    x: float = 0.0
    y: float = 0.0


@dataclass
class _Drawing:
    reading: Reading
    graphs: list[Graph] = field(init=False)
    needs: Needs = field(init=False)
    places: dict[Spot, _Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.reading.flow is not None
        self.graphs = graphs_of(self.reading.flow)
        self.needs = Needs(self.graphs)

    def drawn(self, problems: list[Problem]) -> Picture:
        """The whole picture."""
        assert self.reading.flow is not None
        # From the inside out: a box is as large as what lies in it.
        for graph in reversed(self.graphs):
            self._arrange(graph)
        told, elsewhere = self._by_node(problems)
        nodes = tuple(self._node(spot, tuple(told.get(spot, ()))) for spot in spots_of(self.graphs))
        flow, written = self.reading.flow, self.reading.modern.data if self.reading.modern else {}
        values = {name: value for name, value in written.items() if name not in ("graph", "triggers")}
        return Picture(True, flow.name, flow.title, values, nodes, tuple(self._edges()), tuple(elsewhere))

    def _arrange(self, graph: Graph) -> None:
        for spot in graph.spots:
            self.places[spot] = self._measured(spot)
        inside = graph.owner is not None
        boxes = [self._box(spot, inside) for spot in graph.spots]
        at = {id(spot): number for number, spot in enumerate(graph.spots)}
        needs = [[at[id(each)] for each in self.needs.found[spot] if id(each) in at] for spot in graph.spots]
        for spot, (x, y) in zip(graph.spots, arranged(boxes, needs), strict=True):
            self.places[spot].x, self.places[spot].y = x, y

    def _box(self, spot: Spot, inside: bool) -> Box:
        place, written = self.places[spot], spot.node.position
        if written is None:
            return Box(place.width, place.height)
        # A box does not stick out of the one it lies in.
        x, y = (max(written.x, EDGE), max(written.y, EDGE)) if inside else (written.x, written.y)
        return Box(place.width, place.height, (x, y))

    def _measured(self, spot: Spot) -> _Place:
        if not spot.inner:
            return _Place(WIDTH, HEIGHT, ())
        sizes = [self._extent(graph) for graph in spot.inner]
        height = LABEL + max(low for _, low in sizes) + EDGE
        sections, x = [], 0.0
        for graph, (right, _) in zip(spot.inner, sizes, strict=True):
            width = right + EDGE
            sections.append(Section(*_named(spot, graph), self._written(graph.path), x, HEAD, width, height))
            x += width
        return _Place(x, HEAD + height, tuple(sections))

    def _extent(self, graph: Graph) -> tuple[float, float]:
        """How far to the right and down the nodes of a graph reach."""
        places = [self.places[spot] for spot in graph.spots]
        right = max((place.x + place.width for place in places), default=EDGE + _EMPTY[0])
        return right, max((place.y + place.height for place in places), default=_EMPTY[1])

    def _node(self, spot: Spot, problems: tuple[int, ...]) -> PictureNode:
        place, owner = self.places[spot], spot.graph.owner
        return PictureNode(
            key=spot.key,
            id=spot.id,
            kind=spot.node.kind,
            title=spot.node.title or spot.id,
            calls=called(spot.node),
            parent=owner.key if owner else "",
            section=owner.inner.index(spot.graph) if owner else 0,
            path=self._written(spot.path),
            x=place.x,
            y=place.y,
            width=place.width,
            height=place.height,
            placed=spot.node.position is not None,
            values=self._values(spot),
            sections=place.sections,
            problems=problems,
        )

    def _values(self, spot: Spot) -> dict[str, Any]:
        """What is written of a node, the nodes inside it left out."""
        assert self.reading.modern is not None
        found: Any = self.reading.modern.data
        for step in spot.path:
            found = found[step]
        return _without_graphs(found) if isinstance(found, dict) else {}

    def _written(self, path: Path) -> Path:
        assert self.reading.modern is not None
        return self.reading.modern.written(path)

    def _edges(self) -> Iterator[PictureEdge]:
        circles = {
            (circle[at], circle[(at + 1) % len(circle)]) for circle in self.needs.cycles for at in range(len(circle))
        }
        reads = self._reads()
        for spot in spots_of(self.graphs):
            for needed in sorted(self.needs.found[spot], key=lambda each: each.path[-1]):
                after = needed.id in spot.node.after
                yield PictureEdge(needed.key, spot.key, (spot, needed) in reads, after, (needed, spot) in circles)

    def _reads(self) -> set[tuple[Spot, Spot]]:
        """Who reads whom inside one graph; a box reads what is read inside it."""
        found = set()
        for spot in spots_of(self.graphs):
            around = holders(spot)
            targets = {target_of(spot.graph, read) for source in sources(spot) for read in reads_of(source)}
            found |= {
                (holder, each) for each in targets if each is not None for holder in around
                if holder.graph is each.graph and each not in around
            }  # fmt: skip
        return found

    def _by_node(self, problems: list[Problem]) -> tuple[dict[Spot, list[int]], list[int]]:
        """The problems of each node, and those of none; a problem is of the innermost node its path leads into."""
        known = {_dotted(self._written(spot.path)): spot for spot in spots_of(self.graphs)}
        told: dict[Spot, list[int]] = {}
        elsewhere = []
        for number, problem in enumerate(problems):
            steps = problem.path.split(".")
            prefixes = (".".join(steps[:length]) for length in range(len(steps), 0, -1))
            spot = next((known[prefix] for prefix in prefixes if prefix in known), None)
            if spot is None:
                elsewhere.append(number)
            else:
                told.setdefault(spot, []).append(number)
        return told, elsewhere


def _dotted(path: Path) -> str:
    return ".".join(str(step)[:80] for step in path)


def _named(spot: Spot, graph: Graph) -> tuple[SectionKind, str]:
    """What kind of section a graph is, and what is written over it."""
    node, at = spot.node, spot.inner.index(graph)
    if isinstance(node.on_error, OnError) and graph.path[len(spot.path)] == "on_error":
        return "on_error", node.on_error.then.title if node.on_error.then and node.on_error.then.title else "On error"
    if isinstance(node, SwitchNode):
        case = node.cases[at]
        return "case", _short(case.title or f"when {case.when}")
    if isinstance(node, ParallelNode):
        name, branch = list(node.parallel.items())[at]
        return "branch", _short(branch.title or name)
    return "loop", f"for each {node.as_}" if isinstance(node, ForeachNode) else "loop"


def called(node: NodeBase) -> str:
    """What a node calls or does, in a few words."""
    if isinstance(node, TransformNode):
        return node.transform
    if isinstance(node, AgentNode):
        return node.agent
    if isinstance(node, FlowNode):
        return node.flow
    if isinstance(node, SwitchNode):
        return _short(node.switch)
    if isinstance(node, ForeachNode):
        return _short(node.foreach if isinstance(node.foreach, str) else f"{len(node.foreach)} items")
    if isinstance(node, WaitNode):
        return _waited(node)
    return node.code.language if isinstance(node, CodeNode) else ""


def _waited(node: WaitNode) -> str:
    wait = node.wait
    if wait.for_ is not None:
        return f"for {duration(wait.for_)}"
    return f"until {_short(wait.until)}" if wait.until else f"for {wait.event.topic if wait.event else ''}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SAID else line[: _SAID - 1] + "…"


def _without_graphs(node: dict[str, Any]) -> dict[str, Any]:
    made = {key: value for key, value in node.items() if key != "graph"}
    if isinstance(made.get("cases"), list):
        made["cases"] = [_without_graphs(case) if isinstance(case, dict) else case for case in made["cases"]]
    if isinstance(made.get("parallel"), dict):
        made["parallel"] = {
            name: _without_graphs(branch) if isinstance(branch, dict) else branch
            for name, branch in made["parallel"].items()
        }
    if isinstance(made.get("on_error"), dict):
        then = made["on_error"].get("then")
        if isinstance(then, dict):
            made["on_error"] = {**made["on_error"], "then": _without_graphs(then)}
    return made
