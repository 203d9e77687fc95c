"""One function for each kind of node: what it does when its turn has come, and the outputs it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json

from ionflux_core.domain.agents import FLOW
from ionflux_core.errors import Invalid, LimitExceeded
from ionflux_core.fluxgraph.document import (
    AgentNode,
    ApprovalNode,
    CodeNode,
    FlowNode,
    ForeachNode,
    NodeBase,
    OnError,
    ParallelNode,
    SwitchNode,
    TransformNode,
    WaitNode,
)
from ionflux_core.fluxgraph.document_parts import Retry
from ionflux_core.fluxgraph.graphs import Graph, Spot
from ionflux_core.ids import now
from ionflux_core.limits import CODE_SECONDS, RUN_STEPS
from ionflux_core.runtime.children import RUN
from ionflux_core.runtime.context import RunContext
from ionflux_core.runtime.flow.lanes import side_by_side
from ionflux_core.runtime.flow.node_steps import (
    attempt_of,
    check_earlier,
    finished,
    handed_back,
    is_hopeless,
    keyed,
    no_retry,
    parked_until,
    pause,
    tried,
)
from ionflux_core.runtime.flow.results import Waiting, outputs_of
from ionflux_core.runtime.flow.scope import Scope
from ionflux_core.runtime.parking import Parked
from ionflux_core.sdk import Context
from ionflux_core.storage import agents as agent_rows
from ionflux_core.storage import runs as run_rows
from ionflux_core.transforms import registry

if TYPE_CHECKING:
    from ionflux_core.runtime.flow.runner import FlowRun

Outputs = dict[str, Any]
_LONGEST_WAIT: Final = 366 * 86_400.0


def _retry(run: FlowRun, node: NodeBase) -> Retry:
    own = node.on_error.retry if isinstance(node.on_error, OnError) else None
    return own or node.retry or run.flow.defaults.retry or no_retry


def _seconds(run: FlowRun, node: NodeBase) -> float | None:
    return node.timeout or run.flow.defaults.timeout


def _transform(run: FlowRun, ctx: RunContext, spot: Spot, scope: Scope, key: str) -> Outputs:
    node = cast(TransformNode, spot.node)
    if finished(ctx, key):
        return dict(handed_back(ctx, node.kind, key))
    made = registry.named(node.transform)
    if made.acts:
        return _acting(run, ctx, spot, scope, key)
    given = _typed(made.inputs_schema, scope.filled(node.inputs))
    how: dict[str, Any] = {"retry": _retry(run, node), "seconds": _seconds(run, node)}
    return dict(tried(ctx, node.kind, key, lambda lane, inputs: made.run(cast(Context, lane), inputs), given, **how))


def _typed(schema: Mapping[str, Any], given: Outputs) -> Outputs:
    """Inputs as they are asked for: a document's 19.90 is text until a number is meant, and a number may be a text."""
    wanted: Mapping[str, Any] = schema.get("properties") or {}
    return {name: _as(wanted.get(name, {}).get("type"), value) for name, value in given.items()}


def _as(kind: Any, value: Any) -> Any:
    if kind == "string" and isinstance(value, bool | int | float):
        return to_json(value).decode()
    if kind in ("number", "integer") and isinstance(value, str):
        try:
            return from_json(value)
        except ValueError:
            return value
    return value


def _raise(error: Exception, **_: Any) -> Any:
    raise error


def _acting(run: FlowRun, ctx: RunContext, spot: Spot, scope: Scope, key: str) -> Outputs:
    """A transform that acts on the world outside: its own steps are journaled, and may park the run."""
    node = cast(TransformNode, spot.node)
    check_earlier(ctx, key, no_retry)
    made = registry.named(node.transform)
    given = _typed(made.inputs_schema, scope.filled(node.inputs))
    try:
        with keyed(ctx, lambda name: f"{key}/{name}"):
            outputs = made.run(cast(Context, ctx), given)
    except Exception as error:
        ctx.journaled(node.kind, key, partial(_raise, error), given)
    return dict(ctx.journaled(node.kind, key, lambda **_: outputs, given))


def _agent(run: FlowRun, ctx: RunContext, spot: Spot, scope: Scope, key: str) -> Outputs:
    node = cast(AgentNode, spot.node)
    name = str(scope.filled(node.agent))
    return _called(run, ctx, spot, key, _target(ctx, name, key), scope.filled(node.inputs))


