"""What changes is told at once, to those who look at that workspace, and to nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from ionflux_core.application import Application
from ionflux_core.services.live import Live
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware

OURS = {"origin": "http://127.0.0.1:8501"}


def test_topics_gather_until_they_are_taken() -> None:
    live, woken = Live(), []
    listener = live.listen("w1", lambda: woken.append(1))
    live.changed("w1", "runs")
    live.changed("w1", "chat")
    live.changed("w1", "runs")
    live.changed("w2", "approvals")
    live.changed(None, "everywhere")
    assert listener.take() == ["chat", "everywhere", "runs"]
    assert listener.take() == []
    assert len(woken) == 4


def test_who_has_left_is_told_nothing() -> None:
    live = Live()
    listener = live.listen("w1", lambda: None)
    live.leave(listener)
    live.changed("w1", "runs")
    assert listener.take() == []


def test_listeners_come_and_go_while_others_tell() -> None:
    live, stop = Live(), threading.Event()

    def tell() -> None:
        while not stop.is_set():
            live.changed("w", "runs")

    teller = threading.Thread(target=tell)
    teller.start()
    for _ in range(300):
        live.leave(live.listen("w", lambda: None))
    stop.set()
    teller.join(5)
    assert not teller.is_alive()


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    app = Starlette(middleware=middleware(application, Requests()))
    with TestClient(app, base_url="http://127.0.0.1:8501", client=("127.0.0.1", 4711)) as opened:
        yield opened


def test_a_page_hears_of_its_workspace_and_of_no_other(application: Application, client: TestClient) -> None:
    workspace = application.workspaces.all()[0]
    with client.websocket_connect(f"ws://127.0.0.1:8501/live?workspace={workspace.id}", headers=OURS) as socket:
        application.live.changed("another workspace", "secret")
        application.live.changed(workspace.id, "chat:general")
        assert socket.receive_json() == {"topics": ["chat:general"]}


def test_a_run_that_is_started_and_ends_is_heard_of(application: Application, client: TestClient) -> None:
    workspace = application.workspaces.all()[0]
    with client.websocket_connect(f"ws://127.0.0.1:8501/live?workspace={workspace.id}", headers=OURS) as socket:
        application.runs.announce()
        assert socket.receive_json() == {"topics": ["runs"]}


@pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.example"}])
def test_another_website_hears_nothing(client: TestClient, headers: dict[str, str]) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://127.0.0.1:8501/live?workspace=x", headers=headers),
    ):
        pass


def test_a_plain_request_is_told_to_use_a_websocket(client: TestClient) -> None:
    answer = client.get("/live")
    assert answer.status_code == 426
    assert answer.json()["code"] == "upgrade"


def test_sockets_that_close_leave_no_listener(application: Application, client: TestClient) -> None:
    for _ in range(5):
        with client.websocket_connect("ws://127.0.0.1:8501/live?workspace=w", headers=OURS):
            pass
    assert application.live._listeners == ()
