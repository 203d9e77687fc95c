"""Rows of agent definitions, configured instances and their saved versions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select, update

from ionflux_core.domain.agents import AgentInstance, InstanceVersion
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.statements import Query
from ionflux_core.storage.tables import (
    agent_configuration_versions,
    agent_configurations,
    agent_definitions,
    workspaces,
)
from ionflux_core.storage.writes import insert_new, upsert

COLUMNS = {
    "id": agent_configurations.c.id,
    "workspace_id": agent_configurations.c.workspace_id,
    "definition_slug": agent_configurations.c.definition_slug,
    "definition_version": agent_configurations.c.definition_version,
    "name": agent_configurations.c.name,
    "description": agent_configurations.c.description_text,
    "yaml": agent_configurations.c.yaml_config_text,
    "version": agent_configurations.c.version,
    "status": agent_configurations.c.status,
    "status_reason": agent_configurations.c.status_reason,
    "brand_id": agent_configurations.c.brand_id,
    "namespace": agent_configurations.c.resolved_memory_namespace,
    "consecutive_failures": agent_configurations.c.consecutive_failures,
    "last_run": agent_configurations.c.last_run_summary,
    "created_at": agent_configurations.c.created_at,
    "updated_at": agent_configurations.c.updated_at,
}
_instances = select(*(column.label(name) for name, column in COLUMNS.items()))
_in_workspace = agent_configurations.c.workspace_id == bindparam("workspace")
_by_id = Query(_instances.where(agent_configurations.c.id == bindparam("instance"), _in_workspace))
_names = select(agent_configurations.c.id, agent_configurations.c.name).where(_in_workspace)
_by_target = Query(
    _instances.where(
        or_(
            agent_configurations.c.id == bindparam("target"),
            func.lower(agent_configurations.c.name) == bindparam("name"),
        ),
        _in_workspace,
    ).order_by((agent_configurations.c.id == bindparam("target")).desc())
)
_note_run = Query(
    update(agent_configurations)
    .where(agent_configurations.c.id == bindparam("instance"))
    .values(
        last_run_summary=bindparam("summary", type_=agent_configurations.c.last_run_summary.type),
        consecutive_failures=agent_configurations.c.consecutive_failures * bindparam("kept") + bindparam("failed"),
    )
    .returning(agent_configurations.c.consecutive_failures)
)


def register(connection: Connection, rows: Iterable[dict[str, Any]]) -> int:
    """Insert or update definitions by id; repeatable."""
    return upsert(connection, agent_definitions, rows, key=("id",), keep=("created_at",))


def registered(connection: Connection) -> dict[str, str]:
    """The manifest hash of every registered definition, by id."""
    query = select(agent_definitions.c.id, agent_definitions.c.manifest_sha256)
    return {row.id: row.manifest_sha256 for row in connection.execute(query)}


def insert_instance(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert an instance; False when its name is taken in the workspace, whatever the case of its letters."""
    if _holder_of_name(connection, row["workspace_id"], row["name"]) is not None:
        return False
    return insert_new(connection, agent_configurations, row)


def rename_instance(connection: Connection, instance: AgentInstance, at: datetime, **values: Any) -> bool:
    """Give an instance another name or description; False when another one has that name."""
    holder = _holder_of_name(connection, instance.workspace_id, values["name"])
    if holder is not None and holder.id != instance.id:
        return False
    return save_instance(connection, instance.workspace_id, instance.id, at, **values)


def _holder_of_name(connection: Connection, workspace_id: str, name: str) -> AgentInstance | None:
    # The table's own key tells "One" from "one", so on PostgreSQL a workspace lets in one namer at a time; SQLite has
    # one writer anyway and knows no such lock.
    connection.execute(select(workspaces.c.id).where(workspaces.c.id == workspace_id).with_for_update(key_share=True))
    return instance_by_name(connection, workspace_id, name)


