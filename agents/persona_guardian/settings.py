"""A run's inputs as typed settings: what is to be done, for which persona, with which limits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ionflux_core.sdk import Context, Invalid

from .fingerprint import NAME, VERSION
from .texts import clean

CHECK = "validate_content"
LEARN = "learn_persona"
GUIDELINES = "style_guidelines"
EVOLUTION = "persona_evolution_analysis_and_report"
TASKS = (CHECK, LEARN, GUIDELINES, EVOLUTION)
TOPIC = "ionflux.agent.personaguardian"
_NOT_IN_KEYS = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked for; `key` stands for the persona in the names of records."""

    task: str
    persona: str
    key: str
    threshold: float
    segment: str
    asked_by: str
    topic: str
    rephrase: bool
    window_days: int
    drift_threshold: float


def read_settings(ctx: Context, inputs: Mapping[str, Any]) -> Settings:
    """The settings of a run; Invalid names the input that is wrong."""
    persona = _text(inputs, "creator_id_or_brand_id", 200)
    if not persona:
        raise Invalid("creator_id_or_brand_id is empty.", hint="Say whose voice it is, by any name of yours.")
    return Settings(
        task=_task(ctx, inputs),
        persona=persona,
        key=_key(persona),
        threshold=_number(inputs, "authenticity_threshold", 0.75, 0.0, 1.0),
        segment=_text(inputs, "target_audience_segment_id", 200),
        asked_by=_text(inputs, "style_transfer_source_agent_id", 200),
        topic=_text(inputs, "guideline_topic", 500),
        rephrase=inputs.get("rephrase_with_model") is True,
        window_days=int(_number(inputs, "drift_window_days", 28, 7, 366)),
        drift_threshold=_number(inputs, "drift_threshold", 0.15, 0.0, 1.0),
    )


def engine(seed: int) -> dict[str, Any]:
    """The engine every figure of this agent comes from."""
    return {"kind": "local", "name": NAME, "version": VERSION, "seed": seed}


def _task(ctx: Context, inputs: Mapping[str, Any]) -> str:
    """The task chosen for the run, else the mode given, else what the inputs are good for."""
    task = ctx.task or inputs.get("mode")
    if not task:
        nothing_to_check = not (inputs.get("content_to_analyze_text") or inputs.get("content_to_analyze_url"))
        material = inputs.get("training_texts") or inputs.get("training_file")
        return LEARN if material and nothing_to_check else CHECK
    if task not in TASKS:
        raise Invalid(f"{str(task)[:40]!r} is no task of this agent.", hint="Use " + ", ".join(TASKS) + ".")
    return str(task)


def _key(persona: str) -> str:
    plain = _NOT_IN_KEYS.sub("_", persona)[:60]
    return plain if plain == persona else f"{plain}-{hashlib.sha256(persona.encode()).hexdigest()[:12]}"


def _text(inputs: Mapping[str, Any], name: str, most: int) -> str:
    value = inputs.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most:
        raise Invalid(f"{name} must be text of at most {most} characters.", hint="Write it shorter, as text.")
    return " ".join(clean(value).split())


def _number(inputs: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = inputs.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise Invalid(f"{name} must be a number from {least:g} to {most:g}.", hint=f"The usual value is {default:g}.")
    return float(value)
