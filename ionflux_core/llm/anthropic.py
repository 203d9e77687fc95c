"""Anthropic's Messages API."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ionflux_core import outbound
from ionflux_core.domain.dialogue import Message, ToolCall
from ionflux_core.llm import base, failures, schemas

if TYPE_CHECKING:
    import anthropic

    from ionflux_core.outbound import HttpClientFactory

BASE_URL = "https://api.anthropic.com"
_NAME = "Anthropic"
_FINISH: Mapping[str | None, base.FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
    "tool_use": "tool_calls",
}
# An error in the middle of a stream comes with status 200; its kind says which status it would have had.
_STATUS_OF: Mapping[str, int] = {"overloaded_error": 529, "rate_limit_error": 429, "invalid_request_error": 400}


@dataclass
class _Said:
    """An answer, read whole or gathered from a stream."""

    model: str = ""
    text: str = ""
    stop_reason: str | None = None
    tokens: dict[str, int] = field(default_factory=dict)
    calls: dict[int, list[str]] = field(default_factory=dict)

    def count(self, usage: Any) -> None:
        """Take over the counts that are given; the last one of a kind holds."""
        for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
            if (given := getattr(usage, name, None)) is not None:
                self.tokens[name] = int(given)

    def usage(self) -> base.Usage | None:
        """The counts in our words: what was read from the cache is part of what went in."""
        if "input_tokens" not in self.tokens:
            return None
        cached, written = (self.tokens.get(f"cache_{kind}_input_tokens", 0) for kind in ("read", "creation"))
        return base.Usage(
            self.tokens["input_tokens"] + cached + written, self.tokens.get("output_tokens", 0), cached, written
        )


class AnthropicModel:
    """A model behind the Messages API."""

    provider = "anthropic"

    def __init__(self, name: str, api_key: str, base_url: str | None, http_client: HttpClientFactory) -> None:
        self.name = name
        self.base_url = base_url
        self._api_key = api_key
        self._http_client = http_client

    def complete(
        self,
        request: base.Request,
        *,
        time_limits: base.TimeLimits = base.TIME_LIMITS,
        on_text: base.OnText | None = None,
    ) -> base.Completion:
        """One call of the Messages API."""
        started, streamed = time.perf_counter(), on_text is not None
        clock = base.Clock(time_limits, streamed=streamed)
        with self._plain_errors(clock):
            client: Any = self._client(clock)
            answer = client.messages.create(**self._body(request), stream=streamed)
            said = _followed(answer, on_text, clock) if on_text else _read(answer)
            return base.completion(
                self,
                said.text,
                answered_by=said.model or self.name,
                usage=said.usage(),
                finish=_FINISH.get(said.stop_reason, "other"),
                started=started,
                tool_calls=[ToolCall(id, name, json.loads(given or "{}")) for id, name, given in said.calls.values()],
            )

    def embed(self, texts: Sequence[str], *, time_limits: base.TimeLimits = base.TIME_LIMITS) -> base.Embedded:
        """Always an error: there is no such API."""
        raise failures.cannot("Anthropic offers no embeddings.")

    def _body(self, request: base.Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "max_tokens": request.max_tokens,
            "messages": _messages(request.messages),
        }
        if request.system is not None:
            body["system"] = request.system
        if request.temperature is not None:
            # This SDK has no argument for it any more, as newer models take none: it goes into the body when asked for.
            body["extra_body"] = {"temperature": request.temperature}
        if request.tools:
            body["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}
                for tool in request.tools
            ]
        if request.schema is not None:
            closed, _ = schemas.closed(request.schema)
            body["output_config"] = {"format": {"type": "json_schema", "schema": closed}}
        return body

    def _client(self, clock: base.Clock) -> anthropic.Anthropic:
        import anthropic

        # Retries are made in one place, by the run; the address is given so that no variable can move it.
        return anthropic.Anthropic(
            api_key=self._api_key,
            base_url=self.base_url or BASE_URL,
            max_retries=0,
            # What a request may take as a whole is its read timeout.
            timeout=anthropic.Timeout(clock.seconds, connect=clock.connect),
            http_client=self._http_client(),
        )

    @contextmanager
    def _plain_errors(self, clock: base.Clock) -> Iterator[None]:
        """The SDK's errors as ours, from None: no address, key or answer hangs on the traceback."""
        import anthropic

        late, broken = outbound.transport_errors()
        try:
            yield
        except anthropic.APIStatusError as error:
            kind = error.type or ""
            status = _STATUS_OF.get(kind, 500) if error.status_code < 300 else error.status_code
            raise failures.status_error(_NAME, status, error.response.headers, kind) from None
        except (anthropic.APITimeoutError, late):
            raise clock.over(_NAME) from None
        except anthropic.APIConnectionError as error:
            raise failures.connection_error(_NAME, error.__cause__) from None
        except broken:
            # While a stream is read the SDK lets the client's own errors through.
            raise failures.broken_off(_NAME) from None
        except (anthropic.AnthropicError, ValueError, AttributeError, TypeError, KeyError):
            # The SDK does not validate: a body that is no JSON comes as text, one of another shape with parts missing.
            raise failures.bad_answer(_NAME) from None


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Turns of person and model in alternation: all answers of tools to one turn stand in one message."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += _parts(message)
        else:
            turns.append({"role": role, "content": _parts(message)})
    return turns


def _parts(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.text}]
    parts: list[dict[str, Any]] = [
        {"type": "image", "source": {"type": "base64", "media_type": image.media_type,
                                     "data": base64.b64encode(image.data).decode()}}
        for image in message.images
    ]  # fmt: skip
    if message.text:
        parts.append({"type": "text", "text": message.text})
    parts += [{"type": "tool_use", "id": c.id, "name": c.name, "input": c.arguments} for c in message.tool_calls]
    return parts


def _read(message: Any) -> _Said:
    said = _Said(message.model, stop_reason=message.stop_reason)
    said.text = "".join(block.text for block in message.content if block.type == "text")
    for index, block in enumerate(message.content):
        if block.type == "tool_use":
            said.calls[index] = [block.id, block.name, json.dumps(block.input)]
    said.count(message.usage)
    if not {"input_tokens", "output_tokens"} <= said.tokens.keys():
        raise failures.bad_answer(_NAME)
    return said


def _followed(stream: Any, on_text: base.OnText, clock: base.Clock) -> _Said:
    """The whole answer at the end of a stream."""
    said = _Said()
    with stream:
        for event in stream:
            if event.type == "message_stop":
                return said
            if event.type == "content_block_start":
                clock.begun(stream.response)
            _gather(said, event, on_text)
    raise failures.broken_off(_NAME)


def _gather(said: _Said, event: Any, on_text: base.OnText) -> None:
    if event.type == "message_start":
        said.model = event.message.model
        said.count(event.message.usage)
    elif event.type == "message_delta":
        said.stop_reason = event.delta.stop_reason
        said.count(event.usage)
    elif event.type == "content_block_start" and event.content_block.type == "tool_use":
        said.calls[event.index] = [event.content_block.id, event.content_block.name, ""]
    elif event.type == "content_block_delta" and event.delta.type == "text_delta":
        said.text += event.delta.text
        on_text(event.delta.text)
    elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
        said.calls[event.index][2] += event.delta.partial_json
