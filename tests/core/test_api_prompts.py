"""The API's prompts: pages, locks, names of every variable that is wrong, and what each caller may do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import Application
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

AGENTS = Path(__file__).resolve().parents[2] / "agents"
GREETING: dict[str, Any] = {
    "name": "Greeting",
    "text": "Dear {{ name }}, {{ count }} are left until {{ day }}.",
    "variables": [
        {"name": "name"},
        {"name": "count", "type": "number", "required": False, "default": 3},
        {"name": "day", "type": "date"},
    ],
    "tags": ["mail"],
}


@pytest.fixture
def app(make_application: Callable[..., Application]) -> Application:
    made = make_application(agents_dir=AGENTS)
    made.workspaces.create("Test")
    return made


@pytest.fixture
def client(app: Application) -> Iterator[TestClient]:
    served = Starlette(routes=routes(), middleware=middleware(app, Requests()))
    with TestClient(served, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        client.base_url = "http://127.0.0.1/api/v1/"  # type: ignore[assignment]
        yield client


@pytest.fixture
def library(client: TestClient) -> str:
    return str(client.get("prompt-libraries").json()["libraries"][0]["id"])


def made(client: TestClient, library: str, **more: Any) -> dict[str, Any]:
    answer = client.post("prompts", json=GREETING | {"library_id": library} | more)
    assert answer.status_code == 201, answer.text
    prompt: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/api/v1/prompts/{prompt['id']}"
    return prompt


def saved(client: TestClient, prompt: dict[str, Any], version: int, **more: Any) -> Any:
    return client.put(f"prompts/{prompt['id']}", json=GREETING | {"version": version} | more)


def test_versions_come_in_pages(client: TestClient, library: str) -> None:
    prompt = made(client, library)
    for version in range(1, 4):
        assert saved(client, prompt, version, text=f"Text {version}.", variables=[]).status_code == 200
    first = client.get(f"prompts/{prompt['id']}/versions", params={"limit": 3})
    assert [each["version"] for each in first.json()] == [4, 3, 2]
    rest = client.get(f"http://127.0.0.1{first.links['next']['url']}")
    assert [each["version"] for each in rest.json()] == [1]
    assert "next" not in rest.links
    assert client.post(f"prompts/{prompt['id']}/restore/1").json()["text"] == GREETING["text"]


def test_the_second_of_two_who_save_gets_409_with_what_stands(client: TestClient, library: str) -> None:
    prompt = made(client, library)
    assert saved(client, prompt, 1, text="Mine.", variables=[]).json()["version"] == 2
    refused = saved(client, prompt, 1, text="Yours.", variables=[])
    assert refused.status_code == 409
    assert refused.json()["code"] == "edited_elsewhere"
    assert client.get(f"prompts/{prompt['id']}").json()["text"] == "Mine."


def test_every_variable_that_is_wrong_is_named(client: TestClient, library: str) -> None:
    prompt = made(client, library)
    values = {"count": "many", "day": "tomorrow", "colour": "red"}
    for door in ("render", "try"):
        refused = client.post(f"prompts/{prompt['id']}/{door}", json={"values": values})
        assert refused.status_code == 422
        assert {problem["path"] for problem in refused.json()["problems"]} == {"name", "count", "day", "colour"}
    filled = client.post(f"prompts/{prompt['id']}/render", json={"values": {"name": "{{ day }}", "day": "2026-11-21"}})
    assert filled.json()["text"] == "Dear {{ day }}, 3 are left until 2026-11-21."


def test_prompts_come_in_pages_and_by_words(client: TestClient, library: str) -> None:
    for number in range(4):
        made(client, library, name=f"~Note {number}", tags=["odd"] if number % 2 else [])
    seen: list[str] = []
    cursor = None
    while True:
        page = client.get("prompts", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [each["name"] for each in page["prompts"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert seen == ["Exciting Product Promotion", *(f"~Note {number}" for number in range(4))]
    odd = client.get("prompts", params={"text": "odd"}).json()["prompts"]
    assert [each["name"] for each in odd] == ["~Note 1", "~Note 3"]


def test_prompts_are_forked_put_away_and_found_where_they_are_used(
    app: Application, client: TestClient, library: str
) -> None:
    prompt = made(client, library)
    fork = client.post(f"prompts/{prompt['id']}/fork", json={"name": "Mine"}).json()
    assert fork["derived_from"] == {"prompt_id": prompt["id"], "version": 1}
    assert client.patch(f"prompts/{fork['id']}", json={"status": "archived"}).json()["status"] == "archived"
    assert client.patch(f"prompts/{fork['id']}", json={"status": "gone"}).status_code == 422
    assert "Mine" not in [each["name"] for each in client.get("prompts").json()["prompts"]]
    ws = app.workspaces.all()[0].id
    page = app.canvas.create(ws, "Launch")
    app.canvas.add_block(ws, page.id, "prompt", {"prompt_id": prompt["id"]})
    (use,) = client.get(f"prompts/{prompt['id']}/uses").json()["uses"]
    assert (use["kind"], use["id"]) == ("page", page.id)
    assert client.patch(f"prompt-libraries/{library}", json={"status": "archived"}).status_code == 200
    assert client.get("prompts").json()["prompts"] == []


def test_what_is_not_there_or_too_large_is_refused(client: TestClient, library: str) -> None:
    assert client.get("prompts/nobody").status_code == 404
    assert client.get("prompts/nobody/uses").status_code == 404
    assert client.post("prompts", json=GREETING | {"library_id": "nowhere"}).status_code == 404
    broken: list[dict[str, Any]] = [{"text": "x" * 20_001}, {"text": "{{ stranger }}"}, {"colour": "red"}, {"name": ""}]
    for more in broken:
        assert client.post("prompts", json=GREETING | {"library_id": library} | more).status_code == 422


def test_creators_and_brands_are_saved_moved_and_told_of(client: TestClient) -> None:
    for noun, kind in (("brands", "brand"), ("creators", "creator")):
        added = client.post(noun, json={"name": "Marina"})
        assert added.status_code == 201, added.text
        profile = added.json()
        place = f"{noun}/{profile['id']}"
        assert added.headers["Location"] == f"/api/v1/{place}"
        lock = {"updated_at": profile["updated_at"]}
        assert client.put(place, json={"name": "Marina L.", **lock}).json()["name"] == "Marina L."
        refused = client.put(place, json={"name": "Mine", **lock})
        assert (refused.status_code, refused.json()["code"]) == (409, "edited_elsewhere"), kind
        assert client.put(place, json={"name": "M", "colour": "red"}).status_code == 422
        token = client.put(place, json={"name": "M", "tiktok": {"secret": "shpat_0123456789abcdef"}})
        assert token.status_code == 422 and "shpat_0123456789abcdef" not in token.text
        assert client.patch(place, json={"status": "archived"}).json()["status"] == "archived"
        assert client.get(noun).json()[noun] == []
        assert len(client.get(noun, params={"archived": True}).json()[noun]) == 1
        history = client.get(f"{place}/history", params={"limit": 2}).json()
        assert [change["action"] for change in history["changes"]] == ["archived", "saved"]
        assert history["changes"][1]["changed"] == {"name": ["Marina", "Marina L."]}
        rest = client.get(f"{place}/history", params={"cursor": history["cursor"]}).json()
        assert [change["action"] for change in rest["changes"]] == ["created"] and rest["cursor"] is None
        assert client.get(f"{noun}/nobody/history").status_code == 404
