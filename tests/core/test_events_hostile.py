"""Events under rough hands: others' workspaces, endless types, odd ids, secrets, and listeners that block the way."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from ionflux_core.domain.events import EventFilter
from ionflux_core.errors import NotFound, Unavailable
from ionflux_core.ids import new_id, now
from ionflux_core.storage.engine import Connection
from ionflux_core.storage.tables import events
from tests.agents_for_tests.world import World, small_world, world
from tests.core.test_api_events import application, client
from tests.core.test_event_replays import deliver, listener, refusing

__all__ = ["application", "client", "small_world", "world"]


def stored(world: World, count: int, type: str) -> None:
    """So many events of a workspace, each of its own type when `type` says where its number goes."""
    row = {"workspace_id": world.workspace, "at": now(), "source": "api", "schema_version": "v1.0", "payload": {},
           "status": "processed"}  # fmt: skip
    made = [row | {"id": (name := new_id()), "correlation_id": name, "type": type.format(n)} for n in range(count)]

    def work(connection: Connection) -> None:
        for first in range(0, count, 1000):
            connection.execute(insert(events), made[first : first + 1000])

    world.app.db.write(work)


def test_a_list_of_events_shows_no_more_than_one_event(small_world: World, client: Any) -> None:
    secret = "sk-ant-" + "a1B2c3D4" * 6
    client.post("events", json={"type": "shop.order", "payload": {"note": f"use {secret}", "n": 1}})
    assert secret not in client.get("events", params={"type": "shop."}).text


@pytest.mark.parametrize("deep", [400, 4_000, 100_000])
def test_a_deep_payload_is_refused_kindly(client: Any, deep: int) -> None:
    body = '{"type": "shop.order", "payload": ' + '{"a":' * deep + "1" + "}" * deep + "}"
    answer = client.post("events", content=body, headers={"content-type": "application/json"})
    assert answer.status_code < 500, answer.text
    assert client.get("events").status_code == 200


def test_a_brand_of_nobody_is_not_there(world: World) -> None:
    with pytest.raises(NotFound):
        world.app.events.publish(world.workspace, "shop.order", {}, brand_id="not-mine")


def test_deliveries_are_only_the_workspaces_own(world: World) -> None:
    listener(world)
    event_id = world.app.events.publish(world.workspace, "shop.order", {})
    deliver(world)
    other = world.app.workspaces.create("Other").id
    assert world.app.events.deliveries(world.workspace, [event_id])
    assert world.app.events.deliveries(other, [event_id]) == {}


def test_events_that_wait_for_another_try_do_not_stand_before_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener(world)
    with monkeypatch.context() as patch:
        patch.setattr(world.app.runs, "prepare", refusing("The disk is full.", Unavailable))
        for n in range(201):
            world.app.events.publish(world.workspace, "shop.order", {"n": n})
        last = world.app.events.publish(world.workspace, "nobody.hears", {})
        deliver(world)
        deliver(world)
    assert world.app.events.get(world.workspace, last).status == "archived_no_trigger"


def test_what_another_process_has_handed_over_is_no_dead_letter(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    listener(world)
    event_id = world.app.events.publish(world.workspace, "shop.order", {})
    other = world.application()

    def outrun(*_: Any, **__: Any) -> Any:
        other.events.deliver()
        raise NotFound("The agent's code is gone.", hint="Repair it.")

    with monkeypatch.context() as patch:
        patch.setattr(world.app.runs, "prepare", outrun)
        deliver(world)
    (delivery,) = world.app.events.deliveries(world.workspace, [event_id])[event_id]
    assert delivery.status == "started" and delivery.run_id
    assert world.app.events.replays.dead_count(world.workspace) == 0


def test_more_types_than_a_query_takes_are_found_by_a_pattern(world: World) -> None:
    stored(world, 70_000, "shop.n{}.made")
    stored(world, 1, "other.fact")
    page = world.app.events.search(world.workspace, EventFilter(pattern="shop.*.made"), limit=3)
    assert [event.type for event in page.events] == ["shop.n69999.made", "shop.n69998.made", "shop.n69997.made"]
    assert not world.app.events.search(world.workspace, EventFilter(pattern="shop.*"), limit=3).events
