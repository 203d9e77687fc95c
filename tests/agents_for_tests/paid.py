"""A stand-in for the models of the outside world: it answers at once, at a price that is known or not."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from ionflux_core.llm.base import Completion, Request, Usage, completion

PRICED, UNPRICED = "openai:gpt-4.1", "openai:nobody-knows-what-it-costs"
CALL_MICROS = 4_000


class Stand:
    """A model that answers at once, 500 tokens long; at gpt-4.1's price that is 0.4 US cents."""

    base_url = None

    def __init__(self, chosen: str, asked: Counter[str]) -> None:
        self.provider, _, self.name = chosen.partition(":")
        self._asked = asked

    def complete(self, request: Request, **_: Any) -> Completion:
        self._asked[str(request.messages[-1].text)] += 1
        return completion(
            self, f"answer to {request.messages[-1].text}", answered_by=self.name, usage=Usage(0, 500), finish="stop",
            started=time.perf_counter(),
        )  # fmt: skip

    def embed(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("nobody asked for vectors")


class Chooser:
    """Which model the agents ask, and what the stand-in was asked how often."""

    def __init__(self) -> None:
        self.model = PRICED
        self.asked = Counter[str]()

    def ask(self, ctx: Any, question: str) -> str:
        """One answer from the chosen model."""
        return str(ctx.llm.complete(question, models=[self.model], max_tokens=500).text)


CODE = f'''
"""Asks a model three times."""


def run(ctx, inputs):
    """Three answers."""
    model = inputs.get("value") or "{PRICED}"
    ctx.kpi("asked", 3)
    return {{"result": [ctx.llm.complete(f"question {{n}}", models=[model], max_tokens=500).text for n in range(3)]}}
'''
