"""SMTP: mails leave through any mail server, over connections that stay open while there are more to send.

The host is what the owner typed, so private addresses are fine here; nothing else decides where a connection goes.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any, BinaryIO, Final

from ionflux_core.connectors.base import Access, AccessRevoked, Batch, Field, Tested
from ionflux_core.connectors.calls import is_loopback
from ionflux_core.errors import Invalid, IonfluxError, Unavailable

BOUNCED: Final = "bounced"
_SECONDS: Final = 30.0
_GOODBYE_SECONDS: Final = 2.0
_CONNECTIONS: Final = 4
_MOST_CONNECTIONS: Final = 16
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_SAID_CHARS: Final = 300
_MOST_LINES: Final = 500
_ANSWER_SECONDS: Final = 60.0
_BROKEN = (OSError, smtplib.SMTPServerDisconnected)
# An address that does not exist (5.1.x) or is switched off (5.2.1) stays so; without such a code 550, 551, 553 say it.
_GONE = re.compile(r"\b5\.(?:1\.\d{1,3}|2\.1)\b")
_ENHANCED = re.compile(r"\b5\.\d{1,3}\.\d{1,3}\b")


class Refused(IonfluxError):
    """The server answered no, so the mail certainly did not go out; `about` says whom it meant.

    `recipient`: this address, for good (`bounced`), for now (`deferred`) or for another reason (`refused`). `server`:
    the sender, the content or everything.
    """

    code = "refused"
    status = 502

    def __init__(self, message: str, *, about: str, code: str, hint: str = "") -> None:
        super().__init__(message, hint=hint, code=code)
        self.about = about


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is and how it is spoken to, checked."""

    host: str
    port: int
    security: str
    user: str
    connections: int

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Server:
        """The server an account's settings describe; Invalid when a password would leave in the open."""
        host, security = settings.get("host", "").strip(), settings.get("security", "").strip() or "starttls"
        if not host or not re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", host):
            raise Invalid("The account names no mail server.", hint="Write its host, such as smtp.example.com.")
        if security not in _PORTS:
            raise Invalid(f"{security[:20]!r} is no way to secure a connection.", hint="starttls, tls or none.")
        user = settings.get("user", "").strip()
        if security == "none" and user and not is_loopback(host):
            raise Invalid(
                "A password may not travel without encryption.",
                hint="Choose starttls or tls, or leave out the user. Only this very machine may be asked in the open.",
            )
        port = _number(settings.get("port"), _PORTS[security], 65_535, "port")
        lines = _number(settings.get("connections"), _CONNECTIONS, _MOST_CONNECTIONS, "number of connections")
        return cls(host, port, security, user, lines)


class Lines:
    """Open connections to one server, shared by threads: one that is idle is taken again."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.server = Server.of(access.settings)
        self._idle: list[smtplib.SMTP] = []
        self._lock = threading.Lock()

    def send(self, sender: str, recipient: str, message: bytes) -> dict[str, Any]:
        """Hand one mail over: what the server said.

        Refused and AccessRevoked: it was not taken. `Unavailable` with the code `smtp_connect`: it was not even
        offered; with any other code nobody knows whether it was taken.
        """
        with self._lock:
            line = self._idle.pop() if self._idle else None
        if line is not None:
            # Servers close a connection that has been idle or has carried enough: that is no failure.
            with suppress(_Dropped):
                return self._handed_over(line, sender, recipient, message)
        try:
            return self._handed_over(self._opened(), sender, recipient, message)
        except _Dropped as error:
            raise _unreachable(self.server, str(error)) from error

    def _handed_over(self, line: smtplib.SMTP, sender: str, recipient: str, message: bytes) -> dict[str, Any]:
        try:
            answer = _transact(line, sender, recipient, message)
        except Refused:
            self._keep(line)
            raise
        except BaseException:
            line.close()
            raise
        self._keep(line)
        return answer

    def _keep(self, line: smtplib.SMTP) -> None:
        if line.sock is not None:
            with self._lock:
                self._idle.append(line)

    def _opened(self) -> smtplib.SMTP:
        return connected(self.server, self._access.secret)

    def close(self) -> None:
        """Say goodbye on every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            with suppress(smtplib.SMTPException, OSError):
                if line.sock is not None:
                    # Everything is said: a server that does not say goodbye is not waited for.
                    line.sock.settimeout(_GOODBYE_SECONDS)
                line.quit()


