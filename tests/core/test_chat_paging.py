"""A channel of any length opens the same way: pages by an index, none lost or twice, nothing counted over the whole."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ionflux_core import limits
from ionflux_core.ids import new_id, now
from ionflux_core.storage import chat as rows
from ionflux_core.storage import chat_search
from ionflux_core.storage.tables import chat_messages
from tests.agents_for_tests.chatting import Room
from tests.agents_for_tests.world import World, small_world, together, world

__all__ = ["small_world", "world"]

MANY = 3_000


def plan(world: World, query: Any) -> str:
    """How SQLite carries a query out."""
    with world.app.db.read() as connection:
        compiled = query.compile(connection, compile_kwargs={"literal_binds": True})
        return "\n".join(row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}")))


def fill(room: Room, count: int) -> list[str]:
    """Many messages at once, as years would bring them; their ids."""
    at, ids = now(), [new_id() for _ in range(count)]
    same = {"workspace_id": room.ws, "channel_id": room.general.id, "sender_type": "agent", "sender_id": "x",
            "sender_name": "x", "content_type": "markdown", "content": {"text_body": "common words"}, "reactions": [],
            "mentions": [], "created_at": at, "changed_at": at}  # fmt: skip

    def work(connection: Any) -> None:
        connection.execute(chat_messages.insert(), [{**same, "id": each} for each in ids])
        rows.save_channel(connection, room.ws, room.general.id, last_message_id=ids[-1])

    room.world.app.db.write(work)
    return ids


@pytest.mark.parametrize("before", [None, "0199"])
def test_a_page_is_read_from_the_index_and_sorted_by_it(small_world: World, before: str | None) -> None:
    room = Room(small_world)
    fill(room, 50)
    for query in (
        rows.messages_query("sqlite", room.general.id, before=before, limit=50),
        rows.thread_query("sqlite", new_id(), before=before, limit=50),
    ):
        said = plan(small_world, query)
        assert "USING INDEX ix_chat_messages_" in said
        assert "SCAN" not in said and "TEMP B-TREE" not in said, said


def test_unread_messages_are_counted_from_the_index_and_only_so_far(small_world: World) -> None:
    room = Room(small_world)
    fill(room, 50)
    said = plan(small_world, rows.unread_query("sqlite", room.ws, room.me))
    assert said.count("ix_chat_messages_channel") == 2, said
    assert "SCAN chat_messages" not in said and "TEMP B-TREE" not in said, said


def test_what_is_searched_is_found_newest_first_without_sorting(small_world: World) -> None:
    room = Room(small_world)
    said = plan(small_world, chat_search.query("sqlite", [room.general.id], "some words", before=new_id(), limit=20))
    assert "SCAN chat_messages" not in said and "SCAN chat_texts" not in said, said


def test_a_full_channel_answers_like_an_empty_one(world: World) -> None:
    """No statement of opening, reading, posting and counting touches more rows than it shows."""
    room = Room(world)
    ids = fill(room, MANY)
    page = room.chat.messages(room.ws, room.general.id, user_id=room.me)
    assert [each.id for each in page] == ids[-50:]
    earlier = room.chat.messages(room.ws, room.general.id, user_id=room.me, before=ids[100], limit=30)
    assert [each.id for each in earlier] == ids[70:100]
    assert room.chat.channel(room.ws, room.general.id, room.me).unread == 100
    room.chat.mark_read(room.ws, room.general.id, room.me, ids[-8])
    assert room.chat.unread(room.ws, room.me) == 7
    around = room.chat.around(room.ws, ids[1_000], room.me)
    assert [each.id for each in around] == ids[975:1_026]
    assert len(room.chat.messages(room.ws, room.general.id, user_id=room.me, limit=10_000)) == limits.PAGE_ROWS + 1


Steps = st.lists(st.one_of(st.just("post"), st.just("answer"), st.just("page"), st.just("delete")), max_size=20)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=Steps, size=st.integers(1, 4), start=st.integers(0, 12))
def test_paging_back_meets_every_message_once_while_others_arrive(
    small_world: World, steps: list[str], size: int, start: int
) -> None:
    room = Room(small_world)
    channel = room.chat.create_channel(room.ws, {"name": f"c {new_id()}"}, by=room.me)
    posted = [room.agent_says(f"{number}", channel).id for number in range(start)]
    there = list(posted)
    seen: list[str] = []
    before: str | None = None

    def turn() -> bool:
        nonlocal before
        page = room.chat.messages(room.ws, channel.id, user_id=room.me, before=before, limit=size)
        seen[:0] = [each.id for each in page]
        before = page[0].id if page else before
        return bool(page)

    turn()
    for step in steps:
        if step == "post":
            posted.append(room.agent_says("new", channel).id)
        elif step == "answer" and posted:
            room.agent_says("an answer", channel, thread_id=posted[0])
        elif step == "delete" and posted:
            room.chat.delete(room.ws, posted[len(posted) // 2], room.me)
        elif step == "page" and before:
            turn()
    while before and turn():
        pass
    assert seen == there if there else set(seen) <= set(posted)
    newer = [each.id for each in room.chat.changes(room.ws, channel.id, channel.created_at, first=before)]
    assert newer == posted, "who reads on from the first message has them all"


def test_ids_grow_in_the_order_of_the_commits_whatever_the_clocks_say(world: World) -> None:
    room = Room(world)
    ahead = str(UUID(int=UUID(new_id()).int + (10**7 << 80)))
    world.app.db.write(lambda c: rows.save_channel(c, room.ws, room.general.id, last_message_id=ahead))
    apps = [world.app, world.application()]

    def post(number: int) -> str:
        return apps[number % 2].chat.post(
            room.ws, room.general.id, text=f"{number}", sender_type="system", sender_id="x", sender_name="x"
        ).id  # fmt: skip

    ids = together(8, post)
    assert len(set(ids)) == 8 and all(each > ahead for each in ids)
    assert [each.id for each in room.chat.messages(room.ws, room.general.id, user_id=room.me)] == sorted(ids)


def test_search_turns_its_pages_newest_first(world: World) -> None:
    room = Room(world)
    ids = [room.say(f"the marigold order {number}").id for number in range(7)]
    room.say("something else")
    first = room.chat.search(room.ws, "mari order", user_id=room.me, limit=3)
    assert [each.id for each in first] == ids[:3:-1]
    second = room.chat.search(room.ws, "mari order", user_id=room.me, before=first[-1].id, limit=3)
    assert [each.id for each in second] == ids[3:0:-1]
    room.chat.delete(room.ws, second[-1].id, room.me)
    third = room.chat.search(room.ws, "mari order", user_id=room.me, before=second[-1].id, limit=3)
    assert [each.id for each in third] == ids[:1]
    for question in ("", "-marigold", '"', "*", "order AND", "'; --", "🙂", "\0", "NEAR(", "mari*) OR ("):
        room.chat.search(room.ws, question, user_id=room.me)
    assert [each.id for each in room.chat.search(room.ws, '"order 3"', user_id=room.me)] == [ids[3]]
    assert room.chat.search(room.ws, "marigold -order", user_id=room.me) == []
