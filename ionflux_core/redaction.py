"""Keeping secret values out of logs, stored runs and saved texts: exact replacement first, patterns as second net."""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import quote, quote_plus

from ionflux_core import limits

MASK = "[redacted]"
CUT = " [cut]"
# A shorter value would blank out half of every text; the vault's callers should refuse to store one.
SHORTEST_VALUE = 4
_SHORTEST_FRAGMENT = 8
_SCAN_CHARS = limits.MIB

Named = str | Callable[[], str | None] | None

_bound: ContextVar[Mapping[str, Named]] = ContextVar("ionflux_log_context", default=MappingProxyType({}))


T = TypeVar("T")


class _Pattern(NamedTuple):
    name: str
    regex: re.Pattern[str]
    signs: tuple[str, ...]

    def may_match(self, folded: str) -> bool:
        """Whether one of the words without which nothing matches stands in a text; far cheaper than to try."""
        return any(sign in folded for sign in self.signs)


def _pattern(name: str, source: str, *signs: str) -> _Pattern:
    return _Pattern(name, re.compile(source), signs)


# The group `secret`, where there is one, is the part to mask; the words around it stay readable.
_PATTERNS = (
    _pattern(
        "private key",
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]{0,8192}(?:-----END [A-Z ]{0,30}-----)?",
        "private key-----",
    ),
    _pattern("model provider key", r"\bsk-[A-Za-z0-9_-]{16,}", "sk-"),
    _pattern("payment key", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}", "k_live_", "k_test_"),
    _pattern("webhook secret", r"\bwhsec_[A-Za-z0-9+/=_-]{16,}", "whsec_"),
    _pattern("shop token", r"\bshp(?:at|ca|pa|ss|ua|tka)_[A-Fa-f0-9]{16,}", "shp"),
    _pattern(
        "code host token",
        r"\b(?:gh[pousr]_|github_pat_|glpat-)[A-Za-z0-9_-]{16,}",
        "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-",
    ),
    _pattern("chat token", r"\b(?:xox[abeprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,})", "xox", "xapp-"),
    _pattern("cloud key", r"\b(?:A(?:KI|SI)A[A-Z0-9]{16}\b|AIza[A-Za-z0-9_-]{35})", "akia", "asia", "aiza"),
    _pattern("access token", r"\bifx_[A-Za-z0-9_-]{20,}", "ifx_"),
    _pattern("signed token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", ".eyj"),
    _pattern("bearer token", r"(?i:\bbearer)[ \t]+(?P<secret>[A-Za-z0-9._~+/-]{16,}=*)", "bearer"),
    _pattern(
        "basic credentials",
        r"(?i:\bbasic)[ \t]+(?P<secret>(?=[A-Za-z]{0,40}[0-9+/=])[A-Za-z0-9+/]{12,}={0,2})",
        "basic",
    ),
    _pattern(
        "password in an address",
        r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/:@'\"]{0,200}:(?P<secret>[^\s/@'\"]{1,200})@",
        "://",
    ),
    _pattern(
        "named secret",
        r"(?i:\b(?:password|passwd|api[_-]?key|access[_-]?token|client[_-]?secret|secret[_-]?key))"
        r"['\"]?[ \t]{0,4}[=:][ \t]{0,4}['\"]?(?P<secret>(?!secret://)[^\s'\",;&{}\[\]]{8,200})",
        "passw", "api", "token", "secret",
    ),
)  # fmt: skip


def looks_like_secret(text: str) -> str | None:
    """The kind of secret a text seems to hold ("shop token"), or None; texts of any length are looked at in full."""
    folded = text.casefold()
    return next((each.name for each in _PATTERNS if each.may_match(folded) and each.regex.search(text)), None)


