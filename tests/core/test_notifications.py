"""People are told once of what concerns them, by the ways they chose, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.domain.notifications import Link, Notification
from ionflux_core.errors import Invalid
from tests.agents_for_tests.world import World, small_world, wait_for, world

__all__ = ["small_world", "world"]

AGENTS = Path(__file__).resolve().parents[2] / "agents"
MakeApplication = Callable[..., Application]
HOME = Link(page="home")


def titles(app: Application, ws: str) -> list[str]:
    return [each.title for each in app.notifications.find(ws, app.workspaces.owner().id)]


def caught_up(world: World) -> list[str]:
    world.app.followers.catch_up()
    return titles(world.app, world.workspace)


def fails(_: Any, __: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError("the shop is closed")


def test_a_failed_run_is_told_once_and_read_once(world: World) -> None:
    world.app.followers.begin()
    world.agent("probe", fails)
    run = world.run("probe")
    assert run.status == "error"
    assert caught_up(world) == ["probe failed"]
    assert caught_up(world) == ["probe failed"]
    app, ws, user = world.app, world.workspace, world.app.workspaces.owner().id
    (told,) = app.notifications.find(ws, user)
    assert told.link == Link(page="runs", parameters={"run": run.id}) and "closed" in told.body
    assert (app.notifications.unread(ws, user), app.notifications.read(ws, user, [told.id])) == (1, 1)
    assert (app.notifications.unread(ws, user), app.notifications.read(ws, user)) == (0, 0)


def test_a_storm_of_failures_is_one_line_that_is_unread_again(world: World) -> None:
    world.app.followers.begin()
    world.agent("probe", fails, breaker=100)
    for _ in range(6):
        world.run("probe")
    assert caught_up(world).count("probe failed") <= 2, "at most one for each ten minutes"


def test_finished_runs_are_told_only_to_who_asked_for_it(world: World) -> None:
    world.app.followers.begin()
    world.agent("probe", lambda *_: {"result": 1})
    world.run("probe")
    caught_up(world)
    user = world.app.workspaces.owner().id
    assert world.app.notifications.unread(world.workspace, user) == 0
    world.app.notifications.save_choices(user, {"ways": {"agent_finished": {"in_app": True}}})
    world.agent("other", lambda *_: {"result": 1})
    world.run("other")
    assert "other has finished" in caught_up(world)
    assert world.app.notifications.unread(world.workspace, user) == 1


def test_an_agent_that_asks_is_told_with_the_way_to_its_question(world: World) -> None:
    world.app.followers.begin()
    world.agent("asker", lambda ctx, _: {"result": ctx.approve("May the mail go out?").approved})
    run = world.run("asker")
    assert run.status == "awaiting_approval"
    user = world.app.workspaces.owner().id

    def asked() -> list[Notification]:
        world.app.followers.catch_up()
        return [each for each in world.app.notifications.find(world.workspace, user) if each.kind == "approval"]

    wait_for(lambda: bool(asked()))
    (question,) = asked()
    assert "May the mail go out?" in question.title
    assert question.link.page == "approvals" and question.link.parameters["approval"]


def test_another_workspace_and_other_people_see_nothing(world: World) -> None:
    app, user = world.app, world.app.workspaces.owner().id
    app.notifications.tell(world.workspace, "budget", "Only here", dedup_key="a", link=HOME)
    other = app.workspaces.create("Another").id
    assert titles(app, other) == []
    assert app.notifications.find(world.workspace, "somebody else") == []
    assert app.notifications.read(other, user) == 0
    assert app.notifications.unread(world.workspace, user) == 1


def test_a_fact_is_told_once_however_often_it_is_said(world: World) -> None:
    app, ws = world.app, world.workspace
    told = [app.notifications.tell(ws, "budget", f"Said {n}", dedup_key="fact", link=HOME) for n in range(3)]
    assert told == [1, 0, 0] and titles(app, ws) == ["Said 0"]
    newest = Link(page="runs", parameters={"run": "the newest"})
    app.notifications.tell(ws, "budget", "Said anew", dedup_key="fact", link=newest, again=True)
    (told_anew,) = app.notifications.find(ws, app.workspaces.owner().id)
    assert (told_anew.title, told_anew.link) == ("Said anew", newest), "it leads to what it tells of"


def test_pages_follow_one_another_without_a_gap(world: World) -> None:
    app, ws, user = world.app, world.workspace, world.app.workspaces.owner().id
    for number in range(7):
        app.notifications.tell(ws, "budget", str(number), dedup_key=str(number), link=HOME)
    first = app.notifications.find(ws, user, limit=3)
    rest = app.notifications.find(ws, user, before=first[-1].id)
    assert [each.title for each in first + rest] == list("6543210")


@pytest.mark.parametrize(
    "choices",
    [
        {"ways": {"mention": {"mail": True}}},
        {"ways": {"mention": {"mail": True}}, "mail_address": "not an address"},
        {"ways": {"mention": {"webhook": True}}, "webhook_url": "file:///etc/passwd"},
        {"ways": {"mention": {"webhook": True}}, "webhook_url": "https://user:pass@example.com"},
        {"ways": {"sneeze": {"mail": True}}},
    ],
)
def test_a_way_that_leads_nowhere_is_refused(world: World, choices: dict[str, Any]) -> None:
    user = world.app.workspaces.owner().id
    with pytest.raises(Invalid):
        world.app.notifications.save_choices(user, choices)
    assert world.app.notifications.choices(user).ways == {}


def test_mail_and_webhook_go_through_the_outbox_and_tell_of_nothing_further(
    make_application: MakeApplication, database_url: str
) -> None:
    app = make_application(agents_dir=AGENTS, database_url=database_url).start()
    ws, user = app.workspaces.create("Told").id, app.workspaces.owner().id
    app.notifications.save_choices(
        user,
        {
            "ways": {"budget": {"mail": True, "webhook": True}, "agent_finished": {"in_app": True}},
            "mail_address": "me@example.com",
            "webhook_url": "https://hooks.example.com/x",
        },
    )
    app.notifications.tell(ws, "budget", "The budget is used up", dedup_key="b", link=HOME, body="10 of 10")
    runs = [app.runs.wait(ws, each.id, timeout=30) for each in app.runs.find(ws).runs]
    assert sorted(run.inputs["channel"] for run in runs) == ["email", "webhook"]
    effects = app.outbox.find(ws).effects
    assert {(each.kind, each.target) for each in effects} == {
        ("email", "me@example.com"), ("webhook", "https://hooks.example.com/x"),
    }  # fmt: skip
    assert {each.status for each in effects} == {"would_send"}, "nothing is connected, so nothing left"
    app.followers.catch_up()
    assert titles(app, ws) == ["The budget is used up"], "a notifier's own end is no news"
