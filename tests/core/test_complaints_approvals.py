"""What users of other systems complain about, and what must come first here: approvals and effects."""

from __future__ import annotations

from typing import Any

from ionflux_core.domain.approvals import ApprovalFilter
from tests.agents_for_tests.world import World, world

__all__ = ["world"]

DRAFT = {"subject": "Autumn is here", "body": "Dear Ana, our wool is warm."}


def _asks(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    answer = ctx.approve("Send the letter?", data=DRAFT, editable=["body"])
    return {"result": answer.edits}


def _sends(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"result": ctx.send("folder", "letters", DRAFT, summary="A letter").status}


def test_complaint_approvals_have_no_inbox(world: World) -> None:
    """Everything that waits for a person, of every agent and of every kind, stands in one list with its run."""
    world.agent("asker", _asks)
    world.agent("sender", _sends)
    world.app.policies.set_channel(world.workspace, "folder", {"dry_run": False})
    waiting = {world.run("asker").id, world.run("sender").id}
    found = world.app.approvals.find(world.workspace).approvals
    assert {each.run_id for each in found} == waiting
    assert {each.kind for each in found} == {"question", "effect"}
    assert world.app.approvals.count(world.workspace) == 2
    assert len(world.app.approvals.find(world.workspace, ApprovalFilter(agent="sender")).approvals) == 1
    for each in found:
        world.app.approvals.decide(world.workspace, each.id, approved=True)
    assert {world.ended(run_id).status for run_id in waiting} == {"success"}
    assert {each.run_id for each in world.app.approvals.find(world.workspace, view="decided").approvals} == waiting


def test_first_9_approval_with_edit_inbox_and_proof(world: World) -> None:
    """A reviewer changes the draft, the change is kept beside it, and the share accepted unedited is a figure."""
    world.agent("asker", _asks)
    instance = world.instance("asker", "Letters")
    runs = [world.run("Letters").id for _ in range(2)]
    first, second = world.app.approvals.find(world.workspace).approvals
    edits = {"body": "Dear Ana, our wool is soft."}
    world.app.approvals.decide(world.workspace, first.id, approved=True, by="Ana", edits=edits)
    world.app.approvals.decide(world.workspace, second.id, approved=True, by="Ana")
    assert [world.ended(run_id).outputs for run_id in runs] == [{"result": edits}, {"result": {}}]
    kept = world.app.approvals.get(world.workspace, first.id)
    assert (kept.data, kept.edits, kept.decided_by) == (DRAFT, edits, "Ana")
    received = world.app.approvals.acceptance(world.workspace, instance_id=instance.id)
    assert (received.rate, received.decided) == (0.5, 2)
