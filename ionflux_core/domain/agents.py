"""Agent definitions as their manifests state them, and the configured instances made from them.

The long field names of the older records (`key_name`, `prm_details_json`, ...) are read and become the short ones.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator

from ionflux_core.domain.agent_details import Deployment as Deployment
from ionflux_core.domain.agent_details import ModelUse as ModelUse
from ionflux_core.domain.agent_details import Narrative as Narrative
from ionflux_core.domain.agent_details import Stack as Stack
from ionflux_core.domain.health import HealthSpec as HealthSpec
from ionflux_core.domain.spellings import SpelledModel
from ionflux_core.domain.triggers import TRIGGER_TYPES, Key, Text
from ionflux_core.domain.triggers import TriggerSpec as TriggerSpec
from ionflux_core.domain.triggers import TriggerType as TriggerType
from ionflux_core.limits import NAME_CHARS, RUN_SECONDS

FLOW: Final = "flow"
"""The slug that flows have in place of an agent's."""
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
DefinitionStatus = Literal["prm_active", "experimental", "beta", "production", "deprecated", "archived"]
InputType = Literal["json", "string", "number", "integer", "float", "boolean", "url", "file"]
OutputType = Literal["json", "string", "markdown", "url", "event", "number", "integer", "float", "boolean", "file"]
InstanceStatus = Literal["active", "inactive", "paused", "archived", "error_requires_review"]

_DATA_TYPES = {"md": "markdown", "bool": "boolean", "int": "integer", "text": "string", "object": "json"}
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


def check_value(kind: str, value: Any) -> str | None:
    """What is wrong with a value for an input of that type, as the end of a sentence; None when it fits."""
    number = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and math.isfinite(value)
    )
    if kind in ("number", "float"):
        return None if number else "must be a number"
    if kind == "integer":
        return None if number and value == value // 1 else "must be a whole number"
    if kind == "boolean":
        return None if isinstance(value, bool) else "must be true or false"
    if kind == "url":
        return None if isinstance(value, str) and _is_web_address(value) else "must be a web address (http or https)"
    if kind == "file":
        stored = isinstance(value, dict) and isinstance(value.get("sha256"), str)
        return None if stored or (isinstance(value, str) and value) else "must be a file"
    if kind == "string":
        return None if isinstance(value, str) else "must be text"
    return None


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)


class _Port(SpelledModel):
    older_names = {
        "key_name": "key",
        "data_type": "type",
        "is_required": "required",
        "description_text": "description",
        "default_value": "default",
        "accepted_values_list": "accepted_values",
        "example_value": "example",
    }
    key: Key
    description: Text = ""
    example: JsonValue = None

    @field_validator("type", mode="before", check_fields=False)
    @classmethod
    def _known_type(cls, name: Any) -> Any:
        return _DATA_TYPES.get(name, name) if isinstance(name, str) else name


class InputSpec(_Port):
    """One input. `from_trigger` inputs may come with what a trigger brings, `runtime_promptable` ones at the start."""

    type: InputType
    required: bool = False
    default: JsonValue = None
    accepted_values: tuple[JsonValue, ...] = ()
    runtime_promptable: bool = False
    from_trigger: bool = False

    @model_validator(mode="after")
    def _default_fits(self) -> InputSpec:
        for name, value in (("default", self.default), ("example", self.example)):
            wrong = None if value is None else self.problem_with(value)
            if wrong:
                raise ValueError(f"the {name} of input {self.key!r} {wrong}")
        return self

    def problem_with(self, value: Any) -> str | None:
        """What is wrong with a value for this input, as the end of a sentence; None when it fits."""
        wrong = check_value(self.type, value)
        if wrong is None and self.accepted_values and value not in self.accepted_values:
            return "must be one of " + ", ".join(str(accepted) for accepted in self.accepted_values)
        return wrong


class OutputSpec(_Port):
    """One output; `target_event_type` names the platform event an output of type event becomes."""

    type: OutputType
    target_event_type: str | None = None


class MemoryConfig(SpelledModel):
    """What the agent remembers between runs; `namespace` is a template with {{workspace_id}} and the like."""

    older_names = {
        "default_namespace_template": "namespace",
        "namespace_template": "namespace",
        "description_text": "description",
    }
    required: bool = False
    type: Literal["vector", "table", "custom", "none"] = "none"
    namespace: str | None = None
    description: Text = ""

    @field_validator("type", mode="before")
    @classmethod
    def _what_it_is(cls, name: Any) -> Any:
        return {"pinecone": "vector", "chroma": "vector", "postgres": "table", "redis": "custom"}.get(name, name)

    def placeholders(self) -> tuple[str, ...]:
        """The names in braces in the namespace template, in order."""
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(self.namespace or "")))

    def fill(self, values: Mapping[str, str]) -> str:
        """The namespace with its braces filled; a name without a value stays as it is."""
        return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), self.namespace or "")


class KpiSpec(SpelledModel):
    """A figure the agent reports: its unit, whether up is good, and the formula in words."""

    name: Key
    title: str
    unit: str = ""
    direction: Literal["up", "down", "none"] = "none"
    description: Text = ""


class TaskSpec(SpelledModel):
    """A task a person can choose for a manual run."""

    key: Key
    title: str
    description: Text = ""


class RetrySpec(SpelledModel):
    """How often a failed run is tried again, and after how many seconds."""

    max: int = Field(default=0, ge=0, le=10)
    backoff_seconds: float = Field(default=5.0, ge=0, le=3600)


