"""Mail on the screen: the list of addresses that are not mailed, and one question about many mails."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application
from ionflux_core.domain.effects import EffectFilter
from tests.pages.shown import labelled, open_page, plain_words

CODE = '''
"""Sends many."""

from ionflux_core.sdk import Outgoing


def run(ctx, inputs):
    """Send what was wished."""
    items = [Outgoing(f"to-{n}", {"text": f"hello\\n{n}"}, key=f"k{n}") for n in range(3)]
    return {"result": [each.status for each in ctx.send_many("folder", items, summary="Say hello", body="To **all**")]}
'''


def words(test: AppTest) -> str:
    """Everything a page says, without what keeps an address from becoming a link."""
    return plain_words(test).replace("\u2060", "")


def test_an_address_is_put_on_the_list_found_and_taken_off(app: Application, ws: str) -> None:
    test = open_page("settings", tab="policies")
    labelled(test.text_input, "Address").set_value(" Ana@Example.com ")
    labelled(test.text_input, "Why").set_value("Asked <b>by phone</b>")
    labelled(test.button, "Mail no more").click().run()
    assert not test.exception
    said = words(test)
    assert "ana@example.com" in said and "Asked <b>by phone</b>" in said
    assert app.suppressions.get(ws, "ana@example.com") is not None
    labelled(test.text_input, "Address").set_value("nonsense")
    labelled(test.button, "Mail no more").click().run()
    assert "is no mail address" in words(test)
    labelled(test.button, "Mail again").click().run()
    assert app.suppressions.count(ws) == 0


def test_one_question_stands_for_all_and_shows_the_first(app: Application, ws: str, make_agent: Any) -> None:
    make_agent("writer", CODE)
    app.catalog.reload()
    app.marketplace.register()
    app.policies.set_channel(ws, "folder", {"dry_run": False})
    run_id = app.runs.start(ws, "agent:writer", {}).run_id
    assert app.runs.wait(ws, run_id, timeout=20).status == "awaiting_approval"
    test = open_page("approvals")
    said = words(test)
    assert "Say hello" in said and "to-0** and others" in said and "To **all**" in said
    labelled(test.button, "Approve").click().run()
    run = app.runs.wait(ws, run_id, timeout=20)
    assert run.outputs == {"result": ["sent"] * 3}
    assert app.outbox.count(ws, EffectFilter(status="sent")) == 3
    assert words(open_page("outbox")).count("folder to to-") == 3
