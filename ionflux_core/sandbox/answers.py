"""What goes into foreign code and what comes out of it: plain JSON of bounded size, looked at as data of a stranger."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from ionflux_core.errors import AgentFailed, Invalid, LimitExceeded
from ionflux_core.limits import CODE_INPUT_BYTES, CODE_OUTPUT_BYTES, JSON_DEPTH, MIB

_MESSAGE_CHARS = 500


def packed(inputs: Mapping[str, Any]) -> bytes:
    """The inputs as JSON in UTF-8; Invalid when they are no plain JSON, LimitExceeded when they are too large."""
    try:
        data = json.dumps(inputs, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid("The inputs of the code are no plain JSON.", hint=str(error)[:_MESSAGE_CHARS]) from None
    if len(data) > CODE_INPUT_BYTES:
        raise LimitExceeded(
            f"The inputs of the code are larger than {CODE_INPUT_BYTES // MIB} MiB.",
            hint="Pick what it needs in a step before it.",
            code="code_too_large",
        )
    return data


def unpacked(data: bytes) -> Any:
    """The value code has returned; AgentFailed when it is no JSON that can be stored, LimitExceeded when too large."""
    if len(data) > CODE_OUTPUT_BYTES:
        raise too_large()
    try:
        value = json.loads(data.decode(), parse_constant=_no_number, parse_float=_number)
        # Half a character and what is nested too deep come to light in writing.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise failed("It returned something that is not plain JSON.") from None
    if _depth(value) > JSON_DEPTH:
        raise failed(f"It returned a value nested deeper than {JSON_DEPTH} levels.")
    return value


def failed(message: str, line: int = 0) -> AgentFailed:
    """The failure of code, in its own words as far as there are any."""
    words = " ".join(message.split())[:_MESSAGE_CHARS].encode("utf-8", "replace").decode()
    place = f" in line {line}" if line else ""
    return AgentFailed(f"The code failed{place}: {words}", hint="Correct the code of the node.", code="code_failed")


def too_large() -> LimitExceeded:
    """The refusal of an answer that is too long."""
    return LimitExceeded(
        f"The code wrote more than {CODE_OUTPUT_BYTES // MIB} MiB.",
        hint="Return less, or in parts.",
        code="code_too_large",
    )


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level:
        depth += 1
        level = [inner for each in level for inner in _within(each) if isinstance(inner, dict | list)]
    return depth


def _within(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)
