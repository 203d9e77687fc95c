"""Marks on charts: own notes, versions and incidents of a period, narrowed as the figures are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.errors import Invalid, LimitExceeded, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.storage.tables import incidents

MakeApplication = Callable[..., Application]


@pytest.fixture
def app(make_application: MakeApplication, database_url: str) -> Application:
    return make_application(database_url=database_url)


@pytest.fixture
def ws(app: Application) -> str:
    return app.workspaces.create("Marks").id


def period() -> tuple[datetime, datetime]:
    return now() - timedelta(days=7), now() + timedelta(minutes=1)


def opened(app: Application, ws: str, title: str, instance_id: str | None = None) -> str:
    row = {
        "id": new_id(), "workspace_id": ws, "kind": "failure_rate", "subject": title, "title": title, "detail": "",
        "instance_id": instance_id, "status": "open", "sightings": 1, "opened_at": now(), "seen_at": now(),
    }  # fmt: skip
    app.db.write(lambda connection: connection.execute(incidents.insert(), row))
    return str(row["id"])


def test_notes_versions_and_incidents_are_marked_in_order(app: Application, ws: str) -> None:
    at = now() - timedelta(days=2)
    note = app.annotations.note(ws, {"at": at, "words": "  Campaign began "}, by="Ada")
    instance = app.agents.create(ws, "word_counter", "Counter")
    incident = opened(app, ws, "Many runs fail")
    marks = app.annotations.marks(ws, *period())
    assert [(each.kind, each.id, each.words) for each in marks] == [
        ("note", note.id, "Campaign began"),
        ("version", instance.id, "Counter was set up"),
        ("incident", incident, "Many runs fail"),
    ]
    assert abs(marks[0].at - at) < timedelta(seconds=1)
    early = (now() - timedelta(days=30), now() - timedelta(days=10))
    assert app.annotations.marks(ws, *early) == []


def test_a_saved_configuration_is_a_mark_with_its_message(app: Application, ws: str) -> None:
    instance = app.agents.create(ws, "word_counter", "Counter")
    app.agents.save(ws, instance.id, "inputs:\n  text: longer\n", message="Longer texts")
    words = [each.words for each in app.annotations.marks(ws, *period())]
    assert words == ["Counter was set up", "Counter version 2: Longer texts"]


def test_narrowed_to_an_agent_what_is_about_others_is_left_out(app: Application, ws: str) -> None:
    one = app.agents.create(ws, "word_counter", "One").id
    two = app.agents.create(ws, "word_counter", "Two").id
    app.annotations.note(ws, {"at": now(), "words": "For everybody"})
    app.annotations.note(ws, {"at": now(), "words": "For two", "instance_id": two})
    opened(app, ws, "One is late", one)

    def words(**narrow: Any) -> set[str]:
        return {each.words for each in app.annotations.marks(ws, *period(), **narrow)}

    assert words(instance_id=one) == {"One was set up", "For everybody", "One is late"}
    assert words(instance_id=two) == {"Two was set up", "For everybody", "For two"}
    assert words(definition_slug="word_counter") >= {"One was set up", "Two was set up", "For two", "One is late"}
    assert words(definition_slug="other") == {"For everybody"}
    assert words(brand_id="other") == {"For everybody"}


def test_a_note_is_deleted_once_and_only_in_its_workspace(app: Application, ws: str) -> None:
    note, other = app.annotations.note(ws, {"at": now(), "words": "x"}), app.workspaces.create("Other").id
    assert app.annotations.marks(other, *period()) == []
    with pytest.raises(NotFound):
        app.annotations.delete(other, note.id)
    app.annotations.delete(ws, note.id, by="Ada")
    assert app.annotations.marks(ws, *period()) == []
    with pytest.raises(NotFound):
        app.annotations.delete(ws, note.id)


def test_bad_notes_are_refused(app: Application, ws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ("", "   ", "x" * 301):
        with pytest.raises(Invalid):
            app.annotations.note(ws, {"at": now(), "words": words})
    with pytest.raises(Invalid):
        app.annotations.note(ws, {"at": datetime(2026, 1, 1), "words": "no zone"})
    with pytest.raises(NotFound):
        app.annotations.note(ws, {"at": datetime(2026, 1, 1, tzinfo=UTC), "words": "x", "instance_id": "gone"})
    monkeypatch.setattr(limits, "NOTES", 1)
    app.annotations.note(ws, {"at": now(), "words": "one"})
    with pytest.raises(LimitExceeded, match="at most 1"):
        app.annotations.note(ws, {"at": now(), "words": "two"})
