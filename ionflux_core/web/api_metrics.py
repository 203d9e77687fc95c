"""The API's figures: the catalogue of named metrics, and each of them over a period."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from ionflux_core.analytics.metrics import Metric
from ionflux_core.services.figures import Figure
from ionflux_core.web.api_figures_asked import Asked
from ionflux_core.web.api_here import Answer, Reading, Word

router = APIRouter(tags=["figures"])
_NOT_AT_ALL = "none"


class MetricOut(Answer):
    """A named figure: its formula in words and as DuckDB runs it, its tables, and by what it can be broken down."""

    name: str
    title: str
    group: str
    unit: str
    direction: str
    definition: str
    sql: str
    sources: tuple[str, ...]
    dimensions: tuple[str, ...]
    additive: bool


class ColumnOut(Answer):
    """A column of the cache."""

    name: str
    type: str


class TableOut(Answer):
    """A table of the cache that the figures are computed from."""

    name: str
    columns: list[ColumnOut]


class CatalogueOut(Answer):
    """Every metric of the workspace, and the tables behind them."""

    metrics: list[MetricOut]
    tables: list[TableOut]
    as_of: datetime | None


class FigureOut(Answer):
    """A metric's value in the period and in the one before, and its rows: key, label, value and more beside it.

    `value` is null when it cannot be computed, and `not_computed` says why. What is never added (other methods, other
    units) is in `parts`, each with its own `previous`, and each row then names its `series`.
    """

    metric: MetricOut
    value: float | None
    previous: float | None
    not_computed: str
    by: str | None
    rows: list[dict[str, Any]]
    parts: list[dict[str, Any]]
    as_of: datetime | None
    complete: bool


@router.get("/metrics-catalogue")
def find_metrics(here: Reading) -> CatalogueOut:
    """Every named figure with its formula in words and in SQL, and the tables it is computed from."""
    figures = here.application.figures
    metrics = [_metric(metric) for metric in figures.catalogue(here.workspace_id)]
    tables = [
        TableOut(name=name, columns=[ColumnOut(name=column, type=kind) for column, kind in columns])
        for name, columns in figures.tables().items()
    ]
    return CatalogueOut(metrics=metrics, tables=tables, as_of=figures.freshness().as_of)


@router.get("/metrics/{name}")
def get_metric(
    here: Reading,
    name: str,
    asked: Asked,
    by: Annotated[Word, Query(description="A dimension of the metric, or none for the whole period alone.")] = "day",
) -> FigureOut:
    """One figure over a period, with its value in the period of the same length before."""
    found = here.application.figures.figure(here.workspace_id, name, asked, by=None if by == _NOT_AT_ALL else by)
    return _figure(found)


def _metric(metric: Metric) -> MetricOut:
    return MetricOut.model_validate(metric)


def _figure(found: Figure) -> FigureOut:
    return FigureOut(
        metric=_metric(found.metric),
        value=found.value,
        previous=found.previous,
        not_computed=found.not_computed,
        by=found.by,
        rows=found.rows,
        parts=found.parts,
        as_of=found.freshness.as_of,
        complete=found.freshness.complete,
    )
