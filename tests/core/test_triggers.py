"""Triggers as people see them: listed, explained, tested with a sample, and only in their own workspace."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ionflux_core import ids
from ionflux_core.application import Application
from ionflux_core.domain.agents import InputSpec
from ionflux_core.errors import NotFound
from ionflux_core.services.starting import brought_inputs
from tests.agents_for_tests.world import Clock, World, small_world, world

__all__ = ["small_world", "world"]

FOUR = """\
  - {key: daily, type: schedule, config: {cron: '0 9 * * 1-5', timezone: UTC, payload: {day: 1}}}
  - {key: hears, type: event, config: {topic: shop.order, group: own}, payload_to: value}
  - {key: hook, type: webhook, config: {path: /in/here}, payload_to: value}
"""


def _world(world: World) -> dict[str, Any]:
    world.agent("probe", lambda ctx, inputs: {"result": inputs.get("value")}, triggers=FOUR)
    instance = world.instance("probe")
    return {trigger.key: trigger for trigger in world.app.triggers.of_instance(world.workspace, instance.id)}


def test_an_instance_has_the_triggers_of_its_definition(world: World) -> None:
    found = _world(world)
    assert {key: trigger.kind for key, trigger in found.items()} == {
        "by_hand": "manual", "daily": "schedule", "hears": "event", "hook": "webhook",
    }  # fmt: skip
    assert found["hook"].hook_path.startswith("in/here/") and found["daily"].hook_path is None
    # A group that only the definition names is no wish to share.
    assert found["hears"].config["group"] is None
    second = world.instance("probe", "two")
    paths = {t.hook_path for t in world.app.triggers.find(world.workspace) if t.kind == "webhook"}
    assert len(paths) == 2 and second.name in {t.instance_name for t in world.app.triggers.find(world.workspace)}


def test_the_next_five_times_are_shown_while_it_is_on(small_world: World) -> None:
    Clock(datetime(2026, 3, 6, 12, 0, tzinfo=UTC))
    found = _world(small_world)
    times = small_world.app.triggers.next_times(found["daily"])
    assert [time.strftime("%a %H:%M") for time in times] == [
        "Mon 09:00",
        "Tue 09:00",
        "Wed 09:00",
        "Thu 09:00",
        "Fri 09:00",
    ]
    assert small_world.app.triggers.next_times(found["hook"]) == []
    small_world.app.agents.set_status(small_world.workspace, found["daily"].instance_id, "paused")
    again = small_world.app.triggers.get(small_world.workspace, found["daily"].id)
    assert small_world.app.triggers.next_times(again) == []


def test_a_trigger_is_tested_with_a_sample_as_a_dry_run(world: World) -> None:
    found = _world(world)
    world.started()
    started = world.app.triggers.test(world.workspace, found["hears"].id, {"total": 5}, by="Ana")
    done = world.ended(started.run_id)
    assert (done.status, done.dry_run, done.outputs) == ("success", True, {"result": {"total": 5}})
    assert (done.trigger.key, done.trigger.by) == ("hears", "Ana")
    assert world.rows("events") == []


def test_a_slot_fires_once_however_often_it_is_asked(world: World) -> None:
    found = _world(world)
    slot = datetime(2026, 3, 9, 9, 0, tzinfo=UTC)
    first = world.app.triggers.fire(found["daily"].id, slot)
    again = world.app.triggers.fire(found["daily"].id, slot)
    assert first is not None and again is not None and (first.run_id, again.repeated) == (again.run_id, True)
    (firing,) = world.app.triggers.firings(world.workspace, found["daily"].id)
    assert (firing.outcome, firing.run_id) == ("started", first.run_id)
    run = world.get(first.run_id)
    assert (run.trigger_kind, run.trigger.slot, run.trigger.payload) == ("schedule", slot, {"day": 1})
    after = world.app.triggers.get(world.workspace, found["daily"].id)
    assert after.last_fired is not None and (after.last_outcome or "").startswith("started")


def test_a_schedule_that_cannot_start_says_so_in_its_log(small_world: World) -> None:
    world = small_world
    world.agent(
        "strict", lambda ctx, inputs: {}, triggers="  - {key: daily, type: schedule, config: {cron: '0 9 * * *'}}\n"
    )
    place = world.app.catalog.folder("strict") / "agent.yaml"
    place.write_text(place.read_text().replace("{key: value, type: json,", "{key: value, type: json, required: true,"))
    world.app.catalog.reload()
    instance = world.instance("strict")
    (daily,) = [t for t in world.app.triggers.of_instance(world.workspace, instance.id) if t.kind == "schedule"]
    assert world.app.triggers.fire(daily.id, datetime(2026, 3, 9, 9, 0, tzinfo=UTC)) is None
    (firing,) = world.app.triggers.firings(world.workspace, daily.id)
    assert firing.outcome == "refused" and "value" in firing.detail


def test_triggers_of_another_workspace_are_not_there(world: World) -> None:
    found = _world(world)
    other = world.app.workspaces.create("Other").id
    service = world.app.triggers
    assert service.find(other) == [] and service.of_instance(other, found["daily"].instance_id) == []
    for ask in (service.get, service.firings, service.test):
        with pytest.raises(NotFound):
            ask(other, found["daily"].id)
        with pytest.raises(NotFound):
            ask(world.workspace, ids.new_id())


def test_old_delivery_ids_are_forgotten_and_young_ones_kept(small_world: World) -> None:
    from datetime import timedelta

    from ionflux_core.ids import now
    from ionflux_core.storage import triggers as rows

    app = small_world.app
    for name, age in (("old", 8), ("young", 6)):
        at = now() - timedelta(days=age)
        app.db.write(lambda c, name=name, at=at: rows.note_delivery(c, "hook", name, at=at, run_id="r"))
    assert app.triggers.forget_deliveries() == 1
    assert app.db.write(lambda c: rows.note_delivery(c, "hook", "old", at=now())), "it is not known any more"
    assert not app.db.write(lambda c: rows.note_delivery(c, "hook", "young", at=now()))


def test_a_sender_fills_only_the_inputs_that_are_open_to_triggers(application: Application) -> None:
    definition = application.catalog.definition("word_counter")
    opened = InputSpec(key="asked", type="string", from_trigger=True)
    owned = InputSpec(key="threshold", type="number", runtime_promptable=True)
    known = definition.model_copy(update={"inputs": [opened, owned]})
    assert brought_inputs(known, {"asked": "x", "threshold": 0, "other": 1}, None) == {"asked": "x"}
    assert brought_inputs(known, {"threshold": 0}, "asked") == {"asked": {"threshold": 0}}
