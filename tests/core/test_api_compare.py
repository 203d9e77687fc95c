"""The API and the command line around recorded runs: compare, export, import."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.domain.run_files import MEDIA_TYPE
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes
from tests.core.test_cli import Ionflux, ionflux

__all__ = ["ionflux"]

Send = Callable[..., Any]
RUNFILE = {"Content-Type": MEDIA_TYPE}


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    requests = Requests()
    app = Starlette(routes=routes(), middleware=middleware(application, requests))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1), raise_server_exceptions=False) as opened:
        opened.base_url = "http://127.0.0.1/api/v1/"  # type: ignore[assignment]
        yield opened


def ran(application: Application, text: str) -> str:
    ws = application.workspaces.all()[0].id
    started = application.runs.start(ws, "agent:word_counter", {"text": text})
    run = application.runs.wait(ws, started.run_id, timeout=20)
    assert run.status == "success", run.error
    return run.id


def problem(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code


def test_two_runs_are_compared(client: TestClient, application: Application) -> None:
    left, right = ran(application, "One two."), ran(application, "One two three.")
    answer = client.get("runs/compare", params={"left": left, "right": right})
    assert answer.status_code == 200
    found = answer.json()
    assert (found["left"]["run_id"], found["right"]["run_id"]) == (left, right)
    assert found["inputs"][0]["mark"] == "changed"
    assert {kpi["name"]: kpi["delta"] for kpi in found["kpis"]} == {"words": 1.0}
    problem(client.get("runs/compare", params={"left": left, "right": "nobody"}), 404, "not_found")
    problem(client.get("runs/compare", params={"left": left, "right": left}), 422, "invalid")
    problem(client.get("runs/compare", params={"left": left}), 422, "invalid")


def test_a_run_leaves_as_a_file_and_comes_back(client: TestClient, application: Application) -> None:
    run_id = ran(application, "One two.")
    sent = client.get(f"runs/{run_id}/export")
    assert sent.status_code == 200 and sent.headers["content-type"] == MEDIA_TYPE
    assert f'filename="{run_id}.ionrun"' in sent.headers["content-disposition"]
    assert int(sent.headers["content-length"]) == len(sent.content)
    taken = client.post("runs/import", content=sent.content, headers=RUNFILE)
    assert taken.status_code == 201 and not taken.json()["repeated"]
    new = taken.json()["run_id"]
    assert taken.headers["location"] == f"/api/v1/runs/{new}" and new != run_id
    assert client.get(f"runs/{new}").json()["outputs"] == client.get(f"runs/{run_id}").json()["outputs"]
    again = client.post("runs/import", content=sent.content, headers=RUNFILE)
    assert again.status_code == 200 and again.json() == {"run_id": new, "repeated": True}
    problem(client.post(f"runs/{new}/cancel"), 409, "conflict")
    problem(client.get("runs/nobody/export"), 404, "not_found")


def test_what_is_no_run_file_is_refused(client: TestClient, application: Application) -> None:
    problem(client.post("runs/import", content=b"hello", headers=RUNFILE), 422, "not_a_run_file")
    problem(client.post("runs/import", content=b"", headers=RUNFILE), 422, "not_a_run_file")
    for kind in ("application/json", "multipart/form-data", "text/plain", "application/zip"):
        answer = client.post("runs/import", content=b"PK", headers={"Content-Type": kind})
        problem(answer, 415, "unsupported_media_type")
    large = {**RUNFILE, "Content-Length": str(limits.RUN_FILE_BYTES + 1)}
    problem(client.post("runs/import", content=iter([b"x"]), headers=large), 413, "too_large")


def test_a_body_without_an_announced_size_is_stopped(
    client: TestClient, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RUN_FILE_BYTES", 1_000)
    problem(client.post("runs/import", content=iter([b"x" * 600, b"x" * 600]), headers=RUNFILE), 413, "too_large")


def test_the_command_line_has_the_same_verbs(ionflux: Ionflux, tmp_path: Path) -> None:
    one, two = (
        json.loads(ionflux("run", "agent:word_counter", "-i", _inputs(tmp_path, text), "--wait", "--json").out)[
            "run_id"
        ]
        for text in ("One two.", "One two three.")
    )
    said = ionflux("runs", "compare", one, two)
    assert said.code == 0 and "Inputs: text" in said.out and "words" in said.out
    assert json.loads(ionflux("runs", "compare", one, two, "--json").out)["left"]["run_id"] == one
    file = tmp_path / "one.ionrun"
    assert ionflux("runs", "export", one, str(file)).code == 0
    assert file.read_bytes().startswith(b"PK")
    assert "exists already" in ionflux("runs", "export", one, str(file)).err
    new = json.loads(ionflux("runs", "import", str(file), "--json").out)["run_id"]
    assert new in ionflux("runs").out
    assert "was here already" in ionflux("runs", "import", str(file)).out
    broken = tmp_path / "broken.ionrun"
    broken.write_bytes(file.read_bytes()[:-30])
    failed = ionflux("runs", "import", str(broken))
    assert failed.code == 1 and "damaged" in failed.err
    assert ionflux("runs", "import", str(tmp_path / "nowhere.ionrun")).code == 1


def _inputs(folder: Path, text: str) -> str:
    path = folder / f"{len(text)}.json"
    path.write_text(json.dumps({"text": text}))
    return str(path)
