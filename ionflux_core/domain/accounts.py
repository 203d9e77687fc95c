"""Accounts with outside services: what a workspace has connected, whether it works, and how far it is in step."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

AccountStatus = Literal["untested", "connected", "error", "revoked", "disconnected"]


class Account(BaseModel):
    """One account of a workspace. `settings` are in the open; `secrets` name stored secrets by field, never a value.

    `label` and `facts` are what the service said of itself at the last test. `synced` counts what the last sync has
    brought by subject; `cursor` is where the next one goes on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    workspace_id: str
    brand_id: str | None = None
    connector: str
    name: str
    settings: dict[str, str] = {}
    secrets: dict[str, str] = {}
    status: AccountStatus = "untested"
    label: str = ""
    facts: dict[str, str] = {}
    error: dict[str, Any] | None = None
    tested_at: datetime | None = None
    synced_at: datetime | None = None
    synced: dict[str, int] = {}
    sync_error: dict[str, Any] | None = None
    cursor: dict[str, Any] = {}
    created_at: datetime
    updated_at: datetime
