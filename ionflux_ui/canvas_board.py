"""A page of blocks as one element: the browser draws and arranges it, and says what a person did."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ionflux_core.errors import Conflict, IonfluxError
from ionflux_ui.theme import STATIC

BUNDLE: Final = STATIC / "canvas" / "canvas.js"
LOADER: Final = Path(__file__).parent / "components" / "canvas.js"

OPENS: Final = frozenset({"configure", "go", "open"})
"""What only a running script can do, such as opening a dialog or another page; `canvas_board` returns these."""

_KEPT: Final = 50


@dataclass(frozen=True, slots=True)
class Did:
    """What a person did on the page: `action` as the component names it, the block it is about, and the rest."""

    action: str
    block: str
    detail: Mapping[str, Any]


# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component("ionflux_canvas", js=LOADER.read_text(encoding="utf-8"))


def _version() -> str:
    """A short mark of the bundle's content, so that a browser never keeps an old one."""
    return hashlib.sha256(BUNDLE.read_bytes()).hexdigest()[:12] if BUNDLE.is_file() else ""


_VERSION: Final = _version()


def canvas_board(
    load: Callable[[], Mapping[str, Any]],
    *,
    key: str,
    act: Callable[[Did], None],
    changed: Callable[[], None] | None = None,
) -> Sequence[Did]:
    """Draw a page; what was done that only the script can do (`OPENS`) is returned, once.

    Everything else is handed to `act` before the script runs, each once and in order, so that `load` already gives
    what came of it. An error that `act` raises is shown on the page, and what was typed there is kept; a `Conflict`
    with the code `edited_elsewhere` shows both texts. `load` gives `workspace`, `page` {id, title, read_only},
    `blocks`, `kinds`, and if there is any `shelf`, `refreshing` and `undo`.
    `changed` is called when the page was changed elsewhere. Draw it inside a fragment to rerun only that.
    """
    notes = _notes(key)
    heard = _heard(key, act)
    loaded = load()
    data = {
        "shelf": (),
        "refreshing": None,
        "undo": None,
        "topics": topics_of(loaded),
        **loaded,
        # Tuples, because Streamlit asks pandas whether a list is a table, and loading pandas takes long.
        "blocks": tuple(loaded["blocks"]),
        "kinds": tuple(loaded["kinds"]),
        "bundle": _bundle_address(),
        "answered": notes["answered"],
        "refused": dict(notes["refused"]),
        "conflicts": dict(notes["conflicts"]),
    }
    _mount(key=key, data=data, on_did_change=heard, on_changed_change=changed or _ignore)
    opened: list[Did] = notes["opened"]
    notes["opened"] = []
    return opened


def topics_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """What the page follows: its own changes, and runs or decisions when blocks show them."""
    types = {block["type"] for block in data["blocks"]}
    topics = [f"canvas:{data['page']['id']}"]
    if types & {"agent_snippet", "button", "prompt"}:
        topics.append("runs")
    if types & {"agent_snippet", "approval"}:
        topics.append("approvals")
    return tuple(topics)


def _notes(key: str) -> dict[str, Any]:
    """What was answered so far, by the acts' numbers, in this browser's session."""
    fresh: dict[str, Any] = {"answered": 0, "refused": {}, "conflicts": {}, "opened": []}
    notes: dict[str, Any] = st.session_state.setdefault(f"{key}-notes", fresh)
    return notes


def _heard(key: str, act: Callable[[Did], None]) -> Callable[[], None]:
    """The callback that does what the browser says was done."""

    def heard() -> None:
        state = st.session_state.get(key)
        said = state.get("did") if isinstance(state, Mapping) else None
        notes = _notes(key)
        for each in said if isinstance(said, list) else []:
            _take(each, notes, act)
        for name in ("refused", "conflicts"):
            notes[name] = dict(list(notes[name].items())[-_KEPT:])

    return heard


def _take(said: object, notes: dict[str, Any], act: Callable[[Did], None]) -> None:
    """Do one act unless it was done: the browser says an act again until it is answered."""
    if not isinstance(said, Mapping) or not isinstance(said.get("nonce"), int) or said["nonce"] <= notes["answered"]:
        return
    nonce = str(said["nonce"])
    notes["answered"] = said["nonce"]
    detail = {name: value for name, value in said.items() if name not in ("nonce", "action", "block")}
    did = Did(str(said.get("action") or ""), str(said.get("block") or ""), detail)
    if did.action in OPENS:
        notes["opened"].append(did)
        return
    try:
        act(did)
    except Conflict as error:
        # Somebody else was faster: the page shows both texts. Other conflicts, such as a taken name, are refusals.
        where = "conflicts" if error.code == "edited_elsewhere" else "refused"
        notes[where][nonce] = _refusal(error)
    except IonfluxError as error:
        notes["refused"][nonce] = _refusal(error)


def _refusal(error: IonfluxError) -> dict[str, str]:
    return {"message": error.message, "hint": error.hint}


def _bundle_address() -> str:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + base if base else ''}/app/static/canvas/{BUNDLE.name}?v={_VERSION}"


def _ignore() -> None:
    """Naming an event without doing anything is how Streamlit learns that it exists."""
