"""Stand-ins for tests: an agent context that keeps everything in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_jsonable_python

from ionflux_core.domain.runs import RunTrigger
from ionflux_core.domain.workspaces import Brand, Workspace, WorkspaceSettings
from ionflux_core.sdk import ArtifactRef, Completion, Decision, Outgoing, Record, Said, Sent

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class MemoryRecords:
    """Records in a dict, with the semantics of the real ones."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Record]] = {}

    def put(self, collection: str, key: str, data: Mapping[str, Any], *, at: datetime | None = None) -> None:
        plain = to_jsonable_python(dict(data))
        self.rows.setdefault(collection, {})[key] = Record(key, at or NOON, plain)

    def put_many(self, collection: str, rows: Iterable[tuple[str, Mapping[str, Any], datetime]]) -> int:
        count = 0
        for key, data, at in rows:
            self.put(collection, key, data, at=at)
            count += 1
        return count

    def get(self, collection: str, key: str) -> Record | None:
        return self.rows.get(collection, {}).get(key)

    def find(
        self,
        collection: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        prefix: str = "",
        limit: int = 100_000,
        newest_first: bool = False,
    ) -> list[Record]:
        rows = [
            r
            for r in self.rows.get(collection, {}).values()
            if (since is None or r.at >= since) and (until is None or r.at < until) and r.key.startswith(prefix)
        ]
        rows.sort(key=lambda r: (r.at, r.key), reverse=newest_first)
        return rows[:limit]

    def delete(self, collection: str, key: str) -> bool:
        return self.rows.get(collection, {}).pop(key, None) is not None


