"""The API's and the command line's money: budgets, ledger, estimates, and a run that goes on with more."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core import __main__ as command
from ionflux_core.application import Application
from ionflux_core.settings import Settings
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes
from tests.agents_for_tests.paid import CALL_MICROS, CODE, Chooser, Stand


@pytest.fixture
def application(make_application: Any, make_agent: Any) -> Application:
    """A started application whose agent `asker` asks a model three times, at a known price."""
    make_agent("asker", CODE)
    made: Application = make_application()
    chooser = Chooser()
    made.models.model = lambda workspace_id, chosen: Stand(chosen, chooser.asked)  # type: ignore[method-assign]
    made.start().workspaces.create("Test")
    return made


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    app = Starlette(routes=routes(), middleware=middleware(application, Requests()))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as opened:
        opened.base_url = "http://127.0.0.1/api/v1/"  # type: ignore[assignment]
        yield opened


def ended(application: Application, run_id: str) -> str:
    workspace = application.workspaces.all()[0].id
    return application.runs.wait(workspace, run_id, timeout=15).status


def test_a_run_with_a_budget_stops_and_goes_on_with_more(application: Application, client: TestClient) -> None:
    started = client.post("runs", json={"target": "agent:asker", "budget_micros": CALL_MICROS + 1_000})
    run_id = started.json()["run_id"]
    assert ended(application, run_id) == "budget_stopped"
    stopped = client.get(f"runs/{run_id}").json()
    assert (stopped["cost_micros"], stopped["budget_micros"]) == (CALL_MICROS, CALL_MICROS + 1_000)
    assert stopped["error"]["code"] == "budget_reached"
    refused = client.post(f"runs/{run_id}/continue", json={"budget_micros": 1})
    assert refused.status_code == 422 and "has spent" in refused.json()["detail"]
    goes_on = client.post(f"runs/{run_id}/continue", json={"budget_micros": 4 * CALL_MICROS})
    assert goes_on.status_code == 200 and goes_on.json()["budget_micros"] == 4 * CALL_MICROS
    assert ended(application, run_id) == "success"
    assert client.get(f"runs/{run_id}").json()["cost_micros"] == 3 * CALL_MICROS
    assert client.post(f"runs/{run_id}/continue", json={}).status_code == 409


def test_budgets_are_set_listed_and_removed(client: TestClient) -> None:
    made = client.post("budgets", json={"limit_micros": 5_000_000, "period": "day"})
    assert made.status_code == 201 and made.json()["used_micros"] == 0
    client.post("budgets", json={"limit_micros": 7_000_000, "period": "month"})
    first = client.get("budgets", params={"limit": 1}).json()
    second = client.get("budgets", params={"limit": 1, "cursor": first["cursor"]}).json()
    assert [each["period"] for page in (first, second) for each in page["budgets"]] == ["day", "month"]
    assert second["cursor"] is None
    assert client.delete(f"budgets/{made.json()['id']}").status_code == 204
    assert client.delete(f"budgets/{made.json()['id']}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"limit_micros": -1, "period": "day"},
        {"limit_micros": 10**30, "period": "day"},
        {"limit_micros": 1, "period": "century"},
        {"limit_micros": 1, "period": "day", "instance_id": "nobody"},
        {"limit_micros": 1, "period": "day", "more": 1},
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    assert client.post("budgets", json=body).status_code in (404, 422)
    assert client.get("budgets").json()["budgets"] == []


def test_the_ledger_shows_grants_and_what_a_run_took(application: Application, client: TestClient) -> None:
    assert client.get("ledger").json()["balance"] == 10_000
    granted = client.post("ledger/grants", json={"amount_micros": 5_000_000, "note": "five more"})
    assert granted.status_code == 201 and granted.json()["kind"] == "credit_grant"
    assert client.post("ledger/grants", json={"amount_micros": 0}).status_code == 422
    run_id = client.post("runs", json={"target": "agent:asker"}).json()["run_id"]
    assert ended(application, run_id) == "success"
    page = client.get("ledger", params={"run_id": run_id, "limit": 4}).json()
    assert page["balance_micros"] == 10_005_000_000 - 3 * CALL_MICROS * 100
    rest = client.get("ledger", params={"run_id": run_id, "cursor": page["cursor"]}).json()
    entries = page["entries"] + rest["entries"]
    assert len(entries) == 9 and sum(entry["amount_micros"] for entry in entries) == -3 * CALL_MICROS * 100
    assert {entry["step_key"] for entry in entries} == {"llm", "llm[1]", "llm[2]"}
    rows = list(csv.DictReader(io.StringIO(client.get("ledger.csv").text)))
    assert len(rows) == 11 and rows[0]["kind"] == "debit_flow_execution"


def test_estimates_and_figures(application: Application, client: TestClient) -> None:
    instance = client.post("instances", json={"definition": "asker", "name": "One"}).json()["id"]
    nothing = client.get(f"instances/{instance}/estimate").json()
    assert nothing["cost"] is None and "nothing to estimate from" in nothing["not_computed"]
    run_id = client.post("runs", json={"target": "One"}).json()["run_id"]
    assert ended(application, run_id) == "success"
    assert client.get(f"instances/{instance}/estimate").json()["cost"]["median"] == 3 * CALL_MICROS
    assert client.get("agents/asker/estimate").json()["cost"]["n"] == 1
    fork = client.get(f"runs/{run_id}/estimate", params={"step": "llm[2]"}).json()
    assert fork["cost"]["median"] == CALL_MICROS
    mini = client.get("agents/asker/estimate", params={"model": "openai:gpt-4.1-mini"}).json()
    assert mini["cost"]["median"] == 3 * 800
    figures = client.get(f"instances/{instance}/costs").json()
    assert (figures["runs"], figures["calls"], figures["unpriced_calls"]) == (1, 3, 0)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "budgets", {"limit_micros": 1, "period": "day"}),
        ("delete", "budgets/x", None),
        ("post", "ledger/grants", {"amount_micros": 1}),
    ],
)
def test_only_an_owner_grants_and_limits(
    make_application: Any, method: str, path: str, body: dict[str, Any] | None
) -> None:
    application: Application = make_application(auth="on").start()
    workspace = application.workspaces.create("Test").id
    token = application.tokens.create(workspace, "script", role="editor", days=None)
    app = Starlette(routes=routes(), middleware=middleware(application, Requests()))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as outside:
        headers = {"Authorization": f"Bearer {token}"}
        answer = outside.request(method, f"/api/v1/{path}", json=body, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (403, "A editor may not do this.")


# --- the command line


def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["ionflux", *words])
    try:
        code = command.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    said = capsys.readouterr()
    return code, said.out + said.err


def test_the_command_line_has_the_same_verbs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    for name in ("data_dir", "agents_dir", "key_file"):
        monkeypatch.setenv(f"IONFLUX_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("IONFLUX_DEMO", "false")

    def ionflux(*words: str) -> tuple[int, str]:
        return say(monkeypatch, capsys, *words)

    assert ionflux("budgets", "set", "0.50", "--per", "day") == (0, "Whole workspace: $0.50 for each day.\n")
    listed = ionflux("budgets", "list")[1]
    assert "$0.50" in listed and "$0.00" in listed
    budget_id = listed.splitlines()[1].split()[0]
    assert ionflux("budgets", "remove", budget_id) == (0, "Removed.\n")
    assert "There is no budget" in ionflux("budgets", "list")[1]
    assert "the balance is 10,100 C-ION" in ionflux("ledger", "grant", "100", "--note", "more")[1]
    assert "Balance: 10,100 C-ION" in ionflux("ledger", "show")[1]
    target = tmp_path / "ledger.csv"
    assert ionflux("ledger", "export", str(target))[0] == 0
    assert len(target.read_text().splitlines()) == 3
    assert "Not computed" in ionflux("estimate", "agent:word_counter")[1]
    assert ionflux("budgets", "set", "lots")[0] == 1
    assert ionflux("budgets", "set", "1e-9")[0] == 1
    assert "There is no such run" in ionflux("continue", "nothing")[1]
    assert ionflux("run", "agent:word_counter", "--budget", "-3")[0] == 1
