"""The program's own parts hear of every fact, in order, and again after a crash; one that fails holds up nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.domain.events import PlatformEvent
from ionflux_core.services.followers import Followers
from ionflux_core.storage import events as rows

MakeApplication = Callable[..., Application]


class Noting:
    """A follower that notes what it hears."""

    name = "noting"

    def __init__(self, *types: str, fails_on: str = "") -> None:
        self.types = types or (">",)
        self.heard: list[str] = []
        self._fails_on = fails_on

    def take(self, event: PlatformEvent) -> None:
        self.heard.append(event.type)
        if event.type == self._fails_on:
            raise RuntimeError("told to fail")


@pytest.fixture
def application(make_application: MakeApplication, database_url: str) -> Application:
    return make_application(database_url=database_url)


def publish(application: Application, *types: str) -> None:
    workspace = application.workspaces.all()[0] if application.workspaces.all() else application.workspaces.create("W")
    for each in types:
        application.events.publish(workspace.id, each, {})


def following(application: Application, *followers: Any) -> Followers:
    made = Followers(application.db, followers)
    made.catch_up()
    return made


def test_what_happened_before_the_first_start_is_old(application: Application) -> None:
    publish(application, "a.old")
    noting = Noting()
    followers = following(application, noting)
    publish(application, "a.new")
    followers.catch_up()
    assert noting.heard == ["a.new"]


def test_facts_come_once_in_order_and_only_those_wanted(application: Application) -> None:
    all_of_it, some = Noting(), Noting("shop.*", "chat.>")
    followers = following(application, all_of_it, some)
    publish(application, "shop.order", "shop.order.paid", "chat.message.posted", "other")
    followers.catch_up()
    followers.catch_up()
    assert all_of_it.heard == ["shop.order", "shop.order.paid", "chat.message.posted", "other"]
    assert some.heard == ["shop.order", "chat.message.posted"]


def test_who_gathers_is_shown_its_facts_before_they_are_told(application: Application) -> None:
    class Gathering(Noting):
        def gather(self, events: Sequence[PlatformEvent]) -> None:
            self.heard.append("+".join(event.type for event in events))

    one = Gathering("shop.*")
    followers = following(application, one)
    publish(application, "shop.order", "other", "shop.refund")
    followers.catch_up()
    assert one.heard == ["shop.order+shop.refund", "shop.order", "shop.refund"]


def test_one_that_fails_holds_up_neither_the_others_nor_what_comes_after(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    failing, other = Noting(fails_on="a.b"), Noting()
    followers = following(application, failing, other)
    publish(application, "a.b", "a.c")
    followers.catch_up()
    assert failing.heard == other.heard == ["a.b", "a.c"]
    assert "follower noting could not take event" in caplog.text


def test_after_a_crash_the_facts_behind_the_mark_come_again_and_none_is_lost(application: Application) -> None:
    following(application, Noting()).settle()
    publish(application, "a.b", "a.c")
    again = Noting()
    following(application, again)
    assert again.heard == ["a.b", "a.c"]


def test_who_ended_in_order_is_not_told_again(application: Application) -> None:
    followers = following(application, Noting())
    publish(application, "a.b")
    followers.catch_up()
    followers.settle()
    noting = Noting()
    following(application, noting)
    assert noting.heard == []


@pytest.mark.postgres
def test_a_fact_committed_late_under_an_earlier_number_is_told(application: Application) -> None:
    if application.db.is_sqlite:
        pytest.skip("SQLite numbers events in the order they are committed")
    noting = Noting()
    followers = following(application, noting)
    workspace = (
        application.workspaces.all()[0].id if application.workspaces.all() else application.workspaces.create("W").id
    )
    inserted, go_on = threading.Event(), threading.Event()

    def slow(connection: Any) -> None:
        rows.insert(connection, application.events.prepared(workspace, "a.late", {}, source="test"))
        inserted.set()
        go_on.wait(10)

    writer = threading.Thread(target=lambda: application.db.write(slow))
    writer.start()
    assert inserted.wait(10)
    publish(application, "a.early")
    followers.catch_up()
    go_on.set()
    writer.join(10)
    followers.catch_up()
    followers.catch_up()
    assert noting.heard == ["a.early", "a.late"]
