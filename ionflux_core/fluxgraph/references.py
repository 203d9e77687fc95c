"""Paths into what a run knows, such as nodes.ask.outputs.body: their spelling, older names, and what they find."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

Reference: TypeAlias = tuple[str | int, ...]

# What each root holds; None means that anything may stand there.
ROOTS: Final[dict[str, frozenset[str] | None]] = {
    "trigger": frozenset({"input_data", "type", "key", "headers"}),
    "inputs": None,
    "nodes": None,
    "agent": frozenset({"config", "name"}),
    "brand": None,
    "creator": None,
    "workspace": None,
    "run": frozenset({"id"}),
    "system": frozenset({"timestamp_utc", "date_iso"}),
}
# Roots that are there in some places only.
LOOP: Final = frozenset({"index"})
ERROR: Final = frozenset({"code", "message", "hint"})
NODE: Final = frozenset({"outputs", "status"})
LOCAL_ROOTS: Final = frozenset({"loop", "error", "value"})

_OLDER: Final[dict[Reference, Reference]] = {
    ("trigger", "payload"): ("trigger", "input_data"),
    ("agent", "prm"): ("agent", "config"),
    ("system", "timestamp_utc_iso"): ("system", "timestamp_utc"),
    ("fluxgraph", "instance_id"): ("run", "id"),
}
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_STEP = rf"""\s*\.\s*{_NAME}|\[\s*(?:-?[0-9]{{1,9}}|"[^"\\\n]*"|'[^'\\\n]*')\s*\]"""
PATH = re.compile(rf"{_NAME}(?:{_STEP})*")
_STEPS = re.compile(rf"""\.\s*({_NAME})|\[\s*(?:(-?[0-9]{{1,9}})|"([^"\\\n]*)"|'([^'\\\n]*)')\s*\]""")


class Read(NamedTuple):
    """One path that a template or condition reads; an optional one may be missing."""

    path: Reference
    optional: bool = False


class Missing:
    """What stands for a value that is not there."""


MISSING: Final = Missing()


def parse(text: str) -> Reference | None:
    """The path a text spells, or None when it is no path alone."""
    text = text.strip()
    if not PATH.fullmatch(text):
        return None
    root = re.match(_NAME, text)
    assert root is not None
    steps: list[str | int] = [root[0]]
    for name, index, double, single in _STEPS.findall(text, root.end()):
        steps.append(int(index) if index else name or double or single)
    return tuple(steps)


def spelled(path: Reference) -> str:
    """A path as it is written."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(_NAME, step):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text


def canonical(path: Reference) -> Reference:
    """The path in today's spelling."""
    newer = _OLDER.get(path[:2])
    return (*newer, *path[2:]) if newer else path


def found(context: Mapping[str, Any], path: Reference) -> Any:
    """The value at a path of plain data, or MISSING."""
    value: Any = context
    for step in canonical(path):
        if isinstance(value, Mapping) and isinstance(step, str):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return MISSING
    return value


def with_older_names(context: Mapping[str, Any]) -> dict[str, Any]:
    """The context with the older names beside today's, none of them copied."""
    whole = dict(context)
    for older, newer in _OLDER.items():
        value = found(context, newer)
        if value is not MISSING:
            root = str(older[0])
            whole[root] = {**whole.get(root, {}), older[1]: value}
    return whole
