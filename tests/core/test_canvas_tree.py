"""The tree of pages: nesting, order, archive, copies, templates, and the history of each page."""

from __future__ import annotations

from typing import Any

import pytest

from ionflux_core.blocks.base import Computed
from ionflux_core.domain.canvas import Place
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound
from ionflux_core.limits import CANVAS_DEPTH
from ionflux_core.services.canvas import Canvas
from ionflux_core.storage.tables import canvas_blocks, canvas_page_versions, canvas_pages, metadata
from tests.agents_for_tests.pages import Sum, canvas, kinds, reading, text, world
from tests.agents_for_tests.world import Clock, World, together

__all__ = ["canvas", "kinds", "world"]


def shown(canvas: Canvas, world: World, status: Any = "active") -> list[str]:
    """The tree as a person sees it: titles, indented by depth."""
    return [f"{'  ' * page.depth}{page.title}" for page in canvas.tree(world.workspace, status)]


def places(world: World) -> set[tuple[str | None, int]]:
    """Parent and position of every active page."""
    return {(row.parent_page_id, row.position) for row in world.rows("canvas_pages", status="active")}


def grown(canvas: Canvas, world: World) -> dict[str, str]:
    """A small tree: A (B (C), D), E; ids by title."""
    ids: dict[str, str] = {}
    for title, parent in (("A", None), ("B", "A"), ("C", "B"), ("D", "A"), ("E", None)):
        ids[title] = canvas.create(world.workspace, title, parent_id=ids[parent] if parent else None).id
    return ids


def test_the_tree_is_shown_in_order(canvas: Canvas, world: World) -> None:
    ids = grown(canvas, world)
    assert shown(canvas, world) == ["A", "  B", "    C", "  D", "E"]
    assert [page.title for page in canvas.breadcrumbs(world.workspace, ids["C"])] == ["A", "B", "C"]
    assert [page.title for page in canvas.breadcrumbs(world.workspace, ids["E"])] == ["E"]


@pytest.mark.parametrize(
    ("page", "parent", "position", "then"),
    [
        ("E", None, 0, ["E", "A", "  B", "    C", "  D"]),
        ("B", None, 1, ["A", "  D", "B", "  C", "E"]),
        ("D", "A", 0, ["A", "  D", "  B", "    C", "E"]),
        ("A", "E", 99, ["E", "  A", "    B", "      C", "    D"]),
        ("E", "B", -5, ["A", "  B", "    E", "    C", "  D"]),
    ],
)
def test_a_page_moves_with_all_below_it(
    canvas: Canvas, world: World, page: str, parent: str | None, position: int, then: list[str]
) -> None:
    ids = grown(canvas, world)
    canvas.move_page(world.workspace, ids[page], parent_id=ids[parent] if parent else None, position=position)
    assert shown(canvas, world) == then
    by_parent: dict[str | None, list[int]] = {}
    for above, place in places(world):
        by_parent.setdefault(above, []).append(place)
    assert all(sorted(each) == list(range(len(each))) for each in by_parent.values()), "places are dense"


def test_a_page_never_lies_inside_itself(canvas: Canvas, world: World) -> None:
    ids = grown(canvas, world)
    for parent in ("A", "C"):
        with pytest.raises(Conflict, match="'A' cannot lie inside"):
            canvas.move_page(world.workspace, ids["A"], parent_id=ids[parent], position=0)
    assert shown(canvas, world) == ["A", "  B", "    C", "  D", "E"]


def test_two_who_move_pages_into_one_another_make_no_loop(canvas: Canvas, world: World) -> None:
    one, two = (canvas.create(world.workspace, title).id for title in "XY")
    together(2, lambda n: canvas.move_page(world.workspace, (one, two)[n], parent_id=(two, one)[n], position=0))
    assert len(shown(canvas, world)) == 2, "both are still to be seen"


def test_pages_nest_so_deep(canvas: Canvas, world: World) -> None:
    parent = None
    for depth in range(CANVAS_DEPTH):
        parent = canvas.create(world.workspace, f"Level {depth}", parent_id=parent).id
    with pytest.raises(LimitExceeded, match="20 levels"):
        canvas.create(world.workspace, "Too deep", parent_id=parent)
    top = canvas.create(world.workspace, "Top")
    canvas.create(world.workspace, "Below", parent_id=top.id)
    near = canvas.breadcrumbs(world.workspace, parent or "")[-2].id
    with pytest.raises(LimitExceeded, match="20 levels"):
        canvas.move_page(world.workspace, top.id, parent_id=near, position=0)
    with pytest.raises(NotFound):
        canvas.create(world.workspace, "Orphan", parent_id="nowhere")


