"""One figure of an agent over some days, with its change against the days before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import Field

from ionflux_core.blocks.base import BlockKind, Content, Surroundings
from ionflux_core.blocks.shown import number_text
from ionflux_core.domain.canvas import CanvasBlock, Place

_SPARK_DAYS = 90
_APART = "Its amounts are known by different methods or in different units and never added: show it as a chart."


class KpiContent(Content):
    """Which figure, of which agent, over how many days."""

    title_text: str = Field("", max_length=200, title="Title")
    definition: str = Field("", max_length=60, title="Agent type", json_schema_extra={"widget": "definition"})
    kpi: str = Field("", max_length=120, title="Figure", json_schema_extra={"widget": "kpi"})
    agent_configuration_id: str | None = Field(
        None, max_length=64, title="Only of this agent", json_schema_extra={"widget": "instance"}
    )
    days: int = Field(30, ge=1, le=366, title="Days", json_schema_extra={"widget": "number"})


class KpiTile(BlockKind[KpiContent]):
    """A figure at a glance."""

    type = "kpi_tile"
    title = "KPI"
    hint = "A figure of an agent with its change"
    icon = "monitoring"
    order = 40
    size = Place(width=3, height=3)
    model = KpiContent

    def view(self, content: KpiContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{state, note, label, unit, value, text, change, tone, direction, days, since_text, agent, help, spark}."""
        if not content.kpi or not content.definition:
            return _empty("unset", "Choose a figure for this tile.", content)
        spec = here.kpi_spec(content.kpi, content.definition)
        lines = _lines(content, here)
        if not lines:
            label = spec["title"] if spec else content.kpi
            never = f"No run has reported this figure in the last {content.days} days."
            return _empty("not_computed", (spec or {}).get("missing") or never, content, label)
        if any(line.get("apart") for line in lines):
            return _empty("not_computed", _APART, content, lines[0]["title"])
        figure = summed(lines)
        first = lines[0]
        return {
            "state": "ready",
            "note": "",
            "label": first["title"],
            "unit": first["unit"],
            "value": figure["value"],
            "text": number_text(figure["value"], first["unit"]),
            "change": _change(figure, first["unit"]),
            "tone": _tone(figure, first["direction"]),
            "direction": first["direction"],
            "days": content.days,
            "since_text": f"{_day(first['days'])}, of {content.days} days"
            if len(lines) == 1 and not first.get("whole")
            else f"{content.days} days",
            "agent": first["label"] if len(lines) == 1 else f"{len(lines)} agents",
            "help": first["help"],
            "spark": {"labels": first["days"][-_SPARK_DAYS:], "values": first["values"][-_SPARK_DAYS:]},
        }

    def line(self, content: KpiContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """Its figure's name as title."""
        spec = here.kpi_spec(content.kpi, content.definition) if content.kpi and content.definition else None
        return {"title": spec["title"] if spec else content.kpi}

    def output(self, content: KpiContent, block: CanvasBlock, here: Surroundings) -> Any:
        """The figure's newest value, or None."""
        return summed(_lines(content, here))["value"]

    def parts(self, content: KpiContent, block: CanvasBlock, here: Surroundings) -> Mapping[str, Any]:
        """value, previous and unit."""
        lines = _lines(content, here)
        return {**summed(lines), "unit": lines[0]["unit"] if lines else ""}

    def markdown(self, content: KpiContent, block: CanvasBlock, here: Surroundings) -> str:
        """The figure in one line."""
        view = self.view(content, block, here)
        change = f" ({view['change']})" if view["change"] else ""
        return f"**{content.title_text or view['label']}**: {view['text'] or view['note']}{change}"


def _lines(content: KpiContent, here: Surroundings) -> Sequence[Mapping[str, Any]]:
    if not content.kpi or not content.definition:
        return ()
    return here.kpi(
        content.kpi, definition=content.definition, instance_id=content.agent_configuration_id, days=content.days
    )


def summed(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """{value, previous} of all agents: counts and amounts are added, shares and other figures averaged."""
    values = [line["value"] for line in lines if line["value"] is not None]
    if not values or any(line.get("apart") for line in lines):
        return {"value": None, "previous": None}
    unit = lines[0]["unit"]
    adds = unit in ("count", "runs", "currency") or (len(unit) == 3 and unit.isupper())
    share = 1 if adds else len(values)
    # A change is only told where every agent has a figure of before; else a new agent would look like growth.
    earlier = [line["previous"] for line in lines]
    previous = None if None in earlier else sum(earlier) / (1 if adds else len(earlier))
    return {"value": sum(values) / share, "previous": previous}


def _change(figure: Mapping[str, Any], unit: str) -> str | None:
    value, previous = figure["value"], figure["previous"]
    if previous is None or value is None:
        return None
    if previous == 0 or unit in ("ratio", "%"):
        return number_text(value - previous, unit, signed=True)
    return f"{(value - previous) / abs(previous):+.1%}".replace("%", " %")


def _tone(figure: Mapping[str, Any], direction: str) -> str:
    value, previous = figure["value"], figure["previous"]
    if previous is None or value is None or value == previous or direction == "none":
        return "even"
    return "good" if (value > previous) == (direction == "up") else "bad"


def _day(days: Sequence[str]) -> str:
    """The day a tile's figure is of, which is the newest with one."""
    if not days:
        return ""
    newest = date.fromisoformat(days[-1])
    return f"{newest.day} {newest:%b}"


def _empty(state: str, note: str, content: KpiContent, label: str = "") -> dict[str, Any]:
    return {
        "state": state, "note": note, "label": label or content.kpi, "unit": "", "value": None, "text": "",
        "change": None, "tone": "even", "direction": "none", "days": content.days,
        "since_text": f"last {content.days} days", "agent": None, "help": "", "spark": {"labels": [], "values": []},
    }  # fmt: skip


def make() -> KpiTile:
    """The kind."""
    return KpiTile()
