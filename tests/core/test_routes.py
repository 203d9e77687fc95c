"""The doors beside the pages: health, metrics, webhooks, who may come in, and what every answer carries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.web.headers import policy
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

HERE = "http://127.0.0.1:8501"
MakeApplication = Callable[..., Application]

HOOKED = """\
inputs:
  - {key: value, type: json, from_trigger: true}
outputs:
  - {key: result, type: json}
"""
HOOK = "  - {key: hook, type: webhook, payload_to: value, config: {path: /in, auth: %s, method: POST}}\n"


def client_of(application: Application, *, at: str = HERE, peer: str = "127.0.0.1") -> TestClient:
    """What a browser or program on `peer` sees; pages are one line of text."""
    requests = Requests()
    pages = Starlette(routes=[Route("/{path:path}", lambda _: PlainTextResponse("the page"))])
    app = Starlette(routes=[*routes(), Mount("/", pages)], middleware=middleware(application, requests))
    return TestClient(app, base_url=at, client=(peer, 4711), raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    with client_of(application) as opened:
        yield opened


@pytest.fixture
def hook(application: Application, make_agent: Callable[..., Any]) -> str:
    """The address of a webhook that any body may be sent to."""
    place = make_agent("hooked", "def run(ctx, inputs):\n    return {'result': inputs.get('value')}\n", manifest=HOOKED)
    manifest = place / "agent.yaml"
    text = manifest.read_text("utf-8")
    manifest.write_text(text.replace("inputs:\n", HOOK % "token" + "inputs:\n", 1), "utf-8")
    application.catalog.reload()
    application.marketplace.register()
    workspace = application.workspaces.all()[0]
    application.agents.create(workspace.id, "hooked", "Hooked", yaml="{}\n")
    (trigger,) = [each for each in application.triggers.find(workspace.id) if each.kind == "webhook"]
    return f"/hooks/{trigger.hook_path}"


def assert_problem(answer: Any, status: int, code: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status and document["detail"] and document["title"]
    assert "Traceback" not in answer.text
    assert code is None or document["code"] == code
    return document


def test_health_writes_and_reads(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert_problem(client.post("/healthz"), 405)


def test_health_says_when_the_database_is_gone(application: Application, client: TestClient) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    application.db.write = broken  # type: ignore[method-assign]
    document = assert_problem(client.get("/healthz"), 503, "unhealthy")
    assert "No space left" in document["detail"]


def test_metrics_count_each_run_once(application: Application, client: TestClient) -> None:
    client.get("/metrics")
    workspace = application.workspaces.all()[0]
    started = application.runs.start(workspace.id, "agent:word_counter", {"text": "One two."})
    application.runs.wait(workspace.id, started.run_id, timeout=10)
    for _ in range(2):
        text = client.get("/metrics").text
        assert 'ionflux_runs_ended_total{agent="word_counter",status="success"} 1.0' in text
        assert 'ionflux_run_seconds_count{agent="word_counter"} 1.0' in text
    assert 'ionflux_runs_live{status="pending"} 0.0' in text
    assert "process_resident_memory_bytes" in text
    assert 'ionflux_http_requests_total{area="metrics",method="GET",status="200"}' in text


def test_a_strangers_path_makes_no_label(client: TestClient) -> None:
    client.request("BREW", "/<injected>/x")
    text = client.get("/metrics").text
    assert "injected" not in text and "BREW" not in text


def test_hook_answers_before_the_run_and_runs_it(application: Application, client: TestClient, hook: str) -> None:
    answer = client.post(hook, json={"total": 12})
    assert answer.status_code == 202
    workspace = application.workspaces.all()[0]
    run = application.runs.wait(workspace.id, answer.json()["run_id"], timeout=10)
    assert run.outputs == {"result": {"total": 12}}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_hook_answers_405_itself_and_never_shows_the_page(client: TestClient, hook: str, method: str) -> None:
    answer = client.request(method, hook)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert "the page" not in answer.text


@pytest.mark.parametrize("path", ["/hooks", "/hooks/", "/hooks/nobody", "/hooks/in/short", "/hooks/%00"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_hook_is_forbidden(client: TestClient, path: str, method: str) -> None:
    assert_problem(client.request(method, path), 403, "forbidden")


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"<xml/>", b'{"a": NaN}', b"[" * 5000])
def test_hook_refuses_what_is_no_json(client: TestClient, hook: str, body: bytes) -> None:
    assert_problem(client.post(hook, content=body), 422, "not_json")


def test_hook_reads_no_more_than_a_mebibyte(client: TestClient, hook: str) -> None:
    assert_problem(client.post(hook, content=b"x" * (limits.WEBHOOK_BYTES + 1)), 413, "too_large")
    assert_problem(client.post("/hooks/nobody", content=b"x" * (limits.WEBHOOK_BYTES + 1)), 413)


def test_hook_stops_reading_a_stream_without_an_announced_length(application: Application) -> None:
    given = 0

    async def endless() -> dict[str, Any]:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    sent: list[dict[str, Any]] = []

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/hooks/nobody", "raw_path": b"/hooks/nobody", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "scheme": "http",
        "root_path": "", "http_version": "1.1",
    }  # fmt: skip
    asyncio.run(client_of(application).app(scope, endless, keep))
    assert sent[0]["status"] == 413
    assert given <= limits.WEBHOOK_BYTES // 65_536 + 1


def test_every_answer_carries_the_security_headers(client: TestClient) -> None:
    for path in ("/", "/healthz", "/metrics", "/hooks/x", "/api/v1/docs", "/api/nowhere", "/app/static/icon.svg"):
        headers = client.get(path).headers
        assert headers["x-frame-options"] == "DENY", path
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path


def test_policy_lets_only_known_scripts_run() -> None:
    text = policy("<script>window.a = 1</script><script src=x></script>")
    scripts = text.split("script-src ")[1].split(";")[0]
    assert "unsafe" not in scripts
    assert scripts.count("sha256-") == 1
    assert "://" not in text and "*" not in text


class TestOnLoopback:
    """Nobody signs in, so a request must come from here and from our own pages."""

    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::ffff:10.0.0.1]", "", "["]
    )
    @pytest.mark.parametrize("path", ["/", "/api/v1/workspaces", "/metrics", "/app/static/icon.svg"])
    def test_a_foreign_host_is_refused(self, client: TestClient, host: str, path: str) -> None:
        assert_problem(client.get(path, headers={"host": host}), 403)

    @pytest.mark.parametrize(
        "host", ["localhost", "localhost:8501", "127.0.0.1", "127.8.8.8:1", "[::1]:8501", "LOCALHOST"]
    )
    def test_this_machines_names_are_let_in(self, client: TestClient, host: str) -> None:
        assert client.get("/", headers={"host": host}).text == "the page"

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "file://", "http://["])
    def test_another_websites_form_changes_nothing(
        self, application: Application, client: TestClient, origin: str
    ) -> None:
        before = len(application.workspaces.all())
        assert_problem(client.post("/api/v1/workspaces", json={"name": "X"}, headers={"origin": origin}), 403)
        assert len(application.workspaces.all()) == before

    def test_our_own_page_may_post(self, client: TestClient) -> None:
        answer = client.post("/api/v1/workspaces", json={"name": "X"}, headers={"origin": HERE})
        assert answer.status_code == 201

    def test_a_peer_from_elsewhere_is_refused(self, application: Application) -> None:
        with client_of(application, peer="203.0.113.9") as client:
            assert_problem(client.get("/api/v1/workspaces"), 403)
            assert_problem(client.get("/"), 403)
            assert client.get("/healthz").status_code == 200

    def test_a_webhook_may_come_through_a_tunnel(self, application: Application, hook: str) -> None:
        with client_of(application, at="https://shop.tunnel.example", peer="203.0.113.9") as client:
            assert client.post(hook, json={}).status_code == 202

    @pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.example"}, {"origin": "null"}])
    def test_a_websocket_must_come_from_our_own_page(self, application: Application, headers: dict[str, str]) -> None:
        sent = _handshake(application, headers)
        assert sent[0]["type"] == "websocket.close"


def _handshake(application: Application, headers: dict[str, str]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def keep(message: Any) -> None:
        sent.append(message)

    pairs = [(b"host", b"127.0.0.1:8501"), *((name.encode(), value.encode()) for name, value in headers.items())]
    scope = {
        "type": "websocket", "path": "/_stcore/stream", "raw_path": b"/_stcore/stream", "query_string": b"",
        "headers": pairs, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8501), "scheme": "ws", "root_path": "",
        "subprotocols": [],
    }  # fmt: skip
    asyncio.run(client_of(application).app(scope, receive, keep))
    return sent


class TestWithTokens:
    """IONFLUX_AUTH=on or another address: everything but health and webhooks needs a token."""

    @pytest.fixture
    def guarded(self, make_application: MakeApplication) -> Application:
        application = make_application(auth="on").start()
        application.workspaces.create("Mine")
        application.workspaces.create("Theirs")
        return application

    @pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/runs", "/api/v1/docs", "/app/static/icon.svg"])
    @pytest.mark.parametrize("sent", [None, "Bearer nonsense", "Basic b3duZXI6", "Bearer ", "bearer\tx"])
    def test_nothing_opens_without_one(self, guarded: Application, path: str, sent: str | None) -> None:
        with client_of(guarded) as client:
            answer = client.get(path, headers={"authorization": sent} if sent else {})
            assert_problem(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"

    def test_health_stays_open(self, guarded: Application) -> None:
        with client_of(guarded, at="https://ionflux.example", peer="203.0.113.9") as client:
            assert client.get("/healthz").status_code == 200

    def test_a_token_sees_its_own_workspace_only(self, guarded: Application) -> None:
        mine, theirs = guarded.workspaces.all()
        token = guarded.tokens.create(mine.id, "ci", role="owner")
        with client_of(guarded, at="https://ionflux.example", peer="203.0.113.9") as client:
            client.headers["authorization"] = f"Bearer {token}"
            seen = client.get("/api/v1/workspaces").json()["workspaces"]
            assert [each["id"] for each in seen] == [mine.id]
            assert_problem(client.get(f"/api/v1/workspaces/{theirs.id}"), 404)
            assert_problem(client.get("/api/v1/runs", headers={"x-ionflux-workspace": theirs.id}), 404)
            assert_problem(client.get(f"/api/v1/runs?workspace={theirs.name}"), 404)
            assert_problem(client.post("/api/v1/workspaces", json={"name": "More"}), 403)

    def test_a_viewer_reads_and_starts_nothing(self, guarded: Application) -> None:
        mine = guarded.workspaces.all()[0]
        token = guarded.tokens.create(mine.id, "screen", role="viewer")
        with client_of(guarded) as client:
            client.headers["authorization"] = f"Bearer {token}"
            assert client.get("/api/v1/runs").status_code == 200
            document = {"target": "agent:word_counter", "inputs": {"text": "a"}}
            for path, body in [
                ("/api/v1/runs", document),
                ("/api/v1/runs/x/cancel", None),
                ("/api/v1/instances", {"definition": "word_counter", "name": "W"}),
                ("/api/v1/brands", {"name": "B"}),
                ("/api/v1/events", {"type": "a.b"}),
                ("/api/v1/approvals/x", {"verdict": "approve"}),
            ]:
                assert_problem(client.post(path, json=body), 403)
        assert guarded.runs.find(mine.id).runs == []

    def test_an_ended_token_opens_nothing(self, guarded: Application) -> None:
        mine = guarded.workspaces.all()[0]
        token = guarded.tokens.create(mine.id, "old")
        guarded.tokens.revoke(mine.id, guarded.tokens.find(mine.id)[0]["id"])
        with client_of(guarded) as client:
            assert_problem(client.get("/api/v1/runs", headers={"authorization": f"Bearer {token}"}), 401)


def test_an_unforeseen_error_is_one_sentence(application: Application, client: TestClient) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a secret detail")

    application.runs.find = broken  # type: ignore[method-assign]
    application.hooks.receive = broken  # type: ignore[method-assign]
    answer = client.get("/api/v1/runs")
    assert_problem(answer, 500, "unexpected")
    assert "secret detail" not in json.dumps(answer.json())
