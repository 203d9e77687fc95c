"""Finds the connectors: every module of this package that has a `make`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from ionflux_core import connectors
from ionflux_core.connectors.base import Connector


@cache
def registered() -> Mapping[str, Connector]:
    """Every connector there is, by the word it is named by."""
    found: dict[str, Connector] = {}
    for module in pkgutil.iter_modules(connectors.__path__):
        make = getattr(importlib.import_module(f"{connectors.__name__}.{module.name}"), "make", None)
        if make is not None:
            connector: Connector = make()
            found[connector.kind] = connector
    return found
