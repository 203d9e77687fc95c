"""The ledger on the screen: the balance, a form that grants credits, and every entry, page by page."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.money import (
    CION_PER_DOLLAR,
    MICROS,
    EntryKind,
    LedgerEntry,
    dollar_micros,
    in_cion,
    in_dollars,
)
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import exact
from ionflux_ui.plain import escaped
from ionflux_ui.session import flash, parameter, set_parameters

_ROWS: Final = 25
_TRAIL: Final = "ledger_trail"
_HEAD: Final = "| When | What | C-ION | Balance | For |\n| :--- | :--- | ---: | ---: | :--- |"
_MOST_GRANT: Final = 10_000_000.0
_KINDS: Final[dict[EntryKind, tuple[str, str]]] = {
    "credit_grant": ("Granted", "Credits an owner gave to the workspace."),
    "debit_reserve": ("Set aside", "Before a call: the most it may cost."),
    "credit_release": ("Given back", "After a call: what was set aside for it."),
    "debit_flow_execution": ("Spent", "What the call really cost."),
    "refund": ("Refunded", "The call failed or its run ended: nothing was spent."),
}


def draw_ledger(application: Application, workspace: Workspace) -> None:
    """Balance, grant, and a page of entries."""
    balance = application.ledger.balance(workspace.id)
    st.caption(
        f"C-ION are credits for calls that cost money: {CION_PER_DOLLAR} of them are one US dollar. They cannot be "
        "bought or sold; an owner grants them. Entries are only ever added, and their sum is the balance."
    )
    left, right = st.columns([1, 2], vertical_alignment="top")
    with left.container(border=True):
        st.metric("Balance", in_cion(balance), help="What calls can still cost.")
        st.caption(escaped(f"Worth {in_dollars(dollar_micros(balance))}."))
    with right:
        _grant(application, workspace)
    _entries(application, workspace)


def _grant(application: Application, workspace: Workspace) -> None:
    with st.form("grant", border=True, clear_on_submit=True):
        amount_field, note_field = st.columns([1, 2])
        amount = amount_field.number_input("C-ION to grant", 1.0, _MOST_GRANT, 1000.0, step=100.0, format="%g")
        note = note_field.text_input("Note", max_chars=500, placeholder="What for")
        granted = st.form_submit_button("Grant credits", type="primary", icon=":material/add:")
    if granted:
        with errors_shown():
            entry = application.ledger.grant(workspace.id, round(amount * MICROS), by=BY, note=note)
            flash(f"{in_cion(entry.amount_micros)} granted.")
            set_parameters(before=None)
            st.rerun()


def _entries(application: Application, workspace: Workspace) -> None:
    before = parameter("before") or ""
    cursor = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None
    page = application.ledger.find(workspace.id, cursor=cursor, limit=_ROWS)
    with st.container(horizontal=True, vertical_alignment="center"):
        about = [f"{name}: {said}" for name, said in _KINDS.values()]
        st.subheader("Entries", anchor=False, help="\n\n".join(about))
        # Made only when it is asked for: the whole ledger may be long.
        st.download_button(
            "Download CSV", lambda: "".join(application.ledger.as_csv(workspace.id)), "ledger.csv", "text/csv",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
    # One table as one element: a hundred small ones would take a second to draw.
    st.markdown("\n".join([_HEAD, *(_line(entry, workspace.settings.timezone) for entry in page.entries)]))
    _pager(cursor, page.cursor)


def _line(entry: LedgerEntry, zone: str) -> str:
    tone, sign = ("green", "+") if entry.amount_micros > 0 else ("red", "")
    amount = f":{tone}[{escaped(sign + _amount(entry.amount_micros))}]"
    what = escaped(entry.note or entry.step_key or "")
    if entry.run_id:
        # The address stands beside this page's own, wherever that is.
        what = f"[{escaped(entry.step_key or entry.run_id[-12:])}](runs?run={entry.run_id}) {escaped(entry.note)}"
    name, balance = _KINDS[entry.kind][0], escaped(_amount(entry.balance_after_micros))
    return f"| {escaped(exact(entry.at, zone))} | {name} | {amount} | {balance} | {what} |"


def _amount(micros: int) -> str:
    return in_cion(micros).removesuffix(" C-ION")


def _pager(cursor: int | None, following: int | None) -> None:
    with st.container(horizontal=True):
        if cursor is not None:
            st.button("Newer", icon=":material/chevron_left:", on_click=_newer)
        if following is not None:
            st.button("Older", icon=":material/chevron_right:", icon_position="right", on_click=_older,
                      args=(following,))  # fmt: skip


def _older(following: int) -> None:
    st.session_state[_TRAIL] = [*st.session_state.get(_TRAIL, []), parameter("before") or ""]
    set_parameters(before=str(following))


def _newer() -> None:
    # An address that was opened half-way down has no trail: then its newer side is the newest page.
    *earlier, last = st.session_state.get(_TRAIL) or [""]
    st.session_state[_TRAIL] = earlier
    set_parameters(before=last or None)
