"""Home as a person meets it: questions answered, a stopped agent set going again, and the first steps ticked off."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core import ids
from ionflux_core.application import Application, set_current
from ionflux_core.errors import Invalid
from ionflux_core.storage.tables import incidents, workspaces
from ionflux_ui.approval_fields import edited
from ionflux_ui.home_checklist import first_steps
from ionflux_ui.home_signals import day_counts, missing_secrets
from ionflux_ui.home_week import week_tiles
from tests.pages.shown import ROOT, labelled, open_page
from tests.pages.shown import plain_words as words

ASKS = """
def run(ctx, inputs):
    data = {"subject": "Two shirts", "discount": 12.5, "sizes": ["S"], "people": 214}
    may_change = ["subject", "discount", "sizes"]
    answer = ctx.approve("Send *it*?", body="To 214 people.", data=data, editable=may_change)
    return {"result": {"approved": answer.approved, "edits": answer.edits, "comment": answer.comment}}
"""
FAILS = """
from ionflux_core.sdk import AgentFailed

def run(ctx, inputs):
    raise AgentFailed("The shop is closed.")
"""
HOOKED = """\
inputs:
  - {key: order, type: json, from_trigger: true}
outputs:
  - {key: result, type: json}
"""


def home(app: Application) -> AppTest:
    set_current(app)
    return open_page("home")


def button(test: AppTest, label: str) -> Any:
    return labelled(test.button, label)


def workspace(app: Application) -> str:
    return app.workspaces.all()[0].id


def run_of(app: Application, target: str, **options: object) -> str:
    ws = workspace(app)
    started = app.runs.start(ws, target, options.pop("inputs", {"value": 1}), **options)  # type: ignore[arg-type]
    app.runs.wait(ws, started.run_id, timeout=20)
    return started.run_id


def test_an_empty_workspace_says_so_and_offers_the_first_steps(application: Application) -> None:
    test = home(application)
    assert not test.exception
    said = words(test)
    assert "Nothing waits for you." in said and "Nothing has run today." in said and "No schedule is on." in said
    assert "0 of 5 done" in said
    assert {"Add a brand", "Open an agent", "Use an agent", "Run it", "Set its triggers"} <= {
        b.label for b in test.button
    }


@pytest.fixture
def asking(make_application, make_agent) -> Application:  # type: ignore[no-untyped-def]
    make_agent("asker", ASKS)
    app: Application = make_application().start()
    app.workspaces.create("Test")
    run_of(app, "agent:asker")
    return app


def answer_of(app: Application) -> tuple[str, str]:
    """The id of the parked run and of its question."""
    [question] = app.approvals.pending(workspace(app))
    return question.run_id, question.id


def test_a_question_is_approved_with_edits_and_a_comment(asking: Application) -> None:
    run_id, question = answer_of(asking)
    test = home(asking)
    assert "1 question to answer" in words(test) and "Send *it*?" in words(test)
    test.number_input(key=f"edit_{question}_discount").set_value(15)
    test.text_input(key=f"comment_{question}").set_value("less is more")
    button(test, "Approve").click().run()
    assert not test.exception
    run = asking.runs.wait(workspace(asking), run_id, timeout=20)
    assert run.outputs == {"result": {"approved": True, "edits": {"discount": 15}, "comment": "less is more"}}
    assert "question to answer" not in words(home(asking))


def test_a_denied_question_carries_no_edits(asking: Application) -> None:
    run_id, question = answer_of(asking)
    test = home(asking)
    test.text_input(key=f"edit_{question}_subject").set_value("Something else")
    button(test, "Deny").click().run()
    run = asking.runs.wait(workspace(asking), run_id, timeout=20)
    assert run.outputs == {"result": {"approved": False, "edits": {}, "comment": None}}


def test_an_edit_of_the_wrong_kind_is_refused_and_the_question_stays(asking: Application) -> None:
    _, question = answer_of(asking)
    test = home(asking)
    test.text_input(key=f"edit_{question}_sizes").set_value("a lot")
    button(test, "Approve").click().run()
    assert "sizes must be a list." in words(test)
    assert asking.approvals.count(workspace(asking)) == 1


def test_a_question_answered_elsewhere_gets_a_sentence(asking: Application) -> None:
    run_id, question = answer_of(asking)
    test = home(asking)
    asking.approvals.decide(workspace(asking), question, approved=True)
    asking.runs.wait(workspace(asking), run_id, timeout=20)
    button(test, "Approve").click().run()
    assert not test.exception


def test_a_stopped_agent_and_its_failures_are_shown_and_it_can_go_on(make_application, make_agent) -> None:  # type: ignore[no-untyped-def]
    make_agent("failing", FAILS)
    app: Application = make_application().start()
    ws = app.workspaces.create("Test").id
    instance = app.agents.create(ws, "failing", "Stubborn one")
    for _ in range(3):
        run_of(app, instance.id)
    test = home(app)
    said = words(test)
    assert "Stubborn one has stopped and asks for review" in said
    assert "3 runs failed in the last 24 hours" in said and "The shop is closed." in said
    button(test, "Set it active again").click().run()
    assert app.agents.get(ws, instance.id).status == "active"
    assert "has stopped" not in words(test)


def test_a_webhook_without_its_secret_is_named_until_it_is_stored(make_application, make_agent) -> None:  # type: ignore[no-untyped-def]
    place = make_agent("hooked", "def run(ctx, inputs):\n    return {}\n", manifest=HOOKED)
    text = (place / "agent.yaml").read_text(encoding="utf-8")
    hook = "triggers:\n  - {key: shop, type: webhook, config: {path: /orders, auth: shopify}, payload_to: order}"
    (place / "agent.yaml").write_text(text.replace("triggers:", hook), encoding="utf-8")
    app: Application = make_application()
    ws = app.workspaces.create("Test").id
    app.agents.create(ws, "hooked", "Hooked one")
    assert [each.name for each in missing_secrets(app, ws)] == ["shopify_webhook_secret"]
    assert "The webhook of Hooked one accepts nothing yet" in words(home(app))
    app.secrets.put(ws, "shopify_webhook_secret", "a secret that is long enough")
    assert missing_secrets(app, ws) == []
    assert "accepts nothing" not in words(home(app))


def test_the_steps_are_ticked_by_what_is_there(application: Application) -> None:
    ws = application.workspaces.all()[0]

    def done() -> list[bool]:
        return [step.done for step in first_steps(application, ws)]

    assert done() == [False] * 5
    application.workspaces.add_brand(ws.id, {"name": "Eco"})
    assert done() == [True, False, False, False, False]
    run_of(application, "agent:word_counter", inputs={"text": "two words"}, dry_run=True)
    assert done() == [True, True, False, False, False]
    application.agents.create(ws.id, "word_counter", "Mine")
    assert done()[2]
    run_of(application, "Mine", inputs={"text": "two words"})
    assert done()[:4] == [True] * 4


def test_todays_runs_are_counted_by_what_became_of_them(application: Application) -> None:
    run_of(application, "agent:word_counter", inputs={"text": "a"})
    run_of(application, "agent:word_counter", inputs={"text": "b"})
    assert day_counts(application, workspace(application), "America/Sao_Paulo") == {"success": 2}
    assert "Nothing has run today." not in words(home(application))


def test_only_what_was_changed_counts_as_an_edit() -> None:
    data = {"subject": "A", "discount": 12.5, "sizes": ["S"], "live": False, "note": None}
    unchanged = {"subject": "A", "discount": 12.5, "sizes": "- S", "live": False, "note": ""}
    assert edited(data, unchanged) == {}
    assert edited(data, {"sizes": "[S, M]", "live": True, "note": "x"}) == {
        "sizes": ["S", "M"],
        "live": True,
        "note": "x",
    }
    for wrong in ({"sizes": "S"}, {"sizes": "a: 1"}):
        with pytest.raises(Invalid):
            edited(data, wrong)


BOOKS = """
def run(ctx, inputs):
    ctx.value("money_made", 12.5, unit="USD", method="measured", note="an order")
    ctx.value("money_saved", 4.0, unit="USD", method="estimate", note="a guess")
    return {"result": 1}
