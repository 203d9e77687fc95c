"""What the parts of the agents page speak about: a workspace, a definition and, once it exists, an instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ionflux_core.domain.agents import AgentDefinition, AgentInstance
from ionflux_ui.agent_draft import Draft
from ionflux_ui.session import application


@dataclass(frozen=True, slots=True)
class Subject:
    """An instance, or one that is about to be made, with the text that is being edited."""

    workspace_id: str
    definition: AgentDefinition
    draft: Draft
    brand_id: str | None = None
    instance: AgentInstance | None = None

    @property
    def zone(self) -> str:
        """The workspace's time zone."""
        return application().workspaces.get(self.workspace_id).settings.timezone

    def below(self) -> dict[str, Any]:
        """What workspace and brand say about this definition's inputs; the brand has the last word."""
        workspaces, slug = application().workspaces, self.definition.slug
        given = dict(workspaces.get(self.workspace_id).settings.inputs.get(slug, {}))
        brand = workspaces.brand_or_none(self.workspace_id, self.brand_id) if self.brand_id else None
        return given | (brand.inputs.get(slug, {}) if brand else {})

    def upload(self, name: str, data: bytes, media_type: str) -> dict[str, Any]:
        """Store a file for an input and give the reference to it."""
        return application().runs.upload(self.workspace_id, name, data, media_type)
