"""A brand's mood board: pictures stored here, pictures of hosts the workspace allows, and links to the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.workspaces import Brand, StoredPicture, Workspace
from ionflux_core.errors import LimitExceeded
from ionflux_core.limits import IMAGE_BYTES, MIB, MOOD_PICTURES, TEXT_CHARS
from ionflux_ui.brand_parts import show_links
from ionflux_ui.brand_pictures import (
    KINDS,
    KINDS_SAID,
    is_allowed,
    is_picture,
    picture_kind,
    stored_address,
    stored_picture,
)
from ionflux_ui.plain import escaped, shortened

_WIDTH: Final = 160


def mood_fields(workspace: Workspace, brand: Brand | None, key: str) -> dict[str, Any]:
    """Draw the board with fields to change it; what they hold, before it is checked."""
    stored = _once(brand.visual.mood_pictures) if brand else []
    st.subheader("Mood board", anchor=False)
    left, right = st.columns(2)
    with left:
        links = st.text_area(
            "Mood board links", "\n".join(brand.mood_board) if brand else "", key=f"{key}_mood", height=96,
            max_chars=TEXT_CHARS, placeholder="One address per line",
        )  # fmt: skip
    with right:
        chosen = st.file_uploader(
            "Mood board pictures", type=list(KINDS), accept_multiple_files=True, key=f"{key}_mood_files",
            max_upload_size=IMAGE_BYTES // MIB,
            help=f"{KINDS_SAID}, each at most {IMAGE_BYTES // MIB} MiB, {MOOD_PICTURES} in all.",
        )  # fmt: skip
    kept = _pictures(workspace, stored, f"{key}_mood_gone")
    _show_addresses(workspace, brand.mood_board if brand else [])
    return {"mood": links or "", "mood_kept": kept, "mood_chosen": list(chosen or [])}


def checked_mood(workspace: Workspace, kept: Sequence[StoredPicture], chosen: Sequence[Any]) -> list[dict[str, Any]]:
    """The pictures as a brand takes them, the new ones stored; nothing is stored when one of them cannot be taken."""
    if len(kept) + len(chosen) > MOOD_PICTURES:
        raise LimitExceeded(
            f"A mood board holds at most {MOOD_PICTURES} pictures; with these it would be {len(kept) + len(chosen)}.",
            hint="Choose fewer, or remove some of those that are there.",
        )
    for each in chosen:
        picture_kind(each, shortened(str(each.name), 60))
    pictures = [*kept, *(stored_picture(workspace, each, shortened(str(each.name), 60)) for each in chosen)]
    return [each.model_dump() for each in _once(pictures)]


def _once(pictures: Iterable[StoredPicture]) -> list[StoredPicture]:
    """The same picture twice is one."""
    return list({each.sha256: each for each in pictures}.values())


def _pictures(workspace: Workspace, stored: Sequence[StoredPicture], key: str) -> list[StoredPicture]:
    """Draw the stored pictures with a way to take each out; those that stay."""
    gone: set[str] = st.session_state.setdefault(key, set())
    kept = [each for each in stored if each.sha256 not in gone]
    with st.container(horizontal=True):
        for number, picture in enumerate(kept, 1):
            with st.container(width=_WIDTH, gap="xsmall", key=f"{key}_{picture.sha256}"):
                _picture(workspace, picture)
                if st.button(
                    "Remove", key=f"{key}_{picture.sha256}_button", type="tertiary", icon=":material/close:",
                    help=f"Take picture {number} off the board once the profile is saved.",
                ):  # fmt: skip
                    gone.add(picture.sha256)
                    st.rerun()
    if len(kept) < len(stored):
        st.caption(f"{len(stored) - len(kept)} to be removed when you save.")
    return kept


def _picture(workspace: Workspace, picture: StoredPicture) -> None:
    address = stored_address(workspace, picture)
    if address is None:
        st.caption(f"{escaped(shortened(picture.name, 40))} is not stored here any more.")
    else:
        st.markdown(f"![{escaped(picture.name or 'A picture of the mood board')}](<{address}>)")


def _show_addresses(workspace: Workspace, addresses: Iterable[str]) -> None:
    """Pictures of allowed hosts as they are, everything else as a link."""
    every = list(dict.fromkeys(addresses))
    pictures = [each for each in every if is_allowed(workspace, each) and is_picture(each)]
    with st.container(horizontal=True):
        for address in pictures:
            st.image(address, width=_WIDTH)
    show_links(each for each in every if each not in pictures)
