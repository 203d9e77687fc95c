"""Loads the agent as the catalog does, so that tests import the files beside it; and personas that are learned once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ionflux_core.application import Application, set_current
from ionflux_core.catalog.loader import Catalog
from ionflux_core.sdk import Completion
from ionflux_core.settings import load_settings
from tests.fakes import MemoryContext

Catalog([Path(__file__).parents[1]]).code("persona_guardian")


class Desk(MemoryContext):
    """A context with a page behind every address and a model that says what a test wants."""

    page: Any = None
    wording: str | None = None
    asked_model: list[str]

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.asked_model = []

    @property
    def http(self) -> Any:
        """Answers every request with the test's page."""
        return SimpleNamespace(request=lambda *_, **__: self.page)

    def complete(self, prompt: str, **_: Any) -> Completion:
        """The test's wording as a model's answer, else what the built-in engine says."""
        self.asked_model.append(prompt)
        if self.wording is None:
            return super().complete(prompt)
        return Completion(self.wording, {"kind": "llm", "name": "fake", "version": "1", "seed": None}, 1, 1, 0)


@pytest.fixture(scope="session")
def learned() -> Callable[[str], Any]:
    """Gives a fingerprint of a whole voice, learned once."""
    from ionflux_agents.persona_guardian.background import background, voices
    from ionflux_agents.persona_guardian.fingerprint import Fingerprint
    from ionflux_agents.persona_guardian.learning import learn
    from ionflux_agents.persona_guardian.resonance import fit_resonance
    from ionflux_agents.persona_guardian.traits import traits

    known: dict[str, Any] = {}

    def give(voice: str) -> Any:
        if voice not in known:
            texts = [piece.text for piece in voices()[voice]]
            data = learn(texts, background(), 7) | {"persona": voice, "version": 1, "pieces": len(texts), "palette": []}
            data |= {"traits": traits(texts, background())}
            data |= {"resonance": fit_resonance([(text, None, "") for text in texts], 7)}
            known[voice] = Fingerprint.of(data)
        return known[voice]

    return give


@pytest.fixture(scope="session")
def _taught() -> Desk:
    from ionflux_agents.persona_guardian.agent import run
    from ionflux_agents.persona_guardian.background import voices

    ctx = Desk()
    run(ctx, {"creator_id_or_brand_id": "rosie", "training_texts": [p.text for p in voices()["shopkeeper"]]})
    return ctx


@pytest.fixture
def shop(_taught: Desk) -> Desk:
    """A workspace that has learned the shopkeeper's voice under the name `rosie`."""
    ctx = Desk()
    ctx.records = copy.deepcopy(_taught.records)
    return ctx


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    """A started application over the real agents."""
    given: dict[str, Any] = {"data_dir": tmp_path / "data", "key_file": tmp_path / "key", "workers": 2}
    settings = load_settings(_env_file=None, agents_dir=Path(__file__).parents[1], scheduler=False, demo=False, **given)
    started = Application(settings).open().start()
    yield started
    started.stop()
    set_current(None)
