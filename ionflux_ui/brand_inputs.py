"""The default inputs of a brand: per agent a few lines of YAML, checked against what the agent takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.domain.workspaces import Brand, Workspace
from ionflux_core.errors import Invalid, NotFound, Problem
from ionflux_core.redaction import looks_like_secret
from ionflux_core.yaml_text import dump, load
from ionflux_ui.agent_words import BY
from ionflux_ui.brand_draft import draft_of
from ionflux_ui.errors import errors_shown
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash


def read_inputs(definition: AgentDefinition, text: str) -> dict[str, Any]:
    """The inputs a text gives; Invalid names every line that the agent cannot take, and refuses secrets."""
    _refuse_secrets(text)
    loaded = load(text)
    values = loaded.data if text.strip() else {}
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise Invalid(
            "These are no keys with values.", hint="Write one input per line, such as reporting_currency: BRL."
        )
    problems: list[Problem] = []
    read: dict[str, Any] = {}
    for key, value in values.items():
        spec, (line, column) = definition.input(str(key)), loaded.key_position((key,))
        if spec is None:
            known = ", ".join(each.key for each in definition.inputs)
            problems.append(
                Problem(f"{definition.name} has no input {key!r}.", f"It takes: {known}.", "", line, column)
            )
            continue
        value = loaded.numbers((key,)) if spec.type in ("json", "number", "float") else value
        wrong = None if value is None else spec.problem_with(value)
        if wrong:
            problems.append(Problem(f"Input {key!r} {wrong}.", path=str(key), line=line, column=column))
        elif value is not None:
            read[str(key)] = value
    if problems:
        raise Invalid(
            "The defaults were not saved.", problems=problems, hint=problems[0].hint or "Correct the lines and save."
        )
    return read


def _refuse_secrets(text: str) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        kind = looks_like_secret(line)
        if kind:
            raise Invalid(
                f"Line {number} holds {kind}.", hint="Store it in Settings, Secrets, and write secret://name here."
            )


def show_inputs(workspace: Workspace, brand: Brand) -> None:
    """Draw the defaults per agent, each with its own save."""
    st.caption("What the agents of this brand start with. The YAML of an agent and the inputs of a run win over it.")
    offered = sorted(application().marketplace.offered(), key=lambda each: each.planned)
    definitions = {each.slug: each for each in offered if each.inputs}
    added_key = f"brand_{brand.id}_defaults"
    shown = [*brand.inputs, *(slug for slug in st.session_state.get(added_key, []) if slug not in brand.inputs)]
    for slug in shown:
        _one(workspace, brand, slug, definitions.get(slug))
    others = [slug for slug in definitions if slug not in shown]
    if not shown:
        with st.container(border=True):
            st.text("There are no defaults yet. Choose an agent below to set some, such as its reporting currency.")
    if others:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox(
                "Agent",
                others,
                format_func=lambda slug: definitions[slug].name + (" (planned)" if definitions[slug].planned else ""),
                key=f"{added_key}_choice",
                width=320,
            )
            if st.button("Set defaults for it", icon=":material/add:") and chosen:
                st.session_state[added_key] = [*st.session_state.get(added_key, []), chosen]
                st.rerun()


def _one(workspace: Workspace, brand: Brand, slug: str, definition: AgentDefinition | None) -> None:
    with st.container(border=True, key=f"defaults_{brand.id}_{slug}"):
        st.markdown(f"**{escaped(definition.name if definition else slug)}**")
        kept = brand.inputs.get(slug, {})
        if definition is None:
            st.text("This agent is not in the marketplace any more, or takes no inputs.")
        else:
            with st.expander("Inputs it takes"):
                for spec in definition.inputs:
                    st.markdown(f"`{spec.key}` :blue-badge[{spec.type}]")
                    st.caption(escaped(spec.description))
        text = st.text_area(
            "Default inputs",
            dump(kept) if kept else "",
            key=f"defaults_text_{brand.id}_{slug}_{brand.updated_at.timestamp()}",
            height=140,
            placeholder=_placeholder(definition),
            disabled=definition is None,
        )
        with st.container(horizontal=True):
            save = st.button("Save the defaults", key=f"defaults_save_{slug}", disabled=definition is None)
            remove = st.button("Remove", key=f"defaults_remove_{slug}", type="tertiary")
        with errors_shown():
            if save:
                _save(workspace, brand, slug, text or "")
            if remove:
                _keep(workspace, brand, slug, {})


def _placeholder(definition: AgentDefinition | None) -> str:
    if definition is None:
        return ""
    named = [spec for spec in definition.inputs if isinstance(spec.example or spec.default, (str, int, float))]
    return "\n".join(f"{spec.key}: {spec.example or spec.default}" for spec in named[:3])


def _save(workspace: Workspace, brand: Brand, slug: str, text: str) -> None:
    try:
        definition = application().marketplace.definition(slug)
    except NotFound as error:
        raise Invalid(error.message, hint="Remove these defaults.") from error
    _keep(workspace, brand, slug, read_inputs(definition, text))


def _keep(workspace: Workspace, brand: Brand, slug: str, values: Mapping[str, Any]) -> None:
    inputs = {name: given for name, given in brand.inputs.items() if name != slug}
    if values:
        inputs[slug] = dict(values)
    application().workspaces.save_brand(
        workspace.id, brand.id, draft_of(brand, inputs=inputs), expected=brand.updated_at, by=BY
    )
    added_key = f"brand_{brand.id}_defaults"
    st.session_state[added_key] = [name for name in st.session_state.get(added_key, []) if name != slug]
    flash("The defaults are saved." if values else "The defaults are removed.")
    st.rerun()
