"""Traces: one connected tree from webhook to effect, over threads, waits and crashes; and nothing at all when off."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ionflux_core.application import Application
from ionflux_core.domain.runs import FINISHED
from ionflux_core.errors import Invalid
from ionflux_core.settings import load_settings
from ionflux_core.telemetry import Span, Traces, span_id, trace_id, traceparent
from tests.core.test_routes import HOOK, client_of
from tests.stand_ins.collector import Collector, Seen, collector

ROOT = Path(__file__).resolve().parent.parent.parent
MakeApplication = Callable[..., Application]
CANARY = "canary-9c41-who-ordered"

ORDERS = """
def run(ctx, inputs):
    def total(order):
        return {"total": order["total"]}
    counted = ctx.step("count the order", total, inputs["value"])
    ctx.emit("test.order.counted", {"order": inputs["value"], "total": counted["total"]}, key="one")
    return {"result": counted}
"""
TELLS = """
def run(ctx, inputs):
    ctx.step("think", lambda: 1)
    sent = ctx.send("folder", "orders", {"text": inputs["value"]["order"]["who"]}, summary="Tell of an order")
    return {"result": sent.status}
"""
LISTENS = '  - {key: heard, type: event, payload_to: value, config: {topic: "test.order.counted"}}\n'
PORTS = """\
inputs:
  - {key: value, type: json, from_trigger: true}
outputs:
  - {key: result, type: json}
"""


@pytest.fixture
def observed() -> Iterator[Collector]:
    with collector() as opened:
        yield opened


def with_trigger(make_agent: Callable[..., Path], slug: str, code: str, trigger: str) -> None:
    place = make_agent(slug, code, manifest=PORTS)
    text = (place / "agent.yaml").read_text("utf-8")
    (place / "agent.yaml").write_text(text.replace("inputs:\n", trigger + "inputs:\n", 1), "utf-8")


def shop(make_application: MakeApplication, make_agent: Callable[..., Path], url: str) -> tuple[Application, str, str]:
    """A started application, its workspace, and the address an order is sent to."""
    with_trigger(make_agent, "orders", ORDERS, HOOK % "token")
    with_trigger(make_agent, "tells", TELLS, LISTENS)
    app = make_application(otlp_endpoint=url).start()
    ws = app.workspaces.create("Test").id
    app.agents.create(ws, "orders", "Orders", yaml="{}\n")
    app.agents.create(ws, "tells", "Tells", yaml="{}\n")
    app.policies.set_channel(ws, "folder", {"dry_run": False})
    (hook,) = [each for each in app.triggers.find(ws) if each.kind == "webhook"]
    return app, ws, f"/hooks/{hook.hook_path}"


def answered(app: Application, ws: str) -> None:
    """The person says yes as soon as she is asked: what came from outside needs it."""
    deadline = time.monotonic() + 20
    while not (asked := app.approvals.pending(ws)) and time.monotonic() < deadline:
        time.sleep(0.05)
    app.approvals.decide(ws, asked[0].id, approved=True, by="Ana")
    while app.runs.unfinished(ws) and time.monotonic() < deadline:
        time.sleep(0.05)


def by_name(spans: list[Seen]) -> dict[str, Seen]:
    return {span.name: span for span in spans}


def roots_and_orphans(spans: list[Seen]) -> tuple[list[str], list[str]]:
    """The names of spans without a parent, and of those whose parent nobody has told of."""
    known = {span.id for span in spans}
    return [s.name for s in spans if not s.parent], [s.name for s in spans if s.parent and s.parent not in known]


def of_the_order(spans: list[Seen]) -> list[Seen]:
    """The spans of the trace the webhook began; what is said in the chat about it is a chain of its own."""
    (trace,) = {span.trace for span in spans if span.name == "POST hooks"}
    return [span for span in spans if span.trace == trace]


def has(*names: str) -> Callable[[list[Seen]], bool]:
    return lambda spans: {*names} <= {span.name for span in spans}


ALL = (
    "POST hooks", "run orders", "count the order", "event test.order.counted", "run tells", "think", "send",
    "effect folder",
)  # fmt: skip


def test_an_order_is_one_connected_tree_from_webhook_to_effect(
    make_application: MakeApplication, make_agent: Callable[..., Path], observed: Collector
) -> None:
    app, ws, hook = shop(make_application, make_agent, observed.url)
    sender = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with client_of(app) as client:
        order = {"total": 12, "who": CANARY}
        answer = client.post(hook + "?key=" + CANARY, json=order, headers={"traceparent": sender})
        assert answer.status_code == 202
        answered(app, ws)
    spans = of_the_order(observed.wait_for(has(*ALL)))
    named = by_name(spans)
    assert {*ALL} <= {*named}, sorted(named)
    assert {span.trace for span in spans} == {uuid.UUID(answer.json()["correlation_id"]).hex}
    assert roots_and_orphans(spans) == (["POST hooks"], [])
    parents = [(child, named[child].parent, named[parent].id) for parent, child in TREE]
    assert [child for child, found, wanted in parents if found != wanted] == []
    assert named["POST hooks"].links == ((sender[3:35], sender[36:52]),)
    # The question was open while the person thought about it, and the step says so.
    assert named["send"].seconds <= named["run tells"].seconds
    assert named["run orders"].attributes["ionflux.status"] == "success"
    assert named["run orders"].resource["service.name"] == "ionflux"
    assert observed.paths[0] == "/v1/traces"


TREE = (
    ("POST hooks", "run orders"), ("run orders", "count the order"), ("run orders", "event test.order.counted"),
    ("event test.order.counted", "run tells"), ("run tells", "think"), ("run tells", "send"), ("send", "effect folder"),
)  # fmt: skip


def test_neither_inputs_nor_secrets_nor_addresses_are_told(
    make_application: MakeApplication, make_agent: Callable[..., Path], observed: Collector
) -> None:
    app, ws, hook = shop(make_application, make_agent, observed.url)
    with client_of(app) as client:
        client.post(hook, json={"total": 12, "who": CANARY})
        answered(app, ws)
    observed.wait_for(has(*ALL))
    app.stop()
    told = b"".join(observed.raw)
    assert told and CANARY.encode() not in told
    assert hook.rpartition("/")[2].encode() not in told


def test_a_run_goes_on_in_another_process_and_its_spans_find_their_parent(
    make_application: MakeApplication, make_agent: Callable[..., Path], observed: Collector
) -> None:
    app, ws, hook = shop(make_application, make_agent, observed.url)
    with client_of(app) as client:
        client.post(hook, json={"total": 12, "who": CANARY})
        deadline = time.monotonic() + 20
        while not app.approvals.pending(ws) and time.monotonic() < deadline:
            time.sleep(0.05)
    app.stop()
    again = make_application(otlp_endpoint=observed.url).start()
    answered(again, ws)
    spans = of_the_order(observed.wait_for(has(*ALL)))
    assert roots_and_orphans(spans) == (["POST hooks"], [])
    # It began to wait in the first process.
    named = by_name(spans)
    assert named["send"].start < named["effect folder"].start


def test_a_run_that_is_cut_off_between_two_steps_is_one_tree_all_the_same(
    make_application: MakeApplication, make_agent: Callable[..., Path], observed: Collector, tmp_path: Path
) -> None:
    code = f"""
