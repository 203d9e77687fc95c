"""The outbound client reaches public addresses and what is listed, nothing else, within its limits."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core import limits
from ionflux_core.errors import Forbidden, Invalid, IonfluxError, LimitExceeded, Unavailable
from ionflux_core.outbound import Outbound
from ionflux_core.outbound_addresses import OutboundRefused, is_public, parse_allowed

Answer = Callable[[BaseHTTPRequestHandler], None]


class Canary:
    """A server on loopback that counts its visitors and answers by path."""

    def __init__(self, answers: dict[str, Answer], tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        canary = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                canary.requests.append((self.command, self.path, headers, body))
                with suppress(OSError):
                    answers.get(self.path.partition("?")[0], _hello)(self)

            do_GET = do_POST = do_PUT = _serve

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # A client that hangs up early is what some tests are about.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def _reply(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


_hello = _reply(200, b'{"hello": "w\xc3\xb6rld"}', Content_Type="application/json", Set_Cookie="session=1")


def _drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def _drip_header(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip_bytes(handler)


def _drip_bytes(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(100):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"x" * limits.MIB)


def _hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(1)


def _break_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True


ANSWERS = {
    "/secret": _reply(500, b"the-body-is-private"),
    "/drip": _drip,
    "/drip-header": _drip_header,
    "/endless": _endless,
    "/hang": _hang,
    "/half": _break_off,
    "/html": _reply(200, b"<p>no json, token=private</p>"),
    "/metadata": _reply(302, Location="http://169.254.169.254/latest/meta-data"),
    "/scheme": _reply(302, Location="gopher://127.0.0.1/"),
    "/loop": _reply(302, Location="/loop"),
    "/two": _reply(302, Location="/one"),
    "/one": _reply(302, Location="/"),
    "/bomb": _reply(200, gzip.compress(b"0" * (limits.HTTP_RESPONSE_BYTES + 1)), Content_Encoding="gzip"),
    "/broken-zip": _reply(200, b"not gzip", Content_Encoding="gzip"),
    "/latin": _reply(200, b"caf\xe9", Content_Type="text/plain; charset=latin-1"),
}


@pytest.fixture(scope="module")
def canary_server() -> Iterator[Canary]:
    server = Canary(ANSWERS)
    yield server
    server.close()


@pytest.fixture
def canary(canary_server: Canary) -> Canary:
    canary_server.requests.clear()
    return canary_server


@pytest.fixture
def listed(canary: Canary) -> Iterator[Outbound]:
    with Outbound([f"127.0.0.1:{canary.port}"]) as outbound:
        yield outbound


REFUSED_HOSTS = [
    "127.0.0.1",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0.0.0.0",
    "[::]",
    "169.254.169.254",
    "10.0.0.1",
    "100.64.0.1",
    "192.168.1.1",
    "[fd00::1]",
    "[fe80::1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "224.0.0.1",
    "255.255.255.255",
    # Rarer doors: IPv4-compatible, other multicast, cloud host agents, shared and test ranges.
    "[::7f00:1]",
    "[ff02::1]",
    "168.63.129.16",
    "192.0.0.192",
    "100.100.100.200",
    "198.18.0.1",
    "[fec0::1]",
    "[::ffff:0:7f00:1]",
    "localhost.",
]


@pytest.mark.parametrize("host", REFUSED_HOSTS)
def test_inside_address_is_refused_and_the_canary_sees_nobody(host: str, canary: Canary) -> None:
    with Outbound() as outbound:
        with pytest.raises(IonfluxError) as on_default_port:
            outbound.request("GET", f"http://{host}/")
        with pytest.raises(IonfluxError):
            outbound.request("GET", f"http://{host}:{canary.port}/")
    assert isinstance(on_default_port.value, OutboundRefused | Invalid) or on_default_port.value.code == "outbound_dns"
    assert on_default_port.value.hint
    assert canary.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34:22/",
        "http://user@93.184.216.34/",
        "http://user:hunter2@93.184.216.34/",
        "file:///etc/passwd",
        "gopher://93.184.216.34/",
        "ftp://93.184.216.34/",
        "//93.184.216.34/",
        "http://",
        "http://[::1",
        "http://93.184.216.34:99999/",
        "",
    ],
)
def test_address_that_breaks_a_rule_is_refused_before_anything_is_sent(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", lambda *_, **__: pytest.fail("connected"))
    with Outbound() as outbound, pytest.raises(IonfluxError) as caught:
        outbound.request("GET", url)
    assert caught.value.status in (403, 422) and caught.value.hint
    assert "hunter2" not in str(caught.value)


class Resolver:
    """Gives its answers one after the other, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.calls = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.calls += 1
        return self._answers[min(self.calls, len(self._answers)) - 1]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []

    def connect(_: object, host: str, *__: object, **___: object) -> None:
        made.append(host)
        raise httpcore2.ConnectError("no network here")

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    return made


