"""Secrets: stored encrypted, never listed with their values, opened only for a call, and hidden everywhere else."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.errors import Invalid, IonfluxError, NotFound, Unavailable
from ionflux_core.outbound import Outbound
from tests.agents_for_tests.world import World, small_world, world

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
    assert [row.action for row in world.rows("audit_log", entity="secret")] == ["stored", "stored", "removed"]
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
