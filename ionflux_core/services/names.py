"""Names as people know them: of agents, instances, brands and channels, for rows that hold ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ionflux_core.errors import NotFound
from ionflux_core.storage import agents, chat, workspaces
from ionflux_core.storage.engine import Database

if TYPE_CHECKING:
    from ionflux_core.catalog.loader import Catalog

REMOVED = "Removed agent"
NO_INSTANCE = "Not from a configured agent"


class Names:
    """Looks names up in one go for many rows."""

    def __init__(self, db: Database, catalog: Catalog) -> None:
        self._db = db
        self._catalog = catalog

    def instances(self, workspace_id: str) -> dict[str | None, str]:
        """Every instance's name by its id, archived ones too."""
        with self._db.read() as connection:
            return {each.id: each.name for each in agents.find_instances(connection, workspace_id, archived=True)}

    def brands(self, workspace_id: str) -> dict[str | None, str]:
        """Every brand's name by its id, archived ones too."""
        with self._db.read() as connection:
            return {each.id: each.name for each in workspaces.find_brands(connection, workspace_id, archived=True)}

    def channels(self, workspace_id: str) -> dict[str | None, str]:
        """Every channel's name by its id."""
        with self._db.read() as connection:
            return {each.id: f"#{each.name}" for each in chat.channels(connection, workspace_id)}

    def agent(self, slug: str) -> str:
        """An agent's name; its slug when its folder is gone."""
        try:
            return self._catalog.definition(slug).name
        except NotFound:
            return slug

    def labels(self, workspace_id: str, by: str, keys: set[str | None]) -> dict[str | None, str]:
        """What rows with these keys are called on screen."""
        if by == "agent":
            return {key: self.agent(key) if key else "No run" for key in keys}
        if by == "instance":
            known = self.instances(workspace_id)
            return {key: known.get(key, REMOVED) if key else NO_INSTANCE for key in keys}
        if by == "brand":
            known = self.brands(workspace_id)
            return {key: known.get(key, "Removed brand") if key else "No brand" for key in keys}
        if by == "channel":
            known = self.channels(workspace_id)
            return {key: known.get(key, "Removed channel") for key in keys}
        return {key: "No run" if key is None else _word(key) if by in _WORDS else key for key in keys}


# Dimensions whose keys are our own words; codes, models and types stay as they are.
_WORDS = ("method", "kind", "status", "trigger", "sender")


def _word(key: str) -> str:
    return key.replace("_", " ").capitalize()
