"""What users of other systems complain about, each as the sentence that is true here: secrets, weight, the network."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import set_current
from ionflux_core.errors import Invalid
from ionflux_core.logs import configure_logging
from ionflux_core.redaction import IN_LOGS, MASK, RedactingFormatter
from ionflux_core.services.exports import Exports
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes
from tests.agents_for_tests.world import World, small_world, world
from tests.pages.shown import open_page

__all__ = ["small_world", "world"]

ROOT = Path(__file__).resolve().parents[2]
CANARY = 'canary "S14" wörd/+=42'
FORMS = (
    CANARY,
    json.dumps(CANARY)[1:-1],
    json.dumps(CANARY, ensure_ascii=False)[1:-1],
    base64.b64encode(CANARY.encode()).decode(),
    base64.urlsafe_b64encode(CANARY.encode()).decode(),
    CANARY.encode().hex(),
)


def assert_clean(what: str, text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    for form in FORMS:
        at = data.find(form.encode())
        assert at < 0, f"{what} holds the secret: {data[max(0, at - 80) : at + 80]!r}"


def leaks(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """An agent that got hold of the secret and writes it wherever an agent can write."""
    secret, coded = CANARY, base64.b64encode(f"x:{CANARY}".encode()).decode()
    ctx.log(f"uses {secret}", field={secret: coded})
    ctx.step(f"Step {secret}"[:60], lambda given: {"said": given, secret: [coded]}, secret)
    ctx.llm.complete(f"Repeat {secret}")
    ctx.kpi("made", 1, dims={"by": secret})
    ctx.value("minutes_returned", 1, unit="min", method="estimate", note=f"thanks to {secret}")
    ctx.emit("test.leak", {"secret": secret, "coded": coded})
    ctx.records.put("notes", "k", {"note": secret})
    file = ctx.artifact("notes.txt", f"mine: {secret}")
    ctx.step("Large", lambda: [secret] * 5_000)
    with contextlib.suppress(ValueError):
        ctx.step("Fails", lambda: int(secret))
    logging.getLogger("agent").warning("the process log: %s", secret)
    with contextlib.suppress(Exception):
        ctx.send("webhook", f"https://shop.example/{secret}", {"text": secret}, summary=f"Tell {secret}", key=secret)
    answer = ctx.approve(f"Send {secret}?", body=secret, data={"text": secret}, editable=["text"])
    if inputs.get("value") == "fail":
        raise RuntimeError(f"no luck with {secret}")
    return {"result": {"said": secret, "edits": answer.edits, "file": {"sha256": file.sha256, "name": "n", "size": 9}}}


@pytest.fixture
def process_log() -> Iterator[io.StringIO]:
    """What the process would write to its log."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(RedactingFormatter(IN_LOGS))
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def leaked(world: World) -> list[str]:
    """A world in which the secret was put into every field there is; the ids of the runs."""
    world.agent("leaks", leaks, breaker=100)
    app, workspace = world.app, world.workspace
    app.secrets.put(workspace, "key", CANARY)
    instance = world.instance("leaks", name="leaky", yaml="inputs:\n  value: 1\n")
    for save in (
        lambda: app.agents.save(workspace, instance.id, f"# {CANARY}\ninputs:\n  value: 1\n"),
        lambda: app.workspaces.add_brand(workspace, {"name": "B", "description": CANARY}),
        lambda: app.workspaces.add_creator(workspace, {"name": "C", "bio": CANARY}),
        lambda: app.workspaces.save_settings(workspace, {"inputs": {"leaks": {"value": CANARY}}}),
        lambda: app.workspaces.rename(workspace, CANARY),
    ):
        with pytest.raises(Invalid, match="secret"):
            save()
    world.started()
    runs = []
    for value in ({"typed": CANARY, "deep": [f"Basic {base64.b64encode(CANARY.encode()).decode()}"]}, "fail"):
        run = world.run("leaks", value)
        (asked,) = app.approvals.pending(workspace)
        app.approvals.decide(workspace, asked.id, approved=True, by="Ana", comment=CANARY, edits={"text": CANARY + "!"})
        runs.append(world.until(run.id, "success", "error").id)
    app.events.publish(workspace, "test.from_outside", {"secret": CANARY})
    time.sleep(0.3)
    assert MASK in str(app.runs.get(workspace, runs[0]).inputs)
    assert "left out" in str(app.runs.get(workspace, runs[0]).warnings)
    return runs


