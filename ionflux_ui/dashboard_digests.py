"""Digests of the dashboard: who is sent which figures when, what became of the last one, and sending one now."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.destinations import Way
from ionflux_core.domain.digests import Digest
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.limits import NAME_CHARS
from ionflux_core.services.digest_words import as_text
from ionflux_ui.dashboard_views import PAGE
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped

_WAYS: Final[dict[Way, str]] = {"email": "Mail", "chat": "Chat", "slack": "Slack", "webhook": "Webhook"}
_TO: Final[dict[Way, tuple[str, str]]] = {
    "email": ("Mail addresses, one a line", "me@example.com"),
    "chat": ("Channels, one a line", "general"),
    "slack": ("Slack channels, one a line", "#figures"),
    "webhook": ("Addresses to post to, one a line", "https://example.com/hook"),
}
_WHEN: Final = {"every Monday at 8": 7, "every weekday at 8": 1, "every day at 8": 1, "0 8 1 * *": 30}
_WHEN_WORDS: Final = {
    "every Monday at 8": "Every Monday at 8", "every weekday at 8": "Every weekday at 8",
    "every day at 8": "Every day at 8", "0 8 1 * *": "On the first of each month at 8",
}  # fmt: skip
_OPEN: Final = "digest_open"
_NEW: Final = "new"


@st.dialog("Digests", width="large")
def manage_digests(app: Application, space: Workspace) -> None:
    """The digests, or the form of the one that is being written."""
    st.caption("Figures with their change, sent by schedule. They leave through the outbox, under the workspace's "
               "policies; a message in the chat stays in the house.")  # fmt: skip
    opened = st.session_state.get(_OPEN)
    digests = app.digests.find(space.id)
    chosen = next((each for each in digests if each.id == opened), None)
    if opened == _NEW or chosen or not digests:
        _form(app, space, chosen, alone=not digests)
        return
    for each in digests:
        _line(app, space, each)
    st.button("New digest", type="primary", icon=":material/add:", on_click=_open, args=(_NEW,))


def _line(app: Application, space: Workspace, digest: Digest) -> None:
    zone = space.settings.timezone
    with st.container(border=True):
        to = ", ".join(digest.destination.to)
        following = f"Next {ago(digest.next_at, zone)}" if digest.next_at else "Switched off"
        st.markdown(f"**{escaped(digest.name)}**  \n:gray[{_WAYS[digest.destination.channel]} to {escaped(to)}. "
                    f"{following}.]", help=exact(digest.next_at, zone) if digest.next_at else None)  # fmt: skip
        if digest.last_at:
            st.caption(f"Last {ago(digest.last_at, zone)}: {escaped(digest.last_outcome)}")
        for each in app.digests.deliveries(space.id, digest):
            st.caption(f":material/subdirectory_arrow_right: {escaped(each.to)}: {each.outcome}")
        with st.container(horizontal=True):
            if st.button("Send now", key=f"digest-send-{digest.id}", icon=":material/send:"):
                with errors_shown():
                    app.digests.send_now(space.id, digest.id, by=app.workspaces.owner().name)
                    st.rerun(scope="fragment")
            st.button("Change", key=f"digest-edit-{digest.id}", on_click=_open, args=(digest.id,))
            with st.popover("Delete", icon=":material/delete:"):
                st.text("It is not sent any more. What it has sent stays in the outbox.")
                if st.button("Delete it", type="primary", key=f"digest-delete-{digest.id}"):
                    with errors_shown():
                        app.digests.delete(space.id, digest.id, by=app.workspaces.owner().name)
                        st.rerun(scope="fragment")
        if st.toggle("Show what it would say now", key=f"digest-look-{digest.id}"):
            with errors_shown():
                st.code(as_text(app.digests.sheet(space.id, digest.id)), language=None, wrap_lines=True)


def _form(app: Application, space: Workspace, digest: Digest | None, *, alone: bool) -> None:
    views = {each.id: each.name for each in app.views.find(space.id, PAGE)}
    name = st.text_input("Name", digest.name if digest else "Weekly figures", max_chars=NAME_CHARS)
    left, right = st.columns(2)
    view = left.selectbox(
        "Of which view", list(views), index=_place(list(views), digest.view_id if digest else None),
        placeholder="Everything", format_func=lambda key: views[key],
    )  # fmt: skip
    options = [*_WHEN] if digest is None else [digest.cron, *_WHEN]
    cron = right.selectbox(
        "When", options, accept_new_options=True, format_func=lambda key: _WHEN_WORDS.get(key, key),
        help="Or a schedule of your own: every Friday at 17, or 0 8 * * 1-5.",
    )  # fmt: skip
    days = left.number_input("Days in it", 1, 366, digest.days if digest else _WHEN.get(cron or "", 7),
                             help="Whole days that end with the day before it is sent.")  # fmt: skip
    ways = list(_WAYS)
    way = right.segmented_control("By", ways, default=digest.destination.channel if digest else "email",
                                  format_func=_WAYS.__getitem__, required=True)  # fmt: skip
    label, example = _TO[way]
    to = st.text_area(label, "\n".join(digest.destination.to) if digest else "", placeholder=example, height=90)
    enabled = st.toggle("Send it by schedule", digest.enabled if digest else True)
    if way in ("email", "webhook", "slack") and not _is_connected(app, space, way):
        st.caption(f":material/info: {_WAYS[way]} is in dry run under Settings, Policies: until it is switched off "
                   "there, the outbox only says what it would have sent.")  # fmt: skip
    draft: dict[str, Any] = {
        "name": name, "view_id": view, "cron": cron or "", "timezone": space.settings.timezone, "days": int(days),
        "destination": {"channel": way, "to": to.splitlines()}, "enabled": enabled,
    }  # fmt: skip
    with st.container(horizontal=True):
        if st.button("Keep the digest", type="primary", icon=":material/check:"):
            with errors_shown():
                _keep(app, space, digest, draft)
        if not alone:
            st.button("Back", on_click=_open, args=(None,))


def _keep(app: Application, space: Workspace, digest: Digest | None, draft: dict[str, Any]) -> None:
    by = app.workspaces.owner().name
    if digest is None:
        app.digests.create(space.id, draft, by=by)
    else:
        app.digests.save(space.id, digest.id, {**draft, "timezone": digest.timezone}, by=by)
    _open(None)
    st.rerun(scope="fragment")


def _is_connected(app: Application, space: Workspace, way: str) -> bool:
    return any(each.kind == way and each.connected for each in app.policies.channels(space.id))


def _place(options: list[str], chosen: str | None) -> int | None:
    return options.index(chosen) if chosen in options else None


def _open(digest_id: str | None) -> None:
    st.session_state[_OPEN] = digest_id
