"""A text read as a flow: all problems at once, each with line, column, path and hint.

What is broken is left out and the rest is read again, so that one bad node does not hide what is wrong with the others.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ionflux_core.domain.suggestions import did_you_mean
from ionflux_core.domain.triggers import TRIGGER_TYPES
from ionflux_core.errors import Invalid, Problem
from ionflux_core.fluxgraph import document, document_parts
from ionflux_core.fluxgraph.document import NODES, Flow, kinds_of
from ionflux_core.fluxgraph.document_parts import FLOW_TRIGGERS
from ionflux_core.fluxgraph.spellings import Crowded, Modern
from ionflux_core.limits import FLOW_BYTES, FLOW_DEPTH, FLOW_NODES, FLOW_PROBLEMS
from ionflux_core.yaml_text import Path, load

_ROUNDS = 4
_MODEL_OF: dict[str, type[BaseModel]] = {
    "value": document_parts.Value, "limits": document_parts.Limits, "defaults": document_parts.Defaults,
    "retry": document_parts.Retry, "cache": document_parts.Cache, "position": document_parts.Position,
    "on_error": document.OnError, "then": document.Branch, "approval": document.Approval, "wait": document.Wait,
    "event": document.AwaitedEvent, "code": document.Code, "permissions": document.Permissions,
    "cases": document.Case, "parallel": document.Branch,
}  # fmt: skip


# What a node cannot be without, and what is left out as a whole when a part of it is broken.
_REQUIRED = frozenset({"id", "cases", "when", *NODES})
_WHOLE = frozenset({"approval", "wait", "code", "parallel", "event", "config"})


@dataclass(slots=True)
class Reading:
    """What a text was read as. With problems, `flow` is what is left without the broken parts, or None."""

    flow: Flow | None
    modern: Modern | None
    problems: list[Problem] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)

    def report(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """Add a problem at a path of the document."""
        assert self.modern is not None
        line, column = self.modern.place(path, key=key)
        name = ".".join(str(step)[:80] for step in self.modern.written(path))
        self.problems.append(Problem(message, hint=hint, path=name, line=line, column=column))

    @property
    def full(self) -> bool:
        """True when there are more problems than anybody reads, so that looking for others can end."""
        return len(self.problems) > FLOW_PROBLEMS

    def settled(self) -> list[Problem]:
        """The problems by their place, each once, and no more than anybody reads."""
        found = sorted(dict.fromkeys(self.problems), key=lambda problem: (problem.line, problem.column))
        return found[:FLOW_PROBLEMS]


def read(text: str | bytes) -> Reading:
    """Read a flow's text; what is wrong stands in `problems`, nothing is raised."""
    try:
        loaded = load(text, size=FLOW_BYTES)
    except Invalid as error:
        return Reading(None, None, list(error.problems))
    try:
        modern = Modern(loaded)
    except Crowded as crowd:
        line, column = loaded.position(crowd.path)
        return Reading(None, None, [_crowded(crowd, line, column)])
    reading = Reading(None, modern)
    if not isinstance(loaded.data, dict):
        reading.report((), "A flow is a map of keys and values.", "Start with name: and graph:.")
        return reading
    for written, first in modern.twice:
        line, column = loaded.key_position(written)
        message = f"{str(written[-1])!r} and {first!r} mean the same and are both given."
        path = ".".join(str(step) for step in written)
        reading.problems.append(Problem(message, "Keep one of the two.", path, line, column))
    _validate(reading, modern.data)
    return reading


def parse(text: str | bytes) -> Flow:
    """The flow of a text; Invalid names every problem of its form (not what the checks of `checking` find)."""
    reading = read(text)
    problems = reading.settled()
    if problems or reading.flow is None:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise Invalid(f"The flow has {count}: {problems[0]}", problems=problems, hint=problems[0].hint)
    return reading.flow


def _crowded(crowd: Crowded, line: int, column: int) -> Problem:
    path = ".".join(str(step) for step in crowd.path)
    if crowd.nested:
        message, hint = f"Graphs nest deeper than {FLOW_DEPTH} levels.", "Move the inner part to a flow of its own."
    else:
        message, hint = f"A flow may have {FLOW_NODES} nodes; there are more.", "Split it into flows that call another."
    return Problem(message, hint=hint, path=path, line=line, column=column)


