"""What stands around a process with foreign code: Deno without permissions, bubblewrap, limits of the system.

All of it is optional and looked for once; `standing` says what this machine has, and what it lacks in a sentence.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path

from ionflux_core.limits import CODE_SECONDS, KIB, MIB

RUNNER = Path(__file__).with_name("runner.mjs")
# Nothing of ours may be readable inside: bubblewrap shows its own environment to what it starts.
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
INSTALL = "run `make sandbox` where IONFLUX is installed, then restart it."

# V8 does not start with less; the tight limit is the watch over the memory in use.
_DATA_BYTES = 896 * MIB
_FILE_BYTES = 4 * MIB
_HEAP_MIB = 64
_TMP_BYTES = 16 * MIB
_DENO = (
    "run", "--no-prompt", "--no-remote", "--no-npm", "--no-config", "--no-lock",
    f"--v8-flags=--max-old-space-size={_HEAP_MIB}",
)  # fmt: skip
_INSIDE = {"DENO_DIR": "/tmp/deno", "HOME": "/tmp", "NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1"}
# A shell sets the limits and then becomes the program: a fork of this process would have to hold its locks meanwhile.
_LIMITS = (
    f"ulimit -c 0 && ulimit -n 64 && ulimit -t {CODE_SECONDS * 2} && ulimit -f {_FILE_BYTES // 512}"
    f' && ulimit -d {_DATA_BYTES // KIB} && exec "$@"'
)
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")
_PROBE_SECONDS = 10
_OLDEST = 2


@dataclass(frozen=True, slots=True)
class Walls:
    """The programs found. `no_deno`, `no_wall` and `no_wasm` say why a part cannot be used; "" where all is well."""

    program: str = ""
    version: str = ""
    no_deno: str = "the Python package deno is not installed"
    wall: str = ""
    no_wall: str = "the system package bubblewrap is not installed"
    libraries: tuple[str, ...] = ()
    wasm_version: str = ""
    no_wasm: str = "the Python package wasmtime is not installed"

    @property
    def whole(self) -> bool:
        """Whether every language runs, and code of strangers too."""
        return not (self.no_deno or self.no_wall or self.no_wasm)

    @property
    def sentence(self) -> str:
        """What runs here and what does not, and why."""
        if self.no_deno:
            scripts = f"JavaScript and TypeScript do not run: {self.no_deno}."
        elif self.no_wall:
            scripts = f"Deno {self.version} runs only code that a workspace wrote itself: {self.no_wall}."
        else:
            scripts = f"JavaScript and TypeScript run in Deno {self.version} behind bubblewrap."
        wasm = f"does not run: {self.no_wasm}" if self.no_wasm else f"runs in wasmtime {self.wasm_version}"
        return f"{scripts} WebAssembly {wasm}."

    def command(self) -> list[str]:
        """The command line of a process behind all walls; it waits for a request on stdin."""
        return self._walled(*_DENO, "/runner.mjs")

    def bare_command(self) -> list[str]:
        """The command line without bubblewrap, for the workspace's own code; it needs a folder of its own."""
        return ["/bin/sh", "-c", _LIMITS, "sh", self.program, *_DENO, str(RUNNER)]

    def _walled(self, *words: str) -> list[str]:
        shown = [word for path in self.libraries for word in ("--ro-bind", path, path)]
        told = [word for name, value in _INSIDE.items() for word in ("--setenv", name, value)]
        return [
            "/bin/sh", "-c", _LIMITS, "sh", self.wall,
            "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session",
            "--clearenv", *told, *shown, "--ro-bind", self.program, "/deno", "--ro-bind", str(RUNNER), "/runner.mjs",
            "--proc", "/proc", "--dev", "/dev", "--size", str(_TMP_BYTES), "--tmpfs", "/tmp", "--chdir", "/tmp",
            "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "/deno", *words,
        ]  # fmt: skip

    def probe(self) -> str:
        """What the walls answer when Deno is started behind them: "" when it comes up."""
        try:
            done = subprocess.run(
                self._walled("--version"), env=ENVIRONMENT, capture_output=True, timeout=_PROBE_SECONDS, check=False
            )
        except (OSError, subprocess.SubprocessError) as error:
            return f"bubblewrap does not start: {error}"[:300]
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return (
            ""
            if done.returncode == 0
            else f"bubblewrap cannot shut off programs here: {(said or ['no reason'])[0]}"[:300]
        )


@cache
def standing() -> Walls:
    """What this machine has, tried out once in a process."""
    return found(_deno() or "", shutil.which("bwrap") or "")


def found(program: str, wall: str) -> Walls:
    """The walls made of these two programs, tried out; "" for one that is not there."""
    walls = _with_wasm(Walls(program=program, wall=wall))
    if not program:
        return replace(walls, no_wall="" if wall else walls.no_wall)
    number = re.match(r"deno (\d+)\.(\S+)", _said([program, "--version"]))
    if number is None or int(number[1]) < _OLDEST:
        return replace(walls, no_deno=f"{program} is no Deno of version {_OLDEST} or newer")
    walls = replace(walls, no_deno="", version=f"{number[1]}.{number[2]}", libraries=_libraries(program))
    return replace(walls, no_wall=walls.probe()) if wall else walls


def _deno() -> str | None:
    """The program of this environment before one of the machine."""
    beside = (sysconfig.get_path("scripts"), str(Path(sys.executable).parent))
    return next((path for place in beside if (path := shutil.which("deno", path=place))), None) or shutil.which("deno")


def _libraries(program: str) -> tuple[str, ...]:
    """The files of the system that a program is linked with: all that it may see inside."""
    return tuple(_LIBRARY.findall(_said(["ldd", program])))


def _with_wasm(walls: Walls) -> Walls:
    """Its version is read without loading it: that takes time, and memory for good."""
    try:
        return replace(walls, wasm_version=metadata.version("wasmtime"), no_wasm="")
    except metadata.PackageNotFoundError:
        return walls


def _said(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, timeout=_PROBE_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace")
