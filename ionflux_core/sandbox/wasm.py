"""WebAssembly in this process: no imports, so nothing to reach; fuel, a deadline and little memory.

A module exports `memory`, `alloc(n) -> ptr` and `run(ptr, len) -> i64`, the result being `ptr << 32 | len` of JSON in
UTF-8.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ionflux_core.errors import AgentFailed, LimitExceeded
from ionflux_core.limits import (
    CODE_MODULE_BYTES,
    CODE_MODULE_MEMORY_BYTES,
    CODE_OUTPUT_BYTES,
    CODE_SECONDS,
    COMPILE_MEMORY_BYTES,
    COMPILE_SECONDS,
    MIB,
)
from ionflux_core.sandbox.answers import failed, too_large
from ionflux_core.sandbox.pool import stopping
from ionflux_core.sandbox.walls import ENVIRONMENT
from ionflux_core.sandbox.wasm_settings import engine
from ionflux_core.sandbox.worker import too_long

if TYPE_CHECKING:
    import wasmtime

_KEPT = 8
_TICK_SECONDS = 0.01
_MOST_TICKS = round(CODE_SECONDS / _TICK_SECONDS)
_FUEL_PER_SECOND = 1_000_000_000
_TABLE_ELEMENTS = 100_000
_COMPILED_BYTES = 32 * MIB
_ALLOC = (["i32"], ["i32"])
_RUN = (["i32", "i32"], ["i64"])


class Modules:
    """Compiled modules, the last few kept, and the clock that stops what runs too long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine: wasmtime.Engine | None = None
        self._ticker: Ticker | None = None
        self._kept: OrderedDict[str, wasmtime.Module] = OrderedDict()

    def run(self, source: str | bytes, data: bytes, *, seconds: float) -> bytes:
        """What `run` gave back for the data; AgentFailed or LimitExceeded when it could not."""
        machine, ticker = self._machine()
        module = self._module(machine, _bytes(source))
        with ticker:
            try:
                return _call(machine, module, data, seconds)
            except LimitExceeded as error:
                raise stopping() if ticker.closed else error from None

    def close(self) -> None:
        """Stop the clock."""
        if self._ticker is not None:
            self._ticker.close()

    def _machine(self) -> tuple[wasmtime.Engine, Ticker]:
        with self._lock:
            if self._engine is None or self._ticker is None:
                self._engine = engine()
                self._ticker = Ticker(self._engine)
            return self._engine, self._ticker

    def _module(self, machine: wasmtime.Engine, source: bytes) -> wasmtime.Module:
        import wasmtime

        digest = hashlib.sha256(source).hexdigest()
        with self._lock:
            if (known := self._kept.get(digest)) is not None:
                self._kept.move_to_end(digest)
                return known
        # What comes back was made by our own compiler a moment ago; compiled code of anybody else is never loaded.
        module = wasmtime.Module.deserialize(machine, _compiled(source))
        with self._lock:
            self._kept[digest] = module
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return module


class Ticker:
    """Counts the engine's epochs on while something runs, ten milliseconds each."""

    def __init__(self, machine: wasmtime.Engine) -> None:
        self._machine = machine
        self._moved = threading.Condition()
        self._running = 0
        self.closed = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        with self._moved:
            if self.closed:
                raise stopping()
            self._running += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._tick, name="ionflux-wasm-clock", daemon=True)
                self._thread.start()
            self._moved.notify_all()

    def __exit__(self, *_: object) -> None:
        with self._moved:
            self._running -= 1

    def close(self) -> None:
        """End the thread, and before that whatever still runs: its time is over."""
        with self._moved:
            self.closed = True
            self._moved.notify_all()

    def _tick(self) -> None:
        while True:
            with self._moved:
                self._moved.wait_for(lambda: self._running or self.closed)
                if not self._running:
                    return
                ticks = _MOST_TICKS if self.closed else 1
            time.sleep(_TICK_SECONDS)
            for _ in range(ticks):
                self._machine.increment_epoch()


