"""An Access to a stand-in, as the accounts service would hand it to a connector, without waiting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ionflux_core.connectors.base import Access
from ionflux_core.errors import IonfluxError
from ionflux_core.outbound import Outbound


@dataclass
class Told:
    """What a connector did with its access: how long it waited, and what it said of its token."""

    waits: list[float] = field(default_factory=list)
    refusals: list[IonfluxError] = field(default_factory=list)


def access_to(
    port: int,
    settings: dict[str, str],
    secrets: dict[str, str],
    *,
    told: Told | None = None,
    passing: Callable[[float], None] = lambda _: None,
) -> Access:
    """Settings and secrets as given; loopback is open on this port only; `passing` is told of every wait."""
    heard = told or Told()

    def sleep(seconds: float) -> None:
        heard.waits.append(seconds)
        passing(seconds)

    outbound = Outbound([f"127.0.0.1:{port}"])
    return Access(
        "ws", "account", settings, lambda name: secrets.get(name, ""), lambda: outbound, sleep, heard.refusals.append
    )
