"""The brief as a page of the workspace: its words, and its actions as a table that can be edited and read by others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ionflux_core.sdk import Context, IonfluxError, not_computed

from .found import Item
from .messages import Talk

_MOST_ROWS = 1_000
_LONGEST = 90_000
_COLUMNS = {
    "en": ["Action", "Owner", "Due", "State", "Messages"],
    "pt": ["Ação", "Responsável", "Prazo", "Estado", "Mensagens"],
}
_TITLES = {"en": "Actions", "pt": "Ações"}


def file_brief(
    ctx: Context, talk: Talk, title: str, text: str, items: Sequence[Item], states: Mapping[str, str], language: str
) -> dict[str, Any]:
    """Write the page of a conversation, made or written anew; its id and link, or why there is none."""
    rows = [_row(item, states) for item in items if item.kind == "action"][:_MOST_ROWS]
    table = {"columns": _COLUMNS[language], "rows": rows}
    shown = {"title_text": _TITLES[language], "json_data_to_display": table}
    blocks: list[dict[str, Any]] = [
        {"type": "text", "name": "brief", "content": {"markdown_text": text[:_LONGEST]},
         "place": {"x": 0, "y": 0, "width": 12, "height": 10}},
        {"type": "table_view", "name": "actions", "content": shown,
         "place": {"x": 0, "y": 10, "width": 12, "height": 6}},
    ]  # fmt: skip
    try:
        page_id = ctx.pages.write(title[:150], blocks, key=f"brief:{talk.place}"[:200], icon="📝")
    except IonfluxError as error:
        ctx.log(f"The page could not be written: {error}", level="warning")
        return {"status": "failed", "reason": str(error)[:300]}
    if not page_id:
        return {"status": "would_write", **not_computed("A dry run writes no page.")}
    return {"status": "written", "page_id": page_id, "link": f"canvas?page={page_id}", "actions": len(rows)}


def _row(item: Item, states: Mapping[str, str]) -> list[Any]:
    # A cell may read other blocks by two braces; words of a chat never do.
    words = (item.wording or item.text).replace("{{", "{ {")[:1_000]
    return [words, item.owner, item.due, states.get(item.id, "open"), ", ".join(item.messages)[:500]]
