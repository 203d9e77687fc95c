"""The mails of a sequence in words: from a prompt of the library, a person's own text, or a built-in template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ionflux_core.sdk import Context, Invalid, IonfluxError

from .addresses import one_line
from .gate import unfaithful
from .render import living_lines, open_values, places
from .settings import Settings
from .templates import GOALS, PLAIN_SUBJECT, goal_of

_SUBJECT = re.compile(r"\A\s*(?:subject|assunto)\s*:[ \t]*([^\n]{1,400})\n+", re.IGNORECASE)
_INSTRUCTION = re.compile(
    r"\A\W{0,5}(?:write|create|draft|generate|compose|you are|escreva|crie|gere)\b", re.IGNORECASE
)
_TEXT_CHARS = 20_000
TEMPLATES = "templates"
ENGINE_VERSION = "1"


def local_engine(ctx: Context) -> dict[str, Any]:
    """The engine of everything this agent works out itself."""
    return {"kind": "local", "name": "email-wizard", "version": ENGINE_VERSION, "seed": ctx.seed}


def campaign_values(ctx: Context, settings: Settings, payload: Mapping[str, Any]) -> dict[str, str]:
    """The variables that are the same in every mail of the campaign."""
    product = payload.get("product")
    given: Mapping[str, Any] = product if isinstance(product, Mapping) else {"title": product}
    told = payload.get("prompt_values")
    asked: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    title = given.get("title") or given.get("name") or given.get("product") or asked.get("product_name")
    action = one_line(payload.get("action") or asked.get("call_to_action"), 120)
    minutes = payload.get("minutes")
    ends = one_line(payload.get("ends"), 120)
    if not ends and isinstance(minutes, (int, float)) and not isinstance(minutes, bool) and 0 < minutes < 100_000:
        ends = f"in {minutes:g} minutes"
    return {
        "brand": settings.from_name or one_line(ctx.workspace.name, 80),
        "product": one_line(title, 120),
        "price": one_line(given.get("price"), 40),
        "about": one_line(payload.get("about") or given.get("description"), 2_000),
        "link": _link(payload.get("link") or given.get("url")) or settings.shop_url,
        "benefits": one_line(payload.get("benefits") or asked.get("key_benefits"), 500).rstrip("."),
        "action": action[:1].upper() + action[1:].rstrip(".!:"),
        "offer": one_line(payload.get("offer"), 500),
        "code": one_line(payload.get("code"), 60),
        "ends": ends,
    }


def _link(value: Any) -> str:
    text = one_line(value, 1_000)
    if text and not text.startswith(("https://", "http://")):
        raise Invalid(f"The link {text[:60]!r} is no web address.", hint="Begin it with https://")
    if any(mark in text for mark in " <>\"'"):
        raise Invalid("The link holds characters no web address has.", hint="Copy it from the shop again.")
    return text


def write_draft(
    ctx: Context, settings: Settings, payload: Mapping[str, Any], values: Mapping[str, str]
) -> dict[str, Any]:
    """{goal, steps, source, engine, notes}: the mails as texts with variables."""
    wish = one_line(payload.get("email_goal") or payload.get("goal"), 400)
    goal, why = goal_of(wish, has_product=bool(values["product"]))
    steps = [dict(step) for step in GOALS[goal]]
    draft: dict[str, Any] = {"goal": goal, "wish": wish, "steps": steps, "source": f"template {goal}",
                             "engine": local_engine(ctx), "notes": [why]}  # fmt: skip
    if payload.get("prompt_id"):
        _from_prompt(ctx, payload, values, draft)
    elif payload.get("template"):
        name = one_line(payload["template"], 120)
        draft["steps"] = ctx.step("read template", lambda: kept_template(ctx, name))["steps"]
        draft["source"] = f"kept template {name}"
    elif payload.get("text"):
        _own_text(str(payload["text"]), draft, "a person's text")
    if payload.get("subject"):
        draft["steps"][0]["subject"] = one_line(payload["subject"])
    if payload.get("steps"):
        draft["steps"] = read_steps(payload["steps"], draft["steps"])
        draft["source"] = "a person's sequence"
    if settings.rephrase:
        _rephrase(ctx, draft, values, offered=bool(payload.get("offers")))
    return draft


def kept_template(ctx: Context, name: str) -> dict[str, Any]:
    """A sequence that was kept under a name; Invalid names those there are."""
    row = ctx.records.get(TEMPLATES, name)
    if row is None:
        names = ", ".join(each.key for each in ctx.records.find(TEMPLATES, limit=20)) or "none yet"
        raise Invalid(f"No template is kept as {name[:60]!r}.", hint=f"Kept templates: {names}.")
    return dict(row.data)


def keep_template(ctx: Context, name: str, campaign: Mapping[str, Any]) -> None:
    """Keep a sequence, with a person's edits, under a name."""
    ctx.records.put(TEMPLATES, name, {"goal": campaign["goal"], "steps": campaign["steps"]})


