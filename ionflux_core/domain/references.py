"""What a block reads of others: `{{ blocks.NAME.output }}`, with a tail such as `.total` or `[0]`; nothing else.

What is put in is data: it is never read again, so no text from outside can name a block (security rule S6).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ionflux_core.errors import Invalid, LimitExceeded
from ionflux_core.limits import CANVAS_OUTPUT_BYTES, JSON_DEPTH

Step = str | int
NAME: Final = r"[a-z][a-z0-9_]{0,59}"
_STEP: Final = r"\.[A-Za-z_][A-Za-z0-9_]{0,59}|\[[0-9]{1,6}\]"
_REFERENCE: Final = re.compile(rf"\{{\{{[ \t]{{0,20}}blocks\.({NAME})\.output((?:{_STEP}){{0,20}})[ \t]{{0,20}}\}}\}}")
_STEPS: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Reference:
    """The output of a block, or the part of it that `path` leads to: keys and numbers from 0."""

    block: str
    path: tuple[Step, ...] = ()

    def __str__(self) -> str:
        tail = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"blocks.{self.block}.output{tail}"


Lookup = Callable[[Reference], Any]
Graph = Mapping[str, Collection[str]]


def found(value: Any) -> list[Reference]:
    """Every reference in the texts of a JSON-like value, each once, in the order they are written."""
    seen: dict[Reference, None] = {}
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            seen.update((_reference(match), None) for match in _REFERENCE.finditer(item))
        elif isinstance(item, Mapping):
            waiting.extend(reversed(list(item.values())))
        elif isinstance(item, list | tuple):
            waiting.extend(reversed(item))
    return list(seen)


def filled_text(text: str, lookup: Lookup) -> str:
    """A text with its references put in as words: what is no text as JSON, nothing for null."""
    parts, room, at = [], CANVAS_OUTPUT_BYTES, 0
    for match in _REFERENCE.finditer(text):
        put = words(lookup(_reference(match)))
        room -= len(put)
        if room < 0:
            raise LimitExceeded(
                f"What the text reads of other blocks is longer than {CANVAS_OUTPUT_BYTES // 1024} KiB.",
                hint="Read a part of it, such as {{ blocks.name.output.summary }}.",
            )
        parts += [text[at : match.start()], put]
        at = match.end()
    return "".join(parts) + text[at:]


def filled(value: Any, lookup: Lookup, *, depth: int = 0) -> Any:
    """A JSON-like value with its references put in. A text that is one reference and nothing else becomes the value
    itself, with its type; keys of maps stay as they are.
    """
    if depth > JSON_DEPTH:
        raise LimitExceeded("The value is nested too deeply.", hint=f"At most {JSON_DEPTH} levels are allowed.")
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value.strip())
        return lookup(_reference(whole)) if whole else filled_text(value, lookup)
    if isinstance(value, Mapping):
        return {key: filled(item, lookup, depth=depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, lookup, depth=depth + 1) for item in value]
    return value


def parted(text: str) -> list[str | Reference]:
    """A text as the words and the references it is made of, in order, for who puts values in by other means."""
    parts: list[str | Reference] = []
    at = 0
    for match in _REFERENCE.finditer(text):
        parts += [text[at : match.start()], _reference(match)]
        at = match.end()
    return [part for part in (*parts, text[at:]) if part != ""]


def words(value: Any) -> str:
    """A value as it stands within a text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def part_of(value: Any, path: Iterable[Step]) -> Any:
    """The part of a value that a path leads to; KeyError when there is none."""
    for step in path:
        if isinstance(value, list | tuple):
            there = isinstance(step, int) and step < len(value)
        else:
            there = isinstance(value, Mapping) and step in value
        if not there:
            raise KeyError(step)
        value = value[step]
    return value


def order(graph: Graph) -> list[str]:
    """The names so that each comes after what it reads, otherwise as given; Invalid names the path of a cycle.

    What a name reads that is no name of the graph is not looked at.
    """
    circle = cycle(graph)
    if circle:
        raise Invalid(
            f"These blocks read each other in a circle: {' -> '.join(circle)}.",
            hint="Take one of these references out.",
            code="reference_cycle",
        )
    done: dict[str, None] = {}
    for start in graph:
        waiting = [start]
        while waiting:
            name = waiting[-1]
            unread = [other for other in graph[name] if other in graph and other not in done]
            if unread:
                waiting += reversed(unread)
            else:
                done[waiting.pop()] = None
    return list(done)


def cycle(graph: Graph) -> list[str]:
    """A path that leads back to its begin, such as a, b, a; empty when there is none."""
    cleared: set[str] = set()
    for start in graph:
        path: dict[str, None] = {}
        waiting: list[tuple[str, bool]] = [(start, False)]
        while waiting:
            name, leaving = waiting.pop()
            if leaving:
                del path[name]
                cleared.add(name)
            elif name in path:
                trail = list(path)
                return [*trail[trail.index(name) :], name]
            elif name in graph and name not in cleared:
                path[name] = None
                waiting.append((name, True))
                waiting.extend((other, False) for other in reversed(list(graph[name])))
    return []


def dependants(graph: Graph, names: Iterable[str]) -> set[str]:
    """All that read one of these names, directly or through others."""
    readers: dict[str, set[str]] = {}
    for name, read in graph.items():
        for other in read:
            readers.setdefault(other, set()).add(name)
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        fresh = readers.get(waiting.pop(), set()) - reached
        reached |= fresh
        waiting.extend(fresh)
    return reached


def _reference(match: re.Match[str]) -> Reference:
    steps = (int(number) if number else key for key, number in _STEPS.findall(match[2]))
    return Reference(match[1], tuple(steps))
