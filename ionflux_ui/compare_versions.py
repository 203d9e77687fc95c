"""Two saved versions of an instance side by side: what their values say first, then the text."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ionflux_core.domain.configuration_differences import ConfigurationDifference
from ionflux_ui.compare_view import change_of, draw_items, row_of
from ionflux_ui.plain import counted


def draw_version_difference(found: ConfigurationDifference, what: str, *, key: str) -> None:
    """Draws the comparison; `what` says of what with what."""
    if not found.text.rows:
        st.caption(f"The texts are the same ({what}).")
        return
    st.markdown(f"{summary_of(found)} ({what})")
    items = [_text_item(found, opens=found.same or not found.structured)]
    if found.values.changes:
        items.insert(0, _values_item(found))
    draw_items(items, key=key)


def summary_of(found: ConfigurationDifference) -> str:
    """What differs in a few words, as Markdown."""
    if not found.structured:
        return "**One of the two is no YAML**, so only the text is compared"
    moved = sum(change.mark == "moved" for change in found.values.changes)
    if found.same:
        if moved:
            return f"**They mean the same**: only the place of {counted(moved, 'block')} differs"
        return "**They mean the same**: only order, comments or blanks differ"
    counts = {
        "changed": ":orange[**{} changed**]",
        "added": ":green[**+ {} added**]",
        "removed": ":red[**− {} removed**]",
    }
    parts = [
        words.format(counted(count, "value"))
        for mark, words in counts.items()
        if (count := sum(change.mark == mark for change in found.values.changes))
    ]
    return ", ".join([*parts, *([f"{moved} moved"] if moved else [])])


def _values_item(found: ConfigurationDifference) -> dict[str, Any]:
    note = "More differs than is shown here." if found.values.cut else ""
    changes = [change_of(change) for change in found.values.changes]
    return _item("What changed", [{"title": "", "changes": changes, "note": note}], opens=True)


def _text_item(found: ConfigurationDifference, *, opens: bool) -> dict[str, Any]:
    label = f"{counted(found.text.removed, 'line')} removed, {counted(found.text.added, 'line')} added"
    rows = [row_of(row) for row in found.text.rows]
    change = {"path": "", "label": label, "left": None, "right": None, "rows": rows}
    return _item("The text", [{"title": "", "changes": [change], "note": ""}], opens=opens)


def _item(title: str, parts: list[dict[str, Any]], *, opens: bool) -> dict[str, Any]:
    badge = {"text": "", "icon": "difference" if title == "What changed" else "notes", "tone": "gray"}
    return {"key": title, "title": title, "kind": "", "badge": badge, "figures": [], "errors": [], "open": opens,
            "parts": parts, "note": ""}  # fmt: skip
