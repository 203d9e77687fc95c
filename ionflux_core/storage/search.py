"""Full text of runs: their words in one table, under FTS5 on SQLite and a GIN index on PostgreSQL.

A run leaves the index with its row, whoever deletes it: the words hang on the run by a foreign key, SQLite's index on
the words by triggers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, false, func, or_, select, text
from sqlalchemy.sql.elements import TextClause

from ionflux_core import limits
from ionflux_core.domain.search import PARTS, Part, Term, terms
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import marks, run_logs, run_steps, run_texts, runs
from ionflux_core.storage.writes import upsert

MARK = "search"
_POSTGRES_WORDS = (
    "to_tsvector('simple', regexp_replace(inputs || ' ' || outputs || ' ' || errors || ' ' || logs,"
    " '[^[:alnum:]]+', ' ', 'g'))"
)
_SHAPE: dict[str, str] = {
    "sqlite": "SELECT run_id FROM run_texts WHERE seq IN (SELECT rowid FROM run_words WHERE run_words MATCH :asked)",
    "postgresql": f"SELECT run_id FROM run_texts WHERE {_POSTGRES_WORDS} @@ to_tsquery('simple', :asked)",
}
_LOG_LINES = 200
_STEPS = 200


class Change(NamedTuple):
    """A place in the order of changes of runs."""

    change_seq: int
    run_id: str


def matching(question: str, dialect: str) -> ColumnElement[bool]:
    """The condition that a run answers a question, by its words or by the beginning of its id; any text is one."""
    by_id = runs.c.id.startswith(question.strip(), autoescape=True) if question.strip() else false()
    asked = terms(question)
    if not any(not term.excluded for term in asked):
        return by_id
    written = for_sqlite(asked) if dialect == "sqlite" else for_postgres(asked)
    found: TextClause = text(f"runs.id IN ({_SHAPE[dialect]})").bindparams(asked=written)
    return or_(found, by_id)


def for_sqlite(asked: Sequence[Term]) -> str:
    """Terms as FTS5 reads them; at least one must not be excluded."""

    def one(term: Term) -> str:
        return f'"{" ".join(term.words)}"{" *" if term.begins else ""}'

    wanted = " AND ".join(one(term) for term in asked if not term.excluded)
    return " NOT ".join([f"({wanted})", *(one(term) for term in asked if term.excluded)])


def for_postgres(asked: Sequence[Term]) -> str:
    """Terms as to_tsquery reads them."""

    def one(term: Term) -> str:
        side_by_side = " <-> ".join(f"'{word}'" for word in term.words) + (":*" if term.begins else "")
        return f"{'!' if term.excluded else ''}({side_by_side})"

    return " & ".join(one(term) for term in asked)


def texts(connection: Connection, run_ids: Sequence[str]) -> dict[str, list[tuple[Part, str]]]:
    """The words of runs by part, what explains most first."""
    query = select(run_texts).where(run_texts.c.run_id.in_(run_ids))
    return {row.run_id: [(part, getattr(row, part)) for part in PARTS] for row in connection.execute(query)}


def mark(connection: Connection) -> int:
    """How far in the order of changes the index has come."""
    return connection.execute(select(marks.c.value).where(marks.c.name == MARK)).scalar_one_or_none() or 0


def keep_mark(connection: Connection, value: int) -> None:
    """Keep how far the index has come."""
    upsert(connection, marks, [{"name": MARK, "value": value}], key=("name",))


def newest_change(connection: Connection) -> int:
    """The newest change of any run."""
    return connection.execute(select(func.max(runs.c.change_seq))).scalar_one() or 0


def changed(connection: Connection, after: Change, *, limit: int) -> list[tuple[Change, bool]]:
    """Runs changed after a place, in the order of change; each with whether the index lacks that change."""
    query = (
        select(runs.c.change_seq, runs.c.id, run_texts.c.change_seq.label("known"))
        .outerjoin_from(runs, run_texts, run_texts.c.run_id == runs.c.id)
        .where(
            runs.c.change_seq >= after.change_seq,
            or_(runs.c.change_seq > after.change_seq, runs.c.id > after.run_id),
        )
        .order_by(runs.c.change_seq, runs.c.id)
        .limit(limit)
    )
    return [(Change(row.change_seq, row.id), row.known != row.change_seq) for row in connection.execute(query)]


def read(connection: Connection, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of the index that runs ought to have as they stand."""
    gathered: dict[str, dict[Part, Words]] = {each: {part: Words() for part in PARTS} for each in run_ids}
    query = select(runs.c.id, runs.c.change_seq, runs.c.inputs, runs.c.outputs, runs.c.error, runs.c.preview)
    changes: dict[str, int] = {}
    for row in connection.execute(query.where(runs.c.id.in_(run_ids))):
        changes[row.id] = row.change_seq
        words = gathered[row.id]
        words["inputs"].add(row.inputs)
        words["outputs"].add([row.preview, row.outputs])
        words["errors"].add(_said(row.error))
    for step in _of_steps(connection, run_ids):
        gathered[step.run_id]["outputs"].add(step.outputs)
        gathered[step.run_id]["errors"].add(_said(step.error))
    logs = select(run_logs.c.run_id, run_logs.c.message).where(run_logs.c.run_id.in_(run_ids))
    for line in connection.execute(logs.order_by(run_logs.c.seq).limit(_LOG_LINES * len(run_ids))):
        gathered[line.run_id]["logs"].add(line.message)
    return [
        {"run_id": each, "change_seq": seq, **{part: gathered[each][part].text() for part in PARTS}}
        for each, seq in changes.items()
    ]


def _of_steps(connection: Connection, run_ids: Sequence[str]) -> Iterable[AnyRow]:
    query = select(run_steps.c.run_id, run_steps.c.outputs, run_steps.c.error).where(run_steps.c.run_id.in_(run_ids))
    return connection.execute(query.where(run_steps.c.seq < _STEPS).order_by(run_steps.c.run_id, run_steps.c.seq))


def write(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows into the index, in place of what it knew of their runs; a run that is gone meanwhile stays out."""
    ids = [row["run_id"] for row in rows]
    there = set(connection.execute(select(runs.c.id).where(runs.c.id.in_(ids))).scalars())
    upsert(connection, run_texts, [row for row in rows if row["run_id"] in there], key=("run_id",))


def tidy(connection: Connection) -> None:
    """Merge a little of SQLite's index, so that what was deleted from it leaves the file, too."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("INSERT INTO run_words(run_words, rank) VALUES ('merge', 64)"))


def _said(error: dict[str, Any] | None) -> Any:
    return [error.get("code"), error.get("message"), error.get("hint")] if error else None


class Words:
    """Text that gathers up to a size, each piece once."""

    def __init__(self) -> None:
        self._left = limits.SEARCH_CHARS
        self._pieces: dict[str, None] = {}

    def add(self, value: Any) -> None:
        """Every text and figure of a JSON value."""
        if self._left <= 0 or value is None:
            return
        for piece in _plain(value):
            if piece not in self._pieces:
                self._pieces[piece[: self._left]] = None
                self._left -= len(piece)
                if self._left <= 0:
                    return

    def text(self) -> str:
        """What has gathered, a piece a line."""
        return "\n".join(self._pieces)


def _plain(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _plain(item)
    elif isinstance(value, list):
        for item in value:
            yield from _plain(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
