"""What a definition takes and gives, to read while configuring it."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.agents import AgentDefinition, InputSpec
from ionflux_core.domain.triggers import TriggerSpec
from ionflux_ui.agent_words import shown
from ionflux_ui.plain import escaped


def show_definition(definition: AgentDefinition) -> None:
    """Draw a definition's inputs, outputs, triggers, memory and models, folded."""
    st.markdown(f"**{escaped(definition.name)}** :gray-badge[{escaped(definition.version)}]")
    if definition.narrative.tagline:
        st.caption(escaped(definition.narrative.tagline))
    with st.expander(f"Inputs ({len(definition.inputs)})"):
        for spec in definition.inputs:
            st.markdown(_input_line(spec))
    with st.expander(f"Outputs ({len(definition.outputs)})"):
        for output in definition.outputs:
            st.markdown(f"`{output.key}` :gray-badge[{output.type}]  \n{escaped(output.description)}")
    with st.expander(f"Triggers ({len(definition.triggers)})"):
        for trigger in definition.triggers:
            st.markdown(_trigger_line(trigger))
    with st.expander("Memory and models"):
        st.markdown(_memory_line(definition))
        for model in definition.stack.models:
            st.markdown(f"`{model.id}`  \n{escaped(model.purpose or '')}")
        if not definition.stack.models:
            st.caption("It uses no language model.")


def _input_line(spec: InputSpec) -> str:
    marks = [f":gray-badge[{spec.type}]"]
    if spec.required:
        marks.append(":orange-badge[required]")
    if spec.from_trigger:
        marks.append(":gray-badge[by trigger]")
    elif spec.runtime_promptable:
        marks.append(":gray-badge[at the start]")
    facts = [escaped(spec.description)]
    if spec.default is not None:
        facts.append(f"Default: {escaped(shown(spec.default))}.")
    if spec.accepted_values:
        facts.append(f"One of {escaped(', '.join(str(value) for value in spec.accepted_values))}.")
    return f"`{spec.key}` {' '.join(marks)}  \n{' '.join(facts)}"


def _trigger_line(spec: TriggerSpec) -> str:
    can = "on, off and its settings" if spec.is_user_overridable else "on and off"
    return f"`{spec.key}` :gray-badge[{spec.type}]  \n{escaped(spec.description)} You can change: {can}."


def _memory_line(definition: AgentDefinition) -> str:
    memory = definition.memory
    if memory.namespace is None:
        return f"No memory namespace. {escaped(memory.description)}"
    return f"Memory: {escaped(memory.type)}, namespace `{memory.namespace}`  \n{escaped(memory.description)}"