def test_rebinding_name_gets_the_address_that_was_checked(connections: list[str]) -> None:
    resolver = Resolver(["93.184.216.34"], ["127.0.0.1"])
    with Outbound(resolve=resolver) as outbound:
        with pytest.raises(Unavailable, match="cannot be reached"):
            outbound.request("GET", "http://rebind.example/")
        assert (resolver.calls, connections) == (1, ["93.184.216.34"])
        with pytest.raises(OutboundRefused):
            outbound.request("GET", "http://rebind.example/")
    assert connections == ["93.184.216.34"]


def test_one_inside_answer_among_public_ones_refuses_the_host(connections: list[str]) -> None:
    with Outbound(resolve=Resolver(["93.184.216.34", "10.0.0.1"])) as outbound, pytest.raises(OutboundRefused):
        outbound.request("GET", "http://mixed.example/")
    assert connections == []


def test_next_address_is_tried_when_the_first_does_not_answer(connections: list[str]) -> None:
    with Outbound(resolve=Resolver(["2606:4700::1111", "93.184.216.34"])) as outbound, pytest.raises(Unavailable):
        outbound.request("GET", "https://both.example/")
    assert connections == ["2606:4700::1111", "93.184.216.34"]


def test_nat64_leads_to_the_address_inside_it(connections: list[str]) -> None:
    with Outbound(resolve=Resolver(["64:ff9b::5db8:d822"])) as outbound, pytest.raises(Unavailable):
        outbound.request("GET", "http://public.example/")
    assert connections == ["64:ff9b::5db8:d822"]


