"""Watches one run while it is executed: how long its steps and calls took, counted, and told as spans when wanted."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ionflux_core.domain.effects import Effect
from ionflux_core.domain.runs import Run
from ionflux_core.ids import now
from ionflux_core.measures import Measures
from ionflux_core.runtime.journal import Journal, OpenStep
from ionflux_core.runtime.ports import Ports
from ionflux_core.storage.engine import AnyRow
from ionflux_core.telemetry import Span, Traces, moment, nanoseconds, span_id

log = logging.getLogger(__name__)

_HISTORY_SECONDS = 3_600
# Titles of other kinds may hold what an agent works on: addresses, subjects, questions.
_TITLED = ("step", "llm", "wait", "run", "search")


class WatchedJournal(Journal):
    """A journal that says what it records: to this process's measures, and to a collector when there is one."""

    def __init__(self, run: Run, ports: Ports, recorded: dict[str, AnyRow], *, owner: str) -> None:
        super().__init__(ports.db, ports.files, run.workspace_id, run.id, recorded, owner=owner)
        self._run = run
        self._measures: Measures = ports.measures
        # A dry run leaves no trace, here neither; and a made past, such as the demo's, is no news.
        quiet = run.dry_run or time.time() - now().timestamp() > _HISTORY_SECONDS
        self._traces: Traces | None = None if quiet else ports.traces
        self._span_of: dict[str, tuple[int, int]] = {}

    def begin(self, key: str, kind: str, title: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenStep:
        """Open a step, and know its span and its parent's from now on."""
        outer = self.current
        step = super().begin(key, kind, title, args, kwargs)
        if self._traces is not None:
            parent = self._parent(outer.key if outer else None)
            self._span_of[key] = span_id("step", self.run_id, key, str(step.attempt)), parent
        return step

    def _write(self, step: OpenStep, values: dict[str, Any], *, ended: bool = True) -> None:
        calls = list(self.effects.calls)
        super()._write(step, values, ended=ended)
        try:
            for call in calls:
                self._called(call)
            if ended:
                self._ended(step, values)
        # What is recorded is recorded: nobody's work ends because it could not be told of.
        except Exception:
            log.exception("a step could not be told of")

    def _ended(self, step: OpenStep, values: Mapping[str, Any]) -> None:
        at, status = now(), str(values["status"])
        self._measures.step(step.kind, status, (at - step.started_at).total_seconds())
        if self._traces is None:
            return
        own, parent = self._span_of[step.key]
        error = values.get("error") or {}
        attributes = self._about(step.seq) | {
            "ionflux.step.kind": step.kind, "ionflux.step.attempt": step.attempt, "ionflux.status": status,
            "ionflux.cost_micros": self.cost_micros - step.cost_before,
        }  # fmt: skip
        if step.kind != "http":
            attributes["ionflux.step.key"] = step.key
        self._traces.add(
            Span(
                self._run.correlation_id, own, parent, _name_of(step), nanoseconds(self._asked_at(step)),
                nanoseconds(at), attributes, error=error.get("code"),
            )
        )  # fmt: skip

    def _asked_at(self, step: OpenStep) -> datetime:
        """When a step began: one that was parked, when it first was."""
        earlier = self.row(step.key)
        return earlier.started_at if earlier is not None and earlier.status == "waiting" else step.started_at

    def _called(self, call: Mapping[str, Any]) -> None:
        seconds, status = call["latency_ms"] / 1000, str(call["status"])
        if call["kind"] == "http":
            self._measures.outside_call(status, seconds)
        else:
            tokens = int(call["tokens_in"] or 0), int(call["tokens_out"] or 0)
            dollars = int(call["cost_micros"] or 0) / 1e6
            model = str(call["model"] or "")
            self._measures.model_call(
                str(call["provider"]), model, status, seconds, tokens=tokens, dollars=dollars
            )  # fmt: skip
        if self._traces is None:
            return
        parent, end = self._parent(call["step_key"]), nanoseconds(call["at"])
        name, attributes = _call_words(call)
        self._traces.add(
            Span(
                self._run.correlation_id, span_id("call", call["id"]), parent, name, end - int(seconds * 1e9), end,
                self._about() | attributes, "client", (call["error"] or {}).get("code"),
            )
        )  # fmt: skip

    @contextmanager
    def effect(self, effect: Effect, step: OpenStep) -> Iterator[None]:
        """Time the moment in which an effect leaves."""
        if self._traces is None:
            yield
            return
        start, error = moment(), None
        try:
            yield
        except BaseException as raised:
            error = str(getattr(raised, "code", type(raised).__name__))
            raise
        finally:
            attributes = self._about() | {"ionflux.effect.id": effect.id, "ionflux.effect.kind": effect.kind}
            own = span_id("effect", effect.id, str(effect.attempts))
            parent = self._parent(step.key)
            self._traces.add(
                Span(
                    self._run.correlation_id, own, parent, f"effect {effect.kind}", start, moment(), attributes,
                    "client", error,
                )
            )  # fmt: skip

    def _parent(self, step_key: str | None) -> int:
        """The span of a step that is open, else that of the run."""
        held = self._span_of.get(step_key or "")
        return held[0] if held else span_id("run", self.run_id)

    def _about(self, seq: int | None = None) -> dict[str, Any]:
        return {
            "ionflux.run.id": self.run_id, "ionflux.workspace.id": self._run.workspace_id,
            "ionflux.agent": self._run.definition_slug, "ionflux.step.seq": seq,
        }  # fmt: skip


def leaving(journal: Journal, effect: Effect, step: OpenStep) -> AbstractContextManager[None]:
    """Watches, where the journal does, how an effect leaves inside the block."""
    return journal.effect(effect, step) if isinstance(journal, WatchedJournal) else nullcontext()


def _name_of(step: OpenStep) -> str:
    if step.kind in _TITLED:
        return step.title
    if step.kind == "http":
        return f"http {step.title.partition(' ')[0]}"
    return step.kind


def _call_words(call: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """What a call may say of itself: never what was asked or answered."""
    if call["kind"] == "http":
        asked = call["request"] or {}
        method = str(asked.get("method") or "")
        words = {
            "http.request.method": method,
            "server.address": urlsplit(str(asked.get("url") or "")).hostname or "",
            "http.response.status_code": (call["response"] or {}).get("status"),
        }
        return f"HTTP {method}", words
    words = {
        "gen_ai.provider.name": call["provider"], "gen_ai.request.model": call["model"],
        "gen_ai.usage.input_tokens": call["tokens_in"], "gen_ai.usage.output_tokens": call["tokens_out"],
        "ionflux.cost_micros": call["cost_micros"], "ionflux.call.attempt": call["attempt"],
    }  # fmt: skip
    return f"{call['kind']} {call['model'] or call['provider']}", words
