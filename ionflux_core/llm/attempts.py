"""One question, as many attempts as it deserves: the same model again after a while, then the next of the list."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

from ionflux_core import limits
from ionflux_core.errors import IonfluxError
from ionflux_core.llm.base import Model, TimeLimits
from ionflux_core.llm.breaker import Breaker, Breakers
from ionflux_core.llm.failures import another_may_answer, is_unwell, wait_before

T = TypeVar("T")
Attempt = Callable[[Model, TimeLimits], T]

_FIRST_WAIT, _LONGEST_WAIT, _JITTER = 0.5, 8.0, 1.0


def ask(choices: Sequence[str], find: Callable[[str], Model], attempt: Attempt[T], breakers: Breakers) -> T:
    """What the first model of the list says that can be had.

    A refusal is an answer like any other: it comes from the first model and asks no second one. When none answers, the
    last failure is raised; a missing key is one only where no model of the list has a key.
    """
    failed: IonfluxError | None = None
    for chosen in choices:
        try:
            return _ask_one(find(chosen), attempt, breakers)
        except IonfluxError as error:
            if not another_may_answer(error):
                raise
            if failed is None or error.code != "model_key_missing":
                failed = error
    assert failed is not None, "there is always a model to ask"
    raise failed


def _ask_one(model: Model, attempt: Attempt[T], breakers: Breakers) -> T:
    """Up to four tries within a minute, with growing pauses or as long as the provider asks to wait."""
    import stamina

    _quiet()
    breaker, ends = breakers.of(model.provider, model.base_url), time.monotonic() + limits.MODEL_SECONDS

    def wait(error: Exception) -> float | bool:
        pause = wait_before(error) if isinstance(error, IonfluxError) else False
        # Too long to sit out here: the run itself is put off, or another model is asked.
        return False if pause is not True and pause > ends - time.monotonic() else pause

    for tried in stamina.retry_context(
        on=wait, attempts=limits.MODEL_TRIES, timeout=limits.MODEL_SECONDS,
        wait_initial=_FIRST_WAIT, wait_max=_LONGEST_WAIT, wait_jitter=_JITTER,
    ):  # fmt: skip
        with tried:
            left = max(1.0, ends - time.monotonic())
            return _judged(breaker, attempt, model, TimeLimits(left, min(left, limits.MODEL_FIRST_TOKEN_SECONDS)))
    raise AssertionError("the last try ends by an answer or an error")


def _judged(breaker: Breaker, attempt: Attempt[T], model: Model, time_limits: TimeLimits) -> T:
    """One attempt, if the provider's breaker lets it through, and what it tells the breaker."""
    breaker.check()
    try:
        answer = attempt(model, time_limits)
    except IonfluxError as error:
        if is_unwell(error):
            breaker.failed()
        raise
    breaker.succeeded()
    return answer


@cache
def _quiet() -> None:
    import stamina

    # Every attempt is a row of its run already; log lines and counters of the library would only say it again.
    stamina.instrumentation.set_on_retry_hooks([])
