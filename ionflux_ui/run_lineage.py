"""How a run is tied to others on the screen: retry, fork and replay, where it came from, and the whole tree."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.lineage import LineageNode, notes_of
from ionflux_core.domain.runs import FINISHED, Run
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago
from ionflux_ui.run_fork import FORK, START
from ionflux_ui.run_list import money
from ionflux_ui.run_text import escaped
from ionflux_ui.session import flash, page_link, parameter, set_parameters
from ionflux_ui.theme import status_badge

_NODES: Final = 50
_CHANGES: Final = 3
_HOW: Final = {"retry": "Retry", "fork": "Fork", "replay": "Replay"}
_ICONS: Final = {"retry": ":material/restart_alt:", "fork": ":material/fork_right:", "replay": ":material/history:"}


def draw_again(application: Application, run: Run, *, known: bool) -> None:
    """The buttons that make a run from this one, where that makes sense."""
    if run.status not in FINISHED:
        return
    own = known and run.imported is None and run.lineage != "replay"
    if own and run.status not in ("success", "budget_stopped"):
        said = "A new run that goes on where this one failed. What it had finished is neither repeated nor paid again."
        if st.button("Retry from failed step", icon=_ICONS["retry"], type="primary", help=said):
            with errors_shown():
                made = application.forks.retry(run.workspace_id, run.id, by=BY)
                _open(made.run_id, "It goes on from the failed step.")
    if own and st.button("Fork…", icon=_ICONS["fork"], help="Begin again at a step, with something changed."):
        set_parameters(fork=START)
        st.rerun()
    if not run.status.startswith("cancelled"):
        said = "The same run again from its recording: offline, at no cost, with the same outputs or a word why not."
        if st.button("Replay", icon=_ICONS["replay"], help=said):
            with errors_shown():
                made = application.forks.replay(run.workspace_id, run.id, by=BY)
                _open(made.run_id, "It is replayed from its recording.")


def _open(run_id: str, message: str) -> None:
    set_parameters(run=run_id, step=None, steps=None, part=None, family=None, **{FORK: None})
    flash(message)
    st.rerun()


def draw_origin(run: Run) -> None:
    """Which run this one was made from, at which step and with which changes; nothing for a run of its own."""
    if not run.lineage or not run.parent_run_id:
        return
    at = f" at step {escaped(run.forked_at)}" if run.forked_at else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{_ICONS[run.lineage]} **{_HOW[run.lineage]}**{at} of", width="content")
        page_link("runs", f"run {run.parent_run_id[-8:]}", run=run.parent_run_id)
    notes = notes_of(run.changes)
    if notes:
        st.markdown("Changed: " + "; ".join(escaped(note) for note in notes[:_CHANGES]) + _more(notes))
    if run.lineage == "replay" and run.status == "success":
        st.markdown(
            ":green[:material/verified:] Identical to the recording, step by step and output by output. "
            "Nothing was called and nothing was paid."
        )


def _more(notes: list[str]) -> str:
    return f" and {len(notes) - _CHANGES} more" if len(notes) > _CHANGES else ""


def draw_tree(application: Application, run: Run, zone: str) -> None:
    """All runs that come from the same first one, as a tree; nothing while there is but one."""
    tree = application.forks.lineage(run.workspace_id, run.id, cursor=parameter("family"), limit=_NODES)
    if len(tree.family) < 2 and not tree.ancestors:
        return
    st.subheader("Lineage", anchor=False)
    st.caption("Every retry, fork and replay of the same first run.")
    with st.container(gap="small"):
        for depth, node in _in_order(tree.family):
            _draw_node(node, depth, zone, here=node.run_id == run.id)
    if tree.cursor or parameter("family"):
        with st.container(horizontal=True):
            if parameter("family"):
                st.button("From the first", on_click=lambda: set_parameters(family=None))
            if tree.cursor:
                st.button("Later ones", on_click=lambda: set_parameters(family=tree.cursor))


def _in_order(nodes: list[LineageNode]) -> list[tuple[int, LineageNode]]:
    """Nodes with their depth, each right below its parent; one whose parent is on another page stands at the left."""
    known = {node.run_id for node in nodes}
    children: defaultdict[str | None, list[LineageNode]] = defaultdict(list)
    for node in nodes:
        children[node.parent_run_id if node.parent_run_id in known else None].append(node)
    order: list[tuple[int, LineageNode]] = []
    waiting = [(0, node) for node in reversed(children[None])]
    while waiting:
        depth, node = waiting.pop()
        order.append((depth, node))
        waiting += [(depth + 1, child) for child in reversed(children[node.run_id])]
    return order


def _draw_node(node: LineageNode, depth: int, zone: str, *, here: bool) -> None:
    how = _HOW.get(node.lineage or "", "First run")
    at = f" at {escaped(node.forked_at)}" if node.forked_at else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if depth:
            # Blanks at the beginning of a text are cut off unless something invisible stands before them.
            st.text("\u2060" + "\u2003" * (2 * min(depth, 8) - 2) + "└─", width="content")
        icon = _ICONS.get(node.lineage or "", ":material/play_circle:")
        st.markdown(f"{icon} {how}{at}", width="content")
        if here:
            st.markdown(f"**{node.run_id[-8:]}** :violet-badge[this run]", width="content")
        else:
            page_link("runs", node.run_id[-8:], run=node.run_id)
        st.markdown(status_badge(node.status), width="content")
        told = [ago(node.created_at, zone), money(node.cost_micros), *node.notes[:_CHANGES]]
        st.caption(" · ".join(escaped(word) for word in told) + _more(node.notes), width="content")
