"""The catalogue, first part: the north star, what the agents are worth, and who works with them."""

from __future__ import annotations

from typing import Final

from ionflux_core.analytics.measures import FILTERS, OF_RUN, Measure

# Whoever changes one of these builds.
_BUILT: Final = "('instance', 'prompt', 'prompt_library', 'brand', 'workspace', 'account', 'secret', 'budget', 'page')"
BUILDERS: Final = f"""
    SELECT {{day[at]}} AS day, person FROM activity
    WHERE {{where[activity]}} AND person IS NOT NULL AND entity IN {_BUILT}
    UNION SELECT {{day[at]}} AS day, person FROM versions WHERE {{where[versions]}} AND person IS NOT NULL"""
ACTIVE: Final = """
    SELECT {day[at]} AS day, person FROM activity WHERE {where[activity]} AND person IS NOT NULL
    UNION SELECT {day[at]} AS day, person FROM versions WHERE {where[versions]} AND person IS NOT NULL
    UNION SELECT {day[at]} AS day, sender_id FROM messages WHERE {where[messages]} AND sender_type = 'user'
    UNION SELECT {day[created_at]} AS day, started_by FROM runs
    WHERE {period[runs]} AND trigger_kind = 'manual' AND started_by IS NOT NULL"""
_AUTOMATIONS: Final = f"""(
    WITH builders AS (SELECT day, count(DISTINCT person) AS builders FROM ({BUILDERS}) GROUP BY day),
    automations AS (
        SELECT {{day[created_at]}} AS day, count(DISTINCT instance_id) AS automations FROM runs
        WHERE {{where[runs]}} AND NOT dry_run AND instance_id IS NOT NULL GROUP BY day)
    SELECT day, builders, coalesce(automations, 0) AS automations FROM builders LEFT JOIN automations USING (day))"""
_FIRST_SUCCESS: Final = """(
    SELECT instance_id, definition_slug, brand_id, done_at, (epoch_us(done_at) - epoch_us(made_at)) / 1e6 AS seconds
    FROM (
        SELECT instance_id, any_value(definition_slug) AS definition_slug, arg_min(brand_id, finished_at) AS brand_id,
               min(finished_at) AS done_at, any_value(made_at) AS made_at
        FROM runs JOIN (SELECT id AS instance_id, made_at FROM instances WHERE workspace_id = $workspace_id)
        USING (instance_id)
        WHERE {ever[runs]} AND status = 'success' AND NOT dry_run AND created_at >= made_at AND finished_at >= made_at
        GROUP BY instance_id)
    WHERE done_at >= $since AND done_at < $until)"""
_MINUTES_BY_PERSON: Final = f"""(
    WITH people AS (SELECT day, count(DISTINCT person) AS people FROM ({ACTIVE}) GROUP BY day),
    minutes AS (
        SELECT {{day[at]}} AS day, method, unit, sum(amount) AS minutes FROM value_entries
        WHERE {{where[value_entries]}} AND kind = 'minutes_returned' GROUP BY ALL)
    SELECT day, method, unit, coalesce(minutes, 0) AS minutes, coalesce(people, 0) AS people
    FROM (SELECT day FROM people UNION SELECT day FROM minutes)
    CROSS JOIN (SELECT DISTINCT method, unit FROM minutes)
    LEFT JOIN minutes USING (day, method, unit) LEFT JOIN people USING (day))"""
_DECIDED: Final = "greatest(epoch_us(decided_at) - epoch_us(created_at), 0) / 1e6"
_NEVER_ADDED: Final = "Amounts of another method or unit are never added: each stands alone."
_VALUE_KEYS: Final = {**OF_RUN, "status": "run_status", "method": "method"}
_CONFIDENCE: Final = "avg(confidence)"


def _booked(name: str, title: str, unit: str, definition: str, kinds: str, *, star: bool, **more: str) -> Measure:
    """A sum of the value ledger."""
    return Measure(
        name=name,
        title=title,
        unit=unit,
        direction="up",
        group="North star" if star else "Value",
        definition=f"{definition} {_NEVER_ADDED} Confidence is the mean of what the entries say.",
        sources=("value_entries",),
        rows=f"value_entries WHERE {{where[value_entries]}} AND kind IN ({kinds})",
        value="sum(amount)",
        extras={"entries": "count(*)", "confidence": _CONFIDENCE},
        time="at",
        keys={**_VALUE_KEYS, "kind": "kind"},
        series=("method", "unit"),
        additive=True,
        missing=more["missing"],
    )


