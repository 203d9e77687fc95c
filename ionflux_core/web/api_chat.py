"""The API's chat: channels, messages, threads, reactions and files, under the names the models give their fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from ionflux_core import limits
from ionflux_core.domain.chat import Channel, ChannelType, ContentType, Mention, Message, MessageContent, SenderType
from ionflux_core.errors import NotFound
from ionflux_core.web.api_here import Answer, Body, Editing, Here, Limit, Reading, Word
from ionflux_core.web.api_lists import page
from ionflux_core.web.bodies import read_body

router = APIRouter(tags=["chat"])
_ANY_FILE = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


class ChannelIn(Body):
    """A new channel. Members belong to `private` and `dm` channels, an instance to `agent_dedicated` ones."""

    name: str = ""
    type: ChannelType = "public"
    description_text: str = ""
    member_user_ids_array: list[str] = Field([], max_length=200)
    instance_id: str | None = None


class ChannelChange(Body):
    """What is to be changed of a channel; what is left out stays."""

    name: str | None = None
    description_text: str | None = None
    member_user_ids_array: list[str] | None = Field(None, max_length=200)
    instance_id: str | None = None
    status: Literal["active", "archived"] | None = None


class ChannelOut(Answer):
    """A channel; `unread` is counted for the caller, up to 100, and `mentioned` says that one of these names them."""

    id: str
    workspace_id: str
    name: str
    type: ChannelType
    description_text: str
    member_user_ids_array: list[str]
    instance_id: str | None
    status: str
    unread: int
    mentioned: bool
    created_at: datetime
    updated_at: datetime


class ChannelList(Answer):
    """Channels the caller may see; `cursor` asks for the next page, null on the last one."""

    channels: list[ChannelOut]
    cursor: str | None


class ContentIn(Body):
    """What a person says: words, or JSON with or without words."""

    text_body: str = ""
    json_payload: Any = None


class MessageIn(Body):
    """A new message; the same idempotency key posts once. `thread_id` is the message it answers."""

    content_type: Literal["text", "markdown", "json_data"] = "markdown"
    content_json: ContentIn
    thread_id: str | None = Field(None, max_length=60)
    idempotency_key: str | None = Field(None, min_length=1, max_length=100)


class MessageChange(Body):
    """Other words for a message of one's own."""

    text_body: str


class ReactionIn(Body):
    """One emoji; it is taken away when it stands there already."""

    emoji: str = Field(max_length=40)


class PressIn(Body):
    """The button that is pressed."""

    action_id: str = Field(max_length=40)


class ReadIn(Body):
    """The last message that was read."""

    message_id: str = Field(max_length=60)


class ContentOut(Answer):
    """What a message says. `json_payload` holds data, or a proposal with its buttons and who pressed which."""

    text_body: str
    json_payload: Any
    file_details_json: dict[str, Any] | None
    status_update_json: dict[str, Any] | None


class ReactionOut(Answer):
    """Who reacted with one mark."""

    emoji: str
    user_ids_array: list[str]


class MessageOut(Answer):
    """One message; a deleted one keeps its place and loses its words. `replies` counts the answers in its thread."""

    id: str
    channel_id: str
    thread_id: str | None
    sender_id: str
    sender_type: SenderType
    sender_name: str
    content_type: ContentType
    content_json: ContentOut
    reactions_json_array: list[ReactionOut]
    read_by_user_ids_array: list[str]
    mentions: list[Mention]
    run_id: str | None
    replies: int
    last_reply_at: datetime | None
    created_at: datetime
    updated_at: datetime | None
    deleted_at: datetime | None


class MessageList(Answer):
    """Messages, newest last; `cursor` is what to give as `before` for earlier ones, null when there are none."""

    messages: list[MessageOut]
    cursor: str | None


class PageMade(Answer):
    """The page that a thread became."""

    page_id: str


@router.get("/channels")
def find_channels(here: Reading, archived: bool = False, cursor: Word | None = None, limit: Limit = 50) -> ChannelList:
    """The channels the caller may see, in the order they were made."""
    found = here.application.chat.channels(here.workspace_id, user_id=_user(here)[0], archived=archived)
    rows, following = page(found, lambda each: each.id, cursor=cursor, limit=limit)
    return ChannelList(channels=[_channel(each) for each in rows], cursor=following)


@router.post("/channels", status_code=201)
def create_channel(here: Editing, draft: ChannelIn, response: Response) -> ChannelOut:
    """Make a channel; the direct channel of two people is made once."""
    made = here.application.chat.create_channel(here.workspace_id, _plain(draft.model_dump()), by=_user(here)[0])
    response.headers["Location"] = f"/api/v1/channels/{made.id}"
    return _channel(made)


@router.get("/channels/{channel_id}")
def get_channel(here: Reading, channel_id: str) -> ChannelOut:
    """One channel."""
    return _channel(here.application.chat.channel(here.workspace_id, channel_id, _user(here)[0]))


