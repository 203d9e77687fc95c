"""The REST API: runs, agents, instances, events, figures; hostile bodies; the document that describes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

MakeAgent = Callable[..., Any]
TEXT = {"text": "One two three. Four."}

ASKER = """
def run(ctx, inputs):
    answer = ctx.approve("May it go on?", data={"sum": 3}, editable=["sum"])
    return {"result": {"approved": answer.approved}}
"""
WALKER = """
def run(ctx, inputs):
    for number in range(5):
        ctx.step(f"walk {number}", int)
        ctx.log(f"at {number}")
    return {"result": 1}
"""
CALLER = """
def run(ctx, inputs):
    return {"result": [ctx.llm.complete(f"The ship number {n} sails.").text for n in range(3)]}
"""
BROKEN = """
def run(ctx, inputs):
    raise ValueError("the cause")
"""


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    requests = Requests()
    app = Starlette(routes=routes(), middleware=middleware(application, requests))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1), raise_server_exceptions=False) as opened:
        opened.base_url = "http://127.0.0.1/api/v1/"  # type: ignore[assignment]
        yield opened


def ended(client: TestClient, run_id: str, *, until: tuple[str, ...] = ()) -> dict[str, Any]:
    """The run once it has left the queue and the worker."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        run: dict[str, Any] = client.get(f"runs/{run_id}").json()
        if run["status"] in (until or ("success", "error", "awaiting_approval", "cancelled_by_user")):
            return run
        time.sleep(0.02)
    raise AssertionError(f"the run is still {run['status']}")


def start(client: TestClient, target: str = "agent:word_counter", **more: Any) -> str:
    answer = client.post("runs", json={"target": target, "inputs": TEXT if "word" in target else {}, **more})
    assert answer.status_code == 202, answer.text
    assert set(answer.json()) == {"run_id", "repeated"}
    return str(answer.json()["run_id"])


def in_pages(client: TestClient, path: str, size: int = 2) -> list[dict[str, Any]]:
    """Every row of a list, read in pages; none but the last may be short."""
    rows: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    noun = path.split("/")[-1]
    while True:
        answer = client.get(path, params={"limit": size, **cursor})
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {noun, "cursor"}
        found, following = answer.json()[noun], answer.json()["cursor"]
        rows += found
        if following is None:
            assert len(found) <= size
            return rows
        assert len(found) == size
        cursor = {"cursor": following}


def in_parts(client: TestClient, path: str, size: int = 2) -> list[dict[str, Any]]:
    """Every row of a plain array, followed by its links."""
    rows: list[dict[str, Any]] = []
    following: str | None = f"{path}?limit={size}"
    while following:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        rows += answer.json()
        following = answer.links["next"]["url"].removeprefix("/api/v1/") if answer.links else None
        assert len(answer.json()) == size or not following
    return rows


