"""Edits of a flow's text as its picture asks for them: one act of a person, one change of the text.

What a browser sends is a map with `action` and the rest as described at each act; anything else is refused.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final

from ionflux_core.errors import Conflict, Invalid, NotFound
from ionflux_core.fluxgraph import editing
from ionflux_core.fluxgraph.document import NODES
from ionflux_core.fluxgraph.expressions_text import renamed
from ionflux_core.fluxgraph.picture import Picture, PictureNode, picture
from ionflux_core.yaml_text import Path, load, remove_value, set_value

BLANKS: Final[Mapping[str, Mapping[str, Any]]] = {
    "transform": {"transform": "log@1", "inputs": {"message": "Hello"}},
    "agent": {"agent": "", "inputs": {}},
    "flow": {"flow": "another_flow", "inputs": {}},
    "switch": {"switch": "true", "cases": [{"when": "value", "graph": []}, {"when": "true", "graph": []}]},
    "foreach": {"foreach": "{{ inputs.items }}", "as": "item", "graph": []},
    "parallel": {"parallel": {"first": {"graph": []}, "second": {"graph": []}}},
    "approval": {"approval": {"title": "May this go on?", "timeout": "24h"}},
    "wait": {"wait": {"for": "1m"}},
    "code": {"code": {"language": "js", "source": "export default (inputs) => inputs;\n"}},
}
"""What a new node of each kind begins with."""

_MOST: Final = 200
_CONDITIONS: Final = frozenset({"if", "when", "switch"})
_PLACE_LINE: Final = re.compile(r"\s*position:\s*\{[^{}#]*\}\s*")
_NAME: Final = re.compile(r"[^a-z0-9_]+")

Act = Mapping[str, Any]


def edited(text: str, act: Act) -> str:
    """The text after an act; Invalid when the act makes no sense, Conflict or NotFound when it cannot be done."""
    name = str(act.get("action"))
    work = _ACTS.get(name)
    if work is None:
        raise Invalid(f"{name[:40]!r} is no edit of a flow.", hint=f"Known are {', '.join(_ACTS)}.")
    return work(text, act)


def new_key(text: str, act: Act) -> str:
    """The key that the first node made by an act `add` or `paste` will have in this text."""
    graph = _graph(act)
    prefix = _prefix(text, graph)
    wished = act.get("name") or act.get("kind") if act.get("action") == "add" else _first_id(act)
    return prefix + _free(_ids(text, graph), str(wished or "node"))


def _add(text: str, act: Act) -> str:
    """`kind`, and if there is any `name` (what is called), `x` and `y`, `graph` (a path), `after` (an id)."""
    kind, name, graph = str(act.get("kind")), str(act.get("name") or ""), _graph(act)
    if kind not in NODES:
        raise Invalid(f"{kind[:40]!r} is no kind of node.", hint=f"Known are {', '.join(NODES)}.")
    node: dict[str, Any] = {"id": _free(_ids(text, graph), name or kind)}
    node |= copy.deepcopy(dict(BLANKS[kind]))
    if name:
        node[kind] = name
        node["inputs"] = dict(_map(act.get("inputs") or {}))
    if scope := act.get("scope"):
        node["scope"] = str(scope)
    if after := act.get("after"):
        node["after"] = [str(after)]
    if not node.get("inputs", True):
        del node["inputs"]
    key = _prefix(text, graph) + str(node["id"])
    text = editing.add_node(text, node, graph=graph)
    if act.get("x") is None or act.get("y") is None:
        return text
    return editing.place_node(text, key, _number(act["x"]), _number(act["y"]))


def _delete(text: str, act: Act) -> str:
    """`keys`: the nodes go, and with them every `after` that names them; what reads them is told by the checks."""
    for key in _deepest_first(_list(act.get("keys"))):
        for other in _others(text, key):
            after = other.values.get("after")
            if isinstance(after, list) and _last(key) in after:
                text = _with_after(text, other.key, [each for each in after if each != _last(key)])
        text = editing.delete_node(text, key)
    return text


def _connect(text: str, act: Act) -> str:
    """`source` and `target` of one graph: the target waits for the source."""
    source, target = _node(text, act.get("source")), _node(text, act.get("target"))
    if source.key == target.key:
        raise Invalid("A node does not wait for itself.", hint="Draw the line to another node.")
    if (source.parent, source.section) != (target.parent, target.section):
        raise Invalid("The two lie in different graphs.", hint="Connect the node around one of them.")
    after = list(target.values.get("after") or ())
    return text if source.id in after else _with_after(text, target.key, [*after, source.id])


def _disconnect(text: str, act: Act) -> str:
    """`source` and `target`: the target waits for the source no longer; a line that comes from reading stays."""
    source, target = _node(text, act.get("source")), _node(text, act.get("target"))
    after = list(target.values.get("after") or ())
    if source.id not in after:
        raise Conflict(f"{target.id} reads {source.id}.", hint="Change the input or condition that reads it.")
    return _with_after(text, target.key, [each for each in after if each != source.id])


def _with_after(text: str, key: str, after: list[str]) -> str:
    if after:
        return set_value(text, (*editing.node_path(text, key), "after"), after, on_one_line=True)
    return remove_value(text, (*editing.node_path(text, key), "after"))


def _set(text: str, act: Act) -> str:
    """`key` of a node (none: the flow itself), `field` (a path) and `value` (none: the field goes)."""
    key, field = act.get("key"), _path(act.get("field"))
    if not field or field[0] in ("graph", "id"):
        raise Invalid("This field is not set like that.", hint="Write it in the YAML.")
    path = (*editing.node_path(text, str(key)), *field) if key else field
    value = act.get("value")
    if value is None or value == "":
        return _tidied(remove_value(text, path), path)
    return set_value(text, path, value)


def _tidied(text: str, path: Path) -> str:
    """The text without the maps that an edit has left empty behind it, such as `inputs:` without any."""
    for length in range(len(path) - 1, 0, -1):
        inside = _at(load(text).data, path[:length])
        if inside != {} or path[length - 1] not in ("inputs", "retry", "on_error", "cache"):
            break
        text = remove_value(text, path[:length])
    return text


def _rename(text: str, act: Act) -> str:
    """`key` and the new `id`: wherever the node is read, too."""
    return editing.rename_node(text, str(act.get("key")), str(act.get("id")))


def _place(text: str, act: Act) -> str:
    """`places`: a list of [key, x, y]."""
    for each in _list(act.get("places")):
        if not isinstance(each, list) or len(each) != 3:
            raise Invalid("A place is a key and two numbers.", hint="Send [key, x, y].")
        text = editing.place_node(text, str(each[0]), _number(each[1]), _number(each[2]))
    return text


def _tidy(text: str, act: Act) -> str:
    """Places written by hand go, so that the picture finds its own."""
    placed = [node.path for node in _readable(text).nodes if node.placed]
    loaded, lines = load(text), text.splitlines(keepends=True)
    gone: dict[Path, int] = {}
    for path in placed:
        key = loaded.keys.get((*path, "position"))
        if key is not None and _PLACE_LINE.fullmatch(lines[key.line - 1]):
            gone[path] = key.line - 1
    # Lines of their own go at once, for there may be many; what stands among others goes one by one.
    text = "".join(line for at, line in enumerate(lines) if at not in gone.values())
    for path in placed:
        if path not in gone:
            text = remove_value(text, (*path, "position"))
    return text


def _paste(text: str, act: Act) -> str:
    """`nodes`, as the text writes them, into `graph`: with ids of their own, by which they read each other."""
    graph = _graph(act)
    nodes = [_map(each) for each in _list(act.get("nodes"))]
    taken, names = _ids(text, graph), {}
    for node in nodes:
        names[str(node.get("id"))] = name = _free(taken, str(node.get("id") or "node"))
        taken.add(name)
    for node in nodes:
        made = {name: _with_names(each, name, names) for name, each in node.items() if name != "position"}
        after = [names[each] for each in made.pop("after", None) or () if each in names]
        made |= {"id": names[str(node.get("id"))]} | ({"after": after} if after else {})
        text = editing.add_node(text, made, graph=graph)
    return text


def _with_names(value: Any, key: str, names: Mapping[str, str]) -> Any:
    """A part of a copied node in which the nodes that were copied with it are read by their new ids."""
    if isinstance(value, dict):
        return {name: _with_names(each, name, names) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_names(each, key, names) for each in value]
    if isinstance(value, str):
        for old, new in names.items():
            value = renamed(value, "condition" if key in _CONDITIONS else "template", old, new)
    return value


def copied(text: str, keys: list[str]) -> list[dict[str, Any]]:
    """Nodes as they are written, with all that lies in them, for `paste`; keys inside of others are left out."""
    data = load(text).data
    chosen = [each for each in keys if not any(each.startswith(f"{other}.") for other in keys)]
    return [_map(_at(data, editing.node_path(text, key))) for key in chosen[:_MOST]]


def _section(text: str, act: Act) -> str:
    """`key` of a switch, a parallel or any node: another case, another branch, or what is done about its error."""
    node = _node(text, act.get("key"))
    path = editing.node_path(text, node.key)
    if act.get("kind") == "on_error":
        return set_value(text, (*path, "on_error"), {"then": {"graph": []}})
    if node.kind == "switch":
        cases = node.values.get("cases") or ()
        return set_value(text, (*path, "cases", len(cases)), {"when": "true", "graph": []})
    if node.kind == "parallel":
        name = _free(set(node.values.get("parallel") or ()), "branch")
        return set_value(text, (*path, "parallel", name), {"graph": []})
    raise Invalid("Only a switch and a parallel get another branch.", hint="Add what is done on an error instead.")


_ACTS: Final[Mapping[str, Callable[[str, Act], str]]] = {
    "add": _add, "delete": _delete, "connect": _connect, "disconnect": _disconnect, "set": _set, "rename": _rename,
    "place": _place, "tidy": _tidy, "paste": _paste, "section": _section,
}  # fmt: skip
EDITS: Final = frozenset(_ACTS)
"""The names of the acts."""


def _readable(text: str) -> Picture:
    found = picture(text)
    if not found.readable:
        raise Invalid("The text cannot be read as a flow.", hint="Correct the YAML first.")
    return found


def _node(text: str, key: object) -> PictureNode:
    found = next((node for node in _readable(text).nodes if node.key == key), None)
    if found is None:
        raise NotFound(f"There is no node {str(key)[:120]!r}.", hint="It may have been renamed or deleted meanwhile.")
    return found


def _others(text: str, key: str) -> list[PictureNode]:
    """The other nodes of the same graph."""
    node = _node(text, key)
    return [each for each in _readable(text).nodes
            if (each.parent, each.section) == (node.parent, node.section) and each.key != key]  # fmt: skip


def _prefix(text: str, graph: Path) -> str:
    """What stands before an id in the keys of a graph: the nodes it lies in, and the branch of a `parallel`."""
    if graph == ("graph",):
        return ""
    for node in _readable(text).nodes:
        for section in node.sections:
            if section.path == graph:
                # A branch may be written as its list of nodes alone.
                branch = f"{graph[-2] if graph[-1] == 'graph' else graph[-1]}." if section.kind == "branch" else ""
                return f"{node.key}.{branch}"
    raise NotFound("There is no such graph.", hint="It may have been deleted meanwhile.")


def _ids(text: str, graph: Path) -> set[str]:
    """The ids that are taken in a graph; the cases of one switch count as one, and those around are not hidden."""
    prefix, nodes = _prefix(text, graph), _readable(text).nodes
    around = {f"{head}." for head in _heads(prefix)} | {""}
    return {node.id for node in nodes if node.key[: len(node.key) - len(node.id)] in around}


def _heads(prefix: str) -> list[str]:
    steps = prefix.rstrip(".").split(".")
    return [".".join(steps[:length]) for length in range(1, len(steps) + 1)]


def _free(taken: set[str], wished: str) -> str:
    """An id near the wished one, such as template_2 for text.template@1."""
    word = wished.partition("@")[0].rpartition(".")[2] or wished
    name = _NAME.sub("_", word.casefold()).strip("_")[:50]
    name = name if name[:1].isalpha() else f"node_{name}".rstrip("_")
    if name not in taken:
        return name
    stem = re.sub(r"_\d+$", "", name)
    return next(made for number in count(2) if (made := f"{stem}_{number}") not in taken)


def _deepest_first(keys: list[Any]) -> list[str]:
    """Each node once, and none that goes with the one it lies in."""
    names = list(dict.fromkeys(str(key) for key in keys))
    return [key for key in names if not any(key.startswith(f"{other}.") for other in names)]


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _first_id(act: Act) -> str:
    nodes = act.get("nodes")
    return str(nodes[0].get("id")) if isinstance(nodes, list) and nodes and isinstance(nodes[0], dict) else "node"


def _graph(act: Act) -> Path:
    return _path(act.get("graph")) or ("graph",)


def _path(steps: object) -> Path:
    if steps is None:
        return ()
    whole = isinstance(steps, list | tuple) and len(steps) <= 40
    if not whole or not all(isinstance(step, str) or (isinstance(step, int) and step >= 0) for step in steps):  # type: ignore[attr-defined]
        raise Invalid("This is no path.", hint="Send a list of names and numbers.")
    return tuple(steps)  # type: ignore[arg-type]


def _list(given: object) -> list[Any]:
    if not isinstance(given, list) or len(given) > _MOST:
        raise Invalid(f"Send a list of at most {_MOST}.", hint="Do it in parts.")
    return given


def _map(given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Invalid("This is no map of names and values.", hint="Copy it again.")
    return given


def _number(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not -1e6 <= given <= 1e6:
        raise Invalid("A place is two numbers.", hint="Send x and y in pixels.")
    return float(round(given))


def _at(data: Any, path: Path) -> Any:
    for step in path:
        inside = step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))
        data = data[step] if inside else None
    return data
