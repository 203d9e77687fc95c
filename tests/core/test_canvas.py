"""Pages and their blocks: what is kept, what is refused, and who else may look."""

from __future__ import annotations

from typing import Any

import pytest

from ionflux_core.blocks.base import Computed
from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound
from ionflux_core.limits import CANVAS_BLOCKS, CANVAS_CONTENT_BYTES
from ionflux_core.services.canvas import Canvas
from ionflux_core.storage.tables import canvas_blocks
from tests.agents_for_tests.pages import Sum, canvas, kinds, reading, text, world
from tests.agents_for_tests.world import Clock, World, together

__all__ = ["canvas", "kinds", "world"]


def test_a_block_is_kept_as_it_was_written(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan", icon="🚀")
    first = canvas.add_block(world.workspace, page.id, "text", text("One"))
    second = canvas.add_block(world.workspace, page.id, "text", text("Two", "Our Goals for Q4!"))
    third = canvas.add_block(world.workspace, page.id, "text", place=Place(x=6, y=0, width=3, height=2))
    found = canvas.page(world.workspace, page.id)
    assert (found.title, found.icon) == ("Plan", "🚀")
    assert [block.name for block in found.blocks] == ["text", "text_2", "our_goals_for_q4"]
    assert found.blocks[0] == first
    assert second.place.y == first.place.height, "what has no place lies below all others"
    assert third.place == Place(x=6, y=0, width=3, height=2)
    assert second.content["markdown_text"] == "Two"


def test_the_second_of_two_tabs_is_told_and_nothing_is_lost(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    seen = canvas.add_block(world.workspace, page.id, "text", text("As both saw it"))
    saved = canvas.save_block(world.workspace, seen.id, revision=seen.revision, content=text("The first"), by="Ann")
    with pytest.raises(Conflict) as told:
        canvas.save_block(world.workspace, seen.id, revision=seen.revision, content=text("The second"), by="Ben")
    assert told.value.code == "edited_elsewhere"
    assert told.value.details["current"]["content"]["markdown_text"] == "The first"
    assert told.value.details["current"]["revision"] == saved.revision == 2
    again = canvas.save_block(world.workspace, seen.id, revision=saved.revision, content=text("Both"), by="Ben")
    assert again.content["markdown_text"] == "Both"
    same = canvas.save_block(world.workspace, seen.id, revision=1, content=text("Both"), by="Ann")
    assert same.revision == again.revision, "whoever saves what is there already is in nobody's way"


def test_of_many_who_save_at_once_one_wins(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    block = canvas.add_block(world.workspace, page.id, "text", text("x"))

    def save(number: int) -> Any:
        return canvas.save_block(world.workspace, block.id, revision=1, content=text(str(number)), by=f"p{number}")

    answers = together(6, save)
    won = [answer for answer in answers if isinstance(answer, CanvasBlock)]
    lost = [answer for answer in answers if isinstance(answer, Conflict)]
    assert (len(won), len(lost)) == (1, 5)
    assert canvas.block(world.workspace, block.id).content == won[0].content


def test_names_made_at_once_differ(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    made = together(6, lambda number: canvas.add_block(world.workspace, page.id, "text", text(str(number))))
    assert {block.name for block in made} == {"text", "text_2", "text_3", "text_4", "text_5", "text_6"}


def test_a_renamed_block_is_still_read(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    source = canvas.add_block(world.workspace, page.id, "text", text("7"), name="sales")
    reader = canvas.add_block(
        world.workspace, page.id, "text",
        text("{{blocks.sales.output}} {{ blocks.sales.output.total[0] }} {{ blocks.sales_2.output }} {{ sales }}"),
    )  # fmt: skip
    pointer = canvas.add_block(world.workspace, page.id, Sum.type, {"source": "sales"})
    canvas.save_block(world.workspace, source.id, revision=1, name="revenue")
    found = canvas.block(world.workspace, reader.id)
    assert found.content["markdown_text"] == (
        "{{blocks.revenue.output}} {{ blocks.revenue.output.total[0] }} {{ blocks.sales_2.output }} {{ sales }}"
    )
    assert found.revision == 2, "who has the old text open is told before they overwrite the new name"
    assert canvas.block(world.workspace, pointer.id).content["source"] == "revenue"


@pytest.mark.parametrize("name", ["", "Sales", "1st", "a b", "a-b", "a" * 61, "übung", "a\n"])
def test_a_name_that_cannot_be_referred_to_is_refused(canvas: Canvas, world: World, name: str) -> None:
    page = canvas.create(world.workspace, "Plan")
    with pytest.raises(Invalid, match="cannot be the name"):
        canvas.add_block(world.workspace, page.id, "text", name=name)


def test_a_taken_name_is_refused(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    canvas.add_block(world.workspace, page.id, "text", name="goal")
    other = canvas.add_block(world.workspace, page.id, "text")
    with pytest.raises(Conflict, match="already"):
        canvas.add_block(world.workspace, page.id, "text", name="goal")
    with pytest.raises(Conflict, match="already"):
        canvas.save_block(world.workspace, other.id, revision=1, name="goal")
    elsewhere = canvas.create(world.workspace, "Plan")
    assert canvas.add_block(world.workspace, elsewhere.id, "text", name="goal").name == "goal"


def test_a_deleted_block_comes_back(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    block = canvas.add_block(world.workspace, page.id, "text", text("Keep me"), name="goal")
    canvas.delete_block(world.workspace, block.id)
    assert canvas.page(world.workspace, page.id).blocks == []
    with pytest.raises(NotFound):
        canvas.save_block(world.workspace, block.id, revision=1, content=text("x"))
    canvas.add_block(world.workspace, page.id, "text", name="goal")
    back = canvas.restore_block(world.workspace, block.id)
    assert (back.name, back.content["markdown_text"]) == ("goal_2", "Keep me")
    assert canvas.restore_block(world.workspace, block.id).name == "goal_2", "twice is once"


def test_what_was_deleted_long_ago_is_purged(canvas: Canvas, world: World) -> None:
    clock = Clock()
    page = canvas.create(world.workspace, "Plan")
    old, new = (canvas.add_block(world.workspace, page.id, "text") for _ in range(2))
    canvas.delete_block(world.workspace, old.id)
    clock.forward(days=29)
    canvas.delete_block(world.workspace, new.id)
    clock.forward(days=2)
    assert canvas.purge() == 1
    assert canvas.restore_block(world.workspace, new.id).id == new.id
    with pytest.raises(NotFound, match="for good"):
        canvas.restore_block(world.workspace, old.id)


def test_dragging_needs_no_revision_and_the_last_wins(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    one = canvas.add_block(world.workspace, page.id, "text")
    two = canvas.add_block(world.workspace, page.id, "text")
    places = {one.id: Place(x=0, y=9), two.id: Place(x=6, y=0, width=2), "gone": Place()}
    now_at = canvas.place_blocks(world.workspace, page.id, places)
    assert now_at == {one.id: places[one.id], two.id: places[two.id]}
    found = canvas.page(world.workspace, page.id)
    assert [(block.id, block.place, block.revision) for block in found.blocks] == [
        (two.id, places[two.id], 1), (one.id, places[one.id], 1)
    ]  # fmt: skip


def test_a_copy_lies_below_its_block_and_pushes_others_down(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    first = canvas.add_block(world.workspace, page.id, "text", text("a"), place=Place(x=0, y=0, width=6, height=3))
    under = canvas.add_block(world.workspace, page.id, "text", place=Place(x=0, y=3, width=6, height=2))
    beside = canvas.add_block(world.workspace, page.id, "text", place=Place(x=6, y=3, width=6, height=2))
    copy = canvas.duplicate_block(world.workspace, first.id)
    places = {block.id: block.place for block in canvas.page(world.workspace, page.id).blocks}
    assert (copy.content, copy.name) == (first.content, "text_4")
    assert (places[copy.id].y, places[under.id].y, places[beside.id].y) == (3, 6, 3)


def test_what_depends_on_a_change_is_stale(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    source = canvas.add_block(world.workspace, page.id, "text", text("1"), name="source")
    between = canvas.add_block(world.workspace, page.id, "text", text(reading("source")), name="between")
    last = canvas.add_block(world.workspace, page.id, Sum.type, {"formula": reading("between")})
    aside = canvas.add_block(world.workspace, page.id, Sum.type)
    assert last.stale and aside.stale, "what was never computed is not fresh"
    for block in (last, aside):
        canvas.write_output(world.workspace, block.id, Computed(output={"total": 1}))

    def stale() -> list[str]:
        return [block.id for block in canvas.page(world.workspace, page.id).blocks if block.stale]

    assert stale() == []
    canvas.save_block(world.workspace, source.id, revision=1, content=text("2"))
    assert stale() == [last.id], "through a text that reads it, and nothing else"
    canvas.write_output(world.workspace, last.id, Computed(output={"total": 2}))
    canvas.place_blocks(world.workspace, page.id, {source.id: Place(y=40)})
    canvas.save_block(world.workspace, between.id, revision=1, name="middle")
    assert stale() == [], "neither moving nor renaming changes what is read"
    canvas.delete_block(world.workspace, source.id)
    assert stale() == [last.id]


def test_an_output_marks_its_readers_only_when_it_differs(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    source = canvas.add_block(world.workspace, page.id, Sum.type, name="source")
    reader = canvas.add_block(world.workspace, page.id, Sum.type, {"source": "source"})
    for block in (source, reader):
        canvas.write_output(world.workspace, block.id, Computed(output=[1, 2]))
    canvas.write_output(world.workspace, source.id, Computed(output=[1, 2], run_id="r2"))
    assert not canvas.block(world.workspace, reader.id).stale
    canvas.write_output(world.workspace, source.id, Computed(output=[1, 3]))
    assert canvas.block(world.workspace, reader.id).stale


def test_an_output_of_an_older_text_stays_stale(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    block = canvas.add_block(world.workspace, page.id, Sum.type)
    canvas.save_block(world.workspace, block.id, revision=1, content={"formula": "new"})
    canvas.write_output(world.workspace, block.id, Computed(output=1), revision=1)
    assert canvas.block(world.workspace, block.id).stale
    canvas.write_output(world.workspace, block.id, Computed(output=2), revision=2)
    assert not canvas.block(world.workspace, block.id).stale


def test_an_output_that_is_too_large_says_so(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    block = canvas.add_block(world.workspace, page.id, Sum.type)
    canvas.write_output(world.workspace, block.id, Computed(output="x" * 5_000_000, run_id="the-run"))
    found = canvas.block(world.workspace, block.id)
    assert found.output is None and found.run_id == "the-run"
    assert found.error is not None and found.error.code == "output_too_large"


def test_a_circle_is_refused_with_its_path(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    one = canvas.add_block(world.workspace, page.id, "text", text(reading("three")), name="one")
    canvas.add_block(world.workspace, page.id, "text", text(reading("one")), name="two")
    with pytest.raises(Invalid, match="three → two → one → three"):
        canvas.add_block(world.workspace, page.id, "text", text(reading("two")), name="three")
    with pytest.raises(Invalid, match="one → one"):
        canvas.save_block(world.workspace, one.id, revision=1, content=text(reading("one")))
    assert len(canvas.page(world.workspace, page.id).blocks) == 2, "nothing of what was refused is kept"


def test_what_breaks_a_rule_is_refused_with_the_field(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    with pytest.raises(Invalid, match="Choose one of"):
        canvas.add_block(world.workspace, page.id, "gadget")
    with pytest.raises(Invalid, match="colour"):
        canvas.add_block(world.workspace, page.id, "text", {"colour": "red"})
    with pytest.raises(Invalid, match="markdown_text"):
        canvas.add_block(world.workspace, page.id, "text", {"markdown_text": 7})


def test_sizes_are_limited(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    with pytest.raises(LimitExceeded, match="1024 KiB"):
        canvas.add_block(world.workspace, page.id, "text", text("ä" * CANVAS_CONTENT_BYTES))
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    with pytest.raises(LimitExceeded, match="deeper"):
        canvas.add_block(world.workspace, page.id, "text", {"markdown_text": deep})
    with pytest.raises(Invalid, match="cannot be stored"):
        canvas.add_block(world.workspace, page.id, "text", text("half a sign: \ud800"))
    assert canvas.page(world.workspace, page.id).blocks == []


def test_a_page_holds_so_many_blocks(world: World, kinds: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CANVAS_BLOCKS >= 30
    monkeypatch.setattr("ionflux_core.services.canvas_edits.CANVAS_BLOCKS", 3)
    canvas, page = world.app.canvas, world.app.canvas.create(world.workspace, "Plan")
    blocks = [canvas.add_block(world.workspace, page.id, "text") for _ in range(3)]
    with pytest.raises(LimitExceeded, match="at most 3 blocks"):
        canvas.duplicate_block(world.workspace, blocks[0].id)
    canvas.delete_block(world.workspace, blocks[0].id)
    canvas.add_block(world.workspace, page.id, "text")
    with pytest.raises(LimitExceeded, match="at most 3 blocks"):
        canvas.restore_block(world.workspace, blocks[0].id)


def test_a_stored_secret_never_gets_onto_a_page(canvas: Canvas, world: World) -> None:
    world.app.secrets.put(world.workspace, "shop", "shpat_0123456789abcdef")
    page = canvas.create(world.workspace, "Plan")
    block = canvas.add_block(world.workspace, page.id, "text")
    words = text("the token is shpat_0123456789abcdef")
    for attempt in (
        lambda: canvas.add_block(world.workspace, page.id, "text", words),
        lambda: canvas.save_block(world.workspace, block.id, revision=1, content=words),
        lambda: canvas.create(world.workspace, "shpat_0123456789abcdef"),
        lambda: canvas.save_page(world.workspace, page.id, title="shpat_0123456789abcdef"),
    ):
        with pytest.raises(Invalid) as refused:
            attempt()
        assert refused.value.code == "secret_in_text"


def test_what_looks_like_a_template_stays_as_it_was_written(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "{{ 7*7 }} ${7*7}")
    block = canvas.add_block(world.workspace, page.id, "text", text("{{ 7*7 }} {% raw %} ${7*7} <script>"))
    assert canvas.page(world.workspace, page.id).title == "{{ 7*7 }} ${7*7}"
    assert canvas.block(world.workspace, block.id).content["markdown_text"] == "{{ 7*7 }} {% raw %} ${7*7} <script>"


def test_a_page_with_a_kind_nobody_knows_still_opens(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    block = canvas.add_block(world.workspace, page.id, "text", text("hi"), name="odd")
    change = canvas_blocks.update().where(canvas_blocks.c.id == block.id)
    world.app.db.write(lambda c: c.execute(change.values(type="hologram", content={"depth": 3})).rowcount)
    found = canvas.page(world.workspace, page.id).blocks[0]
    assert (found.type, found.content) == ("hologram", {"depth": 3})
    canvas.place_blocks(world.workspace, page.id, {block.id: Place(y=5)})
    canvas.add_block(world.workspace, page.id, "text", text(reading("odd")))
    assert canvas.save_block(world.workspace, block.id, revision=1, name="old_thing").content == {"depth": 3}
    copy = canvas.duplicate_page(world.workspace, page.id)
    assert sorted(each.type for each in copy.blocks) == ["hologram", "text"]
    with pytest.raises(Invalid, match="no block of type"):
        canvas.save_block(world.workspace, block.id, revision=2, content={"depth": 4})
    assert canvas.convert_block(world.workspace, block.id, "text").type == "text"


def test_those_who_look_at_the_page_are_told(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    listener = world.app.live.listen(world.workspace, lambda: None)
    stranger = world.app.live.listen(world.app.workspaces.create("Other").id, lambda: None)
    for change in (
        lambda: canvas.add_block(world.workspace, page.id, "text"),
        lambda: canvas.save_page(world.workspace, page.id, title="Other"),
        lambda: canvas.set_page_status(world.workspace, page.id, "archived"),
    ):
        change()
        assert listener.take() == [f"canvas:{page.id}"]
    assert stranger.take() == []
