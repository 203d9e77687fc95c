"""The API's views, notes and digests: what each caller may do, and errors that say what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import Application
from ionflux_core.ids import now
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

AGENTS = Path(__file__).resolve().parents[2] / "agents"
VIEW: dict[str, Any] = {"page": "dashboard", "name": "Week", "parameters": {"days": "7"}}
DIGEST: dict[str, Any] = {
    "name": "Weekly", "cron": "every Monday at 8", "timezone": "Europe/Lisbon",
    "destination": {"channel": "email", "to": ["a@b.example"]},
}  # fmt: skip


@pytest.fixture
def app(make_application: Callable[..., Application]) -> Application:
    made = make_application(agents_dir=AGENTS)
    made.workspaces.create("Test")
    return made


@contextmanager
def client_of(app: Application) -> Iterator[TestClient]:
    served = Starlette(routes=routes(), middleware=middleware(app, Requests()))
    with TestClient(served, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        client.base_url = "http://127.0.0.1/api/v1/"
        yield client


@pytest.fixture
def client(app: Application) -> Iterator[TestClient]:
    with client_of(app) as made:
        yield made


def test_a_view_is_made_changed_and_deleted(client: TestClient) -> None:
    made = client.post("views", json=VIEW)
    assert made.status_code == 201
    place = f"views/{made.json()['id']}"
    changed = client.patch(place, json={"name": "Month", "parameters": {"days": "30"}}).json()
    assert (changed["name"], changed["parameters"]) == ("Month", {"days": "30"})
    assert [each["name"] for each in client.get("views", params={"page": "dashboard"}).json()["views"]] == ["Month"]
    assert client.get("views", params={"page": "runs"}).json() == {"views": []}
    assert client.delete(place).status_code == 204 and client.delete(place).status_code == 404


def test_a_taken_name_and_a_needed_view_are_conflicts(client: TestClient) -> None:
    view = client.post("views", json=VIEW).json()
    again = client.post("views", json=VIEW)
    assert again.status_code == 409 and again.json()["hint"]
    assert client.post("digests", json={**DIGEST, "view_id": view["id"]}).status_code == 201
    assert client.delete(f"views/{view['id']}").status_code == 409
    assert client.post("digests", json={**DIGEST, "name": "x", "view_id": "gone"}).status_code == 404


def test_a_note_is_a_mark_of_its_period(client: TestClient) -> None:
    at = now()
    note = client.post("annotations", json={"at": at.isoformat(), "words": "Campaign"}).json()
    period = {"since": (at - timedelta(days=1)).isoformat(), "until": (at + timedelta(days=1)).isoformat()}
    [mark] = client.get("annotations", params=period).json()["marks"]
    assert (mark["kind"], mark["words"], mark["id"]) == ("note", "Campaign", note["id"])
    turned = client.get("annotations", params={"since": period["until"], "until": period["since"]})
    assert turned.status_code == 422
    assert client.delete(f"annotations/{note['id']}").status_code == 204
    assert client.get("annotations", params=period).json()["marks"] == []


def test_a_digest_is_kept_shown_and_sent(client: TestClient) -> None:
    made = client.post("digests", json=DIGEST)
    assert made.status_code == 201 and made.json()["next_at"]
    place = f"digests/{made.json()['id']}"
    sheet = client.get(f"{place}/sheet").json()
    assert sheet["text"].startswith("Test, ") and sheet["details"]["figures"][0]["name"] == "runs"
    sent = client.post(f"{place}/send")
    assert sent.status_code == 202 and sent.json()["last_outcome"] == "Given to the outbox: 1 mail."
    assert [each["to"] for each in sent.json()["deliveries"]] == ["a@b.example"]
    off = client.put(place, json={**DIGEST, "enabled": False}).json()
    assert off["next_at"] is None
    assert client.delete(place).status_code == 204 and client.get("digests").json() == {"digests": []}


@pytest.mark.parametrize(
    "wrong", [{"cron": "soon"}, {"destination": {"channel": "email", "to": ["x"]}}, {"days": 0}, {"surprise": 1}]
)
def test_what_is_wrong_is_named(client: TestClient, wrong: dict[str, Any]) -> None:
    answer = client.post("digests", json={**DIGEST, **wrong})
    assert answer.status_code == 422
    assert any(next(iter(wrong)) in str(each) for each in answer.json()["problems"])


def test_who_only_reads_may_look_and_not_send(make_application: Callable[..., Application]) -> None:
    guarded = make_application(agents_dir=AGENTS, auth="on")
    ws = guarded.workspaces.create("Ours").id
    digest = guarded.digests.create(ws, DIGEST)
    secret = ["https://hooks.example.com/T1/s3cret", "https://hooks.example.com/T2/s3cret?key=s3cret"]
    posted = {"channel": "webhook", "to": secret}
    hook = guarded.digests.create(ws, {**DIGEST, "name": "Hooks", "destination": posted})
    guarded.digests.send_now(ws, hook.id)
    editor = {"Authorization": f"Bearer {guarded.tokens.create(ws, 'Writes', role='editor')}"}
    reader = {"Authorization": f"Bearer {guarded.tokens.create(ws, 'Looks', role='viewer')}"}
    with client_of(guarded) as looking:
        seen = looking.get("digests", headers=reader)
        assert seen.status_code == 200 and "s3cret" not in seen.text
        [hooks] = [each for each in seen.json()["digests"] if each["name"] == "Hooks"]
        assert hooks["destination"]["to"] == ["https://hooks.example.com/…"] * 2
        assert [each["to"] for each in hooks["deliveries"]] == ["https://hooks.example.com/…"] * 2
        assert looking.get("digests", headers=editor).text.count("s3cret?key=s3cret") == 2, "where it goes, and went"
        assert looking.get("digests").status_code == 401
        assert looking.post(f"digests/{digest.id}/send", headers=reader).status_code == 403
        assert looking.post("views", json=VIEW, headers=reader).status_code == 403
        assert looking.delete(f"digests/{digest.id}", headers=reader).status_code == 403
