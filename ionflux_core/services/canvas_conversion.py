"""What is kept of a block that becomes one of another kind: its words, its data, and the fields both kinds know."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ionflux_core.blocks import registry
from ionflux_core.blocks.base import BlockKind
from ionflux_core.domain.canvas import CanvasBlock
from ionflux_core.domain.references import words as as_words
from ionflux_core.errors import Invalid

_DATA, _TITLE = "json_data_to_display", "title_text"
_VARIABLE = "text"
_BOARD = ["Column", "Title", "Text", "Done"]
_HEADING = re.compile(r"#{1,6}\s+(.+)")
_ITEM = re.compile(r"(?:[-*+]\s+)(?:\[([ xX])\]\s+)?(.+)")
_LABEL_CHARS = 60
_LONG = ("markdown", "sql", "lines")


def converted(block: CanvasBlock, type: str) -> dict[str, Any]:
    """The content for the new kind. What finds no place in it stays in the page's history only."""
    content: dict[str, Any] = registry.kind_of(type).empty().model_dump(mode="json")
    kept = [_TITLE]
    for name, value in block.content.items():
        if name in content and name != _DATA and _fits(type, {**content, name: value}):
            content[name] = value
            kept.append(name)
    if _DATA in content:
        return _with_data(type, content, _data_for(type, block))
    told = _words(block)
    # Whoever already has a text of the old block in a field of the same name needs no second one.
    same = any(name != _TITLE and isinstance(content.get(name), str) and content[name] for name in kept)
    return content if same or not told else _with_words(type, content, told)


def _fits(type: str, content: Mapping[str, Any]) -> bool:
    try:
        registry.checked(type, content)
    except Invalid:
        return False
    return True


def _words(block: CanvasBlock) -> str:
    """The words of a block without its title, which has a field of its own in every kind."""
    kind = registry.kinds().get(block.type)
    if kind is None:
        return "\n\n".join(value for value in block.content.values() if isinstance(value, str) and value)
    if isinstance(block.content.get(_DATA), str):
        return str(block.content[_DATA])
    content = kind.model.model_validate(block.content)
    if _TITLE in type(content).model_fields:
        content = content.model_copy(update={_TITLE: ""})
    if type(kind).words is not BlockKind.words:
        return kind.words(content)
    found: list[str] = []
    for name, field in type(content).model_fields.items():
        value, widget = getattr(content, name), _widget(field.json_schema_extra)
        if widget == "variables" and isinstance(value, Mapping):
            found += [each for each in value.values() if isinstance(each, str)]
        elif field.annotation is str and widget in ("", "line", *_LONG):
            found.append(value)
    return "\n\n".join(text for text in found if text.strip())


def _widget(extra: Any) -> str:
    return str(extra.get("widget", "")) if isinstance(extra, Mapping) else ""


def _with_words(kind_type: str, content: dict[str, Any], told: str) -> dict[str, Any]:
    """The words where the kind has room for them: a long text, a variable, a caption; a button's label is short."""
    first = told.strip().splitlines()[0][:_LABEL_CHARS]
    attempts: list[dict[str, Any]] = []
    for name, field in registry.kind_of(kind_type).model.model_fields.items():
        widget = _widget(field.json_schema_extra)
        if field.annotation is str and widget in _LONG:
            attempts.append({name: told})
        elif widget == "variables":
            short = {"label": first} if "label" in content else {}
            attempts.append(short if short and first == told.strip() else {**short, name: {_VARIABLE: told}})
    attempts += [{name: told} for name in ("caption", _TITLE) if name in content and not content[name]]
    return next(({**content, **each} for each in attempts if _fits(kind_type, {**content, **each})), content)


def _with_data(type: str, content: dict[str, Any], value: Any) -> dict[str, Any]:
    kind = registry.kind_of(type)
    try:
        taken = kind.taken(registry.checked(type, content), value)
    except (ValueError, Invalid):
        taken = None
    changed = content if taken is None else taken.model_dump(mode="json")
    return changed if _fits(type, changed) else content


def _data_for(type: str, block: CanvasBlock) -> Any:
    """The data of a block in the form that a table, a board or JSON takes it."""
    data = block.content.get(_DATA)
    if data is None:
        return _read(type, _words(block))
    if type == "table_view" and _is_board(data):
        return {"columns": _BOARD, "rows": [
            [column.get("title", ""), card.get("title", ""), card.get("text", ""), card.get("done", False)]
            for column in data["columns"] for card in column["cards"]
        ]}  # fmt: skip
    if type == "kanban_board" and not _is_board(data) and _is_table(data):
        return _board_of(data["columns"], data["rows"])
    return data


def _is_board(data: Any) -> bool:
    columns = data.get("columns") if isinstance(data, Mapping) else None
    return isinstance(columns, list) and all(
        isinstance(column, Mapping)
        and isinstance(column.get("cards"), list)
        and all(isinstance(card, Mapping) for card in column["cards"])
        for column in columns
    )


def _is_table(data: Any) -> bool:
    return (
        isinstance(data, Mapping)
        and isinstance(data.get("columns"), list)
        and isinstance(data.get("rows"), list)
        and all(isinstance(row, list) and len(row) == len(data["columns"]) for row in data["rows"])
    )


def _board_of(columns: list[Any], rows: list[list[Any]]) -> Any:
    """A board made of rows: by its own four columns when the table was one, else a card for each row."""
    if columns != _BOARD:
        names = [as_words(name) for name in columns]
        return [{"title": as_words(row[0]) if row else "", "text": _rest(names, row)} for row in rows]
    titles = dict.fromkeys(as_words(row[0]) for row in rows)
    return {"columns": [{"title": title, "cards": [
        {"title": as_words(row[1]), "text": as_words(row[2]), "done": row[3] is True}
        for row in rows if as_words(row[0]) == title
    ]} for title in titles]}  # fmt: skip


def _rest(names: list[str], row: list[Any]) -> str:
    told = [(name, as_words(cell)) for name, cell in zip(names[1:], row[1:], strict=True)]
    return "\n".join(f"{name}: {cell}" for name, cell in told if cell)


def _read(type: str, told: str) -> Any:
    """Words as data: JSON where they are some, a list's lines and headings as a board's cards and columns."""
    if type == "json_display":
        try:
            return json.loads(told)
        except (ValueError, RecursionError):
            return told
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    if type != "kanban_board":
        return lines
    columns: list[dict[str, Any]] = []
    for line in lines:
        heading, item = _HEADING.fullmatch(line), _ITEM.fullmatch(line)
        if heading:
            columns.append({"title": heading[1][:120], "cards": []})
            continue
        if not columns:
            columns.append({"title": "", "cards": []})
        done, title = (item[1] in ("x", "X"), item[2]) if item else (False, line)
        columns[-1]["cards"].append({"title": title[:300], "done": done})
    return {"columns": columns}