def assert_problem(answer: Any, status: int, code: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert set(document) == {"type", "title", "status", "detail", "code", "hint", "problems"}
    assert document["status"] == status
    assert code is None or document["code"] == code
    return document


class TestRuns:
    def test_a_run_is_accepted_done_and_shown_with_its_steps(self, client: TestClient) -> None:
        run_id = start(client, task=None, dry_run=False)
        run = ended(client, run_id)
        assert run["status"] == "success"
        assert run["outputs"]["report"]["words"] == 4
        assert run["kpis"]["words"]
        assert run["error"] is None and run["cost"] == 0
        (step,) = client.get(f"runs/{run_id}/steps").json()
        assert step["step_key"] == "count" and step["status"] == "success"
        assert step["outputs"]["words"] == 4 and step["inputs"] is not None
        assert client.get(f"runs/{run_id}/logs").json()[0]["message"] == "The text was counted."

    def test_the_same_key_gives_the_same_run(self, client: TestClient) -> None:
        first = client.post("runs", json={"target": "agent:word_counter", "inputs": TEXT, "idempotency_key": "monday"})
        again = client.post("runs", json={"target": "agent:word_counter", "inputs": TEXT, "idempotency_key": "monday"})
        assert first.json()["run_id"] == again.json()["run_id"]
        assert (first.json()["repeated"], again.json()["repeated"]) == (False, True)
        assert len(client.get("runs").json()["runs"]) == 1

    def test_lists_are_paged_without_gap_or_repeat(self, client: TestClient) -> None:
        started = [start(client) for _ in range(5)]
        assert [run["run_id"] for run in in_pages(client, "runs")] == sorted(started, reverse=True)

    @pytest.mark.parametrize("size", [1, 2, 5, 6])
    def test_steps_and_logs_are_paged_in_their_order(
        self, application: Application, client: TestClient, make_agent: MakeAgent, size: int
    ) -> None:
        make_agent("walker", WALKER)
        application.catalog.reload()
        run_id = start(client, "agent:walker")
        ended(client, run_id)
        assert [step["step_key"] for step in in_parts(client, f"runs/{run_id}/steps", size)] == [
            f"walk {number}" for number in range(5)
        ]
        assert [line["message"] for line in in_parts(client, f"runs/{run_id}/logs", size)] == [
            f"at {number}" for number in range(5)
        ]

    def test_calls_are_shown_with_question_answer_tokens_and_price(
        self, application: Application, client: TestClient, make_agent: MakeAgent
    ) -> None:
        make_agent("caller", CALLER)
        application.catalog.reload()
        run_id = start(client, "agent:caller")
        ended(client, run_id)
        calls = in_parts(client, f"runs/{run_id}/calls")
        assert [call["step_key"] for call in calls] == ["llm", "llm[1]", "llm[2]"]
        assert {call["provider"] for call in calls} == {"local"} and calls[0]["tokens_in"] > 0
        assert "number 1 sails" in str(calls[1]["request"]) and "number 1 sails" in str(calls[1]["response"])
        assert calls[0]["cost_micros"] == 0 and calls[0]["request_hash"] != calls[1]["request_hash"]
        assert_problem(client.get("runs/nobody/calls"), 404)

    def test_open_questions_are_paged_oldest_first(
        self, application: Application, client: TestClient, make_agent: MakeAgent
    ) -> None:
        make_agent("asker", ASKER)
        application.catalog.reload()
        asked = []
        for _ in range(3):
            asked.append(start(client, "agent:asker"))
            ended(client, asked[-1], until=("awaiting_approval",))
        assert [each["run_id"] for each in in_pages(client, "approvals")] == asked

    def test_filters_narrow(self, client: TestClient) -> None:
        ended(client, start(client))
        assert len(client.get("runs?status=success&status=error&agent=word_counter").json()["runs"]) == 1
        assert client.get("runs?status=error").json()["runs"] == []
        assert client.get("runs?until=2020-01-01T00:00:00Z").json()["runs"] == []

    def test_a_failure_says_why_without_a_trace(
        self, application: Application, client: TestClient, make_agent: MakeAgent
    ) -> None:
        make_agent("broken", BROKEN)
        application.catalog.reload()
        run = ended(client, start(client, "agent:broken"))
        assert run["status"] == "error" and run["outputs"] is None
        assert set(run["error"]) == {"code", "message", "hint"}
        assert "Traceback" not in str(run)

    def test_an_approval_is_found_decided_and_goes_on(
        self, application: Application, client: TestClient, make_agent: MakeAgent
    ) -> None:
        make_agent("asker", ASKER)
        application.catalog.reload()
        run_id = start(client, "agent:asker")
        ended(client, run_id, until=("awaiting_approval",))
        (asked,) = client.get("approvals").json()["approvals"]
        assert asked["run_id"] == run_id
        assert_problem(client.post(f"approvals/{asked['id']}", json={"verdict": "approve", "edits": {"x": 1}}), 422)
        assert client.post(f"approvals/{asked['id']}", json={"verdict": "approve"}).json()["status"] == "approved"
        assert ended(client, run_id, until=("success", "error"))["outputs"] == {"result": {"approved": True}}
        assert_problem(client.post(f"approvals/{asked['id']}", json={"verdict": "deny"}), 409)

    def test_a_parked_run_is_cancelled_once(
        self, application: Application, client: TestClient, make_agent: MakeAgent
    ) -> None:
        make_agent("asker", ASKER)
        application.catalog.reload()
        run_id = start(client, "agent:asker")
        ended(client, run_id, until=("awaiting_approval",))
        assert_problem(client.post(f"runs/{run_id}/resume"), 409)
        assert client.post(f"runs/{run_id}/cancel").json()["status"] == "cancelled_by_user"
        assert_problem(client.post(f"runs/{run_id}/cancel"), 409)

    def test_a_waiting_run_is_paused_and_resumed(
        self, application: Application, client: TestClient, make_agent: MakeAgent
    ) -> None:
        make_agent("sleeper", "def run(ctx, inputs):\n    ctx.wait(seconds=0.5)\n    return {'result': 1}\n")
        application.catalog.reload()
        run_id = start(client, "agent:sleeper")
        ended(client, run_id, until=("waiting",))
        assert client.post(f"runs/{run_id}/pause").json()["status"] == "paused"
        assert client.post(f"runs/{run_id}/resume").json()["status"] in ("pending", "running", "waiting", "success")
        assert ended(client, run_id, until=("success",))["outputs"] == {"result": 1}

    @pytest.mark.parametrize("key", ["steps", "code", "flow", "workspace_id", "by", "trigger"])
    def test_a_body_brings_inputs_only(self, client: TestClient, key: str) -> None:
        document = assert_problem(client.post("runs", json={"target": "agent:word_counter", key: {}}), 422, "invalid")
        assert document["problems"][0]["path"] == key

    @pytest.mark.parametrize(
        ("target", "status"),
        [
            ("nobody", 404),
            ("agent:nobody", 404),
            ("flow:x", 404),
            ("", 422),
            ("x" * 301, 422),
            (7, 422),
            ("agent:", 404),
        ],
    )
    def test_a_target_that_is_not_there(self, client: TestClient, target: Any, status: int) -> None:
        assert_problem(client.post("runs", json={"target": target}), status)

    def test_missing_inputs_are_all_named(self, client: TestClient) -> None:
        document = assert_problem(client.post("runs", json={"target": "agent:word_counter"}), 422)
        assert "text" in document["detail"] + str(document["problems"])

    def test_another_workspaces_run_is_not_there(self, application: Application, client: TestClient) -> None:
        run_id = start(client)
        application.workspaces.create("Other")
        for path in (f"runs/{run_id}", f"runs/{run_id}/steps", f"runs/{run_id}/logs"):
            assert_problem(client.get(path, headers={"x-ionflux-workspace": "other"}), 404)
        for action in ("cancel", "pause", "resume"):
            assert_problem(client.post(f"runs/{run_id}/{action}?workspace=Other"), 404)


class TestAgents:
    def test_agents_say_what_goes_in_and_comes_out(self, client: TestClient) -> None:
        (agent,) = client.get("agents").json()["agents"]
        assert agent["slug"] == "word_counter" and agent["inputs"][0]["key"] == "text"
        assert client.get("agents/agent_word_counter").json()["manifest"]["slug"] == "word_counter"
        assert client.get("agents/word_counter/schema").json()["type"] == "object"
        assert_problem(client.get("agents/nobody"), 404)

    def test_an_instance_is_made_saved_in_versions_and_run(self, client: TestClient) -> None:
        draft = {"definition": "word_counter", "name": "Counter", "yaml": "inputs:\n  text: One.\n"}
        made = client.post("instances", json=draft)
        assert made.status_code == 201
        path = made.headers["location"].removeprefix("/api/v1/")
        change = {"yaml": "inputs:\n  text: One two.\n", "expected_version": 1, "message": "more"}
        assert client.put(path, json=change).json()["version"] == 2
        assert_problem(client.put(path, json=change | {"yaml": "inputs: {}\n"}), 409, "stale_version")
        assert [each["version"] for each in client.get(f"{path}/versions").json()] == [2, 1]
        run = ended(client, client.post("runs", json={"target": "Counter"}).json()["run_id"])
        assert run["outputs"]["report"]["words"] == 2
        assert_problem(client.post("instances", json=draft), 409)
        assert client.put(path, json={"status": "archived"}).json()["status"] == "archived"
        assert client.get("instances").json()["instances"] == []

    def test_agents_instances_versions_and_triggers_are_paged(
        self, application: Application, client: TestClient, make_agent: MakeAgent
    ) -> None:
        for slug in ("asker", "walker"):
            make_agent(slug, WALKER)
        application.catalog.reload()
        assert [each["slug"] for each in in_pages(client, "agents")] == ["asker", "walker", "word_counter"]
        names = ["Zoe", "ann", "Über", "Ben", "Ann b"]
        made = [
            client.post("instances", json={"definition": "word_counter", "name": name, "yaml": "inputs: {text: a}"})
            for name in names
        ]
        assert [each["name"] for each in in_pages(client, "instances")] == sorted(names)
        assert [each["instance_name"] for each in in_pages(client, "triggers")] == sorted(names)
        path = made[0].headers["location"].removeprefix("/api/v1/")
        for number in range(2, 6):
            client.put(path, json={"yaml": f"inputs: {{text: a{number}}}"})
        assert [each["version"] for each in in_parts(client, f"{path}/versions")] == [5, 4, 3, 2, 1]
        client.put(path, json={"name": "Aaron"})
        assert client.get("instances?cursor=Zoe").json()["instances"][0]["name"] == "ann"

    def test_yaml_problems_come_with_their_line(self, client: TestClient) -> None:
        draft = {"definition": "word_counter", "name": "Counter", "yaml": "inputs:\n  text: One.\n  tpyo: 1\n"}
        document = assert_problem(client.post("instances", json=draft), 422)
        assert [problem["line"] for problem in document["problems"]] == [3]
        assert client.get("instances").json()["instances"] == []

    def test_an_empty_change_is_refused(self, client: TestClient) -> None:
        made = client.post("instances", json={"definition": "word_counter", "name": "C", "yaml": "inputs: {text: a}"})
        assert_problem(client.put(made.headers["location"].removeprefix("/api/v1/"), json={}), 422)


class TestTheRest:
    def test_brands_and_workspaces(self, client: TestClient) -> None:
        made = client.post("brands", json={"name": "Eco", "visual": {"palette": ["#123456"]}})
        assert made.status_code == 201
        path = made.headers["location"].removeprefix("/api/v1/")
        assert client.put(path, json={"name": "Eco 2"}).json()["name"] == "Eco 2"
        assert [each["name"] for each in client.get("brands").json()["brands"]] == ["Eco 2"]
        assert_problem(client.post("brands", json={"name": "Bad", "visual": {"palette": ["red"]}}), 422)
        assert_problem(client.post("workspaces", json={"name": "Test"}), 409)
        assert client.post("workspaces", json={"name": "Second"}).status_code == 201
        assert client.get("brands?workspace=Second").json()["brands"] == []

    def test_events_are_published_once_per_key_and_paged(self, client: TestClient) -> None:
        sent = {"type": "shop.order.created", "payload": {"n": 1}, "key": "k"}
        first = client.post("events", json=sent)
        assert first.status_code == 202
        assert client.post("events", json=sent).json() == first.json()
        client.post("events", json={"type": "other.fact"})
        page = client.get("events?limit=1").json()
        assert page["events"][0]["type"] == "other.fact"
        assert client.get(f"events?cursor={page['cursor']}").json()["events"][0]["payload"] == {"n": 1}
        assert [each["type"] for each in client.get("events?type=shop.").json()["events"]] == ["shop.order.created"]
        assert_problem(client.post("events", json={"type": "no dots or spaces!"}), 422)

    def test_figures_of_agents(self, client: TestClient) -> None:
        run_id = start(client)
        ended(client, run_id)
        (point,) = client.get("kpis?name=words").json()["points"]
        assert (point["value"], point["unit"], point["run_id"]) == (4.0, "count", run_id)
        assert client.get("kpis?until=2020-01-01T00:00:00Z").json()["points"] == []

    def test_triggers_keep_a_hooks_address_from_viewers(self, application: Application, client: TestClient) -> None:
        client.post("instances", json={"definition": "word_counter", "name": "C", "yaml": "inputs: {text: a}"})
        (trigger,) = client.get("triggers").json()["triggers"]
        assert (trigger["kind"], trigger["hook"], trigger["next_times"]) == ("manual", None, [])

    def test_a_fresh_database_says_what_to_do(self, make_application: Callable[..., Application]) -> None:
        empty, requests = make_application(), Requests()
        app = Starlette(routes=routes(), middleware=middleware(empty, requests))
        with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
            document = assert_problem(client.get("/api/v1/runs"), 404)
            assert "POST /api/v1/workspaces" in document["hint"]


class TestBadRequests:
    @pytest.mark.parametrize("path", ["nowhere", "runs/x/y/z", "", "docs/x"])
    def test_unknown_addresses(self, client: TestClient, path: str) -> None:
        assert_problem(client.get(path), 404)
        assert_problem(client.get("http://127.0.0.1/api"), 404)
        assert_problem(client.get("http://127.0.0.1/api/v2/runs"), 404)

    def test_wrong_methods_name_the_right_ones(self, client: TestClient) -> None:
        answer = client.delete("runs")
        assert_problem(answer, 405)
        assert answer.headers["allow"] == "GET, POST"

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"{", 422),
            (b"[]", 422),
            (b"null", 422),
            (b'"text"', 422),
            (b"\xff", 422),
            (b'{"target": NaN}', 422),
            (b'{"target": "\\ud800"}', 422),
            (b'{"target": "a\\u0000b"}', 422),
            (b'{"target": "x", "inputs": {"a": ' + b"[" * 80 + b"]" * 80 + b"}}", 413),
            (b'{"target": "x", "inputs": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}", 422),
            (b'{"target": "x", "inputs": {"a": "' + b"x" * limits.API_BODY_BYTES + b'"}}', 413),
            (b'{"target": "agent:word_counter", "inputs": {"text": 1e999}}', 422),
        ],
    )
    def test_hostile_bodies(self, client: TestClient, body: bytes, status: int) -> None:
        assert_problem(client.post("runs", content=body, headers={"content-type": "application/json"}), status)

    @pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
    def test_what_a_form_can_send_is_not_taken(self, client: TestClient, kind: str) -> None:
        answer = client.post("runs", content=b'{"target": "x"}', headers={"content-type": kind})
        assert_problem(answer, 415, "unsupported_media_type")

    @pytest.mark.parametrize(
        "query",
        [
            "runs?limit=0", "runs?limit=1000000", "runs?limit=x", "runs?since=yesterday", "runs?status=done",
            "runs?since=2026-01-01T00:00:00", "runs?since=0001-01-01T00:00:00%2B14:00",
            "runs?until=9999-12-31T23:59:59-14:00", "runs?trigger_kind=x", "runs?text=" + "x" * 301,
            "events?cursor=99999999999999999999", "events?cursor=-1", "kpis?limit=10001", "agents?limit=0",
            "instances?limit=1000000", "instances?cursor=" + "x" * 301, "triggers?limit=x",
            "runs/x/steps?offset=x", "runs/x/logs?offset=-1", "instances/x/versions?offset=1000001",
        ],
    )  # fmt: skip
    def test_bad_parameters(self, client: TestClient, query: str) -> None:
        document = assert_problem(client.get(query), 422)
        assert document["problems"][0]["path"].split(".")[0] in query

    def test_nul_in_an_address(self, client: TestClient) -> None:
        assert_problem(client.get("runs?text=%00"), 400)
        assert_problem(client.get("runs/%00"), 400)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        body=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
            max_leaves=12,
        ),
        path=st.sampled_from(["runs", "instances", "brands", "events", "workspaces", "approvals/x", "runs/x/pause"]),
    )
    def test_no_body_breaks_the_server(self, client: TestClient, body: Any, path: str) -> None:
        answer = client.post(path, json=body)
        assert answer.status_code < 500, answer.text


