"""What a channel is: it delivers one effect, and says whether the other side honours idempotency keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from ionflux_core.errors import IonfluxError, NotFound

if TYPE_CHECKING:
    from ionflux_core.connectors.base import Access
    from ionflux_core.outbound import Outbound


class NotSent(IonfluxError):
    """The effect certainly did not go out. Any other error of a delivery leaves open whether it did."""

    code = "not_sent"
    status = 502


class ChannelFailed(NotSent):
    """The effect certainly did not go out, and not because of itself: the other side is down or refuses everything."""

    code = "channel_failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One effect on its way out: its key, where it goes, and what it says, secrets put in."""

    workspace_id: str
    key: str
    target: str
    summary: str
    payload: Mapping[str, Any]
    effect_id: str = ""


class Suppressed(NamedTuple):
    """Why an address is not written to any more, in words, and since when."""

    reason: str
    at: datetime


def _no_account(connector: str) -> Access:
    raise NotFound(f"No {connector} account is connected.", hint="Connect one in Settings, Accounts.")


@dataclass(frozen=True, slots=True)
class Reach:
    """What a delivery may use: the workspace's options for the channel, its guarded way out, and its secrets.

    `account` gives the connected account of a kind, NotFound when there is none. `suppressed` says of an address in
    lower case whether it must not be written to; `suppress` puts one that does not exist among them, with the server's
    words.
    """

    options: Mapping[str, str]
    outbound: Callable[[], Outbound]
    secret: Callable[[str], str]
    account: Callable[[str], Access] = _no_account
    suppressed: Callable[[str], Suppressed | None] = lambda _: None
    suppress: Callable[[str, str], None] = lambda *_: None


class Channel(Protocol):
    """A way out of this machine."""

    @property
    def kind(self) -> str:
        """The word agents name it by in `ctx.send`."""

    @property
    def title(self) -> str:
        """Its name for people."""

    @property
    def description(self) -> str:
        """What it does, in a sentence."""

    @property
    def options(self) -> Mapping[str, str]:
        """The options a workspace may set for it, each with a sentence."""

    def honours_keys(self, options: Mapping[str, str]) -> bool:
        """Whether a second delivery with the same key has no second effect on the other side."""

    def deliver(self, delivery: Delivery, reach: Reach) -> dict[str, Any]:
        """Send it; what came back, small and without secrets. NotSent when it certainly did not go out."""


class Outcome(NamedTuple):
    """What became of one of many deliveries: what came back, or what `deliver` would have raised."""

    delivery: Delivery
    answer: dict[str, Any] | Exception


@runtime_checkable
class BulkChannel(Channel, Protocol):
    """A channel that keeps its connections open while many effects go out."""

    def deliver_many(self, deliveries: Iterable[Delivery], reach: Reach) -> Iterator[Outcome]:
        """Send them, in any order: one outcome for each delivery that was taken from the iterable.

        They are taken one by one and not far ahead: what is not taken was not sent, and whoever gives them stops
        giving when the other side is down.
        """


@runtime_checkable
class Particular(Channel, Protocol):
    """A channel that knows before anybody is asked what it cannot send, and which targets are one and the same."""

    def check(self, target: str, payload: Mapping[str, Any]) -> None:
        """NotSent for what it would never send, whatever account is connected."""

    def place_of(self, target: str) -> str:
        """The one spelling of a target: in one batch a place is written to once."""


@runtime_checkable
class Connected(Channel, Protocol):
    """A channel that may lack an account even when a workspace lets it send."""

    def is_connected(self, reach: Reach) -> bool:
        """Whether there is a way out; without one an effect is only shown."""


def deliver_each(channel: Channel, deliveries: Iterable[Delivery], reach: Reach) -> Iterator[Outcome]:
    """Send many effects over a channel, one after the other where it knows no better."""
    if isinstance(channel, BulkChannel):
        yield from channel.deliver_many(deliveries, reach)
        return
    for delivery in deliveries:
        answer: dict[str, Any] | Exception
        try:
            answer = channel.deliver(delivery, reach)
        except Exception as error:
            answer = error
        yield Outcome(delivery, answer)
