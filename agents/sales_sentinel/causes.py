"""The likely cause in words: a template filled from evidence, every sentence naming the evidence it stands on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ionflux_core.sdk import Context, IonfluxError

from .incidents import Incident
from .times import iso

ENGINE_VERSION = "1"
_CITED = re.compile(r"\[(E\d+)\]")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


def local_engine(ctx: Context) -> dict[str, Any]:
    """The engine of everything this agent works out itself."""
    return {"kind": "local", "name": "sentinel-statistics", "version": ENGINE_VERSION, "seed": ctx.seed}


def evidence_of(
    incident: Incident, suspects: list[dict[str, Any]], information: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The numbered facts about an incident: its flags, what else was unusual, and the suspects."""
    facts: list[dict[str, Any]] = []

    def add(kind: str, text: str, **data: Any) -> None:
        facts.append({"id": f"E{len(facts) + 1}", "kind": kind, "text": text, **data})

    for flag in sorted(incident["flags"].values(), key=lambda f: (f["segment"] != "", -f["evidence"])):
        add("flag", _flag_text(flag), series=flag["series"])
    end = incident["end"]
    for kind in ("errors", "slow_pages"):
        seen = [
            n for n in information if n["kind"] == kind and incident["start"] <= n["minute"] <= (end or n["minute"])
        ]
        if seen:
            worst = max(seen, key=lambda n: n["observed"] / n["baseline"])
            add(
                kind,
                f"{worst['observed']:g} {worst['unit']} at {worst['at']}, usually {worst['baseline']:g}",
                at=worst["at"],
            )
    for suspect in suspects:
        when = suspect["minutes_before_onset"]
        place = f"{when} minutes before" if when >= 0 else f"{-when} minutes after"
        text = f"{suspect['kind']} change {suspect['name']!r} was recorded {place} the estimated onset"
        add("change", text, change=suspect["change"], score=suspect["score"])
    return facts


def _flag_text(flag: Mapping[str, Any]) -> str:
    if flag["metric"] == "traffic":
        return f"{flag['observed']} sessions since {iso(flag['onset'])}, usually {flag['expected']:g}"
    return (
        f"{flag['title']}: {flag['observed']} of {flag['trials']} since {iso(flag['onset'])} "
        f"({100 * flag['observed_rate']:.2f} %), usually {100 * flag['baseline_rate']:.2f} %"
    )


def explain(incident: Incident, facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sentences {text, evidence} about what failed, where, and what was changed before; nothing beyond the facts."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for fact in facts:
        by_kind.setdefault(fact["kind"], []).append(fact)
    flags, changes = by_kind["flag"], by_kind.get("change", [])
    sentences = [_sentence(f"{incident['title']}: {flags[0]['text']}.", flags[:1])]
    if len(flags) > 1:
        sentences.append(_sentence(f"The same shows in {'; '.join(f['text'] for f in flags[1:4])}.", flags[1:4]))
    sentences.append(_sentence(_where(incident), flags))
    for fact in by_kind.get("errors", []) + by_kind.get("slow_pages", []):
        sentences.append(_sentence(f"In the same time: {fact['text']}.", [fact]))
    if not changes:
        sentences.append(_sentence("No recorded change lies near its onset, so the cause is not known.", flags[:1]))
        return sentences
    text = f"The most likely cause among the recorded changes: {changes[0]['text']} (score {changes[0]['score']:g})."
    sentences.append(_sentence(text, changes[:1]))
    if len(changes) > 1:
        others = "; ".join(f"{f['text']} (score {f['score']:g})" for f in changes[1:3])
        sentences.append(_sentence(f"Also possible: {others}.", changes[1:3]))
    return sentences


def _where(incident: Incident) -> str:
    flags = incident["flags"].values()
    segments = sorted({flag["label"] for flag in flags if flag["segment"]})
    if not segments:
        return "No single segment stands out: the fault seems to lie in the whole shop."
    only = len(segments) == 1
    return f"It is concentrated in {segments[0]}." if only else f"It shows in {', '.join(segments)}."


def _sentence(text: str, facts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"text": text, "evidence": [fact["id"] for fact in facts]}


def plain(sentences: list[dict[str, Any]]) -> str:
    """The sentences as one text with their evidence in brackets."""
    return " ".join(s["text"] + " " + "".join(f"[{id}]" for id in s["evidence"]) for s in sentences)


def rephrased(ctx: Context, sentences: list[dict[str, Any]], facts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A model's wording of the same sentences with its engine, or None when it says anything the evidence does not."""
    prompt = (
        "Rewrite the following incident note in plain, calm English. Keep every fact and every mark such as [E1] at "
        "the end of its sentence. Add no cause, number, name or advice. Answer with the note only.\n\n"
        + plain(sentences)
    )
    try:
        answer = ctx.llm.complete(prompt, max_tokens=600)
    except IonfluxError as error:
        ctx.log(f"The model gave no wording, the template stays: {error}", level="warning")
        return None
    reason = unfaithful(answer.text, plain(sentences), {fact["id"] for fact in facts})
    if reason:
        ctx.log(f"The model's wording was dropped: {reason}", level="warning")
        return None
    return {"text": answer.text.strip(), "engine": answer.engine}


def unfaithful(text: str, source: str, known: set[str]) -> str | None:
    """Why a wording must be dropped (no or unknown evidence, a number of its own); None when it may stay."""
    cited = _CITED.findall(text)
    if not cited:
        return "it cites no evidence"
    if unknown := set(cited) - known:
        return f"it cites {sorted(unknown)[0]}, which does not exist"
    if invented := set(_NUMBER.findall(_CITED.sub("", text))) - set(_NUMBER.findall(_CITED.sub("", source))):
        return f"it names {sorted(invented)[0]}, which is in no evidence"
    rest = re.split(r"(?:\[E\d+\][\s.]*)+", text.strip())[-1]
    return "its last sentence cites nothing" if rest.strip() else None