def test_complaint_14_s14_a_secret_in_every_field_is_in_no_row_file_log_or_export(
    world: World, process_log: io.StringIO, leaked: list[str]
) -> None:
    app, workspace = world.app, world.workspace
    statuses = [app.runs.get(workspace, run_id).status for run_id in leaked]
    assert statuses == ["success", "error"]
    app.search.catch_up()
    app.cache.refresh(budget=None)
    from ionflux_core.storage.tables import metadata

    for table in metadata.tables:
        if table != "secrets":
            for row in world.rows(table):
                assert_clean(f"table {table}", repr(tuple(row)))
                assert_clean(f"table {table}", json.dumps(row._asdict(), default=str, ensure_ascii=False))
    assert_clean("the process log", process_log.getvalue())
    assert "the process log" in process_log.getvalue()
    assert_clean("the export", Exports(app.db, app.workspaces, app.agents, app.secrets).export(workspace))
    for run_id in leaked:
        target = io.BytesIO()
        app.run_files.export(workspace, run_id, target)
        with zipfile.ZipFile(target) as archive:
            for name in archive.namelist():
                assert_clean(f"the run file's {name}", archive.read(name))
    app.stop()
    for path in Path(app.settings.data_dir).rglob("*"):
        if path.is_file():
            assert_clean(str(path.name), path.read_bytes())


