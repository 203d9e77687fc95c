"""What is kept of a persona: its pieces, every version of its fingerprint, and which version is the current one."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from ionflux_core.sdk import Context, IonfluxError, Record

from .background import background
from .fingerprint import Fingerprint
from .learning import LEAST_PIECES, learn
from .material import Given, Material
from .resonance import fit_resonance
from .settings import Settings
from .traits import traits

PERSONAS, PIECES, ENGAGEMENT, SEGMENTS = "personas", "persona_pieces", "engagement", "audience_segments"
_VERSIONS_KEPT = 20
_MOST_REMEMBERED = 200
_MOST_LOADED = 16


@dataclass(frozen=True, slots=True)
class Piece:
    """One stored own text; `at` is None when nobody said when it was written."""

    id: str
    text: str
    at: datetime | None
    engagement: float | None
    segment: str


class _Loaded:
    """The fingerprints read last, by their hash, so that a score does not begin with reading 6,000 patterns."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Fingerprint] = OrderedDict()
        self._lock = Lock()

    def get(self, hash: str) -> Fingerprint | None:
        with self._lock:
            if hash in self._kept:
                self._kept.move_to_end(hash)
            return self._kept.get(hash)

    def put(self, hash: str, fingerprint: Fingerprint) -> None:
        with self._lock:
            self._kept[hash] = fingerprint
            while len(self._kept) > _MOST_LOADED:
                self._kept.popitem(last=False)


_LOADED = _Loaded()


def current(ctx: Context, settings: Settings) -> Fingerprint | None:
    """The newest fingerprint of the persona, or None when there is none yet."""
    pointer = ctx.records.get(PERSONAS, settings.key)
    if pointer is None:
        return None
    loaded = _LOADED.get(pointer.data["hash"])
    if loaded is None:
        row = ctx.records.get(PERSONAS, _version_key(settings, pointer.data["version"]))
        if row is None:
            return None
        loaded = Fingerprint.of(row.data)
        _LOADED.put(pointer.data["hash"], loaded)
    return loaded


def summary(ctx: Context, settings: Settings) -> dict[str, Any]:
    """What a person wants to know of the stored persona: version, pieces, how well it is told apart."""
    pointer = ctx.records.get(PERSONAS, settings.key)
    pieces = len(ctx.records.find(PIECES, prefix=f"{settings.key}:"))
    known = dict(pointer.data) if pointer else {"version": 0, "hash": None}
    return {"persona": settings.persona, **known, "pieces": pieces, "missing": max(0, LEAST_PIECES - pieces)}


def pieces_of(ctx: Context, settings: Settings) -> list[Piece]:
    """All own texts, oldest first."""
    return [_piece(row) for row in ctx.records.find(PIECES, prefix=f"{settings.key}:")]


def _piece(row: Record) -> Piece:
    data = row.data
    return Piece(
        data["id"],
        data["text"],
        row.at if data["dated"] else None,
        data.get("engagement"),
        data.get("segment") or "",
    )


def take_in(ctx: Context, settings: Settings, material: Material) -> dict[str, Any]:
    """Keep what is new, and make a new version of the fingerprint when there is anything new and enough of it."""
    fresh, measured, doubles = _keep(ctx, settings, material.texts)
    pieces = pieces_of(ctx, settings)
    pointer = ctx.records.get(PERSONAS, settings.key)
    report = {
        "new_pieces": len(fresh),
        "doubles": doubles,
        "new_engagement_figures": measured,
        "rejected": material.rejected[:50],
        "rejected_count": len(material.rejected),
    }
    changed = bool(fresh or measured) or pointer is None
    if len(pieces) >= LEAST_PIECES and changed:
        _store(ctx, settings, pieces, pointer.data["version"] + 1 if pointer else 1)
    _remember(ctx, settings, fresh)
    return report


def _keep(ctx: Context, settings: Settings, texts: list[Given]) -> tuple[list[Given], int, int]:
    """The texts that were not there before, how many figures of engagement are new, and how many texts came twice."""
    known = {row.data["id"]: row for row in ctx.records.find(PIECES, prefix=f"{settings.key}:")}
    fresh: dict[str, Given] = {}
    measured: dict[str, Given] = {}
    doubles = 0
    for given in texts:
        id = given.id
        doubles += id in known or id in fresh
        old = known.get(id)
        if given.engagement is not None and (old is None or old.data.get("engagement") != given.engagement):
            measured[id] = given
        if old is None:
            fresh.setdefault(id, given)
    changed = [(id, given, known.get(id)) for id, given in {**fresh, **measured}.items()]
    ctx.records.put_many(PIECES, [_row(ctx, settings, id, given, old) for id, given, old in changed])
    _keep_engagement(ctx, settings, measured)
    return list(fresh.values()), len(measured), doubles


def _row(
    ctx: Context, settings: Settings, id: str, given: Given, old: Record | None
) -> tuple[str, Mapping[str, Any], datetime]:
    dated = given.at is not None or (old is not None and old.data["dated"])
    at = given.at or (old.at if old else ctx.now())
    segment = given.segment or (old.data.get("segment") if old else "") or ""
    data = {"id": id, "text": given.text, "dated": dated, "engagement": given.engagement, "segment": segment}
    return f"{settings.key}:{id}", data, at


def _keep_engagement(ctx: Context, settings: Settings, measured: dict[str, Given]) -> None:
    now = ctx.now()
    rows = [
        (f"{settings.key}:{id}", {"piece": id, "engagement": given.engagement, "segment": given.segment}, now)
        for id, given in measured.items()
    ]
    ctx.records.put_many(ENGAGEMENT, rows)
    segments = Counter(row.data["segment"] for row in ctx.records.find(ENGAGEMENT, prefix=f"{settings.key}:"))
    for segment, figures in segments.items():
        if segment:
            ctx.records.put(SEGMENTS, f"{settings.key}:{segment}", {"segment": segment, "figures": figures})


def _store(ctx: Context, settings: Settings, pieces: list[Piece], version: int) -> None:
    texts = [piece.text for piece in pieces]
    others = background()
    learnt = learn(texts, others, ctx.seed)
    data = {
        **learnt,
        "persona": settings.persona,
        "version": version,
        "made_at": ctx.now().isoformat(),
        "pieces": len(texts),
        "traits": traits(texts, others),
        "palette": list(ctx.brand.visual.palette) if ctx.brand else [],
        "resonance": fit_resonance([(p.text, p.engagement, p.segment) for p in pieces], ctx.seed),
    }
    raw = json.dumps(data, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(raw.encode()).hexdigest()
    told = {key: data[key] for key in ("version", "made_at", "calibration", "palette")}
    ctx.records.put(PERSONAS, _version_key(settings, version), data)
    ctx.records.put(PERSONAS, settings.key, {**told, "hash": digest})
    if version > _VERSIONS_KEPT:
        ctx.records.delete(PERSONAS, _version_key(settings, version - _VERSIONS_KEPT))


def _remember(ctx: Context, settings: Settings, fresh: list[Given]) -> None:
    """The newest pieces into the vector memory; without it everything but the search by likeness still works."""
    try:
        for given in fresh[-_MOST_REMEMBERED:]:
            id = f"{settings.key}:{given.id}"
            ctx.memory.remember(given.text, {"persona": settings.persona, "piece": given.id}, id=id)
    except IonfluxError as problem:
        ctx.log(f"The pieces were not put into the vector memory: {problem.message}", level="warning")


def _version_key(settings: Settings, version: int) -> str:
    return f"{settings.key}:v{version:06d}"
