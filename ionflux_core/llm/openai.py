"""OpenAI's Responses API, and what its Chat Completions API shares with it: client, errors, embeddings."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ionflux_core import outbound
from ionflux_core.domain.dialogue import Image, Message, ToolCall
from ionflux_core.llm import base, failures, schemas

if TYPE_CHECKING:
    import openai

    from ionflux_core.outbound import HttpClientFactory

BASE_URL = "https://api.openai.com/v1"
_INCOMPLETE: Mapping[str | None, base.FinishReason] = {"max_output_tokens": "length", "content_filter": "refusal"}


class OpenAIServer:
    """A server that speaks OpenAI's language: OpenAI itself, or whoever is at the base URL."""

    def __init__(
        self, provider: str, name: str, api_key: str, base_url: str | None, http_client: HttpClientFactory
    ) -> None:
        self.provider = provider
        self.name = name
        self.base_url = base_url
        self.title = "OpenAI" if provider == "openai" else "The compatible server"
        self._api_key = api_key
        self._http_client = http_client

    def embed(self, texts: Sequence[str], *, time_limits: base.TimeLimits = base.TIME_LIMITS) -> base.Embedded:
        """One vector for each text."""
        started, clock = time.perf_counter(), base.Clock(time_limits, streamed=False)
        with self._plain_errors(clock):
            answer = self._client(clock).embeddings.create(model=self.name, input=list(texts), encoding_format="float")
            vectors = [
                [float(value) for value in item.embedding] for item in sorted(answer.data, key=lambda i: i.index)
            ]
            if len(vectors) != len(texts):
                raise failures.bad_answer(self.title)
            tokens = answer.usage.total_tokens if answer.usage else 0
            return base.embedded(self, vectors, answered_by=answer.model or self.name, tokens=tokens, started=started)

    def complete(
        self,
        request: base.Request,
        *,
        time_limits: base.TimeLimits = base.TIME_LIMITS,
        on_text: base.OnText | None = None,
    ) -> base.Completion:
        """The answer in the API this server is spoken to with."""
        raise NotImplementedError

    def _client(self, clock: base.Clock) -> openai.OpenAI:
        import openai

        # Retries are made in one place, by the run; the address is given so that no variable can move it.
        client = openai.OpenAI(
            api_key=self._api_key or "none",
            base_url=self.base_url or BASE_URL,
            max_retries=0,
            # What a request may take as a whole is its read timeout.
            timeout=openai.Timeout(clock.seconds, connect=clock.connect),
            http_client=self._http_client(),
        )
        # Read from the environment of whoever started the process, and none of this workspace's.
        client.organization = client.project = None
        return client

    @contextmanager
    def _plain_errors(self, clock: base.Clock) -> Iterator[None]:
        """The SDK's errors as ours, from None: no address, key or answer hangs on the traceback."""
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            reason = error.code or error.type or ""
            raise failures.status_error(self.title, error.status_code, error.response.headers, reason) from None
        except openai.APITimeoutError:
            raise clock.over(self.title) from None
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, outbound.transport_errors()[1]) and _had_begun(error):
                raise failures.broken_off(self.title) from None
            raise failures.connection_error(self.title, error.__cause__) from None
        except openai.APIError as error:
            raise failures.status_error(self.title, 500, {}, error.code or error.type or "") from None
        except (openai.OpenAIError, ValueError, AttributeError, TypeError, KeyError):
            # The SDK does not validate: a body that is no JSON comes as text, one of another shape with parts missing.
            raise failures.bad_answer(self.title) from None


class OpenAIModel(OpenAIServer):
    """A model behind the Responses API; the conversation is not stored at the provider."""

    def complete(
        self,
        request: base.Request,
        *,
        time_limits: base.TimeLimits = base.TIME_LIMITS,
        on_text: base.OnText | None = None,
    ) -> base.Completion:
        """One call of the Responses API."""
        started, streamed = time.perf_counter(), on_text is not None
        clock = base.Clock(time_limits, streamed=streamed)
        with self._plain_errors(clock):
            client: Any = self._client(clock)
            answer = client.responses.create(**self._body(request), stream=streamed)
            response = _followed(answer, on_text, clock, self.title) if on_text else answer
            if response.status == "failed":
                reason = response.error.code if response.error else ""
                raise failures.status_error(self.title, 429 if reason == "rate_limit_exceeded" else 500, {}, reason)
            return base.completion(
                self,
                response.output_text,
                answered_by=response.model or self.name,
                usage=_usage(response.usage),
                finish=_finish_reason(response),
                started=started,
                tool_calls=[
                    ToolCall(item.call_id, item.name, json.loads(item.arguments or "{}"))
                    for item in response.output
                    if item.type == "function_call"
                ],
            )

    def _body(self, request: base.Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "input": [part for message in request.messages for part in _input(message)],
            "max_output_tokens": request.max_tokens,
            "store": False,
        }
        if request.system is not None:
            body["instructions"] = request.system
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.tools:
            body["tools"] = [
                {"type": "function", "name": tool.name, "description": tool.description,
                 "parameters": dict(tool.parameters), "strict": False}
                for tool in request.tools
            ]  # fmt: skip
        if request.schema is not None:
            closed, strict = schemas.closed(request.schema)
            body["text"] = {
                "format": {"type": "json_schema", "name": request.schema_name, "schema": closed, "strict": strict}
            }
        return body


def data_url(image: Image) -> str:
    """A picture inside the request itself."""
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


def _had_begun(error: openai.APIConnectionError) -> bool:
    """Whether the connection broke after it stood: then the server is there, and dropped this answer."""
    return type(error.__cause__).__name__ not in ("ConnectError", "ConnectTimeout")


def _input(message: Message) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        yield {"type": "function_call_output", "call_id": message.tool_call_id, "output": message.text}
        return
    if message.images:
        parts: list[dict[str, Any]] = [{"type": "input_text", "text": message.text}] if message.text else []
        parts += [{"type": "input_image", "image_url": data_url(image), "detail": "auto"} for image in message.images]
        yield {"role": message.role, "content": parts}
    elif message.text:
        yield {"role": message.role, "content": message.text}
    for call in message.tool_calls:
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}


def _followed(stream: Any, on_text: base.OnText, clock: base.Clock, title: str) -> Any:
    """The whole response at the end of a stream."""
    with stream:
        for event in stream:
            if event.type == "response.output_item.added" or event.type.endswith(".delta"):
                clock.begun(stream.response)
            if event.type == "response.output_text.delta":
                on_text(event.delta)
            elif event.type in ("response.completed", "response.incomplete", "response.failed"):
                return event.response
            elif event.type == "error":
                raise failures.status_error(title, 500, {}, event.code or "")
    raise failures.broken_off(title)


def _usage(usage: Any) -> base.Usage | None:
    if usage is None:
        return None
    details = usage.input_tokens_details
    return base.Usage(usage.input_tokens, usage.output_tokens, (details.cached_tokens or 0) if details else 0)


def _finish_reason(response: Any) -> base.FinishReason:
    if response.incomplete_details is not None:
        return _INCOMPLETE.get(response.incomplete_details.reason, "other")
    if any(item.type == "function_call" for item in response.output):
        return "tool_calls"
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    if any(part.type == "refusal" for part in parts):
        return "refusal"
    return "stop" if response.status == "completed" else "other"
