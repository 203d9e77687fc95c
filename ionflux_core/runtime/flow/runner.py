"""Runs a flow: each graph in the order its nodes need, side by side where they may, as steps of one journaled run.

After a wait, an approval, a crash or a pause the flow is gone through from its top again: what has ended hands back
what it gave, and the rest goes on where it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from ionflux_core.catalog.flow_definition import read_flow
from ionflux_core.domain.agents import FLOW
from ionflux_core.errors import AgentFailed, IonfluxError, LimitExceeded
from ionflux_core.fluxgraph.document import OnError
from ionflux_core.fluxgraph.graphs import Graph, Spot, graphs_of, sources
from ionflux_core.fluxgraph.input_checks import misfit_of_data
from ionflux_core.fluxgraph.ordering import Needs, Order, reads_of, target_of
from ionflux_core.ids import now
from ionflux_core.runtime.context import RunContext
from ionflux_core.runtime.flow.lanes import side_by_side
from ionflux_core.runtime.flow.node_steps import finished, handed_back, is_final, worked_before
from ionflux_core.runtime.flow.nodes import KINDS
from ionflux_core.runtime.flow.permissions import ask_permission
from ionflux_core.runtime.flow.results import Ended, Waiting, outputs_of
from ionflux_core.runtime.flow.scope import Scope, first_scope
from ionflux_core.runtime.parking import Parked

SKIPPED = "skipped"


def run(ctx: RunContext, inputs: dict[str, Any]) -> dict[str, Any]:
    """Run the flow whose document the run carries; its outputs by name."""
    if FLOW not in ctx.options:
        raise AgentFailed("No flow was named.", hint="Start a flow by its name: flow:<name>.", code="no_flow")
    return FlowRun(ctx).outputs()


class FlowRun:
    """One execution of a flow's run."""

    def __init__(self, ctx: RunContext) -> None:
        self._ctx = ctx
        self.flow = read_flow(ctx.options[FLOW])
        graphs = graphs_of(self.flow)
        needs = Needs(graphs)
        self._top = graphs[0]
        self._orders: dict[int, Order] = {id(graph): needs.order(graph) for graph in graphs}
        # Kept alive, because the orders are known by identity.
        self._graphs = graphs
        self._steps = 0
        self._counting = threading.Lock()
        self._begun, self._worked = now(), worked_before(ctx)

    def outputs(self) -> dict[str, Any]:
        """Run the flow to its end; Parked when it waits for something."""
        scope = first_scope(self._ctx)
        self._check_inputs(scope)
        try:
            ended = self.graph(self._ctx, self._top, scope)
        except Waiting as waiting:
            raise waiting.parked() from None
        if self.flow.output:
            given: dict[str, Any] = scope.filled(self.flow.output)
            return given
        return {"nodes": {name: each.status for name, each in ended.items()}}

    def graph(self, ctx: RunContext, graph: Graph, scope: Scope) -> dict[str, Ended]:
        """Run the nodes of a graph; Waiting when some wait and no other can go on."""
        order = self._orders[id(graph)]
        stuck: set[str] = set()
        waits: list[Parked] = []
        for level in order.levels:
            ready = [name for name in level if not order.needs[name] & stuck]
            stuck.update(set(level) - set(ready))
            spots = [spot for name in ready if (spot := graph.named(name)) is not None]
            for spot, ended in zip(spots, self._all(ctx, spots, scope), strict=True):
                if isinstance(ended, Waiting):
                    stuck.add(spot.id)
                    waits += ended.waits
                else:
                    scope.end(spot.id, ended)
        if waits:
            raise Waiting(waits)
        return scope.ended

    def _all(self, ctx: RunContext, spots: Sequence[Spot], scope: Scope) -> list[Ended | Waiting]:
        works: list[Callable[[RunContext], Ended]] = [
            lambda lane, spot=spot: self.node(lane, spot, scope)  # type: ignore[misc]
            for spot in spots
        ]
        return side_by_side(ctx, works, most=self.flow.limits.max_parallel)

    def node(self, ctx: RunContext, spot: Spot, scope: Scope) -> Ended:
        """Run one node, or skip it; Waiting when it waits."""
        key = f"{scope.prefix}{spot.id}"
        self._may_go_on(key)
        if finished(ctx, key):
            row = ctx.recorded(key)
            if row is not None and row.kind == SKIPPED:
                handed_back(ctx, SKIPPED, key)
                return Ended("skipped")
        elif reason := self._reason_to_skip(ctx, spot, scope, key):
            ctx.journaled(SKIPPED, key, lambda **_: {"skipped": reason})
            return Ended("skipped")
        try:
            if spot.node.scope and not finished(ctx, key):
                ask_permission(ctx, spot.node, scope, key)
            return Ended("success", KINDS[spot.node.kind](self, ctx, spot, scope, key))
        except Parked as parked:
            if self._ctx.parks_as:
                raise
            raise Waiting([parked]) from None
        except Waiting:
            raise
        except Exception as error:
            return self._failed(ctx, spot, scope, key, error)

    def _may_go_on(self, key: str) -> None:
        if self._ctx.parks_as:
            raise Parked(self._ctx.parks_as)
        most, limits = self.flow.limits.max_steps, self.flow.limits
        with self._counting:
            self._steps += 1
            steps = self._steps
        if steps > most:
            raise LimitExceeded(
                f"The flow has more than {most} steps.", hint="Raise limits.max_steps, or split the flow.",
                code="too_many_steps",
            )  # fmt: skip
        if limits.timeout is None or self._ctx.replays:
            return
        if self._worked + (now() - self._begun) > timedelta(seconds=limits.timeout):
            raise LimitExceeded(
                f"The flow took longer than {limits.timeout:g} s; it was at {key}.", hint="Raise limits.timeout.",
                code="flow_timeout",
            )  # fmt: skip

    def _reason_to_skip(self, ctx: RunContext, spot: Spot, scope: Scope, key: str) -> str:
        """Why a node does not run: a node it reads was skipped, or its condition does not hold; empty when it runs."""
        gone = self._skipped_input(spot, scope)
        if gone:
            return f"It reads {gone}, which was skipped."
        condition = spot.node.if_
        if condition is None:
            return ""
        outcome = scope.decided(condition)
        if outcome.warning:
            ctx.log(f"{key}: {outcome.warning}", level="warning")
        return "" if outcome.value else "Its condition does not hold."

    @staticmethod
    def _skipped_input(spot: Spot, scope: Scope) -> str:
        for source in sources(spot):
            for read in reads_of(source) if source.kind == "template" else ():
                target = target_of(spot.graph, read)
                if target is None or read.optional or read.path[2:3] != ("outputs",):
                    continue
                ended = scope.read()["nodes"].get(target.id)
                if ended is not None and ended["status"] == SKIPPED:
                    return target.id
        return ""

    def _failed(self, ctx: RunContext, spot: Spot, scope: Scope, key: str, error: Exception) -> Ended:
        """What the node says about errors: the run fails, goes on, or other nodes take over."""
        handling = spot.node.on_error
        if is_final(error):
            raise error
        then = handling.then if isinstance(handling, OnError) else None
        if handling == "continue" or then is not None:
            told, row = ctx.error_of(error), ctx.recorded(key)
            if row is None or row.status != "error":
                ctx.log(f"{key} failed, and the flow goes on: {told.message}"[:2000], level="warning")
            if then is None:
                return Ended("error")
            inner = next(graph for graph in spot.inner if graph.label == "on_error")
            about = {"code": told.code, "message": told.message, "hint": told.hint}
            return Ended("error", outputs_of(self.graph(ctx, inner, scope.inside(f"{key}.", error=about))))
        raise _named(key, error) from error

    def _check_inputs(self, scope: Scope) -> None:
        """Refuse what the flow was started with when it does not fit the flow's input_schema."""
        if not self.flow.input_schema:
            return
        wrong = misfit_of_data(self.flow.input_schema, scope.values["trigger"]["input_data"])
        if wrong is not None:
            where = ".".join(str(step) for step in wrong.inside) or "What the flow was started with"
            raise AgentFailed(f"{where} {wrong.reason}.", hint="See the flow's input_schema.", code="bad_inputs")


def _named(key: str, error: Exception) -> Exception:
    """The error with the node it comes from; the innermost node is the one that is named."""
    if getattr(error, "node", None):
        return error
    if isinstance(error, IonfluxError):
        named: Exception = AgentFailed(f"{key}: {error.message}", hint=error.hint, code=error.code)
    else:
        named = AgentFailed(f"{key}: {type(error).__name__}: {error}", hint="The trace tells where.")
    named.node = key  # type: ignore[attr-defined]
    return named
