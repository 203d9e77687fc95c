"""Large files of a service, line by line: through the guarded client, with limits on size, line and time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from ionflux_core import limits
from ionflux_core.connectors.base import Access
from ionflux_core.connectors.calls import garbage
from ionflux_core.errors import Invalid, LimitExceeded, Unavailable
from ionflux_core.outbound import give_more_time, transport_errors
from ionflux_core.outbound_addresses import OutboundRefused

if TYPE_CHECKING:
    import httpx2

_IN_MEMORY = 4 * limits.MIB


def lines_of(access: Access, service: str, url: str, *, most: int = limits.BULK_FILE_BYTES) -> Iterator[bytes]:
    """The lines of a file, without their ends; it is fetched whole first, so that nothing waits for who reads it."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise garbage(service)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        _fetch(access, service, url, file, most)
        file.seek(0)
        yield from split(iter(lambda: file.read(64 * limits.KIB), b""))


def split(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The lines that bytes in pieces are made of; Invalid for one that does not end in time."""
    rest = b""
    for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        yield from (line for line in whole if line.strip())
        if len(rest) > limits.BULK_LINE_BYTES:
            raise Invalid("A line of the file is too long.", hint="Import less at once.", code="limit_exceeded")
    if rest.strip():
        yield rest


def _fetch(access: Access, service: str, url: str, file: IO[bytes], most: int) -> None:
    slow, broken = transport_errors()
    client = access.outbound().client()
    try:
        with client.stream("GET", url) as response:
            if response.status_code != 200:
                raise Unavailable(
                    f"{service} does not hand out its file (status {response.status_code}).", hint="Try again later.",
                    code="service_down",
                )  # fmt: skip
            _widen(response, most)
            size = 0
            for part in response.iter_bytes():
                # Counted unpacked: a small compressed file may unfold without end.
                size += len(part)
                if size > most:
                    raise _too_large(most)
                file.write(part)
    except LimitExceeded as error:
        raise _too_large(most) from error
    except OutboundRefused as error:
        raise Invalid(error.message, hint=error.hint, code=error.code) from error
    except (slow, broken):
        # From None: the address of the file is a key to it.
        raise Unavailable(f"{service} broke off its file.", hint="Try again later.", code="outbound_broken") from None
    finally:
        client.close()


def _widen(response: httpx2.Response, most: int) -> None:
    """Let this one answer be larger and slower than others: it is wanted whole."""
    give_more_time(response, limits.BULK_SECONDS)
    response.extensions["network_stream"].get_extra_info("ionflux_budget").bytes_left += most


def _too_large(most: int) -> Invalid:
    return Invalid(
        f"The file is larger than {most // limits.MIB} MiB.", hint="Import it from a file in parts.",
        code="limit_exceeded",
    )  # fmt: skip
