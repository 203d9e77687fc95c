"""What the chat shows: read from services at each look, at most a page of messages at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.domain.chat import Channel, Message
from ionflux_core.domain.workspaces import User, Workspace
from ionflux_core.errors import IonfluxError, NotFound
from ionflux_core.ids import now
from ionflux_ui.chat_partner import partner_of
from ionflux_ui.chat_view import Reader, View, channel_line, message_view

PAGE: Final = 50
FOUND: Final = 30
FILE_BYTES: Final = 4 * limits.MIB
"""What the board sends by itself; larger files go by Streamlit's own way, which holds the limit of uploads."""
PLACE: Final = "chat_place"
"""Where one is in the chat: the workspace and the Place, kept while the session lasts."""
_PEOPLE: Final = 200
# A change and the clock of the next look may fall into the same moment.
_OVERLAP: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Place:
    """What is open: by the address, and by what was asked of the board."""

    channel: str | None = None
    thread: str | None = None
    message: str | None = None
    archived: bool = False
    question: str = ""
    everywhere: bool = True
    found: int = FOUND
    oldest: str | None = None
    looked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chamber:
    """The chat of one workspace as one person sees it."""

    app: Application
    space: Workspace
    user: User

    def reader(self, channels: Sequence[Channel] = ()) -> Reader:
        """The names of whom messages come from."""
        named = self.app.chat.mentionable(self.space.id, "", _PEOPLE)
        people = {each.id: each.name for each in named if each.kind == "user"}
        definitions = {each.slug: each.name for each in self.app.marketplace.definitions()}
        return Reader(
            self.space.id,
            self.user.id,
            self.space.settings.timezone,
            owner=self.user.id == self.app.workspaces.owner().id,
            people={self.user.id: self.user.name, **people},
            agents={each.id: definitions.get(each.definition_slug, "") for each in self.app.agents.find(self.space.id)},
            channels={each.id: each.name for each in channels},
        )

    def board(self, place: Place) -> tuple[View, Place]:
        """Everything the board draws, and what is open after all: what cannot be opened is said and left out."""
        chat, ws, me = self.app.chat, self.space.id, self.user.id
        channels = chat.channels(ws, user_id=me, archived=True)
        reader, notice = self.reader(channels), None
        shown = [each for each in channels if each.status == "active" or place.archived or each.id == place.channel]
        wanted = place.channel or (self._of_message(place.message) if place.message else None)
        opened = next((each for each in channels if each.id == wanted), None)
        if opened is None:
            if wanted or place.message:
                notice = {"message": "There is no such channel or message.", "hint": "Another channel was opened."}
                place = replace(place, thread=None, message=None)
            opened = _first(shown)
        place = replace(place, channel=opened.id if opened else None)
        data: dict[str, Any] = {
            "workspace": ws,
            "me": {"id": me, "name": self.user.name},
            "channels": tuple(channel_line(each) for each in shown),
            "archived_shown": place.archived,
            "channel": None,
            "newest": {"messages": (), "more": False},
            "touched": (),
            "past": None,
            "thread": None,
            "search": None,
            "limits": {"text": limits.MESSAGE_CHARS, "file": FILE_BYTES},
        }
        if opened is not None:
            try:
                data |= self._opened(opened, place, reader)
            except NotFound as gone:
                notice = {"message": gone.message, "hint": gone.hint}
                place = replace(place, thread=None, message=None)
                data |= self._opened(opened, place, reader)
        if place.question:
            data["search"] = self._search(place, reader)
        return {**data, "focus": place.message, "notice": notice}, replace(place, looked=now())

    def part(self, messages: Sequence[Message], reader: Reader, *, full: int = PAGE) -> View:
        """Messages with whether older ones may exist."""
        return {"messages": tuple(message_view(each, reader) for each in messages), "more": len(messages) >= full}

    def _opened(self, channel: Channel, place: Place, reader: Reader) -> View:
        chat, ws, me = self.app.chat, self.space.id, self.user.id
        members = [reader.people.get(each, "Someone who left") for each in channel.members]
        newest = chat.messages(ws, channel.id, user_id=me, limit=PAGE)
        root, thread, past = None, None, None
        if place.message:
            pointed = chat.message(ws, place.message, me)
            root = pointed.thread_id or place.thread
            middle = pointed.thread_id or pointed.id
            if middle not in {each.id for each in newest}:
                past = self.part(chat.around(ws, middle, me), reader, full=1)
        root = root or place.thread
        if root:
            thread = self.thread(root, reader)
        return {
            "channel": {
                **channel_line(channel),
                "description": channel.description,
                "members": tuple(members) if channel.type in ("private", "dm") else (),
                "partner": partner_of(self.app, channel) if channel.type == "agent_dedicated" else None,
            },
            "newest": self.part(newest, reader),
            "touched": self._touched(channel, place, newest, reader),
            "past": past,
            "thread": thread,
        }

    def thread(self, message_id: str, reader: Reader) -> View:
        """The message a thread hangs on, and its newest answers."""
        chat, ws, me = self.app.chat, self.space.id, self.user.id
        root = chat.message(ws, message_id, me)
        if root.thread_id:
            root = chat.message(ws, root.thread_id, me)
        answers = chat.thread(ws, root.id, me, limit=PAGE)
        return {"root": message_view(root, reader), **self.part(answers, reader)}

    def _touched(self, channel: Channel, place: Place, newest: Sequence[Message], reader: Reader) -> tuple[View, ...]:
        """What has changed since the last look among the older messages that the board holds."""
        if not place.oldest or not place.looked or not newest or place.oldest >= newest[0].id:
            return ()
        since = place.looked - _OVERLAP
        changed = self.app.chat.changes(self.space.id, channel.id, since, first=place.oldest)
        return tuple(message_view(each, reader) for each in changed if each.id < newest[0].id)

    def _search(self, place: Place, reader: Reader) -> View:
        error, hits = "", list[Message]()
        try:
            hits = self.app.chat.search(
                self.space.id,
                place.question,
                user_id=self.user.id,
                channel_id=None if place.everywhere else place.channel,
                limit=min(place.found + 1, limits.PAGE_ROWS),
            )
        except IonfluxError as wrong:
            error = f"{wrong.message} {wrong.hint}".strip()
        return {
            "question": place.question,
            "everywhere": place.everywhere,
            "hits": tuple(message_view(each, reader) for each in hits[: place.found]),
            "more": len(hits) > place.found,
            "error": error,
        }

    def _of_message(self, message_id: str) -> str | None:
        try:
            return self.app.chat.message(self.space.id, message_id, self.user.id).channel_id
        except NotFound:
            return None


def _first(channels: Sequence[Channel]) -> Channel | None:
    """Where one begins: where everybody talks, else the first channel there is."""
    active = [each for each in channels if each.status == "active"]
    return next((each for each in active if each.name == "general"), active[0] if active else None)
