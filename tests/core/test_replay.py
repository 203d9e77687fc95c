"""Replays: the same run from its recording, and everything that must not happen meanwhile."""

from __future__ import annotations

import random
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core.application import Application
from ionflux_core.domain.runs import Run, RunError
from ionflux_core.errors import Conflict, Invalid, Unavailable
from ionflux_core.runtime.replay import as_raised, content_hash, difference
from ionflux_core.sdk import Retry
from ionflux_core.storage.tables import metadata
from tests.agents_for_tests.world import World, small_world, world

__all__ = ["small_world", "world"]

AGENTS = Path(__file__).resolve().parents[2] / "agents"
EFFECTS = ("events", "kpi_points", "value_entries", "records", "approvals", "outbox", "billing_ledger", "calls")


class Answer:
    """What the outside server of these tests says."""

    status = 200
    headers = {"content-type": "text/plain"}

    def __init__(self, content: bytes) -> None:
        self.content = content


class Outside:
    """A way out that counts who goes."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def request(self, method: str, url: str, **_: Any) -> Answer:
        self.asked.append(f"{method} {url}")
        return Answer(f"answer {len(self.asked)}".encode())


def _replay(world: World, run: Run) -> Run:
    return world.ended(world.app.forks.replay(world.workspace, run.id).run_id)


def _counts(world: World) -> dict[str, int]:
    return {table: len(world.rows(table)) for table in EFFECTS}


def _everything(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """One of each: a model, the web, a person, a wait, chance, time, records, figures, events, files."""

    def gather() -> dict[str, Any]:
        seen = ctx.records.get("notes", "seen")
        ctx.records.put("notes", "seen", {"times": (seen.data["times"] if seen else 0) + 1})
        ctx.kpi("in step", 1)
        ctx.value("money_saved", 3, unit="EUR", method="estimate", note="saved")
        return {"seen": seen.data if seen else None, "zebra": 1, "ant": -0.0}

    gathered = ctx.step("gather", gather)
    said = ctx.llm.complete(f"Say: {inputs.get('value')}").text
    page = ctx.http.request("GET", "https://shop.example/orders").content.decode()
    decision = ctx.approve("Go on?", data={"text": said[:20]}, editable=["text"])
    ctx.wait(seconds=0)
    with_error = "none"
    try:
        ctx.step("fails", lambda: {}["missing"])
    except KeyError as error:
        with_error = repr(error)
    ctx.kpi("outside", random.Random(ctx.seed).random())
    file = ctx.artifact("note.txt", said)
    event = ctx.emit("test.done", {"page": page})
    return {
        "result": [list(gathered.items()), said, page, decision.edits, with_error, ctx.now().isoformat(), ctx.run_id,
                   ctx.seed, file.sha256, event, ctx.attempt, list(inputs)],
    }  # fmt: skip


@pytest.fixture
def outside(world: World) -> Outside:
    """The web of these tests, of the world's application."""
    way, models = Outside(), world.app.models
    models.outbound = lambda workspace_id: way  # type: ignore[method-assign,return-value]
    return way


def _recorded(world: World, value: Any = "hello") -> Run:
    world.agent("probe", _everything)
    world.instance("probe")
    parked = world.run("one", value)
    (asked,) = world.app.approvals.pending(world.workspace)
    world.app.approvals.decide(world.workspace, asked.id, approved=True, edits={"text": "edited"})
    return world.until(parked.id, "success", "error")


def test_a_replay_gives_the_same_bytes_and_does_nothing_else(world: World, outside: Outside) -> None:
    original = _recorded(world)
    assert original.status == "success", original.error
    for _ in range(2):
        # The world moves on: other records, other answers.
        parked = world.run("one", "later")
        (asked,) = world.app.approvals.pending(world.workspace)
        world.app.approvals.decide(world.workspace, asked.id, approved=True)
        world.until(parked.id, "success")
    before, summary = _counts(world), world.app.agents.find(world.workspace)[0].last_run
    gone = list(outside.asked)
    again = _replay(world, original)
    assert (again.status, again.error) == ("success", None)
    assert (again.outputs, again.kpis, again.preview) == (original.outputs, original.kpis, original.preview)
    assert (again.cost_micros, again.lineage, again.replay_of) == (0, "replay", original.id)
    assert (outside.asked, _counts(world)) == (gone, before)
    assert world.app.agents.find(world.workspace)[0].last_run == summary
    statuses = Counter(world.steps(again.id).values())
    assert statuses == {"reused": 5, "error": 1}


