"""Texts: filled, cut, joined, cleaned, searched by patterns, drawn from Markdown, shortened to what they say."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field

from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph.template_filters import as_text
from ionflux_core.limits import MARKDOWN_CHARS, TEMPLATE_OUTPUT_CHARS, TRANSFORM_ITEMS, TRANSFORM_TEXT_CHARS
from ionflux_core.transforms import paths, patterns
from ionflux_core.transforms.base import EMPTY, Example, Items, Text, transform, unfit

# Line breaks and tabs stay; other control characters and what has no width goes.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]")
_BLANKS = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r"\n{3,}")


class Made(TypedDict):
    """A text."""

    text: Annotated[str, "The text."]


@transform(
    "text.template",
    title="Write a text",
    examples=[
        Example("A text with values of its own", {"template": "Hello {name}, {order.total} is due.",
                                                  "values": {"name": "Ana", "order": {"total": 19.5}}},
                {"text": "Hello Ana, 19.5 is due."}),
        Example("A text that the flow has filled", {"template": "Order 1001 has arrived."},
                {"text": "Order 1001 has arrived."}),
    ],
)  # fmt: skip
def template(
    template: Annotated[
        str, "The text. The flow fills what stands in {{ }} before; {path} is filled from values.",
        Field(max_length=TEMPLATE_OUTPUT_CHARS),
    ],
    values: Annotated[dict[str, Any], "What {path} is filled from; without any, braces stay as they are."] = EMPTY,
) -> Made:  # fmt: skip
    """Write a text from fixed words and values. What is put in is not read again."""
    if not values:
        return {"text": template}
    return {"text": _bounded(paths.filled(template, values))}


class Found(TypedDict):
    """What a pattern found."""

    found: Annotated[bool, "Whether it was found at all."]
    total: Annotated[int, "How often."]
    matches: Annotated[list[dict[str, Any]], "Each place: its text, where it starts, and its groups by name or number."]
    text: Annotated[str, "The text, with what was found replaced when that was asked for."]


@transform(
    "text.regex",
    title="Find or replace by a pattern",
    examples=[
        Example("Find", {"text": "Orders 1001 and 1002", "pattern": r"\d+"},
                {"found": True, "total": 2, "text": "Orders 1001 and 1002",
                 "matches": [{"text": "1001", "start": 7, "groups": {}}, {"text": "1002", "start": 16, "groups": {}}]}),
        Example("Replace", {"text": "ana@example.com", "pattern": r"(?<name>\w+)@\S+", "mode": "replace",
                            "replacement": "$name at home"},
                {"found": True, "total": 1, "text": "ana at home",
                 "matches": [{"text": "ana@example.com", "start": 0, "groups": {"1": "ana", "name": "ana"}}]}),
    ],
)  # fmt: skip
def regex(
    text: Annotated[Text, "The text to search."],
    pattern: Annotated[str, "A regular expression of at most 500 characters.", Field(min_length=1)],
    mode: Annotated[Literal["find", "replace"], "find lists the places, replace also puts something in."] = "find",
    replacement: Annotated[
        str, "What replaces each place; $1 and $name are its groups, $0 the whole, $$ a dollar.",
        Field(max_length=1_000),
    ] = "",
    ignore_case: Annotated[bool, "Whether small letters and capitals are the same."] = False,
    most: Annotated[int, "At most so many places.", Field(ge=1, le=10_000)] = 1_000,
) -> Found:  # fmt: skip
    """Find what a regular expression describes, or replace it. A pattern that takes too long is stopped."""
    places = patterns.search(pattern, text, ignore_case=ignore_case, most=most)
    matches = [{"text": each.text, "start": each.start, "groups": each.groups} for each in places]
    made = patterns.replaced(text, places, replacement) if mode == "replace" else text
    return {"found": bool(places), "total": len(places), "matches": matches, "text": made}


@transform("text.reverse", title="Turn a text around",
           examples=[Example("A word", {"text": "drawer"}, {"text": "reward"})])  # fmt: skip
def reverse(text: Annotated[Text, "The text."]) -> Made:
    """Turn a text around, sign by sign; accents and joined emoji stay whole."""
    return {"text": text[::-1] if text.isascii() else "".join(reversed(patterns.signs(text)))}


class Parts(TypedDict):
    """The parts of a text."""

    parts: Annotated[list[str], "The parts, in their order."]
    total: Annotated[int, "How many."]


@transform(
    "text.split",
    title="Cut a text into parts",
    examples=[Example("Tags", {"text": "linen, summer , blue", "separator": ","},
                      {"parts": ["linen", "summer", "blue"], "total": 3})],
)  # fmt: skip
def split(
    text: Annotated[Text, "The text to cut."],
    separator: Annotated[str, "Where to cut.", Field(min_length=1, max_length=100)] = "\n",
    trim: Annotated[bool, "Whether blanks around the parts go."] = True,
    keep_empty: Annotated[bool, "Whether parts without any sign stay."] = False,
) -> Parts:
    """Cut a text at a separator, by default into its lines."""
    if text.count(separator) >= TRANSFORM_ITEMS:
        raise unfit("text", f"There would be more than {TRANSFORM_ITEMS:,} parts.", "Cut a shorter text.")
    parts = [part.strip() if trim else part for part in text.split(separator)]
    kept = parts if keep_empty else [part for part in parts if part]
    return {"parts": kept, "total": len(kept)}


@transform(
    "text.join",
    title="Join texts",
    examples=[Example("A line", {"items": ["linen", 3, True], "separator": " / "}, {"text": "linen / 3 / true"})],
)
def join(
    items: Annotated[Items, "Texts, numbers or other values, in their order."],
    separator: Annotated[str, "What stands between them.", Field(max_length=100)] = "\n",
    skip_empty: Annotated[bool, "Whether null and empty texts are left out."] = False,
) -> Made:
    """Join the items of a list to one text; maps and lists are written as JSON."""
    texts = [as_text(item) for item in items if not skip_empty or item not in (None, "")]
    if sum(map(len, texts)) + len(separator) * len(texts) > TRANSFORM_TEXT_CHARS:
        raise _too_long()
    return {"text": separator.join(texts)}


@transform(
    "text.clean",
    title="Clean a text",
    examples=[
        Example("Blanks and unseen signs", {"text": "  Blue\u200b   shirt \r\n\r\n\r\n\r\n size  M "},
                {"text": "Blue shirt\n\nsize M"}),
        Example("HTML, in one line", {"text": "<p>Blue <b>shirt</b></p><p>Size M</p>", "html": True, "one_line": True},
                {"text": "Blue shirt Size M"}),
    ],
)  # fmt: skip
def clean(
    text: Annotated[Text, "The text."],
    html: Annotated[bool, "Whether it is HTML, of which only the words stay."] = False,
    one_line: Annotated[bool, "Whether line breaks become blanks."] = False,
    lower: Annotated[bool, "Whether capitals become small letters."] = False,
) -> Made:
    """Take unseen signs, needless blanks and empty lines out of a text, and write every letter in one way (NFC)."""
    if html:
        from ionflux_core.channels.mime import text_of

        text = text_of(text)
    text = _UNSEEN.sub("", unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n"))
    lines = (_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    cleaned = _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()
    cleaned = " ".join(cleaned.split()) if one_line else cleaned
    return {"text": cleaned.lower() if lower else cleaned}


class Html(TypedDict):
    """A text as HTML."""

    html: Annotated[str, "The HTML, without a frame around it."]


@transform(
    "text.markdown_to_html",
    title="Markdown to HTML",
    examples=[Example("A line", {"markdown": "**Blue** <b>shirt</b>"},
                      {"html": "<p><strong>Blue</strong> &lt;b&gt;shirt&lt;/b&gt;</p>\n"})],
)  # fmt: skip
def markdown_to_html(
    markdown: Annotated[str, "The text in Markdown.", Field(max_length=MARKDOWN_CHARS)],
) -> Html:
    """Draw Markdown as HTML. Tags in it become words, and links lead to http, https and mailto only."""
    from ionflux_core.transforms.markdown import rendered

    return {"html": rendered(markdown)}


class Summary(TypedDict):
    """What a text says, in its own sentences."""

    summary: Annotated[str, "Sentences of the text, unchanged and in their order."]
    engine: Annotated[dict[str, Any], "What chose them."]


@transform(
    "text.summarize_extractive",
    title="Quote what matters",
    examples=[Example("Two of four sentences",
                      {"text": "The warehouse in Porto burned. Nobody was hurt. Orders from the warehouse in Porto are "
                               "late by two weeks. The weather was nice.", "sentences": 2},
                      {"summary": "The warehouse in Porto burned. Orders from the warehouse in Porto are late by two "
                                  "weeks.",
                       "engine": {"kind": "local", "name": "extractive-tfidf", "version": "1", "seed": None}})],
)  # fmt: skip
def summarize_extractive(
    text: Annotated[str, "The text.", Field(max_length=200_000)],
    sentences: Annotated[int, "So many sentences.", Field(ge=1, le=50)] = 3,
    max_words: Annotated[int, "At most so many words in all.", Field(ge=1, le=5_000)] = 400,
) -> Summary:
    """Choose the sentences that say most, by the weight of their words. No model is asked and nothing is made up."""
    from ionflux_core.llm import local

    engine = {"kind": "local", "name": local.NAME, "version": local.VERSION, "seed": None}
    return {"summary": local.summarise(text, sentences=sentences, max_words=max_words), "engine": engine}


def _bounded(text: str) -> str:
    if len(text) > TRANSFORM_TEXT_CHARS:
        raise _too_long()
    return text


def _too_long() -> Invalid:
    return Invalid(f"The text would be longer than {TRANSFORM_TEXT_CHARS:,} characters.", hint="Take a part of it.")
