"""Whom a text names by @."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core.domain.chat import Mention
from ionflux_core.domain.mentions import MOST_MENTIONS, beginning_with, mentioned, written

KNOWN = [
    Mention(kind=kind, id=f"{kind}-{name}", name=name)
    for kind, name in [
        ("user", "Ana"), ("user", "Ana Prado"), ("agent", "Ana"), ("agent", "Sentinel 2"),
        ("page", "Q4 Campaign Planning"), ("brand", "Straße & Söhne"), ("creator", "O'Neil (studio)"), ("page", "100%"),
    ]
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("hello @Ana!", ["Ana"]),
        ("hello @ana prado, @ANA", ["Ana Prado", "Ana"]),
        ("@Anabel and ana@ana.example and @@Ana", []),
        ('"@Q4 Campaign Planning"', ["Q4 Campaign Planning"]),
        ('see @"q4 campaign planning"!', ["Q4 Campaign Planning"]),
        ('see @"Q4 Campaign"', []),
        ("@Straße & Söhne; @O'Neil (studio).", ["Straße & Söhne", "O'Neil (studio)"]),
        ("@Sentinel 2: go, @Sentinel 25", ["Sentinel 2"]),
        ("(@Ana) @Ana @Ana", ["Ana"]),
        ("nobody @ all @", []),
        ("@100%", ["100%"]),
    ],
)
def test_names_are_found_whole_and_longest_first(text: str, names: list[str]) -> None:
    assert [each.name for each in mentioned(text, KNOWN)] == names


def test_a_person_goes_before_an_agent_of_the_same_name() -> None:
    assert [each.kind for each in mentioned("@Ana", KNOWN)] == ["user"]


@pytest.mark.parametrize("each", KNOWN)
def test_what_is_offered_is_found_again(each: Mention) -> None:
    assert [one.name for one in mentioned(f"x {written(each)} y", KNOWN)] == [each.name]


def test_offers_begin_with_the_beginning() -> None:
    offered = [(each.kind, each.name) for each in beginning_with("an", KNOWN, limit=9)]
    assert offered == [("user", "Ana"), ("user", "Ana Prado"), ("agent", "Ana"), ("page", "Q4 Campaign Planning")]
    assert [each.name for each in beginning_with("pra", KNOWN, limit=9)] == ["Ana Prado"]
    assert len(beginning_with("", KNOWN, limit=2)) == 2


@given(st.text(alphabet='@"An a\n<>', max_size=300))
def test_any_text_names_only_who_is_there(text: str) -> None:
    found: list[Any] = mentioned(text, KNOWN)
    assert all(each in KNOWN for each in found) and len(found) <= MOST_MENTIONS


def test_a_text_of_signs_alone_ends_soon() -> None:
    many = [Mention(kind="page", id=str(number), name=f"a page {number}") for number in range(5_000)]
    assert mentioned("@a " * 6_000, many) == []
