"""A playbook as the flow it runs as: delays become waits, branches switches, actions nodes. Nothing is read or written.

A way that several branches share stands in each of them, so that a node never asks which way led to it. The copies of
a step are called `mail`, `mail__2` and so on; its delay is `mail__wait`, its branches `mail__way`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ionflux_core import yaml_text
from ionflux_core.domain.playbook_actions import SendEmail, SendWhatsapp, TriggerAgent, UpdateTag
from ionflux_core.domain.playbooks import (
    END,
    Check,
    Playbook,
    PlaybookDraft,
    PlaybookStep,
    Signal,
    flow_name,
    slug_of,
)
from ionflux_core.errors import Invalid, Problem
from ionflux_core.limits import FLOW_DEPTH, PLAYBOOK_NODES

EVENT: Final = "trigger.input_data"
CONCURRENCY: Final = 16
_WAIT, _WAY = "__wait", "__way"
_COPY = re.compile(r"(__wait|__way)?(__[0-9]+)?$")
_PLACE = re.compile(r"(\{\{-?\s*)([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)")
_ROOTS = frozenset({"trigger", "nodes", "inputs", "brand", "creator", "workspace", "run", "system", "agent"})
_WORDS = frozenset({"true", "false", "none", "not"})
# A signal before anything has been waited for: it has not come. A plain false would count as a mistake of the text.
_NEVER = "run.id == ''"
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))

Node = dict[str, Any]


def flow_text(playbook: PlaybookDraft) -> str:
    """The YAML of the playbook's flow; Invalid when its steps go in a circle or branch too far."""
    circle = playbook.circle()
    if circle:
        raise Invalid(f"The steps go in a circle: {' -> '.join(circle)}.", hint="Lead one of them to the end.")
    name = playbook.flow_name if isinstance(playbook, Playbook) else flow_name(slug_of(playbook.name))
    head: Node = {
        "version": "1",
        "name": name,
        "title": playbook.name,
        **({"description": playbook.description} if playbook.description else {}),
        "tags": ["playbook"],
        "limits": {"concurrency": CONCURRENCY},
        "triggers": [_trigger(playbook)],
    }
    writer = _Writer(playbook)
    graph = writer.graph(playbook.steps[0].id if playbook.steps else END, _Around(), 1)
    return yaml_text.dump({**head, **writer.input_schema(), "graph": graph})


def step_of(node_id: str) -> str:
    """The step that a node of a playbook's flow belongs to."""
    return _COPY.sub("", node_id)


def part_of(node_id: str) -> str:
    """What a node is of its step: `wait`, `way`, or `step` for what the step does."""
    stem = re.sub(r"__[0-9]+$", "", node_id)
    return "wait" if stem.endswith(_WAIT) else "way" if stem.endswith(_WAY) else "step"


def span(seconds: int) -> str:
    """A time span as a flow writes it, such as 1d or 1h30m."""
    text = ""
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        text += f"{count}{unit}" if count else ""
    return text


