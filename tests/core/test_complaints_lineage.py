"""What users of other systems complain about, as what they can rely on here: paying twice, stale data, old versions."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from pydantic_core import to_json

from ionflux_core.sdk import Unavailable
from tests.agents_for_tests.world import World, world

__all__ = ["world"]


class Provider:
    """A paid service that counts its calls, and is out of order at times."""

    status = 200
    headers: dict[str, str] = {}

    def __init__(self, closed_from: int = 0) -> None:
        self.calls: list[str] = []
        self.closed_from = closed_from
        self.content = b""

    def request(self, method: str, url: str, **_: Any) -> Provider:
        if self.closed_from and len(self.calls) >= self.closed_from:
            raise Unavailable("The provider is closed.")
        self.calls.append(url)
        self.content = hashlib.sha256(url.encode()).hexdigest()[:8].encode()
        return self


def _five_calls(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    answers: list[str] = []
    for n in range(1, 6):
        url = f"https://provider.example/{n}/{'-'.join(answers)}"
        answers.append(ctx.http.request("GET", url).content.decode())
        ctx.kpi(f"answer {n}", n)
    words = ctx.llm.complete("Sum up: " + " ".join(answers)).text
    return {"result": [*answers, words]}


def _use(world: World, provider: Provider) -> None:
    world.app.models.outbound = lambda workspace_id: provider  # type: ignore[method-assign,return-value]


def test_complaint_1_late_failure_pays_no_step_again(world: World) -> None:
    """A five-step run that fails at step 4 goes on there: no call for the first three, the same result."""
    provider = Provider(closed_from=3)
    _use(world, provider)
    world.agent("probe", _five_calls)
    failed = world.run("probe")
    assert (failed.status, len(provider.calls)) == ("error", 3)
    provider.closed_from = 0
    done = world.ended(world.app.forks.retry(world.workspace, failed.id).run_id)
    assert done.status == "success", done.error
    assert [url.split("/")[3] for url in provider.calls] == ["1", "2", "3", "4", "5"]
    assert [call.kind for call in world.rows("calls", run_id=done.id)] == ["http", "http", "llm"]
    unbroken = world.run("probe")
    assert (done.outputs, done.kpis) == (unbroken.outputs, unbroken.kpis)


def test_complaint_3_a_fork_of_an_old_run_uses_that_runs_own_data(world: World) -> None:
    """Run 1 is forked after run 5: every reused byte is that of run 1, by its hash."""

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            seen = ctx.records.get("notes", "stock")
            stock = {"of": inputs["value"], "before": seen.data["of"] if seen else None}
            ctx.records.put("notes", "stock", stock)
            return stock

        stock = ctx.step("read", read)
        return {"result": ctx.step("report", lambda: {"stock": stock, "wanted": inputs["value"]})}

    world.agent("probe", run)
    world.instance("probe")
    first, *_ = [world.run("one", f"run {n}") for n in range(1, 6)]
    forked = world.app.forks.fork(world.workspace, first.id, step="report", inputs={"value": "edited"})
    done = world.ended(forked.run_id)
    assert done.outputs == {"result": {"stock": {"of": "run 1", "before": None}, "wanted": "edited"}}
    reused, anew = world.app.runs.steps(world.workspace, done.id)
    (original, _) = world.app.runs.steps(world.workspace, first.id)
    assert (reused.status, reused.source_run_id, anew.status) == ("reused", first.id, "success")
    assert reused.outputs_hash == original.outputs_hash == hashlib.sha256(to_json(original.outputs)).hexdigest()
    assert to_json(reused.outputs) == to_json(original.outputs)


def test_complaint_12_a_run_keeps_the_version_it_began_with_and_the_next_takes_the_new_one(world: World) -> None:
    """Saving while a run works changes nothing of it; the next run has the new text, and each row says which."""
    begun, saved = threading.Event(), threading.Event()

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        saved.wait(5)
        return {"result": [inputs["value"], ctx.step("later", lambda: ctx.inputs["value"])]}

    world.agent("probe", run)
    one = world.instance("probe", yaml="inputs:\n  value: old\n")
    world.started()
    running = world.start("one")
    assert begun.wait(5)
    world.app.agents.save(world.workspace, one.id, "inputs:\n  value: new\n")
    saved.set()
    first, second = world.ended(running), world.run("one")
    assert (first.outputs, second.outputs) == ({"result": ["old", "old"]}, {"result": ["new", "new"]})
    assert [run.config["instance_version"] for run in (first, second)] == [1, 2]
    assert first.config_sha256 != second.config_sha256
    # A retry, fork or replay of the first one still means what the first one meant.
    again = world.ended(world.app.forks.fork(world.workspace, first.id).run_id)
    assert (again.outputs, again.config_sha256) == (first.outputs, first.config_sha256)
