"""Secrets, retention and search by the command line, the API and the pages."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import Application, set_current
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes
from tests.agents_for_tests.world import World, small_world
from tests.core.test_cli import Ionflux, ionflux
from tests.pages.shown import labelled, open_page, plain_words

__all__ = ["ionflux", "small_world"]

VALUE = "canary-of-the-doors-4711"
TEXT = {"text": "The heliotrope is blue. It stands in the <b>garden</b>."}


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    app = Starlette(routes=routes(), middleware=middleware(application, Requests()))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1), raise_server_exceptions=False) as opened:
        opened.base_url = "http://127.0.0.1/api/v1/"  # type: ignore[assignment]
        yield opened


@pytest.fixture
def app(application: Application) -> Application:
    set_current(application)
    return application


def ran(app: Application, count: int = 1) -> list[str]:
    workspace = app.workspaces.all()[0].id
    return [app.runs.call(workspace, "agent:word_counter", TEXT, timeout=20).id for _ in range(count)]


def test_the_command_line_stores_lists_and_removes_secrets(ionflux: Ionflux, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{VALUE}\n"))
    said = ionflux("secret", "put", "shop_token")
    assert said.code == 0 and "is stored" in said.out and VALUE not in said.out
    listed = json.loads(ionflux("secret", "list", "--json").out)
    assert [each["name"] for each in listed] == ["shop_token"] and set(listed[0]) == {"name", "stored_at"}
    assert "shop_token" in ionflux("secret", "list").out
    assert ionflux("secret", "remove", "shop_token").code == 0
    gone = ionflux("secret", "remove", "shop_token")
    assert gone.code == 1 and "There is no secret" in gone.err


def test_the_command_line_searches_and_forgets(ionflux: Ionflux, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps(TEXT))
    assert ionflux("run", "agent:word_counter", "--input", "in.json", "--wait").code == 0
    found = ionflux("runs", "search", "heliotrope")
    assert found.code == 0 and "success" in found.out
    assert json.loads(ionflux("runs", "search", "heliotrope", "--json").out)["runs"][0]["status"] == "success"
    assert "No run answers" in ionflux("runs", "search", "nonsense").out
    assert "removes 0 runs" in ionflux("retention").out
    assert json.loads(ionflux("retention", "--json").out)["space"]["database"] > 0
    assert "0 runs" in ionflux("retention", "--now").out
    assert "MiB now" in ionflux("compact").out


def test_the_api_searches_with_fragments_as_data(application: Application, client: TestClient) -> None:
    first, second = ran(application, 2)
    answer = client.get("runs/search", params={"q": "helio", "limit": 1}).json()
    assert answer["complete"] and [each["run"]["run_id"] for each in answer["runs"]] == [second]
    pieces = answer["runs"][0]["fragment"]["pieces"]
    assert [piece["text"] for piece in pieces if piece["hit"]] == ["heliotrope"]
    rest = client.get("runs/search", params={"q": "helio", "cursor": answer["cursor"]}).json()
    assert [each["run"]["run_id"] for each in rest["runs"]] == [first] and rest["cursor"] is None
    assert client.get("runs", params={"text": "heliotrope"}).json()["runs"][0]["run_id"] == second
    assert client.get("runs/search", params={"q": "helio", "status": "error"}).json()["runs"] == []
    assert client.get("runs/search").status_code in (400, 422)
    for odd in ('"', "(", "a AND", "-", "*", "' OR 1=1 --"):
        assert client.get("runs/search", params={"q": odd}).status_code == 200


def test_the_api_shows_and_keeps_retention(application: Application, client: TestClient) -> None:
    ids = ran(application, 3)
    state = client.get("retention").json()
    assert state["runs"] == 3 and state["next_pass"]["runs"] == 0 and state["disk"]["database"] > 0
    rules = {**state["rules"], "success": {"days": None, "count": 1}}
    assert client.put("retention", json=rules).json()["success"] == {"days": None, "count": 1}
    assert client.get("retention").json()["next_pass"]["runs"] == 2
    assert client.put("retention", json={"success": {"days": 0}}).status_code == 422
    assert client.put("retention", json={"succes": {}}).status_code == 422
    assert client.post("retention/run").json()["runs"] == 2
    left = client.get("runs").json()["runs"]
    assert [each["run_id"] for each in left] == ids[2:]
    assert client.get("retention").json()["last_pass_at"]


def test_the_page_shows_sizes_saves_rules_and_runs_a_pass(app: Application) -> None:
    workspace = app.workspaces.all()[0].id
    ran(app, 3)
    page = open_page("settings", tab="retention")
    assert {metric.label for metric in page.metric} >= {"Database", "Write-ahead log", "Files", "Charts"}
    assert "It removes nothing" in plain_words(page) and "Always kept" in plain_words(page)
    labelled(page.number_input, "Successful runs: at most").set_value(1)
    labelled(page.number_input, "Failed runs: days").set_value(None)
    labelled(page.button, "Save").click().run()
    kept = app.workspaces.get(workspace).settings.retention
    assert (kept.success.count, kept.success.days, kept.error.days) == (1, 365, None)
    assert "It removes 2 runs with" in plain_words(page)
    labelled(page.button, "Run now").click().run()
    assert not page.exception and len(app.runs.find(workspace).runs) == 1
    assert "Last pass" in plain_words(page)


def test_the_page_of_runs_finds_by_words_and_shows_where(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    from ionflux_ui import run_list

    drawn: list[Any] = []
    real = run_list.row_of
    monkeypatch.setattr(run_list, "row_of", lambda *a: drawn.append(real(*a)) or drawn[-1])
    (run_id,) = ran(app)
    page = open_page("runs", text="garden")
    assert [row["id"] for row in drawn] and "1 run" in plain_words(page)
    assert ("garden", True) in [tuple(piece) for piece in drawn[-1]["pieces"]]
    assert "<b>" in drawn[-1]["preview"], "what stands in a run is shown as it is, as text"
    assert "No run fits" in plain_words(open_page("runs", text="nonsense"))
    assert run_id == drawn[-1]["id"]


def test_the_page_rotates_the_key(app: Application) -> None:
    workspace = app.workspaces.all()[0].id
    app.secrets.put(workspace, "shop_token", VALUE)
    before = app.secrets.vault().key_id
    page = open_page("settings", tab="secrets")
    assert str(app.settings.key_file) in plain_words(page) and "Stored" in plain_words(page)
    labelled(page.button, "Rotate it").click().run()
    assert not page.exception and app.secrets.vault().key_id != before
    assert app.secrets.reveal(workspace, "shop_token") == VALUE and VALUE not in plain_words(page)


def test_s8_s9_an_allow_list_opens_one_address_for_one_workspace_and_nothing_else(small_world: World) -> None:
    hits: list[str] = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Canary) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    listed, closed = (f"127.0.0.1:{server.server_port}" for server in servers)
    world = small_world
    world.agent("caller", lambda ctx, inputs: {"result": ctx.http.request("GET", inputs["value"]).status}, breaker=100)
    app, first = world.started(), world.workspace
    second = app.workspaces.create("Other").id
    app.workspaces.save_settings(first, {"outbound_allow": [listed]})
    try:
        outcomes = [
            app.runs.call(workspace, "agent:caller", {"value": f"http://{address}/{n}"}, timeout=20)
            for n, (workspace, address) in enumerate([(first, listed), (first, closed), (second, listed)])
        ]
        assert [run.status for run in outcomes] == ["success", "error", "error"]
        assert [run.error_code for run in outcomes[1:]] == ["outbound_refused"] * 2
        assert "allow-list" in (outcomes[1].error.hint if outcomes[1].error else "")
        app.workspaces.save_settings(first, {"outbound_allow": []})
        again = app.runs.call(first, "agent:caller", {"value": f"http://{listed}/late"}, timeout=20)
        assert again.error_code == "outbound_refused" and hits == ["/0"]
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
