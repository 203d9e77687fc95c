"""Digests: the right figures of the right days, each slot once, and only through the outbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ionflux_core import ids
from ionflux_core.application import Application
from ionflux_core.domain.digests import Digest
from ionflux_core.errors import Conflict, Invalid, NotFound
from ionflux_core.services.digest_words import Sheet, SheetLine, as_html, as_markdown, as_text
from ionflux_core.storage import digests as rows

AGENTS = Path(__file__).resolve().parents[2] / "agents"
MakeApplication = Callable[..., Application]
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def app(make_application: MakeApplication, database_url: str) -> Application:
    ids.set_clock(lambda: MONDAY - timedelta(hours=1))
    return make_application(database_url=database_url, agents_dir=AGENTS)


@pytest.fixture
def ws(app: Application) -> str:
    return app.workspaces.create("Shop <one>").id


def draft(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Weekly", "cron": "every Monday at 9", "timezone": "UTC", "days": 7,
        "destination": {"channel": "email", "to": ["a@b.example", "c@d.example"]}, **changes,
    }  # fmt: skip


def at(moment: datetime) -> None:
    ids.set_clock(lambda: moment)


def carried(app: Application, ws: str) -> list[dict[str, Any]]:
    """The inputs of the runs that carry digests out."""
    runs = [app.runs.get(ws, line.id) for line in app.runs.find(ws).runs]
    return [run.inputs for run in runs if run.definition_slug == "notifier"]


def test_a_slot_is_sent_once_to_each_address_and_the_next_one_is_set(app: Application, ws: str) -> None:
    digest = app.digests.create(ws, draft())
    assert digest.next_at == MONDAY and digest.cron == "0 9 * * 1"
    assert app.digests.send_due() == 0, "it is not time yet"
    at(MONDAY + timedelta(seconds=20))
    assert app.digests.send_due() == 1
    assert app.digests.send_due() == 0
    assert sorted(each["target"] for each in carried(app, ws)) == ["a@b.example", "c@d.example"]
    kept = app.digests.get(ws, digest.id)
    assert (kept.last_at, kept.next_at) == (MONDAY, MONDAY + timedelta(days=7))
    assert kept.last_outcome == "Given to the outbox: 2 mails."


def test_of_two_processes_one_sends_a_slot(app: Application, ws: str, make_application: MakeApplication) -> None:
    app.digests.create(ws, draft())
    other = make_application(database_url=app.settings.url, agents_dir=AGENTS)
    at(MONDAY)
    with app.db.read() as connection:
        [seen] = rows.due(connection, MONDAY, 10)
    assert other.digests.send_due() == 1
    # The first process had looked before the second one took the slot.
    assert app.digests._meet(seen, MONDAY) is False
    assert len(carried(app, ws)) == 2


def test_what_was_missed_is_made_up_once(app: Application, ws: str) -> None:
    digest = app.digests.create(ws, draft(cron="every day at 9"))
    at(MONDAY + timedelta(days=4, hours=3))
    assert app.digests.send_due() == 1 and app.digests.send_due() == 0
    assert app.digests.get(ws, digest.id).next_at == MONDAY + timedelta(days=5)
    assert len(carried(app, ws)) == 2


def test_the_period_is_whole_days_of_the_workspace_before_the_slot(app: Application, ws: str) -> None:
    app.workspaces.save_settings(ws, {"timezone": "Asia/Tokyo"})
    digest = app.digests.create(ws, draft(cron="0 20 * * *"))
    at(datetime(2026, 3, 2, 20, 0, tzinfo=UTC))
    sheet = app.digests.sheet(ws, digest.id)
    # In Tokyo it is 3 March, five in the morning.
    assert (sheet.first, sheet.last) == (date(2026, 2, 24), date(2026, 3, 2))
    assert sheet.empty and "Nothing ran in these days." in as_text(sheet)


def test_a_view_narrows_what_is_told_and_stays_while_a_digest_needs_it(app: Application, ws: str) -> None:
    brand = app.workspaces.add_brand(ws, {"name": "Aurora"}).id
    view = app.views.create(ws, {"page": "dashboard", "name": "A", "parameters": {"brand": brand, "days": "90"}})
    digest = app.digests.create(ws, draft(view_id=view.id))
    sheet = app.digests.sheet(ws, digest.id)
    assert "Only the brand Aurora." in as_text(sheet)
    assert sheet.parameters["brand"] == brand and "days" not in sheet.parameters
    with pytest.raises(Conflict, match="Weekly"):
        app.views.delete(ws, view.id)
    app.digests.save(ws, digest.id, draft())
    app.views.delete(ws, view.id)
    with pytest.raises(NotFound):
        app.digests.create(ws, draft(name="Other", view_id=view.id))


def test_it_goes_through_the_outbox_and_honours_dry_run(app: Application, ws: str) -> None:
    app.start()
    at(MONDAY)
    digest = app.digests.create(ws, draft(destination={"channel": "email", "to": ["a@b.example"]}))
    sent = app.digests.send_now(ws, digest.id, by="Ada")
    assert app.digests.deliveries(ws, sent)[0].outcome in ("being sent", "not sent: that way out is in dry run")
    [line] = app.runs.find(ws).runs
    ended = app.runs.wait(ws, line.id, timeout=20)
    assert ended.status == "success"
    [effect] = app.outbox.find(ws).effects
    assert (effect.kind, effect.target, effect.status) == ("email", "a@b.example", "would_send")
    payload = app.outbox.get(ws, effect.id).payload
    assert payload["subject"] == "Weekly: 23 Feb to 1 Mar 2026"
    assert "Shop &lt;one&gt;" in payload["html"] and "Shop <one>" in payload["text"]
    assert app.digests.deliveries(ws, sent)[0].outcome == "not sent: that way out is in dry run"


def test_a_policy_may_deny_it(app: Application, ws: str) -> None:
    app.workspaces.save_settings(ws, {"channels": {"email": {"dry_run": False, "options": {"transport": "folder"}}}})
    app.policies.save(ws, [{"channel": "email", "agent": "*", "verdict": "deny"}])
    app.start()
    at(MONDAY)
    digest = app.digests.create(ws, draft(destination={"channel": "email", "to": ["a@b.example"]}))
    sent = app.digests.send_now(ws, digest.id)
    app.runs.wait(ws, app.runs.find(ws).runs[0].id, timeout=20)
    assert app.digests.deliveries(ws, sent)[0].outcome == "not sent: a person or a policy said no"


def test_twice_within_a_second_is_sent_once(app: Application, ws: str) -> None:
    digest = app.digests.create(ws, draft())
    app.digests.send_now(ws, digest.id)
    app.digests.send_now(ws, digest.id)
    assert len(carried(app, ws)) == 2, "once to each of two addresses"


def test_into_the_chat_it_is_said_once_and_a_private_channel_is_refused(app: Application, ws: str) -> None:
    digest = app.digests.create(ws, draft(destination={"channel": "chat", "to": ["#general"]}))
    at(MONDAY)
    assert app.digests.send_due() == 1 and app.digests.send_due() == 0
    me = app.workspaces.owner().id
    channel = next(each for each in app.chat.channels(ws, user_id=me) if each.name == "general")
    said = [each.content.text_body or "" for each in app.chat.messages(ws, channel.id, user_id=me)]
    assert len(said) == 1 and "Weekly" in said[0] and "Runs" in said[0]
    assert app.digests.get(ws, digest.id).last_outcome == "Posted in #general."
    app.chat.create_channel(ws, {"name": "board", "type": "private"}, by=me)
    app.digests.save(ws, digest.id, draft(destination={"channel": "chat", "to": ["board"]}))
    at(MONDAY + timedelta(days=7))
    assert app.digests.send_due() == 1
    kept = app.digests.get(ws, digest.id)
    assert kept.last_outcome.startswith("It could not be sent: 'board' is a private channel")
    assert kept.next_at == MONDAY + timedelta(days=14)


def test_switched_off_it_is_never_due_and_switched_on_it_begins_with_the_next_slot(app: Application, ws: str) -> None:
    digest = app.digests.create(ws, draft(enabled=False))
    at(MONDAY + timedelta(days=1))
    assert digest.next_at is None and app.digests.send_due() == 0
    assert app.digests.save(ws, digest.id, draft()).next_at == MONDAY + timedelta(days=7)
    app.digests.delete(ws, digest.id)
    at(MONDAY + timedelta(days=7))
    assert app.digests.send_due() == 0 and app.digests.find(ws) == []


def test_an_error_nobody_expected_ends_its_own_slot_and_the_others_are_sent(
    app: Application, ws: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, well = (app.digests.create(ws, draft(name=name)) for name in ("A broken one", "Well"))
    made = app.digests._sheets.of

    def sheet(digest: Digest, slot: datetime) -> Sheet:
        if digest.id == broken.id:
            raise ZeroDivisionError("words of the inside")
        return made(digest, slot)

    monkeypatch.setattr(app.digests._sheets, "of", sheet)
    at(MONDAY)
    assert app.digests.send_due() == 1 and app.digests.send_due() == 0
    assert len(carried(app, ws)) == 2 and app.digests.get(ws, well.id).last_at == MONDAY
    kept = app.digests.get(ws, broken.id)
    assert kept.last_outcome.startswith("It could not be sent") and "inside" not in kept.last_outcome
    assert (kept.last_at, kept.next_at) == (MONDAY, MONDAY + timedelta(days=7))
    assert broken.id in caplog.text and "ZeroDivisionError" in caplog.text


def test_renaming_a_due_digest_does_not_lose_its_slot(app: Application, ws: str) -> None:
    digest = app.digests.create(ws, draft())
    at(MONDAY + timedelta(minutes=1))
    app.digests.save(ws, digest.id, draft(name="Renamed"))
    assert app.digests.send_due() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"cron": "now and then"},
        {"timezone": "Mars/Base"},
        {"days": 0},
        {"days": 4_000},
        {"destination": {"channel": "email", "to": []}},
        {"destination": {"channel": "email", "to": ["nobody"]}},
        {"destination": {"channel": "email", "to": ["a@b.example", "a@b.example"]}},
        {"destination": {"channel": "email", "to": [f"a{n}@b.example" for n in range(21)]}},
        {"destination": {"channel": "webhook", "to": ["ftp://x"]}},
        {"destination": {"channel": "webhook", "to": ["https://me:pw@x.example/"]}},
        {"destination": {"channel": "webhook", "to": ["https://[x.example/"]}},
        {"destination": {"channel": "webhook", "to": ["https://x.example:many/"]}},
        {"destination": {"channel": "pigeon", "to": ["home"]}},
        {"name": " "},
    ],
)
def test_bad_drafts_are_refused_in_a_sentence(app: Application, ws: str, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        app.digests.create(ws, draft(**changes))
    assert caught.value.message and app.digests.find(ws) == []


def test_a_name_stands_once_and_another_workspace_sees_nothing(app: Application, ws: str) -> None:
    digest, other = app.digests.create(ws, draft()), app.workspaces.create("Other").id
    with pytest.raises(Conflict):
        app.digests.create(ws, draft())
    assert app.digests.find(other) == []
    with pytest.raises(NotFound):
        app.digests.send_now(other, digest.id)
    with pytest.raises(NotFound):
        app.digests.delete(other, digest.id)


def sheet_with(**changes: Any) -> Sheet:
    line = SheetLine("value", "Money <b>made</b>", "EUR", "up", 12.5, 10.0, "measured")
    values: dict[str, Any] = {
        "title": "Weekly *x*", "workspace": "<script>", "first": date(2026, 2, 23), "last": date(2026, 3, 1),
        "narrowed": ("the brand [link](http://x)",), "lines": (line,), "empty": False, "parameters": {"days": "7"},
    }  # fmt: skip
    return Sheet(**values | changes)


def test_words_from_data_are_text_in_mail_and_chat() -> None:
    html, markdown = as_html(sheet_with()), as_markdown(sheet_with())
    assert "<script>" not in html and "<b>made" not in html and "&lt;b&gt;made" in html
    assert "[link](http://x)" not in markdown
    assert "Money <b>made</b>: 12.50 EUR (↑ +2.50 EUR), measured" in as_text(sheet_with())


def test_a_link_stands_there_only_when_the_address_of_the_program_is_known() -> None:
    assert "On screen" not in as_text(sheet_with())
    assert "https://x.example/dashboard?days=7" in as_text(sheet_with(public_url="https://x.example/"))