class Redactor:
    """Replaces known secret values and whatever looks like one; safe to share between threads."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._values: frozenset[str] = frozenset()
        self._forms: tuple[str, ...] = ()
        self.add(*values)

    def add(self, *values: str) -> None:
        """From now on replace these values too, however they are encoded; shorter than four characters is ignored."""
        with self._lock:
            fresh = {value for value in values if len(value) >= SHORTEST_VALUE} - self._values
            if fresh:
                self._values |= fresh
                forms = {form for value in fresh for form in _forms(value)}
                self._forms = tuple(sorted({*self._forms, *forms}, key=len, reverse=True))

    def holds(self, text: str) -> bool:
        """Whether a known value stands in the text in clear or encoded."""
        return any(form in text for form in self._forms)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        folded = text.casefold()
        for pattern in _PATTERNS:
            if pattern.may_match(folded):
                text = pattern.regex.sub(_mask, text)
        return text

    def tree(self, value: Any) -> Any:
        """A JSON-like value with every string, keys included, redacted; numbers and flags stay as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.tree(key): self.tree(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(item) for item in value]
        # A PIN or a numeric token may have been read as a number.
        if isinstance(value, int) and not isinstance(value, bool) and str(value) in self._values:
            return MASK
        return value

    def exact(self, value: Any) -> Any:
        """A JSON-like value without the known values; nothing else that looks like a secret is touched.

        For what a person wants back as it was: results, steps, events. Without a known value in it, it is the very
        same object.
        """
        if not self._forms or not self.holds(json.dumps(value, ensure_ascii=False, default=str)):
            return value
        return self._exact(value)

    def _exact(self, value: Any) -> Any:
        if isinstance(value, str):
            for form in self._forms:
                value = value.replace(form, MASK)
            return value
        if isinstance(value, Mapping):
            return {self._exact(key): self._exact(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._exact(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._values:
            return MASK
        return value

    def line(self, text: str) -> str:
        """The text without secrets, cut to `limits.LOG_LINE_BYTES`."""
        if len(text) > _SCAN_CHARS:
            # The cut may go through a secret: give up as many characters as the longest one has.
            longest = len(self._forms[0]) if self._forms else 0
            text = self.text(text[:_SCAN_CHARS])
            return _cap(text[: max(0, len(text) - longest)] + CUT)
        return _cap(self.text(text))


# Every secret value that this process has opened, of whatever workspace: what its log may not hold.
IN_LOGS = Redactor()


_hiding: ContextVar[Redactor | None] = ContextVar("ionflux_hiding", default=None)


@contextmanager
def hiding(redactor: Redactor) -> Iterator[None]:
    """Inside the block `hidden` takes out the values that this redactor knows: the secrets of the run at hand."""
    token = _hiding.set(redactor)
    try:
        yield
    finally:
        _hiding.reset(token)


def hide_here(redactor: Redactor) -> None:
    """From now on `hidden` takes out in this thread what the redactor knows: for threads that an agent has started."""
    if _hiding.get() is not redactor:
        _hiding.set(redactor)


def hidden(value: T) -> T:
    """A JSON-like value, or the bytes of a text, without the secrets of the run at hand."""
    redactor = _hiding.get()
    if redactor is None:
        return value
    if isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
        return cast(T, redactor.exact(text).encode("utf-8", "surrogateescape")) if redactor.holds(text) else value
    return cast(T, redactor.exact(value))


# How many lines this process has written, by level.
LINES: Counter[str] = Counter()
_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message"}


class RedactingFormatter(logging.Formatter):
    """Formats a record whole (arguments, exception, stack), then redacts and cuts it; as text or as JSON lines."""

    def __init__(self, redactor: Redactor, *, json_lines: bool = False, fmt: str | None = None) -> None:
        super().__init__(fmt or "%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redactor = redactor
        self._json_lines = json_lines

    def format(self, record: logging.LogRecord) -> str:
        """One line of at most `limits.LOG_LINE_BYTES` for the record."""
        LINES[record.levelname.lower() if record.levelname in _LEVELS else "other"] += 1
        if self._json_lines:
            return self._json(record)
        context = "".join(f" {key}={value}" for key, value in {**bound(), **_given(record)}.items())
        return self._redactor.line(super().format(record) + context)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line itself; a line break that somebody put into a message does not begin another one."""
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")

    def _json(self, record: logging.LogRecord) -> str:
        line: dict[str, str] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            **{key: _short(self._redactor.line(value)) for key, value in bound().items()},
            "message": self._redactor.line(record.getMessage()),
        }
        for key, value in _given(record).items():
            line.setdefault(_short(self._redactor.line(key)), self._redactor.line(value))
        if record.exc_info:
            line["error"] = self._redactor.line(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = self._redactor.line(self.formatStack(record.stack_info))
        return _fit(line)


@contextmanager
def bind(**context: Named) -> Iterator[None]:
    """Add names such as run_id and step to every log line written inside the block; None takes a name away.

    A function is asked when a line is written.
    """
    merged = {**_bound.get(), **context}
    token = _bound.set(MappingProxyType({key: value for key, value in merged.items() if value is not None}))
    try:
        yield
    finally:
        _bound.reset(token)


def bound() -> Mapping[str, str]:
    """The names bound here, in the order they were bound."""
    named = {key: value() if callable(value) else value for key, value in _bound.get().items()}
    return {key: value for key, value in named.items() if value is not None}


def _given(record: logging.LogRecord) -> dict[str, str]:
    """What a caller has added to its line with `extra`."""
    return {key: str(value) for key, value in record.__dict__.items() if key not in _PLAIN and value is not None}


def _forms(value: str) -> Iterator[str]:
    raw = value.encode("utf-8", "surrogatepass")
    yield from (value, quote(raw, safe=""), quote(raw), quote_plus(raw), raw.hex())
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1])
    yield html.escape(value)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            yield from _base64_inside(encode(b"\0" * shift + raw).decode(), shift, len(raw))


def _base64_inside(encoded: str, shift: int, size: int) -> Iterator[str]:
    """The characters that only depend on the value when it stands `shift` bytes into a longer base64 text."""
    first, end = -(-shift * 8 // 6), (shift + size) * 8 // 6
    if len(inside := encoded[first:end]) >= _SHORTEST_FRAGMENT:
        yield inside


def _mask(match: re.Match[str]) -> str:
    if "secret" not in match.re.groupindex:
        return MASK
    start, end = match.span("secret")
    return match.string[match.start() : start] + MASK + match.string[end : match.end()]


def _cap(text: str) -> str:
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limits.LOG_LINE_BYTES:
        return text
    return raw[: limits.LOG_LINE_BYTES - len(CUT)].decode("utf-8", "ignore") + CUT


def _short(text: str) -> str:
    return text[: limits.NAME_CHARS]


def _fit(line: dict[str, str]) -> str:
    """The line as JSON; its longest field is halved until it fits, so that it stays valid JSON."""
    text = _dumped(line)
    while len(text.encode("utf-8", "replace")) > limits.LOG_LINE_BYTES:
        longest = max(line, key=lambda key: len(line[key]))
        line[longest] = line[longest][: len(line[longest]) // 2] + CUT
        text = _dumped(line)
    return text


def _dumped(line: dict[str, str]) -> str:
    """JSON in one line, for readers that break at Unicode's own line ends, too."""
    text = json.dumps(line, ensure_ascii=False)
    return text.replace("\x85", r"\u0085").replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")
