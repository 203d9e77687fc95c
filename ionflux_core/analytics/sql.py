"""A measure's query: its rows, narrowed to a workspace, a period and filters, and broken down by a dimension."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ionflux_core.analytics.measures import FILTERS, Measure
from ionflux_core.analytics.scope import OF_RUN, Narrowed, Scope, narrowed

MOST_ROWS: Final = 2_000


class _Source(NamedTuple):
    """How rows of a table are narrowed: its time, the column of the run's status, the columns of the run it has."""

    time: str
    status: str = ""
    columns: tuple[str, ...] = OF_RUN
    plain: bool = False


_SOURCES: Final = {
    "runs": _Source("created_at", "status"),
    "run_steps": _Source("started_at", "run_status"),
    "value_entries": _Source('"at"', "run_status"),
    "model_costs": _Source("created_at", "status"),
    "approvals": _Source("created_at", "run_status"),
    "decisions": _Source("decided_at", "run_status"),
    "ledger_entries": _Source('"at"'),
    "events": _Source('"at"'),
    # What belongs to no run is never narrowed by filters.
    "messages": _Source('"at"', plain=True),
    "activity": _Source('"at"', plain=True),
    "versions": _Source('"at"', plain=True),
}
_LINES: Final = re.compile(r" (FROM|WHERE|GROUP BY|LEFT JOIN|CROSS JOIN|JOIN|UNION) ")
_USED: Final = re.compile(r"\$([a-z_0-9]+)")
_NO_FILTERS: Final[dict[str, Any]] = {name: () if name == "statuses" else None for name in FILTERS}


class Query(NamedTuple):
    """SQL and the parameters it uses."""

    sql: str
    parameters: dict[str, Any]


class _Places:
    """What stands for `{where[table]}` and its like in a measure's text; gathers the parameters."""

    def __init__(self, scope: Scope, kind: str, parameters: dict[str, Any]) -> None:
        self._scope = scope
        self._kind = kind
        self._parameters = parameters

    def __getitem__(self, name: str) -> str:
        if self._kind == "day":
            return self._noted(narrowed(self._scope, time=_quoted(name), by_day=True)).day
        source = _SOURCES[name]
        plain = source.plain or self._kind == "period"
        scope = replace(self._scope, **_NO_FILTERS) if plain else self._scope
        ever = self._kind == "ever"
        return self._noted(
            narrowed(scope, time="" if ever else source.time, status=source.status, columns=source.columns)
        ).where

    def _noted(self, part: Narrowed) -> Narrowed:
        self._parameters |= part.parameters
        return part


def query(measure: Measure, scope: Scope, by: str | None, *, limit: int = MOST_ROWS) -> Query:
    """Rows of key (with `by`), the columns of the series, value and extras; the whole period is rows without a key."""
    parameters: dict[str, Any] = {}
    day = _Places(scope, "day", parameters)
    columns = list[str]()
    if by is not None:
        # Rows that are made by day already have a column of that name.
        key = measure.keys[by] if by != "day" else day[measure.time] if measure.time else "day"
        columns.append(f"{key} AS key")
    columns += measure.series
    places = ", ".join(str(number) for number in range(1, len(columns) + 1))
    group = f" GROUP BY {places}" if places else ""
    # In a fixed order: a screen that shows methods side by side must not swap them from one look to the next.
    order = f" ORDER BY {'' if by in (None, 'day') else 'value DESC NULLS LAST, '}{places}" if places else ""
    columns.append(f"{measure.value} AS value")
    columns += [f"{expression} AS {name}" for name, expression in measure.extras.items()]
    kinds = {kind: _Places(scope, kind, parameters) for kind in ("where", "ever", "period")}
    rows = measure.rows.format(day=day, **kinds)
    end = order + (f" LIMIT {limit}" if by not in (None, "day") else "")
    text = f"SELECT {', '.join(columns)} FROM {rows}{group}{end}"
    used = set(_USED.findall(text))
    return Query(text, {name: value for name, value in parameters.items() if name in used})


def shown(measure: Measure) -> str:
    """The query for a whole period as people read it, with $names in place of values."""
    since = datetime(2026, 1, 1, tzinfo=UTC)
    text = query(measure, Scope("", "UTC", since, since.replace(month=2)), None).sql
    return _LINES.sub(r"\n\1 ", " ".join(text.split()))


def _quoted(column: str) -> str:
    return '"at"' if column == "at" else column
