"""What users of other systems complain about, each as the sentence that is true here: comparing, versions, secrets."""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_json

from tests.agents_for_tests.world import World, small_world, world

__all__ = ["small_world", "world"]

CANARY = "canary-19-sings-in-the-dark"


def test_complaint_2_two_runs_are_compared_on_one_page_within_a_second(world: World) -> None:
    """20 steps of 10 KB each: inputs, outputs, cost, time and figures of every step beside each other."""

    def long(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        who, words = inputs["value"], ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog"]
        for number in range(20):
            lines = [" ".join(words[(line * 7 + word + number) % 9] for word in range(12)) for line in range(200)]
            lines[number::10] = [f"Dear {who}, line {line}" for line in range(len(lines[number::10]))]
            ctx.step(f"Write {number}", lambda text, lines=lines: {"text": "\n".join(lines)}, " ".join(lines[:3]))
        ctx.kpi("score", 0.5 if who == "Ada" else 0.7)
        return {"result": who}

    world.agent("long", long)
    left, right = world.run("long", "Ada"), world.run("long", "Bob")
    size = len(to_json(world.app.runs.steps(world.workspace, left.id)[0].outputs))
    assert size > 9_000
    began = time.process_time()
    found = world.app.comparisons.runs(world.workspace, left.id, right.id)
    # The page gets all of it at once.
    shown = to_json(found)
    assert time.process_time() - began < 20, "make bench measures it; here it must only not run away"
    assert len(found.steps) == 20 and {pair.mark for pair in found.steps} == {"changed"}
    assert all(pair.outputs.changes and pair.left and pair.right for pair in found.steps)
    assert all(pair.left.seconds is not None for pair in found.steps if pair.left)
    assert found.kpis[0].delta == pytest.approx(0.2)
    assert b"Dear Ada, line 3" in shown and b"Dear Bob, line 3" in shown


def test_complaint_10_every_save_is_kept_with_author_time_and_message_and_comes_back_as_a_new_one(world: World) -> None:
    """No limit on how many are kept, and an earlier text is one call away."""
    world.agent("probe", lambda ctx, inputs: {"result": inputs.get("value")})
    agents, instance = world.app.agents, world.instance("probe")
    for number in range(2, 42):
        agents.save(world.workspace, instance.id, f"inputs: {{value: {number}}}\n", message=f"to {number}", by="Ana")
    saved = agents.versions(world.workspace, instance.id)
    assert [version.version for version in saved] == list(range(41, 0, -1))
    assert {(version.author, version.message) for version in saved[:-1]} == {("Ana", f"to {n}") for n in range(2, 42)}
    assert all(later.created_at >= earlier.created_at for later, earlier in itertools.pairwise(saved))
    back = agents.restore(world.workspace, instance.id, 7, by="Bo")
    assert (back.version, back.yaml) == (42, saved[-7].yaml) == (42, "inputs: {value: 7}\n")
    newest = agents.versions(world.workspace, instance.id)[0]
    assert (newest.author, newest.message) == ("Bo", "restored version 7")
    assert world.run("one").outputs == {"result": 7}


def test_complaint_11_a_moved_step_is_no_change_and_secrets_are_never_printed(world: World) -> None:
    world.agent("writer", lambda ctx, inputs: {"result": 1})
    world.app.secrets.put(world.workspace, "shop", CANARY)
    before = """\
inputs:
  value:
    steps:
      - {key: read, from: shop, using: "secret://shop"}
      - {key: write, words: 100}
      - {key: send, to: all}
"""
    moved = """\
# The order was wrong.
inputs:
  value:
    steps:
      - {key: send, to: all}
      - key: read
        using: secret://shop
        from: shop
      - {key: write, words: 100}
"""
    instance = world.instance("writer", yaml=before)
    world.app.agents.save(world.workspace, instance.id, moved)
    world.app.agents.save(world.workspace, instance.id, moved.replace("words: 100", "words: 120"))
    found = world.app.comparisons.versions(world.workspace, instance.id, 1, 2)
    assert found.same
    assert {change.mark for change in found.values.changes} == {"moved"}
    changed = world.app.comparisons.versions(world.workspace, instance.id, 2, 3)
    assert [change.path for change in changed.values.changes] == ["inputs.value.steps[key=write].words"]
    # What a text of yesterday may hold, before anything refused it.
    leaky = world.app.comparisons.texts(world.workspace, before, before + f"note: {CANARY}\napi_key: q1w2e3r4t5\n")
    assert CANARY not in repr(leaky) and "q1w2e3r4t5" not in repr(leaky)
    assert "secret://shop" in repr(leaky)


def test_complaint_14_a_secret_in_every_field_is_in_no_run_file_and_no_comparison(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The agent misuses its secret in every way it can; what leaves the house does not hold it."""

    def leaks(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        secret = CANARY
        ctx.log(f"uses {secret}", field=secret)
        ctx.step(f"Step {secret}", lambda given: {"said": given, secret: [secret]}, secret)
        ctx.llm.complete(f"Repeat {secret}")
        file = ctx.artifact("notes.txt", f"mine: {secret}")
        ctx.step("Large", lambda: [secret] * 5_000)
        with contextlib.suppress(ValueError):
            ctx.step("Fails", lambda: int(secret))
        return {"result": {"said": secret, "file": {"sha256": file.sha256, "name": "notes.txt", "size": 10}}}

    world.agent("leaks", leaks)
    with caplog.at_level(logging.DEBUG):
        # Nobody knew yet that it is one: this run holds it everywhere.
        one = world.run("leaks", {"a": CANARY})
        world.app.secrets.put(world.workspace, "key", CANARY)
        caplog.clear()
        two = world.run("leaks", {"b": "nothing"})
        target = io.BytesIO()
        world.app.run_files.export(world.workspace, one.id, target)
        compared = world.app.comparisons.runs(world.workspace, one.id, two.id)
    assert one.status == "success", one.error
    with zipfile.ZipFile(target) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert CANARY.encode() not in content
    assert CANARY not in to_json(compared).decode()
    assert CANARY not in caplog.text
    path = tmp_path / "run.ionrun"
    path.write_bytes(target.getvalue())
    other = world.app.workspaces.create("Second").id
    there = world.app.run_files.bring_in(other, path).run_id
    steps = world.app.runs.steps(other, there)
    assert steps and CANARY not in repr([world.app.runs.get(other, there), steps, world.app.runs.calls(other, there)])
