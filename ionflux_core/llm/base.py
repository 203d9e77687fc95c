"""The model port: what every provider gives back, and which error a failed call becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict

from ionflux_core import ids
from ionflux_core.errors import (
    Forbidden,
    Invalid,
    IonfluxError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)

if TYPE_CHECKING:
    from ionflux_core.outbound import HttpClientFactory

PROVIDERS = ("local", "openai", "anthropic")
MAX_TOKENS = 1024
TIMEOUT_SECONDS = 60.0

FinishReason = Literal["stop", "length", "refusal", "other"]


class Engine(TypedDict):
    """What made a text: the built-in local algorithms or a language model."""

    kind: Literal["local", "llm"]
    name: str
    version: str
    seed: int | None


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a model. `tokens_in` includes `cached_tokens`; both are 0 where no usage was reported.

    `cost_micros` is in millionths of `currency`, None where no price is known.
    """

    text: str
    provider: str
    model: str
    tokens_in: int
    tokens_out: int
    cached_tokens: int
    cost_micros: int | None
    currency: str
    latency_ms: float
    finish_reason: FinishReason
    engine: Engine


class Model(Protocol):
    """A model that completes a prompt."""

    @property
    def provider(self) -> str:
        """Who runs it."""

    @property
    def name(self) -> str:
        """Its name at the provider."""

    def complete(
        self,
        prompt: str,
        *,
        system: str | None = None,
        max_tokens: int = MAX_TOKENS,
        temperature: float | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> Completion:
        """The answer to one prompt, in one attempt of at most `timeout` seconds; raises IonfluxError children."""


def model_for(
    provider: str,
    model: str = "",
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    http_client: HttpClientFactory | None = None,
) -> Model:
    """The model of a provider; keep it, for it keeps its connections.

    Every provider but "local" needs a key and `http_client`, a factory of guarded clients (`Outbound.client`).
    """
    if provider == "local":
        from ionflux_core.llm.local import LocalModel

        return LocalModel()
    if provider not in PROVIDERS:
        raise Invalid(f"'{provider}' is no model provider.", hint=f"Use one of: {', '.join(PROVIDERS)}.")
    if not model:
        raise Invalid(f"No model of {provider} is named.", hint="Name the model in the agent's configuration.")
    if not api_key:
        raise Unavailable(
            f"There is no key for {provider}.",
            hint="Store one in Settings, Secrets, or use the provider 'local', which needs none.",
            code="model_key_missing",
        )
    if http_client is None:
        raise ValueError("a guarded http_client is needed to call a model")
    if provider == "openai":
        from ionflux_core.llm.openai import OpenAIModel

        return OpenAIModel(model, api_key, base_url, http_client)
    from ionflux_core.llm.anthropic import AnthropicModel

    return AnthropicModel(model, api_key, base_url, http_client)


def status_error(provider: str, status: int, headers: Mapping[str, str], reason: str = "") -> IonfluxError:
    """The error for an answer outside 2xx; `reason` is the provider's short code. Its text is never repeated."""
    said = f" ({reason})" if re.fullmatch(r"[a-z_]{1,40}", reason) else ""
    if status == 429:
        hint = "Wait and try again, or lower the number of runs at once."
        if reason == "insufficient_quota":
            hint = "The account has no credit left: check its billing."
        return TooManyRequests(
            f"{provider} accepts no more requests for now{said}.", hint=hint, retry_after=retry_after(headers)
        )
    if status in (408, 409) or status >= 500 or status < 400:
        return Unavailable(
            f"{provider} failed with status {status}{said}.",
            hint="Try again later.",
            code="model_failed",
            retry_after=retry_after(headers),
        )
    if status == 401:
        return Unauthorized(
            f"{provider} does not accept the key{said}.", hint="Store a valid key in Settings, Secrets."
        )
    if status == 403:
        return Forbidden(f"The key may not do this at {provider}{said}.", hint="Check what the key is allowed to do.")
    if status == 404:
        return NotFound(f"{provider} does not know this model or address{said}.", hint="Check the model's name.")
    return Invalid(f"{provider} refused the request with status {status}{said}.", hint="Check the model's settings.")


def timeout_error(provider: str, seconds: float) -> IonfluxError:
    """The error for a model that took too long."""
    return Unavailable(
        f"{provider} did not answer within {seconds:g} seconds.",
        hint="Try again later, or allow more time.",
        code="model_timeout",
    )


def connection_error(provider: str, cause: BaseException | None) -> IonfluxError:
    """The error for a broken connection: the guard's own, where it refused the address."""
    if isinstance(cause, IonfluxError):
        return cause
    return Unavailable(
        f"{provider} cannot be reached.", hint="Check the address and your connection.", code="model_unreachable"
    )


def bad_answer(provider: str) -> IonfluxError:
    """The error for an answer that does not follow the provider's own format."""
    return Unavailable(
        f"{provider} answered in a form that cannot be read.",
        hint="Check the base URL, or try again later.",
        code="model_bad_answer",
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds an answer asks to wait (retry-after-ms, retry-after in seconds or as a date), None if it does not."""
    milliseconds, given = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    for text, unit in ((milliseconds, 0.001), (given, 1.0)):
        if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
            return float(text) * unit
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - ids.now()).total_seconds())
