"""Open questions of parked runs on the home page: the most urgent ones, each with its answer."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.approval_card import draw_question
from ionflux_ui.plain import counted, escaped, shortened
from ionflux_ui.session import application, page_link

_SHOWN: Final = 5
_OPEN: Final = 2


def show_approvals(workspace: Workspace, count: int) -> None:
    """Draw the most urgent open questions, each with its answer form."""
    st.markdown(f"#### {counted(count, 'question')} to answer", anchors=False)
    app = application()
    for number, approval in enumerate(app.approvals.find(workspace.id, limit=_SHOWN).approvals):
        if number < _OPEN:
            place = st.container(border=True, key=f"approval_{approval.id}")
        else:
            place = st.expander(escaped(shortened(approval.title, 90)), icon=":material/front_hand:")
        with place:
            draw_question(app, approval, workspace.settings.timezone)
    page_link("approvals", "All questions", icon=":material/inbox:")
