"""Secrets: stored encrypted, never listed with their values, opened only for a call, and hidden everywhere else."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.errors import Conflict, Invalid, IonfluxError, NotFound, Unavailable
from ionflux_core.outbound import Outbound
from ionflux_core.storage import secrets as rows
from ionflux_core.vault import new_key
from tests.agents_for_tests.world import World, small_world, together, world

__all__ = ["small_world", "world"]

VALUE = "canary-4711-do-not-leak"


def test_a_secret_is_stored_replaced_opened_and_removed(world: World) -> None:
    secrets = world.app.secrets
    secrets.put(world.workspace, "shop_token", VALUE, by="Ana")
    secrets.put(world.workspace, "shop_token", VALUE + "-2")
    assert secrets.names(world.workspace) == ["shop_token"]
    assert secrets.reveal(world.workspace, "shop_token") == VALUE + "-2"
    other = world.app.workspaces.create("Other").id
    assert secrets.names(other) == []
    for call in (lambda: secrets.reveal(other, "shop_token"), lambda: secrets.remove(other, "shop_token")):
        with pytest.raises(NotFound):
            call()
    secrets.remove(world.workspace, "shop_token")
    with pytest.raises(NotFound) as caught:
        secrets.reveal(world.workspace, "shop_token")
    assert "Settings, Secrets" in caught.value.hint
    assert [row.action for row in world.rows("audit_log", entity="secret")] == ["stored", "replaced", "removed"]
    for bad in ("", "a b", "../x", "x" * 200):
        with pytest.raises(Invalid):
            secrets.put(world.workspace, bad, VALUE)


def test_the_value_is_nowhere_on_the_disk_and_moving_a_row_opens_nothing(small_world: World) -> None:
    world = small_world
    world.app.secrets.put(world.workspace, "token", VALUE)
    world.app.secrets.put(world.workspace, "other", "another-value")
    world.app.db.write(lambda c: c.exec_driver_sql("UPDATE secrets SET name = 'swapped' WHERE name = 'token'"))
    with pytest.raises(IonfluxError):
        world.app.secrets.reveal(world.workspace, "swapped")
    world.app.stop()
    for file in Path(world.app.settings.data_dir).rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert VALUE.encode() not in data and base64.b64encode(VALUE.encode()) not in data


def test_a_missing_key_stops_nothing_but_the_secrets(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    world.app.secrets.put(world.workspace, "token", VALUE)
    world.app.settings.key_file.unlink()
    second = world.application()
    with pytest.raises(Unavailable) as caught:
        second.secrets.reveal(world.workspace, "token")
    assert caught.value.hint
    assert second.secrets.names(world.workspace) == ["token"]
    second.start()
    run_id = second.runs.start(world.workspace, "agent:probe").run_id
    assert second.runs.wait(world.workspace, run_id, timeout=10).status == "success"


def test_a_new_key_opens_everything_again(small_world: World) -> None:
    secrets = small_world.app.secrets
    secrets.put(small_world.workspace, "one", VALUE)
    secrets.put(small_world.workspace, "two", VALUE + "2")
    assert secrets.rotate() == 2
    assert secrets.reveal(small_world.workspace, "one") == VALUE
    again = small_world.application(workers=0)
    assert again.secrets.reveal(small_world.workspace, "two") == VALUE + "2"


class _Response:
    status = 200
    headers = {"X-Echo": f"Bearer {VALUE}", "Set-Cookie": "session=1"}
    content = f'{{"you sent": "{VALUE}", "n": 1}}'.encode()


def test_a_secret_goes_out_with_the_call_and_is_in_nothing_that_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, str]] = []

    def request(self: Outbound, method: str, url: str, *, headers: dict[str, str], **_: Any) -> _Response:
        sent.append(headers)
        if "fail" in url:
            raise Unavailable(f"The server refused {headers['Authorization']}.", hint="Check it.")
        return _Response()

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": "Bearer secret://token"}
        answer = ctx.http.request("GET", "https://shop.example/orders", headers=headers)
        ctx.log(f"came back: {answer.json()}")
        ctx.http.request("GET", "https://shop.example/fail", headers=headers)
        return {"result": 1}

    monkeypatch.setattr(Outbound, "request", request)
    world.agent("probe", run)
    world.app.secrets.put(world.workspace, "token", VALUE)
    done = world.run("probe")
    assert (done.status, done.error_code) == ("error", "unavailable")
    assert [headers["Authorization"] for headers in sent] == [f"Bearer {VALUE}"] * 2
    assert [call["status"] for call in world.app.runs.calls(world.workspace, done.id)] == ["success", "error"]
    kept = "".join(
        str(world.rows(table))
        for table in ("runs", "run_steps", "run_logs", "calls", "events", "artifacts", "audit_log")
    )
    assert VALUE not in kept and "secret://token" in kept and '"n": 1' in kept


def test_rotation_forgets_the_old_key_and_running_processes_take_the_new_one(world: World) -> None:
    first = world.app.secrets
    first.put(world.workspace, "one", VALUE)
    first.put(world.workspace, "two", VALUE + "2")
    second = world.application(workers=0).secrets
    assert second.reveal(world.workspace, "one") == VALUE
    key_file = world.app.settings.key_file
    old = key_file.read_text().strip()
    assert first.rotate(by="Ana") == 2
    assert old not in key_file.read_text() and len(key_file.read_text().split()) == 1
    assert key_file.stat().st_mode & 0o077 == 0
    assert [row.key_id for row in world.rows("secrets")] == [first.vault().key_id] * 2
    assert second.reveal(world.workspace, "two") == VALUE + "2"
    second.put(world.workspace, "three", VALUE + "3")
    assert first.reveal(world.workspace, "three") == VALUE + "3"
    assert [row.who for row in world.rows("audit_log", action="rotated")] == ["Ana"]
    first.rotate(keep_old=True)
    assert len(key_file.read_text().split()) == 2


@pytest.mark.parametrize("place", ["after the key file", "in the middle", "before the old key is forgotten"])
def test_a_rotation_that_is_broken_off_loses_nothing_and_can_be_done_again(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    for number in range(5):
        world.app.secrets.put(world.workspace, f"s{number}", f"{VALUE}-{number}")

    def power_cut(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    if place == "after the key file":
        monkeypatch.setattr(world.app.secrets, "_seal_anew", power_cut)
    elif place == "in the middle":
        real, calls = rows.seal_anew, iter(range(100))
        monkeypatch.setattr(rows, "seal_anew", lambda *a: real(*a) if next(calls) < 2 else power_cut())
    else:
        monkeypatch.setattr("ionflux_core.services.secrets.forget_old_keys", power_cut)
    with pytest.raises(KeyboardInterrupt):
        world.app.secrets.rotate()
    monkeypatch.undo()
    again = world.application(workers=0).secrets
    for secrets in (again, world.app.secrets):
        assert [secrets.reveal(world.workspace, f"s{n}") for n in range(5)] == [f"{VALUE}-{n}" for n in range(5)]
    again.rotate()
    assert {row.key_id for row in world.rows("secrets")} == {again.vault().key_id}
    assert len(world.app.settings.key_file.read_text().split()) == 1
    assert again.reveal(world.workspace, "s4") == f"{VALUE}-4"


def test_values_stored_while_the_key_is_rotated_can_be_opened(world: World) -> None:
    secrets = world.app.secrets
    secrets.put(world.workspace, "first", VALUE)

    def work(number: int) -> None:
        for turn in range(4):
            if number == 0:
                secrets.rotate()
            else:
                secrets.put(world.workspace, f"s{number}", f"{VALUE}-{number}-{turn}")
                assert secrets.reveal(world.workspace, f"s{number}").startswith(VALUE)

    assert together(4, work) == [None] * 4
    fresh = world.application(workers=0).secrets
    assert [fresh.reveal(world.workspace, f"s{n}") for n in (1, 2, 3)] == [f"{VALUE}-{n}-3" for n in (1, 2, 3)]


def test_a_key_from_the_environment_is_rotated_by_listing_a_new_one_before_it(small_world: World) -> None:
    old, new = new_key(), new_key()
    one = small_world.application(key=old)
    one.secrets.put(small_world.workspace, "a", VALUE)
    with pytest.raises(Conflict, match="already") as caught:
        one.secrets.rotate()
    assert "Put a new key before the old one" in caught.value.hint
    two = small_world.application(key=f"{new},{old}", workers=0)
    assert two.secrets.rotate() == 1
    assert small_world.application(key=new, workers=0).secrets.reveal(small_world.workspace, "a") == VALUE


def test_a_value_too_short_to_be_hidden_is_refused(small_world: World) -> None:
    with pytest.raises(Invalid, match="8 characters"):
        small_world.app.secrets.put(small_world.workspace, "pin", "1234567")
    assert small_world.app.secrets.names(small_world.workspace) == []


def test_what_another_process_has_stored_is_hidden_here_soon(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = world.app.secrets, world.application(workers=0).secrets
    assert not here.redactor(world.workspace).holds(VALUE)
    there.put(world.workspace, "fresh", VALUE)
    assert not here.redactor(world.workspace).holds(VALUE)
    monkeypatch.setattr("ionflux_core.services.secrets._LOOK_SECONDS", 0.0)
    assert here.redactor(world.workspace).text(f"x {VALUE}") == "x [redacted]"
    there.put(world.workspace, "fresh", VALUE + "-again")
    assert here.redactor(world.workspace).text(f"x {VALUE}-again") == "x [redacted]"
