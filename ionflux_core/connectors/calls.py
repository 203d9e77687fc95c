"""Calls to outside services: the one place that retries, waits as long as it is told to, and names what went wrong."""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from ionflux_core.connectors.base import Access, AccessRevoked
from ionflux_core.errors import Invalid, IonfluxError, LimitExceeded, TooManyRequests, Unavailable
from ionflux_core.ids import now
from ionflux_core.outbound import OutboundResponse
from ionflux_core.outbound_addresses import OutboundRefused

MOST_TRIES = 4
LONGEST_WAIT = 30.0
"""Who is told to wait longer gives up for now and says when to come back."""

_ADDRESS: Final = re.compile(r"https?://[^\s@?#]{1,250}")
_FIRST_PAUSE = 0.5
_SAID_CHARS = 200
_NEVER_SENT = frozenset({"outbound_connect", "outbound_dns"})
CONNECT_ANEW = "Connect the account anew in Settings, Accounts."


def ask(
    access: Access,
    service: str,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    content: bytes | str | None = None,
    timeout: float | None = None,
    repeat: bool = True,
) -> OutboundResponse:
    """The service's answer with a status below 300; every other end is one of the four errors of a connector.

    `repeat=False` is for what has an effect: it is sent again only when it certainly was not taken.
    """
    for tries in range(1, MOST_TRIES + 1):
        failure: IonfluxError | None
        try:
            answer = access.outbound().request(
                method, url, headers=headers, params=params, json=json, content=content, timeout=timeout
            )
            failure = failure_of(service, answer)
            if failure is None:
                return answer
        except Unavailable as error:
            failure = error
        except (LimitExceeded, OutboundRefused) as error:
            raise Invalid(error.message, hint=error.hint, code=error.code) from error
        if tries == MOST_TRIES or not _is_worth_another(failure, repeat):
            raise failure
        access.sleep(pause_of(failure, tries))
    raise AssertionError("the last try returns or raises")


def is_loopback(host: str) -> bool:
    """Whether a host, as it is written, is this very machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(url: str) -> None:
    """Invalid for an address that is none, or to which a token would travel in the open; empty means the usual one."""
    if not url:
        return
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host or not _ADDRESS.fullmatch(url):
        raise Invalid("The other address is none.", hint="Leave it empty, or write it like https://proxy.example.")
    if not url.startswith("https:") and not is_loopback(host):
        raise Invalid(
            "A token may not travel without encryption.", hint="Write https; only this very machine needs none."
        )


def failure_of(service: str, answer: OutboundResponse) -> IonfluxError | None:
    """The error an answer's status stands for; None when it is fine. Nothing of the answer's content is repeated."""
    status = answer.status
    if status < 300:
        return None
    if status in (401, 403):
        return revoked(service, f"status {status}", status)
    if status == 429:
        return too_many(service, retry_after(answer.headers))
    if status == 408 or status >= 500:
        return Unavailable(f"{service} is down (status {status}).", hint="Try again later.", code="service_down")
    if status == 404:
        return Invalid(
            f"{service} has nothing at this address (status 404).", hint="Check the account's settings.",
            code="service_not_found",
        )  # fmt: skip
    return Invalid(
        f"{service} does not take the request (status {status}).", hint="Check the account's settings.",
        code="service_refused",
    )  # fmt: skip


def revoked(service: str, why: str, status: int = 401) -> AccessRevoked:
    """The service refuses the token; `status` is 403 where it may only refuse this one request."""
    message = f"{service} does not take the account's token ({why})."
    return AccessRevoked(message, hint=CONNECT_ANEW, http_status=status)


def too_many(service: str, seconds: float) -> TooManyRequests:
    """The service wants to be left alone for some seconds."""
    return TooManyRequests(
        f"{service} takes no more requests for now.", hint=f"Try again in {seconds:.0f} s.", retry_after=seconds
    )


def garbage(service: str) -> Unavailable:
    """The service answered with something that is no answer."""
    return Unavailable(
        f"{service} answered with something that cannot be read.", hint="Check the address, or try again later.",
        code="service_garbage",
    )  # fmt: skip


def table(service: str, answer: OutboundResponse) -> dict[str, Any]:
    """The JSON object of an answer; Unavailable when it is none."""
    try:
        content = answer.json()
    except Unavailable:
        raise garbage(service) from None
    if not isinstance(content, dict):
        raise garbage(service)
    return content


def retry_after(headers: Mapping[str, str]) -> float:
    """The seconds a Retry-After header asks for, as a number or as a date; 1 when it is missing or cannot be read."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return 1.0
        seconds = float(((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now()).total_seconds())
    return min(max(seconds, 0.0), 86_400.0) if seconds == seconds else 1.0


def pause_of(failure: IonfluxError, tries: int) -> float:
    """How long to wait before the next try: what the service asks for, else longer each time, never all at once."""
    if isinstance(failure, TooManyRequests):
        return float(failure.details.get("retry_after", 1.0))
    return _FIRST_PAUSE * float(2 ** (tries - 1)) * random.uniform(0.5, 1.0)


def said(text: Any, *secrets: str) -> str:
    """What a service said in its own words, on one short line, without any secret it may repeat."""
    line = " ".join(str(text).split())
    for secret in secrets:
        if secret:
            line = line.replace(secret, "***")
    return line if len(line) <= _SAID_CHARS else line[: _SAID_CHARS - 1] + "…"


def _is_worth_another(failure: IonfluxError, repeat: bool) -> bool:
    if isinstance(failure, TooManyRequests):
        return float(failure.details.get("retry_after", 1.0)) <= LONGEST_WAIT
    if not isinstance(failure, Unavailable):
        return False
    return repeat or failure.code in _NEVER_SENT
