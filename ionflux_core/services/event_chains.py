"""Chains: everything that one webhook, event or click has caused, each thing tied to what it follows from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ionflux_core import limits
from ionflux_core.domain.event_chains import Chain, ChainNode, thinned
from ionflux_core.errors import NotFound
from ionflux_core.storage import event_chains as rows
from ionflux_core.storage.engine import AnyRow, Database

_BESIDE = 6
_STEPS = 40
_CHARS = 90
_HOW = {"retry": "retry of an earlier run", "fork": "fork of an earlier run", "replay": "replay of an earlier run"}
_STARTED = {"manual": "started by hand", "schedule": "started by its schedule", "flow": "started by another run"}


class EventChains:
    """Use-cases around chains."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, workspace_id: str, correlation_id: str, *, most: int = limits.CHAIN_NODES) -> Chain:
        """A chain as nodes in the order of their causes; NotFound when nothing carries its id."""
        rows_at_most = limits.CHAIN_ROWS
        with self._db.read() as connection:
            events = rows.events_of(connection, workspace_id, correlation_id, limit=rows_at_most)
            runs = rows.runs_of(connection, workspace_id, correlation_id, limit=rows_at_most)
            if not events and not runs:
                raise NotFound("There is no such chain.", hint="Open an event or a run and follow its chain.")
            event_count, run_count = rows.counts(connection, workspace_id, correlation_id, most=10 * rows_at_most)
            ids = [run.id for run in runs]
            told = _Told(
                events,
                runs,
                rows.steps_of(connection, ids, per_run=_STEPS),
                rows.approvals_of(connection, ids, limit=rows_at_most),
                rows.effects_of(connection, ids, limit=rows_at_most),
                rows.messages_of(connection, ids, limit=rows_at_most),
            )
        nodes, left_out = thinned(list(told.nodes()), beside=_BESIDE, most=most)
        unread = event_count - len(events) + run_count - len(runs)
        return Chain(
            correlation_id=correlation_id,
            nodes=nodes,
            events=event_count,
            runs=run_count,
            left_out=left_out + unread,
        )