NORTH_STAR: Final = (
    Measure(
        name="flows_per_builder",
        title="Flows per daily active builder",
        unit="",
        direction="up",
        group="North star",
        definition="On each day on which somebody built: agents of the workspace that ran (dry runs left out), divided "
        "by the people who changed an agent, a prompt, a brand, an account or the workspace's settings; over a period "
        "the sum of the one divided by the sum of the other. A flow is a configured agent that ran.",
        sources=("runs", "activity", "versions"),
        rows=_AUTOMATIONS,
        value="sum(automations) / nullif(sum(builders), 0)",
        extras={"automations": "sum(automations)::BIGINT", "builders": "sum(builders)::BIGINT"},
        time="",
        keys={},
        missing="Nobody has built in this period: no change by a person is noted.",
    ),
    Measure(
        name="time_to_automation",
        title="Mean time to automation",
        unit="s",
        direction="down",
        group="North star",
        definition="From the making of an agent in the workspace to the end of its first successful run, dry runs and "
        "runs dated before it was made left out; the mean over agents whose first success lies in the period.",
        sources=("runs", "instances"),
        rows=_FIRST_SUCCESS,
        value="avg(seconds)",
        extras={"agents": "count(*)"},
        time="done_at",
        keys={"agent": "definition_slug", "instance": "instance_id", "brand": "brand_id"},
        refuses=("statuses",),
        missing="No agent had its first success in this period.",
    ),
    _booked(
        "agent_gmv",
        "Agent GMV",
        "",
        "What runs booked as money made or money saved, by the time it was booked.",
        "'money_made', 'money_saved'",
        star=True,
        missing="No run has booked money made or saved in this period.",
    ),
    Measure(
        name="cion_burn",
        title="C-ION burn",
        unit="C-ION",
        direction="down",
        group="North star",
        definition="Debits of the C-ION ledger less what was released and refunded, by the time of the entry; grants "
        "are left out.",
        sources=("ledger_entries",),
        rows="ledger_entries WHERE {where[ledger_entries]} AND kind <> 'credit_grant'",
        value="-sum(amount)",
        extras={"entries": "count(*)"},
        time="at",
        keys={**OF_RUN, "kind": "kind"},
        additive=True,
        missing="The ledger has no debit in this period.",
    ),
    _booked(
        "minutes_returned",
        "Minutes of life returned",
        "min",
        "What runs booked as minutes returned to people, by the time it was booked.",
        "'minutes_returned'",
        star=True,
        missing="No run has booked minutes returned in this period.",
    ),
    Measure(
        name="minutes_per_person_day",
        title="Minutes returned per person and day",
        unit="min",
        direction="up",
        group="North star",
        definition="Minutes returned in the period divided by person-days: on each day, the people who changed "
        f"something, wrote a message or started a run by hand. {_NEVER_ADDED}",
        sources=("value_entries", "activity", "versions", "messages", "runs"),
        rows=_MINUTES_BY_PERSON,
        value="sum(minutes) / nullif(sum(people), 0)",
        extras={"minutes": "sum(minutes)", "person_days": "sum(people)::BIGINT"},
        time="",
        keys={"method": "method"},
        series=("method", "unit"),
        missing="No run has booked minutes returned in this period, or nobody was active.",
    ),
)

VALUE: Final = (
    _booked(
        "money_made",
        "Money made",
        "",
        "What runs booked as money made.",
        "'money_made'",
        star=False,
        missing="No run has booked money made in this period.",
    ),
    _booked(
        "money_saved",
        "Money saved",
        "",
        "What runs booked as money saved.",
        "'money_saved'",
        star=False,
        missing="No run has booked money saved in this period.",
    ),
)

PEOPLE: Final = (
    Measure(
        name="acceptance_rate",
        title="Accepted without an edit",
        unit="ratio",
        direction="up",
        group="People",
        definition="Questions of agents that people approved without an edit, divided by those they approved or "
        "denied, by the time of the answer. What ran out or was withdrawn was decided by nobody; questions whether "
        "something was sent are left out.",
        sources=("approvals",),
        rows="approvals WHERE {where[decisions]} AND status IN ('approved', 'denied') AND kind <> 'uncertain'",
        value="count(*) FILTER (status = 'approved' AND NOT edited) / nullif(count(*), 0)",
        extras={
            "decided": "count(*)",
            "edited": "count(*) FILTER (status = 'approved' AND edited)",
            "denied": "count(*) FILTER (status = 'denied')",
        },
        time="decided_at",
        keys={**OF_RUN, "kind": "kind"},
        missing="Nobody has decided over a question in this period.",
    ),
    Measure(
        name="decision_time",
        title="Time to an answer",
        unit="s",
        direction="down",
        group="People",
        definition="From a question to a person's answer: half of the answers came within this time (p50); p95: 95 of "
        "100 did.",
        sources=("approvals",),
        rows="approvals WHERE {where[decisions]} AND status IN ('approved', 'denied')",
        value=f"quantile_cont({_DECIDED}, 0.5)",
        extras={
            "p95": f"quantile_cont({_DECIDED}, 0.95)",
            "decided": "count(*)",
        },
        time="decided_at",
        keys={**OF_RUN, "kind": "kind"},
        missing="Nobody has decided over a question in this period.",
    ),
    Measure(
        name="builders",
        title="Builders by day",
        unit="people",
        direction="up",
        group="People",
        definition="People who changed an agent, a prompt, a brand, an account or the workspace's settings on a day; "
        "over a period the mean of the days on which somebody did.",
        sources=("activity", "versions"),
        rows=f"(SELECT day, count(DISTINCT person) AS people FROM ({BUILDERS}) GROUP BY day)",
        value="avg(people)",
        time="",
        keys={},
        refuses=FILTERS,
        missing="Nobody has built in this period.",
    ),
    Measure(
        name="messages",
        title="Messages",
        unit="messages",
        direction="none",
        group="People",
        definition="Messages of the chat that were not deleted, by the time they were written.",
        sources=("messages",),
        rows="messages WHERE {where[messages]}",
        value="count(*)",
        time="at",
        keys={"channel": "channel_id", "sender": "sender_type", "kind": "content_type"},
        refuses=FILTERS,
        additive=True,
        missing="",
    ),
)