def test_a_replay_opens_no_socket(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = small_world

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": ctx.http.request("GET", "https://shop.example/").content.decode()}

    world.agent("probe", run)
    way = Outside()
    world.app.models.outbound = lambda workspace_id: way  # type: ignore[method-assign,return-value]
    original = world.run("probe")

    def refuse(*_: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert _replay(world, original).outputs == original.outputs == {"result": "answer 1"}


def test_a_replay_of_a_replay_and_of_a_fork_are_the_same_again(world: World, outside: Outside) -> None:
    original = _recorded(world)
    forked = world.app.forks.fork(world.workspace, original.id, step="wait", inputs={"value": "hello"})
    child = world.ended(forked.run_id)
    assert child.status == "success", child.error
    again = _replay(world, _replay(world, child))
    assert (again.status, again.outputs, again.replay_of) == ("success", child.outputs, child.id)
    assert child.outputs is not None and original.outputs is not None
    # Its own id, attempt by attempt the same time.
    assert child.outputs["result"][5] == original.outputs["result"][5]
    assert child.outputs["result"][6] == child.id


def test_a_fork_with_other_inputs_replays_what_it_took_over(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        doubled = ctx.step("double", lambda n: n * 2, inputs["value"])
        return {"result": ctx.step("pair", lambda *pair: pair, doubled, inputs["value"])}

    world.agent("probe", run)
    forked = world.app.forks.fork(world.workspace, world.run("probe", 1).id, step="pair", inputs={"value": 5})
    child = world.ended(forked.run_id)
    assert child.outputs == {"result": [2, 5]}
    assert _replay(world, child).outputs == child.outputs


def test_a_changed_prompt_misses_loudly_and_shows_the_difference(world: World) -> None:
    def told(words: str) -> Callable[[Any, dict[str, Any]], dict[str, Any]]:
        def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
            text = "Sum up the orders of the week.\n" + "A line that stays.\n" * 60 + words
            try:
                return {"result": ctx.llm.complete(text).text}
            except Exception:
                return {"result": "swallowed"}

        return run

    world.agent("probe", told("Be friendly."))
    original = world.run("probe")
    world.replace("probe", told("Be brief."))
    missed = _replay(world, original)
    assert (missed.status, missed.error_code) == ("error", "recording_missed")
    assert missed.error is not None and "asked something else" in missed.error.message
    shown = missed.error.trace or ""
    assert "-Be friendly." in shown and "+Be brief." in shown and "A line that stays." in shown
    assert shown.count("\n") < 8 and "+Be brief." in missed.error.message
    assert missed.cost_micros == 0 and not world.rows("calls", run_id=missed.id)


def test_a_step_the_recording_does_not_have_is_a_miss(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": ctx.step("one", lambda: 1)})
    original = world.run("probe")
    ran: list[int] = []
    world.replace("probe", lambda ctx, inputs: {"result": ctx.step("two", lambda: ran.append(1) or 1)})
    missed = _replay(world, original)
    assert (missed.error_code, ran) == ("recording_missed", [])
    assert "not in the recording" in (missed.error_message or "")


def test_a_question_or_wait_the_recording_does_not_have_is_a_miss(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    original = world.run("probe")
    for ask in (lambda ctx: ctx.approve("Really?"), lambda ctx: ctx.wait(seconds=60)):
        world.replace("probe", lambda ctx, inputs, ask=ask: {"result": ask(ctx) or 1})
        assert _replay(world, original).error_code == "recording_missed"
    assert world.rows("approvals") == []


def test_outputs_that_differ_are_named(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": ctx.step("one", lambda: 1), "engine": "x"})
    original = world.run("probe")
    world.replace("probe", lambda ctx, inputs: {"result": ctx.step("one", lambda: 1) + 1, "engine": "x"})
    differs = _replay(world, original)
    assert (differs.status, differs.error_code) == ("error", "replay_differs")
    assert differs.error is not None and differs.error.message.endswith("recording: result.")
    assert "-1" in (differs.error.trace or "") and "+2" in (differs.error.trace or "")


def test_what_is_read_outside_of_a_step_is_said_to_be_missing(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.records.put("notes", "mine", {"n": 1})
        other = ctx.records.get("notes", "other") if inputs.get("value") else None
        return {"result": [ctx.records.get("notes", "mine").data, other]}

    world.agent("probe", run)
    assert _replay(world, world.run("probe")).status == "success"
    missed = _replay(world, world.run("probe", "reads"))
    assert missed.error_code == "recording_missed" and "outside of a step" in (missed.error_message or "")


def test_a_run_that_failed_fails_the_same_way_again(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.step("fine", lambda: 1)
        ctx.step("closed", lambda: _raise(Unavailable("The shop is closed.", hint="Wait.")))
        return {}

    def _raise(error: Exception) -> None:
        raise error

    world.agent("probe", run, retries=1)
    original = world.run("probe")
    began = time.monotonic()
    again = _replay(world, original)
    assert (again.status, again.error_code, again.error_message) == ("error", "unavailable", "The shop is closed.")
    assert (again.attempt, time.monotonic() - began < 30) == (1, True)
    world.replace("probe", lambda ctx, inputs: {"result": ctx.step("fine", lambda: 1)})
    mended = _replay(world, original)
    assert mended.error_code == "replay_differs" and "did not end well" in (mended.error_message or "")


def test_dry_runs_can_be_replayed_too(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        decision = ctx.approve("Go on?")
        ctx.wait(seconds=600)
        return {"result": [decision.by, ctx.dry_run, ctx.wait_for_event("shop.reply", timeout_seconds=60)]}

    world.agent("probe", run)
    original = world.run("probe", dry_run=True)
    assert original.outputs == {"result": ["dry run", True, None]}
    assert _replay(world, original).outputs == original.outputs


def test_a_cancelled_run_is_not_replayed_and_a_lost_recording_is_said(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": ctx.approve("Go on?").approved})
    parked = world.run("probe")
    world.app.runs.cancel(world.workspace, parked.id)
    with pytest.raises(Conflict, match="cancelled"):
        world.app.forks.replay(world.workspace, parked.id)
    world.agent("other", lambda ctx, inputs: {"result": 1})
    original = world.run("other")
    world.app.worker.stop()  # type: ignore[union-attr]
    waiting = world.app.forks.replay(world.workspace, original.id)
    delete = metadata.tables["runs"].delete().where(metadata.tables["runs"].c.id == original.id)
    world.app.db.write(lambda connection: connection.execute(delete))
    world.app.worker = None
    second = world.application().start()
    lost = second.runs.wait(world.workspace, waiting.run_id, timeout=10)
    assert (lost.status, lost.error_code) == ("error", "recording_gone")


def test_a_replay_of_twenty_steps_takes_less_than_a_second(small_world: World) -> None:
    world = small_world

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": [len(ctx.step(f"step {n}", lambda: "x" * 10_000)) for n in range(20)]}

    world.agent("probe", run)
    original = world.run("probe")
    began = time.perf_counter()
    assert _replay(world, original).status == "success"
    assert time.perf_counter() - began < 20, "make bench measures it; here it must only not run away"


@pytest.mark.parametrize("slug", ["revenue_tracker", "sales_sentinel"])
def test_the_shipped_agents_replay_alike_whatever_came_after(
    make_application: Callable[..., Application], tmp_path: Path, slug: str
) -> None:
    shutil.copytree(AGENTS / slug, tmp_path / "shipped" / slug)
    app = make_application(agents_dir=tmp_path / "shipped").start()
    space = app.workspaces.create("Test").id
    sample = app.marketplace.sample(slug) or {}
    app.agents.create(space, slug, "one")
    made = [app.runs.call(space, "one", sample.get("inputs"), task=sample.get("task"), timeout=60) for _ in range(2)]
    assert [run.status for run in made] == ["success", "success"], made[0].error
    for original in made:
        again = app.runs.wait(space, app.forks.replay(space, original.id).run_id, timeout=60)
        assert (again.status, again.error) == ("success", None)
        stored = app.runs.get(space, original.id)
        assert (again.outputs, again.kpis) == (stored.outputs, stored.kpis)


def test_differences_are_shown_line_by_line_and_short() -> None:
    assert difference("a\nb\nc", "a\nB\nc") == " a\n-b\n+B\n c"
    assert difference({"n": 1, "text": "x\ny"}, {"n": 2, "text": "x\ny"}).startswith(' {\n-"n": 1') is False
    assert '- "n": 1,' in difference({"n": 1, "m": 0}, {"n": 2, "m": 0})
    assert "beyond what the journal shows" in difference("same", "same")


@pytest.mark.parametrize(
    "error", [KeyError("x"), ValueError("no"), Retry("later", hint="wait"), Invalid("bad", code="own_code")]
)
def test_a_recorded_error_is_raised_as_what_it_was(error: Exception, small_world: World) -> None:
    small_world.agent("probe", lambda ctx, inputs: ctx.step("fails", _raiser(error)))
    failed = small_world.run("probe")
    assert failed.error is not None
    raised = as_raised(failed.error)
    assert type(raised) is type(error) and getattr(raised, "code", None) == getattr(error, "code", None)
    again = _replay(small_world, failed)
    assert again.error is not None
    assert again.error.model_dump(exclude={"trace"}) == failed.error.model_dump(exclude={"trace"})


def _raiser(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_an_error_without_a_trace_is_still_an_error() -> None:
    assert as_raised(RunError(code="agent_failed", message="Cut off.")).args == ("Cut off.",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(JSON, JSON)
def test_content_hashes_tell_values_apart_and_not_their_spelling(value: Any, other: Any) -> None:
    def turned(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {key: turned(item) for key, item in reversed(tree.items())}
        return [turned(item) for item in tree] if isinstance(tree, list) else tree

    assert content_hash(value) == content_hash(turned(value))
    if content_hash(value) == content_hash(other):
        assert value == other


def test_a_replay_by_another_version_of_the_agent_says_so(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    original = world.run("probe")
    manifest = world.app.settings.agents_dir / "probe" / "agent.yaml"
    manifest.write_text(manifest.read_text().replace('version: "1.0.0"', 'version: "1.1.0"'))
    world.app.catalog.reload()
    world.app.marketplace.register()
    world.replace("probe", lambda ctx, inputs: {"result": 1})
    again = _replay(world, original)
    assert (again.status, again.definition_version) == ("success", "1.1.0")
    assert again.warnings == ["Recorded with version 1.0.0 of the agent, replayed with 1.1.0."]
    forked = world.ended(world.app.forks.fork(world.workspace, original.id).run_id)
    assert forked.changes == {"agent_version": {"from": "1.0.0", "to": "1.1.0"}}