@dataclass
class MemoryContext:
    """A Context whose effects can be looked at afterwards."""

    inputs: dict[str, Any] = field(default_factory=dict)
    task: str | None = None
    trigger: RunTrigger = field(default_factory=RunTrigger)
    at: datetime = NOON
    run_id: str = "run-1"
    attempt: int = 1
    dry_run: bool = False
    seed: int = 7
    correlation_id: str = "correlation-1"
    workspace: Workspace = field(
        default_factory=lambda: Workspace(
            id="ws", name="Test", owner_id="u", settings=WorkspaceSettings(), created_at=NOON, updated_at=NOON
        )
    )
    brand: Brand | None = None
    instance_name: str | None = "instance"
    options: dict[str, Any] = field(default_factory=dict)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    decisions: list[Decision] = field(default_factory=list)
    journal: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    kpis: dict[tuple[str, str, str], float] = field(default_factory=dict)
    values: list[dict[str, Any]] = field(default_factory=list)
    logs: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent: list[tuple[str, str, Any]] = field(default_factory=list)
    waits: list[datetime | float] = field(default_factory=list)
    started: list[tuple[str, Any]] = field(default_factory=list)
    remembered: list[str] = field(default_factory=list)
    said: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    heard: dict[str, list[Said]] = field(default_factory=dict)
    written: dict[str, tuple[str, list[Any]]] = field(default_factory=dict)

    @property
    def memory(self) -> MemoryContext:
        return self

    @property
    def llm(self) -> MemoryContext:
        return self

    @property
    def http(self) -> Any:
        raise AssertionError("this agent went out to the network")

    def complete(self, prompt: str, **_: Any) -> Completion:
        engine = {"kind": "local", "name": "fake", "version": "1", "seed": 0}
        return Completion(prompt.splitlines()[-1], engine, 1, 1, 0)

    @property
    def chat(self) -> MemoryContext:
        return self

    @property
    def pages(self) -> MemoryContext:
        return self

    def post(self, channel: str, text: str = "", **more: Any) -> str:
        """Keeps what was said in `said`; the id counts up."""
        self.said.append((channel, text, more))
        return f"message-{len(self.said)}"

    def messages(
        self, channel: str, *, thread: str | None = None, since: datetime | None = None, limit: int = 1_000
    ) -> list[Said]:
        """What a test has put into `heard`, by channel or thread."""
        found = self.heard.get(thread or channel, [])
        return [each for each in found if since is None or each.at >= since][-limit:]

    def write(self, title: str, blocks: Any, *, key: str, **_: Any) -> str:
        """Keeps the page in `written`, by its key."""
        self.written[key] = (title, list(blocks))
        return f"page-{key}"

    def remember(self, text: str, metadata: Mapping[str, Any] | None = None, *, id: str | None = None) -> str:
        self.remembered.append(text)
        return id or str(len(self.remembered))

    def recall(self, query: str, *, limit: int = 5) -> list[Any]:
        return []

    def now(self) -> datetime:
        return self.at

    def step(self, name: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        key, again = name, 0
        while key in self.journal:
            again += 1
            key = f"{name}[{again}]"
        self.journal[key] = to_jsonable_python(fn(*args, **kwargs))
        return self.journal[key]

    def emit(self, type: str, payload: Mapping[str, Any], *, key: str | None = None) -> str:
        self.events.append((type, to_jsonable_python(dict(payload))))
        return f"event-{len(self.events)}"

    def kpi(
        self,
        name: str,
        value: float | None,
        *,
        unit: str = "",
        at: datetime | None = None,
        dims: Mapping[str, str] | None = None,
    ) -> None:
        point = (name, (at or self.at).isoformat(), str(sorted((dims or {}).items())))
        if value is None:
            self.kpis.pop(point, None)
        else:
            self.kpis[point] = float(value)

    def value(
        self, kind: str, amount: float, *, unit: str, method: str, note: str, confidence: float | None = None
    ) -> None:
        sure = {} if confidence is None else {"confidence": confidence}
        self.values.append({"kind": kind, "amount": amount, "unit": unit, "method": method, "note": note, **sure})

    def log(self, message: str, *, level: str = "info", **fields: Any) -> None:
        self.logs.append((level, message))

    def artifact(self, name: str, data: bytes | str, *, media_type: str = "text/plain") -> ArtifactRef:
        raw = data.encode() if isinstance(data, str) else data
        sha = hashlib.sha256(raw).hexdigest()
        self.files[sha] = raw
        return ArtifactRef(sha, name, media_type, len(raw))

    def file(self, name: str, data: bytes, media_type: str = "application/octet-stream") -> dict[str, Any]:
        """An input value of type `file` for these bytes."""
        stored: dict[str, Any] = to_jsonable_python(self.artifact(name, data, media_type=media_type))
        return stored

    def read_file(self, value: Any) -> bytes:
        return self.files[value["sha256"]]

    def approve(self, title: str, **_: Any) -> Decision:
        self.asked.append(title)
        return self.decisions.pop(0) if self.decisions else Decision(approved=False, comment="nobody there")

    def send(self, kind: str, target: str, payload: Mapping[str, Any], *, summary: str, **_: Any) -> Sent:
        self.sent.append((kind, target, to_jsonable_python(dict(payload))))
        return Sent("would_send", f"effect-{len(self.sent)}")

    def send_many(self, kind: str, items: Iterable[Outgoing], *, summary: str, **_: Any) -> list[Sent]:
        """Each item as one `send`; the same key is kept in `sent` once."""
        known: dict[str, Sent] = {}
        return [
            known.get(item.key)
            or known.setdefault(item.key, self.send(kind, item.target, item.payload, summary=item.summary or summary))
            for item in items
        ]

    def run_agent(self, target: str, inputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.started.append((target, to_jsonable_python(dict(inputs or {}))))
        return {}

    def find_runs(self, question: str, *, limit: int = 10) -> list[dict[str, Any]]:
        return []

    def wait(self, *, seconds: float | None = None, until: datetime | None = None) -> None:
        self.waits.append(until if until is not None else float(seconds or 0))

    def wait_for_event(self, topic: str, **_: Any) -> dict[str, Any] | None:
        return None
