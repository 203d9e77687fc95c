"""The one door for YAML: a strict loader that knows where everything stands, and edits that leave the rest alone.

The text is read as a stream of events, so no bomb is ever built and nothing recurses. Aliases, explicit tags, duplicate
keys and second documents are refused. Plain scalars follow JSON: `no`, `12:30:00` and `010` stay text.

Decimals. A number becomes a float only when nothing is lost: `0.5` and `100.00` do, while `1.10`, `19.90` and `1e5`
stay text, for as a version or an article number 1.10 is not 1.1. Where a schema says that a number is meant,
`Loaded.numbers(path)` gives the same part with those plain decimals as floats. Quoted numbers are always text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import yaml

from ionflux_core.errors import Invalid, Problem
from ionflux_core.limits import YAML_BYTES, YAML_DEPTH, YAML_NODES

Path: TypeAlias = tuple[str | int, ...]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
# Ends of lines that YAML would fold into a blank, unless they are written as escapes.
_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029]")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ALL_ZEROS = re.compile(r"-?[0-9]{1,15}\.0+")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_HINTS = (
    ("'\\t'", "Indent with blanks, not with tabs."),
    ("mapping values are not allowed", "Check the indentation, and put text that contains a colon in quotes."),
    ("could not find expected ':'", "Write key: value, with a colon and a blank."),
    ("',' or", "A [ or { is not closed, or a comma is missing."),
    ("block collection", "Lines that belong together must start in the same column."),
    ("block mapping", "Lines that belong together must start in the same column."),
    ("expected key", "Lines that belong together must start in the same column."),
    ("unexpected end", "A quote, [ or { is not closed."),
    ("cannot start any token", "Put the text in quotes."),
)


class Place(NamedTuple):
    """Where a key or value stands: line and column from 1, and the characters it spans."""

    line: int
    column: int
    start: int
    end: int
    flow: bool = False


class Loaded:
    """A document's plain values, with the place of every key and value."""

    def __init__(self) -> None:
        self.data: Any = None
        self.values: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self.decimals: dict[Path, float] = {}

    def position(self, path: Path) -> tuple[int, int]:
        """Line and column of the value at a path, or of what comes nearest above it when there is none."""
        while path and path not in self.values:
            path = path[:-1]
        place = self.values.get(path)
        return (place.line, place.column) if place else (1, 1)

    def key_position(self, path: Path) -> tuple[int, int]:
        """Line and column of the key that a path ends in; of the value where there is no key."""
        place = self.keys.get(path)
        return (place.line, place.column) if place else self.position(path)

    def numbers(self, path: Path = ()) -> Any:
        """The part at a path with unquoted decimals such as 19.90 as floats; KeyError or IndexError when absent."""
        part = self.data
        for step in path:
            part = part[step]
        return self._with_numbers(part, path) if self.decimals else part

    def _with_numbers(self, part: Any, path: Path) -> Any:
        if isinstance(part, dict):
            return {key: self._with_numbers(value, (*path, key)) for key, value in part.items()}
        if isinstance(part, list):
            return [self._with_numbers(value, (*path, index)) for index, value in enumerate(part)]
        return self.decimals.get(path, part)


def load(text: str | bytes, *, size: int = YAML_BYTES, nodes: int = YAML_NODES) -> Loaded:
    """Read one YAML document; Invalid with line, column and hint when it is broken, hostile or too large.

    `size` is how many bytes, `nodes` how many keys, values, maps and lists it may have.
    """
    try:
        written = _checked(text, size)
        _refuse_crowds(written, nodes)
        return _Builder(nodes).build(_events(written))
    except Invalid:
        raise
    except yaml.MarkedYAMLError as error:
        raise _broken(error) from error
    except Exception as error:  # Hostile text makes PyYAML raise many kinds: this is the one place that catches them.
        raise refusal("The text is not YAML.", (1, 1), "Look for control characters or a wrong encoding.") from error


def dump(data: Any) -> str:
    """A new document of plain values in block style, which `load` reads back as the same values."""
    return _text_of(data, flow=False, width=100)


def inline(value: Any) -> str:
    """A value on one line, as it stands behind a key."""
    return _text_of(value, flow=True, width=math.inf).rstrip("\n")


