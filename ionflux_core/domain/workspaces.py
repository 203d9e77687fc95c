"""Users, workspaces, brands and creators, and the settings that flow into runs."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ionflux_core.domain.policies import ChannelSettings, Policy
from ionflux_core.limits import NAME_CHARS, TEXT_CHARS


def known_time_zone(name: str) -> str:
    """The name itself when it is a time zone; ValueError otherwise."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a known time zone; write one like Europe/Lisbon") from error
    return name


_HEX_COLOUR = re.compile(r"^#(?:[0-9a-fA-F]{3}){1,2}$")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class User(_Model):
    """A person who can sign in; on loopback there is one, the local owner."""

    id: str
    email: str
    name: str
    preferences: dict[str, Any] = {}
    created_at: datetime


class ModelChoice(_Model):
    """A provider and one of its models."""

    provider: str = "local"
    model: str = "local-1"


class ProviderSettings(_Model):
    """Where a provider is reached when not at its own address, and which of OpenAI's two interfaces is spoken there."""

    base_url: str = Field(default="", max_length=300)
    api: Literal["responses", "chat"] = "responses"

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, url: str) -> str:
        if url and not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", url):
            raise ValueError("write an address like http://127.0.0.1:11434/v1, without user, password or question mark")
        return url.rstrip("/")


class Keep(_Model):
    """How long, and how many of, the finished runs of one kind are kept; None sets no limit."""

    days: int | None = Field(default=365, ge=1, le=36_500)
    count: int | None = Field(default=None, ge=0, le=100_000_000)


class Retention(_Model):
    """What is kept of finished runs, by how they ended, and for how many days events and firings are."""

    success: Keep = Keep()
    error: Keep = Keep()
    cancelled: Keep = Keep(days=90)
    budget_stopped: Keep = Keep()
    event_days: int | None = Field(default=365, ge=1, le=36_500)


class WorkspaceSettings(_Model):
    """What a workspace decides for everything in it. `inputs` are defaults for instances, by definition slug."""

    default_model: ModelChoice = ModelChoice()
    fallback_models: list[ModelChoice] = Field(default=[], max_length=5)
    embedding_model: ModelChoice = ModelChoice()
    providers: dict[str, ProviderSettings] = {}
    timezone: str = "America/New_York"
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    language: str = "en"
    max_parallel_runs: int = Field(default=8, ge=1, le=256)
    outbound_allow: list[str] = []
    retention: Retention = Retention()
    inputs: dict[str, dict[str, Any]] = {}
    policies: list[Policy] = Field(default=[], max_length=200)
    channels: dict[str, ChannelSettings] = {}

    _zone = field_validator("timezone")(known_time_zone)


class Workspace(_Model):
    """A separate world: nothing in it is seen from another."""

    id: str
    name: str
    owner_id: str
    status: Literal["active", "archived", "suspended"] = "active"
    settings: WorkspaceSettings = WorkspaceSettings()
    created_at: datetime
    updated_at: datetime


class VisualIdentity(_Model):
    """Logo, colours (hex) and fonts of a brand."""

    logo_url: str | None = None
    palette: list[str] = []
    fonts: list[str] = []

    @field_validator("palette")
    @classmethod
    def _hex_colours(cls, colours: list[str]) -> list[str]:
        for colour in colours:
            if (
                len(colour) not in (4, 7)
                or colour[0] != "#"
                or not all(c in "0123456789abcdefABCDEF" for c in colour[1:])
            ):
                raise ValueError(f"{colour!r} is not a hex colour; write one like #3b4cca")
        return colours


class Connection(_Model):
    """A connected account: where, by which secret reference, and how the last sync went. Never the token itself."""

    url: str | None = None
    secret: str | None = None
    last_sync_status: str | None = None
    last_sync_at: datetime | None = None


class BrandDraft(_Model):
    """What a person edits of a brand."""

    name: str = Field(min_length=1, max_length=NAME_CHARS)
    description: str = Field(default="", max_length=TEXT_CHARS)
    industry: str = Field(default="", max_length=NAME_CHARS)
    audience: str = Field(default="", max_length=TEXT_CHARS)
    voice: str = Field(default="", max_length=TEXT_CHARS)
    visual: VisualIdentity = VisualIdentity()
    mood_board: list[str] = []
    shopify: Connection = Connection()
    tiktok: Connection = Connection()
    inputs: dict[str, dict[str, Any]] = {}
    model: ModelChoice | None = None


class Brand(BrandDraft):
    """A brand of a workspace. `inputs` are defaults for its instances, by definition slug."""

    id: str
    workspace_id: str
    persona_namespace: str | None = None
    status: Literal["active", "archived"] = "active"
    created_at: datetime
    updated_at: datetime


class CreatorDraft(_Model):
    """What a person edits of a creator."""

    name: str = Field(min_length=1, max_length=NAME_CHARS)
    niche_tags: list[str] = []
    bio: str = Field(default="", max_length=TEXT_CHARS)
    portfolio_links: list[str] = []
    audience_demographics: dict[str, Any] = {}
    tiktok: Connection = Connection()


class Creator(CreatorDraft):
    """A creator of a workspace."""

    id: str
    workspace_id: str
    persona_namespace: str | None = None
    status: Literal["active", "archived"] = "active"
    created_at: datetime
    updated_at: datetime
