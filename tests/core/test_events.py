"""Events: who hears what, once each, in turns, again after a failure, never in a circle."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core import ids, limits
from ionflux_core.domain.events import EventFilter, canonical_subject, check_subject, matches, passes_filter
from ionflux_core.errors import Invalid, LimitExceeded, NotFound, Unavailable
from tests.agents_for_tests.world import Clock, World, small_world, together, wait_for, world

__all__ = ["small_world", "world"]

HEARS = (
    "  - {{key: hears, type: event, config: {{topic: {topic}{more}}}, is_user_overridable: true, payload_to: value}}\n"
)


def _hears(topic: str, more: str = "") -> str:
    return HEARS.format(topic=f"'{topic}'", more=more)


def _echo(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"result": inputs["value"]}


def _deliver(world: World) -> None:
    while world.app.events.deliver():
        pass


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("shop.order.created", "shop.order.created", True),
        ("shop.order.created", "shop.order", False),
        ("shop.*.created", "shop.order.created", True),
        ("shop.*", "shop.order.created", False),
        ("shop.>", "shop.order.created", True),
        ("shop.>", "shop", False),
        (">", "anything.at.all", True),
        ("*.*.*", "a.b.c", True),
        ("ionflux.emailwizard.sent", "ionflux.agent.emailwizard.sent", True),
        ("ionflux.shopifysentinel.>", "ionflux.agent.salessentinel.alert.raised", True),
        ("orders_raw", "ionflux.shopify.order.created", True),
    ],
)
def test_subjects_and_patterns(pattern: str, subject: str, expected: bool) -> None:
    assert matches(pattern, subject) is expected


def test_older_spellings_become_the_one_subject() -> None:
    assert canonical_subject("ionflux.shopify.ws_7.brand_9.orders.created") == "ionflux.shopify.order.created"
    assert check_subject(" ionflux.revenuetracker.margin ") == "ionflux.agent.revenuetracker.margin"
    for bad in ("", "a..b", "a b", "shop.*", "x" * 201, "a.>"):
        with pytest.raises(Invalid):
            check_subject(bad)


PAYLOAD = {
    "total": "120.50",
    "n": 3,
    "tags": ["vip", 5],
    "name": "Ana",
    "deep": {"a": {"b": 1}},
    "none": None,
    "x_gt": 9,
}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, True),
        ({"payload.total_gt": 100}, True),
        ({"payload_json.total_gt": 120.5}, False),
        ({"total_gte": 120.5, "n_lt": 4, "n_lte": 3}, True),
        ({"deep.a.b": 1}, True),
        ({"deep.a.c": 1}, False),
        ({"missing_ne": 1}, True),
        ({"missing_gt": 1}, False),
        ({"name_in": ["Ana", "Bo"]}, True),
        ({"name_in": "Ana"}, False),
        ({"tags_contains": "vip"}, True),
        ({"tags_contains": 5}, True),
        ({"name_contains": 5}, False),
        ({"name_contains": "na"}, True),
        ({"none": None}, True),
        ({"none_gt": 0}, False),
        ({"x_gt": 9}, True),
        ({"n_ne": "3"}, False),
        ({"n_gt": 10**400}, False),
    ],
)
def test_filters(conditions: dict[str, Any], expected: bool) -> None:
    assert passes_filter(conditions, PAYLOAD) is expected


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(["a", "b", "a.b"]), st.sampled_from(["", "_gt", "_lte", "_ne", "_in", "_contains"]), _json, _json
)
def test_no_filter_and_no_payload_breaks_the_bus(path: str, operator: str, expected: Any, actual: Any) -> None:
    assert passes_filter({path + operator: expected}, {"a": actual, "b": {"b": actual}}) in (True, False)


def test_an_event_starts_every_listener_once_and_carries_its_chain(world: World) -> None:
    world.agent("exact", _echo, triggers=_hears("shop.order.created"))
    world.agent("wild", _echo, triggers=_hears("shop.>", ", filter: {payload.total_gt: 100}"))
    world.agent("deaf", _echo, triggers=_hears("shop.*"))
    world.started()
    for slug in ("exact", "wild", "deaf"):
        world.instance(slug, slug)
    event_id = world.app.events.publish(
        world.workspace, "shop.order.created", {"total": "150"}, correlation_id=ids.new_id()
    )
    wait_for(lambda: world.app.runs.unfinished(world.workspace) == 0 and len(world.rows("runs")) == 2)
    found = world.app.runs.find(world.workspace).runs
    assert sorted(str(run.instance_name) for run in found) == ["exact", "wild"]
    (event,) = world.app.events.find(world.workspace, prefix="shop.")
    assert (event.id, event.status) == (event_id, "processed")
    for summary in found:
        run = world.get(summary.id)
        assert run.correlation_id == event.correlation_id and run.trigger.event_id == event_id
        assert run.outputs == {"result": {"total": "150"}}
        (trigger,) = [
            t for t in world.app.triggers.of_instance(world.workspace, run.instance_id or "") if t.kind == "event"
        ]
        assert [f.outcome for f in world.app.triggers.firings(world.workspace, trigger.id)] == ["started"]
    chain = world.app.events.find(world.workspace, correlation_id=event.correlation_id)
    assert sorted(e.type for e in chain) == ["ionflux.agent.run.completed"] * 2 + ["shop.order.created"]
    world.app.events.publish(world.workspace, "shop.order.created", {"total": "50"})
    wait_for(lambda: len(world.rows("runs")) == 3)


def test_the_same_key_publishes_once(world: World) -> None:
    publish = world.app.events.publish
    answers = together(6, lambda n: publish(world.workspace, "shop.order.created", {"n": n}, key="delivery-1"))
    assert len(set(answers)) == 1 and len(world.events("shop.")) == 1
    other = world.app.workspaces.create("Other").id
    assert publish(other, "shop.order.created", {}, key="delivery-1") not in answers
    assert publish(world.workspace, "a.b", {}, key="k" * 999) == publish(world.workspace, "a.b", {}, key="k" * 999)


def test_an_event_nobody_hears_is_kept_and_marked(world: World) -> None:
    world.app.events.publish(world.workspace, "shop.order.created", {})
    _deliver(world)
    (event,) = world.app.events.find(world.workspace)
    assert event.status == "archived_no_trigger"


def test_events_of_one_workspace_are_not_heard_in_another(world: World) -> None:
    world.agent("probe", _echo, triggers=_hears(">"))
    world.instance("probe")
    other = world.app.workspaces.create("Other").id
    world.app.events.publish(other, "shop.order.created", {})
    _deliver(world)
    assert world.rows("runs") == [] and world.events("shop.") == []


def test_a_group_shares_its_events_evenly_also_when_they_come_in_pairs(world: World) -> None:
    world.agent("probe", _echo, triggers=_hears("shop.order"))
    shared = "triggers:\n  - key: hears\n    config: {topic: shop.order, group: together}\n"
    names = ["one", "two"]
    for name in names:
        world.instance("probe", name, yaml=shared)
    for n in range(60):
        # Every order is followed by another event: taking turns by number would give all orders to one.
        world.app.events.publish(world.workspace, "shop.order", {"n": n})
        world.app.events.publish(world.workspace, "other", {})
    _deliver(world)
    heard = [str(run.instance_name) for run in world.app.runs.find(world.workspace, limit=200).runs]
    assert len(heard) == 60 and all(12 <= heard.count(name) <= 48 for name in names)


def test_what_may_heal_is_tried_again_later_and_then_given_up(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, clock = small_world, Clock()
    world.agent("probe", _echo, triggers=_hears("shop.order"))
    instance = world.instance("probe")
    (trigger,) = [t for t in world.app.triggers.of_instance(world.workspace, instance.id) if t.kind == "event"]
    tries = []

    def prepare(*_: Any, **__: Any) -> Any:
        tries.append(clock.at)
        raise Unavailable("The disk is nearly full.", hint="Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr(world.app.runs, "prepare", prepare)
        world.app.events.publish(world.workspace, "shop.order", {"n": 1})
        assert world.app.events.deliver() == 0
        assert world.app.events.deliver() == 0 and len(tries) == 1
        # Others are not held up.
        world.app.events.publish(world.workspace, "nobody.hears", {})
        assert world.app.events.deliver() == 1
    clock.forward(seconds=3)
    assert world.app.events.deliver() == 1 and len(world.rows("runs")) == 1
    assert [f.outcome for f in world.app.triggers.firings(world.workspace, trigger.id)] == ["started", "failed"]
    with monkeypatch.context() as patch:
        patch.setattr(world.app.runs, "prepare", prepare)
        world.app.events.publish(world.workspace, "shop.order", {"n": 2})
        for _ in range(10):
            _deliver(world)
            clock.forward(minutes=1)
    assert len(tries) == 1 + limits.EVENT_DELIVERY_ATTEMPTS
    assert [row.status for row in world.rows("event_deliveries")] == ["started", "dead"]
    firing = world.app.triggers.firings(world.workspace, trigger.id)[0]
    assert (firing.outcome, firing.detail) == ("refused", "The disk is nearly full.")


def test_what_cannot_heal_is_dead_at_once_and_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.agent("strict", _echo, triggers=_hears("shop.order"))
    world.agent("fine", _echo, triggers=_hears("shop.order"))
    strict = world.instance("strict", "strict")
    world.instance("fine", "fine")
    prepare = world.app.runs.prepare

    def broken(workspace_id: str, target: Any, *rest: Any, **options: Any) -> Any:
        if target == strict.id:
            raise RuntimeError("a fault of ours")
        return prepare(workspace_id, target, *rest, **options)

    monkeypatch.setattr(world.app.runs, "prepare", broken)
    world.app.events.publish(world.workspace, "shop.order", {})
    world.app.events.publish(world.workspace, "shop.order", {})
    _deliver(world)
    assert sorted(row.status for row in world.rows("event_deliveries")) == ["dead", "dead", "started", "started"]
    assert {event.status for event in world.app.events.find(world.workspace)} == {"processed"}
    assert [run.instance_name for run in world.app.runs.find(world.workspace).runs] == ["fine", "fine"]


def test_a_delivery_cut_short_by_a_crash_starts_no_second_run(world: World) -> None:
    world.agent("probe", _echo, triggers=_hears("shop.order"))
    world.instance("probe")
    world.app.events.publish(world.workspace, "shop.order", {})
    real = world.app.events._settle
    world.app.events._settle = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.app.events.deliver()
    world.app.events._settle = real  # type: ignore[method-assign]
    _deliver(world)
    assert len(world.rows("runs")) == 1


def test_two_processes_deliver_and_each_listener_hears_once(world: World) -> None:
    world.agent("probe", _echo, triggers=_hears("shop.order"))
    world.instance("probe")
    second = world.application(workers=0)
    for n in range(20):
        world.app.events.publish(world.workspace, "shop.order", {"n": n})
    together(2, lambda n: [(world.app, second)[n].events.deliver() for _ in range(3)])
    assert len(world.rows("runs")) == 20
    assert {event.status for event in world.app.events.find(world.workspace)} == {"processed"}


def test_an_agent_that_hears_its_own_end_stops_at_the_depth_limit(world: World) -> None:
    ran = []
    world.agent(
        "circle", lambda ctx, inputs: {"result": ran.append(ctx.run_id)}, triggers=_hears("ionflux.agent.run.completed")
    )
    world.started()
    world.instance("circle")
    world.run("one")
    wait_for(lambda: any(row.status == "dead" for row in world.rows("event_deliveries")))
    time.sleep(0.3)
    assert len(ran) == limits.RUN_DEPTH + 1
    (dead,) = [row for row in world.rows("event_deliveries") if row.status == "dead"]
    assert "started each other" in dead.error["message"]


def test_a_sleeping_instance_hears_nothing(world: World) -> None:
    world.agent("probe", _echo, triggers=_hears("shop.order"))
    instance = world.instance("probe")
    for status in ("inactive", "paused", "archived"):
        world.app.agents.set_status(world.workspace, instance.id, status)  # type: ignore[arg-type]
        world.app.events.publish(world.workspace, "shop.order", {})
        _deliver(world)
    assert world.rows("runs") == []


def test_a_dry_run_starts_nobody(world: World) -> None:
    world.agent("source", lambda ctx, inputs: {"result": ctx.emit("shop.order", {})})
    world.agent("probe", _echo, triggers=_hears(">"))
    world.started()
    world.instance("probe")
    assert world.run("source", dry_run=True).status == "success"
    time.sleep(0.3)
    assert len(world.rows("runs")) == 1


def test_an_event_has_a_size_limit(small_world: World) -> None:
    with pytest.raises(LimitExceeded):
        small_world.app.events.publish(small_world.workspace, "a.b", {"x": "y" * limits.EVENT_BYTES})


def test_what_another_process_published_is_heard_within_a_second(world: World) -> None:
    heard = threading.Event()
    world.agent("probe", lambda ctx, inputs: {"result": heard.set()}, triggers=_hears("shop.order"))
    world.started()
    world.instance("probe")
    world.application(workers=0).events.publish(world.workspace, "shop.order", {})
    assert heard.wait(5)


def test_events_are_listed_newest_first_in_pages(world: World) -> None:
    publish, find = world.app.events.publish, world.app.events.find
    for n in range(5):
        publish(world.workspace, f"shop.n{n}", {})
    first = find(world.workspace, limit=2)
    assert [event.type for event in first] == ["shop.n4", "shop.n3"]
    assert [event.type for event in find(world.workspace, before=first[-1].seq)] == ["shop.n2", "shop.n1", "shop.n0"]
    assert first[0].at - first[1].at >= timedelta(0)


def _found(world: World, **narrow: Any) -> list[str]:
    return [event.type for event in world.app.events.search(world.workspace, EventFilter(**narrow)).events]


def test_events_are_found_by_pattern_source_state_period_and_words(world: World) -> None:
    clock, publish = Clock(), world.app.events.publish
    brand = world.app.workspaces.add_brand(world.workspace, {"name": "Tea"}).id
    publish(world.workspace, "shop.order.created", {"number": 'A "7"', "city": "Évora"}, source="shop", brand_id=brand)
    clock.forward(hours=1)
    publish(world.workspace, "shop.refund.created", {"number": "B8"}, correlation_id="chain")
    publish(world.workspace, "shop.order", {"percent": "100%_"})
    _deliver(world)
    publish(world.workspace, "shopping.order.created", {})
    assert _found(world, pattern="shop.*.created") == ["shop.refund.created", "shop.order.created"]
    assert _found(world, pattern="shop.>") == ["shop.order", "shop.refund.created", "shop.order.created"]
    assert _found(world, pattern="shop.order") == ["shop.order"] and _found(world, pattern="no.such") == []
    assert _found(world, source="shop") == ["shop.order.created"] == _found(world, brand_id=brand)
    assert _found(world, correlation_id="chain") == ["shop.refund.created"]
    assert _found(world, status="pending_processing") == ["shopping.order.created"]
    assert _found(world, since=clock.at, prefix="shop.") == ["shop.order", "shop.refund.created"]
    assert _found(world, until=clock.at) == ["shop.order.created"]
    assert _found(world, text='a "7"') == ["shop.order.created"] == _found(world, text="évora")
    assert _found(world, text="%_") == ["shop.order"] and _found(world, text="_%") == []
    with pytest.raises(Invalid):
        _found(world, pattern="a..b")


def test_a_pattern_knows_types_that_came_since_it_was_last_asked(world: World) -> None:
    assert _found(world, pattern="shop.>") == []
    world.app.events.publish(world.workspace, "shop.order", {})
    assert _found(world, pattern="shop.>") == ["shop.order"]
    world.application(workers=0).events.publish(world.workspace, "shop.refund", {})
    assert _found(world, pattern="shop.>") == ["shop.refund", "shop.order"]


def test_a_pattern_and_a_page_go_together(world: World) -> None:
    for n in range(7):
        world.app.events.publish(world.workspace, "shop.order" if n % 2 else "other", {"n": n})
    narrow, seen, cursor = EventFilter(pattern="shop.*"), [], None
    while True:
        page = world.app.events.search(world.workspace, narrow, before=cursor, limit=2)
        seen += [event.payload["n"] for event in page.events]
        if (cursor := page.cursor) is None:
            break
    assert seen == [5, 3, 1]


def test_words_are_looked_for_in_a_stretch_and_the_cursor_goes_on_behind_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EVENT_TEXT_ROWS", 3)
    for n in range(8):
        world.app.events.publish(world.workspace, "shop.order", {"said": "needle" if n in (0, 4) else "hay"})
    narrow, found, asked, cursor = EventFilter(text="needle"), [], 0, None
    while True:
        page = world.app.events.search(world.workspace, narrow, before=cursor)
        found += page.events
        asked += 1
        if (cursor := page.cursor) is None:
            break
        assert page.searched == 3
    assert len(found) == 2 and 2 <= asked <= 4


def test_an_opened_event_shows_no_secret(world: World) -> None:
    world.app.secrets.put(world.workspace, "shop_key", "very-secret-value-1")
    token = "shpat_0123456789abcdef0123456789abcdef"
    event_id = world.app.events.publish(world.workspace, "a.b", {"key": "very-secret-value-1", "note": token})
    shown = world.app.events.shown(world.app.events.get(world.workspace, event_id))
    assert "very-secret" not in str(shown) and token not in str(shown)
    with pytest.raises(NotFound):
        world.app.events.get(world.app.workspaces.create("Other").id, event_id)


def test_who_listens_to_whom_names_speakers_hearers_and_dead_ends(world: World) -> None:
    world.agent("source", lambda ctx, inputs: {"result": ctx.emit("shop.order", {"n": 1})})
    world.agent("probe", _echo, triggers=_hears("shop.*"))
    world.agent("vain", _echo, triggers=_hears("never.said"))
    world.started()
    for slug in ("source", "probe", "vain"):
        world.instance(slug, slug)
    world.run("source")
    world.app.events.publish(world.workspace, "lonely.fact", {})
    wait_for(lambda: world.app.runs.unfinished(world.workspace) == 0 and len(world.rows("runs")) == 2)
    found = world.app.events.listeners.map(world.workspace)
    by_type = {subject.type: subject for subject in found.subjects}
    order = by_type["shop.order"]
    assert list(order.sources.values()) == [1] and [each.instance_name for each in order.triggers] == ["probe"]
    assert not order.is_dead_end and by_type["lonely.fact"].is_dead_end
    assert "chat" in by_type["ionflux.agent.run.completed"].followers
    assert [trigger.instance_name for trigger in found.unreached] == ["vain"]
    heard = world.app.events.listeners.hearing(world.workspace, "shop.order", {})
    assert [trigger.instance_name for trigger in heard.triggers] == ["probe"] and not heard.asleep
    world.app.agents.set_status(world.workspace, heard.triggers[0].instance_id, "paused")
    heard = world.app.events.listeners.hearing(world.workspace, "shop.order", {})
    assert not heard.triggers and [trigger.instance_name for trigger in heard.asleep] == ["probe"]
    assert world.app.events.listeners.map(world.workspace).subjects and _dead_end(world, "shop.order")
    assert "shop.order" in world.app.events.listeners.subjects(world.workspace)


def _dead_end(world: World, type: str) -> bool:
    return next(s.is_dead_end for s in world.app.events.listeners.map(world.workspace).subjects if s.type == type)


def test_those_who_look_are_told_when_events_come_and_not_when_nothing_does(small_world: World) -> None:
    told: list[int] = []
    listener = small_world.app.live.listen(small_world.workspace, lambda: told.append(1))
    small_world.app.events.deliver()
    assert listener.take() == []
    small_world.app.events.publish(small_world.workspace, "a.b", {})
    _deliver(small_world)
    assert listener.take() == ["events"]
    _deliver(small_world)
    assert listener.take() == []
