"""Incidents and alert rules as rows of one light element; a press says which row and what to do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import streamlit as st

from ionflux_core.domain.alert_rules import AlertRule, measure_of
from ionflux_core.domain.health import spoken
from ionflux_core.domain.incidents import BY_ITSELF, Incident
from ionflux_core.ids import now
from ionflux_core.services.alert_rules import described
from ionflux_core.services.watch import Present
from ionflux_ui.badges import Badge
from ionflux_ui.moments import ago, exact

_FOLDER: Final = Path(__file__).parent / "components"

# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component(
    "ionflux_alert_rows",
    js=(_FOLDER / "alert_rows.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "alert_rows.css").read_text(encoding="utf-8"),
)
OPEN: Final = Badge("red", "notification_important", "Open")
MUTED: Final = Badge("gray", "notifications_paused", "Muted")
RESOLVED: Final = Badge("green", "check_circle", "Resolved")
_HOLDS: Final = Badge("green", "check_circle", "As it should be")
_BROKEN: Final = Badge("red", "error", "Broken now")
_UNKNOWN: Final = Badge("gray", "help", "Not computed")
_OFF: Final = Badge("gray", "pause_circle", "Off")


class Place(NamedTuple):
    """Where a link of a row leads."""

    label: str
    page: str
    parameters: dict[str, str]

    @property
    def href(self) -> str:
        """The address of the page, for a new tab."""
        base = str(st.get_option("server.baseUrlPath") or "").strip("/")
        query = f"?{urlencode(self.parameters)}" if self.parameters else ""
        return f"{'/' + base if base else ''}/{self.page}{query}"


def alert_rows(rows: Sequence[dict[str, Any]], *, label: str, key: str) -> tuple[str, str] | None:
    """Draw rows made by `incident_row` or `rule_row`; the row and the deed just chosen, when it is one of theirs."""
    # A tuple, because Streamlit asks pandas whether a list is a table, and loading pandas takes longer than this page.
    result = _mount(key=key, data={"rows": tuple(rows), "label": label}, on_done_change=_ignore)
    done = result.get("done")
    if not isinstance(done, Mapping):
        return None
    chosen = str(done.get("row")), str(done.get("deed"))
    known = {(row["id"], each["deed"]) for row in rows for each in (*row["links"], *row["actions"])}
    known |= {(row["id"], "open") for row in rows if row["href"]}
    return chosen if chosen in known else None


def incident_row(incident: Incident, zone: str) -> dict[str, Any]:
    """What one row says of an incident, all of it plain text."""
    at, is_open = now(), incident.status == "open"
    muted = is_open and incident.is_muted(at)
    deeds = [("Unmute", "notifications_active", "unmute") if muted else ("Mute", "notifications_paused", "mute")]
    deeds += [("Resolve", "check", "resolve")]
    return {
        "id": incident.id,
        "tone": ("quiet" if muted else "open") if is_open else "",
        "title": incident.title,
        "href": Place("", "alerts", {"incident": incident.id}).href,
        "badges": [badge._asdict() for badge in incident_badges(incident, at)],
        "text": incident.detail if is_open else "",
        "facts": _facts(incident, zone),
        "value": "",
        "links": [{"label": each.label, "href": each.href, "deed": f"go:{n}"}
                  for n, each in enumerate(incident_places(incident))] if is_open else [],
        "actions": [{"label": label, "icon": icon, "deed": deed} for label, icon, deed in deeds] if is_open else [],
    }  # fmt: skip


def incident_badges(incident: Incident, at: datetime) -> list[Badge]:
    """How an incident stands, and what it is about."""
    kind = Badge("gray", "monitoring", measure_of(incident.kind).title)
    if incident.status == "resolved":
        return [RESOLVED, kind]
    return [MUTED, kind] if incident.is_muted(at) else [OPEN, kind]


def incident_places(incident: Incident) -> list[Place]:
    """Where to look: the runs, the agent, the events or the health that an incident is about."""
    instance = incident.instance_id
    narrow = {"instance": instance} if instance else {}
    places = []
    if incident.kind in ("failure_rate", "breaker"):
        places.append(Place("Failed runs", "runs", {"status": "error,budget_stopped", **narrow}))
    elif incident.kind in ("latency_p95", "cost", "cost_projected", "silence", "figure"):
        places.append(Place("Runs", "runs", narrow))
    elif incident.kind in ("queue_length", "queue_delay"):
        places.append(Place("Waiting runs", "runs", {"status": "pending", **narrow}))
    elif incident.kind == "dead_letters":
        places.append(Place("Dead letters", "events", {"view": "dead"}))
    elif incident.kind == "disk_free":
        places.append(Place("Retention", "settings", {"tab": "retention"}))
    if instance:
        schedule = {"tab": "triggers"} if incident.kind == "overdue" else {}
        places.append(Place("Schedule" if schedule else "Agent", "agents", {"instance": instance, **schedule}))
    if incident.kind == "overdue":
        places.append(Place("Health", "settings", {"tab": "health"}))
    return places


def _facts(incident: Incident, zone: str) -> list[dict[str, str]]:
    times = f"seen {incident.sightings:,} time{'' if incident.sightings == 1 else 's'}"
    facts = [{"text": f"opened {ago(incident.opened_at, zone)}", "help": exact(incident.opened_at, zone)}]
    if incident.status == "resolved" and incident.resolved_at:
        lasted = spoken((incident.resolved_at - incident.opened_at).total_seconds())
        by = "by itself" if incident.resolved_by == BY_ITSELF else f"by {incident.resolved_by}"
        ended = {"text": f"resolved {ago(incident.resolved_at, zone)} {by}", "help": exact(incident.resolved_at, zone)}
        return [ended, {"text": f"lasted {lasted}"}, {"text": times}]
    times = "seen once," if incident.sightings == 1 else f"{times}, the last"
    facts.append({"text": f"{times} {ago(incident.seen_at, zone)}", "help": exact(incident.seen_at, zone)})
    if incident.muted_until and incident.is_muted(now()):
        facts.append({"text": f"muted, tells again {ago(incident.muted_until, zone)}"})
    return facts


def rule_row(rule: AlertRule, present: Present | None, names: Mapping[str, str], zone: str) -> dict[str, Any]:
    """What one row says of a rule: its condition, its value now, and where it is told."""
    muted = rule.enabled and rule.is_muted(now())
    facts = [{"text": described(rule)}, {"text": _of_whom(rule, names)}]
    told = ", ".join(f"{each.channel} {each.to}" for each in rule.destinations)
    facts.append({"text": f"told in the app{' and ' + told if told else ' only'}"})
    if muted and rule.muted_until:
        facts.append({"text": f"muted, tells again {ago(rule.muted_until, zone)}"})
    deeds = [("Edit", "edit", "edit")]
    if rule.enabled:
        deeds.append(("Unmute", "notifications_active", "unmute") if muted else
                     ("Mute", "notifications_paused", "mute"))  # fmt: skip
    return {
        "id": rule.id,
        "tone": "",
        "title": rule.name,
        "href": "",
        "badges": [badge._asdict() for badge in (_state(rule, present), *([MUTED] if muted else []))],
        "text": _why(present),
        "facts": [fact for fact in facts if fact["text"]],
        "value": present.words if present and rule.enabled and present.value is not None else "",
        "links": [],
        "actions": [{"label": label, "icon": icon, "deed": deed} for label, icon, deed in deeds],
    }


def _state(rule: AlertRule, present: Present | None) -> Badge:
    if not rule.enabled or present is None:
        return _OFF
    if present.broken:
        return _BROKEN
    return _UNKNOWN if present.value is None else _HOLDS


def _why(present: Present | None) -> str:
    """What stands in the way of a value, or what breaks the rule."""
    if present is None:
        return ""
    if present.error:
        return present.error
    if present.broken:
        return "; ".join(dict.fromkeys(reading.title for reading in present.readings[:3]))
    return next((reading.not_computed for reading in present.readings if reading.not_computed), "")


def _of_whom(rule: AlertRule, names: Mapping[str, str]) -> str:
    target = rule.target
    parts = [
        names.get(target.instance_id, "an agent that is gone") if target.instance_id else "",
        f"every {names.get(target.definition_slug, target.definition_slug)}" if target.definition_slug else "",
        names.get(target.brand_id, "a brand that is gone") if target.brand_id else "",
    ]
    return ", ".join(part for part in parts if part)


def _ignore() -> None:
    """Naming a value without doing anything is how Streamlit learns that it exists."""
