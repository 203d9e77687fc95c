"""With whom one talks in an agent's own channel: which engine answers, and what it may call."""

from __future__ import annotations

from typing import Any, Final

from ionflux_core.application import Application
from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.chat import Channel
from ionflux_core.errors import IonfluxError
from ionflux_core.services.conversations import is_conversational, partner_in
from ionflux_ui.chat_view import View

_NAMED: Final = 12


def partner_of(application: Application, channel: Channel) -> View:
    """The agent of a channel as its header says it; one that is gone is said to be so."""
    ws = channel.workspace_id
    try:
        instance = application.agents.get(ws, channel.instance_id or "")
        return _told(application, ws, instance)
    except IonfluxError as error:
        note = f"{error.message} {error.hint}".strip()
        return {
            "id": channel.instance_id or "",
            "name": "an agent",
            "epithet": "",
            "engine": "",
            "calls": (),
            "note": note,
        }


def _told(application: Application, ws: str, instance: AgentInstance) -> View:
    definition = application.marketplace.definition(instance.definition_slug)
    told: View = {"id": instance.id, "name": instance.name, "epithet": definition.narrative.epithet or "", "note": ""}
    if instance.status != "active":
        told["note"] = f"It is {instance.status.replace('_', ' ')} and does not answer."
    if is_conversational(definition):
        effective = application.agents.explain(ws, instance.id)
        return told | {"engine": _engine(effective.model), "calls": _names(effective.inputs.get("may_call"))}
    if partner_in(application.marketplace.definitions()) is None:
        return told | {"engine": "each message starts it", "calls": ()}
    chosen = application.workspaces.get(ws).settings.default_model
    return told | {"engine": _engine(f"{chosen.provider}:{chosen.model}"), "calls": (instance.name,)}


def _engine(model: str | None) -> str:
    if not model or model.startswith("local:"):
        return "answered by the local engine, without a language model"
    return f"answered by {model}"


def _names(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in value[:_NAMED]) if isinstance(value, list) else ()
