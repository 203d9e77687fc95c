"""kill -9 while effects are on their way: none is lost, and none with a key has a second effect."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.domain.effects import EffectFilter
from ionflux_core.domain.runs import RunFilter
from tests.agents_for_tests.world import wait_for
from tests.crash.test_recovery import looking_on, process

__all__ = ["looking_on"]

SEED, CYCLES, RUNS = 20261121, 6, 24
LookingOn = Callable[[str], tuple[Application, str]]


class Receiver:
    """A stand-in for the other side: takes each idempotency key once, and counts every request."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.effects: Counter[str] = Counter()
        self.delay = 0.06
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.take(self.headers["Idempotency-Key"], f"{body['run']}/{body['number']}")
                time.sleep(outer.delay)
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    return

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.server_address[1])

    def take(self, key: str, message: str) -> None:
        """Act on a message unless its key was seen before."""
        with self._lock:
            self.requests[key] += 1
            if self.requests[key] == 1:
                self.effects[message] += 1


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback."""
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _connected(app: Application, ws: str, receiver: Receiver) -> str:
    """The channel is open for the receiver, and a policy allows it; the receiver's address."""
    app.workspaces.save_settings(ws, {"outbound_allow": [f"127.0.0.1:{receiver.port}"], "max_parallel_runs": 16})
    app.policies.set_channel(ws, "webhook", {"dry_run": False, "options": {"honours_keys": "yes"}})
    app.policies.save(ws, [{"channel": "webhook", "verdict": "allow"}])
    return f"http://127.0.0.1:{receiver.port}/messages"


def test_no_message_is_lost_and_none_is_taken_twice(
    database_url: str, looking_on: LookingOn, receiver: Receiver
) -> None:
    app, ws = looking_on(database_url)
    address, chance = _connected(app, ws, receiver), random.Random(SEED)
    runs = [app.runs.start(ws, "agent:sender", {"address": address}).run_id for _ in range(RUNS)]
    for _ in range(CYCLES):
        with process(app) as child:
            child.ready()
            time.sleep(chance.uniform(0.3, 0.9))
    with process(app) as child:
        child.ready()
        done = RunFilter(statuses=["success", "error"])
        wait_for(lambda: app.runs.count(ws, done) == RUNS, 120, lambda: app.runs.count(ws, done))
    for run_id in runs:
        run = app.runs.get(ws, run_id)
        assert (run.status, run.outputs) == ("success", {"sent": ["sent"] * 3}), run.error
    assert receiver.effects == Counter({f"{run_id}/{number}": 1 for run_id in runs for number in range(3)})
    assert app.outbox.count(ws, EffectFilter(status="sent")) == 3 * RUNS
    assert sum(receiver.requests.values()) > 3 * RUNS, "no kill met a message in the air: the test shows nothing"


def test_a_message_in_the_air_is_asked_about_and_not_sent_again(
    database_url: str, looking_on: LookingOn, receiver: Receiver
) -> None:
    app, ws = looking_on(database_url)
    address = _connected(app, ws, receiver)
    receiver.delay = 30.0
    inputs = {"address": address, "on_uncertain": "ask", "count": 1}
    run_id = app.runs.start(ws, "agent:sender", inputs).run_id
    with process(app) as child:
        child.ready()
        wait_for(lambda: receiver.requests, 30)
    receiver.delay = 0.0
    with process(app) as child:
        child.ready()
        wait_for(lambda: app.runs.get(ws, run_id).status == "awaiting_approval", 30)
        (line,) = app.outbox.find(ws).effects
        assert line.status == "uncertain"
        app.outbox.act(ws, line.id, "sent", by="Ana", comment="They have it.")
        wait_for(lambda: app.runs.get(ws, run_id).status == "success", 30)
    assert sum(receiver.requests.values()) == 1
    assert app.runs.get(ws, run_id).outputs == {"sent": ["sent"]}
