"""What a run has cost and may cost, and how one that its budget stopped goes on."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.money import MICROS, in_dollars
from ionflux_core.domain.runs import Run
from ionflux_core.services.spending import OWN_BUDGET
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.plain import counted, escaped
from ionflux_ui.run_list import spent_by
from ionflux_ui.session import flash, page_link

_MOST: Final = 1_000_000.0
_LEAST: Final = 0.01


def cost_of(run: Run) -> tuple[str, str]:
    """What a run cost, of which budget, and what stands behind it; a call without a price is never shown as $0."""
    about = "US dollars, for the model calls whose price is known."
    if run.unpriced_calls:
        about += f" Not in the sum: {counted(run.unpriced_calls, 'call')} to a model without a known price."
    budget = "" if run.budget_micros is None else f" of {in_dollars(run.budget_micros)}"
    return spent_by(run) + budget, about


def draw_budget_stop(application: Application, run: Run) -> None:
    """Why the run stopped, and the form that lets it go on with more; nothing for runs that were not stopped so."""
    if run.status != "budget_stopped" or run.imported is not None:
        return
    with st.container(border=True):
        st.markdown(":red[:material/money_off:] **It stopped before its next call**")
        if run.error:
            st.text(f"{run.error.message} {run.error.hint}")
        _continue(application, run)
        with st.container(horizontal=True):
            page_link("settings", "Budgets", icon=":material/savings:", tab="budgets")
            page_link("settings", "Ledger", icon=":material/account_balance_wallet:", tab="ledger")


def _continue(application: Application, run: Run) -> None:
    """A larger budget where the run's own one stopped it; elsewhere that would not help, and it just goes on."""
    own = run.error_code == OWN_BUDGET
    with st.form(f"continue-{run.id}", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        dollars = _new_budget(application, run) if own else None
        label = "Continue with more" if own else "Continue"
        wanted = st.form_submit_button(label, type="primary", icon=":material/play_arrow:")
    if wanted:
        with errors_shown():
            micros = None if dollars is None else round(dollars * MICROS)
            application.budgets.continue_with(run.workspace_id, run.id, micros, by=BY)
            flash("It goes on.")
            st.rerun()


def _new_budget(application: Application, run: Run) -> float:
    spent = application.ledger.spent_by_run(run.workspace_id, run.id)
    twice = max(2 * max(spent, run.budget_micros or 0) / MICROS, _LEAST)
    return st.number_input(
        "New budget of the run in dollars", 0.0, _MOST, twice, step=_LEAST, format="%g", width=260,
        help=escaped(f"All it has spent is included, {in_dollars(spent)} so far. Twice as much is proposed."),
    )  # fmt: skip
