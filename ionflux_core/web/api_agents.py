"""The API's agents: definitions of the marketplace, instances with their versions, and triggers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from ionflux_core import limits
from ionflux_core.domain.agents import AgentDefinition, AgentInstance, InstanceStatus
from ionflux_core.domain.health import Health, HealthState
from ionflux_core.domain.triggers import Trigger, TriggerType
from ionflux_core.errors import Invalid
from ionflux_core.web.api_here import Answer, App, Body, Editing, Here, Limit, Reading, Who, Word
from ionflux_core.web.api_lists import Place, page, part

router = APIRouter()


class AgentLine(Answer):
    """A definition in short; `planned` ones cannot be started yet."""

    slug: str
    id: str
    name: str
    version: str
    status: str
    planned: bool
    tagline: str
    tags: list[str]
    services: list[str]
    tasks: list[str]
    triggers: list[str]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    kpis: list[dict[str, Any]]
    permissions: list[str]


class AgentOut(AgentLine):
    """A definition with its whole manifest, and the YAML a new instance starts with."""

    manifest: dict[str, Any]
    prefill: str


class AgentList(Answer):
    """Definitions of the marketplace, by id; `cursor` asks for the next page, null on the last one."""

    agents: list[AgentLine]
    cursor: str | None


class InstanceDraft(Body):
    """A new instance; without `yaml` it starts with the definition's own text."""

    definition: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=limits.NAME_CHARS)
    yaml: str | None = Field(None, max_length=4 * limits.YAML_BYTES)
    brand_id: str | None = Field(None, max_length=36)
    description: str = Field("", max_length=limits.TEXT_CHARS)


class InstanceChange(Body):
    """What to change of an instance; fields left out stay. `expected_version` refuses to overwrite a newer text."""

    yaml: str | None = Field(None, max_length=4 * limits.YAML_BYTES)
    expected_version: int | None = Field(None, ge=1, le=2**31)
    message: str = Field("", max_length=500)
    name: str | None = Field(None, min_length=1, max_length=limits.NAME_CHARS)
    description: str | None = Field(None, max_length=limits.TEXT_CHARS)
    status: InstanceStatus | None = None


class HealthOut(Answer):
    """How an instance is, and why."""

    state: HealthState
    reason: str


class InstanceOut(Answer):
    """An instance with its YAML as it was saved, and how it is; an archived one has no health."""

    id: str
    name: str
    definition: str
    definition_version: str
    description: str
    status: InstanceStatus
    status_reason: str | None
    brand_id: str | None
    version: int
    yaml: str
    consecutive_failures: int
    health: HealthOut | None
    created_at: datetime
    updated_at: datetime


class InstanceList(Answer):
    """Instances of a workspace, by name; `cursor` asks for the next page, null on the last one."""

    instances: list[InstanceOut]
    cursor: str | None


class VersionOut(Answer):
    """One saved text of an instance."""

    version: int
    yaml: str
    author: str | None
    message: str
    created_at: datetime


class TriggerOut(Answer):
    """A trigger; `hook` is the secret address of a webhook and is not shown to viewers."""

    id: str
    instance_id: str
    instance_name: str
    key: str
    kind: TriggerType
    enabled: bool
    config: dict[str, Any]
    hook: str | None
    next_due: datetime | None
    next_times: list[datetime]
    last_fired: datetime | None
    last_outcome: str | None


class TriggerList(Answer):
    """Triggers of a workspace, by instance and key; `cursor` asks for the next page, null on the last one."""

    triggers: list[TriggerOut]
    cursor: str | None


@router.get("/agents", tags=["agents"])
def find_agents(application: App, who: Who, cursor: Word | None = None, limit: Limit = limits.PAGE_ROWS) -> AgentList:
    """A page of the marketplace's agents."""
    definitions = application.marketplace.offered()
    found, following = page(definitions, lambda each: each.id, cursor=cursor, limit=limit)
    return AgentList(agents=[AgentLine(**_line(each)) for each in found], cursor=following)


@router.get("/agents/{name}", tags=["agents"])
def get_agent(application: App, who: Who, name: str) -> AgentOut:
    """One agent by slug, id or alias, with its manifest."""
    definition = application.marketplace.definition(name)
    return AgentOut(
        **_line(definition),
        manifest=definition.model_dump(mode="json"),
        prefill=application.marketplace.prefill(definition.slug),
    )


@router.get("/agents/{name}/schema", tags=["agents"])
def get_schema(application: App, who: Who, name: str) -> dict[str, Any]:
    """The JSON Schema of an instance's YAML."""
    return application.marketplace.schema(name)


