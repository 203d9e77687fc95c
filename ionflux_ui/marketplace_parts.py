"""Small parts that the marketplace's list and detail share: badges for readiness, services and tags."""

from __future__ import annotations

from typing import Final

from ionflux_core.domain.agents import AgentDefinition
from ionflux_ui.badges import Badge

_SERVICE_ICONS: Final = {
    "Audio_Service": "graphic_eq",
    "Chat_Service": "chat",
    "Email_Dispatch": "mail",
    "Event_Bus": "hub",
    "LLM_Orchestration": "psychology",
    "Shopify_Integration": "shopping_bag",
    "TikTok_Integration": "music_video",
    "WhatsApp_Integration": "sms",
}
_SERVICE_NAMES: Final = {"LLM_Orchestration": "Language model", "Event_Bus": "Events"}
_STATUS_WORDS: Final = {"prm_active": "active"}


def service_label(service: str) -> str:
    """A service's name for people, like "Shopify" for Shopify_Integration."""
    words = service.removesuffix("_Integration").replace("_", " ")
    return _SERVICE_NAMES.get(service) or (words.capitalize() if " " in words else words)


def readiness(definition: AgentDefinition) -> list[Badge]:
    """Whether an agent can be started, and its manifest's own status word."""
    status = _STATUS_WORDS.get(definition.status, definition.status)
    if definition.planned:
        return [Badge("orange", "construction", "Planned: cannot be started yet")]
    return [Badge("green", "check_circle", "Ready"), Badge("gray", "", status)]


def services(definition: AgentDefinition) -> list[Badge]:
    """The services an agent stands on."""
    return [
        Badge("violet", _SERVICE_ICONS.get(service, "extension"), service_label(service))
        for service in definition.services
    ]


def tags(definition: AgentDefinition) -> list[Badge]:
    """The tags of an agent."""
    return [Badge("gray", "", tag) for tag in definition.tags]
