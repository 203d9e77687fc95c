"""Triggers: what starts instances by itself, when it is due next, and what it did last."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from ionflux_core import limits
from ionflux_core.catalog.configuration import EffectiveConfiguration
from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.runs import RunTrigger
from ionflux_core.domain.schedules import next_times
from ionflux_core.domain.triggers import Trigger, TriggerFiring, TriggerSpec
from ionflux_core.errors import IonfluxError, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.runs import Runs
from ionflux_core.services.starting import Started
from ionflux_core.services.workspaces import Workspaces
from ionflux_core.storage import triggers as rows
from ionflux_core.storage.engine import Connection, Database

_HOOK_TOKEN_BYTES = 32


class Triggers:
    """Use-cases around triggers."""

    def __init__(self, db: Database, workspaces: Workspaces, runs: Runs) -> None:
        self._db = db
        self._workspaces = workspaces
        self._runs = runs

    def find(self, workspace_id: str) -> list[Trigger]:
        """Triggers of a workspace, by instance and key."""
        with self._db.read() as connection:
            return rows.find(connection, workspace_id)

    def of_instance(self, workspace_id: str, instance_id: str) -> list[Trigger]:
        """Triggers of an instance by key."""
        with self._db.read() as connection:
            found = rows.of_instance(connection, instance_id)
        return [trigger for trigger in found if trigger.workspace_id == workspace_id]

    def get(self, workspace_id: str, trigger_id: str) -> Trigger:
        """One trigger; NotFound when it is not there."""
        with self._db.read() as connection:
            trigger = rows.get(connection, trigger_id)
        if trigger is None or trigger.workspace_id != workspace_id:
            raise NotFound("There is no such trigger.", hint="Reload the page.")
        return trigger

    def firings(self, workspace_id: str, trigger_id: str, *, limit: int = 50) -> list[TriggerFiring]:
        """What a trigger did, newest first."""
        self.get(workspace_id, trigger_id)
        with self._db.read() as connection:
            return rows.firings(connection, trigger_id, limit=limit)

    def next_times(self, trigger: Trigger, *, count: int = 5) -> list[datetime]:
        """When a schedule fires next; empty for the other kinds and while it is off."""
        if trigger.kind != "schedule" or not trigger.enabled or trigger.instance_status != "active":
            return []
        return next_times(trigger.config["cron"], self.zone(trigger), now(), count)

    def zone(self, trigger: Trigger) -> str:
        """The time zone of a schedule: its own, or its workspace's."""
        return str(trigger.config.get("timezone") or self._workspaces.get(trigger.workspace_id).settings.timezone)

    def overdue(self, workspace_id: str) -> list[Trigger]:
        """Schedules whose next time has passed by more than a minute: nobody keeps the clock."""
        late = now()
        return [
            trigger
            for trigger in self.find(workspace_id)
            if trigger.next_due
            and trigger.enabled
            and trigger.instance_status == "active"
            and (late - trigger.next_due).total_seconds() > 60
        ]

    def test(self, workspace_id: str, trigger_id: str, payload: Any = None, *, by: str | None = None) -> Started:
        """Start what a trigger would start, with a sample payload, as a dry run."""
        trigger = self.get(workspace_id, trigger_id)
        return self._runs.start(
            workspace_id,
            trigger.instance_id,
            trigger=RunTrigger(
                kind=trigger.kind,
                id=trigger.id,
                key=trigger.key,
                task=trigger.task,
                by=by,
                payload=None if trigger.payload_to else payload,
            ),
            payload=payload,
            payload_to=trigger.payload_to,
            task=trigger.task,
            dry_run=True,
        )

    def fire(self, trigger_id: str, slot: datetime) -> Started | None:
        """Start a schedule's run for a slot, once however often it is asked; a refusal is logged and gives None."""
        with self._db.read() as connection:
            trigger = rows.get(connection, trigger_id)
        if trigger is None or not trigger.enabled or trigger.instance_status != "active":
            return None
        payload = trigger.config.get("payload")
        origin = RunTrigger(
            kind="schedule", id=trigger.id, key=trigger.key, task=trigger.task, slot=slot, payload=payload
        )
        try:
            started = self._runs.start(
                trigger.workspace_id,
                trigger.instance_id,
                trigger=origin,
                payload=payload,
                task=trigger.task,
                key=f"{trigger.id}:{slot.isoformat()}",
            )
        except IonfluxError as error:
            self._note(trigger, "refused", error.message)
            return None
        if not started.repeated:
            self._note(trigger, "started", f"slot {slot.isoformat()}", started.run_id)
        return started

    def skip(self, trigger: Trigger, missed: int) -> None:
        """Log slots that passed while nobody kept the clock and that are not made up for."""
        self._note(trigger, "skipped", f"{missed} missed while IONFLUX was not running")

    def set_next_due(self, trigger_id: str, due: datetime | None) -> None:
        """Keep when a schedule is due next."""
        self._db.write(lambda connection: rows.set_next_due(connection, trigger_id, due))

    def forget_deliveries(self) -> int:
        """Drop the ids of webhook deliveries older than a week; how many. Their runs keep their own keys."""
        before = now() - timedelta(days=limits.WEBHOOK_ID_DAYS)
        return self._db.write(lambda connection: rows.forget_deliveries(connection, before))

    def schedules(self) -> list[Trigger]:
        """Every enabled schedule of an active instance, over all workspaces: what the clock loads."""
        with self._db.read() as connection:
            return rows.enabled(connection, "schedule")

    def change_mark(self) -> object:
        """A value that changes whenever triggers or instances do."""
        with self._db.read() as connection:
            return rows.newest_change(connection)

    def take_clock(self, owner: str, *, at: datetime, until: datetime) -> bool:
        """Take or renew the right to keep the clock; False while another process has it."""
        return self._db.write(lambda connection: rows.take_lease(connection, "clock", owner, at=at, until=until))

    def drop_clock(self, owner: str) -> None:
        """Give the clock to another process."""
        self._db.write(lambda connection: rows.drop_lease(connection, "clock", owner))

    def _note(self, trigger: Trigger, outcome: str, detail: str, run_id: str | None = None) -> None:
        def work(connection: Connection) -> None:
            rows.note_firing(connection, trigger.id, at=now(), outcome=outcome, detail=detail, run_id=run_id)

        self._db.write(work)


def trigger_rows(instance: AgentInstance, merged: EffectiveConfiguration) -> list[dict[str, Any]]:
    """The rows an instance's effective triggers become; a webhook gets a path nobody can guess."""
    at = now()
    return [
        {
            "id": new_id(),
            "workspace_id": instance.workspace_id,
            "instance_id": instance.id,
            "key": spec.key,
            "kind": spec.type,
            "config": _config(spec, merged),
            "payload_to": spec.payload_to,
            "enabled": spec.enabled,
            "hook_path": _hook_path(spec) if spec.type == "webhook" else None,
            "next_due": None,
            "created_at": at,
            "updated_at": at,
        }
        for spec in merged.triggers
    ]


def _config(spec: TriggerSpec, merged: EffectiveConfiguration) -> dict[str, Any]:
    config = spec.config.model_dump(mode="json")
    # A definition's own group is only a name; instances share a group when they were told to.
    if "group" in config and merged.origins.get(f"triggers.{spec.key}.config.group") != "instance":
        config["group"] = None
    return config


def _hook_path(spec: TriggerSpec) -> str:
    path = str(spec.config.model_dump()["path"]).strip("/")
    return f"{path}/{secrets.token_urlsafe(_HOOK_TOKEN_BYTES)}"
