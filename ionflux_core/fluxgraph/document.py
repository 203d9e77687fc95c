"""A flow as its document states it: header and nodes of every kind. Reading a text is `reading.py`."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ionflux_core.fluxgraph.document_parts import (
    Cache,
    Called,
    Condition,
    Defaults,
    Duration,
    FlowTrigger,
    Id,
    Limits,
    Name,
    Part,
    Position,
    Retry,
    Scope,
    Text,
    TransformName,
    Value,
    as_text,
)


class Branch(Part):
    """Nodes that belong together: a case, a parallel branch, what is done about an error."""

    title: Name = ""
    graph: tuple[Node, ...] = ()


class Case(Branch):
    """One way of a switch, taken when its condition is the first that holds; it reads `value`."""

    when: Condition


class OnError(Part):
    """What is done about an error: tries of its own, then other nodes, which read `error`."""

    retry: Retry | None = None
    then: Branch | None = None


def _word_or_map(value: Any) -> str:
    return "a map" if isinstance(value, dict | OnError) else "a word"


Failing: TypeAlias = Annotated[
    Annotated[Literal["fail", "continue"], Tag("a word")] | Annotated[OnError, Tag("a map")],
    Discriminator(_word_or_map),
]


class NodeBase(Part):
    """What every node may have."""

    kind: ClassVar[str] = ""

    id: Id
    title: Name = ""
    note: Text = ""
    inputs: dict[str, JsonValue] = {}
    outputs: tuple[Name, ...] = ()
    if_: Condition | None = Field(default=None, alias="if")
    after: tuple[str, ...] = ()
    retry: Retry | None = None
    timeout: Duration | None = None
    on_error: Failing = "fail"
    scope: Scope | None = None
    cache: Cache | None = None
    position: Position | None = None


class TransformNode(NodeBase):
    """Calls a transform, such as text.template@1; without a version the newest one."""

    kind = "transform"
    transform: TransformName


class AgentNode(NodeBase):
    """Runs an agent: a definition's slug, or the name of a configured instance."""

    kind = "agent"
    agent: Called


class FlowNode(NodeBase):
    """Runs another flow; with `wait: false` it is started and not waited for."""

    kind = "flow"
    flow: Id
    wait: bool = True


class SwitchNode(NodeBase):
    """Computes a value and takes the first case whose condition holds; the others are shown as skipped."""

    kind = "switch"
    switch: Condition
    cases: tuple[Case, ...] = Field(min_length=1, max_length=50)


class ForeachNode(NodeBase):
    """Runs its graph once for each item of a list; the results stand in the items' order."""

    kind = "foreach"
    foreach: str | list[JsonValue]
    as_: Id = Field(default="item", alias="as")
    max_parallel: int = Field(default=1, ge=1, le=64)
    graph: tuple[Node, ...] = ()


class ParallelNode(NodeBase):
    """Runs named branches side by side and goes on when all have ended."""

    kind = "parallel"
    parallel: dict[Id, Branch] = Field(min_length=1, max_length=50)


class Approval(Part):
    """A question to a person; title and body are templates, `editable` names what may be changed before the yes."""

    title: Text
    body: Text = ""
    editable: tuple[Literal["title", "body"], ...] = ()
    urgency: Literal["low", "medium", "high", "critical"] = "medium"
    timeout: Duration | None = None
    on_timeout: Literal["deny", "approve", "fail"] = "deny"
    c_ion: float | None = Field(default=None, ge=0)

    @field_validator("timeout")
    @classmethod
    def _long_enough(cls, timeout: float | None) -> float | None:
        if timeout is not None and timeout < 10:
            raise ValueError("a person needs at least 10s")
        return timeout


class ApprovalNode(NodeBase):
    """Asks a person and parks until the answer is there."""

    kind = "approval"
    approval: Approval


class AwaitedEvent(Part):
    """An event to wait for, and for how long at most."""

    topic: str = Field(min_length=1, max_length=200)
    filter: dict[str, JsonValue] = {}
    timeout: Duration | None = None


