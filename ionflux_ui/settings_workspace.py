"""The workspace's own settings: what it decides for every agent, brand and run in it."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

import streamlit as st

from ionflux_core import yaml_text
from ionflux_core.application import Application
from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Invalid, Problem
from ionflux_core.outbound_addresses import parse_allowed
from ionflux_core.services.workspaces import checked_name
from ionflux_ui.errors import errors_shown
from ionflux_ui.run_text import escaped
from ionflux_ui.session import choose_workspace, flash, parameter, set_parameters


def draw_workspace(application: Application, workspace: Workspace) -> None:
    """The form of the workspace, and the making and archiving of workspaces."""
    _settings_form(application, workspace)
    st.subheader("Workspaces", anchor=False)
    _other_workspaces(application, workspace)


def _settings_form(application: Application, workspace: Workspace) -> None:
    settings, key = workspace.settings, workspace.id
    with st.form(f"workspace-{key}", border=False):
        left, right = st.columns(2)
        name = left.text_input("Name", workspace.name, key=f"name-{key}", max_chars=120)
        zones = sorted(available_timezones() | {settings.timezone})
        zone = right.selectbox("Time zone", zones, zones.index(settings.timezone), key=f"zone-{key}")
        currency = left.text_input("Currency", settings.currency, key=f"currency-{key}", max_chars=3,
                                   help="Three letters, like USD or EUR.")  # fmt: skip
        language = right.text_input("Language", settings.language, key=f"language-{key}", max_chars=10,
                                    help="What agents write in, like en or pt-BR.")  # fmt: skip
        parallel = left.number_input("Runs at the same time", 1, 256, settings.max_parallel_runs, key=f"runs-{key}")
        allowed = st.text_area(
            "Closed addresses that agents may reach", "\n".join(settings.outbound_allow), key=f"allow-{key}", height=90,
            placeholder="192.168.1.9:8080", help="Public servers are open on their usual ports. Private networks, this "
            "machine and other ports are closed but for these, one a line: network, address or host, with :port.",
        )  # fmt: skip
        shown = st.text_area(
            "Hosts whose pictures pages may show", "\n".join(settings.media_allow), key=f"media-{key}", height=90,
            placeholder="images.example.com", help="Pictures, films and frames of other servers are shown only from "
            "these, over https, one host name a line: whoever runs one sees when a page is looked at.",
        )  # fmt: skip
        saved = st.form_submit_button("Save", type="primary")
    if saved:
        with errors_shown():
            checked_name(name, "workspace")
            opened = [line.strip() for line in allowed.splitlines() if line.strip()]
            for entry in opened:
                parse_allowed(entry)
            changes = {
                "timezone": zone,
                "currency": currency.strip().upper(),
                "language": language.strip() or "en",
                "max_parallel_runs": parallel,
                "outbound_allow": opened,
                "media_allow": list(dict.fromkeys(line.strip().lower() for line in shown.splitlines() if line.strip())),
            }
            application.workspaces.save_settings(workspace.id, changes)
            if name.strip() != workspace.name:
                application.workspaces.rename(workspace.id, name)
            flash("Saved.")
            st.rerun()


def draw_inputs(application: Application, workspace: Workspace) -> None:
    """The default inputs of the workspace's agents."""
    st.caption("What every instance of an agent starts with here, unless its brand or its own YAML says otherwise.")
    named = {one.slug: one for one in application.marketplace.offered() if one.inputs}
    if not named:
        st.caption("No agent of the marketplace takes inputs.")
        return
    wanted = parameter("definition")
    shown = wanted if wanted in named else next(iter(named))
    key = "settings_definition"
    if st.session_state.get(key) != shown:
        st.session_state[key] = shown
    st.selectbox(
        "Agent", list(named), key=key, format_func=lambda slug: named[slug].name,
        on_change=lambda: set_parameters(definition=st.session_state[key]),
    )  # fmt: skip
    definition = named[shown]
    defaults = workspace.settings.inputs.get(shown, {})
    with st.form(f"defaults-{workspace.id}-{shown}", border=False):
        text = st.text_area(
            "Default inputs as YAML", yaml_text.dump(defaults) if defaults else "", height=140,
            key=f"defaults-text-{workspace.id}-{shown}", placeholder=_placeholder(definition),
        )  # fmt: skip
        saved = st.form_submit_button("Save defaults")
    with st.expander("Inputs this agent takes"):
        told = (
            f"**{escaped(each.key)}** :gray-badge[{each.type}] {escaped(each.description)}"
            for each in definition.inputs
        )
        st.markdown("\n\n".join(told))
    if saved:
        with errors_shown():
            checked = checked_inputs(definition, text)
            inputs = {slug: given for slug, given in workspace.settings.inputs.items() if slug != shown}
            application.workspaces.save_settings(
                workspace.id, {"inputs": inputs | ({shown: checked} if checked else {})}
            )
            flash("Saved. New runs use it.")
            st.rerun()


def _placeholder(definition: AgentDefinition) -> str:
    spec = definition.inputs[0]
    return f"{spec.key}: {'...' if spec.example is None else spec.example}"[:80]


def checked_inputs(definition: AgentDefinition, text: str) -> dict[str, Any]:
    """The default inputs a YAML text states; Invalid names every key and value the definition has no place for."""
    if not text.strip():
        return {}
    loaded = yaml_text.load(text)
    if not isinstance(loaded.data, dict):
        raise Invalid("The default inputs are not a map.", hint="Write one line for each input: name: value.")
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for name in loaded.data:
        spec = definition.input(name)
        value = loaded.numbers((name,)) if spec and spec.type != "string" else loaded.data[name]
        wrong = "is no input of this agent" if spec is None else None if value is None else spec.problem_with(value)
        if wrong:
            line, column = loaded.key_position((name,))
            problems.append(Problem(f"{name!r} {wrong}.", line=line, column=column))
        elif value is not None:
            values[name] = value
    if problems:
        raise Invalid("The default inputs were not saved.", problems=problems, hint="Correct these lines.")
    return values


def _other_workspaces(application: Application, workspace: Workspace) -> None:
    with st.form("new-workspace", border=False, clear_on_submit=True):
        name = st.text_input("Name of another workspace", max_chars=120, placeholder="A world of its own")
        made = st.form_submit_button("Create workspace")
    if made:
        with errors_shown():
            created = application.workspaces.create(name)
            choose_workspace(created.id)
            flash(f"{created.name} is open now.")
            st.rerun()
    if len(application.workspaces.all()) < 2:
        return
    with st.popover("Archive this workspace", icon=":material/inventory_2:"):
        st.text(f"{workspace.name} and all in it stay stored, but nobody sees them and nothing in it starts.")
        if st.button("Archive it", type="primary", key=f"archive-{workspace.id}"):
            with errors_shown():
                application.workspaces.archive(workspace.id)
                choose_workspace(application.workspaces.all()[0].id)
                flash(f"{workspace.name} is archived.")
                st.rerun()
