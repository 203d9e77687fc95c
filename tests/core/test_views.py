"""Saved views: kept by name, seen by one workspace, and one of them to begin with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.domain.views import narrowing_of
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound

MakeApplication = Callable[..., Application]
WEEK = {"page": "dashboard", "name": "This week", "parameters": {"days": "7", "brand": "b1"}}


@pytest.fixture
def app(make_application: MakeApplication, database_url: str) -> Application:
    return make_application(database_url=database_url)


@pytest.fixture
def ws(app: Application) -> str:
    return app.workspaces.create("Views").id


def test_a_view_is_kept_renamed_changed_and_deleted(app: Application, ws: str) -> None:
    view = app.views.create(ws, WEEK, by="Ada")
    assert (view.name, view.parameters, view.created_by) == ("This week", {"days": "7", "brand": "b1"}, "Ada")
    assert app.views.rename(ws, view.id, "  Brand one ").name == "Brand one"
    assert app.views.keep(ws, view.id, {"days": "90"}).parameters == {"days": "90"}
    assert [each.id for each in app.views.find(ws, "dashboard")] == [view.id]
    assert app.views.find(ws, "runs") == []
    app.views.delete(ws, view.id)
    assert app.views.find(ws) == []
    with pytest.raises(NotFound):
        app.views.delete(ws, view.id)


def test_a_name_stands_once_on_a_page(app: Application, ws: str) -> None:
    first = app.views.create(ws, WEEK)
    with pytest.raises(Conflict, match="already"):
        app.views.create(ws, WEEK)
    assert app.views.create(ws, {**WEEK, "page": "runs"}).page == "runs"
    other = app.views.create(ws, {**WEEK, "name": "Other"})
    with pytest.raises(Conflict):
        app.views.rename(ws, other.id, "This week")
    assert app.views.rename(ws, first.id, "This week").name == "This week"


def test_another_workspace_sees_nothing_of_it(app: Application, ws: str) -> None:
    view, other = app.views.create(ws, WEEK), app.workspaces.create("Other").id
    assert app.views.find(other) == []
    for act in (app.views.get, app.views.delete):
        with pytest.raises(NotFound):
            act(other, view.id)
    with pytest.raises(NotFound):
        app.views.rename(other, view.id, "Mine")


def test_where_a_person_is_is_no_part_of_a_view(app: Application, ws: str) -> None:
    view = app.views.create(ws, {**WEEK, "parameters": {"workspace": ws, "days": "7", "brand": ""}})
    assert view.parameters == {"days": "7"}


@pytest.mark.parametrize(
    "parameters",
    [{"A b": "1"}, {"x" * 50: "1"}, {"days": "1" * 2_000}, {"p" * n: "1" for n in range(1, 40)}],
)
def test_what_is_no_address_is_refused(app: Application, ws: str, parameters: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        app.views.create(ws, {**WEEK, "parameters": parameters})
    with pytest.raises(Invalid):
        app.views.create(ws, {**WEEK, "name": "  "})


def test_a_page_has_a_bounded_number_of_views(app: Application, ws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "VIEWS", 1)
    app.views.create(ws, WEEK)
    with pytest.raises(LimitExceeded, match="at most 1"):
        app.views.create(ws, {**WEEK, "name": "Two"})


def test_a_person_begins_with_the_view_they_chose_until_it_is_gone(app: Application, ws: str) -> None:
    me, view = app.workspaces.owner().id, app.views.create(ws, WEEK)
    assert app.views.first(ws, "dashboard", me) is None
    app.views.begin_with(ws, "dashboard", me, view.id)
    chosen = app.views.first(ws, "dashboard", me)
    assert chosen is not None and chosen.id == view.id
    assert app.views.first(ws, "runs", me) is None
    app.views.begin_with(ws, "dashboard", me, None)
    assert app.views.first(ws, "dashboard", me) is None
    app.views.begin_with(ws, "dashboard", me, view.id)
    app.views.delete(ws, view.id)
    assert app.views.first(ws, "dashboard", me) is None
    with pytest.raises(NotFound):
        app.views.begin_with(ws, "dashboard", me, view.id)
    with pytest.raises(NotFound) as caught:
        app.views.begin_with(ws, "dashboard", "nobody", None)
    assert caught.value.hint


def test_choosing_a_first_view_leaves_other_preferences_alone(app: Application, ws: str) -> None:
    me, view = app.workspaces.owner().id, app.views.create(ws, WEEK)
    app.notifications.save_choices(me, {"ways": {"mention": {"in_app": False}}})
    app.views.begin_with(ws, "dashboard", me, view.id)
    assert not app.notifications.choices(me).of("mention").in_app


def test_what_an_address_narrows_to() -> None:
    given = {"instance": "i", "status": "error,nonsense,success", "trigger": "webhook", "days": "7"}
    assert narrowing_of(given) == {
        "instance_id": "i", "definition_slug": None, "brand_id": None, "trigger_kind": "webhook",
        "statuses": ("success", "error"),
    }  # fmt: skip
    assert narrowing_of({"trigger": "'; DROP"})["trigger_kind"] is None
