"""A run as a product, in a real browser: asked about, forked, compared, exported, imported elsewhere, replayed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ionflux_core.domain.runs import Run
from tests.browser.served import Agents, Server
from tests.browser.tabs import OpenTab

MANIFEST = """
slug: letter_writer
id: test_letter_writer
name: Letter writer
version: "1.0.0"
status: experimental
narrative:
  tagline: Writes a letter and asks before it is done.
  introduction: For the tests of the run's whole way.
triggers:
  - {key: by_hand, type: manual, config: {form: true}}
inputs:
  - {key: topic, type: string, required: true, runtime_promptable: true}
  - {key: audience, type: string, required: true, runtime_promptable: true}
outputs:
  - {key: letter, type: markdown}
stack:
  models:
    - {provider: local, name: local-1}
"""
CODE = '''
"""Writes a letter in four steps, one of which is a model's, and asks a person."""


def run(ctx, inputs):
    """Plan, write, address, ask."""
    plan = ctx.step("plan", lambda topic: [f"{topic} is new.", f"{topic} is here to stay."], inputs["topic"])
    text = ctx.llm.complete(" ".join(plan)).text
    letter = ctx.step("address", lambda audience, text: f"Dear {audience}, {text}", inputs["audience"], text)
    answer = ctx.approve("Is this letter good?", data={"letter": letter}, editable=["letter"])
    return {"letter": answer.edits.get("letter", letter) if answer.approved else "It was not approved."}
'''


@pytest.fixture(scope="module")
def agents() -> Agents:
    """One agent that asks."""
    return {"letter_writer": {"agent.yaml": MANIFEST, "agent.py": CODE}}


@pytest.fixture
def first(server: Server) -> Iterator[Run]:
    """A run that waits for its answer."""
    inputs = {"topic": "Linen", "audience": "customers"}
    here = server.application.workspaces.create("Here").id
    started = server.application.runs.start(here, "agent:letter_writer", inputs)
    yield server.ended(started.run_id)


def test_from_a_question_to_a_replay_elsewhere(server: Server, open_tab: OpenTab, first: Run, tmp_path: Path) -> None:
    assert first.status == "awaiting_approval", first.error
    page = open_tab(f"{server.address}/approvals").page
    _approve(page, "Dear customers, written by hand.")
    done = server.ended(first.id)
    assert done.outputs == {"letter": "Dear customers, written by hand."}

    fork = _fork(server, page, done)
    steps = {step.step_key: step for step in server.application.runs.steps(server.workspace, fork.id)}
    assert [key for key, step in steps.items() if step.status == "reused"] == ["plan", next(iter(list(steps)[1:]))]
    assert fork.parent_run_id == done.id and fork.cost_micros == 0
    page.goto(f"{server.address}/approvals")
    _approve(page, None)
    assert server.ended(fork.id).outputs != done.outputs

    page.goto(f"{server.address}/compare?left={done.id}&right={fork.id}")
    page.get_by_text("2 reused").wait_for()
    page.get_by_text("friends").first.wait_for()

    file = _export(server, page, fork, tmp_path)
    other = server.application.workspaces.create("Elsewhere").id
    imported = _import(server, page, other, file)
    assert imported.outputs == server.ended(fork.id).outputs and imported.imported
    replay = _replay(server, page, other, imported)
    assert replay.outputs == imported.outputs
    assert server.application.runs.calls(other, replay.id) == []


def _approve(page: Page, text: str | None) -> None:
    page.get_by_text("Is this letter good?").first.wait_for()
    if text is not None:
        field = page.get_by_label("Letter", exact=True)
        field.fill(text)
        field.blur()
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Nothing waits for you.").wait_for()


def _fork(server: Server, page: Page, run: Run) -> Run:
    step = next(
        step.step_key for step in server.application.runs.steps(server.workspace, run.id) if step.title == "address"
    )
    page.goto(f"{server.address}/runs?run={run.id}&fork={step}")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("2 steps reused at no cost").wait_for()
    audience = dialog.get_by_role("textbox", name="Audience")
    expect(audience).to_have_value("customers")
    audience.fill("friends")
    audience.blur()
    dialog.get_by_role("button", name="Start the fork").click()
    page.wait_for_url(lambda url: f"run={run.id}" not in url and "run=" in url)
    found = re.search("run=([0-9a-f-]{36})", page.url)
    assert found
    return server.ended(found.group(1))


def _export(server: Server, page: Page, run: Run, folder: Path) -> Path:
    page.goto(f"{server.address}/runs?run={run.id}")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export").click()
    file = folder / "letter.ionrun"
    waiting.value.save_as(file)
    return file


def _import(server: Server, page: Page, workspace: str, file: Path) -> Run:
    page.goto(f"{server.address}/runs?workspace={workspace}")
    page.get_by_role("button", name="Import").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(file)
    button = dialog.get_by_role("button", name="Import this run")
    expect(button).to_be_enabled()
    button.click()
    page.get_by_text("Imported from").first.wait_for()
    (found,) = server.application.runs.find(workspace).runs
    return server.application.runs.get(workspace, found.id)


def _replay(server: Server, page: Page, workspace: str, run: Run) -> Run:
    page.get_by_role("button", name="Replay").click()
    page.get_by_text("Identical to the recording").wait_for()
    (newest, *_) = server.application.runs.find(workspace).runs
    ended = server.application.runs.get(workspace, newest.id)
    assert ended.lineage == "replay" and ended.replay_of == run.id, json.dumps(ended.model_dump(mode="json"))[:2000]
    return ended
