"""What a run is made of."""

from __future__ import annotations

from dataclasses import dataclass

from ionflux_core.catalog.configuration import Configuration
from ionflux_core.domain.agents import AgentDefinition, AgentInstance


@dataclass(frozen=True, slots=True)
class Target:
    """What a run is made of: a definition, and the instance, if any, with its parsed configuration."""

    definition: AgentDefinition
    instance: AgentInstance | None
    configuration: Configuration
