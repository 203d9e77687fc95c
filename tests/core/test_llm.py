"""The model port: the local engine is honest, the providers' wire formats and failures are understood."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core import ids
from ionflux_core.errors import (
    Forbidden,
    Invalid,
    IonfluxError,
    LimitExceeded,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from ionflux_core.llm import local, pricing
from ionflux_core.llm.base import Model, model_for, retry_after
from ionflux_core.outbound import Outbound
from ionflux_core.outbound_addresses import OutboundRefused

KEY = "test-key-1234567890"


def openai_answer(**changes: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": "gpt-4.1-2025-04-14",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": [
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Hello wörld", "annotations": []}],
            }
        ],
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 40},
            "output_tokens": 10,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 110,
        },
        **changes,
    }


def anthropic_answer(**changes: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-5-20251101",
        "content": [{"type": "text", "text": "Hello "}, {"type": "text", "text": "wörld"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 60,
            "cache_read_input_tokens": 40,
            "cache_creation_input_tokens": 0,
            "output_tokens": 10,
        },
        **changes,
    }


GOOD = {"openai": openai_answer, "anthropic": anthropic_answer}


@dataclass
class StandIn:
    """A server on loopback that speaks the providers' wire formats and keeps what it was sent."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    port: int = 0

    def answer(self, body: Any, status: int = 200, **headers: str) -> None:
        self.status, self.headers, self.delay = status, {"Content-Type": "application/json", **headers}, 0
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.requests.clear()


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            stand_in.requests.append((self.path, headers, body))
            # Taken now: the next test may set another answer while this one is being written.
            status, delay, answer = stand_in.status, stand_in.delay, stand_in.body
            sent = {**stand_in.headers, "Content-Length": str(len(answer))}
            time.sleep(delay)
            with suppress(OSError):
                self.send_response(status)
                for name, value in sent.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    # A client that hangs up early is what some tests are about.
    httpd.handle_error = lambda *_: None  # type: ignore[method-assign]
    stand_in.port = httpd.server_port
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield stand_in
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(scope="module")
def models(server: StandIn) -> dict[str, Model]:
    outbound = Outbound([f"127.0.0.1:{server.port}"])
    url = f"http://127.0.0.1:{server.port}"
    return {
        "openai": model_for("openai", "gpt-4.1", api_key=KEY, base_url=f"{url}/v1", http_client=outbound.client),
        "anthropic": model_for("anthropic", "claude-opus-4-5", api_key=KEY, base_url=url, http_client=outbound.client),
    }


@pytest.fixture(params=["openai", "anthropic"])
def model(request: pytest.FixtureRequest, models: dict[str, Model]) -> Model:
    return models[request.param]


def test_answer_becomes_a_completion(model: Model, server: StandIn) -> None:
    server.answer(GOOD[model.provider]())
    done = model.complete("Say hello", system="Be kind", max_tokens=50, temperature=0.2)
    assert (done.text, done.finish_reason) == ("Hello wörld", "stop")
    assert (done.tokens_in, done.tokens_out, done.cached_tokens) == (100, 10, 40)
    assert done.engine["kind"] == "llm" and done.engine["name"] == f"{model.provider}/{model.name}"
    assert done.engine["version"] == done.model and done.latency_ms > 0
    # Another base URL is another seller: its price is unknown.
    assert done.cost_micros is None


def test_request_follows_the_wire_format(model: Model, server: StandIn) -> None:
    server.answer(GOOD[model.provider]())
    model.complete("Say hello", system="Be kind", max_tokens=50, temperature=0.2)
    [(path, headers, body)] = server.requests
    if model.provider == "openai":
        assert path == "/v1/responses" and headers["authorization"] == f"Bearer {KEY}"
        assert (body["input"], body["instructions"], body["max_output_tokens"]) == ("Say hello", "Be kind", 50)
        assert body["store"] is False
    else:
        assert path == "/v1/messages" and headers["authorization"] == f"Bearer {KEY}"
        assert body["messages"] == [{"role": "user", "content": "Say hello"}]
        assert (body["system"], body["max_tokens"]) == ("Be kind", 50)
    assert body["temperature"] == 0.2 and body["model"] == model.name
    model.complete("Say hello")
    assert not {"temperature", "system", "instructions"} & set(server.requests[1][2])


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, Invalid, "invalid"),
        (401, Unauthorized, "unauthorized"),
        (403, Forbidden, "forbidden"),
        (404, NotFound, "not_found"),
        (409, Unavailable, "model_failed"),
        (500, Unavailable, "model_failed"),
        (529, Unavailable, "model_failed"),
        (307, Unavailable, "model_failed"),
    ],
)
def test_error_status_is_tried_once_and_never_repeats_the_answer(
    status: int, error: type[IonfluxError], code: str, model: Model, server: StandIn
) -> None:
    server.answer(
        {"error": {"type": "some_type", "message": "private text"}}, status, Location="http://169.254.169.254/"
    )
    with pytest.raises(error) as caught:
        model.complete("Say hello")
    assert caught.value.code == code and caught.value.hint and "private" not in str(caught.value)
    assert len(server.requests) == 1


