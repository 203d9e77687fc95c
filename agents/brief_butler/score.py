"""How well labelled threads are read: precision and recall of each kind, and of owners and dates of actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .extract import extract
from .found import KINDS, Item
from .messages import Spoken, spoken

BEGIN = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)


def messages_of(thread: Mapping[str, Any]) -> list[Spoken]:
    """The messages of a labelled thread, five minutes apart."""
    made = []
    for number, line in enumerate(thread["messages"], 1):
        sender, _, text = str(line).partition(": ")
        made.append(spoken(str(number), BEGIN + timedelta(minutes=5 * (number - 1)), sender, text))
    return made


def judged(thread: Mapping[str, Any]) -> tuple[list[tuple[Item, str]], list[str], list[Item]]:
    """What was found with its label, the labels nothing was found for, and what was found without a label."""
    items = extract(messages_of(thread), ZoneInfo("UTC")).items
    left = list(items)
    matched, missed = [], []
    for label in filter(None, str(thread["expect"]).split(", ")):
        kind, number = str(label).split()[:2]
        fitting = [item for item in left if item.kind == kind and number in item.messages]
        if kind == "action":
            fitting.sort(key=lambda item: (item.messages[0] != number, (item.owner or "?") != str(label).split()[2]))
        if fitting:
            left.remove(fitting[0])
            matched.append((fitting[0], str(label)))
        else:
            missed.append(str(label))
    return matched, missed, left


def scores(threads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts, precision and recall by kind over all threads; owners and dates right among the actions found."""
    counts: dict[str, dict[str, int]] = {kind: {"right": 0, "missed": 0, "wrong": 0} for kind in KINDS}
    owners = dates = 0
    for thread in threads:
        matched, missed, wrong = judged(thread)
        for item, label in matched:
            counts[item.kind]["right"] += 1
            if item.kind == "action":
                _, _, owner, due = label.split()
                owners += (item.owner or "?") == owner
                dates += (item.due or "?") == due
        for label in missed:
            counts[label.split()[0]]["missed"] += 1
        for item in wrong:
            counts[item.kind]["wrong"] += 1
    found = {kind: {**count, **_rates(count)} for kind, count in counts.items()}
    total = {key: sum(count[key] for count in counts.values()) for key in ("right", "missed", "wrong")}
    actions = counts["action"]["right"]
    return {
        "threads": len(threads),
        "kinds": found,
        "all": {**total, **_rates(total)},
        "owner_right_of_actions_found": round(owners / actions, 3) if actions else None,
        "date_right_of_actions_found": round(dates / actions, 3) if actions else None,
    }


def _rates(count: Mapping[str, int]) -> dict[str, float | None]:
    found, there = count["right"] + count["wrong"], count["right"] + count["missed"]
    return {
        "precision": round(count["right"] / found, 3) if found else None,
        "recall": round(count["right"] / there, 3) if there else None,
    }