class AgentLimits(SpelledModel):
    """Time, retries, the breaker (failed runs in a row until the instance stops) and runs at the same time."""

    timeout_seconds: float = Field(default=300.0, gt=0, le=RUN_SECONDS)
    retry: RetrySpec = RetrySpec()
    breaker: int = Field(default=3, ge=1, le=100)
    concurrency: int = Field(default=1, ge=1, le=64)


class AgentDefinition(SpelledModel):
    """An agent as its manifest states it. `planned` is true while its code has not come yet.

    One that is not `listed` is a part of the program itself: it is run by a page or the chat and offered nowhere.
    """

    older_names = {
        "definition_status": "status",
        "prm_details_json": "narrative",
        "triggers_config_json_array": "triggers",
        "triggers_config": "triggers",
        "inputs_schema_json_array": "inputs",
        "inputs_schema": "inputs",
        "outputs_config_json_array": "outputs",
        "outputs_config": "outputs",
        "stack_details_json": "stack",
        "stack_details": "stack",
        "deployment_info_json": "deployment",
        "memory_config_json": "memory",
        "memory_config": "memory",
        "category_tags_array": "tags",
        "underlying_platform_services_required_array": "services",
        "underlying_services_required": "services",
    }
    slug: Slug
    id: Key
    aliases: tuple[str, ...] = ()
    name: str = Field(min_length=1, max_length=NAME_CHARS)
    version: str = Field(pattern=r"^\d+(\.\d+){1,2}([-+][0-9A-Za-z.-]+)?$")
    status: DefinitionStatus = "experimental"
    narrative: Narrative = Narrative()
    triggers: tuple[TriggerSpec, ...] = ()
    inputs: tuple[InputSpec, ...] = ()
    outputs: tuple[OutputSpec, ...]
    stack: Stack = Stack()
    deployment: Deployment = Deployment()
    memory: MemoryConfig = MemoryConfig()
    tags: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    kpis: tuple[KpiSpec, ...] = ()
    limits: AgentLimits = AgentLimits()
    health: HealthSpec = HealthSpec()
    permissions: tuple[str, ...] = ()
    events_out: tuple[str, ...] = ()
    tables: tuple[Key, ...] = ()
    tasks: tuple[TaskSpec, ...] = ()
    listed: bool = True
    planned: bool = False

    @field_validator("version", mode="before")
    @classmethod
    def _as_text(cls, version: Any) -> Any:
        return str(version) if isinstance(version, (int, float)) and not isinstance(version, bool) else version

    @field_validator("triggers", mode="before")
    @classmethod
    def _default_keys(cls, triggers: Any) -> Any:
        """Give a trigger without a key the key `<type>_<n>`, n counted per type from 1."""
        if not isinstance(triggers, (list, tuple)):
            return triggers
        seen: dict[str, int] = {}
        keyed = []
        for item in triggers:
            if isinstance(item, dict):
                kind = TRIGGER_TYPES.get(str(item.get("type", "")).lower(), "trigger")
                seen[kind] = seen.get(kind, 0) + 1
                if not {"key", "trigger_definition_key", "trigger_key"} & item.keys():
                    item = {"key": f"{kind}_{seen[kind]}", **item}
            keyed.append(item)
        return keyed

    @model_validator(mode="after")
    def _names_agree(self) -> AgentDefinition:
        for what, names in (
            ("trigger", [trigger.key for trigger in self.triggers]),
            ("input", [spec.key for spec in self.inputs]),
            ("output", [spec.key for spec in self.outputs]),
            ("KPI", [kpi.name for kpi in self.kpis]),
            ("task", [task.key for task in self.tasks]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{what} {sorted(twice)[0]!r} is there twice")
        if not self.outputs:
            raise ValueError("an agent needs at least one output")
        inputs = {spec.key for spec in self.inputs}
        for trigger in self.triggers:
            if trigger.payload_to is not None and trigger.payload_to not in inputs:
                raise ValueError(
                    f"trigger {trigger.key!r} hands its payload to {trigger.payload_to!r}, which is no input"
                )
        return self

    @property
    def version_id(self) -> str:
        """`id/version`, as runs record it."""
        return f"{self.id}/{self.version}"

    def input(self, key: str) -> InputSpec | None:
        """The input of that key, or None."""
        return next((spec for spec in self.inputs if spec.key == key), None)

    def trigger(self, key: str) -> TriggerSpec | None:
        """The trigger of that key, or None."""
        return next((spec for spec in self.triggers if spec.key == key), None)


class AgentInstance(SpelledModel):
    """A definition configured for a workspace; `version` counts its saved YAML texts from 1."""

    id: str
    workspace_id: str
    definition_slug: str
    definition_version: str
    name: str
    description: str = ""
    yaml: str
    version: int = 1
    status: InstanceStatus = "active"
    status_reason: str | None = None
    brand_id: str | None = None
    namespace: str | None = None
    consecutive_failures: int = 0
    last_run: dict[str, Any] | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def is_flow(self) -> bool:
        """Whether this is a flow: its text is a FluxGraph document."""
        return self.definition_slug == FLOW


class InstanceVersion(SpelledModel):
    """One saved YAML text of an instance."""

    instance_id: str
    version: int
    yaml: str
    author: str | None = None
    message: str = ""
    created_at: datetime