def _trigger(playbook: PlaybookDraft) -> Node:
    holds = {**playbook.trigger.filter, **playbook.audience.filter}
    return {"key": "started", "type": "event", "topic": playbook.trigger.event, **({"filter": holds} if holds else {})}


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands before a node: its steps by their nodes, and the delays in which signals may have come."""

    steps: Mapping[str, str] = field(default_factory=dict)
    waits: tuple[str, ...] = ()


class _Writer:
    """Writes the graph of one playbook."""

    def __init__(self, playbook: PlaybookDraft) -> None:
        self.playbook = playbook
        self.copies: dict[str, int] = {}
        self.nodes = 0
        self.ends = [signal for signal in playbook.signals if signal.ends]
        self.reads = {playbook.customer.partition(".")[0]}

    def input_schema(self) -> Node:
        """What the steps read of the event, so that a rehearsal can be given it."""
        names = sorted(name for name in self.reads if name[0].isalpha())
        return {"input_schema": {"type": "object", "properties": {name: {} for name in names}}} if names else {}

    def graph(self, step_id: str, around: _Around, depth: int) -> list[Node]:
        """The nodes from a step to the end; what follows a branch stands inside its cases."""
        # A delay that listens for several signals is a graph of its own.
        most = FLOW_DEPTH - (len(self.playbook.signals) > 1)
        if depth > most and step_id != END:
            raise Invalid(
                f"Branches lie more than {most - 1} deep in each other.",
                hint="Let some of them lead to the end, and do the rest in another playbook.",
            )
        graph: list[Node] = []
        gate = ""
        while (step := self.playbook.step(step_id)) is not None:
            copy = self._copy_of(step)
            if step.delay_seconds:
                wait = f"{step.id}{_WAIT}{copy}"
                self._add(graph, {"id": wait, **self._wait(step)}, gate)
                around = _Around(around.steps, (*around.waits, wait))
                if self.ends:
                    gate = _ran(wait, " && ".join(self._missed(wait, signal) for signal in self.ends), gate)
            tests = [self._condition(check, around, step, acted=False) for check in step.only_if]
            own = f"{step.id}{copy}"
            node = {"id": own, "title": step.name, **self._action(step, around)}
            self._add(graph, node, " && ".join(part for part in (gate, *tests) if part))
            around = _Around({**around.steps, step.id: own}, around.waits)
            step_id = self.playbook.following(step)
            if step.branches:
                way = f"{step.id}{_WAY}{copy}"
                node = {"id": way, "title": f"After {step.name}"[:120], "switch": "true"}
                if any(branch.next != END for branch in step.branches):
                    cases = [*self._cases(step, around, depth), _otherwise(self.graph(step_id, around, depth + 1))]
                    self._add(graph, {**node, "cases": cases}, gate)
                    return graph
                # All branches end it: whoever takes none of them goes on beside the switch, not deeper inside.
                self._add(graph, {**node, "cases": [*self._cases(step, around, depth), _otherwise([])]}, gate)
                gate = _ran(way, f"nodes.{way}.outputs.case == {len(step.branches) + 1}", gate)
        return graph

    def _add(self, graph: list[Node], node: Node, condition: str) -> None:
        self.nodes += 1
        if self.nodes > PLAYBOOK_NODES:
            raise Invalid(
                "The branches of this playbook meet again so often that its flow becomes too large.",
                hint="Let some of them lead to the end.",
            )
        # First who it is and when it runs, then what it does: so a person reads it.
        head: Node = {name: node.pop(name) for name in ("id", "title") if name in node}
        if condition:
            head["if"] = condition
        if graph:
            head["after"] = [graph[-1]["id"]]
        graph.append(head | node)

    def _copy_of(self, step: PlaybookStep) -> str:
        count = self.copies[step.id] = self.copies.get(step.id, 0) + 1
        return "" if count == 1 else f"__{count}"

    def _wait(self, step: PlaybookStep) -> Node:
        signals, length = self.playbook.signals, span(step.delay_seconds)
        title = f"Wait {length} before {step.name}"[:120]
        if not signals:
            return {"title": title, "wait": {"for": length}}
        if len(signals) == 1:
            return {"title": title, "wait": {"event": self._awaited(signals[0], length)}}
        branches = {
            signal.name: {
                "graph": [{"id": f"{step.id}__{signal.name}", "wait": {"event": self._awaited(signal, length)}}]
            }
            for signal in signals
        }
        return {"title": title, "parallel": branches}

    def _awaited(self, signal: Signal, length: str) -> Node:
        customer = f"{{{{ {EVENT}.{self.playbook.customer} | default('-') }}}}"
        return {"topic": signal.event, "filter": {signal.customer: customer}, "timeout": length}

    def _missed(self, wait: str, signal: Signal) -> str:
        """Whether a delay has gone by without a signal, as a condition."""
        inner = "" if len(self.playbook.signals) == 1 else f".{signal.name}.{step_of(wait)}__{signal.name}"
        return f"nodes.{wait}.outputs{inner}.timed_out"

    def _cases(self, step: PlaybookStep, around: _Around, depth: int) -> list[Node]:
        cases = []
        for branch in step.branches:
            when = self._condition(branch, around, step, acted=True)
            title = f"{branch.key} {branch.operator} {_shown(branch)}".strip()[:120]
            graph = self.graph(branch.next, around, depth + 1)
            cases.append({"title": title, "when": when, **({"graph": graph} if graph else {})})
        return cases

    def _condition(self, check: Check, around: _Around, step: PlaybookStep, *, acted: bool) -> str:
        signal = next((each for each in self.playbook.signals if each.name == check.key), None)
        if signal is not None:
            heard = " || ".join(f"!{self._missed(wait, signal)}" for wait in around.waits) or _NEVER
            return _compared(f"({heard})", check)
        return _compared(self._path(check.key, around, step, acted=acted), check)

    def _path(self, key: str, around: _Around, step: PlaybookStep, *, acted: bool) -> str:
        """A key as the flow spells it. A bare one is an output of the step itself; before it acts, of the event."""
        root, _, rest = key.partition(".")
        if root == "steps" and "." in rest:
            return self._output(rest, around, step)
        if acted and root != "event":
            return f"nodes.{around.steps[step.id]}.outputs.{key}"
        path = rest if root == "event" and rest else key
        self.reads.add(path.partition(".")[0])
        return f"{EVENT}.{path}"

    def _output(self, named: str, around: _Around, step: PlaybookStep) -> str:
        other, _, output = named.partition(".")
        if other not in around.steps:
            known = ", ".join(around.steps) or "none"
            message = f"Step {step.name!r} reads steps.{other}, which cannot have run by then."
            hint = f"Steps before it: {known}."
            raise Invalid(message, hint=hint, problems=[Problem(message, hint, path=f"steps.{step.id}")])
        return f"nodes.{around.steps[other]}.outputs.{output}"

    def _filled(self, value: Any, around: _Around, step: PlaybookStep) -> Any:
        """A value with its placeholders as the flow spells them: bare names are read from the event."""
        if isinstance(value, dict):
            return {key: self._filled(each, around, step) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each, around, step) for each in value]
        return _PLACE.sub(lambda found: self._placed(found, around, step), value) if isinstance(value, str) else value

    def _placed(self, found: re.Match[str], around: _Around, step: PlaybookStep) -> str:
        root = found[2].partition(".")[0]
        if root in _ROOTS or root in _WORDS:
            return found[0]
        return f"{found[1]}{self._path(found[2], around, step, acted=False)}"

    def _action(self, step: PlaybookStep, around: _Around) -> Node:
        settings = step.settings
        customer = f"{{{{ {self.playbook.customer} }}}}"
        inputs: Node
        match settings:
            case SendEmail():
                inputs = {"to": settings.to or customer, "subject": settings.subject, "text": settings.body}
                name = "email.send@1"
            case SendWhatsapp():
                words = {"template": settings.template, "text": settings.body}
                inputs = {"to": settings.to or customer, **{key: text for key, text in words.items() if text}}
                name = "whatsapp.send@1"
            case UpdateTag():
                action = "remove_tags" if settings.remove else "add_tags"
                target = settings.customer or "{{ customer.admin_graphql_api_id }}"
                inputs = {"action": action, "target": target, "values": {"tags": list(settings.tags)}}
                name = "shopify.action@1"
            case TriggerAgent():
                return {"agent": settings.agent, "inputs": self._filled(settings.inputs, around, step)}
            case _:
                return {"transform": "noop@1"}
        # No scope: what goes out is decided on in the outbox, and nobody should be asked twice.
        return {"transform": name, "inputs": self._filled(inputs, around, step)}


def _otherwise(graph: list[Node]) -> Node:
    return {"title": "otherwise", "when": "true", **({"graph": graph} if graph else {})}


def _ran(node: str, outcome: str, gate: str) -> str:
    """A node's outcome as a condition; one that may have been left out itself is asked first whether it ran."""
    return f'nodes.{node}.status == "success" && {outcome}' if gate else outcome


def _compared(path: str, check: Check) -> str:
    """A check in the language of conditions. Numbers may have come as text, as amounts do."""
    value = _literal(check.value)
    there = _there(path)
    match check.operator:
        case "==":
            return f"{path} == {value}"
        case "!=":
            return f"!({there} && {path} == {value})"
        case "in":
            return f"{path} in {value}"
        case "contains":
            return f"string({path}).contains({_literal(str(check.value))})"
        case "is_set":
            return f"{there} && {path} != null"
        case "is_not_set":
            return f"!({there} && {path} != null)"
    return f"double({path}) {check.operator} {float(check.value)!r}"  # type: ignore[arg-type]


def _there(path: str) -> str:
    """Whether there is something at a path. A field is asked for only where what holds it is there."""
    if path.startswith("("):
        # Whether signals have come: that is always known.
        return "true"
    steps = path.split(".")
    return " && ".join(f"has({'.'.join(steps[:end])})" for end in range(3, len(steps) + 1))


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shown(check: Check) -> str:
    return "" if check.operator in ("is_set", "is_not_set") else _literal(check.value)
