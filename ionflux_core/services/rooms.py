"""Where agents speak and write: messages in channels that everybody sees, and pages of their own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ionflux_core.domain.canvas import BlockDraft
from ionflux_core.domain.chat import Channel, Message
from ionflux_core.domain.runs import Run
from ionflux_core.errors import Forbidden, NotFound
from ionflux_core.sdk import Said
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.chat import Chat
from ionflux_core.services.chat_content import no_message
from ionflux_core.services.workspaces import validated
from ionflux_core.storage import chat as rows
from ionflux_core.storage import taint
from ionflux_core.storage.engine import Database

_REASONS = 3


class Rooms:
    """Use-cases of agents around chat and pages; what they are asked for is in `ionflux_core.sdk`."""

    def __init__(self, db: Database, chat: Chat, canvas: Canvas) -> None:
        self._db = db
        self._chat = chat
        self._canvas = canvas

    def post(
        self, run: Run, channel: str, text: str, thread: str | None, proposal: Mapping[str, Any] | None, key: str
    ) -> str:
        """Post once under a key in a channel, which is made when it is not there; the message's id."""
        into = self._channel(run.workspace_id, channel) or self._chat.ensure_channel(run.workspace_id, channel)
        _refuse_hidden(into)
        with self._db.read() as connection:
            outside = taint.reasons(connection, run)[:_REASONS]
        content = {"text_body": text, "outside": outside, **({"proposal": dict(proposal)} if proposal else {})}
        return self._chat.post(
            run.workspace_id, into.id, content=content,
            content_type="interactive_proposal" if proposal else "markdown",
            sender_type="agent", sender_id=run.instance_id or run.definition_slug, sender_name=name_of(run),
            thread_id=thread, run_id=run.id, dedup_key=f"said:{key}"[:300],
        ).id  # fmt: skip

    def messages(
        self, workspace_id: str, channel: str, thread: str | None, since: datetime | None, limit: int
    ) -> list[Said]:
        """What was said in a channel or in one of its threads, oldest first; NotFound when it is not there."""
        into = self._channel(workspace_id, channel)
        if into is None:
            raise NotFound(f"There is no channel {channel[:80]!r}.", hint="Name one of the chat's channels.")
        _refuse_hidden(into)
        with self._db.read() as connection:
            if thread is None:
                found = rows.messages(connection, into.id, limit=limit)
            else:
                first = rows.message(connection, workspace_id, thread)
                if first is None or first.channel_id != into.id:
                    raise no_message()
                found = [first, *rows.thread(connection, first.id, limit=limit)]
        return [
            _said(each) for each in found if each.deleted_at is None and (since is None or each.created_at >= since)
        ]

    def write_page(
        self, run: Run, title: str, blocks: Sequence[Mapping[str, Any]], key: str, parent: str | None, icon: str
    ) -> str:
        """The page under a key, made or written anew; its id."""
        drafts = [validated(BlockDraft, each, "block") for each in blocks]
        page_id = str(uuid.uuid5(uuid.UUID(run.workspace_id), f"page:{key}"))
        return self._canvas.write_page(
            run.workspace_id, page_id, title, drafts, parent_id=parent, icon=icon, by=name_of(run)
        ).id

    def _channel(self, workspace_id: str, named: str) -> Channel | None:
        with self._db.read() as connection:
            return rows.channel(connection, workspace_id, named) or rows.channel_named(connection, workspace_id, named)


def name_of(run: Run) -> str:
    """What an agent is called where it speaks."""
    return run.instance_name or run.definition_slug


def _refuse_hidden(channel: Channel) -> None:
    if channel.type not in ("public", "agent_dedicated"):
        raise Forbidden(f"The channel {channel.name!r} is not for agents.", hint="Choose a public channel.")


def _said(message: Message) -> Said:
    content = message.content
    words = content.text_body or (content.proposal.title if content.proposal else "")
    if not words and content.status_update is not None:
        words = content.status_update.preview
    return Said(
        id=message.id,
        at=message.created_at,
        sender=message.sender_name,
        sender_type=message.sender_type,
        text=words,
        thread_id=message.thread_id,
        replies=message.replies,
        outside=bool(content.outside),
        channel_id=message.channel_id,
    )
