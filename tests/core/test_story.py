"""The demo story: one order's way through the agents, stopped and gone on with, decided by a person, begun anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ionflux_core.application import Application
from ionflux_core.domain.effects import EffectFilter
from ionflux_core.domain.runs import RunFilter
from ionflux_core.domain.story import Story
from ionflux_core.errors import NotFound
from tests.agents_for_tests.world import wait_for
from tests.conftest import ROOT, MakeApplication

DAYS = 16


@pytest.fixture
def demo(make_application: MakeApplication) -> Iterator[tuple[Application, str]]:
    """The product over a short demo, at work."""
    app = make_application(workers=2, agents_dir=ROOT / "agents")
    app.demo.build(days=DAYS)
    app.start()
    workspace = app.demo.find()
    assert workspace is not None
    yield app, workspace.id
    app.story.close()


def scene(story: Story, key: str) -> tuple[str, str]:
    found = next(each for each in story.scenes if each.key == key)
    return found.state, found.told


def test_an_order_goes_its_way_until_a_person_decides_and_then_to_its_end(demo: tuple[Application, str]) -> None:
    app, ws = demo
    assert app.story.state(ws).status == "idle"
    app.story.play(ws)
    wait_for(lambda: scene(app.story.state(ws), "approval")[0] == "needs_you", timeout=60)
    app.story.stop(ws)
    story = app.story.state(ws)
    assert story.status == "stopped"
    chain = story.memo["chain"]
    runs = app.runs.find(ws, RunFilter(correlation_id=chain), limit=50).runs
    known = {run.definition_slug for run in runs}
    assert {"sales_sentinel", "brief_butler", "revenue_tracker", "email_wizard", "persona_guardian"} <= known
    said = [message for run in runs for message in app.chat.of_run(ws, run.id)]
    assert [each.sender_name for each in said if each.sender_name == "Clarity Butler"]
    page = app.canvas.page(ws, story.memo["page"])
    assert {"mail_draft", "voice_check"} <= {block.name for block in page.blocks if block.output}

    app.story.play(ws)
    [asked] = app.approvals.find(ws).approvals
    app.approvals.decide(ws, asked.id, approved=True, by="Ann", edits={"subject": "A hoodie you can mend"})
    wait_for(lambda: app.story.state(ws).status == "done", timeout=60)
    sent = app.outbox.find(ws, EffectFilter(status="sent")).effects
    assert sent
    assert {app.outbox.get(ws, each.id).payload["subject"] for each in sent} == {"A hoodie you can mend"}
    told = scene(app.story.state(ws), "sent")[1]
    assert told.startswith(f"{app.outbox.count(ws, EffectFilter(status='sent'))} mails")

    assert app.story.reset(ws).status == "idle"
    left = {block.name for block in app.canvas.page(ws, page.id).blocks}
    assert not {"mail_draft", "voice_check"} & left


def test_the_story_plays_in_the_demo_workspace_only(make_application: MakeApplication) -> None:
    app = make_application()
    ws = app.workspaces.create("Mine").id
    assert not app.story.is_told(ws)
    with pytest.raises(NotFound):
        app.story.play(ws)
