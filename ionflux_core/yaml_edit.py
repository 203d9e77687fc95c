"""Edits of YAML text that touch the edited entry only: comments, order, quotes and blank lines stay as written.

Where the place of an entry is known to the character, the text itself is cut and joined. What is left (an entry inside
brackets, a list item on the line of its dash) goes through ruamel.yaml. Either way the outcome is read back by the
strict loader and compared with what was meant, so an edit is right or refused.
"""

from __future__ import annotations

import copy
import io
import json
import re
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ionflux_core.errors import Invalid
from ionflux_core.yaml_text import Loaded, Path, dump, inline, load

_REMOVED = object()
_LIST_UNDER_KEY = re.compile(r"^( *)[^\s#-][^\n]*:[ ]*(?:#[^\n]*)?\n(?: *(?:#[^\n]*)?\n)*( *)- ", re.MULTILINE)


def with_value(text: str, path: Path, value: Any, *, on_one_line: bool = False) -> str:
    """The text with the value at `path` set; see `yaml_text.set_value`."""
    text = text.removeprefix("\ufeff")
    before = load(text)
    if not path:
        return dump(value)
    meant = _set(copy.deepcopy(before.data), path, value)
    while len(path) > 1 and not isinstance(_found(before.data, path[:-1]), (dict, list)):
        path, value = path[:-1], {path[-1]: value}
    if path in before.values:
        return _first_right(
            (lambda: _replaced(text, before, path, value), lambda: _by_ruamel(text, path, value)), meant
        )
    added = partial(_added, text, before, path, value)
    attempts = (lambda: added(on_one_line=on_one_line), added, lambda: _by_ruamel(text, path, value))
    return _first_right(attempts, meant)


def without_value(text: str, path: Path) -> str:
    """The text without the entry at `path`; see `yaml_text.remove_value`."""
    text = text.removeprefix("\ufeff")
    before = load(text)
    if not path or path not in before.values:
        return text
    meant = copy.deepcopy(before.data)
    del _found(meant, path[:-1])[path[-1]]
    return _first_right((lambda: _cut(text, before, path), lambda: _by_ruamel(text, path, _REMOVED)), meant)


def _first_right(attempts: Sequence[Callable[[], str | None]], meant: Any) -> str:
    for attempt in attempts:
        result = attempt()
        if result is not None and _means(result, meant):
            return result
    raise Invalid("This entry cannot be changed without rewriting the text.", hint="Change it in the YAML itself.")


def _means(text: str, meant: Any) -> bool:
    try:
        return json.dumps(load(text).data) == json.dumps(meant)
    except Invalid:
        return False


def _found(data: Any, path: Path) -> Any:
    for step in path:
        inside = step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))
        if not inside:
            return None
        data = data[step]
    return data


def _set(data: Any, path: Path, value: Any) -> Any:
    """Plain data with a value put at a path; Invalid when the path runs through something that is no map."""
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        if not isinstance(data, list) or not 0 <= step <= len(data):
            raise Invalid(f"There is no item {step} here.", hint="Add items one after the other.")
        data.extend([None] * (step == len(data)))
        data[step] = _set(data[step], rest, value) if rest else value
        return data
    data = {} if data is None else data
    if not isinstance(data, dict):
        raise Invalid(f"{step!r} cannot be set inside a value that is no map.", hint="Change it in the YAML itself.")
    data[step] = _set(data.get(step), rest, value) if rest else value
    return data


def _replaced(text: str, before: Loaded, path: Path, value: Any) -> str | None:
    place, old = before.values[path], _found(before.data, path)
    grows = isinstance(value, (dict, list)) and bool(value)
    if isinstance(old, (dict, list)) and not place.flow:
        if not grows:
            return _closed(text, before, path, value)
        new = _indented(dump(value), place.column - 1).lstrip(" ")
    elif grows and not old and not isinstance(old, (bool, int, float)):
        return _opened(text, before, path, value)
    elif isinstance(value, str) and "\n" in value and _in_block(before, path):
        return _rewritten(text, before, path, value)
    else:
        # Inside brackets more has to stand in quotes than behind a key.
        bracketed = len(path) > 0 and before.values[path[:-1]].flow
        new = inline([value])[1:-1] if bracketed else inline(value)
        # A place without width is a missing value right behind its colon or dash.
        new = new if place.end > place.start else " " + new
    ending = "\n" if text[: place.end].endswith("\n") and place.end > place.start else ""
    return text[: place.start] + new.rstrip("\n") + ending + text[place.end :]


def _added(text: str, before: Loaded, path: Path, value: Any, *, on_one_line: bool = False) -> str | None:
    parent_path, step = path[:-1], path[-1]
    entry: Any = {step: value} if isinstance(step, str) else [value]
    block = dump(entry)
    if on_one_line:
        block = f"{inline(entry)[1:-1]}\n" if isinstance(step, str) else f"- {inline(value)}\n"
    parent = before.values.get(parent_path)
    if parent is None or before.data is None:
        return text + ("" if not text or text.endswith("\n") else "\n") + block
    if not _found(before.data, parent_path):
        return _opened(text, before, parent_path, entry)
    if parent.flow:
        close = parent.end - 1
        return text[:close].rstrip() + ", " + inline(entry)[1:-1] + text[close:]
    at = _line_end(text, parent.end)
    gap = "" if text[:at].endswith("\n") else "\n"
    return text[:at] + gap + _indented(block, parent.column - 1) + text[at:]


