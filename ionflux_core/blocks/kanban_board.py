"""A board: columns of cards, moved by people and filled by agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from ionflux_core.blocks.base import BlockKind, Content, Surroundings
from ionflux_core.blocks.shown import SHOWN_BYTES
from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.domain.references import words


class Card(Content):
    """One card."""

    title: str = Field(max_length=300)
    text: str = Field("", max_length=5_000)
    done: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return {"title": value} if isinstance(value, str) else value


class Column(Content):
    """One column of cards."""

    title: str = Field("", max_length=120)
    cards: list[Card] = Field([], max_length=500)


class Board(Content):
    """The columns from left to right."""

    columns: list[Column] = Field(
        [Column(title="To do"), Column(title="In progress"), Column(title="Done")], max_length=20
    )


class BoardContent(Content):
    """A board with an optional title."""

    title_text: str = Field("", max_length=200, title="Title")
    json_data_to_display: Board = Field(Board(), title="Board", json_schema_extra={"widget": "none"})


class KanbanBoard(BlockKind[BoardContent]):
    """Cards in columns."""

    type = "kanban_board"
    title = "Board"
    hint = "Cards in columns, moved by hand"
    icon = "view_kanban"
    order = 35
    size = Place(width=12, height=6)
    model = BoardContent

    def view(self, content: BoardContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{columns: [{title, cards: [{title, text, done}]}], cards, done, cut, editable}."""
        columns = here.filled(content.json_data_to_display.model_dump()["columns"])
        room, cut = SHOWN_BYTES, False
        for column in columns:
            fitting = []
            for card in column["cards"]:
                room -= len(words(card).encode())
                if room < 0:
                    cut = True
                    break
                fitting.append({**card, "title": words(card["title"]), "text": words(card["text"])})
            column["cards"] = fitting
        cards = [card for column in content.json_data_to_display.columns for card in column.cards]
        done = sum(card.done for card in cards)
        return {"columns": columns, "cards": len(cards), "done": done, "cut": cut, "editable": not cut}

    def output(self, content: BoardContent, block: CanvasBlock, here: Surroundings) -> Any:
        """{columns: [{title, cards}]}, as they are shown."""
        return here.filled(content.json_data_to_display.model_dump())

    def markdown(self, content: BoardContent, block: CanvasBlock, here: Surroundings) -> str:
        """A heading for each column, and its cards as a list with boxes."""
        heading = f"## {content.title_text}\n\n" if content.title_text else ""
        return heading + self.words(content)

    def words(self, content: BoardContent) -> str:
        """The same without the title."""
        parts = []
        for column in content.json_data_to_display.columns:
            cards = [f"- [{'x' if card.done else ' '}] {card.title}" for card in column.cards]
            parts.append(f"### {column.title}\n\n" + ("\n".join(cards) or "_Nothing here._"))
        return "\n\n".join(parts)

    def taken(self, content: BoardContent, value: Any) -> BoardContent:
        """The board becomes {columns: [...]}; a list of cards or texts replaces those of the first column."""
        if isinstance(value, Mapping) and "columns" in value:
            return content.model_copy(update={"json_data_to_display": Board.model_validate(value)})
        items = value if isinstance(value, list) else [value]
        columns = list(content.json_data_to_display.columns) or [Column(title="To do")]
        cards = [Card.model_validate(_card(item)) for item in items]
        board = Board(columns=[columns[0].model_copy(update={"cards": cards}), *columns[1:]])
        return content.model_copy(update={"json_data_to_display": board})


def _card(item: Any) -> dict[str, Any]:
    if isinstance(item, Mapping) and isinstance(item.get("title"), str):
        text, done = words(item.get("text"))[:5_000], item.get("done") is True
        return {"title": item["title"][:300], "text": text, "done": done}
    return {"title": words(item)[:300]}


def make() -> KanbanBoard:
    """The kind."""
    return KanbanBoard()
