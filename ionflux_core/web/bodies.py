"""Request bodies read with a limit on size, time and depth before anything looks into them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from ionflux_core import limits
from ionflux_core.errors import Invalid, LimitExceeded


class UnsupportedMediaType(Invalid):
    """A body of another kind than JSON."""

    code = "unsupported_media_type"
    status = 415


async def read_body(request: Request, most: int) -> bytes:
    """The body; LimitExceeded as soon as it is longer than `most` bytes or takes too long to come."""
    return b"".join([part async for part in _parts(request, most, limits.BODY_SECONDS)])


async def save_body(request: Request, most: int, target: Path) -> None:
    """Write the body to a file as it comes, under the same limits and with more time."""
    with target.open("wb") as file:
        async for part in _parts(request, most, limits.RUN_FILE_SECONDS):
            file.write(part)


async def _parts(request: Request, most: int, seconds: float) -> AsyncIterator[bytes]:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most:
        raise _too_large(most)
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise _too_large(most)
                yield part
    except TimeoutError as error:
        raise LimitExceeded(
            f"The body did not arrive within {seconds} seconds.", hint="Send it again.", code="too_slow"
        ) from error
    except ClientDisconnect as error:
        raise Invalid("The body broke off.", hint="Send it again.", code="broken_off") from error


def check_kind(request: Request, kind: str = "application/json") -> None:
    """UnsupportedMediaType unless a body says that it is of this kind; a form of another website cannot say so."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != kind:
        raise UnsupportedMediaType(
            f"The body came as {sent[:60] or 'nothing in particular'}.", hint=f"Send Content-Type: {kind}."
        )


def check_json(body: bytes) -> None:
    """Invalid unless a body is JSON of bearable depth that every database can keep."""
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Invalid(f"The body is not JSON: {error}.", hint="Send a JSON object.", code="not_json") from error
    _check_value(value)


def _check_value(value: Any) -> None:
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > limits.JSON_DEPTH:
            raise LimitExceeded(f"The JSON is nested deeper than {limits.JSON_DEPTH}.", hint="Flatten it.")
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
        elif isinstance(item, str) and "\0" in item:
            raise Invalid("The JSON holds a NUL character.", hint="Take it out.", code="nul_character")


def _too_large(most: int) -> LimitExceeded:
    return LimitExceeded(
        f"The body is larger than {most // limits.KIB} KiB.", hint="Send less, or upload a file.", code="too_large"
    )