def _opened(text: str, before: Loaded, path: Path, value: Any) -> str | None:
    """Put a block below a key that has no value, or an empty {} or [] as its value."""
    if not _in_block(before, path):
        return None
    key, place = before.keys[path], before.values[path]
    at = _line_end(text, place.end)
    gap = "" if text[:at].endswith("\n") else "\n"
    line = text[: place.start].rstrip(" ") + text[place.end : at]
    return line + gap + _indented(dump(value), key.column + 1) + text[at:]


def _closed(text: str, before: Loaded, path: Path, value: Any) -> str | None:
    """Put a single value where a block was."""
    key, place = before.keys.get(path), before.values[path]
    colon = text.find(":", key.end) + 1 if key else 0
    if key is None or text[colon : place.start].strip():
        return None
    ending = "\n" if text[: place.end].endswith("\n") else ""
    return text[:colon] + " " + inline(value) + ending + text[place.end :]


def _rewritten(text: str, before: Loaded, path: Path, value: str) -> str:
    """Write an entry of a block anew, for text of several lines."""
    key, place = before.keys[path], before.values[path]
    at = _line_end(text, place.end)
    return text[: key.start] + _indented(dump({str(path[-1]): value}), key.column - 1).lstrip(" ") + text[at:]


def _in_block(before: Loaded, path: Path) -> bool:
    return path in before.keys and not any(before.values[path[:depth]].flow for depth in range(len(path)))


def _cut(text: str, before: Loaded, path: Path) -> str | None:
    parent, place = before.values[path[:-1]], before.values[path]
    key = before.keys.get(path)
    start = key.start if key else place.start
    line = text.rfind("\n", 0, start) + 1
    if parent.flow:
        return _cut_inside_brackets(text, before, path)
    if not re.fullmatch(r" *" if key else r" *- +", text[line:start]):
        return _cut_behind_dash(text, before, path)
    rest = text[_line_end(text, place.end) :]
    if len(_found(before.data, path[:-1])) > 1:
        return text[:line] + rest
    owner = before.keys.get(path[:-1])
    if owner is None:
        return None
    colon = text.find(":", owner.end) + 1
    return text[:colon] + (" {}" if key else " []") + text[colon:line] + rest


def _cut_inside_brackets(text: str, before: Loaded, path: Path) -> str | None:
    """Take an entry and its comma out of a {map} or [list]; None where a comment stands between."""
    holder = _found(before.data, path[:-1])
    steps: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    at = steps.index(path[-1])

    def begins(step: Any) -> int:
        inside = (*path[:-1], step)
        return (before.keys.get(inside) or before.values[inside]).start

    start, end = begins(path[-1]), before.values[path].end
    if at + 1 < len(steps):
        end = begins(steps[at + 1])
    elif at:
        start = before.values[(*path[:-1], steps[at - 1])].end
    return None if "#" in text[start:end] else text[:start] + text[end:]


def _cut_behind_dash(text: str, before: Loaded, path: Path) -> str | None:
    """Take out the first entry of a map that is a list item, so that the second moves up behind the dash."""
    key, names = before.keys.get(path), list(_found(before.data, path[:-1]))
    if key is None or len(names) < 2 or names[0] != path[-1]:
        return None
    following = before.keys[(*path[:-1], names[1])]
    return None if "#" in text[key.start : following.start] else text[: key.start] + text[following.start :]


def _line_end(text: str, at: int) -> int:
    """Where the line of the character before `at` is over, its newline included."""
    if text[:at].endswith("\n"):
        return at
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _indented(block: str, columns: int) -> str:
    return textwrap.indent(block, " " * columns)


def _by_ruamel(text: str, path: Path, value: Any) -> str | None:
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode
    from ruamel.yaml.resolver import VersionedResolver

    class EverythingIsText(VersionedResolver):
        """Leaves plain scalars as they are written: 010, 1.10 and dates come out as they went in."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            if kind is ScalarNode and implicit[0] and value != "":
                return self.DEFAULT_SCALAR_TAG
            return super().resolve(kind, value, implicit)

    editor = YAML()
    editor.Resolver = EverythingIsText
    editor.preserve_quotes = True
    editor.width = 1 << 30
    shift = _LIST_UNDER_KEY.search(text)
    offset = len(shift[2]) - len(shift[1]) if shift else 2
    editor.indent(mapping=2, sequence=max(offset, 0) + 2, offset=max(offset, 0))
    root = editor.load(text)
    parent = root
    for step in path[:-1]:
        parent = parent[step]
    if value is _REMOVED:
        del parent[path[-1]]
    else:
        new = editor.load(dump({"value": value}))["value"]
        if isinstance(parent, list) and path[-1] == len(parent):
            parent.append(new)
        else:
            parent[path[-1]] = new
    written = io.StringIO()
    editor.dump(root, written)
    return written.getvalue()
