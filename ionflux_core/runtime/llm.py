"""The models of a run, behind its journal: every answer is a step, every attempt a row."""

from __future__ import annotations

from typing import Any

from ionflux_core.domain.runs import Run
from ionflux_core.runtime.calls import Calls
from ionflux_core.runtime.journal import Journal
from ionflux_core.runtime.ports import Ports, Stepped, engine_of
from ionflux_core.sdk import Completion


class JournaledLlm:
    """The chosen model; every answer is a step of its own, so that a resumed run does not pay twice."""

    def __init__(self, run: Run, journal: Journal, ports: Ports, stepped: Stepped) -> None:
        self._ports = ports
        self._run = run
        self._stepped = stepped
        self._calls = Calls(run, journal, ports)

    def complete(
        self, prompt: str, *, system: str | None = None, max_tokens: int = 800, temperature: float = 0.0
    ) -> Completion:
        """One answer from the configured model."""
        chosen = engine_of(self._run.config)
        asked = {"prompt": prompt, "system": system, "max_tokens": max_tokens, "temperature": temperature}
        answer = self._stepped("llm", f"llm {chosen}", self._ask, (chosen, asked), {})
        return Completion(**answer)

    def _ask(self, chosen: str, asked: dict[str, Any]) -> Completion:
        provider, _, name = chosen.partition(":")
        with self._calls.recorded("llm", provider, name, asked) as answer:
            model = self._ports.model(self._run.workspace_id, chosen)
            said = model.complete(
                asked["prompt"],
                system=asked["system"],
                max_tokens=asked["max_tokens"],
                temperature=asked["temperature"],
            )
            answer.update(
                response={"text": said.text, "finish_reason": said.finish_reason},
                tokens_in=said.tokens_in,
                tokens_out=said.tokens_out,
                cost_micros=said.cost_micros,
            )
        return Completion(said.text, dict(said.engine), said.tokens_in, said.tokens_out, said.cost_micros)
