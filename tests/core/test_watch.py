"""The watch: what each measure finds, what health says, and that a dead clock does not go unnoticed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ionflux_core.catalog.manifest import configuration_schema, json_schema
from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.domain.health import HealthSpec, p95, span_of, spoken
from ionflux_core.domain.incidents import OPENED, Incident
from ionflux_core.errors import Invalid
from ionflux_core.services.watch import Present
from ionflux_core.services.watch_measures import LEAST_RUNS
from ionflux_core.storage import ledger
from ionflux_core.storage import triggers as trigger_rows
from ionflux_core.storage.engine import Connection
from ionflux_core.triggers.watch import WatchTriggers
from tests.agents_for_tests.world import Clock, World, small_world, wait_for, world

__all__ = ["small_world", "world"]

HOURLY = "  - {key: hourly, type: schedule, config: {cron: '0 * * * *'}}\n"
MINUTELY = "  - {key: minutely, type: schedule, config: {cron: '* * * * *'}}\n"
LISTENS = "  - {key: told, type: event, config: {topic: test.told}}\n"


def works(_: Any, __: dict[str, Any]) -> dict[str, Any]:
    return {"result": 1}


def fails(_: Any, __: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError("the shop is closed")


def sleeps(_: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    time.sleep(inputs["value"])
    return {"result": 1}


def looked(world: World, **options: Any) -> list[Incident]:
    """What is open after one look."""
    assert world.app.watch.look("test", **options) == 1
    return world.app.incidents.find(world.workspace, "open")


def tried(world: World, measure: str, threshold: float = 0, **more: Any) -> Present:
    """What a rule would say now."""
    draft = {"name": "Trial", "measure": measure, "threshold": threshold, "period_minutes": 60, **more}
    return world.app.watch.try_rule(world.workspace, draft)


def set_due(world: World, key: str, due: datetime | None) -> None:
    found = [trigger for trigger in world.app.triggers.find(world.workspace) if trigger.key == key]
    for trigger in found:
        world.app.triggers.set_next_due(trigger.id, due)


def keep_the_clock(world: World, at: datetime) -> None:
    def work(connection: Connection) -> object:
        until = at + timedelta(seconds=15)
        return trigger_rows.take_lease(connection, "clock", "somebody", at=at, until=until)

    world.app.db.write(work)


# What happens to runs


def test_failures_beyond_the_rule_open_an_incident_that_leads_to_a_failed_run(world: World) -> None:
    world.agent("probe", fails, breaker=100)
    ids = [world.run("probe").id for _ in range(3)]
    assert looked(world) == [], "three runs are no share yet"
    world.replace("probe", works)
    assert [world.run("probe").status for _ in range(2)] == ["success", "success"]
    (one,) = looked(world)
    assert one.kind == "failure_rate" and one.title == "60 % of the runs fail" and one.value == 60.0
    assert "3 of 5 runs that ended within 1 hour failed" in one.detail
    ((kind, payload),) = world.events("ionflux.alert.")
    assert kind == OPENED and payload["run_id"] == ids[-1]
    event = world.app.events.find(world.workspace, prefix="ionflux.alert.")[0]
    assert event.correlation_id == world.get(ids[-1]).correlation_id, "it stands in the chain of that run"
    alerts = world.app.chat.ensure_channel(world.workspace, "alerts").id
    owner = world.app.workspaces.owner().id
    said = world.app.chat.messages(world.workspace, alerts, user_id=owner)
    (message,) = [each for each in said if each.content.text_body.startswith("**60 %")]
    assert message.run_id == ids[-1], "and so does what the chat says"
    world.app.incidents.resolve(world.workspace, one.id, by="Ada")
    chain = world.app.events.find(world.workspace, correlation_id=event.correlation_id, prefix="ionflux.alert.")
    assert [each.type for each in chain] == ["ionflux.alert.resolved", OPENED]


def test_dry_runs_and_what_was_before_the_rule_count_for_nothing(world: World) -> None:
    clock = Clock(datetime.now(UTC))
    world.agent("probe", fails, breaker=100)
    for _ in range(LEAST_RUNS):
        world.run("probe")
    clock.forward(minutes=1)
    for rule in world.app.alert_rules.find(world.workspace):
        world.app.alert_rules.remove(world.workspace, rule.id)
    world.app.alert_rules.add_usual(world.workspace)
    for _ in range(LEAST_RUNS):
        world.run("probe", dry_run=True)
    assert looked(world) == []
    assert tried(world, "failure_rate").value == 100.0, "a trial looks at what there is"


def test_a_rule_looks_only_at_its_target(world: World) -> None:
    world.agent("good", works)
    world.agent("bad", fails, breaker=100)
    good, bad = world.instance("good", "Good"), world.instance("bad", "Bad")
    for _ in range(LEAST_RUNS):
        world.run("Good")
        world.run("Bad")
    assert tried(world, "failure_rate").value == 50.0
    assert tried(world, "failure_rate", target={"instance_id": bad.id}).value == 100.0
    assert tried(world, "failure_rate", target={"definition_slug": "good"}).value == 0.0
    assert not tried(world, "failure_rate", target={"instance_id": good.id}).broken
    assert "of Bad" in tried(world, "failure_rate", target={"instance_id": bad.id}).readings[0].title


def test_run_times_are_measured_at_the_95th_of_100(world: World) -> None:
    world.agent("probe", sleeps)
    assert tried(world, "latency_p95").words == "not computed"
    for _ in range(LEAST_RUNS):
        world.run("probe", 0.0)
    world.run("probe", 0.3)
    found = tried(world, "latency_p95", 0.25)
    assert found.broken and found.value is not None and 0.3 <= found.value < 5
    assert not tried(world, "latency_p95", 60).broken
    assert p95([float(n) for n in range(1, 101)]) == 95.0 and p95([3.0]) == 3.0


def test_cost_is_what_runs_have_cost_and_pace_what_the_day_heads_for(world: World) -> None:
    clock = Clock(datetime(2026, 11, 20, 17, 0, tzinfo=UTC))
    world.agent("probe", works)
    instance = world.instance("probe", "Spender")
    run = world.run("Spender")

    def spend(connection: Connection) -> None:
        ledger.spend(connection, world.workspace, [world.workspace, instance.id], "2026-11-20", 3_000_000)

    world.app.db.write(spend)
    zone = world.app.workspaces.get(world.workspace).settings.timezone
    assert zone == "America/New_York", "it is noon there"
    assert tried(world, "cost_projected").value == pytest.approx(6.0)
    target = {"instance_id": instance.id}
    assert tried(world, "cost_projected", target=target).value == pytest.approx(6.0)
    clock.at = datetime(2026, 11, 20, 5, 30, tzinfo=UTC)
    assert tried(world, "cost_projected").words == "not computed"
    assert run.cost_micros == 0 and tried(world, "cost").words == "$0.00"


@pytest.mark.parametrize(("day", "noon", "passed", "hours"), [("2026-11-01", 17, 13, 25), ("2026-03-08", 16, 11, 23)])
def test_the_pace_knows_how_long_a_day_is(small_world: World, day: str, noon: int, passed: int, hours: int) -> None:
    """At noon of the days on which New York's clocks change, 13 of 25 or 11 of 23 hours have passed."""
    Clock(datetime.fromisoformat(f"{day}T{noon}:00:00+00:00"))
    workspace = small_world.workspace
    small_world.app.db.write(lambda connection: ledger.spend(connection, workspace, [workspace], day, 1_000_000))
    assert tried(small_world, "cost_projected").value == pytest.approx(hours / passed)


