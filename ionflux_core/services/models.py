"""Which models a workspace may ask, by which guarded way they are reached, and whether they answer."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ionflux_core import ids
from ionflux_core.domain.workspaces import ModelChoice, ProviderSettings
from ionflux_core.errors import Invalid, IonfluxError, NotFound
from ionflux_core.llm import pricing
from ionflux_core.llm.breaker import Breakers
from ionflux_core.services.secrets import Secrets
from ionflux_core.services.workspaces import Workspaces

if TYPE_CHECKING:
    from httpx2 import Client

    from ionflux_core.llm.base import Model
    from ionflux_core.outbound import Outbound

TEST_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as a workspace has it; `resting` while it is left alone after failures."""

    name: str
    title: str
    has_key: bool
    base_url: str
    api: str
    resting: bool

    @property
    def secret(self) -> str:
        """The name of the secret its key is stored under."""
        return f"{self.name}_api_key"

    @property
    def is_ready(self) -> bool:
        """Whether it can be asked: it has its key, or needs none and has its address."""
        return self.name == "local" or bool(self.base_url if self.name == "compatible" else self.has_key)


@dataclass(frozen=True, slots=True)
class Tested:
    """What became of one small question to a model, as a sentence and what to do next."""

    ok: bool
    message: str
    hint: str = ""
    code: str = ""
    seconds: float = 0.0


class Models:
    """Use-cases around language models."""

    def __init__(self, workspaces: Workspaces, secrets: Secrets) -> None:
        self._workspaces = workspaces
        self._secrets = secrets
        self._lock = threading.Lock()
        self._outbound: dict[tuple[str, ...], Outbound] = {}
        self._clients: dict[tuple[str, ...], Client] = {}
        self.breakers = Breakers()

    def outbound(self, workspace_id: str) -> Outbound:
        """The guarded HTTP client with this workspace's allow-list."""
        from ionflux_core.outbound import Outbound

        allowed = tuple(self._workspaces.get(workspace_id).settings.outbound_allow)
        with self._lock:
            if allowed not in self._outbound:
                self._outbound[allowed] = Outbound(allowed)
            return self._outbound[allowed]

    def model(self, workspace_id: str, chosen: str) -> Model:
        """The model `provider:name`; Invalid with the code `model_key_missing` when its key is not stored."""
        from ionflux_core.llm.base import model_for, split_choice

        provider, name = split_choice(chosen)
        if provider == "local":
            return model_for(provider)
        reached = self._settings(workspace_id, provider)
        return model_for(
            provider,
            name,
            api_key=self._key(workspace_id, provider),
            base_url=reached.base_url,
            http_client=lambda: self._client(workspace_id),
            api=reached.api,
        )

    def providers(self, workspace_id: str) -> list[Provider]:
        """Every provider there is, with how this workspace reaches it."""
        from ionflux_core.llm.base import TITLES

        stored = set(self._secrets.names(workspace_id))
        found = []
        for name, title in TITLES.items():
            reached = self._settings(workspace_id, name)
            resting = self.breakers.of(name, reached.base_url or None).is_open
            has_key = f"{name}_api_key" in stored
            found.append(Provider(name, title, has_key, reached.base_url, reached.api, resting))
        return found

    def choices(self, workspace_id: str) -> list[str]:
        """Models worth offering, as `provider:name`: the local engine, priced ones, and those already chosen."""
        from ionflux_core.llm.base import LOCAL

        settings = self._workspaces.get(workspace_id).settings
        priced = {f"{price.provider}:{price.model}" for price in pricing.prices()}
        chosen = {text_of(choice) for choice in (settings.default_model, *settings.fallback_models)}
        return [LOCAL, *sorted((priced | chosen) - {LOCAL})]

    def has_key(self, workspace_id: str, provider: str) -> bool:
        """Whether a key for this provider is stored."""
        return f"{provider}_api_key" in self._secrets.names(workspace_id)

    def most_micros(self, workspace_id: str, chosen: str, prompt: str, max_tokens: int) -> int | None:
        """Millionths of a US dollar one call can cost at most; None where no price is known."""
        from ionflux_core.llm.base import Request, model_for, split_choice
        from ionflux_core.llm.estimates import most_micros

        provider, name = split_choice(chosen)
        base_url = self._settings(workspace_id, provider).base_url
        # An estimate sends nothing, so it needs neither key nor network.
        model = model_for(provider, name, api_key="none", base_url=base_url, http_client=_no_client)
        return most_micros(model, Request.of(prompt, max_tokens=max_tokens))

    def test(self, workspace_id: str, chosen: str) -> Tested:
        """Ask a model one small question, once, and say in a sentence what became of it."""
        from ionflux_core.llm.base import Request, TimeLimits, split_choice

        started = time.perf_counter()
        try:
            provider, _ = split_choice(chosen)
            model = self.model(workspace_id, chosen)
            request = Request.of("Answer with the word: ready.", max_tokens=64)
            said = model.complete(request, time_limits=TimeLimits(total=TEST_SECONDS))
        except IonfluxError as error:
            return Tested(False, error.message, _advice(error), error.code, time.perf_counter() - started)
        self.breakers.of(provider, model.base_url).succeeded()
        seconds = time.perf_counter() - started
        if provider == "local":
            return Tested(True, "The local engine is here. It quotes texts, needs no key and costs nothing.")
        cost = "no price is known for it" if said.cost_micros is None else f"it cost ${said.cost_micros / 1e6:.6f}"
        return Tested(True, f"{said.model} answered in {seconds:.1f} s; {cost}.", seconds=seconds)

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()
            for outbound in self._outbound.values():
                outbound.close()

    def _settings(self, workspace_id: str, provider: str) -> ProviderSettings:
        return self._workspaces.get(workspace_id).settings.providers.get(provider, ProviderSettings())

    def _key(self, workspace_id: str, provider: str) -> str | None:
        try:
            return self._secrets.reveal(workspace_id, f"{provider}_api_key")
        except NotFound:
            return None

    def _client(self, workspace_id: str) -> Client:
        """One client for each allow-list, so that connections are kept; a key is never part of it."""
        outbound = self.outbound(workspace_id)
        allowed = tuple(self._workspaces.get(workspace_id).settings.outbound_allow)
        with self._lock:
            if allowed not in self._clients:
                self._clients[allowed] = outbound.client()
            return self._clients[allowed]


def text_of(choice: ModelChoice) -> str:
    """A choice as `provider:name`."""
    return f"{choice.provider}:{choice.model}"


def choice_of(text: str) -> ModelChoice:
    """`provider:name` as a choice; Invalid when it is neither."""
    from ionflux_core.llm.base import split_choice

    provider, name = split_choice(text.strip())
    if not name:
        raise Invalid("The model has no name.", hint="Write provider:model, like openai:gpt-4.1.")
    return ModelChoice(provider=provider, model=name)


def price_list() -> list[pricing.Price]:
    """The prices that hold today, by provider and model."""
    today = ids.now().date()
    names = sorted({(price.provider, price.model) for price in pricing.prices()})
    found = (pricing.price_of(provider, model, today) for provider, model in names)
    return [price for price in found if price is not None]


def _advice(error: IonfluxError) -> str:
    if error.code == "outbound_dns":
        return "This machine has no network, or the address is misspelt."
    return error.hint


def _no_client() -> Client:
    raise AssertionError("an estimate asks nobody")
