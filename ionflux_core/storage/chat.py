"""Rows of channels, their messages, and how far people have read.

A page of messages is read by (channel_id, id) from one partial index, however many there are; what a list shows of a
thread stands in the message it answers. Ids grow within a channel: whoever posts holds its row until the commit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    cast,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    update,
)

from ionflux_core.domain.chat import UNREAD_MOST, Channel, Message
from ionflux_core.ids import new_id
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import chat_channels, chat_messages, chat_reads
from ionflux_core.storage.writes import insert_new

_TOP: ColumnElement[bool] = chat_messages.c.thread_id.is_(None)
# Behind every id, in whatever order the database sorts letters.
_LAST = "g"


def insert_channel(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert a channel; False when its name is taken in the workspace."""
    return insert_new(connection, chat_channels, row)


def channel(connection: Connection, workspace_id: str, channel_id: str) -> Channel | None:
    """One channel of a workspace."""
    return _one_channel(connection, _channels(workspace_id).where(chat_channels.c.id == channel_id))


def channel_named(connection: Connection, workspace_id: str, name: str) -> Channel | None:
    """The channel of this very name."""
    return _one_channel(connection, _channels(workspace_id).where(chat_channels.c.name == name))


def channels(connection: Connection, workspace_id: str) -> list[Channel]:
    """Every channel of a workspace, archived ones too, by name."""
    return [_channel(row) for row in connection.execute(_channels(workspace_id).order_by(chat_channels.c.name))]


def save_channel(connection: Connection, workspace_id: str, channel_id: str, **values: Any) -> bool:
    """Change columns of a channel; False when it is not there."""
    mine = (chat_channels.c.id == channel_id, chat_channels.c.workspace_id == workspace_id)
    return connection.execute(update(chat_channels).where(*mine).values(**values)).rowcount == 1


