"""Why this value: everything an instance runs with, each with the layer it comes from."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ionflux_core.catalog.configuration import EffectiveConfiguration
from ionflux_core.domain.agents import AgentDefinition, AgentInstance
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_words import ORIGINS, shown
from ionflux_ui.plain import counted
from ionflux_ui.session import application, parameter, set_parameters

_NOWHERE = "Not given"


def show_explain(subject: Subject, instance: AgentInstance) -> None:
    """Draw the table of effective values of the saved version."""
    st.caption(
        f"What version {instance.version} runs with. Each layer overrides the one before it: "
        "definition, workspace, brand, this agent; a trigger or a run may bring more."
    )
    merged = application().agents.explain(subject.workspace_id, instance.id)
    rows = explained(subject.definition, merged)
    present = [origin for origin in (*ORIGINS.values(), _NOWHERE) if any(row["From"] == origin for row in rows)]
    chosen = st.segmented_control(
        "From",
        present,
        default=parameter("origin") if parameter("origin") in present else None,
        key="agent-origin",
        on_change=lambda: set_parameters(origin=st.session_state["agent-origin"]),
        label_visibility="collapsed",
    )
    rows = [row for row in rows if chosen in (None, row["From"])]
    st.dataframe(
        rows,
        height="content",
        hide_index=True,
        column_config={"Key": st.column_config.TextColumn(width=330), "Value": st.column_config.TextColumn(width=330)},
        alt="Every effective value with the layer it comes from",
    )
    st.caption(counted(len(rows), "value"))


def explained(definition: AgentDefinition, merged: EffectiveConfiguration) -> list[dict[str, str]]:
    """One row per value: Key, Value, From; inputs that nobody gave included."""
    rows = []
    for spec in sorted(definition.inputs, key=lambda spec: spec.key not in merged.inputs):
        path = f"inputs.{spec.key}"
        given = spec.key in merged.inputs
        rows.append(_row(path, merged.inputs.get(spec.key) if given else None, merged.origins.get(path)))
    plain_triggers = merged.snapshot()["triggers"]
    for path, origin in merged.origins.items():
        if path.startswith("triggers."):
            rows.append(_row(path, _inside(plain_triggers, path.split(".")[1:]), origin))
    for path, value in (("memory.namespace", merged.namespace), ("model", merged.model)):
        if path in merged.origins and not (path == "model" and value is None):
            rows.append(_row(path, value, merged.origins[path]))
    for key, value in merged.advanced_features.items():
        rows.append(_row(f"advanced_features.{key}", value, merged.origins.get(f"advanced_features.{key}")))
    return rows


def _row(path: str, value: Any, origin: str | None) -> dict[str, str]:
    text = "–" if value is None else shown(value, 1000)
    return {"Key": path, "Value": text, "From": ORIGINS[origin] if origin else _NOWHERE}


def _inside(tree: Any, steps: list[str]) -> Any:
    for step in steps:
        tree = tree.get(step) if isinstance(tree, dict) else None
    return tree
