"""Pages as files: Markdown and HTML to read elsewhere, and one YAML file that becomes a page again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ionflux_core import yaml_text
from ionflux_core.blocks import registry
from ionflux_core.blocks.base import Surroundings
from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.canvas import COLUMNS, LAST_ROW, BlockDraft, CanvasBlock, CanvasPage, Place
from ionflux_core.errors import Invalid, IonfluxError, LimitExceeded, Unavailable
from ionflux_core.limits import CANVAS_BLOCKS, CANVAS_IMPORT_BYTES, CANVAS_IMPORT_NODES, JSON_DEPTH, MIB
from ionflux_core.services import canvas_paper as paper
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.canvas_graph import fields_of
from ionflux_core.services.canvas_words import refuse_large

FORMAT = 1
# A content may take so much more room in YAML than in JSON: the file must not be larger than what is read back.
_LONGER, _SHORT_CHARS = 1.6, 4_000
_NOTES = 50


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _PlaceFile(_Strict):
    x: int = Field(0, ge=0, le=COLUMNS - 1)
    y: int = Field(0, ge=0, le=LAST_ROW)
    width: int = Field(6, ge=1, le=COLUMNS)
    height: int = Field(4, ge=1, le=60)
    z: int = Field(0, ge=0, le=1_000)


class _BlockFile(_Strict):
    """A block in the file; what YAML cannot write without loss stands as JSON text in `content_json`."""

    name: str
    type: str
    place: _PlaceFile | None = None
    content: dict[str, Any] | None = None
    content_json: str | None = None

    @model_validator(mode="after")
    def _one_content(self) -> _BlockFile:
        if self.content is not None and self.content_json is not None:
            raise ValueError("write either content or content_json")
        return self


class _PageFile(_Strict):
    """The file. `agents` says how the instances were called whose ids the contents name."""

    ionflux_page: Literal[1]
    title: str
    icon: str = ""
    agents: dict[str, str] = Field({}, max_length=CANVAS_BLOCKS)
    blocks: list[_BlockFile] = Field([], max_length=CANVAS_BLOCKS)


@dataclass(slots=True)
class _Arrival:
    """What an import has found missing, in sentences."""

    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        if sentence not in self.notes and len(self.notes) < _NOTES:
            self.notes.append(sentence)


class CanvasFiles:
    """Use-cases around pages as files. `agents` gives all instances of a workspace, archived ones among them."""

    def __init__(self, canvas: Canvas, agents: Callable[[str], list[AgentInstance]]) -> None:
        self._canvas = canvas
        self._agents = agents
        self.surroundings: Callable[[str, CanvasPage], Surroundings] = _nowhere

    def markdown(self, workspace_id: str, page_id: str) -> str:
        """The page as Markdown, block after block from the top left, with what the blocks show now."""
        page = self._canvas.page(workspace_id, page_id)
        here = self.surroundings(workspace_id, page)
        parts = [f"# {page.title}", *(_on_paper(block, here).strip() for block in page.blocks)]
        return "\n\n".join(part for part in parts if part) + "\n"

    def html(self, workspace_id: str, page_id: str) -> str:
        """The page as one HTML document that holds no script, loads nothing and looks alike everywhere."""
        page = self._canvas.page(workspace_id, page_id)
        here = self.surroundings(workspace_id, page)
        parts = [paper.Part(_on_paper(block, here), block.place) for block in page.blocks]
        return paper.document(page.title, parts)

    def yaml(self, workspace_id: str, page_id: str) -> str:
        """The page as YAML, without what was computed: `import_yaml` makes the same page of it."""
        page = self._canvas.page(workspace_id, page_id)
        named = {reference for block in page.blocks for reference in _instances(block.type, block.content)}
        agents = {each.id: each.name for each in self._agents(workspace_id) if each.id in named} if named else {}
        head = {
            "ionflux_page": FORMAT,
            "title": page.title,
            **({"icon": page.icon} if page.icon else {}),
            **({"agents": agents} if agents else {}),
        }
        # Blocks are written one by one, so that none is written twice to see how large it becomes.
        blocks = "".join(_as_yaml(block) for block in page.blocks)
        return f"{yaml_text.dump(head)}blocks:\n{blocks}" if blocks else f"{yaml_text.dump(head)}blocks: []\n"

    def import_yaml(
        self, workspace_id: str, text: str | bytes, parent_id: str | None = None, by: str = "owner"
    ) -> CanvasPage:
        """A new page from a file, the last one below its parent; all of it or nothing.

        Agents are found by id, else by the name the file gives them. One that is not here is left out, and a text
        block at the end says so.
        """
        file, arrival = _read(text), _Arrival()
        known = self._agents(workspace_id)
        ids = {each.id: each.id for each in known}
        by_name = {each.name.casefold(): each.id for each in known if each.status != "archived"}
        ids |= {old: by_name[name.casefold()] for old, name in file.agents.items()
                if old not in ids and name.casefold() in by_name}  # fmt: skip
        drafts = [_draft(number, block, file.agents, ids, arrival) for number, block in enumerate(file.blocks)]
        if arrival.notes:
            drafts.append(_notes(arrival, drafts))
        return self._canvas.create(
            workspace_id, file.title, icon=file.icon, parent_id=parent_id, blocks=drafts, by=by, said="imported"
        )


def _nowhere(workspace_id: str, page: CanvasPage) -> Surroundings:
    raise Unavailable("This program cannot show pages.", hint="Open them in the full application.")


def _on_paper(block: CanvasBlock, here: Surroundings) -> str:
    """A block as Markdown; one that cannot be shown says why, and the rest of the page is there."""
    kind = registry.kinds().get(block.type)
    if kind is None:
        return f"*{block.name}: this version of IONFLUX does not know blocks of the type `{block.type}`.*"
    try:
        text: str = kind.markdown(kind.model.model_validate(block.content), block, here)
    except IonfluxError as error:
        return f"*{block.name}: {error.message}*"
    except ValidationError:
        return f"*{block.name}: its content was written by another version of IONFLUX.*"
    return text


def _instances(type: str, content: Mapping[str, Any]) -> list[str]:
    """The instances a content names."""
    return [content[name] for name in fields_of(type, "instance") if isinstance(content.get(name), str)]


def _as_yaml(block: CanvasBlock) -> str:
    """A block as an item of a list. Its content is JSON text where YAML would lose something, or be much longer."""
    place = block.place.model_dump()
    if not place["z"]:
        del place["z"]
    head = {"name": block.name, "type": block.type, "place": place}
    as_json = json.dumps(block.content, ensure_ascii=False)
    try:
        text = yaml_text.dump([{**head, "content": block.content}])
    except Invalid:
        text = ""
    if text and len(text) <= _LONGER * len(as_json) + _SHORT_CHARS:
        return text
    return yaml_text.dump([{**head, "content_json": as_json}])


def _read(text: str | bytes) -> _PageFile:
    if len(text) > CANVAS_IMPORT_BYTES:
        raise LimitExceeded(f"The file is larger than {CANVAS_IMPORT_BYTES // MIB} MiB.", hint="Split the page.")
    loaded = yaml_text.load(text, size=CANVAS_IMPORT_BYTES, nodes=CANVAS_IMPORT_NODES)
    data = loaded.data
    if not isinstance(data, dict) or "ionflux_page" not in data:
        raise Invalid("This is no page of IONFLUX.", hint="Its first line must be: ionflux_page: 1")
    if type(data["ionflux_page"]) is not int or data["ionflux_page"] != FORMAT:
        raise Invalid("The page was written by another IONFLUX.", hint=f"This one reads ionflux_page: {FORMAT}.")
    blocks = data.get("blocks")
    for number, block in enumerate(blocks if isinstance(blocks, list) else []):
        if isinstance(block, dict) and "content" in block:
            block["content"] = loaded.numbers(("blocks", number, "content"))
    try:
        return _PageFile.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        path = tuple(part for part in first["loc"] if isinstance(part, str | int))
        line = loaded.position(path)
        raise yaml_text.refusal(
            f"{'.'.join(map(str, path))}: {first['msg'].removeprefix('Value error, ')}.", line,
            "Compare it with a page that you have exported.", path=".".join(map(str, path)),
        ) from error  # fmt: skip


def _draft(
    number: int, block: _BlockFile, names: Mapping[str, str], ids: Mapping[str, str], arrival: _Arrival
) -> BlockDraft:
    content = _content(number, block)
    kind = registry.kind_of(block.type)
    for field_name in fields_of(block.type, "instance"):
        old = content.get(field_name)
        if isinstance(old, str) and old not in ids:
            content[field_name] = kind.empty().model_dump(mode="json")[field_name]
            arrival.note(f"{block.name}: there is no agent {names.get(old, old)[:120]!r} in this workspace.")
        elif isinstance(old, str):
            content[field_name] = ids[old]
    place = Place(**block.place.model_dump()) if block.place else None
    return BlockDraft(type=block.type, name=block.name, content=content, place=place)


def _content(number: int, block: _BlockFile) -> dict[str, Any]:
    if block.content_json is None:
        return dict(block.content or {})
    try:
        content = json.loads(block.content_json)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"blocks.{number}.content_json is no JSON.", hint=f"At most {JSON_DEPTH} levels deep.") from error
    if not isinstance(content, dict):
        raise Invalid(f"blocks.{number}.content_json is no map.", hint="Write {...}.")
    refuse_large(content)
    return content


def _notes(arrival: _Arrival, drafts: list[BlockDraft]) -> BlockDraft:
    below = max((draft.place.y + draft.place.height for draft in drafts if draft.place), default=0)
    # As code, so that a name from the file is never read as Markdown.
    lines = "\n".join(f"    {' '.join(note.split())}" for note in arrival.notes)
    content = {"title_text": "Not found when this page was imported", "markdown_text": lines}
    return BlockDraft(type="text", content=content, place=Place(x=0, y=min(below, LAST_ROW), width=12, height=3))
