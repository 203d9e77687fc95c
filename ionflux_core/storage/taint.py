"""Whether a run has read text from outside: what an attacker may have written there must not act by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from ionflux_core.domain.runs import Run
from ionflux_core.storage import runs
from ionflux_core.storage.tables import events, run_steps

_DEEPEST = 12
_NAMED = 3
# Facts of this program itself: nobody outside has written them.
_OWN_SOURCES = frozenset({"runner", "ionflux"})


def reasons(connection: Connection, run: Run) -> list[str]:
    """What outside text a run has read, as ends of a sentence that begins with "the run"; empty when it has none."""
    return list(dict.fromkeys(_of_run(connection, run, 0)))


def _of_run(connection: Connection, run: Run, depth: int, *, upwards: bool = True) -> Iterator[str]:
    if depth > _DEEPEST:
        yield "stands at the end of a long chain of runs"
        return
    if run.trigger_kind == "webhook":
        yield "was started by a webhook"
    if run.imported is not None:
        yield "was imported"
    if run.trigger.event_id:
        yield from _of_event(connection, run.workspace_id, run.trigger.event_id, "was started by", depth)
    for run_id in run.trigger.sources:
        yield from _of_other(connection, run.workspace_id, run_id, "was given words", depth)
    for name in list(_files_in(run.inputs))[:_NAMED]:
        yield f"was given the file {name[:80]}"
    yield from _of_steps(connection, run, depth)
    if run.parent_run_id and upwards:
        parent = runs.get(connection, run.workspace_id, run.parent_run_id)
        if parent is None:
            yield "comes from a run that is not kept any more"
        else:
            yield from _of_run(connection, parent, depth + 1)


def _of_event(connection: Connection, workspace_id: str, event_id: str, verb: str, depth: int) -> Iterator[str]:
    """An event is as clean as the run that published it; one that no run has published came from outside."""
    query = select(events.c.type, events.c.source, events.c.causation_run_id)
    event = connection.execute(query.where(events.c.id == event_id, events.c.workspace_id == workspace_id)).first()
    if event is None:
        yield f"{verb} an event that is not kept any more"
    elif event.causation_run_id:
        cause = runs.get(connection, workspace_id, event.causation_run_id)
        if cause is None:
            yield f"{verb} the event {event.type} of a run that is not kept any more"
        elif any(_of_run(connection, cause, depth + 1)):
            yield f"{verb} the event {event.type} of a run that has read outside text"
    elif event.source not in _OWN_SOURCES:
        yield f"{verb} the event {event.type} from outside ({event.source[:40]})"


def _of_steps(connection: Connection, run: Run, depth: int) -> Iterator[str]:
    query = select(run_steps.c.kind, run_steps.c.title, run_steps.c.step_key, run_steps.c.outputs).where(
        run_steps.c.run_id == run.id,
        run_steps.c.kind.in_(("http", "account", "chat", "wait", "run", "search")),
        run_steps.c.status.in_(("success", "reused")),
    )
    rows = list(connection.execute(query.order_by(run_steps.c.seq)))
    asked = [row.title for row in rows if row.kind in ("http", "account")]
    for title in asked[:_NAMED]:
        yield f"has read an answer from the web ({title[:120]})"
    if len(asked) > _NAMED:
        yield f"has read {len(asked) - _NAMED} more answers from the web"
    for row in rows:
        if row.kind == "wait" and isinstance(row.outputs, dict) and row.outputs.get("id") and "payload" in row.outputs:
            yield from _of_event(connection, run.workspace_id, str(row.outputs["id"]), "has waited for", depth)
        # A long conversation is kept in a file: who wrote it cannot be seen here, so it may be anybody.
        if row.kind == "chat" and (row.outputs is None or _outside(row.outputs)):
            yield f"has read words of someone outside in the chat ({row.title[:120]})"
        if row.kind in ("run", "search") and row.outputs is None:
            yield f"has read answers of runs that are too long to look into ({row.title[:120]})"
        if row.kind in ("run", "search"):
            for run_id in _named_in(row.outputs):
                yield from _of_other(connection, run.workspace_id, run_id, "has read the answer", depth)


def _of_other(connection: Connection, workspace_id: str, run_id: str, how: str, depth: int) -> Iterator[str]:
    """Another run's words are as clean as that run."""
    other = runs.get(connection, workspace_id, run_id)
    if other is None:
        yield f"{how} of a run that is not kept any more"
    elif any(_of_run(connection, other, depth + 1, upwards=False)):
        yield f"{how} of a run that has read outside text"


def _outside(said: Any) -> bool:
    return any(isinstance(each, dict) and each.get("outside") for each in said or ())


def _named_in(outputs: Any) -> list[str]:
    """The runs whose answers a step holds: the one it started, or those it found."""
    rows = outputs if isinstance(outputs, list) else [outputs]
    return [str(row["run_id"]) for row in rows if isinstance(row, dict) and row.get("run_id")]


def _files_in(tree: Any) -> Iterator[str]:
    """The names of stored files that inputs refer to."""
    if isinstance(tree, dict):
        if isinstance(tree.get("sha256"), str) and "media_type" in tree:
            yield str(tree.get("name") or "without a name")
            return
        for value in tree.values():
            yield from _files_in(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _files_in(value)
