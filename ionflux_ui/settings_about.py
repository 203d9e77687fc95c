"""About: the version and the measured weight of this process, and the licences of what it carries."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.limits import MIB
from ionflux_core.services.health import process_memory, versions
from ionflux_ui.moments import duration
from ionflux_ui.run_text import table
from ionflux_ui.theme import STATIC

_LICENCES: Final = (
    ("Inter, the typeface of the text", "fonts/inter-OFL.txt"),
    ("JetBrains Mono, the typeface of code", "fonts/jetbrains-mono-OFL.txt"),
    ("The YAML editor and the packages in its bundle", "yaml_editor/LICENSES.txt"),
)


def draw_about(application: Application, workspace: Workspace) -> None:
    """What runs here, how fast it came up, what it occupies, and under which licences its parts stand."""
    found, memory = versions(), process_memory()
    started = application.ready_seconds
    version, ready, weight = st.columns(3)
    version.metric("Version", found["IONFLUX"])
    ready.metric("Start, measured", "not measured" if started is None else duration(started),
                 help="From opening the database to workers that wait for runs, at this start. It leaves out Python's "
                 "own imports.")  # fmt: skip
    if memory is None:
        weight.metric("Memory", "not computed", help="This system does not tell what a process occupies.")
    else:
        weight.metric(f"Memory ({memory.kind})", f"{memory.bytes / MIB:,.0f} MiB", help=_MEMORY_HELP[memory.kind])
    st.subheader("Parts", anchor=False)
    st.markdown(table([{"Part": name, "Version": number} for name, number in found.items()]))
    st.subheader("Licences", anchor=False)
    st.caption("The texts below lie on this machine; nothing is fetched from elsewhere.")
    for title, name in _LICENCES:
        file = STATIC / name
        if file.is_file():
            fold = st.expander(title, key=f"licence-{name}", on_change="rerun")
            if fold.open:
                fold.code(file.read_text(encoding="utf-8"), language=None, wrap_lines=True, height=400)


_MEMORY_HELP: Final = {
    "PSS": "Proportional set size, right now: its own pages, and its share of those it shares with others.",
    "RSS": "Resident set size, right now: all pages in memory, shared ones counted in full.",
}
