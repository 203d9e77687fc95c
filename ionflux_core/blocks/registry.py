"""Finds the kinds of blocks: every module of this package that has a `make`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from ionflux_core import blocks
from ionflux_core.blocks.base import BlockKind, Content
from ionflux_core.errors import Invalid, Problem


@cache
def kinds() -> Mapping[str, BlockKind[Any]]:
    """Every kind there is, by its type, in the order the screen offers them."""
    found: list[BlockKind[Any]] = []
    for module in pkgutil.iter_modules(blocks.__path__):
        make = getattr(importlib.import_module(f"{blocks.__name__}.{module.name}"), "make", None)
        if make is not None:
            found.append(make())
    return {kind.type: kind for kind in sorted(found, key=lambda kind: (kind.order, kind.title))}


def kind_of(type: str) -> BlockKind[Any]:
    """The kind of this type; Invalid names those there are."""
    found = kinds().get(type)
    if found is None:
        raise Invalid(f"There is no block of type {type[:40]!r}.", hint=f"Choose one of: {', '.join(kinds())}.")
    return found


def checked(type: str, content: Mapping[str, Any]) -> Content:
    """The content as its kind's model; Invalid with one problem per field that is wrong."""
    kind = kind_of(type)
    try:
        model: Content = kind.model.model_validate(dict(content))
    except ValidationError as error:
        problems = [
            Problem(detail["msg"].removeprefix("Value error, "), path=".".join(str(part) for part in detail["loc"]))
            for detail in error.errors()
        ]
        first = problems[0]
        raise Invalid(f"The block cannot be saved: {first.path}: {first.message}.", problems=problems) from error
    return model