class _Told:
    """The rows of a chain, and how they become nodes."""

    def __init__(
        self,
        events: Sequence[AnyRow],
        runs: Sequence[AnyRow],
        steps: Sequence[AnyRow],
        approvals: Sequence[AnyRow],
        effects: Sequence[AnyRow],
        messages: Sequence[AnyRow],
    ) -> None:
        self.events = {event.id: event for event in events}
        self.runs = {run.id: run for run in runs}
        # Steps that only remember what another run has done are not what happened here.
        self.steps = {(step.run_id, step.step_key): step for step in steps if step.status != "reused"}
        self.steps_by_run: defaultdict[str, list[AnyRow]] = defaultdict(list)
        for step in self.steps.values():
            self.steps_by_run[step.run_id].append(step)
        self.approvals = {approval.id: approval for approval in approvals}
        self.effects = effects
        self.messages = messages

    def nodes(self) -> Iterator[ChainNode]:
        """Everything as a node with its cause."""
        yield from self._doors()
        yield from map(self._event, self.events.values())
        yield from map(self._run, self.runs.values())
        yield from map(self._step, self.steps.values())
        yield from map(self._approval, self.approvals.values())
        yield from map(self._effect, self.effects)
        yield from map(self._message, self.messages)

    def _doors(self) -> Iterator[ChainNode]:
        """The webhooks through which the chain began: told by the run they started, or by their event's source."""
        seen: set[str] = set()
        for event in self.events.values():
            kind, _, place = event.source.partition(":")
            if kind in ("hook", "account") and place and event.source not in seen:
                seen.add(event.source)
                yield _door(event.source, event.at, "Webhook" if kind == "hook" else "Connected account")
        for run in self.runs.values():
            source = f"hook:{run.instance_id}"
            if run.trigger_kind == "webhook" and not run.lineage and source not in seen:
                seen.add(source)
                yield _door(source, run.created_at, "Webhook", str(run.trigger.get("key") or ""))

    def _event(self, event: AnyRow) -> ChainNode:
        cause = None
        if event.causation_run_id in self.runs:
            cause = self._within(event.causation_run_id, event)
        elif event.source.startswith(("hook:", "account:")):
            cause = f"door:{event.source}"
        return ChainNode(
            id=f"event:{event.id}",
            kind="event",
            title=event.type,
            detail="" if event.causation_run_id or ":" in event.source else f"from {event.source}",
            status=event.status,
            at=event.at,
            cause=cause,
            page="events",
            parameters={"event": event.id},
        )

    def _within(self, run_id: str, event: AnyRow) -> str:
        """The step in which a run published an event: the innermost one that was going on; else the run."""
        around = [
            step
            for step in self.steps_by_run[run_id]
            if step.started_at <= event.at and (step.finished_at or event.at) >= event.at
        ]
        if not around:
            return f"run:{run_id}"
        inner = max(around, key=lambda step: (step.step_key.count("/"), step.seq))
        return f"step:{run_id}:{inner.step_key}"

    def _run(self, run: AnyRow) -> ChainNode:
        began = _HOW.get(run.lineage or "") or _STARTED.get(run.trigger_kind, "")
        return ChainNode(
            id=f"run:{run.id}",
            kind="run",
            title=run.instance_name or run.definition_slug,
            detail=_short(" · ".join(word for word in (began, "dry run" if run.dry_run else "") if word)),
            status=run.status,
            at=run.started_at or run.created_at,
            cause=self._cause_of(run),
            page="runs",
            parameters={"run": run.id},
        )

    def _cause_of(self, run: AnyRow) -> str | None:
        if run.parent_run_id in self.runs:
            return self._step_or_run(run.parent_run_id, str(run.trigger.get("key") or "") if not run.lineage else "")
        event_id = run.trigger.get("event_id")
        if event_id in self.events:
            return f"event:{event_id}"
        return f"door:hook:{run.instance_id}" if run.trigger_kind == "webhook" and not run.lineage else None

    def _step_or_run(self, run_id: str, step_key: str) -> str:
        return f"step:{run_id}:{step_key}" if (run_id, step_key) in self.steps else f"run:{run_id}"

    def _step(self, step: AnyRow) -> ChainNode:
        outer = step.step_key.rpartition("/")[0]
        return ChainNode(
            id=f"step:{step.run_id}:{step.step_key}",
            kind="step",
            title=_short(step.title or step.step_key),
            status=step.status,
            at=step.started_at,
            cause=self._step_or_run(step.run_id, outer),
            page="runs",
            parameters={"run": step.run_id, "step": step.step_key},
        )

    def _approval(self, approval: AnyRow) -> ChainNode:
        return ChainNode(
            id=f"approval:{approval.id}",
            kind="approval",
            title=_short(approval.title),
            detail=f"by {approval.decided_by}" if approval.decided_by else "",
            status=approval.status,
            at=approval.created_at,
            cause=self._step_or_run(approval.run_id, approval.step_key),
            page="approvals",
            parameters={"approval": approval.id} | ({} if approval.status == "pending" else {"view": "decided"}),
        )

    def _effect(self, effect: AnyRow) -> ChainNode:
        asked = effect.approval_id in self.approvals
        return ChainNode(
            id=f"effect:{effect.id}",
            kind="effect",
            title=_short(effect.summary),
            detail=effect.kind,
            status=effect.status,
            at=effect.created_at,
            cause=f"approval:{effect.approval_id}" if asked else self._step_or_run(effect.run_id, effect.step_key),
            page="outbox",
            parameters={"effect": effect.id},
        )

    def _message(self, message: AnyRow) -> ChainNode:
        kind, _, key = (message.dedup_key or "").partition(":")
        cause = f"run:{message.run_id}"
        if kind in ("event", "failed", "stopped") and key in self.events:
            cause = f"event:{key}"
        elif kind == "approval" and key.partition(":")[0] in self.approvals:
            cause = f"approval:{key.partition(':')[0]}"
        return ChainNode(
            id=f"message:{message.id}",
            kind="message",
            title=f"#{message.name}",
            detail=_short(_words(message.content) or f"by {message.sender_name}"),
            at=message.created_at,
            cause=cause,
            page="chat",
            parameters={"channel": message.channel_id, "message": message.id},
        )


def _door(source: str, at: object, title: str, detail: str = "") -> ChainNode:
    kind, _, place = source.partition(":")
    page = {"page": "agents", "parameters": {"instance": place}} if kind == "hook" else {"page": "settings"}
    return ChainNode.model_validate(
        {"id": f"door:{source}", "kind": "webhook", "title": title, "detail": detail, "at": at, **page}
    )


def _words(content: object) -> str:
    if not isinstance(content, dict):
        return ""
    said = content.get("text_body") or (content.get("proposal") or {}).get("title")
    return str(said or (content.get("status_update") or {}).get("preview") or "").replace("**", "")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _CHARS else line[: _CHARS - 1] + "…"
