"""What a measure is: a figure as people know it, and the query that computes it over the cache's tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Direction = Literal["up", "down", "none"]
Group = Literal["North star", "Reliability", "Speed", "Cost", "Value", "People", "Agents"]

# By which column of its rows a figure is broken down; `day` is the local day of `Measure.time`.
OF_RUN: Final[Mapping[str, str]] = {
    "agent": "definition_slug",
    "instance": "instance_id",
    "brand": "brand_id",
    "trigger": "trigger_kind",
}
# Filters that narrow only what belongs to a run.
FILTERS: Final = ("instance_id", "brand_id", "definition_slug", "trigger_kind", "statuses")


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of the catalogue.

    `rows` is what stands behind FROM, `value` an aggregate over it; both may hold `{where[table]}` (workspace, period
    and filters), `{ever[table]}` (the same without the period) and `{day[column]}` (the workspace's day of a time).
    `extras` are more aggregates of each row. `series` are columns whose values are never added to each other.
    `missing` says in a sentence why there is no figure; `refuses` are filters under which there is none.
    """

    name: str
    title: str
    unit: str
    direction: Direction
    group: Group
    definition: str
    sources: tuple[str, ...]
    rows: str
    value: str
    missing: str
    time: str = "created_at"
    keys: Mapping[str, str] = field(default_factory=lambda: OF_RUN)
    extras: Mapping[str, str] = field(default_factory=dict)
    series: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    additive: bool = False

    @property
    def dimensions(self) -> tuple[str, ...]:
        """By what it can be broken down."""
        return ("day", *self.keys)
