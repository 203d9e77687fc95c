"""One row for every call a run makes to a model or over HTTP, the failed ones too."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ionflux_core.domain.runs import Run
from ionflux_core.errors import IonfluxError
from ionflux_core.ids import new_id, now
from ionflux_core.runtime.journal import Journal, plain_json
from ionflux_core.runtime.ports import Ports

if TYPE_CHECKING:
    from ionflux_core.llm.base import Model


class Calls:
    """Writes the rows of one run's calls; they leave with the step."""

    def __init__(self, run: Run, journal: Journal, ports: Ports) -> None:
        self._run = run
        self._journal = journal
        self._ports = ports

    @contextmanager
    def recorded(
        self, kind: str, provider: str, model: str | None, request: dict[str, Any], *, attempt: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """A dict to fill with what came back; the row leaves with the step.

        `attempt` counts the attempts at one answer; without it the row says in which attempt of the run it was made.
        """
        redactor = self._ports.redactor(self._run.workspace_id)
        started, answer = time.perf_counter(), dict[str, Any]()
        try:
            yield answer
        except Exception as error:
            code = error.code if isinstance(error, IonfluxError) else "agent_failed"
            answer.update(status="error", error={"code": code, "message": redactor.text(str(error)[:2000])})
            raise
        finally:
            current = self._journal.current
            asked = plain_json(request, "The call")
            answer["response"] = redactor.tree(answer.get("response"))
            row = {
                "id": new_id(),
                "run_id": self._run.id,
                "step_key": current.key if current else None,
                "kind": kind,
                "provider": provider,
                "model": model,
                "request": redactor.tree(asked),
                "request_hash": request_hash(provider, model, asked),
                "status": "success",
                "error": None,
                "tokens_in": 0,
                "tokens_out": 0,
                "cached_tokens": 0,
                "price": None,
                "cost_micros": None,
                "latency_ms": round((time.perf_counter() - started) * 1000, 3),
                "attempt": attempt or self._run.attempt,
                "at": now(),
            }
            self._journal.effects.calls.append(row | answer)
            cost = answer.get("cost_micros")
            self._journal.cost_micros += int(cost or 0)
            # A call over HTTP has no price; a model's answer without one is not free.
            self._journal.unpriced_calls += cost is None and kind != "http" and "error" not in answer

    @contextmanager
    def paid(
        self, kind: str, model: Model, request: dict[str, Any], attempt: int, most_micros: int | None
    ) -> Iterator[dict[str, Any]]:
        """Like `recorded`, for one attempt that costs money: set aside before it, settled after it, else given back.

        BudgetReached, and no row, when the money is not there: then there was no call.
        """
        self._journal.check()
        spending, current = self._ports.spending, self._journal.current
        reservation = None
        if spending is not None and most_micros != 0:
            key = f"{current.key if current else ''}#{self._run.attempt}.{attempt}"
            reservation = spending.reserve(self._run, key, most_micros, service="llm")
        cost = None
        try:
            with self.recorded(kind, model.provider, model.name, request, attempt=attempt) as answer:
                yield answer
            cost = answer.get("cost_micros")
        finally:
            if spending is not None and reservation is not None:
                spending.settle(reservation, cost)


def request_hash(provider: str, model: str | None, request: dict[str, Any]) -> str:
    """The address of a question: the same for the same question to the same model, whatever the order of its keys."""
    text = json.dumps([provider, model, request], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
