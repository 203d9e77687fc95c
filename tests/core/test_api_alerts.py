"""The API's alerts: rules, incidents and health through the door, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import Application
from ionflux_core.domain.incidents import Sighting
from ionflux_core.services.tokens import Caller
from ionflux_core.web import auth
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

RULE: dict[str, Any] = {"name": "Disk", "measure": "disk_free", "comparison": "below", "threshold": 1e9}


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    app = Starlette(routes=routes(), middleware=middleware(application, Requests()))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as opened:
        opened.base_url = "http://127.0.0.1/api/v1/"
        yield opened


@pytest.fixture
def ws(application: Application) -> str:
    return application.workspaces.all()[0].id


def test_a_rule_is_tried_made_changed_muted_and_removed(client: TestClient) -> None:
    tried = client.post("alerts/rules/try", json=RULE).json()
    assert tried["broken"] and tried["readings"][0]["title"].startswith("Only")
    made = client.post("alerts/rules", json=RULE)
    assert made.status_code == 201 and made.json()["enabled"] and made.json()["period_minutes"] == 60
    rule = made.json()["id"]
    assert client.post("alerts/rules", json=RULE).status_code == 409
    saved = client.put(f"alerts/rules/{rule}", json={**RULE, "threshold": 0})
    assert saved.json()["threshold"] == 0
    assert client.post(f"alerts/rules/{rule}/mute", json={"minutes": 5}).json()["muted_until"]
    assert client.post(f"alerts/rules/{rule}/mute", json={"minutes": None}).json()["muted_until"] is None
    listed = {each["name"]: each for each in client.get("alerts/rules").json()["rules"]}
    assert not listed["Disk"]["present"]["broken"] and listed["Disk"]["present"]["words"].endswith("GiB")
    assert client.delete(f"alerts/rules/{rule}").status_code == 204
    assert client.delete(f"alerts/rules/{rule}").status_code == 404


def test_what_is_wrong_with_a_rule_is_told_with_its_field(client: TestClient) -> None:
    refused = client.post("alerts/rules", json={**RULE, "measure": "moon"})
    assert refused.status_code == 422 and "no measure" in refused.json()["detail"]
    assert client.post("alerts/rules", json={**RULE, "colour": "red"}).status_code == 422
    assert client.post("alerts/rules/try", json={**RULE, "target": {"brand_id": "x"}}).status_code == 422
    unknown = client.post("alerts/rules", json={**RULE, "measure": "figure:moon"})
    assert unknown.status_code == 404 and unknown.json()["hint"]


def test_incidents_are_listed_paged_muted_and_resolved(client: TestClient, application: Application, ws: str) -> None:
    rules = {rule.id: rule for rule in application.alert_rules.find(ws)}
    some = next(iter(rules))
    seen = [Sighting(some, "queue_length", f"s{n}", f"Trouble {n}", "It is so.", float(n)) for n in range(3)]
    application.incidents.take_note(ws, rules, seen)
    first = client.get("alerts", params={"limit": 2}).json()
    assert first["open"] == 3 and [each["title"] for each in first["incidents"]] == ["Trouble 2", "Trouble 1"]
    rest = client.get("alerts", params={"cursor": first["cursor"]}).json()
    assert [each["title"] for each in rest["incidents"]] == ["Trouble 0"] and rest["cursor"] is None
    one = rest["incidents"][0]["id"]
    assert client.get(f"alerts/{one}").json()["value"] == 0.0
    assert client.post(f"alerts/{one}/mute", json={"minutes": 60}).json()["muted_until"]
    done = client.post(f"alerts/{one}/resolve").json()
    assert done["status"] == "resolved" and done["resolved_by"]
    assert client.post(f"alerts/{one}/resolve").status_code == 409
    assert client.get("alerts", params={"status": "resolved"}).json()["incidents"][0]["id"] == one
    assert client.get("alerts/nobody").status_code == 404
    assert client.get("alerts", params={"since": "2031-01-01T00:00:00Z"}).json()["incidents"] == []


def test_measures_and_health_are_told(client: TestClient, application: Application, ws: str) -> None:
    names = {each["name"] for each in client.get("alerts/measures").json()["measures"]}
    assert {"failure_rate", "silence", "cost_projected"} <= names
    made = application.agents.create(ws, "word_counter", "Counter")
    (health,) = client.get("alerts/health").json()["agents"]
    assert health["instance_id"] == made.id and health["state"] == "unknown"
    assert client.get(f"instances/{made.id}").json()["health"] == {"state": "unknown", "reason": "It has not run yet."}
    assert client.get("instances").json()["instances"][0]["health"]["state"] == "unknown"


def test_a_rule_can_watch_a_figure_of_the_catalogue(client: TestClient, application: Application, ws: str) -> None:
    for _ in range(2):
        run = application.runs.start(ws, "agent:word_counter", {"text": "two words"}).run_id
        application.runs.wait(ws, run, timeout=10)
    rule = {"name": "Busy", "measure": "figure:runs", "threshold": 1, "period_minutes": 1440}
    tried = client.post("alerts/rules/try", json=rule).json()
    assert tried["value"] == 2 and tried["broken"], tried
    application.alert_rules.create(ws, rule)
    assert application.watch.look("test") == 1
    (one,) = application.incidents.find(ws, "open")
    assert one.kind == "figure" and one.subject == "runs:workspace"


def test_who_only_looks_changes_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = Caller(name="Vera", role="viewer", workspace_id=None)
    hook = {"channel": "webhook", "to": "https://[2001:db8::1]:8443/T1/s3cret"}
    assert client.post("alerts/rules", json={**RULE, "destinations": [hook]}).status_code == 201
    assert "s3cret" in client.get("alerts/rules").text
    monkeypatch.setattr(auth, "LOCAL_OWNER", viewer)
    seen = {each["name"]: each["destinations"] for each in client.get("alerts/rules").json()["rules"]}
    assert seen["Disk"] == [{"channel": "webhook", "to": "https://[2001:db8::1]/…"}]
    assert seen["Half of the runs fail"] == [{"channel": "chat", "to": "alerts"}]
    assert client.get("alerts").status_code == 200 and client.post("alerts/rules/try", json=RULE).status_code == 200
    assert client.post("alerts/rules", json=RULE).status_code == 403
    assert client.post("alerts/any/resolve").status_code == 403
