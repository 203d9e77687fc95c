"""The health checks on the screen, what is not well first."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.services.health import Check, Health
from ionflux_core.settings import Settings
from ionflux_ui.run_text import escaped, table

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
    _draw_observers(application.settings)


def _draw_observers(settings: Settings) -> None:
    """What this process tells machines that watch it; all of it is decided where it is started."""
    st.subheader("Log, figures and traces", anchor=False)
    parts = ", ".join(f"{name} {level}" for name, level in settings.levels.items())
    rows = [
        {"What": "Log", "How": f"level {settings.log_level}, as {settings.log_format}, to standard error",
         "Set by": "IONFLUX_LOG_LEVEL, IONFLUX_LOG_FORMAT"},
        {"What": "Log levels of parts", "How": parts or "none", "Set by": "IONFLUX_LOG_LEVELS"},
        {"What": "Figures for Prometheus", "How": "/metrics on this address", "Set by": "always on"},
        {"What": "Traces", "How": settings.otlp_endpoint or "off", "Set by": "IONFLUX_OTLP_ENDPOINT"},
    ]  # fmt: skip
    st.markdown(table(rows))
    st.caption(
        "Changed by the environment IONFLUX is started with, and read at its start. The log lines of runs are kept and "
        "removed with their runs: Retention says for how long."
    )


def _summary(checks: list[Check]) -> str:
    failed = sum(check.status == "error" for check in checks)
    doubtful = sum(check.status == "warning" for check in checks)
    if failed:
        return f"{failed} of {len(checks)} checks failed."
    if doubtful:
        return f"Everything works; {doubtful} of {len(checks)} checks deserve a look."
    return f"All {len(checks)} checks are well."
