"""The value ledger: what runs book and what owners estimate, once, with its confidence, and methods never mixed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import Application
from ionflux_core.catalog.manifest import configuration_schema
from ionflux_core.domain.value import ValueSum
from ionflux_core.errors import Invalid
from ionflux_core.services.dashboard import DashboardFilters
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

_SELLER = """
    from ionflux_core.sdk import Context

    def run(ctx: Context, inputs):
        said = inputs.get("value") or {}
        def book():
            ctx.value("money_made", 80, unit="USD", method="measured", note="An order.", confidence=said.get("sure"))
            ctx.value("money_made", 20, unit="USD", method="modelled", note="A guess.")
            ctx.value("money_saved", 5, unit="EUR", method="measured", note="A refund that was not needed.")
        ctx.step("book", book)
        if said.get("fail"):
            raise ValueError("no")
        if said.get("ask"):
            ctx.approve("Go on?")
        return {"result": 1}
"""
_ESTIMATE = "value:\n  minutes_per_run: 3.5\n  confidence: 0.6\n"


@pytest.fixture
def application(database_url: str, make_application: Any, make_agent: Any) -> Application:
    make_agent("seller", _SELLER)
    started: Application = make_application(database_url=database_url).start()
    started.workspaces.create("Test")
    return started


@pytest.fixture
def ws(application: Application) -> str:
    return application.workspaces.all()[0].id


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    app = Starlette(routes=routes(), middleware=middleware(application, Requests()))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as opened:
        opened.base_url = "http://127.0.0.1/api/v1/"  # type: ignore[assignment]
        yield opened


def run(application: Application, ws: str, target: str, value: dict[str, Any] | None = None, **options: Any) -> Any:
    started = application.runs.start(ws, target, {"value": value or {}}, **options)
    ended = application.runs.wait(ws, started.run_id, timeout=20)
    application.cache.refresh(max_age=0, budget=None)
    return ended


def sums(application: Application, ws: str, **filters: Any) -> dict[tuple[str, str, str], ValueSum]:
    found = application.value.summary(ws, DashboardFilters(**filters))
    return {(each.kind, each.method, each.unit): each for each in found}


def test_methods_and_units_stay_apart_and_confidence_is_a_mean(application: Application, ws: str) -> None:
    for sure in (0.5, 1.0, None):
        run(application, ws, "agent:seller", {"sure": sure})
    found = sums(application, ws)
    measured = found["money_made", "measured", "USD"]
    assert (measured.amount, measured.entries, measured.confidence, measured.sure) == (240, 3, 0.75, 2)
    modelled = found["money_made", "modelled", "USD"]
    assert (modelled.amount, modelled.confidence) == (60, None)
    assert ("money_saved", "measured", "EUR") in found and len(found) == 3
    gmv = application.figures.figure(ws, "agent_gmv", by="day")
    assert gmv.value is None and "never added" in gmv.not_computed
    assert {(part["label"], part["value"]) for part in gmv.parts} == {
        ("Measured, USD", 240.0), ("Modelled, USD", 60.0), ("Measured, EUR", 15.0)
    }  # fmt: skip
    assert {row["series"] for row in gmv.rows} == {"Measured, USD", "Modelled, USD", "Measured, EUR"}
    saved = application.figures.figure(ws, "money_saved", by=None)
    assert (saved.value, saved.metric.unit, saved.parts[0]["confidence"]) == (15.0, "EUR", None)


def test_the_owners_estimate_is_booked_once_for_each_successful_run(application: Application, ws: str) -> None:
    instance = application.agents.create(ws, "seller", "Seller", yaml=_ESTIMATE)
    first = run(application, ws, instance.id)
    run(application, ws, instance.id, {"fail": True})
    run(application, ws, instance.id, dry_run=True)
    found = sums(application, ws, instance_id=instance.id)["minutes_returned", "estimate", "min"]
    assert (found.amount, found.entries, found.confidence) == (3.5, 1, 0.6)
    (entry,) = [each for each in application.value.entries(ws).entries if each.method == "estimate"]
    assert entry.run_id == first.id and "3.5 minutes" in entry.note
    assert application.figures.figure(ws, "minutes_returned", by=None).value == 3.5


def test_a_run_that_asked_a_person_books_its_estimate_when_it_has_ended(application: Application, ws: str) -> None:
    instance = application.agents.create(ws, "seller", "Seller", yaml=_ESTIMATE)
    started = application.runs.start(ws, instance.id, {"value": {"ask": True}})
    for _ in range(200):
        asked = application.approvals.pending(ws)
        if asked:
            break
        application.runs.wait(ws, started.run_id, timeout=0.05)
    application.cache.refresh(max_age=0, budget=None)
    assert ("minutes_returned", "estimate", "min") not in sums(application, ws)
    application.approvals.decide(ws, asked[0].id, approved=True, by="Ada")
    assert application.runs.wait(ws, started.run_id, timeout=20).status == "success"
    application.cache.refresh(max_age=0, budget=None)
    assert sums(application, ws)["minutes_returned", "estimate", "min"].entries == 1
    accepted = application.figures.figure(ws, "acceptance_rate", by="instance")
    assert (accepted.value, accepted.rows[0]["label"]) == (1.0, "Seller")


def test_a_replay_of_a_run_books_nothing_again(application: Application, ws: str) -> None:
    instance = application.agents.create(ws, "seller", "Seller", yaml=_ESTIMATE)
    first = run(application, ws, instance.id)
    before = {key: each.entries for key, each in sums(application, ws).items()}
    replayed = application.forks.replay(ws, first.id)
    application.runs.wait(ws, replayed.run_id, timeout=20)
    application.cache.refresh(max_age=0, budget=None)
    assert {key: each.entries for key, each in sums(application, ws).items()} == before


@pytest.mark.parametrize("sure", [-0.1, 1.5, 7])
def test_a_confidence_that_is_no_share_is_refused(application: Application, ws: str, sure: float) -> None:
    failed = run(application, ws, "agent:seller", {"sure": sure})
    assert failed.status == "error" and "confidence" in failed.error.message
    assert sums(application, ws) == {}


@pytest.mark.parametrize(
    ("yaml", "path"),
    [
        ("value: 3\n", "value"),
        ("value:\n  minutes_per_run: -1\n", "value.minutes_per_run"),
        ("value:\n  minutes_per_run: soon\n", "value.minutes_per_run"),
        ("value:\n  minutes_per_run: 3\n  confidence: 2\n", "value.confidence"),
        ("value:\n  minutes: 3\n", "value.minutes"),
    ],
)
def test_a_wrong_estimate_is_named_with_its_place(application: Application, ws: str, yaml: str, path: str) -> None:
    with pytest.raises(Invalid) as wrong:
        application.agents.create(ws, "seller", "Seller", yaml=yaml)
    assert wrong.value.problems[0].path == path and wrong.value.problems[0].line


def test_the_estimate_stands_in_the_schema_of_a_configuration(application: Application) -> None:
    schema = configuration_schema(application.catalog.definition("seller"))
    assert schema["properties"]["value"]["properties"]["minutes_per_run"]["exclusiveMinimum"] == 0


def test_the_api_lists_entries_in_pages_and_sums(application: Application, ws: str, client: TestClient) -> None:
    for _ in range(3):
        run(application, ws, "agent:seller", {"sure": 0.5})
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        asked = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = client.get("value", params=asked).json()
        seen += [entry["id"] for entry in page["entries"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 9
    made = [each for each in page["sums"] if each["kind"] == "money_made"]
    assert {(each["method"], each["amount"]) for each in made} == {("measured", 240.0), ("modelled", 60.0)}
    only = client.get("value", params={"method": "modelled"}).json()
    assert {entry["method"] for entry in only["entries"]} == {"modelled"} and len(only["sums"]) == 1
    assert only["entries"][0]["note"] == "A guess."
    assert client.get("value", params={"cursor": "nonsense"}).status_code == 422
    assert client.get("value", params={"from": "2020-01-01", "to": "2020-01-02"}).json()["sums"] == []
