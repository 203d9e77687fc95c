"""Windows over the chat: a new channel, its name and members, putting it away, and files too large for the board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from ionflux_core import limits
from ionflux_core.domain.chat import Channel, ChannelType
from ionflux_core.services.chat_files import ChatFile
from ionflux_ui.chat_data import PLACE, Chamber, Place
from ionflux_ui.errors import errors_shown
from ionflux_ui.session import flash, set_parameters

_TYPES: Final[dict[ChannelType, str]] = {
    "public": "Public: everybody of the workspace sees it",
    "private": "Private: only its members see it",
    "dm": "Direct: two people",
    "agent_dedicated": "Talk with an agent",
}
DIALOG: Final = "chat_dialog"
"""What is open over the chat: its name and what it is about. It stays until it is closed, whatever is drawn anew."""
_DESCRIPTION_CHARS: Final = 2_000
_PEOPLE: Final = 200


def close_dialog() -> None:
    """Close what is open over the chat."""
    st.session_state.pop(DIALOG, None)


def open_dialog(chamber: Chamber, name: str, given: Mapping[str, Any]) -> None:
    """Open the window that was asked for on the board."""
    if name == "new_channel":
        _new_channel(chamber)
        return
    channel_id = str(given.get("channel", ""))
    with errors_shown():
        channel = chamber.app.chat.channel(chamber.space.id, channel_id, chamber.user.id)
        if name == "upload":
            _upload(chamber, channel, given.get("thread"))
        else:
            {"edit_channel": _edit_channel, "archive_channel": _archive_channel}[name](chamber, channel)


@st.dialog("New channel", on_dismiss=close_dialog)
def _new_channel(chamber: Chamber) -> None:
    kind: ChannelType = st.selectbox(
        "Who talks there", list(_TYPES), format_func=lambda each: _TYPES[each], key="chat-new-type"
    )
    values: dict[str, Any] = {"type": kind}
    if kind != "dm":
        values["name"] = st.text_input("Name", key="chat-new-name", max_chars=limits.NAME_CHARS)
    if kind in ("private", "dm"):
        values["members"] = _members(chamber, [], single=kind == "dm", key="chat-new-members")
    if kind == "agent_dedicated":
        values["instance_id"] = _agent(chamber)
    values["description"] = st.text_area("What it is for", key="chat-new-description", max_chars=_DESCRIPTION_CHARS)
    if st.button("Create", type="primary", key="chat-new-save"):
        with errors_shown():
            made = chamber.app.chat.create_channel(chamber.space.id, values, by=chamber.user.id)
            set_parameters(channel=made.id, thread=None, message=None)
            st.session_state[PLACE] = chamber.space.id, Place(channel=made.id)
            close_dialog()
            st.rerun()


@st.dialog("Edit the channel", on_dismiss=close_dialog)
def _edit_channel(chamber: Chamber, channel: Channel) -> None:
    changes: dict[str, Any] = {}
    if channel.type != "dm":
        changes["name"] = st.text_input("Name", channel.name, key="chat-edit-name", max_chars=limits.NAME_CHARS)
    if channel.type == "private":
        changes["members"] = _members(chamber, channel.members, single=False, key="chat-edit-members")
    changes["description"] = st.text_area(
        "What it is for", channel.description, key="chat-edit-description", max_chars=_DESCRIPTION_CHARS
    )
    if st.button("Save", type="primary", key="chat-edit-save"):
        _done(lambda: chamber.app.chat.save_channel(chamber.space.id, channel.id, changes, by=chamber.user.id))


@st.dialog("Archive the channel", on_dismiss=close_dialog)
def _archive_channel(chamber: Chamber, channel: Channel) -> None:
    st.text(
        f"{channel.name} is put away: its messages stay and can be found, and nobody writes there until it is "
        "brought back."
    )
    if st.button("Archive", type="primary", key="chat-archive-save"):
        _done(
            lambda: chamber.app.chat.set_channel_status(chamber.space.id, channel.id, "archived", by=chamber.user.id),
            f"{channel.name} is archived.",
        )


@st.dialog("Attach files", on_dismiss=close_dialog)
def _upload(chamber: Chamber, channel: Channel, thread: object) -> None:
    most = limits.UPLOAD_BYTES // limits.MIB
    st.caption(f"Up to {limits.MESSAGE_FILES} files of at most {most} MB each, sent as one message.")
    files = st.file_uploader("Files", accept_multiple_files=True, key="chat-upload-files")
    words = st.text_input("A word about them", key="chat-upload-text", max_chars=500)
    if st.button("Send", type="primary", key="chat-upload-send", disabled=not files):
        _done(
            lambda: chamber.app.chat.attach_all(
                chamber.space.id,
                channel.id,
                [ChatFile(each.name, each.getvalue(), each.type or "") for each in files],
                text=words or "",
                sender_id=chamber.user.id,
                sender_name=chamber.user.name,
                thread_id=thread if isinstance(thread, str) else None,
            )
        )


def _done(do: Callable[[], object], said: str = "") -> None:
    with errors_shown():
        do()
        if said:
            flash(said)
        close_dialog()
        st.rerun()


def _members(chamber: Chamber, chosen: list[str], *, single: bool, key: str) -> list[str]:
    names = dict(chamber.reader().people)
    others = [each for each in names if not single or each != chamber.user.id]
    if single:
        one = st.selectbox("With whom", others, format_func=lambda each: names[each], key=key)
        if not others:
            st.caption("There is nobody else in this workspace yet.")
        return [one] if one else []
    kept = [each for each in chosen if each in names] or [chamber.user.id]
    return list(st.multiselect("Members", others, kept, format_func=lambda each: names[each], key=key))


def _agent(chamber: Chamber) -> str | None:
    agents = {each.id: each.name for each in chamber.app.agents.find(chamber.space.id)}
    if not agents:
        st.caption("There are no agents yet. Choose one in the marketplace and configure it.")
    return st.selectbox("Agent", list(agents), format_func=lambda each: agents[each], key="chat-new-agent")
