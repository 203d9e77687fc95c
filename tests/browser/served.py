"""Servers for browser tests, each in a process of its own on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ionflux_core.application import Application
from ionflux_core.domain.runs import Run
from ionflux_core.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 60

Agents = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Server:
    """The running product, and the same data seen from here."""

    address: str
    application: Application

    @property
    def workspace(self) -> str:
        """The id of the first workspace."""
        return self.application.workspaces.all()[0].id

    def ended(self, run_id: str) -> Run:
        """The run once it has ended or is parked."""
        return self.application.runs.wait(self.workspace, run_id, timeout=30)


@contextmanager
def product(folder: Path, agents: Agents) -> Iterator[Server]:
    """The product as `streamlit run app.py` serves it, without demo data; with these agents, or its own."""
    places = {"data_dir": folder / "data", "key_file": folder / "key"}
    if agents:
        places["agents_dir"] = folder / "agents"
        _write(agents, folder / "agents")
    environment = {f"IONFLUX_{name.upper()}": str(path) for name, path in places.items()}
    with streamlit("app.py", ROOT, folder / "log", environment=environment, health="healthz") as address:
        application = Application(load_settings(_env_file=None, workers=0, **places)).open()
        try:
            yield Server(address, application)
        finally:
            application.stop()


def _write(agents: Agents, folder: Path) -> None:
    for slug, files in agents.items():
        (folder / slug).mkdir(parents=True)
        for name, text in files.items():
            (folder / slug / name).write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")


@contextmanager
def streamlit(
    script: str,
    folder: Path,
    log: Path,
    *,
    base: str = "",
    environment: Mapping[str, str] | None = None,
    health: str = "_stcore/health",
) -> Iterator[str]:
    """The address of a Streamlit server that answers."""
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", script, f"--server.port={port}"]
    command += [f"--server.baseUrlPath={base}"] if base else []
    # Nothing of the person's own set-up may reach the server, least of all the address of a database.
    own = {name: value for name, value in os.environ.items() if not name.startswith("IONFLUX_")}
    quiet = {"IONFLUX_DEMO": "false", "IONFLUX_DATABASE_URL": ""}
    with log.open("wb") as written:
        server = subprocess.Popen(
            command, cwd=folder, env={**own, **quiet, **(environment or {})}, stdout=written, stderr=written
        )
    try:
        address = f"http://127.0.0.1:{port}" + (f"/{base}" if base else "")
        _wait_until_up(f"{address}/{health}", server, log)
        yield address
    finally:
        server.terminate()
        server.wait(15)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the server did not start in {SECONDS_TO_START} s: {log.read_text(errors='replace')[-3000:]}")
