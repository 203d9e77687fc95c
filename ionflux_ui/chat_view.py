"""Messages and channels as the chat component draws them: plain values, nothing that is markup."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ionflux_core.domain.chat import Channel, Mention, Message, Proposal, Reaction, StatusUpdate
from ionflux_core.domain.runs import FINISHED
from ionflux_core.services.files import Files
from ionflux_ui.badges import badge_of_status
from ionflux_ui.moments import exact
from ionflux_ui.run_outputs import file_in, file_size
from ionflux_ui.run_text import flat_rows, is_number, number

View = dict[str, Any]

TEXT_SHOWN: Final = 20_000
VALUE_SHOWN: Final = 40_000
_ROWS_SHOWN: Final = 20
_NAMES_SHOWN: Final = 12
_PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_PAGES: Final = {"agent": ("agents", "instance"), "page": ("canvas", "page"), "brand": ("brands", "brand"),
                 "creator": ("brands", "creator")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at messages, and the names of whom they come from; `agents` has an instance's definition by its id."""

    workspace_id: str
    user_id: str
    zone: str
    owner: bool = False
    people: Mapping[str, str] = field(default_factory=dict)
    agents: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)


def channel_line(channel: Channel) -> View:
    """A channel as the list shows it."""
    return {
        "id": channel.id,
        "name": channel.name,
        "type": channel.type,
        "archived": channel.status == "archived",
        "unread": channel.unread,
        "mentioned": channel.mentioned,
    }


def message_view(message: Message, reader: Reader) -> View:
    """One message; a deleted one says nothing."""
    said = message.content
    mine = message.sender_type == "user" and message.sender_id == reader.user_id
    return {
        "id": message.id,
        "thread": message.thread_id,
        "channel": message.channel_id,
        "channel_name": reader.channels.get(message.channel_id, ""),
        "sender": _sender(message, reader, mine),
        "type": message.content_type,
        "text": said.text_body,
        "at": _iso(message.created_at),
        "exact": exact(message.created_at, reader.zone),
        "edited": message.edited_at is not None,
        "deleted": message.deleted_at is not None,
        "outside": " and ".join(said.outside),
        "reactions": tuple(_reaction(each, reader) for each in message.reactions),
        "mentions": tuple(_mention(each) for each in message.mentions),
        "replies": message.replies,
        "last_reply": _iso(message.last_reply_at),
        "run": goal("runs", run=message.run_id) if message.run_id else None,
        "json": None if said.json_payload is None else value_view(said.json_payload),
        "proposal": _proposal(said.proposal) if said.proposal else None,
        "files": tuple(_file(each, reader.workspace_id) for each in (said.file_details or {}).get("files", ())),
        "status": _status(message, said.status_update) if said.status_update else None,
        "may_edit": mine and bool(said.text_body),
        "may_delete": mine or reader.owner,
    }


def goal(page: str, **parameters: str) -> View:
    """A page to go to, with what its address says."""
    return {"page": page, "parameters": parameters}


def value_view(value: Any) -> View:
    """One value by what it is: a table of flat rows, a figure, Markdown, or a tree that folds."""
    if isinstance(value, Mapping) and "not_computed" in value:
        return {"kind": "not_computed", "text": str(value["not_computed"])[:TEXT_SHOWN]}
    if stored := file_in(value):
        return {"kind": "text", "text": f"{stored['name']} ({file_size(int(stored['size']))})", "cut": False}
    if is_number(value):
        return {"kind": "number", "text": number(value)}
    if isinstance(value, str):
        return {"kind": "markdown", "text": value[:TEXT_SHOWN], "cut": len(value) > TEXT_SHOWN}
    rows = flat_rows(value)
    if rows is not None:
        return _table(rows)
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > VALUE_SHOWN:
        return {
            "kind": "json",
            "text": json.dumps(value, ensure_ascii=False, default=str, indent=2)[:TEXT_SHOWN],
            "cut": True,
        }
    return {"kind": "tree", "value": json.loads(text), "cut": False}


def _table(rows: list[dict[str, Any]]) -> View:
    columns = tuple(dict.fromkeys(str(key) for row in rows for key in row))[:20]
    shown = tuple(tuple(_cell(row.get(column)) for column in columns) for row in rows[:_ROWS_SHOWN])
    return {"kind": "table", "columns": columns, "rows": shown, "total": len(rows), "cut": len(rows) > _ROWS_SHOWN}


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)[:400]


def _sender(message: Message, reader: Reader, mine: bool) -> View:
    agent = message.sender_type == "agent"
    return {
        "kind": message.sender_type,
        "id": message.sender_id,
        "name": message.sender_name,
        "definition": reader.agents.get(message.sender_id, "") if agent else "",
        "mine": mine,
        "goal": goal("agents", instance=message.sender_id) if agent and message.sender_id in reader.agents else None,
    }


def _reaction(reaction: Reaction, reader: Reader) -> View:
    names = [reader.people.get(each, "Someone") for each in reaction.user_ids if each != reader.user_id]
    mine = reader.user_id in reaction.user_ids
    shown = (["You"] if mine else []) + names[:_NAMES_SHOWN]
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return {"emoji": reaction.emoji, "count": len(reaction.user_ids), "mine": mine, "names": ", ".join(shown) + more}


def _mention(mention: Mention) -> View:
    page = _PAGES.get(mention.kind)
    leads = goal(page[0], **{page[1]: mention.id}) if page else None
    return {"kind": mention.kind, "id": mention.id, "name": mention.name, "goal": leads}


def _proposal(proposal: Proposal) -> View:
    labels = {action.action_id: action.label for action in proposal.actions}
    return {
        "title": proposal.title,
        "description": proposal.description,
        "data": value_view(proposal.data) if proposal.data else None,
        "actions": tuple({"id": each.action_id, "label": each.label, "style": each.style} for each in proposal.actions),
        "chosen": proposal.chosen,
        "chosen_label": labels.get(proposal.chosen or "", proposal.chosen or ""),
        "chosen_by": proposal.chosen_by or "",
        "chosen_at": _iso(proposal.chosen_at),
    }


def _file(stored: Mapping[str, Any], workspace_id: str) -> View:
    media_type = str(stored.get("media_type") or "")
    return {
        "name": str(stored.get("name") or "file"),
        "media_type": media_type,
        "size": file_size(int(stored.get("size") or 0)),
        "picture": media_type in _PICTURES,
        "address": Files.address(workspace_id, stored),
    }


def _status(message: Message, state: StatusUpdate) -> View:
    badge, ended = badge_of_status(state.status), state.status in FINISHED
    error = state.error or {}
    return {
        "run": state.run_id,
        "agent": state.agent,
        "word": badge.text,
        "icon": badge.icon,
        "tone": badge.tone,
        "running": state.status in ("pending", "running"),
        "waiting": state.status in ("awaiting_approval", "waiting", "paused"),
        "step": state.step,
        "steps_done": state.steps_done,
        "said": state.said[:TEXT_SHOWN],
        "preview": state.preview,
        "error": {"message": str(error.get("message", "")), "hint": str(error.get("hint", ""))} if error else None,
        "results": tuple({"key": key, "shown": value_view(value)} for key, value in _named(state.outputs)),
        "began": _iso(message.created_at),
        "ended": ended,
    }


def _named(outputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return ((key, value) for key, value in outputs.items() if key != "engine" and value is not None)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
