"""The chat in a real browser: channels, commands, threads, proposals, search, and texts that are hostile."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from ionflux_core.domain.chat import Channel
from ionflux_core.limits import MESSAGE_CHARS
from tests.browser.payloads import PAYLOADS
from tests.browser.served import Agents, Server
from tests.browser.tabs import OpenTab, Tab

MANIFEST = """
slug: asker
id: agent_902
name: The Asker
version: "1.0"
inputs:
  - {key: text, type: string, default: "", runtime_promptable: true, description: What to repeat.}
  - {key: ask, type: boolean, default: false, runtime_promptable: true}
outputs:
  - {key: report, type: markdown}
"""
CODE = '''
"""Repeats, and asks first when it is told to."""


def run(ctx, inputs):
    """What it was told, in bold."""
    if inputs["ask"]:
        answer = ctx.approve("Shall I say it?", body="It will be *loud*.")
        return {"report": "yes" if answer.approved else "no"}
    return {"report": f"It said **{inputs['text']}**."}
'''
NAME = "Echo of the shop"


@pytest.fixture(scope="module")
def agents() -> Agents:
    return {"asker": {"agent.yaml": MANIFEST, "agent.py": CODE}}


@dataclass
class Room:
    """The chat of a server, from inside and from a tab."""

    server: Server
    tab: Tab

    @property
    def page(self) -> Page:
        return self.tab.page

    @property
    def field(self) -> Locator:
        return self.page.locator(".main-pane .composer textarea")

    @property
    def reply(self) -> Locator:
        return self.page.locator(".thread-pane .composer textarea")

    @property
    def thread(self) -> Locator:
        return self.page.locator(".thread-pane .message")

    def message(self, text: str) -> Locator:
        return self.page.locator(".main-pane .message").filter(has_text=text).last

    def say(self, text: str) -> Locator:
        self.field.fill(text)
        self.field.press("Escape")
        self.field.press("Enter")
        return self.field

    def tool(self, message: Locator, label: str) -> None:
        message.hover()
        message.get_by_role("button", name=label).click()

    def channel(self, name: str) -> Channel:
        found = self.server.application.chat.channel_named(self.server.workspace, name)
        assert found is not None
        return found

    def agent_says(self, text: str, channel: str = "general", **options: Any) -> str:
        """An agent of another process says something; the page hears of it when it looks."""
        return self.server.application.chat.post(
            self.server.workspace, self.channel(channel).id, text=text, sender_type="agent", sender_id="x",
            sender_name="Sentinel", **options,
        ).id  # fmt: skip


@pytest.fixture(scope="module")
def house(server: Server) -> Server:
    app = server.application
    if not app.agents.find(server.workspace if app.workspaces.all() else app.workspaces.create("Shop").id):
        app.agents.create(server.workspace, "asker", NAME)
    return server


@pytest.fixture
def room(house: Server, open_tab: OpenTab) -> Room:
    tab = open_tab(f"{house.address}/chat")
    tab.page.locator(".chat .composer").first.wait_for()
    return Room(house, tab)


def test_a_channel_is_made_and_a_message_written_marked_edited_and_deleted(room: Room) -> None:
    page = room.page
    page.get_by_role("button", name="New channel").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Launch week")
    page.get_by_role("dialog").get_by_label("Name").press("Tab")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator(".channel-head h2")).to_contain_text("Launch week")
    # While the window closes it still holds the keyboard.
    expect(page.get_by_role("dialog")).to_have_count(0)
    room.field.fill("first line")
    room.field.press("Shift+Enter")
    expect(room.field).to_have_value("first line\n")
    room.field.fill("first line\n**bold** one")
    room.field.press("Enter")
    mine = room.message("first line")
    expect(mine.locator("strong", has_text=re.compile(r"^bold$"))).to_be_visible()
    expect(room.field).to_have_value("")

    room.tool(mine, "React")
    mine.get_by_role("button", name="heart").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(mine.locator(".mark")).to_have_text(re.compile("1$"))
    room.tool(mine, "Edit")
    page.get_by_role("textbox", name="Edit the message").fill("second thoughts")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(room.message("second thoughts").locator(".edited")).to_be_visible()
    room.tool(room.message("second thoughts"), "Delete")
    room.message("second thoughts").locator("button.danger").click()
    expect(room.message("This message was deleted.")).to_be_visible()


def test_a_command_is_completed_by_keyboard_and_its_result_arrives_in_the_thread(room: Room) -> None:
    room.field.press_sequentially("/run", delay=40)
    options = room.page.locator(".main-pane .popup li")
    expect(options.first).to_contain_text("/run_agent")
    room.field.press("Enter")
    expect(options.first).to_contain_text(NAME)
    room.field.press("Tab")
    expect(room.field).to_have_value(f'/run_agent "{NAME}" ')
    expect(options.filter(has_text="text=")).to_contain_text("What to repeat.")
    room.field.press("Escape")
    room.field.press_sequentially("text=hello")
    room.field.press("Enter")
    expect(room.thread.nth(1).locator(".badge")).to_have_text(re.compile("Success"))
    expect(room.thread.nth(1).locator("strong", has_text=re.compile("^hello$"))).to_be_visible()
    expect(room.thread.nth(1).locator(".bot", has_text="agent")).to_be_visible()

    room.reply.fill("well said")
    room.reply.press("Enter")
    expect(room.thread.filter(has_text="well said")).to_be_visible()
    room.page.get_by_role("button", name="Close the thread").click()
    expect(room.message("/run_agent").locator(".replies")).to_contain_text("2 replies")


def test_somebody_is_named_and_an_unknown_command_is_answered_kindly(room: Room) -> None:
    room.field.press_sequentially("dear @loc", delay=40)
    expect(room.page.locator(".main-pane .popup li").first).to_contain_text("@")
    room.field.press("Enter")
    room.field.press_sequentially("look")
    room.field.press("Enter")
    expect(room.message("dear").locator(".mention.me")).to_be_visible()
    room.say("/run_agnt x")
    expect(room.thread.nth(1)).to_contain_text("Did you mean /run_agent?")


def test_a_proposal_is_pressed_once_and_an_approval_is_answered_here(room: Room) -> None:
    actions = [{"action_id": "go", "label": "Lower it", "style": "primary"}, {"action_id": "no", "label": "Leave it"}]
    proposal = {"title": "Lower the price?", "actions": actions, "kind": "event", "reference": "ionflux.test.asked"}
    room.agent_says("", content={"proposal": proposal}, content_type="interactive_proposal")
    room.say("anything new?")
    card = room.page.locator(".proposal", has_text="Lower the price?")
    card.get_by_role("button", name="Lower it").dblclick()
    expect(card.locator(".chosen")).to_contain_text("pressed “Lower it”")
    expect(card.get_by_role("button")).to_have_count(0)

    room.say(f'/run_agent "{NAME}" ask=true')
    question = room.page.locator(".thread-pane .proposal, .main-pane .proposal").filter(has_text="Shall I say it?")
    if not question.count():
        expect(room.thread.nth(1).locator(".badge")).to_have_text(re.compile("Awaiting approval"))
        room.page.locator("[data-channel]", has_text="alerts").click()
    question.first.get_by_role("button", name="Approve").click()
    expect(question.first.locator(".chosen")).to_contain_text("pressed “Approve”")
    app, ws = room.server.application, room.server.workspace
    run = room.server.ended(app.runs.find(ws, limit=1).runs[0].id)
    assert run.outputs == {"report": "yes"}


def test_words_are_found_and_a_reload_keeps_the_place(room: Room) -> None:
    ids = [room.agent_says(f"note number {number}") for number in range(130)]
    room.page.get_by_role("searchbox", name="Search messages").fill("number 3")
    room.page.keyboard.press("Enter")
    room.page.locator(".hit").filter(has_text=re.compile(r"note number 3$")).click()
    found = room.page.locator(f'[data-id="{ids[3]}"]')
    expect(found).to_be_in_viewport()
    assert f"message={ids[3]}" in room.page.url
    room.page.reload()
    expect(found).to_be_in_viewport()
    room.page.get_by_role("button", name="Jump to newest").click()
    expect(room.message("note number 129")).to_be_in_viewport()
    room.page.locator(".main-pane .scroller").evaluate("each => each.scrollTop = 0")
    expect(room.page.locator(f'[data-id="{ids[70]}"]')).to_be_attached()
    assert room.tab.sideways() == 0


def test_a_draft_outlives_channels_and_a_text_too_long_stays_in_the_field(room: Room) -> None:
    room.field.fill("half a thou")
    room.page.locator("[data-channel]", has_text="alerts").click()
    expect(room.page.locator(".channel-head h2")).to_contain_text("alerts")
    expect(room.field).to_have_value("")
    room.page.locator("[data-channel]", has_text="general").click()
    expect(room.field).to_have_value("half a thou")
    room.field.fill("x" * (MESSAGE_CHARS + 1))
    room.field.press("Enter")
    expect(room.page.locator(".main-pane .composer .wrong")).to_contain_text("20,001 characters")
    assert len(room.field.input_value()) == MESSAGE_CHARS + 1
    room.field.fill("")


def test_a_message_of_somebody_else_appears_by_itself_and_nothing_polls(room: Room, open_tab: OpenTab) -> None:
    other = Room(room.server, open_tab(f"{room.server.address}/chat"))
    other.field.wait_for()
    began = time.monotonic()
    other.say("are you there?")
    expect(room.message("are you there?")).to_be_visible()
    assert time.monotonic() - began < 20, "a push must bring it"
    room.page.wait_for_timeout(2_000)
    assert room.tab.quiet_for(4) == 0


def test_files_are_dropped_in_and_shown(room: Room) -> None:
    picture = {"name": "shot.png", "mimeType": "image/png", "buffer": _png()}
    room.page.locator(".main-pane .composer input[type=file]").set_input_files([picture])  # type: ignore[list-item]
    image = room.message("shot.png").locator("img")
    expect(image).to_be_visible()
    assert image.evaluate("each => each.decode().then(() => each.naturalWidth)") == 256


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_everything_is_in_reach(house: Server, open_tab: OpenTab, scheme: str) -> None:
    tab = open_tab(f"{house.address}/chat", width=390, scheme=scheme)
    room = Room(house, tab)
    room.field.wait_for()
    tab.page.get_by_role("button", name="Channels").click()
    tab.page.locator("[data-channel]", has_text="alerts").click()
    expect(tab.page.locator(".channel-head h2")).to_contain_text("alerts")
    expect(tab.page.locator(".channels")).to_be_hidden()
    assert tab.sideways() == 0


def test_hostile_texts_are_words_everywhere(room: Room) -> None:
    """No payload becomes a dialog, an element of its own or a request, whoever says it and wherever it stands."""
    page, app, ws = room.page, room.server.application, room.server.workspace
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    nasty = app.chat.create_channel(ws, {"name": "<img src=x onerror=alert(1)>"}, by=app.workspaces.owner().id)
    for number, text in enumerate(PAYLOADS):
        sender = f"<b>{number}</b>"
        app.chat.post(ws, nasty.id, text=text, sender_type="agent", sender_id="x", sender_name=sender)
    action = {"action_id": "go", "label": "<img src=x onerror=alert(1)>"}
    proposal = {
        "title": PAYLOADS[0],
        "description": PAYLOADS[50],
        "data": {PAYLOADS[1]: PAYLOADS[2]},
        "actions": [action],
    }
    outputs = {PAYLOADS[5]: PAYLOADS[6], "rows": [{PAYLOADS[7]: PAYLOADS[8]}], "tree": [PAYLOADS[9]]}
    status = {"run_id": "0", "agent": PAYLOADS[3], "status": "success", "preview": PAYLOADS[4], "outputs": outputs}
    for kind, content in (
        ("interactive_proposal", {"proposal": proposal}),
        ("agent_status_update", {"status_update": status}),
        ("json_data", {"json_payload": {PAYLOADS[10]: [PAYLOADS[11]]}}),
    ):
        app.chat.post(
            ws, nasty.id, content=content, content_type=kind, sender_type="agent", sender_id="x", sender_name="y"
        )  # type: ignore[arg-type]
    page.goto(f"{room.server.address}/chat?channel={nasty.id}")
    for _ in range(4):
        page.locator(".main-pane .message").first.wait_for()
        page.locator(".main-pane .scroller").evaluate("each => each.scrollTop = 0")
        page.wait_for_timeout(700)
    expect(page.locator(".main-pane .message")).to_have_count(len(PAYLOADS) + 3)
    for forbidden in (
        "script",
        "iframe",
        "object",
        "embed",
        "svg",
        "form:not(.finder)",
        "video",
        "audio",
        "link",
        "meta",
        "base",
        "math",
    ):
        assert page.locator(f".chat {forbidden}").count() == 0, forbidden
    assert page.locator(".chat .messages img").count() == 0
    assert (
        page.locator(".chat a[href^='javascript' i], .chat a[href^='data' i], .chat a[href^='vbscript' i]").count() == 0
    )
    handlers = (
        "list => [...list.querySelectorAll('*')].flatMap(each => each.getAttributeNames()).filter(n => /^on/.test(n))"
    )
    assert page.locator(".chat .main-pane .messages").evaluate(handlers) == []
    assert dialogs == []


def _png() -> bytes:
    from ionflux_ui.theme import PAGE_ICON

    with open(PAGE_ICON, "rb") as icon:
        return icon.read()
