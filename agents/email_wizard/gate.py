"""Creator Persona Guardian as a gate: its score for the draft, and its best repair where it says repair."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ionflux_core.sdk import AgentFailed, Context, IonfluxError, not_computed

from .settings import Settings

_PLACE = re.compile(r"\{\{ ?[a-z_]{1,40} ?\}\}")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_URL = re.compile(r"https?://[^\s<>\"']+")
_TEXT_CHARS = 20_000


def ask_guardian(ctx: Context, settings: Settings, text: str) -> dict[str, Any]:
    """What 008 says of a text: {state, score, threshold, reasons, repair, blocks, why}.

    `state` is off, unknown, passes, repair or too_little_material; `repair` is its best text that kept every figure,
    link and variable.
    """
    if settings.voice_gate == "off":
        return _answer(settings, "off", "The voice is not checked (voice_gate is off).")
    if not settings.voice_id:
        return _answer(settings, "unknown", "No brand and no voice_id are set, so there is no voice to compare with.")
    given = {"creator_id_or_brand_id": settings.voice_id, "content_to_analyze_text": text[:_TEXT_CHARS]}
    try:
        outputs = ctx.run_agent(settings.voice_agent, given)
    except (AgentFailed, IonfluxError) as error:
        return _answer(settings, "unknown", f"{settings.voice_agent} could not be asked: {error}"[:400])
    return _judged(settings, text, outputs)


def _answer(settings: Settings, state: str, why: str, **more: Any) -> dict[str, Any]:
    blocks = settings.voice_gate == "require" and state != "passes"
    return {"gate": settings.voice_gate, "state": state, "why": why, "score": None, "repair": None, "blocks": blocks,
            **more}  # fmt: skip


def _judged(settings: Settings, text: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    told = outputs.get("repaired_content_suggestions_json")
    report: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    score = outputs.get("authenticity_score")
    verdict = report.get("verdict")
    more: dict[str, Any] = {
        "score": score if _is_number(score) else None,
        "threshold": report.get("threshold"),
        "reasons": [str(each)[:300] for each in _list(report.get("reasons"))][:5],
        "engine": report.get("engine"),
    }
    if verdict == "too_little_material" or isinstance(score, Mapping):
        why = str(score.get("not_computed", "")) if isinstance(score, Mapping) else ""
        return _answer(settings, "too_little_material", why or "Too little material of this voice.", **more)
    if verdict == "passes":
        return _answer(settings, "passes", "The draft sounds like the voice.", **more)
    if verdict != "repair":
        return _answer(settings, "unknown", f"{settings.voice_agent} gave no verdict.", **more)
    offered = _list(report.get("repairs"))
    repair = best_repair(text, offered)
    lost = "none of its repairs kept every figure, link and variable" if offered else "there is no repair that helps"
    why = f"The draft does not sound like the voice; {'a repair is at hand' if repair else lost}."
    return _answer(settings, "repair", why, **more | {"repair": repair})


def best_repair(text: str, repairs: list[Any]) -> dict[str, Any] | None:
    """The repair with the highest score that changed no figure, link or variable, and is better than the draft."""
    good = [
        each
        for each in repairs
        if isinstance(each, Mapping)
        and isinstance(each.get("text"), str)
        and _is_number(each.get("score_after"))
        and not unfaithful(each["text"], text)
        and float(each["score_after"]) > float(each.get("score_before") or 0)
    ]
    if not good:
        return None
    best = max(good, key=lambda each: float(each["score_after"]))
    return {key: best.get(key) for key in ("flavour", "text", "score_before", "score_after", "changes")}


def unfaithful(text: str, source: str, names: tuple[str, ...] = ()) -> str | None:
    """Why a wording must be dropped: it lost or added a variable, figure, link or name; None when it may stay."""
    for pattern, what in ((_PLACE, "variables"), (_URL, "links"), (_NUMBER, "figures")):
        before, after = Counter(pattern.findall(source)), Counter(pattern.findall(text))
        if before != after:
            changed = next(iter((before - after) + (after - before)))
            return f"its {what} differ ({changed[:60]})"
    lost = next((name for name in names if name and name in source and name not in text), None)
    return f"it lost the name {lost[:60]!r}" if lost else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def shown(answer: Mapping[str, Any], *, used: bool) -> dict[str, Any]:
    """The gate for the report."""
    score = answer["score"] if answer["score"] is not None else not_computed(str(answer["why"]))
    return {**{key: value for key, value in answer.items() if key != "blocks"}, "score": score, "repair_used": used}
