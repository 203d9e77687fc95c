"""The picture of a flow as one element: the browser draws and arranges it, and says what a person did."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ionflux_core.errors import IonfluxError
from ionflux_ui.theme import STATIC

BUNDLE: Final = STATIC / "flow_canvas" / "flow_canvas.js"
LOADER: Final = Path(__file__).parent / "components" / "flow_canvas.js"

OPENS: Final = frozenset({"save", "fork"})
"""What only a running script can do, such as opening a dialog; `flow_canvas` returns these."""

Said = Mapping[str, Any]
"""What a person did: `action` as the component names it, and the rest."""

_KEPT: Final = 20

# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component("ionflux_flow_canvas", js=LOADER.read_text(encoding="utf-8"))


def _version() -> str:
    """A short mark of the bundle's content, so that a browser never keeps an old one."""
    return hashlib.sha256(BUNDLE.read_bytes()).hexdigest()[:12] if BUNDLE.is_file() else ""


_VERSION: Final = _version()


def flow_canvas(load: Callable[[], Mapping[str, Any]], *, key: str, act: Callable[[Said], None]) -> Sequence[Said]:
    """Draw a flow; what was done that only the script can do (`OPENS`) is returned, once.

    Everything else is handed to `act` before the script runs, each once and in order, so that `load` already gives
    what came of it. An error that `act` raises is shown on the picture. Draw it inside a fragment to rerun only that.
    """
    notes = _notes(key)
    heard = _heard(key, act)
    data = {**load(), "bundle": _address(), "answered": notes["answered"], "refused": dict(notes["refused"])}
    _mount(key=key, data=_in_tuples(data), height="content", on_did_change=heard)
    opened: list[Said] = notes["opened"]
    notes["opened"] = []
    return opened


def _in_tuples(value: Any) -> Any:
    """Lists as tuples, because Streamlit asks pandas whether a list is a table, and loading pandas takes long."""
    if isinstance(value, Mapping):
        return {name: _in_tuples(each) for name, each in value.items()}
    return tuple(_in_tuples(each) for each in value) if isinstance(value, list | tuple) else value


def _notes(key: str) -> dict[str, Any]:
    """What was answered so far, by the acts' numbers, in this browser's session."""
    fresh: dict[str, Any] = {"answered": 0, "refused": {}, "opened": []}
    notes: dict[str, Any] = st.session_state.setdefault(f"{key}-notes", fresh)
    return notes


def _heard(key: str, act: Callable[[Said], None]) -> Callable[[], None]:
    """The callback that does what the browser says was done."""

    def heard() -> None:
        state = st.session_state.get(key)
        said = state.get("did") if isinstance(state, Mapping) else None
        notes = _notes(key)
        for each in said if isinstance(said, list) else []:
            _take(each, notes, act)
        notes["refused"] = dict(list(notes["refused"].items())[-_KEPT:])

    return heard


def _take(said: object, notes: dict[str, Any], act: Callable[[Said], None]) -> None:
    """Do one act unless it was done: the browser says an act again until it is answered."""
    if not isinstance(said, Mapping) or not isinstance(said.get("nonce"), int) or said["nonce"] <= notes["answered"]:
        return
    notes["answered"] = said["nonce"]
    if said.get("action") in OPENS:
        notes["opened"].append(said)
        return
    try:
        act(said)
    except IonfluxError as error:
        notes["refused"][str(said["nonce"])] = {"message": error.message, "hint": error.hint}


def _address() -> str:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + base if base else ''}/app/static/flow_canvas/{BUNDLE.name}?v={_VERSION}"