def read_steps(value: Any, usual: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A person's own sequence ({subject, text, delay_hours, condition}); Invalid names what is wrong."""
    rows = value if isinstance(value, list) else []
    if not rows or len(rows) > 10:
        raise Invalid("steps must be a list of 1 to 10 mails.", hint="Each has subject, text, delay_hours, condition.")
    steps = []
    for number, row in enumerate(rows, 1):
        given = row if isinstance(row, Mapping) else {}
        base = usual[min(number, len(usual)) - 1]
        hours = given.get("delay_hours", 0 if number == 1 else 72)
        condition = given.get("condition", "always")
        good = isinstance(hours, (int, float)) and not isinstance(hours, bool) and 0 <= hours <= 8760
        if not good or condition not in ("always", "not_opened", "opened", "not_clicked", "clicked"):
            raise Invalid(
                f"Step {number} has a delay or condition that cannot be used.",
                hint="delay_hours from 0 to 8760; condition always, opened, not_opened, clicked or not_clicked.",
            )
        text = _bounded(str(given.get("text") or base["text"]))
        subject = one_line(given.get("subject") or base["subject"])
        steps.append({"delay_hours": float(hours), "condition": condition, "subject": subject, "text": text})
    return steps


def _bounded(text: str) -> str:
    if len(text) > _TEXT_CHARS:
        raise Invalid(f"A mail has {len(text):,} characters.", hint=f"Write at most {_TEXT_CHARS:,}.")
    return text


def _own_text(text: str, draft: dict[str, Any], source: str) -> None:
    """One mail from a text whose first line may be its subject."""
    found = _SUBJECT.match(text)
    body = _bounded((text[found.end() :] if found else text).strip())
    subject = one_line(found[1]) if found else draft["steps"][0]["subject"]
    draft["steps"] = [{"delay_hours": 0.0, "condition": "always", "subject": subject or PLAIN_SUBJECT, "text": body}]
    draft["source"] = source


def _from_prompt(ctx: Context, payload: Mapping[str, Any], values: Mapping[str, str], draft: dict[str, Any]) -> None:
    prompt_id = one_line(payload["prompt_id"], 64)
    text = _filled(ctx, prompt_id, payload, values)
    if not _INSTRUCTION.match(text):
        _own_text(text, draft, f"prompt {prompt_id}")
        return
    answer = ctx.llm.complete(text, max_tokens=900)
    if answer.engine.get("kind") != "llm":
        draft["notes"].append(
            f"Prompt {prompt_id} is an instruction for a model and none is connected; "
            f"the template {draft['goal']} is used."
        )
        return
    own = [name for name in re.findall(r"\d+(?:[.,:]\d+)*|https?://[^\s<>\"']+", answer.text) if name not in text]
    if own:
        draft["notes"].append(f"The model's mail was dropped: {own[0][:60]} is in no input. The template is used.")
        return
    _own_text(answer.text, draft, f"prompt {prompt_id}")
    draft["engine"] = answer.engine


def _filled(ctx: Context, prompt_id: str, payload: Mapping[str, Any], values: Mapping[str, str]) -> str:
    """The prompt with its variables: those a person gave, then what is known of campaign and brand."""
    raw = payload.get("prompt_values")
    given: dict[str, Any] = dict(raw) if isinstance(raw, Mapping) else {}
    try:
        return ctx.prompt(prompt_id, given)
    except Invalid as error:
        missing = {str(problem.path) for problem in error.problems}
        known = known_values(ctx, payload, values)
        helped = {**given, **{name: known[name] for name in missing if known.get(name)}}
        if helped == given:
            raise
        return ctx.prompt(prompt_id, helped)


def known_values(ctx: Context, payload: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """What a prompt's variables may be filled with; a person's own name stays a variable of the mail."""
    brand = ctx.brand
    return {
        **values,
        "first_name": "{{first_name}}",
        "customer_name": "{{first_name}}",
        "name": "{{first_name}}",
        "brand_name": values["brand"],
        "product_name": values["product"],
        "product_title": values["product"],
        "product_price": values["price"],
        "product_link": values["link"],
        "product_description": values["about"],
        "url": values["link"],
        "discount": values["offer"],
        "key_benefits": values["benefits"] or values["about"],
        "call_to_action": values["action"],
        "target_audience": one_line(brand.audience if brand else "", 500),
        "goal": one_line(payload.get("email_goal") or payload.get("goal"), 400),
        "email_goal": one_line(payload.get("email_goal") or payload.get("goal"), 400),
        "segment": one_line(payload.get("customer_segment"), 120),
        "customer_segment": one_line(payload.get("customer_segment"), 120),
        "audience": one_line(brand.audience if brand else "", 500),
        "voice": one_line(brand.voice if brand else "", 500),
        "brand_voice": one_line(brand.voice if brand else "", 500),
    }


def _rephrase(ctx: Context, draft: dict[str, Any], values: Mapping[str, str], *, offered: bool) -> None:
    """Let the model word each mail; one that lost or added a figure, link, name or variable is dropped."""
    voice = ctx.brand.voice if ctx.brand else ""
    for number, step in enumerate(draft["steps"], 1):
        # Lines that will be left out must not be woven into others.
        source = living_lines(str(step["text"]), open_values(values, offered=offered))
        prompt = (
            "Reword this mail to a customer in the same language, plainly and warmly. Keep every {{variable}}, figure, "
            "link and name exactly, add none, add no claim. Answer with the mail only.\n"
            + (f"The brand's voice: {one_line(voice, 500)}\n" if voice else "")
            + "\n" + source
        )  # fmt: skip
        try:
            answer = ctx.llm.complete(prompt, max_tokens=900)
        except IonfluxError as error:
            draft["notes"].append(f"The model gave no wording, the text stays: {error}"[:300])
            return
        wrong = unfaithful(answer.text, source, (values["brand"], values["product"]))
        if answer.engine.get("kind") != "llm":
            draft["notes"].append("No model is connected; the mails keep their own wording.")
            return
        if wrong or not answer.text.strip() or places(answer.text) != places(source):
            draft["notes"].append(f"The model's wording of mail {number} was dropped: {wrong or 'it is empty'}.")
            continue
        step["text"] = answer.text.strip()[:_TEXT_CHARS]
        draft["engine"] = answer.engine
