"""Words in the workspace's chat."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field

from ionflux_core.limits import MESSAGE_CHARS
from ionflux_core.sdk import Context
from ionflux_core.transforms.base import EMPTY, Example, Name, transform

_MARKS = {"info": "ℹ️", "good": "✅", "warning": "⚠️", "urgent": "🚨"}
Key = Annotated[str, Field(max_length=200)]


class Posted(TypedDict):
    """A message."""

    message_id: Annotated[str, "The message's id; empty in a dry run, which says nothing."]
    channel: Annotated[str, "The channel."]


@transform(
    "chat.post",
    title="Say something in the chat",
    examples=[Example("A line in a channel", {"channel": "alerts", "text": "Order **1001** is large."},
                      {"message_id": "message-1", "channel": "alerts"})],
)  # fmt: skip
def post(
    ctx: Context,
    channel: Annotated[Name, "The channel's name or id; a name that is not there is made."],
    text: Annotated[str, "The words, in Markdown.", Field(min_length=1, max_length=MESSAGE_CHARS)],
    thread: Annotated[str, "The id of the message that is answered.", Field(max_length=64)] = "",
    proposal: Annotated[
        dict[str, Any], "Buttons below: title, description, actions ({action_id, label, style})."
    ] = EMPTY,
    key: Annotated[Key, "With the same key it is said once, ever."] = "",
) -> Posted:
    """Post a message that everybody in the channel sees."""
    message_id = ctx.chat.post(channel, text, thread=thread or None, proposal=proposal or None, key=key or None)
    return {"message_id": message_id, "channel": channel}


@transform(
    "notify",
    title="Tell the team",
    family="basic",
    examples=[Example("A warning", {"title": "Stock is low", "text": "4 of A1 are left.", "level": "warning"},
                      {"message_id": "message-1", "channel": "general"})],
)  # fmt: skip
def notify(
    ctx: Context,
    title: Annotated[Name, "What it is about."],
    text: Annotated[str, "More words, in Markdown.", Field(max_length=MESSAGE_CHARS - 300)] = "",
    level: Annotated[Literal["info", "good", "warning", "urgent"], "How much it matters."] = "info",
    channel: Annotated[Name, "Where."] = "general",
    key: Annotated[Key, "With the same key it is said once, ever."] = "",
) -> Posted:
    """Tell the team something: a message in the chat with a sign, a title and words."""
    words = f"{_MARKS[level]} **{title.replace('*', '')}**\n\n{text}".strip()
    return {"message_id": ctx.chat.post(channel, words, key=key or None), "channel": channel}
