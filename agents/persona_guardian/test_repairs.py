"""Repairs: each really raises the score, the best first, and no fact is touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionflux_agents.persona_guardian.background import background
from ionflux_agents.persona_guardian.edits import FLAVOURS
from ionflux_agents.persona_guardian.facts import broken, facts
from ionflux_agents.persona_guardian.repairs import LEAST_GAIN, find_repairs
from ionflux_agents.persona_guardian.rewrite import accepted

STIFF = (
    "Dear customers, please note that we are pleased to inform you that the new candles have arrived. They cost $12.50 "
    "and Maria will not reserve any of them; however, you are welcome to visit us before Friday at "
    "https://shop.example/new?a=1. Use the code {{code}} and say “we are open”. We apologise for the delay."
)
MODEL = {"kind": "llm", "name": "fake", "version": "1", "seed": None}


def test_a_stiff_text_is_repaired_in_several_ways_with_real_gains_and_the_facts_intact(learned) -> None:
    fingerprint = learned("shopkeeper")
    found = find_repairs(STIFF, fingerprint)
    assert {repair["flavour"] for repair in found} >= {"words", "signature", "rhythm", "all together"}
    gains = [repair["gain"] for repair in found]
    assert gains == sorted(gains, reverse=True) and gains[-1] >= LEAST_GAIN
    assert found[0]["score_after"] > 0.75 > 0.3 > found[0]["score_before"]
    for repair in found:
        assert repair["score_before"] == round(fingerprint.judge(STIFF).score, 4)
        assert repair["score_after"] == round(fingerprint.judge(repair["text"]).score, 4)
        assert repair["changes"] and repair["text"] != STIFF
        for fact in ("$12.50", "Maria", "Friday", "https://shop.example/new?a=1", "{{code}}", "“we are open”"):
            assert fact in repair["text"]


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_whatever_the_text_a_repair_keeps_facts_and_raises_the_score(learned, data) -> None:
    fingerprint = learned(data.draw(st.sampled_from(["shopkeeper", "cozinheira", "coach"])))
    piece = data.draw(st.sampled_from(background())).text
    extra = data.draw(st.text(st.sampled_from('ab1. ,!?\n“”"{}<>`@#é😀ש'), max_size=40))
    text = f"{piece} {extra}"
    for repair in find_repairs(text, fingerprint):
        assert broken(facts(text), repair["text"]) is None
        assert repair["gain"] >= LEAST_GAIN
        assert repair["score_after"] == round(fingerprint.judge(repair["text"]).score, 4)


def test_no_repair_brings_in_a_forbidden_word_and_those_left_are_listed(learned) -> None:
    def forbidden(text: str) -> list[str]:
        return [word for word in ("lovelies", "pop in", "candles") if word in text.lower()]

    found = find_repairs(STIFF, learned("shopkeeper"), forbidden)
    assert found and all(repair["forbidden_words_left"] == ["candles"] for repair in found)


def test_single_edits_leave_names_links_and_quotations_alone(learned) -> None:
    fingerprint = learned("shopkeeper")
    text = "Ask Will. The Large shop at https://we-are.example/thank-you says “it is large”, and we will see."
    for sources in FLAVOURS.values():
        for source in sources:
            for edit in source(text, fingerprint):
                for fixed in ("Ask Will", "Large shop", "https://we-are.example/thank-you", "“it is large”"):
                    assert fixed in edit.text, edit.change


def test_a_template_keeps_its_greeting_and_its_places(learned) -> None:
    text = "Hi {{first_name}},\n\nthank you for your order {{order}}. It is on its way.\n\n{{signature}}"
    for voice in ("shopkeeper", "cozinheira"):
        for repair in find_repairs(text, learned(voice)):
            assert repair["text"].split("\n")[0] in ("Hi {{first_name}},", "Hello {{first_name}},")
            assert all(place in repair["text"] for place in ("{{order}}", "{{signature}}"))


@pytest.mark.parametrize(
    ("new", "fault"),
    [
        ("Maria sells 3 lamps for $12.50, not today.", None),
        ("Not today! But Maria sells 3 lamps for $12.50.", None),
        ("Maria sells 4 lamps for $12.50, not today.", "changes"),
        ("Maria sells 3 lamps for $12, not today.", "changes"),
        ("Maria sells 3 lamps for $12.50, not today, at https://x.example.", "changes"),
        ("Somebody sells 3 lamps for $12.50, not today.", "drops"),
        ("Maria and Paula sells 3 lamps for $12.50, not today.", "names"),
        ("Maria sells 3 lamps for $12.50, today.", "denied"),
    ],
)
def test_what_breaks_a_fact_is_named(new: str, fault: str | None) -> None:
    problem = broken(facts("Today Maria sells 3 lamps for $12.50, but not today."), new)
    assert (problem is None) == (fault is None) and (fault or "") in (problem or "")


def test_a_models_wording_is_taken_only_when_the_facts_stand_and_the_score_rises(learned) -> None:
    fingerprint = learned("shopkeeper")
    text = "We inform you that 3 lamps have arrived. Maria has them."
    better = accepted(text, "Eeek, 3 lamps have landed, lovelies!! 🎉 Maria has them, so pop in!", fingerprint, MODEL)
    assert better["flavour"] == "model" and better["engine"]["kind"] == "llm" and better["gain"] > 0.1
    for wording, why in (
        ("Eeek, 30 lamps have landed, lovelies!! 🎉 Maria has them!", "changes"),
        ("Three units were delivered. The inspection is complete. 3. Maria.", "does not raise"),
        ("", "empty"),
        ("la " * 500, "longer"),
    ):
        assert why in accepted(text, wording, fingerprint, MODEL)["reason"]
