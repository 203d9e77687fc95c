"""Attempts at one answer: retries with Retry-After, the breaker, and the next model of the list."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ionflux_core.errors import Forbidden, Invalid, IonfluxError, TooManyRequests, Unauthorized, Unavailable
from ionflux_core.llm import attempts, base, breaker, failures
from ionflux_core.llm.base import Model, TimeLimits
from ionflux_core.llm.breaker import Breaker, Breakers


class Named:
    """A model of which only the name matters."""

    base_url = None

    def __init__(self, chosen: str) -> None:
        self.provider, self.name = base.split_choice(chosen)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_FIRST_WAIT", 0.001)
    monkeypatch.setattr(attempts, "_LONGEST_WAIT", 0.002)
    monkeypatch.setattr(attempts, "_JITTER", 0.001)


class Script:
    """What each model does at each attempt: raise an error, or answer with its own name."""

    def __init__(self, **does: list[IonfluxError | None]) -> None:
        self.does = does
        self.asked: list[str] = []

    def __call__(self, model: Model, time_limits: TimeLimits) -> str:
        self.asked.append(model.provider)
        steps = self.does.get(model.provider, [None])
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if step is not None:
            raise step
        return model.provider


def ask(script: Callable[[Model, TimeLimits], str], *choices: str, breakers: Breakers | None = None) -> str:
    return attempts.ask(choices, Named, script, breakers or Breakers())  # type: ignore[arg-type]


def down(**details: float) -> Unavailable:
    return Unavailable("Down.", code="model_failed", **details)


def test_four_tries_then_the_error_itself() -> None:
    script = Script(openai=[down()])
    with pytest.raises(Unavailable, match="Down"):
        ask(script, "openai:a")
    assert script.asked == ["openai"] * 4


def test_an_answer_after_two_failures_is_an_answer() -> None:
    script = Script(openai=[down(), failures.broken_off("OpenAI"), None])
    assert ask(script, "openai:a") == "openai" and len(script.asked) == 3


@pytest.mark.parametrize("error", [Invalid("x"), Unauthorized("x"), Forbidden("x"), failures.cannot("x")])
def test_what_is_wrong_with_the_request_is_tried_once_and_nowhere_else(error: IonfluxError) -> None:
    script = Script(openai=[error])
    with pytest.raises(type(error)):
        ask(script, "openai:a", "anthropic:b")
    assert script.asked == ["openai"]


def test_the_wait_a_provider_asks_for_is_kept() -> None:
    script = Script(openai=[TooManyRequests("Slow.", retry_after=0.3), down(retry_after=0.3), None])
    started = time.monotonic()
    ask(script, "openai:a")
    assert 0.6 <= time.monotonic() - started < 10


def test_a_wait_longer_than_the_time_there_is_ends_at_once() -> None:
    script = Script(openai=[TooManyRequests("Slow.", retry_after=3600)])
    started = time.monotonic()
    with pytest.raises(TooManyRequests) as caught:
        ask(script, "openai:a")
    assert time.monotonic() - started < 20 and script.asked == ["openai"]
    # The run's own retry goes by it.
    assert caught.value.details["retry_after"] == 3600


def test_no_credit_is_not_tried_again() -> None:
    script = Script(openai=[failures.status_error("OpenAI", 429, {}, "insufficient_quota")])
    with pytest.raises(TooManyRequests):
        ask(script, "openai:a")
    assert script.asked == ["openai"]


@pytest.mark.parametrize(
    "error", [down(), failures.timeout_error("OpenAI", 60), failures.connection_error("OpenAI", None)]
)
def test_the_next_model_answers_when_the_first_is_unwell(error: IonfluxError) -> None:
    script = Script(openai=[error])
    assert ask(script, "openai:a", "anthropic:b") == "anthropic"
    assert script.asked == ["openai"] * 4 + ["anthropic"]


def test_a_rate_limit_is_waited_for_and_not_dodged() -> None:
    script = Script(openai=[TooManyRequests("Slow.", retry_after=0.001)])
    with pytest.raises(TooManyRequests):
        ask(script, "openai:a", "anthropic:b")
    assert set(script.asked) == {"openai"}


def test_an_open_breaker_asks_nobody_and_the_next_model_answers() -> None:
    breakers = Breakers()
    script = Script(openai=[down()])
    for _ in range(2):
        assert ask(script, "openai:a", "anthropic:b", breakers=breakers) == "anthropic"
    script.asked.clear()
    assert ask(script, "openai:a", "anthropic:b", breakers=breakers) == "anthropic"
    assert script.asked == ["anthropic"]
    with pytest.raises(Unavailable, match="left alone") as caught:
        ask(script, "openai:a", breakers=breakers)
    assert caught.value.code == "model_resting" and caught.value.details["retry_after"] > 20


def test_a_breaker_opens_after_five_in_a_row_and_lets_one_look() -> None:
    closed = Breaker("OpenAI", rest_seconds=0.05)
    for _ in range(breaker.FAILURES - 1):
        closed.failed()
    closed.succeeded()
    for _ in range(breaker.FAILURES - 1):
        closed.failed()
    closed.check()
    closed.failed()
    with pytest.raises(Unavailable):
        closed.check()
    assert closed.is_open
    time.sleep(0.06)
    closed.check()
    with pytest.raises(Unavailable):
        closed.check()
    closed.succeeded()
    closed.check()
    assert not closed.is_open


def test_a_wrong_key_does_not_open_the_breaker() -> None:
    breakers, script = Breakers(), Script(openai=[Unauthorized("x")])
    for _ in range(10):
        with pytest.raises(Unauthorized):
            ask(script, "openai:a", breakers=breakers)
    assert not breakers.of("openai").is_open


def test_each_address_has_a_breaker_of_its_own() -> None:
    breakers = Breakers()
    for _ in range(5):
        breakers.of("compatible", "http://one").failed()
    assert breakers.of("compatible", "http://one").is_open
    assert not breakers.of("compatible", "http://two").is_open and breakers.of("openai") is breakers.of("openai")


def test_a_missing_key_hides_no_failure() -> None:
    missing = failures.key_missing("anthropic")
    script = Script(openai=[down()], anthropic=[missing])
    with pytest.raises(Unavailable) as caught:
        ask(script, "openai:a", "anthropic:b")
    assert caught.value.code == "model_failed"
    with pytest.raises(Invalid) as caught:
        ask(Script(openai=[missing], anthropic=[missing]), "openai:a", "anthropic:b")
    assert caught.value.code == "model_key_missing"
