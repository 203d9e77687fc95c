"""Which error a failed call of a model becomes, and what may be done about it: wait, ask another model, or neither."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from ionflux_core import ids
from ionflux_core.errors import (
    Forbidden,
    Invalid,
    IonfluxError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)

# The provider itself is unwell or out of reach: worth another try, a strike for its breaker, a case for another model.
_UNWELL = frozenset({
    "model_failed", "model_timeout", "model_unreachable", "model_broken_off", "model_bad_answer", "outbound_dns",
})  # fmt: skip
_ANOTHER_MAY = _UNWELL | {"model_resting", "model_key_missing"}


def is_unwell(error: IonfluxError) -> bool:
    """Whether the provider failed, and not the request: 5xx, timeouts, broken connections, unreadable answers."""
    return error.code in _UNWELL


def another_may_answer(error: IonfluxError) -> bool:
    """Whether the next model of the list is asked; never because of a rate limit, a wrong key or a wrong request."""
    return error.code in _ANOTHER_MAY


def wait_before(error: IonfluxError) -> float | bool:
    """Seconds the provider asks to wait before the next try, True for any while, False when trying is useless."""
    if not is_unwell(error) and not isinstance(error, TooManyRequests):
        return False
    if error.details.get("out_of_credit"):
        return False
    asked = error.details.get("retry_after")
    return True if asked is None else float(asked)


def status_error(provider: str, status: int, headers: Mapping[str, str], reason: str = "") -> IonfluxError:
    """The error for an answer outside 2xx; `reason` is the provider's short code. Its text is never repeated."""
    said = f" ({reason})" if re.fullmatch(r"[a-z_]{1,40}", reason) else ""
    if status == 429:
        return _too_many(provider, headers, reason, said)
    if status in (408, 409) or status >= 500 or status < 400:
        return Unavailable(
            f"{provider} failed with status {status}{said}.",
            hint="Try again later.",
            code="model_failed",
            retry_after=retry_after(headers),
        )
    if status == 401:
        return Unauthorized(f"{provider} does not accept the key{said}.", hint="Store a valid key in Settings, Models.")
    if status == 402:
        return _too_many(provider, headers, "insufficient_quota", said)
    if status == 403:
        return Forbidden(f"The key may not do this at {provider}{said}.", hint="Check what the key is allowed to do.")
    if status == 404:
        return NotFound(f"{provider} does not know this model or address{said}.", hint="Check the model's name.")
    return Invalid(f"{provider} refused the request with status {status}{said}.", hint="Check the model's settings.")


def _too_many(provider: str, headers: Mapping[str, str], reason: str, said: str) -> TooManyRequests:
    broke = reason in ("insufficient_quota", "billing_error")
    hint = "Wait and try again, or lower the number of runs at once."
    if broke:
        hint = "The account has no credit left: check its billing."
    return TooManyRequests(
        f"{provider} accepts no more requests for now{said}.",
        hint=hint,
        retry_after=retry_after(headers),
        out_of_credit=broke,
    )


def timeout_error(provider: str, seconds: float, *, first: bool = False) -> IonfluxError:
    """The error for a model that took too long: for its whole answer, or for the first word of a stream."""
    what = "began no answer" if first else "did not answer"
    return Unavailable(
        f"{provider} {what} within {seconds:g} seconds.",
        hint="Try again later, or ask for less at once.",
        code="model_timeout",
    )


def connection_error(provider: str, cause: BaseException | None) -> IonfluxError:
    """The error for a broken connection: the guard's own, where it refused the address."""
    if isinstance(cause, IonfluxError):
        return cause
    return Unavailable(
        f"{provider} cannot be reached.", hint="Check the address and your connection.", code="model_unreachable"
    )


def broken_off(provider: str) -> IonfluxError:
    """The error for an answer that began and did not end."""
    return Unavailable(f"{provider} broke off its answer.", hint="Try again later.", code="model_broken_off")


def bad_answer(provider: str) -> IonfluxError:
    """The error for an answer that does not follow the provider's own format."""
    return Unavailable(
        f"{provider} answered in a form that cannot be read.",
        hint="Check the base URL, or try again later.",
        code="model_bad_answer",
    )


def key_missing(provider: str) -> IonfluxError:
    """The error for a provider nobody has stored a key for; no wait will bring one, so the run is not tried again."""
    return Invalid(
        f"There is no key for {provider}.",
        hint="Store one in Settings, Models, or use the provider 'local', which needs none.",
        code="model_key_missing",
    )


def cannot(what: str) -> IonfluxError:
    """The error for something the chosen engine is not made for."""
    return Invalid(what, hint="Choose a model that can in Settings, Models.", code="model_cannot")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds an answer asks to wait (retry-after-ms, retry-after in seconds or as a date), None if it does not."""
    milliseconds, given = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    for text, unit in ((milliseconds, 0.001), (given, 1.0)):
        if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
            return float(text) * unit
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - ids.now()).total_seconds())
