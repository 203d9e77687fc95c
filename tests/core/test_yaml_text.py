"""The strict YAML loader: hostile text is refused, scalars keep their meaning, edits touch one entry only."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ionflux_core.errors import Invalid
from ionflux_core.yaml_text import dump, inline, load, remove_value, set_value

BOMBS = {
    "brackets": "[" * 100_000,
    "braces": "{" * 100_000,
    "dashes": "- " * 100_000,
    "question marks": "? " * 100_000,
    "aliases": "a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(f"k{i}: [*a, *b]\n" for i in range(9)),
    "cycle": "&a [*a]",
    "one megabyte": "x" * 1_000_000,
    "flow crowd": "[" + "1," * 100_000 + "]",
    "block crowd": "\n".join(f"k{i}: 1" for i in range(24_000)),
    "steps": "\n".join(" " * i + "a:" for i in range(700)),
    "open quote": '"' + "a" * 200_000,
    "long key": "a" * 200_000 + ": 1",
    "surrogate": "a: \ud800",
    "control": "a: \x07",
    "not utf-8": b"a: \xff\xfe\xfa",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_quickly(name: str) -> None:
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        with pytest.raises(Invalid) as caught:
            load(BOMBS[name])
        best = min(best, time.perf_counter() - start)
    assert caught.value.problems[0].line >= 1
    assert caught.value.problems[0].hint
    # 25 ms on a quiet 2-core machine; the rest is room for a busy one.
    assert best < 0.15


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\nb:\n  c: &x 2\n", (3, 6), "Anchors"),
        ("a: *x\n", (1, 4), "Aliases"),
        ("a: !!python/object:os.system x\n", (1, 4), "Tags"),
        ("a: ! x\n", (1, 4), "Tags"),
        ("a: 1\nb: 2\na: 3\n", (3, 1), "twice; the first is on line 1"),
        ("a: 1\n---\nb: 2\n", (2, 1), "second document"),
        ("a: {{x}}\n", (1, 5), "key must be plain"),
        ("a: b: c\n", (1, 5), "mapping values"),
        ("a:\n\t- b\n", (2, 1), "cannot start"),
        ("a: [1, 2\nb: 3\n", (2, 2), "did not find expected"),
    ],
)
def test_refusal_names_line_and_column(text: str, place: tuple[int, int], words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        load(text)
    problem = caught.value.problems[0]
    assert (problem.line, problem.column) == place
    assert problem.hint


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30:00", "12:30:00"),
        ("010", "010"),
        ("1.10", "1.10"),
        ("19.90", "19.90"),
        ("1e5", "1e5"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        (".5", ".5"),
        (".nan", ".nan"),
        ("1e999", "1e999"),
        ("2024-01-31", "2024-01-31"),
        ("12345678901234567890", "12345678901234567890"),
        ("100.00", 100.0),
        ("0.5", 0.5),
        ("-3", -3),
        ("0", 0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'100.00'", "100.00"),
        ('"true"', "true"),
    ],
)
def test_scalar_keeps_its_meaning(written: str, value: object) -> None:
    read = load(f"a: {written}\n").data["a"]
    assert read == value
    assert type(read) is type(value)


def test_decimals_are_numbers_where_a_number_is_meant() -> None:
    loaded = load("price: 19.90\nversion: '1.10'\nlist: [1.10, {a: 1e5}, 010]\n")
    assert loaded.data["price"] == "19.90"
    assert loaded.numbers() == {"price": 19.9, "version": "1.10", "list": [1.1, {"a": 100000.0}, "010"]}
    assert loaded.numbers(("list", 0)) == 1.1


def test_positions_of_values_keys_and_missing_paths() -> None:
    loaded = load("# note\ninputs:\n  a: 1\n  list:\n    - x\n    - y: 2\n")
    assert loaded.position(("inputs", "a")) == (3, 6)
    assert loaded.key_position(("inputs", "a")) == (3, 3)
    assert loaded.position(("inputs", "list", 1, "y")) == (6, 10)
    assert loaded.position(("inputs", "list", 1, "nope", "deeper")) == (6, 7)
    assert loaded.position(("nope",)) == (2, 1)


def test_empty_and_comment_only_texts_hold_nothing() -> None:
    assert load("").data is None
    assert load("# only a note\n").data is None
    assert load(b"\xef\xbb\xbfa: 1").data == {"a": 1}


DOCUMENT = """\
# head
inputs:   # all inputs
  # about a
  a: 100.00   # money
  b: "x"  # text
  # about c
  c:
    - 1.10
    - two   # 2

  d: {p: 1,
      q: [2, 3]}
  e: |
    line
    more
  # end
triggers:
- key: x
  enabled: true
