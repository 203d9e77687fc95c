"""What is marked on charts: people's own notes, changed configurations and incidents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.annotations import ChartNote, Mark, NoteDraft
from ionflux_core.errors import LimitExceeded, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.workspaces import validated
from ionflux_core.storage import agents, audit
from ionflux_core.storage import annotations as rows
from ionflux_core.storage.engine import Connection, Database


class Annotations:
    """Use-cases around marks."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def marks(
        self,
        workspace_id: str,
        since: datetime,
        until: datetime,
        *,
        instance_id: str | None = None,
        definition_slug: str | None = None,
        brand_id: str | None = None,
    ) -> list[Mark]:
        """Everything marked in a period, oldest first and the newest 200 at most.

        Narrowed to agents, what is about another agent is left out; what is about none stays.
        """
        at_most = limits.MARKS
        with self._db.read() as connection:
            own = [_of_note(each) for each in rows.notes(connection, workspace_id, since, until, at_most)]
            saved = rows.versions_saved(connection, workspace_id, since, until, at_most)
            opened = rows.incidents_opened(connection, workspace_id, since, until, at_most)
            wanted: set[str] | None = {instance_id} if instance_id else None
            if wanted is None and (definition_slug or brand_id):
                wanted = rows.instances_of(connection, workspace_id, definition_slug=definition_slug, brand_id=brand_id)
        found = [
            each
            for each in (*own, *saved, *opened)
            if wanted is None or each.instance_id is None or each.instance_id in wanted
        ]
        return sorted(found, key=lambda each: (each.at, each.kind, each.id))[-at_most:]

    def note(self, workspace_id: str, draft: NoteDraft | Mapping[str, Any], *, by: str | None = None) -> ChartNote:
        """Write a note on the charts."""
        checked, at = validated(NoteDraft, draft, "note"), now()
        row = {
            **checked.model_dump(), "id": new_id(), "workspace_id": workspace_id, "created_by": by, "created_at": at,
        }  # fmt: skip

        def work(connection: Connection) -> None:
            if rows.count(connection, workspace_id) >= limits.NOTES:
                raise LimitExceeded(f"A workspace has at most {limits.NOTES} notes.", hint="Delete an old one first.")
            if checked.instance_id and agents.get_instance(connection, workspace_id, checked.instance_id) is None:
                raise NotFound("There is no such agent.", hint="Choose one from the list.")
            rows.insert(connection, row)

        self._db.write(work)
        return ChartNote.model_validate(row)

    def get(self, workspace_id: str, note_id: str) -> ChartNote:
        """One note; NotFound when it is not there."""
        with self._db.glance() as connection:
            found = rows.get(connection, workspace_id, note_id)
        if found is None:
            raise NotFound("There is no such note.", hint="Reload the page: somebody has deleted it.")
        return found

    def delete(self, workspace_id: str, note_id: str, *, by: str | None = None) -> None:
        """Take a note off the charts."""
        found = self.get(workspace_id, note_id)

        def work(connection: Connection) -> None:
            if not rows.remove(connection, workspace_id, note_id):
                raise NotFound("There is no such note.", hint="Reload the page: somebody has deleted it.")
            audit.note(
                connection, workspace_id, at=now(), who=by, action="deleted", entity="chart_note", entity_id=note_id,
                details={"words": found.words},
            )  # fmt: skip

        self._db.write(work)


def _of_note(note: ChartNote) -> Mark:
    return Mark(kind="note", id=note.id, at=note.at, words=note.words, instance_id=note.instance_id)
