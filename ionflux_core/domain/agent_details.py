"""What a definition tells about an agent: its story, what it is made of, and where it runs."""

from __future__ import annotations

from ionflux_core.domain.spellings import SpelledModel
from ionflux_core.domain.triggers import Text


class Narrative(SpelledModel):
    """The sixteen parts of an agent's story."""

    older_names = {
        "introduction_text": "introduction",
        "core_capabilities_array": "capabilities",
        "core_capabilities": "capabilities",
        "essence_punch_text": "punch",
        "essence_punch": "punch",
        "essence_interpretation_text": "interpretation",
        "essence_interpretation": "interpretation",
        "ipo_flow_description_text": "flow",
        "strategic_integrations_text": "integrations",
        "scheduling_triggers_summary_text": "scheduling",
        "kpis_definition_text": "kpis",
        "failure_fallback_strategy_text": "fallback",
        "example_integrated_scenario_text": "scenario",
        "dynamic_expansion_notes_text": "expansion",
        "escape_the_obvious_feature_text": "escape_the_obvious",
    }
    epithet: Text | None = None
    tagline: Text | None = None
    introduction: Text | None = None
    archetype: Text | None = None
    dna_phrase: Text | None = None
    capabilities: tuple[Text, ...] = ()
    punch: Text | None = None
    interpretation: Text | None = None
    flow: Text | None = None
    integrations: Text | None = None
    scheduling: Text | None = None
    kpis: Text | None = None
    fallback: Text | None = None
    scenario: Text | None = None
    expansion: Text | None = None
    escape_the_obvious: Text | None = None


class ModelUse(SpelledModel):
    """A model the agent is made for, and what for."""

    older_names = {"model_name": "name", "model": "name"}
    provider: str
    name: str
    purpose: Text = ""

    @property
    def id(self) -> str:
        """`provider:name`, the spelling configurations choose by."""
        return f"{self.provider}:{self.name}"


class Dependency(SpelledModel):
    """Something the agent stands on, and what for."""

    older_names = {"usage_description": "usage"}
    name: str
    usage: Text = ""


class Stack(SpelledModel):
    """What the agent is made of and runs on."""

    older_names = {
        "primary_language": "language",
        "primary_runtime": "runtime",
        "llm_models_used_array": "models",
        "models_used": "models",
        "vector_db_dependencies_array": "vector_stores",
        "queue_dependencies_array": "queues",
        "database_dependencies_array": "databases",
        "other_integrations_array": "integrations",
        "observability_stack_notes_text": "observability",
    }
    language: str = "python"
    runtime: str = ""
    models: tuple[ModelUse, ...] = ()
    vector_stores: tuple[Dependency, ...] = ()
    queues: tuple[Dependency, ...] = ()
    databases: tuple[Dependency, ...] = ()
    integrations: tuple[Dependency, ...] = ()
    observability: Text = ""


class Deployment(SpelledModel):
    """How the agent is checked and where it runs."""

    older_names = {
        "ci_cd_examples_array": "ci",
        "hosting_platform_examples_array": "hosting",
        "default_file_structure_template_text": "files",
    }
    ci: tuple[str, ...] = ()
    hosting: tuple[str, ...] = ()
    files: Text = ""
