"""Incidents: one for each trouble, told seldom enough to be read, ended by people or when the trouble is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.domain.alert_rules import AlertRule
from ionflux_core.domain.incidents import OPENED, PAUSES, RESOLVED, Incident, Sighting, pause_after
from ionflux_core.errors import Conflict, NotFound
from tests.agents_for_tests.world import Clock, World, small_world, together, world

__all__ = ["small_world", "world"]


def rule_of(world: World, measure: str = "breaker", **changes: Any) -> AlertRule:
    found = next(rule for rule in world.app.alert_rules.find(world.workspace) if rule.measure == measure)
    if not changes:
        return found
    kept = found.model_dump(exclude=_KEPT) | changes
    return world.app.alert_rules.save(world.workspace, found.id, kept)


_KEPT = {"id", "workspace_id", "muted_until", "created_by", "created_at", "updated_at"}


def sighting(rule: AlertRule, subject: str = "instance:1", title: str = "It burns", **more: Any) -> Sighting:
    kind = more.pop("kind", "queue_length")
    return Sighting(rule.id, kind, subject, title, "The kitchen.", 7.0, **more)


def looked(world: World, *seen: Sighting, app: Application | None = None) -> None:
    """One look of the watch that has seen these."""
    app = app or world.app
    rules = {rule.id: rule for rule in app.alert_rules.find(world.workspace)}
    app.incidents.take_note(world.workspace, rules, seen)
    app.watch.tell(world.workspace)


def said(world: World, channel: str = "alerts") -> list[str]:
    chat, owner = world.app.chat, world.app.workspaces.owner().id
    found = chat.ensure_channel(world.workspace, channel)
    return [
        each.content.text_body.replace("\\", "") for each in chat.messages(world.workspace, found.id, user_id=owner)
    ]


def test_one_trouble_is_one_incident_however_often_it_is_seen(world: World) -> None:
    clock, rule = Clock(), rule_of(world)
    for _ in range(5):
        looked(world, sighting(rule))
        clock.forward(seconds=20)
    (one,) = world.app.incidents.find(world.workspace)
    assert (one.status, one.sightings, one.value, one.rule_id) == ("open", 5, 7.0, rule.id)
    assert one.seen_at - one.opened_at == timedelta(seconds=80)
    looked(world, sighting(rule), sighting(rule, "instance:2"))
    assert world.app.incidents.open_count(world.workspace) == 2
    assert len(said(world)) == 2, "each was told once"


def test_two_processes_open_one_incident_and_tell_it_once(world: World) -> None:
    rule, other = rule_of(world), world.application()
    apps = (world.app, other)
    together(8, lambda number: looked(world, sighting(rule), app=apps[number % 2]))
    (one,) = world.app.incidents.find(world.workspace)
    assert one.sightings == 8
    assert len(said(world)) == 1
    assert [event.type for event in world.app.events.find(world.workspace, prefix="ionflux.alert.")] == [OPENED]


def test_it_ends_by_itself_only_after_a_whole_period_without_it(world: World) -> None:
    clock, rule = Clock(), rule_of(world, period_minutes=10)
    looked(world, sighting(rule))
    clock.forward(minutes=9)
    looked(world)
    assert world.app.incidents.open_count(world.workspace) == 1, "it may come back any moment"
    looked(world, sighting(rule))
    clock.forward(minutes=9)
    looked(world)
    clock.forward(minutes=2)
    looked(world)
    (one,) = world.app.incidents.find(world.workspace)
    assert (one.status, one.resolved_by, one.sightings) == ("resolved", "ionflux", 2)
    assert [text.partition("\n")[0] for text in said(world)] == ["**It burns**", "**Resolved: It burns**"]
    types = [event.type for event in world.app.events.find(world.workspace, prefix="ionflux.alert.")]
    assert types == [RESOLVED, OPENED]


def test_what_could_not_be_measured_does_not_end(world: World) -> None:
    clock, rule = Clock(), rule_of(world)
    looked(world, sighting(rule))
    clock.forward(days=2)
    rules = {rule.id: rule}
    world.app.incidents.take_note(world.workspace, rules, [], frozenset({"queue_length"}))
    assert world.app.incidents.open_count(world.workspace) == 1
    world.app.incidents.take_note(world.workspace, rules, [])
    assert world.app.incidents.open_count(world.workspace) == 0


def test_a_person_ends_it_and_it_stays_ended_while_the_trouble_goes_on(world: World) -> None:
    clock, rule = Clock(), rule_of(world)
    looked(world, sighting(rule))
    (one,) = world.app.incidents.find(world.workspace)
    clock.forward(minutes=2)
    ended = world.app.incidents.resolve(world.workspace, one.id, by="Ada")
    assert (ended.status, ended.resolved_by) == ("resolved", "Ada")
    assert "Ada has resolved it" in said(world)[-1]
    with pytest.raises(Conflict):
        world.app.incidents.resolve(world.workspace, one.id, by="Bob")
    for _ in range(30):
        clock.forward(seconds=60)
        looked(world, sighting(rule))
    assert world.app.incidents.open_count(world.workspace) == 0, "Ada knows of it"
    clock.forward(minutes=30)
    looked(world, sighting(rule))
    assert world.app.incidents.open_count(world.workspace) == 1, "it was gone and came back"


def test_it_is_told_again_after_pauses_that_grow(world: World) -> None:
    clock, rule = Clock(), rule_of(world)
    told_after: list[timedelta] = []
    began = clock.at
    while clock.at - began < timedelta(days=3):
        before = len(said(world)) if len(told_after) < 10 else 0
        looked(world, sighting(rule))
        if len(said(world)) > before:
            told_after.append(clock.at - began)
        clock.forward(minutes=15)
    minutes = [int(each.total_seconds() // 60) for each in told_after]
    assert minutes == [0, 15, 75, 315, 315 + 1440, 315 + 2880], "at once, then 15 min, 1 h, 4 h, a day, a day"
    (line,) = [each for each in world.app.notifications.find(world.workspace, world.app.workspaces.owner().id)]
    assert line.title == "Still: It burns", "one line in the bell, brought up to date"


def test_a_restart_tells_nothing_again(world: World) -> None:
    clock, rule = Clock(), rule_of(world)
    looked(world, sighting(rule))
    clock.forward(minutes=1)
    looked(world, sighting(rule), app=world.application())
    assert len(said(world)) == 1


def test_a_storm_is_ten_messages_and_one_that_counts_the_rest(world: World) -> None:
    clock, rule = Clock(), rule_of(world)
    looked(world, *(sighting(rule, f"instance:{n}", f"Fire {n}") for n in range(30)))
    assert world.app.incidents.open_count(world.workspace) == 30
    texts = said(world)
    assert len(texts) == limits.ALERT_MESSAGES + 1
    assert texts[-1].startswith("**20 more alerts within 10 minutes**")
    clock.forward(minutes=1)
    looked(world, *(sighting(rule, f"instance:{n}", f"Fire {n}") for n in range(35)))
    texts = said(world)
    assert len(texts) == limits.ALERT_MESSAGES + 1, "the message that counts is brought up to date"
    assert texts[-1].startswith("**25 more alerts")
    bell = world.app.notifications.find(world.workspace, world.app.workspaces.owner().id)
    assert len(bell) == limits.ALERT_MESSAGES + 1


def test_muted_means_counted_but_not_told(world: World) -> None:
    clock, rule = Clock(), rule_of(world)
    looked(world, sighting(rule))
    (one,) = world.app.incidents.find(world.workspace)
    muted = world.app.incidents.mute(world.workspace, one.id, 60, by="Ada")
    assert muted.is_muted(clock.at)
    for _ in range(3):
        clock.forward(minutes=16)
        looked(world, sighting(rule))
    assert len(said(world)) == 1
    clock.forward(minutes=16)
    looked(world, sighting(rule))
    assert len(said(world)) == 2, "the hour is over"
    world.app.alert_rules.mute(world.workspace, rule.id, 60)
    looked(world, sighting(rule, "instance:2"))
    assert len(said(world)) == 2 and world.app.incidents.open_count(world.workspace) == 2


def test_other_places_are_told_through_the_notifier_and_the_outbox(world: World) -> None:
    places = [
        {"channel": "chat", "to": "#operations"},
        {"channel": "email", "to": "me@example.com"},
        {"channel": "slack", "to": "#ops"},
        {"channel": "webhook", "to": "https://example.com/hook"},
    ]
    world.agent("notifier", lambda ctx, inputs: {"result": 1})
    started: list[dict[str, Any]] = []
    world.app.runs.start = lambda ws, target, inputs, **more: started.append({"target": target, **inputs, **more})  # type: ignore[method-assign, assignment]
    looked(world, sighting(rule_of(world, destinations=places)))
    assert [text.partition("\n")[0] for text in said(world, "operations")] == ["**It burns**"]
    assert [(each["channel"], each["target"]) for each in started] == [
        ("email", "me@example.com"), ("slack", "#ops"), ("webhook", "https://example.com/hook"),
    ]  # fmt: skip
    assert len({each["key"] for each in started}) == 3 and all(each["by"] == "alerts" for each in started)
    assert started[2]["details"]["kind"] == "queue_length" and started[2]["link"]["page"] == "alerts"


def test_a_stopped_agent_is_not_told_twice(world: World) -> None:
    clock, rule = Clock(), rule_of(world)
    stopped = sighting(rule, kind="breaker")
    looked(world, stopped)
    assert said(world) == [], "the chat and the bell have had it from the fact itself"
    clock.forward(minutes=15)
    looked(world, stopped)
    assert len(said(world)) == 1 and said(world)[0].startswith("**Still: ")


def test_the_events_say_what_where_and_how_much(world: World) -> None:
    rule = rule_of(world)
    looked(world, sighting(rule, instance_id="abc"))
    ((kind, payload),) = world.events("ionflux.alert.")
    assert kind == OPENED
    assert payload["rule"] == rule.name and payload["value"] == 7.0 and payload["instance_id"] == "abc"
    assert payload["condition"] == {"comparison": "above", "threshold": 0.0, "minutes": rule.period_minutes}
    assert payload["incident_id"] == world.app.incidents.find(world.workspace)[0].id


def test_lists_are_narrowed_and_paged(world: World) -> None:
    clock, rule = Clock(), rule_of(world)
    for number in range(5):
        looked(world, sighting(rule, f"instance:{number}", instance_id=str(number)))
        clock.forward(minutes=1)
    app, ws = world.app, world.workspace
    first = app.incidents.find(ws, limit=2)
    rest = app.incidents.find(ws, before=first[-1].id)
    assert [each.subject for each in first + rest] == [f"instance:{n}" for n in (4, 3, 2, 1, 0)]
    assert [each.instance_id for each in app.incidents.find(ws, instance_id="3")] == ["3"]
    assert app.incidents.find(ws, kind="breaker") == [] and app.incidents.find(ws, "resolved") == []
    assert len(app.incidents.find(ws, "open", clock.at - timedelta(hours=1))) == 5
    assert app.incidents.find(ws, since=clock.at + timedelta(hours=1)) == []


def test_another_workspace_sees_and_ends_nothing(world: World) -> None:
    looked(world, sighting(rule_of(world)))
    (one,) = world.app.incidents.find(world.workspace)
    other = world.app.workspaces.create("Other").id
    assert world.app.incidents.find(other) == [] and world.app.incidents.open_count(other) == 0
    for deed in (world.app.incidents.get, lambda ws, id: world.app.incidents.mute(ws, id, 5)):
        with pytest.raises(NotFound):
            deed(other, one.id)
    with pytest.raises(NotFound):
        world.app.incidents.resolve(other, one.id, by="Eve")


def test_removing_a_rule_leaves_its_incident_which_then_ends(world: World) -> None:
    clock, rule = Clock(), rule_of(world)
    looked(world, sighting(rule))
    world.app.alert_rules.remove(world.workspace, rule.id)
    assert world.app.incidents.find(world.workspace)[0].rule_id is None
    clock.forward(minutes=6)
    looked(world)
    assert world.app.incidents.find(world.workspace)[0].status == "resolved"


def test_what_was_resolved_long_ago_is_forgotten(world: World) -> None:
    clock, rule = Clock(), rule_of(world)
    looked(world, sighting(rule), sighting(rule, "instance:2"))
    world.app.incidents.resolve(world.workspace, world.app.incidents.find(world.workspace)[0].id, by="Ada")
    clock.forward(days=limits.INCIDENT_DAYS + 1)
    assert world.app.incidents.purge() == 1
    assert [each.status for each in world.app.incidents.find(world.workspace)] == ["open"]


START = datetime(2026, 3, 2, tzinfo=UTC)


@given(some.integers(min_value=0, max_value=20 * 24 * 60))
def test_a_pause_is_one_of_the_four_and_grows_with_what_was_told(minutes: int) -> None:
    pause = pause_after(START, START + timedelta(minutes=minutes))
    assert pause in PAUSES and pause <= pause_after(START, START + timedelta(minutes=minutes + 1))
    told = START + timedelta(minutes=minutes)
    incident = Incident(
        id="1", workspace_id="w", kind="k", subject="s", title="t", status="open", sightings=1, opened_at=START,
        seen_at=told + pause, told_at=told,
    )  # fmt: skip
    assert incident.is_to_be_told(told + pause) and not incident.is_to_be_told(told + pause - timedelta(seconds=1))
