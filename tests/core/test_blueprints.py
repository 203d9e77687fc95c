"""Blueprints: every one passes the checks, and those that need no network run as rehearsals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.errors import NotFound
from ionflux_core.fluxgraph.reading import parse

AGENTS = Path(__file__).resolve().parents[2] / "agents"
LONG = "Linen breathes. It dries in an hour and grows softer with every wash. We weave it in Porto since 1987."
TRIED: dict[str, dict[str, Any]] = {
    "hello_world": {"who": "Ana"},
    "order_alert": {"name": "#1001", "total_price": "620.00", "currency": "EUR"},
    "low_stock_watch": {
        "id": 7, "title": "Linen shirt",
        "variants": [{"title": "S", "inventory_quantity": 2}, {"title": "M", "inventory_quantity": 40}],
    },
    "one_text_many_places": {"text": LONG, "title": "Linen"},
    "comment_sorter": {"comments": [{"text": "Where do you ship to?"}, {"text": "I love it!"}]},
    "thank_loyal_customers": {"customer": {"first_name": "Ana", "email": "ana@example.com", "orders_count": 5}},
    "tidy_a_list": {"csv": "email,name,country\na@example.com,Ana,PT\na@example.com,Ana,PT\n,Nobody,BR\n"},
}  # fmt: skip


@pytest.fixture
def app(make_application: Callable[..., Application]) -> Application:
    return make_application(agents_dir=AGENTS).start()


def test_each_of_the_twelve_passes_the_checks_and_says_what_it_is_for(app: Application) -> None:
    ws = app.workspaces.create("Test").id
    found = app.blueprints.find()
    assert len(found) == 12 and found[0].name == "hello_world"
    for each in found:
        assert app.flows.validate(ws, each.yaml) == [], each.name
        assert each.title and each.description.endswith("."), each.name
    assert {"weather_by_schedule", "order_alert", "persona_gated_mail"} <= {each.name for each in found}
    kinds = {trigger.type for each in found for trigger in parse(each.yaml).triggers}
    assert {"manual", "schedule", "event", "webhook"} <= kinds


def test_a_blueprint_is_taken_under_another_name_with_its_comments(app: Application) -> None:
    text = app.blueprints.text("order_alert", called="my_alert")
    assert parse(text).name == "my_alert" and text.startswith("# A large order")
    with pytest.raises(NotFound) as caught:
        app.blueprints.get("order_alarm")
    assert "order_alert" in caught.value.hint


def test_what_needs_no_network_runs_as_a_rehearsal(app: Application) -> None:
    ws = app.workspaces.create("Test").id
    begun = {name: app.flows.try_it(ws, app.blueprints.get(name).yaml, payload=payload).run_id
             for name, payload in TRIED.items()}  # fmt: skip
    ended = {name: app.runs.wait(ws, run_id, timeout=60) for name, run_id in begun.items()}
    assert {name: (run.status, run.error) for name, run in ended.items()} == dict.fromkeys(TRIED, ("success", None))
    outputs = {name: run.outputs or {} for name, run in ended.items()}
    assert outputs["hello_world"] == {"said": "Hello Ana"}
    assert outputs["low_stock_watch"] == {"variants": 1}
    assert [each["email"] for each in outputs["tidy_a_list"]["contacts"]] == ["a@example.com"]
    assert set(outputs["one_text_many_places"]["drafts"]) == {"post", "thread", "teaser"}
    asked = {step.step_key: step.status for step in app.runs.steps(ws, begun["order_alert"])}
    assert asked["size.ask"] == "success" and asked["size.post"] == "success"