class _Answer:
    """What a server says, line by line, until one answer has too many lines or takes too long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.begin()

    def begin(self) -> None:
        """Another answer begins."""
        self._left, self._ends = _MOST_LINES, time.monotonic() + _ANSWER_SECONDS

    def readline(self, most: int = -1) -> bytes:
        """The next line."""
        self._left -= 1
        if self._left < 0 or time.monotonic() > self._ends:
            raise OSError("its answer does not end")
        return self._file.readline(most)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Open(smtplib.SMTP):
    """The library reads on as long as a server says that there is more; this one does not."""

    def getreply(self) -> tuple[int, bytes]:
        """The next answer."""
        if not isinstance(self.file, _Answer):
            self.file = _Answer((self.file or self.sock.makefile("rb")) if self.sock else BytesIO())
        self.file.begin()
        return super().getreply()


class _Encrypted(_Open, smtplib.SMTP_SSL):
    """The same under TLS from the first byte."""


def connected(server: Server, secret: Callable[[str], str]) -> smtplib.SMTP:
    """A connection that is encrypted and logged in as the account says."""
    line: smtplib.SMTP | None = None
    try:
        if server.security == "tls":
            line = _Encrypted(server.host, server.port, local_hostname=_own_name(), timeout=_SECONDS, context=_tls())
        else:
            line = _Open(server.host, server.port, local_hostname=_own_name(), timeout=_SECONDS)
        if server.security == "starttls":
            line.starttls(context=_tls())
        line.ehlo_or_helo_if_needed()
        if server.user:
            line.login(server.user, secret("password"))
        return line
    except (smtplib.SMTPException, OSError, ValueError) as error:
        if line is not None:
            line.close()
        raise _failure(server, error) from error


def _failure(server: Server, error: Exception) -> IonfluxError:
    """What went wrong before there was a connection to send over, in words."""
    if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code < 500:
        return _unreachable(server, _said(error.smtp_code, error.smtp_error))
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return AccessRevoked(
            f"{server.host} does not take user and password ({_said(error.smtp_code, error.smtp_error)}).",
            hint="Enter them anew in Settings, Accounts; some servers want a password made for one program.",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return Invalid(
            f"The certificate of {server.host} is not to be trusted: {error.verify_message}.",
            hint="Write the name the certificate is made for, or install the authority that signed it.",
        )
    if isinstance(error, ssl.SSLError):
        return Invalid(
            f"{server.host}:{server.port} does not speak TLS as it should.",
            hint=f"tls usually goes with port 465, starttls with 587; the account says {server.security}.",
        )
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Invalid(f"{server.host} does not offer that: {error}", hint="Choose another kind of security.")
    if isinstance(error, (UnicodeError, ValueError)):
        return Invalid("Host, user or password hold characters mail servers do not take.", hint="Check them.")
    if isinstance(error, smtplib.SMTPResponseException):
        return _unreachable(server, _said(error.smtp_code, error.smtp_error))
    return _unreachable(server, str(getattr(error, "strerror", None) or error or type(error).__name__))


class _Dropped(Exception):
    """The connection went away before the mail was offered whole."""


def _transact(line: smtplib.SMTP, sender: str, recipient: str, message: bytes) -> dict[str, Any]:
    """One mail over an open connection, step by step: up to the content nothing can have been taken."""
    try:
        _expect(line, line.mail(sender), about="server")
        _expect(line, line.rcpt(recipient), about="recipient")
        code, said = line.docmd("DATA")
        if code != 354:
            raise _refused(line, code, said, "server")
    except _BROKEN as error:
        raise _Dropped(str(error)) from error
    content = re.sub(rb"(?m)^\.", b"..", message)
    try:
        line.send(content + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        code, said = line.getreply()
    except _BROKEN as error:
        raise Unavailable(
            "The connection broke while the mail was handed over.", hint="Ask the recipient, or look at the server.",
            code="smtp_broken",
        ) from error  # fmt: skip
    if code == 421:
        raise _Dropped(_said(code, said))
    if not 200 <= code < 300:
        raise _refused(line, code, said, "server")
    return {"status": code, "said": _plain(said)}


def _expect(line: smtplib.SMTP, answer: tuple[int, bytes], *, about: str) -> None:
    code, said = answer
    if not 200 <= code < 300:
        raise _refused(line, code, said, about)


def _refused(line: smtplib.SMTP, code: int, said: bytes, about: str) -> Refused:
    """A no of the server; the connection is made ready for the next mail, or closed when the server is leaving."""
    if code == 421:
        line.close()
        raise smtplib.SMTPServerDisconnected(_said(code, said))
    with suppress(*_BROKEN):
        line.rset()
    text = _said(code, said)
    if about == "server":
        return Refused(f"The mail server does not take the mail ({text}).", about=about, code="refused")
    if code < 500:
        return Refused(f"The address takes no mail for now ({text}).", about=about, code="deferred",
                       hint="Send it again later.")  # fmt: skip
    gone = bool(_GONE.search(text)) or (code in (550, 551, 553) and not _ENHANCED.search(text))
    return Refused(f"The address takes no mail ({text}).", about=about, code=BOUNCED if gone else "refused")


def _unreachable(server: Server, why: str) -> Unavailable:
    return Unavailable(
        f"The mail server {server.host}:{server.port} cannot be used: {why[:_SAID_CHARS]}".rstrip(". ") + ".",
        hint="Check host, port and security, and whether the server is up.",
        code="smtp_connect",
    )


def _plain(said: bytes) -> str:
    return " ".join(said.decode("utf-8", "replace").split())[:_SAID_CHARS]


def _said(code: int, said: bytes | str) -> str:
    return f"{code} {_plain(said if isinstance(said, bytes) else said.encode())}".strip()


def _number(text: str | None, default: int, most: int, what: str) -> int:
    plain = (text or "").strip()
    if not plain:
        return default
    if not plain.isascii() or not plain.isdigit() or not 0 < int(plain) <= most:
        raise Invalid(f"{plain[:20]!r} is no {what}.", hint=f"Write a number from 1 to {most}.")
    return int(plain)


@cache
def _own_name() -> str:
    """How this machine introduces itself; asking the network for it, as the library would, may take seconds."""
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", name) else "[127.0.0.1]"


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@dataclass(frozen=True)
class Smtp:
    """Any mail server."""

    kind: str = "smtp"
    title: str = "Mail server (SMTP)"
    description: str = "Sends mails through your own mail server or any provider that speaks SMTP."
    syncs: bool = False
    fields: tuple[Field, ...] = (
        Field("host", "Server", description="Such as smtp.example.com. Private addresses are allowed."),
        Field("port", "Port", "number", required=False, description="Empty: 587, with tls 465, without security 25."),
        Field("security", "Security", "choice", default="starttls", choices=("starttls", "tls", "none"),
              description="none is only for servers that want no password, and for this very machine."),
        Field("user", "User", required=False),
        Field("password", "Password", "secret", required=False),
        Field("from_address", "From address", description="Mails come from here unless an agent names another."),
        Field("from_name", "From name", required=False),
        Field("connections", "Connections", "number", required=False, default="4",
              description="How many mails may be on their way at once, 1 to 16."),
    )  # fmt: skip

    @property
    def readings(self) -> Mapping[str, Callable[[Access, Mapping[str, Any]], Any]]:
        """A mail server is only written to."""
        return {}

    def test(self, access: Access) -> Tested:
        """Connect, greet and log in."""
        server = Server.of(access.settings)
        line = connected(server, access.secret)
        try:
            facts = {"server": f"{server.host}:{server.port}", "security": server.security}
            if line.has_extn("size") and line.esmtp_features["size"].isdigit():
                facts["largest_mail_mib"] = str(int(line.esmtp_features["size"]) // 1024 // 1024)
        finally:
            with suppress(smtplib.SMTPException, OSError):
                line.quit()
        return Tested(server.user or server.host, facts)

    def sync(self, access: Access, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """Nothing: there is nothing to bring in."""
        return iter(())


def make() -> Smtp:
    """The connector."""
    return Smtp()
