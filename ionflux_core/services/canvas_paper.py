"""A page as one HTML document: its own style, no script, nothing loaded from anywhere, every word escaped."""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from ionflux_core.domain.canvas import COLUMNS, Place
from ionflux_core.limits import TEXT_CHARS

# Markdown made to be slow costs so long at most; what is left after that, and longer texts, are shown as written.
_SECONDS = 5.0
_SCHEMES = ("http", "https", "mailto")
_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 16px/1.55 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
main { display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 1rem; align-items: start; }
section { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; overflow-wrap: anywhere; }
section > :first-child { margin-top: 0; } section > :last-child { margin-bottom: 0; }
pre { overflow-x: auto; background: var(--soft); padding: .5rem; white-space: pre-wrap; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
blockquote { border-left: 3px solid var(--line); margin-left: 0; padding-left: 1rem; }
.away { border-bottom: 1px dotted; }
@media (max-width: 640px), print { main { display: block; } section { margin: 0 0 1rem; break-inside: avoid; } }
""".strip()
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class Part:
    """A block on paper: its Markdown and where it lies."""

    markdown: str
    place: Place


def document(title: str, parts: Sequence[Part]) -> str:
    """The whole document; parts stand as on the page, one below the other on paper and on narrow screens."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="referrer" content="no-referrer">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            f"<h1>{escape(title)}</h1>",
            "<main>",
            *_sections(parts),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _sections(parts: Sequence[Part]) -> Iterator[str]:
    ends = time.monotonic() + _SECONDS
    for part in parts:
        late = time.monotonic() > ends or len(part.markdown) > TEXT_CHARS
        inside = f"<pre>{escape(part.markdown)}</pre>\n" if late else rendered(part.markdown)
        place = part.place
        first, width = place.x + 1, min(place.width, COLUMNS - place.x)
        yield f'<section style="grid-column: {first} / span {width}">\n{inside}</section>'


def rendered(markdown: str) -> str:
    """Markdown as HTML: tags in it are words, pictures are links, and links lead to http, https and mailto only."""
    html: str = _markdown.render(markdown)
    return html


def _is_safe(address: str) -> bool:
    try:
        return urlsplit(address.strip()).scheme.lower() in _SCHEMES
    except ValueError:
        return False


class _Renderer(RendererHTML):
    """Draws pictures as links, so that opening the document asks nobody for anything."""

    def image(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        """The picture's description, as a link to it."""
        token = tokens[index]
        words = escape(token.content or "picture")
        address = str(token.attrs.get("src", ""))
        if not _is_safe(address):
            return f'<span class="away">{words}</span>'
        return f'<a class="away" rel="noopener noreferrer nofollow" href="{escape(address)}">{words}</a>'

    def link_open(
        self, tokens: Sequence[Token], index: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        """A link that says nothing of where it is followed from; one that leads nowhere from here is words only."""
        safe = _is_safe(str(tokens[index].attrs.get("href", "")))
        env.setdefault("links", []).append(safe)
        if not safe:
            return '<span class="away">'
        tokens[index].attrSet("rel", "noopener noreferrer nofollow")
        return self.renderToken(tokens, index, options, env)

    def link_close(
        self, tokens: Sequence[Token], index: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        """The end of a link, or of the words that are none."""
        return "</a>" if env["links"].pop() else "</span>"


_markdown = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable(["table", "strikethrough"])
# The renderer decides: what is no address of the web, such as a page of the workspace, stays as words.
_markdown.validateLink = lambda _: True  # type: ignore[method-assign, assignment]
