"""What a message may hold: its size, the field its content type needs, and the fact that it was posted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.chat import Channel, ContentType, Message, MessageContent, SenderType, visible_to
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound
from ionflux_core.services.events import Events
from ionflux_core.services.workspaces import validated
from ionflux_core.storage import chat as rows
from ionflux_core.storage.engine import Connection, dump_json

POSTED = "ionflux.chat.message.posted"
BY_PEOPLE: tuple[ContentType, ...] = ("text", "markdown", "json_data")
_NEEDED: Mapping[ContentType, str] = {
    "json_data": "json_payload",
    "interactive_proposal": "proposal",
    "file_attachment": "file_details",
    "agent_status_update": "status_update",
}


def content_of(text: str, content: MessageContent | Mapping[str, Any] | None) -> MessageContent:
    """The content of a message from words, from a content, or from both; LimitExceeded names the length."""
    given = content.text_body if isinstance(content, MessageContent) else (content or {}).get("text_body", "")
    words = text or given
    if isinstance(words, str) and len(words) > limits.MESSAGE_CHARS:
        raise LimitExceeded(
            f"The message has {len(words):,} characters; {limits.MESSAGE_CHARS:,} fit into one.",
            hint="Send it as a file instead: nothing of it was sent or lost.",
            code="message_too_long",
        )
    filled = validated(MessageContent, content or {}, "message")
    return filled.model_copy(update={"text_body": words})


def plain(content: MessageContent) -> dict[str, Any]:
    """The content as it is stored: what is empty is left out."""
    return content.model_dump(mode="json", exclude_defaults=True)


def check(content_type: ContentType, content: MessageContent, sender_type: SenderType) -> None:
    """Invalid unless a message says something, and says it in the field of its type."""
    needed = _NEEDED.get(content_type)
    if needed is not None and getattr(content, needed) is None:
        raise Invalid(f"A message of the type {content_type} needs {needed}.", hint="Fill it.")
    if needed is None and not content.text_body.strip():
        raise Invalid("The message is empty.", hint="Write something.", code="empty_message")
    size = len(dump_json(plain(content)))
    if size > limits.MESSAGE_BYTES:
        raise LimitExceeded(
            f"The message has {size // limits.KIB:,} KiB; {limits.MESSAGE_BYTES // limits.KIB} fit into one.",
            hint="Send it as a file instead.",
            code="message_too_long",
        )


def with_press_of(before: MessageContent, fresh: MessageContent) -> MessageContent:
    """Content that takes the place of another: which button was pressed and by whom is not for its sender to say."""
    if fresh.proposal is None:
        return fresh
    names = ("chosen", "chosen_by", "chosen_at")
    pressed = {name: getattr(before.proposal, name, None) for name in names}
    return fresh.model_copy(update={"proposal": fresh.proposal.model_copy(update=pressed)})


def root_of(connection: Connection, channel: Channel, thread_id: str | None) -> str | None:
    """The message that is really answered: an answer to an answer belongs to the same thread."""
    if thread_id is None:
        return None
    found = rows.message(connection, channel.workspace_id, thread_id)
    if found is None or found.channel_id != channel.id:
        raise no_message()
    return found.thread_id or found.id


def posted(channel: Channel, message: Message) -> dict[str, Any]:
    """The fact that a message was posted, without a word of it; only who may see the channel is named."""
    named = [each for each in message.mentions if each.kind != "user" or visible_to(channel, each.id)]
    payload = {
        "channel_id": channel.id,
        "channel_type": channel.type,
        "message_id": message.id,
        "thread_id": message.thread_id,
        "content_type": message.content_type,
        "sender_type": message.sender_type,
        "sender_id": message.sender_id,
        "mentions": [{"kind": each.kind, "id": each.id} for each in named],
    }
    row = Events.prepared(channel.workspace_id, POSTED, payload, source="chat", key=f"posted:{message.id}")
    # What a run says counts as caused by it: agents that answer one another come to an end.
    return {**row, "causation_run_id": message.run_id}


def refuse_deleted(message: Message) -> None:
    """Conflict when a message is gone."""
    if message.deleted_at is not None:
        raise Conflict("The message was deleted.", hint="Reload the page.", code="message_deleted")


def refuse_archived(channel: Channel) -> None:
    """Conflict when a channel is put away."""
    if channel.status == "archived":
        raise Conflict(
            f"The channel {channel.name} is archived.", hint="Bring it back before you write.", code="channel_archived"
        )


def no_message() -> NotFound:
    """Not there, or not to be seen: the same answer."""
    return NotFound("There is no such message.", hint="Reload the page.")
