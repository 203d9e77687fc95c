"""How to write like this voice, for a person or another agent: words, sentences, emoji, examples from own pieces."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from ionflux_core.sdk import Brand, Context, IonfluxError, not_computed

from .fingerprint import Fingerprint
from .personas import Piece, pieces_of
from .settings import Settings, engine
from .texts import words

_EXAMPLES = 5


def write_guidelines(ctx: Context, settings: Settings, fingerprint: Fingerprint) -> dict[str, Any]:
    """The guidelines of a learned voice; examples are the own pieces nearest to the topic asked for."""
    traits, brand = fingerprint.data["traits"], ctx.brand
    examples, found_by = _examples(ctx, settings, pieces_of(ctx, settings))
    emoji = traits["emoji"]
    usually = emoji["share_of_pieces"] >= 0.25
    return {
        "engine": engine(fingerprint.data["calibration"]["seed"]),
        "persona": settings.persona,
        "version": fingerprint.version,
        "made_from_pieces": fingerprint.data["pieces"],
        "do": {
            "words": [entry["word"] for entry in traits["lexicon"][:25]],
            "openings": [entry["phrase"] for entry in traits["openings"]],
            "turns_of_phrase": [entry["phrase"] for entry in traits["tags"]],
            "rules_of_the_brand": list(brand.voice_do) if brand else [],
        },
        "dont": {
            "words_never_used": traits["rarely"],
            "forbidden_words": list(brand.forbidden_words) if brand else [],
            "rules_of_the_brand": list(brand.voice_dont) if brand else [],
        },
        "sentences": traits["rhythm"],
        "emoji": {
            "use": "usually" if usually else "seldom" if emoji["share_of_pieces"] else "never",
            "per_piece": emoji["per_piece"],
            "favourites": [entry["emoji"] for entry in emoji["favourites"]],
        },
        "palette": fingerprint.data["palette"] or not_computed("The brand's visual identity names no colours."),
        "context": _context(brand),
        "topic": settings.topic or None,
        "examples": examples,
        "examples_found_by": found_by,
    }


def no_guidelines(settings: Settings, persona: dict[str, Any], seed: int) -> dict[str, Any]:
    """What is said while there is too little material."""
    reason = f"{persona['pieces']} own pieces are known; {persona['missing']} more are needed."
    return {
        "engine": engine(seed),
        "persona": settings.persona,
        "verdict": "too_little_material",
        **not_computed(reason),
    }


def _context(brand: Brand | None) -> dict[str, str]:
    """What the brand's profile says of its voice; it is told along and was never learned from."""
    return {"voice": brand.voice, "audience": brand.audience} if brand else {}


def _examples(ctx: Context, settings: Settings, pieces: list[Piece]) -> tuple[list[str], str]:
    if not settings.topic:
        return [piece.text for piece in pieces[-_EXAMPLES:]], "newest pieces"
    recalled = _recalled(ctx, settings, {piece.id: piece.text for piece in pieces})
    if recalled:
        return recalled, "vector memory"
    return nearest(settings.topic, [piece.text for piece in pieces], _EXAMPLES), "shared words"


def _recalled(ctx: Context, settings: Settings, known: dict[str, str]) -> list[str]:
    """Pieces out of the vector memory; only what is still among this persona's own pieces counts."""
    try:
        found = ctx.memory.recall(settings.topic, limit=4 * _EXAMPLES)
    except IonfluxError as problem:
        ctx.log(f"The vector memory gave no examples: {problem.message}", level="warning")
        return []
    near = [recalled for recalled in found if recalled.score > 0]
    own = [str(r.metadata.get("piece")) for r in near if r.metadata.get("persona") == settings.persona]
    return [known[id] for id in dict.fromkeys(own) if id in known][:_EXAMPLES]


def nearest(topic: str, texts: list[str], limit: int) -> list[str]:
    """The texts that share the rarest words with a topic, the nearest first; those that share none are left out."""
    said = [set(words(text)) for text in texts]
    counts = Counter(word for piece in said for word in piece)
    asked = set(words(topic))
    scored = [
        (sum(math.log((1 + len(texts)) / counts[word]) for word in asked & piece), n) for n, piece in enumerate(said)
    ]
    return [texts[n] for score, n in sorted(scored, key=lambda item: (-item[0], item[1])) if score > 0][:limit]
