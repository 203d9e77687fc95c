"""Fingerprints and scores: voices are told apart on one subject, quickly, and the same in JSON as in memory."""

from __future__ import annotations

import json
import re
import statistics
import time

import pytest
from ionflux_agents.persona_guardian.background import background, voices
from ionflux_agents.persona_guardian.fingerprint import Fingerprint, letters
from ionflux_agents.persona_guardian.learning import learn
from ionflux_agents.persona_guardian.reasons import find_reasons
from ionflux_agents.persona_guardian.style import MEASURES, measure
from ionflux_agents.persona_guardian.texts import clean, counted, emoji, grams, pieces_of, read, sentences, words

from ionflux_core.sdk import Invalid


def test_every_voice_has_two_texts_on_each_of_the_same_subjects_and_no_text_stands_twice() -> None:
    subjects = [sorted(piece.subject for piece in pieces) for pieces in voices().values()]
    assert len(voices()) >= 4 and all(each == subjects[0] for each in subjects)
    assert len(subjects[0]) == 40 and len(set(subjects[0])) == 20
    texts = [piece.text for piece in background()]
    assert len(set(texts)) == len(texts) and min(len(words(text)) for text in texts) >= 8


@pytest.mark.parametrize("voice", ["shopkeeper", "bookseller", "engineer", "weaver", "coach", "farmaceutica"])
def test_held_out_texts_are_told_from_other_voices_on_the_same_subject(voice: str) -> None:
    pieces = voices()[voice]
    held_out = [piece for n, piece in enumerate(pieces) if n % 4 == 1]
    data = learn([p.text for p in pieces if p not in held_out], [p for p in background() if p not in held_out], 7)
    fingerprint = Fingerprint.of({**data, "persona": voice, "version": 1})
    own = {piece.subject: fingerprint.judge(piece.text).score for piece in held_out}
    # The other voices are partly known as background here; benchmarks/persona_bench.py keeps them away, too.
    pairs = [
        own[p.subject] > fingerprint.judge(p.text).score for p in background() if p.voice != voice and p.subject in own
    ]
    assert len(pairs) >= 100 and statistics.fmean(pairs) > 0.95
    assert data["calibration"]["held_out_auc"] > 0.95


def test_a_score_takes_far_less_than_fifty_milliseconds(learned) -> None:
    fingerprint = learned("shopkeeper")
    text = "\n".join(piece.text for piece in background())[:5_000]
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        fingerprint.judge(text)
        taken.append(time.perf_counter() - began)
    assert min(taken) < 0.05


def test_the_score_is_what_scikit_learn_computes_and_survives_json(learned) -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    fingerprint = learned("engineer")
    text = voices()["coach"][3].text
    names = list(fingerprint.grams)
    counts = CountVectorizer(analyzer=grams, vocabulary=names).transform([text]).toarray()[0]
    row = [
        (1 + __import__("math").log(n)) * fingerprint.grams[g][0] if n else 0.0
        for g, n in zip(names, counts, strict=True)
    ]
    length = sum(x * x for x in row) ** 0.5
    expected = sum(x * fingerprint.grams[g][1] for g, x in zip(names, row, strict=True)) / length
    assert letters(counted(text), fingerprint.grams)[0] == pytest.approx(expected)
    again = Fingerprint.of(json.loads(json.dumps(fingerprint.data)))
    assert again.judge(text) == fingerprint.judge(text)


def test_learning_is_repeatable_and_an_own_text_in_the_background_does_not_count_against_itself() -> None:
    texts = [piece.text for piece in voices()["coach"]]
    others = [piece for piece in background() if piece.voice != "coach"]
    assert learn(texts, others, 3) == learn(texts, background(), 3)
    assert learn(texts, others, 3)["calibration"] != learn(texts, others, 4)["calibration"]


def test_reasons_name_words_and_habits_and_forbidden_words_come_first(learned) -> None:
    fingerprint = learned("shopkeeper")
    text = "The torque specification requires verification. Deviations shall be reported to the laboratory in writing."
    reasons = find_reasons(text, fingerprint, fingerprint.judge(text), ["cheap"])
    assert reasons[0]["kind"] == "forbidden_word" and "cheap" in reasons[0]["detail"]
    against = [reason for reason in reasons[1:] if reason["direction"] == "against"]
    assert any(r["kind"] == "style" and r["what"].startswith("emoji") and "usually" in r["detail"] for r in against)
    assert any(r["kind"] == "word" and r["what"] in text.lower() for r in against)
    weights = [reason["weight"] for reason in against]
    assert weights == sorted(weights)
    own = voices()["shopkeeper"][0].text
    assert sum(reason["weight"] for reason in find_reasons(own, fingerprint, fingerprint.judge(own), [])) > 0


def test_no_reason_names_what_lies_within_the_own_habits(learned) -> None:
    fingerprint = learned("cozinheira")
    text = "Prezados clientes, informamos que o novo bolo está disponível para encomenda. O preço é de R$ 35,00."
    found = find_reasons(text, fingerprint, fingerprint.judge(text), [])
    against = [each["detail"] for each in found if each["kind"] == "style" and each["direction"] == "against"]
    assert against
    for sentence in against:
        here, low, high = map(float, re.findall(r"\d+\.\d", sentence))
        assert not low <= here <= high, sentence


def test_a_text_is_never_marked_down_for_having_the_own_habits() -> None:
    known = voices()
    mixed = [piece.text for piece in (*known["cozinheira"][:20], *known["farmaceutica"][:16])]
    calibration = learn(mixed, background(), 1)["calibration"]
    assert calibration["style"] >= 0 and calibration["letters"] > 0


def test_the_words_of_a_voice_are_none_that_its_whole_language_uses(learned) -> None:
    said = [entry["word"] for entry in learned("cozinheira").data["traits"]["lexicon"][:25]]
    assert {"gente", "kkkk"} <= set(said) and not {"e", "o", "de", "que"} & set(said), said


def test_texts_are_cleaned_and_cut_the_same_way_everywhere() -> None:
    assert clean("a\x00b\r\n\u202ec\u200b\ud800 d") == "ab\nc? d"
    assert emoji("hi 👩‍🍳 ❤️ 👍🏽 🇧🇷!") == ["👩‍🍳", "❤", "👍🏽", "🇧🇷"]
    assert sentences("One. Two! “Three?” four\nfive 3.5 m") == ["One.", "Two!", "“Three?", "four", "five 3.5 m"]
    assert words("Don’t visit https://x.example/abc, 3 times, João!") == ["don't", "visit", "times", "joão"]
    assert len(measure("")) == len(MEASURES) and measure("") == measure("   ")


def test_a_long_text_is_sampled_and_says_so_and_a_huge_one_is_refused() -> None:
    reading = read("word " * 200_000)
    assert reading.sampled and reading.characters > 900_000 and 9_000 < reading.read <= 12_010
    assert not read("short enough").sampled
    assert read("x" * 1_000_000).read <= 12_010
    with pytest.raises(Invalid, match="characters"):
        read("x" * 2_000_001)


def test_parts_of_a_long_text_hold_all_of_its_words() -> None:
    text = "\n".join(piece.text for piece in background()[:60])
    parts = pieces_of(text, 200)
    assert [word for part in parts for word in words(part)] == words(text)
    assert pieces_of("", 200) == [""] and len(pieces_of("y" * 5_000, 200)) > 5
