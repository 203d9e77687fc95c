"""The health check: judge new windows, keep incidents and their figures up to date, report KPIs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from ionflux_core.sdk import Context

from .baseline import Baselines
from .causes import evidence_of, explain, plain
from .changes import rank
from .funnels import funnel
from .gmv import account, at_risk_per_hour, first_action, impact, lost_share, protected
from .history import History
from .incidents import SEVERITIES, Incident, IncidentBook, severity_of
from .notice import expected_time_to_notice
from .scan import SHOWN_INFORMATION, Scan, run_scan
from .settings import Settings
from .times import DAY, HOUR, day_start, iso, minute_of, moment, place
from .windows import OVERALL, STATE, segment_label

ANOMALY = "ionflux.agent.salessentinel.anomaly_detected"
ALERT = "ionflux.agent.salessentinel.alert_generated"
# An incident found in an import and over for longer than this is history, not an alarm.
ALERT_WITHIN = DAY
CRITICAL_PER_HOUR = 3


@dataclass
class Findings:
    """What a check found, as plain data."""

    checked: dict[str, Any] = field(default_factory=dict)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    information: list[dict[str, Any]] = field(default_factory=list)
    escalations: list[dict[str, Any]] = field(default_factory=list)
    funnel: dict[str, Any] = field(default_factory=dict)
    notice: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The findings as a map that a step can keep."""
        return asdict(self)


def check(ctx: Context, settings: Settings, now: datetime, always: Iterable[str] = ()) -> Findings:
    """Judge what is new up to `now`; incidents in `always` are reported even when nothing about them changed."""
    until = minute_of(now)
    found = ctx.records.get(STATE, "shop")
    if found is None:
        reason = {"not_computed": "No performance windows have been stored yet."}
        return Findings(checked={"windows": 0, **reason}, notice=reason)
    history = History(ctx.records, settings.zone)
    book = IncidentBook(ctx.records)
    baselines = Baselines(ctx.records, history, settings.baseline_days, book.spans(until))
    seen = run_scan(ctx.records, history, baselines, book, settings, until)
    latest = int(found.data["last"])
    since = seen.first if seen.first is not None else latest
    reported = _update(ctx, book, history, baselines, seen, set(always), (since, min(until, latest + 5)))
    findings = Findings(
        checked=_checked(seen, latest, until),
        information=[{k: v for k, v in n.items() if k != "minute"} for n in seen.information[-SHOWN_INFORMATION:]],
        notice=_notice(baselines, settings, latest),
        funnel=_funnel(history, latest),
    )
    currency = str(found.data["currency"])
    findings.incidents = [_described(i, currency, settings, seen.information) for i in reported]
    findings.alerts = [i["id"] for i in reported if _alert_due(i, latest)]
    findings.escalations = _escalations(book, findings.incidents, settings, latest)
    _publish(ctx, book, findings)
    _report_kpis(ctx, history, book, seen, settings)
    book.save()
    baselines.save()
    return findings


def _update(
    ctx: Context,
    book: IncidentBook,
    history: History,
    baselines: Baselines,
    seen: Scan,
    always: set[str],
    span: tuple[int, int],
) -> list[Incident]:
    """Work out the money and the suspects of every incident that lasts, changed or was asked for."""
    touched = {i["id"] for i in book.touched()} | {i["id"] for i in book.ongoing()} | always
    reported = [i for i in book.all if i["id"] in touched]
    for incident in reported:
        account(incident, history, baselines, *span)
        severity = severity_of(lost_share(incident["rows"]))
        incident["severity"] = max(incident["severity"], severity, key=SEVERITIES.index)
        if incident["id"] in book.new or not incident["suspects"]:
            incident["suspects"] = rank(ctx, incident)
        book.mark(incident)
    return reported


def _checked(seen: Scan, latest: int, until: int) -> dict[str, Any]:
    checked: dict[str, Any] = {
        "windows": seen.windows,
        "from": iso(seen.first) if seen.first is not None else None,
        "until": iso(seen.last) if seen.last is not None else None,
        "latest_window": iso(latest),
        "minutes_since_latest_window": max(0, until - latest - 5),
    }
    if seen.without_baseline:
        checked["without_baseline"] = seen.without_baseline
        checked["note"] = "Windows with fewer than three former days of figures were stored but could not be judged."
    return checked


def _notice(baselines: Baselines, settings: Settings, latest: int) -> dict[str, Any]:
    day, slot = place(latest, settings.zone)
    baseline = baselines.of(day)
    if baseline is None:
        return {"not_computed": "Fewer than three former days of windows: the usual rates are not known yet."}
    return expected_time_to_notice(baseline, settings, slot)


def _funnel(history: History, latest: int) -> dict[str, Any]:
    """The last hour of windows, for the whole shop and by segment."""
    rows: dict[str, list[list[Any]]] = {}
    for _, cells in history.windows(latest - HOUR + 5, latest + 5):
        for segment, values in cells.items():
            rows.setdefault(segment, []).append(values)
    named = {segment_label(segment): funnel(found) for segment, found in rows.items()}
    return {"from": iso(latest - HOUR + 5), "until": iso(latest + 5), "segments": named}


