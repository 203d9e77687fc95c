"""What a run leaves: its steps, never repeated, with their outputs and effects; nothing of a step that failed."""

from __future__ import annotations

import itertools
import math
import time
from decimal import Decimal
from typing import Any

import pytest

from ionflux_core import ids
from ionflux_core.errors import Invalid
from ionflux_core.limits import RUN_STEPS
from ionflux_core.runtime.journal import Journal
from ionflux_core.sdk import Retry, Unavailable
from tests.agents_for_tests.world import World, small_world, world

__all__ = ["small_world", "world"]


def test_a_run_records_its_steps_outputs_kpis_events_and_logs(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        doubled = ctx.step("double", lambda n: n * 2, inputs["value"])
        ctx.kpi("doubled", doubled, unit="count")
        ctx.emit("test.doubled", {"n": doubled})
        ctx.log("Doubled.", n=doubled)
        return {"result": doubled}

    world.agent("probe", run)
    done = world.run("probe", 21)
    assert (done.status, done.outputs, done.kpis, done.preview) == ("success", {"result": 42}, {"doubled": 42}, "42")
    (step,) = world.app.runs.steps(world.workspace, done.id)
    assert (step.step_key, step.status, step.outputs, step.inputs) == ("double", "success", 42, {"args": [21]})
    assert world.events() == [("test.doubled", {"n": 42})]
    assert [log.message for log in world.app.runs.logs(world.workspace, done.id)] == ["Doubled."]
    assert [row.value for row in world.rows("kpi_points")] == [42.0]
    (completed,) = world.events("ionflux.agent.run.completed")
    assert (completed[1]["run_id"], completed[1]["status"]) == (done.id, "success")


def test_a_finished_step_is_not_repeated_by_a_retry(world: World) -> None:
    ran: list[str] = []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        first = ctx.step("first", lambda: ran.append("first") or len(ran))
        ctx.step("second", lambda: _fail_twice(ran))
        return {"result": first}

    def _fail_twice(ran: list[str]) -> None:
        ran.append("second")
        if ran.count("second") < 3:
            raise Retry("Not yet.", after_seconds=0)

    world.agent("probe", run, retries=2)
    done = world.run("probe")
    assert (done.status, done.attempt, done.outputs) == ("success", 3, {"result": 1})
    assert ran == ["first", "second", "second", "second"]
    assert [s.attempt for s in world.app.runs.steps(world.workspace, done.id)] == [1, 3]


def test_a_retry_waits_as_long_as_it_was_told_and_ends_after_the_last_one(small_world: World) -> None:
    world, began = small_world, []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        began.append(time.monotonic())
        raise Retry("The shop is closed.", after_seconds=1.0)

    world.agent("probe", run, retries=1)
    done = world.run("probe")
    assert (done.status, done.error_code, done.error_message) == ("error", "retry", "The shop is closed.")
    assert len(began) == 2 and began[1] - began[0] >= 1.0
    assert "Attempt 1 failed" in world.app.runs.logs(world.workspace, done.id)[0].message


def test_backoff_doubles_with_every_attempt(small_world: World) -> None:
    world, began = small_world, []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        began.append(ids.now())
        raise Unavailable("Nobody there.")

    world.agent("probe", run, retries=2, backoff_seconds=0.6)
    assert world.run("probe").status == "error"
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(began)]
    assert gaps[0] >= 0.6 and gaps[1] >= 1.2


