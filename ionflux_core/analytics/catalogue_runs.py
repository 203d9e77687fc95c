"""The catalogue, second part: how runs end, how long they take, what they cost."""

from __future__ import annotations

from typing import Final

from ionflux_core.analytics.measures import FILTERS, OF_RUN, Direction, Measure


def _status_is(**told: str) -> str:
    """A condition on the status: the cache answers CASE once for each word, and IN once for each row."""
    branches = " ".join(f"WHEN '{status}' THEN {condition}" for status, condition in told.items())
    return f"CASE status {branches} ELSE false END"


ENDED_STATUSES: Final = ("success", "error", "budget_stopped")
ENDED: Final = _status_is(**dict.fromkeys(ENDED_STATUSES, "true"))
FAILED: Final = _status_is(error="true", budget_stopped="true")
TIMED: Final = f"{_status_is(success='true', error='true')} AND finished_at IS NOT NULL AND started_at IS NOT NULL"
# A clock that was put back makes no time below zero.
SECONDS: Final = "greatest(epoch_us(finished_at) - epoch_us(started_at), 0) / 1e6"
_WAITED: Final = "greatest(epoch_us(started_at) - epoch_us(created_at), 0) / 1e6"
_KEYS: Final = {**OF_RUN, "status": "status"}
_STEP_KEYS: Final = {**OF_RUN, "kind": "kind", "status": "run_status"}
_MODEL_KEYS: Final = {**OF_RUN, "status": "status", "model": "model"}
_RUNS: Final = "runs WHERE {where[runs]}"
_NO_RUNS: Final = "No run was created in this period."
_NO_CALLS: Final = "No run of this period has called a model."
_ENDS: Final = _status_is(success="true", error="{where[runs]}", budget_stopped="{where[runs]}")
# Ends of runs in order, each as microseconds times two, and one more for a success: sorting numbers is several times as
# fast as joining rows. Where success turns into failure something broke, and where it turns back it has recovered.
_RECOVERED: Final = f"""(
    WITH ends AS MATERIALIZED (
        SELECT instance_id, any_value(definition_slug) AS definition_slug, any_value(brand_id) AS brand_id,
               list_sort(list(epoch_us(finished_at) * 2 + (status = 'success')::BIGINT)) AS ends
        FROM runs WHERE workspace_id = $workspace_id AND created_at >= $since AND NOT dry_run
        AND finished_at IS NOT NULL AND {_ENDS}
        AND instance_id IN (SELECT instance_id FROM runs WHERE {{where[runs]}} AND {FAILED})
        GROUP BY instance_id),
    turns AS (
        SELECT instance_id, this, lead(this) OVER (PARTITION BY instance_id ORDER BY this) AS next
        FROM (SELECT instance_id, unnest(ends) AS this, unnest(list_prepend(1, ends[:-2])) AS last FROM ends)
        WHERE (this & 1) <> (last & 1))
    SELECT instance_id, definition_slug, brand_id, make_timestamp(this // 2) AS failed_at,
           (next // 2 - this // 2) / 1e6 AS seconds
    FROM turns JOIN ends USING (instance_id) WHERE (this & 1) = 0 AND next IS NOT NULL)"""


def _time(name: str, title: str, part: str, words: str) -> Measure:
    """One quantile of the runs' durations, with the others beside it."""
    return Measure(
        name=name,
        title=title,
        unit="s",
        direction="down",
        group="Speed",
        definition="From the first claim by a worker to the end, for runs that succeeded or failed; waiting for people "
        f"and timers is included. {words}",
        sources=("runs",),
        rows=f"{_RUNS} AND {TIMED}",
        value=f"quantile_cont({SECONDS}, [0.5, 0.95, 0.99])[{part}]",
        extras={
            "runs": "count(*)",
            "p50": f"quantile_cont({SECONDS}, [0.5, 0.95, 0.99])[1]",
            "p95": f"quantile_cont({SECONDS}, [0.5, 0.95, 0.99])[2]",
            "p99": f"quantile_cont({SECONDS}, [0.5, 0.95, 0.99])[3]",
        },
        keys=_KEYS,
        missing="No run of this period has ended.",
    )