def _described(
    incident: Incident, currency: str, settings: Settings, information: list[dict[str, Any]]
) -> dict[str, Any]:
    facts = evidence_of(incident, incident["suspects"], information)
    sentences = explain(incident, facts)
    end, detected = incident["end"], incident["detected"]
    flags = [
        {
            **flag,
            "onset": iso(flag["onset"]),
            "detected": iso(flag["detected"]),
            "ended": flag["ended"] and iso(flag["ended"]),
        }
        for flag in incident["flags"].values()
    ]
    return {
        **{key: incident[key] for key in ("id", "status", "severity", "kind", "title", "suspects", "culprit")},
        "segments": [segment_label(segment) for segment in incident["scope"]],
        "start": iso(incident["start"]),
        "detected": iso(detected),
        "end": iso(end) if end else None,
        "minutes_to_detect": detected - incident["start"],
        "minutes_to_recover": end - detected if end else None,
        "lost_share_of_orders": round(lost_share(incident["rows"]), 4),
        "flags": flags,
        "evidence": facts,
        "cause": {"sentences": sentences, "text": plain(sentences)},
        "gmv": impact(incident, currency, settings.gross_margin),
        "actions": [{**action, "at": iso(action["at"])} for action in incident["actions"]],
    }


def _alert_due(incident: Incident, latest: int) -> bool:
    if incident["status"] == "false_positive" or (incident["end"] or latest) < latest - ALERT_WITHIN:
        return False
    alerted = incident["alerted"]
    return alerted is None or SEVERITIES.index(incident["severity"]) > SEVERITIES.index(alerted)


def _escalations(
    book: IncidentBook, incidents: list[dict[str, Any]], settings: Settings, latest: int
) -> list[dict[str, Any]]:
    found = []
    critical = [i for i in book.all if i["severity"] == "critical" and i["start"] > latest - HOUR]
    if len(critical) >= CRITICAL_PER_HOUR:
        reason = f"{len(critical)} critical incidents began within an hour."
        found.append({"incident_id": critical[-1]["id"], "reason": reason})
    limit = settings.gmv_critical_per_hour
    for incident in incidents:
        risk = incident["gmv"].get("at_risk_per_hour_minor", 0)
        if limit is not None and risk > limit * 100:
            reason = (
                f"{risk / 100:.2f} {incident['gmv']['currency']} per hour are at risk, above your limit of {limit:g}."
            )
            found.append({"incident_id": incident["id"], "reason": reason})
    return found


def _publish(ctx: Context, book: IncidentBook, findings: Findings) -> None:
    shown = {incident["id"]: incident for incident in findings.incidents}
    for id in book.new:
        incident = shown[id]
        keys = ("id", "kind", "title", "severity", "segments", "start", "detected", "end", "flags")
        ctx.emit(ANOMALY, {key: incident[key] for key in keys}, key=f"{id}:anomaly")
    for id in findings.alerts:
        incident = shown[id]
        told = {key: incident[key] for key in ("id", "title", "severity", "status", "start", "gmv")}
        payload = {"kind": "incident", **told, "cause": incident["cause"]["text"]}
        ctx.emit(ALERT, payload, key=f"{id}:{incident['severity']}")
        book.get(id)["alerted"] = incident["severity"]


def _report_kpis(ctx: Context, history: History, book: IncidentBook, seen: Scan, settings: Settings) -> None:
    ongoing = book.ongoing()
    ctx.kpi("incidents_open", len(ongoing), unit="count")
    ctx.kpi("gmv_at_risk", sum(at_risk_per_hour(i["rows"]) for i in ongoing) / 100, unit="currency/h")
    for incident in book.touched():
        at, dims = moment(incident["start"]), {"incident": incident["id"]}
        ctx.kpi("time_to_detect_minutes", incident["detected"] - incident["start"], unit="min", at=at, dims=dims)
        acted, end = first_action(incident), incident["end"]
        if acted is not None and end is not None:
            ctx.kpi("gmv_protected", protected(incident["rows"], acted, end) / 100, unit="currency", at=at, dims=dims)
    if seen.first is not None and seen.last is not None:
        _report_days(ctx, history, settings.zone, seen.first, seen.last)


def _report_days(ctx: Context, history: History, zone: str, first: int, last: int) -> None:
    for day in range(place(first, zone)[0], place(last - 1, zone)[0] + 1):
        begin, stop = day_start(day, zone), day_start(day + 1, zone)
        total = funnel([cells[OVERALL] for _, cells in history.windows(begin, stop)])
        for name, rate in (("conversion_rate", "conversion_rate"), ("checkout_completion", "completion_rate")):
            if total[rate] is not None:
                ctx.kpi(name, round(total[rate], 6), unit="ratio", at=moment(begin))
