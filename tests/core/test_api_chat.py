"""The API's chat: the models' names, paging, files, and what each kind of caller may see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def caller_of(app: Application, **headers: str) -> TestClient:
    served = Starlette(routes=routes(), middleware=middleware(app, Requests()))
    client = TestClient(served, base_url="http://127.0.0.1", client=("127.0.0.1", 1), headers=headers)
    client.base_url = "http://127.0.0.1/api/v1/"  # type: ignore[assignment]
    return client


@pytest.fixture
def app(make_application: Callable[..., Application]) -> Application:
    """An application with one workspace."""
    made = make_application()
    made.workspaces.create("Test")
    return made


@pytest.fixture
def client(app: Application) -> Iterator[TestClient]:
    """The owner on this machine."""
    with caller_of(app) as caller:
        yield caller


@pytest.fixture
def general(client: TestClient) -> str:
    """The address of the channel general."""
    found = client.get("channels").json()["channels"]
    return f"channels/{next(each['id'] for each in found if each['name'] == 'general')}"


def say(client: TestClient, channel: str, text: str, **more: Any) -> dict[str, Any]:
    answer = client.post(f"{channel}/messages", json={"content_json": {"text_body": text}, **more})
    assert answer.status_code == 201, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_channels_are_made_changed_and_listed(client: TestClient) -> None:
    made = client.post("channels", json={"name": "Launch", "type": "private", "description_text": "Soon"})
    assert made.status_code == 201
    channel = made.json()
    assert made.headers["Location"] == f"/api/v1/channels/{channel['id']}"
    assert (channel["type"], channel["description_text"], len(channel["member_user_ids_array"])) == (
        "private",
        "Soon",
        1,
    )
    changed = client.patch(f"channels/{channel['id']}", json={"name": "Launched", "status": "archived"}).json()
    assert (changed["name"], changed["status"], changed["description_text"]) == ("Launched", "archived", "Soon")
    assert client.patch(f"channels/{channel['id']}", json={"type": "public"}).status_code == 422
    first = client.get("channels", params={"limit": 1, "archived": True}).json()
    rest = client.get("channels", params={"archived": True, "cursor": first["cursor"]}).json()
    names = [each["name"] for each in first["channels"] + rest["channels"]]
    assert sorted(names) == ["Launched", "alerts", "general"] and rest["cursor"] is None
    assert len(client.get("channels").json()["channels"]) == 2
    assert client.get("channels/nowhere").status_code == 404
    assert client.post("channels", json={"name": "general"}).status_code == 409


def test_a_message_has_the_fields_of_the_model(client: TestClient, app: Application, general: str) -> None:
    said = say(client, general, "hello @Local owner", content_type="text")
    assert {"id", "channel_id", "sender_id", "sender_type", "content_type", "content_json", "thread_id",
            "reactions_json_array", "read_by_user_ids_array", "created_at", "updated_at"} <= set(said)  # fmt: skip
    assert set(said["content_json"]) == {"text_body", "json_payload", "file_details_json", "status_update_json"}
    assert said["sender_id"] == app.workspaces.owner().id and said["mentions"][0]["kind"] == "user"
    data = client.post(
        f"{general}/messages",
        json={"content_type": "json_data", "content_json": {"json_payload": {"a": [1]}}, "thread_id": said["id"]},
    ).json()
    assert data["content_json"]["json_payload"] == {"a": [1]} and data["thread_id"] == said["id"]
    thread = client.get(f"{general}/messages/{said['id']}/thread").json()
    assert [each["id"] for each in thread["messages"]] == [data["id"]] and thread["cursor"] is None
    assert client.get(f"{general}/messages/{said['id']}").json()["replies"] == 1


def test_messages_are_read_back_page_by_page(client: TestClient, general: str) -> None:
    ids = [say(client, general, f"message {number}")["id"] for number in range(5)]
    seen: list[str] = []
    before: dict[str, str] = {}
    for size in (2, 2, 1):
        page = client.get(f"{general}/messages", params={"limit": 2, **before}).json()
        assert len(page["messages"]) == size
        seen = [each["id"] for each in page["messages"]] + seen
        before = {"before": page["cursor"]}
    assert seen == ids and page["cursor"] is None
    exact = client.get(f"{general}/messages", params={"limit": 5}).json()
    assert len(exact["messages"]) == 5 and exact["cursor"] is None
    found = client.get("messages/search", params={"q": "message", "limit": 3}).json()
    assert [each["id"] for each in found["messages"]] == ids[:1:-1]
    rest = client.get("messages/search", params={"q": "message", "before": found["cursor"]}).json()
    assert [each["id"] for each in rest["messages"]] == ids[1::-1] and rest["cursor"] is None
    assert client.get(f"{general}/messages", params={"limit": 1_000}).status_code == 422


def test_the_same_key_posts_once(client: TestClient, general: str) -> None:
    ids = {say(client, general, f"try {number}", idempotency_key="k")["id"] for number in range(3)}
    assert len(ids) == 1
    assert len(client.get(f"{general}/messages").json()["messages"]) == 1


def test_messages_are_edited_marked_read_and_deleted(client: TestClient, app: Application, general: str) -> None:
    by_agent = app.chat.post(
        app.workspaces.all()[0].id, general.partition("/")[2], text="news", sender_type="agent", sender_id="x",
        sender_name="x",
    )  # fmt: skip
    assert client.get(general).json()["unread"] == 1
    assert client.post(f"{general}/read", json={"message_id": by_agent.id}).status_code == 204
    assert client.get(general).json()["unread"] == 0
    me = app.workspaces.owner().id
    assert client.get(f"{general}/messages").json()["messages"][0]["read_by_user_ids_array"] == [me]
    said = f"{general}/messages/{say(client, general, 'first')['id']}"
    edited = client.patch(said, json={"text_body": "second"}).json()
    assert edited["content_json"]["text_body"] == "second" and edited["updated_at"]
    marked = client.post(f"{said}/reactions", json={"emoji": "👍"}).json()
    assert marked["reactions_json_array"] == [{"emoji": "👍", "user_ids_array": [me]}]
    assert client.post(f"{said}/reactions", json={"emoji": "<b>"}).status_code == 422
    gone = client.delete(said).json()
    assert gone["deleted_at"] and gone["content_json"]["text_body"] == ""
    assert client.patch(said, json={"text_body": "third"}).status_code == 409
    assert client.get(f"channels/elsewhere/messages/{by_agent.id}").status_code == 404


def test_what_cannot_be_said_is_refused_with_a_reason(client: TestClient, general: str) -> None:
    long = client.post(f"{general}/messages", json={"content_json": {"text_body": "x" * 1_000_000}})
    assert long.status_code == 413 and "as a file" in long.json()["hint"]
    for body in (
        {"content_json": {}},
        {"content_json": {"text_body": "x"}, "content_type": "interactive_proposal"},
        {"content_json": {"text_body": "x", "proposal": {}}},
        {"content_json": {"text_body": "x"}, "sender_id": "somebody else"},
    ):
        assert client.post(f"{general}/messages", json=body).status_code == 422
    nowhere = {"content_json": {"text_body": "x"}, "thread_id": "nowhere"}
    assert client.post(f"{general}/messages", json=nowhere).status_code == 404
    assert client.get(f"{general}/messages").json()["messages"] == []


def test_files_go_in_and_come_out_to_be_saved(
    client: TestClient, general: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    png = {"Content-Type": "image/png"}
    sent = client.post(f"{general}/files", params={"name": "lógo.png", "text": "ours"}, content=PNG, headers=png)
    assert sent.status_code == 201
    (file,) = sent.json()["content_json"]["file_details_json"]["files"]
    back = client.get(f"{general}/messages/{sent.json()['id']}/files/{file['sha256']}")
    assert back.content == PNG and back.headers["Content-Type"] == "application/octet-stream"
    assert back.headers["Content-Disposition"] == "attachment; filename*=UTF-8''l%C3%B3go.png"
    assert back.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(f"{general}/messages/{sent.json()['id']}/files/{'0' * 64}").status_code == 404
    wrong = client.post(f"{general}/files", params={"name": "a.png"}, content=b"<html>", headers=png)
    assert wrong.status_code == 422
    monkeypatch.setattr(limits, "UPLOAD_BYTES", 100)
    large = client.post(f"{general}/files", params={"name": "a.bin"}, content=b"x" * 101)
    assert large.status_code == 413
    assert client.post("channels/nowhere/files", params={"name": "a"}, content=b"x").status_code == 404


def test_a_button_is_pressed_and_a_thread_becomes_a_page(client: TestClient, app: Application, general: str) -> None:
    actions = [{"action_id": "go", "label": "Go"}]
    content = {"proposal": {"title": "Shall I?", "reference": "test.go", "actions": actions}}
    asked = app.chat.post(
        app.workspaces.all()[0].id, general.partition("/")[2], content=content, content_type="interactive_proposal",
        sender_type="agent", sender_id="x", sender_name="x",
    )  # fmt: skip
    place = f"{general}/messages/{asked.id}"
    pressed = client.post(f"{place}/press", json={"action_id": "go"}).json()
    assert pressed["content_json"]["json_payload"]["chosen_by"] == "Local owner"
    again = client.post(f"{place}/press", json={"action_id": "go"})
    assert again.status_code == 409 and "Local owner has pressed 'Go'" in again.json()["detail"]
    made = client.post(f"{place}/page")
    assert made.status_code == 201
    page = app.canvas.page(app.workspaces.all()[0].id, made.json()["page_id"])
    assert page.title == "Thread: Shall I?" and made.headers["Location"] == f"/api/v1/pages/{page.id}"


def test_tokens_see_open_channels_and_do_what_their_role_allows(
    client: TestClient, app: Application, general: str, make_application: Callable[..., Application]
) -> None:
    ws = app.workspaces.all()[0].id
    closed = f"channels/{client.post('channels', json={'name': 'Closed', 'type': 'private'}).json()['id']}"
    hidden = say(client, closed, "the secret marigold")
    mine = say(client, general, "mine")
    guarded = make_application(auth="on")
    callers = {}
    for role in ("owner", "editor", "viewer"):
        token = app.tokens.create(ws, f"a {role}", role=role)  # type: ignore[arg-type]
        callers[role] = caller_of(guarded, Authorization=f"Bearer {token}")
    assert callers["owner"].get(f"{closed}/messages").status_code == 200
    for role in ("editor", "viewer"):
        other = callers[role]
        for path in (closed, f"{closed}/messages", f"{closed}/messages/{hidden['id']}/thread",
                     f"{general}/messages/{hidden['id']}"):  # fmt: skip
            assert other.get(path).status_code == 404, path
        assert other.get("messages/search", params={"q": "marigold"}).json()["messages"] == []
        assert closed.partition("/")[2] not in other.get("channels").text
    said = say(callers["editor"], general, "from a program")
    assert (said["sender_id"], said["sender_name"]) == ("token:a editor", "a editor")
    assert callers["editor"].patch(f"{general}/messages/{mine['id']}", json={"text_body": "x"}).status_code == 403
    assert callers["editor"].delete(f"{general}/messages/{mine['id']}").status_code == 403
    assert callers["editor"].post(f"{general}/read", json={"message_id": mine["id"]}).status_code == 403
    viewer = callers["viewer"]
    assert viewer.post(f"{general}/messages", json={"content_json": {"text_body": "x"}}).status_code == 403
    assert viewer.post(f"{general}/messages/{mine['id']}/reactions", json={"emoji": "👍"}).status_code == 403
    assert viewer.post(f"{general}/files", params={"name": "a"}, content=b"x").status_code == 403
    assert viewer.get(f"{general}/messages").status_code == 200
