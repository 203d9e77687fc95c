"""The rows of the flows page as one light element; a click opens a flow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

_FOLDER: Final = Path(__file__).parent / "components"

# Registered here and not where it is drawn: a script run anew would register it anew. It looks like the list of agents.
_mount = st.components.v2.component(
    "ionflux_flow_rows",
    js=(_FOLDER / "flow_rows.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "agent_rows.css").read_text(encoding="utf-8"),
)


def flow_rows(rows: Sequence[dict[str, Any]]) -> str | None:
    """Draw these rows of plain text; the id of the flow just clicked."""
    # A tuple, because Streamlit asks pandas whether a list is a table, and loading pandas takes longer than this page.
    result = _mount(key="flow_rows", data={"rows": tuple(rows), "label": "Flows"}, on_opened_change=_ignore)
    opened = result.get("opened")
    return str(opened) if opened else None


def _ignore() -> None:
    """Naming a value without doing anything is how Streamlit learns that it exists."""
