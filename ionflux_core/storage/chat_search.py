"""Full text of messages: their words in one table, under FTS5 on SQLite and a GIN index on PostgreSQL.

The words are written with the message and leave with it; messages are found newest first, as they lie in the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, ScalarSelect, Select, delete, select, text

from ionflux_core.domain.chat import Message, MessageContent
from ionflux_core.domain.search import terms
from ionflux_core.storage.search import Words, for_postgres, for_sqlite
from ionflux_core.storage.tables import chat_messages, chat_texts
from ionflux_core.storage.writes import upsert

_POSTGRES_WORDS = "to_tsvector('simple', regexp_replace(words, '[^[:alnum:]]+', ' ', 'g'))"
_SHAPE = {
    "sqlite": "chat_texts.seq IN (SELECT rowid FROM chat_words WHERE chat_words MATCH :asked)",
    "postgresql": f"{_POSTGRES_WORDS} @@ to_tsquery('simple', :asked)",
}


def write(connection: Connection, message_id: str, content: MessageContent) -> None:
    """Put the words of a message into the index, in place of what it knew of it."""
    words = Words()
    words.add(content.text_body)
    words.add(content.json_payload)
    if content.proposal is not None:
        words.add([content.proposal.title, content.proposal.description, content.proposal.data])
    words.add([each.get("name") for each in (content.file_details or {}).get("files", [])])
    if content.status_update is not None:
        words.add([content.status_update.agent, content.status_update.preview, content.status_update.outputs])
    found = words.text()
    if found:
        upsert(connection, chat_texts, [{"message_id": message_id, "words": found}], key=("message_id",))
    else:
        forget(connection, message_id)


def forget(connection: Connection, message_id: str) -> None:
    """Take a message out of the index."""
    connection.execute(delete(chat_texts).where(chat_texts.c.message_id == message_id))


def find(
    connection: Connection, channel_ids: Sequence[str], question: str, *, before: str | None = None, limit: int
) -> list[Message]:
    """Messages of these channels that answer a question, newest first; any text is a question."""
    if not channel_ids or all(term.excluded for term in terms(question)):
        return []
    wanted = query(connection.dialect.name, channel_ids, question, before=before, limit=limit)
    return [Message.model_validate(row._asdict()) for row in connection.execute(wanted)]


def query(
    dialect: str, channel_ids: Sequence[str], question: str, *, before: str | None = None, limit: int
) -> Select[Any]:
    """The statement behind `find`, for a question with something to look for."""
    asked = terms(question)
    written = for_sqlite(asked) if dialect == "sqlite" else for_postgres(asked)
    matching = select(chat_texts.c.seq, chat_texts.c.message_id).where(text(_SHAPE[dialect]).bindparams(asked=written))
    if before:
        matching = matching.where(chat_texts.c.seq <= _place(before), chat_texts.c.message_id != before)
    # Found first, sorted then: else PostgreSQL may read every text from the newest on, in the hope to meet some soon.
    found = matching.cte("found").prefix_with("MATERIALIZED", dialect="postgresql")
    wanted = select(chat_messages).join(found, found.c.message_id == chat_messages.c.id)
    return wanted.where(chat_messages.c.channel_id.in_(channel_ids)).order_by(found.c.seq.desc()).limit(limit)


def _place(before: str) -> ScalarSelect[Any]:
    """Where a message lies in the index, or, when it has left it, the one before it."""
    upto = select(chat_texts.c.seq).where(chat_texts.c.message_id <= before)
    return upto.order_by(chat_texts.c.message_id.desc()).limit(1).scalar_subquery()