def _validate(reading: Reading, data: dict[str, Any]) -> None:
    told: set[tuple[Any, ...]] = set()
    for turn in range(_ROUNDS):
        try:
            reading.flow = Flow.model_validate(data)
            return
        except ValidationError as error:
            data = copy.deepcopy(data) if turn == 0 else data
            found = [
                (detail, *_place_of(data, detail["loc"]))
                for detail in error.errors(include_url=False, include_input=False)
            ]
            for detail, path, _ in found:
                # A list whose entries are broken counts as too short; its entries are told.
                hollow = detail["type"] == "too_short" and any(
                    len(each) > len(path) and each[: len(path)] == path for _, each, _ in found
                )
                if (path, detail["type"]) not in told and not hollow and not reading.full:
                    told.add((path, detail["type"]))
                    _explain(reading, detail, data, path)
            for detail, path, whole in found:
                _leave_out(reading, data, path, detail, whole)


def _place_of(data: Any, location: tuple[int | str, ...]) -> tuple[Path, bool]:
    """The path of an error, tags left off, and whether all of it is there."""
    path: Path = ()
    complete = True
    for step in location:
        inside = step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))
        if inside:
            path, data = (*path, step), data[step]
        elif not (isinstance(step, str) and step.startswith("a ")) and not _is_kind(path, step):
            complete = False
    return path, complete


def _is_kind(path: Path, step: int | str) -> bool:
    return len(path) == 3 and path[0] == "triggers" and path[2] == "config" and step in FLOW_TRIGGERS


def _explain(reading: Reading, detail: ErrorDetails, data: Any, path: Path) -> None:
    kind = detail["type"]
    name = str(detail["loc"][-1])[:80] if detail["loc"] else "flow"
    if kind == "missing":
        # Without a known type a trigger has no settings; that is told of its type.
        if name != "config":
            reading.report(path, f"{name!r} is missing.", f"Add {name}: here.")
    elif kind == "extra_forbidden" and name in NODES and len(kinds_of(_at(data, path[:-1]))) > 1:
        kinds = " and ".join(kinds_of(_at(data, path[:-1])))
        reading.report(path, f"A node has one kind; this one names {kinds}.", "Make two nodes of it.", key=True)
    elif kind == "literal_error" and path[:1] == ("triggers",) and name == "type":
        _explain_trigger(reading, data, path)
    elif kind == "extra_forbidden":
        known = _known_keys(data, path[:-1])
        reading.report(path, f"{name!r} is not a known key here.", did_you_mean(name, known), key=True)
    elif kind == "union_tag_not_found" and path[:1] == ("triggers",):
        _explain_trigger(reading, data, path)
    elif kind == "union_tag_not_found":
        _explain_node(reading, _at(data, path), path)
    else:
        _explain_value(reading, detail, path)


def _explain_value(reading: Reading, detail: ErrorDetails, path: Path) -> None:
    message = detail["msg"].removeprefix("Value error, ").rstrip(".")
    for theirs, ours in (("tuple", "list"), ("dictionary", "map"), ("Input should", "must"), ("string", "text")):
        message = message.replace(theirs, ours)
    if detail["type"] == "too_short":
        message = "needs at least one entry"
    name = str(path[-1])[:80] if path else "flow"
    if detail["type"] == "string_pattern_mismatch" and path[-1:] == ("id",):
        sentence = "An id has small letters, digits and _, and starts with a letter."
        reading.report(path, sentence, "Write one such as check_stock.")
    elif detail["type"] == "string_pattern_mismatch":
        reading.report(path, f"{name!r} is not written as it should be.", _FORMS.get(name, "Check its spelling."))
    elif detail["type"] == "value_error":
        reading.report(path, f"{message[:1].upper()}{message[1:]}.", "Correct the value.")
    else:
        reading.report(path, f"{name!r} {message[:1].lower()}{message[1:]}.", "Correct the value.")