def test_archiving_takes_the_pages_below_along(canvas: Canvas, world: World) -> None:
    ids = grown(canvas, world)
    canvas.set_page_status(world.workspace, ids["A"], "archived")
    assert shown(canvas, world) == ["E"]
    assert shown(canvas, world, "archived") == ["A", "  B", "    C", "  D"]
    with pytest.raises(Conflict, match="is archived"):
        canvas.add_block(world.workspace, ids["B"], "text")
    assert canvas.page(world.workspace, ids["B"]).title == "B", "it can still be read"
    canvas.set_page_status(world.workspace, ids["A"], "active")
    assert shown(canvas, world) == ["E", "A", "  B", "    C", "  D"], "as the last of its siblings"
    assert (None, 0) in places(world) and (None, 1) in places(world)


def test_what_comes_back_without_its_parent_comes_to_the_top(canvas: Canvas, world: World) -> None:
    ids = grown(canvas, world)
    canvas.set_page_status(world.workspace, ids["A"], "archived")
    canvas.set_page_status(world.workspace, ids["B"], "active")
    assert shown(canvas, world) == ["E", "B", "  C"]
    assert shown(canvas, world, "archived") == ["A", "  D"]


def test_a_copy_has_everything_under_new_ids(canvas: Canvas, world: World) -> None:
    ids = grown(canvas, world)
    page = ids["B"]
    source = canvas.add_block(world.workspace, page, "text", text("7"), name="source", place=Place(x=3, y=2))
    reader = canvas.add_block(world.workspace, page, Sum.type, {"formula": reading("source")}, name="reader")
    canvas.write_output(world.workspace, reader.id, Computed(output={"total": 7}))
    copy = canvas.duplicate_page(world.workspace, page)
    assert copy.title == "B (copy)"
    assert shown(canvas, world) == ["A", "  B", "    C", "  B (copy)", "  D", "E"], "behind it, without what is below"
    by_name = {block.name: block for block in copy.blocks}
    assert {source.id, reader.id}.isdisjoint(block.id for block in copy.blocks)
    assert (by_name["source"].place, by_name["reader"].output, by_name["reader"].stale) == (
        source.place, {"total": 7}, False
    )  # fmt: skip
    canvas.save_block(world.workspace, by_name["source"].id, revision=1, content=text("8"))
    stale = {block.id for each in (page, copy.id) for block in canvas.page(world.workspace, each).blocks if block.stale}
    assert stale == {by_name["reader"].id}, "the copy reads its own blocks"


