"""What an agent's runs cost: the estimate before a start, and the figures of the last 30 days."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.money import Estimate, in_dollars
from ionflux_ui.moments import duration
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import application


def show_estimate(instance: AgentInstance) -> None:
    """One line: what the next run will probably cost and take, or why nobody can say."""
    estimate = application().estimates.of_instance(instance.workspace_id, instance.id)
    st.caption(f":material/payments: {escaped(in_words(estimate))}", help=_help(estimate))


def in_words(estimate: Estimate) -> str:
    """An estimate as a sentence."""
    took = f" It takes about {duration(estimate.seconds.median)}." if estimate.seconds else ""
    if estimate.cost is None:
        return f"Cost not computed: {estimate.not_computed}{took}"
    if not estimate.cost.p90:
        return f"Will cost nothing, as {_runs(estimate)} did.{took}"
    low, middle, high = (
        in_dollars(round(each)) for each in (estimate.cost.p10, estimate.cost.median, estimate.cost.p90)
    )
    band = "" if low == high else f" ({low} to {high})"
    return f"Will cost about {middle}{band}, from {_runs(estimate)}.{took}"


def _runs(estimate: Estimate) -> str:
    count = estimate.cost.n if estimate.cost else 0
    of = "" if estimate.source == "instance" else " of this agent elsewhere in the workspace"
    return f"the last {counted(count, 'run')}{of}" if count > 1 else f"the last run{of}"


def _help(estimate: Estimate) -> str | None:
    if not estimate.steps:
        return None
    lines = [
        f"- {escaped(step.step_key)}: {escaped(in_dollars(round(step.cost.median)))}" for step in estimate.steps[:12]
    ]
    more = [f"- and {len(estimate.steps) - 12} more"] if len(estimate.steps) > 12 else []
    return "\n".join(["The middle of each step; 8 of 10 runs lay in the range.", "", *lines, *more])


def show_costs(instance: AgentInstance) -> None:
    """Cost of the last 30 days, cost of a run, and calls that had no price; nothing before the first run."""
    figures = application().estimates.figures(instance.workspace_id, instance.id)
    if not figures.runs:
        return
    unknown = bool(figures.unpriced_calls) and not figures.cost_micros
    per_run = "no price" if unknown or figures.per_run_micros is None else in_dollars(round(figures.per_run_micros))
    with st.container(horizontal=True, key="agent-costs"):
        cost = "no price" if unknown else in_dollars(figures.cost_micros)
        st.metric("Cost, 30 days", cost, width="content", help=f"Of {counted(figures.runs, 'run')}.")
        st.metric("Cost of a run", per_run, width="content", help="On average over the last 30 days.")
        st.metric("Model calls", f"{figures.calls:,}", width="content", help="In the last 30 days, failed ones too.")
        if figures.unpriced_calls:
            st.metric(
                "Calls without a price", f"{figures.unpriced_calls:,}", width="content",
                help="They went to a model that is not in the price list, and are in no sum of money.",
            )  # fmt: skip
