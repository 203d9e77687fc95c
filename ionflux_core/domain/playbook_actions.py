"""What a step of a playbook can do: each action with its own settings, whose texts may hold {{ placeholders }}."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, JsonValue, field_validator, model_validator

from ionflux_core.domain.spellings import SpelledModel
from ionflux_core.limits import NAME_CHARS, TEXT_CHARS

ActionType = Literal["send_email", "send_whatsapp_message", "update_crm_tag", "trigger_agent", "nothing"]
ACTION_TYPES: Final[tuple[ActionType, ...]] = get_args(ActionType)

_Line = Annotated[str, Field(max_length=500)]
_Tag = Annotated[str, Field(min_length=1, max_length=NAME_CHARS)]


class Action(SpelledModel):
    """The settings of an action."""


class SendEmail(Action):
    """Writes a mail to the customer; it goes out through the outbox."""

    older_names = {"message_body_template_text": "body"}
    to: _Line = ""
    subject: _Line = ""
    body: str = Field("", max_length=TEXT_CHARS)


class SendWhatsapp(Action):
    """Writes a WhatsApp message to the customer."""

    older_names = {
        "whatsapp_template_name": "template",
        "template_id": "template",
        "message_body_template_text": "body",
    }
    to: _Line = ""
    template: _Line = ""
    body: str = Field("", max_length=TEXT_CHARS)

    @field_validator("template", "body", mode="before")
    @classmethod
    def _none_is_empty(cls, text: object) -> object:
        return "" if text is None else text


class UpdateTag(Action):
    """Gives the customer tags in the shop's customer list, or takes them away; `customer` is the shop's id of them."""

    older_names = {"tag": "tags", "add": "tags", "add_tags": "tags"}
    customer: _Line = ""
    tags: tuple[_Tag, ...] = Field((), max_length=20)
    remove: bool = False

    @field_validator("tags", mode="before")
    @classmethod
    def _one_or_many(cls, tags: object) -> object:
        return [tags] if isinstance(tags, str) else tags


class TriggerAgent(Action):
    """Runs an agent, by its slug or a configured instance's name, with these inputs."""

    older_names = {"target_agent_definition_id": "agent", "input_params_mapping_json": "inputs"}
    agent: _Line = ""
    inputs: dict[str, JsonValue] = Field({}, max_length=50)


class Nothing(Action):
    """Only waits, or chooses a way."""

    @model_validator(mode="before")
    @classmethod
    def _no_settings(cls, data: object) -> object:
        return {}


ACTIONS: Final[dict[str, type[Action]]] = {
    "send_email": SendEmail,
    "send_whatsapp_message": SendWhatsapp,
    "update_crm_tag": UpdateTag,
    "trigger_agent": TriggerAgent,
    "nothing": Nothing,
}
