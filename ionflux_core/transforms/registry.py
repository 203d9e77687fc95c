"""Finds the transforms: every one that a module of this package defines."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from ionflux_core import transforms
from ionflux_core.domain.suggestions import did_you_mean
from ionflux_core.errors import NotFound
from ionflux_core.transforms.base import Transform


@cache
def known() -> Mapping[str, Transform]:
    """Every transform there is, by name and version (`text.template@1`), in the order of the alphabet."""
    found: dict[str, Transform] = {}
    for module in pkgutil.iter_modules(transforms.__path__):
        if module.name.startswith("test_"):
            continue
        loaded = importlib.import_module(f"{transforms.__name__}.{module.name}")
        found |= {each.id: each for each in vars(loaded).values() if isinstance(each, Transform)}
    return dict(sorted(found.items()))


def named(name: str) -> Transform:
    """The transform of a name; without a version it is the newest one. NotFound names the nearest."""
    found = known().get(name)
    if found is None:
        family, mark, _ = name.partition("@")
        versions = [each for each in known().values() if each.name == family]
        if mark and versions:
            there = ", ".join(each.id for each in versions)
            raise NotFound(f"There is no transform {name[:60]!r}.", hint=f"There is: {there}.")
        found = max(versions, key=lambda each: each.version, default=None)
    if found is None:
        hint = did_you_mean(name.partition("@")[0], {each.name for each in known().values()})
        raise NotFound(f"There is no transform {name[:60]!r}.", hint=hint)
    return found
