"""Who listens to whom on the screen: subjects between those who publish them and those who hear them."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.triggers import Trigger
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.services.event_listeners import Subject, is_awake
from ionflux_ui.agent_words import human
from ionflux_ui.badges import Badge
from ionflux_ui.event_board import event_board
from ionflux_ui.event_words import PARTS, source_name, source_names
from ionflux_ui.moments import ago
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import open_page

_LINES: Final = 150
_PARTIES: Final = 8
_ICONS: Final = {"ionflux": "settings_suggest", "api": "api", "chat": "forum", "test": "science"}


def draw_map(app: Application, space: Workspace) -> None:
    """The table of subjects, and the triggers nothing reaches."""
    found = app.events.listeners.map(space.id)
    if not found.subjects and not found.unreached:
        with st.container(border=True):
            st.markdown("**Nobody speaks and nobody listens yet.**")
            st.text("Agents publish events and listen to them; who does is shown here once there are agents.")
            if st.button("Choose an agent", icon=":material/smart_toy:"):
                open_page("marketplace")
        return
    ends = sum(subject.is_dead_end for subject in found.subjects)
    silent = sum(not subject.count for subject in found.subjects)
    said = [
        f"Seen in the newest {counted(found.observed, 'event')}, and named by the agents' manifests",
        f"{counted(ends, 'dead end')}: heard by nobody" if ends else "every subject is heard by somebody",
    ]
    if silent:
        said.append(f"{silent:,} only named so far")
    st.caption(". ".join(said) + ".")
    names, agents = source_names(app, space.id), {each.name: each.id for each in app.agents.find(space.id)}
    zone = space.settings.timezone
    lines = tuple(_line(subject, names, agents, zone) for subject in found.subjects[:_LINES])
    event_board("map", {"lines": lines, "label": "Who listens to whom"}, key="events_map", workspace_id=space.id)
    if len(found.subjects) > _LINES:
        st.caption(f"The {_LINES} most frequent of {len(found.subjects):,} subjects.")
    if found.unreached:
        st.subheader("Listening in vain", anchor=False)
        st.caption("Triggers that no subject above reaches: nobody publishes what they wait for.")
        for trigger in found.unreached[:_LINES]:
            topic = str(trigger.config.get("topic", "")).replace("`", "'")
            st.markdown(f"**{escaped(trigger.instance_name)}** {escaped(human(trigger.key))} waits for `{topic}`")


def _line(subject: Subject, names: dict[str, str], agents: dict[str, str], zone: str) -> dict[str, Any]:
    speakers = [
        _speaker(source, source_name(source, names), f"{count:,}×", agents)
        for source, count in sorted(subject.sources.items(), key=lambda each: -each[1])
    ]
    seen = {speaker["text"] for speaker in speakers}
    speakers += [_speaker(name, name, "by its manifest", agents) for name in subject.declared_by if name not in seen]
    hearers = [_hearer(trigger) for trigger in subject.triggers]
    hearers += [
        {"icon": "settings_suggest", "text": PARTS.get(name, human(name)), "note": ""} for name in subject.followers
    ]
    told = f"{subject.count:,}×, last {ago(subject.last_at, zone)}" if subject.last_at else "not seen yet"
    badges = [Badge("orange", "hearing_disabled", "Dead end")._asdict()] if subject.is_dead_end else []
    return {
        "type": subject.type,
        "told": told,
        "from": _bounded(speakers),
        "to": _bounded(hearers),
        "badges": badges,
    }


def _speaker(source: str, name: str, note: str, agents: dict[str, str]) -> dict[str, Any]:
    if source in agents:
        return {
            "icon": "smart_toy",
            "text": name,
            "note": note,
            "page": "agents",
            "parameters": {"instance": agents[source]},
        }
    icon = "webhook" if source.startswith(("hook:", "account:")) else _ICONS.get(source, "output")
    return {"icon": icon, "text": name, "note": note}


def _hearer(trigger: Trigger) -> dict[str, Any]:
    topic = str(trigger.config.get("topic", ""))
    note = human(trigger.key) + (f", {topic}" if set(topic) & set("*>") else "")
    note += " with a filter" if trigger.config.get("filter") else ""
    return {
        "icon": "smart_toy",
        "text": trigger.instance_name,
        "note": note if is_awake(trigger) else f"{note} · off",
        "asleep": not is_awake(trigger),
        "page": "agents",
        "parameters": {"instance": trigger.instance_id, "tab": "triggers"},
    }


def _bounded(parties: list[dict[str, Any]]) -> list[dict[str, Any]]:
    left = len(parties) - _PARTIES
    return (
        parties if left <= 0 else [*parties[:_PARTIES], {"icon": "more_horiz", "text": f"and {left} more", "note": ""}]
    )
