"""How a run gives its thread back: an approval, a wait, an event; each is a journaled step that survives restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from ionflux_core.domain.events import woken_by
from ionflux_core.domain.runs import Run, RunError, RunStatus
from ionflux_core.domain.waits import wait_at
from ionflux_core.errors import Invalid, IonfluxError
from ionflux_core.ids import new_id, now
from ionflux_core.redaction import hidden
from ionflux_core.runtime.journal import Journal, plain_json
from ionflux_core.runtime.ports import Ports
from ionflux_core.sdk import Decision
from ionflux_core.storage import approvals, events
from ionflux_core.storage.engine import AnyRow

FINISHED_STEP = ("success", "reused")


class Parked(BaseException):
    """The run gives its thread back until a person, a time or an event brings it on again."""

    def __init__(
        self, status: RunStatus, *, wake_at: datetime | None = None, wait: dict[str, Any] | None = None
    ) -> None:
        super().__init__(status)
        self.status: RunStatus = status
        self.wake_at = wake_at
        self.wait = wait


class Parking:
    """The part of a Context that parks the run."""

    _run: Run
    _journal: Journal
    _ports: Ports
    _path: list[str]
    run_id: str
    parks_as: RunStatus | None
    placed: Callable[[str], str]

    def error_of(self, error: BaseException) -> RunError:
        """An exception as it is recorded."""
        raise NotImplementedError

    def approve(
        self,
        title: str,
        *,
        body: str = "",
        data: Mapping[str, Any] | None = None,
        editable: Iterable[str] = (),
        urgency: Literal["low", "medium", "high", "critical"] = "medium",
        timeout_seconds: float | None = None,
        on_timeout: Literal["deny", "approve", "fail"] = "deny",
    ) -> Decision:
        """Ask a person; the run is parked until there is an answer."""
        title, body = hidden(title), hidden(body)
        key, recorded = self._parking("approval")
        if recorded is not None and recorded.status in FINISHED_STEP:
            return Decision(**self._journal.outputs(recorded))
        with self._ports.db.read() as connection:
            asked = approvals.for_step(connection, self.run_id, key)
        step = self._journal.begin(key, "approval", title[:300], (), {"body": body} if body else {})
        if asked is None:
            expires = now() + timedelta(seconds=max(10.0, timeout_seconds)) if timeout_seconds else None
            row = {
                "id": new_id(),
                "workspace_id": self._run.workspace_id,
                "run_id": self.run_id,
                "step_key": key,
                "title": title[:300],
                "body": body,
                "data": plain_json(dict(data or {}), "The approval"),
                "editable": list(editable),
                "urgency": urgency,
                "status": "pending",
                "on_timeout": on_timeout,
                "expires_at": expires,
                "edits": {},
                "created_at": now(),
            }
            self._journal.effects.writes.append(lambda connection: approvals.insert(connection, row))
            self._journal.park(step, {"approval_id": row["id"]})
            raise Parked("awaiting_approval", wake_at=expires, wait={"approval_id": row["id"]})
        if asked.status == "pending":
            self._journal.park(step, {"approval_id": asked.id})
            raise Parked("awaiting_approval", wake_at=asked.expires_at, wait={"approval_id": asked.id})
        if asked.status == "timed_out" and asked.on_timeout == "fail":
            error = IonfluxError(
                "Nobody answered in time.", hint="Start the run again, or ask for longer.", code="approval_timeout"
            )
            self._journal.fail(step, self.error_of(error).model_dump())
            raise error
        decision = Decision(
            approved=asked.status == "approved" or (asked.status == "timed_out" and asked.on_timeout == "approve"),
            by=asked.decided_by,
            comment=asked.comment,
            edits=asked.edits,
            timed_out=asked.status == "timed_out",
            question=asked.id,
        )
        self._journal.finish(step, self._journal.kept(step, decision))
        return decision

    def wait(self, *, seconds: float | None = None, until: datetime | None = None) -> None:
        """Park the run until the time has come."""
        if (seconds is None) == (until is None):
            raise Invalid("Say either how many seconds to wait or until when.", hint="ctx.wait(seconds=60)")
        key, recorded = self._parking("wait")
        if recorded is not None and recorded.status in FINISHED_STEP:
            return
        due = until or now() + timedelta(seconds=seconds or 0)
        if recorded is not None and recorded.status == "waiting":
            due = datetime.fromisoformat(recorded.outputs["until"])
        step = self._journal.begin(key, "wait", "wait", (), {"until": due.isoformat()})
        if due <= now():
            self._journal.finish(step, self._journal.kept(step, {"until": due.isoformat()}))
            return
        self._journal.park(step, {"until": due.isoformat()})
        raise Parked("waiting", wake_at=due, wait={"until": due.isoformat()})

    def wait_for_event(
        self, topic: str, *, filter: Mapping[str, Any] | None = None, timeout_seconds: float
    ) -> dict[str, Any] | None:
        """Park the run until a matching event arrives or the time is over."""
        key, recorded = self._parking("event")
        if recorded is not None and recorded.status in FINISHED_STEP:
            event: dict[str, Any] | None = self._journal.outputs(recorded)
            return event
        due, after = now() + timedelta(seconds=timeout_seconds), None
        if recorded is not None and recorded.status == "waiting":
            due, after = datetime.fromisoformat(recorded.outputs["until"]), recorded.outputs["after"]
        step = self._journal.begin(key, "wait", f"wait for {topic}", (), {"topic": topic, "until": due.isoformat()})
        come = wait_at(self._run.wait, key)
        with self._ports.db.read() as connection:
            if after is None:
                after = events.newest_seq(connection, self._run.workspace_id)
            wait = {"topic": topic, "filter": dict(filter or {}), "step_key": key, "after": after}
            if "event" not in come and due <= now():
                # It may have come in time while the run was paused, or while nobody could wake it.
                event_then = events.awaited(connection, self._run.workspace_id, wait)
                come = woken_by(wait, event_then) if event_then is not None and event_then.at <= due else come
        if "event" in come or due <= now():
            event = self._journal.finish(step, self._journal.kept(step, come.get("event")))
            return event
        self._journal.park(step, {"until": due.isoformat(), "after": after})
        raise Parked("waiting", wake_at=due, wait=wait)

    def _parking(self, name: str) -> tuple[str, AnyRow | None]:
        if self._path:
            raise Invalid(f"A run cannot be parked inside step {self._path[-1]!r}.", hint="Ask or wait between steps.")
        if self.parks_as:
            raise Parked(self.parks_as)
        key = self._journal.key(self.placed(name))
        return key, self._journal.row(key)
