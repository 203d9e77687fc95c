"""A brand's pictures: stored ones, and those of hosts the workspace allows; first of all its logo."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import streamlit as st

from ionflux_core.domain.agents import check_value
from ionflux_core.domain.workspaces import StoredPicture, VisualIdentity, Workspace
from ionflux_core.errors import Invalid, LimitExceeded, NotFound
from ionflux_core.limits import IMAGE_BYTES, MIB
from ionflux_core.services.files import Files, kind_of
from ionflux_ui.brand_parts import show_links
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, page_link

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif")
_NO_ADDRESS: Final = frozenset('<>"`\\')
KINDS: Final = ("png", "jpg", "jpeg", "gif", "webp")
KINDS_SAID: Final = "PNG, JPEG, GIF or WebP"


def is_allowed(workspace: Workspace, address: str) -> bool:
    """Whether a page of this workspace may show what lies at an address."""
    if check_value("url", address) or set(address) & _NO_ADDRESS:
        return False
    parts = urlsplit(address)
    return parts.scheme == "https" and parts.hostname in workspace.settings.media_allow


def show_logo(workspace: Workspace, name: str, visual: VisualIdentity, *, width: int = 120) -> None:
    """Draw the logo; one at an address that may not be shown is a link, with the way to allow it."""
    address = stored_address(workspace, visual.logo_file)
    if address is None and visual.logo_url and is_allowed(workspace, visual.logo_url):
        address = visual.logo_url
    if address is not None:
        with st.container(width=width):
            st.markdown(f"![Logo of {escaped(name)}](<{address}>)")
        return
    if visual.logo_file is not None:
        st.caption("The logo is not stored here any more: upload it again.")
    if visual.logo_url:
        with st.container(horizontal=True, vertical_alignment="center"):
            show_links([visual.logo_url])
            st.caption("The logo is not shown: its host is not allowed yet.", width="content")
            page_link("settings", "Allow it", icon=":material/shield:", tab="workspace")


def stored_address(workspace: Workspace, picture: StoredPicture | None) -> str | None:
    """Where the browser gets a stored picture; None when there is none, or the workspace does not have it."""
    if picture is None:
        return None
    try:
        found = application().stored.get(workspace.id, picture.sha256)
    except NotFound:
        return None
    return Files.address(workspace.id, picture.model_dump()) if found.shown_as.startswith("image/") else None


def logo_field(visual: VisualIdentity | None, *, key: str) -> tuple[Any, bool]:
    """Choose a picture as logo: the file just uploaded or None, and whether the stored one is to go."""
    chosen = st.file_uploader(
        "Logo picture",
        type=list(KINDS),
        key=f"{key}_logo_file",
        help=f"{KINDS_SAID}, at most {IMAGE_BYTES // MIB} MiB.",
    )
    stored = visual is not None and visual.logo_file is not None
    gone = stored and st.checkbox("Take the stored logo away", key=f"{key}_logo_gone")
    return chosen, bool(gone)


def stored_picture(workspace: Workspace, chosen: Any, called: str) -> StoredPicture:
    """Store an uploaded picture; Invalid when its first bytes are no picture's. `called` names it in errors."""
    kind = picture_kind(chosen, called)
    return StoredPicture.model_validate(application().runs.upload(workspace.id, chosen.name, chosen.getvalue(), kind))


def picture_kind(chosen: Any, called: str) -> str:
    """The media type of an uploaded picture; an error when it is too large or none."""
    data: bytes = chosen.getvalue()
    if len(data) > IMAGE_BYTES:
        raise LimitExceeded(f"{called} is larger than {IMAGE_BYTES // MIB} MiB.", hint="Make it smaller.")
    kind = kind_of(data[:16])
    if not kind.startswith("image/"):
        raise Invalid(f"{called} is no {KINDS_SAID} picture.", hint="Choose another file.")
    return kind


def is_picture(address: str) -> bool:
    """Whether an address ends like that of a picture."""
    return urlsplit(address).path.lower().endswith(_PICTURES)
