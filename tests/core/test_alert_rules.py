"""Alert rules: what may be written, what is refused and why, and what a workspace begins with."""

from __future__ import annotations

from typing import Any

import pytest

from ionflux_core import limits
from ionflux_core.domain.alert_rules import BY_NAME, MEASURES, USUAL_RULES, AlertRuleDraft, shown_value
from ionflux_core.errors import Conflict, Invalid, IonfluxError, LimitExceeded, NotFound
from ionflux_core.services.alert_rules import described
from tests.agents_for_tests.world import World, small_world, world

__all__ = ["small_world", "world"]

RULE: dict[str, Any] = {
    "name": "Costs",
    "measure": "cost",
    "threshold": 2.5,
    "period_minutes": 60,
    "destinations": [{"channel": "chat", "to": "alerts"}, {"channel": "email", "to": "me@example.com"}],
}


def test_a_rule_is_kept_changed_muted_and_removed(world: World) -> None:
    app, ws = world.app, world.workspace
    made = app.alert_rules.create(ws, RULE, by="Ada")
    assert app.alert_rules.get(ws, made.id) == made and made.created_by == "Ada"
    saved = app.alert_rules.save(ws, made.id, {**RULE, "threshold": 5, "enabled": False}, by="Ada")
    assert (saved.threshold, saved.enabled, saved.created_at) == (5.0, False, made.created_at)
    muted = app.alert_rules.mute(ws, made.id, 30, by="Ada")
    assert muted.is_muted(muted.updated_at)
    assert app.alert_rules.mute(ws, made.id, None).muted_until is None
    app.alert_rules.remove(ws, made.id, by="Ada")
    with pytest.raises(NotFound):
        app.alert_rules.get(ws, made.id)
    actions = [row.action for row in world.rows("audit_log", entity="alert_rule")]
    assert actions == ["created", "saved", "muted", "unmuted", "removed"]


def test_a_new_workspace_watches_what_stops_by_itself(world: World) -> None:
    rules = world.app.alert_rules.find(world.workspace)
    assert {rule.measure for rule in rules} >= {"overdue", "silence", "breaker", "failure_rate"}
    assert all(rule.enabled and rule.destinations[0].to == "alerts" for rule in rules)
    assert world.app.alert_rules.add_usual(world.workspace) == 0, "they are there already"
    world.app.alert_rules.remove(world.workspace, rules[0].id)
    assert world.app.alert_rules.add_usual(world.workspace) == 1


def test_names_are_taken_once_in_a_workspace(world: World) -> None:
    app, ws = world.app, world.workspace
    first = app.alert_rules.create(ws, RULE)
    with pytest.raises(Conflict, match="already"):
        app.alert_rules.create(ws, RULE)
    other = app.alert_rules.create(ws, {**RULE, "name": "Other"})
    with pytest.raises(Conflict, match="already"):
        app.alert_rules.save(ws, other.id, RULE)
    assert app.alert_rules.save(ws, first.id, RULE).name == "Costs", "its own name is no obstacle"
    assert app.alert_rules.create(app.workspaces.create("Elsewhere").id, RULE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measure": "moon_phase"}, "no measure"),
        ({"name": "  "}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"threshold": float("nan")}, "threshold"),
        ({"period_minutes": 0}, "period"),
        ({"period_minutes": limits.ALERT_PERIOD_MINUTES + 1}, "period"),
        ({"comparison": "near"}, "comparison"),
        ({"destinations": [{"channel": "email", "to": "nobody"}]}, "address"),
        ({"destinations": [{"channel": "webhook", "to": "https://u:p@example.com/x"}]}, "without user and password"),
        ({"destinations": [{"channel": "pigeon", "to": "home"}]}, "channel"),
        ({"destinations": [{"channel": "chat", "to": "a"}] * 6}, "destinations"),
        ({"measure": "disk_free", "target": {"definition_slug": "x"}}, "cannot be narrowed"),
        ({"target": {"instance_id": "nobody"}}, "no such agent"),
        ({"target": {"brand_id": "nobody"}}, "no such brand"),
        ({"measure": "figure:not_there"}, "no metric"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(small_world: World, change: dict[str, Any], said: str) -> None:
    with pytest.raises(IonfluxError, match=said):
        small_world.app.alert_rules.create(small_world.workspace, {**RULE, **change})
    assert not [rule for rule in small_world.app.alert_rules.find(small_world.workspace) if rule.name == "Costs"]


def test_there_are_so_many_rules_and_no_more(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALERT_RULES", len(USUAL_RULES) + 1)
    small_world.app.alert_rules.create(small_world.workspace, RULE)
    with pytest.raises(LimitExceeded):
        small_world.app.alert_rules.create(small_world.workspace, {**RULE, "name": "One more"})


def test_another_workspace_neither_sees_nor_touches_a_rule(world: World) -> None:
    app = world.app
    made, other = app.alert_rules.create(world.workspace, RULE), app.workspaces.create("Other").id
    for deed in (
        lambda: app.alert_rules.get(other, made.id),
        lambda: app.alert_rules.save(other, made.id, RULE),
        lambda: app.alert_rules.mute(other, made.id, 5),
        lambda: app.alert_rules.remove(other, made.id),
    ):
        with pytest.raises(NotFound):
            deed()
    with pytest.raises(Invalid):
        app.alert_rules.mute(world.workspace, made.id, 10_000_000)
    assert app.alert_rules.get(world.workspace, made.id) == made


def test_every_measure_says_how_it_is_computed_and_makes_a_rule() -> None:
    for measure in MEASURES:
        draft = AlertRuleDraft(
            name=measure.title, measure=measure.name, comparison=measure.comparison, threshold=measure.threshold,
            period_minutes=measure.period_minutes,
        )  # fmt: skip
        assert measure.definition.endswith(".") and described(draft).startswith(measure.title)
        assert not draft.is_broken_by(None)
    assert len(BY_NAME) == len(MEASURES)


def test_the_edge_itself_is_not_beyond_it() -> None:
    above = AlertRuleDraft(name="a", measure="cost", threshold=5)
    below = AlertRuleDraft(name="b", measure="disk_free", comparison="below", threshold=5)
    assert [above.is_broken_by(value) for value in (4.9, 5, 5.1)] == [False, False, True]
    assert [below.is_broken_by(value) for value in (4.9, 5, 5.1)] == [True, False, False]


def test_values_are_shown_with_their_units() -> None:
    shown = [shown_value(*each) for each in ((None, "s"), (1.25, "USD"), (50.0, "%"), (3.46, "s"), (12345.0, "runs"))]
    assert shown == ["–", "$1.25", "50 %", "3.5 s", "12,345 runs"]
