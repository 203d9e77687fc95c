"""Edits of a flow's text by the form, the picture and the API: one place changes, everything else stays as written.

Nodes are named by their key, the path of ids: `post`, `lines.stock`, `both.left.fetch`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ionflux_core.domain.suggestions import did_you_mean
from ionflux_core.errors import Conflict, Invalid, NotFound
from ionflux_core.fluxgraph.expressions_text import modern_paths, renamed
from ionflux_core.fluxgraph.graphs import Graph, Source, Spot, graphs_of, sources, spots_of
from ionflux_core.fluxgraph.graphs import templates as templates_of
from ionflux_core.fluxgraph.reading import Reading, read
from ionflux_core.yaml_text import Loaded, Path, inline, load, remove_value, set_value

_ID = re.compile(r"[a-z][a-z0-9_]{0,59}")


def node_path(text: str, key: str) -> Path:
    """Where a node stands in the text; NotFound with a hint when there is none of that key."""
    return _Text(text).written(key)


def set_field(text: str, key: str, field: Path, value: Any) -> str:
    """Set a node's field, such as ("inputs", "url") or ("retry", "max")."""
    return set_value(text, (*node_path(text, key), *field), value)


def add_node(text: str, node: Mapping[str, Any], *, graph: Path = ("graph",)) -> str:
    """Add a node at the end of a graph; Conflict when its id is taken there."""
    known: Any = load(text).data
    for step in graph:
        inside = step in known if isinstance(known, dict) else isinstance(known, list) and step in range(len(known))
        known = known[step] if inside else None
    nodes: list[Any] = known if isinstance(known, list) else []
    if any(isinstance(each, dict) and each.get("id") == node.get("id") for each in nodes):
        raise Conflict(f"There is a node {node.get('id')!r} already.", hint="Choose another id.")
    if not nodes:
        return set_value(text, graph, [dict(node)])
    return set_value(text, (*graph, len(nodes)), dict(node))


def delete_node(text: str, key: str) -> str:
    """Take a node out; what reads it or waits for it stays, and the checks tell of it."""
    return remove_value(text, node_path(text, key))


def place_node(text: str, key: str, x: float, y: float) -> str:
    """Say where the picture shows a node, on one line of its own."""
    position = {"x": _coordinate(x), "y": _coordinate(y)}
    return set_value(text, (*node_path(text, key), "position"), position, on_one_line=True)


def _coordinate(number: float) -> int | float:
    return int(number) if number == int(number) else round(number, 2)


def rename_node(text: str, key: str, new: str) -> str:
    """Give a node another id, in its own line and wherever it is read or waited for."""
    if not _ID.fullmatch(new):
        raise Invalid(f"{new[:60]!r} is no id.", hint="Write small letters, digits and _, starting with a letter.")
    document = _Text(text)
    spot = document.spot(key)
    if spot.id == new:
        return text
    if any(other.named(new) for other in spot.graph.chain()):
        raise Conflict(f"There is a node {new!r} already.", hint="Choose another id.")
    changes: dict[Path, tuple[str, str]] = {document.written_at((*spot.path, "id")): ("word", new)}
    for each in spot.graph.spots:
        for at, name in enumerate(each.node.after):
            if name == spot.id:
                changes[document.written_at((*each.path, "after", at))] = ("word", new)
    texts = [source for each in _within(spot.graph) for source in sources(each)]
    if spot.graph.owner is None:
        texts += document.outputs()
    for source in texts:
        changed = renamed(source.text, source.kind, spot.id, new)
        if changed != source.text:
            changes[document.written_at(source.path)] = (source.kind, changed)
    return document.changed(changes, spot.id, new)


def _within(graph: Graph) -> list[Spot]:
    found = list(graph.spots)
    for spot in found:
        for inner in spot.inner:
            found.extend(inner.spots)
    return found


def modernised(text: str) -> str:
    """The text in today's spelling, as it is saved; the same text when nothing in it is older."""
    reading = read(text)
    if reading.modern is None or reading.flow is None:
        return text
    written = _with_modern_words(text, reading)
    for _ in range(len(reading.flow.triggers)):
        unwrapped = _without_wrapper(written)
        if unwrapped is None:
            break
        written = unwrapped
    # Whatever the text looks like, it must mean the same.
    return written if read(written).flow == _in_modern_paths(reading) else text


def _in_modern_paths(reading: Reading) -> Any:
    assert reading.flow is not None
    plain = reading.flow.model_dump(by_alias=True)
    return type(reading.flow).model_validate(_mapped(plain))


def _mapped(value: Any) -> Any:
    if isinstance(value, str):
        return modern_paths(value)
    if isinstance(value, dict):
        return {key: _mapped(each) for key, each in value.items()}
    return [_mapped(each) for each in value] if isinstance(value, list | tuple) else value