def set_value(text: str, path: Path, value: Any, *, on_one_line: bool = False) -> str:
    """The text with one value replaced or added, maps on the way made as needed; all else stays as it was.

    What is added stands in block style, or `on_one_line`.
    """
    from ionflux_core.yaml_edit import with_value

    return with_value(text, path, value, on_one_line=on_one_line)


def remove_value(text: str, path: Path) -> str:
    """The text without the entry at a path; a path that is not there changes nothing."""
    from ionflux_core.yaml_edit import without_value

    return without_value(text, path)


def refusal(message: str, place: tuple[int, int], hint: str, path: str = "") -> Invalid:
    """The error for one problem at a line and column."""
    problem = Problem(message, hint=hint, path=path, line=place[0], column=place[1])
    return Invalid(f"Line {place[0]}, column {place[1]}: {message}", problems=(problem,), hint=hint)


def _checked(text: str | bytes, size: int) -> str:
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig") if len(text) <= size else "x" * (size + 1)
        except UnicodeDecodeError as error:
            raise refusal("The text is not UTF-8.", (1, 1), "Save the file with the encoding UTF-8.") from error
    if len(text) > size or len(text.encode("utf-8", "surrogatepass")) > size:
        raise refusal(f"The text is larger than {size // 1024} KiB.", (1, 1), "Split it, or move data to a file.")
    return text.removeprefix("\ufeff")


def _events(text: str) -> Iterator[Any]:
    loader = yaml.CLoader(text)
    try:
        yield from iter(loader.get_event, None)
    finally:
        loader.dispose()


def _refuse_crowds(text: str, most: int) -> None:
    """Count before building, where there could be too many values: a bomb then costs half as much time."""
    if text.count(",") + text.count(":") + text.count("\n") <= most:
        return
    counted = (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent)
    nodes = depth = 0
    for event in _events(text):
        nodes += isinstance(event, counted)
        depth += isinstance(event, counted[1:]) - isinstance(event, yaml.CollectionEndEvent)
        if nodes > most:
            raise _too_many(event, most)
        if depth > YAML_DEPTH:
            return


def _too_many(event: Any, most: int) -> Invalid:
    return refusal(f"There are more than {most} values.", _at(event), "Split it, or move data to a file.")


def _broken(error: yaml.MarkedYAMLError) -> Invalid:
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = f"{error.context or ''} {error.problem or ''}"
    hint = next((hint for sign, hint in _HINTS if sign in said), "Check the indentation and the quotes here.")
    return refusal(f"The YAML is broken: {error.problem or error.context}.", place, hint)


def scalar(written: str) -> Any:
    """What a plain scalar means: null, a truth value, a number that loses nothing as a number, or its text."""
    if written in _WORDS:
        return _WORDS[written]
    if written[0] not in "-0123456789":
        return written
    if _INTEGER.fullmatch(written):
        return int(written)
    if _DECIMAL.fullmatch(written) and not written.lstrip("-").isdigit():
        number = float(written)
        if math.isfinite(number) and (repr(number) == written or _ALL_ZEROS.fullmatch(written)):
            return number
    return written


class _Frame:
    """A map or list that is still open."""

    __slots__ = ("items", "key", "path", "place")

    def __init__(self, items: dict[str, Any] | list[Any], path: Path, place: Place) -> None:
        self.items, self.path, self.place = items, path, place
        self.key: str | None = None


