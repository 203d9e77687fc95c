"""No secret value reaches a log line, a stored run or a saved text."""

from __future__ import annotations

import base64
import json
import logging
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core import limits, redaction
from ionflux_core.redaction import MASK, RedactingFormatter, Redactor, bind, bound, looks_like_secret

VALUE = 'p@ss w/ord+"ü\\n=1'

# Joined here so that no whole token stands in this file.
TOKENS = {
    "model provider key": "sk-" + "proj-Abcd1234Efgh5678Ijkl",
    "payment key": "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc",
    "shop token": "shp" + "at_0123456789abcdef0123456789abcdef",
    "code host token": "gh" + "p_" + "a1B2" * 9,
    "chat token": "xox" + "b-123456789012-abcdefABCDEF",
    "cloud key": "AK" + "IA" + "ABCDEFGH23456789",
    "access token": "if" + "x_" + "a-B_" * 10,
    "signed token": "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "webhook secret": "wh" + "sec_MDEyMzQ1Njc4OWFiY2RlZg==",
    "bearer token": "Authorization: Bearer " + "abcDEF123456._~+/-xyz==",
    "basic credentials": "Authorization: Basic " + base64.b64encode(b"user:password1").decode(),
    "password in an address": "postgresql+psycopg://ion:hunter2@db.example/ion",
    "named secret": "api_key = 'abcdef123456'",
    "private key": "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
}

PLAIN = [
    "secret://shop_token",
    "api_key: secret://model_key",
    "Use a bearer token or basic authentication for this.",
    "https://example.com:8443/path?q=user@example.com",
    "The password must have eight characters.",
    "sk-learn and task-management are words, 3 x 4 = 12",
    "shpat is the prefix of a shop token",
    "0190a6f2-3b1c-7def-8a90-123456789abc",
    "max_tokens: 4096",
]


@pytest.mark.parametrize(
    "encoded",
    [
        VALUE,
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        json.dumps({"token": VALUE}),
        json.dumps({"token": VALUE}, ensure_ascii=False),
        repr({"token": VALUE}),
        VALUE.encode().hex(),
    ],
)
def test_known_value_is_replaced_however_it_is_written(encoded: str) -> None:
    redacted = Redactor([VALUE]).text(f"before {encoded} after")
    assert MASK in redacted and "w/ord" not in redacted and "ord" not in redacted
    assert redacted.startswith("before ") and redacted.endswith(" after")


@given(st.binary(max_size=20), st.text("abcdef0123456789", min_size=12, max_size=40), st.binary(max_size=20))
def test_value_inside_a_longer_base64_text_is_replaced(before: bytes, value: str, after: bytes) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(before + value.encode() + after).decode()
        assert MASK in Redactor([value]).text(encoded)