_FORMS = {
    "transform": "Write family.name@version, such as text.template@1.",
    "flow": "Write the other flow's name: small letters, digits and _.",
    "name": "Write small letters, digits and _, such as order_guard.",
    "scope": "Write what, on what and for whom, such as chat:post:general.",
    "key": "Write letters, digits and _, starting with a letter.",
    "path": "Write letters, digits, - and /, such as order-guard.",
    "as": "Write small letters, digits and _, such as line.",
}


def _explain_trigger(reading: Reading, data: Any, path: Path) -> None:
    word = _at(data, path[:2]).get("type") if isinstance(_at(data, path[:2]), dict) else None
    if word is not None:
        kinds = sorted(set(TRIGGER_TYPES.values()))
        reading.report(
            (*path[:2], "type"), f"{str(word)[:40]!r} is no kind of trigger.", did_you_mean(str(word), kinds)
        )


def _explain_node(reading: Reading, node: Any, path: Path) -> None:
    if not isinstance(node, dict):
        reading.report(path, "A node is a map with an id and a kind.", "Write - id: and, below it, transform:.")
        return
    names = ", ".join(NODES)
    strange = [key for key in node if key not in document.NodeBase.model_fields and key not in ("if", "graph", "cases")]
    for key in strange:
        hint = did_you_mean(key, NODES)
        if hint.startswith("Did you mean"):
            reading.report((*path, key), f"{key[:40]!r} is no kind of node.", hint, key=True)
            return
    label = f"Node {str(node['id'])[:60]!r}" if "id" in node else "This node"
    reading.report(path, f"{label} has no kind.", f"Add one of {names}.")


def _known_keys(data: Any, path: Path) -> set[str]:
    """The keys that may stand in the map at a path."""
    if not path:
        return _names(Flow)
    last = path[-1] if isinstance(path[-1], str) else path[-2] if len(path) > 1 else ""
    if last in ("graph",) and isinstance(path[-1], int):
        kinds = kinds_of(_at(data, path))
        return _names(NODES[kinds[0]]) if kinds else set()
    if path[0] == "triggers":
        model = FLOW_TRIGGERS.get(_at(data, path[:2]).get("type"))
        return {*_names(model), "key", "type", "enabled", "description"} - {"kind"} if model else set()
    if len(path) > 1 and path[-2] == "parallel":
        last = "parallel"
    part = _MODEL_OF.get(str(last))
    return _names(part) if part else set()


def _names(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def _at(data: Any, path: Path) -> Any:
    for step in path:
        inside = step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))
        if not inside:
            return None
        data = data[step]
    return data


def _leave_out(reading: Reading, data: Any, path: Path, detail: ErrorDetails, complete: bool) -> None:
    """Take the broken value out of the data; a node or trigger that cannot do without it becomes a stand-in."""
    reading.broken.add(path)
    if complete and path and isinstance(path[-1], str) and detail["type"] != "missing" and _optional(data, path):
        holder = _at(data, path[:-1])
        if isinstance(holder, dict):
            holder.pop(path[-1], None)
            return
    for length in range(len(path), 0, -1):
        holder, step = _at(data, path[: length - 1]), path[length - 1]
        if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
            if path[length - 2] == "graph":
                holder[step] = _stand_in(holder[step], step)
                reading.broken.add(path[:length])
                return
            if path[length - 2] == "triggers":
                holder[step] = {"key": f"broken_{step}", "type": "manual", "config": {"kind": "manual"}}
                reading.broken.add(path[:length])
                return
    if path:
        data.pop(path[0], None)
    data.setdefault("name", "unnamed")
    data.setdefault("graph", [])


def _optional(data: Any, path: Path) -> bool:
    if len(path) == 1:
        return path[0] not in ("name", "graph")
    return path[-1] not in _REQUIRED and path[-2] not in _WHOLE


def _stand_in(node: Any, step: int) -> dict[str, Any]:
    written = node.get("id") if isinstance(node, dict) else None
    name = written if isinstance(written, str) and written.isidentifier() and written.islower() else f"broken_{step}"
    return {"id": name[:60], "transform": "noop"}
