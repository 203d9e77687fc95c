"""The readable text behind an address: what a visitor reads, without scripts, menus and footers."""

from __future__ import annotations

import html
import re

from ionflux_core.sdk import Context, Invalid, Unavailable

from .texts import clean

MOST_BYTES = 2 * 1024 * 1024
_HIDDEN = {
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "nav",
    "header",
    "footer",
    "aside",
    "form",
    "select",
    "head",
}
_BLOCKS = {
    "p",
    "div",
    "br",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "tr",
    "article",
    "section",
    "blockquote",
    "ul",
    "ol",
}
_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]{0,20})")
_CHARSET = re.compile(rb"charset=[\"']?([\w-]{1,20})", re.IGNORECASE)
_BLANKS = re.compile(r"[ \t\r\f\v\xa0]+")


def fetch_text(ctx: Context, url: str) -> str:
    """The text of a page; Invalid when there is none to read, Unavailable when the server did not give it."""
    answer = ctx.http.request("GET", url, headers={"accept": "text/html, text/plain;q=0.9"})
    if answer.status >= 500:
        raise Unavailable(
            f"{url[:200]} answered with status {answer.status}.", hint="Try again later, or send the text."
        )
    if not 200 <= answer.status < 300:
        raise Invalid(f"{url[:200]} answered with status {answer.status}.", hint="Check the address, or send the text.")
    if len(answer.content) > MOST_BYTES:
        raise Invalid(f"The page is larger than {MOST_BYTES // 1024 // 1024} MiB.", hint="Send its text instead.")
    kind = answer.headers.get("content-type", "text/html").lower()
    if not any(known in kind for known in ("text/html", "application/xhtml", "text/plain", "text/markdown")):
        raise Invalid(f"The address holds {kind[:60]}, which is no text.", hint="Only pages and plain text are read.")
    body = decoded(answer.content, kind)
    text = clean(body) if "html" not in kind else readable(body)
    if not text:
        raise Invalid(
            "The page holds no text that can be read.", hint="It may be built by scripts; send the text instead."
        )
    return text


def decoded(content: bytes, kind: str) -> str:
    """The body as text, in the encoding that is named, else UTF-8."""
    named = _CHARSET.search(kind.encode()) or _CHARSET.search(content[:2_048])
    try:
        return content.decode(named[1].decode() if named else "utf-8", "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def readable(page: str) -> str:
    """The text of the main part of a page (article or main, where there is one), in one pass over it."""
    main = _main_part(page)
    parts: list[str] = []
    place, hidden = 0, ""
    while place < len(main):
        start = main.find("<", place)
        if start < 0:
            parts.append("" if hidden else main[place:])
            break
        if not hidden:
            parts.append(main[place:start])
        if main.startswith("<!--", start):
            place = _after(main, "-->", start)
            continue
        tag = _TAG.match(main, start)
        end = _after(main, ">", start) if tag else start + 1
        if tag is None and not hidden:
            parts.append(
                "<" if main[start + 1 : start + 2] in (" ", "=") or main[start + 1 : start + 2].isdigit() else ""
            )
        elif tag:
            hidden = _inside(hidden, main[start + 1] == "/", tag[1].lower())
            if tag[1].lower() in _BLOCKS and not hidden:
                parts.append("\n\n" if tag[1].lower() in ("p", "div", "article", "section") else "\n")
        place = end
    lines = [_BLANKS.sub(" ", line).strip() for line in html.unescape("".join(parts)).split("\n")]
    return clean("\n".join(lines))


def _inside(hidden: str, closing: bool, name: str) -> str:
    """The hidden element we are in after this tag; nested elements of another name do not end it."""
    if hidden:
        return "" if closing and name == hidden else hidden
    return name if name in _HIDDEN and not closing else ""


def _main_part(page: str) -> str:
    small = page.lower() if len(page.lower()) == len(page) else page
    for name in ("article", "main"):
        start = small.find(f"<{name}")
        end = small.rfind(f"</{name}")
        if 0 <= start < end:
            return page[start:end]
    return page


def _after(text: str, sign: str, start: int) -> int:
    """The place behind the next sign; the end of the text when it does not come."""
    found = text.find(sign, start)
    return len(text) if found < 0 else found + len(sign)
