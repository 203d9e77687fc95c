"""What differs between two texts, two JSON values, two configurations: pure functions with bounds on size and time."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Literal

RowMark = Literal["same", "changed", "added", "removed", "skipped"]
ChangeMark = Literal["changed", "added", "removed", "moved"]

CONTEXT_LINES = 3
_TEXT_CHARS = 200_000
_LINES = 20_000
_ROWS = 1_000
_UNITS = 5_000
_PAIRS = 500_000
_WHOLE_CHARS = 60
_LINE_WORDS = 4_000
_WORDS = 20_000
_CHANGES = 200
_NODES = 50_000
_DEPTH = 64
# Less alike than this, two lines are two lines: marking single words in them would only confuse.
_ALIKE = 0.3
_IDENTITIES = ("id", "key", "step_key", "name", "slug")
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w-]*")
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line, and whether the other side has it otherwise."""

    text: str
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of two texts side by side; a side without a line has the number 0. `skipped` counts lines left out."""

    mark: RowMark
    left_line: int = 0
    left: tuple[Piece, ...] = ()
    right_line: int = 0
    right: tuple[Piece, ...] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class TextDifference:
    """Two texts side by side: the lines that differ with a few around them, and how many there are on either side."""

    rows: tuple[Row, ...]
    added: int
    removed: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One place where two values differ. A moved item is the same, at another place of its list."""

    path: str
    mark: ChangeMark
    left: Any = None
    right: Any = None
    text: TextDifference | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """All places where two values differ, in their order; `cut` when there are more than are told."""

    changes: tuple[Change, ...] = ()
    cut: bool = False

    @property
    def same(self) -> bool:
        """True when nothing but the order of list items differs."""
        return not self.cut and all(change.mark == "moved" for change in self.changes)


Shown = Callable[[str, Any], Any]


def text_difference(left: str, right: str, *, context: int = CONTEXT_LINES) -> TextDifference:
    """How two texts differ, line by line and inside the lines that are alike."""
    if left == right:
        return TextDifference((), 0, 0)
    a, b = left[:_TEXT_CHARS].split("\n"), right[:_TEXT_CHARS].split("\n")
    cut = max(len(left), len(right)) > _TEXT_CHARS or max(len(a), len(b)) > _LINES
    a, b = a[:_LINES], b[:_LINES]
    rows: list[Row] = []
    added = removed = 0
    words = _WORDS
    for tag, i1, i2, j1, j2 in _steps(a, b):
        if tag == "equal":
            rows += [_same(a[i1 + n], i1 + n + 1, j1 + n + 1) for n in range(i2 - i1)]
            continue
        removed, added = removed + i2 - i1, added + j2 - j1
        for n in range(max(i2 - i1, j2 - j1)):
            i, j = (i1 + n if i1 + n < i2 else None), (j1 + n if j1 + n < j2 else None)
            row, used = _unlike(a, b, i, j, words)
            words -= used
            rows.append(row)
    shown = tuple(_folded(rows, context))
    return TextDifference(shown[:_ROWS], added, removed, cut or len(shown) > _ROWS)


def _same(line: str, left: int, right: int) -> Row:
    piece = (Piece(line),)
    return Row("same", left, piece, right, piece)


def _unlike(a: list[str], b: list[str], i: int | None, j: int | None, words: int) -> tuple[Row, int]:
    """One row of a changed block, and how many words were looked at for it."""
    if i is None or j is None:
        if i is not None:
            return Row("removed", i + 1, (Piece(a[i], True),)), 0
        assert j is not None
        return Row("added", right_line=j + 1, right=(Piece(b[j], True),)), 0
    left, right, used = _pieces(a[i], b[j], words)
    return Row("changed", i + 1, left, j + 1, right), used


