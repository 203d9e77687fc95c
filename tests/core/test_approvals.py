"""The inbox: one list by urgency, each question decided once, reminders, and how drafts were received."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ionflux_core import application, ids
from ionflux_core.domain.approvals import ApprovalFilter
from ionflux_core.errors import Conflict, Invalid
from ionflux_core.storage.tables import metadata
from tests.agents_for_tests.world import Clock, World, small_world, together, wait_for, world

__all__ = ["small_world", "world"]

DRAFT = {"subject": "Hello", "discount": 12.5, "live": False, "sizes": ["S"], "to": "a@b.c"}


def _ask(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    decision = ctx.approve(
        "Send it?", data=DRAFT, editable=["subject", "discount", "live", "sizes"], **(inputs.get("value") or {})
    )
    return {"result": [decision.approved, decision.by, decision.edits]}


def test_two_people_at_once_and_a_restart_in_between_decide_once(world: World) -> None:
    world.agent("probe", _ask)
    run_id = world.run("probe").id
    other = world.application()
    (asked,) = world.app.approvals.pending(world.workspace)
    world.app.stop()
    world.app.start()
    answers = together(
        8,
        lambda n: (other if n % 2 else world.app).approvals.decide(
            world.workspace, asked.id, approved=n < 4, by=f"person {n}", edits={"subject": str(n)} if n < 4 else None
        ),
    )
    (decided,) = [each for each in answers if not isinstance(each, Exception)]
    assert all(isinstance(each, Conflict) for each in answers if each is not decided)
    done = world.until(run_id, "success")
    assert done.outputs == {"result": [decided.status == "approved", decided.decided_by, decided.edits]}
    kept = world.app.approvals.get(world.workspace, asked.id)
    assert (kept.data, kept.edits, kept.decided_by) == (DRAFT, decided.edits, decided.decided_by)
    assert len([row for row in world.rows("audit_log", entity="approval")]) == 1


def test_an_edit_keeps_the_kind_of_value_and_one_that_changes_nothing_is_none(small_world: World) -> None:
    world = small_world
    world.agent("probe", _ask)
    world.run("probe")
    (asked,) = world.app.approvals.pending(world.workspace)
    decide = world.app.approvals.decide
    for wrong in ({"discount": "12"}, {"live": 1}, {"sizes": "S"}, {"subject": 3}, {"discount": True}):
        with pytest.raises(Invalid):
            decide(world.workspace, asked.id, approved=True, edits=wrong)
    done = decide(world.workspace, asked.id, approved=True, edits={"subject": "Hello", "discount": 10})
    assert done.edits == {"discount": 10}


def test_the_inbox_is_sorted_by_urgency_filtered_and_paged(world: World) -> None:
    world.agent("probe", _ask)
    world.agent("other", _ask)
    urgencies = ["low", "critical", "medium", "high", "critical"]
    runs = [world.run("probe", {"urgency": word}).id for word in urgencies]
    runs.append(world.run("other", {"urgency": "high"}).id)
    find, seen, cursor = world.app.approvals.find, [], None
    while True:
        page = find(world.workspace, cursor=cursor, limit=2)
        seen += [(each.urgency, each.run_id, each.definition_slug) for each in page.approvals]
        cursor = page.cursor
        if cursor is None:
            break
    assert [run_id for _, run_id, _ in seen] == [runs[n] for n in (1, 4, 3, 5, 2, 0)]
    assert [each.run_id for each in find(world.workspace, ApprovalFilter(agent="other")).approvals] == [runs[5]]
    assert len(find(world.workspace, ApprovalFilter(urgency="critical")).approvals) == 2
    assert world.app.approvals.count(world.workspace) == 6


def test_decided_ones_are_paged_the_last_first(world: World) -> None:
    world.agent("probe", _ask)
    for _ in range(5):
        world.run("probe")
    asked = [each.id for each in world.app.approvals.pending(world.workspace)]
    for each in (asked[2], asked[0], asked[4], asked[1]):
        world.app.approvals.decide(world.workspace, each, approved=True)
    find, seen, cursor = world.app.approvals.find, [], None
    while True:
        page = find(world.workspace, view="decided", cursor=cursor, limit=3)
        seen += [each.id for each in page.approvals]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [asked[1], asked[4], asked[0], asked[2]]
    assert [each.id for each in find(world.workspace).approvals] == [asked[3]]
    assert find(world.workspace, view="decided", cursor="nonsense").approvals


def test_the_share_accepted_unedited_is_computed_and_never_guessed(world: World) -> None:
    world.agent("probe", _ask)
    world.agent("other", _ask)
    instance = world.instance("probe", "Mine")
    assert world.app.approvals.acceptance(world.workspace).rate is None
    for target in ("Mine", "Mine", "Mine", "Mine", "other"):
        world.run(target)
    asked = [each.id for each in world.app.approvals.pending(world.workspace)]
    answers: list[dict[str, Any]] = [
        {"approved": True},
        {"approved": True, "edits": {"subject": "Hi"}},
        {"approved": False},
        {"approved": True, "edits": {"subject": "Hello"}},
        {"approved": True},
    ]
    for each, answer in zip(asked, answers, strict=True):
        world.app.approvals.decide(world.workspace, each, **answer)
    mine = world.app.approvals.acceptance(world.workspace, instance_id=instance.id)
    assert (mine.unedited, mine.edited, mine.denied, mine.rate) == (2, 1, 1, 0.5)
    assert world.app.approvals.acceptance(world.workspace, slug="other").rate == 1.0
    assert world.app.approvals.acceptance(world.workspace).decided == 5


@pytest.mark.parametrize(
    ("options", "hours"), [({"urgency": "high"}, 1), ({}, 24), ({"urgency": "low", "timeout_seconds": 7200}, 1)]
)
def test_people_are_reminded_once_of_what_waits_too_long(world: World, options: dict[str, Any], hours: int) -> None:
    clock = Clock()
    world.agent("probe", _ask)
    world.run("probe", options)
    remind = world.app.approvals.remind
    clock.forward(hours=hours, minutes=-1)
    assert remind() == 0
    clock.forward(minutes=2)
    assert sum(count for count in together(4, lambda _: remind()) if isinstance(count, int)) == 1
    assert remind() == 0
    ((kind, payload),) = world.events("ionflux.approval.")
    assert (kind, payload["title"]) == ("ionflux.approval.reminder", "Send it?")
    (asked,) = world.app.approvals.pending(world.workspace)
    assert asked.reminded_at == clock.at


def test_the_clock_sends_the_reminders(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "_REMINDER_SECONDS", 0.2)
    world = small_world
    world.agent("probe", _ask)
    world.started(scheduler=True)
    world.run("probe", {"urgency": "critical"})
    an_hour_ago = ids.now() - timedelta(hours=1)
    asked = metadata.tables["approvals"]
    world.app.db.write(lambda connection: connection.execute(asked.update().values(created_at=an_hour_ago)))
    wait_for(lambda: world.events("ionflux.approval."), timeout=30)
