"""A note on the charts, written in a small window."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.ids import now
from ionflux_core.limits import NOTE_CHARS
from ionflux_ui.errors import errors_shown
from ionflux_ui.session import flash, parameter


@st.dialog("A note on the charts")
def write_note(app: Application, space: Workspace) -> None:
    """Asks for the day and the words; the note then stands on every chart by day."""
    zone = ZoneInfo(space.settings.timezone)
    here = now().astimezone(zone)
    st.caption("What happened that the figures do not say: a campaign, a holiday, a new price.")
    words = st.text_input("Words", max_chars=NOTE_CHARS, placeholder="Spring campaign began")
    day = st.date_input("Day", here.date(), format="YYYY-MM-DD")
    names = {each.id: each.name for each in app.agents.find(space.id)}
    chosen = parameter("instance")
    about = st.selectbox(
        "About", list(names), index=list(names).index(chosen) if chosen in names else None, placeholder="Everything",
        format_func=lambda key: names[key],
        help="A note about one agent is left out where the page shows others only.",
    )  # fmt: skip
    if st.button("Keep the note", type="primary", icon=":material/check:"):
        with errors_shown():
            at = here if day == here.date() else datetime.combine(day, time(12), zone)
            draft = {"at": at, "words": words, "instance_id": about}
            app.annotations.note(space.id, draft, by=app.workspaces.owner().name)
            flash("The note stands on the charts.")
            st.rerun()