def _pieces(left: str, right: str, words: int) -> tuple[tuple[Piece, ...], tuple[Piece, ...], int]:
    whole = (Piece(left, True),), (Piece(right, True),)
    a, b = _WORD.findall(left), _WORD.findall(right)
    used = len(a) + len(b)
    if not left or not right or used > min(words, _LINE_WORDS):
        return *whole, 0
    steps = _steps(a, b)
    kept = sum(len("".join(a[i1:i2])) for tag, i1, i2, _, _ in steps if tag == "equal")
    if kept * 2 < _ALIKE * (len(left) + len(right)):
        return *whole, used
    one = tuple(Piece("".join(a[i1:i2]), tag != "equal") for tag, i1, i2, _, _ in steps if i2 > i1)
    two = tuple(Piece("".join(b[j1:j2]), tag != "equal") for tag, _, _, j1, j2 in steps if j2 > j1)
    return one, two, used


def _steps(a: Sequence[str], b: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    """The opcodes that make `b` of `a`; where looking closely would take long, one block that is replaced whole."""
    start, least = 0, min(len(a), len(b))
    while start < least and a[start] == b[start]:
        start += 1
    end = 0
    while end < least - start and a[len(a) - 1 - end] == b[len(b) - 1 - end]:
        end += 1
    i2, j2 = len(a) - end, len(b) - end
    found = [("equal", 0, start, 0, start)] if start else []
    found += [
        (tag, i + start, k + start, j + start, m + start) for tag, i, k, j, m in _middle(a[start:i2], b[start:j2])
    ]
    return [*found, ("equal", i2, len(a), j2, len(b))] if end else found


def _middle(a: Sequence[str], b: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    if not a and not b:
        return []
    if not a or not b or max(len(a), len(b)) > _UNITS:
        return [("replace", 0, len(a), 0, len(b))]
    once = Counter(b)
    pairs = sum(once[unit] for unit in a)
    if pairs <= _PAIRS // 20:
        return list(SequenceMatcher(None, a, b, autojunk=False).get_opcodes())
    # Units that are everywhere (blanks, braces) tell little and cost most: they alone are no reason to match.
    rare = sum(once[unit] for unit in a if once[unit] <= 1 + len(b) // 100)
    if len(b) < 200 or rare > _PAIRS:
        return [("replace", 0, len(a), 0, len(b))]
    return list(SequenceMatcher(None, a, b, autojunk=True).get_opcodes())


def _folded(rows: list[Row], context: int) -> Iterator[Row]:
    """The rows without those far from any change; a row with their count stands for them."""
    at = 0
    while at < len(rows):
        end = at
        while end < len(rows) and rows[end].mark == "same":
            end += 1
        head, tail = (context if at else 0), (context if end < len(rows) else 0)
        if end - at > head + tail + 1:
            yield from rows[at : at + head]
            yield Row("skipped", skipped=end - at - head - tail)
            yield from rows[end - tail : end]
        else:
            yield from rows[at:end]
        if end < len(rows):
            yield rows[end]
        at = end + 1


def json_difference(
    left: Any, right: Any, *, shown: Shown | None = None, named: Callable[[str], str] | None = None
) -> Difference:
    """How two plain values differ, by path. The order of keys means nothing; a moved list item is no change.

    List items are matched by `id`, `key` or `name` where all have one, else by what they hold. `shown(path, value)`
    says what may be told of a value, `named(path)` what of its path.
    """
    if _canonical(left) == _canonical(right):
        return Difference()
    walk = _Walk(shown or (lambda _, value: value))
    walk.value("", left, right, 0)
    changes = walk.changes[:_CHANGES]
    if named:
        changes = [replace(change, path=named(change.path)) for change in changes]
    return Difference(tuple(changes), walk.cut or len(walk.changes) > _CHANGES)


class _Walk:
    """One way through two values, with the changes met on it."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._nodes = _NODES
        self.changes: list[Change] = []
        self.cut = False

    def value(self, path: str, left: Any, right: Any, depth: int) -> None:
        """Compare what stands at one path."""
        self._nodes -= 1
        if len(self.changes) > _CHANGES:
            return
        deep = depth > _DEPTH or self._nodes < 0
        if deep:
            self.cut |= self._nodes < 0
        elif isinstance(left, dict) and isinstance(right, dict):
            self._maps(path, left, right, depth)
            return
        elif isinstance(left, list) and isinstance(right, list):
            self._lists(path, left, right, depth)
            return
        if left != right or type(left) is not type(right):
            self._changed(path, left, right)

    def _changed(self, path: str, left: Any, right: Any) -> None:
        one, two = self._shown(path, left), self._shown(path, right)
        text = None
        if isinstance(one, str) and isinstance(two, str) and one != two and _is_prose(one, two):
            text = text_difference(one, two)
        self.changes.append(Change(path, "changed", one, two, text))

    def _added(self, path: str, value: Any) -> None:
        self.changes.append(Change(path, "added", right=self._shown(path, value)))

    def _removed(self, path: str, value: Any) -> None:
        self.changes.append(Change(path, "removed", left=self._shown(path, value)))

    def _maps(self, path: str, left: dict[str, Any], right: dict[str, Any], depth: int) -> None:
        for key, value in left.items():
            below = _below(path, str(key))
            if key in right:
                self.value(below, value, right[key], depth + 1)
            else:
                self._removed(below, value)
        for key, value in right.items():
            if key not in left:
                self._added(_below(path, str(key)), value)

    def _lists(self, path: str, left: list[Any], right: list[Any], depth: int) -> None:
        identity = next((name for name in _IDENTITIES if _identify(left, name) and _identify(right, name)), None)
        pairs = _by_name(left, right, identity) if identity else _by_content(left, right)
        moved = _out_of_order([j for _, j in pairs])
        for place, (i, j) in enumerate(pairs):
            below = f"{path}[{identity}={left[i][identity]}]" if identity else f"{path}[{j}]"
            if place in moved and len(self.changes) <= _CHANGES:
                self.changes.append(Change(below, "moved", i, j))
            self.value(below, left[i], right[j], depth + 1)
        self._unmatched(path, identity, left, right, pairs)

    def _unmatched(
        self, path: str, identity: str | None, left: list[Any], right: list[Any], pairs: list[tuple[int, int]]
    ) -> None:
        lost, new = {i for i, _ in pairs}, {j for _, j in pairs}
        for i, item in enumerate(left):
            if i not in lost:
                self._removed(f"{path}[{identity}={item[identity]}]" if identity else f"{path}[{i}]", item)
        for j, item in enumerate(right):
            if j not in new:
                self._added(f"{path}[{identity}={item[identity]}]" if identity else f"{path}[{j}]", item)


def _is_prose(one: str, two: str) -> bool:
    """Whether two texts are better told line by line than whole."""
    return max(len(one), len(two)) > _WHOLE_CHARS or "\n" in one or "\n" in two


def _below(path: str, key: str) -> str:
    """The path of a key; one that is no plain word stands in brackets and quotes."""
    if not _PLAIN_NAME.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def _identify(items: list[Any], name: str) -> bool:
    """Whether every item is a map with its own value under a name."""
    values = [item.get(name) if isinstance(item, dict) else None for item in items]
    return all(isinstance(value, (str, int)) for value in values) and len(set(values)) == len(values)


def _by_name(left: list[Any], right: list[Any], name: str) -> list[tuple[int, int]]:
    places = {item[name]: j for j, item in enumerate(right)}
    return [(i, places[item[name]]) for i, item in enumerate(left) if item[name] in places]


def _by_content(left: list[Any], right: list[Any]) -> list[tuple[int, int]]:
    """Items that are the same, then what is left over one by one in its order."""
    places: dict[str, list[int]] = {}
    for j in range(len(right) - 1, -1, -1):
        places.setdefault(_canonical(right[j]), []).append(j)
    pairs, rest = [], []
    for i, item in enumerate(left):
        equal = places.get(_canonical(item))
        if equal:
            pairs.append((i, equal.pop()))
        else:
            rest.append(i)
    free = sorted(j for left_over in places.values() for j in left_over)
    return sorted([*pairs, *zip(rest, free, strict=False)])


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _out_of_order(places: list[int]) -> set[int]:
    """Which of these must move so that the rest ascends: all but a longest ascending row of them."""
    ends: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for index, place in enumerate(places):
        length = bisect_left(ends, place)
        before.append(at[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        at[length : length + 1] = [index]
    stays = set()
    index = at[-1] if at else -1
    while index >= 0:
        stays.add(index)
        index = before[index]
    return set(range(len(places))) - stays
