"""The model port: what is asked of a provider, and what every one of them gives back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict

from ionflux_core import ids, limits, outbound
from ionflux_core.domain.dialogue import Message, Tool, ToolCall
from ionflux_core.errors import Invalid, IonfluxError
from ionflux_core.llm import failures, pricing
from ionflux_core.llm.pricing import Price

if TYPE_CHECKING:
    import httpx2

    from ionflux_core.outbound import HttpClientFactory

TITLES: Mapping[str, str] = {
    "local": "Local engine",
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "compatible": "Compatible server",
}
PROVIDERS = tuple(TITLES)
LOCAL = "local:local-1"
MAX_TOKENS = 1024

FinishReason = Literal["stop", "length", "refusal", "tool_calls", "other"]
OnText = Callable[[str], None]


class Engine(TypedDict):
    """What made a text: the built-in local algorithms or a language model."""

    kind: Literal["local", "llm"]
    name: str
    version: str
    seed: int | None


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds for one attempt: the whole, the connection, and the first words of a stream."""

    total: float = limits.MODEL_SECONDS
    first: float = limits.MODEL_FIRST_TOKEN_SECONDS
    connect: float = limits.MODEL_CONNECT_SECONDS


TIME_LIMITS = TimeLimits()


class Clock:
    """The time of one attempt: a stream gets a part of it for its beginning, and the rest once the model has begun."""

    def __init__(self, time_limits: TimeLimits, *, streamed: bool) -> None:
        self._limits = time_limits
        self._waiting = streamed
        self.seconds = time_limits.first if streamed else time_limits.total
        self.connect = min(self.seconds, time_limits.connect)

    def begun(self, response: httpx2.Response) -> None:
        """The model has begun: with a word, a thought or a wish."""
        if self._waiting:
            self._waiting = False
            outbound.give_more_time(response, self._limits.total - self._limits.first)

    def over(self, provider: str) -> IonfluxError:
        """The error for an attempt whose time is over."""
        seconds = self._limits.first if self._waiting else self._limits.total
        return failures.timeout_error(provider, seconds, first=self._waiting)


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model; with a JSON `schema` the answer is to be JSON that fits it."""

    messages: tuple[Message, ...]
    system: str | None = None
    max_tokens: int = MAX_TOKENS
    temperature: float | None = None
    tools: tuple[Tool, ...] = ()
    schema: Mapping[str, Any] | None = None
    schema_name: str = "answer"

    @classmethod
    def of(cls, prompt: str, **options: Any) -> Request:
        """A request with one message of a person."""
        return cls((Message("user", prompt),), **options)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; `tokens_in` includes `cached`. `written` were put into the provider's cache."""

    tokens_in: int
    tokens_out: int
    cached: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a model. `tokens_in` includes `cached_tokens`; both are 0 where no usage was reported.

    `cost_micros` is in millionths of a US dollar, None where no price is known, and `price` the one it was taken from.
    """

    text: str
    provider: str
    model: str
    tokens_in: int
    tokens_out: int
    cached_tokens: int
    cost_micros: int | None
    price: Price | None
    latency_ms: float
    finish_reason: FinishReason
    engine: Engine
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Embedded:
    """Texts as vectors of one length, in the order they were given."""

    vectors: list[list[float]]
    provider: str
    model: str
    tokens_in: int
    cost_micros: int | None
    price: Price | None
    latency_ms: float


class Model(Protocol):
    """A model of a provider. One call is one attempt; all raise children of IonfluxError."""

    @property
    def provider(self) -> str:
        """Who runs it."""

    @property
    def name(self) -> str:
        """Its name at the provider."""

    @property
    def base_url(self) -> str | None:
        """Where it is, when not at the provider's own address: another seller, whose prices are unknown."""

    def complete(
        self, request: Request, *, time_limits: TimeLimits = TIME_LIMITS, on_text: OnText | None = None
    ) -> Completion:
        """The answer; with `on_text` it is streamed, and every piece of text is handed over when it arrives."""

    def embed(self, texts: Sequence[str], *, time_limits: TimeLimits = TIME_LIMITS) -> Embedded:
        """One vector for each text."""


def completion(
    model: Model,
    text: str,
    *,
    answered_by: str,
    usage: Usage | None,
    finish: FinishReason,
    started: float,
    tool_calls: Sequence[ToolCall] = (),
) -> Completion:
    """What a language model answered, with its price of today where one is known."""
    used = usage or Usage(0, 0)
    price = None if model.base_url else pricing.price_of(model.provider, answered_by, ids.now().date())
    # Writing to the cache has a price of its own that the table does not hold; we never ask for it.
    cost = (
        None
        if usage is None or price is None or used.written
        else price.cost(used.tokens_in, used.tokens_out, used.cached)
    )
    return Completion(
        text=text,
        provider=model.provider,
        model=answered_by,
        tokens_in=used.tokens_in,
        tokens_out=used.tokens_out,
        cached_tokens=used.cached,
        cost_micros=cost,
        price=price if cost is not None else None,
        latency_ms=(time.perf_counter() - started) * 1000,
        finish_reason=finish,
        engine={"kind": "llm", "name": f"{model.provider}/{model.name}", "version": answered_by, "seed": None},
        tool_calls=tuple(tool_calls),
    )


def embedded(model: Model, vectors: list[list[float]], *, answered_by: str, tokens: int, started: float) -> Embedded:
    """What an embedding model answered, with its price of today where one is known."""
    price = None if model.base_url else pricing.price_of(model.provider, answered_by, ids.now().date())
    cost = price.cost(tokens, 0) if price else None
    latency = (time.perf_counter() - started) * 1000
    return Embedded(vectors, model.provider, answered_by, tokens, cost, price, latency)


def split_choice(chosen: str) -> tuple[str, str]:
    """Provider and name of `provider:name`; Invalid when it is neither."""
    provider, _, name = chosen.partition(":")
    if provider not in PROVIDERS:
        raise Invalid(f"'{provider[:60]}' is no model provider.", hint=f"Use one of: {', '.join(PROVIDERS)}.")
    return provider, name


def model_for(
    provider: str,
    name: str = "",
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    http_client: HttpClientFactory | None = None,
    api: Literal["responses", "chat"] = "responses",
) -> Model:
    """The model of a provider; its key lives as long as the object.

    Every provider but "local" needs `http_client`, a factory of guarded clients, and all but "compatible" a key. `api`
    says which of OpenAI's two interfaces is spoken.
    """
    split_choice(f"{provider}:{name}")
    if provider == "local":
        from ionflux_core.llm.local import LocalModel

        return LocalModel()
    if not name:
        raise Invalid(f"No model of {TITLES[provider]} is named.", hint="Name the model in Settings, Models.")
    if provider == "compatible" and not base_url:
        raise Invalid("The compatible provider has no address.", hint="Write its base URL in Settings, Models.")
    if not api_key and provider != "compatible":
        raise failures.key_missing(TITLES[provider])
    if http_client is None:
        raise ValueError("a guarded http_client is needed to call a model")
    if provider == "anthropic":
        from ionflux_core.llm.anthropic import AnthropicModel

        return AnthropicModel(name, api_key or "", base_url or None, http_client)
    if provider == "compatible" or api == "chat":
        from ionflux_core.llm.openai_chat import ChatModel

        return ChatModel(provider, name, api_key or "", base_url or None, http_client)
    from ionflux_core.llm.openai import OpenAIModel

    return OpenAIModel(provider, name, api_key or "", base_url or None, http_client)
