"""The Events page without a browser: stream, filters, an opened event, dead letters, a test event, who listens."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.events import EventFilter
from ionflux_core.errors import NotFound
from tests.agents_for_tests.world import wait_for
from tests.pages.shown import drawn, labelled, open_page, plain_words

CODE = '''
"""Gives back what came."""


def run(ctx, inputs):
    """The input."""
    return {"result": inputs["value"]}
'''
OPEN = EventFilter(status="pending_processing")
HEARS = "  - {key: hears, type: event, config: {topic: 'shop.*'}, is_user_overridable: true, payload_to: value}\n"


@pytest.fixture
def listener(app: Application, ws: str, make_agent: Any) -> AgentInstance:
    """An agent that listens to the shop."""
    place = make_agent("hearer", CODE)
    text = (place / "agent.yaml").read_text()
    (place / "agent.yaml").write_text(re.sub(r"(?m)^(  - \{key: by_hand.*\n)", lambda found: found[1] + HEARS, text))
    app.catalog.reload()
    app.marketplace.register()
    return app.agents.create(ws, "hearer", "Hearer")


def settled(app: Application, ws: str, runs: int) -> None:
    """Wait until so many runs have ended."""
    wait_for(lambda: app.runs.count(ws) == runs and app.runs.unfinished(ws) == 0)
    wait_for(lambda: not app.events.search(ws, OPEN).events)


def rows(test: Any) -> list[dict[str, Any]]:
    """The rows of the stream."""
    return next(each["rows"] for each in drawn(test) if each.get("view") == "stream")


def test_an_empty_stream_says_what_events_are(app: Application, ws: str) -> None:
    test = open_page("events")
    assert "Nothing has happened yet." in plain_words(test)
    assert labelled(test.button, "Publish a test event") and rows(test) == []


def test_the_stream_is_newest_first_and_the_address_narrows_it(
    app: Application, ws: str, listener: AgentInstance
) -> None:
    app.events.publish(ws, "shop.order", {"number": "A7", "id": "x"}, source="shop")
    app.events.publish(ws, "other.fact", {"city": "Évora"}, source="<b>elsewhere</b>")
    settled(app, ws, 1)
    shown = rows(open_page("events"))
    assert [row["type"] for row in shown if not row["type"].startswith("ionflux")] == ["other.fact", "shop.order"]
    order = next(row for row in shown if row["type"] == "shop.order")
    assert order["badges"] == [{"tone": "green", "icon": "play_circle", "text": "1 run"}]
    assert order["glimpse"] == "number: A7" and order["source"] == "shop"
    assert [row["type"] for row in rows(open_page("events", type="shop.>"))] == ["shop.order"]
    assert [row["type"] for row in rows(open_page("events", text="évora"))] == ["other.fact"]
    narrowed = open_page("events", type="a..b", status="nonsense", since="2020-13-45", source="<b>elsewhere</b>")
    assert [row["type"] for row in rows(narrowed)] == ["other.fact"]
    assert "type, status, since" in plain_words(narrowed)
    assert "No event fits these filters." in plain_words(open_page("events", type="no.such"))


def test_a_paused_stream_stands_still_and_counts_what_came(app: Application, ws: str) -> None:
    app.events.publish(ws, "first.fact", {})
    upto = app.events.newest_seq(ws)
    app.events.publish(ws, "second.fact", {})
    test = open_page("events", upto=str(upto))
    assert [row["type"] for row in rows(test)] == ["first.fact"] and "Paused · 1 newer" in plain_words(test)
    assert next(each["follow"] for each in drawn(test) if each.get("view") == "stream") is False
    test.toggle[0].set_value(False).run()
    assert [row["type"] for row in rows(test)] == ["second.fact", "first.fact"]
    assert "upto" not in test.query_params


def test_pages_are_read_by_number(app: Application, ws: str) -> None:
    for n in range(60):
        app.events.publish(ws, "many.facts", {"n": n})
    test = open_page("events")
    assert len(rows(test)) == 50
    labelled(test.button, "Older").click().run()
    assert [row["glimpse"] for row in rows(test)] == [f"n: {n}" for n in range(9, -1, -1)]
    assert next(each["follow"] for each in drawn(test) if each.get("view") == "stream") is False
    labelled(test.button, "Newer").click().run()
    assert len(rows(test)) == 50


def test_an_opened_event_shows_its_payload_its_deliveries_and_its_chain(
    app: Application, ws: str, listener: AgentInstance
) -> None:
    event_id = app.events.publish(ws, "shop.order", {"number": "A7", "token": "shpat_" + "ab" * 16}, source="shop")
    settled(app, ws, 1)
    test = open_page("events", event=event_id)
    said = plain_words(test)
    assert "shop.order" in said and "Started a run" in said and "Hearer" in said and "1 attempt" in said
    payload = json.loads(test.json[0].value)
    assert payload["number"] == "A7" and "abab" not in str(payload)
    (chain,) = [each for each in drawn(test) if each["view"] == "chain"]
    kinds = [box["kind"] for box in chain["boxes"]]
    assert kinds[:2] == ["event", "run"] and chain["boxes"][0]["here"] and not chain["follow"]
    assert "No such event" in plain_words(open_page("events", event="nothing"))


def test_a_large_payload_is_cut_and_says_so(app: Application, ws: str) -> None:
    event_id = app.events.publish(ws, "large.fact", {"text": "x" * 2 * limits.EVENT_SHOWN_BYTES})
    test = open_page("events", event=event_id)
    assert "The first 64 KiB of 128 KiB." in plain_words(test)
    assert len(test.code[0].value) == limits.EVENT_SHOWN_BYTES


def test_a_chain_has_an_address_of_its_own(app: Application, ws: str, listener: AgentInstance) -> None:
    event_id = app.events.publish(ws, "shop.order", {})
    settled(app, ws, 1)
    test = open_page("events", correlation=event_id)
    assert "2 events and 1 run" in plain_words(test)
    assert "Nothing of this chain is kept any more." in plain_words(open_page("events", correlation="nothing"))
    run = app.runs.find(ws).runs[0]
    assert labelled(open_page("runs", run=run.id).get("page_link"), "As a picture")


def test_an_event_is_replayed_from_its_page(app: Application, ws: str, listener: AgentInstance) -> None:
    event_id = app.events.publish(ws, "shop.order", {})
    settled(app, ws, 1)
    test = open_page("events", event=event_id)
    labelled(test.button, "Replay…").click().run()
    labelled(test.button, "Replay").click().run()
    assert not test.exception and app.runs.count(ws) == 2
    assert "replayed 1 time" in plain_words(open_page("events", event=event_id))


def test_all_events_of_a_filter_are_replayed_after_the_number_was_said(
    app: Application, ws: str, listener: AgentInstance
) -> None:
    for n in range(3):
        app.events.publish(ws, "shop.order", {"n": n})
    settled(app, ws, 3)
    test = open_page("events", type="shop.order")
    labelled(test.button, "Replay these…").click().run()
    assert "It listens to 3 of them." in plain_words(test)
    labelled(test.button, "Replay 3 events").click().run()
    assert app.runs.count(ws) == 6


def test_dead_letters_are_listed_by_cause_and_tried_again(
    app: Application, ws: str, listener: AgentInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Every event has reached those who listen." in plain_words(open_page("events", view="dead"))

    def gone(*_: Any, **__: Any) -> Any:
        raise NotFound("The agent's code is <b>gone</b>.", hint="Put it back.")

    with monkeypatch.context() as patch:
        patch.setattr(app.runs, "prepare", gone)
        for n in range(3):
            app.events.publish(ws, "shop.order", {"n": n})
        wait_for(lambda: app.events.replays.dead_count(ws) == 3)
    test = open_page("events", view="dead")
    said = plain_words(test)
    assert "3 dead letters" in said and "The agent's code is <b>gone</b>." in said and "Put it back." in said
    labelled(test.button, "Retry all 3").click().run()
    assert not test.exception and app.events.replays.dead_count(ws) == 0
    settled(app, ws, 3)


def test_a_test_event_says_who_would_hear_it_and_is_published_as_a_test(
    app: Application, ws: str, listener: AgentInstance
) -> None:
    app.events.publish(ws, "shop.order", {"number": "A7"})
    settled(app, ws, 1)
    test = open_page("events")
    labelled(test.button, "Publish a test event").click().run()
    assert labelled(test.button, "Publish").disabled
    next(box for box in test.selectbox if box.key == "event_test_type").set_value("shop.order").run()
    assert json.loads(labelled(test.text_area, "Payload (JSON)").value) == {"number": "A7"}
    said = plain_words(test)
    assert "Starts 1 run" in said and "Hearer: Hears" in said
    labelled(test.text_area, "Payload (JSON)").set_value("[1]").run()
    assert labelled(test.button, "Publish").disabled
    labelled(test.text_area, "Payload (JSON)").set_value('{"number": "B8"}').run()
    labelled(test.button, "Publish").click().run()
    assert not test.exception
    (event,) = [each for each in app.events.find(ws, prefix="shop.") if each.source == "test"]
    assert event.payload == {"number": "B8"} and test.query_params["event"] == event.id
    settled(app, ws, 2)


def test_who_listens_shows_speakers_hearers_and_dead_ends(app: Application, ws: str, listener: AgentInstance) -> None:
    app.events.publish(ws, "shop.order", {}, source="shop")
    app.events.publish(ws, "lonely.fact", {})
    settled(app, ws, 1)
    (table,) = [each for each in drawn(open_page("events", view="listeners")) if each["view"] == "map"]
    lines = {line["type"]: line for line in table["lines"]}
    assert [each["text"] for each in lines["shop.order"]["from"]] == ["shop"]
    assert [each["text"] for each in lines["shop.order"]["to"]] == ["Hearer"]
    assert [badge["text"] for badge in lines["lonely.fact"]["badges"]] == ["Dead end"]
    assert "Chat" in [each["text"] for each in lines["ionflux.agent.run.completed"]["to"]]


@pytest.mark.parametrize("since", ["0001-01-01", "9999-12-31T23:59:59-12:00", "2001-13-40"])
def test_a_time_beyond_the_calendar_is_left_out(app: Application, ws: str, since: str) -> None:
    test = open_page("events", since=since)
    assert "Left out, because the address says nothing usable there: since." in plain_words(test)
