"""A chart of an agent's figure, of a question in SQL, or of another block's table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

from pydantic import Field, JsonValue

from ionflux_core.blocks.agent_snippet import table_on_paper
from ionflux_core.blocks.base import BlockKind, Computed, Content, Surroundings
from ionflux_core.blocks.shown import number_text, table
from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.errors import Invalid
from ionflux_core.limits import SQL_CHARS

Kind = Literal["columns", "lines", "rows"]
# Which fields matter for which source.
_KPI: dict[str, JsonValue] = {"when": {"source": ["kpi"]}}
_SQL: dict[str, JsonValue] = {"when": {"source": ["sql"]}}
_BLOCK: dict[str, JsonValue] = {"when": {"source": ["block"]}}
_TABLE: dict[str, JsonValue] = {"when": {"source": ["sql", "block"]}}
_POINTS, _SERIES, _TICKS, _NAME_CHARS = 400, 8, 5, 60


class ChartContent(Content):
    """Where the values come from, and how they are drawn."""

    title_text: str = Field("", max_length=200, title="Title")
    source: Literal["kpi", "sql", "block"] = Field("kpi", title="Values from", json_schema_extra={"widget": "choice"})
    kind: Kind = Field("lines", title="Drawn as", json_schema_extra={"widget": "choice"})
    definition: str = Field("", max_length=60, title="Agent type", json_schema_extra={"widget": "definition", **_KPI})
    kpi: str = Field("", max_length=120, title="Figure", json_schema_extra={"widget": "kpi", **_KPI})
    agent_configuration_id: str | None = Field(
        None, max_length=64, title="Only of this agent", json_schema_extra={"widget": "instance", **_KPI}
    )
    days: int = Field(30, ge=1, le=366, title="Days", json_schema_extra={"widget": "number", **_KPI})
    query: str = Field("", max_length=SQL_CHARS, title="Query", json_schema_extra={"widget": "sql", **_SQL})
    block: str = Field("", max_length=60, title="Table of block", json_schema_extra={"widget": "block", **_BLOCK})
    label_column: str = Field(
        "", max_length=200, title="Column of names", description="Empty: the first.",
        json_schema_extra={"widget": "line", **_TABLE},
    )  # fmt: skip
    value_columns: list[str] = Field(
        [], max_length=_SERIES, title="Columns of values", description="Empty: all numbers.",
        json_schema_extra={"widget": "lines", **_TABLE},
    )  # fmt: skip
    series_column: str = Field(
        "", max_length=200, title="One series for each",
        description="A column whose values split the first column of values.",
        json_schema_extra={"widget": "line", **_TABLE},
    )  # fmt: skip


class Chart(BlockKind[ChartContent]):
    """Values to see."""

    type = "chart"
    title = "Chart"
    hint = "Figures, a query or another block as a chart"
    icon = "bar_chart"
    order = 45
    size = Place(width=6, height=6)
    computes = True
    model = ChartContent

    def references(self, content: ChartContent) -> Sequence[str]:
        """The block whose table it draws."""
        return (content.block,) if content.source == "block" and content.block else ()

    def view(self, content: ChartContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{state, note, kind, labels, full, series: [{key, name, values, texts}], unit, range, ticks, source}.

        A figure is drawn as it is now; the answer to a question and another block's table as they were computed.
        """
        if _unset(content):
            return _drawn(content, "unset", "Choose what this chart shows.", {})
        data = _of_figure(content, here) if content.source == "kpi" else block.output
        if not isinstance(data, Mapping) or not data.get("labels"):
            never = content.source != "kpi" and block.output_at is None
            note = "Run the chart to draw it." if never else "There is nothing to draw yet."
            return _drawn(content, "not_computed", note, {})
        return _drawn(content, "ready", "", data)

    def line(self, content: ChartContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """Its figure's name as title."""
        if content.source != "kpi" or not content.kpi:
            return {}
        spec = here.kpi_spec(content.kpi, content.definition)
        return {"title": spec["title"] if spec else content.kpi, "status": None}

    def ready(self, content: ChartContent) -> bool:
        """Once it has a source; an agent's figure is always drawn as it is."""
        return content.source != "kpi" and not _unset(content)

    def output(self, content: ChartContent, block: CanvasBlock, here: Surroundings) -> Any:
        """{labels, series: [{name, values}], unit}."""
        if content.source == "kpi":
            return _of_figure(content, here)
        if not isinstance(block.output, Mapping):
            raise Invalid(f"The chart {block.name} has not been computed.", hint="Run it first.", code="no_output")
        return block.output

    def compute(self, content: ChartContent, block: CanvasBlock, here: Surroundings) -> Computed:
        """Read the values anew."""
        if _unset(content):
            raise Invalid("The chart has no source yet.", hint="Choose a figure, a query or a block in its settings.")
        if content.source == "kpi":
            return Computed(output=_of_figure(content, here))
        found = table(here.sql(content.query)) if content.source == "sql" else _whole(here.output_of(content.block))
        if found is None:
            raise Invalid(
                f"The block {content.block} gives no table.", hint="Choose a table, a query or an agent's rows."
            )
        return Computed(output=_of_table(content, found["columns"], found["rows"]))

    def markdown(self, content: ChartContent, block: CanvasBlock, here: Surroundings) -> str:
        """The values as a table."""
        view = self.view(content, block, here)
        heading = f"## {content.title_text}\n\n" if content.title_text else ""
        if view["state"] != "ready":
            return f"{heading}_{view['note']}_"
        columns = ["", *(one["name"] for one in view["series"])]
        rows = [[name, *(one["texts"][at] for one in view["series"])] for at, name in enumerate(view["full"])]
        return heading + table_on_paper(columns, rows)


def _unset(content: ChartContent) -> bool:
    if content.source == "kpi":
        return not (content.kpi and content.definition)
    return not (content.query.strip() if content.source == "sql" else content.block)


def _of_figure(content: ChartContent, here: Surroundings) -> dict[str, Any]:
    lines = here.kpi(
        content.kpi, definition=content.definition, instance_id=content.agent_configuration_id, days=content.days
    )
    days = sorted({day for line in lines for day in line["days"]})
    series = []
    for line in lines[:_SERIES]:
        own = dict(zip(line["days"], line["values"], strict=True))
        series.append({"name": str(line["label"])[:_NAME_CHARS], "values": [own.get(day) for day in days]})
    return {"labels": days, "series": series, "unit": lines[0]["unit"] if lines else "", "by_day": True}


def _whole(value: Any) -> dict[str, Any] | None:
    """A table of another block with all of its rows: what is shown of it is shorter."""
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        names = list(dict.fromkeys(str(key) for row in value for key in row))
        return {"columns": names, "rows": [[row.get(name) for name in names] for row in value[:_POINTS]]}
    if isinstance(value, Mapping) and isinstance(value.get("rows"), list) and isinstance(value.get("columns"), list):
        return {"columns": [str(name) for name in value["columns"]], "rows": value["rows"][:_POINTS]}
    if isinstance(value, Mapping) and isinstance(value.get("labels"), list) and isinstance(value.get("series"), list):
        names = [str(one["name"]) for one in value["series"]]
        rows = [[label, *(one["values"][at] for one in value["series"])] for at, label in enumerate(value["labels"])]
        return {"columns": ["", *names], "rows": rows[:_POINTS]}
    if isinstance(value, Mapping) and value:
        return {"columns": ["Name", "Value"], "rows": [[name, item] for name, item in list(value.items())[:_POINTS]]}
    return None


def _of_table(content: ChartContent, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    rows = rows[: _POINTS * (_SERIES if content.series_column else 1)]
    label = _column(content.label_column, columns) if content.label_column else 0
    if content.value_columns:
        chosen = [_column(name, columns) for name in content.value_columns]
    else:
        chosen = [at for at in range(len(columns)) if at != label and any(_number(row[at]) is not None for row in rows)]
    if not chosen:
        raise Invalid("No column holds numbers.", hint="Choose the columns of values in the chart's settings.")
    if content.series_column:
        return _split(rows, label, chosen[0], _column(content.series_column, columns))
    series = [
        {"name": columns[at][:_NAME_CHARS], "values": [_number(row[at]) for row in rows]} for at in chosen[:_SERIES]
    ]
    return {
        "labels": [_label(row[label]) for row in rows],
        "series": series,
        "unit": "",
    }


def _split(rows: Sequence[Sequence[Any]], label: int, value: int, by: int) -> dict[str, Any]:
    """One series for each value of a column, the largest ones; what stands twice at one place is added up."""
    labels = list(dict.fromkeys(_label(row[label]) for row in rows))[:_POINTS]
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        number = _number(row[value])
        if number is not None:
            own, place = found.setdefault(_label(row[by])[:_NAME_CHARS] or "(none)", {}), _label(row[label])
            own[place] = own.get(place, 0.0) + number
    largest = sorted(found, key=lambda name: -sum(map(abs, found[name].values())))[:_SERIES]
    series = [{"name": name, "values": [found[name].get(place) for place in labels]} for name in sorted(largest)]
    return {"labels": labels, "series": series, "unit": ""}


def _label(value: Any) -> str:
    return "" if value is None else str(value)[:200]


def _column(name: str, columns: Sequence[str]) -> int:
    for at, column in enumerate(columns):
        if column.casefold() == name.strip().casefold():
            return at
    raise Invalid(f"There is no column {name[:60]!r}.", hint=f"Choose among: {', '.join(columns)[:300]}.")


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _drawn(content: ChartContent, state: str, note: str, data: Mapping[str, Any]) -> dict[str, Any]:
    unit, labels = str(data.get("unit", "")), list(data.get("labels", ()))
    series = [
        {
            "key": str(number),
            "name": one["name"],
            "values": one["values"],
            "texts": ["" if value is None else number_text(value, unit) for value in one["values"]],
        }
        for number, one in enumerate(data.get("series", ()))
    ]
    ticks = _ticks([value for one in series for value in one["values"] if value is not None], content.kind, series)
    source = {"kpi": content.kpi, "sql": "a query", "block": f"blocks.{content.block}"}[content.source]
    return {
        "state": state,
        "note": note,
        "kind": content.kind,
        "labels": [_short(label, data) for label in labels],
        "full": [_long(label, data) for label in labels],
        "series": series,
        "unit": "" if unit in ("ratio", "count", "%", "runs") else unit,
        "range": [ticks[0], ticks[-1]],
        "ticks": [[tick, _tick_text(tick, unit)] for tick in ticks],
        "source": source,
    }


def _tick_text(value: float, unit: str) -> str:
    """A figure at an axis: the unit stands above it once, and thousands are enough where there are many."""
    if unit in ("ratio", "%"):
        return number_text(value, unit)
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f}k" if value % 1000 == 0 else f"{value / 1000:,.1f}k"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.10g}"


def _short(label: str, data: Mapping[str, Any]) -> str:
    if data.get("by_day"):
        day = date.fromisoformat(label)
        return f"{day.day} {day:%b}"
    return label if len(label) <= 24 else label[:23] + "…"


def _long(label: str, data: Mapping[str, Any]) -> str:
    if data.get("by_day"):
        day = date.fromisoformat(label)
        return f"{day:%a} {day.day} {day:%b %Y}"
    return label


def _ticks(values: Sequence[float], kind: Kind, series: Sequence[Mapping[str, Any]]) -> list[float]:
    """Round numbers from at most the least to at least the greatest value, with zero where columns stand on it."""
    if kind == "columns" and series:
        stacks = [
            sum(max(value or 0, 0) for value in at) for at in zip(*(one["values"] for one in series), strict=True)
        ]
        values = [*stacks, 0.0]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if kind == "columns" or 0 < low < high / 2:
        low = min(low, 0.0)
    # What lies closer together than any figure is told is one value.
    if high - low < 1e-9:
        high = low + max(abs(low), 1.0)
    step = _round_step((high - low) / (_TICKS - 1))
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= step * (1 - 1e-9))


def make() -> Chart:
    """The kind."""
    return Chart()
