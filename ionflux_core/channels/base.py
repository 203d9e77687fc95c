"""What a channel is: it delivers one effect, and says whether the other side honours idempotency keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ionflux_core.errors import IonfluxError

if TYPE_CHECKING:
    from ionflux_core.outbound import Outbound


class NotSent(IonfluxError):
    """The effect certainly did not go out. Any other error of a delivery leaves open whether it did."""

    code = "not_sent"
    status = 502


@dataclass(frozen=True, slots=True)
class Delivery:
    """One effect on its way out: its key, where it goes, and what it says, secrets put in."""

    workspace_id: str
    key: str
    target: str
    summary: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reach:
    """What a delivery may use: the workspace's options for the channel, its guarded way out, and its secrets."""

    options: Mapping[str, str]
    outbound: Callable[[], Outbound]
    secret: Callable[[str], str]


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
