"""What a template may hold: Jinja's own parser, then an allow-list of its nodes, and the paths they read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import nodes

from ionflux_core.domain.suggestions import did_you_mean
from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph.references import Read, Reference
from ionflux_core.fluxgraph.template_filters import FILTERS
from ionflux_core.limits import TEMPLATE_DEPTH, TEMPLATE_PARTS

TESTS = frozenset({"defined", "undefined", "none", "string", "number", "mapping", "sequence", "boolean", "true",
                   "false", "even", "odd", "in"})  # fmt: skip
_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Name, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Filter, nodes.Test, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Div,
    nodes.FloorDiv, nodes.CondExpr, nodes.Keyword,
)  # fmt: skip
_WORDS = {
    "Call": ("A call", "Filters do the work: {{ name | upper }}."),
    "Mul": ("*", "Compute it with a transform such as math.calc before."),
    "Pow": ("**", "Compute it with a transform such as math.calc before."),
    "Mod": ("%", "Compute it with a transform such as math.calc before."),
    "Concat": ("~", "Write the parts side by side: {{ a }}{{ b }}."),
    "Assign": ("{% set %}", "Compute it in a node before and read its output."),
    "Macro": ("{% macro %}", "Write the text where it is used."),
    "Include": ("{% include %}", "Write the text where it is used."),
    "Import": ("{% import %}", "Write the text where it is used."),
    "FromImport": ("{% from %}", "Write the text where it is used."),
    "Extends": ("{% extends %}", "Write the text where it is used."),
}
_LOOPS = 2


def check(tree: nodes.Template) -> None:
    """Invalid when the template holds anything that is not on the lists, or too much of it."""
    count = 0
    left: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    while left:
        node, depth, loops = left.pop()
        count += 1
        if count > TEMPLATE_PARTS or depth > TEMPLATE_DEPTH:
            raise Invalid("The template is too large or nests too deep.", hint="Split it into several nodes.")
        _check_node(node, loops)
        inside = loops + isinstance(node, nodes.For)
        left.extend((child, depth + 1, inside) for child in node.iter_child_nodes())


def _check_node(node: nodes.Node, loops: int) -> None:
    if not isinstance(node, _ALLOWED):
        what, hint = _WORDS.get(type(node).__name__, (f"{type(node).__name__}", "Use paths, filters, if and for."))
        raise Invalid(f"{what} cannot be used in a template.", hint=hint)
    if isinstance(node, nodes.For) and (loops >= _LOOPS or node.recursive):
        raise Invalid("A template may have two loops inside each other.", hint="Prepare the list in a node before.")
    if isinstance(node, nodes.Filter):
        if node.name not in FILTERS:
            raise Invalid(f"There is no filter {node.name!r}.", hint=did_you_mean(node.name, FILTERS))
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise Invalid("A filter's values are written out.", hint="Write them one by one.")
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise Invalid(f"There is no test {node.name!r}.", hint=did_you_mean(node.name, TESTS))


def reads(tree: nodes.Template) -> tuple[Read, ...]:
    """Every path the template reads; what a default or a test stands by is optional."""
    return tuple(dict.fromkeys(_reads(tree, frozenset(), False)))


def _reads(node: nodes.Node, own: frozenset[str], optional: bool) -> Iterator[Read]:
    path = _path(node)
    if path is not None:
        if path[0] not in own:
            yield Read(path, optional)
        return
    if isinstance(node, nodes.For):
        yield from _reads(node.iter, own, optional)
        bound = {name.name for name in node.target.find_all(nodes.Name)}
        if isinstance(node.target, nodes.Name):
            bound.add(node.target.name)
        inside = own | bound | {"loop"}
        for each in (*node.body, *([node.test] if node.test else [])):
            yield from _reads(each, inside, optional)
        for each in node.else_:
            yield from _reads(each, own, optional)
        return
    lenient = (isinstance(node, nodes.Filter) and node.name == "default") or (
        isinstance(node, nodes.Test) and node.name in ("defined", "undefined")
    )
    for child in node.iter_child_nodes():
        yield from _reads(child, own, optional or (lenient and child is getattr(node, "node", None)))


def _path(node: nodes.Node) -> Reference | None:
    steps: list[str | int] = []
    inner: Any = node
    while not isinstance(inner, nodes.Name):
        if isinstance(inner, nodes.Getattr):
            steps.append(inner.attr)
        elif (
            isinstance(inner, nodes.Getitem)
            and isinstance(inner.arg, nodes.Const)
            and isinstance(inner.arg.value, str | int)
        ):
            steps.append(inner.arg.value)
        else:
            return None
        inner = inner.node
    return (inner.name, *reversed(steps))
