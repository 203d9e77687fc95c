"""What differs between two texts, two values, two configurations: right, bounded, and silent about secrets."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ionflux_core.domain.configuration_differences import configuration_difference
from ionflux_core.domain.differences import Difference, TextDifference, json_difference, text_difference
from ionflux_core.redaction import Redactor

LINES = some.lists(some.text("ab \t", max_size=6), max_size=30)
PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers(-5, 5) | some.text("abc", max_size=3),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text("xyz", max_size=2), inner, max_size=4),
    max_leaves=20,
)


def side(found: TextDifference, name: str) -> list[tuple[int, str]]:
    """The numbered lines of one side, as they are shown."""
    rows = [(getattr(row, f"{name}_line"), getattr(row, name)) for row in found.rows]
    return [(line, "".join(piece.text for piece in pieces)) for line, pieces in rows if line]


def told(found: Difference) -> dict[str, tuple[str, Any, Any]]:
    return {change.path: (change.mark, change.left, change.right) for change in found.changes}


@given(LINES, LINES)
def test_both_sides_hold_their_lines_under_their_numbers(one: list[str], two: list[str]) -> None:
    found = text_difference("\n".join(one), "\n".join(two), context=10_000)
    if "\n".join(one) == "\n".join(two):
        assert found.rows == ()
        return
    assert side(found, "left") == list(enumerate("\n".join(one).split("\n"), start=1))
    assert side(found, "right") == list(enumerate("\n".join(two).split("\n"), start=1))
    same = [row for row in found.rows if row.mark == "same"]
    assert all(row.left == row.right for row in same)
    assert (found.added, found.removed) == (len(side(found, "right")) - len(same), len(side(found, "left")) - len(same))


def test_a_changed_line_marks_its_words() -> None:
    (row,) = text_difference("The quick brown fox", "The quick red fox").rows
    assert [(piece.text, piece.differs) for piece in row.left] == [
        ("The quick ", False), ("brown", True), (" fox", False),
    ]  # fmt: skip
    assert [piece.text for piece in row.right if piece.differs] == ["red"]


def test_lines_far_from_a_change_are_counted_instead_of_shown() -> None:
    lines = [str(number) for number in range(100)]
    found = text_difference("\n".join(lines), "\n".join([*lines[:50], "new", *lines[50:]]))
    assert [row.mark for row in found.rows] == ["skipped", *["same"] * 3, "added", *["same"] * 3, "skipped"]
    assert (found.rows[0].skipped, found.rows[-1].skipped) == (47, 47)


@pytest.mark.parametrize(
    "make",
    [
        lambda pick: "\n".join(pick.choice("ab") for _ in range(5_000)),
        lambda pick: " ".join(pick.choice(["a", "b", "cde"]) for _ in range(4_000)),
        lambda pick: "\n".join(str(pick.randrange(200)) for _ in range(4_900)),
        lambda pick: "\n" * 500_000 + str(pick.random()),
        lambda pick: "ab " * 100_000 + str(pick.random()),
        lambda pick: "\n".join(" ".join(pick.choice("abcdefgh") for _ in range(50)) for _ in range(500)),
    ],
)
def test_texts_made_to_be_slow_are_not(make: Any) -> None:
    pick = random.Random(7)
    one, two = make(pick), make(pick)
    began = time.process_time()
    found = text_difference(one, two)
    assert time.process_time() - began < 15
    assert len(found.rows) <= 1_000


@given(PLAIN)
def test_a_value_is_the_same_as_itself_whatever_the_order_of_its_keys(value: Any) -> None:
    def turned(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: turned(part[key]) for key in reversed(part)}
        return [turned(item) for item in part] if isinstance(part, list) else part

    assert json_difference(value, turned(value)).changes == ()


@given(PLAIN, PLAIN)
def test_values_that_differ_are_never_called_the_same(one: Any, two: Any) -> None:
    def sorted_deep(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: sorted_deep(value) for key, value in part.items()}
        if isinstance(part, list):
            return sorted((sorted_deep(item) for item in part), key=lambda item: json.dumps(item, sort_keys=True))
        return part

    alike = json.dumps(sorted_deep(one), sort_keys=True) == json.dumps(sorted_deep(two), sort_keys=True)
    assert json_difference(one, two).same == alike


def test_changes_are_told_by_path() -> None:
    one = {"a": 1, "b": {"deep": [1, 2]}, "gone": None, "odd key": "x"}
    two = {"a": 2, "b": {"deep": [1, 3]}, "new": True, "odd key": "y"}
    assert told(json_difference(one, two)) == {
        "a": ("changed", 1, 2),
        "b.deep[1]": ("changed", 2, 3),
        "gone": ("removed", None, None),
        '["odd key"]': ("changed", "x", "y"),
        "new": ("added", None, True),
    }


def test_one_and_true_are_not_the_same() -> None:
    assert told(json_difference({"a": 1}, {"a": True})) == {"a": ("changed", 1, True)}


def test_a_moved_item_is_no_change_and_a_changed_one_is_found_where_it_went() -> None:
    one = [{"id": 1, "x": "a"}, {"id": 2, "x": "b"}, {"id": 3, "x": "c"}]
    moved = json_difference(one, [one[2], one[0], one[1]])
    assert moved.same and [change.mark for change in moved.changes] == ["moved"]
    changed = json_difference(one, [{"id": 3, "x": "z"}, one[0], one[1]])
    assert told(changed)["[id=3].x"] == ("changed", "c", "z")
    assert not changed.same


def test_an_item_put_in_front_is_the_only_change() -> None:
    assert told(json_difference(["a", "b", "c"], ["new", "a", "b", "c"])) == {"[0]": ("added", None, "new")}


def test_more_changes_than_anyone_reads_are_cut_and_never_the_same() -> None:
    found = json_difference({str(n): n for n in range(5_000)}, {str(n): n + 1 for n in range(5_000)})
    assert found.cut and len(found.changes) == 200 and not found.same


def test_large_values_take_bounded_time() -> None:
    one = [{"n": n, "text": "x" * 20, "more": [n, n + 1]} for n in range(20_000)]
    two = [{**item, "n": item["n"] + 1} for item in one]
    began = time.process_time()
    assert not json_difference(one, two).same
    assert time.process_time() - began < 15


BEFORE = """\
# what it does
inputs:
  audience: all
  text: |
    first line
    second line
