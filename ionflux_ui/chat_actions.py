"""What a person did on the board, done by services: each writing action once, however often it is reported."""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from ionflux_core import limits
from ionflux_core.domain.chat import Message
from ionflux_core.domain.slash import command_in
from ionflux_core.errors import Invalid, IonfluxError, LimitExceeded
from ionflux_ui.chat_data import FILE_BYTES, FOUND, PAGE, Chamber, Place
from ionflux_ui.chat_view import View, message_view

Action = Mapping[str, Any]

_MENTIONED: Final = 30
_KEPT: Final = 200
# They change nothing, so that an answer that was lost can be given again.
_READING: Final = frozenset({"complete", "older", "around"})


@dataclass(slots=True)
class Turn:
    """One run of the board's fragment: where one is, and what is to happen after the actions."""

    chamber: Chamber
    place: Place
    handled: dict[str, View]
    outcomes: list[View] = field(default_factory=list)
    goal: tuple[str, dict[str, str]] | None = None
    dialog: tuple[str, dict[str, Any]] | None = None

    def take(self, actions: list[dict[str, Any]]) -> None:
        """Do what was reported; what was done before is only answered again."""
        for action in actions:
            nonce = action["nonce"]
            if nonce not in self.handled:
                outcome = self._outcome(action)
                if action.get("action") in _READING:
                    self.outcomes.append(outcome)
                    continue
                self.handled[nonce] = outcome
            self.outcomes.append(self.handled[nonce])
        while len(self.handled) > _KEPT:
            self.handled.pop(next(iter(self.handled)))

    def _outcome(self, action: Action) -> View:
        said: View = {"nonce": action["nonce"], "error": None}
        do = ACTIONS.get(str(action.get("action")))
        try:
            if do is None:
                raise Invalid("The board asked for something unknown.", hint="Reload the page.")
            return said | (do(self, action) or {})
        except IonfluxError as error:
            return said | {"error": {"message": error.message, "hint": error.hint}}

    def changed(self, message: Message) -> View:
        """The outcome that brings one message up to date on the board."""
        return {"message": message_view(message, self.chamber.reader())}

    @property
    def ids(self) -> tuple[str, str]:
        """The workspace and who acts in it."""
        return self.chamber.space.id, self.chamber.user.id


Do = Callable[[Turn, Action], View | None]
ACTIONS: dict[str, Do] = {}


def _does(name: str) -> Callable[[Do], Do]:
    def made(do: Do) -> Do:
        ACTIONS[name] = do
        return do

    return made


def _text(action: Action, name: str, most: int = 200) -> str:
    value = action.get(name)
    return value[:most] if isinstance(value, str) else ""


def _id(action: Action, name: str) -> str:
    """An id that must be there."""
    value = _text(action, name)
    if not value:
        raise Invalid("The board left something out.", hint="Reload the page.")
    return value


@_does("post")
def _post(turn: Turn, action: Action) -> View | None:
    ws, me = turn.ids
    text, thread = str(action.get("text") or ""), _text(action, "thread") or None
    message = turn.chamber.app.chat.post(
        ws, _id(action, "channel"), text=text, sender_id=me, sender_name=turn.chamber.user.name, thread_id=thread,
        dedup_key=f"board:{me}:{action['nonce']}"[:300],
    )  # fmt: skip
    turn.place = replace(turn.place, message=None)
    asks = command_in(text) is not None or any(each.kind == "agent" for each in message.mentions)
    if asks and thread is None and message.channel_id == turn.place.channel:
        # What agents answer arrives in the thread: it is opened, so that nobody has to look for it.
        turn.place = replace(turn.place, thread=message.id)
    return None


@_does("attach")
def _attach(turn: Turn, action: Action) -> View | None:
    ws, me = turn.ids
    written = action.get("base64")
    if not isinstance(written, str) or len(written) > FILE_BYTES * 4 // 3 + 4:
        raise LimitExceeded("The file is too large for this way.", hint="Attach it by the button, up to 25 MB.")
    try:
        data = base64.b64decode(written, validate=True)
    except binascii.Error as error:
        raise Invalid("The file arrived damaged.", hint="Attach it again.") from error
    turn.chamber.app.chat.attach(
        ws, _id(action, "channel"), _text(action, "name", 300) or "file", data, _text(action, "media_type") or "",
        sender_id=me, sender_name=turn.chamber.user.name, thread_id=_text(action, "thread") or None,
    )  # fmt: skip
    return None


@_does("edit")
def _edit(turn: Turn, action: Action) -> View:
    ws, me = turn.ids
    return turn.changed(turn.chamber.app.chat.edit(ws, _id(action, "message"), str(action.get("text") or ""), me))


@_does("delete")
def _delete(turn: Turn, action: Action) -> View:
    ws, me = turn.ids
    return turn.changed(turn.chamber.app.chat.delete(ws, _id(action, "message"), me))


@_does("react")
def _react(turn: Turn, action: Action) -> View:
    ws, me = turn.ids
    return turn.changed(turn.chamber.app.chat.react(ws, _id(action, "message"), _text(action, "emoji", 32), me))


@_does("press")
def _press(turn: Turn, action: Action) -> View:
    ws, me = turn.ids
    return turn.changed(turn.chamber.app.chat.press(ws, _id(action, "message"), _text(action, "choice", 40), me))


@_does("stop")
def _stop(turn: Turn, action: Action) -> View | None:
    ws, me = turn.ids
    turn.chamber.app.answering.stop(ws, _id(action, "message"), me)
    return None


