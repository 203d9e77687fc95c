"""One effect as a mail: what may be in it, checked, and the MIME that a mail program opens."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from html import unescape
from typing import Any, Final

from ionflux_core.channels.base import Delivery, NotSent
from ionflux_core.ids import now

SUBJECT_CHARS: Final = 500
_NAME_CHARS: Final = 200
_HEADER_CHARS: Final = 900
_HEADERS: Final = 30
_LINE_CHARS: Final = 900
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64})*")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,75}")
_UNSUBSCRIBE = re.compile(r"(?:https?://|mailto:)[!-;=?-~]+")
# No part of it looks beyond the next "<": the parser of the library takes minutes for 60 KB of tags that never end.
_TAG = re.compile(r"""<(?:(/?)([A-Za-z][A-Za-z0-9]*+)((?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+)|[!?][^<>]*+)>""")
_HREF = re.compile(r"""(?<![\w-])href\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_RAW = frozenset({"script", "style"})
_SILENT = _RAW | {"head", "title", "template"}
_BREAKS = frozenset({"p", "br", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "hr"})
# These are made here, from what the mail says elsewhere; a second one would contradict the first.
_OWN_HEADERS = frozenset(
    (
        "from",
        "to",
        "cc",
        "bcc",
        "sender",
        "reply-to",
        "subject",
        "date",
        "message-id",
        "return-path",
        "received",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "mime-version",
        "dkim-signature",
        # Some relays take further recipients from it.
        "x-smtpapi",
    )
)
_UNKNOWN_HERE = ("attachments", "cc", "bcc", "to")


class _Whole(UnstructuredHeader):
    """A header of one long word: the standard folding would turn it into an encoded word nobody reads as an address."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]


def _policy() -> Policy[Any]:
    registry = HeaderRegistry()
    # The registry makes a header out of this class and its own base.
    registry.map_to_type("list-unsubscribe", _Whole)  # type: ignore[arg-type]
    # Seven bits: every server takes it, also one that does not offer 8BITMIME.
    return SMTP.clone(header_factory=registry, cte_type="7bit")


_POLICY: Final = _policy()


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail, checked: addresses in one spelling, a plain part in any case, no line break that could forge a header."""

    workspace_id: str
    key: str
    effect_id: str
    sender: str
    sender_name: str
    recipient: str
    subject: str
    text: str
    html: str
    reply_to: str
    unsubscribe: str
    headers: Mapping[str, str]

    @property
    def message_id(self) -> str:
        """The same for the same effect: a second copy is known by it."""
        return f"<{self.fingerprint}@{self.sender.rpartition('@')[2]}>"

    @property
    def fingerprint(self) -> str:
        """A short name made from the workspace and the effect's key."""
        return hashlib.sha256(f"{self.workspace_id}/{self.key}".encode()).hexdigest()[:32]

    def extra_headers(self) -> dict[str, str]:
        """The headers beside those every mail has."""
        found = dict(self.headers)
        if self.unsubscribe:
            found["List-Unsubscribe"] = f"<{self.unsubscribe}>"
        if self.unsubscribe.startswith("https://"):
            # RFC 8058: a mail program may post to this address itself.
            found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return found

    def mime(self) -> bytes:
        """The mail as it travels, with lines that end as the standard wants."""
        message = EmailMessage(policy=_POLICY)
        message["From"] = Address(self.sender_name, addr_spec=self.sender)
        message["To"] = Address(addr_spec=self.recipient)
        message["Subject"] = self.subject
        message["Date"] = format_datetime(now())
        message["Message-ID"] = self.message_id
        if self.reply_to:
            message["Reply-To"] = Address(addr_spec=self.reply_to)
        for name, value in self.extra_headers().items():
            message[name] = value
        message.set_content(self.text, cte=_encoding(self.text))
        if self.html:
            message.add_alternative(self.html, subtype="html", cte=_encoding(self.html))
        return message.as_bytes()


def letter_of(delivery: Delivery, sender: str, sender_name: str) -> Letter:
    """The mail an effect describes, from this sender unless it names another; NotSent says what is wrong with it."""
    payload = delivery.payload
    check(delivery.target, payload)
    html = str(payload.get("html") or "")
    return Letter(
        workspace_id=delivery.workspace_id,
        key=delivery.key,
        effect_id=delivery.effect_id,
        sender=address(payload.get("from_address") or sender, "from address"),
        sender_name=_line(payload.get("from_name") or sender_name, "from name", _NAME_CHARS),
        recipient=address(delivery.target, "recipient"),
        subject=str(payload["subject"]).strip(),
        text=str(payload.get("text") or "").strip("\r\n") or text_of(html),
        html=html,
        reply_to=address(payload["reply_to"], "reply address") if payload.get("reply_to") else "",
        unsubscribe=str(payload.get("list_unsubscribe") or "").strip(),
        headers={str(name): str(value) for name, value in (payload.get("headers") or {}).items()},
    )


def check(target: str, payload: Mapping[str, Any]) -> None:
    """NotSent when this can never be a mail, whoever sends it."""
    if unknown := [name for name in _UNKNOWN_HERE if payload.get(name)]:
        raise _wrong(f"A mail goes to one address and carries no files; it was given {', '.join(unknown)}.")
    address(target, "recipient")
    if not _line(payload.get("subject"), "subject", SUBJECT_CHARS).strip():
        raise _wrong("A mail needs a subject.")
    for part in ("text", "html"):
        if not isinstance(payload.get(part) or "", str):
            raise _wrong(f"The {part} of a mail is text.")
    if not str(payload.get("text") or "").strip() and not text_of(str(payload.get("html") or "")):
        raise _wrong("A mail needs words: a text, or HTML that holds some.")
    if payload.get("from_address"):
        address(payload["from_address"], "from address")
    if payload.get("reply_to"):
        address(payload["reply_to"], "reply address")
    _line(payload.get("from_name"), "from name", _NAME_CHARS)
    _check_unsubscribe(payload.get("list_unsubscribe"))
    _check_headers(payload.get("headers") or {})


def address(value: Any, what: str) -> str:
    """The one spelling of a mail address: its host in lower case and ASCII; NotSent when it is none."""
    text = _line(value, what, 320).strip()
    name, at, host = text.rpartition("@")
    try:
        plain = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        plain = ""
    good = at and len(name) <= 64 and _LOCAL.fullmatch(name) and plain and len(plain) <= 253
    if not good or not all(_LABEL.fullmatch(label) for label in plain.split(".")):
        raise NotSent(
            f"The {what} {text[:80]!r} is no mail address.", hint="Write one like ana@example.com, without a name.",
            code="invalid_address",
        )  # fmt: skip
    return f"{name}@{plain}"


def _line(value: Any, what: str, most: int) -> str:
    """A text that stands in a header; a line break in it would begin another header."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(f"The {what} is text.")
    if _CONTROL.search(value):
        raise NotSent(
            f"The {what} holds a line break or another control character, which could forge a header.",
            hint="Take it out, and look where it comes from.", code="header_injection",
        )  # fmt: skip
    if len(value) > most:
        raise _wrong(f"The {what} has more than {most} characters.")
    return value


def _check_unsubscribe(value: Any) -> None:
    link = _line(value, "unsubscribe address", _HEADER_CHARS).strip()
    if link and not _UNSUBSCRIBE.fullmatch(link):
        raise _wrong("The unsubscribe address is no https or mailto address without spaces.")


def _check_headers(headers: Any) -> None:
    if not isinstance(headers, Mapping) or len(headers) > _HEADERS:
        raise _wrong(f"Headers are a map of names and texts, at most {_HEADERS}.")
    for name, value in headers.items():
        _line(name, "name of a header", _HEADER_CHARS)
        if not _HEADER_NAME.fullmatch(name):
            raise _wrong(f"{name[:40]!r} is no name of a header.")
        if name.lower() in _OWN_HEADERS or name.lower().startswith("content-"):
            raise _wrong(f"The header {name[:40]} is made from other fields of the mail and cannot be given.")
        _line(value, f"header {name[:40]}", _HEADER_CHARS)


def _wrong(message: str) -> NotSent:
    return NotSent(message, hint="Change what the agent sends.", code="invalid_mail")


def _encoding(text: str) -> str:
    """How a part travels in seven bits: as it is, in short, or whole in base64 where most signs are beyond ASCII."""
    if text.isascii() and max(map(len, text.splitlines()), default=0) <= _LINE_CHARS and "\r" not in text:
        return "7bit"
    beyond = sum(not sign.isascii() for sign in text)
    return "base64" if beyond * 4 > len(text) else "quoted-printable"


def _words_of(html: str) -> Iterator[str]:
    """What a reader of HTML sees, piece by piece."""
    whole, at, silent, raw, link = _without_comments(html), 0, 0, "", ""
    for tag in _TAG.finditer(whole):
        if not silent:
            yield re.sub(r"\s+", " ", unescape(whole[at : tag.start()]))
        at = tag.end()
        closes, name, rest = tag[1] == "/", (tag[2] or "").lower(), tag[3] or ""
        if raw and not (closes and name == raw):
            continue
        if name in _SILENT:
            silent = max(0, silent - 1) if closes else silent + 1
            raw = name if name in _RAW and not closes else ""
        if name in _BREAKS:
            yield "\n"
        if name == "a":
            if link and closes and not silent:
                yield f" ({link})"
            link = "" if closes else _web_link(rest)
    if not silent:
        yield re.sub(r"\s+", " ", unescape(whole[at:]))


def _web_link(rest: str) -> str:
    """The address an opening tag leads to; empty when it is none of the web."""
    found = _HREF.search(rest)
    address = unescape(found[1] or found[2] or found[3] or "").strip() if found else ""
    return address if address.startswith(("http://", "https://")) else ""


def _without_comments(html: str) -> str:
    """HTML without its comments; one that does not end takes the rest with it, as in a browser."""
    parts, at = [], 0
    while (start := html.find("<!--", at)) >= 0:
        parts.append(html[at:start])
        end = html.find("-->", start + 4)
        if end < 0:
            return "".join(parts)
        at = end + 3
    return "".join([*parts, html[at:]])


def text_of(html: str) -> str:
    """The words of HTML with the addresses of its links, as plain text."""
    if not html:
        return ""
    lines = [" ".join(line.split()) for line in "".join(_words_of(html)).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