def test_the_queue_is_counted_and_its_oldest_run_timed(world: World) -> None:
    clock = Clock(datetime.now(UTC))
    world.agent("probe", works)
    world.agent("elsewhere", works)
    world.instance("probe", "Slow")
    assert tried(world, "queue_length").value == 0 and tried(world, "queue_delay").value == 0
    for _ in range(3):
        world.start("Slow")
    clock.forward(seconds=90)
    assert tried(world, "queue_length", 2).broken
    assert tried(world, "queue_delay").value == pytest.approx(90, abs=1)
    assert tried(world, "queue_length", target={"definition_slug": "elsewhere"}).value == 0


def test_events_that_nobody_could_take_are_counted(world: World) -> None:
    world.agent("probe", works, triggers=LISTENS)
    world.agent("other", works)
    world.instance("probe", "Listener")
    world.app.events.publish(world.workspace, "test.told", {})

    def refuse(*_: Any, **__: Any) -> Any:
        raise ValueError("not today")

    world.app.runs.prepare = refuse  # type: ignore[method-assign]
    world.app.events.deliver()
    found = tried(world, "dead_letters")
    assert found.broken and found.value == 1 and "the newest is test.told" in found.readings[0].detail
    assert tried(world, "dead_letters", target={"definition_slug": "other"}).value == 0


