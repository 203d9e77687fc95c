"""Pages that react: what is stale, in which order it is computed, what stops, and what the end of a run changes."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.domain.canvas import CanvasBlock, CanvasPage
from ionflux_core.errors import Conflict, Invalid
from tests.agents_for_tests.world import World, small_world, wait_for, world

__all__ = ["small_world", "world"]


class Desk:
    """A page of a world, and what a test does with it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app: Application = world.started()
        self.page_id = self.app.canvas.create(world.workspace, "Plan").id

    @property
    def page(self) -> CanvasPage:
        return self.app.canvas.page(self.world.workspace, self.page_id)

    def add(self, type: str, name: str, **content: Any) -> CanvasBlock:
        return self.app.canvas.add_block(self.world.workspace, self.page_id, type, content, name=name)

    def agent(self, name: str, instance: str, value: Any = None) -> CanvasBlock:
        inputs = {} if value is None else {"value": value}
        return self.add("agent_snippet", name, agent_configuration_id=instance, inputs=inputs)

    def block(self, name: str) -> CanvasBlock:
        return next(block for block in self.page.blocks if block.name == name)

    def line(self, name: str) -> dict[str, Any]:
        lines = self.app.refreshing.views(self.world.workspace, self.page)
        return next(line for line in lines if line["name"] == name)

    def run(self, name: str, **inputs: Any) -> str | None:
        return self.app.refreshing.run_block(self.world.workspace, self.block(name).id, inputs)

    def refresh(self) -> int:
        return self.app.refreshing.refresh(self.world.workspace, self.page_id)

    def refreshed(self) -> None:
        """Refresh, and wait until it is over."""
        self.refresh()
        wait_for(lambda: self.app.refreshing.progress(self.world.workspace, self.page_id) is None)

    def stale(self) -> set[str]:
        """The blocks whose line says that they are out of date."""
        lines = self.app.refreshing.views(self.world.workspace, self.page)
        return {line["name"] for line in lines if line["stale"]}

    def edit(self, name: str, **content: Any) -> None:
        block = self.block(name)
        self.app.canvas.save_block(
            self.world.workspace, block.id, revision=block.revision, content={**block.content, **content}
        )


@pytest.fixture
def desk(world: World) -> Desk:
    world.agent("double", lambda ctx, inputs: {"result": inputs["value"] * 2})
    return Desk(world)


@pytest.fixture
def small_desk(small_world: World) -> Desk:
    small_world.agent("double", lambda ctx, inputs: {"result": inputs["value"] * 2})
    return Desk(small_world)


def test_a_chain_of_agents_is_refreshed_in_order_and_goes_stale_again(desk: Desk) -> None:
    one, two = desk.world.instance("double", "one"), desk.world.instance("double", "two")
    desk.agent("second", two.id, "{{ blocks.first.output }}")
    desk.agent("first", one.id, "{{ blocks.start.output[0] }}")
    desk.add("json_display", "start", json_data_to_display=[3])
    desk.add("text", "words", markdown_text="It is {{ blocks.second.output }}.")
    assert desk.stale() == {"first", "second"}
    desk.refreshed()
    assert desk.stale() == set()
    assert desk.line("words")["view"]["text"] == "It is 12."
    assert desk.line("second")["view"]["output"] == {"kind": "number", "value": 12, "text": "12"}

    desk.edit("start", json_data_to_display=[10])
    assert desk.stale() == {"first", "second"}, "what depends on it, also through others"
    desk.refreshed()
    assert desk.line("words")["view"]["text"] == "It is 40."


def test_a_run_from_a_block_names_it_and_its_end_marks_what_reads_it(desk: Desk) -> None:
    one, two = desk.world.instance("double", "one"), desk.world.instance("double", "two")
    desk.agent("first", one.id, 1)
    desk.agent("second", two.id, "{{ blocks.first.output }}")
    desk.refreshed()
    run_id = desk.run("first", value=21)
    assert run_id is not None
    run = desk.world.ended(run_id)
    assert run.trigger.key == "block first" and run.inputs["value"] == 21
    wait_for(lambda: desk.block("first").run_id == run_id and not desk.block("first").stale)
    wait_for(lambda: desk.stale() == {"second"})
    assert desk.line("first")["view"]["output"]["value"] == 42


def test_a_run_started_elsewhere_is_seen_by_every_block_of_its_agent(desk: Desk) -> None:
    one = desk.world.instance("double", "one")
    desk.agent("a", one.id)
    desk.agent("b", one.id)
    desk.add("text", "t", markdown_text="{{ blocks.a.output }}/{{ blocks.b.output }}")
    desk.world.run(one.id, 4)
    wait_for(lambda: desk.line("t")["view"]["text"] == "8/8", 5)
    assert desk.line("a")["status"] == {"word": "Success", "tone": "green"}


