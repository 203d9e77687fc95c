"""Everyone and everything that a message can name: people, instances, pages, brands, creators."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, literal, select, union_all

from ionflux_core.domain.chat import Mention
from ionflux_core.storage.tables import agent_configurations, brands, canvas_pages, creators, memberships, users


class Person(NamedTuple):
    """Someone who belongs to a workspace."""

    id: str
    name: str
    role: str


def people(connection: Connection, workspace_id: str) -> list[Person]:
    """The members of a workspace by name."""
    query = (
        select(users.c.id, users.c.name, memberships.c.role)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(memberships.c.workspace_id == workspace_id)
        .order_by(users.c.name, users.c.id)
    )
    return [Person(row.id, row.name, row.role) for row in connection.execute(query)]


def nameable(connection: Connection, workspace_id: str) -> list[Mention]:
    """Everything that is there and has a name, archived things left out."""
    parts = [
        _named("agent", agent_configurations, agent_configurations.c.name, workspace_id),
        _named("page", canvas_pages, canvas_pages.c.title, workspace_id),
        _named("brand", brands, brands.c.name, workspace_id),
        _named("creator", creators, creators.c.name, workspace_id),
    ]
    everyone = [Mention(kind="user", id=each.id, name=each.name) for each in people(connection, workspace_id)]
    found = connection.execute(union_all(*parts))
    return everyone + [Mention(kind=row.kind, id=row.id, name=row.name) for row in found]


def _named(kind: str, table: Any, name: Any, workspace_id: str) -> Any:
    query = select(literal(kind).label("kind"), table.c.id.label("id"), name.label("name"))
    return query.where(table.c.workspace_id == workspace_id, table.c.status.not_in(("archived", "template_draft")))
