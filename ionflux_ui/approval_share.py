"""How people received an agent's drafts, beside its other figures."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_ui.approval_inbox import acceptance_words
from ionflux_ui.session import application


def show_acceptance(instance: AgentInstance) -> None:
    """The share of drafts accepted unedited; a sentence instead of a figure before the first decision."""
    found = application().approvals.acceptance(instance.workspace_id, instance_id=instance.id)
    figure, said = acceptance_words(found)
    if found.rate is None:
        st.caption(f"Drafts accepted unedited: {figure}. {said}")
    else:
        st.metric("Drafts accepted unedited", figure, help=said, width="content")
