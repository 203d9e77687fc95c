"""Comparing in a real browser: two runs ticked in the list, hostile text as text, and a file out and in again."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.served import Agents, Server
from tests.browser.tabs import OpenTab

MANIFEST = """
slug: letter_writer
id: agent_902
name: Letter Writer
version: "1.0"
inputs:
  - {key: to, type: string, default: "", runtime_promptable: true}
outputs:
  - {key: letter, type: markdown}
"""
CODE = '''
"""Writes."""


def run(ctx, inputs):
    """A letter full of what must stay text."""
    to = inputs["to"]
    evil = f"<img src=https://spy.example/p.png onerror=alert(1)> ![x](https://spy.example/q.png) {to}"
    ctx.step("Greet <script>alert(2)</script>", lambda: evil)
    return {"letter": f"Dear {to},\\nthe same line on both sides.\\n{evil}"}
'''


@pytest.fixture(scope="module")
def agents() -> Agents:
    return {"letter_writer": {"agent.yaml": MANIFEST, "agent.py": CODE}}


def written(server: Server, to: str) -> str:
    if not server.application.workspaces.all():
        server.application.workspaces.create("Letters")
    started = server.application.runs.start(server.workspace, "agent:letter_writer", {"to": to})
    return server.ended(started.run_id).id


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_two_ticked_runs_are_shown_side_by_side_as_text(server: Server, open_tab: OpenTab, scheme: str) -> None:
    one, two = written(server, "Ada"), written(server, "Bob")
    tab = open_tab(f"{server.address}/runs", scheme=scheme)
    tab.page.get_by_role("button", name="Compare", exact=True).click()
    boxes = tab.page.get_by_role("checkbox", name="Compare Letter Writer")
    boxes.nth(0).check()
    boxes.nth(1).check()
    tab.page.wait_for_url("**/compare?**")
    assert one in tab.page.url and two in tab.page.url
    diff = tab.page.locator(".diff").first
    expect(diff.locator("mark").first).to_have_text("Ada")
    expect(diff).to_contain_text("<img src=https://spy.example/p.png onerror=alert(1)>")
    expect(tab.page.get_by_text("Greet <script>alert(2)</script>").first).to_be_visible()
    assert tab.page.locator(".diff img").count() == 0
    assert tab.sideways() == 0


def test_on_a_phone_the_sides_stand_below_each_other(server: Server, open_tab: OpenTab) -> None:
    one, two = written(server, "Ada"), written(server, "Bob")
    tab = open_tab(f"{server.address}/compare?left={one}&right={two}", width=390)
    expect(tab.page.locator(".diff").first).to_be_visible()
    assert tab.sideways() == 0


def test_a_run_leaves_as_a_file_and_comes_back_read_only(server: Server, open_tab: OpenTab, tmp_path: Path) -> None:
    run_id = written(server, "Ada")
    tab = open_tab(f"{server.address}/runs?run={run_id}")
    with tab.page.expect_download() as downloading:
        tab.page.get_by_role("button", name="Export").click()
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    assert file.suffix == ".ionrun"
    tab.page.get_by_role("button", name="All runs").click()
    tab.page.get_by_role("button", name="Import", exact=True).click()
    tab.page.locator("input[type=file]").set_input_files(str(file))
    tab.page.get_by_role("button", name="Import this run").click()
    expect(tab.page.get_by_text("Imported from")).to_be_visible()
    expect(tab.page.get_by_role("button", name="Run again")).to_have_count(0)
