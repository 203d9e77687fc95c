"""Texts: what stays whole, what is cut, what is never read a second time, and patterns that end."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ionflux_core.errors import Invalid
from ionflux_core.transforms import patterns
from tests.transforms.surroundings import made


def test_a_template_is_filled_once() -> None:
    values = {"name": "{secret}", "secret": "no", "lines": [{"n": 2.5}], "gone": None, "yes": True}
    filled = made("text.template", template="{name} {lines[0].n} {gone}{yes} {lines} {not a path", values=values)
    assert filled["text"] == '{secret} 2.5 true [{"n":2.5}] {not a path'


def test_a_template_without_values_is_left_alone() -> None:
    # The flow has filled it; what a step returned is never read again.
    said = "{{ nodes.a.outputs.key }} {name}"
    assert made("text.template", template=said)["text"] == said


def test_a_template_names_what_is_missing() -> None:
    with pytest.raises(Invalid, match=r"no order\.total"):
        made("text.template", template="{order.total}", values={"order": {}})


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(a+)+$", "a" * 50_000 + "b"),
        (r"(a|aa)+$", "a" * 50_000 + "b"),
        (r"(x+x+)+y", "x" * 50_000),
        (r"^(\w+\s?)*$", "word " * 10_000 + "!"),
    ],
)
def test_a_pattern_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch, pattern: str, text: str) -> None:
    monkeypatch.setattr(patterns, "PATTERN_SECONDS", 0.1)
    began = time.process_time()
    try:
        found = made("text.regex", text=text, pattern=pattern)
    except Invalid as error:
        assert "took longer" in error.message
        assert error.problems[0].path == "pattern"
    else:
        assert found["total"] <= 1
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(unclosed", "cannot be read"),
        ("a" * 501, "500 characters"),
        (r"(?R)", "calls its own groups"),
        (r"(?:cat){e<=1}", "calls its own groups"),
        (r"(?:(?:a{1,100}){1,100}){1,100}", "multiply to too much"),
    ],
)
def test_patterns_of_another_kind_are_refused(pattern: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        made("text.regex", text="a cat", pattern=pattern)


def test_a_replacement_knows_groups_and_dollars() -> None:
    inputs = {"text": "Jo 5, Ana 7", "pattern": r"(?<who>\w+) (\d)", "mode": "replace"}
    assert made("text.regex", **inputs, replacement="$who: $$$2")["text"] == "Jo: $5, Ana: $7"
    with pytest.raises(Invalid, match="no group 'when'"):
        made("text.regex", **inputs, replacement="$when")


def test_a_replacement_cannot_grow_without_end() -> None:
    with pytest.raises(Invalid, match="longer than"):
        made("text.regex", text="x" * 100_000, pattern=".+", mode="replace", replacement="$0" * 400)


def test_signs_stay_whole_when_turned_around() -> None:
    assert made("text.reverse", text="cafe\u0301 👩‍👧")["text"] == "👩‍👧 e\u0301fac"


@given(some.lists(some.text(some.characters(exclude_categories=("Cs",), exclude_characters=",\r"), min_size=1)))
def test_what_was_joined_is_cut_into_the_same_parts(parts: list[str]) -> None:
    joined = made("text.join", items=parts, separator=",")["text"]
    assert made("text.split", text=joined, separator=",", trim=False)["parts"] == parts


def test_a_text_of_separators_alone_is_not_cut_into_millions() -> None:
    with pytest.raises(Invalid, match="100,000 parts"):
        made("text.split", text="," * 200_000, separator=",")


@given(some.text(some.characters(exclude_categories=("Cs",)), max_size=200))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = made("text.clean", text=text)["text"]
    assert made("text.clean", text=once)["text"] == once


@pytest.mark.parametrize(
    "markdown",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,<script>)",
        "![x](javascript:alert(1))",
        "<javascript:alert(1)>",
        '[x](https://a.example "onmouseover=alert(1)")',
        "[a]: javascript:alert(1)\n\n[a]",
        "<a href='x' onclick=1>x</a>",
    ],
)
def test_markdown_brings_no_html_of_its_own(markdown: str) -> None:
    html = made("text.markdown_to_html", markdown=markdown)["html"]
    tags = [each.split(">")[0] for each in html.split("<")[1:]]
    assert not [tag for tag in tags if not tag.lstrip("/").startswith(("p", 'a href="https://', "a"))], html
    assert not [tag for tag in tags if "script" in tag.lower() or " on" in tag.lower().partition('title="')[0]], html


def test_a_summary_is_made_of_the_texts_own_sentences() -> None:
    text = "Rain fell in Porto. The shop closed. Rain closed the shop in Porto. Cats slept."
    summary = made("text.summarize_extractive", text=text, sentences=1)["summary"]
    assert summary in text
    assert summary.endswith(".")
    assert made("text.summarize_extractive", text="")["summary"] == ""


def test_joining_writes_values_as_people_do() -> None:
    inputs: dict[str, Any] = {"items": ["a", None, "", 1.5, {"b": 1}], "separator": "|"}
    assert made("text.join", **inputs)["text"] == 'a|||1.5|{"b":1}'
    assert made("text.join", **inputs, skip_empty=True)["text"] == 'a|1.5|{"b":1}'
