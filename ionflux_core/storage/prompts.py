"""Rows of prompt libraries, prompts and their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, cast, or_, select, update

from ionflux_core.domain.prompts import Prompt, PromptLibrary, PromptUse, PromptVersion
from ionflux_core.storage.tables import (
    agent_configurations,
    canvas_blocks,
    canvas_pages,
    prompt_libraries,
    prompt_versions,
    prompts,
)
from ionflux_core.storage.writes import insert_new


def insert_library(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert a library; False when its name is taken in the workspace."""
    return insert_new(connection, prompt_libraries, row)


def libraries(connection: Connection, workspace_id: str, *, archived: bool) -> list[PromptLibrary]:
    """Libraries of a workspace by name; archived ones only when asked for."""
    query = select(prompt_libraries).where(prompt_libraries.c.workspace_id == workspace_id)
    if not archived:
        query = query.where(prompt_libraries.c.status == "active")
    return [
        PromptLibrary.model_validate(row._asdict())
        for row in connection.execute(query.order_by(prompt_libraries.c.name, prompt_libraries.c.id))
    ]


def save_library(connection: Connection, workspace_id: str, library_id: str, **values: Any) -> bool:
    """Change columns of a library; False when it is not there."""
    mine = prompt_libraries.c.id == library_id, prompt_libraries.c.workspace_id == workspace_id
    return bool(connection.execute(update(prompt_libraries).where(*mine).values(**values)).rowcount == 1)


def insert(connection: Connection, row: dict[str, Any], message: str) -> bool:
    """Insert a prompt with its first version; False when its name is taken in the library."""
    if not insert_new(connection, prompts, row):
        return False
    insert_version(connection, row, message, row["created_at"])
    return True


def insert_version(connection: Connection, row: dict[str, Any], message: str, at: datetime) -> None:
    """Keep a prompt as it stands."""
    names = ("workspace_id", "version", "name", "text", "variables", "tags", "author")
    kept = {name: row[name] for name in names} | {"prompt_id": row["id"], "message": message, "created_at": at}
    connection.execute(prompt_versions.insert(), kept)


def save(
    connection: Connection, workspace_id: str, prompt_id: str, *, expected: int | None = None, **values: Any
) -> bool:
    """Change columns of a prompt; False when it is not there, or not at the version that was expected."""
    query = update(prompts).where(prompts.c.id == prompt_id, prompts.c.workspace_id == workspace_id)
    if expected is not None:
        query = query.where(prompts.c.version == expected)
    return bool(connection.execute(query.values(**values)).rowcount == 1)


def get(connection: Connection, workspace_id: str, prompt_id: str) -> Prompt | None:
    """One prompt of a workspace."""
    query = select(prompts).where(prompts.c.id == prompt_id, prompts.c.workspace_id == workspace_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else Prompt.model_validate(row._asdict())


def name_is_taken(connection: Connection, library_id: str, name: str, *, besides: str = "") -> bool:
    """Whether another prompt of a library is called so."""
    query = select(prompts.c.id).where(prompts.c.library_id == library_id, prompts.c.name == name)
    return connection.execute(query.where(prompts.c.id != besides)).first() is not None


def find(
    connection: Connection,
    workspace_id: str,
    *,
    library_id: str | None,
    text: str,
    archived: bool,
    after: tuple[str, str] | None,
    limit: int,
) -> list[Prompt]:
    """Prompts by name behind a (name, id); those whose name, text or tags hold a text, when one is given.

    What is archived, or lies in an archived library, comes only when asked for.
    """
    query = select(prompts).where(prompts.c.workspace_id == workspace_id)
    if library_id:
        query = query.where(prompts.c.library_id == library_id)
    elif not archived:
        in_use = select(prompt_libraries.c.id).where(
            prompt_libraries.c.workspace_id == workspace_id, prompt_libraries.c.status == "active"
        )
        query = query.where(prompts.c.library_id.in_(in_use))
    if not archived:
        query = query.where(prompts.c.status == "active")
    if text:
        holds = [column.icontains(text, autoescape=True) for column in (prompts.c.name, prompts.c.text)]
        query = query.where(or_(*holds, cast(prompts.c.tags, String).icontains(text, autoescape=True)))
    if after:
        name, seen = after
        query = query.where(or_(prompts.c.name > name, (prompts.c.name == name) & (prompts.c.id > seen)))
    return [
        Prompt.model_validate(row._asdict())
        for row in connection.execute(query.order_by(prompts.c.name, prompts.c.id).limit(limit))
    ]


def uses(connection: Connection, workspace_id: str, prompt_id: str, limit: int) -> list[PromptUse]:
    """Pages in use whose blocks hold this prompt, then agents whose configuration names it."""
    blocks, pages, agents = canvas_blocks, canvas_pages, agent_configurations
    on_pages = (
        select(pages.c.id, pages.c.title, blocks.c.name)
        .join(blocks, blocks.c.page_id == pages.c.id)
        .where(pages.c.workspace_id == workspace_id, pages.c.status == "active")
        .where(blocks.c.type == "prompt", blocks.c.deleted_at.is_(None))
        .where(cast(blocks.c.content, String).contains(prompt_id, autoescape=True))
        .order_by(pages.c.title, blocks.c.name)
    )
    by_agents = (
        select(agents.c.id, agents.c.name)
        .where(agents.c.workspace_id == workspace_id, agents.c.status != "archived")
        .where(agents.c.yaml_config_text.contains(prompt_id, autoescape=True))
        .order_by(agents.c.name)
    )
    found = [
        PromptUse(kind="page", id=row[0], title=row[1], part=row[2])
        for row in connection.execute(on_pages.limit(limit))
    ]
    named = connection.execute(by_agents.limit(limit))
    return (found + [PromptUse(kind="agent", id=row[0], title=row[1]) for row in named])[:limit]


def versions(
    connection: Connection, workspace_id: str, prompt_id: str, *, offset: int, limit: int
) -> list[PromptVersion]:
    """Versions of a prompt, newest first."""
    query = select(prompt_versions).where(
        prompt_versions.c.prompt_id == prompt_id, prompt_versions.c.workspace_id == workspace_id
    )
    query = query.order_by(prompt_versions.c.version.desc()).offset(offset).limit(limit)
    return [_version(row._asdict()) for row in connection.execute(query)]


def version(connection: Connection, workspace_id: str, prompt_id: str, number: int) -> PromptVersion | None:
    """A prompt as it was in one version."""
    query = select(prompt_versions).where(
        prompt_versions.c.prompt_id == prompt_id,
        prompt_versions.c.workspace_id == workspace_id,
        prompt_versions.c.version == number,
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _version(row._asdict())


def _version(row: dict[str, Any]) -> PromptVersion:
    return PromptVersion.model_validate({name: value for name, value in row.items() if name != "workspace_id"})
