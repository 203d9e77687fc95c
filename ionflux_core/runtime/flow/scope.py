"""What a node may read: the roots that are known everywhere, the nodes beside and around it, and loop variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ionflux_core.fluxgraph import conditions, templates
from ionflux_core.fluxgraph.conditions import Outcome
from ionflux_core.runtime.context import RunContext
from ionflux_core.runtime.flow.results import Ended

_BRAND_PARTS = ("id", "name", "industry", "website", "voice", "palette")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a graph runs: the values its nodes read, and what stands before their ids in the keys of their steps."""

    values: Mapping[str, Any]
    prefix: str = ""
    ended: dict[str, Ended] = field(default_factory=dict)

    def inside(self, prefix: str, **more: Any) -> Scope:
        """The scope of a graph inside a node: it sees all that stands around it."""
        return Scope({**self.values, **more, "nodes": dict(self.values["nodes"])}, prefix)

    def end(self, node_id: str, ended: Ended) -> None:
        """Let the nodes that follow read one that has ended."""
        self.ended[node_id] = ended
        self.values["nodes"][node_id] = ended.readable()

    def read(self) -> Mapping[str, Any]:
        """All values by root."""
        return self.values

    def filled(self, value: Any) -> Any:
        """A value of the document with its templates filled."""
        return templates.filled(value, self.read())

    def decided(self, condition: str, **more: Any) -> Outcome:
        """Whether a condition holds."""
        return conditions.decide(condition, {**self.read(), **more})

    def evaluated(self, expression: str) -> Outcome:
        """What an expression comes to."""
        return conditions.evaluate(expression, self.read())


def first_scope(ctx: RunContext) -> Scope:
    """The scope of a flow's own graph."""
    brand = ctx.brand.model_dump(mode="json") if ctx.brand else {}
    started = ctx.now()
    return Scope(
        {
            "trigger": {
                "input_data": input_data(ctx), "type": ctx.trigger.kind, "key": ctx.trigger.key or "", "headers": {},
            },
            "inputs": dict(ctx.inputs),
            "nodes": {},
            "agent": {"config": dict(ctx.inputs), "name": ctx.instance_name or ""},
            "brand": {name: brand[name] for name in _BRAND_PARTS if name in brand},
            "creator": {},
            "workspace": {"id": ctx.workspace.id, "name": ctx.workspace.name},
            "run": {"id": ctx.run_id},
            "system": {"timestamp_utc": started.isoformat(), "date_iso": started.date().isoformat()},
        }
    )  # fmt: skip


def input_data(ctx: RunContext) -> Any:
    """What the run was started with: the trigger's payload over the inputs; another payload than a map as it is."""
    payload = ctx.trigger.payload
    if payload is None:
        return dict(ctx.inputs)
    return {**ctx.inputs, **payload} if isinstance(payload, dict) else payload