def test_complaint_14_s14_a_secret_in_every_field_is_in_no_page_and_no_answer_of_the_api(
    world: World, leaked: list[str]
) -> None:
    app, workspace = world.app, world.workspace
    set_current(app)
    instance = app.agents.find(workspace)[0].id
    pages = [
        ("home", {}), ("runs", {}), *(("runs", {"run": run_id}) for run_id in leaked),
        ("agents", {"instance": instance}), ("settings", {"tab": "secrets"}), ("settings", {"tab": "retention"}),
        ("dashboard", {}), ("brands", {}), ("marketplace", {}),
    ]  # fmt: skip
    for noun, parameters in pages:
        shown = open_page(noun, workspace=workspace, **parameters)
        assert_clean(f"page {noun} {parameters}", repr([element for element in shown.main]) + repr(shown))
    server = Starlette(routes=routes(), middleware=middleware(app, Requests()))
    with TestClient(server, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        paths = client.get("/api/v1/openapi.json").json()["paths"]
        asked = 0
        for path, methods in paths.items():
            if "get" in methods:
                for run_id in leaked:
                    filled = path.replace("{run_id}", run_id).replace("{instance_id}", instance)
                    answer = client.get(
                        f"/api/v1{filled}", params={"q": "Repeat", "left": leaked[0], "right": leaked[1]}
                    )
                    asked += answer.status_code == 200
                    assert_clean(path, answer.content)
        assert asked > 15
        written = client.put("/api/v1/secrets/second", json={"value": CANARY + "2"})
        assert written.status_code == 201 and written.content == b""
        assert client.put("/api/v1/secrets/second", json={"value": CANARY + "3"}).status_code == 204
        listed = client.get("/api/v1/secrets")
        assert [each["name"] for each in listed.json()["secrets"]] == ["key", "second"]
        assert_clean("the list of secrets", listed.content)
        assert client.get("/api/v1/secrets/second").status_code == 405
        assert client.delete("/api/v1/secrets/second").status_code == 204
        assert client.delete("/api/v1/secrets/second").status_code == 404
        wrong = client.put("/api/v1/secrets/second", json={"value": [CANARY]})
        assert wrong.status_code == 422
        assert_clean("the refusal", wrong.content)


def test_complaint_16_a_served_process_starts_quickly_and_weighs_little(tmp_path: Path) -> None:
    """Everything but the pages: the pages' own weight is measured by the benchmarks."""
    script = """
    import sys, time
    began = time.perf_counter()
    from ionflux_core.application import Application
    from ionflux_core.settings import load_settings
    app = Application(load_settings(_env_file=None)).start()
    took = time.perf_counter() - began
    from ionflux_core.services.health import process_memory
    heavy = sorted({"pandas", "plotly", "duckdb", "chromadb", "openai", "anthropic"} & set(sys.modules))
    print(took, process_memory().bytes / 2**20, heavy)
    app.stop()
    """
    took, weight, heavy = _in_a_process(script, tmp_path).split(" ", 2)
    assert heavy.strip() == "[]", "heavy packages are loaded when they are needed"
    assert float(weight) < 200 and float(took) < 10


_NO_NETWORK = """
import socket, ipaddress
tried = []
def is_here(address):
    if isinstance(address, (str, bytes)):
        return True
    host = str(address[0]).split("%")[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
def guarded(name):
    real = getattr(socket.socket, name)
    def call(self, address, *rest):
        if not is_here(address):
            tried.append(address)
            raise OSError(101, "Network is unreachable")
        return real(self, address, *rest)
    return call
class Socket(socket.socket):
    connect = guarded("connect")
    connect_ex = guarded("connect_ex")
real_sendto = socket.socket.sendto
def sendto(self, data, *rest):
    if not is_here(rest[-1]):
        tried.append(rest[-1])
        raise OSError(101, "Network is unreachable")
    return real_sendto(self, data, *rest)
Socket.sendto = sendto
socket.socket = Socket
real_lookup = socket.getaddrinfo
def lookup(host, *rest, **named):
    if host and not is_here((host,)):
        tried.append((host,))
        raise socket.gaierror(-3, "Temporary failure in name resolution")
    return real_lookup(host, *rest, **named)
socket.getaddrinfo = lookup
"""


def test_the_guard_of_the_next_two_sees_every_way_out(tmp_path: Path) -> None:
    script = (
        _NO_NETWORK
        + """
    import urllib.request
    for attempt in (
        lambda: urllib.request.urlopen("https://example.com", timeout=2),
        lambda: socket.create_connection(("93.184.215.14", 443), 2),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53)),
        lambda: socket.socket().connect_ex(("10.0.0.1", 80)),
    ):
        try:
            attempt()
        except OSError:
            pass
    print([each[0] for each in tried])
    """
    )
    assert _in_a_process(script, tmp_path).strip() == "['example.com', '93.184.215.14', '8.8.8.8', '10.0.0.1']"


@pytest.mark.slow
def test_complaint_18_the_whole_tutorial_passes_with_the_network_off_and_no_socket_leaves_the_machine(
    tmp_path: Path,
) -> None:
    script = (
        _NO_NETWORK
        + """
    import json
    from pathlib import Path
    from ionflux_core.application import Application, set_current
    from ionflux_core.settings import ROOT, load_settings
    from ionflux_core.domain.runs import RunFilter
    app = Application(load_settings(_env_file=None)).start()
    set_current(app)
    workspace = app.demo.build(days=3)
    names = {each.definition_slug for each in app.agents.find(workspace.id)}
    data = (ROOT / "data/demo/orders.json").read_bytes()
    orders = app.runs.upload(workspace.id, "orders.json", data, "application/json")
    costs = json.loads((ROOT / "data/demo/costs.json").read_text())
    run = app.runs.call(workspace.id, "agent:revenue_tracker",
        {"orders_file": orders, "manual_cost_inputs": costs, "reporting_period": "all"}, timeout=60)
    found = app.search.find(workspace.id, RunFilter(text="orders"), budget=30.0)
    app.cache.refresh(budget=None)
    from streamlit.testing.v1 import AppTest
    from ionflux_ui.navigation import PAGES, page_path
    failed = []
    for entry in PAGES:
        shell = AppTest.from_file(str(ROOT / "ionflux_ui" / "shell.py"), default_timeout=60)
        page = shell.switch_page(page_path(entry.noun))
        page.query_params["workspace"] = workspace.id
        page.run()
        failed += [f"{entry.noun}: {each.value}" for each in page.exception]
    print(json.dumps({"status": run.status, "error": run.error_message, "agents": len(names), "found": len(found.runs),
        "failed": failed, "tried": [list(map(str, each)) for each in tried]}))
    app.stop()
    """
    )
    answer = json.loads(_in_a_process(script, tmp_path, timeout=110))
    assert answer["status"] == "success", answer
    assert answer["agents"] >= 1 and answer["found"] >= 1 and answer["failed"] == []
    assert answer["tried"] == []


@pytest.mark.slow
def test_complaint_19_a_start_makes_no_outward_call(tmp_path: Path) -> None:
    """No telemetry, no look for updates, no look-up of the own outer address: pages, API, worker and clock at start."""
    script = (
        _NO_NETWORK
        + """
    import json, os, threading, time, urllib.request, signal
    os.environ.pop("STREAMLIT_BROWSER_GATHER_USAGE_STATS", None)
    def look():
        answers = []
        for _ in range(150):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{os.environ['IONFLUX_PORT']}/", timeout=5).read()
                answers.append(urllib.request.urlopen(
                    f"http://127.0.0.1:{os.environ['IONFLUX_PORT']}/api/v1/workspaces", timeout=5).status)
                break
            except OSError:
                time.sleep(0.2)
        time.sleep(5)
        print(json.dumps({"answers": answers, "tried": [list(map(str, each)) for each in tried]}), flush=True)
        os._exit(0)
    threading.Thread(target=look, daemon=True).start()
    import sys
    sys.argv = ["ionflux", "serve"]
    from ionflux_core.__main__ import main
    main()
    """
    )
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = _in_a_process(script, tmp_path, timeout=90, IONFLUX_PORT=str(port))
    answer = json.loads(said.strip().splitlines()[-1])
    assert answer == {"answers": [200], "tried": []}


def _in_a_process(script: str, tmp_path: Path, *, timeout: float = 60, **more: str) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("IONFLUX_", "STREAMLIT_"))}
    settings = {"IONFLUX_DATA_DIR": str(tmp_path / "data"), "IONFLUX_KEY_FILE": str(tmp_path / "key"),
                "IONFLUX_DEMO": "false", "PYTHONWARNINGS": "ignore"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", _dedented(script)], cwd=ROOT, env={**own, **settings, **more},
        capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _dedented(script: str) -> str:
    head, mark, tail = script.partition("socket.getaddrinfo = lookup\n")
    return head + mark + textwrap.dedent(tail) if mark else textwrap.dedent(script)


def test_a_step_in_a_thread_of_the_agents_own_hides_secrets_too(small_world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        with ThreadPoolExecutor(2) as pool:
            said = list(pool.map(lambda n: ctx.step(f"part {n}", lambda: f"{n} {CANARY}"), range(3)))
        return {"result": said}

    small_world.agent("probe", run)
    small_world.app.secrets.put(small_world.workspace, "key", CANARY)
    done = small_world.run("probe")
    assert done.outputs == {"result": [f"{n} {MASK}" for n in range(3)]}
    assert_clean("steps", repr(small_world.rows("run_steps")))


def test_the_log_of_a_process_hides_every_secret_it_has_opened(small_world: World, capsys: Any) -> None:
    configure_logging(small_world.app.settings)
    try:
        small_world.app.secrets.put(small_world.workspace, "key", "another-canary-1234")
        logging.getLogger("x").warning("header: %s", {"X-Key": "another-canary-1234"})
    finally:
        logging.basicConfig(force=True, handlers=[])
    assert "another-canary" not in capsys.readouterr().err


def test_the_look_for_secrets_finds_what_is_no_secret(small_world: World) -> None:
    small_world.agent("leaks", lambda ctx, inputs: {"result": ctx.step("say", lambda: CANARY)})
    small_world.run("leaks")
    small_world.app.stop()
    with pytest.raises(AssertionError, match="holds the secret"):
        assert_clean("the database", (small_world.app.settings.data_dir / "ionflux.sqlite").read_bytes())
