"""The windows of the alerts page: a rule to write, try and keep, and for how long something is muted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from ionflux_core import limits
from ionflux_core.domain.alert_rules import (
    ALERTS_CHANNEL,
    BY_NAME,
    FIGURE,
    MEASURE_CHARS,
    MEASURES,
    AlertRule,
    Measure,
    measure_of,
)
from ionflux_core.domain.destinations import Way
from ionflux_core.errors import IonfluxError
from ionflux_core.limits import NAME_CHARS
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, set_parameters, workspace

_PERIODS: Final = {5: "5 minutes", 15: "15 minutes", 30: "30 minutes", 60: "1 hour", 360: "6 hours", 720: "12 hours",
                   1440: "1 day", 10_080: "7 days"}  # fmt: skip
_MUTES: Final = {60: "1 hour", 240: "4 hours", 1440: "1 day", 10_080: "1 week"}
_PLACES: Final[tuple[tuple[Way, str, str], ...]] = (
    ("chat", "Chat channel", ALERTS_CHANNEL),
    ("email", "Mail", "me@example.com"),
    ("slack", "Slack channel", "#operations"),
    ("webhook", "Webhook", "https://example.com/hook"),
)


def close_rule() -> None:
    """Take the open rule out of the address."""
    set_parameters(rule=None)


@st.dialog("Alert rule", width="medium", on_dismiss=close_rule)
def edit_rule(rule: AlertRule | None) -> None:
    """Write a new rule or change one; what it would say now is shown before it is kept."""
    key = f"alert-rule-{rule.id if rule else 'new'}"
    measure = _what(rule, key)
    draft = {**_condition(rule, measure, key), "target": _target(rule, measure, key)}
    draft["destinations"] = _places(rule, key)
    draft |= {"measure": measure.name, "name": _name(rule, measure, key)}
    draft["enabled"] = st.toggle("Switched on", rule.enabled if rule else True, key=f"{key}-on")
    with st.container(horizontal=True):
        kept = st.button("Save" if rule else "Add rule", type="primary", icon=":material/check:", key=f"{key}-save")
        tried = st.button("What would it say now?", icon=":material/science:", key=f"{key}-try")
        if rule is not None:
            _remove(rule, key)
    if tried:
        _show_trial(draft)
    if kept:
        _keep(rule, draft)


def _what(rule: AlertRule | None, key: str) -> Measure:
    titles = {measure.name: measure.title for measure in MEASURES}
    said = {measure.name: measure.definition for measure in MEASURES}
    for each in _catalogue():
        titles[f"{FIGURE}{each.name}"], said[f"{FIGURE}{each.name}"] = f"{each.title} (figure)", each.definition
    names = list(titles)
    if rule is not None and rule.measure not in names:
        names.append(rule.measure)
    chosen = st.selectbox(
        "What to watch", names, index=names.index(rule.measure) if rule else 0, key=f"{key}-measure",
        format_func=lambda name: titles.get(name) or measure_of(name).title,
    )  # fmt: skip
    measure = measure_of(str(chosen))
    st.caption(escaped(said.get(measure.name, measure.definition)))
    return measure


def _catalogue() -> tuple[Any, ...]:
    """The figures of the catalogue that a rule can name."""
    found = application().figures.catalogue(workspace().id)
    return tuple(each for each in found if len(each.name) <= MEASURE_CHARS - len(FIGURE))


def _condition(rule: AlertRule | None, measure: Measure, key: str) -> dict[str, Any]:
    # What a measure starts with comes with it; what the rule says stays while its measure does.
    own = rule if rule is not None and rule.measure == measure.name else None
    key = f"{key}-{measure.name}"
    side, amount, span = st.columns([2, 3, 3])
    words = ("above", "below")
    comparison = side.selectbox("When it is", words, index=words.index((own or measure).comparison), key=f"{key}-side")
    unit = f" ({measure.unit})" if measure.unit else ""
    threshold = amount.number_input(
        f"Threshold{unit}", value=float((own or measure).threshold), step=1.0, format="%g", key=f"{key}-threshold"
    )
    minutes = (own or measure).period_minutes
    periods = sorted({*_PERIODS, minutes})
    period = span.selectbox(
        "Within" if measure.windowed else "Ends when gone for", periods, index=periods.index(minutes),
        format_func=lambda each: _PERIODS.get(each, f"{each} minutes"), key=f"{key}-period",
        help="An incident ends by itself when its condition has been gone for this long.",
    )  # fmt: skip
    return {"comparison": comparison, "threshold": threshold, "period_minutes": period}


def _target(rule: AlertRule | None, measure: Measure, key: str) -> dict[str, str]:
    if measure.name in BY_NAME and measure.reach == "workspace":
        return {}
    app, space = application(), workspace()
    named = {f"instance_id:{each.id}": each.name for each in app.agents.find(space.id)}
    used = {each.definition_slug for each in app.agents.find(space.id)}
    named |= {f"definition_slug:{each.slug}": f"Every {each.name}" for each in app.marketplace.definitions()
              if each.slug in used}  # fmt: skip
    brands = {each.id: each.name for each in app.workspaces.brands(space.id)}
    target = rule.target.model_dump(exclude_none=True) if rule else {}
    held = next((f"{name}:{target[name]}" for name in ("instance_id", "definition_slug") if name in target), None)
    left, right = st.columns(2)
    whom = left.selectbox(
        "Agent", _with(named, held), index=_place(named, held), placeholder="Any", key=f"{key}-agent",
        format_func=lambda each: named.get(each, "An agent that is gone"),
    )  # fmt: skip
    brand = right.selectbox(
        "Brand", _with(brands, target.get("brand_id")), index=_place(brands, target.get("brand_id")),
        placeholder="Any", key=f"{key}-brand", format_func=lambda each: brands.get(each, "A brand that is gone"),
    )  # fmt: skip
    chosen = dict([whom.split(":", 1)]) if whom else {}
    return {**chosen, **({"brand_id": brand} if brand else {})}


def _with(named: dict[str, str], held: str | None) -> list[str]:
    return [*named, *([held] if held and held not in named else [])]


def _place(named: dict[str, str], held: str | None) -> int | None:
    return _with(named, held).index(held) if held else None


def _places(rule: AlertRule | None, key: str) -> list[dict[str, str]]:
    """Where it is told beside the app: a field for each way, several places with commas."""
    st.caption("Where it is told. The app itself always shows it. Mail, Slack and webhooks go through the outbox.")
    found = []
    columns = st.columns(2)
    for number, (channel, label, example) in enumerate(_PLACES):
        held = [each.to for each in rule.destinations if each.channel == channel] if rule else []
        usual = ALERTS_CHANNEL if rule is None and channel == "chat" else ", ".join(held)
        written = columns[number % 2].text_input(
            label, usual, placeholder=example, key=f"{key}-{channel}", max_chars=1000
        )
        parts = [part.strip() for part in (written or "").split(",")]
        found += [{"channel": channel, "to": part} for part in parts if part]
    return found[: limits.ALERT_DESTINATIONS + 1]


def _name(rule: AlertRule | None, measure: Measure, key: str) -> str:
    written = st.text_input(
        "Name", rule.name if rule else "", placeholder=measure.title, max_chars=NAME_CHARS, key=f"{key}-name"
    )
    return (written or "").strip() or measure.title


def _show_trial(draft: dict[str, Any]) -> None:
    """The value a rule has now, what it would do with it, and in which words."""
    with errors_shown():
        present = application().watch.try_rule(workspace().id, draft)
        with st.container(border=True):
            if present.error:
                st.text(present.error)
                return
            words = "**It would open an incident now.**" if present.broken else "**It would say nothing now.**"
            st.markdown(f"{words} Its value is {escaped(present.words)}.")
            for reading in present.readings[:5]:
                st.caption(escaped(f"{reading.title}. {reading.detail}" if present.broken else reading.detail))


def _keep(rule: AlertRule | None, draft: dict[str, Any]) -> None:
    app, space = application(), workspace()
    by = app.workspaces.owner().name
    try:
        saved = (
            app.alert_rules.save(space.id, rule.id, draft, by=by)
            if rule
            else app.alert_rules.create(space.id, draft, by=by)
        )
    except IonfluxError as error:
        show_error(error)
        return
    close_rule()
    flash(f"The rule {saved.name} is kept.")
    st.rerun()


def _remove(rule: AlertRule, key: str) -> None:
    with st.popover("Remove", icon=":material/delete:"):
        st.text("Nobody is told of this any more. Its incidents stay in the history.")
        if not st.button("Remove it", type="primary", key=f"{key}-remove"):
            return
    app = application()
    try:
        app.alert_rules.remove(rule.workspace_id, rule.id, by=app.workspaces.owner().name)
        close_rule()
        flash(f"The rule {rule.name} is removed.")
    except IonfluxError as error:
        flash(error.message, icon=":material/error:")
    st.rerun()


@st.dialog("Mute")
def mute(what: str, work: Callable[[int], object]) -> None:
    """Ask for how long, then do it."""
    st.markdown(f"**{escaped(what)}**")
    st.text("It is counted on, but nobody is told for a while.")
    minutes = st.segmented_control(
        "For", list(_MUTES), format_func=lambda each: _MUTES[each], default=60, required=True, key="alert-mute-for"
    )
    if st.button("Mute", type="primary", icon=":material/notifications_paused:", key="alert-mute"):
        with errors_shown():
            work(int(minutes or 60))
            flash(f"Muted for {_MUTES[int(minutes or 60)]}.")
            st.rerun()