def _flow(run: FlowRun, ctx: RunContext, spot: Spot, scope: Scope, key: str) -> Outputs:
    node = cast(FlowNode, spot.node)
    given = scope.filled(node.inputs)
    if node.wait:
        return _called(run, ctx, spot, key, node.flow, given)
    return dict(ctx.journaled(node.kind, key, lambda **inputs: _begun(ctx, node.flow, inputs, key), given))


def _begun(ctx: RunContext, target: str, given: Mapping[str, Any], key: str) -> Outputs:
    """Another run, begun with the step that is recorded of it, and not waited for."""
    row = ctx._ports.child(ctx._run, target, given, f"{key}#1") | {"parent_run_id": None}
    ctx._journal.effects.writes.append(lambda connection: run_rows.insert(connection, row))
    return {"run_id": row["id"]}


def _called(run: FlowRun, ctx: RunContext, spot: Spot, key: str, target: str, given: Outputs) -> Outputs:
    """Another run as a step: this one is parked until that has ended; one that failed is started anew when asked."""
    retry = _retry(run, spot.node)
    check_earlier(ctx, key, retry)
    before, ctx.attempt = ctx.attempt, attempt_of(ctx, key)
    row = ctx.recorded(key)
    if row is not None and row.status != "error":
        ctx.attempt = row.attempt
    try:
        with keyed(ctx, lambda _: key):
            return ctx.run_agent(target, given)
    except Parked:
        raise
    except Exception as error:
        if ctx.attempt > retry.max or ctx.replays or is_hopeless(error):
            raise
        raise parked_until(now() + pause(ctx, key, retry, ctx.attempt)) from error
    finally:
        ctx.attempt = before


def _target(ctx: RunContext, name: str, key: str) -> str:
    """A configured instance by its name, else the definition of that slug; once it was asked, the one that was."""
    earlier = ctx.recorded(key)
    if earlier is not None and earlier.kind == RUN:
        return str(earlier.title).removeprefix("run ")
    with ctx._ports.db.read() as connection:
        if agent_rows.instance_by_target(connection, ctx.workspace.id, name) is not None:
            return name
    definition = ctx._ports.catalog.find(name)
    return f"agent:{definition.slug}" if definition is not None and definition.slug != FLOW else name


def _switch(run: FlowRun, ctx: RunContext, spot: Spot, scope: Scope, key: str) -> Outputs:
    node = cast(SwitchNode, spot.node)
    if finished(ctx, key):
        return dict(handed_back(ctx, node.kind, key))
    value = scope.evaluated(node.switch).value
    taken = next((at for at, case in enumerate(node.cases) if scope.decided(case.when, value=value).value), None)
    outputs: Outputs = {"case": None if taken is None else taken + 1}
    if taken is not None:
        outputs |= _inside(run, ctx, spot.inner[taken], scope.inside(f"{key}."))
    return dict(ctx.journaled(node.kind, key, lambda **_: outputs, {"value": value}))


def _inside(run: FlowRun, ctx: RunContext, graph: Graph, scope: Scope) -> Outputs:
    return outputs_of(run.graph(ctx, graph, scope))


def _foreach(run: FlowRun, ctx: RunContext, spot: Spot, scope: Scope, key: str) -> Outputs:
    node = cast(ForeachNode, spot.node)
    if finished(ctx, key):
        return dict(handed_back(ctx, node.kind, key))
    items = _items(scope.filled(node.foreach))
    (body,) = [graph for graph in spot.inner if graph.label != "on_error"]

    def one(at: int, lane: RunContext) -> Outputs:
        place = {"index": at}
        return _inside(run, lane, body, scope.inside(f"{key}[{at}].", **{node.as_: items[at], "loop": place}))

    works = [partial(one, at) for at in range(len(items))]
    results = _all_of(side_by_side(ctx, works, most=node.max_parallel, holding=True))
    outputs = {"items": results, "count": len(results)}
    return dict(ctx.journaled(node.kind, key, lambda **_: outputs, {"count": len(items)}))


