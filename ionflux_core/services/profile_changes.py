"""Changes of brands and creators, each written together with its line of history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ionflux_core.domain.workspaces import Brand, BrandDraft, Creator, CreatorDraft, ProfileChange
from ionflux_core.limits import PAGE_ROWS
from ionflux_core.storage import audit
from ionflux_core.storage import workspaces as rows
from ionflux_core.storage.engine import Connection, dump_json

_SAID_CHARS = 300


@dataclass(frozen=True, slots=True)
class Kind:
    """Brands or creators: what they are called, and how their rows are written."""

    name: str
    insert: Callable[[Connection, dict[str, Any]], bool]
    save: Callable[..., bool]

    def add(self, connection: Connection, row: dict[str, Any], by: str) -> bool:
        """Insert a profile; False when its name is taken."""
        if not self.insert(connection, row):
            return False
        self._note(connection, row["workspace_id"], row["id"], row["created_at"], by, "created")
        return True

    def replace(
        self,
        connection: Connection,
        old: Brand | Creator,
        draft: BrandDraft | CreatorDraft,
        expected: datetime | None,
        by: str,
        at: datetime,
    ) -> bool:
        """Put a draft in the place of a profile; False when that is gone or has been saved since `expected`."""
        values = {"name": draft.name, "profile": draft.model_dump(mode="json", exclude={"name"})}
        if not self.save(connection, old.workspace_id, old.id, at, expected=expected, **values):
            return False
        changed = {"changed": differences(old, draft)}
        self._note(connection, old.workspace_id, old.id, at, by, "saved", changed)
        return True

    def move(
        self, connection: Connection, workspace_id: str, profile_id: str, status: str, by: str, at: datetime
    ) -> bool:
        """Archive a profile or bring it back; False when it is not there."""
        if not self.save(connection, workspace_id, profile_id, at, status=status):
            return False
        self._note(connection, workspace_id, profile_id, at, by, status)
        return True

    def _note(
        self,
        connection: Connection,
        workspace_id: str,
        profile_id: str,
        at: datetime,
        by: str,
        action: str,
        details: dict[str, Any] | None = None,
    ) -> None:
        audit.note(
            connection,
            workspace_id,
            at=at,
            who=by,
            action=action,
            entity=self.name,
            entity_id=profile_id,
            details=details,
        )


BRAND = Kind("brand", rows.insert_brand, rows.save_brand)
CREATOR = Kind("creator", rows.insert_creator, rows.save_creator)


def differences(old: BrandDraft | CreatorDraft, draft: BrandDraft | CreatorDraft) -> dict[str, tuple[str, str]]:
    """What each field that a draft changes said before and says now, as text cut to 300 characters."""
    fields = type(draft).model_fields
    before, after = old.model_dump(mode="json", include=set(fields)), draft.model_dump(mode="json", include=set(fields))
    return {name: (_said(before[name]), _said(after[name])) for name in fields if before[name] != after[name]}


def lines(
    connection: Connection, workspace_id: str, profile_id: str, *, before: int | None, limit: int
) -> list[ProfileChange]:
    """Who changed what of a profile, newest first; `before` is the `seq` of the last one seen."""
    limit = max(1, min(limit, PAGE_ROWS + 1))
    return [
        ProfileChange(
            seq=line["seq"],
            at=line["at"],
            who=line["who"],
            action=line["action"],
            changed=line["details"].get("changed", {}),
        )
        for line in audit.find(connection, workspace_id, entity_id=profile_id, before=before, limit=limit)
    ]


def _said(value: Any) -> str:
    text = value if isinstance(value, str) else dump_json(value) if value else ""
    return text if len(text) <= _SAID_CHARS else f"{text[: _SAID_CHARS - 1]}…"
