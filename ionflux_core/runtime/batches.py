"""How a run sends many effects of one kind: one step, one decision, a row of the outbox and a key for each of them.

They leave in small parts. A part says `sending`, on the disk, before its first effect is handed to the channel, and
each effect says what became of it right after. What a crash leaves as `sending` is `uncertain` from then on: it is
not sent again by itself and holds up no other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from ionflux_core.channels.base import Channel, Delivery, NotSent, Outcome, Particular, deliver_each
from ionflux_core.domain.effects import CLOSED, UNSENT
from ionflux_core.domain.policies import ChannelSettings, rule
from ionflux_core.domain.runs import Approval
from ionflux_core.errors import Forbidden, Invalid, IonfluxError, LimitExceeded
from ionflux_core.ids import new_id, now
from ionflux_core.limits import EFFECTS_AT_ONCE
from ionflux_core.redaction import hidden
from ionflux_core.runtime.batch_line import STOPPED, Line
from ionflux_core.runtime.effect_rows import KIND_CHARS, SECRET, Asked, first_row, plain_error
from ionflux_core.runtime.effects import Sending
from ionflux_core.runtime.journal import OpenStep, Revoked, plain_json
from ionflux_core.runtime.parking import FINISHED_STEP, Parked
from ionflux_core.runtime.run_events import run_event
from ionflux_core.sdk import Decision, Outgoing, Sent
from ionflux_core.storage import approvals, events, outbox, taint
from ionflux_core.storage.engine import AnyRow, Connection, dump_json

_NOTED_AT_ONCE: Final = 250
_BUSY_SECONDS: Final = 5.0
_SHOWN: Final = 5
_KEY_CHARS: Final = 250
_OPEN: Final = ("draft", "awaiting_approval")


@dataclass
class _Batch:
    """What one call is about; `waiting` are the ids of effects that nothing has become of yet, in order."""

    id: str
    step: OpenStep
    kind: str
    summary: str
    body: str
    estimate: float | None
    keys: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    waiting: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    over: dict[str, bool] = field(default_factory=dict)
    has_secrets: bool = False
    asked: Approval | None = None
    under: str = ""


class Batches(Sending):
    """The part of a Context that sends many effects under one decision."""

    def send_many(
        self,
        kind: str,
        items: Iterable[Outgoing],
        *,
        summary: str,
        body: str = "",
        estimate: float | None = None,
        under: Decision | None = None,
    ) -> list[Sent]:
        """Send many; the run is parked while a person is asked, and nothing is raised for what fails."""
        step_key, recorded = self._parking(f"send many {kind[:KIND_CHARS]}")
        if recorded is not None and recorded.status in FINISHED_STEP:
            return [Sent(**each) for each in self._journal.outputs(recorded)]
        listed = _listed(items, summary)
        given = {"kind": kind, "summary": summary, "count": len(listed)}
        step = self._journal.begin(step_key, "send", hidden(summary)[:300], (), given)
        name = f"{self.run_id}:{step_key}"
        batch = _Batch(str(uuid.uuid5(uuid.NAMESPACE_OID, name)), step, kind, step.title, hidden(body), estimate)
        batch.under = under.question if under is not None else ""
        try:
            for start in range(0, len(listed), _NOTED_AT_ONCE):
                self._journal.check()
                self._note_many(batch, listed[start : start + _NOTED_AT_ONCE])
            if batch.waiting:
                self._decided(batch)
            self._wait_for_others(batch)
            sent = self._told_many(batch)
        except Exception as error:
            self._journal.fail(step, self.error_of(error).model_dump())
            raise
        self._journal.finish(step, self._journal.kept(step, sent))
        return sent

    def _note_many(self, batch: _Batch, items: Sequence[Outgoing]) -> None:
        """Write rows for some items, or find those there are, and see what is still to be done with each."""
        rows: dict[str, dict[str, Any]] = {}
        for item in items:
            row = self._row_of(batch, item)
            key = row["idempotency_key"]
            if key not in batch.known:
                rows[key] = row
            batch.known.add(key)
            batch.keys.append(key)
        keys = list(rows)

        def work(connection: Connection) -> list[str]:
            self._check_hold(connection)
            outbox.insert_many(connection, list(rows.values()))
            found = outbox.states(connection, self._run.workspace_id, keys)
            cut_off = []
            for key in keys:
                if self._sorted_in(connection, batch, found[key], rows[key]):
                    cut_off.append(found[key].id)
            error = {"code": "uncertain", "message": "The process ended while it was being sent."}
            outbox.move_many(
                connection, self.run_id, cut_off, "uncertain", source=("sending",), at=now(), error=error
            )  # fmt: skip
            return cut_off

        if cut_off := self._ports.db.write(work):
            self._tell_of_many(batch, "uncertain", len(cut_off), "The process ended while they were being sent.")

    def _sorted_in(self, connection: Connection, batch: _Batch, found: AnyRow, row: dict[str, Any]) -> bool:
        """Where an effect belongs: to what waits, to what another run has in hand; True when a crash cut it off."""
        if found.run_id != self.run_id:
            given_up = (found.error or {}).get("code") == "given_up"
            if found.status in ("sent", "uncertain") or given_up:
                return False
            if found.status == "sending":
                # Whatever became of its run: it may be out.
                batch.elsewhere.append(found.idempotency_key)
                return False
            if found.status not in UNSENT and not self._is_over(connection, batch, found.run_id):
                batch.elsewhere.append(found.idempotency_key)
                return False
            if not self._take(connection, found, row):
                batch.elsewhere.append(found.idempotency_key)
                return False
            status = row["status"]
        else:
            status = found.status
        if status in _OPEN:
            batch.waiting.append(found.id)
        return bool(status == "sending")

    def _is_over(self, connection: Connection, batch: _Batch, run_id: str) -> bool:
        """Whether another run has ended; looked up once, however many effects it has in hand."""
        if run_id not in batch.over:
            batch.over[run_id] = self._has_ended(connection, run_id)
        return batch.over[run_id]

    @staticmethod
    def _take(connection: Connection, found: AnyRow, row: dict[str, Any]) -> bool:
        """An effect of an earlier run that never went out is this run's from now on; False when another was faster."""
        kept = ("id", "workspace_id", "idempotency_key", "status", "created_at", "updated_at")
        fresh = {name: value for name, value in row.items() if name not in kept}
        at, to = now(), row["status"]
        return outbox.move(connection, found.id, to, source=(found.status,), at=at, approval_id=None, **fresh)

    def _row_of(self, batch: _Batch, item: Outgoing) -> dict[str, Any]:
        """The first row of one item; what can never be sent is `failed` from the beginning and says why."""
        if not item.key or len(item.key) > _KEY_CHARS:
            raise Invalid(
                "Each of many effects needs a key of 1 to 250 characters.", hint='Outgoing(target, {...}, key="a:1")'
            )
        redactor, wrong = self._ports.redactor(self._run.workspace_id), None
        key = f"dry:{self.run_id}:{item.key}" if self._run.dry_run else item.key
        asked = Asked(batch.kind, item.target, item.payload, item.summary or batch.summary, key, "skip", None)
        try:
            row = first_row(self._run, redactor, batch.step.key, self._origin, asked)
        except (Invalid, LimitExceeded) as error:
            wrong = plain_error(error)
            empty = Asked(batch.kind, item.target[:2000] or "nobody", {}, asked.summary, key, "skip", None)
            row = first_row(self._run, redactor, batch.step.key, self._origin, empty)
        row["idempotency_key"] = key
        batch.has_secrets |= SECRET in dump_json([row["target"], row["payload"]])
        wrong = wrong or self._refused(batch, row)
        return row | {"batch_id": batch.id, "error": wrong, "status": "failed" if wrong else "draft"}

    def _refused(self, batch: _Batch, row: dict[str, Any]) -> dict[str, Any] | None:
        """What speaks against an item before anybody is asked; each place is written to once in a batch."""
        found = self._wrong_with(batch.kind, row["target"], row["payload"])
        if found is None and isinstance(channel := self._ports.channels.get(batch.kind), Particular):
            key = row["idempotency_key"]
            if batch.places.setdefault(channel.place_of(row["target"]), key) != key:
                found = NotSent(
                    "Another one of these goes to the same address.",
                    hint="Send it in a call of its own if it is meant.",
                    code="duplicate",
                )
        return None if found is None else plain_error(found)

    def _decided(self, batch: _Batch) -> None:
        """Forbid, only show, send, or put all that waits before a person."""
        with self._ports.db.read() as connection:
            batch.asked = approvals.for_step(connection, self.run_id, batch.step.key)
        if batch.asked is not None:
            return self._answered_for_many(batch, batch.asked)
        settings = self._ports.workspace(self._run.workspace_id).settings
        with self._ports.db.read() as connection:
            taints = taint.reasons(connection, self._run)
        if taints and batch.has_secrets:
            error = Forbidden(
                "A run that has read outside text may not send secrets.", hint="Let the channel's own settings name it."
            )
            self._all(batch, "denied", error=plain_error(error), policy="tainted", reasons=taints)
            raise error
        agents = {self._run.instance_name or "", self._run.definition_slug}
        micros = None if batch.estimate is None else round(batch.estimate * 1_000_000)
        ruling = rule(settings.policies, channel=batch.kind, agents=agents, estimate_micros=micros, taints=taints)
        why: dict[str, Any] = {"policy": ruling.rule, "reasons": ruling.reasons}
        channel, chosen = self._connection(batch.kind)
        if ruling.verdict == "deny":
            return self._all(batch, "denied", **why)
        if channel is None or chosen.dry_run or self._run.dry_run:
            return self._all(batch, "would_send", dry_run=True, **why)
        self._leave_out_forbidden_targets(batch, chosen)
        if not batch.waiting:
            return None
        if ruling.verdict == "allow":
            return self._deliver_many(batch, channel, chosen, why)
        if not taints and (approved := self._approved_before(batch)) is not None:
            why = {"policy": ruling.rule, "reasons": [approved], "approval_id": batch.under}
            return self._deliver_many(batch, channel, chosen, why)
        self._ask_for_many(batch, ruling.rule, why)

    def _approved_before(self, batch: _Batch) -> str | None:
        """Who has said yes to these in a question of this very run; None when nobody has."""
        if not batch.under:
            return None
        with self._ports.db.read() as connection:
            asked = approvals.get(connection, self._run.workspace_id, batch.under)
        if (
            asked is None
            or asked.run_id != self.run_id
            or asked.status != "approved"
            or asked.kind in ("effect", "uncertain")
        ):
            return None
        return f"{asked.decided_by or 'Somebody'} approved it in the question {asked.title!r}."

    def _answered_for_many(self, batch: _Batch, asked: Approval) -> None:
        if asked.status == "pending":
            self._park(batch.step, asked.id)
        if asked.status != "approved":
            return self._all(batch, "denied")
        channel, chosen = self._connection(batch.kind)
        if channel is None or chosen.dry_run:
            return self._all(batch, "would_send", dry_run=True)
        self._deliver_many(batch, channel, chosen, {})

    def _leave_out_forbidden_targets(self, batch: _Batch, chosen: ChannelSettings) -> None:
        if not chosen.allow:
            return
        states = self._states(batch)
        barred = [row.id for row in states.values() if row.status in _OPEN and not chosen.lets(row.target)]
        reason = "The channel's settings do not allow this target."
        self._some(barred, "denied", policy="deny", reasons=[reason])
        gone = set(barred)
        batch.waiting = [each for each in batch.waiting if each not in gone]

    def _ask_for_many(self, batch: _Batch, policy: str, why: dict[str, Any]) -> None:
        """Put one question about all of them before a person, and park the run."""
        with self._ports.db.read() as connection:
            first = [outbox.get(connection, self._run.workspace_id, each) for each in batch.waiting[:_SHOWN]]
        shown = [each for each in first if each is not None]
        data: dict[str, Any] = {"count": len(batch.waiting), "first_recipients": [each.target for each in shown]}
        if batch.estimate is not None:
            data["estimated_cost_usd"] = batch.estimate
        if shown:
            data |= {"example_to": shown[0].target} | {
                f"example_{name}": said for name, said in shown[0].payload.items()
            }
        asked = new_id()
        row: dict[str, Any] = {
            "id": asked, "workspace_id": self._run.workspace_id, "run_id": self.run_id,
            "step_key": batch.step.key, "title": batch.summary, "body": batch.body, "data": data, "editable": [],
            "kind": "effect", "urgency": "high" if policy == "tainted" else "medium", "status": "pending",
            "on_timeout": "deny", "expires_at": None, "edits": {}, "created_at": now(),
        }  # fmt: skip

        def work(connection: Connection) -> None:
            approvals.insert(connection, row)
            outbox.move_many(
                connection, self.run_id, batch.waiting, "awaiting_approval", source=_OPEN, at=now(),
                approval_id=asked, **why,
            )  # fmt: skip

        self._journal.effects.writes.append(work)
        self._park(batch.step, asked)

    def _deliver_many(self, batch: _Batch, channel: Channel, chosen: ChannelSettings, why: dict[str, Any]) -> None:
        """Let them leave, part by part, until all have, the channel is down, or the run is to stop."""
        line = Line(self._ports.db, self._journal, batch.waiting, self._as_delivery, lambda: self.parks_as, why)
        try:
            for outcome in deliver_each(channel, line, self._reach(chosen)):
                line.note(outcome, self._answer_of(outcome))
        except Exception as error:
            line.fail_rest(error if isinstance(error, IonfluxError) else NotSent(self.error_of(error).message))
        finally:
            line.close()
        for what, (count, message) in line.troubles.items():
            self._tell_of_many(batch, what, count, message)
        self._journal.check()
        if line.stopped == STOPPED and self.parks_as:
            self._journal.park(batch.step, {"left": len(line.left)})
            raise Parked(self.parks_as)

    def _as_delivery(self, effect: Any) -> Delivery | NotSent:
        try:
            return self._delivery(effect)
        except NotSent as error:
            return error

    def _answer_of(self, outcome: Outcome) -> dict[str, Any]:
        """What came back, as the outbox keeps it."""
        if isinstance(outcome.answer, NotSent):
            return {"error": plain_error(outcome.answer)}
        if isinstance(outcome.answer, Exception):
            return {"error": {"code": "uncertain", "message": self.error_of(outcome.answer).message}}
        return {"response": plain_json(outcome.answer, "The channel")}

    def _wait_for_others(self, batch: _Batch) -> None:
        """Come again as long as another run has some of them in hand: what becomes of them there is the answer here."""
        with self._ports.db.read() as connection:
            found = outbox.states(connection, self._run.workspace_id, batch.elsewhere)
        if all(row.status in (*CLOSED, "uncertain") for row in found.values()):
            return
        due = now() + timedelta(seconds=_BUSY_SECONDS)
        self._journal.park(batch.step, {"until": due.isoformat()})
        raise Parked("waiting", wake_at=due, wait={"until": due.isoformat()})

    def _all(self, batch: _Batch, to: Any, **values: Any) -> None:
        self._some(batch.waiting, to, **values)

    def _some(self, ids: Sequence[str], to: Any, **values: Any) -> None:
        def work(connection: Connection) -> None:
            self._check_hold(connection)
            outbox.move_many(connection, self.run_id, ids, to, source=_OPEN, at=now(), **values)

        self._ports.db.write(work)

    def _check_hold(self, connection: Connection) -> None:
        """Revoked when another worker has the run by now: what it has in hand is not to be touched."""
        if not self._journal.holds(connection):
            raise Revoked

    def _tell_of_many(self, batch: _Batch, what: str, count: int, message: str) -> None:
        """One event for all that failed or are doubtful: a full outbox must not ring three thousand times."""
        payload = {"batch_id": batch.id, "kind": batch.kind, "target": f"{count} targets", "count": count,
                   "summary": batch.summary, "message": message}  # fmt: skip
        event = run_event(self._run, f"ionflux.effect.{what}", payload, f"batch:{new_id()}")
        self._ports.db.write(lambda connection: events.insert(connection, event))
        self._ports.published()

    def _states(self, batch: _Batch) -> dict[str, AnyRow]:
        with self._ports.db.read() as connection:
            return outbox.states(connection, self._run.workspace_id, list(dict.fromkeys(batch.keys)))

    def _told_many(self, batch: _Batch) -> list[Sent]:
        """What the agent hears, in the order of its items."""
        states = self._states(batch)
        ids = {row.approval_id for row in states.values() if row.approval_id}
        with self._ports.db.read() as connection:
            asked = {each: approvals.get(connection, self._run.workspace_id, each) for each in ids}
        return [_sent(states[key], asked.get(states[key].approval_id)) for key in batch.keys]


def _listed(items: Iterable[Outgoing], summary: str) -> list[Outgoing]:
    listed = list(islice(items, EFFECTS_AT_ONCE + 1))
    if len(listed) > EFFECTS_AT_ONCE:
        raise LimitExceeded(
            f"At most {EFFECTS_AT_ONCE:,} effects can be sent at once.", hint="Send them in several calls."
        )
    if not summary.strip():
        raise Invalid("Many effects need a summary.", hint='ctx.send_many("email", items, summary="Autumn offer")')
    return listed


def _sent(row: AnyRow, asked: Approval | None) -> Sent:
    return Sent(
        status=row.status if row.status in (*CLOSED, "uncertain") else "failed",
        effect_id=row.id,
        by=asked.decided_by if asked else None,
        comment=asked.comment if asked else None,
        response=row.response if row.status == "sent" else None,
        error=row.error,
    )
