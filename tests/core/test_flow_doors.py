"""The doors of flows: the service knows the workspace's agents, the API and the command line tell every problem."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core import __main__ as command
from ionflux_core.application import Application
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

AGENTS = Path(__file__).resolve().parents[2] / "agents"
FLOW = """\
name: tracked
triggers: [{key: manual, type: manual}]
graph:
  - {id: margin, agent: AGENT, inputs: {INPUTS}}
  - {id: say, transform: log@1, inputs: {message: "{{ nodes.margin.outputs.profitability_digest_markdown }}"}}
"""


@pytest.fixture
def app(make_application: Callable[..., Application]) -> Application:
    made = make_application(agents_dir=AGENTS)
    made.workspaces.create("Test")
    return made


@pytest.fixture
def client(app: Application) -> Iterator[TestClient]:
    served = Starlette(routes=routes(), middleware=middleware(app, Requests()))
    with TestClient(served, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        client.base_url = "http://127.0.0.1/api/v1/"
        yield client


def flow(agent: str, inputs: str = "") -> str:
    return FLOW.replace("AGENT", agent).replace("INPUTS", inputs)


def test_agents_are_known_by_slug_id_and_instance_name(app: Application) -> None:
    workspace = app.workspaces.all()[0].id
    definition = app.marketplace.definition("revenue_tracker")
    for name in ("revenue_tracker", definition.id):
        assert [each.message for each in app.flows.validate(workspace, flow(name))] == []
    (problem,) = app.flows.validate(workspace, flow("My tracker"))
    assert (problem.line, problem.column, problem.path) == (4, 25, "graph.0.agent")
    app.agents.create(workspace, "revenue_tracker", name="My tracker")
    assert app.flows.validate(workspace, flow("My tracker")) == []
    other = app.workspaces.create("Other").id
    assert len(app.flows.validate(other, flow("My tracker"))) == 1


def test_inputs_and_outputs_of_agents_are_checked(app: Application) -> None:
    workspace = app.workspaces.all()[0].id
    (problem,) = app.flows.validate(workspace, flow("revenue_tracker", "ordrs_file: x"))
    assert problem.message == "There is no input 'ordrs_file' here."
    assert problem.hint
    (problem,) = app.flows.validate(workspace, flow("revenue_tracker").replace("_markdown", "_markdwn"))
    assert "has no output 'profitability_digest_markdwn'" in problem.message
    assert problem.hint == "Did you mean 'profitability_digest_markdown'?"


def test_the_api_answers_with_all_problems_and_keeps_nothing(client: TestClient) -> None:
    assert client.post("flows/validate", json={"yaml": flow("revenue_tracker")}).json() == {"problems": []}
    answer = client.post("flows/validate", json={"yaml": "name: x\ngraph:\n  - {id: a}\n  - {id: b, agent: nobody}\n"})
    assert answer.status_code == 200
    problems = answer.json()["problems"]
    assert [(each["line"], each["column"], each["path"]) for each in problems] == [
        (3, 5, "graph.0"),
        (4, 20, "graph.1.agent"),
    ]
    assert all(each.keys() == {"line", "column", "path", "message", "hint"} for each in problems)


def test_the_api_takes_text_only_and_not_more_than_a_flow_may_have(client: TestClient) -> None:
    assert client.post("flows/validate", json={"yaml": {"name": "x"}}).status_code == 422
    assert client.post("flows/validate", json={"yaml": "name: x", "flow": "y"}).status_code == 422
    (problem,) = client.post("flows/validate", json={"yaml": "x" * 300_000}).json()["problems"]
    assert "256 KiB" in problem["message"]


def test_the_command_says_file_line_and_column(
    app: Application, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("IONFLUX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("IONFLUX_AGENTS_DIR", str(AGENTS))

    def said(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["ionflux", "flow", *words])
        try:
            code = command.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
        return code, capsys.readouterr().out

    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(flow("revenue_tracker"))
    bad.write_text("name: x\ngraph:\n  - {id: a, transfrom: log@1}\n")
    assert said("check", str(good)) == (0, f"{good} is well.\n")
    code, out = said("check", str(bad))
    assert code == 1
    assert out == f"{bad}:3:13: 'transfrom' is no kind of node. Did you mean 'transform'?\n1 problem.\n"
    code, out = said("check", str(bad), "--json")
    assert code == 1
    assert json.loads(out)["problems"][0]["line"] == 3
    assert said("check", str(tmp_path / "none.yaml"))[0] == 1
    code, out = said("schema")
    assert code == 0
    assert json.loads(out)["title"] == "FluxGraph"