def next_id(connection: Connection, workspace_id: str, channel_id: str) -> str | None:
    """The id of the next message of a channel, behind all others; None when there is no such channel.

    The channel is held until the end of the transaction, so ids grow in the order of the commits: whoever reads on
    behind the last message they know misses none, from whatever process and machine the next one comes.
    """
    query = select(chat_channels.c.last_message_id).where(
        chat_channels.c.id == channel_id, chat_channels.c.workspace_id == workspace_id
    )
    row = connection.execute(query.with_for_update()).one_or_none()
    if row is None:
        return None
    fresh = new_id()
    if row.last_message_id is None or fresh > row.last_message_id:
        return fresh
    return str(UUID(int=UUID(row.last_message_id).int + 1))


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert a message and note it in its channel and in what it answers; False when its dedup key is taken."""
    if not insert_new(connection, chat_messages, row):
        return False
    save_channel(connection, row["workspace_id"], row["channel_id"], last_message_id=row["id"])
    if row["thread_id"]:
        at = row["created_at"]
        noted = {"replies": chat_messages.c.replies + 1, "last_reply_at": at, "changed_at": at}
        connection.execute(update(chat_messages).where(chat_messages.c.id == row["thread_id"]).values(**noted))
    return True


def message(connection: Connection, workspace_id: str, message_id: str, *, hold: bool = False) -> Message | None:
    """One message of a workspace; held until the end of the transaction when it is to be changed."""
    query = select(chat_messages).where(chat_messages.c.id == message_id, chat_messages.c.workspace_id == workspace_id)
    row = connection.execute(query.with_for_update() if hold else query).one_or_none()
    return None if row is None else _message(row)


def by_key(connection: Connection, workspace_id: str, dedup_key: str) -> Message | None:
    """The message that was posted under a dedup key."""
    query = select(chat_messages).where(
        chat_messages.c.workspace_id == workspace_id, chat_messages.c.dedup_key == dedup_key
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _message(row)


def save(connection: Connection, workspace_id: str, message_id: str, **values: Any) -> bool:
    """Change columns of a message; False when it is not there."""
    mine = (chat_messages.c.id == message_id, chat_messages.c.workspace_id == workspace_id)
    return connection.execute(update(chat_messages).where(*mine).values(**values)).rowcount == 1


def messages_query(dialect: str, channel_id: str, *, before: str | None = None, limit: int) -> Select[Any]:
    """The newest messages of a channel that answer no other, newest first."""
    within = _within(dialect, chat_messages.c.channel_id, literal(channel_id), before=before)
    return _newest_first(select(chat_messages).where(_TOP, *within), chat_messages.c.channel_id, limit)


def messages(connection: Connection, channel_id: str, *, before: str | None = None, limit: int) -> list[Message]:
    """A page of the messages of a channel that answer no other, newest last."""
    query = messages_query(connection.dialect.name, channel_id, before=before, limit=limit)
    return _oldest_first(connection, query)


def messages_from(connection: Connection, channel_id: str, first: str, *, limit: int) -> list[Message]:
    """The messages of a channel that answer no other, from one on, newest last."""
    key = chat_messages.c.channel_id
    within = _within(connection.dialect.name, key, literal(channel_id), first=literal(first))
    query = select(chat_messages).where(_TOP, *within).order_by(key, chat_messages.c.id).limit(limit)
    return [_message(row) for row in connection.execute(query)]


def thread_query(dialect: str, thread_id: str, *, before: str | None = None, limit: int) -> Select[Any]:
    """The newest answers to a message, newest first."""
    within = _within(dialect, chat_messages.c.thread_id, literal(thread_id), before=before)
    return _newest_first(select(chat_messages).where(*within), chat_messages.c.thread_id, limit)


def thread(connection: Connection, thread_id: str, *, before: str | None = None, limit: int) -> list[Message]:
    """A page of the answers to a message, newest last."""
    query = thread_query(connection.dialect.name, thread_id, before=before, limit=limit)
    return _oldest_first(connection, query)


def of_run(connection: Connection, workspace_id: str, run_id: str) -> list[Message]:
    """The messages that speak for a run, oldest first."""
    query = select(chat_messages).where(chat_messages.c.run_id == run_id, chat_messages.c.workspace_id == workspace_id)
    return [_message(row) for row in connection.execute(query.order_by(chat_messages.c.id))]


def last_read(connection: Connection, channel_id: str, user_id: str) -> str | None:
    """The last message of a channel that a person has read."""
    query = select(chat_reads.c.last_read_id).where(
        chat_reads.c.channel_id == channel_id, chat_reads.c.user_id == user_id
    )
    return connection.execute(query).scalar_one_or_none()


def read_marks(connection: Connection, channel_id: str) -> dict[str, str]:
    """The last message of a channel that each person has read."""
    query = select(chat_reads.c.user_id, chat_reads.c.last_read_id).where(chat_reads.c.channel_id == channel_id)
    return {row.user_id: row.last_read_id for row in connection.execute(query)}


def mark_read(connection: Connection, channel_id: str, user_id: str, message_id: str, at: datetime) -> bool:
    """Note that a person has read up to a message; False when they had read as far before."""
    row = {"channel_id": channel_id, "user_id": user_id, "last_read_id": message_id, "at": at}
    if insert_new(connection, chat_reads, row):
        return True
    statement = update(chat_reads).where(
        chat_reads.c.channel_id == channel_id,
        chat_reads.c.user_id == user_id,
        chat_reads.c.last_read_id < message_id,
    )
    return connection.execute(statement.values(last_read_id=message_id, at=at)).rowcount == 1


def unread_query(dialect: str, workspace_id: str, user_id: str) -> Select[Any]:
    """For every channel with something new: how many of the newest messages are unread, and whether one names who asks.

    Only channels whose newest message lies behind the mark are looked into, and of each at most UNREAD_MOST messages.
    """
    read = (chat_reads.c.channel_id == chat_channels.c.id) & (chat_reads.c.user_id == user_id)
    mark = func.coalesce(chat_reads.c.last_read_id, "")
    return (
        select(
            chat_channels.c.id,
            _of_newest(dialect, func.count(), user_id, mark).label("unread"),
            _of_newest(dialect, func.max(literal_column("names_me")), user_id, mark).label("mentions"),
        )
        .select_from(chat_channels.outerjoin(chat_reads, read))
        .where(chat_channels.c.workspace_id == workspace_id, chat_channels.c.last_message_id > mark)
    )


def _of_newest(dialect: str, value: ColumnElement[Any], user_id: str, mark: ColumnElement[str]) -> ColumnElement[Any]:
    names_me = cast(cast(chat_messages.c.mentions, Text).contains(f'"{user_id}"', autoescape=True), Integer)
    columns = (
        chat_messages.c.id.label("message"),
        chat_messages.c.sender_id.label("sender"),
        chat_messages.c.deleted_at.label("gone"),
        names_me.label("names_me"),
    )
    key = chat_messages.c.channel_id
    behind = select(*columns).where(_TOP, *_within(dialect, key, chat_channels.c.id, first=mark))
    # The mark itself is one of them.
    newest = _newest_first(behind, key, UNREAD_MOST + 1).correlate(chat_channels, chat_reads).subquery()
    theirs = (newest.c.message > mark, newest.c.sender != user_id, newest.c.gone.is_(None))
    return select(value).select_from(newest).where(*theirs).correlate(chat_channels, chat_reads).scalar_subquery()


def unread(connection: Connection, workspace_id: str, user_id: str) -> dict[str, tuple[int, bool]]:
    """How many messages of each channel a person has not read, up to UNREAD_MOST, and whether one names them."""
    found = connection.execute(unread_query(connection.dialect.name, workspace_id, user_id))
    return {row.id: (min(row.unread, UNREAD_MOST), bool(row.mentions)) for row in found if row.unread}


def _within(
    dialect: str,
    key: ColumnElement[Any],
    value: ColumnElement[Any],
    *,
    first: ColumnElement[str] | None = None,
    before: str | None = None,
) -> tuple[ColumnElement[bool], ...]:
    """The messages of one channel or thread, from a first id on and before another, as a stretch of its index.

    To PostgreSQL it is said as a stretch between two places: with key = ... it may walk the primary key instead, in
    the hope to meet the few it looks for soon, and reads all others on its way.
    """
    begin, end = literal("") if first is None else first, literal(before or _LAST)
    if dialect == "sqlite":
        return key == value, chat_messages.c.id >= begin, chat_messages.c.id < end
    place = tuple_(key, chat_messages.c.id)
    return place >= tuple_(value, begin), place < tuple_(value, end)


def _newest_first(query: Select[Any], key: ColumnElement[Any], limit: int) -> Select[Any]:
    return query.order_by(key.desc(), chat_messages.c.id.desc()).limit(limit)


def _channels(workspace_id: str) -> Select[Any]:
    return select(chat_channels).where(chat_channels.c.workspace_id == workspace_id)


def _one_channel(connection: Connection, query: Select[Any]) -> Channel | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else _channel(row)


def _oldest_first(connection: Connection, query: Select[Any]) -> list[Message]:
    return [_message(row) for row in connection.execute(query)][::-1]


def _channel(row: AnyRow) -> Channel:
    return Channel.model_validate(row._asdict())


def _message(row: AnyRow) -> Message:
    return Message.model_validate(row._asdict())
