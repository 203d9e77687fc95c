"""Conversations: which agents hold one, and what such an agent is told of the channel it speaks in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ionflux_core.domain.agents import AgentDefinition, AgentInstance
from ionflux_core.domain.chat import Message
from ionflux_core.limits import CHAT_TURNS, NAME_CHARS
from ionflux_core.services.run_words import speaks

_TURN_CHARS = 2_000
_HISTORY_CHARS = 24_000
_LEFT_OUT = "(Words from outside the workspace are left out.)"


def is_conversational(definition: AgentDefinition) -> bool:
    """Whether an agent takes a message with what was said before, and answers in words."""
    return speaks(definition) and all(definition.input(key) is not None for key in ("message", "history"))


def partner_in(definitions: Iterable[AgentDefinition]) -> AgentDefinition | None:
    """The agent that can hold a conversation about any other one."""
    fitting = [each for each in definitions if is_conversational(each) and each.input("about") is not None]
    return next((each for each in fitting if not each.planned), None)


def conversation_inputs(
    definition: AgentDefinition,
    instance: AgentInstance,
    message: Message,
    before: Sequence[Message],
    may_call: Sequence[dict[str, Any]],
) -> tuple[dict[str, Any], list[str]]:
    """The inputs of the next turn, and the runs whose words from outside come along with them."""
    turns, sources = history(before)
    inputs: dict[str, Any] = {
        "message": message.content.text_body,
        "history": turns,
        "channel_id": message.channel_id,
        "person": message.sender_name[:NAME_CHARS],
    }
    inputs["may_call"] = list(may_call)
    if instance.definition_slug != definition.slug:
        inputs["about"] = instance.name
    return {key: value for key, value in inputs.items() if definition.input(key) is not None}, sources


def callable_agent(instance: AgentInstance, definition: AgentDefinition) -> dict[str, Any]:
    """An instance as a conversation is told of it: its name, and what it takes."""
    inputs = [
        {"key": spec.key, "type": spec.type, "required": spec.required and spec.default is None,
         "description": spec.description}
        for spec in definition.inputs
        if spec.runtime_promptable
    ]  # fmt: skip
    return {"name": instance.name, "epithet": definition.narrative.epithet or "", "inputs": inputs}


def history(before: Sequence[Message]) -> tuple[list[dict[str, str]], list[str]]:
    """The last turns of a conversation as role, name and text, and the runs whose words from outside they hold.

    Words from outside that no run answers for are left out: nothing could be told by them later.
    """
    turns, sources, left = list[dict[str, str]](), list[str](), _HISTORY_CHARS
    for each in reversed(before):
        text = _LEFT_OUT if each.content.outside and not each.run_id else _words_of(each)
        if not text or each.deleted_at is not None:
            continue
        if len(turns) == CHAT_TURNS or left < len(text):
            break
        left -= len(text)
        role = "user" if each.sender_type == "user" else "assistant"
        turns.append({"role": role, "name": each.sender_name[:NAME_CHARS], "text": text})
        if each.content.outside and each.run_id and each.run_id not in sources:
            sources.append(each.run_id)
    return turns[::-1], sources


def _words_of(message: Message) -> str:
    update = message.content.status_update
    said = message.content.text_body or (update.preview if update else "")
    return said[:_TURN_CHARS]