def test_unknown_host_says_so() -> None:
    def nothing(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror("no such host")

    with Outbound(resolve=nothing) as outbound, pytest.raises(Unavailable, match=r"nowhere\.example was not found"):
        outbound.request("GET", "http://nowhere.example/path?token=private")


def test_listed_loopback_works(listed: Outbound, canary: Canary) -> None:
    response = listed.request(
        "POST", canary.url("/x"), params={"q": "ü"}, json={"a": 1}, headers={"Authorization": "Bearer t"}
    )
    assert (response.status, response.json(), response.text) == (200, {"hello": "wörld"}, '{"hello": "wörld"}')
    assert response.headers["content-type"] == "application/json" and response.elapsed_ms > 0
    method, path, headers, body = canary.requests[0]
    assert (method, path, json.loads(body), headers["authorization"]) == ("POST", "/x?q=%C3%BC", {"a": 1}, "Bearer t")
    assert headers["user-agent"] == "ionflux" and headers["host"] == f"127.0.0.1:{canary.port}"


def test_list_opens_exactly_what_it_names(canary: Canary) -> None:
    for entry in ("127.0.0.0/8", "127.0.0.2:*", f"127.0.0.1:{canary.port % 65000 + 1}", "10.0.0.0/8:*", "localhost:*"):
        with Outbound([entry]) as outbound, pytest.raises(OutboundRefused):
            outbound.request("GET", canary.url())
    assert canary.requests == []
    for entry in ("127.0.0.0/8:*", "127.0.0.1:*", f"127.0.0.0/30:{canary.port}"):
        with Outbound([entry]) as outbound:
            assert outbound.request("GET", canary.url()).status == 200


def test_listed_name_opens_a_private_network_but_no_metadata_address(connections: list[str]) -> None:
    with Outbound(["shop.intranet:*"], resolve=Resolver(["10.0.0.9"])) as outbound, pytest.raises(Unavailable):
        outbound.request("GET", "http://Shop.Intranet:8080/")
    assert connections == ["10.0.0.9"]
    metadata = Resolver(["169.254.169.254"])
    with Outbound(["shop.intranet:*"], resolve=metadata) as outbound, pytest.raises(OutboundRefused):
        outbound.request("GET", "http://shop.intranet/")
    assert connections == ["10.0.0.9"]


def test_listing_a_port_of_a_public_host_keeps_its_default_ports(connections: list[str]) -> None:
    with Outbound(["api.example:8443"], resolve=Resolver(["93.184.216.34"])) as outbound:
        for port in (443, 8443):
            with pytest.raises(Unavailable):
                outbound.request("GET", f"http://api.example:{port}/")
        with pytest.raises(OutboundRefused, match=r"Port 22 of api\.example is closed"):
            outbound.request("GET", "http://api.example:22/")
    assert len(connections) == 2


@pytest.mark.parametrize("entry", ["", "10.0.0.0/33", "host:0", "host:70000", "http://host", "127.1", "a b", "[::1]x"])
def test_allow_list_entry_that_means_nothing_is_named(entry: str) -> None:
    with pytest.raises(Invalid, match="allow-list"):
        parse_allowed(entry)


@given(st.ip_addresses())
def test_public_never_includes_what_the_standard_library_calls_private(address: object) -> None:
    if is_public(address):  # type: ignore[arg-type]
        assert address.is_global and not (address.is_private or address.is_loopback or address.is_link_local)  # type: ignore[attr-defined]


def test_redirects_are_followed_and_counted(listed: Outbound, canary: Canary) -> None:
    response = listed.request("GET", canary.url("/two"))
    assert (response.status, response.url) == (200, canary.url("/"))
    with pytest.raises(OutboundRefused, match="redirects more than 3 times"):
        listed.request("GET", canary.url("/loop"))
    assert len([path for _, path, _, _ in canary.requests if path == "/loop"]) == limits.HTTP_REDIRECTS + 1


@pytest.mark.parametrize("path", ["/metadata", "/scheme"])
def test_redirect_to_a_closed_address_is_refused(path: str, listed: Outbound, canary: Canary) -> None:
    with pytest.raises(Forbidden):
        listed.request("GET", canary.url(path))
    assert len(canary.requests) == 1


def test_redirect_to_another_host_takes_no_credentials_and_no_body(canary: Canary) -> None:
    other = Canary({"/": _reply(302, Location=canary.url("/target")), "/post": _reply(307, Location=canary.url("/"))})
    headers = {"Authorization": "Bearer t", "X-Shop-Token": "t", "Cookie": "a=1", "Accept": "text/csv"}
    with Outbound(["127.0.0.1:*"]) as outbound:
        assert outbound.request("GET", other.url(), headers=headers).status == 200
        with pytest.raises(OutboundRefused, match="content sent to another host"):
            outbound.request("POST", other.url("/post"), json={"private": 1})
    other.close()
    [(_, path, seen, _)] = canary.requests
    assert path == "/target" and seen["accept"] == "text/csv"
    assert not {"authorization", "x-shop-token", "cookie"} & set(seen)


@pytest.mark.parametrize("path", ["/hang", "/drip", "/drip-header"])
def test_slow_answer_ends_with_the_timeout(path: str, listed: Outbound, canary: Canary) -> None:
    started = time.monotonic()
    with pytest.raises(Unavailable, match="did not answer in time"):
        listed.request("GET", canary.url(path), timeout=0.3)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("path", ["/endless", "/bomb"])
def test_answer_is_cut_off_at_the_size_limit(path: str, listed: Outbound, canary: Canary) -> None:
    with pytest.raises(LimitExceeded, match="larger than 10 MiB"):
        listed.request("GET", canary.url(path))
    assert listed.request("GET", canary.url()).status == 200


@pytest.mark.parametrize("path", ["/half", "/broken-zip"])
def test_broken_answer_is_a_plain_sentence(path: str, listed: Outbound, canary: Canary) -> None:
    with pytest.raises(Unavailable, match="broke off its answer"):
        listed.request("GET", canary.url(path))


def test_error_statuses_are_answers_and_errors_never_carry_a_body(listed: Outbound, canary: Canary) -> None:
    assert listed.request("GET", canary.url("/secret")).status == 500
    response = listed.request("GET", canary.url("/html?token=private"))
    with pytest.raises(Unavailable, match="not JSON") as caught:
        response.json()
    assert "private" not in str(caught.value) and "no json" not in repr(response)


def test_text_follows_its_character_set(listed: Outbound, canary: Canary) -> None:
    assert listed.request("GET", canary.url("/latin")).text == "café"


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "ümlaut\u2028"])
def test_header_that_cannot_be_sent_is_invalid(value: str, listed: Outbound, canary: Canary) -> None:
    with pytest.raises(Invalid):
        listed.request("GET", canary.url(), headers={"X-Note": value})
    assert canary.requests == []


