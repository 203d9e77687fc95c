"""The engine without a network and the price list: honest about what they are and what they do not know."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from ionflux_core.domain.dialogue import Image, Message
from ionflux_core.errors import Invalid
from ionflux_core.llm import local, pricing
from ionflux_core.llm.base import Request, model_for
from ionflux_core.llm.estimates import most_micros
from ionflux_core.llm.schemas import closed, read_answer

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
    first = model.complete(Request.of(TEXT, temperature=1.0))
    second = model.complete(Request.of(TEXT, system="x", temperature=0.0))
    assert first.text == second.text and first.cost_micros == 0
    assert first.engine == {"kind": "local", "name": "extractive-tfidf", "version": "1", "seed": None}
    assert first.tokens_out == len(local.words(first.text))


@given(st.text(max_size=400), st.integers(min_value=0, max_value=30))
def test_local_model_only_ever_quotes(text: str, max_tokens: int) -> None:
    done = model_for("local").complete(Request.of(text, max_tokens=max_tokens))
    assert done.tokens_out <= max_tokens
    for word in local.words(done.text):
        assert word in text


def test_local_model_on_a_huge_text_stays_quick() -> None:
    started = time.process_time()
    text = "Order number 7 came late and was refunded. " * 200 + "x" * 100_000 + " a. " * 20_000
    model_for("local").complete(Request.of(text))
    assert time.process_time() - started < 15


def test_local_model_refuses_what_it_cannot_do_honestly() -> None:
    model = model_for("local")
    with pytest.raises(Invalid, match="cannot fill in a form"):
        model.complete(Request.of("Fill in", schema={"type": "object"}))
    picture = Image(b"\x89PNG...")
    with pytest.raises(Invalid, match="sees no pictures"):
        model.complete(Request((Message("user", "What is this?", images=(picture,)),)))


def test_local_model_streams_the_text_it_gives() -> None:
    pieces: list[str] = []
    done = model_for("local").complete(Request.of(TEXT), on_text=pieces.append)
    assert len(pieces) > 3 and "".join(pieces) == done.text


def test_local_vectors_are_the_same_everywhere_and_alike_for_like_texts() -> None:
    model = model_for("local")
    said = model.embed(["refund for order seven", "order seven wants a refund", "the weather in Lisbon"])
    assert (
        said.vectors
        == model.embed(["refund for order seven", "order seven wants a refund", "the weather in Lisbon"]).vectors
    )
    first, like, other = said.vectors
    likeness = [sum(a * b for a, b in zip(first, second, strict=True)) for second in (like, other)]
    assert likeness[0] > 0.3 > likeness[1]
    assert (said.cost_micros, said.provider, len(first)) == (0, "local", 256)


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


def test_price_snapshot_says_what_was_paid_and_since_when() -> None:
    price = pricing.price_of("openai", "gpt-4.1", TODAY)
    assert price is not None
    assert price.snapshot() == {
        "input": "2", "cached": "0.50", "output": "8", "currency": "USD", "tokens": "1000000", "since": "2026-06-01",
        "source": "lists",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["word " * 500, "日本語のテキスト" * 200, "a1b2c3d4e5f6" * 300])
def test_a_call_is_never_estimated_too_low(text: str) -> None:
    model = model_for("openai", "gpt-4.1", api_key="k", http_client=lambda: None)  # type: ignore[arg-type,return-value]
    most = most_micros(model, Request.of(text, max_tokens=100))
    # Six bytes are at least one token in every tokenizer of the listed models; two are the worst they are known for.
    assert most is not None and most >= (len(text.encode()) // 2) * 2 + 100 * 8
    assert most_micros(model_for("local"), Request.of(text)) == 0


def test_what_an_unknown_seller_asks_is_unknown() -> None:
    for provider, name, url in (
        ("compatible", "llama3", "http://x/v1"),
        ("openai", "gpt-4.1", "http://x/v1"),
        ("openai", "gpt-99", ""),
    ):
        model = model_for(provider, name, api_key="k", base_url=url, http_client=lambda: None)  # type: ignore[arg-type,return-value]
        assert most_micros(model, Request.of("x")) is None


class Order(BaseModel):
    """An order as a model is asked for it."""

    number: int = Field(ge=1, le=99)
    note: str = ""
    lines: list[Line]


class Line(BaseModel):
    """One line of it."""

    title: str = Field(pattern="^[A-Z]")


def test_a_schema_is_closed_for_the_provider_and_whole_for_the_check() -> None:
    schema = Order.model_json_schema()
    sent, strict = closed(schema)
    assert strict and sent["required"] == ["number", "note", "lines"] and sent["additionalProperties"] is False
    assert sent["$defs"]["Line"]["additionalProperties"] is False
    assert sent["properties"]["number"] == {"type": "integer", "description": "(maximum 99, minimum 1)"}
    assert "default" not in str(sent) and "title" in sent["$defs"]["Line"]["properties"]
    assert read_answer('{"number": 7, "lines": []}', schema) == ({"number": 7, "lines": []}, None)
    assert "100 is greater" in str(read_answer('{"number": 100, "lines": []}', schema)[1])
    assert closed({"type": "object", "additionalProperties": {"type": "string"}})[1] is False


def test_a_schema_never_makes_the_machine_fetch_anything() -> None:
    with pytest.raises(Exception, match="Unresolvable"):
        read_answer("{}", {"$ref": "http://127.0.0.1:9/schema.json"})
