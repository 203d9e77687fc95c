"""All that an agent author imports: the Context given to `run(ctx, inputs)`, and the errors an agent may raise.

An agent is a folder `agents/<slug>/` with an `agent.yaml` and an `agent.py` that defines

    def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]: ...

`inputs` are the resolved inputs (defaults < workspace < brand < YAML < run time); the answer maps output keys
of the manifest to values. Work that costs time or touches anything outside belongs into `ctx.step`: a finished
step is journaled and never runs again, not after a crash, a retry, an approval or a wait.
"""

from __future__ import annotations

from ionflux_core.domain.dialogue import Image, Message, Tool, ToolCall
from ionflux_core.domain.runs import RunTrigger as Trigger
from ionflux_core.domain.workspaces import Brand, Workspace
from ionflux_core.errors import AgentFailed, Invalid, IonfluxError, NotFound, Unavailable
from ionflux_core.sdk.context import Context
from ionflux_core.sdk.parts import (
    Accounts,
    Asking,
    Chat,
    Http,
    HttpResponse,
    Llm,
    MemoryStore,
    Pages,
    Recalled,
    Records,
)
from ionflux_core.sdk.values import (
    ArtifactRef,
    Completion,
    Decision,
    Outgoing,
    Record,
    Retry,
    Said,
    Sent,
    not_computed,
)

__all__ = [
    "Accounts",
    "AgentFailed",
    "ArtifactRef",
    "Asking",
    "Brand",
    "Chat",
    "Completion",
    "Context",
    "Decision",
    "Http",
    "HttpResponse",
    "Image",
    "Invalid",
    "IonfluxError",
    "Llm",
    "MemoryStore",
    "Message",
    "NotFound",
    "Outgoing",
    "Pages",
    "Recalled",
    "Record",
    "Records",
    "Retry",
    "Said",
    "Sent",
    "Tool",
    "ToolCall",
    "Trigger",
    "Unavailable",
    "Workspace",
    "not_computed",
]
