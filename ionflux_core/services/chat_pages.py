"""A thread as a page: what was said, line by line with who and when, as data that nothing reads again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from ionflux_core import limits
from ionflux_core.domain.chat import Message

_TEXT_CHARS = limits.TEXT_CHARS * 4
_JSON_BLOCKS = 50
_TITLE_CHARS = 80
_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+.!|~-])")


class Pages(Protocol):
    """What makes pages."""

    def create(self, workspace_id: str, title: str, *, by: str) -> Any:
        """A new page; its `id` is all that is needed."""

    def add_block(self, workspace_id: str, page_id: str, type: str, content: Any = None, *, by: str) -> Any:
        """One more block below all others."""


def page_of(pages: Pages, thread: Sequence[Message], *, cut: bool, by: str) -> Any:
    """A new page that holds these messages, the first of which the others answer; `cut` says that older ones lack."""
    first = thread[0]
    page = pages.create(first.workspace_id, title_of(first), by=by)
    back = f"[The thread in chat](chat?channel={first.channel_id}&message={first.id})"
    begins = back + ("\n\nOlder answers are left out.\n\n" if cut else "\n\n")
    for text in _gathered(begins, map(_told, thread)):
        pages.add_block(first.workspace_id, page.id, "text", {"markdown_text": text}, by=by)
    for message in [each for each in thread if each.content.json_payload is not None][:_JSON_BLOCKS]:
        content = {"title_text": _head(message), "json_data_to_display": message.content.json_payload}
        pages.add_block(first.workspace_id, page.id, "json_display", content, by=by)
    return page


def title_of(message: Message) -> str:
    """What a page about a message is called."""
    words = " ".join(message.content.text_body.split()) or _subject(message) or message.sender_name
    return "Thread: " + "".join(letter for letter in words if letter.isprintable())[:_TITLE_CHARS].strip()


def _gathered(begins: str, pieces: Iterator[str]) -> Iterator[str]:
    """Pieces put together to texts that fit into one block each."""
    text = begins
    for piece in pieces:
        if len(text) + len(piece) > _TEXT_CHARS:
            yield text
            text = ""
        text += piece
    if text:
        yield text


def _told(message: Message) -> str:
    said = "*deleted*" if message.deleted_at else _quoted(message)
    return f"**{_escaped(message.sender_name)}** · {message.created_at:%Y-%m-%d %H:%M} UTC\n\n{said}\n\n"


def _quoted(message: Message) -> str:
    words = message.content.text_body
    if message.content_type == "text":
        words = _escaped(words)
    # A page reads {{ blocks.name.output }}; what somebody wrote in a chat is not meant to be read.
    lines = words.replace("{{", "{\\{").splitlines() or []
    lines += [_escaped(line) for line in _beside(message)]
    return "\n".join(f"> {line}" for line in lines) or "> (no words)"


def _beside(message: Message) -> list[str]:
    """What a message holds beside its words, in a line each."""
    content = message.content
    lines = [f"File: {each.get('name', '')}" for each in (content.file_details or {}).get("files", [])]
    if content.proposal is not None:
        pressed = f" ({content.proposal.chosen_by}: {content.proposal.chosen})" if content.proposal.chosen else ""
        lines.append(f"Proposal: {content.proposal.title}{pressed}")
    if content.status_update is not None:
        lines.append(f"{content.status_update.agent}: {content.status_update.status}. {content.status_update.preview}")
    if content.json_payload is not None:
        lines.append(f"Data: {_head(message)}")
    return lines


def _subject(message: Message) -> str:
    content = message.content
    if content.proposal is not None:
        return content.proposal.title
    return content.status_update.agent if content.status_update is not None else ""


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _MARKS.sub(r"\\\1", text)


def _head(message: Message) -> str:
    return f"{message.sender_name}, {message.created_at:%Y-%m-%d %H:%M} UTC"[:200]
