"""The alerts page in parts: what is open, the rules, the history, and one incident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import streamlit as st

from ionflux_core.domain.alert_rules import MEASURES, AlertRule
from ionflux_core.domain.incidents import Incident, IncidentStatus
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import IonfluxError, NotFound
from ionflux_core.ids import now
from ionflux_core.services.watch import Present
from ionflux_ui.alert_form import edit_rule, mute
from ionflux_ui.alert_rows import alert_rows, incident_badges, incident_places, incident_row, rule_row
from ionflux_ui.badges import badge_line
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import application, flash, open_page, page_link, parameter, set_parameters

NEW: Final = "new"
_ROWS: Final = 25
_OPEN_ROWS: Final = 50
_SPANS: Final = {"1": "1 day", "7": "7 days", "30": "30 days", "90": "90 days", "365": "1 year"}
_STATES: Final = {"all": "Any", "open": "Open"}
_KINDS: Final = {each.name: each.title for each in MEASURES} | {"figure": "Figures"}
_FILTERS: Final = ("kind", "agent", "days", "status")


def rules_now(space: Workspace) -> tuple[list[AlertRule], dict[str, Present]]:
    """The rules, and what those that are switched on would say now."""
    app = application()
    rules = app.alert_rules.find(space.id)
    return rules, app.watch.present(space.id, [rule for rule in rules if rule.enabled])


def draw_open(space: Workspace, present: Mapping[str, Present]) -> None:
    """What is wrong now, the newest first."""
    app, zone = application(), space.settings.timezone
    found = app.incidents.find(space.id, "open", limit=_OPEN_ROWS)
    count = app.incidents.open_count(space.id)
    st.subheader(f"Open now ({count:,})" if count else "Open now", anchor=False)
    if not found:
        with st.container(border=True):
            if any(each.broken for each in present.values()):
                st.markdown(":material/info: No incident is open.")
                st.caption("A rule below is broken now. Its incident opens at the next look, within half a minute; one "
                           "that a person has resolved opens again only after it was well for a while.")  # fmt: skip
            else:
                st.markdown(":green[:material/check_circle:] Nothing is wrong that a rule watches.")
        return
    chosen = alert_rows([incident_row(each, zone) for each in found], label="Open incidents", key="alerts_open")
    if count > len(found):
        st.caption(f"The newest {len(found)} are shown; the others are in the history below.")
    if chosen:
        _act(next(each for each in found if each.id == chosen[0]), chosen[1])


def draw_rules(space: Workspace, rules: list[AlertRule], present: Mapping[str, Present]) -> None:
    """The rules with what they would say now."""
    app = application()
    st.subheader("Rules", anchor=False)
    if not rules:
        _no_rules(space)
        return
    names = {each.id: each.name for each in app.agents.find(space.id, archived=True)}
    names |= {each.slug: each.name for each in app.marketplace.definitions()}
    names |= {each.id: each.name for each in app.workspaces.brands(space.id, archived=True)}
    # What is broken stands first, what is switched off last.
    rules = sorted(rules, key=lambda rule: (not rule.enabled, not (rule.enabled and present[rule.id].broken)))
    rows = [rule_row(rule, present.get(rule.id), names, space.settings.timezone) for rule in rules]
    chosen = alert_rows(rows, label="Alert rules", key="alerts_rules")
    if chosen:
        _act_on_rule(next(rule for rule in rules if rule.id == chosen[0]), chosen[1])


def draw_window(space: Workspace) -> None:
    """The window of the rule that the address names."""
    wanted = parameter("rule")
    if wanted == NEW:
        edit_rule(None)
    elif wanted:
        try:
            edit_rule(application().alert_rules.get(space.id, wanted))
        except NotFound:
            set_parameters(rule=None)


def _no_rules(space: Workspace) -> None:
    with st.container(border=True):
        st.markdown("**No rule watches this workspace.**")
        st.text("A rule says what must not happen: too many failures, too much money, a schedule that does not fire, "
                "an agent that goes silent. It opens an incident here and tells you once.")  # fmt: skip
        if st.button("Add the usual rules", type="primary", icon=":material/playlist_add:", key="alerts-usual"):
            added = application().alert_rules.add_usual(space.id)
            flash(f"{counted(added, 'rule')} added.")
            st.rerun()


def draw_history(space: Workspace) -> None:
    """What was wrong, narrowed as the address says."""
    app, zone = application(), space.settings.timezone
    agents = {each.id: each.name for each in app.agents.find(space.id, archived=True)}
    kind, agent = _known("kind", _KINDS), _known("agent", agents)
    days, wanted = parameter("days"), _known("status", _STATES)
    status: IncidentStatus | None = None if wanted == "all" else "open" if wanted == "open" else "resolved"
    since = now() - timedelta(days=int(days)) if days in _SPANS else None
    found = app.incidents.find(space.id, status, since, parameter("before"), _ROWS + 1, kind=kind, instance_id=agent)
    narrowed = any(parameter(name) for name in (*_FILTERS, "before"))
    st.subheader("History", anchor=False)
    if not found and not narrowed:
        st.caption("Nothing yet. What was open and is over stands here.")
        return
    _filters(agents)
    if not found:
        with st.container(border=True):
            st.markdown("**No incident fits these filters.**")
            st.button("Show all", on_click=_clear)
        return
    shown = found[:_ROWS]
    chosen = alert_rows([incident_row(each, zone) for each in shown], label="Past incidents", key="alerts_past")
    with st.container(horizontal=True):
        if parameter("before"):
            st.button("Newest", icon=":material/first_page:", on_click=lambda: set_parameters(before=None))
        if len(found) > _ROWS:
            st.button("Older", icon=":material/chevron_right:", icon_position="right", key="alerts-older",
                      on_click=lambda: set_parameters(before=shown[-1].id))  # fmt: skip
    if chosen:
        _act(next(each for each in shown if each.id == chosen[0]), chosen[1])


def _filters(agents: dict[str, str]) -> None:
    status, kind, agent, days = st.columns(4)
    _choice(status, "State", "status", _STATES, "Resolved")
    _choice(kind, "About", "kind", _KINDS, "Anything")
    _choice(agent, "Agent", "agent", agents, "Any")
    _choice(days, "Since", "days", _SPANS, "The beginning")


def _choice(place: st.delta_generator.DeltaGenerator, label: str, name: str, known: dict[str, str], none: str) -> None:
    key, chosen = f"alerts-{name}", _known(name, known)
    if st.session_state.get(key) != chosen:
        st.session_state[key] = chosen
    place.selectbox(
        label, list(known), key=key, index=None, placeholder=none, format_func=lambda word: known[word],
        on_change=lambda: set_parameters(**{name: st.session_state[key], "before": None}),
    )  # fmt: skip


def _known(name: str, known: dict[str, str]) -> str | None:
    """What the address says, when it is one of these: what no field shows must not narrow."""
    held = parameter(name)
    return held if held in known else None


def _clear() -> None:
    set_parameters(**dict.fromkeys(_FILTERS), before=None)


def draw_one(space: Workspace, incident_id: str) -> None:
    """One incident with all there is to know of it."""
    app, zone = application(), space.settings.timezone
    st.button("All alerts", icon=":material/arrow_back:", type="tertiary",
              on_click=lambda: set_parameters(incident=None))  # fmt: skip
    try:
        incident = app.incidents.get(space.id, incident_id)
    except NotFound as error:
        show_error(error)
        return
    st.title(escaped(incident.title), anchor=False)
    st.markdown(badge_line(incident_badges(incident, now())))
    st.text(incident.detail)
    _facts_of(incident, _rule_of(space, incident), zone)
    with st.container(horizontal=True, vertical_alignment="center"):
        if incident.status == "open":
            if st.button("Resolve", type="primary", icon=":material/check:", key="alert-resolve"):
                _act(incident, "resolve")
            muted = incident.is_muted(now())
            if st.button("Unmute" if muted else "Mute", icon=":material/notifications_paused:", key="alert-mute-one"):
                _act(incident, "unmute" if muted else "mute")
        for place in incident_places(incident):
            page_link(place.page, place.label, icon=":material/arrow_outward:", **place.parameters)


def _rule_of(space: Workspace, incident: Incident) -> AlertRule | None:
    rules = application().alert_rules.find(space.id)
    return next((rule for rule in rules if rule.id == incident.rule_id), None)


def _facts_of(incident: Incident, rule: AlertRule | None, zone: str) -> None:
    facts: Sequence[tuple[str, str, str]] = (
        ("Opened", ago(incident.opened_at, zone), exact(incident.opened_at, zone)),
        ("Last seen", ago(incident.seen_at, zone), exact(incident.seen_at, zone)),
        ("Seen", f"{incident.sightings:,} times" if incident.sightings != 1 else "once", ""),
        ("Last told", ago(incident.told_at, zone) if incident.told_at else "–",
         exact(incident.told_at, zone) if incident.told_at else ""),
        ("Rule", rule.name if rule else "removed", ""),
    )  # fmt: skip
    if incident.resolved_at:
        by = f"{ago(incident.resolved_at, zone)} by {incident.resolved_by}"
        facts = (*facts, ("Resolved", by, exact(incident.resolved_at, zone)))
    with st.container(horizontal=True, gap="medium"):
        for name, value, help in facts:
            with st.container(width=150, gap=None):
                st.caption(name, help=help or None)
                st.text(value)


def _act(incident: Incident, deed: str) -> None:
    """What was pressed beside an incident."""
    app, by = application(), application().workspaces.owner().name
    if deed == "open":
        set_parameters(incident=incident.id)
        st.rerun()
    if deed.startswith("go:"):
        place = incident_places(incident)[int(deed.removeprefix("go:"))]
        open_page(place.page, **place.parameters)
    elif deed == "mute":
        mute(incident.title, lambda minutes: app.incidents.mute(incident.workspace_id, incident.id, minutes, by=by))
    elif deed in ("unmute", "resolve"):
        with errors_shown():
            if deed == "unmute":
                app.incidents.mute(incident.workspace_id, incident.id, None, by=by)
            else:
                app.incidents.resolve(incident.workspace_id, incident.id, by=by)
            flash("Resolved." if deed == "resolve" else "It tells again.")
            st.rerun()


def _act_on_rule(rule: AlertRule, deed: str) -> None:
    app, by = application(), application().workspaces.owner().name
    if deed == "edit":
        set_parameters(rule=rule.id)
    elif deed == "mute":
        mute(rule.name, lambda minutes: app.alert_rules.mute(rule.workspace_id, rule.id, minutes, by=by))
    elif deed == "unmute":
        try:
            app.alert_rules.mute(rule.workspace_id, rule.id, None, by=by)
        except IonfluxError as error:
            show_error(error)
            return
        flash(f"The rule {rule.name} tells again.")
        st.rerun()
