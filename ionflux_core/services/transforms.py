"""Transforms: the ones there are, and trying one by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Conflict, Problem
from ionflux_core.ids import now
from ionflux_core.sdk import Context
from ionflux_core.transforms import registry
from ionflux_core.transforms.base import Transform


@dataclass(frozen=True, slots=True)
class Tried:
    """What a transform came to: its outputs, the lines it logged, and how long it took."""

    outputs: dict[str, Any]
    log: list[dict[str, Any]]
    milliseconds: float


@dataclass
class _Alone:
    """What there is of a Context without a run: the time, and a log."""

    at: datetime
    lines: list[dict[str, Any]] = field(default_factory=list)

    def now(self) -> datetime:
        """The time."""
        return self.at

    def log(self, message: str, *, level: str = "info", **fields: Any) -> None:
        """Keep a line."""
        self.lines.append({"level": level, "message": message, **fields})


class Transforms:
    """Use-cases around transforms. Nothing here reaches anything outside."""

    def __init__(self, workspace: Callable[[str], Workspace]) -> None:
        self._workspace = workspace

    def find(self, *, family: str = "", text: str = "") -> list[Transform]:
        """Those of a family that hold every word: in name or title first, then in the description; each by name."""
        words = text.casefold().split()
        found = [each for each in registry.known().values() if not family or each.family == family]
        named = [each for each in found if _holds(f"{each.id} {each.title}", words)]
        told = [each for each in found if each not in named and _holds(_said(each), words)]
        return named + told

    def families(self) -> list[str]:
        """The families there are."""
        return sorted({each.family for each in registry.known().values()})

    def get(self, name: str) -> Transform:
        """The transform of a name; without a version it is the newest one. NotFound names the nearest."""
        return registry.named(name)

    def check(self, name: str, inputs: Mapping[str, Any]) -> list[Problem]:
        """What is wrong with inputs, each by its path; nothing is run."""
        return registry.named(name).problems(inputs)

    def try_it(self, workspace_id: str, name: str, inputs: Mapping[str, Any], by: str | None = None) -> Tried:
        """What a transform that needs no run makes of these inputs; nothing is kept.

        Conflict for one that needs a run: that is tried in a flow, as a dry run. Invalid names every wrong input.
        """
        self._workspace(workspace_id)
        transform = registry.named(name)
        if not transform.alone:
            raise Conflict(
                f"{transform.id} works inside of a run.", hint="Put it into a flow and try that as a dry run.",
                code="needs_run",
            )  # fmt: skip
        alone = _Alone(now())
        began = time.perf_counter()
        outputs = transform.run(cast(Context, alone), inputs)
        return Tried(outputs, alone.lines, (time.perf_counter() - began) * 1000)


def _holds(said: str, words: Sequence[str]) -> bool:
    return all(word in said.casefold() for word in words)


def _said(transform: Transform) -> str:
    return f"{transform.id} {transform.title} {transform.description}"
