"""As much of GraphQL as a stand-in needs: it reads a query's selections and gives back just what was selected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TOKENS = re.compile(r'\.\.\.|[{}()\[\]:!$=,]|"(?:[^"\\]|\\.)*"|[^\s{}()\[\]:!$=,"]+')

Selection = dict[str, "Selection"]


class Refused(Exception):
    """The query is wrong, or asks for a field the schema has not."""


def selected(query: str) -> tuple[str, Selection]:
    """The operation's name and its tree of fields; arguments are left out, `... on X` is part of what it stands in."""
    tokens = _TOKENS.findall(query)
    name = ""
    if tokens and tokens[0] in ("query", "mutation"):
        name = tokens[1]
        del tokens[:2]
        if tokens[0] == "(":
            _skip(tokens)
    tree = _tree(tokens)
    if tokens:
        raise Refused(f"Parse error at {tokens[0]!r}")
    return name, tree


def _tree(tokens: list[str]) -> Selection:
    if not tokens or tokens.pop(0) != "{":
        raise Refused("Parse error: expected {")
    found: Selection = {}
    while tokens and tokens[0] != "}":
        word = tokens.pop(0)
        if word == "...":
            del tokens[:2]
            found |= _tree(tokens)
            continue
        if not re.fullmatch(r"[A-Za-z_]\w*", word):
            raise Refused(f"Parse error at {word!r}")
        if tokens and tokens[0] == "(":
            _skip(tokens)
        found[word] = _tree(tokens) if tokens and tokens[0] == "{" else {}
    if not tokens:
        raise Refused("Parse error: expected }")
    tokens.pop(0)
    return found


def _skip(tokens: list[str]) -> None:
    depth = 0
    while tokens:
        word = tokens.pop(0)
        depth += (word == "(") - (word == ")")
        if not depth:
            return
    raise Refused("Parse error: expected )")


def picked(value: Any, tree: Selection) -> Any:
    """What was selected of a value; Refused for a field it has not, for an object without a selection, and reversed."""
    if isinstance(value, list):
        return [picked(each, tree) for each in value]
    if not isinstance(value, Mapping):
        if tree and value is not None:
            raise Refused(f"Selections can't be made on scalars ({sorted(tree)})")
        return value
    if not tree:
        raise Refused(f"Field must have selections ({sorted(value)})")
    missing = set(tree) - set(value)
    if missing:
        raise Refused(f"Field {sorted(missing)[0]!r} doesn't exist")
    return {name: picked(value[name], inner) for name, inner in tree.items()}
