"""A context for single transforms: what the examples expect of a server, a model, a memory and a shop."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from PIL import Image
from pydantic_core import to_json

from ionflux_core.sdk import Completion
from ionflux_core.transforms.registry import named
from tests.fakes import MemoryContext

HALF_PAST_NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
ENGINE = {"kind": "llm", "name": "example", "version": "1", "seed": None}
STOCK = {"sku": "A1", "left": 4}


@dataclass(frozen=True)
class Answer:
    """What a server answers."""

    status: int = 200
    content: bytes = to_json(STOCK)
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


@dataclass
class Server:
    """Answers always the same, and keeps what it was asked."""

    answer: Answer = field(default_factory=Answer)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def request(self, method: str, url: str, **more: Any) -> Answer:
        self.asked.append((method, url, more))
        return self.answer


@dataclass
class Shop:
    """One order."""

    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def read(self, connector: str, what: str, arguments: Mapping[str, Any] | None = None) -> Any:
        self.asked.append((connector, what, dict(arguments or {})))
        return {"name": "Linen"} if what == "shop" else [{"id": 1001, "total_price": "120.00"}]


@dataclass(frozen=True)
class Memory:
    """One memory that came back."""

    text: str = "Ana likes linen."
    score: float = 0.5
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Surroundings(MemoryContext):
    """The Context of the examples."""

    at: datetime = HALF_PAST_NOON
    server: Server = field(default_factory=Server)
    accounts: Shop = field(default_factory=Shop)
    models: list[dict[str, Any]] = field(default_factory=list)

    @property
    def http(self) -> Server:
        return self.server

    def complete(self, prompt: str, **how: Any) -> Completion:
        """Reads an order out of everything, labels it as a delivery, and says Blue to the rest."""
        self.models.append({"prompt": prompt, **how})
        wanted = (how.get("schema") or {}).get("properties") or {}
        known = {"sku": "A1", "pieces": 2, "label": "delivery", "reason": "It asks for a parcel."}
        data = {name: known[name] for name in wanted} or None
        return Completion("Blue.", ENGINE, 6, 2, 0, data=data)

    def recall(self, query: str, *, limit: int = 5) -> list[Any]:
        return [Memory(), Memory("Jo likes wool.", 0.1)][:limit]

    def write(self, title: str, blocks: Any, *, key: str, **more: Any) -> str:
        super().write(title, blocks, key=key, **more)
        return f"page-{len(self.written)}"


def a_picture(kind: str = "PNG", size: tuple[int, int] = (8, 4), mode: str = "RGB", **options: Any) -> bytes:
    """A picture of one colour."""
    kept = io.BytesIO()
    Image.new(mode, size).save(kept, kind, **options)
    return kept.getvalue()


def made(name: str, /, **inputs: Any) -> dict[str, Any]:
    """What a transform makes of these inputs."""
    return named(name).run(Surroundings(), inputs)  # type: ignore[arg-type]


def made_in(context: Surroundings, name: str, /, **inputs: Any) -> dict[str, Any]:
    """The same in a context that is looked at afterwards."""
    return named(name).run(context, inputs)  # type: ignore[arg-type]
