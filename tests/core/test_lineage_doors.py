"""Retry, fork, replay and lineage from outside: the API and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.__main__ import cli
from ionflux_core.application import Application
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

CODE = '''
"""Doubles."""


def run(ctx, inputs):
    """Two steps."""
    value = ctx.step("double", lambda n: n * 2, inputs.get("value", 1))
    return {"result": ctx.step("check", check, value, inputs.get("value"))}


def check(value, given):
    if given == 13:
        raise ValueError("unlucky")
    return [value, given]
'''


@pytest.fixture
def started(make_application: Callable[..., Application], make_agent: Callable[..., Path]) -> Application:
    make_agent("doubler", CODE)
    app = make_application().start()
    app.workspaces.create("Test")
    return app


@pytest.fixture
def client(started: Application) -> Iterator[TestClient]:
    app = Starlette(routes=routes(), middleware=middleware(started, Requests()))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as opened:
        opened.base_url = "http://127.0.0.1/api/v1/"  # type: ignore[assignment]
        yield opened


def _ended(app: Application, run_id: str) -> Any:
    return app.runs.wait(app.workspaces.all()[0].id, run_id, timeout=10)


def _run(client: TestClient, app: Application, value: int) -> str:
    made = client.post("runs", json={"target": "agent:doubler", "inputs": {"value": value}}).json()["run_id"]
    _ended(app, made)
    return str(made)


def test_the_api_retries_forks_and_replays(client: TestClient, started: Application) -> None:
    failed = _run(client, started, 13)
    retried = client.post(f"runs/{failed}/retry")
    assert (retried.status_code, _ended(started, retried.json()["run_id"]).lineage) == (202, "retry")
    assert retried.headers["location"] == f"/api/v1/runs/{retried.json()['run_id']}"
    plan = client.get(f"runs/{failed}/fork", params={"step": "check"}).json()
    assert plan == {"step": "check", "reused": ["double"], "step_inputs": {"args": [26, 13], "kwargs": {}}}
    wanted = {"step": "check", "inputs": {"value": 2}, "idempotency_key": "one"}
    forks = [client.post(f"runs/{failed}/fork", json=wanted).json() for _ in range(2)]
    assert [fork["repeated"] for fork in forks] == [False, True] and forks[0]["run_id"] == forks[1]["run_id"]
    child = _ended(started, forks[0]["run_id"])
    assert child.outputs == {"result": [26, 2]}
    replayed = client.post(f"runs/{child.id}/replay", json={"idempotency_key": "two"})
    assert replayed.status_code == 202
    assert _ended(started, replayed.json()["run_id"]).outputs == child.outputs
    told = client.get(f"runs/{child.id}").json()
    assert (told["lineage"], told["forked_at"], told["parent_run_id"]) == ("fork", "check", failed)
    steps = client.get(f"runs/{child.id}/steps").json()
    assert [(step["status"], step["source_run_id"]) for step in steps] == [("reused", failed), ("success", None)]
    tree = client.get(f"runs/{child.id}/lineage", params={"limit": 2}).json()
    assert [node["run_id"] for node in tree["ancestors"]] == [failed]
    assert [node["lineage"] for node in tree["family"]] == [None, "retry"]
    rest = client.get(f"runs/{child.id}/lineage", params={"cursor": tree["cursor"]}).json()
    assert [node["lineage"] for node in rest["family"]] == ["fork", "replay"] and rest["cursor"] is None
    assert rest["family"][0]["notes"] == ["input value: 13 → 2"]


def test_the_api_says_what_is_wrong_with_a_fork(client: TestClient, started: Application) -> None:
    done = _run(client, started, 1)
    for path, body, status in (
        (f"runs/{done}/retry", {}, 409),
        (f"runs/{done}/fork", {"step": "nowhere"}, 404),
        (f"runs/{done}/fork", {"inputs": {"walue": 1}}, 422),
        (f"runs/{done}/fork", {"version": 3}, 422),
        (f"runs/{done}/fork", {"what": 3}, 422),
        ("runs/nobody/replay", {}, 404),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code == status, (path, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json" and answer.json()["code"]


def test_the_command_line_has_the_same_verbs(
    started: Application, client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    failed = _run(client, started, 13)
    for name, value in (
        ("IONFLUX_DATA_DIR", started.settings.data_dir),
        ("IONFLUX_AGENTS_DIR", started.settings.agents_dir),
        ("IONFLUX_KEY_FILE", started.settings.key_file),
        ("IONFLUX_DEMO", "false"),
    ):
        monkeypatch.setenv(name, str(value))
    changed = tmp_path / "inputs.json"
    changed.write_text('{"value": 2}')
    runner = CliRunner()

    def said(*words: str) -> Any:
        result = runner.invoke(cli, ["runs", *words, "--json"])
        return json.loads(result.output)

    forked = said("fork", failed, "--step", "check", "--input", str(changed), "--wait")
    assert (forked["status"], forked["outputs"]) == ("success", {"result": [26, 2]})
    assert said("replay", forked["run_id"], "--wait")["outputs"] == forked["outputs"]
    again = said("retry", failed, "--key", "one")
    assert _ended(started, again["run_id"]).status == "error" and said("retry", failed, "--key", "one")["repeated"]
    tree = said("lineage", forked["run_id"])
    assert [node["lineage"] for node in tree["family"]] == [None, "fork", "replay", "retry"]
    shown = runner.invoke(cli, ["runs", "lineage", failed]).output
    assert "fork at check" in shown and "input value: 13 → 2" in shown
