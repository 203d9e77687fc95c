"""The tables that questions see: for each its columns, and how the cache's own columns become them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Column:
    """A column as a question sees it; `made_of` is what it is in the cache."""

    name: str
    type: str
    made_of: str


@dataclass(frozen=True, slots=True)
class View:
    """A table as a question sees it. `source` is the cache's table; empty for rows that are handed in."""

    about: str
    source: str
    columns: tuple[Column, ...]

    def sql(self, place: str, workspace_id: str) -> str:
        """The rows of one workspace. The id has been checked: it is letters, digits and hyphens."""
        columns = ", ".join(f"{column.made_of} AS {column.name}" for column in self.columns)
        return f"SELECT {columns} FROM {place}.{self.source} WHERE workspace_id = '{workspace_id}'"


def _view(about: str, source: str, columns: str) -> View:
    """A view from lines like `name: type` or `name: type = expression`."""
    made = []
    for line in columns.strip().splitlines():
        head, _, made_of = line.partition(" = ")
        name, _, type = head.strip().partition(": ")
        made.append(Column(name, type.strip(), made_of.strip() or name))
    return View(about, source, tuple(made))


_AGENT = """agent: text = definition_slug
    instance_id: text
    brand_id: text"""
_COST = "cost_usd: number = cost_micros / 1e6"
_SECONDS = "seconds: number = epoch_us(finished_at - started_at) / 1e6"
INSTANCES: Final = "instances"
BRANDS: Final = "brands"

VIEWS: Final[Mapping[str, View]] = {
    "runs": _view("Everything that was executed.", "runs", f"""
    id: text
    {_AGENT}
    status: text
    trigger_kind: text
    dry_run: boolean
    error_code: text
    {_COST}
    created_at: time
    started_at: time
    finished_at: time
    {_SECONDS}
    queue_seconds: number = epoch_us(started_at - created_at) / 1e6
    attempt: number
    started_by: text
    correlation_id: text
    instance_version: number"""),
    "steps": _view("The steps of runs.", "run_steps", f"""
    run_id: text
    {_AGENT}
    step_key: text
    seq: number
    kind: text
    title: text
    status: text
    attempt: number
    {_COST}
    started_at: time
    finished_at: time
    {_SECONDS}"""),
    "kpi_points": _view("Figures that agents have reported.", "kpi_points", f"""
    run_id: text
    {_AGENT}
    name: text
    unit: text
    value: number
    reported_at: time = "at"
    dims: json"""),
    "value_entries": _view("Money made, money saved and minutes returned.", "value_entries", f"""
    id: text
    run_id: text
    {_AGENT}
    kind: text
    amount: number
    unit: text
    method: text
    confidence: number
    booked_at: time = "at\""""),
    "calls": _view("Every attempt to call a model or an address, without what was said.", "calls", f"""
    id: text
    run_id: text
    {_AGENT}
    step_key: text
    kind: text
    provider: text
    model: text
    status: text
    error_code: text
    attempt: number
    tokens_in: number
    tokens_out: number
    cached_tokens: number
    {_COST}
    latency_ms: number
    called_at: time = "at\""""),
    "model_costs": _view("Calls of models, by run and model.", "model_costs", f"""
    run_id: text
    {_AGENT}
    status: text
    created_at: time
    model: text
    calls: number
    unpriced: number
    tokens_in: number
    tokens_out: number
    cached_tokens: number
    {_COST}"""),
    "ledger": _view("C-ION booked in and out.", "ledger_entries", f"""
    id: text
    run_id: text
    {_AGENT}
    kind: text
    amount: number
    booked_at: time = "at\""""),
    "approvals": _view("Questions to people, and what they decided.", "approvals", f"""
    id: text
    run_id: text
    {_AGENT}
    kind: text
    status: text
    edited: boolean
    created_at: time
    decided_at: time"""),
    "events": _view("Facts that were published, without their contents.", "events", f"""
    seq: number
    type: text
    source: text
    correlation_id: text
    run_id: text
    {_AGENT}
    happened_at: time = "at\""""),
    "messages": _view("Messages of the chat, without their words.", "messages", """
    id: text
    channel_id: text
    sender_type: text
    sender_id: text
    content_type: text
    sent_at: time = "at\""""),
    "activity": _view("Who changed what.", "activity", """
    seq: number
    who: text
    action: text
    entity: text
    entity_id: text
    done_at: time = "at\""""),
    "versions": _view("Saved versions of agents' configurations.", "versions", """
    instance_id: text
    version: number
    saved_by: text
    saved_at: time = "at\""""),
    INSTANCES: _view("Agents as they are configured, by name.", "", """
    id: text
    name: text
    agent: text
    status: text
    brand_id: text"""),
    BRANDS: _view("Brands, by name.", "", """
    id: text
    name: text"""),
}  # fmt: skip
TABLES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    name: tuple((column.name, column.type) for column in view.columns) for name, view in VIEWS.items()
}
