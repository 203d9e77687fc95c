"""Which addresses the outbound client may call: public ones, and what a workspace's allow-list opens."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ionflux_core.errors import Forbidden, Invalid, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]

DEFAULT_PORTS = frozenset({80, 443})
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_CLOUD_HOST_AGENT = ipaddress.ip_network("168.63.129.16/32")
# Counted as global by the standard library, yet leading inside: IETF protocol and 6to4 relay addresses, 6to4 itself,
# and addresses meant for documentation.
_INSIDE = (
    _CLOUD_HOST_AGENT,
    *map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2002::/16", "3fff::/20")),
)


class OutboundRefused(Forbidden):
    """The request would leave the public internet, or break a rule on ports, schemes or redirects."""

    code = "outbound_refused"


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry of an allow-list: a network or a host name, with a port, all ports ("*") or the default ones."""

    target: Network | str
    port: int | Literal["*"] | None

    def covers(self, host: str, address: Address) -> bool:
        """Whether the entry is about this host or address."""
        if isinstance(self.target, str):
            # A name may lead to a private network, but a metadata or multicast address must be listed by number.
            return self.target == host and not (
                address.is_link_local or address.is_multicast or address.is_unspecified or address in _CLOUD_HOST_AGENT
            )
        return address.version == self.target.version and address in self.target

    def opens(self, port: int) -> bool:
        """Whether the entry opens this port."""
        return self.port in ("*", port) or (self.port is None and port in DEFAULT_PORTS)


@dataclass(frozen=True, slots=True)
class Guard:
    """Resolves a host once and gives back only addresses that may be called."""

    allow: tuple[Allowed, ...]
    resolve: Resolver

    @classmethod
    def of(cls, allow: Sequence[str], resolve: Resolver | None = None) -> Guard:
        """A guard with an allow-list as text; Invalid names the first entry that cannot be read."""
        return cls(tuple(map(parse_allowed, allow)), resolve or _system_resolver)

    def addresses(self, host: str, port: int) -> list[str]:
        """Every distinct address of the host; one that is closed refuses the host as a whole."""
        plain = host.rstrip(".").lower()
        try:
            found = list(dict.fromkeys(self.resolve(host, port)))
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise Unavailable(
                f"The host {plain} was not found.", hint="Check its spelling and your connection.", code="outbound_dns"
            )
        for text in found:
            self._check(plain, _unwrapped(ipaddress.ip_address(text)), port)
        return found

    def _check(self, host: str, address: Address, port: int) -> None:
        entries = [entry for entry in self.allow if entry.covers(host, address)]
        public = is_public(address)
        if any(entry.opens(port) for entry in entries) or (public and port in DEFAULT_PORTS):
            return
        if entries or public:
            raise OutboundRefused(
                f"Port {port} of {host} is closed.", hint=f"If you trust it, add {host}:{port} to the allow-list."
            )
        raise OutboundRefused(
            f"{host} leads to an address that is not on the public internet.",
            hint="If you trust it, add it to the workspace's allow-list of networks and hosts.",
        )


def _system_resolver(host: str, port: int) -> Sequence[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside a mapped or NAT64 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether an address, unwrapped, belongs to the public internet."""
    if not address.is_global or address.is_multicast or any(address in network for network in _INSIDE):
        return False
    return address.version == 4 or address in _GLOBAL_UNICAST


def parse_allowed(entry: str) -> Allowed:
    """One allow-list entry; Invalid when it is neither network, address nor host name, or its port is none."""
    text = entry.strip().lower()
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest.startswith(":") else rest
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    if port and port != "*" and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise _bad_entry(entry)
    opened: int | Literal["*"] | None = "*" if port == "*" else int(port) if port else None
    try:
        return Allowed(ipaddress.ip_network(host, strict=False), opened)
    except ValueError:
        if not _HOST.fullmatch(host) or host.replace(".", "").isdigit():
            raise _bad_entry(entry) from None
        return Allowed(host.rstrip("."), opened)


def _bad_entry(entry: str) -> Invalid:
    return Invalid(
        f"'{entry[:80]}' is no entry for an allow-list.",
        hint="Write a network (10.1.0.0/16), an address or a host name, with :port or :* where other ports are meant.",
    )