@_does("read")
def _read(turn: Turn, action: Action) -> View | None:
    ws, me = turn.ids
    turn.chamber.app.chat.mark_read(ws, _id(action, "channel"), me, _id(action, "message"))
    return None


@_does("open")
def _open(turn: Turn, action: Action) -> View | None:
    ws, me = turn.ids
    channel, message = _id(action, "channel"), _text(action, "message") or None
    found = turn.chamber.app.chat.message(ws, message, me) if message else None
    same = channel == turn.place.channel
    turn.place = replace(
        turn.place, channel=channel, message=message, question="",
        thread=found.thread_id if found else None, oldest=turn.place.oldest if same else None,
    )  # fmt: skip
    return turn.changed(found) if found else None


@_does("thread")
def _thread(turn: Turn, action: Action) -> View | None:
    ws, me = turn.ids
    wanted = _text(action, "message") or None
    if wanted:
        found = turn.chamber.app.chat.message(ws, wanted, me)
        wanted = found.thread_id or found.id
    turn.place = replace(turn.place, thread=wanted, message=None)
    return None


@_does("older")
def _older(turn: Turn, action: Action) -> View:
    ws, me = turn.ids
    anchor, thread = _id(action, "message"), _text(action, "thread") or None
    chat = turn.chamber.app.chat
    if thread:
        found = chat.thread(ws, thread, me, before=anchor, limit=PAGE)
    else:
        found = chat.messages(ws, _id(action, "channel"), user_id=me, before=anchor, limit=PAGE)
        if found:
            oldest = min(found[0].id, turn.place.oldest or found[0].id)
            turn.place = replace(turn.place, oldest=oldest)
    return {"part": turn.chamber.part(found, turn.chamber.reader())}


@_does("around")
def _around(turn: Turn, action: Action) -> View:
    ws, me = turn.ids
    found = turn.chamber.app.chat.around(ws, _id(action, "message"), me)
    return {"part": turn.chamber.part(found, turn.chamber.reader(), full=1)}


@_does("complete")
def _complete(turn: Turn, action: Action) -> View:
    ws, _ = turn.ids
    app, prefix = turn.chamber.app, _text(action, "prefix", 60)
    empty: View = {"kind": action.get("kind"), "prefix": prefix, "commands": (), "agents": (), "mentions": ()}
    if action.get("kind") == "commands":
        known = asdict(app.answering.commands(ws))
        return {"completion": empty | {"commands": tuple(known["commands"]), "agents": tuple(known["agents"])}}
    definitions = turn.chamber.reader().agents
    named = app.chat.mentionable(ws, prefix, _MENTIONED)
    lines = (
        {"kind": each.kind, "id": each.id, "name": each.name, "hint": definitions.get(each.id, "")} for each in named
    )
    return {"completion": empty | {"mentions": tuple(lines)}}


@_does("find")
def _find(turn: Turn, action: Action) -> View | None:
    everywhere = action.get("everywhere") is not False
    turn.place = replace(turn.place, question=_text(action, "question", 300), everywhere=everywhere, found=FOUND)
    return None


@_does("find_more")
def _find_more(turn: Turn, action: Action) -> View | None:
    turn.place = replace(turn.place, found=min(turn.place.found + FOUND, limits.PAGE_ROWS - 1))
    return None


@_does("show_archived")
def _show_archived(turn: Turn, action: Action) -> View | None:
    turn.place = replace(turn.place, archived=action.get("shown") is True)
    return None


@_does("go")
def _go(turn: Turn, action: Action) -> View | None:
    page, parameters = action.get("page"), action.get("parameters")
    if page not in ("runs", "agents", "canvas", "brands", "approvals") or not isinstance(parameters, Mapping):
        raise Invalid("There is no such page.", hint="Reload the page.")
    turn.goal = page, {str(key): str(value)[:200] for key, value in list(parameters.items())[:8]}
    return None


@_does("fork")
def _fork(turn: Turn, action: Action) -> View | None:
    ws, me = turn.ids
    page = turn.chamber.app.chat.thread_to_page(ws, _id(action, "message"), me)
    turn.goal = "canvas", {"page": page.id}
    return None


@_does("restore_channel")
def _restore_channel(turn: Turn, action: Action) -> View | None:
    ws, me = turn.ids
    turn.chamber.app.chat.set_channel_status(ws, _id(action, "channel"), "active", by=me)
    return None


@_does("new_conversation")
def _new_conversation(turn: Turn, action: Action) -> View | None:
    """Another channel of the same agent: each channel has a memory of its own, and nothing said is lost."""
    ws, me = turn.ids
    chat = turn.chamber.app.chat
    before = chat.channel(ws, _id(action, "channel"), me)
    stem = re.sub(r" \d+$", "", before.name)[: limits.NAME_CHARS - 8]
    taken = {each.name.casefold() for each in chat.channels(ws, user_id=me, archived=True)}
    name = next(name for number in itertools.count(2) if (name := f"{stem} {number}").casefold() not in taken)
    draft = {"name": name, "type": before.type, "instance_id": before.instance_id, "description": before.description}
    made = chat.create_channel(ws, draft, by=me)
    turn.place = replace(turn.place, channel=made.id, thread=None, message=None, question="", oldest=None)
    return None


def _opens(name: str) -> None:
    def do(turn: Turn, action: Action) -> View | None:
        kept = ("channel", "thread")
        turn.dialog = name, {key: action[key] for key in kept if isinstance(action.get(key), str)}
        return None

    ACTIONS[name] = do


for _name in ("new_channel", "edit_channel", "archive_channel", "upload"):
    _opens(_name)
