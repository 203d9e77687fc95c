"""The chat without a browser: what the board is told, and what comes of what a person does on it."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from ionflux_core.domain.chat import Channel
from ionflux_core.limits import MESSAGE_CHARS
from ionflux_ui.chat_board import WAITING
from ionflux_ui.chat_view import value_view
from tests.pages.shown import drawn, labelled, open_page, plain_words

_numbers = itertools.count(1)


class Screen:
    """The chat page of a test, and what is done on its board."""

    def __init__(self, app: Application, ws: str) -> None:
        self.app, self.ws = app, ws
        self.me = app.workspaces.owner()
        self.general = app.chat.ensure_channel(ws, "general")
        self.test: AppTest = open_page("chat")

    @property
    def board(self) -> dict[str, Any]:
        """What the board draws now."""
        (board,) = drawn(self.test)
        return board

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.board["newest"]["messages"]]

    def open(self, **parameters: str) -> None:
        self.test = open_page("chat", **parameters)

    def do(self, action: str, /, nonce: str = "", **fields: Any) -> dict[str, Any]:
        """Report an action as the board does; what came of it."""
        self.report({"nonce": nonce or f"n{next(_numbers)}", "action": action, **fields})
        return dict(self.board["outcomes"][-1])

    def report(self, *actions: dict[str, Any]) -> None:
        self.test.session_state[WAITING] = list(actions)
        self.test.run()
        assert not self.test.exception

    def say(self, text: str, channel: Channel | None = None, **options: Any) -> str:
        """Somebody says something elsewhere."""
        options = {"sender_type": "agent", "sender_id": "x", "sender_name": "Sentinel"} | options
        return self.app.chat.post(self.ws, (channel or self.general).id, text=text, **options).id


@pytest.fixture
def screen(app: Application, ws: str) -> Screen:
    return Screen(app, ws)


class TestWhatIsOpen:
    def test_it_begins_where_everybody_talks(self, screen: Screen) -> None:
        assert screen.board["channel"]["name"] == "general"
        assert [each["name"] for each in screen.board["channels"]] == ["alerts", "general"]
        assert screen.board["newest"] == {"messages": [], "more": False}

    def test_the_address_names_channel_thread_and_message(self, screen: Screen) -> None:
        alerts = screen.app.chat.ensure_channel(screen.ws, "alerts")
        root = screen.say("root", alerts)
        answer = screen.say("answer", alerts, thread_id=root)
        screen.open(message=answer)
        board = screen.board
        assert (board["channel"]["name"], board["focus"]) == ("alerts", answer)
        assert [each["id"] for each in board["thread"]["messages"]] == [answer]
        assert board["thread"]["root"]["id"] == root

    def test_a_message_far_back_is_opened_among_its_neighbours(self, screen: Screen) -> None:
        ids = [screen.say(f"m{number}") for number in range(120)]
        screen.open(message=ids[10])
        assert screen.texts == [f"m{number}" for number in range(70, 120)] and screen.board["newest"]["more"]
        assert ids[10] in {each["id"] for each in screen.board["past"]["messages"]}

    def test_what_is_not_there_is_said_and_another_channel_is_open(self, screen: Screen) -> None:
        for parameters in (
            {"channel": "nothing"},
            {"message": "nothing"},
            {"channel": screen.general.id, "thread": "no"},
        ):
            screen.open(**parameters)
            assert "There is no such" in screen.board["notice"]["message"]
            assert screen.board["channel"]["name"] == "general" and screen.board["thread"] is None

    def test_another_persons_private_channel_is_not_there(self, screen: Screen) -> None:
        secret = screen.app.chat.create_channel(screen.ws, {"name": "secret", "type": "private"}, by=screen.me.id)
        screen.open(channel=secret.id)
        assert screen.board["channel"]["members"] == [screen.me.name]
        other = screen.app.workspaces.create("Other").id
        screen.open(channel=secret.id, workspace=other)
        assert screen.board["channel"]["id"] != secret.id and screen.board["workspace"] == other

    def test_unread_messages_stand_beside_the_page_until_they_are_seen(self, screen: Screen) -> None:
        last = [screen.say(f"new {number}") for number in range(3)][-1]
        screen.open()
        assert screen.board["channel"]["unread"] == 3
        assert screen.test.session_state["unread_shown"] == 3
        screen.do("read", channel=screen.general.id, message=last)
        assert screen.test.session_state["unread_shown"] == 0
        assert [each["unread"] for each in screen.board["channels"]] == [0, 0]


class TestWhatIsDone:
    def test_a_message_is_posted_once_however_often_it_is_reported(self, screen: Screen) -> None:
        post = {"nonce": "a", "action": "post", "channel": screen.general.id, "text": "**Hi** <b>you</b>"}
        screen.report(post)
        screen.report(post, {**post, "nonce": "b", "text": "second"})
        assert screen.texts == ["**Hi** <b>you</b>", "second"]
        assert [each["nonce"] for each in screen.board["outcomes"]] == ["a", "b"]

    def test_a_text_that_is_refused_comes_back_with_a_sentence(self, screen: Screen) -> None:
        for text in ("x" * (MESSAGE_CHARS + 1), "   "):
            outcome = screen.do("post", channel=screen.general.id, text=text)
            assert outcome["error"]["message"] and screen.texts == []

    def test_a_mark_is_put_and_taken_away_and_names_who(self, screen: Screen) -> None:
        message = screen.say("look")
        outcome = screen.do("react", message=message, emoji="👍")
        (mark,) = outcome["message"]["reactions"]
        assert (mark["count"], mark["mine"], mark["names"]) == (1, True, "You")
        assert screen.do("react", message=message, emoji="👍")["message"]["reactions"] == []
        assert "emoji" in screen.do("react", message=message, emoji="<b>")["error"]["message"]

    def test_ones_own_words_are_edited_and_deleted(self, screen: Screen) -> None:
        screen.do("post", channel=screen.general.id, text="tpyo")
        (mine,) = screen.board["newest"]["messages"]
        assert mine["may_edit"] and mine["may_delete"]
        edited = screen.do("edit", message=mine["id"], text="typo")["message"]
        assert edited["edited"] and edited["text"] == "typo"
        deleted = screen.do("delete", message=mine["id"])["message"]
        assert deleted["deleted"] and deleted["text"] == "" and not deleted["may_edit"]
        assert not screen.app.chat.search(screen.ws, "typo", user_id=screen.me.id)

    def test_another_ones_words_are_not_edited(self, screen: Screen) -> None:
        theirs = screen.say("theirs")
        screen.test.run()
        assert not screen.board["newest"]["messages"][0]["may_edit"]
        assert "Only who has written" in screen.do("edit", message=theirs, text="mine")["error"]["message"]

    def test_a_proposal_is_pressed_once_and_says_who(self, screen: Screen) -> None:
        actions = [{"action_id": "go", "label": "Do it", "style": "primary"}, {"action_id": "no", "label": "Leave it"}]
        proposal = {"title": "Lower the price?", "actions": actions, "kind": "event", "reference": "ionflux.test.asked"}
        asked = screen.app.chat.post(
            screen.ws, screen.general.id, content={"proposal": proposal}, content_type="interactive_proposal",
            sender_type="agent", sender_id="x", sender_name="Sentinel",
        )  # fmt: skip
        pressed = screen.do("press", message=asked.id, choice="go")["message"]["proposal"]
        assert (pressed["chosen_label"], pressed["chosen_by"]) == ("Do it", screen.me.name)
        assert "already" in screen.do("press", message=asked.id, choice="no")["error"]["message"]

    def test_a_command_opens_its_thread_where_the_answer_is(self, screen: Screen) -> None:
        screen.do("post", channel=screen.general.id, text="/help")
        thread = screen.board["thread"]
        assert thread["root"]["text"] == "/help" and "/run_agent" in thread["messages"][0]["text"]
        assert thread["messages"][0]["sender"]["kind"] == "system"

    def test_a_file_arrives_and_a_damaged_one_does_not(self, screen: Screen) -> None:
        png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 20).decode()
        given = {"channel": screen.general.id, "name": "../a.png", "media_type": "image/png"}
        assert screen.do("attach", base64=png, **given)["error"] is None
        (file,) = screen.board["newest"]["messages"][0]["files"]
        assert file["name"] == "a.png" and file["picture"] and file["address"].startswith(f"files/{screen.ws}/")
        assert "damaged" in screen.do("attach", base64="%%%", **given)["error"]["message"]
        assert "too large" in screen.do("attach", base64="A" * 6_000_000, **given)["error"]["message"]

    def test_a_thread_becomes_a_page(self, screen: Screen) -> None:
        root = screen.say("Plan for December")
        screen.say("And January", thread_id=root)
        before = len(screen.app.canvas.tree(screen.ws))
        screen.report({"nonce": "f", "action": "fork", "message": root})
        assert len(screen.app.canvas.tree(screen.ws)) == before + 1

    def test_what_the_board_cannot_ask_is_refused(self, screen: Screen) -> None:
        for action in ("drop_tables", "go", "open", "post"):
            assert screen.do(action, page="settings")["error"]["hint"] == "Reload the page."


class TestFindingOnesWay:
    def test_older_messages_come_in_pages_and_are_kept_up_to_date(self, screen: Screen) -> None:
        ids = [screen.say(f"m{number}") for number in range(60)]
        screen.open()
        first = screen.board["newest"]["messages"][0]["id"]
        part = screen.do("older", channel=screen.general.id, message=first)["part"]
        assert [each["text"] for each in part["messages"]] == [f"m{number}" for number in range(10)]
        assert not part["more"]
        screen.app.chat.react(screen.ws, ids[2], "👍", screen.me.id)
        screen.test.run()
        # What changed within the last moments may come once more: a change may be committed behind a later one.
        touched = {each["id"]: each for each in screen.board["touched"]}
        assert ids[2] in touched

    def test_words_are_found_in_all_channels_or_in_one(self, screen: Screen) -> None:
        alerts = screen.app.chat.ensure_channel(screen.ws, "alerts")
        screen.say("a purple margin")
        found = screen.say("purple rain", alerts)
        screen.do("find", question="purple", everywhere=True)
        hits = screen.board["search"]["hits"]
        assert {(hit["text"], hit["channel_name"]) for hit in hits} == {
            ("a purple margin", "general"),
            ("purple rain", "alerts"),
        }
        screen.do("find", question="purple", everywhere=False)
        assert [hit["text"] for hit in screen.board["search"]["hits"]] == ["a purple margin"]
        screen.do("open", channel=alerts.id, message=found)
        assert screen.board["search"] is None and screen.board["channel"]["name"] == "alerts"

    def test_completion_knows_commands_agents_and_names(self, screen: Screen) -> None:
        screen.app.agents.create(screen.ws, "word_counter", "The counter")
        commands = screen.do("complete", kind="commands", prefix="")["completion"]
        assert "run_agent" in {each["name"] for each in commands["commands"]}
        (agent,) = [each for each in commands["agents"] if each["name"] == "The counter"]
        assert [each["key"] for each in agent["parameters"]] == ["text"]
        named = screen.do("complete", kind="mentions", prefix="coun")["completion"]["mentions"]
        assert [(each["kind"], each["name"]) for each in named] == [("agent", "The counter")]

    def test_an_agents_channel_says_who_answers_and_begins_anew(self, screen: Screen) -> None:
        counter = screen.app.agents.create(screen.ws, "word_counter", "The counter")
        draft = {"name": "Counting", "type": "agent_dedicated", "instance_id": counter.id}
        channel = screen.app.chat.create_channel(screen.ws, draft, by=screen.me.id)
        screen.open(channel=channel.id)
        partner = screen.board["channel"]["partner"]
        assert partner["name"] == "The counter" and partner["engine"]
        screen.do("new_conversation", channel=channel.id)
        assert screen.board["channel"]["name"] == "Counting 2"
        assert screen.board["channel"]["partner"]["name"] == "The counter"


class TestTheWindows:
    def test_a_channel_is_made_and_opened(self, screen: Screen) -> None:
        screen.do("new_channel")
        screen.test.text_input(key="chat-new-name").set_value("Launch *week*")
        labelled(screen.test.button, "Create").click().run()
        assert not screen.test.exception
        assert screen.board["channel"]["name"] == "Launch *week*"

    def test_a_name_that_is_taken_is_said_in_the_window(self, screen: Screen) -> None:
        screen.do("new_channel")
        screen.test.text_input(key="chat-new-name").set_value("general")
        labelled(screen.test.button, "Create").click().run()
        assert "There is a channel" in plain_words(screen.test)

    def test_a_channel_is_edited_put_away_and_brought_back(self, screen: Screen) -> None:
        made = screen.app.chat.create_channel(screen.ws, {"name": "old"}, by=screen.me.id)
        screen.open(channel=made.id)
        screen.do("edit_channel", channel=made.id)
        screen.test.text_input(key="chat-edit-name").set_value("new")
        labelled(screen.test.button, "Save").click().run()
        assert screen.board["channel"]["name"] == "new"
        screen.do("archive_channel", channel=made.id)
        labelled(screen.test.button, "Archive").click().run()
        assert screen.board["channel"]["archived"]
        screen.do("restore_channel", channel=made.id)
        assert not screen.board["channel"]["archived"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("**text**", "markdown"), (12.5, "number"), ({"not_computed": "no orders"}, "not_computed"),
        ([{"a": 1}, {"a": None}], "table"), ({"a": [1, {"b": 2}]}, "tree"), ([1, 2], "tree"), (True, "tree"),
        ({"a": "x" * 100_000}, "json"), ({"sha256": "0" * 64, "name": "a.csv", "size": 10}, "text"),
    ],
)  # fmt: skip
def test_a_result_is_shown_by_what_it_is(value: Any, kind: str) -> None:
    shown = value_view(value)
    assert shown["kind"] == kind
    assert len(json.dumps(shown)) < 50_000
