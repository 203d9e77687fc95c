"""Budgets on the screen: each limit with what of it is used, a form for another one, and the way to take one away."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.money import BUDGET_PERIODS, MICROS, BudgetPeriod, BudgetUse, in_dollars
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.plain import escaped
from ionflux_ui.session import flash

_PERIODS: Final[dict[BudgetPeriod, str]] = {
    "run": "Each run",
    "day": "Each day",
    "month": "Each month",
    "total": "In all",
}
_MOST: Final = 1_000_000.0
_WHOLE: Final = "The whole workspace"


def draw_budgets(application: Application, workspace: Workspace) -> None:
    """A form that sets a limit, and the limits there are."""
    st.caption(
        "The most that model calls may cost, in US dollars. A run that would go over a limit stops before its next "
        "call, keeps what it has, and can go on with more. Days and months begin at midnight in "
        f"{escaped(workspace.settings.timezone)}. The local engine costs nothing and is never stopped."
    )
    _form(application, workspace)
    found = application.budgets.find(workspace.id)
    if not found:
        st.caption("No budget yet: agents may spend whatever credits there are in the ledger.")
    for use in found:
        _draw(application, workspace, use)


def _form(application: Application, workspace: Workspace) -> None:
    agents = {instance.id: instance.name for instance in application.agents.find(workspace.id)}
    with st.form("budget", border=True, clear_on_submit=True):
        whom, period, limit = st.columns([2, 1, 1])
        of = whom.selectbox("For", ["", *agents], format_func=lambda each: agents.get(each, _WHOLE))
        each = period.selectbox("Period", BUDGET_PERIODS, index=2, format_func=lambda word: _PERIODS[word])
        dollars = limit.number_input("Limit in dollars", 0.0, _MOST, 5.0, step=1.0, format="%g")
        kept = st.form_submit_button("Set budget", type="primary", icon=":material/savings:")
    if kept:
        with errors_shown():
            micros = round(dollars * MICROS)
            use = application.budgets.set(workspace.id, limit_micros=micros, period=each, instance_id=of or None, by=BY)
            flash(f"{use.name}: {in_dollars(use.limit_micros)}, {_PERIODS[use.period].lower()}.")
            st.rerun()


def _draw(application: Application, workspace: Workspace, use: BudgetUse) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"budget-{use.id}"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{escaped(use.name)}** :gray-badge[{_PERIODS[use.period]}] {_mark(use)}")
            _bar(use)
        with st.popover("Remove", icon=":material/delete:"):
            st.text("Nothing stops at this limit any more. What was spent stays counted.")
            if st.button("Remove it", type="primary", key=f"remove-budget-{use.id}"):
                with errors_shown():
                    application.budgets.remove(workspace.id, use.id, by=BY)
                    flash("The budget is removed.")
                    st.rerun()


def _mark(use: BudgetUse) -> str:
    if use.used_micros is None or use.used_micros < use.limit_micros:
        return ""
    return ":red-badge[:material/money_off: Used up]"


def _bar(use: BudgetUse) -> None:
    limit = in_dollars(use.limit_micros)
    if use.used_micros is None:
        st.caption(escaped(f"{limit} at most, unless a run is given its own budget."))
        return
    share = min(1.0, max(0.0, use.used_micros / use.limit_micros)) if use.limit_micros else 1.0
    st.progress(share, text=escaped(f"{in_dollars(use.used_micros)} of {limit} used"))
