"""The first steps in a workspace, each ticked from what is really there; gone once all are done."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.runs import RunFilter
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.home_signals import missing_secrets
from ionflux_ui.session import application, open_page

_FIRST_CHOICE = "revenue_tracker"


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first steps: what to do, why, whether it is done, and the page with the address it is done on."""

    title: str
    why: str
    done: bool
    action: str
    page: str
    parameters: dict[str, str]


def first_steps(app: Application, workspace: Workspace) -> list[Step]:
    """The five steps to a run of one's own, as far as they have been taken."""
    instances = app.agents.find(workspace.id)
    runs = _own_runs(app, workspace)
    people = app.workspaces.brands(workspace.id) or app.workspaces.creators(workspace.id)
    offered = {each.slug for each in app.marketplace.offered() if not each.planned}
    first = {"agent": _FIRST_CHOICE} if _FIRST_CHOICE in offered else {}
    own = {"instance": instances[0].id} if instances else {}
    return [
        Step(
            "Introduce a brand or a creator",
            "Its voice, audience and defaults go into every run.",
            bool(people),
            "Add a brand",
            "brands",
            {"new": "brand"},
        ),
        Step(
            "Try an agent with its sample",
            "A dry run: nothing is sent, no key is needed, and it takes seconds.",
            bool(runs),
            "Open an agent",
            "marketplace",
            first,
        ),
        Step(
            "Put an agent to work",
            "It gets a name and its own YAML. What it starts with runs as it is.",
            bool(instances),
            "Use an agent",
            "agents" if first else "marketplace",
            {"new": _FIRST_CHOICE} if first else {},
        ),
        Step(
            "Run it on your own data",
            "Paste an order or upload a file, and follow the run step by step.",
            any(not dry for dry in runs),
            "Run it",
            "agents",
            own,
        ),
        Step(
            "Let it run by itself",
            "A schedule, an event or a signed webhook starts it from now on.",
            _runs_by_itself(app, workspace),
            "Set its triggers",
            "agents",
            own,
        ),
    ]


def _own_runs(app: Application, workspace: Workspace) -> list[bool]:
    """Whether it was a dry run, for each recent success that a person started here.

    A history older than its workspace was generated with it, so it is nobody's own.
    """
    narrow = RunFilter(statuses=["success"], trigger_kind="manual", since=workspace.created_at)
    return [run.dry_run for run in app.runs.find(workspace.id, narrow, limit=50).runs]


def _runs_by_itself(app: Application, workspace: Workspace) -> bool:
    unsigned = {missing.trigger.id for missing in missing_secrets(app, workspace.id)}
    return any(
        trigger.enabled
        and trigger.kind in ("schedule", "event", "webhook")
        and trigger.instance_status == "active"
        and trigger.id not in unsigned
        for trigger in app.triggers.find(workspace.id)
    )


def show_checklist(workspace: Workspace) -> None:
    """Draw the steps while one of them is open."""
    steps = first_steps(application(), workspace)
    done = sum(step.done for step in steps)
    if done == len(steps):
        return
    current = next(step for step in steps if not step.done)
    with st.container(border=True, key="checklist"):
        st.markdown(f"### Your first run in three minutes :gray-badge[{done} of {len(steps)} done]", anchors=False)
        st.markdown("\n\n".join(_words(number, step) for number, step in enumerate(steps, start=1)))
        with st.container(horizontal=True):
            for number, step in enumerate(steps, start=1):
                if not step.done:
                    _action(number, step, step is current)


def _words(number: int, step: Step) -> str:
    if step.done:
        return f":green[:material/check_circle:] {number}. {step.title} :gray[done]"
    return f":gray[:material/radio_button_unchecked:] **{number}. {step.title}** :gray[{step.why}]"


def _action(number: int, step: Step, current: bool) -> None:
    if st.button(step.action, key=f"step_{number}", type="secondary" if current else "tertiary"):
        open_page(step.page, **step.parameters)
