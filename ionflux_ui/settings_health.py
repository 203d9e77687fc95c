"""The health checks on the screen, what is not well first."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.services.health import Check, Health
from ionflux_ui.run_text import escaped

_LOOKS: Final = {
    "error": ":red-badge[:material/error: Error]",
    "warning": ":orange-badge[:material/warning: Warning]",
    "ok": ":green-badge[:material/check_circle: OK]",
}


def draw_health(application: Application, workspace: Workspace) -> None:
    """Runs every check and shows its sentence and, when it is not well, what to do."""
    checks = Health(application).checks()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{_summary(checks)}**")
        st.button("Check again", icon=":material/refresh:")
    for check in sorted(checks, key=lambda check: list(_LOOKS).index(check.status)):
        line = f"{_LOOKS[check.status]} **{escaped(check.title)}** "
        if check.status == "ok":
            st.markdown(line + escaped(check.message))
            continue
        with st.container(border=True, gap=None):
            st.markdown(line)
            st.text(check.message)
            st.text(f"What to do: {check.hint}")


def _summary(checks: list[Check]) -> str:
    failed = sum(check.status == "error" for check in checks)
    doubtful = sum(check.status == "warning" for check in checks)
    if failed:
        return f"{failed} of {len(checks)} checks failed."
    if doubtful:
        return f"Everything works; {doubtful} of {len(checks)} checks deserve a look."
    return f"All {len(checks)} checks are well."