def test_pages_are_made_from_templates(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Launch", icon="rocket_launch")
    block = canvas.add_block(world.workspace, page.id, Sum.type, {"formula": "1"}, name="sum")
    canvas.write_output(world.workspace, block.id, Computed(output="private"))
    template = canvas.save_as_template(world.workspace, page.id, "Any launch")
    canvas.delete_block(world.workspace, block.id)
    assert [each.title for each in canvas.templates(world.workspace)] == ["Any launch"]
    assert shown(canvas, world) == ["Launch"], "a template is no page of the tree"
    made = canvas.create(world.workspace, "Spring", template_id=template.id, parent_id=page.id)
    assert (made.icon, made.status, made.parent_page_id) == ("rocket_launch", "active", page.id)
    assert [(each.name, each.output, each.stale) for each in made.blocks] == [("sum", None, True)]
    with pytest.raises(Conflict, match="no template"):
        canvas.create(world.workspace, "x", template_id=page.id)


@pytest.mark.parametrize("icon", ["", "🚀", "👩‍💻", "🇩🇪", "❤️", "👍🏽", "1️⃣", "rocket_launch"])
def test_an_icon_is_one_sign(small: Canvas, small_workspace: str, icon: str) -> None:
    assert small.create(small_workspace, "x", icon=icon).icon == icon


@pytest.mark.parametrize("icon", ["🚀🚀", "x" * 61, "<b>", "Rocket", "no", "a b", "🚀x", "\u200d", "🇩", "javascript:x"])
def test_what_is_no_icon_is_refused(small: Canvas, small_workspace: str, icon: str) -> None:
    if icon == "no":
        assert small.create(small_workspace, "x", icon=":material/home:").icon == "home"
        return
    with pytest.raises(Invalid, match="icon"):
        small.create(small_workspace, "x", icon=icon)


@pytest.mark.parametrize("title", ["", "  ", "x" * 201, "a\nb", "a\0b", "user\u202egnp.exe"])
def test_a_title_is_one_line_that_can_be_seen(small: Canvas, small_workspace: str, title: str) -> None:
    with pytest.raises(Invalid, match="title"):
        small.create(small_workspace, title)
    assert small.tree(small_workspace) == []


@pytest.fixture
def small(make_application: Any) -> Canvas:
    """A canvas on SQLite alone, for what the database has no part in."""
    application = make_application()
    application.workspaces.create("Test")
    return application.canvas  # type: ignore[no-any-return]


@pytest.fixture
def small_workspace(small: Canvas, make_application: Any) -> str:
    """Its workspace."""
    return make_application().workspaces.all()[0].id  # type: ignore[no-any-return]


def lines(canvas: Canvas, world: World, page_id: str) -> list[tuple[int, str, str]]:
    """The history as a person sees it."""
    return [(line.version, line.author, line.message) for line in canvas.history(world.workspace, page_id)]


def test_what_one_author_does_within_two_minutes_is_one_version(canvas: Canvas, world: World) -> None:
    clock = Clock()
    page = canvas.create(world.workspace, "Plan", by="Ann")
    block = canvas.add_block(world.workspace, page.id, "text", by="Ann")
    clock.forward(seconds=90)
    block = canvas.save_block(world.workspace, block.id, revision=1, content=text("1"), by="Ann")
    clock.forward(seconds=60)
    block = canvas.save_block(world.workspace, block.id, revision=2, content=text("2"), by="Ann")
    canvas.save_block(world.workspace, block.id, revision=3, content=text("3"), by="Ben")
    assert lines(canvas, world, page.id) == [
        (3, "Ben", "edited text"), (2, "Ann", "edited text"), (1, "Ann", "made, added text, edited text")
    ]  # fmt: skip
    assert canvas.page(world.workspace, page.id).version == 3
    documents = [canvas.version(world.workspace, page.id, number) for number in (1, 2, 3)]
    assert [each["blocks"][0]["content"]["markdown_text"] for each in documents] == ["1", "2", "3"]
    assert [line.version for line in canvas.history(world.workspace, page.id, before=3, limit=1)] == [2]


def test_looking_and_computing_make_no_version(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    block = canvas.add_block(world.workspace, page.id, Sum.type)
    before = lines(canvas, world, page.id)
    canvas.write_output(world.workspace, block.id, Computed(output=1))
    canvas.place_blocks(world.workspace, page.id, {block.id: block.place})
    canvas.save_page(world.workspace, page.id, title="Plan")
    canvas.set_page_status(world.workspace, page.id, "archived")
    assert lines(canvas, world, page.id) == before


def test_a_restored_version_is_a_new_one_and_nothing_is_lost(canvas: Canvas, world: World) -> None:
    clock = Clock()
    page = canvas.create(world.workspace, "Plan")
    one = canvas.add_block(world.workspace, page.id, "text", text("first"), name="one", place=Place(x=0, y=0))
    two = canvas.add_block(world.workspace, page.id, "text", text("second"), name="two", place=Place(x=6, y=0))
    total = canvas.add_block(world.workspace, page.id, Sum.type, {"formula": reading("one")}, name="total")
    canvas.write_output(world.workspace, total.id, Computed(output=1))
    clock.forward(minutes=5)
    canvas.save_page(world.workspace, page.id, title="Changed")
    canvas.save_block(world.workspace, one.id, revision=1, name="was_one")
    canvas.save_block(world.workspace, two.id, revision=1, name="one")
    canvas.save_block(world.workspace, one.id, revision=2, name="two", content=text("rewritten"))
    canvas.delete_block(world.workspace, two.id)
    canvas.add_block(world.workspace, page.id, "text", text("third"), name="three")
    canvas.write_output(world.workspace, total.id, Computed(output=2))
    changed = canvas.page(world.workspace, page.id)

    restored = canvas.restore_version(world.workspace, page.id, 1, by="Ann")
    assert restored.title == "Plan"
    assert [(b.id, b.name, b.content.get("markdown_text"), b.place.x) for b in restored.blocks] == [
        (one.id, "one", "first", 0), (two.id, "two", "second", 6), (total.id, "total", None, 0)
    ]  # fmt: skip
    kept = restored.blocks[2]
    assert (kept.output, kept.stale) == (2, True), "what was computed from other words is kept, and said to be old"
    assert restored.blocks[0].revision > changed.blocks[0].revision, "who has the page open is told"
    assert [line[0] for line in lines(canvas, world, page.id)] == [3, 2, 1]
    assert lines(canvas, world, page.id)[0] == (3, "Ann", "restored version 1")

    back = canvas.restore_version(world.workspace, page.id, 2, by="Ann")
    assert {(b.name, b.content.get("markdown_text")) for b in back.blocks} == {
        (b.name, b.content.get("markdown_text")) for b in changed.blocks
    }
    assert [line[0] for line in lines(canvas, world, page.id)] == [4, 3, 2, 1], "never into the one before"


def test_a_block_that_was_purged_comes_back_from_the_history(canvas: Canvas, world: World) -> None:
    clock = Clock()
    page = canvas.create(world.workspace, "Plan")
    block = canvas.add_block(world.workspace, page.id, "text", text("old"), name="old")
    clock.forward(days=1)
    canvas.delete_block(world.workspace, block.id)
    clock.forward(days=60)
    assert canvas.purge() == 1
    restored = canvas.restore_version(world.workspace, page.id, 1)
    assert [(each.name, each.content["markdown_text"]) for each in restored.blocks] == [("old", "old")]


def test_so_many_versions_are_kept(canvas: Canvas, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ionflux_core.services.canvas_edits.CANVAS_VERSIONS", 3)
    clock = Clock()
    page = canvas.create(world.workspace, "Plan")
    for number in range(5):
        clock.forward(minutes=3)
        canvas.save_page(world.workspace, page.id, title=f"Plan {number}")
    assert [line[0] for line in lines(canvas, world, page.id)] == [6, 5, 4]
    with pytest.raises(NotFound, match="no version 3"):
        canvas.version(world.workspace, page.id, 3)


def test_another_workspace_finds_nothing_and_changes_nothing(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Ours")
    block = canvas.add_block(world.workspace, page.id, Sum.type, name="ours")
    gone = canvas.add_block(world.workspace, page.id, "text")
    canvas.delete_block(world.workspace, gone.id)
    template = canvas.save_as_template(world.workspace, page.id, "Ours, too")
    other = world.app.workspaces.create("Other").id
    theirs = canvas.create(other, "Theirs")
    tables = (canvas_pages, canvas_blocks, canvas_page_versions)

    def everything() -> list[Any]:
        rows = {table.name: world.rows(table.name) for table in tables}
        return [sorted(map(str, rows[name])) for name in sorted(rows)]

    attempts = {
        "page": lambda: canvas.page(other, page.id),
        "block": lambda: canvas.block(other, block.id),
        "breadcrumbs": lambda: canvas.breadcrumbs(other, page.id),
        "create below": lambda: canvas.create(other, "x", parent_id=page.id),
        "create from": lambda: canvas.create(other, "x", template_id=template.id),
        "save_page": lambda: canvas.save_page(other, page.id, title="x"),
        "write_page": lambda: canvas.write_page(other, page.id, "x", [], by="x"),
        "move_page": lambda: canvas.move_page(other, page.id, parent_id=None, position=0),
        "move_page below": lambda: canvas.move_page(other, theirs.id, parent_id=page.id, position=0),
        "set_page_status": lambda: canvas.set_page_status(other, page.id, "archived"),
        "duplicate_page": lambda: canvas.duplicate_page(other, page.id),
        "save_as_template": lambda: canvas.save_as_template(other, page.id, "x"),
        "add_block": lambda: canvas.add_block(other, page.id, "text"),
        "save_block": lambda: canvas.save_block(other, block.id, revision=1, content={}),
        "place_blocks": lambda: canvas.place_blocks(other, page.id, {block.id: Place(y=9)}),
        "convert_block": lambda: canvas.convert_block(other, block.id, "text"),
        "duplicate_block": lambda: canvas.duplicate_block(other, block.id),
        "delete_block": lambda: canvas.delete_block(other, block.id),
        "restore_block": lambda: canvas.restore_block(other, gone.id),
        "mark_stale": lambda: canvas.mark_stale(other, page.id, {"ours"}),
        "history": lambda: canvas.history(other, page.id),
        "version": lambda: canvas.version(other, page.id, 1),
        "restore_version": lambda: canvas.restore_version(other, page.id, 1),
    }
    before = everything()
    for attempt in attempts.values():
        with pytest.raises(NotFound):
            attempt()
    canvas.write_output(other, block.id, Computed(output="theirs"))
    canvas.place_blocks(other, theirs.id, {block.id: Place(y=9)})
    assert everything() == before
    assert [each.title for each in canvas.tree(other)] == ["Theirs"]
    assert canvas.templates(other) == []
    public = {name for name in dir(Canvas) if not name.startswith("_")}
    asked = {name.split()[0] for name in attempts} | {"tree", "templates", "write_output", "purge"}
    assert public == asked, "a new method must be asked for here, too"


def test_a_workspace_goes_with_its_pages(canvas: Canvas, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    canvas.create(world.workspace, "Below", parent_id=page.id)
    canvas.add_block(world.workspace, page.id, "text")
    mine = metadata.tables["workspaces"].c.id == world.workspace
    world.app.db.write(lambda c: c.execute(metadata.tables["workspaces"].delete().where(mine)).rowcount)
    assert world.rows("canvas_pages") == world.rows("canvas_blocks") == world.rows("canvas_page_versions") == []
