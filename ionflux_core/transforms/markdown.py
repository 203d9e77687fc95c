"""Markdown as HTML that can be shown anywhere: no tag of the text's own, links to the web and to mail only."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_SCHEMES = ("http", "https", "mailto")


def rendered(markdown: str) -> str:
    """The HTML of a text; what looks like a tag becomes words, other addresses are not linked."""
    html: str = _parser().render(markdown)
    return html


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.validateLink = _is_safe  # type: ignore[assignment, method-assign]
    return parser


def _is_safe(address: str) -> bool:
    try:
        return urlsplit(address.strip()).scheme.lower() in _SCHEMES
    except ValueError:
        return False
