"""The email channel: each effect is a mail, written into a folder or handed to a mail server or to SendGrid."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ionflux_core.channels import mime
from ionflux_core.channels.base import Channel, ChannelFailed, Delivery, NotSent, Outcome, Reach
from ionflux_core.channels.mime import Letter, letter_of
from ionflux_core.connectors import sendgrid, smtp
from ionflux_core.connectors.base import Access, AccessRevoked
from ionflux_core.errors import Invalid, IonfluxError, NotFound, TooManyRequests, Unavailable

_OPTIONS: Final = {
    "transport": "folder writes .eml files below the data folder; smtp and sendgrid use the account of that kind; "
    "empty takes the account that is connected.",
    "account": "Name of the account, where there are several.",
    "from_address": "Mails come from here, unless an agent names another; empty takes the account's.",
    "from_name": "The name beside it.",
}
_ACCOUNTS: Final = ("smtp", "sendgrid")
_SENDGRID_LINES: Final = 4
# Nothing was offered yet, so nothing can have been taken.
_NEVER_OFFERED: Final = frozenset({"smtp_connect", "outbound_connect", "outbound_dns", "stopping"})
_NOBODY: Final = "ionflux@localhost"

Carrier = Callable[[Letter], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Way:
    """How mails leave: by what, over how many connections at once, and from whom."""

    carry: Carrier
    lines: int
    sender: str
    sender_name: str


@dataclass(frozen=True)
class Email:
    """Sends mails; the same key always makes the same Message-ID."""

    root: Path
    kind: str = "email"
    title: str = "Mail"
    description: str = "Sends mails: into a folder, by your mail server, or by SendGrid."
    options: Mapping[str, str] = field(default_factory=lambda: dict(_OPTIONS))

    def honours_keys(self, options: Mapping[str, str]) -> bool:
        """A file is simply written again; no mail server knows keys."""
        return options.get("transport", "").strip() == "folder"

    def is_connected(self, reach: Reach) -> bool:
        """Whether there is an account, or a folder takes the mails."""
        try:
            return _transport(reach)[0] != ""
        except NotFound:
            return False

    def check(self, target: str, payload: Mapping[str, Any]) -> None:
        """NotSent for what can never be a mail."""
        mime.check(target, payload)

    def place_of(self, target: str) -> str:
        """An address in lower case: what its owner takes for the same."""
        return mime.address(target, "recipient").lower()

    def deliver(self, delivery: Delivery, reach: Reach) -> dict[str, Any]:
        """Send one mail."""
        (outcome,) = self.deliver_many([delivery], reach)
        if isinstance(outcome.answer, Exception):
            raise outcome.answer
        return outcome.answer

    def deliver_many(self, deliveries: Iterable[Delivery], reach: Reach) -> Iterator[Outcome]:
        """Send mails over several connections at once that stay open."""
        with self._way(reach) as way, ThreadPoolExecutor(way.lines, "ionflux-mail") as pool:
            running: dict[Future[dict[str, Any]], Delivery] = {}
            for delivery in deliveries:
                running[pool.submit(_sent, way, delivery, reach)] = delivery
                if len(running) >= way.lines:
                    yield from _ended(running)
            while running:
                yield from _ended(running)

    @contextmanager
    def _way(self, reach: Reach) -> Iterator[_Way]:
        """The way mails take, open; ChannelFailed when there is none."""
        try:
            transport, access = _transport(reach)
            settings = access.settings if access is not None else {}
            sender = reach.options.get("from_address", "").strip() or settings.get("from_address", "").strip()
            name = reach.options.get("from_name", "").strip() or settings.get("from_name", "").strip()
            if access is None:
                yield _Way(self._written, 1, sender or _NOBODY, name)
                return
            lines = smtp.Lines(access) if transport == "smtp" else None
        except (NotFound, Invalid) as error:
            raise ChannelFailed(error.message, hint=error.hint, code=error.code) from error
        if lines is None:
            yield _Way(lambda letter: _by_sendgrid(access, letter), _SENDGRID_LINES, sender, name)
            return
        try:
            yield _Way(lambda letter: _by_smtp(lines, access, letter), lines.server.connections, sender, name)
        finally:
            lines.close()

    def _written(self, letter: Letter) -> dict[str, Any]:
        """The mail as a file that a mail program opens, whole or not at all; the same key names the same file."""
        name, place = f"{letter.fingerprint}.eml", self.root / letter.workspace_id / "mail"
        try:
            place.mkdir(parents=True, exist_ok=True)
            staged = place / f".{name}.{os.getpid()}"
            staged.write_bytes(letter.mime())
            os.replace(staged, place / name)
        except OSError as error:
            raise ChannelFailed(
                f"The outbox folder cannot be written: {error.strerror}.", hint="Check the data folder's permissions."
            ) from error
        return {"file": f"outbox/{letter.workspace_id}/mail/{name}", "message_id": letter.message_id}


def _transport(reach: Reach) -> tuple[str, Access | None]:
    """The transport that was chosen, else the first kind of account that is connected; NotFound without any."""
    chosen = reach.options.get("transport", "").strip().lower()
    if chosen == "folder":
        return chosen, None
    if chosen and chosen not in _ACCOUNTS:
        raise Invalid(f"{chosen[:20]!r} is no way to send mails.", hint="folder, smtp, sendgrid, or nothing.")
    if chosen:
        return chosen, reach.account(chosen)
    try:
        return "smtp", reach.account("smtp")
    except NotFound:
        return "sendgrid", reach.account("sendgrid")


def _sent(way: _Way, delivery: Delivery, reach: Reach) -> dict[str, Any]:
    if not way.sender and not delivery.payload.get("from_address"):
        raise ChannelFailed(
            "Nothing says from which address mails come.", hint="Set it in the account, or in the channel's options.",
            code="no_sender",
        )  # fmt: skip
    letter = letter_of(delivery, way.sender, way.sender_name)
    if (found := reach.suppressed(letter.recipient.lower())) is not None:
        raise NotSent(
            f"{letter.recipient} is not mailed any more: {found.reason} ({found.at:%Y-%m-%d}).",
            hint="Take it off the list only when its owner asks for mails.", code="suppressed",
        )  # fmt: skip
    try:
        return way.carry(letter)
    except NotSent as error:
        if error.code == smtp.BOUNCED:
            reach.suppress(letter.recipient.lower(), error.message)
        raise


def _ended(running: dict[Future[dict[str, Any]], Delivery]) -> Iterator[Outcome]:
    """Waits for the first of the running deliveries; an outcome for each that has ended."""
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        error = future.exception()
        if error is not None and not isinstance(error, Exception):
            raise error
        yield Outcome(running.pop(future), future.result() if error is None else error)


def _by_smtp(lines: smtp.Lines, access: Access, letter: Letter) -> dict[str, Any]:
    try:
        answer = lines.send(letter.sender, letter.recipient, letter.mime())
    except smtp.Refused as error:
        kind = NotSent if error.about == "recipient" else ChannelFailed
        raise kind(error.message, hint=error.hint, code=error.code) from error
    except IonfluxError as error:
        raise _told(access, error) from error
    return answer | {"message_id": letter.message_id}


def _by_sendgrid(access: Access, letter: Letter) -> dict[str, Any]:
    try:
        return sendgrid.send(access, as_sendgrid(letter))
    except Invalid as error:
        # It speaks about this mail alone.
        raise NotSent(error.message, hint=error.hint, code=error.code) from error
    except AccessRevoked as error:
        own = access.settings.get("from_address", "").strip()
        if error.details.get("http_status") == 403 and letter.sender.lower() != own.lower():
            # SendGrid says so of an address it has not verified: that is no word about the account's key.
            raise ChannelFailed(
                f"SendGrid does not let the account send from {letter.sender}.",
                hint="Verify the address at SendGrid, or send from the account's own.", code="sender_refused",
            ) from error  # fmt: skip
        raise _told(access, error) from error
    except IonfluxError as error:
        raise _told(access, error) from error


def _told(access: Access, error: IonfluxError) -> IonfluxError:
    """An error of the account: the mail did not go out, except where the line broke after it was offered."""
    if isinstance(error, AccessRevoked):
        access.refused(error)
    if isinstance(error, Unavailable) and error.code not in _NEVER_OFFERED:
        return error
    code = "channel_failed" if isinstance(error, (TooManyRequests, Unavailable)) else error.code
    return ChannelFailed(error.message, hint=error.hint, code=code)


def as_sendgrid(letter: Letter) -> dict[str, Any]:
    """A mail in the form of SendGrid's v3 API; its events come back with the effect's id."""
    named = {"name": letter.sender_name} if letter.sender_name else {}
    content = [{"type": "text/plain", "value": letter.text}]
    if letter.html:
        content.append({"type": "text/html", "value": letter.html})
    mail: dict[str, Any] = {
        "personalizations": [{"to": [{"email": letter.recipient}]}],
        "from": {"email": letter.sender, **named},
        "subject": letter.subject,
        "content": content,
        "categories": ["ionflux"],
        "custom_args": {sendgrid.EFFECT_ARGUMENT: letter.effect_id, sendgrid.KEY_ARGUMENT: letter.key[:200]},
    }
    if letter.reply_to:
        mail["reply_to"] = {"email": letter.reply_to}
    if headers := letter.extra_headers():
        mail["headers"] = headers
    return mail


def make(data_dir: Path) -> Channel:
    """The channel; its folder is `outbox/<workspace>/mail/` in the data folder."""
    return Email(data_dir / "outbox")