- key: y
memory: {}
stack_preferences:
"""


@pytest.mark.parametrize(
    ("path", "value", "gone", "come"),
    [
        (("inputs", "a"), 5, ["  a: 100.00   # money"], ["  a: 5   # money"]),
        (("inputs", "b"), "19.90", ['  b: "x"  # text'], ['  b: "19.90"  # text']),
        (("inputs", "new"), {"x": [1]}, [], ["  new:", "    x:", "      - 1"]),
        (("inputs", "c", 1), "three", ["    - two   # 2"], ["    - three   # 2"]),
        (("inputs", "c", 2), 3, [], ["    - 3"]),
        (("inputs", "d", "p"), None, ["  d: {p: 1,"], ["  d: {p: null,"]),
        (("inputs", "e"), "a\nb\n", ["    line", "    more"], ["    a", "    b"]),
        (("triggers", 1, "enabled"), False, [], ["  enabled: false"]),
        (("triggers", 2), {"key": "z"}, [], ["- key: z"]),
        (("memory", "instance_suffix"), "x", ["memory: {}"], ["memory:", "  instance_suffix: x"]),
        (("stack_preferences", "model"), "openai:gpt-4o", [], ["  model: openai:gpt-4o"]),
        (("advanced_features", "arm"), True, [], ["advanced_features:", "  arm: true"]),
    ],
)
def test_set_value_changes_its_lines_only(
    path: tuple[str | int, ...], value: object, gone: list[str], come: list[str]
) -> None:
    after = set_value(DOCUMENT, path, value)
    before_lines, after_lines = DOCUMENT.splitlines(), after.splitlines()
    for line in come:
        after_lines.remove(line)
    for line in gone:
        before_lines.remove(line)
    assert after_lines == before_lines
    found = load(after).data
    for step in path:
        found = found[step]
    assert found == value


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        (("inputs", "a"), ["  a: 100.00   # money"]),
        (("inputs", "c"), ["  c:", "    - 1.10", "    - two   # 2"]),
        (("inputs", "e"), ["  e: |", "    line", "    more"]),
        (("triggers", 0), ["- key: x", "  enabled: true"]),
        (("triggers", 0, "enabled"), ["  enabled: true"]),
        (("memory",), ["memory: {}"]),
        (("nothing", "here"), []),
    ],
)
def test_remove_value_takes_its_lines_only(path: tuple[str | int, ...], gone: list[str]) -> None:
    expected = DOCUMENT.splitlines()
    for line in gone:
        expected.remove(line)
    assert remove_value(DOCUMENT, path).splitlines() == expected


def test_removing_the_last_entry_leaves_an_empty_map_and_its_comments() -> None:
    assert remove_value("inputs:  # all\n  a: 1\nb: 2\n", ("inputs", "a")) == "inputs: {}  # all\nb: 2\n"


def test_first_key_behind_a_dash_can_be_removed() -> None:
    assert load(remove_value(DOCUMENT, ("triggers", 0, "key"))).data["triggers"] == [{"enabled": True}, {"key": "y"}]


def test_odd_scalars_elsewhere_survive_an_edit_inside_brackets() -> None:
    text = "a: {b: 1, c: 010}\nd: 2024-01-31T10:00:00.10Z\ne: 0x1F\nf: no\ng: ~\n"
    assert remove_value(text, ("a", "b")) == text.replace("b: 1, ", "")


def test_setting_inside_a_value_that_is_no_map_is_refused() -> None:
    with pytest.raises(Invalid, match="no map"):
        set_value("inputs: 5\n", ("inputs", "a"), 1)
    with pytest.raises(Invalid):
        set_value("inputs: [", ("inputs", "a"), 1)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12) | st.sampled_from(
    [
        "no",
        "1.10",
        "100.00",
        "null",
        "a: b",
        "- x",
        "# c",
        "{x}",
        "line\nbreak\n",
        " lead",
        "",
        "'",
        '"',
        "~",
        "1e5",
        "\t",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)


def nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)


VALUES = st.recursive(SCALARS | TEXTS, nested, max_leaves=8)


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_dump_is_read_back_as_the_same_value(value: object) -> None:
    assert json.dumps(load(dump(value)).data) == json.dumps(value)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), TEXTS, VALUES)
@settings(max_examples=100, deadline=None)
def test_set_then_remove_on_any_map_gives_what_was_meant(data: dict[str, object], key: str, value: object) -> None:
    text = dump(data)
    changed = set_value(text, (key,), value)
    assert json.dumps(load(changed).data, sort_keys=True) == json.dumps({**data, key: value}, sort_keys=True)
    gone = load(remove_value(changed, (key,))).data
    assert (gone or {}) == {name: kept for name, kept in data.items() if name != key}


@given(st.text(max_size=80) | st.text("{}[]&*!|>-?:,#'\"% \n\tab1.~<=", max_size=80))
@settings(max_examples=400, deadline=None)
def test_any_text_is_either_read_or_refused_with_a_place(text: str) -> None:
    try:
        json.dumps(load(text).data, allow_nan=False)
    except Invalid as error:
        assert error.problems[0].line >= 1


@pytest.mark.parametrize("broken", ["\x85", "a\x85b", "\u2028", "one\u2029two", "a\rb", "a\r\nb", "\n\x85"])
def test_dump_keeps_every_kind_of_line_end(broken: str) -> None:
    assert load(dump({"words": broken})).data == {"words": broken}
    assert load(f"words: {inline(broken)}").data == {"words": broken}
