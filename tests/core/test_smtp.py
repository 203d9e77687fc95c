"""Mails over SMTP: against a server that refuses, hangs up, wants a password, or speaks TLS."""

from __future__ import annotations

import datetime
import ipaddress
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ionflux_core.channels.base import ChannelFailed, Delivery, NotSent, Outcome, Reach
from ionflux_core.channels.email import Email
from ionflux_core.connectors import smtp
from ionflux_core.connectors.base import Access, AccessRevoked
from ionflux_core.errors import Invalid, IonfluxError, Unavailable
from ionflux_core.outbound import Outbound
from ionflux_core.sdk import Outgoing
from tests.agents_for_tests.world import World, small_world
from tests.stand_ins.access import Told, access_to
from tests.stand_ins.mail_server import MailServer, mail_server

__all__ = ["small_world"]

PAYLOAD = {"subject": "Olá", "text": "Hello\n.\n..dots\nbye"}


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A server without a password."""
    with mail_server() as running:
        yield running


def access(port: int, *, password: str = "", told: Told | None = None, **settings: str) -> Access:
    """An account with the server."""
    given = {"host": "127.0.0.1", "port": str(port), "security": "none", "from_address": "shop@example.com"}
    return access_to(port, given | settings, {"password": password}, told=told)


def send(
    port: int, count: int = 1, *, telling: Told | None = None, password: str = "", **settings: str
) -> list[Outcome]:
    """What becomes of some mails to-0@, to-1@ ..., in their order."""
    account = access(port, told=telling, password=password, **settings)
    reach = Reach({"transport": "smtp"}, lambda: Outbound(), lambda _: "", lambda _: account)
    deliveries = [Delivery("ws", f"k{n}", f"to-{n}@example.com", "s", PAYLOAD, f"e{n}") for n in range(count)]
    outcomes = {each.delivery.key: each for each in Email(Path("unused")).deliver_many(deliveries, reach)}
    return [outcomes[each.key] for each in deliveries]


def failure(outcome: Outcome) -> IonfluxError:
    assert isinstance(outcome.answer, IonfluxError), outcome
    return outcome.answer


def test_a_mail_arrives_as_it_was_written_dots_included(server: MailServer) -> None:
    (outcome,) = send(server.port)
    (taken,) = server.mails
    assert isinstance(outcome.answer, dict)
    assert (outcome.answer["status"], outcome.answer["message_id"]) == (250, taken.mail["Message-ID"])
    assert (taken.sender, taken.recipient) == ("shop@example.com", "to-0@example.com")
    assert taken.mail["To"] == "to-0@example.com"
    body = taken.mail.get_body(("plain",))
    assert body is not None and body.get_content().splitlines() == PAYLOAD["text"].splitlines()


def test_connections_stay_open_and_only_so_many_are(server: MailServer) -> None:
    assert all(isinstance(each.answer, dict) for each in send(server.port, 60, connections="3"))
    assert server.connections == server.most_open == 3
    assert sorted(server.recipients) == sorted(f"to-{n}@example.com" for n in range(60))


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        ("550 No such user", NotSent, "bounced"),
        ("550 5.1.1 No such user", NotSent, "bounced"),
        ("551 Gone away", NotSent, "bounced"),
        ("550 5.7.1 Not from you", NotSent, "refused"),
        ("552 5.2.2 Mailbox full", NotSent, "refused"),
        ("554 No", NotSent, "refused"),
        ("450 4.2.1 Greylisted", NotSent, "deferred"),
        ("452 Too many", NotSent, "deferred"),
    ],
)
def test_a_refused_recipient_fails_alone_and_says_for_how_long(
    server: MailServer, reply: str, kind: type[Exception], code: str
) -> None:
    server.on_recipient = lambda address: reply if address == "to-1@example.com" else None
    outcomes = send(server.port, 3, connections="1")
    error = failure(outcomes[1])
    assert (type(error), error.code) == (kind, code) and reply.split()[0] in error.message
    assert server.recipients == ["to-0@example.com", "to-2@example.com"]
    assert server.connections == 1


def test_a_refused_sender_or_content_is_the_servers_failure(server: MailServer) -> None:
    server.on_mail = lambda _: "553 5.7.1 Sender not allowed"
    assert isinstance(failure(send(server.port)[0]), ChannelFailed)
    server.on_mail, server.on_content = (lambda _: None), (lambda _: "554 Looks like spam")
    error = failure(send(server.port)[0])
    assert isinstance(error, ChannelFailed) and "spam" in error.message
    assert server.mails == []


@pytest.mark.parametrize("moment", ["mail", "rcpt"])
def test_a_line_that_drops_between_two_mails_is_opened_again(server: MailServer, moment: str) -> None:
    server.drop_at = moment

    def second_drops(address: str) -> None:
        if address.startswith("to-0"):
            server.drops = 1

    server.on_content = second_drops
    outcomes = send(server.port, 3, connections="1")
    assert all(isinstance(each.answer, dict) for each in outcomes)
    assert server.recipients == [f"to-{n}@example.com" for n in range(3)]
    assert server.connections == 2


def test_a_server_that_says_it_is_leaving_is_called_anew(server: MailServer) -> None:
    said = iter([None, "421 Too many mails on this line", None, None])
    server.on_mail = lambda _: next(said)
    assert all(isinstance(each.answer, dict) for each in send(server.port, 3, connections="1"))
    assert server.connections == 2


def test_a_line_that_drops_behind_the_content_leaves_it_open(server: MailServer) -> None:
    server.drop_at, server.drops = "end", 1
    error = failure(send(server.port)[0])
    assert isinstance(error, Unavailable) and error.code == "smtp_broken"
    assert len(server.mails) == 1


def test_nobody_at_the_door_means_certainly_not_sent() -> None:
    with mail_server() as gone:
        port = gone.port
    error = failure(send(port)[0])
    assert isinstance(error, ChannelFailed) and f"127.0.0.1:{port}" in error.message and error.hint


def test_a_wrong_password_is_told_to_the_account_and_nothing_goes_out() -> None:
    with mail_server(login=("ana", "right-password")) as server:
        assert isinstance(send(server.port, user="ana", password="right-password")[0].answer, dict)
        told = Told()
        error = failure(send(server.port, telling=told, user="ana", password="wrong-password")[0])
        assert isinstance(error, ChannelFailed) and error.code == "access_revoked"
        assert "wrong-password" not in str(error)
        assert [type(each) for each in told.refusals] == [AccessRevoked]
        assert len(server.mails) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "mail.example.com", "security": "none", "user": "ana"},
        {"host": "10.0.0.5", "security": "none", "user": "ana"},
        {"host": "", "security": "tls"},
        {"host": "a b", "security": "tls"},
        {"host": "a\r\nb", "security": "tls"},
        {"host": "a", "security": "ssl3"},
        {"host": "a", "port": "99999"},
        {"host": "a", "port": "-1"},
        {"host": "a", "connections": "17"},
    ],
)
def test_an_account_that_would_show_its_password_or_leads_nowhere_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        smtp.Server.of(settings)


def test_private_hosts_are_the_owners_choice_and_ports_follow_the_security() -> None:
    assert smtp.Server.of({"host": "10.0.0.5"}).port == 587
    assert smtp.Server.of({"host": "10.0.0.5", "security": "tls"}).port == 465
    assert smtp.Server.of({"host": "localhost", "security": "none", "user": "ana"}).port == 25
    assert smtp.Server.of({"host": "a"}).connections == 4


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    at = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(at - datetime.timedelta(days=1)).not_valid_after(at + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    place = tmp_path_factory.mktemp("tls") / "stand-in.pem"
    raw = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    place.write_bytes(raw + signed.public_bytes(serialization.Encoding.PEM))
    return place


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_over_tls_the_certificate_is_checked(certificate: Path, security: str, monkeypatch: pytest.MonkeyPatch) -> None:
    way: dict[str, Any] = {security: _context(certificate), "login": ("ana", "right-password")}
    with mail_server(**way) as server:
        account: dict[str, Any] = {"security": security, "user": "ana", "password": "right-password"}
        error = failure(send(server.port, **account)[0])
        assert isinstance(error, ChannelFailed) and "certificate" in error.message
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(smtp, "_tls", lambda: trusting)
        assert isinstance(send(server.port, **account)[0].answer, dict)
        tested = smtp.make().test(access(server.port, **account))
        assert (tested.label, tested.facts["security"]) == ("ana", security)


def test_a_server_without_starttls_is_not_used_in_the_open(server: MailServer) -> None:
    error = failure(send(server.port, security="starttls")[0])
    assert isinstance(error, ChannelFailed) and "STARTTLS" in error.message
    assert server.mails == []


def test_an_account_tells_what_is_wrong_with_it(server: MailServer) -> None:
    connector = smtp.make()
    assert connector.test(access(server.port)).facts["server"] == f"127.0.0.1:{server.port}"
    with pytest.raises(Invalid, match="TLS"):
        connector.test(access(server.port, security="tls"))
    with mail_server(login=("ana", "right-password")) as closed, pytest.raises(AccessRevoked):
        connector.test(access(closed.port, user="ana", password="wrong"))
    assert (connector.readings, connector.syncs, list(connector.sync(access(1), {}))) == ({}, False, [])


def test_a_hung_server_is_given_up(monkeypatch: pytest.MonkeyPatch, server: MailServer) -> None:
    monkeypatch.setattr(smtp, "_SECONDS", 0.3)
    made: Callable[..., Any] = smtplib.SMTP.mail

    def never(line: smtplib.SMTP, *given: Any, **named: Any) -> Any:
        # The server waits for more: nothing comes back.
        line.send("MAIL FR")
        return line.getreply()

    monkeypatch.setattr(smtplib.SMTP, "mail", never)
    assert isinstance(failure(send(server.port)[0]), ChannelFailed)
    monkeypatch.setattr(smtplib.SMTP, "mail", made)


def test_an_answer_that_does_not_end_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talks_on() -> None:
            line, _ = listening.accept()
            with line, suppress(OSError):
                while True:
                    line.sendall(b"220-and another thing\r\n" * 100)

        threading.Thread(target=talks_on, daemon=True).start()
        settings = {"host": "127.0.0.1", "port": str(listening.getsockname()[1]), "security": "none"}
        with pytest.raises(Unavailable) as raised:
            smtp.connected(smtp.Server.of(settings), lambda _: "")
        assert raised.value.code == "smtp_connect"


def test_a_campaign_tells_the_agent_who_bounced_and_a_dead_server_stops_it(small_world: World) -> None:
    world = small_world
    with mail_server() as server:
        values = {"host": "127.0.0.1", "port": str(server.port), "security": "none", "from_address": "shop@example.com"}
        account = world.app.accounts.save(world.workspace, "smtp", "main", values)
        assert world.app.accounts.test(world.workspace, account.id).status == "connected"
        world.app.policies.set_channel(world.workspace, "email", {"dry_run": False})
        world.app.policies.save(world.workspace, [{"channel": "email", "verdict": "allow"}])

        def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
            items = [Outgoing(f"to-{n}@example.com", PAYLOAD, key=f"{inputs['value']}:{n}") for n in range(50)]
            sent = ctx.send_many("email", items, summary="Autumn offer")
            codes = [(each.error or {}).get("code", each.status) for each in sent]
            return {"result": {code: codes.count(code) for code in set(codes)}}

        world.agent("probe", run)
        server.on_recipient = lambda address: "550 No such user" if address == "to-9@example.com" else None
        assert world.run("probe", "first").outputs == {"result": {"sent": 49, "bounced": 1}}
        server.on_recipient = lambda _: None
        (kept,) = world.app.suppressions.find(world.workspace)
        assert (kept.address, kept.reason) == ("to-9@example.com", "bounced") and "550" in kept.detail
        assert world.run("probe", "again").outputs == {"result": {"sent": 49, "suppressed": 1}}
    down = world.run("probe", "second").outputs
    assert down is not None and set(down["result"]) == {"channel_failed", "channel_down"}
    assert down["result"]["channel_failed"] <= 8
