"""What is kept of a flow beside its saved versions."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class FlowDraft(BaseModel):
    """A flow's text that is not saved yet and may be invalid; `base_version` is the version it was begun from."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    flow_id: str
    yaml: str
    base_version: int
    by: str | None = None
    at: datetime