def _waited(name: str, title: str, part: str, words: str) -> Measure:
    return Measure(
        name=name,
        title=title,
        unit="s",
        direction="down",
        group="Speed",
        definition=f"From the acceptance of a run to its first claim by a worker. {words} A run that was paused before "
        "it began counts with its pause.",
        sources=("runs",),
        rows=f"{_RUNS} AND started_at IS NOT NULL",
        value=f"quantile_cont({_WAITED}, [0.5, 0.95, 0.99])[{part}]",
        extras={
            "runs": "count(*)",
            "p50": f"quantile_cont({_WAITED}, [0.5, 0.95, 0.99])[1]",
            "p95": f"quantile_cont({_WAITED}, [0.5, 0.95, 0.99])[2]",
            "p99": f"quantile_cont({_WAITED}, [0.5, 0.95, 0.99])[3]",
        },
        keys=_KEYS,
        missing="No run of this period has begun.",
    )


def _of_models(name: str, title: str, unit: str, value: str, definition: str, direction: Direction) -> Measure:
    return Measure(
        name=name,
        title=title,
        unit=unit,
        direction=direction,
        group="Cost",
        definition=f"{definition}, by the day the run was created and by model.",
        sources=("model_costs",),
        rows="model_costs WHERE {where[model_costs]}",
        value=value,
        extras={"calls": "sum(calls)::BIGINT"},
        keys=_MODEL_KEYS,
        additive=True,
        missing=_NO_CALLS,
    )


RELIABILITY: Final = (
    Measure(
        name="runs",
        title="Runs",
        unit="runs",
        direction="none",
        group="Agents",
        definition="Runs created in the period, whatever became of them. Dry runs and runs started by other runs "
        "count.",
        sources=("runs",),
        rows=_RUNS,
        value="count(*)",
        keys=_KEYS,
        additive=True,
        missing="",
    ),
    Measure(
        name="success_rate",
        title="Success",
        unit="ratio",
        direction="up",
        group="Reliability",
        definition="Runs that succeeded divided by runs that succeeded, failed or were stopped by their budget. "
        "Cancelled and unfinished runs are left out.",
        sources=("runs",),
        rows=f"{_RUNS} AND {ENDED}",
        value="count(*) FILTER (status = 'success') / nullif(count(*), 0)",
        extras={"success": "count(*) FILTER (status = 'success')", "ended": "count(*)"},
        keys=_KEYS,
        missing="No run of this period has ended.",
    ),
    Measure(
        name="failures",
        title="Failures",
        unit="runs",
        direction="down",
        group="Reliability",
        definition="Runs of the period that ended as error or by their budget; by code: the code of their error, "
        "budget_stopped where the budget ended them.",
        sources=("runs",),
        rows=f"{_RUNS} AND {FAILED}",
        value="count(*)",
        keys={**_KEYS, "code": "coalesce(error_code, status)"},
        additive=True,
        missing="",
    ),
    Measure(
        name="retries",
        title="Retries",
        unit="attempts",
        direction="down",
        group="Reliability",
        definition="Further attempts at steps that had failed: the sum of the attempts less one, by the time the step "
        "began.",
        sources=("run_steps",),
        rows="run_steps WHERE {where[run_steps]} AND attempt > 1",
        value="coalesce(sum(attempt - 1), 0)::BIGINT",
        extras={"steps": "count(*)", "healed": "count(*) FILTER (status = 'success')"},
        time="started_at",
        keys=_STEP_KEYS,
        additive=True,
        missing="",
    ),
    Measure(
        name="time_to_recover",
        title="Time to recover",
        unit="s",
        direction="down",
        group="Reliability",
        definition="From the end of a configured agent's first failed run to the end of its next successful one, dry "
        "runs left out; the mean over failures of the period after which it succeeded again.",
        sources=("runs",),
        rows=_RECOVERED,
        value="avg(seconds)",
        extras={"recoveries": "count(*)", "p50": "quantile_cont(seconds, 0.5)", "longest": "max(seconds)"},
        time="failed_at",
        keys={"agent": "definition_slug", "instance": "instance_id", "brand": "brand_id"},
        refuses=("statuses",),
        missing="No agent has failed and recovered in this period.",
    ),
)

