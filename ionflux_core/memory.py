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
class Namespace:
    """What a workspace remembers under one name with one embedder; `count` texts of `dimensions` numbers each."""

    name: str
    embedder: str
    dimensions: int
    count: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """A remembered text as it lies there."""

    id: str
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recalled:
    """A remembered text; `score` is the cosine of the angle to the query, 1.0 for the same direction."""

    id: str
    text: str
    score: float
    metadata: dict[str, Any] = field(default_factory=dict)


OFFLINE: Embedder = HashingEmbedder()


class Memory:
    """Texts and their vectors in one folder; may be shared between threads of one process.

    Each namespace of a workspace has a collection for each embedder: vectors of two embedders cannot be compared, so
    they never lie side by side.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._opened: Client | None = None

    def remember(
        self,
        workspace_id: str,
        namespace: str,
        text: str,
        metadata: Metadata | None = None,
        id: str | None = None,
        *,
        embedder: Embedder = OFFLINE,
    ) -> str:
        """Keep a text and give back its id; the same id again replaces the text.

        Conflict when the embedder gives vectors of another length than it used to.
        """
        if len(text.encode("utf-8", "surrogatepass")) > limits.EVENT_BYTES:
            raise LimitExceeded("The text is too long to be remembered.", hint="Cut it into parts and remember each.")
        checked = _checked_metadata(metadata)
        vector = _embedded(embedder, text)
        collection = self._collection(workspace_id, namespace, embedder.id, len(vector), create=True)
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
        *,
        embedder: Embedder = OFFLINE,
    ) -> list[Recalled]:
        """The texts most like the query, the best first; `where` keeps those whose metadata has all these values.

        Empty when nothing was remembered, or when the query holds no words.
        """
        if limit < 1 or self._find(self._client(), collection_name(workspace_id, namespace, embedder.id)) is None:
            return []
        vector = _embedded(embedder, query)
        collection = self._collection(workspace_id, namespace, embedder.id, len(vector), create=False)
        if collection is None or not any(vector):
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
        return [Recalled(key, text or "", 1.0 - distance, _given(meta)) for key, text, distance, meta in rows]

    def forget(
        self, workspace_id: str, namespace: str, ids: Sequence[str] | None = None, *, embedder: str = OFFLINE.id
    ) -> None:
        """Forget these texts, or with None all that one embedder has put there; what is not there is no error."""
        client, name = self._client(), collection_name(workspace_id, namespace, embedder)
        with self._lock:
            collection = self._find(client, name)
            if collection is not None and ids is None:
                client.delete_collection(name)
            elif collection is not None and ids:
                collection.delete(ids=list(ids))

    def count(self, workspace_id: str, namespace: str, *, embedder: str = OFFLINE.id) -> int:
        """How many texts of one embedder a namespace holds."""
        collection = self._find(self._client(), collection_name(workspace_id, namespace, embedder))
        return collection.count() if collection is not None else 0

    def namespaces(self, workspace_id: str) -> list[Namespace]:
        """What a workspace remembers, by name and embedder; nothing of any other."""
        if not self._folder.is_dir():
            return []
        found = []
        for collection in self._client().list_collections():
            held = collection.metadata or {}
            if held.get("workspace_id") == workspace_id:
                name, embedder, dimensions = held["namespace"], held["embedder"], int(held["dimensions"])
                found.append(Namespace(str(name), str(embedder), dimensions, collection.count()))
        return sorted(found, key=lambda each: (each.name, each.embedder))

    def browse(
        self,
        workspace_id: str,
        namespace: str,
        *,
        embedder: str = OFFLINE.id,
        containing: str = "",
        offset: int = 0,
        limit: int = 50,
    ) -> list[Remembered]:
        """A page of what lies in a namespace, in the order it came; with `containing` those that hold these letters."""
        collection = self._find(self._client(), collection_name(workspace_id, namespace, embedder))
        if collection is None:
            return []
        found = collection.get(
            where_document={"$contains": containing} if containing else None,
            limit=max(1, min(limit, limits.PAGE_ROWS)),
            offset=max(0, offset),
            include=["documents", "metadatas"],
        )
        rows = zip(found["ids"], found["documents"] or [], found["metadatas"] or [], strict=True)
        return [Remembered(key, text or "", _given(meta)) for key, text, meta in rows]

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

    def _collection(
        self, workspace_id: str, namespace: str, embedder: str, dimensions: int, *, create: bool
    ) -> Collection | None:
        client = self._client()
        name = collection_name(workspace_id, namespace, embedder)
        mark = {
            "workspace_id": workspace_id,
            "namespace": namespace,
            "embedder": embedder,
            "dimensions": dimensions,
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
                f"The memory '{namespace}' holds vectors of {held.get('embedder')} with {held.get('dimensions')} "
                f"numbers, which cannot be mixed with those of {dimensions} that it gives now.",
                hint="Forget what lies there and remember the texts again, or use another namespace.",
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


def _embedded(embedder: Embedder, text: str) -> Vector:
    [vector] = embedder.embed([text])
    if len(vector) != embedder.dimensions or not all(map(math.isfinite, vector)):
        found = f"a vector of {len(vector)} numbers, not of {embedder.dimensions} finite ones"
        raise Invalid(
            f"The embedder {embedder.id} gave {found}.",
            hint="Check the embedding model's settings.",
        )
    return vector


def _given(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (metadata or {}).items() if name != _OURS}


def collection_name(workspace_id: str, namespace: str, embedder: str = OFFLINE.id) -> str:
    """A name Chroma takes, readable, and never the same for two workspaces, namespaces or embedders."""
    # The offline embedder's collections are called as they always were.
    other = "" if embedder == OFFLINE.id else f"{len(namespace)}:{embedder}"
    digest = hashlib.sha256(f"{len(workspace_id)}:{workspace_id}{namespace}{other}".encode()).hexdigest()[:32]
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
