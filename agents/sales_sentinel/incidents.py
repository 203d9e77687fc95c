"""Incidents: flags that belong together, kept in one record each and updated while they last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ionflux_core.sdk import Invalid, NotFound, Records

from .times import iso, moment
from .windows import OVERALL, segment_label

INCIDENTS = "sentinel_incidents"
STATUSES = ("open", "investigating", "remediating", "resolved", "false_positive")
ONGOING = ("open", "investigating", "remediating")
# Flags this close to the end of an incident belong to it: a fault that flickers is one fault.
REJOIN_MINUTES = 30
SEVERITIES = ("medium", "high", "critical")
Incident = dict[str, Any]


def severity_of(lost_share: float) -> str:
    """`critical` from 60 % of the shop's expected orders lost, `high` from 20 %, else `medium`."""
    return "critical" if lost_share >= 0.6 else "high" if lost_share >= 0.2 else "medium"


def kind_of(flags: Mapping[str, Mapping[str, Any]]) -> str:
    """What failed, by the deepest part of the funnel that was flagged."""
    metrics = {flag["metric"] for flag in flags.values()}
    if "traffic" in metrics:
        return "traffic_stopped"
    return "checkout_failure" if "completion" in metrics else "conversion_drop"


def scope_of(flags: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The segments an incident counts revenue in: the flagged ones, or the whole shop."""
    segments = {flag["segment"] for flag in flags.values()}
    return [OVERALL] if OVERALL in segments else sorted(segments)


class IncidentBook:
    """The incidents of an instance during a run; `save` writes those that changed."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.all: list[Incident] = [dict(record.data) for record in records.find(INCIDENTS)]
        self.new: list[str] = []
        self._changed: set[str] = set()

    def get(self, id: str) -> Incident:
        """The incident of that id; NotFound otherwise."""
        for incident in self.all:
            if incident["id"] == id:
                return incident
        raise NotFound(f"There is no incident {id[:80]!r}.", hint="Take the id from the last report.")

    def ongoing(self) -> list[Incident]:
        """Incidents that are not over, oldest first."""
        return [i for i in self.all if i["status"] in ONGOING]

    def touched(self) -> list[Incident]:
        """Incidents that this run opened or changed."""
        return [i for i in self.all if i["id"] in self._changed]

    def spans(self, now: int) -> list[tuple[int, int]]:
        """The minutes no baseline may learn from: every incident but the false alarms."""
        return [(i["start"], i["end"] or now) for i in self.all if i["status"] != "false_positive"]

    def raise_flag(self, flag: dict[str, Any]) -> Incident:
        """Put a flag on the incident it belongs to, or open a new one."""
        incident = next((i for i in reversed(self.all) if _belongs(i, flag)), None)
        if incident is None:
            incident = _opened(flag)
            self.all.append(incident)
            self.new.append(incident["id"])
        known = incident["flags"].get(flag["series"])
        if known is not None:
            # The second test of a rate, or a relapse: the flag keeps its first times.
            flag |= {key: min(known[key], flag[key]) for key in ("onset", "detected")}
        incident["flags"][flag["series"]] = flag
        incident["end"] = None
        if incident["status"] == "resolved" and incident["verdict"] is None:
            incident["status"] = "open"
        self._describe(incident)
        return incident

    def follow(self, flag: dict[str, Any]) -> None:
        """Bring the figures of a flag that still stands up to date."""
        for incident in self.all:
            known = incident["flags"].get(flag["series"])
            if known is not None and known["ended"] is None and incident["end"] is None:
                known |= {key: flag[key] for key in ("observed_rate", "observed", "trials", "expected", "evidence")}
                self._changed.add(incident["id"])

    def lower_flag(self, series: str, ended: int, noticed: int) -> None:
        """End a flag; the incident is resolved when its last flag has ended."""
        for incident in self.all:
            flag = incident["flags"].get(series)
            if flag is None or flag["ended"] is not None or incident["end"] is not None:
                continue
            flag["ended"] = ended
            self._changed.add(incident["id"])
            if all(f["ended"] is not None for f in incident["flags"].values()):
                incident["end"] = max(f["ended"] for f in incident["flags"].values())
                incident["recovery_noticed"] = noticed
                if incident["status"] in ONGOING:
                    incident["status"] = "resolved"

    def mark(self, incident: Incident) -> None:
        """Have `save` write this incident."""
        self._changed.add(incident["id"])

    def save(self) -> None:
        """Write what changed."""
        rows = [(i["id"], i, moment(i["start"])) for i in self.touched()]
        if rows:
            self._records.put_many(INCIDENTS, rows)

    def _describe(self, incident: Incident) -> None:
        flags = incident["flags"]
        incident["kind"], incident["scope"] = kind_of(flags), scope_of(flags)
        # The flag that took the shortest to rise dates a fault best; a slow one may have begun with mere luck.
        incident["start"] = min(flags.values(), key=lambda f: f["detected"] - f["onset"])["onset"]
        incident["detected"] = min(f["detected"] for f in flags.values() if f["detected"] > incident["start"])
        incident["title"] = f"{_WORDS[incident['kind']]} ({', '.join(map(segment_label, incident['scope']))})"
        self._changed.add(incident["id"])


_WORDS = {
    "traffic_stopped": "Visits have all but stopped",
    "checkout_failure": "Fewer checkouts are completed than usual",
    "conversion_drop": "Fewer visits lead to an order than usual",
}


def _belongs(incident: Incident, flag: Mapping[str, Any]) -> bool:
    end = incident["end"]
    return bool(flag["detected"] >= incident["start"] and (end is None or flag["onset"] <= end + REJOIN_MINUTES))


def _opened(flag: Mapping[str, Any]) -> Incident:
    return {
        "id": f"inc-{iso(flag['onset']).replace(':', '').replace('-', '')}-{flag['metric']}",
        "status": "open",
        "severity": "medium",
        "alerted": None,
        "start": flag["onset"],
        "detected": flag["detected"],
        "end": None,
        "recovery_noticed": None,
        "flags": {},
        "rows": {},
        "actions": [],
        "suspects": [],
        "verdict": None,
        "culprit": None,
    }


def judge(book: IncidentBook, verdict: Any, now: int) -> Incident:
    """Take in a person's word on an incident: {incident_id, status, culprit?}; Invalid when it is none."""
    if not isinstance(verdict, Mapping) or not isinstance(verdict.get("incident_id"), str):
        raise Invalid(
            "A verdict must name its incident.",
            hint='Send {"incident_id": ..., "status": "resolved" or "false_positive"}.',
        )
    status = verdict.get("status")
    if status not in STATUSES:
        raise Invalid(f"{str(status)[:40]!r} is no status of an incident.", hint="Use " + ", ".join(STATUSES) + ".")
    incident = book.get(verdict["incident_id"])
    incident["status"], incident["verdict"] = status, status
    culprit = verdict.get("culprit")
    incident["culprit"] = culprit if isinstance(culprit, str) else incident["culprit"]
    if status == "resolved" and incident["end"] is None:
        incident["end"] = max(now, incident["start"])
    book.mark(incident)
    return incident