@router.get("/instances", tags=["instances"])
def find_instances(
    here: Reading,
    definition: Annotated[Word | None, Query(description="Slug.")] = None,
    archived: bool = False,
    cursor: Word | None = None,
    limit: Limit = limits.PAGE_ROWS,
) -> InstanceList:
    """A page of a workspace's instances."""
    instances = here.application.agents.find(here.workspace_id, archived=archived, definition_slug=definition)
    found, following = page(instances, lambda each: each.name, cursor=cursor, limit=limit)
    health = here.application.watch.health(here.workspace_id)
    return InstanceList(instances=[_instance_out(each, health.get(each.id)) for each in found], cursor=following)


@router.post("/instances", status_code=201, tags=["instances"])
def create_instance(here: Editing, draft: InstanceDraft, response: Response) -> InstanceOut:
    """Configure an agent; every problem of its YAML comes with its line."""
    instance = here.application.agents.create(
        here.workspace_id,
        draft.definition,
        draft.name,
        yaml=draft.yaml,
        brand_id=draft.brand_id,
        description=draft.description,
        by=here.who.name,
    )
    response.headers["Location"] = f"/api/v1/instances/{instance.id}"
    return _with_health(here, instance)


@router.get("/instances/{instance_id}", tags=["instances"])
def get_instance(here: Reading, instance_id: str) -> InstanceOut:
    """One instance."""
    return _with_health(here, here.application.agents.get(here.workspace_id, instance_id))


@router.put("/instances/{instance_id}", tags=["instances"])
def change_instance(here: Editing, instance_id: str, change: InstanceChange) -> InstanceOut:
    """Save another YAML text as a new version, rename, switch on or off, archive."""
    agents, by = here.application.agents, here.who.name
    if not change.model_fields_set & {"yaml", "name", "description", "status"}:
        raise Invalid("Nothing to change was given.", hint="Send yaml, name, description or status.")
    instance = agents.get(here.workspace_id, instance_id)
    if change.yaml is not None:
        agents.save(
            here.workspace_id,
            instance_id,
            change.yaml,
            message=change.message,
            by=by,
            expected_version=change.expected_version,
        )
    if change.name is not None or change.description is not None:
        agents.rename(here.workspace_id, instance_id, change.name or instance.name, description=change.description)
    if change.status is not None:
        agents.set_status(here.workspace_id, instance_id, change.status, by=by)
    return _with_health(here, agents.get(here.workspace_id, instance_id))


@router.get("/instances/{instance_id}/versions", tags=["instances"])
def get_versions(
    here: Reading,
    request: Request,
    response: Response,
    instance_id: str,
    offset: Place = 0,
    limit: Limit = limits.PAGE_ROWS,
) -> list[VersionOut]:
    """The saved texts of an instance, newest first."""
    found = here.application.agents.versions(here.workspace_id, instance_id)[offset:]
    return [VersionOut.model_validate(each) for each in part(found, request, response, offset=offset, limit=limit)]


@router.get("/triggers", tags=["triggers"])
def find_triggers(
    here: Reading, instance_id: Word | None = None, cursor: Word | None = None, limit: Limit = limits.PAGE_ROWS
) -> TriggerList:
    """A page of what starts the instances of a workspace by itself."""
    triggers = here.application.triggers.find(here.workspace_id)
    chosen = [each for each in triggers if instance_id in (None, each.instance_id)]
    found, following = page(chosen, lambda each: f"{each.instance_name}/{each.key}", cursor=cursor, limit=limit)
    return TriggerList(triggers=[_trigger_out(here, each) for each in found], cursor=following)


def _line(definition: AgentDefinition) -> dict[str, Any]:
    return {
        **definition.model_dump(
            mode="json",
            include={
                "slug", "id", "name", "version", "status", "planned", "tags", "services", "inputs", "outputs", "kpis",
                "permissions",
            },
        ),
        "tagline": definition.narrative.tagline,
        "tasks": [task.key for task in definition.tasks],
        "triggers": [trigger.type for trigger in definition.triggers],
    }  # fmt: skip


def _with_health(here: Here, instance: AgentInstance) -> InstanceOut:
    return _instance_out(instance, here.application.watch.health_of(instance))


def _instance_out(instance: AgentInstance, health: Health | None) -> InstanceOut:
    how = HealthOut.model_validate(health) if health and instance.status != "archived" else None
    return InstanceOut(**instance.model_dump(), definition=instance.definition_slug, health=how)


def _trigger_out(here: Here, trigger: Trigger) -> TriggerOut:
    shown = trigger.hook_path and here.who.role != "viewer"
    return TriggerOut(
        **trigger.model_dump(),
        hook=f"/hooks/{trigger.hook_path}" if shown else None,
        next_times=here.application.triggers.next_times(trigger),
    )
