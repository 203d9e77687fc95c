"""A chain as a picture: every node gets its column by cause and its row by time; the drawing is the browser's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.event_chains import Chain, ChainNode
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import NotFound
from ionflux_ui.event_board import event_board
from ionflux_ui.event_words import node_badge, source_name, source_names
from ionflux_ui.moments import ago, duration, exact
from ionflux_ui.plain import counted
from ionflux_ui.session import set_parameters

_WORDS: Final = {
    "webhook": ("Came in", "webhook"),
    "event": ("Event", "bolt"),
    "run": ("Run", "play_circle"),
    "step": ("Step", "chevron_right"),
    "approval": ("Question", "front_hand"),
    "effect": ("Outbox", "outbox"),
    "message": ("Message", "forum"),
    "more": ("", "more_horiz"),
}
# A picture has little room; the words all subjects begin with say the least.
_SCOPE: Final = re.compile(r"^ionflux\.(agent\.(?=[^.]+\.))?")


def draw_chain(app: Application, space: Workspace, correlation_id: str, *, here: str = "") -> Chain | None:
    """The picture of a chain, with the node `here` marked; None, and a kind sentence, when there is no such chain."""
    try:
        chain = app.events.chains.get(space.id, correlation_id)
    except NotFound:
        st.caption("Nothing of this chain is kept any more.")
        return None
    zone = space.settings.timezone
    names = source_names(app, space.id)
    boxes = boxes_of(chain.nodes, zone, here=here, names=names)
    data = {"boxes": tuple(boxes), "label": "What followed from what, from left to right"}
    event_board("chain", data, key=f"chain_{correlation_id}", workspace_id=space.id, follow=is_going_on(chain))
    if chain.left_out:
        st.caption(f":material/info: {counted(chain.left_out, 'part')} of this chain are not in the picture.")
    return chain


def is_going_on(chain: Chain) -> bool:
    """Whether something of a chain has not ended: then, and only then, its picture follows it."""
    unsettled = {"pending", "running", "waiting", "awaiting_approval", "paused", "pending_processing", "sending"}
    return any(node.status in unsettled for node in chain.nodes)


def chain_words(chain: Chain, zone: str) -> str:
    """A chain in a sentence: how much it holds, when it began and how long it took."""
    counts = [("event", chain.events), ("run", chain.runs)]
    first = min(node.at for node in chain.nodes)
    last = max(node.at for node in chain.nodes)
    held = " and ".join(counted(count, kind) for kind, count in counts if count)
    return f"{held}, begun {ago(first, zone)}, the last part {duration((last - first).total_seconds())} later"


def boxes_of(
    nodes: Sequence[ChainNode], zone: str, *, here: str = "", names: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Where each node stands and what it says, all of it plain text; nodes come behind their causes."""
    if not nodes:
        return []
    began = min(node.at for node in nodes)
    causes = {node.cause for node in nodes}
    columns: dict[str, int] = {}
    rows: dict[str, int] = {}
    used: set[str] = set()
    free: list[int] = []
    boxes = []
    for node in nodes:
        cause = node.cause if node.cause in columns else None
        column = columns[node.id] = columns[cause] + 1 if cause else 0
        free += [0] * (column + 1 - len(free))
        # The first thing that follows stands beside its cause, each later one below all that came before.
        below = max(free[column:])
        rows[node.id] = max(below, rows[cause]) if cause and cause not in used else below
        used.add(cause or "")
        size = 1 if _is_small(node) and (node.kind == "step" or node.id not in causes) else 2
        free[column] = rows[node.id] + size
        box = _box(node, began, zone, here, names or {})
        boxes.append(box | {"cause": cause, "column": column, "row": rows[node.id], "size": size})
    return boxes


def _is_small(node: ChainNode) -> bool:
    """Whether one line is enough: steps, and facts nobody has listened to."""
    return node.kind in ("step", "more") or (node.kind == "event" and node.status == "archived_no_trigger")


def _box(node: ChainNode, began: datetime, zone: str, here: str, names: Mapping[str, str]) -> dict[str, Any]:
    word, icon = _WORDS[node.kind]
    status = node_badge(node.kind, node.status)
    later = (node.at - began).total_seconds()
    door = source_name(node.id.removeprefix("door:"), names) if node.kind == "webhook" else ""
    return {
        "id": node.id,
        "kind": node.kind,
        "word": word,
        "icon": icon,
        "title": door or node.title,
        "short": _SCOPE.sub("", node.title) if node.kind == "event" else door or node.title,
        "detail": node.detail,
        "time": "" if node.kind == "more" else (f"+{duration(later)}" if later else "start"),
        "exact": exact(node.at, zone),
        "status": status._asdict() if status else None,
        "here": node.id == here,
        "page": node.page,
        "parameters": node.parameters,
    }


def show_chain(app: Application, space: Workspace, correlation_id: str) -> None:
    """The page of one chain."""
    st.button("All events", icon=":material/arrow_back:", type="tertiary", on_click=leave_chain)
    st.title("Chain", anchor=False)
    # Its words stand above the picture, and are known when it has been read.
    said = st.empty()
    st.fragment(_picture)(app, space, correlation_id, said)


def _picture(app: Application, space: Workspace, correlation_id: str, said: Any) -> None:
    chain = draw_chain(app, space, correlation_id)
    if chain is None:
        st.button("Show all events", type="primary", on_click=leave_chain)
        return
    said.caption(f"Everything that followed from one cause: {chain_words(chain, space.settings.timezone)}.")


def leave_chain() -> None:
    """Go back to the stream as it was."""
    set_parameters(correlation=None, event=None)
