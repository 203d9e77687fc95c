"""The API's pages and blocks: the model's field names, the lock, files, roles, and another workspace's ids."""

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

YAML = {"Content-Type": "application/yaml"}


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


def plain(address: str) -> str:
    """An address of the API as this client takes it."""
    return address.split(">")[0].strip("<").removeprefix("/api/v1/")


def made(client: TestClient, path: str, **body: Any) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    assert client.get(plain(answer.headers["Location"])).status_code == 200
    answered: dict[str, Any] = answer.json()
    return answered


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    assert told["code"] == code
    return told


def test_pages_form_a_tree(client: TestClient) -> None:
    top = made(client, "pages", title="Top", icon="🚀")
    below = made(client, "pages", title="Below", parent_page_id=top["id"])
    made(client, "pages", title="Last")
    found = client.get("pages").json()
    assert [(page["title"], page["depth"]) for page in found["pages"]] == [("Top", 0), ("Below", 1), ("Last", 0)]
    assert found["cursor"] is None
    first = client.get("pages", params={"limit": 2}).json()
    rest = client.get("pages", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert [page["title"] for page in first["pages"] + rest["pages"]] == ["Top", "Below", "Last"]
    moved = client.patch(f"pages/{below['id']}", json={"parent_page_id": None, "title": "Beside"}).json()
    assert (moved["title"], moved["parent_page_id"], moved["position"]) == ("Beside", None, 2)
    client.patch(f"pages/{below['id']}", json={"position": 0})
    assert [page["title"] for page in client.get("pages").json()["pages"]] == ["Beside", "Top", "Last"]
    assert client.delete(f"pages/{top['id']}").json()["status"] == "archived"
    assert [page["title"] for page in client.get("pages", params={"status": "archived"}).json()["pages"]] == ["Top"]
    assert client.patch(f"pages/{top['id']}", json={"status": "active"}).json()["status"] == "active"
    problem(client.patch(f"pages/{top['id']}", json={"parent_page_id": top["id"]}), 409, "conflict")
    problem(client.patch(f"pages/{top['id']}", json={"colour": "red"}), 422, "invalid")


def test_blocks_have_the_names_of_the_model(client: TestClient) -> None:
    page = made(client, "pages", title="Plan")
    path = f"pages/{page['id']}/blocks"
    block = made(client, path, type="text", content={"markdown_text": "Hi"}, position_x=3, width=4, z_index=2)
    assert block["content"] == {"title_text": "", "markdown_text": "Hi"}
    assert (block["position_x"], block["position_y"], block["width"], block["height"], block["z_index"]) == (
        3,
        0,
        4,
        4,
        2,
    )
    second = made(client, path, type="text", name="goal")
    assert (second["name"], second["position_y"]) == ("goal", 4)
    moved = client.patch(f"{path}/{second['id']}", json={"position_y": 9}).json()
    assert (moved["position_y"], moved["revision"]) == (9, 1)
    first = client.get(path, params={"limit": 1})
    assert [each["id"] for each in first.json()] == [block["id"]]
    assert [each["id"] for each in client.get(plain(first.headers["Link"])).json()] == [second["id"]]
    assert [each["id"] for each in client.get(f"pages/{page['id']}").json()["blocks"]] == [block["id"], second["id"]]
    problem(client.post(path, json={"type": "text", "position_x": 12}), 422, "invalid")
    problem(client.post(path, json={"type": "shell"}), 422, "invalid")
    problem(
        client.post(path, json={"type": "text", "content": {"markdown_text": "x" * 1_100_000}}), 413, "limit_exceeded"
    )


def test_who_saves_an_old_block_gets_the_new_one(client: TestClient) -> None:
    page = made(client, "pages", title="Plan")
    block = made(client, f"pages/{page['id']}/blocks", type="text")
    path = f"pages/{page['id']}/blocks/{block['id']}"
    first = client.patch(path, json={"revision": 1, "content": {"markdown_text": "first"}})
    assert first.json()["revision"] == 2
    for late in ({"content": {"markdown_text": "second"}}, {"name": "other"}, {"type": "sql"}):
        told = problem(client.patch(path, json={"revision": 1, **late}), 409, "edited_elsewhere")
        assert told["current"]["content"]["markdown_text"] == "first"
        assert told["current"]["revision"] == 2
    problem(client.patch(path, json={"content": {"markdown_text": "x"}}), 422, "invalid")
    problem(client.delete(path, params={"revision": 1}), 409, "edited_elsewhere")
    both = client.patch(path, json={"revision": 2, "type": "sql", "name": "totals"}).json()
    assert (both["type"], both["name"], both["content"]["query"]) == ("sql", "totals", "first")
    assert client.delete(path, params={"revision": both["revision"]}).status_code == 204
    problem(client.get(path), 404, "not_found")
    assert client.post(f"{path}/restore").json()["name"] == "totals"
    assert made(client, f"{path}/duplicate")["name"] == "totals_2"


def test_history_can_be_read_and_restored(client: TestClient) -> None:
    page = made(client, "pages", title="Plan")
    path = f"pages/{page['id']}"
    client.patch(path, json={"title": "Plan B"})
    assert client.post(f"{path}/versions/1/restore").json()["version"] == 2
    listed = client.get(f"{path}/versions", params={"limit": 1})
    assert [line["message"] for line in listed.json()] == ["restored version 1"]
    assert [line["version"] for line in client.get(plain(listed.headers["Link"])).json()] == [1]
    assert client.get(f"{path}/versions/1").json()["title"] == "Plan B"
    problem(client.get(f"{path}/versions/99"), 404, "not_found")
    problem(client.get(f"{path}/versions/{10**30}"), 422, "unstorable_value")


def test_templates_and_copies(client: TestClient) -> None:
    page = made(client, "pages", title="Plan")
    made(client, f"pages/{page['id']}/blocks", type="text", name="goal")
    template = made(client, f"pages/{page['id']}/template", title="Any plan")
    listed = client.get("pages", params={"status": "template_draft"}).json()["pages"]
    assert [each["id"] for each in listed] == [template["id"]]
    spring = made(client, "pages", title="Spring", template_id=template["id"])
    assert [block["name"] for block in spring["blocks"]] == ["goal"]
    assert made(client, f"pages/{page['id']}/duplicate")["title"] == "Plan (copy)"


def test_a_page_leaves_and_comes_back(client: TestClient) -> None:
    page = made(client, "pages", title='Plan "Ä"; x/../y')
    made(client, f"pages/{page['id']}/blocks", type="text", content={"markdown_text": "<script>alert(1)</script> Hé"})
    exported = client.get(f"pages/{page['id']}/export")
    assert exported.headers["Content-Type"] == "application/yaml; charset=utf-8"
    assert exported.headers["Content-Disposition"] == 'attachment; filename="Plan-x-y.yaml"'
    answer = client.post("pages/import", content=exported.content, headers=YAML, params={"parent_page_id": page["id"]})
    assert answer.status_code == 201, answer.text
    back = answer.json()
    assert (back["title"], back["parent_page_id"]) == (page["title"], page["id"])
    assert back["blocks"][0]["content"]["markdown_text"] == "<script>alert(1)</script> Hé"
    html = client.get(f"pages/{page['id']}/export", params={"format": "html"})
    assert html.headers["Content-Disposition"].startswith("attachment")
    assert "<script" not in html.text and "&lt;script&gt;" in html.text
    assert client.get(f"pages/{page['id']}/export", params={"format": "markdown"}).text.startswith("# Plan")
    problem(client.get(f"pages/{page['id']}/export", params={"format": "exe"}), 422, "invalid")


def test_files_that_are_no_pages_are_refused(client: TestClient) -> None:
    problem(client.post("pages/import", content=b"title: x", headers=YAML), 422, "invalid")
    problem(client.post("pages/import", json={"ionflux_page": 1}), 415, "unsupported_media_type")
    big = b"x" * (limits.CANVAS_IMPORT_BYTES + 1)
    problem(client.post("pages/import", content=big, headers=YAML), 413, "too_large")
    where = problem(
        client.post("pages/import", content=b"ionflux_page: 1\ntitle: x\nowner: me", headers=YAML), 422, "invalid"
    )
    assert (where["problems"][0]["line"], where["problems"][0]["path"]) == (3, "owner")
    assert client.get("pages").json()["pages"] == []


def test_viewers_look_and_editors_write(
    app: Application, client: TestClient, make_application: Callable[..., Application]
) -> None:
    page = made(client, "pages", title="Plan")
    block = made(client, f"pages/{page['id']}/blocks", type="text")
    ws = app.workspaces.all()[0].id
    guarded = make_application(auth="on")
    viewer, editor = (
        caller_of(guarded, Authorization=f"Bearer {app.tokens.create(ws, role, role=role)}")  # type: ignore[arg-type]
        for role in ("viewer", "editor")
    )
    assert viewer.get(f"pages/{page['id']}").status_code == 200
    one = f"pages/{page['id']}/blocks/{block['id']}"
    for method, path in _writes(page["id"], one):
        answer = viewer.request(method, path, json={"title": "x", "type": "text"})
        assert answer.status_code in (403, 415), (method, path, answer.text)
    assert editor.patch(one, json={"revision": 1, "content": {"markdown_text": "x"}}).status_code == 200
    assert editor.get(f"pages/{page['id']}/versions").json()[0]["author"] == "editor"


def test_pages_of_another_workspace_are_not_there(app: Application, client: TestClient) -> None:
    page = made(client, "pages", title="Ours")
    block = made(client, f"pages/{page['id']}/blocks", type="text")
    other = app.workspaces.create("Other").id
    one = f"pages/{page['id']}/blocks/{block['id']}"
    reads = [("GET", f"pages/{page['id']}{tail}") for tail in ("", "/blocks", "/versions", "/versions/1", "/export")]
    bodies: dict[str, dict[str, Any]] = {
        f"pages/{page['id']}": {"title": "x"}, f"pages/{page['id']}/blocks": {"type": "text"}, one: {"position_x": 1},
        f"pages/{page['id']}/template": {"title": "x"},
    }  # fmt: skip
    before = client.get(f"pages/{page['id']}").json()
    for method, path in [*reads, ("GET", one), *_writes(page["id"], one)]:
        body = bodies.get(path) if method in ("POST", "PATCH") else None
        answer = client.request(method, path, json=body, params={"workspace": other})
        assert answer.status_code == 404, (method, path, answer.text)
    elsewhere = made(client, "pages", title="Ours, too")
    assert client.get(f"pages/{elsewhere['id']}/blocks/{block['id']}").status_code == 404
    assert client.get(f"pages/{page['id']}").json() == before


def _writes(page_id: str, block: str) -> list[tuple[str, str]]:
    page = f"pages/{page_id}"
    return [
        ("PATCH", page), ("DELETE", page), ("POST", f"{page}/duplicate"), ("POST", f"{page}/template"),
        ("POST", f"{page}/blocks"), ("POST", f"{page}/versions/1/restore"), ("PATCH", block), ("DELETE", block),
        ("POST", f"{block}/restore"), ("POST", f"{block}/duplicate"),
    ]  # fmt: skip