from pathlib import Path
import time

def run(ctx, inputs):
    ctx.step("first", lambda: 1)
    def second():
        Path({str(tmp_path)!r}, "here").touch()
        while not Path({str(tmp_path)!r}, "go on").exists():
            time.sleep(0.02)
        return 2
    ctx.step("second", second)
    return {{"result": 1}}
"""
    make_agent("slow", code)
    app = make_application(otlp_endpoint=observed.url).start()
    ws = app.workspaces.create("Test").id
    started = app.runs.start(ws, "agent:slow", {"value": 1})
    deadline = time.monotonic() + 20
    while not (tmp_path / "here").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    # As if the process were gone: what the thread still does counts no more, and the run is put back.
    assert app.worker is not None and app.follow is not None
    app.worker.stop(patience=0)
    app.follow.stop()
    (tmp_path / "go on").touch()
    again = make_application(otlp_endpoint=observed.url).start()
    assert again.runs.wait(ws, started.run_id, timeout=20).status == "success"
    spans = observed.wait_for(has("first", "second", "run slow"))
    assert roots_and_orphans(spans) == (["run slow"], [])
    assert sorted(span.name for span in spans) == ["first", "run slow", "second"]


def test_an_event_sent_to_the_api_is_the_root_of_what_it_brings_about(
    make_application: MakeApplication, make_agent: Callable[..., Path], observed: Collector
) -> None:
    app, ws, _ = shop(make_application, make_agent, observed.url)
    with client_of(app) as client:
        event = {"type": "test.order.counted", "payload": {"order": {"who": "x"}}}
        answer = client.post("/api/v1/events", json=event, headers={"x-request-id": "mine-1"})
        assert answer.status_code < 300, answer.text
        assert answer.headers["x-request-id"] == "mine-1"
        answered(app, ws)
    spans = observed.wait_for(has("POST api", "run tells", "event test.order.counted"))
    assert roots_and_orphans(spans)[1] == []
    named = by_name(spans)
    assert named["event test.order.counted"].parent == named["POST api"].id
    assert named["POST api"].attributes["ionflux.request.id"] == "mine-1"


def test_a_failed_step_and_its_run_are_marked_with_the_code_only(
    make_application: MakeApplication, make_agent: Callable[..., Path], observed: Collector
) -> None:
    code = f"""
def run(ctx, inputs):
    def fail():
        raise ValueError("{CANARY}")
    ctx.step("fail", fail)