def test_rate_limit_says_how_long_to_wait(model: Model, server: StandIn) -> None:
    server.answer({"error": {"type": "rate_limit_error", "message": "x"}}, 429, Retry_After="7")
    with pytest.raises(TooManyRequests) as caught:
        model.complete("Say hello")
    assert caught.value.details["retry_after"] == 7.0
    assert len(server.requests) == 1


def test_used_up_credit_is_told_apart(models: dict[str, Model], server: StandIn) -> None:
    server.answer({"error": {"code": "insufficient_quota", "message": "x"}}, 429)
    with pytest.raises(TooManyRequests, match=r"no credit left") as caught:
        models["openai"].complete("Say hello")
    assert caught.value.details["retry_after"] is None


@pytest.mark.parametrize(
    "body", [b"{not json", b"", b"[]", b"null", b'"text"', b"{}", b'{"output": 3, "content": 3}', b"\xff\xfe"]
)
@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
def test_answer_in_another_form_is_a_plain_error(body: bytes, content_type: str, model: Model, server: StandIn) -> None:
    server.answer(body)
    server.headers["Content-Type"] = content_type
    with pytest.raises(Unavailable, match=r"cannot be read"):
        model.complete("Say hello")


def test_slow_model_ends_with_the_timeout(model: Model, server: StandIn) -> None:
    server.answer(GOOD[model.provider]())
    server.delay = 1
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"did not answer within 0\.3 seconds"):
        model.complete("Say hello", timeout=0.3)
    assert time.monotonic() - started < 0.9
    server.delay = 0


def test_answer_has_a_size_limit(model: Model, server: StandIn) -> None:
    server.answer(b" " * 11_000_000 + b"{}")
    with pytest.raises(LimitExceeded):
        model.complete("Say hello")


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_base_url_inside_the_network_is_refused_by_the_guard(provider: str, server: StandIn) -> None:
    server.requests.clear()
    model = model_for(
        provider, "m", api_key=KEY, base_url=f"http://127.0.0.1:{server.port}", http_client=Outbound().client
    )
    with pytest.raises(OutboundRefused):
        model.complete("Say hello")
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "finish"),
    [
        (openai_answer(status="incomplete", incomplete_details={"reason": "max_output_tokens"}), "length"),
        (openai_answer(status="incomplete", incomplete_details={"reason": "content_filter"}), "refusal"),
        (
            openai_answer(
                output=[
                    {
                        "type": "message",
                        "id": "1",
                        "role": "assistant",
                        "content": [{"type": "refusal", "refusal": "no"}],
                    }
                ]
            ),
            "refusal",
        ),
        (anthropic_answer(stop_reason="max_tokens"), "length"),
        (anthropic_answer(stop_reason="refusal"), "refusal"),
        (anthropic_answer(stop_reason="something_new"), "other"),
    ],
)
def test_finish_reason(answer: dict[str, Any], finish: str, models: dict[str, Model], server: StandIn) -> None:
    server.answer(answer)
    provider = "openai" if answer.get("object") == "response" else "anthropic"
    assert models[provider].complete("Say hello").finish_reason == finish


def test_no_usage_reported_means_no_cost(models: dict[str, Model], server: StandIn) -> None:
    server.answer(openai_answer(usage=None))
    done = models["openai"].complete("Say hello")
    assert (done.text, done.tokens_in, done.cost_micros) == ("Hello wörld", 0, None)


def test_failed_response_with_status_200_is_an_error(models: dict[str, Model], server: StandIn) -> None:
    server.answer(openai_answer(status="failed", error={"code": "server_error", "message": "private"}, output=[]))
    with pytest.raises(Unavailable, match=r"server_error") as caught:
        models["openai"].complete("Say hello")
    assert "private" not in str(caught.value)


def test_model_for_says_what_is_missing() -> None:
    with pytest.raises(Unavailable, match=r"no key for openai"):
        model_for("openai", "gpt-4.1", http_client=Outbound().client)
    with pytest.raises(Invalid, match=r"no model provider"):
        model_for("elsewhere", "m", api_key=KEY)
    with pytest.raises(Invalid, match=r"No model of anthropic"):
        model_for("anthropic", api_key=KEY)


