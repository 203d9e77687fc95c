"""Checks one text against a learned voice: score, reasons, repairs; keeps the check and tells the others."""

from __future__ import annotations

from typing import Any

from ionflux_core.sdk import Brand, Context, not_computed

from .checks import keep_check
from .fingerprint import Fingerprint, Judged
from .material import LEAST_WORDS, text_id
from .personas import summary
from .reasons import find_reasons, forbidden_reason
from .repairs import MOST_CHARS, find_repairs, no_words
from .resonance import predict
from .settings import TOPIC, Settings, engine
from .texts import Reading, words
from .traits import in_same_language

# Below this share of known letter patterns a text is in a script or language nobody has taught.
_LEAST_KNOWN = 0.3
_SURE_WORDS = 12
_LEAST_BACKGROUND = 0.25


def review(ctx: Context, settings: Settings, reading: Reading, fingerprint: Fingerprint | None) -> dict[str, Any]:
    """The whole answer on a text, without the model; kept and announced with the step it runs in."""
    text = reading.text
    forbidden = ctx.brand.forbidden_in(text) if ctx.brand else []
    result = _blank(settings, reading, fingerprint)
    if fingerprint is None:
        verdict, reason = "too_little_material", _too_little(ctx, settings)
    else:
        judged = fingerprint.judge(text)
        verdict, reason = _unreadable(text, judged)
        if not verdict:
            _explain(settings, reading, fingerprint, judged, forbidden, result)
            if result["verdict"] == "repair":
                _repair(ctx.brand, reading, fingerprint, result)
            return result
    result |= {"verdict": verdict, **not_computed(reason)}
    _tell_reasons(result, [forbidden_reason(word) for word in forbidden])
    result["resonance"] = not_computed(reason)
    return result


def announce(ctx: Context, settings: Settings, text: str, result: dict[str, Any]) -> None:
    """Keep the check and publish what came of it."""
    keep_check(ctx, settings, text, result)
    content = text_id(text)
    told = {
        "persona": settings.persona,
        "content": content,
        "authenticity_score": result["score"],
        "verdict": result["verdict"],
        "threshold": settings.threshold,
        "asked_by": settings.asked_by or None,
    }
    ctx.emit(f"{TOPIC}.content_review_completed", told)
    if result["repairs"]:
        best = result["repairs"][0]
        offered = {
            "repairs": len(result["repairs"]),
            "best_flavour": best["flavour"],
            "best_score": best["score_after"],
        }
        ctx.emit(f"{TOPIC}.style_suggestion_available", {**told, **offered})


def _blank(settings: Settings, reading: Reading, fingerprint: Fingerprint | None) -> dict[str, Any]:
    seed = fingerprint.data["calibration"]["seed"] if fingerprint else 0
    result: dict[str, Any] = {
        "engine": engine(seed),
        "persona": settings.persona,
        "version": fingerprint.version if fingerprint else None,
        "verdict": "",
        "score": None,
        "threshold": settings.threshold,
        "reasons": [],
        "evidence": [],
        "repairs": [],
        "characters": reading.characters,
        "characters_read": reading.read,
        "notes": [],
    }
    if reading.sampled:
        result["notes"].append(
            f"The text has {reading.characters:,} characters; ten evenly spread parts, {reading.read:,} characters in "
            "all, were read."
        )
    return result


def _too_little(ctx: Context, settings: Settings) -> str:
    known = summary(ctx, settings)
    return f"Too little material: {known['pieces']} own pieces are known; {known['missing']} more are needed."


def _unreadable(text: str, judged: Judged) -> tuple[str, str]:
    """The verdict and the reason when a text cannot be scored; two empty texts when it can."""
    count = len(words(text))
    if count < LEAST_WORDS:
        said = "1 word" if count == 1 else f"{count} words"
        return "too_short", f"The text has {said}; fewer than {LEAST_WORDS} say nothing about a voice."
    if judged.known < _LEAST_KNOWN:
        return "unknown_language", (
            f"Only {judged.known:.0%} of the text's letter patterns are known: it is in a script or language that "
            "neither the own material nor the background holds."
        )
    return "", ""


def _explain(
    settings: Settings,
    reading: Reading,
    fingerprint: Fingerprint,
    judged: Judged,
    forbidden: list[str],
    result: dict[str, Any],
) -> None:
    """Score, verdict and reasons, how sure they are, and the expected resonance."""
    text = reading.text
    result["score"] = round(judged.score, 4)
    result["verdict"] = "passes" if judged.score >= settings.threshold and not forbidden else "repair"
    _tell_reasons(result, find_reasons(text, fingerprint, judged, forbidden))
    calibration = fingerprint.data["calibration"]
    result["how_sure"] = {
        "words": len(words(text)),
        "sure": len(words(text)) >= _SURE_WORDS,
        **{key: calibration[key] for key in ("held_out_auc", "own_median", "own_lowest_tenth", "other_highest_tenth")},
    }
    if len(words(text)) < _SURE_WORDS:
        result["notes"].append("The text is very short, so the score may change with every word.")
    if fingerprint.data["traits"]["background_share"] < _LEAST_BACKGROUND:
        result["notes"].append(
            "The background holds hardly any text in this voice's language, so the score tells the language more than "
            "the voice."
        )
    value, told = predict(fingerprint.data["resonance"], settings.segment, text)
    result["resonance"] = value
    result["resonance_model"] = told


def _tell_reasons(result: dict[str, Any], found: list[dict[str, Any]]) -> None:
    """What speaks against the voice as sentences, and everything that weighs with its weight."""
    result["reasons"] = [reason["detail"] for reason in found if reason["direction"] == "against"]
    result["evidence"] = found


def _repair(brand: Brand | None, reading: Reading, fingerprint: Fingerprint, result: dict[str, Any]) -> None:
    if reading.sampled or len(reading.text) > MOST_CHARS:
        result["notes"].append(f"Repairs are proposed for texts of up to {MOST_CHARS:,} characters.")
    elif not in_same_language(reading.text, fingerprint.data["traits"]):
        result["notes"].append("The text seems to be in another language than the own material: no repairs.")
    else:
        forbidden = brand.forbidden_in if brand and brand.forbidden_words else no_words
        result["repairs"] = find_repairs(reading.text, fingerprint, forbidden)
