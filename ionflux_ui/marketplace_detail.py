"""One agent of the marketplace: its story, what it takes and gives, what starts it, its figures, a sample to try."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.agents import AgentDefinition, InputSpec, KpiSpec, OutputSpec
from ionflux_core.domain.triggers import (
    EventConfig,
    FlowConfig,
    ScheduleConfig,
    TriggerConfig,
    TriggerSpec,
    WebhookConfig,
)
from ionflux_core.errors import IonfluxError, NotFound
from ionflux_ui.badges import Badge, badge_line
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.marketplace_list import back_button, use_button
from ionflux_ui.marketplace_parts import readiness, services, tags
from ionflux_ui.moments import duration
from ionflux_ui.parts import open_part
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, open_page, page_link, workspace_id
from ionflux_ui.theme import status_badge

_STORY: Final = (
    ("introduction", "What it is for"),
    ("flow", "How it works"),
    ("punch", "In one sentence"),
    ("interpretation", "What that means"),
    ("scheduling", "When it runs"),
    ("integrations", "What it works with"),
    ("kpis", "How it is measured"),
    ("fallback", "When something fails"),
    ("scenario", "An example"),
    ("escape_the_obvious", "What sets it apart"),
    ("expansion", "What may come"),
)
_DIRECTIONS: Final = {"up": "higher is better", "down": "lower is better", "none": ""}


def show_definition(slug: str) -> None:
    """Draw an agent's page; an unknown name gets a sentence and the way back."""
    back_button()
    try:
        definition = application().marketplace.definition(slug)
    except NotFound as error:
        st.title("Marketplace")
        show_error(error)
        return
    _head(definition)
    parts: dict[str, Callable[[AgentDefinition], None]] = {
        "Story": _story,
        "Inputs and outputs": _ports,
        "Triggers": _triggers,
        "Figures": _figures,
        "Limits and memory": _limits,
        "Sample": _sample,
    }
    parts[open_part(parts, key=f"part_{definition.slug}")](definition)


def _head(definition: AgentDefinition) -> None:
    story = definition.narrative
    st.title(escaped(definition.name), anchor=False)
    st.caption(escaped(story.tagline) if story.tagline else f"An agent, version {escaped(definition.version)}.")
    version = Badge("gray", "", f"version {definition.version}")
    st.markdown(badge_line([version, *readiness(definition), *services(definition), *tags(definition)]))
    if definition.planned:
        with st.container(border=True):
            st.text("This agent is planned: what you read is its definition. Its code has not come yet, so it cannot")
            st.text("be configured or started.")
        return
    sample = _sample_of(definition)
    with st.container(horizontal=True):
        use_button(definition, key="use")
        asked = _try_button(sample)
    if asked and sample:
        _try(definition, sample)
    _show_used_here(definition)


def _try_button(sample: dict[str, Any] | None) -> bool:
    """Whether a run with the sample is asked for."""
    told = "Runs once with the sample inputs, as a dry run: nothing is sent or kept." if sample else "It has no sample."
    return st.button("Try it with sample inputs", icon=":material/science:", disabled=not sample, help=told)


def _try(definition: AgentDefinition, sample: dict[str, Any]) -> None:
    app = application()
    with errors_shown():
        started = app.runs.start(
            workspace_id(),
            f"agent:{definition.slug}",
            sample.get("inputs") or {},
            task=sample.get("task"),
            dry_run=True,
            by=app.workspaces.owner().name,
        )
        flash(f"{definition.name} runs with its sample inputs.", icon=":material/science:")
        open_page("runs", run=started.run_id)


def _sample_of(definition: AgentDefinition) -> dict[str, Any] | None:
    """The agent's sample; None when it has none or one that cannot be read, which the part Sample tells."""
    try:
        return application().marketplace.sample(definition.slug)
    except IonfluxError:
        return None


def _show_used_here(definition: AgentDefinition) -> None:
    instances = application().agents.find(workspace_id(), definition_slug=definition.slug)
    if not instances:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("At work here:", width="content")
        for instance in instances[:5]:
            page_link("agents", escaped(instance.name), icon=":material/smart_toy:", instance=instance.id)
        if len(instances) > 5:
            page_link("agents", f"and {len(instances) - 5} more", definition=definition.slug)


