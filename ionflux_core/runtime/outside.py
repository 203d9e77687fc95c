"""What an agent reaches outside its own code: models, the network, memory; each call is journaled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from ionflux_core.domain.runs import Run
from ionflux_core.errors import Invalid, IonfluxError
from ionflux_core.ids import new_id, now
from ionflux_core.limits import HTTP_SECONDS
from ionflux_core.runtime.journal import Journal, plain_json
from ionflux_core.runtime.ports import Ports, engine_of
from ionflux_core.sdk import Completion

if TYPE_CHECKING:
    from ionflux_core.memory import Recalled

Stepped = Callable[[str, str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
_SECRET = "secret://"


class _Calls:
    """Writes one row for every call, the failed ones too."""

    def __init__(self, run: Run, journal: Journal, ports: Ports) -> None:
        self._run = run
        self._journal = journal
        self._ports = ports

    @contextmanager
    def recorded(
        self, kind: str, provider: str, model: str | None, request: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """A dict to fill with what came back; the row leaves with the step."""
        redactor = self._ports.redactor(self._run.workspace_id)
        started, answer = time.perf_counter(), dict[str, Any]()
        try:
            yield answer
        except Exception as error:
            code = error.code if isinstance(error, IonfluxError) else "agent_failed"
            answer.update(status="error", error={"code": code, "message": redactor.text(str(error)[:2000])})
            raise
        finally:
            current = self._journal.current
            row = {
                "id": new_id(),
                "run_id": self._run.id,
                "step_key": current.key if current else None,
                "kind": kind,
                "provider": provider,
                "model": model,
                "request": redactor.tree(plain_json(request, "The call")),
                "response": None,
                "status": "success",
                "error": None,
                "tokens_in": 0,
                "tokens_out": 0,
                "cost_micros": None,
                "latency_ms": round((time.perf_counter() - started) * 1000, 3),
                "attempt": self._run.attempt,
                "at": now(),
            }
            self._journal.effects.calls.append(row | answer)
            self._journal.cost_micros += int(answer.get("cost_micros") or 0)


class JournaledLlm:
    """The chosen model; every answer is a step of its own, so that a resumed run does not pay twice."""

    def __init__(self, run: Run, journal: Journal, ports: Ports, stepped: Stepped) -> None:
        self._ports = ports
        self._run = run
        self._stepped = stepped
        self._calls = _Calls(run, journal, ports)

    def complete(
        self, prompt: str, *, system: str | None = None, max_tokens: int = 800, temperature: float = 0.0
    ) -> Completion:
        """One answer from the configured model."""
        chosen = engine_of(self._run.config)
        asked = {"prompt": prompt, "system": system, "max_tokens": max_tokens, "temperature": temperature}
        answer = self._stepped("llm", f"llm {chosen}", self._ask, (chosen, asked), {})
        return Completion(**answer)

    def _ask(self, chosen: str, asked: dict[str, Any]) -> Completion:
        provider, _, name = chosen.partition(":")
        with self._calls.recorded("llm", provider, name, asked) as answer:
            model = self._ports.model(self._run.workspace_id, chosen)
            said = model.complete(
                asked["prompt"],
                system=asked["system"],
                max_tokens=asked["max_tokens"],
                temperature=asked["temperature"],
            )
            answer.update(
                response={"text": said.text, "finish_reason": said.finish_reason},
                tokens_in=said.tokens_in,
                tokens_out=said.tokens_out,
                cost_micros=said.cost_micros,
            )
        return Completion(said.text, dict(said.engine), said.tokens_in, said.tokens_out, said.cost_micros)


@dataclass(frozen=True)
class RecordedResponse:
    """An outside server's answer, as it was journaled."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        """The body read as JSON."""
        try:
            return from_json(self.content)
        except ValueError as error:
            raise Invalid("The server's answer is not JSON.", hint="Check the address that was called.") from error


class JournaledHttp:
    """The guarded way out; secrets are put in at the last moment and never journaled."""

    def __init__(self, run: Run, journal: Journal, ports: Ports, stepped: Stepped, *, only_reads: bool = False) -> None:
        self._run = run
        self._ports = ports
        self._stepped = stepped
        self._only_reads = only_reads
        self._calls = _Calls(run, journal, ports)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        timeout: float | None = None,
    ) -> RecordedResponse:
        """One request as a step of its own."""
        asked = {"method": method.upper(), "url": url, "headers": dict(headers or {}), "params": dict(params or {}),
                 "json": json, "content": content.decode("latin-1") if content else None,
                 "timeout": timeout or HTTP_SECONDS}  # fmt: skip
        answer = self._stepped("http", f"{method.upper()} {url[:200]}", self._send, (asked,), {})
        return RecordedResponse(answer["status"], answer["headers"], answer["content"].encode("latin-1"))

    def _send(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self._only_reads and asked["method"] not in ("GET", "HEAD"):
            return {"status": 204, "headers": {"x-dry-run": "not sent"}, "content": ""}
        with self._calls.recorded("http", "http", None, {**asked, "headers": sorted(asked["headers"])}) as answer:
            headers = {name: self._revealed(value) for name, value in asked["headers"].items()}
            response = self._ports.outbound(self._run.workspace_id).request(
                asked["method"],
                asked["url"],
                headers=headers,
                params=asked["params"],
                json=asked["json"],
                content=asked["content"].encode("latin-1") if asked["content"] else None,
                timeout=asked["timeout"],
            )
            answer.update(response={"status": response.status, "bytes": len(response.content)})
        redactor = self._ports.redactor(self._run.workspace_id)

        def kept(text: str) -> str:
            # A server may send back the secret it was given; the journal must not keep it.
            return redactor.text(text) if redactor.holds(text) else text

        answered = {name.lower(): kept(value) for name, value in response.headers.items()}
        answered.pop("set-cookie", None)
        return {"status": response.status, "headers": answered, "content": kept(response.content.decode("latin-1"))}

    def _revealed(self, value: str) -> str:
        before, mark, name = value.partition(_SECRET)
        return before + self._ports.secret(self._run.workspace_id, name.strip()) if mark else value


class JournaledMemory:
    """The vector memory of the run's namespace."""

    def __init__(self, run: Run, ports: Ports, check: Callable[[], None], *, only_reads: bool = False) -> None:
        self._run = run
        self._ports = ports
        self._may_go_on = check
        self._only_reads = only_reads

    @property
    def _namespace(self) -> str:
        namespace = (self._run.config.get("memory") or {}).get("namespace")
        if not namespace:
            raise Invalid("This agent declares no memory.", hint="Add `memory` with a namespace to its manifest.")
        return str(namespace)

    def remember(self, text: str, metadata: Mapping[str, Any] | None = None, *, id: str | None = None) -> str:
        """Store a text; the same id replaces."""
        if self._only_reads:
            return id or ""
        self._may_go_on()
        memory = self._ports.memory()
        return memory.remember(self._run.workspace_id, self._namespace, text, dict(metadata or {}), id)

    def recall(self, query: str, *, limit: int = 5) -> list[Recalled]:
        """The nearest texts, best first."""
        return self._ports.memory().recall(self._run.workspace_id, self._namespace, query, limit)
