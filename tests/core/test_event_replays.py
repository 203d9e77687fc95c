"""Events once more: replays are runs of their own, dead letters are tried again or set aside, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ionflux_core import ids, limits
from ionflux_core.domain.events import EventDelivery, EventFilter
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import Conflict, IonfluxError, LimitExceeded, NotFound, Unavailable
from tests.agents_for_tests.world import Clock, World, small_world, together, world

__all__ = ["small_world", "world"]


def echo(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """What came in."""
    return {"result": inputs["value"]}


def hears(topic: str) -> str:
    """A trigger that listens to a topic."""
    config = f"{{topic: '{topic}'}}"
    return f"  - {{key: hears, type: event, config: {config}, is_user_overridable: true, payload_to: value}}\n"


def deliver(world: World) -> None:
    """Hand over whatever is open."""
    while world.app.events.deliver():
        pass


def listener(world: World, slug: str = "probe", topic: str = "shop.order") -> Trigger:
    """An instance that listens, by its trigger."""
    world.agent(slug, echo, triggers=hears(topic))
    instance = world.instance(slug, slug)
    return next(t for t in world.app.triggers.of_instance(world.workspace, instance.id) if t.kind == "event")


def refusing(message: str, error: type[IonfluxError] = NotFound) -> Callable[..., Any]:
    """A preparation of runs that always fails."""

    def prepare(*_: Any, **__: Any) -> Any:
        raise error(message, hint="Repair it.")

    return prepare


def dead_letters(world: World, monkeypatch: pytest.MonkeyPatch, count: int) -> list[EventDelivery]:
    """So many events that no agent could take."""
    with monkeypatch.context() as patch:
        patch.setattr(world.app.runs, "prepare", refusing("The agent's code is gone."))
        for n in range(count):
            world.app.events.publish(world.workspace, "shop.order", {"n": n})
        deliver(world)
    return world.app.events.replays.dead(world.workspace)


def test_a_replay_is_a_run_of_its_own_in_the_same_chain_and_is_counted(world: World) -> None:
    trigger = listener(world)
    chain = ids.new_id()
    event_id = world.app.events.publish(world.workspace, "shop.order", {"n": 1}, correlation_id=chain, source="shop")
    deliver(world)
    replays = world.app.events.replays
    first = replays.replay(world.workspace, event_id, trigger.id, by="Ana")
    second = replays.replay(world.workspace, event_id, trigger.id, by="Ana")
    assert len(world.rows("runs")) == 3 and first.run_id != second.run_id
    run = world.get(second.run_id)
    assert run.correlation_id == chain and run.trigger.event_id == event_id and run.trigger.by == "Ana"
    assert run.idempotency_key == f"{trigger.id}:{event_id}:2" and run.inputs["value"] == {"n": 1}
    (delivery,) = world.app.events.deliveries(world.workspace, [event_id])[event_id]
    assert (delivery.status, delivery.attempts, delivery.replays) == ("started", 1, 2)
    assert [run_id for _, run_id, _ in replays.runs_of(world.workspace, delivery)] == [first.run_id, second.run_id]
    (event,) = world.app.events.find(world.workspace)
    assert (event.source, event.correlation_id) == ("shop", chain), "the event stays as it was"
    notes = world.rows("audit_log", entity="event", action="replayed")
    assert [(note.who, note.details["number"]) for note in notes] == [("Ana", 1), ("Ana", 2)]


def test_replays_at_the_same_moment_are_each_a_run(world: World) -> None:
    trigger = listener(world)
    event_id = world.app.events.publish(world.workspace, "shop.order", {})
    answers = together(4, lambda _: world.app.events.replays.replay(world.workspace, event_id, trigger.id))
    assert len({answer.run_id for answer in answers}) == 4 == len(world.rows("runs"))
    (delivery,) = world.rows("event_deliveries")
    assert delivery.replays == 4


def test_an_event_of_another_workspace_is_not_replayed(small_world: World) -> None:
    trigger = listener(small_world)
    other = small_world.app.workspaces.create("Other").id
    foreign = small_world.app.events.publish(other, "shop.order", {})
    replays = small_world.app.events.replays
    with pytest.raises(NotFound):
        replays.replay(small_world.workspace, foreign, trigger.id)
    with pytest.raises(NotFound):
        replays.replay(other, foreign, trigger.id)
    assert small_world.rows("runs") == []


def test_the_events_of_a_filter_are_replayed_to_who_listens_the_oldest_first(world: World) -> None:
    trigger = listener(world)
    for n in range(4):
        world.app.events.publish(world.workspace, "shop.order", {"n": n})
        world.app.events.publish(world.workspace, "shop.refund", {"n": n})
    page = world.app.events.search(world.workspace, EventFilter(pattern="shop.>"))
    outcome = world.app.events.replays.replay_many(world.workspace, page.events, trigger.id)
    assert (outcome.started, outcome.refused) == (4, {})
    runs = sorted(world.rows("runs"), key=lambda run: run.id)
    assert [run.inputs["value"]["n"] for run in runs] == [0, 1, 2, 3]
    with pytest.raises(LimitExceeded):
        world.app.events.replays.replay_many(world.workspace, page.events[:1] * (limits.EVENT_REPLAYS + 1), trigger.id)


def test_a_dead_letter_is_tried_again_once_its_cause_is_repaired(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = listener(world)
    (letter,) = dead_letters(world, monkeypatch, 1)
    assert (letter.trigger_key, letter.instance_name, letter.event_type) == ("hears", "probe", "shop.order")
    assert letter.error and letter.error["hint"] == "Repair it."
    replays = world.app.events.replays
    with monkeypatch.context() as patch:
        patch.setattr(world.app.runs, "prepare", refusing("Still broken."))
        with pytest.raises(NotFound):
            replays.retry(world.workspace, letter.event_id, trigger.id)
    (again,) = replays.dead(world.workspace)
    assert again.attempts == letter.attempts + 1 and again.error and again.error["message"] == "Still broken."
    started = replays.retry(world.workspace, letter.event_id, trigger.id, by="Ana")
    assert replays.dead(world.workspace) == [] and world.get(started.run_id).trigger.event_id == letter.event_id
    (row,) = world.rows("event_deliveries")
    assert (row.status, row.run_id, row.error) == ("started", started.run_id, None)
    with pytest.raises(Conflict):
        replays.retry(world.workspace, letter.event_id, trigger.id)
    assert len(world.rows("runs")) == 1
    assert [note.who for note in world.rows("audit_log", action="retried")] == ["Ana"]


def test_a_retry_of_two_people_starts_one_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = listener(world)
    (letter,) = dead_letters(world, monkeypatch, 1)
    answers = together(2, lambda _: world.app.events.replays.retry(world.workspace, letter.event_id, trigger.id))
    assert len(world.rows("runs")) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 1


def test_letters_of_one_cause_are_tried_again_or_set_aside_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener(world)
    dead_letters(world, monkeypatch, 3)
    replays = world.app.events.replays
    (cause,) = replays.causes(world.workspace)
    assert (cause.code, len(cause.deliveries), replays.dead_count(world.workspace)) == ("not_found", 3, 3)
    assert replays.set_aside(world.workspace, cause.deliveries[:1], by="Ana") == 1
    assert replays.set_aside(world.workspace, cause.deliveries[:1], by="Bo") == 0, "once is enough"
    (aside,) = replays.dead(world.workspace, set_aside=True)
    assert aside.error and aside.error["set_aside_by"] == "Ana" and aside.error["message"]
    outcome = replays.retry_many(world.workspace, cause.deliveries)
    assert outcome.started == 2 and sum(outcome.refused.values()) == 1
    assert replays.causes(world.workspace) == []
    other = world.app.workspaces.create("Other").id
    assert replays.set_aside(other, cause.deliveries) == 0


def test_a_letter_whose_trigger_is_gone_says_so_and_can_be_set_aside(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = listener(world)
    (letter,) = dead_letters(world, monkeypatch, 1)
    world.app.db.write(lambda connection: connection.exec_driver_sql("DELETE FROM triggers"))
    replays = world.app.events.replays
    (shown,) = replays.dead(world.workspace)
    assert shown.trigger_key is None
    with pytest.raises(NotFound):
        replays.retry(world.workspace, letter.event_id, trigger.id)
    assert replays.dead_count(world.workspace) == 1
    assert replays.set_aside(world.workspace, replays.dead(world.workspace)) == 1


def test_what_is_still_tried_says_when(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    listener(small_world)
    with monkeypatch.context() as patch:
        patch.setattr(small_world.app.runs, "prepare", refusing("The disk is nearly full.", Unavailable))
        small_world.app.events.publish(small_world.workspace, "shop.order", {})
        deliver(small_world)
    (failing,) = small_world.app.events.replays.failing(small_world.workspace)
    assert failing.next_at and (failing.next_at - clock.at).total_seconds() == 2
    clock.forward(seconds=3)
    deliver(small_world)
    assert small_world.app.events.replays.failing(small_world.workspace) == []
    assert small_world.app.events.replays.dead(small_world.workspace) == []


def test_a_letter_set_aside_does_not_come_back_with_its_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One trigger gave up, another is still tried: the delivery goes on without the one a person has put aside."""
    Clock()
    lost, slow = listener(world, "lost"), listener(world, "slow")

    def prepare(_: str, target: Any, *__: Any, **___: Any) -> Any:
        raise (NotFound if target == lost.instance_id else Unavailable)("Not now.")

    with monkeypatch.context() as patch:
        patch.setattr(world.app.runs, "prepare", prepare)
        world.app.events.publish(world.workspace, "shop.order", {})
        deliver(world)
    replays = world.app.events.replays
    assert replays.set_aside(world.workspace, replays.dead(world.workspace)) == 1
    Clock().forward(minutes=5)
    deliver(world)
    assert {run.instance_id for run in world.rows("runs")} == {slow.instance_id}
