"""How the house stands, at the foot of the home page: one calm line, or what is not well and what to do about it."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import IonfluxError
from ionflux_core.services.health import Health, Standing
from ionflux_ui.moments import ago
from ionflux_ui.plain import counted, escaped
from ionflux_ui.run_outputs import file_size
from ionflux_ui.session import application, page_link


def standing() -> Standing | None:
    """How things stand; None when the database does not say, which every other part of the page says then."""
    try:
        return Health(application()).standing()
    except (IonfluxError, OSError):
        return None


def show_trouble(stands: Standing | None) -> None:
    """Draw what is not well, each with what to do; nothing when all is."""
    if stands is None or not stands.unwell:
        return
    with st.container(border=True, key="home_trouble", gap="small"):
        for check in stands.unwell:
            mark = ":red[:material/error:]" if check.status == "error" else ":orange[:material/warning:]"
            st.markdown(f"{mark} **{escaped(check.message)}** :gray[{escaped(check.hint)}]")
        page_link("settings", "Look at the health", icon=":material/monitor_heart:", tab="health")


def show_standing(stands: Standing | None, workspace: Workspace) -> None:
    """Draw the calm line."""
    if stands is None:
        return
    zone = workspace.settings.timezone
    backup = f"last backup {ago(stands.backup, zone)}" if stands.backup else "no backup yet"
    clock = next((check for check in stands.checks if check.name == "clock"), None)
    facts = [
        f"Database {file_size(stands.database)}",
        f"{file_size(stands.free)} free",
        backup,
        "clock kept" if clock is not None and clock.status == "ok" else "nobody keeps the clock",
        f"{counted(stands.waiting, 'run')} in the queue" if stands.waiting else "queue empty",
    ]
    mark = ":orange[:material/warning:]" if stands.unwell else ":green[:material/check_circle:]"
    st.caption(f"{mark} {' · '.join(map(escaped, facts))}")
