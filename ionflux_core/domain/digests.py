"""Digests: figures that are sent by schedule, of a saved view or of everything."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ionflux_core.domain.destinations import Way, complaint
from ionflux_core.domain.schedules import cron_text
from ionflux_core.domain.workspaces import known_time_zone
from ionflux_core.errors import Invalid
from ionflux_core.limits import DIGEST_ADDRESSES, NAME_CHARS


class Addresses(BaseModel):
    """By which way a digest goes out, and to whom: mail addresses, an address to post to, or channels' names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: Way
    to: list[str] = Field(min_length=1, max_length=DIGEST_ADDRESSES)

    @model_validator(mode="after")
    def _reachable(self) -> Addresses:
        for each in self.to:
            wrong = complaint(self.channel, each)
            if wrong:
                raise ValueError(wrong)
        if len(set(self.to)) < len(self.to):
            raise ValueError("an address stands there twice")
        return self

    @field_validator("to", mode="before")
    @classmethod
    def _tidy(cls, given: object) -> object:
        return [str(each).strip() for each in given if str(each).strip()] if isinstance(given, list) else given


class DigestDraft(BaseModel):
    """What is sent, when and to whom. `days` is the length of the period, which ends with the day before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=NAME_CHARS)
    view_id: str | None = None
    cron: str = Field(min_length=1, max_length=120)
    timezone: str = Field(max_length=60)
    days: int = Field(default=7, ge=1, le=366)
    destination: Addresses
    enabled: bool = True

    _zone = field_validator("timezone")(known_time_zone)

    @field_validator("cron")
    @classmethod
    def _schedule(cls, text: str) -> str:
        try:
            return cron_text(text)
        except Invalid as error:
            raise ValueError(error.message) from error


class Digest(BaseModel):
    """A digest as it is kept. `last_at` is the slot it was sent for last, or when somebody sent it by hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    workspace_id: str
    view_id: str | None
    name: str
    cron: str
    timezone: str
    days: int
    destination: Addresses
    enabled: bool
    next_at: datetime | None = None
    last_at: datetime | None = None
    last_outcome: str = ""
    created_at: datetime
    updated_at: datetime


class DigestDelivery(BaseModel):
    """What became of the last sending to one address: a word for people, and the run that carried it."""

    model_config = ConfigDict(frozen=True)

    to: str
    outcome: str
    run_id: str | None = None
