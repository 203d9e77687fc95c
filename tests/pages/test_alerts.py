"""The alerts page without a browser: what is open, what the rules say, and what pressing does."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from ionflux_core.domain.health import Health
from ionflux_core.domain.incidents import Incident, Sighting
from ionflux_ui.agent_words import health_look
from ionflux_ui.alert_rows import incident_places
from tests.pages.shown import drawn, labelled, open_page, plain_words


def seen(app: Application, ws: str, *titles: str, **more: Any) -> list[Incident]:
    """What a look has found, as if the queue had grown."""
    rules = {rule.id: rule for rule in app.alert_rules.find(ws)}
    rule = next(iter(rules.values()))
    found = [
        Sighting(rule.id, "queue_length", f"workspace:{title}", title, f"{title} in detail.", 7.0, **more)
        for title in titles
    ]
    app.incidents.take_note(ws, rules, found)
    return app.incidents.find(ws, "open")


def rows(test: AppTest, label: str) -> list[dict[str, Any]]:
    return next((each["rows"] for each in drawn(test) if each.get("label") == label), [])


def test_nothing_wrong_is_said_and_the_rules_are_there(app: Application, ws: str) -> None:
    test = open_page("alerts", workspace=ws)
    assert "Nothing is wrong that a rule watches." in plain_words(test)
    shown = {row["title"]: row for row in rows(test, "Alert rules")}
    assert shown["Half of the runs fail"]["badges"][0]["text"] == "Not computed"
    assert "a share needs at least 5" in shown["Half of the runs fail"]["text"]
    assert shown["A schedule is overdue"]["badges"][0]["text"] == "As it should be"
    assert shown["A schedule is overdue"]["value"] == "none"
    assert [fact["text"] for fact in shown["The disk fills up"]["facts"]] == [
        "Free disk below 1 GiB", "told in the app and chat alerts",
    ]  # fmt: skip
    assert "Nothing yet." in plain_words(test)


def test_what_is_open_stands_first_with_what_can_be_done(app: Application, ws: str) -> None:
    seen(app, ws, "The queue grows")
    seen(app, ws, "The queue grows")
    test = open_page("alerts", workspace=ws)
    (row,) = rows(test, "Open incidents")
    assert row["title"] == "The queue grows" and row["text"] == "The queue grows in detail."
    assert [each["text"] for each in row["facts"]] == ["opened just now", "seen 2 times, the last just now"]
    assert [each["label"] for each in row["actions"]] == ["Mute", "Resolve"]
    assert row["links"][0]["href"] == "/runs?status=pending"


def test_one_incident_is_opened_resolved_and_stands_in_the_history(app: Application, ws: str) -> None:
    (one,) = seen(app, ws, "The queue grows")
    test = open_page("alerts", workspace=ws, incident=one.id)
    assert "The queue grows in detail." in plain_words(test) and "Queue length" in plain_words(test)
    labelled(test.button, "Resolve").click().run()
    assert not test.exception and app.incidents.get(ws, one.id).status == "resolved"
    test = open_page("alerts", workspace=ws)
    (row,) = rows(test, "Past incidents")
    assert row["badges"][0]["text"] == "Resolved" and row["actions"] == []
    assert "by Local owner" in row["facts"][0]["text"]


def test_the_history_is_narrowed_by_the_address(app: Application, ws: str) -> None:
    for each in seen(app, ws, "One", "Two"):
        app.incidents.resolve(ws, each.id, by="Ada")
    assert len(rows(open_page("alerts", workspace=ws, days="7"), "Past incidents")) == 2
    test = open_page("alerts", workspace=ws, kind="breaker")
    assert rows(test, "Past incidents") == [] and "No incident fits these filters." in plain_words(test)
    assert len(rows(open_page("alerts", workspace=ws, status="all", kind="queue_length"), "Past incidents")) == 2


def test_an_incident_that_is_not_there_is_said_kindly(app: Application, ws: str) -> None:
    assert "There is no such incident." in plain_words(open_page("alerts", workspace=ws, incident="nobody"))


def test_a_workspace_without_rules_is_offered_the_usual_ones(app: Application, ws: str) -> None:
    for rule in app.alert_rules.find(ws):
        app.alert_rules.remove(ws, rule.id)
    test = open_page("alerts", workspace=ws)
    assert "No rule watches this workspace." in plain_words(test)
    labelled(test.button, "Add the usual rules").click().run()
    assert not test.exception and len(app.alert_rules.find(ws)) == 5


def test_a_rule_is_written_tried_and_kept(app: Application, ws: str) -> None:
    test = open_page("alerts", workspace=ws, rule="new")
    labelled(test.selectbox, "What to watch").set_value("disk_free").run()
    key = "alert-rule-new-disk_free-threshold"
    test.number_input(key=key).set_value(1e9)
    labelled(test.button, "What would it say now?").click().run()
    assert "It would open an incident now." in plain_words(test)
    labelled(test.text_input, "Name").set_value("Nearly full")
    labelled(test.text_input, "Mail").set_value("me@example.com")
    labelled(test.button, "Add rule").click().run()
    assert not test.exception
    kept = next(rule for rule in app.alert_rules.find(ws) if rule.name == "Nearly full")
    assert (kept.measure, kept.threshold, kept.comparison) == ("disk_free", 1e9, "below")
    assert [(each.channel, each.to) for each in kept.destinations] == [("chat", "alerts"), ("email", "me@example.com")]


def test_a_rule_is_removed_only_after_a_question(app: Application, ws: str) -> None:
    rule = app.alert_rules.find(ws)[0]
    test = open_page("alerts", workspace=ws, rule=rule.id)
    assert not [button for button in test.button if button.label == "Remove"], "one press is not enough"
    assert "Its incidents stay in the history." in plain_words(test)
    labelled(test.button, "Remove it").click().run()
    assert not test.exception and rule.id not in {each.id for each in app.alert_rules.find(ws)}
    assert "rule" not in test.query_params


def test_what_is_wrong_with_a_rule_is_said_in_its_window(app: Application, ws: str) -> None:
    test = open_page("alerts", workspace=ws, rule="new")
    labelled(test.text_input, "Mail").set_value("nobody")
    labelled(test.button, "Add rule").click().run()
    assert "mail goes to an address like me@example.com" in plain_words(test)


def test_links_lead_to_what_an_incident_is_about(app: Application, ws: str) -> None:
    (one,) = seen(app, ws, "Late", instance_id="abc")
    late = one.model_copy(update={"kind": "overdue"})
    assert [(place.page, place.label) for place in incident_places(late)] == [
        ("agents", "Schedule"), ("settings", "Health"),
    ]  # fmt: skip
    failed = one.model_copy(update={"kind": "failure_rate"})
    assert incident_places(failed)[0].parameters == {"status": "error,budget_stopped", "instance": "abc"}


def test_words_of_others_are_shown_as_words(app: Application, ws: str) -> None:
    (one,) = seen(app, ws, "**bold** <script>alert(1)</script>")
    test = open_page("alerts", workspace=ws, incident=one.id)
    assert test.title[0].value.startswith("\\*\\*bold\\*\\*")


def test_agents_show_how_they_are_and_why(app: Application, ws: str) -> None:
    app.agents.create(ws, "word_counter", "Counter")
    test = open_page("agents", workspace=ws)
    (row,) = rows(test, "Agents")
    assert [badge["text"] for badge in row["badges"]] == ["Active"] and row["reason"] == "It has not run yet."
    app.runs.wait(ws, app.runs.start(ws, "Counter", {"text": "two words"}).run_id, timeout=10)
    (row,) = rows(open_page("agents", workspace=ws), "Agents")
    assert [badge["text"] for badge in row["badges"]] == ["Working"] and "and succeeded" in row["reason"]
    assert [badge.text for badge in health_look("inactive", Health("unknown", "Off."))] == ["Inactive"]


def test_a_rule_that_is_broken_without_an_incident_is_not_called_well(app: Application, ws: str) -> None:
    app.alert_rules.create(
        ws, {"name": "Much disk", "measure": "disk_free", "threshold": 1_000_000, "comparison": "below"}
    )
    test = open_page("alerts", workspace=ws)
    assert "Nothing is wrong" not in plain_words(test) and "No incident is open." in plain_words(test)
    shown = {row["title"]: row for row in rows(test, "Alert rules")}
    assert shown["Much disk"]["facts"][0]["text"] == "Free disk below 1,000,000 GiB"


def test_an_address_that_means_nothing_narrows_nothing(app: Application, ws: str) -> None:
    (one,) = seen(app, ws, "The queue grows")
    app.incidents.resolve(ws, one.id, by="Ada")
    for odd in ({"kind": "zz"}, {"agent": "zz"}, {"status": "zz"}, {"days": "99999999"}, {"kind": "a\0b"}):
        test = open_page("alerts", workspace=ws, **odd)
        assert [row["title"] for row in rows(test, "Past incidents")] == ["The queue grows"], odd


def test_an_incident_leads_where_its_trouble_is(app: Application, ws: str) -> None:
    (one,) = seen(app, ws, "It stands", instance_id="some-agent")
    letters = one.model_copy(update={"kind": "dead_letters"})
    assert incident_places(letters)[0].href == "/events?view=dead"
    late = one.model_copy(update={"kind": "overdue"})
    assert incident_places(late)[0].href == "/agents?instance=some-agent&tab=triggers"
