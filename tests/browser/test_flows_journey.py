"""A flow from nothing to a run that is gone through again, in a real browser: drawn, written, saved, watched."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.fluxgraph.reading import parse
from tests.browser.served import Server
from tests.browser.tabs import OpenTab


def test_a_flow_is_drawn_written_run_and_run_again_from_a_node(server: Server, open_tab: OpenTab) -> None:
    tab = open_tab(f"{server.address}/flows")
    page = tab.page
    page.get_by_role("button", name="New flow").click()
    title = page.get_by_label("Title")
    title.fill("Greet and ask")
    title.press("Enter")
    page.get_by_text("greet_and_ask").wait_for()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(node(page, "hello")).to_be_visible()

    _draw(page)
    _write(page)
    assert tab.quiet_for(2) == 0, "nothing asks while nothing happens"
    flow = _save(server, page)
    graph = {each.id: each for each in parse(flow.yaml).graph}
    assert list(graph) == ["hello", "ask", "write"] and graph["ask"].after == ("hello",)
    assert graph["hello"].position is not None and "# typed by hand" in flow.yaml

    run_id = _run(server, page)
    _look_back(page)
    _again(server, page, run_id)


def node(page: Page, key: str) -> Locator:
    return page.locator(f'[data-node="{key}"]')


def _add(page: Page, words: str) -> None:
    page.get_by_role("button", name="Add", exact=True).click()
    search = page.get_by_label("Search what can be added")
    search.fill(words)
    search.press("Enter")


def _draw(page: Page) -> None:
    """Add behind the chosen node, change a property, connect by dragging, move, undo and redo."""
    node(page, "hello").click()
    _add(page, "approval")
    expect(node(page, "approval")).to_be_visible()
    properties = page.get_by_label("Properties of approval")
    name = properties.get_by_label("Id", exact=True)
    name.fill("ask")
    name.press("Enter")
    expect(node(page, "ask")).to_be_visible()
    page.get_by_role("button", name="Close the properties").click()
    page.locator(".react-flow__pane").click(position={"x": 20, "y": 500})
    _add(page, "text.template")
    expect(node(page, "template")).to_have_class(re.compile("is-wrong"))
    template = page.get_by_label("Template", exact=True)
    template.fill("The answer was {{ nodes.ask.outputs.approved }}.")
    template.blur()
    expect(page.locator(".react-flow__edge")).to_have_count(2)
    expect(node(page, "template")).not_to_have_class(re.compile("is-wrong"))
    page.get_by_role("button", name="Close the properties").click()
    page.get_by_role("button", name="Fit View").click()
    _drag(page, node(page, "hello"), -60, 0)
    expect(page.get_by_role("button", name="Arrange: forget places written by hand")).to_be_enabled()
    page.keyboard.press("Delete")
    expect(node(page, "hello")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(node(page, "hello")).to_be_visible()


def _drag(page: Page, what: Locator, right: float, down: float) -> None:
    box = what.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right / 2, y + down / 2, steps=4)
    page.mouse.move(x + right, y + down, steps=4)
    page.mouse.up()


def _write(page: Page) -> None:
    """What is written in the YAML is drawn, and what was drawn stands there."""
    editor = page.get_by_label("Flow as YAML")
    expect(editor).to_contain_text("position:")
    name = editor.get_by_text("template", exact=True).first
    name.dblclick()
    page.keyboard.type("write  # typed by hand")
    expect(node(page, "write")).to_be_visible()


def _save(server: Server, page: Page) -> AgentInstance:
    page.get_by_role("button", name="Review and save").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Save as a new version").click()
    page.get_by_text("Version 2, as saved.").wait_for()
    (flow,) = server.application.flows.find(server.workspace)
    assert flow.version == 2
    return flow


def _run(server: Server, page: Page) -> str:
    """Start it, see it wait for a person, answer, and see it end."""
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("button", name="Start the run").click()
    expect(node(page, "ask")).to_have_attribute("data-status", "waiting")
    expect(node(page, "hello")).to_have_attribute("data-status", "success")
    found = re.search("run=([0-9a-f-]{36})", page.url)
    assert found
    (question,) = server.application.approvals.pending(server.workspace)
    server.application.approvals.decide(server.workspace, question.id, approved=True, by="Ana")
    expect(node(page, "write")).to_have_attribute("data-status", "success")
    return found.group(1)


def _look_back(page: Page) -> None:
    """The slider shows every moment; a click shows what a node was given and gave back."""
    expect(page.get_by_text("live")).to_have_count(0)
    slider = page.get_by_label("Moment of the run")
    slider.fill("0")
    expect(node(page, "hello")).to_have_attribute("data-status", "")
    slider.fill("2")
    expect(node(page, "hello")).to_have_attribute("data-status", "success")
    expect(node(page, "write")).to_have_attribute("data-status", "")
    slider.press("End")
    expect(node(page, "write")).to_have_attribute("data-status", "success")
    node(page, "write").click()
    expect(page.get_by_label("What write did")).to_contain_text("The answer was true.")


def _again(server: Server, page: Page, run_id: str) -> None:
    """Run it again from that node with another input: what came before is reused."""
    page.get_by_role("button", name="Run again from here").click()
    given = page.get_by_label("What it is given (JSON)")
    given.fill(given.input_value().replace("The answer was", "They said"))
    given.blur()
    page.get_by_role("button", name="Run from here").click()
    page.wait_for_url(lambda url: "run=" in url and run_id not in url)
    expect(node(page, "ask")).to_have_attribute("data-status", "reused")
    expect(node(page, "write")).to_have_attribute("data-status", "success")
    newest = server.application.runs.find(server.workspace).runs[0]
    assert newest.id != run_id
    steps = {each.step_key: each for each in server.application.runs.steps(server.workspace, newest.id)}
    assert steps["write"].outputs["text"] == "They said true."
    page.get_by_role("button", name="Back to building").click()
    expect(page.get_by_text("Version 2, as saved.")).to_be_visible()
    expect(node(page, "write")).to_have_attribute("data-status", "")
