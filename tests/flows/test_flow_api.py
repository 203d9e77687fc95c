"""Flows over the API and the command line: kept, drafted, tried, run, started by each other."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.agents_for_tests.world import wait_for
from tests.core.test_routes import client_of
from tests.flows.kit import Flows, flows, small_flows, small_world, transforms_of_the_test, world

__all__ = ["flows", "small_flows", "small_world", "transforms_of_the_test", "world"]

HELLO = """\
# Said at the beginning
name: hello
title: Say hello
triggers: [{key: hand, type: manual}]
input_schema: {type: object, properties: {who: {type: string}}, required: [who]}
graph:
  - {id: say, transform: log, inputs: {message: "Hello {{ inputs.who }}"}}
output: {said: "{{ nodes.say.outputs.message }}"}
"""


@pytest.fixture
def client(small_flows: Flows) -> Any:
    """A client of the first workspace."""
    small_flows.world.started()
    with client_of(small_flows.world.app) as made:
        made.headers["X-Workspace"] = small_flows.world.workspace
        yield made


def _v1(client: TestClient, method: str, path: str, status: int = 200, **options: Any) -> Any:
    answer = client.request(method, f"/api/v1{path}", **options)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def test_a_flow_is_kept_changed_and_run_over_the_api(client: TestClient, small_flows: Flows) -> None:
    made = _v1(client, "POST", "/flows", 201, json={"yaml": HELLO})
    assert (made["name"], made["title"], made["version"], made["triggers"]) == ("hello", "Say hello", 1, ["manual"])
    assert made["yaml"] == HELLO
    assert _v1(client, "POST", "/flows", 409, json={"yaml": HELLO})["code"] == "conflict"
    changed = HELLO.replace("Hello {{", "Hi {{")
    told = {"yaml": changed, "expected_version": 1, "message": "shorter"}
    assert _v1(client, "PUT", "/flows/hello", json=told)["version"] == 2
    assert (
        _v1(client, "PUT", "/flows/hello", 409, json={"yaml": HELLO, "expected_version": 1})["code"] == "stale_version"
    )
    assert [each["message"] for each in _v1(client, "GET", "/flows/hello/versions")] == ["shorter", "created"]
    run = _v1(client, "POST", "/runs", 202, json={"target": "flow:hello", "inputs": {"who": "Ada"}})
    assert small_flows.ended(run["run_id"]).outputs == {"said": "Hi Ada"}
    missing = _v1(client, "POST", "/runs", 404, json={"target": "flow:nobody", "inputs": {}})
    assert "no flow 'nobody'" in missing["detail"]
    assert [each["name"] for each in _v1(client, "GET", "/flows")["flows"]] == ["hello"]


def test_an_invalid_text_is_refused_with_places_and_may_be_kept_as_a_draft(client: TestClient) -> None:
    _v1(client, "POST", "/flows", 201, json={"yaml": HELLO})
    broken = HELLO.replace("transform: log", "transform: lug")
    refused = _v1(client, "PUT", "/flows/hello", 422, json={"yaml": broken})
    assert [(each["line"], each["path"]) for each in refused["problems"]] == [(7, "graph.0.transform")]
    kept = _v1(client, "PUT", "/flows/hello/draft", json={"yaml": broken, "base_version": 1})
    assert kept["yaml"] == broken and _v1(client, "GET", "/flows/hello")["draft_of"] == 1
    assert _v1(client, "GET", "/flows/hello")["yaml"] == HELLO
    _v1(client, "PUT", "/flows/hello", json={"yaml": HELLO.replace("Hello {{", "Hi {{")})
    assert _v1(client, "GET", "/flows/hello/draft") is None
    _v1(client, "PUT", "/flows/hello/draft", json={"yaml": broken, "base_version": 2})
    _v1(client, "DELETE", "/flows/hello/draft", 204)
    assert _v1(client, "GET", "/flows/hello/draft") is None


def test_a_text_is_tried_without_being_kept(client: TestClient, small_flows: Flows) -> None:
    text = HELLO.replace(
        "transform: log, inputs: {message", "transform: event.publish, inputs: {type: test.x, payload: {m"
    )
    text = text.replace('}}"}}', '}}"}}}').replace("outputs.message", "outputs.type")
    started = _v1(client, "POST", "/flows/try", 202, json={"yaml": text, "inputs": {"who": "Ada"}})
    run = small_flows.ended(started["run_id"])
    assert (run.status, run.outputs, run.dry_run) == ("success", {"said": "test.x"}, True), run.error
    assert small_flows.world.events() == [] and _v1(client, "GET", "/flows")["flows"] == []


def test_a_sample_payload_is_what_the_flow_reads_when_it_is_tried(small_flows: Flows) -> None:
    app, ws = small_flows.world.started(), small_flows.world.workspace
    text = (
        "triggers: [{key: orders, type: event, topic: shop.order}]\n"
        "graph: [{id: say, transform: log, inputs: {message: '{{ trigger.input_data.customer.name }}'}}]\n"
        "output: {said: '{{ nodes.say.outputs.message }}'}"
    )
    sample = {"customer": {"name": "Ada"}}
    tried = small_flows.ended(app.flows.try_it(ws, f"name: tried\n{text}", payload=sample).run_id)
    small_flows.keep(text)
    tested = small_flows.ended(app.triggers.test(ws, app.triggers.find(ws)[0].id, sample).run_id)
    assert tried.outputs == tested.outputs == {"said": "Ada"} and tested.dry_run


def test_the_name_of_a_flow_is_that_of_its_document(small_flows: Flows) -> None:
    app, ws = small_flows.world.app, small_flows.world.workspace
    made = app.flows.create(ws, HELLO)
    renamed = app.flows.save(ws, made.id, HELLO.replace("name: hello", "name: greeting"))
    assert (renamed.id, renamed.name, app.flows.get(ws, "greeting").version) == (made.id, "greeting", 2)
    assert "# Said at the beginning" in renamed.yaml


def test_the_end_of_a_flow_starts_another(flows: Flows) -> None:
    app, ws = flows.world.started(), flows.world.workspace
    flows.does("inverse", lambda value: 1 / value)
    first = flows.keep(
        "input_schema: {type: object, properties: {n: {type: number}}}\n"
        "graph: [{id: a, transform: test.inverse, inputs: {value: '{{ inputs.n }}'}}]",
        name="first",
    )
    flows.keep(
        "triggers: [{key: after, type: flow, flow: first, on: failure}]\n"
        "graph: [{id: say, transform: log, inputs: {message: '{{ trigger.input_data.status }}'}}]\n"
        "output: {said: '{{ nodes.say.outputs.message }}'}",
        name="second",
    )
    assert flows.ended(app.runs.start(ws, first, {"n": 2}).run_id).status == "success"
    failed = flows.ended(app.runs.start(ws, first, {"n": 0}).run_id)
    assert failed.status == "error"

    def seconds() -> list[Any]:
        found = [app.runs.get(ws, row.id) for row in flows.world.rows("runs")]
        return [run for run in found if run.instance_name == "second" and run.status == "success"]

    wait_for(seconds)
    (run,) = seconds()
    assert (run.trigger.kind, run.outputs, run.correlation_id) == ("flow", {"said": "error"}, failed.correlation_id)


def test_a_flow_listens_to_events_and_hooks(flows: Flows) -> None:
    app = flows.world.started()
    flows.keep(
        """
