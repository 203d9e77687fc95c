"""Dead letters on the screen: what was given up, by cause, and what is still being tried."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.events import EventDelivery
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.limits import EVENT_REPLAYS
from ionflux_core.services.event_replays import Cause
from ionflux_ui.agent_words import human
from ionflux_ui.badges import Badge, badge_line
from ionflux_ui.event_replay import outcome_words
from ionflux_ui.event_view import draw_dead_buttons, draw_reason
from ionflux_ui.moments import ago
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import flash, set_parameters

_SHOWN: Final = 20
_CAUSES: Final = 20
_FAILING: Final = 20


def draw_dead(app: Application, space: Workspace) -> None:
    """What is being tried, what was given up, and what was set aside."""
    failing = app.events.replays.failing(space.id)
    causes = app.events.replays.causes(space.id)
    if not failing and not causes:
        with st.container(border=True):
            st.markdown("**Every event has reached those who listen.**")
            st.text(
                "When an agent cannot take an event, it is tried again a few times. What still fails is kept here with "
                "its reason, so that nothing is lost: repair the cause, then try again."
            )
            st.button("See the stream", icon=":material/bolt:", on_click=lambda: set_parameters(view=None))
    if failing:
        st.subheader("Still being tried", anchor=False)
        for each in failing[:_FAILING]:
            _draw_failing(each, space.settings.timezone)
    for cause in causes[:_CAUSES]:
        with st.container(border=True, gap="small", key=f"cause_{cause.trigger_id}_{cause.code}"):
            _draw_cause(app, space, cause)
    if len(causes) > _CAUSES:
        st.caption(f"The {_CAUSES} largest of {len(causes):,} causes.")
    _draw_set_aside(app, space)


def _draw_failing(delivery: EventDelivery, zone: str) -> None:
    with st.container(border=True):
        again = f"tried again {ago(delivery.next_at, zone)}" if delivery.next_at else ""
        badge = badge_line([Badge("orange", "autorenew", counted(delivery.attempts, "attempt"))])
        st.markdown(f"{badge} {_what(delivery)} :gray[{again}]")
        draw_reason(delivery.error)


def _draw_cause(app: Application, space: Workspace, cause: Cause) -> None:
    first, count = cause.deliveries[0], len(cause.deliveries)
    who = app.workspaces.owner().name
    badge = badge_line([Badge("red", "report", counted(count, "dead letter"))])
    st.markdown(f"{badge} {_to(first)}")
    draw_reason(first.error)
    with st.container(horizontal=True, vertical_alignment="center"):
        most = min(count, EVENT_REPLAYS)
        label = "Retry" if count == 1 else f"Retry all {most:,}"
        if st.button(label, key=f"retry-{cause.trigger_id}-{cause.code}", icon=":material/refresh:"):
            flash(outcome_words(app.events.replays.retry_many(space.id, cause.deliveries, by=who)))
            st.rerun()
        aside = "Set aside" if count == 1 else f"Set aside all {count:,}"
        if st.button(aside, key=f"aside-{cause.trigger_id}-{cause.code}", icon=":material/inventory_2:"):
            flash(f"{counted(app.events.replays.set_aside(space.id, cause.deliveries, by=who), 'letter')} set aside.")
            st.rerun()
    fold = st.expander("The letters", key=f"letters-{cause.trigger_id}-{cause.code}", on_change="rerun")
    if fold.open:
        with fold:
            for each in cause.deliveries[:_SHOWN]:
                _draw_letter(app, each, space.settings.timezone)
            if count > _SHOWN:
                st.caption(f"The newest {_SHOWN} of {count:,}.")


def _draw_letter(app: Application, delivery: EventDelivery, zone: str) -> None:
    key = f"{delivery.event_id}-{delivery.trigger_id}"
    with st.container(horizontal=True, vertical_alignment="center"):
        _open_button(delivery, key)
        said = f"{counted(delivery.attempts, 'attempt')} · {ago(delivery.at, zone)}"
        st.caption(said, width="content")
        draw_dead_buttons(app, delivery, key=f"one-{key}")


def _draw_set_aside(app: Application, space: Workspace) -> None:
    if not app.events.replays.dead(space.id, set_aside=True, limit=1):
        return
    fold = st.expander("Set aside", icon=":material/inventory_2:", key="events_set_aside", on_change="rerun")
    if not fold.open:
        return
    with fold:
        found = app.events.replays.dead(space.id, set_aside=True, limit=_SHOWN)
        for each in found:
            with st.container(horizontal=True, vertical_alignment="center"):
                _open_button(each, f"aside-{each.event_id}-{each.trigger_id}")
                by = str((each.error or {}).get("set_aside_by") or "somebody")
                st.caption(f"to {_to(each)} · by {escaped(by)}", width="content")


def _open_button(delivery: EventDelivery, key: str) -> None:
    st.button(
        escaped(delivery.event_type), key=f"open-{key}", type="tertiary", icon=":material/bolt:",
        on_click=lambda: set_parameters(event=delivery.event_id),
    )  # fmt: skip


def _what(delivery: EventDelivery) -> str:
    return f"**{escaped(delivery.event_type)}** to {_to(delivery)}"


def _to(delivery: EventDelivery) -> str:
    if not delivery.trigger_key:
        return "a trigger that is gone"
    return f"{escaped(delivery.instance_name or 'an agent that is gone')}, {escaped(human(delivery.trigger_key))}"
