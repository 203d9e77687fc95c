"""The chain of one cause: what came in, which events and runs followed, what they asked, sent and said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

NodeKind = Literal["webhook", "event", "run", "step", "approval", "effect", "message", "more"]


class ChainNode(BaseModel):
    """One thing in a chain. `cause` is the id of the node it follows from; `page` and `parameters` lead to it."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: NodeKind
    title: str
    detail: str = ""
    status: str = ""
    at: datetime
    cause: str | None = None
    page: str = ""
    parameters: dict[str, str] = {}


class Chain(BaseModel):
    """The nodes of a chain, each behind its cause; `left_out` counts those that are not among them."""

    model_config = ConfigDict(frozen=True)

    correlation_id: str
    nodes: list[ChainNode]
    events: int
    runs: int
    left_out: int = 0


def in_order(nodes: Sequence[ChainNode]) -> list[ChainNode]:
    """Nodes by cause and time: each right behind what caused it, the earliest branch first.

    A cause that is not among the nodes, or a circle of causes, makes a node a beginning of its own.
    """
    known = {node.id for node in nodes}
    children: defaultdict[str | None, list[ChainNode]] = defaultdict(list)
    for node in sorted(nodes, key=lambda each: each.at):
        children[node.cause if node.cause in known and node.cause != node.id else None].append(node)
    found: list[ChainNode] = []
    seen: set[str] = set()
    _walk(children[None], children, found, seen)
    _walk([node for node in nodes if node.id not in seen], children, found, seen)
    return found


def _walk(
    first: Sequence[ChainNode],
    children: Mapping[str | None, Sequence[ChainNode]],
    found: list[ChainNode],
    seen: set[str],
) -> None:
    waiting = list(reversed(first))
    while waiting:
        node = waiting.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        found.append(node)
        waiting += reversed(children.get(node.id, ()))


def thinned(nodes: Sequence[ChainNode], *, beside: int, most: int) -> tuple[list[ChainNode], int]:
    """At most `most` nodes, and at most `beside` steps, effects or messages of one cause; how many are not among them.

    What is left out of one cause is said by a node "and N more" that leads where its cause leads.
    """
    by_id = {node.id: node for node in nodes}
    causes = {node.cause for node in nodes}
    kept: list[ChainNode] = []
    counts: defaultdict[str | None, int] = defaultdict(int)
    dropped: defaultdict[str, list[ChainNode]] = defaultdict(list)
    gone: set[str] = set()
    for node in in_order(nodes):
        if node.cause in gone:
            gone.add(node.id)
            dropped[_first_kept(node, by_id, gone)].append(node)
            continue
        small = node.cause is not None and node.kind != "run" and node.id not in causes
        counts[node.cause] += small
        if (small and counts[node.cause] > beside) or len(kept) >= most:
            gone.add(node.id)
            dropped[node.cause if node.cause in by_id and node.cause else ""].append(node)
            continue
        kept.append(node)
    more = [_more(by_id[cause], left) for cause, left in dropped.items() if cause in by_id]
    return in_order([*kept, *more]), sum(map(len, dropped.values()))


def _first_kept(node: ChainNode, by_id: Mapping[str, ChainNode], gone: set[str]) -> str:
    at = node.cause
    while at in gone:
        at = by_id[at].cause
    return at if at in by_id and at else ""


def _more(cause: ChainNode, left: Sequence[ChainNode]) -> ChainNode:
    return ChainNode(
        id=f"more:{cause.id}",
        kind="more",
        title=f"and {len(left)} more",
        at=max(node.at for node in left),
        cause=cause.id,
        page=cause.page,
        parameters=cause.parameters,
    )
