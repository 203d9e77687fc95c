"""The API and the commands around people's answers: find, decide, and settle what nobody knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner

from ionflux_core.__main__ import cli
from ionflux_core.application import Application
from ionflux_core.ids import now
from ionflux_core.storage import outbox
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

CODE = '''
"""Asks, or sends."""


def run(ctx, inputs):
    """As it is wished."""
    if inputs.get("value") == "send":
        return {"result": ctx.send("folder", "letters", {"n": 1}, summary="A letter", estimate=0.5).status}
    answer = ctx.approve("Go on?", data={"sum": 3, "to": "a"}, editable=["sum"], urgency=inputs.get("value") or "low")
    return {"result": [answer.approved, answer.edits]}
'''


@pytest.fixture
def app(make_application: Callable[..., Application], make_agent: Callable[..., Any]) -> Application:
    """A started application with an agent that asks."""
    make_agent("writer", CODE)
    started = make_application().start()
    ws = started.workspaces.create("Test").id
    started.policies.set_channel(ws, "folder", {"dry_run": False})
    return started


@pytest.fixture
def client(app: Application) -> Iterator[TestClient]:
    """A caller on this machine."""
    served = Starlette(routes=routes(), middleware=middleware(app, Requests()))
    with TestClient(served, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as caller:
        caller.base_url = "http://127.0.0.1/api/v1/"  # type: ignore[assignment]
        yield caller


def start(app: Application, value: str | None = None) -> str:
    ws = app.workspaces.all()[0].id
    run_id = app.runs.start(ws, "agent:writer", {"value": value} if value else {}).run_id
    app.runs.wait(ws, run_id, timeout=20)
    return run_id


def outputs(app: Application, run_id: str) -> Any:
    run = app.runs.wait(app.workspaces.all()[0].id, run_id, timeout=20)
    return run.outputs and run.outputs["result"]


def test_questions_are_narrowed_and_paged(app: Application, client: TestClient) -> None:
    runs = [start(app, urgency) for urgency in ("low", "high", "critical")]
    first = client.get("approvals", params={"limit": 2}).json()
    rest = client.get("approvals", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert [each["run_id"] for each in first["approvals"] + rest["approvals"]] == runs[::-1]
    assert rest["cursor"] is None
    assert len(client.get("approvals", params={"urgency": "high"}).json()["approvals"]) == 1
    assert client.get("approvals", params={"agent": "nobody"}).json()["approvals"] == []
    assert client.get("approvals", params={"urgency": "shouting"}).status_code == 422


def test_an_answer_with_an_edit_is_taken_once(app: Application, client: TestClient) -> None:
    run_id = start(app)
    (asked,) = client.get("approvals").json()["approvals"]
    assert (asked["data"], asked["agent"]) == ({"sum": 3, "to": "a"}, "writer")
    assert client.get("approvals/acceptance").json()["acceptance_rate"] == {
        "not_computed": "Nobody has decided over a draft yet."
    }
    address = f"approvals/{asked['id']}"
    assert client.post(address, json={"verdict": "perhaps"}).status_code == 422
    assert client.post(address, json={"verdict": "approve", "edits": {"sum": "four"}}).status_code == 422
    answer = client.post(address, json={"verdict": "approve", "edits": {"sum": 4}, "comment": "One more"})
    assert answer.json()["status"] == "approved"
    assert client.post(address, json={"verdict": "deny"}).status_code == 409
    assert outputs(app, run_id) == [True, {"sum": 4}]
    (decided,) = client.get("approvals", params={"view": "decided"}).json()["approvals"]
    assert (decided["edits"], decided["comment"]) == ({"sum": 4}, "One more")
    share = client.get("approvals/acceptance", params={"agent": "writer"}).json()
    assert (share["acceptance_rate"], share["edited"]) == (0.0, 1)


def test_the_question_about_an_effect_says_why_it_is_asked(app: Application, client: TestClient) -> None:
    start(app, "send")
    (asked,) = client.get("approvals").json()["approvals"]
    effect = client.get(f"approvals/{asked['id']}").json()["effect"]
    assert (effect["kind"], effect["target"], effect["estimate_micros"]) == ("folder", "letters", 500_000)
    assert effect["reasons"] == ["No policy allows this by itself, so a person decides."]


def test_the_outbox_is_read_and_a_doubtful_effect_settled_once(app: Application, client: TestClient) -> None:
    start(app, "send")
    (line,) = client.get("outbox").json()["effects"]
    assert client.get("outbox", params={"status": "sent"}).json()["effects"] == []
    address = f"outbox/{line['id']}"
    assert client.post(address, json={"action": "sent"}).status_code == 409
    app.db.write(lambda c: outbox.move(c, line["id"], "uncertain", source=("awaiting_approval",), at=now()))
    assert client.post(address, json={"action": "burn"}).status_code == 422
    assert client.post(address, json={"action": "sent", "comment": "They have it."}).json()["status"] == "sent"
    assert client.post(address, json={"action": "retry"}).status_code == 409
    assert client.get("outbox/nothing").status_code == 404


def test_policies_and_channels_are_read_and_set(app: Application, client: TestClient) -> None:
    rules = [{"channel": "folder", "agent": "*", "verdict": "ask_above", "amount": 1.0}]
    assert client.put("policies", json={"policies": rules}).json()["policies"] == rules
    assert client.get("policies").json()["policies"] == rules
    assert client.put("policies", json={"policies": [{"verdict": "ask_above"}]}).status_code == 422
    assert outputs(app, start(app, "send")) == "sent"
    known = {each["kind"]: each["connected"] for each in client.get("outbound/channels").json()["channels"]}
    assert known == dict.fromkeys(known, False) | {"folder": True} and {"email", "webhook"} <= set(known)
    assert client.put("outbound/channels/folder", json={"dry_run": True}).json()["connected"] is False
    assert outputs(app, start(app, "send")) == "would_send"
    assert client.put("outbound/channels/pigeon", json={"dry_run": False}).status_code == 404


def test_the_commands_list_and_answer(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = app.settings
    for name in ("data_dir", "agents_dir", "key_file"):
        monkeypatch.setenv(f"IONFLUX_{name.upper()}", str(getattr(settings, name)))
    run_id, sent = start(app, "high"), start(app, "send")
    ws = app.workspaces.all()[0].id

    def said(*words: str) -> str:
        result = CliRunner().invoke(cli, list(words))
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    listed = json.loads(said("approvals", "--json"))
    assert [each["run_id"] for each in listed] == [run_id, sent]
    assert "Go on?" in said("approvals") and "A letter" in said("outbox")
    assert "approved" in said("approvals", listed[0]["id"], "--approve", "--edit", "sum=4", "--comment", "fine")
    assert app.approvals.get(ws, listed[0]["id"]).edits == {"sum": 4}
    (effect,) = json.loads(said("outbox", "--json", "--status", "awaiting_approval"))
    app.db.write(lambda c: outbox.move(c, effect["id"], "uncertain", source=("awaiting_approval",), at=now()))
    assert "--action" in said("outbox")
    said("outbox", effect["id"], "--action", "give_up")
    assert app.outbox.get(ws, effect["id"]).status == "failed"
    assert "Go on?" in said("approvals", "--decided")
