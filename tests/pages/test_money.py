"""Money on the screens: budgets, the ledger, a run that goes on with more, estimates and what agents cost."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from ionflux_core.domain.money import MICROS, Band, Estimate
from ionflux_ui.agent_costs import in_words
from tests.agents_for_tests.paid import CALL_MICROS, CODE, PRICED, UNPRICED, Chooser, Stand
from tests.agents_for_tests.world import wait_for
from tests.pages.shown import drawn, labelled, open_page, plain_words


@pytest.fixture
def application(make_application: Any, make_agent: Any) -> Application:
    """A started application whose agent `asker` asks a model three times."""
    make_agent("asker", CODE)
    made: Application = make_application()
    chooser = Chooser()
    made.models.model = lambda workspace_id, chosen: Stand(chosen, chooser.asked)  # type: ignore[method-assign]
    made.start().workspaces.create("Test")
    return made


def ran(app: Application, ws: str, target: str = "agent:asker", **options: Any) -> str:
    """The id of a run that has ended."""
    run_id = app.runs.start(ws, target, **options).run_id
    app.runs.wait(ws, run_id, timeout=15)
    return run_id


def settings(tab: str, **parameters: str) -> AppTest:
    return open_page("settings", tab=tab, **parameters)


def test_a_budget_is_set_shown_with_its_use_and_removed(app: Application, ws: str) -> None:
    instance = app.agents.create(ws, "asker", "Scout")
    ran(app, ws, instance.id)
    test = settings("budgets")
    assert "No budget yet" in plain_words(test)
    labelled(test.selectbox, "For").set_value(instance.id)
    labelled(test.selectbox, "Period").set_value("day")
    labelled(test.number_input, "Limit in dollars").set_value(0.012)
    labelled(test.button, "Set budget").click().run()
    use = app.budgets.find(ws)[0]
    assert (use.name, use.period, use.limit_micros, use.used_micros) == ("Scout", "day", 12_000, 3 * CALL_MICROS)
    assert "**Scout** :gray-badge[Each day] :red-badge[:material/money_off: Used up]" in plain_words(test)
    assert [bar.proto.text.replace("\\", "") for bar in test.get("progress")] == ["$0.01 of $0.01 used"]
    labelled(test.button, "Remove it").click().run()
    assert app.budgets.find(ws) == []


def test_the_ledger_shows_the_balance_and_takes_a_grant(app: Application, ws: str) -> None:
    run_id = ran(app, ws)
    test = settings("ledger")
    assert labelled(test.metric, "Balance").value == "9,998.8 C-ION"
    assert f"[llm2](runs?run={run_id})" in plain_words(test).replace("[2]", "2")
    labelled(test.number_input, "C-ION to grant").set_value(250.0)
    labelled(test.text_input, "Note").set_value("for | spring")
    labelled(test.button, "Grant credits").click().run()
    assert labelled(test.metric, "Balance").value == "10,248.8 C-ION"
    assert "for | spring" in plain_words(test)
    assert app.ledger.balance(ws) == 10_248_800_000


def test_the_ledger_is_paged(app: Application, ws: str) -> None:
    for number in range(30):
        app.ledger.grant(ws, MICROS, note=f"grant number {number}")
    test = settings("ledger")
    assert "grant number 29" in plain_words(test) and "grant number 4 " not in plain_words(test)
    labelled(test.button, "Older").click().run()
    assert "grant number 4 " in plain_words(test) and "Credits to start with" in plain_words(test)
    labelled(test.button, "Newer").click().run()
    assert "grant number 29" in plain_words(test)
    assert "grant number 29" in plain_words(settings("ledger", before="nonsense"))


def test_a_stopped_run_goes_on_with_more_from_its_page(app: Application, ws: str) -> None:
    run_id = ran(app, ws, budget_micros=CALL_MICROS + 1_000)
    test = open_page("runs", run=run_id)
    said = plain_words(test)
    assert "It stopped before its next call" in said and "The run's budget is $0.0050" in said
    assert "$0.0040 of $0.0050" in said and "This failed" not in said
    field = labelled(test.number_input, "New budget of the run in dollars")
    assert field.value == pytest.approx(0.01)
    field.set_value(0.02)
    labelled(test.button, "Continue with more").click().run()
    wait_for(lambda: app.runs.get(ws, run_id).status == "success")
    assert app.runs.get(ws, run_id).budget_micros == 20_000
    assert "It stopped before" not in plain_words(open_page("runs", run=run_id))


def test_a_run_stopped_by_the_workspaces_budget_just_goes_on_once_that_is_raised(app: Application, ws: str) -> None:
    app.budgets.set(ws, limit_micros=CALL_MICROS + 1_000, period="total")
    run_id = ran(app, ws)
    test = open_page("runs", run=run_id)
    assert not [field for field in test.number_input if "New budget" in field.label]
    app.budgets.set(ws, limit_micros=MICROS, period="total")
    labelled(test.button, "Continue").click().run()
    wait_for(lambda: app.runs.get(ws, run_id).status == "success")
    assert app.runs.get(ws, run_id).budget_micros is None


def test_a_run_of_an_unknown_model_shows_no_price(app: Application, ws: str) -> None:
    run_id = ran(app, ws, inputs={"value": UNPRICED})
    said = plain_words(open_page("runs", run=run_id))
    assert "no price" in said and "$0.00" not in said


def test_the_start_dialog_says_what_it_will_cost(app: Application, ws: str) -> None:
    instance = app.agents.create(ws, "asker", "Scout")
    assert "Cost not computed" in plain_words(open_page("agents", instance=instance.id, start="run"))
    ran(app, ws, instance.id)
    assert "Will cost about $0.01, from the last run." in plain_words(
        open_page("agents", instance=instance.id, start="run")
    )


def test_an_agents_page_shows_what_its_runs_cost(app: Application, ws: str) -> None:
    instance = app.agents.create(ws, "asker", "Scout")
    ran(app, ws, instance.id)
    ran(app, ws, instance.id, inputs={"value": UNPRICED})
    test = open_page("agents", instance=instance.id, tab="runs")
    shown = {metric.label: metric.value for metric in test.metric}
    assert shown["Cost, 30 days"] == "$0.01"
    assert shown["Cost of a run"] == "$0.0060"
    assert (shown["Model calls"], shown["Calls without a price"]) == ("6", "3")


def test_the_dashboard_shows_cost_by_model_and_names_what_has_no_price(app: Application, ws: str) -> None:
    ran(app, ws)
    ran(app, ws, inputs={"value": UNPRICED})
    test = open_page("dashboard", workspace=ws, show="cost")
    parts = [part for board in drawn(test) for part in board["parts"]]
    costs = next(part for part in parts if part["title"] == "Cost")
    assert costs["note"] == f"No price is known for {UNPRICED} (3 calls): what they cost is in no sum."
    chart = next(each for each in costs["charts"] if each["title"] == "Cost by day and model")
    assert [(series["key"], sum(filter(None, series["values"]))) for series in chart["series"]] == [
        (PRICED, pytest.approx(3 * CALL_MICROS / MICROS))
    ]


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (Estimate(not_computed="No run."), "Cost not computed: No run."),
        (
            Estimate(cost=Band(n=1, p10=0, median=0, p90=0), source="instance"),
            "Will cost nothing, as the last run did.",
        ),
        (
            Estimate(cost=Band(n=4, p10=10_000, median=20_000, p90=30_000), source="definition"),
            "Will cost about $0.02 ($0.01 to $0.03), from the last 4 runs of this agent elsewhere in the workspace.",
        ),
    ],
)  # fmt: skip
def test_an_estimate_in_words(estimate: Estimate, said: str) -> None:
    assert in_words(estimate) == said
