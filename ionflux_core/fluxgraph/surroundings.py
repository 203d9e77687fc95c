"""What a flow may name: transforms, agents and other flows, and what the workspace's policies say of a scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Verdict = Literal["allow", "deny", "ask"]


@dataclass(frozen=True, slots=True)
class Offer:
    """Something a node can call.

    `inputs` is the JSON Schema of its inputs, `outputs` the names of its outputs when they are known, `scope` the
    permission it cannot do without, `calls` the flows it calls itself.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: frozenset[str] | None = None
    scope: str | None = None
    calls: frozenset[str] = frozenset()


class Surroundings(Protocol):
    """The catalogues around a flow by name (`text.template@1`); one that is None is not there and not checked."""

    @property
    def transforms(self) -> Mapping[str, Offer] | None:
        """Transforms by name and version."""

    @property
    def agents(self) -> Mapping[str, Offer] | None:
        """Definitions by slug and id, configured instances by name."""

    @property
    def flows(self) -> Mapping[str, Offer] | None:
        """The other flows of the workspace."""

    @property
    def verdict(self) -> Callable[[str], Verdict] | None:
        """What the workspace's policies say of a scope."""


@dataclass(frozen=True, slots=True)
class Known:
    """Surroundings that are given as they are; by default there is no catalogue at all."""

    transforms: Mapping[str, Offer] | None = None
    agents: Mapping[str, Offer] | None = None
    flows: Mapping[str, Offer] | None = None
    verdict: Callable[[str], Verdict] | None = None


def transform_named(transforms: Mapping[str, Offer], name: str) -> Offer | None:
    """The transform of a name; without a version it is the newest one."""
    if name in transforms or "@" in name:
        return transforms.get(name)
    versions = [int(each.rpartition("@")[2]) for each in transforms if each.rpartition("@")[0] == name]
    return transforms[f"{name}@{max(versions)}"] if versions else None
