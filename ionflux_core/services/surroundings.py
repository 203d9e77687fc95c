"""What the blocks of one page may ask for, read once for all of them: `blocks.base.Surroundings` over the services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ionflux_core.blocks import registry
from ionflux_core.domain.agents import AgentDefinition, AgentInstance
from ionflux_core.domain.canvas import CanvasPage
from ionflux_core.domain.references import Reference, filled, filled_text, part_of, parted, words
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Invalid, IonfluxError, NotFound
from ionflux_core.ids import now
from ionflux_core.services import figure_lines
from ionflux_core.services.agents import Agents
from ionflux_core.services.approvals import Approvals
from ionflux_core.services.dashboard import Dashboard, DashboardFilters, KpiChart
from ionflux_core.services.figures import Figures
from ionflux_core.services.files import Files
from ionflux_core.services.prompts import Prompts
from ionflux_core.services.questions import Questions
from ionflux_core.services.runs import Runs
from ionflux_core.storage import page_runs
from ionflux_core.storage.engine import Database

if TYPE_CHECKING:
    from ionflux_core.catalog.loader import Catalog

_OFFERS = 12


@dataclass(frozen=True, slots=True)
class Sources:
    """The services a page reads from."""

    db: Database
    catalog: Catalog
    workspace: Callable[[str], Workspace]
    agents: Agents
    runs: Runs
    approvals: Approvals
    prompts: Prompts
    questions: Questions
    dashboard: Dashboard
    figures: Figures


class PageSurroundings:
    """The surroundings of the blocks of one page, good for one look at it.

    `lenient` is for showing: a reference that leads nowhere stays as it is written, and `problems` says why.
    """

    def __init__(self, sources: Sources, workspace_id: str, page: CanvasPage, *, lenient: bool = False) -> None:
        self._from = sources
        self._workspace_id = workspace_id
        self._blocks = {block.name: block for block in page.blocks}
        self._lenient = lenient
        self._outputs: dict[str, Any] = {}
        self._computing: list[str] = []
        self._instances: dict[str, dict[str, Any] | None] = {}
        self._figures: dict[int, list[KpiChart]] = {}
        self._metrics: dict[tuple[str, str | None, int], list[dict[str, Any]]] = {}
        self._prompts: dict[str, dict[str, Any] | None] = {}
        self.problems: list[IonfluxError] = []

    @property
    def workspace_id(self) -> str:
        """The workspace of the page."""
        return self._workspace_id

    def now(self) -> datetime:
        """The time."""
        return now()

    # Other blocks

    def output_of(self, block_name: str) -> Any:
        """What another block of the page gives; NotFound when there is none of that name."""
        if block_name in self._outputs:
            return self._outputs[block_name]
        block = self._blocks.get(block_name)
        if block is None:
            raise NotFound(f"There is no block {block_name!r} on this page.", hint="Look at the names of the blocks.")
        if block_name in self._computing:
            path = [*self._computing[self._computing.index(block_name) :], block_name]
            raise Invalid(f"These blocks read each other in a circle: {' -> '.join(path)}.", code="reference_cycle")
        self._computing.append(block_name)
        try:
            content = registry.checked(block.type, block.content)
            self._outputs[block_name] = registry.kind_of(block.type).output(content, block, self)
        finally:
            self._computing.pop()
        return self._outputs[block_name]

    def filled(self, value: Any) -> Any:
        """A JSON-like value with its references put in."""
        return filled(value, self._look)

    def filled_text(self, text: str) -> str:
        """A text with its references put in."""
        return filled_text(text, self._look)

    def _look(self, reference: Reference) -> Any:
        try:
            return self._value(reference)
        except IonfluxError as error:
            told = Invalid(f"{reference} cannot be read: {error.message}", hint=error.hint, code=error.code)
            if not self._lenient:
                raise told from error
            self.problems.append(told)
            return "{{ " + str(reference) + " }}"

    def _value(self, reference: Reference) -> Any:
        """The value a reference names: a part of the block's output, or one of its other parts."""
        block = self._blocks.get(reference.block)
        error: IonfluxError | None = None
        try:
            output = self.output_of(reference.block)
            return part_of(output, reference.path)
        except KeyError:
            pass
        except NotFound:
            raise
        except IonfluxError as caught:
            error = caught
        if block is not None and reference.path:
            content = registry.checked(block.type, block.content)
            try:
                return part_of(registry.kind_of(block.type).parts(content, block, self), reference.path)
            except KeyError:
                pass
        raise error or NotFound(f"{reference.block} gives nothing of that name.", hint="Look at what the block gives.")

    # Agents and their runs

    @cached_property
    def _instance_ids(self) -> set[str]:
        ids = (block.content.get("agent_configuration_id") for block in self._blocks.values())
        return {one for one in ids if isinstance(one, str) and one}

    @cached_property
    def _runs(self) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
        """The newest run of every agent of the page, and these runs and those blocks have started, by id."""
        own = {block.run_id for block in self._blocks.values() if block.run_id}
        with self._from.db.read() as connection:
            newest = page_runs.newest_ids(connection, self._workspace_id, self._instance_ids)
            found = page_runs.lines(connection, self._workspace_id, {*newest.values(), *own})
            parked = [run_id for run_id, row in found.items() if row.status == "awaiting_approval"]
            asked = page_runs.open_questions(connection, self._workspace_id, parked)
        return newest, {run_id: _run(row, asked.get(run_id)) for run_id, row in found.items()}

    @cached_property
    def _latest(self) -> dict[str, dict[str, Any]]:
        """What agents gave that were put on the page and have not run since."""
        bare = {
            block.content["agent_configuration_id"]
            for block in self._blocks.values()
            if block.output is None and block.content.get("agent_configuration_id") in self._instance_ids
        }
        with self._from.db.read() as connection:
            ids = page_runs.newest_ids(connection, self._workspace_id, bare, status="success")
            given = page_runs.outputs(connection, self._workspace_id, ids.values())
        return {instance: given.get(run_id, {}) for instance, run_id in ids.items()}

    def instance(self, instance_id: str) -> dict[str, Any] | None:
        """An instance in short; None when it is not there."""
        if instance_id not in self._instances:
            try:
                instance = self._from.agents.get(self._workspace_id, instance_id)
                self._instances[instance_id] = self._short(instance)
            except NotFound:
                self._instances[instance_id] = None
        return self._instances[instance_id]

    def _short(self, instance: AgentInstance) -> dict[str, Any]:
        definition = self._from.catalog.find(instance.definition_slug)
        short: dict[str, Any] = {
            "id": instance.id, "name": instance.name, "slug": instance.definition_slug, "status": instance.status,
            "epithet": "", "planned": definition is None, "inputs": (), "outputs": (), "key": None,
        }  # fmt: skip
        if definition is None:
            return short
        return short | {
            "epithet": definition.narrative.epithet or definition.name,
            "planned": definition.planned,
            "inputs": tuple(spec for spec in definition.inputs if spec.runtime_promptable),
            "outputs": [
                {"key": spec.key, "type": spec.type, "description": spec.description} for spec in definition.outputs
            ],
            "key": self._preview_key(instance),
        }

    def _preview_key(self, instance: AgentInstance) -> str | None:
        try:
            return self._from.agents.configuration(instance).snippet_preview_output_key
        except IonfluxError:
            # Its text was written for another version of the agent: then the first output is shown.
            return None

    def instances(self) -> list[dict[str, Any]]:
        """The first instances by name, to choose from."""
        return self._offered_instances

    @cached_property
    def _offered_instances(self) -> list[dict[str, Any]]:
        offered = []
        for instance in self._from.agents.find(self._workspace_id)[:_OFFERS]:
            definition = self._from.catalog.find(instance.definition_slug)
            epithet = (definition.narrative.epithet or definition.name) if definition else ""
            offered.append({"id": instance.id, "name": instance.name, "epithet": epithet})
        return offered

    def newest_run(self, instance_id: str) -> dict[str, Any] | None:
        """The newest run of an instance that was no dry run, or None."""
        newest, found = self._runs
        if instance_id not in self._instance_ids:
            return None
        return found.get(newest.get(instance_id, ""))

    def run(self, run_id: str) -> dict[str, Any] | None:
        """A run some block of the page has started; None when it is not kept any more."""
        return self._runs[1].get(run_id)

    def latest_outputs(self, instance_id: str) -> dict[str, Any]:
        """The outputs by key of an instance's last successful run; empty when there is none."""
        return self._latest.get(instance_id, {})

    # Figures, questions, prompts, files

    def kpi(self, name: str, *, definition: str, instance_id: str | None, days: int) -> list[dict[str, Any]]:
        """A figure by day, one entry for each agent that reported it, or a metric of the whole workspace."""
        if figure_lines.is_of_workspace(definition):
            key = (name, instance_id, days)
            if key not in self._metrics:
                self._metrics[key] = figure_lines.lines(
                    self._from.figures, self._from.dashboard, self._workspace_id, name,
                    instance_id=instance_id, days=days,
                )  # fmt: skip
            return self._metrics[key]
        slug = self._slug(definition)
        for chart in self._charts(days):
            if (chart.definition_slug, chart.metric.name) == (slug, name):
                metric = chart.metric
                told = {"title": metric.title, "unit": metric.unit, "direction": metric.direction}
                return [
                    {
                        **told, "help": metric.definition, "label": line.label, "value": line.value,
                        "previous": line.previous, "days": [day.isoformat() for day in line.days],
                        "values": list(line.values),
                    }
                    for line in chart.lines
                    if instance_id in (None, line.instance_id)
                ]  # fmt: skip
        return []

    def _charts(self, days: int) -> list[KpiChart]:
        """All figures of a period, asked once however many blocks show one."""
        if days not in self._figures:
            since, until = self._from.dashboard.last_days(self._workspace_id, days)
            narrow = DashboardFilters(since=since, until=until)
            self._figures[days] = self._from.dashboard.kpi_series(self._workspace_id, narrow)
        return self._figures[days]

    def kpi_spec(self, name: str, definition: str) -> dict[str, Any] | None:
        """A figure as the definition declares it; None: it does not."""
        if figure_lines.is_of_workspace(definition):
            return figure_lines.spec(self._from.figures, self._workspace_id, name)
        declared = self._definition(definition)
        for spec in declared.kpis if declared else ():
            if spec.name == name:
                told = {"title": spec.title, "unit": spec.unit, "direction": spec.direction}
                return {**told, "help": spec.description}
        return None

    def _definition(self, name: str) -> AgentDefinition | None:
        try:
            return self._from.catalog.definition(name)
        except NotFound:
            return None

    def _slug(self, name: str) -> str:
        definition = self._definition(name)
        return definition.slug if definition else name

    def sql(self, query: str) -> dict[str, Any]:
        """Rows of a read-only query; what it reads of blocks is given as values, never as text of the query."""
        text, values = "", dict[str, Any]()
        for part in parted(query):
            if isinstance(part, Reference):
                name = f"block_{len(values) + 1}"
                values[name] = _parameter(self._value(part))
                part = f"${name}"
            text += part
        return self._from.questions.ask(self._workspace_id, text, parameters=values)

    def tables(self) -> list[dict[str, Any]]:
        """The tables of such queries."""
        return self._from.questions.tables(self._workspace_id)

    def prompt(self, prompt_id: str) -> dict[str, Any] | None:
        """A prompt in short; None: not there."""
        if prompt_id not in self._prompts:
            try:
                found = self._from.prompts.get(self._workspace_id, prompt_id).model_dump(mode="json")
                names = ("id", "name", "text", "variables", "version")
                self._prompts[prompt_id] = {name: found[name] for name in names} | {
                    "archived": found["status"] == "archived"
                }
            except NotFound:
                self._prompts[prompt_id] = None
        return self._prompts[prompt_id]

    def prompts(self) -> list[dict[str, Any]]:
        """The first prompts by name, to choose from."""
        found = self._from.prompts.find(self._workspace_id, limit=_OFFERS)
        return [{"id": one.id, "name": one.name} for one in found]

    def rendered(self, prompt_id: str, values: Mapping[str, Any]) -> str:
        """A prompt's text with values in place; Invalid names every one that is missing or wrong."""
        return self._from.prompts.render(self._workspace_id, prompt_id, values)

    def approval(self, approval_id: str) -> dict[str, Any] | None:
        """A question to a person; None: not there."""
        try:
            asked = self._from.approvals.get(self._workspace_id, approval_id)
        except NotFound:
            return None
        names = {"id", "title", "body", "urgency", "status", "run_id", "data", "decided_by", "comment", "created_at"}
        agent = asked.instance_name or asked.definition_slug
        return asked.model_dump(mode="json", include=names | {"expires_at", "decided_at"}) | {"agent": agent}

    def oldest_question(self, instance_id: str | None) -> tuple[dict[str, Any] | None, int]:
        """The oldest open question, and how many are open."""
        with self._from.db.read() as connection:
            found, waiting = page_runs.oldest_question(connection, self._workspace_id, instance_id)
        return (self.approval(found) if found else None), waiting

    def file(self, reference: Mapping[str, Any]) -> bytes:
        """The content of a stored file."""
        return self._from.runs.file(self._workspace_id, str(reference.get("sha256", "")))

    def file_address(self, reference: Mapping[str, Any]) -> str:
        """The address under which the browser gets a stored picture or film of this workspace."""
        return Files.address(self._workspace_id, reference)

    def may_show(self, url: str) -> bool:
        """Whether the workspace's list of hosts lets the page show something from this address."""
        parts = urlsplit(url)
        return parts.scheme == "https" and parts.hostname in self._media_hosts and parts.port in (None, 443)

    @cached_property
    def _media_hosts(self) -> set[str]:
        return set(self._from.workspace(self._workspace_id).settings.media_allow)


def _run(row: Any, question: tuple[str, str] | None) -> dict[str, Any]:
    error = row.error or None
    names = ("code", "message", "hint")
    return {
        "id": row.id,
        "status": row.status,
        "trigger": row.trigger_kind,
        "preview": row.preview,
        "error": {name: error.get(name, "") for name in names} if error else None,
        "created_at": row.created_at.isoformat(),
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
        "question": {"id": question[0], "title": question[1]} if question else None,
    }


def _parameter(value: Any) -> Any:
    """A value as a query is given it: plain values and lists of them as they are, the rest as JSON text."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    if isinstance(value, list) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
        return value
    return words(value)
