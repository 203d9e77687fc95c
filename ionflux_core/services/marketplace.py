"""The marketplace: agent definitions as their manifests state them."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic_core import to_json

from ionflux_core.catalog.configuration import prefill
from ionflux_core.catalog.loader import BrokenFolder, Catalog
from ionflux_core.catalog.manifest import configuration_schema
from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.ids import now
from ionflux_core.storage import agents as rows
from ionflux_core.storage.engine import Database


class Marketplace:
    """Use-cases around definitions."""

    def __init__(self, db: Database, catalog: Catalog) -> None:
        self._db = db
        self._catalog = catalog

    def register(self) -> int:
        """Bring the table of definitions up to the manifests; how many were new or changed."""
        at = now()
        with self._db.read() as connection:
            known = rows.registered(connection)
        fresh = []
        for definition in self._catalog.definitions():
            manifest = definition.model_dump(mode="json")
            sha256 = hashlib.sha256(to_json(manifest)).hexdigest()
            if known.get(definition.id) != sha256:
                fresh.append(
                    {
                        "id": definition.id,
                        "slug": definition.slug,
                        "name": definition.name,
                        "version": definition.version,
                        "definition_status": definition.status,
                        "manifest": manifest,
                        "manifest_sha256": sha256,
                        "created_at": at,
                        "updated_at": at,
                    }
                )
        if fresh:
            self._db.write(lambda connection: rows.register(connection, fresh))
        return len(fresh)

    def definitions(self) -> list[AgentDefinition]:
        """Every definition there is, for the names of what has run."""
        return self._catalog.definitions()

    def offered(self) -> list[AgentDefinition]:
        """The definitions a person may take; without those that are parts of the program itself."""
        return [definition for definition in self._catalog.definitions() if definition.listed]

    def definition(self, name: str) -> AgentDefinition:
        """A definition by slug, id or alias."""
        return self._catalog.definition(name)

    def schema(self, name: str) -> dict[str, Any]:
        """The JSON Schema of an instance's YAML, for completion in the editor."""
        return configuration_schema(self._catalog.definition(name))

    def prefill(self, name: str) -> str:
        """The commented YAML a new instance starts with."""
        return prefill(self._catalog.definition(name))

    def sample(self, name: str) -> dict[str, Any] | None:
        """Inputs to try a definition with, and what to expect of them."""
        return self._catalog.sample(name)

    def broken(self) -> tuple[BrokenFolder, ...]:
        """Folders whose manifest cannot be used, and why."""
        return self._catalog.problems

    def tags(self) -> list[str]:
        """Every tag in use, by name."""
        return sorted({tag for definition in self.offered() for tag in definition.tags})