def test_the_disk_is_looked_at(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 5 * 1024**3
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free})())
    assert tried(small_world, "disk_free", 6, comparison="below").broken
    assert not tried(small_world, "disk_free", 4, comparison="below").broken


def test_a_stopped_agent_opens_one_incident_until_it_is_switched_on(world: World) -> None:
    clock = Clock(datetime.now(UTC))
    world.agent("probe", fails, breaker=3)
    instance = world.instance("probe", "Broken")
    for _ in range(3):
        run = world.run("Broken")
    (one,) = looked(world)
    assert (one.kind, one.instance_id, one.title) == ("breaker", instance.id, "Broken was stopped")
    assert world.events("ionflux.alert.")[0][1]["run_id"] == run.id
    world.app.agents.set_status(world.workspace, instance.id, "active")
    clock.forward(minutes=6)
    assert looked(world) == []


def test_what_was_stopped_before_the_rule_is_no_news(world: World) -> None:
    clock = Clock(datetime.now(UTC))
    world.agent("probe", fails, breaker=2)
    world.instance("probe", "Broken")
    for _ in range(2):
        world.run("Broken")
    clock.forward(seconds=5)
    for rule in world.app.alert_rules.find(world.workspace):
        world.app.alert_rules.remove(world.workspace, rule.id)
    world.app.alert_rules.add_usual(world.workspace)
    assert looked(world) == []


# Silence


def test_schedules_that_did_not_fire_are_one_trouble_while_nobody_keeps_the_clock(world: World) -> None:
    clock = Clock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
    world.agent("probe", works, triggers=HOURLY)
    for name in ("First", "Second"):
        world.instance("probe", name)
    set_due(world, "hourly", clock.at)
    clock.forward(seconds=20)
    assert looked(world) == []
    clock.forward(seconds=20)
    (one,) = looked(world)
    assert one.kind == "overdue" and one.title == "2 agents are overdue: nobody keeps the clock"
    assert "First, Second" in one.detail
    keep_the_clock(world, clock.at)
    assert len(looked(world)) == 3, "now each schedule is a trouble of its own, and the first one ends in a while"


def test_a_schedule_nobody_has_ever_armed_is_overdue_after_its_first_time(world: World) -> None:
    clock = Clock(datetime(2026, 3, 2, 12, 0, 10, tzinfo=UTC))
    world.agent("probe", works, triggers=MINUTELY)
    world.instance("probe", "Never")
    assert looked(world) == []
    clock.forward(seconds=90)
    (one,) = looked(world)
    assert one.kind == "overdue" and one.title.startswith("Never is overdue")


