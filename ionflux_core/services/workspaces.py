"""Workspaces, their settings, their brands and creators."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError

from ionflux_core.domain.workspaces import (
    Brand,
    BrandDraft,
    Creator,
    CreatorDraft,
    ProfileChange,
    ProfileStatus,
    User,
    Workspace,
    WorkspaceSettings,
)
from ionflux_core.errors import Conflict, Invalid, IonfluxError, NotFound, Problem
from ionflux_core.ids import new_id, now
from ionflux_core.limits import NAME_CHARS
from ionflux_core.services import profile_changes
from ionflux_core.storage import audit
from ionflux_core.storage import workspaces as rows
from ionflux_core.storage.engine import Connection, Database

OWNER_EMAIL = "owner@localhost"
_CACHE_SECONDS = 2.0
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
P = TypeVar("P", Brand, Creator)


class Workspaces:
    """Use-cases around workspaces; reads that every run needs are kept for two seconds."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[float, Any]] = {}
        self.refuse_secrets: Callable[[str, Any, str], None] = lambda *_: None
        self.made: list[Callable[[str], None]] = []
        """What furnishes a new workspace, given its id."""

    def owner(self) -> User:
        """The local owner: who is signed in on loopback. Made at the first start."""
        with self._db.read() as connection:
            user = rows.user_by_email(connection, OWNER_EMAIL)
        if user is not None:
            return user
        at = now()
        row = {
            "id": new_id(),
            "email": OWNER_EMAIL,
            "name": "Local owner",
            "password_hash": None,
            "profile": {"preferences": {"theme": "dark", "notifications": "all"}},
            "created_at": at,
            "updated_at": at,
        }
        self._db.write(lambda connection: rows.insert_user(connection, row))
        return self.owner()

    def all(self) -> list[Workspace]:
        """The owner's workspaces, oldest first."""
        user = self.owner()
        with self._db.read() as connection:
            return rows.of_user(connection, user.id)

    def create(self, name: str, settings: WorkspaceSettings | None = None) -> Workspace:
        """A new workspace with default settings."""
        user, at = self.owner(), now()
        workspace_id, name = new_id(), checked_name(name, "workspace")
        row = {
            "id": workspace_id,
            "name": name,
            "owner_user_id": user.id,
            "settings": (settings or WorkspaceSettings()).model_dump(mode="json"),
            "status": "active",
            "created_at": at,
            "updated_at": at,
        }
        if any(existing.name.casefold() == name.casefold() for existing in self.all()):
            raise Conflict(f"There is a workspace {name!r} already.", hint="Choose another name.")
        self._db.write(lambda connection: rows.insert(connection, row))
        for furnish in self.made:
            furnish(workspace_id)
        return self.get(workspace_id)

    def get(self, workspace_id: str) -> Workspace:
        """One workspace; NotFound when it is not there."""
        found = self._cached("workspace", workspace_id, lambda: self._read_workspace(workspace_id))
        if found is None:
            raise NotFound("There is no such workspace.", hint="Choose one from the list.")
        return found

    def _read_workspace(self, workspace_id: str) -> Workspace | None:
        with self._db.read() as connection:
            return rows.get(connection, workspace_id)

    def media_sources(self) -> tuple[str, ...]:
        """The addresses that any workspace allows blocks to show pictures, films and frames from."""
        return self._cached("media", "", self._read_media)

    def _read_media(self) -> tuple[str, ...]:
        try:
            hosts = {host for workspace in self.all() for host in workspace.settings.media_allow}
        except IonfluxError:
            # An answer about a broken database must still go out.
            return ()
        return tuple(f"https://{host}" for host in sorted(hosts))

    def rename(self, workspace_id: str, name: str) -> Workspace:
        """Give a workspace another name."""
        return self._save(workspace_id, "renamed", name=checked_name(name, "workspace"))

    def save_settings(self, workspace_id: str, changes: Mapping[str, Any]) -> Workspace:
        """Merge changes deeply into the settings; Invalid when the result breaks a rule."""
        merged = _merged(self.get(workspace_id).settings.model_dump(mode="json"), changes)
        settings = validated(WorkspaceSettings, merged, "settings")
        return self._save(workspace_id, "settings", settings=settings.model_dump(mode="json"))

    def archive(self, workspace_id: str) -> None:
        """Put a workspace away; the last active one stays."""
        if len(self.all()) < 2:
            raise Conflict("The last workspace cannot be archived.", hint="Create another one first.")
        self._save(workspace_id, "archived", status="archived")

    def _save(self, workspace_id: str, action: str, **values: Any) -> Workspace:
        at = now()
        self.refuse_secrets(workspace_id, values, "What is to be saved")

        def work(connection: Connection) -> None:
            if not rows.save(connection, workspace_id, at, **values):
                raise NotFound("There is no such workspace.")
            audit.note(
                connection, workspace_id, at=at, who="owner", action=action, entity="workspace", entity_id=workspace_id
            )

        self._db.write(work)
        self.forget()
        return self.get(workspace_id)

    def brands(self, workspace_id: str, *, archived: bool = False) -> list[Brand]:
        """Brands of a workspace by name."""
        with self._db.read() as connection:
            return rows.find_brands(connection, workspace_id, archived=archived)

    def brand(self, workspace_id: str, brand_id: str) -> Brand:
        """One brand; NotFound when it is not there."""
        found = self._cached("brand", f"{workspace_id}/{brand_id}", lambda: self._read_brand(workspace_id, brand_id))
        if found is None:
            raise NotFound("There is no such brand.", hint="Choose one from the list.")
        return found

    def brand_or_none(self, workspace_id: str, brand_id: str) -> Brand | None:
        """One brand, or None when it is gone."""
        return self._cached("brand", f"{workspace_id}/{brand_id}", lambda: self._read_brand(workspace_id, brand_id))

    def _read_brand(self, workspace_id: str, brand_id: str) -> Brand | None:
        with self._db.read() as connection:
            return rows.brand(connection, workspace_id, brand_id)

    def add_brand(self, workspace_id: str, draft: BrandDraft | Mapping[str, Any], *, by: str = "owner") -> Brand:
        """A new brand; Conflict when its name is taken."""
        checked = validated(BrandDraft, draft, "brand")
        row = self._new_profile(workspace_id, checked)
        if not self._db.write(lambda connection: profile_changes.BRAND.add(connection, row, by)):
            raise _taken("brand", checked.name)
        return self.brand(workspace_id, row["id"])

    def save_brand(
        self,
        workspace_id: str,
        brand_id: str,
        draft: BrandDraft | Mapping[str, Any],
        *,
        expected: datetime | None = None,
        by: str = "owner",
    ) -> Brand:
        """Replace what a person edits of a brand; Conflict when saved by others since `expected`, its updated_at."""
        checked = validated(BrandDraft, draft, "brand")
        old, others = _one_and_others(self.brands(workspace_id, archived=True), brand_id, "brand")
        self._replace(profile_changes.BRAND, old, others, checked, expected, by)
        return self.brand(workspace_id, brand_id)

    def set_brand_status(self, workspace_id: str, brand_id: str, status: str, *, by: str = "owner") -> None:
        """Archive a brand or bring it back (status `archived` or `active`)."""
        self._set_status(profile_changes.BRAND, workspace_id, brand_id, status, by)

    def creators(self, workspace_id: str, *, archived: bool = False) -> list[Creator]:
        """Creators of a workspace by name."""
        with self._db.read() as connection:
            return rows.find_creators(connection, workspace_id, archived=archived)

    def creator(self, workspace_id: str, creator_id: str) -> Creator:
        """One creator; NotFound when it is not there."""
        with self._db.read() as connection:
            found = rows.creator(connection, workspace_id, creator_id)
        if found is None:
            raise NotFound("There is no such creator.", hint="Choose one from the list.")
        return found

    def add_creator(self, workspace_id: str, draft: CreatorDraft | Mapping[str, Any], *, by: str = "owner") -> Creator:
        """A new creator; Conflict when the name is taken."""
        checked = validated(CreatorDraft, draft, "creator")
        row = self._new_profile(workspace_id, checked)
        if not self._db.write(lambda connection: profile_changes.CREATOR.add(connection, row, by)):
            raise _taken("creator", checked.name)
        return self.creator(workspace_id, row["id"])

    def save_creator(
        self,
        workspace_id: str,
        creator_id: str,
        draft: CreatorDraft | Mapping[str, Any],
        *,
        expected: datetime | None = None,
        by: str = "owner",
    ) -> Creator:
        """Replace what a person edits of a creator; Conflict when saved by others since `expected`, its updated_at."""
        checked = validated(CreatorDraft, draft, "creator")
        old, others = _one_and_others(self.creators(workspace_id, archived=True), creator_id, "creator")
        self._replace(profile_changes.CREATOR, old, others, checked, expected, by)
        return self.creator(workspace_id, creator_id)

    def set_creator_status(self, workspace_id: str, creator_id: str, status: str, *, by: str = "owner") -> None:
        """Archive a creator or bring it back (status `archived` or `active`)."""
        self._set_status(profile_changes.CREATOR, workspace_id, creator_id, status, by)

    def profile_history(
        self, workspace_id: str, profile_id: str, *, before: int | None = None, limit: int = 20
    ) -> list[ProfileChange]:
        """Who changed what of a brand or creator, newest first; `before` is the `seq` of the last one seen."""
        with self._db.read() as connection:
            return profile_changes.lines(connection, workspace_id, profile_id, before=before, limit=limit)

    def _new_profile(self, workspace_id: str, draft: BrandDraft | CreatorDraft) -> dict[str, Any]:
        self.get(workspace_id)
        self.refuse_secrets(workspace_id, draft.model_dump(mode="json"), "The profile")
        at = now()
        return {
            "id": new_id(),
            "workspace_id": workspace_id,
            "name": draft.name,
            "profile": draft.model_dump(mode="json", exclude={"name"}),
            "status": "active",
            "created_at": at,
            "updated_at": at,
        }

    def _replace(
        self,
        kind: profile_changes.Kind,
        old: Brand | Creator,
        others: Sequence[Brand | Creator],
        draft: BrandDraft | CreatorDraft,
        expected: datetime | None,
        by: str,
    ) -> None:
        """Write a profile with its line of history; what changes nothing leaves none."""
        if any(other.name == draft.name for other in others):
            raise _taken(kind.name, draft.name)
        self.refuse_secrets(old.workspace_id, draft.model_dump(mode="json"), "The profile")
        if expected in (None, old.updated_at) and not profile_changes.differences(old, draft):
            return
        saved = self._db.write(lambda connection: kind.replace(connection, old, draft, expected, by, now()))
        self.forget()
        if not saved:
            raise Conflict(
                f"{old.name} was saved by somebody else meanwhile.",
                hint="Look at what they changed, then save yours over it or take theirs.",
                code="edited_elsewhere",
                current=old.model_dump(mode="json"),
            )

    def _set_status(self, kind: profile_changes.Kind, workspace_id: str, profile_id: str, status: str, by: str) -> None:
        if status not in get_args(ProfileStatus):
            raise Invalid(f"A {kind.name} is active or archived.", hint="Send active or archived.")
        if not self._db.write(lambda c: kind.move(c, workspace_id, profile_id, status, by, now())):
            raise NotFound(f"There is no such {kind.name}.", hint="Reload the page.")
        self.forget()

    def forget(self) -> None:
        """Drop what is kept, after a change."""
        with self._lock:
            self._kept.clear()

    def _cached(self, kind: str, key: str, read: Callable[[], T]) -> T:
        at = time.monotonic()
        kept = self._kept.get((kind, key))
        if kept and at - kept[0] < _CACHE_SECONDS:
            return cast(T, kept[1])
        value = read()
        with self._lock:
            self._kept[kind, key] = (at, value)
        return value


