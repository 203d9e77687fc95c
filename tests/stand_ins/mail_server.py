"""A mail server on loopback that refuses whom it is told to, drops lines on wish, and keeps what it has taken."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Taken:
    """One mail the server has said yes to."""

    sender: str
    recipient: str
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        """As a mail program reads it."""
        return message_from_bytes(self.content, policy=policy.default)


@dataclass
class MailServer:
    """The server as a test sees it. Each answer of `on_...` is a reply line, or None for yes.

    `drop_at` names the moment at which the line is cut: `mail`, `rcpt`, `data` (before the content) or `end` (behind
    it, without an answer); `drops` says how often.
    """

    port: int = 0
    mails: list[Taken] = field(default_factory=list)
    on_mail: Callable[[str], str | None] = lambda _: None
    on_recipient: Callable[[str], str | None] = lambda _: None
    on_content: Callable[[str], str | None] = lambda _: None
    drop_at: str = ""
    drops: int = 0
    connections: int = 0
    open_now: int = 0
    most_open: int = 0

    @property
    def recipients(self) -> list[str]:
        """Whom the mails went to, in the order they came."""
        return [each.recipient for each in self.mails]

    def is_to_drop(self, moment: str) -> bool:
        """Whether the line is cut now."""
        if self.drop_at != moment or not self.drops:
            return False
        self.drops -= 1
        return True


class _Protocol(SMTP):
    """Counts the connections of those who introduce themselves; its own controller knocks once and says nothing."""

    said: MailServer
    counted = False

    async def smtp_EHLO(self, hostname: str) -> None:
        if not self.counted:
            self.counted = True
            self.said.connections += 1
            self.said.open_now += 1
            self.said.most_open = max(self.said.most_open, self.said.open_now)
        await super().smtp_EHLO(hostname)

    def connection_lost(self, error: Exception | None) -> None:
        self.said.open_now -= self.counted
        super().connection_lost(error)


def _cut(server: SMTP) -> None:
    transport: Any = server.transport
    transport.abort()


class _Handler:
    def __init__(self, said: MailServer) -> None:
        self._said = said

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._said.is_to_drop("mail"):
            _cut(server)
        if (refusal := self._said.on_mail(address)) is not None:
            return refusal
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._said.is_to_drop("rcpt"):
            _cut(server)
        if (refusal := self._said.on_recipient(address)) is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        [recipient] = envelope.rcpt_tos
        content = envelope.original_content or b""
        if (refusal := self._said.on_content(recipient)) is not None:
            return refusal
        self._said.mails.append(Taken(str(envelope.mail_from), recipient, content))
        if self._said.is_to_drop("end"):
            _cut(server)
        return "250 Taken"


class _Controller(Controller):
    said: MailServer
    options: dict[str, Any]

    def factory(self) -> SMTP:
        with warnings.catch_warnings():
            # That it asks for a password in the open is what some tests are about.
            warnings.simplefilter("ignore")
            made = _Protocol(self.handler, **self.options)
        made.said = self.said
        return made


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextmanager
def mail_server(
    *, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> Iterator[MailServer]:
    """A running server, until the block ends; with `login` it wants user and password."""
    said = MailServer()

    def known(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        good = isinstance(given, LoginPassword) and login == (given.login.decode(), given.password.decode())
        return AuthResult(success=good, handled=good)

    options: dict[str, Any] = {"hostname": "stand-in", "tls_context": starttls}
    if login:
        options |= {"authenticator": known, "auth_required": True, "auth_require_tls": bool(starttls)}
    controller = _Controller(_Handler(said), hostname="127.0.0.1", port=_free_port(), ssl_context=tls)
    controller.said, controller.options = said, options
    said.port = controller.port
    controller.start()
    try:
        yield said
    finally:
        controller.stop()
