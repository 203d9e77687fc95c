"""Connected accounts: what is stored where, what a test and a sync leave behind, and that workspaces are apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ionflux_core import ids
from ionflux_core.application import Application
from ionflux_core.connectors import base
from ionflux_core.connectors.base import Access, AccessRevoked, Batch, Fact, Field
from ionflux_core.connectors.registry import registered
from ionflux_core.errors import Conflict, Invalid, IonfluxError, NotFound, TooManyRequests, Unavailable
from ionflux_core.services.account_syncs import night_before
from ionflux_core.services.accounts import Accounts
from ionflux_core.storage import audit

TOKEN = "tok-very-private-4711"
MakeApplication = Callable[..., Application]


@dataclass
class Parcels:
    """A made-up service with three parcels a batch; `failures` are raised before the batch of that number."""

    kind: str = "parcels"
    title: str = "Parcels"
    description: str = "Parcels for tests."
    fields: tuple[Field, ...] = (
        Field("host", "Host", default="parcels.example"),
        Field("token", "Token", kind="secret"),
        Field("extra", "Extra", kind="secret", required=False),
        Field("size", "Size", kind="choice", required=False, default="small", choices=("small", "large")),
        Field("most", "Most", kind="number", required=False),
    )
    syncs: bool = True
    batches: int = 3
    failures: dict[int, BaseException] = field(default_factory=dict)
    test_fails: IonfluxError | None = None
    read_fails: IonfluxError | None = None
    during: Callable[[], None] = lambda: None
    seen: list[int] = field(default_factory=list)

    @property
    def readings(self) -> Mapping[str, Callable[[Access, Mapping[str, Any]], Any]]:
        return {"parcels": self._read}

    def _read(self, access: Access, arguments: Mapping[str, Any]) -> Any:
        if self.read_fails:
            raise self.read_fails
        return [access.secret("token")[:3], dict(arguments), access.secret("extra")]

    def test(self, access: Access) -> base.Tested:
        if self.test_fails:
            raise self.test_fails
        return base.Tested(f"Parcels of {access.settings['host']}", {"plan": "basic", "token": access.secret("token")})

    def sync(self, access: Access, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        for number in range(int(cursor.get("next", 0)), self.batches):
            if number in self.failures:
                raise self.failures.pop(number)
            self.seen.append(number)
            self.during()
            facts = [
                Fact(f"ionflux.parcels.parcel.{'sent' if n else 'lost'}", {"n": number * 3 + n}, f"p{number * 3 + n}")
                for n in range(3)
            ]
            yield Batch(tuple(facts), {"next": number + 1})


@pytest.fixture
def parcels() -> Parcels:
    return Parcels()


@pytest.fixture
def made(make_application: MakeApplication, parcels: Parcels, request: pytest.FixtureRequest) -> Application:
    """An application on SQLite; where a test takes `database_url`, on both databases."""
    rows_matter = "database_url" in request.fixturenames
    url = request.getfixturevalue("database_url") if rows_matter else ""
    application = make_application(database_url=url)
    application.workspaces.create("Ours")
    application.accounts = accounts_with(application, parcels)
    return application


def accounts_with(application: Application, connector: Any) -> Accounts:
    accounts = Accounts(
        application.db, application.workspaces, application.secrets, application.models.outbound,
        {connector.kind: connector},
    )  # fmt: skip
    accounts.published = lambda: application.events.published()
    return accounts


@pytest.fixture
def ws(made: Application) -> str:
    return made.workspaces.all()[0].id


def connect(made: Application, ws: str, name: str = "Main", **more: Any) -> Any:
    return made.accounts.save(ws, "parcels", name, {"token": TOKEN, **more}, by="Ana")


def after_test(made: Application, ws: str) -> Any:
    return made.accounts.test(ws, connect(made, ws).id)


def events(made: Application, ws: str) -> list[Any]:
    return made.events.find(ws, prefix="ionflux.parcels", limit=100)


def test_a_secret_is_stored_apart_and_never_given_back(made: Application, ws: str) -> None:
    account = connect(made, ws)
    assert account.status == "untested" and account.settings == {"host": "parcels.example", "size": "small", "most": ""}
    assert account.secrets == {"token": f"account_{account.id}_token"}
    assert TOKEN not in str(made.accounts.find(ws))
    assert made.secrets.reveal(ws, f"account_{account.id}_token") == TOKEN


def test_a_test_keeps_who_it_is_without_its_secrets(made: Application, ws: str) -> None:
    account = after_test(made, ws)
    assert (account.status, account.label) == ("connected", "Parcels of parcels.example")
    assert account.facts["plan"] == "basic" and TOKEN not in str(account)
    assert made.accounts.connected(ws, "parcels")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AccessRevoked(f"No more {TOKEN}.", hint="Connect it anew."), "revoked"),
        (Unavailable("It is down.", hint="Later."), "error"),
        (Invalid("Not like this.", hint="Otherwise."), "error"),
        (TooManyRequests("Slowly.", hint="Later.", retry_after=7), "error"),
    ],
)
def test_what_is_wrong_is_kept_with_a_sentence(
    made: Application, ws: str, parcels: Parcels, error: IonfluxError, status: str
) -> None:
    parcels.test_fails = error
    account = after_test(made, ws)
    assert account.status == status and account.tested_at is not None
    assert account.error and account.error["hint"] == error.hint and TOKEN not in str(account.error)
    assert not made.accounts.connected(ws, "parcels")
    with pytest.raises(NotFound) as raised:
        made.accounts.access(ws, "parcels")
    assert "Settings" in raised.value.hint


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({}, "token"),
        ({"token": "short"}, "token"),
        ({"token": TOKEN, "nobody": "x"}, "nobody"),
        ({"token": TOKEN, "size": "huge"}, "size"),
        ({"token": TOKEN, "most": "many"}, "most"),
        ({"token": TOKEN, "most": "nan"}, "most"),
        ({"token": TOKEN, "host": "a\r\nX-Evil: 1"}, "host"),
        ({"token": TOKEN, "host": "x" * 600}, "host"),
        ({"token": TOKEN + "\r\nX-Evil: 1"}, "token"),
        ({"token": ["a list of things"]}, "token"),
        ({"token": None}, "token"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(
    made: Application, ws: str, values: dict[str, Any], path: str
) -> None:
    with pytest.raises(Invalid) as raised:
        made.accounts.save(ws, "parcels", "Main", values)
    assert path in [problem.path for problem in raised.value.problems]
    assert TOKEN not in str(raised.value.problems)
    assert made.accounts.find(ws) == [] and made.secrets.names(ws) == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 200, "\u0000"])
def test_an_account_has_a_name(made: Application, ws: str, name: str) -> None:
    with pytest.raises(Invalid):
        connect(made, ws, name)


def test_a_name_is_taken_once(made: Application, ws: str) -> None:
    first = connect(made, ws)
    with pytest.raises(Conflict):
        connect(made, ws)
    assert made.secrets.names(ws) == [f"account_{first.id}_token"]


def test_an_edit_keeps_the_secret_unless_the_place_changes(made: Application, ws: str) -> None:
    account = after_test(made, ws)
    renamed = made.accounts.save(ws, "parcels", "Other", {}, account_id=account.id)
    assert (renamed.name, renamed.status) == ("Other", "connected")
    changed = made.accounts.save(ws, "parcels", "Other", {"size": "large"}, account_id=account.id)
    assert (changed.settings["size"], changed.status) == ("large", "untested")
    with pytest.raises(Invalid) as raised:
        made.accounts.save(ws, "parcels", "Other", {"host": "evil.example"}, account_id=account.id)
    assert [problem.path for problem in raised.value.problems] == ["token"]
    moved = made.accounts.save(
        ws, "parcels", "Other", {"host": "new.example", "token": "another-token-1"}, account_id=account.id
    )
    assert made.secrets.reveal(ws, moved.secrets["token"]) == "another-token-1"


def test_an_optional_secret_can_be_taken_out(made: Application, ws: str) -> None:
    account = connect(made, ws, extra="an-extra-secret")
    assert set(account.secrets) == {"token", "extra"}
    account = made.accounts.save(ws, "parcels", "Main", {"extra": None}, account_id=account.id)
    assert set(account.secrets) == {"token"} and made.secrets.names(ws) == [f"account_{account.id}_token"]


def test_choosing_its_brand_leaves_an_account_as_tested_as_it_was(made: Application, ws: str) -> None:
    brand = made.workspaces.add_brand(ws, {"name": "Eco"})
    account = after_test(made, ws)
    theirs = made.accounts.assign(ws, account.id, brand.id, by="Ana")
    assert (theirs.brand_id, theirs.status, theirs.label) == (brand.id, "connected", account.label)
    assert made.accounts.assign(ws, account.id, None).brand_id is None
    foreign = made.workspaces.add_brand(made.workspaces.create("Theirs").id, {"name": "Not here"})
    with pytest.raises(NotFound):
        made.accounts.assign(ws, account.id, foreign.id)
    gone = made.accounts.disconnect(ws, account.id)
    assert made.accounts.assign(ws, gone.id, brand.id).status == "disconnected"


def test_disconnecting_forgets_the_secrets_and_keeps_the_row(database_url: str, made: Application, ws: str) -> None:
    account = after_test(made, ws)
    gone = made.accounts.disconnect(ws, account.id, by="Ana")
    assert gone.status == "disconnected" and gone.secrets == {} and gone.label
    assert made.secrets.names(ws) == []
    with pytest.raises(Conflict):
        made.accounts.test(ws, account.id)
    again = made.accounts.save(ws, "parcels", "Main", {"token": TOKEN}, account_id=account.id)
    assert made.accounts.test(ws, again.id).status == "connected"
    made.accounts.delete(ws, account.id)
    assert made.accounts.find(ws) == [] and made.secrets.names(ws) == []


def test_another_workspace_sees_nothing(database_url: str, made: Application, ws: str) -> None:
    account = after_test(made, ws)
    other = made.workspaces.create("Theirs").id
    assert made.accounts.find(other) == [] and not made.accounts.connected(other, "parcels")
    accounts = made.accounts
    tries: list[Callable[[], object]] = [
        lambda: accounts.get(other, account.id),
        lambda: accounts.test(other, account.id),
        lambda: accounts.sync(other, account.id),
        lambda: accounts.syncs.begin(other, account.id),
        lambda: accounts.assign(other, account.id, None),
        lambda: accounts.disconnect(other, account.id),
        lambda: accounts.delete(other, account.id),
        lambda: accounts.access(other, "parcels"),
        lambda: accounts.read(other, "parcels", "parcels", {}),
        lambda: accounts.save(other, "parcels", "Mine", {"token": TOKEN}, account_id=account.id),
    ]
    for attempt in tries:
        with pytest.raises(NotFound):
            attempt()
    assert accounts.get(ws, account.id) == account and made.secrets.names(other) == []


def test_a_reading_goes_to_the_account_that_is_named(made: Application, ws: str, parcels: Parcels) -> None:
    after_test(made, ws)
    second = made.accounts.test(ws, connect(made, ws, "Second", token="second-token-99").id)
    assert made.accounts.read(ws, "parcels", "parcels", {"since": 1}) == ["tok", {"since": 1}, ""]
    assert made.accounts.read(ws, "parcels", "parcels", {"account": "Second"})[0] == "sec"
    with pytest.raises(NotFound):
        made.accounts.read(ws, "parcels", "parcels", {"account": "Third"})
    with pytest.raises(Invalid) as raised:
        made.accounts.read(ws, "parcels", "letters", {})
    assert "parcels" in raised.value.hint
    parcels.read_fails = AccessRevoked("No more.", hint="Connect it anew.")
    with pytest.raises(AccessRevoked):
        made.accounts.read(ws, "parcels", "parcels", {"account": "Second"})
    assert made.accounts.get(ws, second.id).status == "revoked"


def test_a_secret_somebody_removed_is_asked_for_again(made: Application, ws: str) -> None:
    account = connect(made, ws)
    made.secrets.remove(ws, account.secrets["token"])
    found = made.accounts.test(ws, account.id)
    assert found.status == "error" and found.error and found.error["code"] == "secret_missing"


def test_a_sync_publishes_everything_once(database_url: str, made: Application, ws: str, parcels: Parcels) -> None:
    account = after_test(made, ws)
    done = made.accounts.sync(ws, account.id, by="Ana")
    assert done.synced == {"ionflux.parcels.parcel.lost": 3, "ionflux.parcels.parcel.sent": 6}
    assert done.cursor == {"next": 3} and done.synced_at and done.sync_error is None
    assert sorted(event.payload["n"] for event in events(made, ws)) == list(range(9))
    assert made.accounts.sync(ws, account.id).synced == {}
    with made.db.read() as connection:
        lines = [line["action"] for line in audit.find(connection, ws, entity_id=account.id, limit=10)]
    assert lines == ["synced", "synced", "tested", "added"]


def test_facts_that_came_before_are_not_published_again(made: Application, ws: str, parcels: Parcels) -> None:
    account = after_test(made, ws)
    made.accounts.sync(ws, account.id)
    other = made.accounts.test(ws, connect(made, ws, "Same shop").id)
    assert made.accounts.sync(ws, other.id).synced == {}
    assert len(events(made, ws)) == 9


def test_a_killed_sync_goes_on_where_it_was(database_url: str, made: Application, ws: str, parcels: Parcels) -> None:
    account = after_test(made, ws)
    parcels.failures = {1: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        made.accounts.sync(ws, account.id)
    left = made.accounts.get(ws, account.id)
    assert left.cursor == {"next": 1} and len(events(made, ws)) == 3
    assert left.sync_error and left.sync_error["code"] == "unfinished"
    made.accounts.nightly()
    assert parcels.seen == [0, 1, 2] and len(events(made, ws)) == 9, "it goes on before the next night"
    assert made.accounts.get(ws, account.id).sync_error is None


@pytest.mark.parametrize("error", [Unavailable("Down.", hint="Later."), TooManyRequests("No.", retry_after=9)])
def test_an_error_half_way_keeps_what_came(made: Application, ws: str, parcels: Parcels, error: IonfluxError) -> None:
    account = after_test(made, ws)
    parcels.failures = {2: error}
    stopped = made.accounts.sync(ws, account.id)
    assert stopped.sync_error and stopped.sync_error["code"] == error.code
    assert stopped.status == "connected" and sum(stopped.synced.values()) == 6
    assert sum(made.accounts.sync(ws, account.id).synced.values()) == 3


def test_a_token_revoked_half_way_marks_the_account(
    database_url: str, made: Application, ws: str, parcels: Parcels
) -> None:
    account = after_test(made, ws)
    parcels.failures = {1: AccessRevoked(f"{TOKEN} is dead.", hint="Connect it anew.")}
    stopped = made.accounts.sync(ws, account.id)
    assert stopped.status == "revoked" and len(events(made, ws)) == 3 and TOKEN not in str(stopped)
    (told,) = made.events.find(ws, prefix="ionflux.account")
    assert told.type == "ionflux.account.revoked" and told.payload["name"] == "Main" and TOKEN not in str(told)
    with pytest.raises(Conflict):
        made.accounts.sync(ws, account.id)
    assert not made.accounts.connected(ws, "parcels")


def test_two_syncs_of_one_account_do_not_meet(made: Application, ws: str, parcels: Parcels) -> None:
    account = after_test(made, ws)
    met: list[str] = []

    def meanwhile() -> None:
        assert made.accounts.syncs.running([account]) == {account.id}
        with pytest.raises(Conflict) as raised:
            made.accounts.sync(ws, account.id)
        met.append(raised.value.code)

    parcels.during = meanwhile
    made.accounts.sync(ws, account.id)
    assert met == ["sync_under_way"] * 3 and made.accounts.syncs.running([account]) == set()


def test_an_answer_nobody_foresaw_ends_one_sync_and_no_other(made: Application, ws: str, parcels: Parcels) -> None:
    first, second = after_test(made, ws), made.accounts.test(ws, connect(made, ws, "Second").id)
    parcels.failures = {0: RuntimeError("what is this?")}
    at = ids.now() + timedelta(days=2)
    ids.set_clock(lambda: at)
    made.accounts.nightly()
    failed = made.accounts.get(ws, first.id).sync_error
    assert failed and failed["code"] == "service_garbage", "it waits an hour, and is not tried at every look"
    assert made.accounts.get(ws, second.id).cursor == {"next": 3}
    made.accounts.nightly()
    assert made.accounts.get(ws, first.id).cursor == {}


def test_a_sync_that_was_overtaken_says_nothing_about_the_other_one(
    made: Application, ws: str, parcels: Parcels
) -> None:
    account = after_test(made, ws)

    def another_process_takes_over() -> None:
        with made.db.read() as connection:
            (lease,) = connection.exec_driver_sql("SELECT name FROM leases WHERE name LIKE 'account:%'").scalars()
        made.db.write(
            lambda c: c.exec_driver_sql(f"UPDATE leases SET owner = 'another' WHERE name = '{lease}'") and None
        )

    parcels.during = another_process_takes_over
    with pytest.raises(Conflict):
        made.accounts.sync(ws, account.id)
    left = made.accounts.get(ws, account.id)
    assert left.synced_at is None and left.sync_error and left.sync_error["code"] == "unfinished"


def test_an_account_changed_meanwhile_keeps_its_change(made: Application, ws: str, parcels: Parcels) -> None:
    account = after_test(made, ws)
    parcels.during = lambda: made.accounts.disconnect(ws, account.id) and None
    with pytest.raises(Conflict):
        made.accounts.sync(ws, account.id)
    assert made.accounts.get(ws, account.id).status == "disconnected" and events(made, ws) == []


def test_a_record_that_is_too_large_does_not_stop_the_rest(made: Application, ws: str, parcels: Parcels) -> None:
    class Heavy(Parcels):
        def sync(self, access: Access, cursor: Mapping[str, Any]) -> Iterator[Batch]:
            big = Fact("ionflux.parcels.parcel.sent", {"text": "x" * 2_000_000}, "big")
            yield Batch((big, Fact("ionflux.parcels.parcel.sent", {"n": 1}, "small")), {"next": 1})

    made.accounts = accounts_with(made, Heavy())
    done = made.accounts.sync(ws, after_test(made, ws).id)
    assert done.synced == {"ionflux.parcels.parcel.sent": 1}
    assert done.sync_error and done.sync_error["code"] == "too_large"


def test_a_sync_is_begun_beside_the_page(made: Application, ws: str, parcels: Parcels) -> None:
    account = after_test(made, ws)
    made.accounts.syncs.begin(ws, account.id)
    for _ in range(200):
        if not made.accounts.syncs.running([account]) and made.accounts.get(ws, account.id).synced_at:
            break
        time.sleep(0.02)
    assert len(events(made, ws)) == 9


def test_what_cannot_sync_says_so(made: Application, ws: str, parcels: Parcels) -> None:
    account = after_test(made, ws)
    parcels.syncs = False
    with pytest.raises(Conflict):
        made.accounts.sync(ws, account.id)


def test_the_nightly_sync_waits_for_the_night_and_comes_once(made: Application, ws: str, parcels: Parcels) -> None:
    made.workspaces.save_settings(ws, {"timezone": "America/New_York"})
    at = [datetime(2026, 11, 20, 22, 0, tzinfo=UTC)]
    ids.set_clock(lambda: at[0])
    account = after_test(made, ws)
    made.accounts.nightly()
    assert parcels.seen == []
    at[0] = datetime(2026, 11, 21, 7, 59, tzinfo=UTC)
    made.accounts.nightly()
    assert parcels.seen == [], "it is not yet three o'clock in New York"
    at[0] = datetime(2026, 11, 21, 8, 1, tzinfo=UTC)
    made.accounts.nightly()
    assert parcels.seen == [0, 1, 2]
    parcels.batches = 4
    at[0] = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
    made.accounts.nightly()
    assert len(parcels.seen) == 3
    parcels.failures = {3: Unavailable("Down.", hint="Later.")}
    at[0] = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    made.accounts.nightly()
    assert made.accounts.get(ws, account.id).sync_error
    at[0] = datetime(2026, 11, 22, 10, 1, tzinfo=UTC)
    made.accounts.nightly()
    assert parcels.seen[-1] == 3 and made.accounts.get(ws, account.id).sync_error is None


def test_the_night_is_that_of_the_workspace() -> None:
    at = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert night_before(at, "Asia/Tokyo").isoformat() == "2026-11-21T03:00:00+09:00"
    assert night_before(at, "Pacific/Honolulu").isoformat() == "2026-11-20T03:00:00-10:00"


def test_every_connector_can_be_stored_under_its_names() -> None:
    for connector in registered().values():
        for each in connector.fields:
            assert len(f"account_{ids.new_id()}_{each.name}") <= 63, (connector.kind, each.name)