"""


def test_the_week_is_shown_by_method_and_never_added_up(make_application, make_agent) -> None:  # type: ignore[no-untyped-def]
    make_agent("books", BOOKS)
    app: Application = make_application().start()
    ws = app.workspaces.create("Test")
    run_of(app, "agent:books")
    app.cache.refresh(budget=None)
    tiles = {(tile["about"], tile["note"]): tile for tile in week_tiles(app, ws)}
    assert tiles["agent_gmv", "Measured"]["value"] == "12.50 USD"
    assert tiles["agent_gmv", "Estimate"]["value"] == "4.00 USD"
    runs = tiles["runs", ""]
    assert (runs["value"], runs["change"], len(runs["days"]), runs["days"][-1]) == ("1", "", 14, 1.0)
    (minutes,) = [tile for tile in tiles.values() if tile["about"] == "minutes_returned"]
    assert minutes["value"] == "–" and "No run has booked" in minutes["note"]
    test = home(app)
    assert not test.exception and "This week" in words(test)


def test_a_workspace_where_nothing_ran_has_no_week(application: Application) -> None:
    application.cache.refresh(budget=None)
    assert week_tiles(application, application.workspaces.all()[0]) == ()
    assert "This week" not in words(home(application))


def test_the_week_is_compared_with_the_one_before(application: Application) -> None:
    ws = application.workspaces.all()[0]
    real = ids.now
    for back, count in ((9, 3), (1, 5)):
        ids.set_clock(lambda back=back: datetime.now(UTC) - timedelta(days=back))  # type: ignore[misc]
        for _ in range(count):
            run_of(application, "agent:word_counter", inputs={"text": "a"})
    ids.set_clock(None)
    assert real is ids.now
    application.cache.refresh(max_age=0, budget=None)
    (runs,) = [tile for tile in week_tiles(application, ws) if tile["about"] == "runs"]
    assert (runs["value"], runs["change"]) == ("5", "↑ +2")
    assert sum(runs["days"][:7]) == 3 and sum(runs["days"][7:]) == 5


def test_the_house_is_one_line_and_what_is_not_well_comes_first(application: Application, data_dir: Path) -> None:
    said = words(home(application))
    # This application keeps no clock.
    assert "Nobody keeps the clock" in said and "Look at the health" not in said.partition("Database ")[2]
    assert "free" in said and "no backup yet" in said and "queue empty" in said
    (data_dir / "last-backup").touch()
    assert "last backup" in words(home(application))


def test_an_old_house_without_a_backup_is_told_so(application: Application) -> None:
    old = ids.now() - timedelta(days=40)
    application.db.write(lambda c: c.execute(workspaces.update().values(created_at=old)))
    assert "There is no backup yet." in words(home(application))


def test_open_incidents_need_somebody_until_they_are_muted(application: Application) -> None:
    ws = workspace(application)
    at = ids.now()
    row: dict[str, Any] = {"id": ids.new_id(), "workspace_id": ws, "kind": "failure_rate", "subject": "word_counter",
           "title": "Half of *everything* fails", "detail": "", "status": "open", "sightings": 2, "opened_at": at,
           "seen_at": at}  # fmt: skip
    application.db.write(lambda connection: connection.execute(incidents.insert().values(row)))
    said = words(home(application))
    assert "Half of *everything* fails" in said and "Nothing waits for you." not in said
    application.incidents.mute(ws, row["id"], 60)
    assert "Half of" not in words(home(application))


def test_home_brings_in_nothing_heavy() -> None:
    code = (
        "import sys; sys.path.insert(0, '.'); import streamlit; before = set(sys.modules);"
        "import ionflux_ui.home_attention, ionflux_ui.home_checklist, ionflux_ui.home_day;"
        "import ionflux_ui.home_week, ionflux_ui.home_standing;"
        "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        "sys.exit(','.join(new & {'pandas', 'plotly', 'duckdb', 'pyarrow', 'numpy', 'chromadb', 'apscheduler'}) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