def _bytes(source: str | bytes) -> bytes:
    """The module a text stands for: its text form, or its bytes in base64."""
    if isinstance(source, str):
        if source.lstrip().startswith("("):
            source = source.encode()
        else:
            try:
                source = base64.b64decode(source, validate=True)
            except (binascii.Error, ValueError):
                raise failed("It is neither a module in base64 nor in text form.") from None
    if len(source) > CODE_MODULE_BYTES:
        raise LimitExceeded(f"The module is larger than {CODE_MODULE_BYTES // MIB} MiB.", code="code_too_large")
    return source


def _compiled(source: bytes) -> bytes:
    words = [sys.executable, "-I", str(Path(__file__).with_name("wasm_compiler.py"))]
    try:
        done = subprocess.run(
            [*words, str(COMPILE_SECONDS), str(COMPILE_MEMORY_BYTES)],
            input=source,
            env=ENVIRONMENT,
            capture_output=True,
            timeout=COMPILE_SECONDS * 2,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_costly() from None
    if done.returncode == 1 and done.stderr:
        raise failed(done.stderr.decode("utf-8", "replace")[:1_000])
    if done.returncode or len(done.stdout) > _COMPILED_BYTES:
        raise _too_costly()
    return done.stdout


def _call(machine: wasmtime.Engine, module: wasmtime.Module, data: bytes, seconds: float) -> bytes:
    import wasmtime

    store = wasmtime.Store(machine)
    store.set_limits(
        memory_size=CODE_MODULE_MEMORY_BYTES, table_elements=_TABLE_ELEMENTS, instances=1, tables=4, memories=1
    )
    store.set_fuel(max(1, int(seconds * _FUEL_PER_SECOND)))
    store.set_epoch_deadline(max(1, round(seconds / _TICK_SECONDS)))
    try:
        exports = wasmtime.Instance(store, module, []).exports(store)
        return _conversation(store, exports, data)
    except wasmtime.Trap as trap:
        raise _stopped(trap, seconds) from None
    except wasmtime.WasmtimeError as error:
        raise failed(str(error)) from None


def _conversation(store: wasmtime.Store, exports: Mapping[str, object], data: bytes) -> bytes:
    memory, alloc, run = (
        _memory(exports),
        _function(store, exports, "alloc", _ALLOC),
        _function(store, exports, "run", _RUN),
    )
    begin = alloc(store, len(data)) & 0xFFFFFFFF
    if begin + len(data) > memory.data_len(store):
        raise failed("Its alloc gave a place outside of its memory.")
    memory.write(store, data, begin)
    packed = run(store, begin, len(data)) & 0xFFFFFFFFFFFFFFFF
    begin, size = packed >> 32, packed & 0xFFFFFFFF
    if size > CODE_OUTPUT_BYTES:
        raise too_large()
    if begin + size > memory.data_len(store):
        raise failed("Its run gave a place outside of its memory.")
    return bytes(memory.read(store, begin, begin + size))


def _memory(exports: Mapping[str, object]) -> wasmtime.Memory:
    import wasmtime

    found = exports.get("memory")
    if not isinstance(found, wasmtime.Memory):
        raise failed("It exports no `memory`.")
    return found


def _function(
    store: wasmtime.Store, exports: Mapping[str, object], name: str, shape: tuple[list[str], list[str]]
) -> wasmtime.Func:
    import wasmtime

    found = exports.get(name)
    if isinstance(found, wasmtime.Func):
        kind = found.type(store)
        if ([str(each) for each in kind.params], [str(each) for each in kind.results]) == shape:
            return found
    raise failed(f"It exports no `{name}` of the form ({', '.join(shape[0])}) -> {shape[1][0]}.")


def _stopped(trap: wasmtime.Trap, seconds: float) -> AgentFailed | LimitExceeded:
    import wasmtime

    code = trap.trap_code
    if code in (wasmtime.TrapCode.OUT_OF_FUEL, wasmtime.TrapCode.INTERRUPT):
        return too_long(seconds)
    words = "" if code is None else code.name.lower().replace("_", " ")
    return failed(f"It stopped itself: {words or trap.message}.")


def _too_costly() -> LimitExceeded:
    return LimitExceeded(
        f"The module cannot be compiled within {COMPILE_SECONDS} seconds and {COMPILE_MEMORY_BYTES // MIB} MiB.",
        hint="Compile it for small size, with fewer and smaller functions.",
        code="code_too_large",
    )
