"""Anthropic's Messages API."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ionflux_core import ids
from ionflux_core.llm import base, pricing

if TYPE_CHECKING:
    import anthropic
    from anthropic.types import Message

    from ionflux_core.outbound import HttpClientFactory

BASE_URL = "https://api.anthropic.com"
_NAME = "Anthropic"
_FINISH: Mapping[str | None, base.FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class AnthropicModel:
    """A model behind the Messages API."""

    provider = "anthropic"

    def __init__(self, name: str, api_key: str, base_url: str | None, http_client: HttpClientFactory) -> None:
        self.name = name
        self._api_key = api_key
        self._base_url = base_url
        self._http_client = http_client
        self._lock = threading.Lock()
        self._shared: anthropic.Anthropic | None = None

    def complete(
        self,
        prompt: str,
        *,
        system: str | None = None,
        max_tokens: int = base.MAX_TOKENS,
        temperature: float | None = None,
        timeout: float = base.TIMEOUT_SECONDS,
    ) -> base.Completion:
        """One call of the Messages API."""
        import anthropic

        # This SDK has no argument for it any more (newer models take none), so it goes into the body when asked for.
        extra = None if temperature is None else {"temperature": temperature}
        started = time.perf_counter()
        try:
            message = self._client().messages.create(
                model=self.name,
                max_tokens=max_tokens,
                messages=[{"role": "user", "content": prompt}],
                system=anthropic.omit if system is None else system,
                extra_body=extra,
                timeout=timeout,
            )
        except anthropic.APIStatusError as error:
            raise base.status_error(_NAME, error.status_code, error.response.headers, error.type or "") from None
        except anthropic.APITimeoutError:
            raise base.timeout_error(_NAME, timeout) from None
        except anthropic.APIConnectionError as error:
            raise base.connection_error(_NAME, error.__cause__) from None
        except (anthropic.AnthropicError, ValueError):
            raise base.bad_answer(_NAME) from None
        return self._completion(message, (time.perf_counter() - started) * 1000)

    def _client(self) -> anthropic.Anthropic:
        import anthropic

        with self._lock:
            if self._shared is None:
                # Retries are made in one place, by the run; the address is given so that no variable can move it.
                self._shared = anthropic.Anthropic(
                    api_key=self._api_key,
                    base_url=self._base_url or BASE_URL,
                    max_retries=0,
                    http_client=self._http_client(),
                )
            return self._shared

    def _completion(self, message: Message, latency_ms: float) -> base.Completion:
        # The SDK does not validate: a body that is no JSON comes as text, one of another shape with parts missing.
        try:
            text = "".join(block.text for block in message.content if block.type == "text")
            usage, model = message.usage, message.model or self.name
            cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
            tokens_in, tokens_out = usage.input_tokens + cached + written, usage.output_tokens
        except (AttributeError, TypeError):
            raise base.bad_answer(_NAME) from None
        cost = None
        # Writing to the cache has a price of its own that the table does not hold; we never ask for it.
        if self._base_url is None and not written:
            cost = pricing.cost_micros("anthropic", model, tokens_in, tokens_out, cached, on=ids.now().date())
        return base.Completion(
            text=text,
            provider=self.provider,
            model=model,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cached_tokens=cached,
            cost_micros=cost,
            currency=pricing.CURRENCY,
            latency_ms=latency_ms,
            finish_reason=_FINISH.get(message.stop_reason, "other"),
            engine={"kind": "llm", "name": f"anthropic/{self.name}", "version": model, "seed": None},
        )
