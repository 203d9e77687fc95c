"""The picture of a flow with its problems, what may be added to it, and how the nodes stood during a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from ionflux_core.catalog.flow_definition import flow_definition, read_flow
from ionflux_core.catalog.manifest import inputs_schema
from ionflux_core.domain.agents import FLOW, AgentDefinition, AgentInstance
from ionflux_core.domain.runs import Run, RunStep
from ionflux_core.errors import Invalid, Problem
from ionflux_core.fluxgraph.document import NODES
from ionflux_core.fluxgraph.picture import Picture as Picture
from ionflux_core.fluxgraph.picture import picture
from ionflux_core.services.agents import Agents
from ionflux_core.services.flow_fields import Field, input_fields
from ionflux_core.services.flow_states import Moment, Visit, moments, visits
from ionflux_core.services.flows import Flows
from ionflux_core.services.marketplace import Marketplace
from ionflux_core.services.runs import Runs
from ionflux_core.transforms import registry

_PAGE: Final = 500
_STEPS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Offer:
    """Something a node may be made of: its kind, what it calls, what it is, and the fields of its inputs."""

    kind: str
    name: str
    title: str
    about: str
    fields: tuple[Field, ...] = ()
    outputs: tuple[str, ...] = ()
    scope: str = ""


@dataclass(frozen=True, slots=True)
class RunPicture:
    """A run on the picture of the text it took: its moments, and whether only its beginning is told."""

    run: Run
    picture: Picture
    moments: tuple[Moment, ...]
    cut: bool


class FlowPictures:
    """Use-cases around the picture of a flow. Nothing here changes or runs one."""

    def __init__(self, flows: Flows, agents: Agents, marketplace: Marketplace, runs: Runs) -> None:
        self._flows = flows
        self._agents = agents
        self._marketplace = marketplace
        self._runs = runs

    def picture(self, workspace_id: str, yaml: str, *, but: str = "") -> tuple[Picture, list[Problem]]:
        """What to draw of a text, and everything that is wrong with it; `but` is the flow it will replace."""
        problems = self._flows.validate(workspace_id, yaml, but=but)
        return picture(yaml, problems), problems

    def definition(self, yaml: str) -> AgentDefinition:
        """What a flow asks for, gives back and is started by; Invalid when its text cannot be read."""
        return flow_definition(yaml)

    def title(self, flow: AgentInstance) -> str:
        """What people see of a flow: its document's title, else its name."""
        try:
            return read_flow(flow.yaml).title or flow.name
        except Invalid:
            # Its page says what is wrong with it; here it is only to be found.
            return flow.name

    def offers(self, workspace_id: str) -> list[Offer]:
        """What a flow may be made of: kinds of nodes, transforms, agents, configured ones, and the other flows."""
        plain = [Offer(kind, "", _TITLES[kind], (model.__doc__ or "").strip()) for kind, model in NODES.items()
                 if kind not in ("transform", "agent", "flow")]  # fmt: skip
        return [*plain, *_transforms(), *self._agent_offers(workspace_id), *self._flow_offers(workspace_id)]

    def _agent_offers(self, workspace_id: str) -> Iterator[Offer]:
        known = {each.slug: each for each in self._marketplace.offered() if not each.planned and each.slug != FLOW}
        for definition in known.values():
            about = definition.narrative.tagline or definition.narrative.epithet or ""
            fields = input_fields(inputs_schema(definition))
            yield Offer("agent", definition.slug, definition.name, about, fields, _outputs(definition))
        for instance in self._agents.find(workspace_id):
            if instance.definition_slug in known:
                definition = known[instance.definition_slug]
                schema = inputs_schema(definition, given=self._given(instance))
                about = instance.description or f"{definition.name}, configured."
                yield Offer("agent", instance.name, instance.name, about, input_fields(schema), _outputs(definition))

    def _given(self, instance: AgentInstance) -> set[str]:
        try:
            return set(self._agents.given(instance))
        except Invalid:
            # What is wrong with its own YAML is told on its page.
            return set()

    def _flow_offers(self, workspace_id: str) -> Iterator[Offer]:
        for instance in self._flows.find(workspace_id):
            try:
                flow = read_flow(instance.yaml)
            except Invalid:
                # A flow that is broken today cannot be called, and its own page says so.
                continue
            fields = input_fields(flow.input_schema)
            yield Offer("flow", flow.name, flow.title or flow.name, flow.description, fields, tuple(flow.output))

    def of_run(self, workspace_id: str, run_id: str) -> RunPicture:
        """A run on the picture of the text that it took; NotFound when there is no such run."""
        run = self._runs.get(workspace_id, run_id)
        steps, cut = self._steps(run)
        drawn = picture(self.text_of(run))
        owners = {node.key: node.parent for node in drawn.nodes if node.parent}
        return RunPicture(run, drawn, tuple(moments(steps, owners, _choices(drawn))), cut)

    def text_of(self, run: Run) -> str:
        """The text that a run took, as its configuration keeps it; empty for a run that is of no flow."""
        return str((run.config.get("advanced_features") or {}).get(FLOW) or "")

    def visits(self, workspace_id: str, run_id: str, key: str) -> list[Visit]:
        """Every turn of a node in a run with what it was given and gave back."""
        run = self._runs.get(workspace_id, run_id)
        return visits(self._steps(run)[0], key)

    def _steps(self, run: Run) -> tuple[list[RunStep], bool]:
        found: list[RunStep] = []
        while len(found) < _STEPS:
            page = self._runs.steps(run.workspace_id, run.id, offset=len(found), limit=_PAGE)
            found += page
            if len(page) < _PAGE:
                return found, False
        return found, True


_TITLES: Final[Mapping[str, str]] = {
    "switch": "Switch", "foreach": "For each", "parallel": "Parallel", "approval": "Approval", "wait": "Wait",
    "code": "Code",
}  # fmt: skip


def _choices(drawn: Picture) -> dict[str, list[str]]:
    """The nodes in the cases of each switch, those deeper inside among them."""
    known = {node.key: node for node in drawn.nodes}
    found: dict[str, list[str]] = {}
    for node in drawn.nodes:
        inside = node
        while inside.parent:
            around = known[inside.parent]
            if around.kind == "switch" and around.sections[inside.section].kind == "case":
                found.setdefault(around.key, []).append(node.key)
            inside = around
    return found


def _outputs(definition: AgentDefinition) -> tuple[str, ...]:
    return tuple(spec.key for spec in definition.outputs)


@lru_cache(maxsize=1)
def _transforms() -> tuple[Offer, ...]:
    """The transforms, which are the same for as long as the process lives."""
    return tuple(
        Offer("transform", each.id, each.title, each.description, input_fields(each.inputs_schema),
              tuple(sorted(each.outputs)), each.scope or "")
        for each in registry.known().values()
    )  # fmt: skip


def plain(value: Any) -> Any:
    """A value of the picture as plain JSON: dataclasses as maps, tuples as lists, nothing that is empty."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Field):
        return {name: plain(each) for name, each in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value
