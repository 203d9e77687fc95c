"""The five ways an agent is started, each with its own configuration, and the older words for them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from ionflux_core.domain.events import PATTERN, canonical_subject
from ionflux_core.domain.schedules import cron_text
from ionflux_core.domain.spellings import SpelledModel
from ionflux_core.domain.workspaces import known_time_zone
from ionflux_core.errors import Invalid
from ionflux_core.limits import TEXT_CHARS, WEBHOOK_PER_MINUTE

Key = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")]
Text = Annotated[str, Field(max_length=TEXT_CHARS)]
TriggerType = Literal["schedule", "event", "manual", "webhook", "flow"]

TRIGGER_TYPES: dict[str, TriggerType] = {
    **{word: "schedule" for word in ("schedule", "scheduled", "cron")},
    **{word: "event" for word in ("event", "event_stream", "stream", "event_driven", "event_api_call", "continuous")},
    **{word: "event" for word in ("nats", "kafka")},
    **{word: "manual" for word in ("manual", "manual_ui", "manual_command")},
    "webhook": "webhook",
    "flow": "flow",
}
# Workspace and brand are fields of an event, not words of its name; older topics carry them as {{placeholders}}.
_PLACEHOLDER = re.compile(r"\{\{\s*\w+\s*\}\}")
_SCOPE_IN_NAME = re.compile(r"\.(?:ws|workspace|brand)_ANY(?=\.)")


class ScheduleConfig(SpelledModel):
    """When a clock starts the agent; `cron` also reads plain words, an empty zone means the workspace's."""

    older_names = {"cron_expression": "cron", "misfire": "missed", "time_zone": "timezone"}
    kind: Literal["schedule"] = "schedule"
    cron: str
    timezone: str | None = None
    task: str | None = None
    payload: JsonValue = None
    missed: Literal["skip", "last", "all"] = "last"

    @field_validator("cron")
    @classmethod
    def _standard_cron(cls, text: str) -> str:
        try:
            return cron_text(text)
        except Invalid as error:
            raise ValueError(str(error)) from error

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        return known_time_zone(name) if name else None


class EventConfig(SpelledModel):
    """Which platform events start the agent; each consumer group gets an event once."""

    older_names = {
        "kafka_topic_name": "topic",
        "nats_subject": "topic",
        "subject": "topic",
        "event_type": "topic",
        "kafka_consumer_group_suffix": "group",
        "consumer_group": "group",
        "event_filter_json": "filter",
    }
    kind: Literal["event"] = "event"
    topic: str
    filter: dict[str, JsonValue] = {}
    group: str | None = None
    task: str | None = None

    @field_validator("topic")
    @classmethod
    def _pattern(cls, topic: str) -> str:
        topic = _SCOPE_IN_NAME.sub("", canonical_subject(_PLACEHOLDER.sub("ANY", topic.strip())))
        topic = topic.removesuffix(".events_raw") + ".>" if topic.endswith(".events_raw") else topic
        if not PATTERN.match(topic):
            raise ValueError(f"{topic[:80]!r} is not a topic; write words joined by dots, * for one word, > at the end")
        return topic


class WebhookConfig(SpelledModel):
    """Where a POST starts the agent, how its sender is proved, and what is answered."""

    older_names = {"webhook_path_suffix": "path"}
    kind: Literal["webhook"] = "webhook"
    path: str = Field(pattern=r"^/?[A-Za-z0-9_][A-Za-z0-9_/-]{0,119}$")
    method: Literal["POST", "PUT", "GET"] = "POST"
    auth: Literal["none", "shopify", "meta", "github", "slack", "stripe", "standard", "sendgrid", "token"] = "token"
    secret: str | None = None
    respond: Literal["accepted", "result"] = "accepted"
    per_minute: int = Field(default=WEBHOOK_PER_MINUTE, ge=1, le=100_000)
    task: str | None = None

    @field_validator("path")
    @classmethod
    def _rooted(cls, path: str) -> str:
        return "/" + path.strip("/")

    @field_validator("auth", mode="before")
    @classmethod
    def _hmac_is_standard(cls, auth: Any) -> Any:
        return "standard" if auth == "hmac" else auth


class ManualConfig(SpelledModel):
    """A person starts the agent, with a form made from the inputs when `form` is true."""

    kind: Literal["manual"] = "manual"
    form: bool = True
    task: str | None = None


class FlowConfig(SpelledModel):
    """Another flow starts the agent when it ends in the given way."""

    kind: Literal["flow"] = "flow"
    from_flow: str
    on: Literal["success", "failure", "always"] = "success"
    task: str | None = None


TriggerConfig = Annotated[
    ScheduleConfig | EventConfig | WebhookConfig | ManualConfig | FlowConfig, Field(discriminator="kind")
]
CONFIG_MODELS: dict[TriggerType, type[SpelledModel]] = {
    "schedule": ScheduleConfig,
    "event": EventConfig,
    "webhook": WebhookConfig,
    "manual": ManualConfig,
    "flow": FlowConfig,
}


class TriggerSpec(SpelledModel):
    """One way the agent is started. `payload_to` names the input that receives the body or event payload."""

    older_names = {
        "trigger_definition_key": "key",
        "trigger_key": "key",
        "description_text": "description",
        "default_config_json": "config",
        "default_config": "config",
        "user_overridable": "is_user_overridable",
    }
    key: Key
    type: TriggerType
    description: Text = ""
    config: TriggerConfig
    is_user_overridable: bool = False
    payload_to: str | None = None
    enabled: bool = True

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, data: Any) -> Any:
        """Let the config be read as the kind that `type` names."""
        if not isinstance(data, dict):
            return data
        kind = TRIGGER_TYPES.get(str(data.get("type", "")).lower())
        written = [name for name in ("config", "default_config_json", "default_config") if name in data]
        config = data[written[0]] if written else {}
        if kind is None or not isinstance(config, dict) or len(written) > 1:
            return data
        others = {name: value for name, value in data.items() if name not in written}
        return {**others, "type": kind, "config": {**config, "kind": kind}}

    @property
    def task(self) -> str | None:
        """The task word a run started by this trigger carries."""
        return self.config.task


class Trigger(BaseModel):
    """A trigger of an instance as it stands in the store, with what the clock knows about it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    workspace_id: str
    instance_id: str
    instance_name: str
    instance_status: str
    definition_slug: str
    key: str
    kind: TriggerType
    config: dict[str, Any]
    payload_to: str | None = None
    enabled: bool
    hook_path: str | None = None
    next_due: datetime | None = None
    last_fired: datetime | None = None
    last_outcome: str | None = None

    @property
    def task(self) -> str | None:
        """The task word a run started by this trigger carries."""
        return self.config.get("task")


class TriggerFiring(BaseModel):
    """One line of a trigger's own log."""

    model_config = ConfigDict(frozen=True)

    trigger_id: str
    at: datetime
    outcome: Literal["started", "repeated", "skipped", "refused", "failed"]
    detail: str = ""
    run_id: str | None = None
