"""The grammar of commands: what is one, whose name it is, task and parameters, and where a mistake stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ionflux_core.domain.slash import AgentCall, SlashCommand, command_in, read_call, read_json
from ionflux_core.errors import Invalid, IonfluxError

NAMES = ["Revenue", "Revenue Tracker", "Revenue Tracker Europe", "Slack Brief Butler"]


def call(rest: str) -> AgentCall:
    command = command_in(f"/run_agent {rest}")
    assert command is not None
    return read_call(command, NAMES)


def test_a_command_is_a_slash_a_word_and_then_a_blank_or_the_end() -> None:
    assert command_in("/help") == SlashCommand("help", "", 5, "/help")
    assert command_in("  /Run_Agent  one  ") == SlashCommand("run_agent", "one", 14, "  /Run_Agent  one  ")
    for text in ("", "help", "/", "//help", "/etc/hosts", "a /help", "/ help", "/1st", "/a-b"):
        assert command_in(text) is None, text


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("Revenue Tracker", AgentCall("Revenue Tracker")),
        ("revenue tracker europe", AgentCall("Revenue Tracker Europe")),
        ("REVENUE TRACKERS", AgentCall("Revenue", "TRACKERS")),
        ('"Revenue Tracker" Europe', AgentCall("Revenue Tracker", "Europe")),
        ("'it''s'", AgentCall("it", "'s'")),
        ("“Revenue Tracker” now", AgentCall("Revenue Tracker", "now")),
        ("Slack Brief Butler summarize_thread", AgentCall("Slack Brief Butler", "summarize_thread")),
        ("0190-id some words", AgentCall("0190-id", "some words")),
        ('Revenue {"days": 7}', AgentCall("Revenue", inputs={"days": 7})),
        ("Revenue{days: 7}", AgentCall("Revenue", inputs={"days": 7})),
        ("nobody{days: 7}", AgentCall("nobody", inputs={"days": 7})),
        ("Revenue what was it? {}", AgentCall("Revenue", "what was it?")),
        ("Revenue days=7 note='two words' list=[1, 2]", AgentCall(
            "Revenue", named={"days": "7", "note": "two words", "list": "[1, 2]"})),
        ("Revenue look at it days=7", AgentCall("Revenue", "look at it", named={"days": "7"})),
        ("Revenue note=", AgentCall("Revenue", named={"note": ""})),
        ("Revenue 2 + 2 = 4", AgentCall("Revenue", "2 + 2 = 4")),
    ],
)  # fmt: skip
def test_a_call_is_read_as_it_is_meant(rest: str, expected: AgentCall) -> None:
    assert call(rest) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a: 1, b-c: two, 'd': 'it\\'s', \"e\": [1, -2.5e3, x,], f: {g: null}, }",
         {"a": 1, "b-c": "two", "d": "it's", "e": [1, -2500.0, "x"], "f": {"g": None}}),
        ("{when: 2026-11-21, at: https://x.example/a, v: 1.2.3}",
         {"when": "2026-11-21", "at": "https://x.example/a", "v": "1.2.3"}),
        ("{on: true, off: false, word: truest}", {"on": True, "off": False, "word": "truest"}),
        ("{'line': 'a\\nb\\u00e9\\ud800'}", {"line": "a\nbé\ufffd"}),
    ],
)  # fmt: skip
def test_relaxed_json_is_read(text: str, expected: Any) -> None:
    assert read_json(text) == expected


@pytest.mark.parametrize(
    ("message", "line", "column"),
    [
        ("/run_agent", 0, 0),
        ("/run_agent {a: 1}", 1, 12),
        ('/run_agent "Revenue', 1, 12),
        ("/run_agent Revenue {a: 1", 1, 20),
        ("/run_agent Revenue {a 1}", 1, 23),
        ("/run_agent Revenue {\n  a: 1\n  b: 2}", 3, 3),
        ("/run_agent Revenue {a: 1} more", 1, 27),
        ("/run_agent Revenue {a: }", 1, 24),
        ("/run_agent Revenue {a: 'x}", 1, 24),
        ("/run_agent Revenue a=1 b", 1, 24),
        ("/run_agent Revenue a=1 a=2", 1, 24),
        ("/run_agent Revenue {: 1}", 1, 21),
    ],
)
def test_a_mistake_is_told_with_its_place(message: str, line: int, column: int) -> None:
    command = command_in(message)
    assert command is not None
    with pytest.raises(Invalid) as caught:
        read_call(command, NAMES)
    assert caught.value.hint
    if line:
        [problem] = caught.value.problems
        assert (problem.line, problem.column) == (line, column)
        assert caught.value.message.startswith(f"Line {line}, column {column}: ")


def test_deep_and_endless_json_is_refused() -> None:
    for text in ("[" * 10_000, "{a:" * 5_000, '{"a": NaN', "[" * 300 + "]" * 300 + "x"):
        with pytest.raises(Invalid):
            read_json(text)


_NUMBERS = some.integers(-(10**15), 10**15) | some.floats(allow_nan=False, allow_infinity=False)
_JSON = some.recursive(
    some.none() | some.booleans() | _NUMBERS | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
_KEYS = some.from_regex(r"[a-z_][a-z0-9_.]{0,8}", fullmatch=True)
_WORDS = some.integers(0, 999) | some.from_regex(r"[g-s][g-s/-]{0,9}", fullmatch=True)


@given(some.dictionaries(some.text(max_size=8), _JSON, max_size=4), some.sampled_from(NAMES))
def test_every_json_object_comes_through_as_it_is(given_inputs: dict[str, Any], name: str) -> None:
    written = json.dumps(given_inputs)
    assert call(f"{name} {written}") == AgentCall(name, inputs=given_inputs)
    assert call(f'"{name}" a task {written}') == AgentCall(name, "a task", given_inputs)


@given(some.dictionaries(_KEYS, _WORDS, max_size=5))
def test_words_without_quotes_are_keys_and_texts(pairs: dict[str, Any]) -> None:
    relaxed = "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"
    words = {"null": None, "true": True, "false": False}
    assert read_json(relaxed) == {key: words.get(str(value), value) for key, value in pairs.items()}


@given(some.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    command = command_in("/run_agent " + text)
    assert command is not None
    try:
        read = read_call(command, NAMES)
    except IonfluxError as error:
        assert error.message and error.hint
    else:
        assert isinstance(read.target, str)


@given(some.text(alphabet="{}[]:,'\"\\ ab1=\n", max_size=60))
def test_no_heap_of_marks_breaks_the_json_reader(text: str) -> None:
    try:
        read_json("{" + text)
    except Invalid as error:
        assert error.problems[0].line >= 1 and error.problems[0].column >= 1
