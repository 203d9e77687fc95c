"""Transforms inside of real runs: what they say, write, keep, publish, book and send; and what a person is asked."""

from __future__ import annotations

from typing import Any

from ionflux_core.domain.runs import Run
from ionflux_core.transforms.registry import named
from tests.agents_for_tests.world import World, small_world

__all__ = ["small_world"]


def _call(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """One transform after the other, as a flow calls them: those that act stand outside of a step."""
    made: list[Any] = []
    for at, (name, given) in enumerate(inputs["value"]):
        transform = named(name)
        if transform.acts:
            made.append(transform.run(ctx, given))
        else:
            made.append(ctx.step(f"node{at}", transform.run, ctx, given))
    return {"result": made}


def _run(world: World, *calls: tuple[str, dict[str, Any]], **options: Any) -> Run:
    world.agent("caller", _call)
    return world.run("caller", [list(call) for call in calls], **options)


def _result(run: Run) -> list[Any]:
    assert run.status == "success", run.error
    made: list[Any] = (run.outputs or {})["result"]
    return made


def test_effects_inside_the_house(small_world: World) -> None:
    file: dict[str, Any] = {}

    def call(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        file.update(ctx.step("put", named("store.put").run, ctx, {"name": "a.json", "content": {"n": 1}})["file"])
        got = ctx.step("get", named("store.get").run, ctx, {"file": file, "read_as": "json"})
        inputs["value"].append(("log", {"message": f"Read {got['data']['n']}.", "level": "warning", "data": {"a": 1}}))
        return _call(ctx, inputs)

    small_world.agent("house", call)
    run = small_world.run(
        "house",
        [
            ("chat.post", {"channel": "alerts", "text": "Stock is **low**."}),
            ("notify", {"title": "Stock", "level": "urgent", "channel": "alerts"}),
            ("canvas.write_block", {"title": "Stock", "markdown": "4 of A1"}),
            ("event.publish", {"type": "test.stock.low", "payload": {"left": 4}}),
            ("value.record", {"kind": "minutes_returned", "amount": 6, "unit": "minutes", "method": "estimate",
                              "note": "Nobody had to look."}),
        ],
    )  # fmt: skip
    posted, told, page, event, value, logged = _result(run)
    ws, app = small_world.workspace, small_world.app
    assert page["page_id"] in [each.id for each in app.canvas.tree(ws)]
    assert page["link"] == f"canvas?page={page['page_id']}"
    said = [row.content["text_body"] for row in small_world.rows("chat_messages", run_id=run.id)]
    assert said == ["Stock is **low**.", "🚨 **Stock**"]
    assert posted["message_id"] != told["message_id"]
    assert small_world.events() == [("test.stock.low", {"left": 4})]
    assert event["type"] == "test.stock.low"
    assert [(row.kind, row.amount) for row in small_world.rows("value_entries")] == [("minutes_returned", 6)]
    assert value["amount"] == 6
    assert logged == {"message": "Read 1."}
    assert [row.message for row in small_world.rows("run_logs", level="warning")] == ["Read 1."]
    assert file["media_type"] == "application/json"


def test_a_dry_run_says_writes_and_sends_nothing(small_world: World) -> None:
    run = _run(
        small_world,
        ("chat.post", {"channel": "alerts", "text": "x"}),
        ("canvas.write_block", {"title": "Stock", "markdown": "x"}),
        ("email.send", {"to": "ana@example.com", "subject": "x", "text": "x"}),
        ("slack.post", {"channel": "#x", "text": "x"}),
        ("shopify.action", {"action": "add_tags", "target": "gid://shopify/Customer/7", "values": {"tags": ["vip"]}}),
        dry_run=True,
    )
    said, page, *sent = _result(run)
    assert (said["message_id"], page["page_id"], page["link"]) == ("", "", "")
    assert [each["status"] for each in sent] == ["would_send"] * 3
    assert not any(each["sent"] for each in sent)


def test_a_person_is_asked_before_a_mail_goes_out(small_world: World) -> None:
    small_world.started()
    changes = {"dry_run": False, "options": {"transport": "folder"}}
    small_world.app.policies.set_channel(small_world.workspace, "email", changes)
    run = _run(small_world, ("email.send", {"to": "ana@example.com", "subject": "Your order", "text": "It comes."}))
    assert run.status == "awaiting_approval"
    (question,) = small_world.app.approvals.pending(small_world.workspace)
    assert "ana@example.com: Your order" in question.title
    small_world.app.approvals.decide(small_world.workspace, question.id, approved=True, by="Jo", comment="Good.")
    (mail,) = _result(small_world.ended(run.id))
    assert (mail["status"], mail["sent"], mail["comment"]) == ("sent", True, "Good.")
    assert mail["response"]["message_id"]


def test_the_built_in_engine_answers_and_says_that_it_fills_in_no_form(small_world: World) -> None:
    (answer,) = _result(_run(small_world, ("llm.complete", {"prompt": "The sea is blue. It is cold."})))
    assert answer["text"] == "The sea is blue."
    assert answer["engine"]["kind"] == "local"
    small_world.replace("caller", _call)
    run = small_world.run("caller", [["llm.classify", {"text": "Where is it?", "labels": ["delivery", "other"]}]])
    assert run.status == "error"
    assert run.error is not None
    assert "cannot fill in a form" in run.error.message


def test_wrong_inputs_fail_the_run_with_every_name(small_world: World) -> None:
    run = _run(small_world, ("text.split", {"text": 7, "separater": ","}))
    assert run.error is not None
    assert (run.status, run.error.code) == ("error", "invalid")
    assert "'text' must be text" in run.error.message
    assert "'separater'" in run.error.message