triggers:
  - {key: orders, type: event, topic: "shop.order", filter: {payload.total_gt: 100}}
  - {key: hook, type: webhook, path: order, respond: result}
input_schema: {type: object, properties: {total: {type: number}, currency: {type: string, default: EUR}}}
graph:
  - id: say
    transform: log
    inputs: {message: "{{ trigger.input_data.total }} {{ trigger.input_data.currency }} {{ trigger.type }}"}
output: {said: "{{ nodes.say.outputs.message }}"}
"""
    )
    ws = flows.world.workspace
    app.events.publish(ws, "shop.order", {"total": 50}, source="test")
    app.events.publish(ws, "shop.order", {"total": 150, "more": [1]}, source="test")
    wait_for(lambda: [row for row in flows.world.rows("runs") if row.status == "success"])
    assert [row.outputs for row in flows.world.rows("runs")] == [{"said": "150 EUR event"}]
    (hook,) = [each for each in app.triggers.find(ws) if each.kind == "webhook"]
    with client_of(app) as client:
        answer = client.post(f"/hooks/{hook.hook_path}", json={"total": 7})
    assert answer.json()["outputs"] == {"said": "7 EUR webhook"}


def test_a_hook_takes_deliveries_from_its_networks_only(small_flows: Flows) -> None:
    app, ws = small_flows.world.started(), small_flows.world.workspace
    text = """
triggers: [{key: hook, type: webhook, path: order, respond: HOW, allowed_ips: [198.51.100.0/24, "2001:db8::/32"]}]
graph: [{id: a, transform: noop}]
"""
    for respond in ("accepted", "result"):
        small_flows.keep(text.replace("HOW", respond), name=respond)
    for hook in app.triggers.find(ws):
        for address, status in (("198.51.100.7", 202), ("2001:db8::7", 202), ("203.0.113.7", 403), ("testclient", 403)):
            with client_of(app, peer=address) as client:
                answer = client.post(f"/hooks/{hook.hook_path}", json={"n": 1})
            assert answer.status_code in ((status, 200) if status == 202 else (status,)), (address, answer.text)
            assert status == 202 or answer.json()["code"] == "address_not_allowed"
