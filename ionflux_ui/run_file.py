"""A run as a file on the screen, export, import and where an imported run came from; and choosing two to compare."""

from __future__ import annotations

import io
import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

import streamlit as st

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.domain.run_files import MEDIA_TYPE, SUFFIX
from ionflux_core.domain.runs import FINISHED, Run
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import exact
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import flash, open_page, set_parameters

_PICKING: Final = "runs_picking"


def draw_file_actions(application: Application, run: Run) -> None:
    """The buttons that compare an ended run and take it home as a file."""
    if run.status not in FINISHED:
        return
    if run.parent_run_id:
        if st.button("Compare with parent", icon=":material/compare_arrows:", help="Both runs side by side."):
            open_page("compare", left=run.parent_run_id, right=run.id)
    elif st.button("Compare", icon=":material/compare_arrows:", help="Choose another run to see both side by side."):
        open_page("compare", left=run.id)
    st.download_button(
        "Export",
        data=lambda: _exported(application, run),
        file_name=f"{re.sub('[^0-9a-z_-]', '', run.definition_slug)}-{run.id[-6:]}{SUFFIX}",
        mime=MEDIA_TYPE,
        icon=":material/download:",
        key=f"export-{run.id}",
        help="One file with everything this run holds, without secrets. Any IONFLUX opens it.",
        on_click="ignore",
    )


def _exported(application: Application, run: Run) -> bytes:
    target = io.BytesIO()
    application.run_files.export(run.workspace_id, run.id, target)
    return target.getvalue()


def draw_imported(run: Run, zone: str) -> None:
    """Where an imported run came from; nothing for any other run."""
    if run.imported is None:
        return
    origin = escaped(str(run.imported.get("from") or "another workspace"))
    with st.container(border=True):
        st.markdown(f":blue[:material/move_to_inbox:] **Imported from {origin}**")
        st.text(
            f"A run from a file, exported {_moment(run.imported.get('exported_at'), zone)}. It was not executed here: "
            "it can be looked at, compared and replayed, and nothing else."
        )
        st.caption(f"There it was the run {escaped(str(run.imported.get('run_id') or 'unknown'))}.")
        left_out = run.imported.get("left_out") or []
        if left_out:
            names = ", ".join(escaped(str(each.get("name"))) for each in left_out[:5])
            st.caption(f"{counted(len(left_out), 'file')} of it did not travel: {names}.")


def _moment(text: object, zone: str) -> str:
    try:
        return exact(datetime.fromisoformat(str(text)), zone)
    except ValueError:
        return "at a time it does not tell"


def draw_import(application: Application, workspace: Workspace) -> None:
    """The button that takes a run from a file."""
    if st.button("Import", icon=":material/upload:", help="Open a run that was exported from any IONFLUX."):
        _import_dialog(application, workspace)


@st.dialog("Import a run")
def _import_dialog(application: Application, workspace: Workspace) -> None:
    st.text("The run is added to this workspace, read-only. The file is checked first; a damaged one changes nothing.")
    most = limits.RUN_FILE_BYTES // limits.MIB
    chosen = st.file_uploader(f"A file that ends in {SUFFIX}", type=[SUFFIX], max_upload_size=most, key="import-run")
    if st.button("Import this run", type="primary", disabled=chosen is None) and chosen is not None:
        with errors_shown(), tempfile.TemporaryDirectory(prefix="ionflux-import-") as folder:
            source = Path(folder) / "upload"
            source.write_bytes(chosen.getbuffer())
            imported = application.run_files.bring_in(workspace.id, source, by=application.workspaces.owner().name)
            set_parameters(run=imported.run_id)
            flash("This file had been imported before; here is its run." if imported.repeated else "Imported.")
            st.rerun()


def is_picking() -> bool:
    """Whether runs of the list are being ticked for a comparison."""
    return bool(st.session_state.get(_PICKING))


def draw_compare_button() -> None:
    """The button that lets two runs of the list be ticked, and what to do then."""
    if is_picking():
        st.button("Stop comparing", icon=":material/close:", on_click=_pick, args=(False,))
    else:
        st.button("Compare", icon=":material/compare_arrows:", help="Tick two runs of the list.", on_click=_pick,
                  args=(True,))  # fmt: skip


def draw_picking_hint() -> None:
    """What to do while runs are being ticked."""
    if is_picking():
        st.caption(":material/compare_arrows: Tick two runs; they are then shown side by side.")


def compare_picked(one: str, two: str) -> None:
    """Show the two runs that were ticked, the older one on the left."""
    _pick(False)
    open_page("compare", left=one, right=two)


def _pick(picking: bool) -> None:
    st.session_state[_PICKING] = picking
