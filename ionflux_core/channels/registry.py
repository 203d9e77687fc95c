"""Finds the channels: every module of this package that has a `make`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path

from ionflux_core import channels
from ionflux_core.channels.base import Channel


def registered(data_dir: Path) -> Mapping[str, Channel]:
    """Every channel there is, by the word agents name it by."""
    found: dict[str, Channel] = {}
    for module in pkgutil.iter_modules(channels.__path__):
        make = getattr(importlib.import_module(f"{channels.__name__}.{module.name}"), "make", None)
        if make is not None:
            channel: Channel = make(data_dir)
            found[channel.kind] = channel
    return found