@router.patch("/channels/{channel_id}")
def save_channel(here: Editing, channel_id: str, change: ChannelChange) -> ChannelOut:
    """Change a channel; `status` puts it away or brings it back."""
    chat, who = here.application.chat, _user(here)[0]
    changes = _plain(change.model_dump(exclude_unset=True, exclude_none=True))
    status = changes.pop("status", None)
    if changes:
        chat.save_channel(here.workspace_id, channel_id, changes, by=who)
    if status:
        chat.set_channel_status(here.workspace_id, channel_id, status, by=who)
    return _channel(chat.channel(here.workspace_id, channel_id, who))


@router.post("/channels/{channel_id}/read", status_code=204, response_class=Response)
def mark_read(here: Reading, channel_id: str, read: ReadIn) -> Response:
    """Note how far the caller has read; never backwards."""
    here.application.chat.mark_read(here.workspace_id, channel_id, _user(here)[0], read.message_id)
    return Response(status_code=204)


@router.get("/messages/search")
def search_messages(
    here: Reading,
    q: Annotated[Word, Query(min_length=1, description='Words that must all be there, "side by side", -without.')],
    channel_id: Word | None = None,
    before: Word | None = None,
    limit: Limit = 50,
) -> MessageList:
    """Messages by their words, newest first here, of the channels the caller may see or of one of them."""
    found = here.application.chat.search(
        here.workspace_id, q, user_id=_user(here)[0], channel_id=channel_id, before=before, limit=limit + 1
    )
    cursor = found[limit - 1].id if len(found) > limit else None
    return MessageList(messages=[_message(each, {}) for each in found[:limit]], cursor=cursor)


@router.get("/channels/{channel_id}/messages")
def find_messages(here: Reading, channel_id: str, before: Word | None = None, limit: Limit = 50) -> MessageList:
    """A page of a channel, newest last, without the answers in threads."""
    who = _user(here)[0]
    found = here.application.chat.messages(here.workspace_id, channel_id, user_id=who, before=before, limit=limit + 1)
    return _listed(here, channel_id, found, limit)


@router.post("/channels/{channel_id}/messages", status_code=201)
def post_message(here: Editing, channel_id: str, said: MessageIn, response: Response) -> MessageOut:
    """Say something; @name names people, agents, pages, brands and creators."""
    user_id, name = _user(here)
    posted = here.application.chat.post(
        here.workspace_id,
        channel_id,
        content=said.content_json.model_dump(),
        content_type=said.content_type,
        sender_id=user_id,
        sender_name=name,
        thread_id=said.thread_id,
        dedup_key=f"api:{user_id}:{said.idempotency_key}" if said.idempotency_key else None,
    )
    return _made(posted, response)


@router.post(
    "/channels/{channel_id}/files", status_code=201, openapi_extra={"requestBody": {"required": True, **_ANY_FILE}}
)
async def post_file(
    here: Editing,
    channel_id: str,
    request: Request,
    response: Response,
    name: Annotated[Word, Query(min_length=1, description="What the file is called.")],
    text: Annotated[str, Query(max_length=2_000, description="Words beside it.")] = "",
    thread_id: Word | None = None,
) -> MessageOut:
    """Send a file, which is the body; what calls itself a picture must be one."""
    data = await read_body(request, limits.UPLOAD_BYTES)
    media_type = request.headers.get("content-type", "")

    def attach() -> Message:
        user_id, sender = _user(here)
        return here.application.chat.attach(
            here.workspace_id, channel_id, name, data, media_type, text=text, sender_id=user_id, sender_name=sender,
            thread_id=thread_id,
        )  # fmt: skip

    return _made(await run_in_threadpool(attach), response)


@router.get("/channels/{channel_id}/messages/{message_id}")
def get_message(here: Reading, channel_id: str, message_id: str) -> MessageOut:
    """One message."""
    return _answer(here, _found(here, channel_id, message_id))


@router.patch("/channels/{channel_id}/messages/{message_id}")
def edit_message(here: Editing, channel_id: str, message_id: str, change: MessageChange) -> MessageOut:
    """Change the words of one's own message."""
    found = _found(here, channel_id, message_id)
    edited = here.application.chat.edit(here.workspace_id, found.id, change.text_body, _user(here)[0])
    return _answer(here, edited)


@router.delete("/channels/{channel_id}/messages/{message_id}")
def delete_message(here: Editing, channel_id: str, message_id: str) -> MessageOut:
    """Take a message's words and files away; its place stays. One's own, or any for an owner."""
    found = _found(here, channel_id, message_id)
    return _answer(here, here.application.chat.delete(here.workspace_id, found.id, _user(here)[0]))


