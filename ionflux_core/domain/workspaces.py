"""Users, workspaces, brands and creators, and the settings that flow into runs."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ionflux_core.domain.policies import ChannelSettings, Policy
from ionflux_core.limits import MOOD_PICTURES, NAME_CHARS, TEXT_CHARS


def known_time_zone(name: str) -> str:
    """The name itself when it is a time zone; ValueError otherwise."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a known time zone; write one like Europe/Lisbon") from error
    return name


_HEX_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}\Z")


ProfileStatus = Literal["active", "archived"]

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")


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
    """What a workspace decides for everything in it. `inputs` are defaults for instances, by definition slug.

    `media_allow` names the hosts whose pictures, films and frames blocks of a page may show, over https.
    """

    default_model: ModelChoice = ModelChoice()
    fallback_models: list[ModelChoice] = Field(default=[], max_length=5)
    embedding_model: ModelChoice = ModelChoice()
    providers: dict[str, ProviderSettings] = {}
    timezone: str = "America/New_York"
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    language: str = "en"
    max_parallel_runs: int = Field(default=8, ge=1, le=256)
    outbound_allow: list[str] = []
    media_allow: list[str] = Field(default=[], max_length=50)
    retention: Retention = Retention()
    inputs: dict[str, dict[str, Any]] = {}
    policies: list[Policy] = Field(default=[], max_length=200)
    channels: dict[str, ChannelSettings] = {}

    _zone = field_validator("timezone")(known_time_zone)

    @field_validator("media_allow")
    @classmethod
    def _hosts(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host[:80]!r} is no host name; write one like images.example.com")
        return hosts


class Workspace(_Model):
    """A separate world: nothing in it is seen from another."""

    id: str
    name: str
    owner_id: str
    status: Literal["active", "archived", "suspended"] = "active"
    settings: WorkspaceSettings = WorkspaceSettings()
    created_at: datetime
    updated_at: datetime


Line = Annotated[str, Field(min_length=1, max_length=400)]
Lines = Annotated[list[Line], Field(max_length=200)]


class StoredPicture(_Model):
    """A picture stored in the workspace; `size` in bytes."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    name: str = Field("", max_length=200)
    media_type: str = Field("", max_length=100)
    size: int = Field(0, ge=0)


class VisualIdentity(_Model):
    """Logo (a stored picture, or an address), colours (hex) and fonts of a brand, and stored pictures of its mood."""

    logo_file: StoredPicture | None = None
    logo_url: str | None = Field(None, max_length=2_000)
    palette: list[str] = Field([], max_length=24)
    fonts: Lines = []
    mood_pictures: list[StoredPicture] = Field([], max_length=MOOD_PICTURES)

    @field_validator("palette")
    @classmethod
    def _hex_colours(cls, colours: list[str]) -> list[str]:
        for colour in colours:
            if not _HEX_COLOUR.match(colour):
                raise ValueError(f"{colour[:40]!r} is not a hex colour; write one like #3b4cca")
        return colours


class Connection(_Model):
    """A connected account: where, by which secret reference, and how the last sync went. Never the token itself."""

    handle: str = Field("", max_length=200)
    url: str | None = Field(None, max_length=2_000)
    secret: str | None = Field(None, max_length=200)
    last_sync_status: str | None = Field(None, max_length=1_000)
    last_sync_at: datetime | None = None

    @field_validator("secret")
    @classmethod
    def _only_a_reference(cls, secret: str | None) -> str | None:
        if secret and not re.fullmatch(r"secret://[^\s]{1,150}", secret):
            # What was written may be the token itself: it is not repeated.
            raise ValueError("name a stored secret, like secret://shop_token; the token itself has no place here")
        return secret or None

    @property
    def is_there(self) -> bool:
        """Whether anything is known of the account."""
        return bool(self.handle or self.url or self.secret)


class BrandDraft(_Model):
    """What a person edits of a brand."""

    name: str = Field(min_length=1, max_length=NAME_CHARS)
    description: str = Field(default="", max_length=TEXT_CHARS)
    industry: str = Field(default="", max_length=NAME_CHARS)
    audience: str = Field(default="", max_length=TEXT_CHARS)
    voice: str = Field(default="", max_length=TEXT_CHARS)
    voice_do: Lines = []
    voice_dont: Lines = []
    forbidden_words: Lines = []
    visual: VisualIdentity = VisualIdentity()
    mood_board: Annotated[list[Annotated[str, Field(max_length=2_000)]], Field(max_length=200)] = []
    shopify: Connection = Connection()
    tiktok: Connection = Connection()
    whatsapp: Connection = Connection()
    inputs: dict[str, dict[str, Any]] = {}
    model: ModelChoice | None = None


class Brand(BrandDraft):
    """A brand of a workspace. `inputs` are defaults for its instances, by definition slug."""

    id: str
    workspace_id: str
    persona_namespace: str | None = None
    status: ProfileStatus = "active"
    created_at: datetime
    updated_at: datetime

    def forbidden_in(self, text: str) -> list[str]:
        """The forbidden words and phrases that stand in a text as whole words, whatever their case."""
        return [
            word
            for word in self.forbidden_words
            if re.search(rf"(?<!\w){re.escape(word.strip())}(?!\w)", text, re.IGNORECASE)
        ]


class Platform(_Model):
    """Where a creator is found; `followers` as far as known."""

    name: str = Field(min_length=1, max_length=60)
    handle: str = Field("", max_length=200)
    url: str = Field("", max_length=2_000)
    followers: int | None = Field(None, ge=0, le=10_000_000_000)


class CreatorDraft(_Model):
    """What a person edits of a creator.

    `audience_demographics` holds facts by name; a map of parts to shares, such as {"age": {"18-24": 40}}, is a group.
    """

    name: str = Field(min_length=1, max_length=NAME_CHARS)
    handle: str = Field("", max_length=200)
    niche_tags: Lines = []
    bio: str = Field(default="", max_length=TEXT_CHARS)
    portfolio_links: Annotated[list[Annotated[str, Field(max_length=2_000)]], Field(max_length=200)] = []
    platforms: list[Platform] = Field([], max_length=20)
    audience_demographics: dict[str, Any] = Field({}, max_length=100)
    tiktok: Connection = Connection()
    instagram: Connection = Connection()
    youtube: Connection = Connection()


class Creator(CreatorDraft):
    """A creator of a workspace."""

    id: str
    workspace_id: str
    persona_namespace: str | None = None
    status: ProfileStatus = "active"
    created_at: datetime
    updated_at: datetime


class ProfileChange(_Model):
    """Who did what to a brand or creator; `changed` maps each field to what it said before and after, cut."""

    seq: int
    at: datetime
    who: str | None
    action: str
    changed: dict[str, tuple[str, str]] = {}
