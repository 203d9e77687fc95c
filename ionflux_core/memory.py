"""Vector memory: texts remembered and recalled by likeness, per workspace and namespace; the only user of Chroma.

Chroma runs embedded, is opened at the first use and is always given our own vectors: its default embedder would
download a model, and its server has open advisories.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ionflux_core import limits
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, Unavailable
from ionflux_core.ids import new_id

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

Metadata = Mapping[str, str | int | float | bool]
Vector = list[float]

_WORD = re.compile(r"[^\W_]+")
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9]+")
_OURS = "_ionflux"
_METADATA_KEYS = 50


class Embedder(Protocol):
    """Turns texts into vectors of one length; `id` changes whenever the same text would give another vector."""

    @property
    def id(self) -> str:
        """What vectors are marked with."""

    @property
    def dimensions(self) -> int:
        """The length of every vector."""

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text."""


class HashingEmbedder:
    """Words and pairs of words hashed into 256 signed places, of length 1: offline, the same on every machine.

    Two texts are alike as far as they share words; it knows no synonyms. Feature hashing after Weinberger et al. 2009.
    """

    id = "hashing-256-v1"
    dimensions = 256

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text; a text without words gives zeros."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        words = _WORD.findall(text.casefold())
        vector = [0.0] * self.dimensions
        for gram in (*words, *(f"{first} {second}" for first, second in pairwise(words))):
            digest = hashlib.blake2b(gram.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            vector[digest[0]] += 1.0 if digest[1] & 1 else -1.0
        length = math.sqrt(sum(value * value for value in vector))
        return [value / length for value in vector] if length else vector


@dataclass(frozen=True, slots=True)
class Recalled:
    """A remembered text; `score` is the cosine of the angle to the query, 1.0 for the same direction."""

    id: str
    text: str
    score: float
    metadata: dict[str, Any] = field(default_factory=dict)


class Memory:
    """Texts and their vectors in one folder; may be shared between threads of one process."""

    def __init__(self, folder: Path, embedder: Embedder | None = None) -> None:
        self._folder = folder
        self._embedder = embedder or HashingEmbedder()
        self._lock = threading.Lock()
        self._opened: Client | None = None

    def remember(
        self, workspace_id: str, namespace: str, text: str, metadata: Metadata | None = None, id: str | None = None
    ) -> str:
        """Keep a text and give back its id; the same id again replaces the text.

        Conflict when the namespace holds vectors of another embedder.
        """
        if len(text.encode("utf-8", "surrogatepass")) > limits.EVENT_BYTES:
            raise LimitExceeded("The text is too long to be remembered.", hint="Cut it into parts and remember each.")
        checked = _checked_metadata(metadata)
        [vector] = self._embed([text])
        collection = self._collection(workspace_id, namespace, create=True)
        assert collection is not None
        key = id or new_id()
        # Chroma takes no empty metadata, so an entry of ours always stands there.
        collection.upsert(ids=[key], embeddings=[vector], documents=[text], metadatas=[{**checked, _OURS: 1}])  # type: ignore[arg-type]
        return key

    def recall(
        self,
        workspace_id: str,
        namespace: str,
        query: str,
        limit: int = 5,
        where: Metadata | None = None,
    ) -> list[Recalled]:
        """The texts most like the query, the best first; `where` keeps those whose metadata has all these values.

        Empty when nothing was remembered, or when the query holds no words.
        """
        collection = self._collection(workspace_id, namespace, create=False)
        [vector] = self._embed([query])
        if collection is None or limit < 1 or not any(vector):
            return []
        # A filter names fields, never operators: a map from outside cannot smuggle in a condition of its own.
        fields = [{key: {"$eq": value}} for key, value in _checked_metadata(where).items()]
        condition: Any = {"$and": fields} if len(fields) > 1 else fields[0] if fields else None
        found = collection.query(
            query_embeddings=[vector],  # type: ignore[arg-type]
            n_results=min(limit, limits.PAGE_ROWS),
            where=condition,
            include=["documents", "metadatas", "distances"],
        )
        rows = zip(
            found["ids"][0],
            (found["documents"] or [[]])[0],
            (found["distances"] or [[]])[0],
            (found["metadatas"] or [[]])[0],
            strict=True,
        )
        return [
            Recalled(
                key, text or "", 1.0 - distance, {name: value for name, value in (meta or {}).items() if name != _OURS}
            )
            for key, text, distance, meta in rows
        ]

    def forget(self, workspace_id: str, namespace: str, ids: Sequence[str] | None = None) -> None:
        """Forget these texts, or with None the whole namespace, whoever embedded it; what is not there is no error."""
        client = self._client()
        if ids is None:
            with self._lock:
                name = collection_name(workspace_id, namespace)
                if self._find(client, name) is not None:
                    client.delete_collection(name)
            return
        collection = self._collection(workspace_id, namespace, create=False)
        if collection is not None and ids:
            collection.delete(ids=list(ids))

    def count(self, workspace_id: str, namespace: str) -> int:
        """How many texts a namespace holds."""
        collection = self._collection(workspace_id, namespace, create=False)
        return collection.count() if collection is not None else 0

    def close(self) -> None:
        """Let go of the folder; the next use opens it again."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _client(self) -> Client:
        with self._lock:
            if self._opened is None:
                self._opened = _open(self._folder)
            return self._opened

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        vectors = self._embedder.embed(texts)
        for vector in vectors:
            if len(vector) != self._embedder.dimensions or not all(map(math.isfinite, vector)):
                raise Invalid(
                    f"The embedder {self._embedder.id} gave a vector of {len(vector)} numbers, "
                    f"not of {self._embedder.dimensions} finite ones.",
                    hint="Check the embedding model's settings.",
                )
        return vectors

    def _collection(self, workspace_id: str, namespace: str, *, create: bool) -> Collection | None:
        client = self._client()
        name = collection_name(workspace_id, namespace)
        mark = {
            "workspace_id": workspace_id,
            "namespace": namespace,
            "embedder": self._embedder.id,
            "dimensions": self._embedder.dimensions,
        }
        with self._lock:
            collection = self._find(client, name)
            if collection is None:
                if not create:
                    return None
                return client.create_collection(
                    name,
                    metadata=mark,
                    embedding_function=None,
                    configuration={"hnsw": {"space": "cosine"}},
                )
        held = dict(collection.metadata or {})
        if any(held.get(key) != value for key, value in mark.items()):
            raise Conflict(
                f"The memory '{namespace}' holds vectors of {held.get('embedder')} ({held.get('dimensions')} numbers), "
                f"which cannot be mixed with {self._embedder.id} ({self._embedder.dimensions}).",
                hint="Use another namespace for the new embedder, or forget this one and remember its texts again.",
                code="embedder_changed",
            )
        return collection

    @staticmethod
    def _find(client: Client, name: str) -> Collection | None:
        from chromadb.errors import NotFoundError

        try:
            return client.get_collection(name, embedding_function=None)
        except NotFoundError:
            return None


def collection_name(workspace_id: str, namespace: str) -> str:
    """A name Chroma takes, readable, and never the same for two workspaces or namespaces."""
    digest = hashlib.sha256(f"{len(workspace_id)}:{workspace_id}{namespace}".encode()).hexdigest()[:32]
    parts = [_NOT_ALLOWED.sub("-", part).strip("-")[:60] for part in (workspace_id, namespace)]
    return "-".join(["ws", *filter(None, parts), digest])


def _open(folder: Path) -> Client:
    try:
        import chromadb
        from chromadb.config import Settings
    except ImportError:
        raise Unavailable(
            "Vector memory needs the package chromadb, which is not installed.",
            hint="Install it with: pip install chromadb",
            code="memory_not_installed",
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(anonymized_telemetry=False, allow_reset=False)
    return cast("Client", chromadb.PersistentClient(path=str(folder), settings=settings))


def _checked_metadata(metadata: Metadata | None) -> dict[str, str | int | float | bool]:
    checked = dict(metadata or {})
    if len(checked) > _METADATA_KEYS:
        raise LimitExceeded(f"A memory has at most {_METADATA_KEYS} metadata values.", hint="Leave some out.")
    for key, value in checked.items():
        if not isinstance(key, str) or not key or key.startswith(("$", "#", "chroma:")) or key == _OURS:
            raise Invalid(f"'{key}' cannot be the name of a metadata value.", hint="Use plain words as names.")
        if not isinstance(value, str | int | float | bool) or (isinstance(value, float) and not math.isfinite(value)):
            raise Invalid(f"The metadata value '{key}' must be text, a number, true or false.", hint="Leave it out.")
    return checked