@router.get("/channels/{channel_id}/messages/{message_id}/thread")
def get_thread(
    here: Reading, channel_id: str, message_id: str, before: Word | None = None, limit: Limit = 50
) -> MessageList:
    """A page of the answers to a message, newest last."""
    found = _found(here, channel_id, message_id)
    answers = here.application.chat.thread(here.workspace_id, found.id, _user(here)[0], before, limit + 1)
    return _listed(here, channel_id, answers, limit)


@router.post("/channels/{channel_id}/messages/{message_id}/reactions")
def react(here: Editing, channel_id: str, message_id: str, reaction: ReactionIn) -> MessageOut:
    """Put an emoji on a message, or take one's own away again."""
    found = _found(here, channel_id, message_id)
    return _answer(here, here.application.chat.react(here.workspace_id, found.id, reaction.emoji, _user(here)[0]))


@router.post("/channels/{channel_id}/messages/{message_id}/press")
def press(here: Editing, channel_id: str, message_id: str, pressed: PressIn) -> MessageOut:
    """Press a button of a proposal: it acts once; 409 says who was quicker."""
    found = _found(here, channel_id, message_id)
    return _answer(here, here.application.chat.press(here.workspace_id, found.id, pressed.action_id, _user(here)[0]))


@router.post("/channels/{channel_id}/messages/{message_id}/page", status_code=201)
def make_page(here: Editing, channel_id: str, message_id: str, response: Response) -> PageMade:
    """Make a page of a thread."""
    found = _found(here, channel_id, message_id)
    made = here.application.chat.thread_to_page(here.workspace_id, found.id, _user(here)[0])
    response.headers["Location"] = f"/api/v1/pages/{made.id}"
    return PageMade(page_id=made.id)


@router.get(
    "/channels/{channel_id}/messages/{message_id}/files/{sha256}",
    response_class=Response,
    responses={200: {"description": "The file.", **_ANY_FILE}},
)
def get_file(here: Reading, channel_id: str, message_id: str, sha256: str) -> Response:
    """A file of a message, to be saved."""
    found = _found(here, channel_id, message_id)
    details, data = here.application.chat.file(here.workspace_id, found.id, sha256, _user(here)[0])
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(str(details['name']), safe='')}"}
    return Response(data, media_type="application/octet-stream", headers=headers)


def _user(here: Here) -> tuple[str, str]:
    """Id and name of the caller: an owner is the workspace's owner, any other token is somebody of its own."""
    if here.who.workspace_id is None:
        owner = here.application.workspaces.owner()
        return owner.id, owner.name
    if here.who.role == "owner":
        return here.application.workspaces.get(here.workspace_id).owner_id, here.who.name
    return f"token:{here.who.name}"[:140], here.who.name


def _found(here: Here, channel_id: str, message_id: str) -> Message:
    found = here.application.chat.message(here.workspace_id, message_id, _user(here)[0])
    if found.channel_id != channel_id:
        raise NotFound("There is no such message.", hint="Look for it in its channel.")
    return found


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a channel under their short names."""
    names = {"description_text": "description", "member_user_ids_array": "members"}
    return {names.get(key, key): value for key, value in values.items()}


def _channel(channel: Channel) -> ChannelOut:
    values = channel.model_dump()
    return ChannelOut(**values, description_text=channel.description, member_user_ids_array=channel.members)


def _listed(here: Here, channel_id: str, found: list[Message], limit: int) -> MessageList:
    marks = here.application.chat.read_marks(here.workspace_id, channel_id, _user(here)[0])
    shown = found[-limit:]
    cursor = shown[0].id if len(found) > limit else None
    return MessageList(messages=[_message(each, marks) for each in shown], cursor=cursor)


def _answer(here: Here, message: Message) -> MessageOut:
    marks = here.application.chat.read_marks(here.workspace_id, message.channel_id, _user(here)[0])
    return _message(message, marks)


def _made(message: Message, response: Response) -> MessageOut:
    response.headers["Location"] = f"/api/v1/channels/{message.channel_id}/messages/{message.id}"
    return _message(message, {})


def _message(message: Message, marks: Mapping[str, str]) -> MessageOut:
    reactions = [ReactionOut(emoji=each.emoji, user_ids_array=each.user_ids) for each in message.reactions]
    readers = [user_id for user_id, last in marks.items() if last >= message.id and user_id != message.sender_id]
    return MessageOut(
        **message.model_dump(exclude={"content", "reactions"}),
        content_json=_content(message.content),
        reactions_json_array=reactions,
        read_by_user_ids_array=sorted(readers),
        updated_at=message.edited_at,
    )


def _content(content: MessageContent) -> ContentOut:
    proposal, update = content.proposal, content.status_update
    return ContentOut(
        text_body=content.text_body,
        json_payload=proposal.model_dump(mode="json") if proposal else content.json_payload,
        file_details_json=content.file_details,
        status_update_json=update.model_dump(mode="json") if update else None,
    )