def get_instance(connection: Connection, workspace_id: str, instance_id: str) -> AgentInstance | None:
    """One instance of a workspace."""
    row = _by_id.first(connection, {"instance": instance_id, "workspace": workspace_id})
    return None if row is None else _instance(row)


def instance_by_name(connection: Connection, workspace_id: str, name: str) -> AgentInstance | None:
    """The instance with this name, whatever the case of its letters."""
    # Compared here: the databases lower different letters, SQLite those of ASCII only.
    wanted = name.casefold()
    for row in connection.execute(_names, {"workspace": workspace_id}).all():
        if row.name.casefold() == wanted:
            return get_instance(connection, workspace_id, row.id)
    return None


def instance_by_target(connection: Connection, workspace_id: str, target: str) -> AgentInstance | None:
    """The instance with this id, else the one with this name."""
    values = {"target": target, "name": target.lower(), "workspace": workspace_id}
    row = _by_target.first(connection, values)
    return instance_by_name(connection, workspace_id, target) if row is None else _instance(row)


def find_instances(
    connection: Connection, workspace_id: str, *, archived: bool = False, definition_slug: str | None = None
) -> list[AgentInstance]:
    """Instances of a workspace by name; archived ones only when asked for."""
    query = _instances.where(agent_configurations.c.workspace_id == workspace_id)
    if not archived:
        query = query.where(agent_configurations.c.status != "archived")
    if definition_slug:
        query = query.where(agent_configurations.c.definition_slug == definition_slug)
    return [_instance(row) for row in connection.execute(query.order_by(agent_configurations.c.name))]


def save_instance(connection: Connection, workspace_id: str, instance_id: str, at: datetime, **values: Any) -> bool:
    """Change columns of an instance; False when it is not there."""
    statement = update(agent_configurations).where(
        agent_configurations.c.id == instance_id, agent_configurations.c.workspace_id == workspace_id
    )
    return bool(connection.execute(statement.values(updated_at=at, **values)).rowcount == 1)


def replace_yaml(
    connection: Connection, instance_id: str, *, expected_version: int, at: datetime, **values: Any
) -> bool:
    """Save a new version of an instance; False when someone saved another meanwhile."""
    statement = update(agent_configurations).where(
        agent_configurations.c.id == instance_id, agent_configurations.c.version == expected_version
    )
    return bool(
        connection.execute(statement.values(version=expected_version + 1, updated_at=at, **values)).rowcount == 1
    )


def add_version(connection: Connection, row: dict[str, Any]) -> None:
    """Keep a saved text of an instance."""
    connection.execute(agent_configuration_versions.insert(), row)


def versions(connection: Connection, instance_id: str) -> list[InstanceVersion]:
    """Saved texts of an instance, newest first."""
    table = agent_configuration_versions
    query = select(table).where(table.c.instance_id == instance_id).order_by(table.c.version.desc())
    return [
        InstanceVersion(
            instance_id=row.instance_id,
            version=row.version,
            yaml=row.yaml_config_text,
            author=row.author,
            message=row.message,
            created_at=row.created_at,
        )
        for row in connection.execute(query)
    ]


def note_run(connection: Connection, instance_id: str, *, summary: dict[str, Any], failed: bool | None) -> int:
    """Keep the last run with its instance; how many runs in a row have failed now (`failed` None leaves the count)."""
    counts = {"kept": 0 if failed is False else 1, "failed": 1 if failed else 0}
    values = {"instance": instance_id, "summary": summary, **counts}
    return _note_run.value(connection, values) or 0


def stop_instance(connection: Connection, instance_id: str, at: datetime, reason: str) -> bool:
    """Stop an active instance until a person has looked; False when it is not active."""
    statement = update(agent_configurations).where(
        agent_configurations.c.id == instance_id, agent_configurations.c.status == "active"
    )
    values = {"status": "error_requires_review", "status_reason": reason, "updated_at": at}
    return bool(connection.execute(statement.values(**values)).rowcount == 1)


def _instance(row: AnyRow) -> AgentInstance:
    return AgentInstance.model_validate(row._asdict())
