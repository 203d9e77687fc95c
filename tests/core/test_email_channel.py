"""The email channel: MIME that a mail program opens, what it refuses, and which way mails take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core.channels import mime
from ionflux_core.channels.base import ChannelFailed, Delivery, NotSent, Reach, Suppressed
from ionflux_core.channels.email import Email
from ionflux_core.channels.mime import text_of
from ionflux_core.connectors.base import Access
from ionflux_core.domain.notifications import Link
from ionflux_core.errors import NotFound
from ionflux_core.ids import now
from ionflux_core.outbound import Outbound
from ionflux_core.sdk import Outgoing
from tests.agents_for_tests.world import World, small_world, wait_for, world
from tests.stand_ins.mail_server import mail_server

__all__ = ["small_world", "world"]

PAYLOAD: dict[str, Any] = {"subject": "Olá, Ana – 20 % off", "text": "Olá!\n.hidden\n" + "long " * 400}


def mail(payload: dict[str, Any] | None = None, target: str = "ana@example.com", key: str = "k") -> EmailMessage:
    """The mail an effect becomes, as a mail program reads it."""
    delivery = Delivery("ws", key, target, "s", PAYLOAD | (payload or {}), "effect-1")
    raw = mime.letter_of(delivery, "shop@example.com", "Ána's Shop").mime()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n")) and b"\n" not in raw.replace(b"\r\n", b"")
    raw.decode("ascii")
    return message_from_bytes(raw, policy=policy.default)


def words(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_a_mail_has_its_plain_part_beside_the_html_and_every_header_it_needs() -> None:
    read = mail({"html": "<p>Olá <b>Ana</b>, 你好</p>", "list_unsubscribe": "https://shop.example/u?" + "t" * 300,
                 "reply_to": "help@example.com", "headers": {"X-Campaign": "autumn"}})  # fmt: skip
    assert read.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    assert words(read, "plain").rstrip() == PAYLOAD["text"].rstrip()
    assert "<b>Ana</b>, 你好" in words(read, "html")
    assert read["Subject"] == PAYLOAD["subject"]
    assert (read["From"].addresses[0].display_name, read["From"].addresses[0].addr_spec) == (
        "Ána's Shop", "shop@example.com"
    )  # fmt: skip
    assert (read["To"], read["Reply-To"], read["X-Campaign"]) == ("ana@example.com", "help@example.com", "autumn")
    assert read["List-Unsubscribe"] == f"<https://shop.example/u?{'t' * 300}>"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert abs((parsedate_to_datetime(read["Date"]) - now()).total_seconds()) < 60


def test_the_same_effect_has_the_same_message_id_and_another_has_another() -> None:
    ids = [mail(key=key)["Message-ID"] for key in ("a", "a", "b")]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].startswith("<") and ids[0].endswith("@example.com>")


def test_without_a_text_the_words_of_the_html_are_the_plain_part() -> None:
    html = (
        "<style>p {}</style><h1>Hello</h1><p>Your&nbsp;20 %:<br><a href='https://shop.example/a'>here</a></p>"
        "<script>alert(1)</script>"
    )
    read = mail({"text": "", "html": html})
    assert words(read, "plain").split("\n") == ["Hello", "", "Your 20 %:", "here (https://shop.example/a)", ""]


@pytest.mark.parametrize(
    "endless", ["<", "<!--", "<a ", "<a x='", '<a x="', "</", "<![", "<![x>", "<script>", "<a x='>", "<?", "&"]
)
def test_html_that_never_ends_is_read_in_no_time(endless: str) -> None:
    began = time.process_time()
    text_of(endless * (250_000 // len(endless)))
    assert time.process_time() - began < 10


def test_the_plain_part_is_what_a_reader_sees() -> None:
    html = (
        "<!-- <b>not</b> this --><![foo[x]]><style>p{}</style>a < b &amp;&amp; c<br/>"
        "<script>if (a<b) { w('<p>nor this</p>') }</script><a title=\"x > y\" HREF='https://shop.example/?a=1&amp;b=2'>go</a>"
    )
    assert text_of(html) == "a < b && c\ngo (https://shop.example/?a=1&b=2)"


@pytest.mark.parametrize(
    "text", ["👋🏽 " * 50, "שלום עולם", "x" * 100_000, "tab\tand \x0b vertical", "ends\r\nwith\rboth\n"]
)
def test_any_words_arrive_as_they_were(text: str) -> None:
    read = words(mail({"text": text, "subject": f"About {text[:40].split()[0]}"}), "plain")
    assert read.split() == text.split()


def test_a_subject_of_long_foreign_words_and_a_name_with_quotes_survive() -> None:
    subject = "Überraschungsgeschenk " * 20
    read = mail({"subject": subject, "from_name": 'Ana "the" <Shop>, Ltd'})
    assert read["Subject"].split() == subject.split()
    assert read["From"].addresses[0].display_name == 'Ana "the" <Shop>, Ltd'


ANY_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


@given(subject=ANY_WORDS, name=ANY_WORDS, value=ANY_WORDS, text=ANY_WORDS)
def test_no_words_ever_add_a_header_or_break_the_mail(subject: str, name: str, value: str, text: str) -> None:
    try:
        read = mail({"subject": subject, "from_name": name, "headers": {"X-A": value}, "text": text, "html": ""})
    except NotSent:
        return
    expected = ["From", "To", "Subject", "Date", "Message-ID", "X-A"]
    made_by_the_body = {"Content-Type", "Content-Transfer-Encoding", "MIME-Version"}
    assert [header for header in read if header not in made_by_the_body] == expected
    assert [each.addr_spec for each in read["From"].addresses] == ["shop@example.com"]
    assert "".join(str(read["Subject"]).split()) == "".join(subject.split())
    assert "".join(words(read, "plain").split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("payload", "target", "code"),
    [
        ({"subject": "Hi\r\nBcc: all@example.com"}, "a@b.example", "header_injection"),
        ({"subject": "Hi\nthere"}, "a@b.example", "header_injection"),
        ({"from_name": "Ana\r\nX: y"}, "a@b.example", "header_injection"),
        ({"headers": {"X-A": "b\r\nX-C: d"}}, "a@b.example", "header_injection"),
        ({"headers": {"X-A\r\nX-B": "c"}}, "a@b.example", "header_injection"),
        ({"reply_to": "a@b.example\nX: y"}, "a@b.example", "header_injection"),
        ({"list_unsubscribe": "https://a.example/\r\nX: y"}, "a@b.example", "header_injection"),
        ({}, "a@b.example\r\nRCPT TO:<c@d.example>", "header_injection"),
        ({"subject": "a\u2028b"}, "a@b.example", "header_injection"),
        ({"headers": {"Bcc": "c@d.example"}}, "a@b.example", "invalid_mail"),
        ({"headers": {"Content-Type": "text/html"}}, "a@b.example", "invalid_mail"),
        ({"headers": {"X A": "b"}}, "a@b.example", "invalid_mail"),
        ({"headers": ["X-A"]}, "a@b.example", "invalid_mail"),
        ({"list_unsubscribe": "javascript:alert(1)"}, "a@b.example", "invalid_mail"),
        ({"subject": "  "}, "a@b.example", "invalid_mail"),
        ({"subject": "x" * 501}, "a@b.example", "invalid_mail"),
        ({"subject": 7}, "a@b.example", "invalid_mail"),
        ({"text": "", "html": "<p> </p>"}, "a@b.example", "invalid_mail"),
        ({"attachments": ["a.pdf"]}, "a@b.example", "invalid_mail"),
        ({"cc": "c@d.example"}, "a@b.example", "invalid_mail"),
        ({"from_address": "not one"}, "a@b.example", "invalid_address"),
        *(({}, address, "invalid_address") for address in (
            "ana", "@b.example", "ana@", "ana@b..example", "a b@c.example", "Ana <ana@b.example>", ".a@b.example",
            "a@b.example,c@d.example", "ana@-b.example", "a@" + "b" * 64 + ".example", "ána@b.example", "a@[127.0.0.1]",
            "x" * 65 + "@b.example", '"a b"@c.example', "a@b.example>", "",
        )),
    ],
)  # fmt: skip
def test_what_could_forge_a_header_or_is_no_mail_is_refused(payload: dict[str, Any], target: str, code: str) -> None:
    with pytest.raises(NotSent) as caught:
        mime.check(target, PAYLOAD | payload)
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("Ana.Silva+shop@Example.COM", "Ana.Silva+shop@example.com"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        (" ana@mail.localhost ", "ana@mail.localhost"),
    ],
)
def test_an_address_has_one_spelling(address: str, plain: str) -> None:
    assert mime.address(address, "recipient") == plain


def _reach(options: dict[str, str], settings: dict[str, str] | None = None, **more: Any) -> Reach:
    def account(kind: str) -> Access:
        if settings is None or kind != "smtp":
            raise NotFound(f"No {kind} account is connected.")
        return Access("ws", "acc", settings, lambda _: "", lambda: Outbound(), lambda _: None)

    return Reach(options, lambda: Outbound(), lambda _: "", account, **more)


def test_the_folder_takes_each_key_as_one_file_that_can_be_opened(tmp_path: Path) -> None:
    channel, reach = Email(tmp_path), _reach({"transport": "folder", "from_address": "shop@example.com"})
    deliveries = [Delivery("ws", key, "ana@example.com", "s", PAYLOAD) for key in ("one", "one", "two")]
    outcomes = list(channel.deliver_many(deliveries, reach))
    files = sorted((tmp_path / "ws" / "mail").iterdir())
    assert len(files) == 2 and len(outcomes) == 3
    answer = outcomes[0].answer
    assert isinstance(answer, dict)
    raw = (tmp_path / "ws" / "mail" / Path(answer["file"]).name).read_bytes()
    read = message_from_bytes(raw, policy=policy.default)
    assert (read["Subject"], read["Message-ID"]) == (PAYLOAD["subject"], answer["message_id"])
    assert channel.honours_keys({"transport": "folder"}) and not channel.honours_keys({})


def test_without_an_account_it_is_not_connected_and_with_one_it_is(tmp_path: Path) -> None:
    channel = Email(tmp_path)
    assert not channel.is_connected(_reach({}))
    assert not channel.is_connected(_reach({"transport": "sendgrid"}, {}))
    assert channel.is_connected(_reach({"transport": "folder"}))
    assert channel.is_connected(_reach({}, {}))
    with pytest.raises(ChannelFailed, match="No smtp account"):
        channel.deliver(Delivery("ws", "k", "a@b.example", "s", PAYLOAD), _reach({"transport": "smtp"}))


def test_an_address_on_the_list_is_not_mailed(tmp_path: Path) -> None:
    def suppressed(address: str) -> Suppressed | None:
        return Suppressed("a mail to it came back", now()) if address == "ana@example.com" else None

    reach = _reach({"transport": "folder"}, suppressed=suppressed)
    with pytest.raises(NotSent, match="a mail to it came back") as caught:
        Email(tmp_path).deliver(Delivery("ws", "k", "Ana@Example.com", "s", PAYLOAD), reach)
    assert caught.value.code == "suppressed"


# In a running application.


@pytest.fixture
def mailing(world: World) -> Iterator[World]:
    """A world whose mails go into the folder, with a policy that lets them."""
    world.app.policies.set_channel(world.workspace, "email", {"dry_run": False, "options": {"transport": "folder"}})
    world.app.policies.save(world.workspace, [{"channel": "email", "verdict": "allow"}])
    yield world


def _many(addresses: list[str], campaign: str = "c") -> Any:
    items = [Outgoing(each, PAYLOAD, key=f"{campaign}:{n}") for n, each in enumerate(addresses)]

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        sent = ctx.send_many("email", items, summary="Autumn offer")
        return {"result": [(each.error or {}).get("code", each.status) for each in sent]}

    return run


def test_a_batch_tells_bad_and_doubled_addresses_apart_and_sends_the_rest(mailing: World) -> None:
    mailing.agent("probe", _many(["ana@example.com", "no address", "ANA@Example.com", "bo@example.com", "a@b\r\nX: y"]))
    assert mailing.run("probe").outputs == {
        "result": ["sent", "invalid_address", "duplicate", "sent", "header_injection"]
    }


@pytest.mark.parametrize(
    ("what", "payload", "code"),
    [
        ("bounced", {"address": "Ana@example.com", "hard": True, "reason": "550 unknown"}, "suppressed"),
        ("bounced", {"address": "ana@example.com", "hard": False}, "sent"),
        ("bounced", {"address": "ana@example.com"}, "suppressed"),
        ("complained", {"address": "ana@example.com"}, "suppressed"),
        ("unsubscribed", {"address": "ana@example.com"}, "suppressed"),
        ("delivered", {"address": "ana@example.com"}, "sent"),
        ("bounced", {"address": "nonsense"}, "sent"),
    ],
)
def test_who_bounced_complained_or_left_is_not_mailed_again(
    mailing: World, what: str, payload: dict[str, Any], code: str
) -> None:
    mailing.agent("probe", _many(["ana@example.com"]))
    mailing.started()
    mailing.app.events.publish(mailing.workspace, f"ionflux.mail.{what}", payload)
    mailing.app.followers.catch_up()
    wait_for(lambda: mailing.app.suppressions.count(mailing.workspace) == (code == "suppressed"), 5)
    assert mailing.run("probe").outputs == {"result": [code]}


def test_a_person_puts_an_address_on_the_list_and_takes_it_off(mailing: World) -> None:
    book = mailing.app.suppressions
    mailing.agent("probe", _many(["ana@bücher.example"]))
    book.add(mailing.workspace, " Ana@Bücher.example ", by="Ana", detail="Asked by phone.")
    assert [(each.address, each.reason) for each in book.find(mailing.workspace, contains="ANA@")] == [
        ("ana@xn--bcher-kva.example", "by_hand")
    ]
    assert mailing.run("probe").outputs == {"result": ["suppressed"]}
    book.remove(mailing.workspace, "ana@bücher.example", by="Ana")
    assert mailing.run("probe").outputs == {"result": ["sent"]}
    with pytest.raises(NotFound):
        book.remove(mailing.workspace, "ana@bücher.example")


def test_a_mail_nobody_could_send_fails_before_a_person_is_asked(small_world: World) -> None:
    world = small_world
    world.app.policies.set_channel(world.workspace, "email", {"dry_run": False, "options": {"transport": "folder"}})

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": ctx.send("email", "ana@example.com", PAYLOAD | {"subject": "a\nb"}, summary="Hi").status}

    world.agent("probe", run)
    run_of = world.run("probe")
    assert (run_of.status, run_of.error_code) == ("error", "header_injection")
    assert world.app.approvals.count(world.workspace) == 0


def test_a_channel_that_may_send_but_has_no_account_only_shows_what_it_would(small_world: World) -> None:
    world = small_world
    world.app.policies.set_channel(world.workspace, "email", {"dry_run": False})
    world.app.policies.save(world.workspace, [{"channel": "email", "verdict": "allow"}])
    world.agent("probe", _many(["ana@example.com"]))
    assert world.run("probe").outputs == {"result": ["would_send"]}


def test_a_mail_notification_goes_out_over_the_connected_account(small_world: World) -> None:
    world = small_world
    with mail_server() as server:
        _account(world, server.port)
        world.app.policies.set_channel(world.workspace, "email", {"dry_run": False})
        world.app.policies.save(world.workspace, [{"channel": "email", "verdict": "allow"}])
        user = world.app.workspaces.owner()
        ways = {"mention": {"in_app": True, "mail": True}}
        world.app.notifications.save_choices(user.id, {"ways": ways, "mail_address": "me@example.com"})
        _with_notifier(world)
        world.started()
        world.app.notifications.tell(
            world.workspace, "mention", "Bo mentions you", body="Look", dedup_key="m1", link=Link(page="home")
        )
        wait_for(lambda: server.mails, 10, lambda: world.rows("outbox"))
        (taken,) = server.mails
        assert (taken.recipient, taken.mail["Subject"]) == ("me@example.com", "Bo mentions you")
        assert "Look" in words(taken.mail, "plain")


def _account(world: World, port: int) -> None:
    values = {"host": "127.0.0.1", "port": str(port), "security": "none", "from_address": "shop@example.com"}
    account = world.app.accounts.save(world.workspace, "smtp", "main", values)
    assert world.app.accounts.test(world.workspace, account.id).status == "connected"


def _with_notifier(world: World) -> None:
    import shutil

    shipped = Path(__file__).resolve().parents[2] / "agents" / "notifier"
    shutil.copytree(shipped, world.app.settings.agents_dir / "notifier")
    world.app.catalog.reload()
    world.app.marketplace.register()
