"""Saved views: kept, renamed, deleted, and which one a person begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.views import SavedView, ViewDraft
from ionflux_core.errors import Conflict, LimitExceeded, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.workspaces import checked_name, validated
from ionflux_core.storage import audit, notifications
from ionflux_core.storage import views as rows
from ionflux_core.storage.engine import Connection, Database

_PREFERENCE = "first_views"


class Views:
    """Use-cases around saved views."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def find(self, workspace_id: str, page: str | None = None) -> list[SavedView]:
        """Views of a workspace by name, of one page where one is given."""
        with self._db.glance() as connection:
            return rows.find(connection, workspace_id, page)

    def get(self, workspace_id: str, view_id: str) -> SavedView:
        """One view; NotFound when it is not there."""
        with self._db.glance() as connection:
            found = rows.get(connection, workspace_id, view_id)
        if found is None:
            raise NotFound("There is no such view.", hint="Choose one from the list, or save one.")
        return found

    def create(self, workspace_id: str, draft: ViewDraft | Mapping[str, Any], *, by: str | None = None) -> SavedView:
        """Keep a view; Conflict when its name is taken on that page."""
        checked, at = validated(ViewDraft, draft, "view"), now()
        row = {
            **checked.model_dump(),
            "id": new_id(),
            "workspace_id": workspace_id,
            "name": checked_name(checked.name, "view"),
            "created_by": by,
            "created_at": at,
            "updated_at": at,
        }

        def work(connection: Connection) -> None:
            if len(rows.find(connection, workspace_id, checked.page)) >= limits.VIEWS:
                raise LimitExceeded(f"A page has at most {limits.VIEWS} views.", hint="Delete one first.")
            if not rows.insert(connection, row):
                raise _taken(row["name"])
            audit.note(
                connection, workspace_id, at=at, who=by, action="created", entity="view", entity_id=row["id"],
                details={"name": row["name"], "page": checked.page},
            )  # fmt: skip

        self._db.write(work)
        return self.get(workspace_id, row["id"])

    def rename(self, workspace_id: str, view_id: str, name: str, *, by: str | None = None) -> SavedView:
        """Give a view another name; Conflict when it is taken."""
        self._save(workspace_id, view_id, by, "renamed", name=checked_name(name, "view"))
        return self.get(workspace_id, view_id)

    def keep(
        self, workspace_id: str, view_id: str, parameters: Mapping[str, str], *, by: str | None = None
    ) -> SavedView:
        """Let a view be what the address says now."""
        view = self.get(workspace_id, view_id)
        draft = {"page": view.page, "name": view.name, "parameters": dict(parameters)}
        checked = validated(ViewDraft, draft, "view")
        self._save(workspace_id, view_id, by, "changed", parameters=checked.parameters)
        return self.get(workspace_id, view_id)

    def delete(self, workspace_id: str, view_id: str, *, by: str | None = None) -> None:
        """Take a view away; Conflict while a digest tells of it."""
        at = now()

        def work(connection: Connection) -> None:
            used = rows.digests_of(connection, workspace_id, view_id)
            if used:
                raise Conflict(f"The digest {used[0]!r} tells of this view.", hint="Change or delete the digest first.")
            if not rows.remove(connection, workspace_id, view_id):
                raise NotFound("There is no such view.", hint="Reload the page: somebody has deleted it.")
            audit.note(connection, workspace_id, at=at, who=by, action="deleted", entity="view", entity_id=view_id)

        self._db.write(work)

    def first(self, workspace_id: str, page: str, user_id: str) -> SavedView | None:
        """The view a person begins a page with; None when they chose none, or it is gone."""
        with self._db.read() as connection:
            chosen = _chosen(connection, user_id).get(_place(workspace_id, page))
            return rows.get(connection, workspace_id, chosen) if isinstance(chosen, str) else None

    def begin_with(self, workspace_id: str, page: str, user_id: str, view_id: str | None) -> None:
        """Choose the view a person begins a page with; None for the page as it is."""
        if view_id is not None:
            self.get(workspace_id, view_id)

        def work(connection: Connection) -> None:
            others = {
                place: each
                for place, each in _chosen(connection, user_id).items()
                if place != _place(workspace_id, page)
            }
            value = others if view_id is None else {**others, _place(workspace_id, page): view_id}
            if not notifications.save_preference(connection, user_id, _PREFERENCE, value, now()):
                raise NotFound("There is no such person.", hint="Reload the page: somebody may have removed them.")

        self._db.write(work)

    def _save(self, workspace_id: str, view_id: str, by: str | None, action: str, **values: Any) -> None:
        at = now()

        def work(connection: Connection) -> None:
            view, name = rows.get(connection, workspace_id, view_id), values.get("name")
            others = rows.find(connection, workspace_id, view.page) if view and name else []
            if any(each.name == name and each.id != view_id for each in others):
                raise _taken(str(name))
            if not rows.save(connection, workspace_id, view_id, **values, updated_at=at):
                raise NotFound("There is no such view.", hint="Reload the page: somebody has deleted it.")
            audit.note(connection, workspace_id, at=at, who=by, action=action, entity="view", entity_id=view_id)

        self._db.write(work)


def _chosen(connection: Connection, user_id: str) -> dict[str, Any]:
    kept = notifications.preferences(connection, user_id).get(_PREFERENCE)
    return kept if isinstance(kept, dict) else {}


def _place(workspace_id: str, page: str) -> str:
    return f"{workspace_id}:{page}"


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a view {name!r} already.", hint="Choose another name.")
