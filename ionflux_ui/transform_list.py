"""The list of transforms: by family, by words, one of them chosen; the address says which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from ionflux_core.errors import NotFound
from ionflux_ui.errors import show_error
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import application, parameter, set_parameters

if TYPE_CHECKING:
    from ionflux_core.transforms.base import Transform

_ALL: Final = ""
_HEIGHT: Final = 620
_SHORT: Final = 10


def choose_transform() -> Transform | None:
    """Draw the filters and the list; the transform that is in view, None when there is none to show."""
    family, words = _filters()
    found = application().transforms.find(family=family, text=words)
    known = {each.id: each for each in found}
    wanted = _wanted()
    if not known:
        st.text("No transform has these words in its name or description.")
        return wanted
    shown = found[0] if wanted is None else wanted
    # The address says what is in view: a link to a transform is followed from this very page, too.
    st.session_state["transforms-chosen"] = shown.id if shown.id in known else None
    with st.container(height=_HEIGHT if len(known) > _SHORT else "content", border=False):
        st.radio(
            counted(len(known), "transform"),
            list(known),
            key="transforms-chosen",
            format_func=lambda id: escaped(known[id].title),
            captions=[f"`{id}`" for id in known],
            on_change=lambda: set_parameters(transform=st.session_state["transforms-chosen"], part=None),
        )
    return shown


def _filters() -> tuple[str, str]:
    families = application().transforms.families()
    wanted = parameter("family") or _ALL
    st.session_state["transforms-family"] = wanted if wanted in families else _ALL
    st.selectbox(
        "Family", [_ALL, *families], key="transforms-family",
        format_func=lambda name: name or f"All families ({len(families)})",
        on_change=lambda: set_parameters(family=st.session_state["transforms-family"], transform=None),
    )  # fmt: skip
    st.text_input(
        "Search", parameter("q") or "", key="transforms-search", type="search", placeholder="such as sort or mail",
        max_chars=100, live="300ms",
        on_change=lambda: set_parameters(q=st.session_state["transforms-search"].strip(), transform=None),
    )  # fmt: skip
    return str(st.session_state["transforms-family"]), parameter("q") or ""


def _wanted() -> Transform | None:
    """The transform of the address."""
    name = parameter("transform")
    if not name:
        return None
    try:
        return application().transforms.get(name)
    except NotFound as error:
        show_error(error)
        return None