def _story(definition: AgentDefinition) -> None:
    story = definition.narrative
    if story.epithet:
        st.markdown(f"*{escaped(story.epithet)}*")
    if story.archetype or story.dna_phrase:
        st.caption(escaped(" · ".join(part for part in (story.archetype, story.dna_phrase) if part)))
    if story.capabilities:
        st.markdown("##### Capabilities")
        st.markdown("\n".join(f"- {escaped(each)}" for each in story.capabilities))
    for name, title in _STORY:
        text = getattr(story, name)
        if text:
            st.markdown(f"##### {title}")
            for paragraph in filter(None, map(str.strip, text.split("\n"))):
                st.text(paragraph, width=760)


def _ports(definition: AgentDefinition) -> None:
    st.markdown("##### Inputs")
    if not definition.inputs:
        st.text("It takes no inputs.")
    for spec in definition.inputs:
        _input(spec)
    st.markdown("##### Outputs")
    for output in definition.outputs:
        _output(output)


def _input(spec: InputSpec) -> None:
    marks = [f":blue-badge[{spec.type}]"]
    marks += [":orange-badge[required]"] if spec.required else []
    marks += [":gray-badge[asked for at the start]"] if spec.runtime_promptable else []
    marks += [":gray-badge[may come with a trigger]"] if spec.from_trigger else []
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"`{spec.key}` {' '.join(marks)}")
        if spec.description:
            st.text(spec.description.strip())
        facts = []
        if spec.default is not None:
            facts.append(f"Default: {_short_json(spec.default)}")
        if spec.accepted_values:
            facts.append("One of: " + ", ".join(str(value) for value in spec.accepted_values))
        if facts:
            st.caption(escaped("  ·  ".join(facts)))
        _example(spec.example)


def _output(spec: OutputSpec) -> None:
    with st.container(border=True, gap="xsmall"):
        event = f" :gray-badge[becomes {escaped(spec.target_event_type)}]" if spec.target_event_type else ""
        st.markdown(f"`{spec.key}` :blue-badge[{spec.type}]{event}")
        if spec.description:
            st.text(spec.description.strip())
        _example(spec.example)


def _example(example: Any) -> None:
    if isinstance(example, (dict, list)):
        with st.expander("Example"):
            st.json(example)
    elif example is not None:
        st.caption(f"Example: {escaped(str(example))}")


def _short_json(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:119] + "…"


def _triggers(definition: AgentDefinition) -> None:
    st.caption("What starts an instance. Every trigger can be switched on and off in its YAML.")
    for spec in definition.triggers:
        with st.container(border=True, gap="xsmall"):
            st.markdown(f"`{spec.key}` :blue-badge[{spec.type}] {_change_badge(spec)}")
            if spec.description:
                st.text(spec.description.strip())
            st.caption(escaped(trigger_facts(spec.config)))
            if spec.payload_to:
                st.caption(f"What it brings goes into the input {escaped(spec.payload_to)}.")
    if definition.tasks:
        st.markdown("##### Tasks for a run by hand")
        for task in definition.tasks:
            with st.container(border=True, gap="xsmall"):
                st.markdown(f"**{escaped(task.title)}** `{task.key}`")
                if task.description:
                    st.text(task.description.strip())


def _change_badge(spec: TriggerSpec) -> str:
    on = "" if spec.enabled else ":gray-badge[off until you switch it on] "
    if spec.is_user_overridable:
        what = {"schedule": "times", "event": "topic and filter", "webhook": "address"}.get(spec.type, "settings")
        return f"{on}:green-badge[:material/edit: {what} may be changed]"
    return f"{on}:gray-badge[:material/lock: settings are fixed]"


