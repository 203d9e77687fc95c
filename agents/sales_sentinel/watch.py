"""Following one incident: a task, a wait, a look at the rate, the next task. The run is parked between them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from ionflux_core.sdk import Context, Decision

from .changes import blame
from .check import Findings, check
from .incidents import ONGOING, Incident, IncidentBook
from .remediation import Task, body_of, plan
from .settings import Settings
from .times import iso, minute_of

ACTION_TAKEN = "ionflux.agent.salessentinel.remediation_action_taken"
Urgency = Literal["low", "medium", "high", "critical"]
_URGENCY: dict[str, Urgency] = {"medium": "medium", "high": "high", "critical": "critical"}


def wall_clock() -> datetime:
    """The time now: a parked run goes on hours after its own recorded time. Only called inside steps."""
    return datetime.now(UTC)


def chosen_incident(book: IncidentBook, id: str | None) -> Incident | None:
    """The incident of that id, else the newest that is not over, or None."""
    if id:
        return book.get(id)
    ongoing = book.ongoing()
    return ongoing[-1] if ongoing else None


def watch_incident(ctx: Context, settings: Settings, incident_id: str | None) -> Findings | None:
    """Work through the tasks of an incident until its rate is back; None when there is nothing to follow."""
    begun: dict[str, Any] | None = ctx.step("begin_watch", _begin, ctx, settings, incident_id)
    if begun is None:
        return None
    incident: Incident = begun["incident"]
    looks = 0
    if incident["end"] is None and incident["status"] in ONGOING:
        for task in begun["tasks"]:
            decision = _ask(ctx, settings, incident, task)
            incident = ctx.step(f"record {task['key']}", _record, ctx, incident["id"], task, _plain(decision))
            if incident["status"] == "false_positive":
                break
            if not (task["corrective"] and decision.approved):
                continue
            ctx.wait(seconds=settings.watch_minutes * 60)
            looks += 1
            incident = ctx.step(f"look again {looks}", _look, ctx, settings, incident["id"])
            if incident["end"] is not None:
                break
    return Findings(**ctx.step("finish_watch", _finish, ctx, settings, incident["id"]))


def _ask(ctx: Context, settings: Settings, incident: Incident, task: Task) -> Decision:
    return ctx.approve(
        task["title"],
        body=body_of(task, incident, settings.watch_minutes),
        data={"incident_id": incident["id"], **task},
        urgency=_URGENCY[incident["severity"]],
        timeout_seconds=settings.act_within_minutes * 60,
        on_timeout="deny",
    )


def _plain(decision: Decision) -> dict[str, Any]:
    word = "done" if decision.approved else "no_answer" if decision.timed_out else "declined"
    return {"outcome": word, "by": decision.by, "comment": decision.comment}


def _begin(ctx: Context, settings: Settings, incident_id: str | None) -> dict[str, Any] | None:
    check(ctx, settings, wall_clock())
    book = IncidentBook(ctx.records)
    incident = chosen_incident(book, incident_id)
    if incident is None:
        return None
    if incident["status"] == "open":
        incident["status"] = "investigating"
        book.mark(incident)
        book.save()
    shop_url = ctx.brand.shopify.url if ctx.brand else None
    return {"incident": incident, "tasks": plan(incident, shop_url)}


def _change(ctx: Context, incident_id: str, alter: Callable[[Incident], None]) -> Incident:
    book = IncidentBook(ctx.records)
    incident = book.get(incident_id)
    alter(incident)
    book.mark(incident)
    book.save()
    return incident


def _record(ctx: Context, incident_id: str, task: Task, answer: dict[str, Any]) -> Incident:
    at = minute_of(wall_clock())
    action = {"task": task["key"], "title": task["title"], "corrective": task["corrective"], "at": at, **answer}

    def alter(incident: Incident) -> None:
        if action["task"] not in {known["task"] for known in incident["actions"]}:
            incident["actions"].append(action)
        if task["key"] == "confirm" and answer["outcome"] == "declined":
            incident["status"] = incident["verdict"] = "false_positive"
        elif task["corrective"] and answer["outcome"] == "done" and incident["status"] in ONGOING:
            incident["status"] = "remediating"
            incident["last_undone"] = task["change"]

    incident = _change(ctx, incident_id, alter)
    if answer["outcome"] == "done" and task["corrective"]:
        payload = {"incident_id": incident_id, "action": {**action, "at": iso(at)}, "kind": task["kind"]}
        ctx.emit(ACTION_TAKEN, payload, key=f"{incident_id}:{task['key']}")
    return incident


def _look(ctx: Context, settings: Settings, incident_id: str) -> Incident:
    """Check the rate; when it came back after a change was taken back, that change was the culprit."""
    check(ctx, settings, wall_clock())
    incident = IncidentBook(ctx.records).get(incident_id)
    culprit = incident.get("last_undone")
    if incident["end"] is None or not culprit or incident["culprit"]:
        return incident
    blame(ctx.records, culprit)
    return _change(ctx, incident_id, lambda known: known.update(culprit=culprit))


def _finish(ctx: Context, settings: Settings, incident_id: str) -> dict[str, Any]:
    findings = check(ctx, settings, wall_clock(), always=(incident_id,))
    incident = IncidentBook(ctx.records).get(incident_id)
    if incident["status"] in ONGOING:
        reason = "No task of the plan brought the rate back."
        findings.escalations.append({"incident_id": incident_id, "reason": reason})
    return findings.plain()
