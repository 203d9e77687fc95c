"""The models of a run, behind its journal: every answer is a step, every attempt a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import TYPE_CHECKING, Any, Unpack

from ionflux_core.domain.dialogue import ToolCall
from ionflux_core.domain.runs import Run
from ionflux_core.errors import Invalid
from ionflux_core.limits import EMBEDDED_TEXTS
from ionflux_core.runtime.calls import Calls
from ionflux_core.runtime.journal import Journal
from ionflux_core.runtime.ports import Ports, Stepped, engine_of
from ionflux_core.runtime.questions import Question, ask_in_order, pictures, plain_question, schema_of
from ionflux_core.sdk import Asking, Completion

if TYPE_CHECKING:
    from ionflux_core.llm.base import Embedded, Model, TimeLimits

OnText = Callable[[str], None]


class JournaledLlm:
    """The chosen models; every answer is a step of its own, so that a resumed run does not pay twice."""

    def __init__(self, run: Run, journal: Journal, ports: Ports, stepped: Stepped) -> None:
        self._ports = ports
        self._run = run
        self._journal = journal
        self._stepped = stepped
        self._calls = Calls(run, journal, ports)

    def complete(self, prompt: str = "", **how: Unpack[Asking]) -> Completion:
        """One answer."""
        return self._answer(prompt, how, None)

    def stream(self, prompt: str = "", *, on_text: OnText | None = None, **how: Unpack[Asking]) -> Completion:
        """One answer, shown on the run's page while it is being written."""
        return self._answer(prompt, how, on_text or (lambda text: None))

    def embed(self, texts: Iterable[str], *, model: str | None = None) -> list[list[float]]:
        """One vector for each text."""
        asked = {"embed": [str(text) for text in texts]}
        if len(asked["embed"]) > EMBEDDED_TEXTS:
            raise Invalid(f"At most {EMBEDDED_TEXTS} texts are embedded at once.", hint="Do it in parts.")
        answer = self._stepped("llm", "embed", self._embed, (model or "", asked), {})
        vectors: list[list[float]] = answer["vectors"]
        return vectors

    def _answer(self, prompt: str, how: Asking, on_text: OnText | None) -> Completion:
        schema = how.get("schema")
        wanted = schema if isinstance(schema, type) else None
        shown, asked = pictures(how), plain_question(prompt, how, schema_of(schema))

        def ask(chosen: str, asked: dict[str, Any]) -> Completion:
            redactor = self._ports.redactor(self._run.workspace_id)
            question = Question(asked, shown, wanted, self._journal, self._calls, redactor, self._seen)
            return question.answered(self._choices(chosen, asked), self._run, self._ports, on_text)

        # The name says nothing of the model: a fork with another one is to find the answers it may keep.
        answer = self._stepped("llm", "llm", ask, (engine_of(self._run.config), asked), {})
        calls = tuple(ToolCall(**call) for call in answer.get("tool_calls") or ())
        data = answer.get("data")
        if wanted is not None and data is not None:
            data = wanted.model_validate(data)
        return Completion(**{**answer, "tool_calls": calls, "data": data})

    def _seen(self, text: str) -> None:
        self._ports.seen(self._run.id, "", text)

    def _choices(self, chosen: str, asked: dict[str, Any]) -> list[str]:
        """The models to be asked, in order; one that must not be replaced stands alone."""
        wished = asked.get("models") or [chosen]
        if asked.get("pinned"):
            return list(wished[:1])
        if not asked.get("models") and not chosen.startswith("local:"):
            settings = self._ports.workspace(self._run.workspace_id).settings
            wished = [*wished, *(f"{other.provider}:{other.model}" for other in settings.fallback_models)]
        return list(dict.fromkeys(wished))

    def _embed(self, chosen: str, asked: dict[str, Any]) -> dict[str, Any]:
        from ionflux_core.llm.estimates import most_micros_embedding

        wished = self._ports.workspace(self._run.workspace_id).settings.embedding_model
        numbers = count(1)

        def attempt(model: Model, time_limits: TimeLimits) -> Embedded:
            most = most_micros_embedding(model, asked["embed"])
            with self._calls.paid("embedding", model, asked, next(numbers), most) as row:
                said = model.embed(asked["embed"], time_limits=time_limits)
                row.update(
                    response={"model": said.model, "vectors": len(said.vectors)},
                    tokens_in=said.tokens_in,
                    cost_micros=said.cost_micros,
                    price=said.price.snapshot() if said.price else None,
                )
            return said

        # Another model's vectors lie in another space: there is nothing to fall back to.
        choices = [chosen or f"{wished.provider}:{wished.model}"]
        said = ask_in_order(choices, self._run, self._ports, attempt, pinned=True)
        return {"vectors": said.vectors, "provider": said.provider, "model": said.model}
