"""The triggers of an instance: what starts it, when next, what happened last, and a way to try each."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.triggers import Trigger, TriggerSpec
from ionflux_core.errors import IonfluxError
from ionflux_ui import forms
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_words import BY, human, shown
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, open_page, page_link

_ICONS = {"schedule": "schedule", "event": "bolt", "webhook": "webhook", "manual": "touch_app", "flow": "account_tree"}
_OUTCOMES = {"started": "green", "repeated": "gray", "skipped": "orange", "refused": "red", "failed": "red"}
_UNSIGNED = ("none", "token")
_LOG_LINES = 50


def show_triggers(subject: Subject, instance: AgentInstance) -> None:
    """Draw every trigger of the saved version."""
    app = application()
    triggers = app.triggers.of_instance(subject.workspace_id, instance.id)
    if not triggers:
        st.info("This agent has no triggers: it is started by hand or through the API.")
        return
    overdue = {trigger.id for trigger in app.triggers.overdue(subject.workspace_id)}
    st.caption("What starts this agent by itself. Switch triggers on and off, and change them, under Configure.")
    if instance.status != "active":
        st.warning("None of these fires while the agent is not active.", icon=":material/pause_circle:")
    for trigger in triggers:
        with st.container(border=True, key=f"trigger-{trigger.key}"):
            _show_trigger(subject, trigger, trigger.id in overdue)


def _show_trigger(subject: Subject, trigger: Trigger, late: bool) -> None:
    spec = subject.definition.trigger(trigger.key)
    state = ":green-badge[:material/check_circle: On]" if trigger.enabled else ":gray-badge[:material/circle: Off]"
    late_badge = " :orange-badge[:material/alarm: Overdue]" if late else ""
    kind = f":gray-badge[:material/{_ICONS[trigger.kind]}: {trigger.kind}]"
    st.markdown(f"**{escaped(human(trigger.key))}** {kind} {state}{late_badge}")
    if spec and spec.description:
        st.caption(escaped(spec.description))
    about, before = st.columns([3, 2])
    with about, errors_shown():
        if trigger.kind == "schedule":
            _show_schedule(trigger)
        elif trigger.kind == "webhook":
            _show_webhook(trigger)
        else:
            _show_config(trigger)
    with before:
        _show_last(subject, trigger)
    if trigger.kind != "manual":
        with st.expander("Test it", icon=":material/science:"):
            _show_test(subject, trigger, spec)
    with st.expander("Log", icon=":material/list:", key=f"log-{trigger.id}", on_change="rerun") as log:
        if log.open:
            _show_log(subject, trigger)


def _show_schedule(trigger: Trigger) -> None:
    triggers = application().triggers
    zone = triggers.zone(trigger)
    st.markdown(f"`{trigger.config['cron']}` in {escaped(zone)}")
    times = triggers.next_times(trigger)
    if not times:
        st.caption("It does not fire: it is off, or the agent is not active.")
        return
    st.markdown("Next: " + "  \n".join(f"{escaped(exact(at, zone))} :gray[({ago(at, zone)})]" for at in times))
    missed = {"skip": "are skipped", "last": "are made up for once", "all": "are all made up for"}
    st.caption(f"Times missed while IONFLUX is not running {missed.get(trigger.config.get('missed', 'last'), '')}.")


def _show_webhook(trigger: Trigger) -> None:
    auth = str(trigger.config.get("auth", "token"))
    st.caption(f"{trigger.config.get('method', 'POST')} JSON to this address:")
    st.code(webhook_address(st.context.url or "", trigger.hook_path or ""), language=None, wrap_lines=True)
    if auth in _UNSIGNED:
        st.caption("The address itself is the proof: who knows it may send. Keep it to yourself.")
        return
    name = secret_name(trigger)
    if name in application().secrets.names(trigger.workspace_id):
        st.markdown(f":green-badge[:material/lock: Signed] The secret `{name}` is stored: {escaped(auth)} is verified.")
        return
    st.markdown(f":orange-badge[:material/lock_open: Secret missing] Nothing is accepted until `{name}` is stored.")
    page_link("settings", f"Store `{name}` in Settings", icon=":material/key:", section="secrets", secret=name)


def webhook_address(page: str, path: str) -> str:
    """The full address of a webhook, on the host that shows this page."""
    parts = urlsplit(page)
    host = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return f"{host}/hooks/{path}"


def secret_name(trigger: Trigger) -> str:
    """The name of the secret that signs what a webhook gets."""
    written = str(trigger.config.get("secret") or f"{trigger.config.get('auth')}_webhook_secret")
    return written.removeprefix("secret://")


def _show_config(trigger: Trigger) -> None:
    if trigger.kind == "manual":
        st.caption("Run now, above, starts it.")
        return
    for key, value in trigger.config.items():
        if key != "kind" and value not in (None, {}, ""):
            st.markdown(f"{escaped(human(key))}: `{shown(value).replace('`', chr(39))}`")


def _show_last(subject: Subject, trigger: Trigger) -> None:
    if trigger.task:
        st.caption(f"Task: {escaped(trigger.task)}")
    if trigger.last_fired is None:
        st.caption("Has not fired yet.")
        return
    word = (trigger.last_outcome or "").partition(":")[0]
    badge = f":{_OUTCOMES.get(word, 'gray')}-badge[{escaped(word or 'unknown')}]"
    st.markdown(
        f"Last fired {ago(trigger.last_fired, subject.zone)} {badge}",
        help=escaped(f"{exact(trigger.last_fired, subject.zone)}. {trigger.last_outcome or ''}"),
    )


def _show_test(subject: Subject, trigger: Trigger, spec: TriggerSpec | None) -> None:
    st.caption("Starts what the trigger would start, as a dry run: nothing is sent, published or kept.")
    key = f"payload-{trigger.id}"
    st.session_state.setdefault(key, json.dumps(_sample(subject, spec), indent=2, ensure_ascii=False))
    text = st.text_area("Payload (JSON)", key=key, height=160)
    reading = forms.parse_json(text or "")
    if reading.problem:
        st.markdown(f":red[:small[:material/error: {escaped(reading.problem)}]]")
    if st.button("Start the test", key=f"test-{trigger.id}", icon=":material/science:", disabled=bool(reading.problem)):
        try:
            started = application().triggers.test(subject.workspace_id, trigger.id, reading.value, by=BY)
        except IonfluxError as error:
            show_error(error)
            return
        flash("The test has been started as a dry run.")
        open_page("runs", run=started.run_id)


def _sample(subject: Subject, spec: TriggerSpec | None) -> Any:
    """A payload to start from: the sample's or the example of the input it goes to."""
    if spec is None or spec.type == "schedule":
        return getattr(spec.config, "payload", None) or {} if spec else {}
    if not spec.payload_to:
        return {}
    try:
        sample = application().marketplace.sample(subject.definition.slug) or {}
    except IonfluxError:
        # A broken sample is told in the run form; a test can be written by hand.
        sample = {}
    found = subject.definition.input(spec.payload_to)
    return (sample.get("inputs") or {}).get(spec.payload_to) or (found.example if found else None) or {}


def _show_log(subject: Subject, trigger: Trigger) -> None:
    firings = application().triggers.firings(subject.workspace_id, trigger.id, limit=_LOG_LINES)
    if not firings:
        st.caption("Nothing yet.")
    for firing in firings:
        with st.container(horizontal=True, vertical_alignment="center"):
            words = f":{_OUTCOMES.get(firing.outcome, 'gray')}-badge[{firing.outcome}] {ago(firing.at, subject.zone)}"
            st.markdown(words, help=escaped(exact(firing.at, subject.zone)), width="content")
            if firing.detail:
                st.caption(escaped(firing.detail), width="content")
            if firing.run_id:
                page_link("runs", "Its run", run=firing.run_id)