"""
    make_agent("fails", code)
    app = make_application(otlp_endpoint=observed.url).start()
    ws = app.workspaces.create("Test").id
    started = app.runs.start(ws, "agent:fails", {"value": 1})
    app.runs.wait(ws, started.run_id, timeout=20)
    named = by_name(observed.wait_for(has("fail", "run fails")))
    assert (named["fail"].ok, named["fail"].message) == (False, "agent_failed")
    assert (named["run fails"].ok, named["run fails"].message, named["run fails"].parent) == (False, "agent_failed", "")
    assert CANARY.encode() not in b"".join(observed.raw)


def test_a_collector_that_is_away_or_hangs_holds_nobody_up(
    make_application: MakeApplication, make_agent: Callable[..., Path], observed: Collector
) -> None:
    observed.hangs = True
    app, _, hook = shop(make_application, make_agent, observed.url)
    with client_of(app) as client:
        began = time.perf_counter()
        for number in range(20):
            assert client.post(hook, json={"total": number, "who": "x"}).status_code == 202
        assert time.perf_counter() - began < 5
    began = time.perf_counter()
    app.stop()
    assert time.perf_counter() - began < 15


def test_what_fails_and_what_does_not_fit_is_counted_and_shown(
    make_application: MakeApplication, observed: Collector
) -> None:
    observed.status = 400
    app = make_application(otlp_endpoint=observed.url)
    assert app.traces is not None
    for number in range(9_000):
        app.traces.add(Span("c", number + 1, None, "x", 0, 1))
    app.traces.start()
    deadline = time.monotonic() + 20
    while app.traces.counts()["failed"] < 8_192 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert app.traces.counts() == {"sent": 0, "dropped": 808, "failed": 8_192}
    with client_of(app) as client:
        text = client.get("/metrics").text
    assert 'ionflux_trace_spans_total{outcome="dropped"} 808.0' in text
    assert 'ionflux_trace_spans_total{outcome="failed"} 8192.0' in text


def test_it_sends_again_once_the_collector_is_back(observed: Collector) -> None:
    observed.status = 404
    traces = Traces(observed.url)
    traces.add(Span("c", 1, None, "lost", 0, 1))
    traces.start()
    deadline = time.monotonic() + 10
    while not traces.counts()["failed"] and time.monotonic() < deadline:
        time.sleep(0.02)
    observed.status = 200
    traces.add(Span("c", 2, None, "there", 0, 1))
    assert [span.name for span in observed.wait_for(has("there"))] == ["there"]
    traces.stop()


def test_ids_are_made_of_ids() -> None:
    run = "0198a7c2-7d5e-7c3a-9b11-000000000001"
    assert trace_id(run) == uuid.UUID(run).int
    assert trace_id("no uuid") == trace_id("no uuid") != trace_id("another")
    assert span_id("run", run) == span_id("run", run) != span_id("step", run)
    assert 0 < span_id("run", run) < 2**64


@pytest.mark.parametrize(
    "header",
    ["", "x", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
     "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7", "é" * 500],
)  # fmt: skip
def test_a_header_that_names_no_trace_links_nothing(header: str) -> None:
    assert traceparent(header) is None


def test_off_nothing_of_it_is_loaded_or_counted(make_application: MakeApplication) -> None:
    assert make_application().traces is None
    code = (
        "import sys; from ionflux_core.application import Application; from ionflux_core.settings import load_settings;"
        "import tempfile; app = Application(load_settings(_env_file=None, data_dir=tempfile.mkdtemp(), demo=False));"
        "app.start(); app.workspaces.create('T'); app.stop();"
        "sys.exit(','.join(n for n in sys.modules if n.startswith(('opentelemetry', 'google.protobuf'))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("wrong", ["ftp://x", "http://user:word@x", "collector:4318", "http://x?key=1"])
def test_an_address_that_cannot_be_meant_stops_the_start(wrong: str) -> None:
    with pytest.raises(Invalid, match="IONFLUX_OTLP_ENDPOINT"):
        load_settings(_env_file=None, otlp_endpoint=wrong)


def test_a_dry_run_leaves_no_trace(
    make_application: MakeApplication, make_agent: Callable[..., Path], observed: Collector
) -> None:
    make_agent("quiet", "def run(ctx, inputs):\n    ctx.step('hush', lambda: 1)\n    return {'result': 1}\n")
    app = make_application(otlp_endpoint=observed.url).start()
    ws = app.workspaces.create("Test").id
    ids = [app.runs.start(ws, "agent:quiet", {"value": 1}, dry_run=dry).run_id for dry in (True, False)]
    assert all(app.runs.wait(ws, each, timeout=20).status in FINISHED for each in ids)
    spans = observed.wait_for(has("hush", "run quiet"))
    assert {span.attributes["ionflux.run.id"] for span in spans} == {ids[1]}
