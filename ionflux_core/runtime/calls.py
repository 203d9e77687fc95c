"""One row for every call a run makes to a model or over HTTP, the failed ones too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ionflux_core.domain.runs import Run
from ionflux_core.errors import IonfluxError
from ionflux_core.ids import new_id, now
from ionflux_core.runtime.journal import Journal, plain_json
from ionflux_core.runtime.ports import Ports


class Calls:
    """Writes the rows of one run's calls; they leave with the step."""

    def __init__(self, run: Run, journal: Journal, ports: Ports) -> None:
        self._run = run
        self._journal = journal
        self._ports = ports

    @contextmanager
    def recorded(
        self, kind: str, provider: str, model: str | None, request: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """A dict to fill with what came back; the row leaves with the step."""
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
            row = {
                "id": new_id(),
                "run_id": self._run.id,
                "step_key": current.key if current else None,
                "kind": kind,
                "provider": provider,
                "model": model,
                "request": redactor.tree(plain_json(request, "The call")),
                "response": None,
                "status": "success",
                "error": None,
                "tokens_in": 0,
                "tokens_out": 0,
                "cost_micros": None,
                "latency_ms": round((time.perf_counter() - started) * 1000, 3),
                "attempt": self._run.attempt,
                "at": now(),
            }
            self._journal.effects.calls.append(row | answer)
            self._journal.cost_micros += int(answer.get("cost_micros") or 0)
