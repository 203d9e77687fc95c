"""A block that becomes one of another kind keeps its words and its data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ionflux_core.blocks import registry
from ionflux_core.blocks.base import Computed
from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.errors import Conflict
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.canvas_conversion import converted
from tests.agents_for_tests.pages import Sum, canvas, kinds, reading, text, world
from tests.agents_for_tests.world import World

__all__ = ["canvas", "kinds", "world"]

AT = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = {"columns": ["City", "Sales"], "rows": [["Berlin", 3], ["Rom", None]]}
BOARD = {
    "columns": [
        {"title": "To do", "cards": [{"title": "Write", "text": "soon", "done": False}]},
        {"title": "Done", "cards": [{"title": "Plan", "text": "", "done": True}]},
    ]
}


def became(old: str, content: dict[str, Any], new: str) -> dict[str, Any]:
    """The content after a conversion."""
    stored = registry.checked(old, content).model_dump(mode="json")
    block = CanvasBlock(
        id="1", workspace_id="w", page_id="p", name="b", type=old, content=stored,
        place=Place(), revision=1, created_at=AT, updated_at=AT,
    )  # fmt: skip
    return registry.checked(new, converted(block, new)).model_dump(mode="json")


def data(content: Any, title: str = "") -> dict[str, Any]:
    """The content of a block that holds data."""
    return {"title_text": title, "json_data_to_display": content}


def test_words_go_where_the_kind_has_room_for_them() -> None:
    words = text("SELECT 1 FROM runs", "Head")
    assert became("text", words, "sql") == {"title_text": "Head", "query": "SELECT 1 FROM runs"}
    assert became("text", words, "prompt")["values"] == {"text": "SELECT 1 FROM runs"}
    assert became("text", words, "agent_snippet")["inputs"] == {"text": "SELECT 1 FROM runs"}
    assert became("text", words, "image")["caption"] == "SELECT 1 FROM runs"
    assert became("text", text("Send it"), "button") | {"inputs": {}} == became("text", text("Send it"), "button")
    assert became("text", text("Send it"), "button")["label"] == "Send it"
    long = became("text", text("First\nSecond"), "button")
    assert (long["label"], long["inputs"]) == ("First", {"text": "First\nSecond"})


@pytest.mark.parametrize("through", ["sql", "prompt", "agent_snippet", "button", "image", "json_display"])
def test_words_come_back(through: str) -> None:
    there = became("text", text("Two\n\nlines", "Head"), through)
    assert became(through, there, "text")["markdown_text"].endswith("Two\n\nlines")
    assert became(through, there, "text")["title_text"] == "Head"


def test_tables_boards_and_json_become_one_another() -> None:
    assert became("table_view", data(TABLE, "T"), "json_display") == data(TABLE, "T")
    assert became("json_display", data(TABLE), "table_view") == data(TABLE)
    assert became("json_display", data([{"a": 1}, {"b": 2}]), "table_view")["json_data_to_display"] == {
        "columns": ["a", "b"], "rows": [[1, None], [None, 2]]
    }  # fmt: skip
    there = became("kanban_board", data(BOARD), "table_view")
    assert there["json_data_to_display"]["rows"] == [["To do", "Write", "soon", False], ["Done", "Plan", "", True]]
    assert became("table_view", there, "kanban_board") == data(BOARD)
    assert became("json_display", became("kanban_board", data(BOARD), "json_display"), "kanban_board") == data(BOARD)
    cards = became("table_view", data(TABLE), "kanban_board")["json_data_to_display"]["columns"][0]["cards"]
    assert [(card["title"], card["text"]) for card in cards] == [("Berlin", "Sales: 3"), ("Rom", "")]


def test_a_list_becomes_a_board_and_a_table() -> None:
    words = text("### To do\n\n- [ ] Write\n- [x] Plan\n\n### Later\n\n* Rest")
    board = became("text", words, "kanban_board")["json_data_to_display"]["columns"]
    assert [(c["title"], [(k["title"], k["done"]) for k in c["cards"]]) for c in board] == [
        ("To do", [("Write", False), ("Plan", True)]), ("Later", [("Rest", False)])
    ]  # fmt: skip
    assert became("text", text("a\nb"), "table_view")["json_data_to_display"]["rows"] == [["a"], ["b"]]
    assert became("text", text('{"a": [1]}'), "json_display")["json_data_to_display"] == {"a": [1]}
    assert "Berlin" in became("table_view", data(TABLE), "text")["markdown_text"]


@pytest.mark.parametrize("old", sorted(registry.kinds()))
@pytest.mark.parametrize("new", sorted(registry.kinds()))
def test_every_kind_becomes_every_other(old: str, new: str) -> None:
    empty = registry.kind_of(old).empty().model_dump(mode="json")
    assert became(old, {**empty, "title_text": "Kept"}, new)["title_text"] == "Kept"


@pytest.mark.parametrize(
    "odd",
    [{"columns": [1, None, {"title": 3, "cards": [7]}]}, {"columns": 5, "rows": {}}, [[1], [2, 3]], None, "x", 4.5],
)
@pytest.mark.parametrize("new", ["table_view", "kanban_board", "text"])
def test_data_of_any_form_is_taken_or_left(odd: Any, new: str) -> None:
    assert became("json_display", data(odd, "Kept"), new)["title_text"] == "Kept"


def test_a_conversion_keeps_name_place_and_readers(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    source = canvas.add_block(
        world.workspace, page.id, Sum.type, {"formula": "1"}, name="source", place=Place(x=2, y=3)
    )
    reader = canvas.add_block(world.workspace, page.id, Sum.type, {"formula": reading("source")})
    for block in (source, reader):
        canvas.write_output(world.workspace, block.id, Computed(output=1))
    with pytest.raises(Conflict, match="changed elsewhere"):
        canvas.convert_block(world.workspace, source.id, "text", revision=7)
    block = canvas.convert_block(world.workspace, source.id, "text", revision=1)
    assert (block.name, block.place, block.type, block.revision) == ("source", source.place, "text", 2)
    assert (block.output, block.stale, block.output_at) == (None, False, None)
    assert canvas.block(world.workspace, reader.id).stale
    assert canvas.convert_block(world.workspace, source.id, "text").revision == 2, "it is one already"
