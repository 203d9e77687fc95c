"""Who listens to whom: which agents and parts of the program publish a subject, and which hear it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ionflux_core import limits
from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.domain.events import SUBJECT, PlatformEvent, canonical_subject, is_awaited, matches
from ionflux_core.domain.triggers import Trigger
from ionflux_core.ids import new_id, now
from ionflux_core.services.agents import Agents
from ionflux_core.services.event_deliveries import listening
from ionflux_core.storage import events as rows
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage import triggers as trigger_rows
from ionflux_core.storage.engine import Database

_SUGGESTED_ROWS = 1_000
_SUGGESTED_SECONDS = 5.0
_WORKSPACES_KNOWN = 200


class Part(Protocol):
    """A part of the program that follows events."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def types(self) -> Sequence[str]:
        """The subjects it follows."""


@dataclass(slots=True)
class Subject:
    """A subject: who published it among the newest events, who says it will, and who hears it."""

    type: str
    count: int = 0
    last_at: datetime | None = None
    sources: dict[str, int] = field(default_factory=dict)
    declared_by: list[str] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)
    followers: list[str] = field(default_factory=list)

    @property
    def is_dead_end(self) -> bool:
        """Whether nobody who is awake hears it."""
        return not self.followers and not any(is_awake(trigger) for trigger in self.triggers)


@dataclass(frozen=True, slots=True)
class Hearing:
    """Who would hear an event: triggers that start a run, parts of the program, and runs that wait for it."""

    triggers: list[Trigger]
    asleep: list[Trigger]
    followers: list[str]
    waiting: int


@dataclass(frozen=True, slots=True)
class ListenerMap:
    """Subjects with who speaks and who hears, and triggers that no known subject reaches; `observed` events counted."""

    subjects: list[Subject]
    unreached: list[Trigger]
    observed: int


class EventListeners:
    """Use-cases around who hears what."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._parts: Callable[[], Iterable[Part]] = lambda: ()
        self._agents: Agents | None = None
        self._suggested: dict[str, tuple[float, list[tuple[str, str]]]] = {}
        self._definitions: Callable[[], Iterable[AgentDefinition]] = lambda: ()

    def know(
        self,
        parts: Callable[[], Iterable[Part]],
        agents: Agents,
        definitions: Callable[[], Iterable[AgentDefinition]],
    ) -> None:
        """Say which parts of the program follow events, and where agents and their manifests are found."""
        self._parts, self._agents, self._definitions = parts, agents, definitions

    def declared(self, workspace_id: str) -> dict[str, list[str]]:
        """The subjects that the manifests of the workspace's agents name as theirs, with the agents' names."""
        if self._agents is None:
            return {}
        said = {each.slug: _named(each) for each in self._definitions()}
        found: dict[str, list[str]] = {}
        for instance in self._agents.find(workspace_id):
            for type in said.get(instance.definition_slug, ()):
                found.setdefault(type, []).append(instance.name)
        return found

    def map(self, workspace_id: str) -> ListenerMap:
        """Every subject of the newest events and of the agents' manifests, the most frequent first."""
        with self._db.read() as connection:
            seen = rows.observed(connection, workspace_id, rows=limits.EVENTS_OBSERVED)
            every = trigger_rows.find(connection, workspace_id)
        listeners = [trigger for trigger in every if trigger.kind == "event" and trigger.instance_status != "archived"]
        subjects: dict[str, Subject] = {}
        for row in seen:
            subject = subjects.setdefault(row.type, Subject(row.type, last_at=row.at))
            subject.count += 1
            subject.sources[row.source] = subject.sources.get(row.source, 0) + 1
        for type, agents in self.declared(workspace_id).items():
            subjects.setdefault(type, Subject(type)).declared_by = list(agents)
        parts = list(self._parts())
        for subject in subjects.values():
            subject.triggers = [each for each in listeners if matches(each.config.get("topic", ""), subject.type)]
            subject.followers = _following(parts, subject.type)
        reached = {trigger.id for subject in subjects.values() for trigger in subject.triggers}
        found = sorted(subjects.values(), key=lambda subject: (-subject.count, subject.type))
        return ListenerMap(found, [each for each in listeners if each.id not in reached], len(seen))

    def subjects(self, workspace_id: str) -> list[str]:
        """Subjects to choose from: of the newest events, of the manifests, and those that triggers name in full."""
        with self._db.read() as connection:
            listeners = trigger_rows.enabled(connection, "event", workspace_id=workspace_id)
        found = {type for type, _ in self._lately(workspace_id)} | set(self.declared(workspace_id))
        topics = {canonical_subject(str(trigger.config.get("topic", ""))) for trigger in listeners}
        return sorted(found | {topic for topic in topics if topic and not set(topic) & set("*>")})

    def sources(self, workspace_id: str) -> list[str]:
        """Where the newest events came from."""
        return sorted({source for _, source in self._lately(workspace_id)})

    def _lately(self, workspace_id: str) -> list[tuple[str, str]]:
        """Types and sources of the newest events as of a few seconds ago: a page asks for them at each of its draws."""
        at = time.monotonic()
        read_at, known = self._suggested.get(workspace_id, (0.0, []))
        if not known or at - read_at > _SUGGESTED_SECONDS:
            with self._db.read() as connection:
                known = rows.lately(connection, workspace_id, rows=_SUGGESTED_ROWS)
            if len(self._suggested) > _WORKSPACES_KNOWN:
                self._suggested.clear()
            self._suggested[workspace_id] = (at, known)
        return known

    def hearing(self, workspace_id: str, type: str, payload: Mapping[str, Any], *, source: str = "test") -> Hearing:
        """Who would hear an event if it were published now; nothing is."""
        event_id = new_id()
        event = PlatformEvent(
            id=event_id, workspace_id=workspace_id, type=canonical_subject(type.strip()), at=now(), source=source,
            correlation_id=event_id, payload=dict(payload),
        )  # fmt: skip
        with self._db.read() as connection:
            every = [each for each in trigger_rows.find(connection, workspace_id) if each.kind == "event"]
            parked = run_rows.waiting_for_events(connection, workspace_id)
        awake = [trigger for trigger in every if is_awake(trigger)]
        asleep = [each for each in every if not is_awake(each) and each.instance_status != "archived"]
        return Hearing(
            triggers=listening(awake, event),
            asleep=listening(asleep, event),
            followers=_following(self._parts(), event.type),
            waiting=sum(is_awaited(wait, event) for _, wait in parked),
        )


def is_awake(trigger: Trigger) -> bool:
    """Whether a trigger starts anything: it is on and its agent is active."""
    return trigger.enabled and trigger.instance_status == "active"


def _named(definition: AgentDefinition) -> list[str]:
    """What a manifest names as its events, by themselves and as outputs; patterns are no subjects."""
    outputs = [spec.target_event_type or "" for spec in definition.outputs]
    found = {canonical_subject(type) for type in (*definition.events_out, *outputs)}
    return sorted(type for type in found if SUBJECT.match(type))


def _following(parts: Iterable[Part], type: str) -> list[str]:
    return [part.name for part in parts if any(matches(subject, type) for subject in part.types)]
