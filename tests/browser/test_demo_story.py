"""The demo story as a stakeholder watches it: played from the home page, decided with an edit, seen on its pages."""

from __future__ import annotations

from playwright.sync_api import expect

from ionflux_core.domain.runs import RunFilter
from tests.browser.served import Server
from tests.browser.tabs import OpenTab

STORY_MS = 120_000


def test_the_story_is_played_decided_with_an_edit_and_seen(server: Server, open_tab: OpenTab) -> None:
    app = server.application
    ws = app.demo.build(days=16).id
    page = open_tab(f"{server.address}/?workspace={ws}").page
    page.get_by_role("button", name="Play the demo").click()
    expect(page.get_by_text("needs you", exact=True)).to_be_visible(timeout=STORY_MS)
    expect(page.get_by_text("is above the limit of").first).to_be_visible()
    expect(page.get_by_text("net margin", exact=False).first).to_be_visible()

    page.get_by_role("button", name="Answer the question").or_(
        page.get_by_role("link", name="Answer the question")
    ).click()
    expect(page.get_by_role("heading", name="Approvals")).to_be_visible()
    subject = page.get_by_label("subject", exact=False).first
    subject.fill("A hoodie you can mend")
    subject.press("Tab")
    page.get_by_role("button", name="Approve").first.click()

    page.goto(f"{server.address}/?workspace={ws}")
    expect(page.get_by_text("mails lie in the outbox folder as files")).to_be_visible(timeout=STORY_MS)
    expect(page.get_by_role("button", name="Begin anew")).to_be_visible()
    page.get_by_role("link", name="The outbox").or_(page.get_by_role("button", name="The outbox")).first.click()
    expect(page.get_by_role("heading", name="Outbox")).to_be_visible()

    story = app.story.state(ws)
    runs = app.runs.find(ws, RunFilter(correlation_id=story.memo["chain"])).runs
    page.goto(f"{server.address}/runs?workspace={ws}&correlation={story.memo['chain']}")
    for agent in {run.instance_name for run in runs if run.instance_name}:
        expect(page.get_by_text(agent).first).to_be_visible()
    page.goto(f"{server.address}/dashboard?workspace={ws}")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.goto(f"{server.address}/canvas?workspace={ws}&page={story.memo['page']}")
    for agent in ("EcoThreads mail", "Voice of EcoThreads"):
        expect(page.locator("article.block").filter(has_text=agent).first).to_be_visible()
    page.goto(f"{server.address}/chat?workspace={ws}")
    page.locator("[data-channel]", has_text="alerts").click()
    expect(page.get_by_text("Clarity Butler").first).to_be_visible()