def _one_and_others(profiles: Sequence[P], profile_id: str, what: str) -> tuple[P, list[P]]:
    """The profile with this id, and all the others; NotFound when it is not there."""
    found = next((each for each in profiles if each.id == profile_id), None)
    if found is None:
        raise NotFound(f"There is no such {what}.", hint="Reload the page.")
    return found, [each for each in profiles if each.id != profile_id]


def _taken(what: str, name: str) -> Conflict:
    return Conflict(f"There is a {what} {name!r} already.", hint="Choose another name.")


def checked_name(name: str, what: str) -> str:
    """A name without blanks around it; Invalid when it is empty or too long."""
    name = name.strip()
    if not name or len(name) > NAME_CHARS or not name.isprintable():
        raise Invalid(f"The {what} needs a name of 1 to {NAME_CHARS} characters.", hint="Write a short plain name.")
    return name


def validated(model: type[M], data: M | Mapping[str, Any], what: str) -> M:
    """The model made from data; Invalid with one problem per field that is wrong."""
    if isinstance(data, model):
        return data
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [
            Problem(detail["msg"].removeprefix("Value error, "), path=".".join(str(part) for part in detail["loc"]))
            for detail in error.errors()
        ]
        first = problems[0]
        raise Invalid(f"The {what} cannot be saved: {first.path}: {first.message}.", problems=problems) from error


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping) and key != "inputs"
        merged[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged
