"""Webhooks that come in crowds: each delivery is checked alone, all of them are stored in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ionflux_core.services.hooks import Checked, Hooks, Listener, Received


class Delivery(NamedTuple):
    """What a sender sent: where, how, with which headers, and the raw body; and the address it came from."""

    path: str
    method: str
    headers: Mapping[str, str]
    body: bytes
    sender: str = ""


class WaitsForResult(Exception):
    """The hook of a delivery answers with the result: it is for a thread of its own, and nothing is done yet."""


class HookBatch:
    """Deliveries that have come together; who listens on a path is looked up once for all of them."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._listeners: dict[str, Listener] = {}

    def check(self, delivery: Delivery) -> Checked:
        """A delivery that may be stored; what is wrong with it is raised, WaitsForResult when it is not for a batch."""
        path, method, headers, body, sender = delivery
        if path not in self._listeners:
            self._listeners[path] = self._hooks.listener(path)
        listener = self._listeners[path]
        if listener.waits:
            raise WaitsForResult
        return self._hooks.check(listener, method, headers, body, sender)

    def finish(self, checked: Sequence[Checked]) -> list[Received | Exception]:
        """What to answer each, in their order, or what it failed with; what was stored is on the disk."""
        return self._hooks.store(checked)
