"""A Context whose effects go nowhere; the agent and the runner know nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from ionflux_core.domain.events import check_subject
from ionflux_core.runtime.context import RunContext
from ionflux_core.runtime.outside import JournaledHttp, JournaledMemory
from ionflux_core.runtime.own_records import OwnRecords
from ionflux_core.runtime.parking import FINISHED_STEP
from ionflux_core.runtime.pending import PendingRecords
from ionflux_core.sdk import Decision


class DryRunContext(RunContext):
    """A Context whose effects are recorded in the log and go nowhere: the agent knows nothing of it."""

    @cached_property
    def records(self) -> OwnRecords:
        """Reads what is there; keeps what is written in memory for this run."""
        return self._records_over(PendingRecords(self._run.workspace_id, self.owner))

    @cached_property
    def http(self) -> JournaledHttp:
        """Lets reads through and records the rest."""
        return JournaledHttp(self._run, self._journal, self._ports, self._stepped, only_reads=True)

    @cached_property
    def memory(self) -> JournaledMemory:
        """Recalls, and remembers nothing."""
        return JournaledMemory(self._run, self._ports, self._journal.check, self.llm.embed, only_reads=True)

    def emit(self, type: str, payload: Mapping[str, Any], *, key: str | None = None) -> str:
        """Say what would have been published."""
        self.log(f"Dry run: event {check_subject(type)} not published", payload=dict(payload))
        return self._deterministic_id("event", key or type)

    def kpi(
        self,
        name: str,
        value: float | int | None,
        *,
        unit: str = "",
        at: datetime | None = None,
        dims: Mapping[str, str] | None = None,
    ) -> None:
        """Show the figure with the run and keep it out of the charts."""
        if not dims:
            self.reported[name] = value
            self._journal.report(name, value)

    def value(
        self,
        kind: Literal["money_made", "money_saved", "minutes_returned"],
        amount: float,
        *,
        unit: str,
        method: Literal["measured", "modelled", "estimate"],
        note: str,
        confidence: float | None = None,
    ) -> None:
        """Say what would have been booked."""
        self.log(f"Dry run: {kind} of {amount} {unit} not booked", method=method, note=note, confidence=confidence)

    def approve(self, title: str, **options: Any) -> Decision:
        """Go on as if a person had agreed, and say so."""
        said = f"Dry run: taken as approved: {title}"
        answer = Decision(approved=True, by="dry run")
        return Decision(**self._passed("approval", "approval", title, answer, said, body=options.get("body", "")))

    def wait(self, *, seconds: float | None = None, until: datetime | None = None) -> None:
        """Go on at once."""
        self._passed("wait", "wait", "wait", None, "Dry run: did not wait", seconds=seconds, until=until)

    def wait_for_event(
        self, topic: str, *, filter: Mapping[str, Any] | None = None, timeout_seconds: float
    ) -> dict[str, Any] | None:
        """Go on as if the time were over."""
        come: dict[str, Any] | None = self._passed(
            "event", "wait", f"wait for {topic}", None, f"Dry run: did not wait for {topic}"
        )
        return come

    def _passed(self, name: str, kind: str, title: str, answer: Any, said: str, **details: Any) -> Any:
        """The answer to what would have parked the run: the recorded one in a fork, else the given one."""
        key, recorded = self._parking(name)
        if recorded is not None and recorded.status in FINISHED_STEP:
            return self._handed_back(recorded)
        noted: dict[str, Any] = {name: str(value)[:500] for name, value in details.items()}
        self.log(said, **noted)
        step = self._journal.begin(key, kind, title[:300], (), {})
        return self._journal.finish(step, self._journal.kept(step, answer))
