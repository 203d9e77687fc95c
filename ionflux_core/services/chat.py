"""Chat: messages of people, agents and the program itself, in channels and threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.chat import Channel, ContentType, Message, MessageContent, SenderType, is_emoji, visible_to
from ionflux_core.domain.mentions import mentioned
from ionflux_core.errors import Forbidden, Invalid, LimitExceeded, Unavailable
from ionflux_core.ids import now
from ionflux_core.services.chat_content import (
    BY_PEOPLE,
    check,
    content_of,
    no_message,
    plain,
    posted,
    refuse_archived,
    refuse_deleted,
    root_of,
    with_press_of,
)
from ionflux_core.services.chat_files import ChatFile, checked_files
from ionflux_core.services.chat_pages import Pages, page_of
from ionflux_core.services.chat_proposals import Proposals
from ionflux_core.services.chat_reading import ChatReading
from ionflux_core.storage import audit, chat_names, chat_search, events
from ionflux_core.storage import chat as rows
from ionflux_core.storage.engine import Connection, Database


class Chat(ChatReading):
    """Use-cases around messages, beside those around channels.

    Who may not see a channel may not see its messages either, by no way in: they get the same NotFound as if there
    were none. `said` is told of every message a person has posted, after it is stored.

    Messages are kept until somebody deletes them or their workspace goes, whatever retention forgets of the runs they
    speak for; their files are kept as long as a message names them.
    """

    def __init__(
        self,
        db: Database,
        refuse_secrets: Callable[[str, Any, str], None],
        hidden: Callable[[str, Any], Any],
        instance: Callable[[str, str], Any],
        upload: Callable[[str, str, bytes, str], dict[str, Any]],
        file: Callable[[str, str], bytes],
        proposals: Proposals,
        published: Callable[[], None],
        changed: Callable[[str, str], None],
    ) -> None:
        super().__init__(db, refuse_secrets, instance, file, changed)
        self._hidden = hidden
        self._upload = upload
        self._proposals = proposals
        self._published = published
        self.said: Callable[[Message], None] = lambda _: None
        self.pages: Pages | None = None

    def post(
        self,
        workspace_id: str,
        channel_id: str,
        *,
        text: str = "",
        content: MessageContent | Mapping[str, Any] | None = None,
        content_type: ContentType = "markdown",
        sender_type: SenderType = "user",
        sender_id: str,
        sender_name: str,
        thread_id: str | None = None,
        run_id: str | None = None,
        dedup_key: str | None = None,
    ) -> Message:
        """Store a message and tell everyone; a repeated `dedup_key` gives the earlier one.

        What a person writes may name others by @, and is refused when it holds a secret; from what an agent says,
        secrets are taken out.
        """
        if sender_type == "user" and content_type not in BY_PEOPLE:
            raise Invalid("People write text, Markdown or JSON.", hint="Attach a file where you want to send one.")
        return self._post(
            workspace_id, channel_id, content_of(text, content), content_type, sender_type, sender_id, sender_name,
            thread_id=thread_id, run_id=run_id, dedup_key=dedup_key,
        )  # fmt: skip

    def attach(
        self,
        workspace_id: str,
        channel_id: str,
        name: str,
        data: bytes,
        media_type: str,
        *,
        text: str = "",
        sender_type: SenderType = "user",
        sender_id: str,
        sender_name: str,
        thread_id: str | None = None,
    ) -> Message:
        """Post a file; what calls itself a picture must be one."""
        return self.attach_all(
            workspace_id, channel_id, [ChatFile(name, data, media_type)], text=text, sender_type=sender_type,
            sender_id=sender_id, sender_name=sender_name, thread_id=thread_id,
        )  # fmt: skip

    def attach_all(
        self,
        workspace_id: str,
        channel_id: str,
        files: Sequence[ChatFile],
        *,
        text: str = "",
        sender_type: SenderType = "user",
        sender_id: str,
        sender_name: str,
        thread_id: str | None = None,
    ) -> Message:
        """Post up to MESSAGE_FILES files as one message, with words beside them."""
        with self._db.read() as connection:
            channel = self._seen(connection, workspace_id, channel_id, sender_id if sender_type == "user" else None)
        refuse_archived(channel)
        words = content_of(text, None)
        stored = [self._upload(workspace_id, *each) for each in checked_files(files)]
        content = words.model_copy(update={"file_details": {"files": stored}})
        return self._post(
            workspace_id, channel_id, content, "file_attachment", sender_type, sender_id, sender_name,
            thread_id=thread_id,
        )  # fmt: skip

    def update(self, workspace_id: str, message_id: str, content: MessageContent | Mapping[str, Any]) -> Message:
        """Replace what an agent's message says, as its run goes on; a deleted one stays deleted."""
        fresh = content_of("", self._hidden(workspace_id, plain(content_of("", content))))

        def work(connection: Connection) -> None:
            found = self._held(connection, workspace_id, message_id)
            kept = with_press_of(found.content, fresh)
            check(found.content_type, kept, found.sender_type)
            if found.deleted_at is None and found.content != kept:
                self._keep(connection, found, kept)

        return self._moved(workspace_id, message_id, work)

    def edit(self, workspace_id: str, message_id: str, text: str, user_id: str) -> Message:
        """Change the words of one's own message."""
        self._refuse_secrets(workspace_id, text, "The message")
        words = content_of(text, None).text_body
        known = self._nameable(workspace_id, words)

        def work(connection: Connection) -> None:
            found = self._held(connection, workspace_id, message_id, user_id)
            if found.sender_type != "user" or found.sender_id != user_id:
                raise Forbidden("Only who has written a message may edit it.", hint="Answer it instead.")
            refuse_deleted(found)
            fresh = found.content.model_copy(update={"text_body": words})
            check(found.content_type, fresh, "user")
            named = [each.model_dump() for each in mentioned(words, known)]
            self._keep(connection, found, fresh, edited_at=now(), mentions=named)

        return self._moved(workspace_id, message_id, work)

    def delete(self, workspace_id: str, message_id: str, user_id: str) -> Message:
        """Take a message's words, files and search entry away; its place stays. One's own, or any for an owner."""

        def work(connection: Connection) -> None:
            found = self._held(connection, workspace_id, message_id, user_id)
            own = found.sender_type == "user" and found.sender_id == user_id
            people = chat_names.people(connection, workspace_id)
            if not own and not any(each.id == user_id and each.role == "owner" for each in people):
                raise Forbidden("Only who has written a message may delete it.", hint="Ask an owner.")
            if found.deleted_at is not None:
                return
            at = now()
            self._keep(connection, found, MessageContent(), mentions=[], reactions=[], deleted_at=at)
            chat_search.forget(connection, message_id)
            audit.note(
                connection, workspace_id, at=at, who=user_id, action="deleted", entity="message", entity_id=message_id,
                details={"channel_id": found.channel_id, "sender_id": found.sender_id},
            )  # fmt: skip

        return self._moved(workspace_id, message_id, work)

    def react(self, workspace_id: str, message_id: str, emoji: str, user_id: str) -> Message:
        """Put a mark on a message, or take one's own away again."""
        if not is_emoji(emoji):
            raise Invalid("A reaction is one single emoji.", hint="Choose one from the list.", code="not_an_emoji")

        def work(connection: Connection) -> None:
            found = self._held(connection, workspace_id, message_id, user_id)
            refuse_deleted(found)
            marks = {each.emoji: list(each.user_ids) for each in found.reactions}
            if user_id in marks.get(emoji, []):
                marks[emoji].remove(user_id)
            else:
                marks.setdefault(emoji, []).append(user_id)
            if len(marks) > limits.REACTIONS_PER_MESSAGE:
                raise LimitExceeded("There are too many different reactions.", hint="Use one that is there already.")
            kept = [{"emoji": mark, "user_ids": users} for mark, users in marks.items() if users]
            rows.save(connection, workspace_id, message_id, reactions=kept, changed_at=now())

        return self._moved(workspace_id, message_id, work)

    def press(self, workspace_id: str, message_id: str, action_id: str, user_id: str) -> Message:
        """Press a button of a proposal: it acts once, and the message says who pressed what and when."""
        found = self.message(workspace_id, message_id, user_id)
        refuse_deleted(found)
        with self._db.read() as connection:
            names = {each.id: each.name for each in chat_names.people(connection, workspace_id)}
        try:
            self._proposals.press(found, action_id, user_id=user_id, name=names.get(user_id, user_id.partition(":")[2]))
        finally:
            self._tell(workspace_id, found.channel_id)
        return self.message(workspace_id, message_id, user_id)

    def thread_to_page(self, workspace_id: str, message_id: str, user_id: str) -> Any:
        """A new page that holds a thread: every line with its sender and time, as data."""
        if self.pages is None:
            raise Unavailable("There are no pages in this program.", hint="Copy what you need.")
        found = self.message(workspace_id, message_id, user_id)
        root = self.message(workspace_id, found.thread_id, user_id) if found.thread_id else found
        answers = self.thread(workspace_id, root.id, user_id, limit=limits.PAGE_ROWS)
        with self._db.read() as connection:
            names = {each.id: each.name for each in chat_names.people(connection, workspace_id)}
        cut = root.replies > len(answers)
        return page_of(self.pages, [root, *answers], cut=cut, by=names.get(user_id, user_id))

    def _post(
        self,
        workspace_id: str,
        channel_id: str,
        content: MessageContent,
        content_type: ContentType,
        sender_type: SenderType,
        sender_id: str,
        sender_name: str,
        *,
        thread_id: str | None = None,
        run_id: str | None = None,
        dedup_key: str | None = None,
    ) -> Message:
        check(content_type, content, sender_type)
        if sender_type == "user":
            self._refuse_secrets(workspace_id, plain(content), "The message")
        else:
            content = with_press_of(MessageContent(), content_of("", self._hidden(workspace_id, plain(content))))
        known = self._nameable(workspace_id, content.text_body) if sender_type == "user" else []
        at = now()
        row: dict[str, Any] = {
            "workspace_id": workspace_id, "channel_id": channel_id, "thread_id": None, "sender_type": sender_type,
            "sender_id": sender_id[:140], "sender_name": sender_name[:200], "content_type": content_type,
            "content": plain(content), "reactions": [], "run_id": run_id, "dedup_key": dedup_key, "replies": 0,
            "mentions": [each.model_dump() for each in mentioned(content.text_body, known)],
            "created_at": at, "changed_at": at,
        }  # fmt: skip

        def work(connection: Connection) -> tuple[Message, bool]:
            channel = self._seen(connection, workspace_id, channel_id, sender_id if sender_type == "user" else None)
            earlier = rows.by_key(connection, workspace_id, dedup_key) if dedup_key else None
            if earlier is None:
                row["id"] = rows.next_id(connection, workspace_id, channel_id)
                row["thread_id"] = root_of(connection, channel, thread_id)
                refuse_archived(channel)
                if rows.insert(connection, row):
                    return self._noted(connection, channel, Message.model_validate(row)), True
                earlier = rows.by_key(connection, workspace_id, dedup_key or "")
            assert earlier is not None
            return earlier, False

        message, fresh = self._db.write(work, durable=sender_type == "user")
        if fresh:
            self._tell(workspace_id, channel_id)
            self._published()
            if sender_type == "user":
                self.said(message)
        return message

    def _noted(self, connection: Connection, channel: Channel, message: Message) -> Message:
        """What goes with a message into its transaction: its words for the search, its event, the sender's mark."""
        chat_search.write(connection, message.id, message.content)
        events.insert(connection, posted(channel, message))
        people = {each.id for each in chat_names.people(connection, channel.workspace_id)}
        if message.thread_id is None and message.sender_id in people:
            rows.mark_read(connection, channel.id, message.sender_id, message.id, message.created_at)
        return message

    def _held(self, connection: Connection, workspace_id: str, message_id: str, user_id: str | None = None) -> Message:
        """A message that is about to be changed, by a person who may see it or by the program itself."""
        found = rows.message(connection, workspace_id, message_id, hold=True)
        if found is not None:
            channel = rows.channel(connection, workspace_id, found.channel_id)
            if channel is not None and (user_id is None or visible_to(channel, user_id)):
                return found
        raise no_message()

    @staticmethod
    def _keep(connection: Connection, message: Message, content: MessageContent, **values: Any) -> None:
        stored = {"content": plain(content), "changed_at": now(), **values}
        rows.save(connection, message.workspace_id, message.id, **stored)
        chat_search.write(connection, message.id, content)

    def _moved(self, workspace_id: str, message_id: str, work: Callable[[Connection], None]) -> Message:
        self._db.write(work)
        with self._db.read() as connection:
            found = rows.message(connection, workspace_id, message_id)
        assert found is not None
        self._changed(workspace_id, f"chat:{found.channel_id}")
        return found
