"""The permission a node asks for by its scope: given by the workspace's policies, refused by them, or by a person."""

from __future__ import annotations

from ionflux_core.domain.agents import FLOW
from ionflux_core.domain.policies import rule
from ionflux_core.errors import Forbidden
from ionflux_core.runtime.context import RunContext
from ionflux_core.runtime.flow.scope import Scope


def ask_permission(ctx: RunContext, wanted: str, scope: Scope, key: str) -> None:
    """Return once the node may run; Forbidden when a policy or a person refuses. Without a policy a person is asked."""
    asked = str(scope.filled(wanted))
    name = ctx.instance_name or FLOW
    ruling = rule(ctx.workspace.settings.policies, channel=asked, agents=[name, FLOW], estimate_micros=None)
    if ruling.verdict == "deny":
        hint = "Change the policies in Settings, or what the node does."
        raise Forbidden(f"The workspace's policies deny {asked!r}.", hint=hint, code="scope_denied")
    if ruling.verdict == "allow":
        return
    ctx.placed = lambda _: f"{key}/permission"
    try:
        decision = ctx.approve(f"May {name} do {asked}?", body=f"Its node {key} asks for this permission.")
    finally:
        ctx.placed = lambda each: each
    if not decision.approved:
        raise Forbidden(f"{asked!r} was refused.", hint="Ask who has decided.", code="scope_refused")
