"""What a connector is: the fields its account is described by, a test, readings, and a sync that becomes events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ionflux_core.errors import IonfluxError, Unauthorized

if TYPE_CHECKING:
    from ionflux_core.outbound import Outbound

FieldKind = Literal["text", "secret", "number", "choice", "boolean"]


class AccessRevoked(Unauthorized):
    """The service does not take the account's token any more; the account is marked, and a person connects it anew."""

    code = "access_revoked"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a person fills in to connect an account. Secrets are stored encrypted and never shown again."""

    name: str
    title: str
    kind: FieldKind = "text"
    required: bool = True
    description: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """One connected account as its connector sees it: settings in the open, secrets and the way out as functions.

    `secret(field)` is empty for a field nothing was given for. Who learns outside a reading or a sync that the token is
    refused, such as a channel, says so by `refused`.
    """

    workspace_id: str
    account_id: str
    settings: Mapping[str, str]
    secret: Callable[[str], str]
    outbound: Callable[[], Outbound]
    sleep: Callable[[float], None]
    refused: Callable[[IonfluxError], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Tested:
    """What a working account says of itself: whose it is, and facts worth showing (`{"plan": "basic"}`)."""

    label: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a sync has found, published as an event once: the same state of the same thing has the same `key`."""

    subject: str
    payload: Mapping[str, Any]
    key: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A part of a sync: facts, and where the next sync goes on once they are stored."""

    facts: tuple[Fact, ...]
    cursor: Mapping[str, Any]


class Connector(Protocol):
    """One outside service. What it cannot do it leaves out: no readings, an empty sync.

    Every call may raise AccessRevoked (token refused), TooManyRequests (with retry_after), Unavailable (worth another
    try) and Invalid (the service does not take what was asked); nothing else reaches the caller.
    """

    @property
    def kind(self) -> str:
        """The word it is named by, such as `shopify`."""

    @property
    def title(self) -> str:
        """Its name for people."""

    @property
    def description(self) -> str:
        """What it is connected for, in a sentence."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """What a person fills in."""

    @property
    def readings(self) -> Mapping[str, Callable[[Access, Mapping[str, Any]], Any]]:
        """What agents may read by `ctx.accounts.read(kind, what, arguments)`; each gives plain JSON."""

    @property
    def syncs(self) -> bool:
        """Whether it can be brought up to date."""

    def test(self, access: Access) -> Tested:
        """Ask the service who this is; an error says what is wrong with the account."""

    def sync(self, access: Access, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """What is new since the cursor (empty: everything), in parts that can be stored one by one."""
