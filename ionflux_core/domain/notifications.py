"""What a person is told of: by kind, with where it leads, and by which way each kind reaches them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

NotificationKind = Literal[
    "mention", "message", "agent_finished", "agent_failed", "approval", "breaker", "budget", "alert"
]
KINDS: tuple[NotificationKind, ...] = (
    "mention", "message", "agent_finished", "agent_failed", "approval", "breaker", "budget", "alert",
)  # fmt: skip


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Link(_Model):
    """Where a notification leads: a page of the screen, by its noun, and what is open there."""

    page: str
    parameters: dict[str, str] = {}


class Notification(_Model):
    """One thing a person was told."""

    id: str
    workspace_id: str
    user_id: str
    kind: NotificationKind
    title: str
    body: str = ""
    link: Link
    read_at: datetime | None = None
    created_at: datetime


class Ways(_Model):
    """How one kind reaches a person: in the app, by mail to an address, by a webhook."""

    in_app: bool = True
    mail: bool = False
    webhook: bool = False


class NotificationChoices(_Model):
    """A person's choices: ways by kind, and where mail and webhooks go. Kinds not named are shown in the app only."""

    ways: dict[NotificationKind, Ways] = {}
    mail_address: str = Field("", max_length=320)
    webhook_url: str = Field("", max_length=800)

    def of(self, kind: NotificationKind) -> Ways:
        """The ways of a kind."""
        return self.ways.get(kind, Ways(in_app=kind != "agent_finished"))


def as_choices(preferences: dict[str, Any]) -> NotificationChoices:
    """The choices that stand in a user's preferences; anything else means the usual ones."""
    kept = preferences.get("notification_choices")
    return NotificationChoices.model_validate(kept) if isinstance(kept, dict) else NotificationChoices()