def test_nothing_listens(listed: Outbound) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Outbound(["127.0.0.1:*"]) as outbound, pytest.raises(Unavailable, match="cannot be reached"):
        outbound.request("GET", f"http://127.0.0.1:{port}/", timeout=1)


def test_cookies_of_one_call_do_not_travel_with_the_next(listed: Outbound, canary: Canary) -> None:
    listed.request("GET", canary.url())
    listed.request("GET", canary.url())
    assert all("cookie" not in headers for _, _, headers, _ in canary.requests)


def test_proxy_variables_are_ignored(canary: Canary, listed: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert listed.request("GET", canary.url()).status == 200


def test_client_for_an_sdk_is_guarded_too(canary: Canary) -> None:
    with Outbound().client() as client, pytest.raises(OutboundRefused):
        client.get("http://127.0.0.1/")
    with Outbound([f"127.0.0.1:{canary.port}"]).client() as client:
        assert client.get(canary.url()).json() == {"hello": "wörld"}
        assert client.get(canary.url("/metadata")).status_code == 302
        with pytest.raises(LimitExceeded):
            client.get(canary.url("/endless"))
        with pytest.raises(OutboundRefused):
            client.get(f"http://user@127.0.0.1:{canary.port}/")
        started = time.monotonic()
        with pytest.raises(Exception, match=r"time is used up|timed out"):
            client.get(canary.url("/drip"), timeout=0.3)
        assert time.monotonic() - started < 10


def test_interleaved_streams_keep_their_own_budgets(canary: Canary) -> None:
    outbound = Outbound([f"127.0.0.1:{canary.port}"])
    with outbound.client() as client, client.stream("GET", canary.url("/drip"), timeout=8) as slow:
        parts = slow.iter_raw()
        next(parts)
        client.get(canary.url(), timeout=0.2)
        time.sleep(0.3)
        assert next(parts)


def _certificate(name: str, folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    encoded = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(encoded + certificate.public_bytes(Encoding.PEM))
    return path


def test_tls_is_checked_for_the_name_and_not_for_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = _certificate("shop.example", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = Canary({}, context)
    url = f"https://shop.example:{server.port}/"
    allow, resolve = ["shop.example:*", "other.example:*"], Resolver(["127.0.0.1"])
    with Outbound(allow, resolve=resolve) as outbound, pytest.raises(Unavailable, match=r"cannot be reached"):
        outbound.request("GET", url)
    monkeypatch.setattr("ionflux_core.outbound._ssl_context", lambda: ssl.create_default_context(cafile=str(pem)))
    with Outbound(allow, resolve=resolve) as outbound:
        assert outbound.request("GET", url).status == 200
        with pytest.raises(Unavailable, match=r"cannot be reached"):
            outbound.request("GET", url.replace("shop", "other"))
    server.close()
    assert [headers["host"] for _, _, headers, _ in server.requests] == [f"shop.example:{server.port}"]


def test_shared_between_threads(canary: Canary, listed: Outbound) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(listed.request("GET", canary.url()).status)) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 16
