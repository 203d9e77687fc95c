"""One transform: what it does, what it takes and gives, how it stands in a flow, and trying it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from ionflux_core import yaml_text
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.badges import Badge, badge_line
from ionflux_ui.parts import open_part
from ionflux_ui.plain import escaped
from ionflux_ui.transform_dry_run import node_of, show_dry_run
from ionflux_ui.transform_try import show_try

if TYPE_CHECKING:
    from ionflux_core.transforms.base import Transform

_KINDS: Final = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false",
                 "array": "list", "object": "map"}  # fmt: skip


def show_transform(workspace: Workspace, transform: Transform) -> None:
    """Draw a transform with its parts."""
    st.subheader(escaped(transform.title), anchor=False)
    st.markdown(badge_line(_badges(transform)))
    st.markdown(escaped(transform.description))
    part = open_part(("Try it", "Inputs and outputs", "In a flow"), key="transforms-part")
    if part == "Inputs and outputs":
        _show_schemas(transform)
    elif part == "In a flow":
        _show_node(transform)
    elif transform.alone:
        show_try(workspace, transform)
    else:
        show_dry_run(workspace, transform)


def _badges(transform: Transform) -> list[Badge]:
    badges = [Badge("gray", "", transform.id), Badge("blue", "category", transform.family)]
    if transform.scope:
        badges.append(Badge("orange", "policy", f"asks for {transform.scope}"))
    if transform.acts:
        badges.append(Badge("orange", "outbox", "goes out of the house"))
    elif not transform.alone:
        badges.append(Badge("gray", "play_circle", "works inside of a run"))
    return badges


def _show_schemas(transform: Transform) -> None:
    schema = transform.inputs_schema
    rows = [_row(name, field, name in schema["required"]) for name, field in schema["properties"].items()]
    st.markdown("\n".join(["| input | is | default | |", "|---|---|---|---|", *rows]))
    outputs = transform.outputs_schema["properties"].items()
    rows = [f"| `{name}` | {_kind(field)} | {escaped(field.get('description', ''))} |" for name, field in outputs]
    st.markdown("\n".join(["| output | is | |", "|---|---|---|", *rows]))


def _row(name: str, field: Mapping[str, Any], required: bool) -> str:
    default = "**required**" if required else escaped(yaml_text.inline(field.get("default")))
    return f"| `{name}` | {_kind(field)} | {default} | {escaped(field.get('description', ''))} |"


def _kind(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(escaped(repr(each).strip("'")) for each in field["enum"] if each)
    if "anyOf" in field:
        return "number, or why there is none"
    return _KINDS.get(field.get("type", ""), "any value")


def _show_node(transform: Transform) -> None:
    st.caption("A node of a flow, to copy. Values of earlier nodes are written {{ nodes.id.outputs.name }}.")
    st.code(_node(transform), language="yaml")
    read = "\n".join(f"{{{{ nodes.{_id(transform)}.outputs.{name} }}}}" for name in sorted(transform.outputs))
    st.caption("What later nodes read of it:")
    st.code(read, language=None)


def _node(transform: Transform) -> str:
    return yaml_text.dump([node_of(transform, transform.examples[0].inputs if transform.examples else {})])


def _id(transform: Transform) -> str:
    return str(node_of(transform, {})["id"])
