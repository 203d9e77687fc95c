"""Questions of ours, ready to ask and to change; a test asks each of them."""

from __future__ import annotations

import re
from typing import Final

from ionflux_core.domain.questions import Drawing, ReadyQuestion


def _ready(name: str, about: str, sql: str, drawing: Drawing | None = None) -> ReadyQuestion:
    return ReadyQuestion(name=name, about=about, sql=sql.strip("\n"), drawing=drawing or Drawing())


READY: Final[tuple[ReadyQuestion, ...]] = (
    _ready(
        "Cost by agent and day",
        "What runs have cost in US dollars, by the day they were created.",
        """
SELECT created_at::DATE AS day, agent, sum(cost_usd) AS cost_usd, count(*) AS runs
FROM runs
WHERE created_at >= now()::TIMESTAMP - INTERVAL 30 DAY
GROUP BY ALL
ORDER BY day, agent
""",
        Drawing(kind="bar", x="day", y="cost_usd", series="agent"),
    ),
    _ready(
        "Slowest runs",
        "The finished runs that took longest, with the time they waited before.",
        """
SELECT id AS run_id, agent, status, seconds, queue_seconds, started_at
FROM runs
WHERE finished_at IS NOT NULL
ORDER BY seconds DESC
LIMIT 50
""",
    ),
    _ready(
        "Failures by cause",
        "Failed runs by the code of their error, with the newest.",
        """
SELECT coalesce(error_code, status) AS cause, agent, count(*) AS runs, max(created_at) AS newest
FROM runs
WHERE status IN ('error', 'budget_stopped')
GROUP BY ALL
ORDER BY runs DESC
""",
        Drawing(kind="bar", x="cause", y="runs", series="agent"),
    ),
    _ready(
        "Success after a retry",
        "Of the runs in which a step was tried again: how many ended well.",
        """
WITH tried_again AS (
    SELECT run_id, max(attempt) AS attempts FROM steps GROUP BY run_id HAVING max(attempt) > 1
)
SELECT agent, count(*) AS tried_again, count(*) FILTER (status = 'success') AS succeeded,
    round(100.0 * count(*) FILTER (status = 'success') / count(*), 1) AS percent, max(attempts) AS most_attempts
FROM tried_again JOIN runs ON runs.id = run_id
GROUP BY agent
ORDER BY tried_again DESC
""",
    ),
    _ready(
        "Value by kind and method",
        "Money made, money saved and minutes returned; measured, modelled and estimated amounts stay apart.",
        """
SELECT kind, method, unit, agent, sum(amount) AS amount, count(*) AS entries
FROM value_entries
GROUP BY ALL
ORDER BY kind, method, amount DESC
""",
    ),
    _ready(
        "Minutes returned by day and method",
        "Minutes of work given back, by how they were found out.",
        """
SELECT booked_at::DATE AS day, method, sum(amount) AS minutes
FROM value_entries
WHERE kind = 'minutes_returned'
GROUP BY ALL
ORDER BY day
""",
        Drawing(kind="area", x="day", y="minutes", series="method"),
    ),
    _ready(
        "Acceptance by agent",
        "Questions that were decided, how many with a yes, how many after an edit.",
        """
SELECT agent, count(*) AS decided, count(*) FILTER (status = 'approved') AS approved,
    count(*) FILTER (edited) AS edited, round(100.0 * count(*) FILTER (status = 'approved') / count(*), 1) AS percent,
    round(median(epoch(decided_at - created_at)) / 60, 1) AS median_minutes
FROM approvals
WHERE decided_at IS NOT NULL
GROUP BY agent
ORDER BY decided DESC
""",
    ),
    _ready(
        "Queue delay by hour of the day",
        "How long runs waited for their turn: the middle one, and the longest but one in twenty. Hours are UTC.",
        """
SELECT hour(created_at) AS hour, round(median(queue_seconds), 2) AS p50,
    round(quantile_cont(queue_seconds, 0.95), 2) AS p95, count(*) AS runs
FROM runs
WHERE started_at IS NOT NULL
GROUP BY hour
ORDER BY hour
""",
        Drawing(kind="line", x="hour", y="p95"),
    ),
    _ready(
        "Tokens by model",
        "Calls of models with their tokens and cost; calls without a known price are counted apart.",
        """
SELECT model, sum(calls) AS calls, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out,
    sum(cached_tokens) AS cached_tokens, sum(cost_usd) AS cost_usd, sum(unpriced) AS without_price
FROM model_costs
GROUP BY model
ORDER BY tokens_in DESC
""",
        Drawing(kind="bar", x="model", y="tokens_out"),
    ),
    _ready(
        "Models: speed and failures",
        "Attempts to call each model: how many failed, the middle time and the longest but one in twenty.",
        """
SELECT provider, model, count(*) AS attempts, count(*) FILTER (status <> 'success') AS failed,
    round(median(latency_ms)) AS median_ms, round(quantile_cont(latency_ms, 0.95)) AS p95_ms
FROM calls
WHERE kind <> 'http'
GROUP BY ALL
ORDER BY attempts DESC
""",
    ),
    _ready(
        "Events by type",
        "What has happened, by type and day.",
        """
SELECT happened_at::DATE AS day, type, count(*) AS events
FROM events
GROUP BY ALL
ORDER BY day, events DESC
""",
        Drawing(kind="bar", x="day", y="events", series="type"),
    ),
    _ready(
        "Who changed what",
        "The newest 200 changes that people and agents have made.",
        """
SELECT done_at, who, action, entity, entity_id
FROM activity
ORDER BY done_at DESC
LIMIT 200
""",
    ),
    _ready(
        "Chat by channel",
        "Messages of people and agents in each channel, by day; their words are not here.",
        """
SELECT sent_at::DATE AS day, channel_id, sender_type, count(*) AS messages
FROM messages
GROUP BY ALL
ORDER BY day
""",
        Drawing(kind="bar", x="day", y="messages", series="sender_type"),
    ),
    _ready(
        "Ledger by kind",
        "C-ION booked in and out, by month.",
        """
SELECT date_trunc('month', booked_at)::DATE AS month, kind, sum(amount) AS c_ion, count(*) AS entries
FROM ledger
GROUP BY ALL
ORDER BY month, kind
""",
        Drawing(kind="bar", x="month", y="c_ion", series="kind"),
    ),
    _ready(
        "Figures by day",
        "The last value of each figure that agents report, by day.",
        """
SELECT reported_at::DATE AS day, agent || ': ' || name AS figure, arg_max(value, reported_at) AS value,
    any_value(unit) AS unit
FROM kpi_points
GROUP BY ALL
ORDER BY day, figure
""",
        Drawing(kind="line", x="day", y="value", series="figure"),
    ),
    _ready(
        "What each brand's agents did",
        "Runs, failures and cost by brand; runs without a brand stand apart.",
        """
SELECT coalesce(brands.name, '(no brand)') AS brand, count(*) AS runs,
    count(*) FILTER (runs.status = 'error') AS failed, sum(cost_usd) AS cost_usd
FROM runs LEFT JOIN brands ON brands.id = runs.brand_id
GROUP BY brand
ORDER BY runs DESC
""",
        Drawing(kind="bar", x="brand", y="runs"),
    ),
)


def slug(question: ReadyQuestion) -> str:
    """The name of a ready question in an address."""
    return "-".join(re.findall(r"[a-z0-9]+", question.name.lower()))


def find(name: str) -> ReadyQuestion | None:
    """The ready question of this slug; None when there is none."""
    return next((each for each in READY if slug(each) == name), None)
