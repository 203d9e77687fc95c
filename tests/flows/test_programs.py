"""Code nodes: a program in the document, or a stored file, in the sandbox; and a plain sentence where there is none."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

import pytest

from ionflux_core.sandbox import walls
from tests.flows.kit import Flows, small_flows, small_world, transforms_of_the_test

__all__ = ["small_flows", "small_world", "transforms_of_the_test"]

DOUBLE = """
input_schema: {type: object, properties: {n: {type: integer}}}
graph:
  - id: double
    code:
      language: js
      source: "export default function (input) { return {twice: input.n * 2}; }"
    inputs: {n: "{{ inputs.n }}"}
output: {twice: "{{ nodes.double.outputs.result.twice }}"}
"""
needs_deno = pytest.mark.skipif(
    find_spec("deno") is None or shutil.which("bwrap") is None, reason="no sandbox here: make sandbox"
)


@needs_deno
def test_a_program_of_a_flow_runs_in_the_sandbox(small_flows: Flows) -> None:
    run = small_flows.run(DOUBLE, {"n": 21})
    assert run.outputs == {"twice": 42}, run.error
    again = small_flows.world.app.forks.replay(small_flows.world.workspace, run.id)
    assert small_flows.ended(again.run_id).outputs == {"twice": 42}


@needs_deno
def test_a_program_that_fails_fails_its_node(small_flows: Flows) -> None:
    run = small_flows.run(DOUBLE.replace("input.n * 2", "input.gone.n"), {"n": 1})
    assert run.error and run.error.code == "code_failed" and run.error.message.startswith("double: ")


def test_a_program_that_is_not_stored_is_named(small_flows: Flows) -> None:
    run = small_flows.run(f"graph: [{{id: a, code: {{language: wasm, file: {'0' * 64}}}}}]")
    assert run.error and "is not stored here" in run.error.message


def test_without_the_sandbox_a_sentence_says_what_to_do(small_flows: Flows, monkeypatch: pytest.MonkeyPatch) -> None:
    app = small_flows.world.started()
    monkeypatch.setattr(app.sandbox, "_walls", walls.Walls)
    run = small_flows.run(DOUBLE, {"n": 21})
    assert run.error and run.error.code == "sandbox_missing" and "make sandbox" in run.error.hint


def test_only_a_flow_that_is_kept_here_is_the_workspaces_own(
    small_flows: Flows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the outer wall is missing, a stranger's program does not run."""
    app, ws = small_flows.world.started(), small_flows.world.workspace
    seen: list[bool] = []
    monkeypatch.setattr(app.sandbox, "run", lambda *_, own, **__: seen.append(own) or {"twice": 2})
    assert small_flows.run(DOUBLE, {"n": 1}).status == "success"
    tried = app.flows.try_it(ws, f"name: tried\n{DOUBLE}", {"n": 1})
    assert small_flows.ended(tried.run_id).status == "success"
    assert seen == [True, False]
