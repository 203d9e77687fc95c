"""The Chat Completions API: OpenAI's older one, and what every compatible server speaks (Ollama, vLLM, a proxy)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ionflux_core.domain.dialogue import Message, ToolCall
from ionflux_core.llm import base, failures, schemas
from ionflux_core.llm.openai import OpenAIServer, data_url

_FINISH: Mapping[str | None, base.FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
}


@dataclass
class _Said:
    """An answer, read whole or gathered from a stream."""

    model: str = ""
    text: str = ""
    refused: bool = False
    finish: str | None = None
    usage: Any = None
    calls: dict[int, list[str]] = field(default_factory=dict)


class ChatModel(OpenAIServer):
    """A model behind Chat Completions."""

    def complete(
        self,
        request: base.Request,
        *,
        time_limits: base.TimeLimits = base.TIME_LIMITS,
        on_text: base.OnText | None = None,
    ) -> base.Completion:
        """One chat completion."""
        started, streamed = time.perf_counter(), on_text is not None
        clock = base.Clock(time_limits, streamed=streamed)
        with self._plain_errors(clock):
            client: Any = self._client(clock)
            answer = client.chat.completions.create(**self._body(request, streamed=streamed))
            said = self._followed(answer, on_text, clock) if on_text else _read(answer)
            return base.completion(
                self,
                said.text,
                answered_by=said.model or self.name,
                usage=_usage(said.usage),
                finish="refusal" if said.refused else _FINISH.get(said.finish, "other"),
                started=started,
                tool_calls=[ToolCall(id, name, json.loads(given or "{}")) for id, name, given in said.calls.values()],
            )

    def _body(self, request: base.Request, *, streamed: bool) -> dict[str, Any]:
        system = [{"role": "system", "content": request.system}] if request.system is not None else []
        # Compatible servers know the older name only; OpenAI's newer models take the newer name only.
        most = "max_tokens" if self.provider == "compatible" else "max_completion_tokens"
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [*system, *map(_message, request.messages)],
            most: request.max_tokens,
        }
        if streamed:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.tools:
            body["tools"] = [
                {"type": "function", "function": {"name": tool.name, "description": tool.description,
                                                  "parameters": dict(tool.parameters)}}
                for tool in request.tools
            ]  # fmt: skip
        if request.schema is not None:
            closed, strict = schemas.closed(request.schema)
            wanted = {"name": request.schema_name, "schema": closed, "strict": strict}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        return body

    def _followed(self, stream: Any, on_text: base.OnText, clock: base.Clock) -> _Said:
        said = _Said()
        with stream:
            for chunk in stream:
                said.model = chunk.model or said.model
                said.usage = chunk.usage or said.usage
                for choice in chunk.choices[:1]:
                    _gather(said, choice)
                    # Thoughts come under names of the servers' own; only the role says nothing yet.
                    if any(value for name, value in choice.delta.to_dict().items() if name != "role"):
                        clock.begun(stream.response)
                    if choice.delta.content:
                        on_text(choice.delta.content)
        if said.finish is None:
            raise failures.broken_off(self.title)
        return said


def _gather(said: _Said, choice: Any) -> None:
    """A wish to use a tool comes in pieces like the text: first its name, then its arguments bit by bit."""
    said.finish = choice.finish_reason or said.finish
    said.refused = said.refused or bool(choice.delta.refusal)
    said.text += choice.delta.content or ""
    for delta in choice.delta.tool_calls or []:
        call = said.calls.setdefault(delta.index, ["", "", ""])
        call[0] = delta.id or call[0]
        call[1] = (delta.function.name if delta.function else None) or call[1]
        call[2] += (delta.function.arguments if delta.function else None) or ""


def _read(answer: Any) -> _Said:
    choice = answer.choices[0]
    message = choice.message
    said = _Said(answer.model, message.content or "", bool(message.refusal), choice.finish_reason, answer.usage)
    for index, call in enumerate(message.tool_calls or []):
        said.calls[index] = [call.id, call.function.name, call.function.arguments]
    return said


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
    if message.images:
        parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text else []
        parts += [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in message.images]
        return {"role": message.role, "content": parts}
    plain: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        plain["tool_calls"] = [
            {"id": call.id, "type": "function",
             "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}}
            for call in message.tool_calls
        ]  # fmt: skip
    return plain


def _usage(usage: Any) -> base.Usage | None:
    if usage is None:
        return None
    details = getattr(usage, "prompt_tokens_details", None)
    cached = (getattr(details, "cached_tokens", None) or 0) if details else 0
    return base.Usage(usage.prompt_tokens, usage.completion_tokens, cached)
