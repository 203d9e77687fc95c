"""The providers: each vendor's wire format is spoken and understood, whole and streamed, and its failures are told."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ionflux_core import ids
from ionflux_core.domain.dialogue import Image, Message, Tool, ToolCall
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
from ionflux_core.llm.base import Model, Request, TimeLimits, model_for
from ionflux_core.llm.failures import retry_after
from ionflux_core.outbound import Outbound
from ionflux_core.outbound_addresses import OutboundRefused
from tests.stand_ins.server import StandIn, events, half, stand_in, whole
from tests.stand_ins.wire import VENDORS, Vendor, messages, responses

KEY = "test-key-1234567890"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER = Tool("weather", "The weather of a town", {"type": "object", "properties": {"town": {"type": "string"}}})


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with stand_in() as said:
        yield said


@pytest.fixture(params=list(VENDORS))
def vendor(request: pytest.FixtureRequest) -> Vendor:
    return VENDORS[request.param]


def model_of(vendor: Vendor, server: StandIn, allow: list[str] | None = None) -> Model:
    outbound = Outbound([f"127.0.0.1:{server.port}"] if allow is None else allow)
    return model_for(
        vendor.provider, vendor.model, api_key=KEY, base_url=server.url + vendor.base, http_client=outbound.client,
        api=vendor.api,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
def model(vendor: Vendor, server: StandIn) -> Model:
    return model_of(vendor, server)


def hello(**options: Any) -> Request:
    return Request.of("Say hello", **options)


def test_answer_becomes_a_completion(model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(whole(vendor.whole()))
    done = model.complete(hello(system="Be kind", max_tokens=50, temperature=0.2))
    assert (done.text, done.finish_reason) == ("Hello wörld", "stop")
    assert (done.tokens_in, done.tokens_out, done.cached_tokens) == (100, 10, 40)
    assert done.engine["kind"] == "llm" and done.engine["name"] == f"{vendor.provider}/{vendor.model}"
    assert done.engine["version"] == done.model and done.latency_ms > 0
    # Another base URL is another seller: its price is unknown.
    assert done.cost_micros is None and done.price is None


def test_stream_gives_the_pieces_and_the_same_completion(model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(events(vendor.stream(["Hel", "lo ", "wörld"])))
    pieces: list[str] = []
    done = model.complete(hello(), on_text=pieces.append)
    assert pieces == ["Hel", "lo ", "wörld"] and done.text == "Hello wörld"
    assert (done.tokens_in, done.tokens_out, done.cached_tokens, done.finish_reason) == (100, 10, 40, "stop")


def test_stream_is_handed_on_while_it_comes(model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(events(vendor.stream(["one ", "two ", "three"]), pause=0.1))
    heard: list[float] = []
    model.complete(hello(), on_text=lambda piece: heard.append(time.monotonic()))
    assert heard[-1] - heard[0] > 0.15


def test_request_follows_the_wire_format(model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(whole(vendor.whole()))
    model.complete(hello(system="Be kind", max_tokens=50, temperature=0.2))
    [asked] = server.requests
    body = asked.body
    assert asked.path == vendor.path and asked.headers["authorization"] == f"Bearer {KEY}"
    assert body["temperature"] == 0.2 and body["model"] == vendor.model
    most = {"/v1/responses": "max_output_tokens", "/v1/messages": "max_tokens"}.get(vendor.path)
    most = most or ("max_tokens" if vendor.provider == "compatible" else "max_completion_tokens")
    assert body[most] == 50
    if vendor.path == "/v1/responses":
        assert (body["input"], body["instructions"]) == ([{"role": "user", "content": "Say hello"}], "Be kind")
        assert body["store"] is False
    elif vendor.path == "/v1/messages":
        assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Say hello"}]}]
        assert body["system"] == "Be kind"
    else:
        assert [turn["role"] for turn in body["messages"]] == ["system", "user"]
    model.complete(hello())
    assert not {"temperature", "system", "instructions", "tools"} & set(server.requests[1].body)


@pytest.mark.parametrize("streamed", [False, True])
def test_wishes_to_use_tools_come_back_with_their_arguments(
    streamed: bool, model: Model, vendor: Vendor, server: StandIn
) -> None:
    wishes = [("weather", {"town": "Lisboa"}), ("weather", {"town": "Porto"})]
    server.says(
        events(vendor.stream(["Let me see."], wishes)) if streamed else whole(vendor.whole("Let me see.", wishes))
    )
    heard: list[str] = []
    done = model.complete(hello(tools=(WEATHER,)), on_text=heard.append if streamed else None)
    assert done.finish_reason == "tool_calls" and done.text == "Let me see."
    assert [(call.id, call.name, call.arguments) for call in done.tool_calls] == [
        ("call_0", "weather", {"town": "Lisboa"}),
        ("call_1", "weather", {"town": "Porto"}),
    ]
    assert "The weather of a town" in json.dumps(server.requests[0].body["tools"])


def test_a_whole_conversation_is_sent(model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(whole(vendor.whole()))
    calls = (ToolCall("call_0", "weather", {"town": "Lisboa"}), ToolCall("call_1", "weather", {"town": "Porto"}))
    turns = (
        Message("user", "What is the weather?", images=(Image(PIXEL),)),
        Message("assistant", "Let me see.", tool_calls=calls),
        Message("tool", "sunny", tool_call_id="call_0"),
        Message("tool", "rain", tool_call_id="call_1"),
    )
    model.complete(Request(turns, tools=(WEATHER,)))
    body = server.requests[0].body
    sent = json.dumps(body.get("input") or body["messages"])
    encoded = base64.b64encode(PIXEL).decode()
    for part in (encoded, "image/png", "What is the weather?", "Let me see.", "Lisboa", "sunny", "rain", "call_1"):
        assert part in sent
    if vendor.provider == "anthropic":
        assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]


def test_a_schema_goes_out_in_the_provider_s_own_mode(model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(whole(vendor.whole('{"town": "Porto"}')))
    schema = {
        "type": "object",
        "properties": {"town": {"type": "string"}, "default": {"type": "integer", "default": 3}},
    }
    model.complete(hello(schema=schema))
    body = server.requests[0].body
    sent = {
        "/v1/responses": lambda: body["text"]["format"],
        "/v1/messages": lambda: body["output_config"]["format"],
        "/v1/chat/completions": lambda: body["response_format"]["json_schema"],
    }[vendor.path]()
    assert sent["schema"]["additionalProperties"] is False
    assert sent["schema"]["required"] == ["town", "default"]
    assert "default" not in sent["schema"]["properties"]["default"]


@pytest.mark.parametrize("streamed", [False, True])
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
    status: int, error: type[IonfluxError], code: str, streamed: bool, model: Model, server: StandIn
) -> None:
    body = {"error": {"type": "some_type", "message": "private text"}}
    server.says(whole(body, status, Location="http://169.254.169.254/"))
    with pytest.raises(error) as caught:
        model.complete(hello(), on_text=print if streamed else None)
    assert caught.value.code == code and caught.value.hint and "private" not in str(caught.value)
    assert len(server.requests) == 1


def test_rate_limit_says_how_long_to_wait(model: Model, server: StandIn) -> None:
    server.says(whole({"error": {"type": "rate_limit_error", "message": "x"}}, 429, Retry_After="7"))
    with pytest.raises(TooManyRequests) as caught:
        model.complete(hello())
    assert caught.value.details["retry_after"] == 7.0
    assert len(server.requests) == 1


def test_used_up_credit_is_told_apart(server: StandIn) -> None:
    server.says(whole({"error": {"code": "insufficient_quota", "message": "x"}}, 429))
    with pytest.raises(TooManyRequests, match=r"no credit left") as caught:
        model_of(VENDORS["openai"], server).complete(hello())
    assert caught.value.details["out_of_credit"]


@pytest.mark.parametrize(
    "body",
    [b"{not json", b"", b"[]", b"null", b'"text"', b"{}", b'{"output": 3, "content": 3, "choices": 3}', b"\xff\xfe"],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
def test_answer_in_another_form_is_a_plain_error(body: bytes, content_type: str, model: Model, server: StandIn) -> None:
    server.says(whole(body, content_type=content_type))
    with pytest.raises(Unavailable, match=r"cannot be read"):
        model.complete(hello())


def test_bad_json_in_a_stream_is_a_plain_error(model: Model, vendor: Vendor, server: StandIn) -> None:
    frames = vendor.stream(["Hello"])
    server.says(events([*frames[:2], b"event: message_delta\ndata: {not json\n\n", *frames[2:]]))
    with pytest.raises(Unavailable, match=r"cannot be read"):
        model.complete(hello(), on_text=lambda piece: None)


@pytest.mark.parametrize("kept", [0, 2, 4])
def test_half_a_stream_is_no_answer(kept: int, model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(events(vendor.stream(["one ", "two ", "three ", "four"]), keep=kept))
    with pytest.raises(Unavailable, match=r"broke off its answer"):
        model.complete(hello(), on_text=lambda piece: None)


def test_a_stream_that_ends_politely_but_early_is_no_answer(model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(events(vendor.stream(["one ", "two ", "three"])[:4]))
    with pytest.raises(Unavailable, match=r"broke off its answer"):
        model.complete(hello(), on_text=lambda piece: None)


def test_half_a_whole_answer_is_no_answer(model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(half(vendor.whole()))
    with pytest.raises(Unavailable) as caught:
        model.complete(hello())
    assert caught.value.code in ("model_broken_off", "model_unreachable", "model_bad_answer")


def test_an_error_inside_a_stream_is_told(model: Model, vendor: Vendor, server: StandIn) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "code": "server_error", "message": "private"}}
    frame = b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n"
    server.says(events([*vendor.stream(["Hello"])[:2], frame]))
    with pytest.raises(Unavailable) as caught:
        model.complete(hello(), on_text=lambda piece: None)
    assert caught.value.code == "model_failed" and "private" not in str(caught.value)


def test_slow_model_ends_with_the_timeout(model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(whole(vendor.whole(), delay=1))
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"did not answer within 0\.3 seconds"):
        model.complete(hello(), time_limits=TimeLimits(total=0.3))
    assert time.monotonic() - started < 0.9


def test_a_stream_without_first_words_ends_before_its_whole_time(model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(events(vendor.stream(["late"]), delay=2))
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"began no answer within 0\.3 seconds"):
        model.complete(hello(), time_limits=TimeLimits(total=5, first=0.3), on_text=lambda piece: None)
    assert time.monotonic() - started < 0.9


def test_a_stream_that_has_begun_may_use_its_whole_time(model: Model, vendor: Vendor, server: StandIn) -> None:
    server.says(events(vendor.stream(list("abcdefgh")), pause=0.1))
    done = model.complete(hello(), time_limits=TimeLimits(total=5, first=0.5), on_text=lambda piece: None)
    assert done.text == "abcdefgh"
    with pytest.raises(Unavailable, match=r"did not answer within 0\.6 seconds"):
        model.complete(hello(), time_limits=TimeLimits(total=0.6, first=0.5), on_text=lambda piece: None)


def test_a_wish_to_use_a_tool_is_a_beginning_too(model: Model, vendor: Vendor, server: StandIn) -> None:
    frames = vendor.stream([], [("weather", {"town": "Porto"})])
    frames = [*frames[:-2], *[b": still at it\n\n"] * 8, *frames[-2:]]
    server.says(events(frames, pause=0.08))
    if vendor.path == "/v1/responses":
        # There the wish comes with the end; a thought comes before it.
        thought = {"type": "response.reasoning_summary_text.delta", "delta": "Hm", "item_id": "r", "output_index": 0,
                   "summary_index": 0, "sequence_number": 1}  # fmt: skip
        frames.insert(1, b"event: x\ndata: " + json.dumps(thought).encode() + b"\n\n")
        server.says(events(frames, pause=0.08))
    done = model.complete(
        hello(tools=(WEATHER,)), time_limits=TimeLimits(total=5, first=0.5), on_text=lambda piece: None
    )
    assert [call.arguments for call in done.tool_calls] == [{"town": "Porto"}]


def test_answer_has_a_size_limit(model: Model, server: StandIn) -> None:
    server.says(whole(b" " * 11_000_000 + b"{}"))
    with pytest.raises(LimitExceeded):
        model.complete(hello())


def test_base_url_inside_the_network_is_refused_by_the_guard(vendor: Vendor, server: StandIn) -> None:
    server.says()
    with pytest.raises(OutboundRefused):
        model_of(vendor, server, allow=[]).complete(hello())
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "finish"),
    [
        (responses(status="incomplete", incomplete_details={"reason": "max_output_tokens"}), "length"),
        (responses(status="incomplete", incomplete_details={"reason": "content_filter"}), "refusal"),
        (
            responses(
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
        (messages(stop_reason="max_tokens"), "length"),
        (messages(stop_reason="refusal"), "refusal"),
        (messages(stop_reason="something_new"), "other"),
    ],
)
def test_finish_reason(answer: dict[str, Any], finish: str, server: StandIn) -> None:
    server.says(whole(answer))
    vendor = VENDORS["openai" if answer.get("object") == "response" else "anthropic"]
    assert model_of(vendor, server).complete(hello()).finish_reason == finish


def test_no_usage_reported_means_no_cost(server: StandIn) -> None:
    server.says(whole(responses(usage=None)))
    done = model_of(VENDORS["openai"], server).complete(hello())
    assert (done.text, done.tokens_in, done.cost_micros) == ("Hello wörld", 0, None)


def test_failed_response_with_status_200_is_an_error(server: StandIn) -> None:
    server.says(whole(responses(status="failed", error={"code": "server_error", "message": "private"}, output=[])))
    with pytest.raises(Unavailable, match=r"server_error") as caught:
        model_of(VENDORS["openai"], server).complete(hello())
    assert "private" not in str(caught.value)


@pytest.mark.parametrize("name", ["openai", "compatible"])
def test_vectors_come_in_the_order_of_the_texts(name: str, server: StandIn) -> None:
    data = [{"object": "embedding", "index": n, "embedding": [float(n), 1.0]} for n in (1, 0)]
    usage = {"prompt_tokens": 6, "total_tokens": 6}
    server.says(whole({"object": "list", "data": data, "model": "embed-1", "usage": usage}))
    said = model_of(VENDORS[name], server).embed(["a", "b"])
    assert said.vectors == [[0.0, 1.0], [1.0, 1.0]] and (said.model, said.tokens_in, said.cost_micros) == (
        "embed-1",
        6,
        None,
    )
    assert (server.requests[0].path, server.requests[0].body["input"]) == ("/v1/embeddings", ["a", "b"])
    with pytest.raises(Unavailable, match="cannot be read"):
        model_of(VENDORS[name], server).embed(["a", "b", "c"])


def test_anthropic_says_that_it_has_no_vectors(server: StandIn) -> None:
    with pytest.raises(Invalid, match="no embeddings"):
        model_of(VENDORS["anthropic"], server).embed(["a"])


def test_model_for_says_what_is_missing() -> None:
    client = Outbound().client
    with pytest.raises(Invalid, match=r"no key for OpenAI") as caught:
        model_for("openai", "gpt-4.1", http_client=client)
    assert caught.value.code == "model_key_missing"
    with pytest.raises(Invalid, match=r"no model provider"):
        model_for("elsewhere", "m", api_key=KEY)
    with pytest.raises(Invalid, match=r"No model of Anthropic"):
        model_for("anthropic", api_key=KEY)
    with pytest.raises(Invalid, match=r"no address"):
        model_for("compatible", "llama3", http_client=client)


def test_official_address_is_priced(monkeypatch: pytest.MonkeyPatch, server: StandIn) -> None:
    from ionflux_core.llm import openai as provider

    monkeypatch.setattr(provider, "BASE_URL", f"{server.url}/v1")
    outbound = Outbound([f"127.0.0.1:{server.port}"])
    for name in ("openai", "openai-chat"):
        vendor = VENDORS[name]
        server.says(whole(vendor.whole()))
        model = model_for("openai", "gpt-4.1", api_key=KEY, http_client=outbound.client, api=vendor.api)  # type: ignore[arg-type]
        done = model.complete(hello())
        assert done.cost_micros == 60 * 2 + 40 // 2 + 10 * 8
        assert done.price is not None and str(done.price.since) == "2026-06-01"


def test_a_picture_must_be_what_it_says() -> None:
    with pytest.raises(Invalid, match="no image/jpeg"):
        Image(PIXEL, "image/jpeg")
    with pytest.raises(Invalid):
        Image(b"<svg onload=alert(1)>", "image/svg+xml")  # type: ignore[arg-type]
    with pytest.raises(LimitExceeded):
        Image(PIXEL + b"\0" * 6_000_000)


def test_retry_after_in_every_form() -> None:
    ids.set_clock(lambda: datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC))
    assert retry_after({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"}) == 30.0
    assert retry_after({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT"}) == 0.0
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert retry_after({}) is None and retry_after({"retry-after": "soon"}) is None
