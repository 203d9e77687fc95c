"""Questions in SQL under a name: kept with how their answer is drawn, changed, renamed, deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.questions import QuestionDraft, SavedQuestion
from ionflux_core.errors import Conflict, LimitExceeded, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.workspaces import checked_name, validated
from ionflux_core.storage import audit
from ionflux_core.storage import questions as rows
from ionflux_core.storage.engine import Connection, Database


class SavedQuestions:
    """Use-cases around questions that are kept."""

    def __init__(self, db: Database, refuse_secrets: Callable[[str, Any, str], None]) -> None:
        self._db = db
        self._refuse_secrets = refuse_secrets

    def find(self, workspace_id: str) -> list[SavedQuestion]:
        """The questions of a workspace by name."""
        with self._db.glance() as connection:
            return rows.find(connection, workspace_id)

    def get(self, workspace_id: str, question_id: str) -> SavedQuestion:
        """One question; NotFound when it is not there."""
        with self._db.glance() as connection:
            found = rows.get(connection, workspace_id, question_id)
        if found is None:
            raise NotFound("There is no such question.", hint="Choose one from the list, or save one.")
        return found

    def create(
        self, workspace_id: str, draft: QuestionDraft | Mapping[str, Any], *, by: str | None = None
    ) -> SavedQuestion:
        """Keep a question; Conflict when its name is taken."""
        checked, at = validated(QuestionDraft, draft, "question"), now()
        self._refuse_secrets(workspace_id, checked.sql_text, "The question")
        row = {
            **checked.model_dump(mode="json"),
            "id": new_id(),
            "workspace_id": workspace_id,
            "name": checked_name(checked.name, "question"),
            "created_by": by,
            "created_at": at,
            "updated_at": at,
        }

        def work(connection: Connection) -> None:
            if len(rows.find(connection, workspace_id)) >= limits.SAVED_QUESTIONS:
                raise LimitExceeded(f"{limits.SAVED_QUESTIONS} questions are kept.", hint="Delete one first.")
            if not rows.save_new(connection, row):
                raise _taken(row["name"])
            self._note(connection, workspace_id, row["id"], by, "created", row["name"])

        self._db.write(work)
        return self.get(workspace_id, row["id"])

    def save(
        self, workspace_id: str, question_id: str, draft: QuestionDraft | Mapping[str, Any], *, by: str | None = None
    ) -> SavedQuestion:
        """Give a question another text, drawing or name; Conflict when the name is taken."""
        checked = validated(QuestionDraft, draft, "question")
        self._refuse_secrets(workspace_id, checked.sql_text, "The question")
        name = checked_name(checked.name, "question")
        self.get(workspace_id, question_id)
        if any(each.name == name and each.id != question_id for each in self.find(workspace_id)):
            raise _taken(name)

        def work(connection: Connection) -> None:
            values = {**checked.model_dump(mode="json"), "name": name, "updated_at": now()}
            rows.save(connection, workspace_id, question_id, **values)
            self._note(connection, workspace_id, question_id, by, "saved", name)

        self._db.write(work)
        return self.get(workspace_id, question_id)

    def rename(self, workspace_id: str, question_id: str, name: str, *, by: str | None = None) -> SavedQuestion:
        """Give a question another name; Conflict when it is taken."""
        old = self.get(workspace_id, question_id)
        draft = {"name": name, "sql_text": old.sql_text, "chart": old.chart}
        return self.save(workspace_id, question_id, draft, by=by)

    def delete(self, workspace_id: str, question_id: str, *, by: str | None = None) -> None:
        """Delete a question; blocks that were made from it go on."""
        old = self.get(workspace_id, question_id)

        def work(connection: Connection) -> None:
            rows.remove(connection, workspace_id, question_id)
            self._note(connection, workspace_id, question_id, by, "deleted", old.name)

        self._db.write(work)

    @staticmethod
    def _note(
        connection: Connection, workspace_id: str, question_id: str, by: str | None, action: str, name: str
    ) -> None:
        audit.note(
            connection, workspace_id, at=now(), who=by, action=action, entity="question", entity_id=question_id,
            details={"name": name},
        )  # fmt: skip


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a question {name[:60]!r} already.", hint="Choose another name.", code="name_taken")