def test_an_agent_put_on_a_page_shows_what_it_gave_before(desk: Desk) -> None:
    one = desk.world.instance("double", "one")
    desk.world.run(one.id, 5)
    desk.agent("late", one.id)
    assert desk.line("late")["view"]["output"]["value"] == 10


def test_a_failing_block_stops_only_what_depends_on_it(desk: Desk) -> None:
    def fail(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        raise ValueError("the shop is closed")

    desk.world.agent("broken", fail)
    bad, one, two = (
        desk.world.instance("broken", "bad"),
        desk.world.instance("double", "one"),
        desk.world.instance("double", "two"),
    )
    desk.agent("first", bad.id, 1)
    desk.agent("after", one.id, "{{ blocks.first.output }}")
    desk.agent("other", two.id, 2)
    desk.refreshed()
    assert desk.stale() == {"first", "after"}, "they are tried again by the next refresh"
    assert desk.line("other")["view"]["output"]["value"] == 4
    error = desk.line("first")["error"]
    assert "the shop is closed" in error["message"] and error["run"]
    assert desk.line("after")["view"]["run"] is None, "it was never started"


def test_the_last_good_output_stays_when_a_later_run_fails(desk: Desk) -> None:
    one = desk.world.instance("double", "one")
    desk.agent("first", one.id, 2)
    desk.refreshed()
    desk.edit("first", inputs={"value": {"no": "number"}})
    desk.refreshed()
    line = desk.line("first")
    assert line["view"]["output"]["value"] == 4
    assert line["error"] and line["stale"]
    desk.edit("first", inputs={"value": 6})
    desk.refreshed()
    line = desk.line("first")
    assert (line["view"]["output"]["value"], line["error"], line["stale"]) == (12, None, False)


def test_a_block_that_cannot_start_says_why_on_its_line(desk: Desk) -> None:
    one = desk.world.instance("double", "one")
    desk.agent("first", one.id, "{{ blocks.gone.output }}")
    desk.refreshed()
    assert "blocks.gone.output cannot be read" in desk.line("first")["error"]["message"]
    with pytest.raises(Invalid, match=r"blocks.gone.output cannot be read") as told:
        desk.run("first")
    assert told.value.hint


def test_a_refresh_can_be_stopped_and_what_was_not_reached_stays_stale(small_desk: Desk) -> None:
    desk, begun = small_desk, threading.Event()

    def wait(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def look() -> int:
            begun.set()
            threading.Event().wait(30 if inputs["value"] else 0)
            return 1

        return {"result": ctx.step("look", look)}

    desk.world.agent("slow", wait)
    slow, one = desk.world.instance("slow", "slow"), desk.world.instance("double", "one")
    desk.agent("first", slow.id, 0)
    desk.agent("then", one.id, "{{ blocks.first.output }}")
    desk.refreshed()
    desk.edit("first", inputs={"value": 1})
    begun.clear()
    assert desk.refresh() == 2
    assert begun.wait(10)
    progress = desk.app.refreshing.progress(desk.world.workspace, desk.page_id)
    assert progress and (progress.total, progress.done, progress.block) == (2, 0, "first")
    assert desk.refresh() == 2, "a second click starts no second refresh"
    assert desk.line("first")["busy"]
    desk.app.refreshing.stop(desk.world.workspace, desk.page_id)
    wait_for(lambda: desk.app.refreshing.progress(desk.world.workspace, desk.page_id) is None)
    wait_for(lambda: desk.stale() == {"first", "then"})
    assert desk.line("first")["status"]["word"] == "Cancelled"


def test_a_run_that_asks_a_person_is_not_waited_for_and_answered_on_the_page(desk: Desk) -> None:
    def ask(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        answer = ctx.approve("Send it?", body="To all.")
        return {"result": "sent" if answer.approved else "kept"}

    desk.world.agent("asker", ask)
    asker, one = desk.world.instance("asker", "asker"), desk.world.instance("double", "one")
    desk.agent("first", asker.id)
    desk.agent("then", one.id, "{{ blocks.first.output }}")
    desk.add("approval", "question", agent_configuration_id=asker.id)
    desk.refreshed()
    line = desk.line("first")
    assert line["status"] == {"word": "Awaiting approval", "tone": "orange"}
    assert line["view"]["question"]["title"] == "Send it?"
    assert desk.stale() == {"then"}, "the asking block is on its way: it is not started twice"
    shown = desk.line("question")["view"]
    assert shown["state"] == "open" and shown["question"]["title"] == "Send it?" and shown["waiting"] == 1

    desk.app.refreshing.press(desk.world.workspace, desk.block("question").id, "approve", by="Ada")
    wait_for(lambda: desk.line("first")["view"]["output"], 5)
    assert desk.line("first")["view"]["output"]["text"] == "sent"
    assert desk.stale() == {"then"}
    assert desk.line("question")["view"]["state"] == "none"
    with pytest.raises((Invalid, Conflict)):
        desk.app.refreshing.press(desk.world.workspace, desk.block("question").id, "approve", by="Bob")
    desk.refreshed()
    assert desk.line("then")["view"]["output"]["text"] == "sentsent"


def test_what_changes_while_a_block_runs_leaves_it_stale(small_desk: Desk) -> None:
    desk, go_on, begun = small_desk, threading.Event(), threading.Event()

    def slow(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        assert go_on.wait(10)
        return {"result": inputs["value"]}

    desk.world.agent("slow", slow)
    instance = desk.world.instance("slow", "slow")
    desk.add("json_display", "start", json_data_to_display="old")
    desk.agent("first", instance.id, "{{ blocks.start.output }}")
    desk.refresh()
    assert begun.wait(10)
    assert desk.stale() == set()
    desk.edit("start", json_data_to_display="new")
    go_on.set()
    wait_for(lambda: desk.app.refreshing.progress(desk.world.workspace, desk.page_id) is None)
    assert desk.line("first")["view"]["output"]["text"] == "old"
    assert desk.stale() == {"first"}
    desk.refreshed()
    assert desk.line("first")["view"]["output"]["text"] == "new"


def test_stale_marks_outlive_the_process(desk: Desk) -> None:
    one = desk.world.instance("double", "one")
    desk.agent("first", one.id, 1)
    desk.refreshed()
    desk.edit("first", inputs={"value": 3})
    again = desk.world.application()
    page = again.canvas.page(desk.world.workspace, desk.page_id)
    assert [line["stale"] for line in again.refreshing.views(desk.world.workspace, page)] == [True]


def test_blocks_that_read_each_other_in_a_circle_are_refused_with_the_path(desk: Desk) -> None:
    desk.add("text", "a", markdown_text="{{ blocks.b.output }}")
    with pytest.raises(Invalid, match=r"b . a . b|a . b . a"):
        desk.add("text", "b", markdown_text="{{ blocks.a.output }}")


def test_a_button_starts_its_agent_and_does_not_wait(desk: Desk) -> None:
    one = desk.world.instance("double", "one")
    desk.add("button", "go", label="Go", agent_configuration_id=one.id, inputs={"value": 4})
    run_id = desk.run("go")
    assert run_id
    assert desk.world.ended(run_id).outputs == {"result": 8}
    wait_for(lambda: desk.line("go")["status"] == {"word": "Success", "tone": "green"})
    assert desk.line("go")["view"]["run"]["id"] == run_id


def test_an_sql_block_keeps_its_answer_and_a_chart_draws_it(desk: Desk) -> None:
    one = desk.world.instance("double", "one")
    desk.add(
        "sql",
        "counts",
        query="SELECT name, count(*) AS n FROM runs JOIN instances ON instances.id = instance_id GROUP BY 1",
    )
    desk.add("chart", "drawn", source="block", block="counts", kind="columns")
    desk.add("text", "total", markdown_text="{{ blocks.counts.output.n[0] }} runs")
    desk.world.run(one.id, 1)
    desk.refreshed()
    assert desk.line("counts")["view"]["rows"] == [["one", 1]]
    chart = desk.line("drawn")["view"]
    assert (chart["state"], chart["labels"], chart["series"][0]["values"]) == ("ready", ["one"], [1])
    assert desk.line("total")["view"]["text"] == "1 runs"


def test_what_a_query_reads_of_blocks_is_given_as_a_value(small_desk: Desk) -> None:
    hostile = "x' UNION SELECT id FROM main.runs --"
    small_desk.add("json_display", "name", json_data_to_display={"text": hostile})
    small_desk.add("sql", "echo", query="SELECT {{ blocks.name.output.text }} AS told")
    small_desk.run("echo")
    wait_for(lambda: small_desk.line("echo")["view"]["rows"] == [[hostile]])


def test_a_wrong_query_says_so_and_breaks_nothing(small_desk: Desk) -> None:
    small_desk.add("sql", "bad", query="SELECT * FROM read_csv('/etc/passwd')")
    small_desk.run("bad")
    wait_for(lambda: small_desk.line("bad")["error"])
    line = small_desk.line("bad")
    assert "not allowed" in line["error"]["message"] and line["stale"] and not line["busy"]


def test_a_prompt_is_filled_and_a_model_answers(make_application: Any) -> None:
    from tests.conftest import ROOT

    app = make_application(agents_dir=ROOT / "agents").start()
    space = app.workspaces.create("P").id
    library = app.prompts.libraries(space)[0]
    draft = {"name": "Hello", "text": "Greet {{who}} now.", "variables": [{"name": "who", "type": "text"}]}
    prompt = app.prompts.add(space, library.id, draft)
    page = app.canvas.create(space, "Page")
    app.canvas.add_block(space, page.id, "text", {"markdown_text": "Ada"}, name="who")
    content = {"prompt_id": prompt.id, "values": {"who": "{{ blocks.who.output }}"}}
    block = app.canvas.add_block(space, page.id, "prompt", content, name="ask")
    view = app.refreshing.view(space, block.id)["view"]
    assert (view["state"], view["text"], view["problem"]) == ("ready", "Greet Ada now.", None)
    run_id = app.refreshing.run_block(space, block.id)
    assert app.runs.wait(space, run_id, timeout=10).inputs["text"] == "Greet Ada now."
    wait_for(lambda: app.refreshing.view(space, block.id)["view"]["answer"], 5)
    assert app.refreshing.view(space, block.id)["view"]["answer"]["kind"] == "markdown"
    app.canvas.save_block(space, block.id, revision=block.revision, content={**content, "values": {}})
    assert "who" in app.refreshing.view(space, block.id)["view"]["problem"]


@pytest.mark.parametrize(
    ("type", "value", "shown"),
    [
        ("text", "Hello **you**", ("text", "Hello **you**")),
        # PostgreSQL keeps the keys of outputs in an order of its own: the shorter ones first.
        ("table_view", [{"n": 1, "sku": "a"}], ("rows", [[1, "a"]])),
        ("kanban_board", ["Call Ada", {"title": "Mail", "done": True}], ("done", 1)),
        ("json_display", {"a": [1]}, ("value", {"a": [1]})),
    ],
)
def test_an_agents_yaml_writes_its_output_into_a_block(
    desk: Desk, type: str, value: Any, shown: tuple[str, Any]
) -> None:
    desk.world.agent("teller", lambda ctx, inputs: {"result": value})
    block = desk.add(type, "target")
    yaml = f"output_to_canvas_block: {{target_block_id: {block.id}, output_key_to_map: result}}\n"
    teller = desk.world.instance("teller", "teller", yaml=yaml)
    desk.world.run(teller.id)
    wait_for(lambda: desk.line("target")["view"][shown[0]] == shown[1], 5, lambda: desk.line("target"))
    newest = desk.app.canvas.history(desk.world.workspace, desk.page_id)[0]
    assert newest.author == "teller"


def test_output_to_a_block_of_the_short_form_and_to_one_that_is_gone(desk: Desk) -> None:
    desk.world.agent("teller", lambda ctx, inputs: {"result": "news"})
    block = desk.add("text", "target")
    told = desk.world.instance("teller", "told", yaml=f'output_to_canvas_block: "{block.id}"\n')
    lost = desk.world.instance("teller", "lost", yaml="output_to_canvas_block: nowhere\n")
    assert desk.world.run(lost.id).status == "success"
    desk.world.run(told.id)
    wait_for(lambda: desk.line("target")["view"]["text"] == "news", 5)


def test_the_end_of_a_run_is_pushed_to_who_looks_at_the_page(small_desk: Desk) -> None:
    one = small_desk.world.instance("double", "one")
    small_desk.agent("first", one.id, 1)
    listener = small_desk.app.live.listen(small_desk.world.workspace, lambda: None)
    small_desk.world.run(one.id, 1)
    topics: list[str] = []

    def told() -> bool:
        topics.extend(listener.take())
        return f"canvas:{small_desk.page_id}" in topics

    wait_for(told, 5, lambda: topics)


def test_another_workspace_sees_and_runs_nothing(small_desk: Desk) -> None:
    one = small_desk.world.instance("double", "one")
    other = small_desk.app.workspaces.create("Other").id
    page = small_desk.app.canvas.create(other, "Theirs")
    block = small_desk.app.canvas.add_block(other, page.id, "agent_snippet", {"agent_configuration_id": one.id})
    small_desk.world.run(one.id, 1)
    line = small_desk.app.refreshing.view(other, block.id)
    assert line["view"]["state"] == "missing" and line["view"]["output"] is None
    with pytest.raises(Invalid):
        small_desk.app.refreshing.run_block(other, block.id)