def test_retry_after_in_every_form() -> None:
    ids.set_clock(lambda: datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC))
    try:
        assert retry_after({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"}) == 30.0
        assert retry_after({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT"}) == 0.0
    finally:
        ids.set_clock(None)
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert retry_after({}) is None and retry_after({"retry-after": "soon"}) is None


# The local engine.

TEXT = """The shop lost orders on Friday. Checkout errors rose from 1.2 % to 9.8 % after the payment app was updated.
- Payment app version 3.4 went live at 14:05.
- Payment app errors stopped when version 3.3 came back at 15:40.
It rained. The weather was nice on Saturday. Dr. Smith visited, e.g. to see the shop."""


def test_summary_quotes_the_telling_sentences_in_their_order() -> None:
    sentences = local.split_sentences(TEXT)
    assert "Payment app version 3.4 went live at 14:05." in sentences
    summary = local.summarise(TEXT)
    picked = [sentence for sentence in sentences if sentence in summary]
    assert summary == " ".join(picked) and 1 <= len(picked) <= local.MOST_SENTENCES
    assert "ayment app" in summary and "It rained." not in summary


def test_local_model_is_deterministic_free_and_says_what_it_is() -> None:
    model = model_for("local")
    first, second = model.complete(TEXT, temperature=1.0), model.complete(TEXT, system="x", temperature=0.0)
    assert first.text == second.text and first.cost_micros == 0
    assert first.engine == {"kind": "local", "name": "extractive-tfidf", "version": "1", "seed": None}
    assert first.tokens_out == len(local.words(first.text))


@given(st.text(max_size=400), st.integers(min_value=0, max_value=30))
def test_local_model_only_ever_quotes(text: str, max_tokens: int) -> None:
    done = model_for("local").complete(text, max_tokens=max_tokens)
    assert done.tokens_out <= max_tokens
    for word in local.words(done.text):
        assert word in text


def test_local_model_on_a_huge_text_stays_quick() -> None:
    started = time.process_time()
    model_for("local").complete("Order number 7 came late and was refunded. " * 200 + "x" * 100_000 + " a. " * 20_000)
    assert time.process_time() - started < 3


def test_key_terms_skip_small_words() -> None:
    assert local.key_terms(TEXT, 2) == ["payment", "app"]


# Prices.

TODAY = date(2026, 11, 21)


def test_cost_is_exact_and_counts_cached_tokens_at_their_own_price() -> None:
    # 60 x 5 + 40 x 0.50 + 10 x 25 millionths of a dollar.
    assert pricing.cost_micros("anthropic", "claude-opus-4-5-20251101", 100, 10, 40, on=TODAY) == 570
    assert pricing.cost_micros("openai", "gpt-4.1-2025-04-14", 1_000_000, 1_000_000, on=TODAY) == 10_000_000


def test_unknown_price_is_none_and_a_tiny_cost_is_never_zero() -> None:
    assert pricing.cost_micros("openai", "gpt-99", 1, 1, on=TODAY) is None
    assert pricing.cost_micros("openai", "gpt-4.1", 1, 1, on=date(2020, 1, 1)) is None
    assert pricing.cost_micros("anthropic", "claude-haiku-5-5", 100_001, 1, on=TODAY) is None
    assert pricing.cost_micros("anthropic", "claude-haiku-5-5", 1, 0, on=TODAY) == 1


def test_price_of_the_day_holds() -> None:
    before = pricing.price_of("anthropic", "claude-sonnet-5-5", date(2026, 10, 6))
    after = pricing.price_of("anthropic", "claude-sonnet-5-5", date(2026, 10, 7))
    assert before and after and (before.cached, after.cached) == (Decimal("0.20"), Decimal("0.10"))


def test_price_list_is_sane() -> None:
    rows = pricing.prices()
    assert len({(row.provider, row.model, row.since) for row in rows}) == len(rows)
    for row in rows:
        assert Decimal(0) < row.cached < row.input < row.output and row.source in ("vendor", "lists")


def test_official_address_is_priced(monkeypatch: pytest.MonkeyPatch, server: StandIn) -> None:
    from ionflux_core.llm import openai as provider

    monkeypatch.setattr(provider, "BASE_URL", f"http://127.0.0.1:{server.port}")
    server.answer(openai_answer())
    outbound = Outbound([f"127.0.0.1:{server.port}"])
    done = model_for("openai", "gpt-4.1", api_key=KEY, http_client=outbound.client).complete("Say hello")
    assert done.cost_micros == 60 * 2 + 40 // 2 + 10 * 8
