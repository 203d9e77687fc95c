"""Rows of questions that are kept under a name, and of what was asked lately."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from ionflux_core.domain.questions import AskedQuestion, SavedQuestion
from ionflux_core.storage.tables import asked_questions, saved_questions
from ionflux_core.storage.writes import insert_new


def save_new(connection: Connection, row: dict[str, Any]) -> bool:
    """Keep a question; False when its name is taken."""
    return insert_new(connection, saved_questions, row)


def find(connection: Connection, workspace_id: str) -> list[SavedQuestion]:
    """The questions of a workspace by name."""
    query = select(saved_questions).where(saved_questions.c.workspace_id == workspace_id)
    found = connection.execute(query.order_by(func.lower(saved_questions.c.name), saved_questions.c.id))
    return [SavedQuestion.model_validate(row._asdict()) for row in found]


def get(connection: Connection, workspace_id: str, question_id: str) -> SavedQuestion | None:
    """One question; None when it is not there."""
    mine = saved_questions.c.id == question_id, saved_questions.c.workspace_id == workspace_id
    row = connection.execute(select(saved_questions).where(*mine)).first()
    return SavedQuestion.model_validate(row._asdict()) if row else None


def save(connection: Connection, workspace_id: str, question_id: str, **values: Any) -> bool:
    """Change columns of a question; False when it is not there."""
    mine = saved_questions.c.id == question_id, saved_questions.c.workspace_id == workspace_id
    return connection.execute(update(saved_questions).where(*mine).values(**values)).rowcount == 1


def remove(connection: Connection, workspace_id: str, question_id: str) -> bool:
    """Delete a question; False when it was not there."""
    mine = saved_questions.c.id == question_id, saved_questions.c.workspace_id == workspace_id
    return connection.execute(delete(saved_questions).where(*mine)).rowcount == 1


def note(connection: Connection, row: dict[str, Any], *, keep: int) -> None:
    """Write down what was asked; only the newest `keep` of a workspace stay."""
    connection.execute(insert(asked_questions), row)
    mine = asked_questions.c.workspace_id == row["workspace_id"]
    newest = select(asked_questions.c.seq).where(mine).order_by(asked_questions.c.seq.desc())
    border = connection.execute(newest.offset(keep).limit(1)).scalar_one_or_none()
    if border is not None:
        connection.execute(delete(asked_questions).where(mine, asked_questions.c.seq <= border))


def asked(connection: Connection, workspace_id: str, *, before: int | None = None, limit: int) -> list[AskedQuestion]:
    """What was asked in a workspace, newest first."""
    query = select(asked_questions).where(asked_questions.c.workspace_id == workspace_id)
    if before is not None:
        query = query.where(asked_questions.c.seq < before)
    found = connection.execute(query.order_by(asked_questions.c.seq.desc()).limit(limit))
    return [AskedQuestion.model_validate(row._asdict()) for row in found]
