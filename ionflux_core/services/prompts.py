"""Prompts: libraries of texts with typed variables; every save is a version, and trying one is a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.prompts import (
    Prompt,
    PromptDraft,
    PromptLibrary,
    PromptLibraryDraft,
    PromptUse,
    PromptVersion,
    rendered,
)
from ionflux_core.errors import Conflict, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.runs import Runs
from ionflux_core.services.workspaces import checked_name, validated
from ionflux_core.storage import audit
from ionflux_core.storage import prompts as rows
from ionflux_core.storage.engine import Connection, Database

RUNNER = "agent:prompt_runner"
FIRST_LIBRARY = "Marketing Email Prompts"
_FIRST_DESCRIPTION = "Texts for mails about products, to begin with."


def _text(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "type": "text", "description": description, "required": True}


_FIRST_PROMPTS: tuple[Mapping[str, Any], ...] = (
    {
        "name": "Exciting Product Promotion",
        "text": (
            "Generate an exciting promotional email for our product: {{product_name}}. Highlight its key benefits: "
            "{{key_benefits}}. The target audience is {{target_audience}}. Include a call to action: "
            "{{call_to_action}}."
        ),
        "variables": [
            _text("product_name", "Name of the product"),
            _text("key_benefits", "Comma-separated key benefits"),
            _text("target_audience", "Description of the target audience"),
            _text("call_to_action", "Desired call to action"),
        ],
        "tags": ["email", "promotion"],
    },
)


class Prompts:
    """Use-cases around prompt libraries."""

    def __init__(self, db: Database, runs: Runs, refuse_secrets: Callable[[str, Any, str], None]) -> None:
        self._db = db
        self._runs = runs
        self._refuse_secrets = refuse_secrets

    def libraries(self, workspace_id: str, *, archived: bool = False) -> list[PromptLibrary]:
        """Libraries of a workspace by name."""
        with self._db.read() as connection:
            return rows.libraries(connection, workspace_id, archived=archived)

    def library(self, workspace_id: str, library_id: str) -> PromptLibrary:
        """One library; NotFound when it is not there."""
        for each in self.libraries(workspace_id, archived=True):
            if each.id == library_id:
                return each
        raise NotFound("There is no such library.", hint="Choose one from the list.")

    def create_library(self, workspace_id: str, draft: PromptLibraryDraft | Mapping[str, Any]) -> PromptLibrary:
        """A new library; Conflict when its name is taken."""
        checked, at = validated(PromptLibraryDraft, draft, "library"), now()
        name = checked_name(checked.name, "library")
        self._refuse_secrets(workspace_id, checked.model_dump(), "The library")
        library_id = new_id()
        row = {
            "id": library_id,
            "workspace_id": workspace_id,
            "name": name,
            "description": checked.description,
            "status": "active",
            "created_at": at,
            "updated_at": at,
        }
        if not self._db.write(lambda connection: rows.insert_library(connection, row)):
            raise Conflict(f"There is a library {name!r} already.", hint="Choose another name.")
        return self.library(workspace_id, library_id)

    def save_library(
        self, workspace_id: str, library_id: str, draft: PromptLibraryDraft | Mapping[str, Any]
    ) -> PromptLibrary:
        """Rename or describe a library."""
        checked = validated(PromptLibraryDraft, draft, "library")
        name = checked_name(checked.name, "library")
        others = [each for each in self.libraries(workspace_id, archived=True) if each.id != library_id]
        if any(each.name == name for each in others):
            raise Conflict(f"There is a library {name!r} already.", hint="Choose another name.")
        self._refuse_secrets(workspace_id, checked.model_dump(), "The library")
        values = {"name": name, "description": checked.description, "updated_at": now()}
        if not self._db.write(lambda connection: rows.save_library(connection, workspace_id, library_id, **values)):
            raise NotFound("There is no such library.", hint="Reload the page.")
        return self.library(workspace_id, library_id)

    def set_library_status(self, workspace_id: str, library_id: str, status: str, *, by: str = "owner") -> None:
        """Archive a library or bring it back (status `archived` or `active`); its prompts go with it."""
        at = now()

        def work(connection: Connection) -> None:
            if not rows.save_library(connection, workspace_id, library_id, status=status, updated_at=at):
                raise NotFound("There is no such library.", hint="Reload the page.")
            audit.note(
                connection, workspace_id, at=at, who=by, action=status, entity="prompt_library", entity_id=library_id
            )

        self._db.write(work)

    def stock(self, workspace_id: str) -> None:
        """Give a new workspace its first library; one that has libraries is left alone."""
        if self.libraries(workspace_id, archived=True):
            return
        library = self.create_library(workspace_id, {"name": FIRST_LIBRARY, "description": _FIRST_DESCRIPTION})
        for draft in _FIRST_PROMPTS:
            self.add(workspace_id, library.id, draft, by="IONFLUX")

    def find(
        self,
        workspace_id: str,
        *,
        library_id: str | None = None,
        text: str = "",
        archived: bool = False,
        after: tuple[str, str] | None = None,
        limit: int = 50,
    ) -> list[Prompt]:
        """Prompts by name; `after` is the (name, id) of the last one seen."""
        limit = max(1, min(limit, limits.PAGE_ROWS + 1))
        narrow: dict[str, Any] = {"library_id": library_id, "text": text.strip()[:200], "archived": archived}
        with self._db.read() as connection:
            return rows.find(connection, workspace_id, **narrow, after=after, limit=limit)

    def get(self, workspace_id: str, prompt_id: str) -> Prompt:
        """One prompt; NotFound when it is not there."""
        with self._db.glance() as connection:
            found = rows.get(connection, workspace_id, prompt_id)
        if found is None:
            raise NotFound("There is no such prompt.", hint="Choose one from the list.")
        return found

    def add(
        self,
        workspace_id: str,
        library_id: str,
        draft: PromptDraft | Mapping[str, Any],
        *,
        by: str = "owner",
        derived_from: Mapping[str, Any] | None = None,
        message: str = "",
    ) -> Prompt:
        """A new prompt at version 1; Conflict when its name is taken in the library."""
        self.library(workspace_id, library_id)
        at, prompt_id = now(), new_id()
        row = {
            "id": prompt_id,
            "workspace_id": workspace_id,
            "library_id": library_id,
            **self._checked(workspace_id, draft),
            "author": by,
            "version": 1,
            "derived_from": dict(derived_from) if derived_from else None,
            "status": "active",
            "created_at": at,
            "updated_at": at,
        }

        def work(connection: Connection) -> bool:
            return rows.insert(connection, row, message or "Created.")

        if not self._db.write(work):
            raise _taken(row["name"])
        return self.get(workspace_id, prompt_id)

    def save(
        self,
        workspace_id: str,
        prompt_id: str,
        draft: PromptDraft | Mapping[str, Any],
        *,
        expected: int,
        by: str = "owner",
        message: str = "",
    ) -> Prompt:
        """A new version over version `expected`; Conflict when somebody has saved another one meanwhile.

        A draft that changes nothing makes no version.
        """
        current, values = self.get(workspace_id, prompt_id), self._checked(workspace_id, draft)
        if values == _plain(current):
            return current
        at = now()
        values |= {"version": expected + 1, "author": by}

        def work(connection: Connection) -> bool:
            if rows.name_is_taken(connection, current.library_id, values["name"], besides=prompt_id):
                raise _taken(values["name"])
            if not rows.save(connection, workspace_id, prompt_id, expected=expected, updated_at=at, **values):
                return False
            kept = values | {"id": prompt_id, "workspace_id": workspace_id}
            rows.insert_version(connection, kept, message[:300], at)
            return True

        if not self._db.write(work):
            theirs = self.get(workspace_id, prompt_id)
            raise Conflict(
                f"The prompt was saved as version {theirs.version} by {theirs.author} meanwhile.",
                hint="Look at that version, then save yours over it.",
                code="edited_elsewhere",
                current=theirs.model_dump(mode="json"),
            )
        return self.get(workspace_id, prompt_id)

    def _checked(self, workspace_id: str, draft: PromptDraft | Mapping[str, Any]) -> dict[str, Any]:
        checked = validated(PromptDraft, draft, "prompt")
        values = _plain(checked) | {"name": checked_name(checked.name, "prompt")}
        self._refuse_secrets(workspace_id, values, "The prompt")
        return values

    def set_status(self, workspace_id: str, prompt_id: str, status: str, *, by: str = "owner") -> Prompt:
        """Archive a prompt or bring it back (status `archived` or `active`)."""
        at = now()

        def work(connection: Connection) -> None:
            if not rows.save(connection, workspace_id, prompt_id, status=status, updated_at=at):
                raise NotFound("There is no such prompt.", hint="Reload the page.")
            audit.note(connection, workspace_id, at=at, who=by, action=status, entity="prompt", entity_id=prompt_id)

        self._db.write(work)
        return self.get(workspace_id, prompt_id)

    def versions(self, workspace_id: str, prompt_id: str, *, offset: int = 0, limit: int = 50) -> list[PromptVersion]:
        """Versions of a prompt, newest first."""
        self.get(workspace_id, prompt_id)
        with self._db.read() as connection:
            return rows.versions(connection, workspace_id, prompt_id, offset=offset, limit=limit)

    def version(self, workspace_id: str, prompt_id: str, number: int) -> PromptVersion:
        """A prompt as it was; NotFound when there is no such version."""
        with self._db.read() as connection:
            found = rows.version(connection, workspace_id, prompt_id, number)
        if found is None:
            raise NotFound("There is no such version.", hint="Choose one from the history.")
        return found

    def restore(self, workspace_id: str, prompt_id: str, number: int, *, by: str = "owner") -> Prompt:
        """An earlier version as the newest one; nothing in between is lost."""
        old, current = self.version(workspace_id, prompt_id, number), self.get(workspace_id, prompt_id)
        message = f"Restored from version {number}."
        return self.save(workspace_id, prompt_id, _plain(old), expected=current.version, by=by, message=message)

    def fork(
        self,
        workspace_id: str,
        prompt_id: str,
        name: str,
        *,
        library_id: str | None = None,
        number: int | None = None,
        by: str = "owner",
    ) -> Prompt:
        """A prompt of its own made from this one, or from a version of it; it remembers where it came from."""
        origin = self.get(workspace_id, prompt_id)
        source: PromptDraft = self.version(workspace_id, prompt_id, number) if number else origin
        came = {"prompt_id": prompt_id, "version": number or origin.version}
        draft = _plain(source) | {"name": name}
        message = f"Forked from {origin.name}, version {came['version']}."
        place = library_id or origin.library_id
        return self.add(workspace_id, place, draft, by=by, derived_from=came, message=message)

    def uses(self, workspace_id: str, prompt_id: str, *, limit: int = 50) -> list[PromptUse]:
        """The pages and agents that use a prompt by its id, at most so many."""
        self.get(workspace_id, prompt_id)
        with self._db.read() as connection:
            return rows.uses(connection, workspace_id, prompt_id, max(1, min(limit, limits.PAGE_ROWS)))

    def render(self, workspace_id: str, prompt_id: str, values: Mapping[str, Any]) -> str:
        """The text with these values in place; Invalid names every variable that is missing or of another type."""
        return rendered(self.get(workspace_id, prompt_id), values)

    def filled(self, workspace_id: str, prompt_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """What an agent is given that takes a prompt by its id: {text, version}; errors as in `render`."""
        prompt = self.get(workspace_id, prompt_id)
        return {"text": rendered(prompt, values), "version": prompt.version}

    def try_it(
        self,
        workspace_id: str,
        prompt_id: str,
        values: Mapping[str, Any],
        *,
        model: str | None = None,
        by: str | None = None,
    ) -> str:
        """Ask a model (`provider:name`; None: the workspace's) with the filled prompt; the id of the run that does."""
        prompt = self.get(workspace_id, prompt_id)
        inputs: dict[str, Any] = {"text": rendered(prompt, values), "prompt_id": prompt.id}
        inputs |= {"prompt_version": prompt.version, **({"model": model} if model else {})}
        return self._runs.start(workspace_id, RUNNER, inputs, by=by).run_id


def _plain(draft: PromptDraft) -> dict[str, Any]:
    return draft.model_dump(mode="json", include={"name", "text", "variables", "tags"})


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a prompt {name!r} in this library already.", hint="Choose another name.")
