"""Child processes of the bench: the product, bare Streamlit and bare FastAPI, started, found ready, weighed, ended."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).resolve().parent
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A child process that listens on a port of this machine."""

    process: subprocess.Popen[bytes]
    port: int
    began: float

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def memory_mb(self) -> dict[str, float]:
        """Proportional, private and resident megabytes of the process, as the kernel counts them."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in text.splitlines()[1:]}
        return {"pss": sizes["Pss"], "private": sizes["Private_Clean"] + sizes["Private_Dirty"], "rss": sizes["Rss"]}

    def cpu_seconds(self) -> float:
        """CPU the process has used since it began."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_open(self) -> None:
        """Return once the port takes a connection."""
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                self._still_there()
                time.sleep(0.01)

    def wait_answer(self, path: str) -> None:
        """Return once a GET of the path is answered with 200."""
        self.wait_open()
        while True:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    return
            except (OSError, HTTPException):
                pass
            finally:
                connection.close()
            self._still_there()
            time.sleep(0.02)

    def _still_there(self) -> None:
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended with {self.process.returncode}")
        if time.perf_counter() - self.began > PATIENCE_SECONDS:
            raise RuntimeError(f"the server did not answer within {PATIENCE_SECONDS:.0f} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def plain_environment() -> dict[str, str]:
    """The environment without settings of this shell that would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("IONFLUX_", "STREAMLIT_"))}


@contextmanager
def running(
    command: Sequence[str], port: int, log: Path, extra: Mapping[str, str] | None = None, *, cwd: Path = ROOT
) -> Iterator[Server]:
    """A child process for the length of a block; what it says goes into `log`."""
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env={**plain_environment(), **(extra or {})}, stdout=output, stderr=output
        )
        try:
            yield Server(process, port, began)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def product(folder: Path, *, agents: Path, **settings: str) -> Iterator[Server]:
    """IONFLUX as people start it, over a data folder of the bench."""
    port = free_port()
    extra = {
        "IONFLUX_DATA_DIR": str(folder),
        "IONFLUX_KEY_FILE": str(folder.parent / "key"),
        "IONFLUX_AGENTS_DIR": str(agents),
        "IONFLUX_DEMO": "false",
        "IONFLUX_LOG_LEVEL": "warning",
        "IONFLUX_PORT": str(port),
        **settings,
    }
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with running(command, port, folder.parent / f"product-{port}.log", extra) as server:
        yield server


@contextmanager
def hello(folder: Path) -> Iterator[Server]:
    """Bare Streamlit, away from the product's theme and settings."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(HERE / "floor_hello.py"), "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true", "--browser.gatherUsageStats", "false"]
    command += ["--server.fileWatcherType", "none"]
    with running(command, port, folder / f"hello-{port}.log", cwd=folder) as server:
        yield server


@contextmanager
def bare_fastapi(folder: Path) -> Iterator[Server]:
    """Bare FastAPI with one SQLite row a request."""
    port = free_port()
    command = [sys.executable, str(HERE / "floor_app.py"), "--port", str(port), "--database", str(folder / "floor.db")]
    with running(command, port, folder / f"floor-{port}.log") as server:
        server.wait_open()
        yield server


def load(
    server: Server, path: str, body: bytes, *, concurrency: int, count: int, status: int, most_seconds: float = 8.0
) -> dict[str, Any]:
    """Send up to `count` requests from another process; RuntimeError when an answer was wrong.

    To what the generator found, this adds `cpu_ms`, the CPU the server used per answer.
    """
    command = [sys.executable, str(HERE / "load.py"), "--port", str(server.port), "--path", path]
    command += ["--concurrency", str(concurrency), "--count", str(count), "--status", str(status)]
    command += ["--most-seconds", str(most_seconds)]
    if status == 200:
        command += ["--holding", '"status":"success"']
    before = server.cpu_seconds()
    done = subprocess.run(command, input=body, capture_output=True, timeout=120, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    found["cpu_ms"] = (server.cpu_seconds() - before) * 1000 / max(1, found["answers"])
    if found["wrong"]:
        raise RuntimeError(f"{found['wrong']} wrong answers to {path.split('/')[1]}, the first: {found['first_wrong']}")
    return found
