"""Transforms from outside: the API, the service, and a new one written by the scaffold."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import Application
from ionflux_core.catalog.transform_scaffold import scaffold_transform
from ionflux_core.errors import Conflict, Invalid, NotFound
from ionflux_core.transforms import registry
from ionflux_core.transforms.base import Transform
from ionflux_core.web import api, api_transforms
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

API = "/api/v1"


@pytest.fixture
def client(application: Application, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    # The other endpoints take seconds to set up.
    monkeypatch.setattr(api, "_PARTS", (api_transforms,))
    app = Starlette(routes=routes(), middleware=middleware(application, Requests()))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1), raise_server_exceptions=False) as opened:
        yield opened


def test_the_api_tells_what_there_is(client: TestClient) -> None:
    every = client.get(f"{API}/transforms").json()["transforms"]
    assert [each["id"] for each in every] == sorted(registry.known())
    some = client.get(f"{API}/transforms", params={"family": "data", "text": "csv"}).json()["transforms"]
    assert [each["id"] for each in some] == ["data.csv_parse@1"]
    one = client.get(f"{API}/transforms/http.request").json()
    assert (one["scope"], one["acts"], one["alone"]) == ("http:request", False, False)
    assert one["inputs_schema"]["required"] == ["url"]
    assert one["examples"][0]["outputs"]["status"] == 200
    assert client.get(f"{API}/transforms/text.spilt").json()["hint"] == "Did you mean 'text.split'?"


def test_the_api_tries_what_needs_no_run(client: TestClient) -> None:
    made = client.post(f"{API}/transforms/text.split@1/try", json={"inputs": {"text": "a,b", "separator": ","}})
    assert made.json()["outputs"] == {"parts": ["a", "b"], "total": 2}
    wrong = client.post(f"{API}/transforms/text.split/try", json={"inputs": {"text": 7}})
    assert wrong.status_code == 422
    assert wrong.json()["problems"][0]["path"] == "text"
    acting = client.post(f"{API}/transforms/email.send/try", json={"inputs": {}})
    assert (acting.status_code, acting.json()["code"]) == (409, "needs_run")


def test_what_is_tried_leaves_nothing_behind(application: Application) -> None:
    ws = application.workspaces.all()[0].id
    tried = application.transforms.try_it(ws, "log", {"message": "Hello", "level": "warning"})
    assert (tried.outputs, tried.log) == ({"message": "Hello"}, [{"level": "warning", "message": "Hello"}])
    assert not application.runs.find(ws).runs
    with pytest.raises(NotFound):
        application.transforms.try_it("no-such-workspace", "log", {"message": "Hello"})


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    # Types are looked up in the module a function says it comes from.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "id"), [("text.shout", "text.shout@1"), ("Loud Words", "own.loud_words@1"), ("text.class", "text.class@1")]
)
def test_a_new_transform_works_and_its_test_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, id: str
) -> None:
    module, test = scaffold_transform(name, tmp_path)
    (made,) = [each for each in vars(_loaded(module)).values() if isinstance(each, Transform)]
    assert made.id == id
    (example,) = made.examples
    assert made.run(None, example.inputs) == example.outputs  # type: ignore[arg-type]
    every = {**registry.known(), id: made}
    monkeypatch.setattr(registry, "known", lambda: every)
    tests = [each for name, each in vars(_loaded(test)).items() if name.startswith("test_")]
    assert len(tests) == 2
    for each in tests:
        each()
    look = ["ruff", "check", "--config", "line-length=120", "--ignore", "D103", str(module), str(test)]
    done = subprocess.run([sys.executable, "-m", *look], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    with pytest.raises(Conflict):
        scaffold_transform(name, tmp_path)


@pytest.mark.parametrize("name", ["", "7up", "a.b.c", "../x.y", "text."])
def test_what_makes_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid, match="cannot be a transform's name"):
        scaffold_transform(name, tmp_path)
    assert list(tmp_path.iterdir()) == []
