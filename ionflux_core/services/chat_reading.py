"""Reading chat: pages of channels and threads, what changed, what answers a question, and whom a message can name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.chat import Mention, Message, visible_to
from ionflux_core.domain.mentions import beginning_with
from ionflux_core.errors import NotFound
from ionflux_core.services.chat_channels import ChatChannels
from ionflux_core.services.chat_content import no_message
from ionflux_core.storage import chat as rows
from ionflux_core.storage import chat_names, chat_search
from ionflux_core.storage.engine import Database

_AROUND = 25


class ChatReading(ChatChannels):
    """Use-cases around what has been said. Every one asks first whether the channel may be seen."""

    def __init__(
        self,
        db: Database,
        refuse_secrets: Callable[[str, Any, str], None],
        instance: Callable[[str, str], Any],
        file: Callable[[str, str], bytes],
        changed: Callable[[str, str], None],
    ) -> None:
        super().__init__(db, refuse_secrets, instance, changed)
        self._file = file

    def message(self, workspace_id: str, message_id: str, user_id: str) -> Message:
        """One message; NotFound when it is not there or not for this person."""
        with self._db.read() as connection:
            found = rows.message(connection, workspace_id, message_id)
            if found is not None:
                channel = rows.channel(connection, workspace_id, found.channel_id)
                if channel is not None and visible_to(channel, user_id):
                    return found
        raise no_message()

    def messages(
        self, workspace_id: str, channel_id: str, *, user_id: str, before: str | None = None, limit: int = 50
    ) -> list[Message]:
        """A page of a channel, newest last, without the answers in threads; `before` is the id of a message."""
        with self._db.read() as connection:
            self._seen(connection, workspace_id, channel_id, user_id)
            return rows.messages(connection, channel_id, before=before, limit=_bounded(limit))

    def thread(
        self, workspace_id: str, message_id: str, user_id: str, before: str | None = None, limit: int = 50
    ) -> list[Message]:
        """A page of the answers to a message, newest last."""
        found = self.message(workspace_id, message_id, user_id)
        with self._db.read() as connection:
            return rows.thread(connection, found.thread_id or found.id, before=before, limit=_bounded(limit))

    def around(self, workspace_id: str, message_id: str, user_id: str) -> list[Message]:
        """The messages of a channel around one, or around the one it answers; newest last."""
        found = self.message(workspace_id, message_id, user_id)
        middle = found.thread_id or found.id
        with self._db.read() as connection:
            earlier = rows.messages(connection, found.channel_id, before=middle, limit=_AROUND)
            return earlier + rows.messages_from(connection, found.channel_id, middle, limit=_AROUND + 1)

    def changes(
        self, workspace_id: str, channel_id: str, since: datetime, *, first: str | None = None
    ) -> list[Message]:
        """The messages changed since a time, newest last: of those from `first` on, or of the newest PAGE_ROWS."""
        with self._db.read() as connection:
            self._seen(connection, workspace_id, channel_id, None)
            if first:
                shown = rows.messages_from(connection, channel_id, first, limit=10 * limits.PAGE_ROWS)
            else:
                shown = rows.messages(connection, channel_id, limit=limits.PAGE_ROWS)
        return [each for each in shown if each.changed_at > since]

    def of_run(self, workspace_id: str, run_id: str) -> list[Message]:
        """The messages that speak for a run, oldest first."""
        with self._db.read() as connection:
            return rows.of_run(connection, workspace_id, run_id)

    def read_marks(self, workspace_id: str, channel_id: str, user_id: str) -> dict[str, str]:
        """How far everyone has read a channel: the id of their last message, by person."""
        with self._db.read() as connection:
            self._seen(connection, workspace_id, channel_id, user_id)
            return rows.read_marks(connection, channel_id)

    def search(
        self,
        workspace_id: str,
        question: str,
        *,
        user_id: str,
        channel_id: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Message]:
        """Messages that answer a question, newest first, of the channels a person may see or of one of them."""
        with self._db.read() as connection:
            if channel_id is not None:
                wanted = [self._seen(connection, workspace_id, channel_id, user_id)]
            else:
                wanted = [each for each in rows.channels(connection, workspace_id) if visible_to(each, user_id)]
            ids = [each.id for each in wanted]
            return chat_search.find(connection, ids, question, before=before, limit=_bounded(limit))

    def mentionable(self, workspace_id: str, prefix: str = "", limit: int = 10) -> list[Mention]:
        """Whom and what a message can name, as somebody begins to type it."""
        with self._db.read() as connection:
            known = chat_names.nameable(connection, workspace_id)
        return beginning_with(prefix, known, limit=_bounded(limit))

    def file(self, workspace_id: str, message_id: str, sha256: str, user_id: str) -> tuple[dict[str, Any], bytes]:
        """A file of a message: sha256, name, media_type and size, and its bytes."""
        found = self.message(workspace_id, message_id, user_id)
        for each in (found.content.file_details or {}).get("files", []):
            if each.get("sha256") == sha256:
                return each, self._file(workspace_id, sha256)
        raise NotFound("There is no such file.", hint="Reload the page.")

    def _nameable(self, workspace_id: str, text: str) -> list[Mention]:
        if "@" not in text:
            return []
        with self._db.read() as connection:
            return chat_names.nameable(connection, workspace_id)


def _bounded(limit: int) -> int:
    return max(1, min(limit, limits.PAGE_ROWS + 1))
