"""Agents that take a prompt of the library by its id: filled in a step, named errors, and the same text in a replay."""

from __future__ import annotations

from typing import Any

from tests.agents_for_tests.world import World, small_world

__all__ = ["small_world"]

GREETING: dict[str, Any] = {
    "name": "Greeting",
    "text": "Dear {{ name }}, {{ count }} are left.",
    "variables": [{"name": "name"}, {"name": "count", "type": "number"}],
}


def test_a_prompt_is_filled_in_a_step_and_a_replay_takes_the_recorded_text(small_world: World) -> None:
    def asks(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": ctx.prompt(inputs["value"], {"name": "{{ count }}", "count": 3})}

    small_world.agent("asker", asks)
    app, ws = small_world.started(), small_world.workspace
    prompt = app.prompts.add(ws, app.prompts.libraries(ws)[0].id, GREETING)
    run = small_world.until(small_world.start("asker", prompt.id), "success", "error")
    assert run.outputs == {"result": "Dear {{ count }}, 3 are left."}, run.error
    (step,) = app.runs.steps(ws, run.id)
    assert (step.step_key, step.outputs["version"]) == ("fill prompt", 1)
    app.prompts.save(ws, prompt.id, GREETING | {"text": "Other {{ name }} {{ count }}."}, expected=1)
    replayed = app.forks.replay(ws, run.id).run_id
    assert small_world.until(replayed, "success", "error").outputs == run.outputs


def test_what_is_wrong_with_the_values_is_said_in_the_run(small_world: World) -> None:
    small_world.agent("asker", lambda ctx, inputs: {"result": ctx.prompt(inputs["value"], {"count": "many"})})
    app, ws = small_world.started(), small_world.workspace
    prompt = app.prompts.add(ws, app.prompts.libraries(ws)[0].id, GREETING)
    failed = small_world.until(small_world.start("asker", prompt.id), "success", "error")
    assert failed.error is not None
    assert "name is missing." in failed.error.message and "count must be a number." in failed.error.message
    away = app.workspaces.create("Other").id
    other = app.prompts.add(away, app.prompts.libraries(away)[0].id, GREETING)
    elsewhere = small_world.until(small_world.start("asker", other.id), "success", "error")
    assert elsewhere.error is not None and "There is no such prompt." in elsewhere.error.message
