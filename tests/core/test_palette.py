"""The command palette finds everything of a workspace by a few letters, the likeliest first, and only what is yours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import Application
from ionflux_core.domain.palette import folded, score
from ionflux_core.services.palette import SCREENS, SETTINGS
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware

AGENTS = Path(__file__).resolve().parents[2] / "agents"
MakeApplication = Callable[..., Application]


@pytest.fixture
def app(make_application: MakeApplication) -> Application:
    app = make_application(agents_dir=AGENTS)
    ws = app.workspaces.create("Palette").id
    tracker = app.agents.create(ws, "revenue_tracker", "Margins of the shop", yaml="{}\n")
    app.agents.create(ws, "sales_sentinel", "Watcher", yaml="{}\n")
    plan = app.canvas.create(ws, "Campaign plan")
    app.canvas.create(ws, "Órgãos & budgets", parent_id=plan.id)
    app.workspaces.add_brand(ws, {"name": "EcoThreads"})
    app.workspaces.add_creator(ws, {"name": "Ana Costa"})
    assert tracker.id
    return app


def found(app: Application, text: str, limit: int = 20) -> list[str]:
    ws = next(each.id for each in app.workspaces.all() if each.name == "Palette")
    return [
        f"{hit.kind} {hit.title}" for hit in app.palette.find(ws, text, user_id=app.workspaces.owner().id, limit=limit)
    ]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("campaign", "page Campaign plan"),
        ("orgaos", "page Órgãos & budgets"),
        ("margins", "agent Margins of the shop"),
        ("ecoth", "brand EcoThreads"),
        ("ana", "creator Ana Costa"),
        ("#gene", "channel general"),
        ("exciting", "prompt Exciting Product Promotion"),
        ("marketing email", "library Marketing Email Prompts"),
        (">new pa", "action New page"),
        (">run watch", "action Run Watcher"),
        ("approvals", "screen Approvals"),
        ("settings budg", "setting Settings: Budgets"),
        ("persona guard", "definition Creator Persona Guardian v2"),
    ],
)
def test_the_likeliest_comes_first(app: Application, text: str, first: str) -> None:
    assert found(app, text)[0] == first


def test_nothing_typed_offers_what_can_be_done(app: Application) -> None:
    kinds = {line.split()[0] for line in found(app, "")}
    assert kinds == {"action", "screen"}


def test_letters_in_order_are_enough_and_nonsense_finds_nothing(app: Application) -> None:
    assert "page Campaign plan" in found(app, "cplan")
    assert found(app, "qzxjv") == []


def test_a_prefix_narrows_to_its_kinds(app: Application) -> None:
    assert {line.split()[0] for line in found(app, ">")} == {"action"}
    assert {line.split()[0] for line in found(app, "@e", limit=50)} <= {"agent", "definition", "brand", "creator"}


def test_a_run_is_found_by_its_id(app: Application) -> None:
    ws = next(each.id for each in app.workspaces.all() if each.name == "Palette")
    run = app.runs.start(ws, "Margins of the shop", {}).run_id
    assert found(app, run) == ["run Run of Margins of the shop"]


def test_another_workspace_is_offered_to_switch_to_and_shows_nothing_of_itself(app: Application) -> None:
    other = app.workspaces.create("Secret plans").id
    app.canvas.create(other, "Hidden campaign")
    assert "workspace Switch to Secret plans" in found(app, "secret")
    assert all("Hidden" not in line for line in found(app, "hidden campaign", limit=50))


def test_parts_of_the_program_itself_are_not_offered(app: Application) -> None:
    assert all("Notifier" not in line and "Prompt runner" not in line for line in found(app, "@n", limit=100))


@given(st.text(max_size=30), st.text(max_size=60))
def test_any_text_has_a_score_and_a_part_of_a_text_always_fits(asked: str, text: str) -> None:
    value = score(folded(asked), folded(text))
    assert value >= 0
    words = folded(text).split()
    if words:
        assert score(words[0], folded(text)) > 0


@pytest.mark.parametrize(
    ("asked", "better", "worse"),
    [
        ("plan", "campaign plan", "explanation"),
        ("run", "runs", "prune the list"),
        ("rt", "revenue tracker", "order to ship"),
        ("set", "settings", "settings of the other thing that is long"),
    ],
)
def test_beginnings_of_words_and_short_texts_win(asked: str, better: str, worse: str) -> None:
    assert score(asked, better) > score(asked, worse)


def test_screens_and_settings_are_those_there_are() -> None:
    from ionflux_ui.navigation import PAGES

    assert [(entry.noun, entry.title) for entry in PAGES] == [(noun, title) for noun, title, _ in SCREENS]
    assert [f":material/{icon}:" for _, _, icon in SCREENS] == [entry.icon for entry in PAGES]
    source = (Path(__file__).resolve().parents[2] / "pages/settings.py").read_text(encoding="utf-8")
    drawn = source.split("DRAWN = {")[1].split("}")[0]
    assert [line.split('"')[1] for line in drawn.strip().splitlines()] == list(SETTINGS)


@pytest.fixture
def client(app: Application) -> Iterator[TestClient]:
    pages = Starlette(middleware=middleware(app, Requests()))
    with TestClient(pages, base_url="http://127.0.0.1:8501", client=("127.0.0.1", 4711)) as opened:
        yield opened


def test_the_door_answers_with_hits_and_refuses_what_is_not_there(app: Application, client: TestClient) -> None:
    ws = next(each.id for each in app.workspaces.all() if each.name == "Palette")
    answer = client.get("/palette", params={"workspace": ws, "q": "campaign"})
    assert answer.json()["hits"][0]["title"] == "Campaign plan"
    assert answer.headers["cache-control"] == "no-store"
    assert client.get("/palette", params={"workspace": "x", "q": "a"}).status_code == 404
    assert client.post("/palette", headers={"origin": "http://127.0.0.1:8501"}).status_code == 405
    hostile = client.get("/palette", params={"workspace": ws, "q": "<script>alert(1)</script>" * 50})
    assert hostile.status_code == 200 and json.loads(hostile.text)["hits"] == []