def _with_modern_words(text: str, reading: Reading) -> str:
    assert reading.modern is not None and reading.flow is not None
    loaded = reading.modern.loaded
    spans: list[tuple[int, int, str]] = []
    for path, name in reading.modern.older_keys.items():
        place = loaded.values[path] if path[-1] == "type" and path[0] == "triggers" else loaded.keys[path]
        if name:
            spans.append((place.start, place.end, name))
    texts = [source for spot in spots_of(graphs_of(reading.flow)) for source in sources(spot)]
    for source in (*texts, *templates_of(reading.flow.output, ("output",))):
        written = loaded.values.get(reading.modern.written(source.path))
        if written is not None and modern_paths(source.text) != source.text:
            raw = text[written.start : written.end]
            spans.append((written.start, written.end, _in_quotes(raw, modern_paths)))
    return _spliced(text, spans)


def _spliced(text: str, spans: list[tuple[int, int, str]]) -> str:
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _without_wrapper(text: str) -> str | None:
    """The text with the first trigger's `config:` opened; None when there is none that can be."""
    loaded = load(text)
    for at, trigger in enumerate(loaded.data.get("triggers") or ()):
        name = next((each for each in ("config", "default_config", "default_config_json") if each in trigger), None)
        if name is None or not isinstance(trigger[name], dict) or not trigger[name]:
            continue
        opened = _opened(text, loaded, ("triggers", at, name))
        if opened is not None:
            return opened
    return None


def _opened(text: str, loaded: Loaded, path: Path) -> str | None:
    key, place = loaded.keys[path], loaded.values[path]
    if place.flow and loaded.values[path[:-1]].flow:
        return text[: key.start] + text[place.start + 1 : place.end - 1].strip() + text[place.end :]
    first = next(iter(loaded.keys[each] for each in loaded.keys if each[:-1] == path), None)
    start = text.rfind("\n", 0, key.start) + 1
    if place.flow or first is None or text[start : key.start].strip():
        return None
    body = text.find("\n", key.end) + 1
    note = text[text.find(":", key.end) + 1 : body].strip()
    shift = first.column - key.column
    lines = text[body : place.end].splitlines(keepends=True)
    moved = "".join(line[shift:] if line[:shift].isspace() else line for line in lines)
    above = f"{text[start : key.start]}{note}\n" if note else ""
    return text[:start] + above + moved + text[place.end :]


class _Text:
    """A text with the nodes that were read from it."""

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix("\ufeff")
        self.reading = read(self.text)
        if self.reading.flow is None or self.reading.modern is None:
            problems = self.reading.settled()
            raise Invalid(f"The flow cannot be read: {problems[0]}", problems=problems, hint=problems[0].hint)
        self.spots = {spot.key: spot for spot in reversed(list(spots_of(graphs_of(self.reading.flow))))}

    def spot(self, key: str) -> Spot:
        spot = self.spots.get(key)
        if spot is None:
            raise NotFound(f"There is no node {key[:120]!r}.", hint=did_you_mean(key, self.spots))
        return spot

    def written(self, key: str) -> Path:
        return self.written_at(self.spot(key).path)

    def written_at(self, path: Path) -> Path:
        assert self.reading.modern is not None
        return self.reading.modern.written(path)

    def outputs(self) -> list[Source]:
        assert self.reading.flow is not None
        return list(templates_of(self.reading.flow.output, ("output",)))

    def changed(self, changes: dict[Path, tuple[str, str]], old: str, new: str) -> str:
        """The text with some scalars replaced, in their own quotes where that gives the same value."""
        assert self.reading.modern is not None
        loaded = self.reading.modern.loaded
        spans = []
        for path, (kind, value) in changes.items():
            place = loaded.values.get(path)
            if place is None:
                continue
            raw = self.text[place.start : place.end]
            again = raw.replace(old, new) if kind == "word" else _in_quotes(raw, partial(_renamed, kind, old, new))
            spans.append((place.start, place.end, again if _reads_as(again, value) else inline(value)))
        return _spliced(self.text, spans)


def _renamed(kind: str, old: str, new: str, text: str) -> str:
    return renamed(text, kind, old, new)


def _in_quotes(raw: str, change: Callable[[str], str]) -> str:
    """A scalar as it is written, changed inside its quotes if it has any."""
    if raw[:1] in ("'", '"') and raw[-1:] == raw[:1] and len(raw) > 1:
        return f"{raw[0]}{change(raw[1:-1])}{raw[0]}"
    return change(raw)


def _reads_as(raw: str, value: str) -> bool:
    """Whether a scalar, as it is written, gives that value."""
    if raw[:1] in "|>":
        return True
    try:
        found = load(f"value: {raw}\n").data["value"]
    except Invalid:
        return False
    return bool(found == value)