class TestTheDocument:
    def test_it_holds_every_endpoint_the_product_promises(self, client: TestClient) -> None:
        paths = client.get("openapi.json").json()["paths"]
        promised = {
            ("post", "/runs"), ("get", "/runs"), ("get", "/runs/{run_id}"), ("get", "/runs/{run_id}/steps"),
            ("post", "/runs/{run_id}/cancel"), ("post", "/runs/{run_id}/pause"), ("post", "/runs/{run_id}/resume"),
            ("get", "/agents"), ("post", "/instances"), ("get", "/instances"), ("get", "/instances/{instance_id}"),
            ("put", "/instances/{instance_id}"), ("get", "/instances/{instance_id}/versions"), ("get", "/triggers"),
            ("get", "/brands"), ("post", "/brands"), ("get", "/workspaces"), ("post", "/workspaces"),
            ("post", "/events"), ("get", "/events"), ("get", "/kpis"), ("get", "/approvals"),
            ("post", "/approvals/{approval_id}"),
        }  # fmt: skip
        assert promised <= {(method, path) for path, methods in paths.items() for method in methods}

    def test_its_page_loads_nothing_from_elsewhere(self, client: TestClient) -> None:
        page = client.get("docs").text
        assert "POST" in page and "/runs/{run_id}/steps" in page
        assert "<script" not in page and "://" not in page.replace("http://www.w3.org", "").replace("secret://", "")

    def test_the_short_address_leads_to_the_page(self, client: TestClient) -> None:
        assert client.get("http://127.0.0.1/api/v1").url.path == "/api/v1/docs"
