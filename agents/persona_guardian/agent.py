"""Creator Persona Guardian: learns a voice from its texts, scores others, repairs them, sees it move."""

from __future__ import annotations

from typing import Any

from ionflux_core.sdk import Context, Invalid, not_computed

from .evolution import look_back, write_report
from .guidelines import no_guidelines, write_guidelines
from .material import read_material
from .personas import current, summary, take_in
from .review import announce, review
from .rewrite import add_model_repair
from .settings import CHECK, EVOLUTION, GUIDELINES, LEARN, Settings, engine, read_settings
from .texts import Reading, read
from .web import fetch_text

_OUTSIDE = ("webhook", "event")


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """Take in own texts if any came, then do what the task says; what was not asked for is `not_computed`."""
    settings = read_settings(ctx, inputs)
    learnt = ctx.step("Learn", lambda: _learn(ctx, settings, inputs)) if _brings_material(ctx, settings, inputs) else {}
    outputs = _nothing_yet(settings)
    if settings.task == CHECK:
        outputs |= _check(ctx, settings, inputs)
    elif settings.task == GUIDELINES:
        outputs["style_guidelines_json"] = ctx.step("Write guidelines", lambda: _guidelines(ctx, settings))
    elif settings.task == EVOLUTION:
        outputs["persona_evolution_report_md"] = ctx.step("Look back", lambda: _evolution(ctx, settings))
    known = ctx.step("State of the persona", lambda: summary(ctx, settings))
    return {**outputs, "persona_json": {"engine": engine(ctx.seed), **known, **learnt}, "engine": engine(ctx.seed)}


def _brings_material(ctx: Context, settings: Settings, inputs: dict[str, Any]) -> bool:
    """Whether own texts came. Only a person or an agent teaches a voice, never what a webhook or an event brought."""
    brought = bool(inputs.get("training_texts") or inputs.get("training_file"))
    if brought and ctx.trigger.kind in _OUTSIDE:
        ctx.log("Own texts that came by webhook or event are not learned from.", level="warning")
        return False
    if settings.task == LEARN and not brought:
        raise Invalid("No own texts came.", hint="Give training_texts (a list) or training_file (JSON, CSV or text).")
    return brought


def _learn(ctx: Context, settings: Settings, inputs: dict[str, Any]) -> dict[str, Any]:
    report = take_in(ctx, settings, read_material(ctx, inputs))
    fingerprint = current(ctx, settings)
    models = fingerprint.data["resonance"] if fingerprint else {}
    error = (models.get("") or {}).get("median_error_percent")
    if error is not None:
        ctx.kpi("resonance_error", error, unit="%")
    return report


def _nothing_yet(settings: Settings) -> dict[str, Any]:
    reason = not_computed(f"The task {settings.task} was asked for, which does not give this.")
    return {
        "authenticity_score": reason,
        "resonance_score_predicted": reason,
        "repaired_content_suggestions_json": reason,
        "persona_evolution_report_md": reason,
        "style_guidelines_json": reason,
    }


def _check(ctx: Context, settings: Settings, inputs: dict[str, Any]) -> dict[str, Any]:
    reading = _content(ctx, inputs)
    if reading is None:
        nothing = not_computed("The event brought neither a text nor an address.")
        keys = ("authenticity_score", "resonance_score_predicted", "repaired_content_suggestions_json")
        return dict.fromkeys(keys, nothing)
    result: dict[str, Any] = ctx.step("Score", lambda: review(ctx, settings, reading, current(ctx, settings)))
    if settings.rephrase and result["verdict"] == "repair":
        result = add_model_repair(ctx, settings, reading.text, result)
    ctx.step("Announce", lambda: announce(ctx, settings, reading.text, result))
    resonance = result.pop("resonance")
    score = result["score"]
    return {
        "authenticity_score": not_computed(result["not_computed"]) if score is None else score,
        "resonance_score_predicted": resonance,
        "repaired_content_suggestions_json": result,
    }


def _content(ctx: Context, inputs: dict[str, Any]) -> Reading | None:
    """The text to be checked, from exactly one of the two inputs; None when an event brought neither."""
    text, url = inputs.get("content_to_analyze_text"), inputs.get("content_to_analyze_url")
    if text and url:
        raise Invalid("Both a text and an address came.", hint="Send one of them; two runs check both.")
    if url:
        return read(fetch_text(ctx, str(url)))
    if ctx.trigger.kind == "event" and not text:
        return None
    if not isinstance(text, str) or not text.strip():
        raise Invalid("There is no text to check.", hint="Give content_to_analyze_text or content_to_analyze_url.")
    return read(text)


def _guidelines(ctx: Context, settings: Settings) -> dict[str, Any]:
    fingerprint = current(ctx, settings)
    if fingerprint is None:
        return no_guidelines(settings, summary(ctx, settings), ctx.seed)
    return write_guidelines(ctx, settings, fingerprint)


def _evolution(ctx: Context, settings: Settings) -> Any:
    found = look_back(ctx, settings, current(ctx, settings))
    return write_report(ctx, settings, found, summary(ctx, settings))