@given(st.text(min_size=4, max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_exact_match_is_the_guard(value: str, before: str, after: str) -> None:
    redactor = Redactor([value])
    assert redactor.holds(before + value + after)
    # A value that is itself part of the mask cannot vanish from it.
    assert value in MASK or value not in redactor.text(before + value + after).replace(MASK, "")


def test_longer_value_wins_over_one_inside_it() -> None:
    assert Redactor(["abcd", "abcd-efgh"]).text("x abcd-efgh y") == f"x {MASK} y"


@pytest.mark.parametrize("kind", TOKENS)
def test_patterns_name_and_mask_what_looks_like_a_secret(kind: str) -> None:
    text = f"prefix {TOKENS[kind]} suffix"
    assert looks_like_secret(text) == kind
    redacted = Redactor().text(text)
    assert MASK in redacted and redacted.startswith("prefix ") and redacted.endswith(" suffix")


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_is_left_alone(text: str) -> None:
    assert looks_like_secret(text) is None
    assert Redactor().text(text) == text


def test_masking_keeps_the_words_around_the_secret() -> None:
    redactor = Redactor()
    assert redactor.text("postgresql://ion:hunter2@db/ion") == f"postgresql://ion:{MASK}@db/ion"
    assert redactor.text("{'Authorization': 'Bearer abcdef1234567890'}") == f"{{'Authorization': 'Bearer {MASK}'}}"


def test_tree_is_redacted_in_keys_values_and_numbers() -> None:
    redactor = Redactor(["s3cret-value", "987654"])
    tree = {"a s3cret-value": ["x", {"b": "s3cret-value"}], "pin": 987654, "n": 12, "ok": True, "none": None}
    assert redactor.tree(tree) == {f"a {MASK}": ["x", {"b": MASK}], "pin": MASK, "n": 12, "ok": True, "none": None}


def _record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("ionflux", logging.ERROR, __file__, 1, message, args, info)


def _failed(message: str) -> ValueError:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


@pytest.mark.parametrize("json_lines", [False, True])
def test_arguments_and_exceptions_are_redacted(json_lines: bool) -> None:
    formatter = RedactingFormatter(Redactor(["s3cret-value"]), json_lines=json_lines)
    line = formatter.format(_record("sent %s", {"token": "s3cret-value"}, error=_failed("bad s3cret-value")))
    assert "s3cret-value" not in line
    assert "sent" in line and "ValueError" in line and line.count(MASK) >= 2


@pytest.mark.parametrize("json_lines", [False, True])
def test_lines_are_capped_and_json_stays_json(json_lines: bool) -> None:
    formatter = RedactingFormatter(Redactor(["s3cret-value"]), json_lines=json_lines)
    line = formatter.format(_record("ü" * 50_000, error=_failed("x" * 50_000)))
    assert len(line.encode()) <= limits.LOG_LINE_BYTES
    if json_lines:
        assert json.loads(line)["level"] == "ERROR"


def test_secret_on_the_cut_of_a_huge_line_does_not_leak() -> None:
    value = "s3cret-value-" * 4
    # Redaction shrinks the text so far that the cut end of the scan comes into the kept part.
    text = value * (limits.MIB // len(value) + 1)
    assert "s3cret" not in Redactor([value]).line(text)


def test_run_and_step_are_bound_to_lines_inside_the_block() -> None:
    formatter = RedactingFormatter(Redactor(), json_lines=True)
    with bind(run_id="r1"), bind(step="fetch"):
        inside = json.loads(formatter.format(_record("hello")))
        text = RedactingFormatter(Redactor()).format(_record("hello"))
    assert (inside["run_id"], inside["step"], inside["message"]) == ("r1", "fetch", "hello")
    assert text.endswith("hello run_id=r1 step=fetch")
    assert dict(bound()) == {}
    with bind(run_id="r1"), bind(run_id=None):
        assert "run_id" not in bound()


def test_value_added_later_is_replaced_from_then_on() -> None:
    redactor = Redactor()
    redactor.add("late-value", "abc")
    assert redactor.text("late-value abc") == f"{MASK} abc"


def test_hostile_text_does_not_stall_the_patterns() -> None:
    redactor = Redactor([f"value-number-{n}" for n in range(50)])
    texts = ["a://" * 4000, "Bearer " * 2300, "-----BEGIN PRIVATE KEY-----" * 600, "password=" * 1800, "eyJ." * 4000]
    started = time.process_time()
    for text in (*texts, "a" * 16_000, "a:" * 8000, "sk-" * 5000):
        redactor.text(text)
    assert time.process_time() - started < 15


@given(
    st.lists(
        st.sampled_from([*TOKENS.values(), *PLAIN, "SECRET_KEY: ", "ſecret_key=abcdefgh12", "BEARER ", " text ", "\n"])
    )
)
def test_the_quick_look_misses_nothing_the_patterns_find(parts: list[str]) -> None:
    text = "".join(parts)
    slow = text
    for pattern in redaction._PATTERNS:
        slow = pattern.regex.sub(redaction._mask, slow)
    assert Redactor().text(text) == slow
    assert (looks_like_secret(text) is None) == (slow == text)