SPEED: Final = (
    _time("duration", "Duration", "1", "p50: half of the runs took at most this long; p95: 95 of 100 did."),
    _time("duration_p95", "Duration, p95", "2", "95 of 100 runs took at most this long."),
    _time("duration_p99", "Duration, p99", "3", "99 of 100 runs took at most this long."),
    _waited("queue_delay", "Queue delay", "1", "Half of the runs waited at most this long (p50)."),
    _waited("queue_delay_p95", "Queue delay, p95", "2", "95 of 100 runs waited at most this long."),
)

COST: Final = (
    Measure(
        name="cost",
        title="Cost",
        unit="USD",
        direction="down",
        group="Cost",
        definition="Model calls of the runs at the prices of the price list, by the day the run was created.",
        sources=("runs",),
        rows=_RUNS,
        value="coalesce(sum(cost_micros), 0)::DOUBLE / 1e6",
        keys=_KEYS,
        additive=True,
        missing="",
    ),
    Measure(
        name="cost_per_run",
        title="Cost per run",
        unit="USD",
        direction="down",
        group="Cost",
        definition="The cost of the period's runs divided by their number; runs that cost nothing count.",
        sources=("runs",),
        rows=_RUNS,
        value="sum(cost_micros)::DOUBLE / 1e6 / nullif(count(*), 0)",
        extras={"runs": "count(*)"},
        keys=_KEYS,
        missing=_NO_RUNS,
    ),
    _of_models(
        "model_cost",
        "Cost by model",
        "USD",
        "CASE WHEN sum(unpriced) > 0 AND sum(cost_micros) = 0 THEN NULL ELSE sum(cost_micros)::DOUBLE / 1e6 END",
        "What calls of models cost at the prices of the price list; calls without a known price are never taken for "
        "free",
        "down",
    ),
    _of_models(
        "tokens",
        "Tokens",
        "tokens",
        "sum(tokens_in + tokens_out)::BIGINT",
        "Tokens sent to models and received from them, as the providers count them",
        "none",
    ),
    _of_models(
        "tokens_in", "Tokens sent", "tokens", "sum(tokens_in)::BIGINT", "Tokens sent to models, cached ones too", "none"
    ),
    _of_models(
        "tokens_out", "Tokens received", "tokens", "sum(tokens_out)::BIGINT", "Tokens received from models", "none"
    ),
    _of_models("model_calls", "Model calls", "calls", "sum(calls)::BIGINT", "Calls of models, failed ones too", "none"),
    _of_models(
        "unpriced_calls",
        "Calls without a price",
        "calls",
        "sum(unpriced)::BIGINT",
        "Answered calls of models whose price nobody knows: what they cost is in no figure",
        "down",
    ),
)

AGENTS: Final = (
    Measure(
        name="automations",
        title="Agents that ran",
        unit="agents",
        direction="up",
        group="Agents",
        definition="Different configured agents with at least one run created in the period, dry runs left out.",
        sources=("runs",),
        rows=f"{_RUNS} AND NOT dry_run AND instance_id IS NOT NULL",
        value="count(DISTINCT instance_id)",
        keys={name: column for name, column in _KEYS.items() if name != "instance"},
        missing="",
    ),
    Measure(
        name="events",
        title="Events",
        unit="events",
        direction="none",
        group="Agents",
        definition="Facts that were published, by the time of each. Narrowed to an agent or a trigger: those its runs "
        "have caused.",
        sources=("events",),
        rows="events WHERE {where[events]}",
        value="count(*)",
        time="at",
        keys={**OF_RUN, "type": "type", "source": "source"},
        additive=True,
        missing="",
    ),
    Measure(
        name="versions",
        title="Versions saved",
        unit="versions",
        direction="none",
        group="Agents",
        definition="Saved versions of agents' configurations, by the time of saving.",
        sources=("versions",),
        rows="versions WHERE {where[versions]}",
        value="count(*)",
        time="at",
        keys={"instance": "instance_id"},
        refuses=FILTERS,
        additive=True,
        missing="",
    ),
)