def _items(found: Any) -> list[Any]:
    if not isinstance(found, list):
        kind = "a map" if isinstance(found, dict) else type(found).__name__
        raise Invalid(f"A loop needs a list, not {kind}.", hint="Take a map's entries with | items.")
    if len(found) > RUN_STEPS:
        raise LimitExceeded(
            f"The list has {len(found)} items; a loop takes {RUN_STEPS}.", hint="Filter it before, or split it."
        )
    return found


def _parallel(run: FlowRun, ctx: RunContext, spot: Spot, scope: Scope, key: str) -> Outputs:
    node = cast(ParallelNode, spot.node)
    if finished(ctx, key):
        return dict(handed_back(ctx, node.kind, key))
    names = list(node.parallel)

    def one(at: int, lane: RunContext) -> Outputs:
        return _inside(run, lane, spot.inner[at], scope.inside(f"{key}.{names[at]}."))

    works = [partial(one, at) for at in range(len(names))]
    results = _all_of(side_by_side(ctx, works, most=run.flow.limits.max_parallel))
    outputs = dict(zip(names, results, strict=True))
    return dict(ctx.journaled(node.kind, key, lambda **_: outputs))


def _all_of(results: list[Outputs | Waiting]) -> list[Outputs]:
    """The outputs of work that went on side by side; Waiting, with all that is waited for, when some of it waits."""
    waits = [wait for each in results if isinstance(each, Waiting) for wait in each.waits]
    if waits:
        raise Waiting(waits)
    return [each for each in results if not isinstance(each, Waiting)]


def _approval(run: FlowRun, ctx: RunContext, spot: Spot, scope: Scope, key: str) -> Outputs:
    asked = cast(ApprovalNode, spot.node).approval
    title, body = str(scope.filled(asked.title)), str(scope.filled(asked.body))
    words: dict[str, Any] = {"title": title, "body": body}
    with keyed(ctx, lambda _: key):
        decision = ctx.approve(
            title, body=body, data={name: text for name, text in words.items() if name in asked.editable},
            editable=asked.editable, urgency=asked.urgency, timeout_seconds=asked.timeout, on_timeout=asked.on_timeout,
        )  # fmt: skip
    words |= {name: text for name, text in decision.edits.items() if name in asked.editable}
    return {
        "approved": decision.approved, "by": decision.by, "comment": decision.comment, "timed_out": decision.timed_out,
        **words,
    }  # fmt: skip


def _wait(run: FlowRun, ctx: RunContext, spot: Spot, scope: Scope, key: str) -> Outputs:
    wait = cast(WaitNode, spot.node).wait
    with keyed(ctx, lambda _: key):
        if wait.event is not None:
            topic, narrow = wait.event.topic, scope.filled(wait.event.filter)
            seconds = wait.event.timeout or _LONGEST_WAIT
            event = ctx.wait_for_event(topic, filter=narrow, timeout_seconds=seconds)
            return {"event": event, "timed_out": event is None}
        if wait.for_ is not None:
            ctx.wait(seconds=wait.for_)
        else:
            ctx.wait(until=_moment(ctx, scope.filled(wait.until)))
    return {"timed_out": False}


def _moment(ctx: RunContext, written: Any) -> datetime:
    """A written time; one without a zone is in the workspace's."""
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError as error:
        hint = "Write 2026-12-01T09:00, or with a zone 2026-12-01T09:00+01:00."
        raise Invalid(f"{str(written)[:60]!r} is no time.", hint=hint) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(ctx.workspace.settings.timezone))


def _code(run: FlowRun, ctx: RunContext, spot: Spot, scope: Scope, key: str) -> Outputs:
    node = cast(CodeNode, spot.node)

    def work(lane: RunContext, given: Outputs) -> Outputs:
        seconds = _seconds(run, node) or CODE_SECONDS
        return {"result": lane._ports.program(lane._run, node.code, given, seconds)}

    given = scope.filled(node.inputs)
    return dict(tried(ctx, node.kind, key, work, given, retry=_retry(run, node), seconds=None))


Kind = Callable[["FlowRun", RunContext, Spot, Scope, str], Outputs]
KINDS: Final[Mapping[str, Kind]] = {
    "transform": _transform, "agent": _agent, "flow": _flow, "switch": _switch, "foreach": _foreach,
    "parallel": _parallel, "approval": _approval, "wait": _wait, "code": _code,
}  # fmt: skip
