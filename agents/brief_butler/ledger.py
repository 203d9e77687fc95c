"""What the agent keeps: briefs, actions, decisions and open points with their states, and marks of what it has done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ionflux_core.sdk import Record, Records

from .found import Item

SUMMARIES, MARKS = "summaries", "marks"
TABLES = {"action": "action_items", "decision": "decisions"}
OPEN_POINTS = "open_points"
ALL_ITEMS = ("action_items", "decisions", OPEN_POINTS)
FINAL = frozenset({"completed", "cancelled"})
LIVE = frozenset({"open", "in_progress", "questioned"})
MOVES = {
    "accept": "in_progress",
    "confirm": "confirmed",
    "ask": "questioned",
    "done": "completed",
    "resolved": "completed",
    "drop": "cancelled",
}
"""What a pressed button makes of an item."""
_MOST_KEPT = 5_000


def table_of(kind: str) -> str:
    """The collection an item of this kind is kept in."""
    return TABLES.get(kind, OPEN_POINTS)


def store(
    records: Records, items: Sequence[Item], where: dict[str, str], now: datetime
) -> tuple[dict[str, str], list[str]]:
    """Keep items with the states they have reached; the states by id, and the ids that are new."""
    states: dict[str, str] = {}
    fresh: list[str] = []
    for item in items:
        earlier = records.get(table_of(item.kind), item.id)
        kept: dict[str, Any] = (
            dict(earlier.data) if earlier else {"state": "open", "history": [], "found_at": now.isoformat()}
        )
        if earlier is None:
            fresh.append(item.id)
        if item.kind == "answered" and kept["state"] in LIVE:
            _move(kept, "completed", "answered_in_chat", None, now)
        if item.done and kept["state"] in LIVE:
            _move(kept, "completed", "done_in_chat", item.owner, now)
        kept |= {**item.plain(), **where}
        states[item.id] = kept["state"]
        records.put(table_of(item.kind), item.id, kept, at=datetime.fromisoformat(item.at))
    return states, fresh


def take_back(records: Records, place: str, found: set[str], read: set[str], now: datetime) -> int:
    """Close what was found before in messages that were read again and is not there any more; how many."""
    count = 0
    for table in ALL_ITEMS:
        for row in records.find(table, limit=_MOST_KEPT, newest_first=True):
            gone = row.data.get("place") == place and row.key not in found and row.data["messages"][0] in read
            if gone and row.data["state"] not in FINAL:
                kept = dict(row.data)
                _move(kept, "cancelled", "taken_back_in_chat", None, now)
                records.put(table, row.key, kept, at=row.at)
                count += 1
    return count


def _move(kept: dict[str, Any], state: str, action: str, by: str | None, now: datetime, message: str = "") -> None:
    entry = {
        "action": action,
        "from": kept["state"],
        "to": state,
        "by": by,
        "at": now.isoformat(),
        "message_id": message,
    }
    kept["history"] = [*kept["history"], entry][-50:]
    kept["state"] = state


def find_item(records: Records, item_id: str) -> tuple[str, Record] | None:
    """The collection and row of an item; None when this instance has none of that id."""
    for table in ALL_ITEMS:
        row = records.get(table, item_id)
        if row is not None:
            return table, row
    return None


def answer(
    records: Records, item_id: str, action: str, by: str | None, message: str, now: datetime
) -> dict[str, Any] | None:
    """Change an item by a pressed button; the item, with `changed` false when it was pressed before or is closed."""
    there = find_item(records, item_id)
    if there is None or action not in MOVES:
        return None
    table, row = there
    kept = dict(row.data)
    known = any(entry.get("message_id") == message for entry in kept["history"]) if message else False
    if known or kept["state"] in FINAL or kept["state"] == MOVES[action]:
        return {**kept, "changed": False}
    _move(kept, MOVES[action], action, by, now, message)
    records.put(table, row.key, kept, at=row.at)
    return {**kept, "changed": True}


def mark(records: Records, key: str, data: dict[str, Any], now: datetime) -> None:
    """Note that something was done."""
    records.put(MARKS, key, data, at=now)


def marked(records: Records, key: str) -> dict[str, Any] | None:
    """What was noted under a key; None when nothing was."""
    row = records.get(MARKS, key)
    return dict(row.data) if row else None