def trigger_facts(config: TriggerConfig) -> str:
    """One sentence on when a trigger fires, with the words its configuration uses."""
    if isinstance(config, ScheduleConfig):
        zone = config.timezone or "the workspace's time zone"
        late = {"skip": "are skipped", "last": "are made up for once", "all": "are all made up for"}[config.missed]
        return f"At {config.cron} (minute hour day month weekday) in {zone}; missed times {late}."
    if isinstance(config, EventConfig):
        narrowed = f" where {_short_json(config.filter)}" if config.filter else ""
        return f"On every event {config.topic}{narrowed}."
    if isinstance(config, WebhookConfig):
        proof = {
            "none": "no proof of the sender",
            "token": "proved by its secret address",
            "standard": "signed as Standard Webhooks are",
        }.get(config.auth, f"signed by {config.auth.capitalize()}")
        return f"On {config.method} to …{config.path}, {proof}."
    if isinstance(config, FlowConfig):
        return f"When the flow {config.from_flow} ends with {config.on}."
    return "When a person starts it." + (" A form asks for its inputs." if config.form else "")


def _figures(definition: AgentDefinition) -> None:
    if not definition.kpis:
        st.text("It reports no figures.")
        return
    st.caption("The figures each run reports, and how they are worked out. Charts of them are on the Dashboard.")
    for kpi in definition.kpis:
        _kpi(kpi)


def _kpi(kpi: KpiSpec) -> None:
    with st.container(border=True, gap="xsmall"):
        unit = f" :gray-badge[{escaped(kpi.unit)}]" if kpi.unit else ""
        better = _DIRECTIONS[kpi.direction]
        st.markdown(f"**{escaped(kpi.title)}**{unit}" + (f" :gray-badge[{better}]" if better else ""))
        if kpi.description:
            st.text(kpi.description.strip())


def _limits(definition: AgentDefinition) -> None:
    limits, memory = definition.limits, definition.memory
    retries = f"{limits.retry.max} times, {duration(limits.retry.backoff_seconds)} apart at first"
    remembers = {"none": "Nothing by meaning"}.get(memory.type, f"A {memory.type} memory")
    facts = [
        ("Effects outside", ", ".join(each.removeprefix("effects: ") for each in definition.permissions) or "none"),
        ("Time for one run", duration(limits.timeout_seconds)),
        ("A failed run is tried again", retries if limits.retry.max else "Never"),
        ("Stops and asks for review after", f"{limits.breaker} failed runs in a row"),
        ("Runs of one instance at a time", str(limits.concurrency)),
        ("Memory", f"{remembers}. {memory.description}".strip()),
    ]
    facts += [("Memory namespace", memory.namespace)] if memory.namespace else []
    facts += [("Its own records", ", ".join(definition.tables))] if definition.tables else []
    facts += [("Events it sends", "\n".join(definition.events_out))] if definition.events_out else []
    facts += [("Runs on", f"{definition.stack.language}. {definition.stack.runtime}".strip())]
    with st.container(border=True):
        for name, value in facts:
            label, text = st.columns([1, 2])
            label.caption(name)
            text.text(value)
    _models(definition)


def _models(definition: AgentDefinition) -> None:
    stack = definition.stack
    if stack.models:
        st.markdown("##### Models")
        st.caption("The first one is used until the workspace or the YAML chooses another. `local` needs no key.")
        for model in stack.models:
            st.markdown(f"`{model.id}` {escaped(model.purpose)}")
    others = (*stack.integrations, *stack.databases, *stack.vector_stores, *stack.queues)
    if others:
        st.markdown("##### Stands on")
        st.markdown("\n".join(f"- **{escaped(each.name)}** {escaped(each.usage)}" for each in others))


def _sample(definition: AgentDefinition) -> None:
    with errors_shown():
        sample = application().marketplace.sample(definition.slug)
        if sample is None:
            st.text("This agent has no sample inputs yet.")
            return
        st.caption(
            "Inputs to try it with, and what must come out. The results are computed by a run, never shown from a file."
        )
        left, right = st.columns(2)
        with left:
            st.markdown("##### Inputs")
            st.json(sample.get("inputs") or {}, expanded=2)
        expected = sample.get("expect") or {}
        with right:
            st.markdown("##### Expected")
            if expected.get("status"):
                st.markdown(status_badge(str(expected["status"])))
            st.json(expected.get("outputs") or {}, expanded=2)
