"""How a run acts on the world: every effect is a row of the outbox before, while and after it goes out.

The row says `sending`, on the disk, before the channel is called, and `sent` right after it. A crash in between leaves
`sending` behind: the next attempt knows that it does not know, and asks, skips, or sends again under the same key.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NoReturn

from ionflux_core.channels.base import Channel, Connected, Delivery, NotSent, Particular, Reach, Suppressed
from ionflux_core.domain.effects import CLOSED, UNSENT, Effect, EffectStatus, OnUncertain
from ionflux_core.domain.policies import ChannelSettings, rule
from ionflux_core.domain.runs import FINISHED, Approval
from ionflux_core.domain.suppressions import WORDS, Suppression
from ionflux_core.errors import Conflict, Forbidden, IonfluxError
from ionflux_core.ids import new_id, now
from ionflux_core.runtime.effect_rows import KIND_CHARS, SECRET, Asked, first_row, plain_error, revealed
from ionflux_core.runtime.journal import OpenStep, Revoked, plain_json
from ionflux_core.runtime.parking import FINISHED_STEP, Parked, Parking
from ionflux_core.runtime.run_events import run_event
from ionflux_core.runtime.watch import leaving
from ionflux_core.sdk import Sent
from ionflux_core.storage import approvals, events, outbox, runs, suppressions, taint
from ionflux_core.storage.engine import Connection, dump_json

_TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.2
_BUSY_SECONDS: Final = 5.0


class Sending(Parking):
    """The part of a Context that acts on the world outside."""

    def send(
        self,
        kind: str,
        target: str,
        payload: Mapping[str, Any],
        *,
        summary: str,
        key: str | None = None,
        on_uncertain: OnUncertain = "ask",
        estimate: float | None = None,
    ) -> Sent:
        """Send something; the run is parked while a person is asked."""
        step_key, recorded = self._parking(f"send {kind[:KIND_CHARS]}")
        if recorded is not None and recorded.status in FINISHED_STEP:
            return Sent(**self._journal.outputs(recorded))
        asked = Asked(kind, target, payload, summary, key, on_uncertain, estimate)
        row = first_row(self._run, self._ports.redactor(self._run.workspace_id), step_key, self._origin, asked)
        given = {"kind": kind, "target": target, "payload": row["payload"]}
        step = self._journal.begin(step_key, "send", row["summary"], (), given)
        try:
            effect = self._noted(step, row)
            while effect.status not in CLOSED or self._is_to_be_sent_again(effect):
                effect = self._carried_on(step, effect)
                if effect.status == "uncertain":
                    break
            sent = self._told(effect)
        except Exception as error:
            self._journal.fail(step, self.error_of(error).model_dump())
            raise
        self._journal.finish(step, self._journal.kept(step, sent))
        return sent

    def _origin(self) -> str:
        """The run an effect counts for: a retry goes on with the effects of the run it repeats."""
        run = self._run
        if run.lineage != "retry":
            return run.id
        with self._ports.db.read() as connection:
            while run.lineage == "retry" and run.parent_run_id:
                parent = runs.get(connection, run.workspace_id, run.parent_run_id)
                if parent is None:
                    return run.parent_run_id
                run = parent
        return run.id

    def _noted(self, step: OpenStep, row: dict[str, Any]) -> Effect:
        """The effect under this key: a new one, the one of an earlier attempt, or that of an earlier run.

        While another run has it in hand, this one is parked: what becomes of it there is the answer here.
        """

        def work(connection: Connection) -> Effect | None:
            if outbox.insert(connection, row):
                found = outbox.get(connection, row["workspace_id"], row["id"])
            else:
                found = outbox.for_key(connection, row["workspace_id"], row["idempotency_key"])
                if found is not None and found.run_id != self.run_id:
                    return self._taken_over(connection, found, row)
            if found is None:
                raise Conflict("The effect is gone from the outbox.", hint="Start the run again.")
            return found

        effect = self._ports.db.write(work)
        if effect is None:
            due = now() + timedelta(seconds=_BUSY_SECONDS)
            self._journal.park(step, {"until": due.isoformat()})
            raise Parked("waiting", wake_at=due, wait={"until": due.isoformat()})
        return effect

    def _taken_over(self, connection: Connection, earlier: Effect, row: dict[str, Any]) -> Effect | None:
        """An effect of another run: done, or taken up where nothing went out; None while that run has it in hand."""
        mine = {name: row[name] for name in ("run_id", "instance_id", "step_key")}
        # A draft that nobody carries on is one a person wants sent once more.
        left = earlier.status == "draft" and self._has_ended(connection, earlier.run_id)
        if earlier.status in UNSENT or left:
            fresh = mine | {name: row[name] for name in ("payload", "target", "kind", "summary", "estimate_micros")}
            outbox.move(
                connection, earlier.id, "draft", source=(earlier.status,), at=now(), attempts=0, error=None,
                dry_run=False, approval_id=None, **fresh,
            )  # fmt: skip
        elif earlier.status == "uncertain" and self._has_ended(connection, earlier.run_id):
            outbox.move(connection, earlier.id, "sending", source=("uncertain",), at=now(), **mine)
        elif earlier.status != "sent":
            return None
        return outbox.get(connection, earlier.workspace_id, earlier.id)

    def _has_ended(self, connection: Connection, run_id: str) -> bool:
        status = runs.status_of(connection, run_id)
        return status is None or status in FINISHED

    def _is_to_be_sent_again(self, effect: Effect) -> bool:
        """A delivery that failed in this very run is tried again when its step is; a person's "give up" is not."""
        return effect.status == "failed" and (effect.error or {}).get("code") != "given_up"

    def _carried_on(self, step: OpenStep, effect: Effect) -> Effect:
        """One move on the way of an effect."""
        if effect.status == "draft" and not effect.attempts:
            return self._ruled(step, effect)
        if effect.status == "awaiting_approval":
            return self._answered(step, effect)
        if effect.status == "sending":
            return self._unsure(step, effect, "The process ended while it was being sent.")
        if effect.status == "uncertain":
            return self._still_uncertain(step, effect)
        return self._delivered(step, effect)

    def _ruled(self, step: OpenStep, effect: Effect) -> Effect:
        """What becomes of a draft: forbidden, only shown, sent, or put before a person."""
        settings = self._ports.workspace(self._run.workspace_id).settings
        with self._ports.db.read() as connection:
            taints = taint.reasons(connection, self._run)
        if taints and SECRET in dump_json([effect.target, effect.payload]):
            error = Forbidden(
                "A run that has read outside text may not send secrets.", hint="Let the channel's own settings name it."
            )
            self._moved(effect, "denied", error=plain_error(error), policy="tainted", reasons=taints)
            raise error
        agents = {self._run.instance_name or "", self._run.definition_slug}
        ruling = rule(
            settings.policies, channel=effect.kind, agents=agents, estimate_micros=effect.estimate_micros, taints=taints
        )
        why: dict[str, Any] = {"policy": ruling.rule, "reasons": ruling.reasons}
        if ruling.verdict == "deny":
            return self._moved(effect, "denied", **why)
        if (wrong := self._wrong_with(effect.kind, effect.target, effect.payload)) is not None:
            self._moved(effect, "failed", error=plain_error(wrong), **why)
            raise wrong
        channel, chosen = self._connection(effect.kind)
        if channel is None or chosen.dry_run or self._run.dry_run:
            return self._moved(effect, "would_send", dry_run=True, **why)
        if not chosen.lets(effect.target):
            reason = "The channel's settings do not allow this target."
            return self._moved(effect, "denied", policy="deny", reasons=[reason])
        if ruling.verdict == "allow":
            return self._delivered(step, effect.model_copy(update=why))
        question = {
            "title": effect.summary,
            "data": effect.payload,
            "editable": list(effect.payload),
            "kind": "effect",
            "urgency": "high" if ruling.rule == "tainted" else "medium",
        }
        self._ask(step, effect, effect.step_key, question, to="awaiting_approval", **why)

    def _ask(
        self, step: OpenStep, effect: Effect, key: str, question: dict[str, Any], *, to: EffectStatus, **values: Any
    ) -> NoReturn:
        """Put a question before a person and park the run; question and state are written together."""
        row = {
            "id": new_id(),
            "workspace_id": effect.workspace_id,
            "run_id": self.run_id,
            "step_key": key,
            "body": "",
            "status": "pending",
            "on_timeout": "deny",
            "expires_at": None,
            "edits": {},
            "created_at": now(),
            **question,
        }

        def work(connection: Connection) -> None:
            approvals.insert(connection, row)
            source = (effect.status, "sending")
            outbox.move(connection, effect.id, to, source=source, at=now(), approval_id=row["id"], **values)

        self._journal.effects.writes.append(work)
        self._park(step, row["id"])

    def _park(self, step: OpenStep, approval_id: str) -> NoReturn:
        self._journal.park(step, {"approval_id": approval_id})
        raise Parked("awaiting_approval", wait={"approval_id": approval_id})

    def _answered(self, step: OpenStep, effect: Effect) -> Effect:
        asked = self._question(effect)
        if asked is None or asked.status == "pending":
            self._park(step, effect.approval_id or "")
        if asked.status != "approved":
            return self._moved(effect, "denied")
        return self._delivered(step, effect.model_copy(update={"payload": effect.payload | asked.edits}))

    def _question(self, effect: Effect) -> Approval | None:
        with self._ports.db.read() as connection:
            return approvals.get(connection, effect.workspace_id, effect.approval_id or "")

    def _delivered(self, step: OpenStep, effect: Effect, tries: int = 1) -> Effect:
        """Call the channel, with the row saying so before and after."""
        channel, chosen = self._connection(effect.kind)
        if channel is None or chosen.dry_run:
            return self._moved(effect, "would_send", dry_run=True)
        effect = self._claimed(effect)
        try:
            with leaving(self._journal, effect, step):
                answer = channel.deliver(self._delivery(effect), self._reach(chosen))
        except NotSent as error:
            self._moved(effect, "failed", error=plain_error(error))
            raise
        except Exception as error:
            return self._unsure(step, effect, self.error_of(error).message, tries)
        return self._arrived(effect, answer)

    def _claimed(self, effect: Effect) -> Effect:
        """The effect as `sending`, on the disk; Revoked when this worker may not go on or somebody else was faster."""
        self._journal.check()
        values = {"attempts": effect.attempts + 1, "payload": effect.payload, "policy": effect.policy,
                  "reasons": effect.reasons, "error": None, "dry_run": False}  # fmt: skip

        def work(connection: Connection) -> bool:
            held = self._journal.holds(connection)
            return held and outbox.move(connection, effect.id, "sending", source=(effect.status,), at=now(), **values)

        if not self._ports.db.write(work, durable=True):
            raise Revoked
        return effect.model_copy(update=values | {"status": "sending"})

    def _arrived(self, effect: Effect, answer: dict[str, Any]) -> Effect:
        """Keep that it was sent, even when another worker has meanwhile begun to wonder."""
        at, values = now(), {"response": plain_json(answer, "The channel"), "sent_at": now()}

        def work(connection: Connection) -> None:
            if not outbox.move(connection, effect.id, "sent", source=("sending",), at=at, **values):
                late = outbox.get(connection, effect.workspace_id, effect.id)
                if late is not None:
                    outbox.answer(connection, late, "sent", at=at, by="late answer", **values)

        self._ports.db.write(work)
        return effect.model_copy(update=values | {"status": "sent"})

    def _unsure(self, step: OpenStep, effect: Effect, why: str, tries: int = 0) -> Effect:
        """Nobody knows whether it went out: send again where that is harmless, skip it, or ask."""
        channel, chosen = self._connection(effect.kind)
        repeatable = channel is not None and channel.honours_keys(chosen.options) and not chosen.dry_run
        if effect.on_uncertain == "retry" and repeatable and tries < _TRIES:
            # After a crash it simply goes out again: how often a run may lose its worker is limited elsewhere.
            time.sleep(_PAUSE_SECONDS * tries)
            return self._delivered(step, effect, tries + 1)
        error = {"code": "uncertain", "message": why}
        if effect.on_uncertain == "skip":
            return self._moved(effect, "uncertain", error=error)
        question = {
            "title": f"Was it sent? {effect.summary}"[:300],
            "data": {"what_happened": why},
            "editable": [],
            "kind": "uncertain",
            "urgency": "high",
        }
        self._tell(effect, "uncertain", why)
        return self._ask(step, effect, f"{step.key}?{effect.attempts}", question, to="uncertain", error=error)

    def _still_uncertain(self, step: OpenStep, effect: Effect) -> Effect:
        asked = self._question(effect)
        if asked is None or asked.kind != "uncertain":
            return effect
        if asked.status == "pending":
            self._park(step, asked.id)
        return self._moved(effect, "failed", error={"code": "given_up", "message": "Nobody knows whether it was sent."})

    def _wrong_with(self, kind: str, target: str, payload: Mapping[str, Any]) -> NotSent | None:
        """Why the channel would never send this, known before anybody is asked."""
        channel = self._ports.channels.get(kind)
        try:
            if isinstance(channel, Particular):
                channel.check(target, payload)
        except NotSent as error:
            return error
        return None

    def _connection(self, kind: str) -> tuple[Channel | None, ChannelSettings]:
        """The channel, None where there is no way out, and how the workspace uses it."""
        settings = self._ports.workspace(self._run.workspace_id).settings
        channel, chosen = self._ports.channels.get(kind), settings.channels.get(kind, ChannelSettings())
        if isinstance(channel, Connected) and not chosen.dry_run and not channel.is_connected(self._reach(chosen)):
            return None, chosen
        return channel, chosen

    def _delivery(self, effect: Effect) -> Delivery:
        plain = revealed(effect.payload, self._secret)
        key = effect.idempotency_key
        return Delivery(effect.workspace_id, key, effect.target, effect.summary, plain, effect.id)

    def _reach(self, chosen: ChannelSettings) -> Reach:
        workspace_id, account = self._run.workspace_id, chosen.options.get("account", "").strip()
        return Reach(
            chosen.options,
            lambda: self._ports.outbound(workspace_id),
            self._secret,
            lambda connector: self._ports.accounts.access(workspace_id, connector, account),
            self._suppressed,
            self._suppress,
        )

    def _suppressed(self, address: str) -> Suppressed | None:
        with self._ports.db.glance() as connection:
            found = suppressions.get(connection, self._run.workspace_id, address)
        return None if found is None else Suppressed(WORDS[found.reason], found.at)

    def _suppress(self, address: str, detail: str) -> None:
        kept = Suppression(
            workspace_id=self._run.workspace_id, address=address, reason="bounced", detail=detail[:500], at=now()
        )
        self._ports.db.write(lambda connection: suppressions.add(connection, kept))

    def _secret(self, name: str) -> str:
        try:
            return self._ports.secret(self._run.workspace_id, name)
        except IonfluxError as error:
            raise NotSent(error.message, hint=error.hint, code=error.code) from error

    def _moved(self, effect: Effect, to: EffectStatus, **values: Any) -> Effect:
        """The effect in its new state; what failed or is doubtful is published for whoever is to be alarmed."""

        def work(connection: Connection) -> None:
            outbox.move(connection, effect.id, to, source=(effect.status,), at=now(), **values)

        self._ports.db.write(work)
        if to in ("failed", "uncertain"):
            self._tell(effect, to, (values.get("error") or {}).get("message", ""))
        return effect.model_copy(update=values | {"status": to})

    def _tell(self, effect: Effect, what: str, why: str) -> None:
        payload = {"effect_id": effect.id, "kind": effect.kind, "target": effect.target, "summary": effect.summary,
                   "message": why}  # fmt: skip
        key = f"effect:{effect.id}:{what}:{effect.attempts}"
        event = run_event(self._run, f"ionflux.effect.{what}", payload, key)
        self._ports.db.write(lambda connection: events.insert(connection, event))
        self._ports.published()

    def _told(self, effect: Effect) -> Sent:
        """What the agent hears."""
        asked = self._question(effect) if effect.approval_id else None
        status = "uncertain" if effect.status == "uncertain" else effect.status
        return Sent(
            status=status,  # type: ignore[arg-type]
            effect_id=effect.id,
            by=asked.decided_by if asked else None,
            comment=asked.comment if asked else None,
            edits=asked.edits if asked and asked.kind == "effect" else {},
            response=effect.response,
            error=effect.error,
        )
