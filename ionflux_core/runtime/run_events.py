"""Events that the runner itself publishes about a run."""

from __future__ import annotations

from typing import Any

from ionflux_core.domain.events import PlatformEvent
from ionflux_core.domain.runs import Run
from ionflux_core.ids import new_id, now


def run_event(run: Run, type: str, payload: dict[str, Any], dedup_key: str) -> dict[str, Any]:
    """The row of an event that a run has caused, published by this program itself."""
    event = PlatformEvent(
        id=new_id(),
        workspace_id=run.workspace_id,
        type=type,
        at=now(),
        source="ionflux",
        brand_id=run.brand_id,
        correlation_id=run.correlation_id,
        causation_run_id=run.id,
        dedup_key=dedup_key,
        payload=payload,
    )
    return event.model_dump(exclude={"seq"})
