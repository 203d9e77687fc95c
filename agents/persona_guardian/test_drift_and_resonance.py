"""Movement of a voice and reception of its texts: found where it is, not where it is not, never guessed."""

from __future__ import annotations

import random

import pytest
from ionflux_agents.persona_guardian.background import voices
from ionflux_agents.persona_guardian.drift import SIGNIFICANT, compare
from ionflux_agents.persona_guardian.resonance import fit_resonance, predict

SHOP = [piece.text for piece in voices()["shopkeeper"]]
BOOKS = [piece.text for piece in voices()["bookseller"]]


def test_another_voice_is_a_movement_and_the_same_voice_is_not() -> None:
    moved, still = compare(SHOP[::2], BOOKS[1::2], 7), compare(SHOP[::2], SHOP[1::2], 7)
    assert moved["p_value"] <= SIGNIFICANT and moved["distance"] > 0.15 and moved["distance"] > still["distance"]
    assert still["p_value"] > SIGNIFICANT
    assert compare(SHOP[::2], BOOKS[1::2], 7) == moved


def test_too_few_pieces_are_not_compared() -> None:
    found = compare(SHOP[:7], SHOP[:20], 7)
    assert "7 older" in found["not_computed"] and "distance" not in found


def test_resonance_is_learned_where_style_explains_it() -> None:
    # Texts with more exclamation marks were received better, with some noise.
    noise = random.Random(5)
    rows = [(text, 10.0 * text.count("!") + noise.random(), "") for text in SHOP + BOOKS]
    models = fit_resonance(rows, 7)
    assert models[""]["r2"] > 0.2 and models[""]["rows"] == 80 and models[""]["median_error_percent"] is not None
    loud, told = predict(models, "", "Oh wow!! Look at this!! So lovely!! Come in!!")
    calm, _ = predict(models, "", "The book is on the shelf, where it was, and where it will stay for some time.")
    assert 0 <= calm < loud <= 1 and told["r2"] == models[""]["r2"]
    assert "not_computed" in predict(models, "teenagers", "Anything")[0]


@pytest.mark.parametrize(
    ("amounts", "reason"),
    [([None] * 40, "30 more"), ([5.0] * 29 + [None] * 11, "1 more"), ([5.0] * 40, "the same")],
)
def test_resonance_is_not_computed_without_enough_figures(amounts: list[float | None], reason: str) -> None:
    model = fit_resonance([(text, amount, "") for text, amount in zip(SHOP, amounts, strict=True)], 7)
    assert reason in predict(model, "", SHOP[0])[0]["not_computed"]


def test_resonance_is_not_computed_when_style_explains_nothing() -> None:
    noise = random.Random(3)
    found = fit_resonance([(text, noise.random(), "") for text in SHOP + BOOKS], 7)[""]
    assert found["r2"] <= 0 and "R2" in found["not_computed"]
