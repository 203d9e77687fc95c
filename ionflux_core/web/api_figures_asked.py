"""What part of the figures a caller of the API asks for: a period and filters, as parameters."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import ValidationError

from ionflux_core.domain.runs import RunStatus, TriggerKind
from ionflux_core.errors import Invalid
from ionflux_core.services.dashboard import DashboardFilters
from ionflux_core.web.api_here import Moment, Reading, Word

When = Moment | date
_FROM = "Begin of the period: a time with its zone, or a day of the workspace. Without it: 30 days before the end."
_TO = "End of the period: a time with its zone, or a day, which is included. Without it: the end of today."


def _asked(
    here: Reading,
    since: Annotated[When | None, Query(alias="from", description=_FROM)] = None,
    until: Annotated[When | None, Query(alias="to", description=_TO)] = None,
    agent: Annotated[Word | None, Query(description="Slug of an agent.")] = None,
    instance: Annotated[Word | None, Query(description="Id of a configured agent.")] = None,
    brand: Annotated[Word | None, Query(description="Id of a brand.")] = None,
    trigger: TriggerKind | None = None,
    status: Annotated[list[RunStatus] | None, Query(description="Statuses of runs; may be repeated.")] = None,
) -> DashboardFilters:
    days = here.application.dashboard.day

    def moment(when: datetime | date | None, end: int) -> datetime | None:
        return when if when is None or isinstance(when, datetime) else days(here.workspace_id, when)[end]

    narrow: dict[str, Any] = {"definition_slug": agent, "instance_id": instance, "brand_id": brand}
    try:
        return DashboardFilters(
            since=moment(since, 0), until=moment(until, 1), trigger_kind=trigger, statuses=tuple(status or ()), **narrow
        )
    except (ValidationError, OverflowError) as error:
        raise Invalid(
            "A period begins before it ends and has at most ten years.", hint="Correct from and to."
        ) from error


Asked = Annotated[DashboardFilters, Depends(_asked)]
