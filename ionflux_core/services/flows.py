"""Flows: kept as configured instances whose text is a FluxGraph document; checked, saved, drafted and tried here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ionflux_core.catalog.configuration import parse_configuration
from ionflux_core.catalog.flow_definition import flow_definition, read_flow
from ionflux_core.catalog.manifest import inputs_schema
from ionflux_core.domain.agents import FLOW, AgentDefinition, AgentInstance
from ionflux_core.domain.flows import FlowDraft
from ionflux_core.domain.policies import rule
from ionflux_core.domain.runs import RunTrigger
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound, Problem
from ionflux_core.fluxgraph.checking import validate
from ionflux_core.fluxgraph.document import FlowNode
from ionflux_core.fluxgraph.editing import modernised
from ionflux_core.fluxgraph.graphs import graphs_of, spots_of
from ionflux_core.fluxgraph.schema import json_schema
from ionflux_core.fluxgraph.surroundings import Known, Offer, Verdict
from ionflux_core.ids import now
from ionflux_core.limits import FLOW_BYTES
from ionflux_core.services.agents import Agents
from ionflux_core.services.marketplace import Marketplace
from ionflux_core.services.runs import Runs
from ionflux_core.services.starting import Started
from ionflux_core.services.targets import Target
from ionflux_core.storage import flows as rows
from ionflux_core.storage.engine import Connection, Database
from ionflux_core.transforms import registry


class Flows:
    """Use-cases around flows. Their runs are runs like any other: see Runs."""

    def __init__(
        self,
        db: Database,
        agents: Agents,
        marketplace: Marketplace,
        workspace: Callable[[str], Workspace],
        runs: Callable[[], Runs],
    ) -> None:
        self._db = db
        self._agents = agents
        self._marketplace = marketplace
        self._workspace = workspace
        self._runs = runs

    def find(self, workspace_id: str, *, archived: bool = False) -> list[AgentInstance]:
        """Flows of a workspace by name."""
        return self._agents.find(workspace_id, archived=archived, definition_slug=FLOW)

    def get(self, workspace_id: str, flow: str) -> AgentInstance:
        """One flow by its id or name; NotFound when it is not there."""
        for each in self.find(workspace_id, archived=True):
            if flow in (each.id, each.name):
                return each
        raise NotFound(f"There is no flow {flow[:80]!r}.", hint="Choose one from the list.")

    def create(
        self, workspace_id: str, yaml: str, *, brand_id: str | None = None, by: str | None = None
    ) -> AgentInstance:
        """Keep a flow under the name its document states; Invalid with all problems, Conflict for a taken name."""
        yaml = self._checked(workspace_id, yaml)
        flow = read_flow(yaml)
        return self._agents.create(
            workspace_id, FLOW, flow.name, yaml=yaml, brand_id=brand_id, description=flow.description, by=by
        )

    def save(
        self,
        workspace_id: str,
        flow_id: str,
        yaml: str,
        *,
        message: str = "",
        by: str | None = None,
        expected_version: int | None = None,
    ) -> AgentInstance:
        """Save a valid text as the version that runs from now on, and forget the draft.

        Invalid with all problems; Conflict when someone saved meanwhile, or when its new name is taken. Runs that have
        begun keep the text they began with.
        """
        kept = self.get(workspace_id, flow_id)
        if expected_version is not None and expected_version != kept.version:
            raise Conflict(
                f"{kept.name} was saved as version {kept.version} meanwhile.",
                hint="Copy your text, reload, and compare.",
                code="stale_version",
            )
        yaml = self._checked(workspace_id, yaml, but=kept.name)
        flow = read_flow(yaml)
        if (flow.name, flow.description) != (kept.name, kept.description):
            self._agents.rename(workspace_id, flow_id, flow.name, description=flow.description)
        saved = self._agents.save(workspace_id, flow_id, yaml, message=message, by=by, expected_version=kept.version)
        self.drop_draft(workspace_id, flow_id)
        return saved

    def draft(self, workspace_id: str, flow_id: str) -> FlowDraft | None:
        """The text somebody has left unsaved, or None."""
        self.get(workspace_id, flow_id)
        with self._db.read() as connection:
            return rows.draft(connection, flow_id)

    def keep_draft(
        self, workspace_id: str, flow_id: str, yaml: str, *, base_version: int, by: str | None = None
    ) -> FlowDraft:
        """Keep a text that is not saved, whether or not it is valid, in place of an earlier draft."""
        self.get(workspace_id, flow_id)
        if len(yaml.encode("utf-8", "replace")) > FLOW_BYTES:
            raise LimitExceeded("The flow is larger than 256 KiB.", hint="Split it into flows that call each other.")
        self._agents.refuse_secrets(workspace_id, yaml, "The draft")
        kept = FlowDraft(flow_id=flow_id, yaml=yaml, base_version=base_version, by=by, at=now())
        self._db.write(lambda connection: rows.keep_draft(connection, kept.model_dump()))
        return kept

    def drop_draft(self, workspace_id: str, flow_id: str) -> None:
        """Throw the draft away."""

        def work(connection: Connection) -> None:
            rows.drop_draft(connection, flow_id)

        if self.draft(workspace_id, flow_id) is not None:
            self._db.write(work)

    def try_it(
        self,
        workspace_id: str,
        yaml: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        payload: Any = None,
        by: str | None = None,
    ) -> Started:
        """Start a dry run of a text that need not be saved: nothing it does reaches anything."""
        yaml = self._checked(workspace_id, yaml)
        self._agents.refuse_secrets(workspace_id, yaml, "The text")
        definition = flow_definition(yaml)
        target = Target(definition, None, parse_configuration(yaml, definition))
        origin = RunTrigger(by=by, payload=payload)
        return self._runs().start(workspace_id, target, inputs, trigger=origin, payload=payload, dry_run=True)

    def validate(self, workspace_id: str, yaml: str | bytes, *, but: str = "") -> list[Problem]:
        """Every problem of a flow's text by its place; empty when it can be run.

        `but` is the name of the flow that the text will replace.
        """
        flows = dict(self._flow_offers(workspace_id, but))
        agents = dict(self._agent_offers(workspace_id)) | flows
        policies = self._workspace(workspace_id).settings.policies

        def verdict(scope: str) -> Verdict:
            return rule(policies, channel=scope, agents=[but, FLOW], estimate_micros=None).verdict

        found = validate(yaml, Known(transforms=_transforms(), agents=agents, flows=flows, verdict=verdict))
        return found or list(_unfit_inputs(yaml))

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a flow's text, for completion in editors."""
        return json_schema()

    def _checked(self, workspace_id: str, yaml: str, *, but: str = "") -> str:
        """The text in today's spelling; Invalid with every problem."""
        problems = self.validate(workspace_id, yaml, but=but)
        if problems:
            count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
            raise Invalid(f"The flow has {count}: {problems[0]}", problems=problems, hint=problems[0].hint)
        return modernised(yaml)

    def _agent_offers(self, workspace_id: str) -> Iterator[tuple[str, Offer]]:
        """The agents that may be named: definitions by slug, id and alias, configured instances by name."""
        inputs = self._workspace(workspace_id).settings.inputs
        known = {definition.slug: definition for definition in self._marketplace.offered() if not definition.planned}
        for definition in known.values():
            offer = _offer(definition, inputs.get(definition.slug, {}))
            yield from ((name, offer) for name in (definition.slug, definition.id, *definition.aliases))
        for instance in self._agents.find(workspace_id):
            if instance.definition_slug in known:
                yield instance.name, self._configured(instance, known[instance.definition_slug])

    def _configured(self, instance: AgentInstance, definition: AgentDefinition) -> Offer:
        try:
            given = self._agents.given(instance)
        except Invalid:
            # Its own YAML is broken: the agent's page tells that, and its inputs are not asked for here.
            given = {spec.key for spec in definition.inputs}
        return _offer(definition, given)

    def _flow_offers(self, workspace_id: str, but: str) -> Iterator[tuple[str, Offer]]:
        """The other flows of the workspace by name, with the flows they call."""
        for instance in self.find(workspace_id):
            if instance.name == but:
                continue
            try:
                flow, definition = read_flow(instance.yaml), flow_definition(instance.yaml)
            except Invalid:
                yield instance.name, Offer()
                continue
            calls = frozenset(
                spot.node.flow for spot in spots_of(graphs_of(flow)) if isinstance(spot.node, FlowNode)
            )  # fmt: skip
            told = _offer(definition, {})
            yield instance.name, Offer(told.inputs, told.outputs, calls=calls)


def _unfit_inputs(yaml: str | bytes) -> Iterator[Problem]:
    """What the schema allows and a form cannot ask for, such as a default of another type."""
    try:
        flow_definition(yaml if isinstance(yaml, str) else yaml.decode("utf-8", "replace"))
    except Invalid as error:
        yield from error.problems or [Problem(error.message, hint=error.hint, path="input_schema")]


def _transforms() -> Mapping[str, Offer]:
    return {each.id: Offer(each.inputs_schema, each.outputs) for each in registry.known().values()}


def _offer(definition: AgentDefinition, given: Any) -> Offer:
    outputs = frozenset(spec.key for spec in definition.outputs)
    return Offer(inputs_schema(definition, given=given), outputs or None)
