"""Trying a transform that needs a run: a flow of this one node as a dry run, followed until it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from ionflux_core import yaml_text
from ionflux_core.domain.runs import FINISHED, Run
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Invalid, NotFound
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.run_steps import draw_error
from ionflux_ui.session import application, page_link
from ionflux_ui.theme import status_badge
from ionflux_ui.transform_try import draw_outputs, given

if TYPE_CHECKING:
    from ionflux_core.transforms.base import Transform

_LOOK_SECONDS: Final = 1.0


def show_dry_run(workspace: Workspace, transform: Transform) -> None:
    """Draw the inputs, the button, and below it the run it started last."""
    what = "acts on the world outside" if transform.acts else "works inside of a run"
    st.caption(
        f"This one {what}, so it is tried in a flow of its own, as a dry run: nothing is sent or written. Servers, "
        "accounts and models that it reads from are asked."
    )
    inputs, problems = given(transform)
    kept = f"transform-run-{transform.id}"
    if st.button("Try it as a dry run", type="primary", icon=":material/play_arrow:", key="transform-dry-run"):
        with errors_shown():
            if problems:
                raise Invalid("The inputs cannot be used.", problems=problems)
            text = flow_of(transform, inputs)
            st.session_state[kept] = application().flows.try_it(workspace.id, text, by=BY).run_id
    if kept in st.session_state:
        _show_run(workspace, str(st.session_state[kept]))


def node_of(transform: Transform, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The node of a flow that calls a transform."""
    node: dict[str, Any] = {"id": transform.name.rpartition(".")[2], "transform": transform.id}
    if transform.scope:
        node["scope"] = transform.scope
    return {**node, "inputs": dict(inputs)}


def flow_of(transform: Transform, inputs: Mapping[str, Any]) -> str:
    """A flow of this one node, whose outputs are the transform's."""
    node = node_of(transform, inputs)
    outputs = {name: f"{{{{ nodes.{node['id']}.outputs.{name} }}}}" for name in sorted(transform.outputs)}
    name = f"try_{transform.name.replace('.', '_')}"
    return yaml_text.dump({"version": "1", "name": name, "graph": [node], "output": outputs})


def _show_run(workspace: Workspace, run_id: str) -> None:
    try:
        run = application().runs.get(workspace.id, run_id)
    except NotFound:
        return
    # Followed while it goes on, and never after.
    follow: Callable[[Workspace, Run], None] = st.fragment(
        _body, run_every=None if run.status in FINISHED else _LOOK_SECONDS
    )
    follow(workspace, run)


def _body(workspace: Workspace, drawn: Run) -> None:
    """What became of the run; its end redraws the page, which also ends the following."""
    run = application().runs.get(workspace.id, drawn.id)
    if run.status != drawn.status:
        st.rerun()
    with st.container(border=True, key="transform-run"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(status_badge(run.status))
            page_link("runs", "Open its run", icon=":material/play_circle:", run=run.id)
        if run.error:
            draw_error(run.error)
        elif run.status in FINISHED:
            draw_outputs(run.outputs or {})
