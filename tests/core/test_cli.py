"""The command line: every command does its one thing, and what goes wrong is a sentence, never a trace."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ionflux_core import __main__ as command
from ionflux_core.application import Application
from ionflux_core.cli.server import check_address
from ionflux_core.errors import Forbidden
from ionflux_core.services.backups import Backups
from ionflux_core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
MakeApplication = Callable[..., Application]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Ionflux = Callable[..., Said]


@pytest.fixture
def ionflux(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Ionflux:
    """Runs one command in this process, over a data folder of its own."""
    for name, value in (
        ("DATA_DIR", settings.data_dir), ("AGENTS_DIR", settings.agents_dir), ("KEY_FILE", settings.key_file),
        ("DEMO", "false"), ("WORKERS", "1"),
    ):  # fmt: skip
        monkeypatch.setenv(f"IONFLUX_{name}", str(value))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["ionflux", *words])
        try:
            code = command.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
        heard = capsys.readouterr()
        assert "Traceback" not in heard.out + heard.err
        return Said(code, heard.out, heard.err)

    return run


def test_help_lists_every_command(ionflux: Ionflux) -> None:
    said = ionflux("--help")
    assert said.code == 0
    for name in ("serve", "run", "agents", "runs", "events", "demo", "doctor", "migrate", "export", "import", "backup"):
        assert name in said.out


@pytest.mark.parametrize("words", [("nope",), ("run",), ("serve", "--nope"), ("runs", "--limit", "0")])
def test_misspelt_commands_exit_with_2(ionflux: Ionflux, words: tuple[str, ...]) -> None:
    assert ionflux(*words).code == 2


def test_run_executes_without_a_server(ionflux: Ionflux, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"text": "One two."}', "utf-8")
    said = ionflux("run", "agent:word_counter", "--input", "in.json", "--wait", "--json")
    assert said.code == 0
    document = json.loads(said.out)
    assert document["status"] == "success"
    assert document["outputs"]["report"]["words"] == 2
    listed = json.loads(ionflux("runs", "--json").out)
    assert [run["id"] for run in listed] == [document["run_id"]]


def test_run_takes_yaml_and_prints_for_people(ionflux: Ionflux, tmp_path: Path) -> None:
    (tmp_path / "in.yaml").write_text("text: One two three.\n", "utf-8")
    said = ionflux("run", "agent:word_counter", "--input", "in.yaml", "--wait")
    assert said.code == 0 and "success" in said.out and '"words": 3' in said.out


def test_run_without_waiting_only_queues(ionflux: Ionflux, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"text": "One."}', "utf-8")
    words = ("run", "agent:word_counter", "--input", "in.json", "--key", "monday", "--json")
    first, again = ionflux(*words), ionflux(*words)
    assert json.loads(first.out) == json.loads(again.out)
    assert "pending" in ionflux("runs").out


def test_run_stores_files_for_inputs(ionflux: Ionflux, make_agent: Callable[..., Any], tmp_path: Path) -> None:
    manifest = "inputs:\n  - {key: book, type: file, runtime_promptable: true}\noutputs:\n  - {key: size, type: json}\n"
    make_agent(
        "reader", "def run(ctx, inputs):\n    return {'size': len(ctx.read_file(inputs['book']))}\n", manifest=manifest
    )
    (tmp_path / "book.txt").write_bytes(b"12345")
    said = ionflux("run", "agent:reader", "--file", "book=book.txt", "--wait", "--json")
    assert json.loads(said.out)["outputs"] == {"size": 5}


def test_calls_of_a_run_are_listed_with_what_they_cost(
    ionflux: Ionflux, make_agent: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "in.json").write_text('{"text": "One."}', "utf-8")
    make_agent("caller", "def run(ctx, inputs):\n    return {'text': ctx.llm.complete('It rains in Porto.').text}\n")
    run_id = json.loads(ionflux("run", "agent:caller", "--wait", "--json").out)["run_id"]
    said = ionflux("runs", "calls", run_id).out.splitlines()
    assert said[0].split()[:2] == ["STEP", "CALLED"]
    assert said[1].split()[:3] == ["llm", "local:extractive-tfidf", "success"] and "$0.00" in said[1]
    quiet = json.loads(ionflux("run", "agent:word_counter", "--input", "in.json", "--wait", "--json").out)["run_id"]
    assert "called nobody" in ionflux("runs", "calls", quiet).out


def test_a_failing_run_exits_with_1(ionflux: Ionflux, make_agent: Callable[..., Any]) -> None:
    make_agent("broken", "def run(ctx, inputs):\n    raise ValueError('the cause')\n")
    said = ionflux("run", "agent:broken", "--wait")
    assert said.code == 1 and said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run", "nobody", "--wait"), "no agent instance"),
        (("run", "agent:word_counter", "--input", "gone.json"), "cannot be read"),
        (("run", "agent:word_counter", "--file", "text"), "names no file"),
        (("run", "agent:word_counter", "--wait"), "text"),
        (("run", "agent:word_counter", "--workspace", "Elsewhere"), "no workspace"),
        (("events", "publish", "no words!"), "not an event type"),
        (("events", "publish", "a.b", "--payload", "{"), "not JSON"),
        (("events", "publish", "a.b", "--payload", "[1]"), "must be a map"),
        (("token", "create", "x", "--role", "king"), "no role"),
        (("import", "gone.json"), "cannot be read"),
        (("restore", "gone.zip"), "no file"),
        (("new", "agent", "123"), "cannot be an agent's name"),
        (("new", "agent", "word counter"), "already an agent"),
        (("new", "page", "../x"), "page"),
    ],
)
def test_errors_are_a_sentence_on_stderr(ionflux: Ionflux, words: tuple[str, ...], sentence: str) -> None:
    if words[:2] == ("new", "page"):
        words = ("new", "page", "!")
    said = ionflux(*words)
    assert said.code == 1
    assert sentence in said.err
    assert said.out == ""


def test_a_wrong_setting_is_named(ionflux: Ionflux, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IONFLUX_PORT", "many")
    said = ionflux("agents")
    assert said.code == 1 and "IONFLUX_PORT" in said.err


def test_events_are_published(ionflux: Ionflux, make_application: MakeApplication) -> None:
    said = ionflux("events", "publish", "shop.order.created", "--payload", '{"n": 1}', "--json")
    application = make_application()
    (event,) = application.events.find(application.workspaces.all()[0].id)
    assert event.id == json.loads(said.out)["event_id"] and event.payload == {"n": 1}


def test_doctor_is_well_on_fresh_data(ionflux: Ionflux) -> None:
    said = ionflux("doctor")
    assert said.code == 0 and "Database" in said.out and "ERROR" not in said.out


def test_a_token_is_shown_once_and_works(ionflux: Ionflux, make_application: MakeApplication) -> None:
    token = ionflux("token", "create", "ci", "--role", "viewer").out.strip()
    assert make_application().tokens.caller(token).role == "viewer"


def test_the_key_is_rotated(ionflux: Ionflux, make_application: MakeApplication) -> None:
    application = make_application()
    workspace = application.workspaces.create("Mine")
    application.secrets.put(workspace.id, "shop", "s3cret-value")
    assert "1 secrets" in ionflux("rotate-key").out
    assert make_application().secrets.reveal(workspace.id, "shop") == "s3cret-value"


def test_a_new_agent_runs_at_once(ionflux: Ionflux, tmp_path: Path) -> None:
    assert ionflux("new", "agent", "My Greeter").code == 0
    assert "my_greeter" in ionflux("agents").out


class TestExport:
    def test_a_workspace_comes_back_equal(self, ionflux: Ionflux, make_application: MakeApplication) -> None:
        application = make_application()
        workspace = application.workspaces.create("Mine")
        application.secrets.put(workspace.id, "shop_key", "s3cret-value")
        brand = application.workspaces.add_brand(workspace.id, {"name": "Eco", "voice": "Calm."})
        yaml = "inputs:\n  text: One.  # kept\n"
        application.agents.create(workspace.id, "word_counter", "Counter", yaml=yaml, brand_id=brand.id)
        assert ionflux("export", "out.json").code == 0
        text = Path("out.json").read_text("utf-8")
        assert "s3cret" not in text and "shop_key" in text
        said = ionflux("import", "out.json", "--name", "Copy")
        assert said.code == 0 and "shop_key" in said.out
        copy = next(each for each in application.workspaces.all() if each.name == "Copy")
        (instance,) = application.agents.find(copy.id)
        assert instance.yaml == yaml
        assert application.workspaces.brand(copy.id, instance.brand_id or "").voice == "Calm."
        assert ionflux("export", "out.json").code == 1

    def test_an_import_is_all_or_nothing(self, ionflux: Ionflux, make_application: MakeApplication) -> None:
        application = make_application()
        workspace = application.workspaces.create("Mine")
        application.agents.create(workspace.id, "word_counter", "Counter", yaml="inputs: {text: a}\n")
        ionflux("export", "out.json")
        document = json.loads(Path("out.json").read_text("utf-8"))
        document["instances"].append(document["instances"][0] | {"name": "Bad", "yaml": "inputs: [\n"})
        Path("bad.json").write_text(json.dumps(document), "utf-8")
        assert ionflux("import", "bad.json", "--name", "Copy").code == 1
        assert [each.name for each in make_application().workspaces.all()] == ["Mine"]

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x"}', "null"])
    def test_other_files_are_refused(self, ionflux: Ionflux, text: str) -> None:
        Path("bad.json").write_text(text, "utf-8")
        assert ionflux("import", "bad.json").code == 1


class TestBackup:
    @pytest.fixture
    def filled(self, make_application: MakeApplication) -> Application:
        application = make_application()
        workspace = application.workspaces.create("Mine")
        application.runs.upload(workspace.id, "a.txt", b"content", "text/plain")
        return application

    def test_what_was_lost_comes_back(self, ionflux: Ionflux, filled: Application) -> None:
        """The backup is taken while an application has the database open."""
        assert ionflux("backup", "b.zip").code == 0
        filled.workspaces.create("Made later")
        filled.stop()
        said = ionflux("restore", "b.zip")
        assert said.code == 0, said.err
        with Application(filled.settings).open().db.read() as connection:
            names = [row[0] for row in connection.exec_driver_sql("select name from workspaces")]
        assert names == ["Mine"]
        sha256 = hashlib.sha256(b"content").hexdigest()
        assert (filled.settings.data_dir / "artifacts" / sha256[:2] / sha256).read_bytes() == b"content"
        (aside,) = filled.settings.data_dir.glob("before-restore-*")
        assert (aside / "ionflux.sqlite").exists()

    def test_a_backup_overwrites_nothing(self, ionflux: Ionflux, filled: Application) -> None:
        Path("b.zip").write_text("mine", "utf-8")
        assert ionflux("backup", "b.zip").code == 1
        assert Path("b.zip").read_text("utf-8") == "mine"

    def test_restore_is_refused_while_another_process_works(self, ionflux: Ionflux, filled: Application) -> None:
        ionflux("backup", "b.zip")
        filled.workspaces.all()
        said = ionflux("restore", "b.zip")
        assert said.code == 1 and "running" in said.err

    @pytest.mark.parametrize(
        "spoil",
        [
            "not_a_zip",
            "no_manifest",
            "wrong_hash",
            "climbing_name",
            "extra_file",
            "longer",
            "bomb",
            "not_a_database",
            "strange_format",
        ],
    )
    def test_hostile_archives_change_nothing(self, ionflux: Ionflux, filled: Application, spoil: str) -> None:
        ionflux("backup", "b.zip")
        filled.stop()
        _spoil(Path("b.zip"), spoil)
        before = _listing(filled.settings.data_dir.parent)
        said = ionflux("restore", "b.zip")
        assert said.code == 1 and said.err
        assert _listing(filled.settings.data_dir.parent) == before

    def test_postgresql_is_left_to_its_own_tools(self, ionflux: Ionflux, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("IONFLUX_DATABASE_URL", "postgresql://x@127.0.0.1/x")
        assert "pg_dump" in ionflux("backup", "b.zip").err


def _listing(folder: Path) -> list[tuple[str, bytes]]:
    return [
        (path.relative_to(folder).as_posix(), path.read_bytes() if path.suffix != ".sqlite-shm" else b"")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "-wal" not in path.name and "-shm" not in path.name and "__pycache__" not in path.parts
    ]


def _spoil(path: Path, how: str) -> None:
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(contents["manifest.json"])
    artifact = next(name for name in contents if name.startswith("artifacts/"))
    if how == "not_a_zip":
        path.write_bytes(b"PK\x03\x04 and no more")
        return
    if how == "wrong_hash":
        contents[artifact] = b"CONTENT"
    if how == "longer":
        contents[artifact] = b"content and more"
    if how == "extra_file":
        contents["evil.py"] = b"print()"
    if how == "climbing_name":
        contents["../evil"] = contents[artifact]
        manifest["files"]["../evil"] = manifest["files"][artifact]
    if how == "strange_format":
        manifest["format"] = "other"
    if how == "not_a_database":
        contents["ionflux.sqlite"] = b"SQLite format 3\0 but not really"
        entry = manifest["files"]["ionflux.sqlite"]
        entry["sha256"] = hashlib.sha256(contents["ionflux.sqlite"]).hexdigest()
        entry["size"] = len(contents["ionflux.sqlite"])
    if how == "bomb":
        data = b"\0" * 110_000_000
        sha256 = hashlib.sha256(data).hexdigest()
        contents[f"artifacts/{sha256[:2]}/{sha256}"] = data
        manifest["files"][f"artifacts/{sha256[:2]}/{sha256}"] = {"sha256": sha256, "size": len(data)}
    contents["manifest.json"] = json.dumps(manifest).encode()
    if how == "no_manifest":
        del contents["manifest.json"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


class TestAddresses:
    @pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
    def test_pages_on_loopback(self, settings: Settings, address: str) -> None:
        check_address(settings, address, pages=True)

    @pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.0.4", "example.org", ""])
    def test_pages_nowhere_else(self, settings: Settings, address: str) -> None:
        with pytest.raises(Forbidden, match="sign-in form"):
            check_address(settings, address, pages=True, tls=True)

    def test_pages_not_with_sign_in(self, settings: Settings) -> None:
        with pytest.raises(Forbidden, match="IONFLUX_AUTH"):
            check_address(settings.model_copy(update={"auth": "on"}), "127.0.0.1", pages=True)

    def test_the_api_elsewhere_only_behind_tls(self, settings: Settings) -> None:
        with pytest.raises(Forbidden, match="unencrypted"):
            check_address(settings, "0.0.0.0", pages=False)
        check_address(settings, "0.0.0.0", pages=False, tls=True)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestServe:
    """Real processes on real ports."""

    @pytest.fixture
    def served(self, settings: Settings, port: int, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
        processes: list[subprocess.Popen[str]] = []

        def start(*words: str, **more: str) -> subprocess.Popen[str]:
            environment = {key: value for key, value in os.environ.items() if not key.startswith("IONFLUX_")}
            environment |= {
                "IONFLUX_DATA_DIR": str(settings.data_dir), "IONFLUX_AGENTS_DIR": str(settings.agents_dir),
                "IONFLUX_KEY_FILE": str(settings.key_file), "IONFLUX_DEMO": "false", "IONFLUX_PORT": str(port),
                "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more,
            }  # fmt: skip
            process = subprocess.Popen(
                [sys.executable, *words], cwd=tmp_path, env=environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            processes.append(process)
            return process

        yield start
        for process in processes:
            process.kill()
            process.communicate()

    @pytest.mark.parametrize("words", [("serve",), ("serve", "--no-ui")])
    def test_it_prints_its_address_serves_and_ends_on_a_signal(
        self, served: Callable[..., subprocess.Popen[str]], port: int, words: tuple[str, ...]
    ) -> None:
        process = served("-m", "ionflux_core", *words)
        assert process.stdout
        lines = [process.stdout.readline()]
        while "IONFLUX is ready at" not in lines[-1]:
            assert lines[-1], lines
            lines.append(process.stdout.readline())
        assert f"http://127.0.0.1:{port}" in lines[-1]
        assert b"200 OK" in _ask(port, "/healthz")
        assert b"405 " in _ask(port, "/hooks/x", method="GET") or b"403 " in _ask(port, "/hooks/x", method="GET")
        assert b"workspaces" in _ask(port, "/api/v1/workspaces")
        home = _ask(port, "/")
        assert (b"<html" in home) is (len(words) == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)

    def test_a_taken_port_is_a_sentence(self, served: Callable[..., subprocess.Popen[str]], port: int) -> None:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
            process = served("-m", "ionflux_core", "serve")
            said, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert f"Port {port} is taken." in said and "Traceback" not in said

    def test_streamlit_itself_is_kept_on_loopback(
        self, served: Callable[..., subprocess.Popen[str]], port: int
    ) -> None:
        options = ("--server.address", "0.0.0.0", "--server.port", str(port))
        process = served("-m", "streamlit", "run", str(ROOT / "app.py"), *options)
        said, _ = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "no sign-in form" in said and "Traceback" not in said

    def test_a_damaged_database_is_a_sentence(
        self, served: Callable[..., subprocess.Popen[str]], settings: Settings
    ) -> None:
        (settings.data_dir / "ionflux.sqlite").write_bytes(b"this is no database, and long enough to be read" * 100)
        process = served("-m", "ionflux_core", "serve", "--no-ui")
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "Traceback" not in said and re.search(r"database", said)


def _ask(port: int, path: str, *, method: str = "GET") -> bytes:
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode())
                answer = b""
                while part := connection.recv(65_536):
                    answer += part
                return answer
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_backups_refuse_a_database_elsewhere(settings: Settings, tmp_path: Path) -> None:
    elsewhere = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'x.sqlite'}"})
    with pytest.raises(Exception, match="outside the data folder"):
        Backups(elsewhere).create(tmp_path / "b.zip")


def test_a_flow_is_saved_shown_and_run(ionflux: Ionflux, tmp_path: Path) -> None:
    text = "name: hello\ngraph: [{id: say, transform: log, inputs: {message: Hi}}]  # short\n"
    (tmp_path / "hello.yaml").write_text(text, "utf-8")
    assert "There is no flow yet" in ionflux("flow", "list").out
    assert "hello is saved as version 1" in ionflux("flow", "save", "hello.yaml").out
    (tmp_path / "hello.yaml").write_text(text + "output: {said: '{{ nodes.say.outputs.message }}'}\n", "utf-8")
    assert "hello is saved as version 2" in ionflux("flow", "save", "hello.yaml", "-m", "says it").out
    assert ionflux("flow", "show", "hello").out.startswith(text)
    ran = json.loads(ionflux("run", "flow:hello", "--wait", "--json").out)
    assert (ran["status"], ran["outputs"]) == ("success", {"said": "Hi"})
    (tmp_path / "hello.yaml").write_text(text.replace("log", "lug"), "utf-8")
    refused = ionflux("flow", "save", "hello.yaml")
    assert refused.code == 1 and "There is no transform 'lug'" in refused.err
