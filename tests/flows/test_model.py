"""Random flows against a small model: whatever the nesting, the runner and forty lines of Python come to the same."""

from __future__ import annotations

import random
from typing import Any

import pytest
import yaml

from ionflux_core.errors import Invalid
from tests.flows.kit import Flows, small_flows, small_world, transforms_of_the_test

__all__ = ["small_flows", "small_world", "transforms_of_the_test"]


class Maker:
    """Makes a flow's graph of random nodes whose values are numbers."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.made = 0

    def graph(self, depth: int, readable: list[str]) -> list[dict[str, Any]]:
        """Some nodes; each may read those before it and around it."""
        nodes: list[dict[str, Any]] = []
        readable = list(readable)
        for _ in range(self.dice.randint(1, 4)):
            node = self._node(depth, readable)
            if self.dice.random() < 0.25:
                node["if"] = self.dice.choice(["inputs.n > 2", "inputs.n > 5", "inputs.n > -1"])
            nodes.append(node)
            if "transform" in node:
                readable.append(node["id"])
        self.dice.shuffle(nodes)
        return nodes

    def _node(self, depth: int, readable: list[str]) -> dict[str, Any]:
        self.made += 1
        node: dict[str, Any] = {"id": f"n{self.made}"}
        kind = self.dice.choice(["add", "add", "fail", "switch", "foreach", "parallel"] if depth else ["add", "fail"])
        if kind == "switch":
            cases = [{"when": f"value > {low}", "graph": self.graph(depth - 1, readable)} for low in (6, 3)]
            return node | {"switch": "inputs.n", "cases": cases}
        if kind == "foreach":
            items = [self.dice.randint(0, 9) for _ in range(self.dice.randint(0, 3))]
            most = self.dice.randint(1, 3)
            return node | {"foreach": items or [1], "as": f"i{self.made}", "max_parallel": most,
                           "graph": self.graph(depth - 1, [*readable, f"i{self.made}"])}  # fmt: skip
        if kind == "parallel":
            return node | {"parallel": {name: {"graph": self.graph(depth - 1, readable)} for name in ("left", "right")}}
        source = self.dice.choice([*readable, "inputs.n"])
        node |= {"transform": f"test.{kind}", "inputs": {"value": "{{ " + _path(source) + " }}"}}
        if kind == "fail":
            node["on_error"] = "continue"
            if depth and self.dice.random() < 0.5:
                node["on_error"] = {"then": {"graph": self.graph(depth - 1, readable)}}
        return node


def _path(source: str) -> str:
    return f"nodes.{source}.outputs.value" if source.startswith("n") else source


class Model:
    """What a flow should come to: `status` and `outputs` of each node."""

    def graph(self, nodes: list[dict[str, Any]], seen: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
        """Each node once those it reads are there; what reads a node without outputs is skipped."""
        left, own = list(nodes), dict[str, tuple[str, dict[str, Any]]]()
        while left:
            ids = {node["id"] for node in left}
            node = next(each for each in left if not self._reads(each) & (ids - {each["id"]}))
            left.remove(node)
            own[node["id"]] = self._node(node, {**seen, **own})
        return own

    def _reads(self, node: Any) -> set[str]:
        if isinstance(node, dict):
            return set().union(*map(self._reads, node.values())) if node else set()
        if isinstance(node, list):
            return set().union(*map(self._reads, node)) if node else set()
        text = str(node)
        return {text.split(".")[1]} if text.startswith("{{ nodes.") else set()

    def _node(self, node: dict[str, Any], seen: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        own = node.get("inputs", {}).get("value", "")
        if own.startswith("{{ nodes."):
            read = seen[own.split(".")[1]]
            if read[0] == "skipped":
                return "skipped", {}
            if "value" not in read[1]:
                return self._broken(node, seen)
        if "if" in node and not seen["n"] > int(node["if"].split()[-1]):
            return "skipped", {}
        if "cases" in node:
            taken = next((at for at, low in enumerate((6, 3)) if seen["n"] > low), None)
            inside = {} if taken is None else self._given(self.graph(node["cases"][taken]["graph"], seen))
            return "success", {"case": None if taken is None else taken + 1, **inside}
        if "foreach" in node:
            items = [
                self._given(self.graph(node["graph"], {**seen, node["as"]: item})) for item in node["foreach"]
            ]  # fmt: skip
            return "success", {"items": items, "count": len(items)}
        if "parallel" in node:
            return "success", {k: self._given(self.graph(v["graph"], seen)) for k, v in node["parallel"].items()}
        if node["transform"] == "test.fail":
            return self._broken(node, seen)
        return "success", {"value": self._value(own, seen) + 1}

    def _broken(self, node: dict[str, Any], seen: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        handling = node.get("on_error", "fail")
        if handling == "fail":
            raise Invalid(node["id"])
        then = handling["then"]["graph"] if isinstance(handling, dict) else []
        return "error", self._given(self.graph(then, seen))

    @staticmethod
    def _given(ended: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
        return {name: outputs for name, (status, outputs) in ended.items() if status == "success" or outputs}

    @staticmethod
    def _value(text: str, seen: dict[str, Any]) -> Any:
        path = text.strip("{} ")
        if path.startswith("nodes."):
            return seen[path.split(".")[1]][1]["value"]
        return seen[path.removeprefix("inputs.")]


@pytest.mark.parametrize("first", range(0, 60, 15))
def test_random_flows_come_to_what_the_model_says(small_flows: Flows, first: int) -> None:
    def fail(value: Any) -> Any:
        raise Invalid("no", hint="none")

    small_flows.does("add", lambda value: value + 1)
    small_flows.does("fail", fail)
    for seed in range(first, first + 15):
        graph = Maker(seed).graph(2, [])
        n = seed % 10
        text = yaml.safe_dump(
            {
                "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}, "graph": graph,
                "output": {node["id"]: f"{{{{ nodes.{node['id']}.outputs | default(none) }}}}" for node in graph},
            },
            sort_keys=False,
        )  # fmt: skip
        try:
            ended = Model().graph(graph, {"n": n})
        except Invalid as error:
            run = small_flows.run(text, {"n": n})
            assert run.status == "error" and run.error and str(error).split()[0].rstrip(".") in run.error.message, text
            continue
        run = small_flows.run(text, {"n": n})
        expected = {
            name: outputs if status == "success" or outputs else None for name, (status, outputs) in ended.items()
        }
        assert run.outputs == expected, (seed, text, run.error)
