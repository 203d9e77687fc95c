"""Whole runs: learning, checking, guidelines, the weekly look; what is kept, announced and refused."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from ionflux_agents.persona_guardian.agent import run
from ionflux_agents.persona_guardian.background import voices
from ionflux_agents.persona_guardian.personas import _LOADED

from ionflux_core.domain.runs import RunTrigger
from ionflux_core.domain.workspaces import Brand
from ionflux_core.sdk import Invalid, Unavailable
from tests.fakes import NOON

OUTPUTS = {
    "authenticity_score", "resonance_score_predicted", "repaired_content_suggestions_json",
    "persona_evolution_report_md", "style_guidelines_json", "persona_json", "engine",
}  # fmt: skip
TOPIC = "ionflux.agent.personaguardian"
COACH = [piece.text for piece in voices()["coach"]]
SHOP = [piece.text for piece in voices()["shopkeeper"]]
STIFF = "We inform you that the new lamps have arrived. They are available until 5 March, and Maria will assist you."


def go(ctx: Any, *, task: str | None = None, persona: str = "rosie", **inputs: Any) -> dict[str, Any]:
    ctx.journal.clear()
    ctx.task = task
    outputs: dict[str, Any] = run(ctx, {"creator_id_or_brand_id": persona, **inputs})
    assert set(outputs) == OUTPUTS
    json.dumps(outputs, allow_nan=False)
    for key in ("engine", "persona_json"):
        assert outputs[key].get("kind") == "local" or outputs[key]["engine"]["kind"] == "local"
    return outputs


def check(ctx: Any, text: str, **inputs: Any) -> dict[str, Any]:
    result: dict[str, Any] = go(ctx, content_to_analyze_text=text, **inputs)["repaired_content_suggestions_json"]
    return result


def events(ctx: Any, name: str) -> list[dict[str, Any]]:
    return [payload for type, payload in ctx.events if type == f"{TOPIC}.{name}"]


def brand(**given: Any) -> Brand:
    return Brand(id="b", workspace_id="ws", name="Rosie", created_at=NOON, updated_at=NOON, **given)


def test_a_text_of_another_voice_is_repaired_and_an_own_one_passes(shop: Any) -> None:
    outputs = go(shop, content_to_analyze_text=STIFF)
    result = outputs["repaired_content_suggestions_json"]
    assert outputs["authenticity_score"] == result["score"] < 0.5 and result["verdict"] == "repair"
    assert (
        result["repairs"]
        and all(isinstance(each, str) for each in result["reasons"])
        and result["engine"]["name"] == "voice-fingerprint"
    )
    assert result["how_sure"]["held_out_auc"] > 0.9
    own = check(shop, SHOP[3])
    assert own["verdict"] == "passes" and own["score"] > 0.75 and own["repairs"] == []
    assert [e["verdict"] for e in events(shop, "content_review_completed")] == ["repair", "passes"]
    assert [e["best_score"] for e in events(shop, "style_suggestion_available")] == [
        result["repairs"][0]["score_after"]
    ]


def test_too_little_material_is_said_with_how_much_is_missing(shop: Any) -> None:
    outputs = go(shop, persona="new", content_to_analyze_text=STIFF, training_texts=COACH[:29])
    result = outputs["repaired_content_suggestions_json"]
    assert result["verdict"] == "too_little_material" and "1 more" in result["not_computed"]
    assert "1 more" in outputs["authenticity_score"]["not_computed"]
    assert "1 more" in outputs["resonance_score_predicted"]["not_computed"]
    assert outputs["persona_json"]["missing"] == 1 and outputs["persona_json"]["version"] == 0
    assert check(shop, STIFF, persona="new", training_texts=COACH[29:30])["verdict"] == "repair"


def test_new_material_makes_a_new_version_and_known_material_none(shop: Any) -> None:
    again = go(shop, training_texts=[SHOP[0].upper(), *SHOP])["persona_json"]
    assert (again["version"], again["new_pieces"], again["doubles"]) == (1, 0, 41)
    more = go(shop, training_texts=[*COACH[:5], "too short", 7, {"text": COACH[6], "at": "someday"}])["persona_json"]
    assert (more["version"], more["new_pieces"], more["pieces"]) == (2, 5, 45)
    reasons = " ".join(row["reason"] for row in more["rejected"])
    assert more["rejected_count"] == 3 and "fewer than 5" in reasons and "no text" in reasons and "someday" in reasons
    assert check(shop, STIFF)["version"] == 2
    assert {"rosie", "rosie:v000001", "rosie:v000002"} <= set(shop.records.rows["personas"])


def test_the_fingerprint_is_read_once_and_two_personas_do_not_mix(shop: Any) -> None:
    go(shop, persona="coach", training_texts=COACH)
    score = check(shop, COACH[0])["score"]
    assert check(shop, COACH[0], persona="coach")["score"] > 0.9 > 0.3 > score
    pointer = shop.records.get("personas", "rosie").data
    loaded = _LOADED.get(pointer["hash"])
    assert loaded is not None and loaded.persona == "rosie"
    shop.records.delete("personas", "rosie:v000001")
    assert check(shop, COACH[0])["score"] == score


@pytest.mark.parametrize("kind", ["webhook", "event"])
def test_a_webhook_or_an_event_cannot_teach_the_voice(shop: Any, kind: str) -> None:
    shop.trigger = RunTrigger(kind=kind)
    outputs = go(shop, content_to_analyze_text=STIFF, training_texts=COACH)
    assert outputs["persona_json"]["pieces"] == 40 and any("not learned" in message for _, message in shop.logs)


def test_an_event_without_a_text_is_no_failure(shop: Any) -> None:
    shop.trigger = RunTrigger(kind="event")
    assert "neither" in go(shop)["authenticity_score"]["not_computed"] and shop.events == []


CSV = "text;at;engagement\n" + "\n".join(f'"{text}";2026-11-0{n % 9 + 1};{n}' for n, text in enumerate(COACH))
FILES = {
    "own.csv": CSV.encode(),
    "own.txt": "\n\n".join(COACH).encode("utf-8-sig"),
    "own.json": json.dumps({"texts": [{"text": text} for text in COACH]}).encode(),
    "lines.md": "\r\n".join(COACH).encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_own_texts_come_from_a_file(shop: Any, name: str) -> None:
    learnt = go(shop, persona="c", training_file=shop.file(name, FILES[name]))["persona_json"]
    assert (learnt["new_pieces"], learnt["version"], learnt["rejected_count"]) == (40, 1, 0)


@pytest.mark.parametrize(
    ("name", "data", "hint"),
    [
        ("a.json", b"{", "no JSON"),
        ("a.json", b"[" * 100_000, "no JSON"),
        ("a.json", b'{"a": 1}', "no list"),
        ("a.csv", b"name,age\nx,3\n", "no column text"),
        ("a.csv", b'text\n"' + b"x" * 200_000, "no CSV"),
        ("a.txt", b"x" * (8 * 1024 * 1024 + 1), "larger"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_nothing_is_kept(
    shop: Any, name: str, data: bytes, hint: str
) -> None:
    with pytest.raises(Invalid, match=hint):
        go(shop, persona="c", training_file=shop.file(name, data))
    assert shop.records.find("persona_pieces", prefix="c:") == []


@pytest.mark.parametrize(
    ("text", "verdict", "reason"),
    [
        ("Lovelies!", "too_short", "1 word;"),
        ("😂😂😂🎉💛", "too_short", "0 words"),
        ("\u202e\x00\x07 ?!", "too_short", "0 words"),
        ("שלום לכולם, היום יורד גשם והחנות שלנו סגורה עד יום ראשון בבוקר", "unknown_language", "script"),
        ("今日は雨です。 店は 閉まって います。 また 明日 来て ください。", "unknown_language", "script"),
    ],
)
def test_what_cannot_be_judged_gets_a_reason_and_no_score(shop: Any, text: str, verdict: str, reason: str) -> None:
    outputs = go(shop, content_to_analyze_text=text)
    assert outputs["repaired_content_suggestions_json"]["verdict"] == verdict
    assert reason in outputs["authenticity_score"]["not_computed"]


def test_a_text_of_a_megabyte_is_sampled_and_says_so(shop: Any) -> None:
    result = check(shop, " ".join(COACH * 60 + ["x" * 300_000])[:1_000_000])
    assert result["characters"] > 300_000 and result["characters_read"] <= 12_010
    assert "evenly spread" in result["notes"][0] and result["repairs"] == []
    mixed = check(shop, f"{SHOP[0]} Olá pessoal, hoje chove muito. שלום \ud800\x00 <b>{COACH[0]}</b>")
    assert 0 <= mixed["score"] <= 1


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({}, "no text"),
        ({"content_to_analyze_text": " \n "}, "no text"),
        ({"content_to_analyze_text": "a", "content_to_analyze_url": "https://x.example"}, "Both"),
        ({"content_to_analyze_text": STIFF, "authenticity_threshold": 7}, "authenticity_threshold"),
        ({"content_to_analyze_text": STIFF, "mode": "dance"}, "no task"),
        ({"mode": "learn_persona"}, "No own texts"),
        ({"training_texts": {"a": 1}}, "no list"),
        ({"persona": " \x00\u202e", "content_to_analyze_text": STIFF}, "creator_id_or_brand_id"),
        ({"content_to_analyze_text": "x" * 2_000_001}, "characters"),
    ],
)
def test_bad_input_is_named(shop: Any, inputs: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as caught:
        go(shop, **inputs)
    assert caught.value.hint


def page(body: str, status: int = 200, kind: str = "text/html; charset=utf-8") -> Any:
    return SimpleNamespace(status=status, headers={"content-type": kind}, content=body.encode())


def test_a_page_is_read_without_menus_and_scripts(shop: Any) -> None:
    noise = "<nav>Torque specification requirements</nav><script>var a = '<p>bearing</p>';</script>"
    shop.page = page(f"<html><head><title>x</title></head><body>{noise}<p>{SHOP[4]}</p><!-- <p>x</p> --></body></html>")
    result = go(shop, content_to_analyze_url="https://x.example/a")["repaired_content_suggestions_json"]
    assert result["score"] == check(shop, SHOP[4])["score"]


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (page("", 404), Invalid, "404"),
        (page("", 503), Unavailable, "503"),
        (page("<script>x</script>"), Invalid, "no text"),
        (page("%PDF", kind="application/pdf"), Invalid, "application/pdf"),
        (page("x" * (2 * 1024 * 1024 + 1)), Invalid, "larger"),
    ],
)
def test_a_page_that_cannot_be_read_says_why(shop: Any, answer: Any, error: type[Exception], reason: str) -> None:
    shop.page = answer
    with pytest.raises(error, match=reason):
        go(shop, content_to_analyze_url="https://x.example/a")


@pytest.mark.parametrize("part", ["<", "<a ", "<!--", "<script>", "&amp", "</", "<p", "\n"])
def test_a_hostile_page_takes_no_time(shop: Any, part: str) -> None:
    from ionflux_agents.persona_guardian.web import readable

    assert len(readable(part * (400_000 // len(part)))) <= 400_000


def test_forbidden_words_keep_even_an_own_text_from_passing(shop: Any) -> None:
    shop.brand = brand(forbidden_words=["cheap"], voice="Warm.")
    result = check(shop, f"{SHOP[4]} Cheap? Never!")
    assert (
        result["verdict"] == "repair" and "cheap" in result["reasons"][0] and result["evidence"][0]["what"] == "cheap"
    )


def test_guidelines_serve_words_rhythm_emoji_and_near_examples(shop: Any) -> None:
    shop.brand = brand(forbidden_words=["cheap"], voice_dont=["No sarcasm"], visual={"palette": ["#ff8800"]})
    found = go(shop, mode="style_guidelines", guideline_topic="sourdough loaf")["style_guidelines_json"]
    assert "lovelies" in found["do"]["words"] and found["emoji"]["use"] == "usually" and found["engine"]
    assert found["dont"]["forbidden_words"] == ["cheap"] and found["dont"]["rules_of_the_brand"] == ["No sarcasm"]
    assert 0 < len(found["examples"]) <= 5 and "sourdough" in " ".join(found["examples"])
    assert "no colours" in found["palette"]["not_computed"]
    new = go(shop, persona="nobody", task="style_guidelines")["style_guidelines_json"]
    assert new["verdict"] == "too_little_material" and "30 more" in new["not_computed"]


def test_the_palette_is_the_brands_own(shop: Any) -> None:
    shop.brand = brand(visual={"palette": ["#ff8800", "#112233"]})
    go(shop, persona="c", training_texts=COACH)
    found = go(shop, persona="c", task="style_guidelines")["style_guidelines_json"]
    assert found["palette"] == ["#ff8800", "#112233"] and found["emoji"]["use"] == "never"


def test_the_models_wording_joins_the_repairs_only_when_it_is_better(shop: Any) -> None:
    shop.wording = "Eeek, the new lamps have landed, lovelies!! 🎉 They're here until 5 March, and Maria will help you!"
    flavours = {repair["flavour"]: repair for repair in check(shop, STIFF, rephrase_with_model=True)["repairs"]}
    assert flavours["model"]["engine"]["kind"] == "llm" and len(shop.asked_model) == 1
    shop.wording = shop.wording.replace("5 March", "6 March")
    dropped = check(shop, STIFF, rephrase_with_model=True)
    assert "dropped" in dropped["model_rewrite"] and "model" not in {r["flavour"] for r in dropped["repairs"]}
    shop.wording = None
    assert "No model" in check(shop, STIFF, rephrase_with_model=True)["model_rewrite"]
    check(shop, STIFF)
    assert len(shop.asked_model) == 3


def test_a_week_of_low_scores_is_told_once_and_the_mean_is_a_figure(shop: Any) -> None:
    for n, text in enumerate(COACH[:7]):
        shop.run_id = f"run-{n}"
        check(shop, text)
        assert len(events(shop, "alert_generated")) == (n >= 4)
    alert = events(shop, "alert_generated")[0]
    assert alert["kind"] == "low_authenticity" and alert["mean"] < 0.75 and alert["persona"] == "rosie"
    assert 0 <= shop.kpis["mean_authenticity", NOON.isoformat(), "[]"] < 0.75
    shop.at = NOON + timedelta(days=3)
    shop.run_id = "next week"
    check(shop, COACH[9])
    assert len(events(shop, "alert_generated")) == 2


def test_a_repair_that_comes_back_counts_as_taken(shop: Any) -> None:
    repaired = check(shop, STIFF)["repairs"][0]["text"]
    assert shop.kpis["auto_repaired", NOON.isoformat(), "[]"] == 0
    shop.run_id, shop.at = "later", NOON + timedelta(hours=1)
    check(shop, repaired)
    assert shop.kpis["auto_repaired", shop.at.isoformat(), "[]"] >= 50
    kept = json.dumps([row.data for row in shop.records.find("content_checks")])
    assert "lamps" not in kept


def dated(texts: list[str], days_ago: int) -> list[dict[str, Any]]:
    return [
        {"text": text, "at": (NOON - timedelta(days=days_ago + n % 20)).isoformat()} for n, text in enumerate(texts)
    ]


def test_the_weekly_look_finds_a_voice_that_moved_and_tells_it_once_a_week(shop: Any) -> None:
    texts = [*dated(SHOP[:20], 35), *dated(COACH[:20], 2)]
    outputs = go(shop, persona="mover", task="persona_evolution_analysis_and_report", training_texts=texts)
    report = outputs["persona_evolution_report_md"]
    assert "**The voice has moved.**" in report and "Computed by voice-fingerprint" in report
    alert = events(shop, "alert_generated")[0]
    assert alert["kind"] == "drift" and alert["distance"] > 0.15 and alert["p_value"] <= 0.01
    assert shop.kpis["drift", NOON.isoformat(), "[]"] == alert["distance"]


def test_the_weekly_look_is_calm_where_nothing_moved_and_silent_without_dates(shop: Any) -> None:
    texts = [*dated(SHOP[:20], 35), *dated(SHOP[20:], 2)]
    outputs = go(shop, persona="same", task="persona_evolution_analysis_and_report", training_texts=texts)
    assert "no more than chance" in outputs["persona_evolution_report_md"] and events(shop, "alert_generated") == []
    undated = go(shop, task="persona_evolution_analysis_and_report")["persona_evolution_report_md"]
    assert "40 own pieces have no date" in undated["not_computed"]


def test_engagement_figures_give_a_resonance_and_come_later_without_a_double(shop: Any) -> None:
    rows = [{"text": text, "engagement": 1 + 10 * text.count("!"), "segment": "fans"} for text in SHOP]
    learnt = go(shop, training_texts=rows, content_to_analyze_text=STIFF)
    assert learnt["persona_json"]["new_engagement_figures"] == 40 and learnt["persona_json"]["pieces"] == 40
    value = learnt["resonance_score_predicted"]
    told = learnt["repaired_content_suggestions_json"]["resonance_model"]
    assert (
        ("not_computed" in value and told["r2"] <= 0) if isinstance(value, dict) else (0 <= value <= 1 < told["rows"])
    )
    assert told["rows"] == 40 and shop.records.get("audience_segments", "rosie:fans").data["figures"] == 40


def test_learning_checking_and_the_weekly_look_work_in_the_application(application: Any) -> None:
    app = application
    workspace = app.workspaces.create("Test").id

    def start(**inputs: Any) -> Any:
        inputs = {"creator_id_or_brand_id": "rosie", **inputs}
        run_ = app.runs.wait(workspace, app.runs.start(workspace, "agent:persona_guardian", inputs).run_id, timeout=60)
        assert (run_.status, run_.warnings) == ("success", []), run_.error
        return run_

    start(training_texts=SHOP)
    checked = start(content_to_analyze_text=STIFF)
    assert checked.outputs["authenticity_score"] < 0.5 and checked.kpis["mean_authenticity"] < 0.5
    assert checked.outputs["repaired_content_suggestions_json"]["repairs"]
    guide = start(mode="style_guidelines", guideline_topic="rain and puddles").outputs["style_guidelines_json"]
    assert guide["examples_found_by"] == "vector memory" and guide["examples"]
    weekly = start(mode="persona_evolution_analysis_and_report")
    assert "mean authenticity" in weekly.outputs["persona_evolution_report_md"]
