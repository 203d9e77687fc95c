"""OpenAI, and whoever speaks its Responses API under another base URL."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ionflux_core import ids
from ionflux_core.llm import base, pricing

if TYPE_CHECKING:
    import openai
    from openai.types.responses import Response

    from ionflux_core.outbound import HttpClientFactory

BASE_URL = "https://api.openai.com/v1"
_NAME = "OpenAI"
_INCOMPLETE: Mapping[str | None, base.FinishReason] = {"max_output_tokens": "length", "content_filter": "refusal"}


class OpenAIModel:
    """A model behind the Responses API."""

    provider = "openai"

    def __init__(self, name: str, api_key: str, base_url: str | None, http_client: HttpClientFactory) -> None:
        self.name = name
        self._api_key = api_key
        self._base_url = base_url
        self._http_client = http_client
        self._lock = threading.Lock()
        self._shared: openai.OpenAI | None = None

    def complete(
        self,
        prompt: str,
        *,
        system: str | None = None,
        max_tokens: int = base.MAX_TOKENS,
        temperature: float | None = None,
        timeout: float = base.TIMEOUT_SECONDS,
    ) -> base.Completion:
        """One call of the Responses API; the conversation is not stored at the provider."""
        import openai

        started = time.perf_counter()
        try:
            response = self._client().responses.create(
                model=self.name,
                input=prompt,
                instructions=openai.omit if system is None else system,
                max_output_tokens=max_tokens,
                temperature=openai.omit if temperature is None else temperature,
                store=False,
                timeout=timeout,
            )
        except openai.APIStatusError as error:
            raise base.status_error(_NAME, error.status_code, error.response.headers, error.code or "") from None
        except openai.APITimeoutError:
            raise base.timeout_error(_NAME, timeout) from None
        except openai.APIConnectionError as error:
            raise base.connection_error(_NAME, error.__cause__) from None
        except (openai.OpenAIError, ValueError):
            raise base.bad_answer(_NAME) from None
        return self._completion(response, (time.perf_counter() - started) * 1000)

    def _client(self) -> openai.OpenAI:
        import openai

        with self._lock:
            if self._shared is None:
                # Retries are made in one place, by the run; the address is given so that no variable can move it.
                self._shared = openai.OpenAI(
                    api_key=self._api_key,
                    base_url=self._base_url or BASE_URL,
                    max_retries=0,
                    http_client=self._http_client(),
                )
            return self._shared

    def _completion(self, response: Response, latency_ms: float) -> base.Completion:
        # The SDK does not validate: a body that is no JSON comes as text, one of another shape with parts missing.
        try:
            text, model, usage = response.output_text, response.model or self.name, response.usage
            cached = (usage.input_tokens_details.cached_tokens or 0) if usage and usage.input_tokens_details else 0
            used = (usage.input_tokens, usage.output_tokens, cached) if usage else None
            finish = _finish_reason(response)
        except (AttributeError, TypeError):
            raise base.bad_answer(_NAME) from None
        if response.status == "failed":
            raise base.status_error(_NAME, 500, {}, response.error.code if response.error else "")
        cost = None
        if used and self._base_url is None:
            cost = pricing.cost_micros("openai", model, *used, on=ids.now().date())
        return base.Completion(
            text=text,
            provider=self.provider,
            model=model,
            tokens_in=used[0] if used else 0,
            tokens_out=used[1] if used else 0,
            cached_tokens=cached,
            cost_micros=cost,
            currency=pricing.CURRENCY,
            latency_ms=latency_ms,
            finish_reason=finish,
            engine={"kind": "llm", "name": f"openai/{self.name}", "version": model, "seed": None},
        )


def _finish_reason(response: Response) -> base.FinishReason:
    if response.incomplete_details is not None:
        reason = response.incomplete_details.reason
        return _INCOMPLETE.get(reason, "other")
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    if any(part.type == "refusal" for part in parts):
        return "refusal"
    return "stop" if response.status == "completed" else "other"
