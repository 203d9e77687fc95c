"""Buttons in messages act once and say who pressed; files and threads are what they say they are."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ionflux_core import limits
from ionflux_core.domain.chat import Proposal
from ionflux_core.errors import Conflict, Forbidden, Invalid, IonfluxError, LimitExceeded, NotFound
from ionflux_core.ids import now
from ionflux_core.services.chat_files import ChatFile
from tests.agents_for_tests.chatting import Room
from tests.agents_for_tests.world import Clock, World, small_world, together, world

__all__ = ["small_world", "world"]

YES_NO = [{"action_id": "approve", "label": "Yes, go", "style": "primary"}, {"action_id": "deny", "label": "No"}]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture
def room(world: World) -> Room:
    """A room with an agent that asks, and one that answers with its value."""

    def asks(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        answer = ctx.approve("Go on?", data={})
        return {"result": [answer.approved, answer.by]}

    world.agent("asker", asks)
    world.agent("worker", lambda ctx, inputs: {"result": inputs["value"]})
    return Room(world)


def propose(room: Room, kind: str, reference: str, **options: Any) -> str:
    proposal = {"title": "Shall I?", "kind": kind, "reference": reference, "data": {"value": 3}, "actions": YES_NO}
    content = {"proposal": proposal | options.pop("proposal", {})}
    return room.agent_says(content=content, content_type="interactive_proposal", **options).id


def asked(room: Room) -> tuple[str, str]:
    """A run that waits for an answer, and its question."""
    run = room.world.run("asker")
    return run.id, next(each.id for each in room.world.app.approvals.pending(room.ws) if each.run_id == run.id)


def chosen(room: Room, message_id: str) -> Proposal:
    found = room.chat.message(room.ws, message_id, room.me).content.proposal
    assert found is not None
    return found


def test_an_event_is_published_once_with_what_was_chosen(room: Room) -> None:
    message_id = propose(room, "event", "test.chosen")
    apps = [room.world.app, room.world.application()]
    answers = together(6, lambda number: apps[number % 2].chat.press(room.ws, message_id, "approve", room.me))
    refused = [each for each in answers if isinstance(each, Conflict)]
    assert len(refused) == 5 and all("Local owner has pressed 'Yes, go' already" in str(each) for each in refused)
    assert room.world.events("test.chosen") == [
        ("test.chosen", {"value": 3, "action": "approve", "message_id": message_id, "by": "Local owner"})
    ]
    pressed = chosen(room, message_id)
    assert (pressed.chosen, pressed.chosen_by) == ("approve", "Local owner") and pressed.chosen_at
    ((_, told),) = room.world.events("ionflux.chat.proposal.pressed")
    assert told["action"] == "approve" and told["user_id"] == room.me
    assert [each.action for each in room.world.rows("audit_log", entity_id=message_id)] == ["pressed"]


def test_a_run_is_started_once_and_a_refusal_starts_none(room: Room) -> None:
    first, second = propose(room, "run", "agent:worker"), propose(room, "run", "agent:worker")
    room.chat.press(room.ws, second, "deny", room.me)
    room.chat.press(room.ws, first, "approve", room.me)
    for message_id in (first, second):
        with pytest.raises(Conflict):
            room.chat.press(room.ws, message_id, "approve", room.me)
    (run,) = room.world.app.runs.find(room.ws).runs
    assert run.definition_slug == "worker"
    told = {told["message_id"]: told["run_id"] for _, told in room.world.events("ionflux.chat.proposal.pressed")}
    assert told == {first: run.id, second: None}
    assert chosen(room, second).chosen == "deny"
    room.world.started()
    assert room.world.ended(run.id).outputs == {"result": 3}


def test_a_run_that_cannot_start_leaves_the_button_to_be_pressed(room: Room) -> None:
    message_id = propose(room, "run", "nobody")
    with pytest.raises(NotFound):
        room.chat.press(room.ws, message_id, "approve", room.me)
    assert chosen(room, message_id).chosen is None


@pytest.mark.parametrize("answer", ["approve", "deny"])
def test_a_question_is_answered_from_the_chat(room: Room, answer: str) -> None:
    run_id, approval_id = asked(room)
    message_id = propose(room, "approval", approval_id, run_id=run_id)
    room.chat.press(room.ws, message_id, answer, room.me)
    run = room.world.until(run_id, "success")
    assert run.outputs == {"result": [answer == "approve", "Local owner"]}
    with pytest.raises(Conflict, match="Local owner has pressed"):
        room.chat.press(room.ws, message_id, "approve", room.me)


def test_a_question_answered_elsewhere_says_so_in_the_chat(room: Room) -> None:
    run_id, approval_id = asked(room)
    message_id = propose(room, "approval", approval_id, run_id=run_id)
    room.world.app.approvals.decide(room.ws, approval_id, approved=False, by="Ana")
    with pytest.raises(Conflict, match="Ana has pressed 'No' already"):
        room.chat.press(room.ws, message_id, "approve", room.me)
    assert (chosen(room, message_id).chosen, chosen(room, message_id).chosen_by) == ("deny", "Ana")
    assert room.world.until(run_id, "success").outputs == {"result": [False, "Ana"]}


def test_an_agent_cannot_have_the_question_of_another_answered(room: Room) -> None:
    run_id, approval_id = asked(room)
    for options in ({}, {"run_id": "another-run"}):
        with pytest.raises(Forbidden):
            room.chat.press(room.ws, propose(room, "approval", approval_id, **options), "approve", room.me)
    assert room.world.get(run_id).status == "awaiting_approval"
    by_system = propose(room, "approval", approval_id, sender_type="system", sender_id="ionflux")
    room.chat.press(room.ws, by_system, "approve", room.me)
    assert room.world.until(run_id, "success")


def test_a_question_that_is_closed_cannot_be_pressed(room: Room) -> None:
    run_id, approval_id = asked(room)
    message_id = propose(room, "approval", approval_id, run_id=run_id)
    room.world.app.runs.cancel(room.ws, run_id)
    with pytest.raises(Conflict, match="closed"):
        room.chat.press(room.ws, message_id, "approve", room.me)
    assert chosen(room, message_id).chosen is None


def test_who_pressed_is_not_for_the_sender_to_say(room: Room) -> None:
    forged = {"chosen": "approve", "chosen_by": "Local owner"}
    message_id = propose(room, "event", "test.chosen", proposal=forged)
    assert chosen(room, message_id).chosen is None
    room.chat.press(room.ws, message_id, "deny", room.me)
    proposal = chosen(room, message_id).model_dump() | {"chosen": None, "title": "Again?"}
    updated = room.chat.update(room.ws, message_id, {"proposal": proposal})
    assert updated.content.proposal and updated.content.proposal.title == "Again?"
    assert chosen(room, message_id).chosen == "deny"


def test_only_the_buttons_there_are_can_be_pressed(room: Room) -> None:
    message_id = propose(room, "event", "test.chosen")
    with pytest.raises(Invalid):
        room.chat.press(room.ws, message_id, "explode", room.me)
    with pytest.raises(Invalid):
        room.chat.press(room.ws, room.say("words").id, "approve", room.me)
    room.chat.delete(room.ws, message_id, room.me)
    with pytest.raises(Conflict, match="deleted"):
        room.chat.press(room.ws, message_id, "approve", room.me)
    for wrong in ({"actions": []}, {"actions": [{"action_id": "Go!", "label": "x"}]}, {"title": "x" * 301}):
        with pytest.raises(Invalid):
            propose(room, "event", "test.chosen", proposal=wrong)


def test_files_are_kept_found_and_given_back(room: Room) -> None:
    files = [ChatFile("orders.csv", b"a,b\n1,2\n", "text/csv; charset=utf-8"), ChatFile("logo.png", PNG, "")]
    said = room.chat.attach_all(room.ws, room.general.id, files, text="see", sender_id=room.me, sender_name="me")
    first, second = (said.content.file_details or {})["files"]
    assert (first["name"], first["media_type"], first["size"]) == ("orders.csv", "text/csv", 8)
    assert second["media_type"] == "image/png"
    assert room.chat.file(room.ws, said.id, first["sha256"], room.me) == (first, b"a,b\n1,2\n")
    assert [each.id for each in room.chat.search(room.ws, "orders", user_id=room.me)] == [said.id]
    edited = room.chat.edit(room.ws, said.id, "", room.me)
    assert edited.content.file_details == said.content.file_details
    room.chat.delete(room.ws, said.id, room.me)
    with pytest.raises(NotFound):
        room.chat.file(room.ws, said.id, first["sha256"], room.me)


def test_retention_leaves_messages_and_the_files_they_name(small_world: World) -> None:
    room, clock = Room(small_world), Clock(now())
    said = room.chat.attach(
        room.ws, room.general.id, "a.txt", b"kept", "text/plain", sender_id=room.me, sender_name="me"
    )
    (file,) = (said.content.file_details or {})["files"]
    clock.forward(days=400)
    # What was stored within the hour is left alone, whatever the clock of the test says.
    for path in (small_world.app.settings.data_dir / "artifacts").glob("??/*"):
        os.utime(path, (0, 0))
    small_world.app.keeping.run(room.ws)
    assert room.chat.file(room.ws, said.id, file["sha256"], room.me)[1] == b"kept"
    room.chat.delete(room.ws, said.id, room.me)
    small_world.app.keeping.run(room.ws)
    assert small_world.rows("artifacts") == [], "nobody names it any more"
    assert room.shown() == [""]


@pytest.mark.parametrize(
    ("file", "kept"),
    [
        (ChatFile("page.html", b"<script>alert(1)</script>", "text/html"), ("page.html", "application/octet-stream")),
        (ChatFile("x.svg", b"<svg onload=alert(1)>", "image/svg+xml"), ("x.svg", "application/octet-stream")),
        (ChatFile("fake.txt", PNG, "text/plain"), ("fake.txt", "image/png")),
        (ChatFile("../../etc/passwd", b"x", "text/plain"), ("passwd", "text/plain")),
        (ChatFile("..\\..\\a\0b\n\u202ec.txt", b"x", "text/plain"), ("abc.txt", "text/plain")),
        (ChatFile("/", b"x", ""), ("file", "application/octet-stream")),
    ],
)
def test_a_file_is_what_its_bytes_are(small_world: World, file: ChatFile, kept: tuple[str, str]) -> None:
    room = Room(small_world)
    said = room.chat.attach(room.ws, room.general.id, *file, sender_id=room.me, sender_name="me")
    (stored,) = (said.content.file_details or {})["files"]
    assert (stored["name"], stored["media_type"]) == kept


def test_files_that_are_too_many_too_large_or_no_pictures_are_refused(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(small_world)
    monkeypatch.setattr(limits, "UPLOAD_BYTES", 1_000)
    sender = {"sender_id": room.me, "sender_name": "me"}
    for files, error in (
        ([ChatFile("a.png", b"<html>", "image/png")], Invalid),
        ([ChatFile("a.txt", b"", "text/plain")], Invalid),
        ([ChatFile("a.txt", b"x" * 1_001, "text/plain")], LimitExceeded),
        ([ChatFile(f"{number}.txt", b"x") for number in range(limits.MESSAGE_FILES + 1)], LimitExceeded),
        ([], Invalid),
    ):
        with pytest.raises(error):
            room.chat.attach_all(room.ws, room.general.id, files, **sender)
    with pytest.raises(IonfluxError):
        content = {"file_details": {"files": [{"sha256": "0" * 64}]}}
        room.chat.post(room.ws, room.general.id, content=content, content_type="file_attachment", **sender)
    assert room.shown() == [] and small_world.rows("artifacts") == []


def test_a_thread_becomes_a_page(room: Room) -> None:
    root = room.say("Which **orders** wait?\nAll of them?", sender_name="Ana_*[x](javascript:alert(1))")
    room.agent_says("three {{ blocks.text.output }}", thread_id=root.id)
    room.agent_says(
        content={"json_payload": {"orders": [1, 2, 3]}, "text_body": "here"},
        content_type="json_data",
        thread_id=root.id,
    )
    room.chat.delete(room.ws, room.say("a mistake", thread_id=root.id).id, room.me)
    made = room.chat.thread_to_page(room.ws, root.id, room.me)
    page = room.world.app.canvas.page(room.ws, made.id)
    assert page.title == "Thread: Which **orders** wait? All of them?"
    text, data = page.blocks
    said = text.content["markdown_text"]
    assert "> Which **orders** wait?\n> All of them?" in said and "*deleted*" in said and "mistake" not in said
    assert "{{" not in said and "](javascript:" not in said
    assert f"chat?channel={room.general.id}&message={root.id}" in said
    assert data.type == "json_display" and data.content["json_data_to_display"] == {"orders": [1, 2, 3]}


def test_a_long_thread_is_cut_to_blocks_and_says_what_it_leaves_out(small_world: World) -> None:
    room = Room(small_world)
    root = room.say("x" * 19_000)
    for number in range(6):
        room.say(f"{number} " + "y" * 19_000, thread_id=root.id)
    made = room.chat.thread_to_page(room.ws, root.id, room.me)
    blocks = small_world.app.canvas.page(room.ws, made.id).blocks
    assert len(blocks) == 2 and "5 yyy" in blocks[1].content["markdown_text"]
    assert "Older answers" not in blocks[0].content["markdown_text"]
