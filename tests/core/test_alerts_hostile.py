"""Alerts under rough hands: odd targets, long names, a measure that breaks, a disk that cannot be read."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest

from ionflux_core.domain.incidents import Sighting
from ionflux_core.errors import Invalid, IonfluxError, NotFound
from ionflux_core.services import watch_measures
from tests.agents_for_tests.world import Clock, World, small_world, world
from tests.core.test_watch import fails, looked

__all__ = ["small_world", "world"]


def rule(world: World, name: str, measure: str, threshold: float, **more: Any) -> Any:
    return world.app.alert_rules.create(
        world.workspace, {"name": name, "measure": measure, "threshold": threshold, "period_minutes": 60} | more
    )


def no_rules(world: World) -> None:
    for each in world.app.alert_rules.find(world.workspace):
        world.app.alert_rules.remove(world.workspace, each.id)


@pytest.mark.parametrize("slug", ["nobody", "a\0b", "x" * 100])
def test_a_rule_about_an_agent_that_is_not_there_is_refused(world: World, slug: str) -> None:
    with pytest.raises((NotFound, Invalid)):
        rule(world, "Odd", "failure_rate", 1, target={"definition_slug": slug})
    assert world.app.watch.look("test") == 1


@pytest.mark.parametrize("field", ["instance_id", "brand_id"])
def test_a_rule_with_an_odd_id_is_refused(world: World, field: str) -> None:
    with pytest.raises(IonfluxError):
        rule(world, "Odd", "failure_rate", 1, target={field: "a\0b"})


def test_a_measure_that_breaks_hides_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    no_rules(world)
    rule(world, "A broken one", "latency_p95", 1)
    rule(world, "Failures", "failure_rate", 10)
    world.agent("probe", fails, breaker=100)
    for _ in range(5):
        world.run("probe")

    def breaks(*_: Any) -> Any:
        raise RuntimeError("no such column")

    monkeypatch.setitem(watch_measures._MEASURES, "latency_p95", breaks)
    assert [each.kind for each in looked(world)] == ["failure_rate"]


def test_a_disk_that_cannot_be_read_is_not_well_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    no_rules(world)
    rule(world, "Disk", "disk_free", 1e9, comparison="below", period_minutes=1)
    assert [each.kind for each in looked(world)] == ["disk_free"]

    def gone(_: Any) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", gone)
    clock.forward(seconds=600)
    assert [each.kind for each in looked(world)] == ["disk_free"]


def test_a_long_subject_is_one_incident(world: World) -> None:
    rule_id = world.app.alert_rules.find(world.workspace)[0].id
    seen = Sighting(rule_id, "failure_rate", "agent:" + "x" * 240, "Long", "", 1.0)
    other = replace(seen, subject=seen.subject + "y", title="Other")
    for _ in range(3):
        world.app.incidents.take_note(world.workspace, {}, [seen, other])
    found = world.app.incidents.find(world.workspace, "open")
    assert sorted((each.title, each.sightings) for each in found) == [("Long", 3), ("Other", 3)]


def test_a_second_rule_for_the_same_measure_is_told_where_it_says(world: World) -> None:
    no_rules(world)
    world.agent("probe", fails, breaker=100)
    rule(world, "Some fail", "failure_rate", 10, destinations=[{"channel": "chat", "to": "small"}])
    rule(world, "Most fail", "failure_rate", 50, destinations=[{"channel": "chat", "to": "large"}])
    for _ in range(5):
        world.run("probe")
    assert [each.sightings for each in looked(world)] == [1, 1] == [each.sightings - 1 for each in looked(world)]
    owner = world.app.workspaces.owner().id
    for name in ("small", "large"):
        channel = world.app.chat.ensure_channel(world.workspace, name).id
        assert world.app.chat.messages(world.workspace, channel, user_id=owner), name
