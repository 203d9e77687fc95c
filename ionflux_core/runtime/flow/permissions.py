"""The permission a node asks for by its scope: given by the workspace's policies, refused by them, or by a person."""

from __future__ import annotations

from typing import Any

from ionflux_core.domain.agents import FLOW
from ionflux_core.domain.policies import rule
from ionflux_core.errors import Forbidden
from ionflux_core.fluxgraph.document import NodeBase
from ionflux_core.runtime.context import RunContext
from ionflux_core.runtime.flow.node_steps import check_earlier, keyed, no_retry
from ionflux_core.runtime.flow.scope import Scope

_DENIED = "scope_denied"


def ask_permission(ctx: RunContext, node: NodeBase, scope: Scope, key: str) -> None:
    """Return once the node may run; Forbidden when a policy or a person refuses. Without a policy a person is asked.

    Who was asked decides, whatever the policies say by then; what they denied stays denied for this run.
    """
    asked, row = str(scope.filled(node.scope)), ctx.recorded(key)
    name = ctx.instance_name or FLOW
    if row is not None and (row.error or {}).get("code") == _DENIED:
        check_earlier(ctx, key, no_retry)
        ctx.journaled(node.kind, key, _deny, {"scope": asked})
    if ctx.recorded(f"{key}/permission") is None:
        if ctx.replays:
            return
        ruling = rule(ctx.workspace.settings.policies, channel=asked, agents=[name, FLOW], estimate_micros=None)
        if ruling.verdict == "deny":
            ctx.journaled(node.kind, key, _deny, {"scope": asked})
        if ruling.verdict == "allow":
            return
    with keyed(ctx, lambda _: f"{key}/permission"):
        decision = ctx.approve(f"May {name} do {asked}?", body=f"Its node {key} asks for this permission.")
    if not decision.approved:
        raise Forbidden(f"{asked!r} was refused.", hint="Ask who has decided.", code="scope_refused")


def _deny(*, scope: Any) -> None:
    hint = "Change the policies in Settings, or what the node does."
    raise Forbidden(f"The workspace's policies deny {scope!r}.", hint=hint, code=_DENIED)
