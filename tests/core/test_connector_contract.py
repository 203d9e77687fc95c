"""What every connector keeps to: sane fields, the four errors and no other, and no secret in any error or log.

A connector over HTTP gets an entry in REACHED; what speaks another protocol is tested by its own tests for the rest.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import get_args

import pytest

from ionflux_core import ids, limits
from ionflux_core.connectors.base import Access, AccessRevoked, Connector, FieldKind
from ionflux_core.connectors.registry import registered
from ionflux_core.errors import Invalid, IonfluxError, TooManyRequests, Unavailable
from ionflux_core.outbound import Outbound
from ionflux_core.services.account_values import filled, secret_name
from tests.stand_ins.access import Told, access_to
from tests.stand_ins.web import Answer, Request, as_json, serving

SECRET = "canary-secret-0123456789abcdef"
THE_FOUR = (AccessRevoked, TooManyRequests, Unavailable, Invalid)
Settings = dict[str, str]
REACHED: dict[str, Callable[[str], Settings]] = {
    "shopify": lambda url: {"shop": "canary.myshopify.com", "api_url": url},
    "slack": lambda url: {"api_url": f"{url}/api"},
    "sendgrid": lambda url: {"base_url": url, "from_address": "ana@example.com"},
}


@pytest.fixture(params=sorted(registered()))
def connector(request: pytest.FixtureRequest) -> Connector:
    return registered()[request.param]


@pytest.fixture
def reached(connector: Connector) -> Callable[[str], Settings]:
    if connector.kind not in REACHED:
        pytest.skip(f"{connector.kind} has no entry: its own tests cover what its server answers")
    return REACHED[connector.kind]


def accessing(connector: Connector, port: int, settings: Settings, told: Told | None = None) -> Access:
    secrets = {field.name: SECRET for field in connector.fields if field.kind == "secret"}
    given = {field.name: field.default for field in connector.fields if field.kind != "secret"}
    return access_to(port, {**given, **settings}, secrets, told=told)


@contextmanager
def asking(
    connector: Connector, reached: Callable[[str], Settings], answer: Callable[[Request], Answer]
) -> Iterator[tuple[Access, Told]]:
    with serving(answer) as port:
        told = Told()
        yield accessing(connector, port, reached(f"http://127.0.0.1:{port}"), told), told


def failing(access: Access, connector: Connector) -> IonfluxError:
    with pytest.raises(IonfluxError) as raised:
        connector.test(access)
    error = raised.value
    assert isinstance(error, THE_FOUR), type(error)
    assert error.message.endswith((".", ")")) and error.hint, "an error says what to do next"
    assert SECRET not in "".join(traceback.format_exception(error)) + str(error.details)
    return error


def test_a_connector_says_what_it_is(connector: Connector) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,39}", connector.kind) and connector.title
    assert connector.description.endswith(".") and len(connector.description) < 200
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) for name in connector.readings)


def test_its_fields_can_be_filled_in_and_stored(connector: Connector) -> None:
    names = [field.name for field in connector.fields]
    assert len(set(names)) == len(names) and names
    for field in connector.fields:
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,39}", field.name) and field.title, field
        assert field.kind in get_args(FieldKind), field
        assert not (field.kind == "secret" and field.default), "a secret has no default"
        assert bool(field.choices) == (field.kind == "choice"), field
        assert not field.choices or field.default in field.choices, field
        assert field.kind != "boolean" or field.default in ("true", "false"), field
        assert len(secret_name(ids.new_id(), field.name)) <= 63 or field.kind != "secret", field
        assert not re.search("token|secret|password|_key$", field.name) or field.kind == "secret", field


def test_its_defaults_are_values_it_takes(connector: Connector) -> None:
    values = {
        field.name: SECRET if field.kind == "secret" else field.default or "canary.myshopify.com"
        for field in connector.fields
        if field.required
    }
    given = filled(connector, values, None)
    assert set(given.settings) == {field.name for field in connector.fields if field.kind != "secret"}
    assert SECRET not in str(given.settings)


def test_no_token_travels_in_the_open(connector: Connector) -> None:
    values = {
        field.name: SECRET if field.kind == "secret" else field.default or "canary.myshopify.com"
        for field in connector.fields
        if field.required
    }
    addresses = [field.name for field in connector.fields if field.name.endswith("url")]
    for name in addresses:
        for wrong in ("http://proxy.example", "http://127.0.0.1.example", "https://", "https://[", "https://u@x", "x"):
            with pytest.raises(Invalid):
                filled(connector, {**values, name: wrong}, None)
        for right in ("https://proxy.example/a", "http://127.0.0.1:8080", "http://[::1]:8080", ""):
            assert SECRET not in str(filled(connector, {**values, name: right}, None).settings)


def test_nothing_filled_in_is_one_of_the_four(connector: Connector) -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError("no network in this test")

    empty = Access("ws", "account", {}, lambda _: "", lambda: Outbound(resolve=nowhere), lambda _: None)
    with pytest.raises(THE_FOUR):
        connector.test(empty)


def test_what_cannot_sync_brings_nothing(connector: Connector) -> None:
    if connector.syncs:
        pytest.skip("it syncs")
    assert list(connector.sync(accessing(connector, 9, {}), {})) == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401, b"{}"), AccessRevoked),
        (Answer(403, b"{}"), AccessRevoked),
        (Answer(429, headers={"retry-after": "3600"}), TooManyRequests),
        (Answer(429, headers={"retry-after": "soon"}), TooManyRequests),
        (Answer(429, headers={"retry-after": "nan"}), TooManyRequests),
        (Answer(429, headers={"retry-after": f"Mon, 01 Jan {'9' * 30} 00:00:00 GMT"}), TooManyRequests),
        (Answer(500), Unavailable),
        (Answer(503, b"<html>"), Unavailable),
        (Answer(408), Unavailable),
        (Answer(drops=True), Unavailable),
        (Answer(200, b"<html>Sign in</html>"), Unavailable),
        (Answer(200, b'{"half": '), Unavailable),
        (Answer(200, b"[]"), Unavailable),
        (Answer(200, b"null"), Unavailable),
        (Answer(200, b'"text"'), Unavailable),
        (Answer(200, b"[" * 100_000), Unavailable),
        (Answer(200, b"\xff\xfe\x00"), Unavailable),
        (Answer(200, b'{"' + b"x" * 11_000_000), Invalid),
        (Answer(400, b"{}"), Invalid),
        (Answer(404), Invalid),
        (Answer(422, b"{}"), Invalid),
        (Answer(302, headers={"location": "http://169.254.169.254/"}), (Invalid, Unavailable)),
    ],
)
def test_every_answer_has_its_class(
    connector: Connector, reached: Callable[[str], Settings], answer: Answer,
    error: type[IonfluxError] | tuple[type[IonfluxError], ...],
) -> None:  # fmt: skip
    with asking(connector, reached, lambda _: answer) as (access, _):
        assert isinstance(failing(access, connector), error)


def test_no_answer_in_time_is_unavailable(
    connector: Connector, reached: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP_SECONDS", 0.1)
    with asking(connector, reached, lambda _: Answer(hangs=True)) as (access, _):
        assert isinstance(failing(access, connector), Unavailable)


def test_retries_are_few_and_wait_as_they_are_told(connector: Connector, reached: Callable[[str], Settings]) -> None:
    asked: list[str] = []

    def busy(request: Request) -> Answer:
        asked.append(request.path)
        return Answer(429, headers={"retry-after": "5"})

    with asking(connector, reached, busy) as (access, told):
        failing(access, connector)
    assert told.waits == [5.0] * 3 and len(asked) == 4
    asked.clear()

    def gone(request: Request) -> Answer:
        asked.append(request.path)
        return Answer(401)

    with asking(connector, reached, gone) as (access, told):
        failing(access, connector)
    assert told.waits == [] and len(asked) == 1, "a dead token is not tried again"


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
def test_a_server_that_repeats_the_secret_does_not_spread_it(
    connector: Connector, reached: Callable[[str], Settings], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    def echo(request: Request) -> Answer:
        said = f"{request.headers} {SECRET}"
        told = {"error": said, "errors": [{"message": said}], "message": said, "ok": False}
        return as_json(told, status)

    caplog.set_level(logging.DEBUG)
    with asking(connector, reached, echo) as (access, _):
        failing(access, connector)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("ionflux")]
    assert SECRET not in json.dumps(ours)
