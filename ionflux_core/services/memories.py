"""What agents remember, for the people they work for: seen, searched and forgotten in the agent's own page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ionflux_core.domain.agents import MemoryConfig
from ionflux_core.errors import NotFound
from ionflux_core.ids import now
from ionflux_core.limits import PAGE_ROWS
from ionflux_core.services.agents import Agents
from ionflux_core.services.marketplace import Marketplace
from ionflux_core.storage import audit
from ionflux_core.storage.engine import Database

if TYPE_CHECKING:
    from ionflux_core.memory import Memory, Namespace, Recalled, Remembered

_BRACES = re.compile(r"\{\{.*?\}\}")


class Memories:
    """Use-cases around the vector memory of one agent instance.

    A namespace is the instance's when its name fits the template of the agent's manifest; parts that are filled in at
    run time may be anything. Two instances of one agent that share a template share what they remember.
    """

    def __init__(self, db: Database, memory: Callable[[], Memory], agents: Agents, marketplace: Marketplace) -> None:
        self._db = db
        self._memory = memory
        self._agents = agents
        self._marketplace = marketplace

    def of_instance(self, workspace_id: str, instance_id: str) -> list[Namespace]:
        """The namespaces of an instance, by name and embedder, with how much lies in each; empty without a memory."""
        instance = self._agents.get(workspace_id, instance_id)
        config = self._marketplace.definition(instance.definition_slug).memory
        if config.namespace is None:
            return []
        pattern = _pattern(config, workspace_id, instance_id)
        return [each for each in self._memory().namespaces(workspace_id) if pattern.fullmatch(each.name)]

    def browse(
        self, workspace_id: str, instance_id: str, name: str, embedder: str, *,
        containing: str = "", offset: int = 0, limit: int = 25,
    ) -> list[Remembered]:  # fmt: skip
        """A page of what lies in a namespace of an instance; with `containing` the texts that hold these letters."""
        found = self._named(workspace_id, instance_id, name, embedder)
        return self._memory().browse(
            workspace_id, found.name, embedder=found.embedder, containing=containing, offset=offset, limit=limit
        )

    def search(self, workspace_id: str, instance_id: str, name: str, question: str, limit: int = 10) -> list[Recalled]:
        """The texts most like a question, as the agent would recall them with the offline embedder."""
        from ionflux_core.memory import OFFLINE

        found = self._named(workspace_id, instance_id, name, OFFLINE.id)
        return self._memory().recall(workspace_id, found.name, question, min(limit, PAGE_ROWS))

    def forget(
        self, workspace_id: str, instance_id: str, name: str, embedder: str, ids: Sequence[str] | None, *, by: str
    ) -> None:
        """Forget these texts of a namespace, or with None all of them, for good; who did it is noted."""
        found = self._named(workspace_id, instance_id, name, embedder)
        self._memory().forget(workspace_id, found.name, ids, embedder=found.embedder)
        told: dict[str, Any] = {"namespace": name, "texts": found.count if ids is None else len(ids)}

        def work(connection: Any) -> None:
            audit.note(
                connection, workspace_id, at=now(), who=by, action="forgotten", entity="memory",
                entity_id=instance_id, details=told,
            )  # fmt: skip

        self._db.write(work)

    def _named(self, workspace_id: str, instance_id: str, name: str, embedder: str) -> Namespace:
        for each in self.of_instance(workspace_id, instance_id):
            if (each.name, each.embedder) == (name, embedder):
                return each
        raise NotFound("This agent remembers nothing under that name.", hint="Reload the page.")


def _pattern(config: MemoryConfig, workspace_id: str, instance_id: str) -> re.Pattern[str]:
    filled = config.fill({"workspace_id": workspace_id, "instance_id": instance_id})
    fixed = [re.escape(part) for part in _BRACES.split(filled)]
    return re.compile(".+".join(fixed), re.DOTALL)