class _Builder:
    """Puts plain values together from parser events, and notes where they stood."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.loaded = Loaded()
        self.open: list[_Frame] = []
        self.nodes = 0
        self.content_end = 0
        self.documents = 0

    def build(self, events: Iterable[Any]) -> Loaded:
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._start(event, {} if kind is yaml.MappingStartEvent else [])
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._end(event)
            elif kind is yaml.AliasEvent:
                raise refusal("Aliases (*name) are not allowed.", _at(event), "Write the value out again.")
            elif kind is yaml.DocumentStartEvent:
                self.documents += 1
                if self.documents > 1:
                    raise refusal("There is a second document.", _at(event), "Remove the line --- and what follows.")
        return self.loaded

    def _admit(self, event: Any) -> None:
        self.nodes += 1
        if self.nodes > self.most:
            raise _too_many(event, self.most)
        if event.anchor is not None:
            raise refusal("Anchors (&name) are not allowed.", _at(event), "Remove the & and its name.")
        if event.tag is not None:
            raise refusal("Tags (!name) are not allowed.", _at(event), "Remove the tag, or put the text in quotes.")

    def _scalar(self, event: Any) -> None:
        self._admit(event)
        start, end = event.start_mark, event.end_mark
        place = Place(start.line + 1, start.column + 1, start.index, end.index)
        self.content_end = end.index
        frame = self.open[-1] if self.open else None
        if frame is not None and type(frame.items) is dict and frame.key is None:
            self._key(frame, event.value, place)
            return
        plain = event.implicit[0]
        value = scalar(event.value) if plain else event.value
        path = self._put(value, place)
        if plain and type(value) is str and _DECIMAL.fullmatch(value) and math.isfinite(float(value)):
            self.loaded.decimals[path] = float(value)

    def _key(self, frame: _Frame, key: str, place: Place) -> None:
        if key in frame.items:
            first = self.loaded.keys[(*frame.path, key)]
            message = f"The key {key[:60]!r} is there twice; the first is on line {first.line}."
            raise refusal(message, (place.line, place.column), "Keep one of the two.")
        frame.key = key
        self.loaded.keys[(*frame.path, key)] = place

    def _start(self, event: Any, items: dict[str, Any] | list[Any]) -> None:
        self._admit(event)
        frame = self.open[-1] if self.open else None
        if frame is not None and type(frame.items) is dict and frame.key is None:
            hint = 'Put text that starts with { or [ in quotes, as in "{{workspace_id}}".'
            raise refusal("A key must be plain text.", _at(event), hint)
        if len(self.open) >= YAML_DEPTH:
            raise refusal(f"The text nests deeper than {YAML_DEPTH} levels.", _at(event), "Flatten it.")
        mark = event.start_mark
        place = Place(mark.line + 1, mark.column + 1, mark.index, mark.index, bool(event.flow_style))
        self.open.append(_Frame(items, self._put(items, place), place))

    def _end(self, event: Any) -> None:
        frame = self.open.pop()
        # A block ends, for libyaml, where the next thing begins; for us it ends with its last content.
        if frame.place.flow:
            self.content_end = event.end_mark.index
        self.loaded.values[frame.path] = frame.place._replace(end=self.content_end)

    def _put(self, value: Any, place: Place) -> Path:
        path: Path
        if not self.open:
            path, self.loaded.data = (), value
        else:
            frame = self.open[-1]
            if isinstance(frame.items, dict):
                assert frame.key is not None
                path = (*frame.path, frame.key)
                frame.items[frame.key] = value
                frame.key = None
            else:
                path = (*frame.path, len(frame.items))
                frame.items.append(value)
        self.loaded.values[path] = place
        return path


def _at(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


class _Dumper(yaml.SafeDumper):
    """Writes scalars so that this module's own reading of them gives the same value back."""

    yaml_implicit_resolvers = {}
    lines_style = "|"

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def text(self, text: str) -> yaml.ScalarNode:
        if scalar(text) != text or _DECIMAL.fullmatch(text) or _OTHER_BREAKS.search(text):
            return self.represent_scalar("tag:yaml.org,2002:str", text, style='"')
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=self.lines_style if "\n" in text else None)

    def word(self, value: Any) -> yaml.ScalarNode:
        words = {None: "null", True: "true", False: "false"}
        written = words[value] if value is None or isinstance(value, bool) else repr(value)
        if scalar(written) != value:
            raise Invalid(f"{written[:40]} cannot be written as a number.", hint="Use a smaller number, or text.")
        return self.represent_scalar("tag:yaml.org,2002:str", written)


class _InlineDumper(_Dumper):
    lines_style = '"'


for _dumper in (_Dumper, _InlineDumper):
    _dumper.add_representer(str, _Dumper.text)
    _dumper.add_representer(tuple, yaml.SafeDumper.represent_list)
    for _kind in (type(None), bool, int, float):
        _dumper.add_representer(_kind, _Dumper.word)


def _text_of(value: Any, *, flow: bool, width: float) -> str:
    try:
        text: str = yaml.dump(
            value,
            Dumper=_InlineDumper if flow else _Dumper,
            default_flow_style=flow,
            width=width,
            sort_keys=False,
            allow_unicode=True,
        )
    except yaml.YAMLError as error:
        raise Invalid("The value cannot be written as YAML.", hint="Use text, numbers, lists and maps.") from error
    return text.removesuffix("...\n")
