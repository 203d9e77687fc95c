"""What the state of a workspace says about itself: webhooks nobody can sign, schedules to come, the day's runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ionflux_core.application import Application
from ionflux_core.domain.incidents import Incident
from ionflux_core.domain.runs import RunFilter, RunStatus
from ionflux_core.domain.triggers import Trigger
from ionflux_core.ids import now

_SCHEME = "secret://"
FAILED: tuple[RunStatus, ...] = ("error", "budget_stopped", "cancelled_by_system")
DAY_GROUPS: tuple[tuple[str, tuple[RunStatus, ...]], ...] = (
    ("success", ("success",)),
    ("error", FAILED),
    ("running", ("pending", "running")),
    ("waiting", ("awaiting_approval", "waiting", "paused")),
    ("cancelled", ("cancelled_by_user",)),
)


@dataclass(frozen=True, slots=True)
class MissingSecret:
    """A webhook that accepts nothing, because the secret its sender signs with is not stored."""

    trigger: Trigger
    name: str


@dataclass(frozen=True, slots=True)
class Coming:
    """A schedule and when it fires next."""

    trigger: Trigger
    at: datetime


def missing_secrets(app: Application, workspace_id: str) -> list[MissingSecret]:
    """Enabled webhooks of active agents whose signing secret is not stored."""
    hooks = [
        trigger
        for trigger in app.triggers.find(workspace_id)
        if trigger.kind == "webhook" and trigger.enabled and trigger.instance_status == "active"
    ]
    stored = set(app.secrets.names(workspace_id)) if hooks else set()
    wanted = ((trigger, signing_secret(trigger)) for trigger in hooks)
    return [MissingSecret(trigger, name) for trigger, name in wanted if name and name not in stored]


def signing_secret(trigger: Trigger) -> str | None:
    """The name of the secret a webhook's sender signs with; None when its address alone is the proof."""
    kind = str(trigger.config.get("auth", "token"))
    if kind in ("token", "none"):
        return None
    given = str(trigger.config.get("secret") or "")
    return given.removeprefix(_SCHEME) if given.startswith(_SCHEME) else f"{kind}_webhook_secret"


def coming(app: Application, triggers: Iterable[Trigger], *, count: int) -> list[Coming]:
    """The next schedules to fire, soonest first."""
    found = []
    for trigger in triggers:
        times = app.triggers.next_times(trigger, count=1)
        if times:
            found.append(Coming(trigger, times[0]))
    return sorted(found, key=lambda each: each.at)[:count]


def midnight(zone: str) -> datetime:
    """When today began in a time zone."""
    return now().astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)


def day_counts(app: Application, workspace_id: str, zone: str) -> dict[str, int]:
    """How many of today's runs stand in each group of statuses, groups without a run left out."""
    by_status = app.dashboard.counts_since(workspace_id, midnight(zone))
    counts = {word: sum(by_status.get(status, 0) for status in statuses) for word, statuses in DAY_GROUPS}
    return {word: count for word, count in counts.items() if count}


def failed_count(app: Application, workspace_id: str) -> int:
    """How many runs of the last 24 hours ended badly."""
    by_status = app.dashboard.counts_since(workspace_id, now() - timedelta(hours=24))
    return sum(by_status.get(status, 0) for status in FAILED)


def open_incidents(app: Application, workspace_id: str) -> list[Incident]:
    """What the alert rules have found and nobody has resolved or muted, newest first."""
    at = now()
    return [each for each in app.incidents.find(workspace_id, status="open") if not each.is_muted(at)]


def failed_filter() -> RunFilter:
    """Runs that ended badly within the last 24 hours."""
    return RunFilter(statuses=list(FAILED), since=now() - timedelta(hours=24))
