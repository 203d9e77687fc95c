"""The form of each action of a playbook's step."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import streamlit as st

from ionflux_core.domain.workspaces import Workspace
from ionflux_core.limits import TEXT_CHARS
from ionflux_ui.playbook_checks import kept
from ionflux_ui.session import application

_PLACES = "What stands in braces is filled from the event: {{ customer.first_name | default('there') }}."


def action_fields(workspace: Workspace, step: dict[str, Any], key: str) -> None:
    """Draw the settings of a step's action and take over what is typed."""
    forms: dict[str, Callable[[Workspace, dict[str, Any], str], None]] = {
        "send_email": _mail,
        "send_whatsapp_message": _whatsapp,
        "update_crm_tag": _tag,
        "trigger_agent": _agent,
    }
    form = forms.get(step["action"])
    if form is not None:
        form(workspace, step["config"], f"{key}-{step['action']}")


def _mail(workspace: Workspace, config: dict[str, Any], key: str) -> None:
    left, right = st.columns([3, 2])
    _line(left, config, "subject", "Subject", key)
    _line(right, config, "to", "To, when it is not the customer", key, placeholder="the customer")
    _words(config, "body", "Text", key)
    st.caption("It goes out through the outbox. When the event came from outside, a person is asked about each mail.")


def _whatsapp(workspace: Workspace, config: dict[str, Any], key: str) -> None:
    left, right = st.columns([3, 2])
    _line(left, config, "template", "Approved template", key)
    _line(right, config, "to", "To, when it is not the customer", key, placeholder="the customer")
    _words(config, "body", "Text", key)


def _tag(workspace: Workspace, config: dict[str, Any], key: str) -> None:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    written = left.text_input("Tags", max_chars=400, placeholder="vip, autumn",
                              key=kept(f"{key}-tags", ", ".join(config.get("tags", ()))))  # fmt: skip
    config["tags"] = list(dict.fromkeys(tag.strip() for tag in written.split(",") if tag.strip()))
    config["remove"] = right.toggle("Take them away instead", key=kept(f"{key}-remove", config.get("remove", False)))
    _line(st, config, "customer", "The shop's id of the customer", key,
          placeholder="{{ customer.admin_graphql_api_id }}")  # fmt: skip
    st.caption("It stands in the outbox as a change of the shop's customer list.")


def _agent(workspace: Workspace, config: dict[str, Any], key: str) -> None:
    app, held = application(), str(config.get("agent", ""))
    named = {each.slug: each.name for each in app.marketplace.offered() if not each.planned}
    named |= {each.name: f"{each.name} (yours)" for each in app.agents.find(workspace.id)
              if each.definition_slug in named}  # fmt: skip
    names = [*named, *([held] if held and held not in named else [])]
    config["agent"] = st.selectbox(
        "Agent", names, index=None, format_func=lambda each: named.get(each, each), placeholder="Choose one",
        key=kept(f"{key}-agent", held or None),
    ) or ""  # fmt: skip
    text = json.dumps(config.get("inputs", {}), ensure_ascii=False, indent=2)
    typed = st.text_area("Its inputs, as JSON", height=160, max_chars=TEXT_CHARS, key=kept(f"{key}-inputs", text),
                         help=_PLACES)  # fmt: skip
    try:
        given = json.loads(typed or "{}")
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict):
        config["inputs"] = given
    else:
        st.markdown(":red[:material/error:] The inputs are no JSON object; what stood there before is kept.")


def _line(
    place: Any, config: dict[str, Any], name: str, label: str, key: str, *, placeholder: str | None = None
) -> None:
    config[name] = place.text_input(
        label, max_chars=500, placeholder=placeholder, key=kept(f"{key}-{name}", config.get(name, ""))
    )


def _words(config: dict[str, Any], name: str, label: str, key: str) -> None:
    config[name] = st.text_area(
        label, height=200, max_chars=TEXT_CHARS, help=_PLACES, key=kept(f"{key}-{name}", config.get(name, ""))
    )