def test_an_agent_that_stops_producing_is_silent(world: World) -> None:
    clock = Clock(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    world.agent("probe", works, triggers=HOURLY)
    instance = world.instance("probe", "Reporter")
    set_due(world, "hourly", clock.at + timedelta(days=1))
    world.run("Reporter")
    keep_the_clock(world, clock.at)
    assert looked(world) == []
    clock.forward(minutes=31)
    keep_the_clock(world, clock.at)
    assert looked(world) == [], "a run takes its time"
    clock.forward(minutes=6)
    keep_the_clock(world, clock.at)
    assert looked(world, settled=False) == [], "after a start nobody is judged before what was missed is made up for"
    (one,) = looked(world)
    assert (one.kind, one.instance_id) == ("silence", instance.id)
    assert one.detail.startswith("No successful run for 37 minutes; one was due by its schedule hourly")
    world.run("Reporter")
    clock.forward(minutes=6)
    keep_the_clock(world, clock.at)
    assert looked(world) == []


def test_a_run_that_waits_for_a_person_is_no_silence(world: World) -> None:
    clock = Clock(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    world.agent("asker", lambda ctx, _: {"result": ctx.approve("May I?").approved}, triggers=HOURLY)
    world.instance("asker", "Asker")
    clock.forward(minutes=45)
    assert world.run("Asker").status == "awaiting_approval"
    keep_the_clock(world, clock.at)
    assert looked(world) == []


def test_who_is_switched_off_owes_nothing(world: World) -> None:
    clock = Clock(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    world.agent("probe", works, triggers=HOURLY)
    instance = world.instance("probe", "Off")
    world.app.agents.set_status(world.workspace, instance.id, "inactive")
    clock.forward(days=3)
    assert looked(world) == []
    health = world.app.watch.health(world.workspace)[instance.id]
    assert health.state == "unknown" and "switched off" in health.reason
    world.app.agents.set_status(world.workspace, instance.id, "active")
    keep_the_clock(world, clock.at)
    assert looked(world) == [], "its next time is still to come"


def test_what_the_manifest_expects_goes_before_its_schedules(world: World) -> None:
    clock = Clock(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    world.agent("probe", works, triggers=HOURLY)
    manifest(world, "probe", "health: {expected_every: 2d}")
    instance = world.instance("probe", "Slow one")
    set_due(world, "hourly", clock.at + timedelta(days=9))
    world.run("Slow one")
    clock.forward(days=2)
    assert health_of(world, instance.id) == "working"
    clock.forward(hours=5)
    assert health_of(world, instance.id) == "late"
    clock.forward(days=2)
    assert health_of(world, instance.id) == "silent"


def test_an_instance_may_say_otherwise_in_its_yaml(world: World) -> None:
    clock = Clock(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    world.agent("probe", works)
    manifest(world, "probe", "health: {expected_every: 2d, success_rate_at_least: 0.9}")
    own = world.instance("probe", "Own", yaml="health: {expected_every: 1h}\n")
    plain = world.instance("probe", "Plain")
    for name in ("Own", "Plain"):
        world.run(name)
    clock.forward(minutes=70)
    assert (health_of(world, own.id), health_of(world, plain.id)) == ("late", "working")
    definition = world.app.catalog.find("probe")
    assert definition is not None
    assert "expected_every" in configuration_schema(definition)["properties"]["health"]["properties"]
    for wrong, said in (("{expected_every: soon}", "no span of time"), ("{every: 1h}", "not a known key")):
        with pytest.raises(Invalid, match=said) as refused:
            world.instance("probe", "Wrong", yaml=f"health: {wrong}\n")
        assert refused.value.problems[0].line == 1


@pytest.mark.parametrize("sign", ["kpi", "event"])
def test_a_sign_of_life_can_be_a_figure_or_an_event(world: World, sign: str) -> None:
    def speaks(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        if inputs.get("value"):
            ctx.kpi("sold", 3) if sign == "kpi" else ctx.emit("test.sold", {})
        return {"result": 1}

    clock = Clock(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    world.agent("probe", speaks)
    name = "sold" if sign == "kpi" else "test.sold"
    manifest(world, "probe", f"health: {{expected_every: 1h, sign: {sign}, sign_name: {name}}}")
    instance = world.instance("probe", "Seller")
    world.run("Seller", 1)
    clock.forward(minutes=50)
    world.run("Seller")
    clock.forward(minutes=20)
    assert health_of(world, instance.id) == "late", "it runs, and brings nothing"
    world.run("Seller", 1)
    assert health_of(world, instance.id) == "working"


def health_of(world: World, instance_id: str) -> str:
    return world.app.watch.health(world.workspace)[instance_id].state


def manifest(world: World, slug: str, more: str) -> None:
    place = Path(world.app.settings.agents_dir) / slug / "agent.yaml"
    place.write_text(f"{place.read_text()}{more}\n")
    world.app.catalog.reload()
    world.app.marketplace.register()
    world._give(world.app)


def test_health_says_how_an_agent_is_and_why(world: World) -> None:
    world.agent("good", works)
    world.agent("bad", fails, breaker=4)
    good, bad, fresh = (world.instance(*each) for each in (("good", "Good"), ("bad", "Bad"), ("good", "Fresh")))
    for _ in range(3):
        world.run("Good")
        world.run("Bad")
    found = world.app.watch.health(world.workspace)
    assert {key: found[each.id].state for key, each in (("good", good), ("bad", bad), ("fresh", fresh))} == {
        "good": "working", "bad": "failing", "fresh": "unknown",
    }  # fmt: skip
    assert found[good.id].reason.endswith("3 of the last 3 succeeded.")
    assert found[bad.id].reason == "0 of its last 3 runs succeeded; at least 50% should."
    world.run("Bad")
    stopped = world.app.watch.health_of(world.app.agents.get(world.workspace, bad.id))
    assert stopped.state == "failing" and stopped.reason.startswith("It was stopped: 4 runs in a row failed")


def test_slow_runs_are_told_against_the_manifest(small_world: World) -> None:
    small_world.agent("probe", sleeps)
    manifest(small_world, "probe", "health: {p95_seconds_at_most: 0.01}")
    instance = small_world.instance("probe", "Slow")
    for _ in range(3):
        small_world.run("Slow", 0.05)
    health = small_world.app.watch.health(small_world.workspace)[instance.id]
    assert health.state == "failing" and "95 % of its runs take up to" in health.reason


def test_the_manifest_is_strict_about_health() -> None:
    for text, span in (("30m", timedelta(minutes=30)), ("2h", timedelta(hours=2)), ("1d", timedelta(days=1))):
        assert span_of(text) == span and HealthSpec(expected_every=text).expected_every == text
    for wrong in (
        {"expected_every": "soon"}, {"expected_every": "0m"}, {"expected_every": "9999w"}, {"sign": "smoke"},
        {"sign_name": "x"}, {"success_rate_at_least": 1.5}, {"p95_seconds_at_most": 0}, {"every": "1d"},
    ):  # fmt: skip
        with pytest.raises(ValidationError):
            HealthSpec.model_validate(wrong)
    assert (
        "health" in json_schema()["properties"]
        and "expected_every" in json_schema()["$defs"]["HealthSpec"]["properties"]
    )
    assert AgentDefinition.model_fields["health"].default == HealthSpec()
    assert [spoken(each) for each in (1, 59, 119, 150, 3600, 86_400, 200_000)] == [
        "1 second", "59 seconds", "119 seconds", "2 minutes", "1 hour", "1 day", "2 days",
    ]  # fmt: skip


# The watch itself


def test_one_process_watches_at_a_time(world: World) -> None:
    first, second = world.app.watch, world.application().watch
    assert first.look("first") == 1 and second.look("second") == 0 and first.look("first") == 1
    first.leave("first")
    assert second.look("second") == 1


def test_one_rule_that_cannot_be_measured_hides_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
    world.agent("probe", works, triggers=HOURLY)
    world.instance("probe", "Late")
    set_due(world, "hourly", clock.at - timedelta(minutes=5))
    from ionflux_core.errors import Unavailable
    from ionflux_core.services import watch_measures

    def broken(*_: Any) -> Any:
        raise Unavailable("The meter is gone.")

    monkeypatch.setitem(watch_measures._MEASURES, "failure_rate", broken)
    assert [each.kind for each in looked(world)] == ["overdue"]
    rules = world.app.alert_rules.find(world.workspace)
    present = world.app.watch.present(world.workspace, rules)
    errors = {rule.measure: present[rule.id].error for rule in rules}
    assert errors["failure_rate"] == "The meter is gone." and errors["overdue"] == ""


def test_a_look_without_trouble_writes_nothing_but_its_lease(world: World) -> None:
    world.agent("probe", works)
    world.run("probe")
    looked(world)
    before = [len(world.rows(table)) for table in ("events", "incidents", "audit_log", "chat_messages")]
    looked(world)
    assert [len(world.rows(table)) for table in ("events", "incidents", "audit_log", "chat_messages")] == before
    assert not (world.app.settings.data_dir / "analytics.duckdb").exists(), "the charts' copy sleeps on"


def test_a_killed_clock_is_noticed_within_one_period(world: World) -> None:
    """Complaint 8 of the field: schedules stop and nothing tells me."""
    app = world.started(scheduler=True)
    world.agent("probe", works, triggers=MINUTELY)
    instance = world.instance("probe", "Minutely")
    wait_for(lambda: any(trigger.next_due for trigger in app.triggers.find(world.workspace)))
    assert app.clock is not None and app.clock._clock is not None
    # The thread dies as a thread dies that met an error nobody caught; nobody gives the lease back.
    app.clock._clock.shutdown(wait=False)
    app.clock._clock = None
    due = max(trigger.next_due for trigger in app.triggers.find(world.workspace) if trigger.next_due)
    clock = Clock(due + timedelta(seconds=31))
    looking = WatchTriggers(app.watch, "test", seconds=0.05)
    looking.start()
    try:
        wait_for(lambda: app.incidents.open_count(world.workspace))
    finally:
        looking.stop()
    (one,) = app.incidents.find(world.workspace, "open")
    assert one.kind == "overdue" and one.title == "Minutely is overdue: nobody keeps the clock"
    assert one.opened_at - due < timedelta(minutes=1) and one.instance_id == instance.id
    assert [kind for kind, _ in world.events("ionflux.alert.")] == [OPENED]
    assert app.watch.health(world.workspace)[instance.id].state == "late"
    assert clock.at == due + timedelta(seconds=31)
