"""What an agent reaches outside its own code beside models: the network, and its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from ionflux_core.domain.runs import Run
from ionflux_core.errors import Forbidden, Invalid
from ionflux_core.limits import HTTP_SECONDS
from ionflux_core.runtime.calls import Calls
from ionflux_core.runtime.journal import Journal
from ionflux_core.runtime.ports import Ports, Stepped
from ionflux_core.storage import taint

if TYPE_CHECKING:
    from ionflux_core.memory import Embedder, Recalled

_SECRET = "secret://"
_READS = ("GET", "HEAD")


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
        self._calls = Calls(run, journal, ports)

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

    def _check_taint(self, method: str) -> None:
        """Outside text may not change things over HTTP: for that there is the outbox, where a person is asked."""
        if method in _READS:
            return
        with self._ports.db.read() as connection:
            found = taint.reasons(connection, self._run)
        if found:
            raise Forbidden(
                f"A run that has read outside text may not {method} by itself: it {found[0]}.",
                hint="Send it with ctx.send: a person is asked then.",
                code="tainted",
            )

    def _send(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self._only_reads and asked["method"] not in _READS:
            return {"status": 204, "headers": {"x-dry-run": "not sent"}, "content": ""}
        self._check_taint(asked["method"])
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


class ModelEmbedder:
    """The workspace's embedding model; its vectors are as long as the first one was."""

    def __init__(self, chosen: str, embed: Callable[[Iterable[str]], list[list[float]]]) -> None:
        self.id = chosen
        self.dimensions = 0
        self._embed = embed

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text; a call of the run, with its price."""
        vectors = self._embed(texts)
        self.dimensions = self.dimensions or len(vectors[0])
        return vectors


class JournaledMemory:
    """The vector memory of the run's namespace, with the workspace's embedding model; offline without one."""

    def __init__(
        self,
        run: Run,
        ports: Ports,
        check: Callable[[], None],
        embed: Callable[[Iterable[str]], list[list[float]]],
        *,
        only_reads: bool = False,
    ) -> None:
        self._run = run
        self._ports = ports
        self._may_go_on = check
        self._embed = embed
        self._only_reads = only_reads

    @cached_property
    def _embedder(self) -> Embedder:
        from ionflux_core.memory import OFFLINE

        chosen = self._ports.workspace(self._run.workspace_id).settings.embedding_model
        return (
            OFFLINE if chosen.provider == "local" else ModelEmbedder(f"{chosen.provider}:{chosen.model}", self._embed)
        )

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
        given = dict(metadata or {})
        return memory.remember(self._run.workspace_id, self._namespace, text, given, id, embedder=self._embedder)

    def recall(self, query: str, *, limit: int = 5) -> list[Recalled]:
        """The nearest texts, best first."""
        memory = self._ports.memory()
        return memory.recall(self._run.workspace_id, self._namespace, query, limit, embedder=self._embedder)
