"""The sandbox: runs code of a flow's author, or of a stranger, over plain JSON and gives plain JSON back."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ionflux_core.errors import Forbidden, IonfluxError, LimitExceeded, Unavailable
from ionflux_core.limits import CODE_BYTES, CODE_SECONDS, KIB
from ionflux_core.sandbox.answers import failed, packed, unpacked
from ionflux_core.sandbox.pool import Pool, stopping
from ionflux_core.sandbox.walls import INSTALL, Walls, standing
from ionflux_core.sandbox.wasm import Modules
from ionflux_core.sandbox.worker import Worker

Language = Literal["js", "ts", "wasm"]


class Sandbox:
    """One for a process; nothing is started before the first use, and `close` ends what was."""

    def __init__(self, walls: Callable[[], Walls] = standing) -> None:
        self._walls = walls
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._closed = False
        self._modules = Modules()

    def run(
        self,
        language: Language,
        source: str | bytes,
        inputs: Mapping[str, Any],
        *,
        seconds: float,
        net: Sequence[str] = (),
        own: bool = False,
    ) -> Any:
        """What the code returns for its inputs, within so many seconds of the clock (at most CODE_SECONDS).

        `source` is text; for wasm the module's bytes, or its text form. `own` says that the workspace itself wrote the
        code: only then may JavaScript run where the system has no bubblewrap. Raises Unavailable (`sandbox_missing`:
        the hint says what to install), Forbidden (`net_not_offered`), AgentFailed (`code_failed`) or LimitExceeded
        (`code_too_long`, `code_too_large`).
        """
        if net:
            raise _no_network(net)
        if self._closed:
            raise stopping()
        data, most = packed(inputs), min(seconds, CODE_SECONDS)
        if language == "wasm":
            if missing := self._walls().no_wasm:
                raise _missing("WebAssembly", missing)
            return unpacked(self._modules.run(source, data, seconds=most))
        text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
        if len(text.encode("utf-8", "replace")) > CODE_BYTES:
            raise LimitExceeded(f"The code is larger than {CODE_BYTES // KIB} KiB.", code="code_too_large")
        return self._script(self._workers(own), language, text, data, most)

    def close(self) -> None:
        """End all processes; the code that runs in them fails."""
        with self._lock:
            self._closed, pool = True, self._pool
        if pool is not None:
            pool.close()
        self._modules.close()

    @property
    def in_stock(self) -> int:
        """Processes that are started and wait for code."""
        return self._pool.in_stock if self._pool else 0

    def _script(self, pool: Pool, language: Language, text: str, data: bytes, seconds: float) -> Any:
        token = secrets.token_hex(16)
        head = json.dumps({"token": token, "language": language, "code": text})
        request = head[:-1].encode() + b',"input":' + data + b"}"
        with pool.worker() as worker:
            try:
                said = worker.answer(request, token.encode(), seconds=seconds)
            except IonfluxError as error:
                raise stopping() if pool.closed else error from None
        answer = unpacked(said)
        if not isinstance(answer, dict) or "value" not in answer:
            raise _told(answer)
        return answer["value"]

    def _workers(self, own: bool) -> Pool:
        walls = self._walls()
        if walls.no_deno:
            raise _missing("JavaScript", walls.no_deno)
        if walls.no_wall and not own:
            raise _missing("JavaScript that this workspace did not write itself", walls.no_wall)
        with self._lock:
            if self._closed:
                raise stopping()
            if self._pool is None:
                self._pool = Pool(lambda: _started(walls))
            return self._pool


def _started(walls: Walls) -> Worker:
    return Worker(walls.bare_command(), own_folder=True) if walls.no_wall else Worker(walls.command())


def _told(answer: Any) -> Exception:
    told = answer if isinstance(answer, dict) else {}
    line = told.get("line")
    return failed(str(told.get("error") or "It gave no answer."), line if isinstance(line, int) else 0)


def _missing(what: str, why: str) -> Unavailable:
    return Unavailable(f"The sandbox cannot run {what}: {why}.", hint=f"To have it, {INSTALL}", code="sandbox_missing")


def _no_network(net: Sequence[str]) -> Forbidden:
    named = ", ".join(net)[:200]
    return Forbidden(
        f"The code asks for the network ({named}), and the sandbox has none.",
        hint="Fetch with a step http.request before it and hand the answer in; then take `net` away.",
        code="net_not_offered",
    )