class Wait(Part):
    """Exactly one of a time span, a moment, or an event."""

    for_: Duration | None = Field(default=None, alias="for")
    until: Annotated[str, Field(max_length=300)] | None = None
    event: AwaitedEvent | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Wait:
        if sum(part is not None for part in (self.for_, self.until, self.event)) != 1:
            raise ValueError("write exactly one of for, until and event")
        return self


class WaitNode(NodeBase):
    """Parks the run for a time, until a moment, or until an event comes."""

    kind = "wait"
    wait: Wait


class Permissions(Part):
    """What sandboxed code may reach; nothing unless it is named."""

    net: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9.*-]{1,253}(:[0-9]{1,5})?$")], ...] = Field((), max_length=50)


class Code(Part):
    """A program for the sandbox: its text, or a stored file."""

    language: Literal["js", "ts", "wasm"]
    source: str | None = Field(default=None, max_length=65_536)
    file: Name | None = None
    permissions: Permissions = Permissions()

    @model_validator(mode="after")
    def _source_or_file(self) -> Code:
        if (self.source is None) == (self.file is None):
            raise ValueError("write exactly one of source and file")
        if self.language == "wasm" and self.file is None:
            raise ValueError("wasm comes as a file")
        return self


class CodeNode(NodeBase):
    """Runs a program in the sandbox."""

    kind = "code"
    code: Code


NODES: dict[str, type[NodeBase]] = {
    each.kind: each
    for each in (
        TransformNode, AgentNode, FlowNode, SwitchNode, ForeachNode, ParallelNode, ApprovalNode, WaitNode, CodeNode,
    )
}  # fmt: skip


def kinds_of(node: Any) -> list[str]:
    """The kinds a written node names; a well-made one names exactly one."""
    if not isinstance(node, dict):
        return []
    return [kind for kind in NODES if kind in node and not (kind == "wait" and "flow" in node)]


def _tag(node: Any) -> str | None:
    if isinstance(node, NodeBase):
        return f"a {node.kind}"
    kinds = kinds_of(node)
    return f"a {kinds[0]}" if kinds else None


Node: TypeAlias = Annotated[
    Annotated[TransformNode, Tag("a transform")]
    | Annotated[AgentNode, Tag("a agent")]
    | Annotated[FlowNode, Tag("a flow")]
    | Annotated[SwitchNode, Tag("a switch")]
    | Annotated[ForeachNode, Tag("a foreach")]
    | Annotated[ParallelNode, Tag("a parallel")]
    | Annotated[ApprovalNode, Tag("a approval")]
    | Annotated[WaitNode, Tag("a wait")]
    | Annotated[CodeNode, Tag("a code")],
    Discriminator(_tag),
]


class Flow(Part):
    """A whole document."""

    version: Annotated[str, BeforeValidator(as_text), WithJsonSchema({"type": ["string", "number"]})] = "1"
    name: Id
    title: Name = ""
    description: Text = ""
    tags: tuple[Name, ...] = Field(default=(), max_length=50)
    value: Value = Value()
    limits: Limits = Limits()
    defaults: Defaults = Defaults()
    triggers: tuple[FlowTrigger, ...] = Field(default=(), max_length=50)
    input_schema: dict[str, JsonValue] = {}
    output_schema: dict[str, JsonValue] = {}
    graph: tuple[Node, ...]
    output: dict[str, JsonValue] = {}

    @field_validator("version")
    @classmethod
    def _known_version(cls, version: str) -> str:
        if not re.fullmatch(r"[01](\.[0-9]+){0,2}", version):
            raise ValueError(f"version {version[:20]!r} of the language is not known; this IONFLUX reads version 1")
        return version


_MODELS: tuple[type[Part], ...] = (Branch, Case, OnError, *NODES.values(), Flow)
for _model in _MODELS:
    _model.model_rebuild()