def test_an_error_of_the_agents_own_is_not_retried_and_shows_its_trace(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": ctx.step("divide", lambda: 1 / 0)}

    world.agent("probe", run, retries=3)
    done = world.run("probe")
    assert done.error is not None and done.attempt == 1
    assert (done.error.code, done.error.message) == ("agent_failed", "ZeroDivisionError: division by zero")
    assert "test_runner.py" in (done.error.trace or "")
    assert world.steps(done.id) == {"divide": "error"}


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_an_agent_that_ends_its_thread_fails_alone(small_world: World, ending: type[BaseException]) -> None:
    world = small_world

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        if inputs.get("value"):
            raise ending
        return {"result": 1}

    world.agent("probe", run)
    for _ in range(3):
        assert world.run("probe", "end", timeout=3).error_code == "agent_failed"
    assert world.run("probe", timeout=3).status == "success"


def test_repeated_and_nested_names_get_keys_of_their_own(world: World) -> None:
    ran: list[str] = []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def outer(n: int) -> int:
            return ctx.step("inner", lambda: ran.append(f"inner {n}") or n * 10) + ctx.step("inner", lambda: n)

        answers = [ctx.step("x", lambda: "own"), ctx.step("x[1]", lambda: "named"), ctx.step("x", lambda: "again")]
        answers += [ctx.step("outer", outer, n) for n in (1, 2)]
        if ctx.attempt == 1:
            raise Retry("Once more.", after_seconds=0)
        return {"result": answers}

    world.agent("probe", run, retries=1)
    done = world.run("probe")
    assert done.outputs == {"result": ["own", "named", "again", 11, 22]}
    assert ran == ["inner 1", "inner 2"]
    keys = list(world.steps(done.id))
    assert keys[:3] == ["x", "x[1]", "x[2]"]
    assert {"outer", "outer/inner", "outer/inner[1]", "outer[1]"} < set(keys)


def test_long_step_names_stay_apart_and_are_stored(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def down(depth: int) -> int:
            return ctx.step("n" * 200, down, depth - 1) + 1 if depth else 0

        return {"result": down(4)}

    world.agent("probe", run)
    done = world.run("probe")
    assert done.outputs == {"result": 4}
    assert len(world.steps(done.id)) == 4


def test_a_run_has_a_cap_of_steps_even_under_one_name(small_world: World) -> None:
    database = small_world.app.db
    journal = Journal(database, small_world.app.files, small_world.workspace, "run", {}, owner="me")
    for _ in range(RUN_STEPS):
        journal.key("again")
    with pytest.raises(Exception, match=f"more than {RUN_STEPS} steps"):
        journal.key("again")


def test_large_outputs_are_kept_as_files_and_come_back_whole(world: World) -> None:
    text = "x" * 300_000

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        large = ctx.step("large", lambda: {"text": text})
        if ctx.attempt == 1:
            raise Retry("Once more.", after_seconds=0)
        return {"result": large}

    world.agent("probe", run, retries=1)
    done = world.run("probe")
    assert done.outputs is not None
    reference = done.outputs["result"]["storage_ref"]
    assert reference["size"] > 300_000
    assert text.encode() in world.app.runs.file(world.workspace, reference["sha256"])
    (step,) = world.app.runs.steps(world.workspace, done.id)
    assert (step.outputs, step.output_ref) == (None, reference["sha256"])


def test_outputs_are_plain_json_and_what_is_no_figure_becomes_null(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        back = ctx.step("odd", lambda: {"nan": math.nan, "money": Decimal("1.10"), "tuple": (1, 2), "inf": math.inf})
        return {"result": back}

    world.agent("probe", run)
    assert world.run("probe").outputs == {"result": {"nan": None, "money": "1.10", "tuple": [1, 2], "inf": None}}


@pytest.mark.parametrize("value", [object(), {"half": "\ud800"}, lambda: None], ids=["object", "text", "function"])
def test_a_step_that_returns_no_json_fails_and_drops_what_it_would_have_left(world: World, value: Any) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def step() -> Any:
            ctx.emit("test.lost", {})
            ctx.kpi("lost", 1)
            return value

        return {"result": ctx.step("odd", step)}

    world.agent("probe", run)
    done = world.run("probe")
    assert (done.status, done.error_code) == ("error", "not_json")
    assert world.steps(done.id) == {"odd": "error"}
    assert world.events() == [] and world.rows("kpi_points") == []


def test_a_failing_step_drops_its_events_and_kpis_and_those_of_the_steps_around_it(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def outer() -> None:
            ctx.emit("test.outer", {})
            ctx.kpi("outer", 1)
            ctx.step("inner", lambda: ctx.emit("test.inner", {}))
            raise ValueError("after the inner step")

        ctx.emit("test.before", {})
        try:
            ctx.step("outer", outer)
        except ValueError:
            ctx.log("Caught.")
        ctx.step("last", lambda: ctx.emit("test.last", {}))
        return {"result": 1}

    world.agent("probe", run)
    assert world.run("probe").status == "success"
    assert sorted(type for type, _ in world.events()) == ["test.before", "test.inner", "test.last"]
    assert world.rows("kpi_points") == []


def test_effects_of_a_repeated_attempt_are_there_once(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.emit("test.loose", {"attempt": 1})
        ctx.step("emit", lambda: (ctx.emit("test.step", {}), ctx.kpi("k", 2), ctx.emit("test.keyed", {}, key="one")))
        if ctx.attempt == 1:
            raise Retry("Once more.", after_seconds=0)
        return {"result": 1}

    world.agent("probe", run, retries=1)
    assert world.run("probe").status == "success"
    assert sorted(type for type, _ in world.events()) == ["test.keyed", "test.loose", "test.step"]
    assert world.run("probe").status == "success"
    assert [type for type, _ in world.events("test.keyed")] == ["test.keyed"]


def test_figures_that_are_none_are_refused_where_they_are_reported(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.kpi("margin", math.nan)
        return {}

    world.agent("probe", run)
    for _ in range(3):
        done = world.run("probe", timeout=3)
        assert (done.status, done.error_code) == ("error", "invalid")
        assert "no figure" in (done.error_message or "")


def test_texts_no_database_takes_do_not_stop_the_worker(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.log("half a pair \ud800 and a NUL \0", name="\0")
        back = ctx.step("nul", lambda: {"a": "x\0y", "\0": 1})
        ctx.emit("test.nul", {"text": "\0"})
        if inputs.get("value"):
            raise ValueError("bad \ud800 \0")
        return {"result": back}

    world.agent("probe", run)
    for _ in range(3):
        assert world.run("probe", timeout=3).status == "success"
        assert world.run("probe", "fail", timeout=3).error_code == "agent_failed"


def test_wrong_outputs_are_warnings_and_no_map_is_an_error(world: World) -> None:
    world.agent("extra", lambda ctx, inputs: {"other": 1})
    world.agent("none", lambda ctx, inputs: None)  # type: ignore[arg-type,return-value]
    done = world.run("extra")
    assert done.status == "success"
    assert done.warnings == ["Output 'result' is missing.", "Output 'other' is not in the manifest."]
    assert world.run("none").error_code == "bad_outputs"


def test_a_dry_run_leaves_no_trace_but_itself(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.records.put("notes", "a", {"n": 1})
        ctx.records.put("notes", "b", {"n": 2})
        ctx.records.delete("notes", "b")
        ctx.step("effects", lambda: (ctx.emit("test.dry", {}), ctx.kpi("dry", 5)))
        ctx.value("money_made", 5, unit="USD", method="measured", note="a sale")
        decision = ctx.approve("May I?")
        ctx.wait(seconds=3600)
        seen = [record.key for record in ctx.records.find("notes")]
        return {"result": [ctx.dry_run, decision.approved, seen]}

    world.agent("probe", run)
    instance = world.instance("probe")
    before = world.app.agents.get(world.workspace, instance.id)
    done = world.run("one", dry_run=True)
    assert done.status == "success" and done.dry_run
    assert done.outputs == {"result": [True, True, ["a"]]}
    assert done.kpis == {"dry": 5}
    for table in ("events", "kpi_points", "value_entries", "records", "approvals"):
        assert world.rows(table) == [], table
    assert world.app.agents.get(world.workspace, instance.id) == before


def test_a_dry_run_that_fails_does_not_count_for_the_breaker(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": 1 / 0}, breaker=1)
    instance = world.instance("probe")
    assert world.run("one", dry_run=True).status == "error"
    after = world.app.agents.get(world.workspace, instance.id)
    assert (after.status, after.consecutive_failures) == ("active", 0)


def test_secrets_are_hidden_in_errors_logs_and_events_of_failure(world: World) -> None:
    value = "tok-4711-very-secret"

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.log(f"using {value}", token=value)
        raise ValueError(f"refused: {value}")

    world.agent("probe", run)
    world.app.secrets.put(world.workspace, "token", value)
    done = world.run("probe")
    assert done.error is not None
    assert "refused: [redacted]" in done.error.message and value not in (done.error.trace or "")
    (log,) = world.app.runs.logs(world.workspace, done.id)
    assert value not in log.message and value not in str(log.fields)
    assert value not in str(world.rows("events")) + str(world.rows("runs")) + str(world.rows("run_steps"))


def test_an_agent_knows_its_instance(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": [ctx.instance_name, ctx.workspace.name]})
    world.instance("probe", "My probe")
    assert world.run("My probe").outputs == {"result": ["My probe", "Test"]}


def test_an_event_of_an_instance_with_a_long_name_is_stored(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.emit("test.long", {}, key="k" * 500)
        return {"result": 1}

    world.agent("probe", run)
    world.instance("probe", "n" * 120)
    assert world.run("n" * 120).status == "success"
    assert [type for type, _ in world.events()] == ["test.long"]


def test_only_declared_collections_may_be_used(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": ctx.records.get("other", "x")})
    done = world.run("probe")
    assert done.error_code == Invalid.code and "not declared" in (done.error_message or "")