steps:
  - key: read
    model: small
  - key: write
    model: large
key: secret://shop/token
password: hunter2-correct-horse
"""


def test_moved_blocks_comments_and_blanks_mean_the_same() -> None:
    after = """\
password: hunter2-correct-horse
key: "secret://shop/token"
steps:
  - {key: write, model: large}

  - key: read
    model: small   # cheap
inputs:
  text: "first line\\nsecond line\\n"
  audience: all
"""
    found = configuration_difference(BEFORE, after, Redactor())
    assert found.same and found.text.rows
    assert [change.mark for change in found.values.changes] == ["moved"]


def test_a_secret_is_shown_as_its_name_and_never_as_its_value() -> None:
    after = BEFORE.replace("secret://shop/token", "secret://shop/other").replace("hunter2-correct-horse", "t0p-s3cret")
    after += "note: uses stored-value-77 and sk-abcdefghijklmnopqrstuvwx\nwebhook_token: 9x8c7v6b\n"
    found = configuration_difference(BEFORE, after, Redactor(["stored-value-77"]))
    changes = told(found.values)
    assert changes["key"] == ("changed", "secret://shop/token", "secret://shop/other")
    assert changes["password"] == ("changed", "[redacted]", "[redacted]")
    assert changes["note"][2] == "uses [redacted] and [redacted]"
    shown = repr(found)
    for value in ("hunter2", "t0p-s3cret", "stored-value-77", "sk-abc", "9x8c7v6b"):
        assert value not in shown


def test_a_text_that_is_no_yaml_is_compared_as_text() -> None:
    found = configuration_difference("a: [1", "a: [2", Redactor())
    assert not found.structured and not found.same
    assert found.text.rows


@settings(max_examples=200)
@given(some.text(max_size=200), some.text(max_size=200))
def test_any_two_texts_can_be_compared(one: str, two: str) -> None:
    found = configuration_difference(one, two, Redactor(["abcd"]))
    if one == two:
        assert not found.text.rows
