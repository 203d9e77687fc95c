"""A run as one file: what it holds, what it never holds, that another workspace opens it, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from ionflux_core import limits
from ionflux_core.domain import run_files as form
from ionflux_core.domain.runs import Run
from ionflux_core.errors import Conflict, Invalid, IonfluxError, LimitExceeded, NotFound
from ionflux_core.ids import now
from ionflux_core.storage import feed
from ionflux_core.storage.tables import metadata
from tests.agents_for_tests.world import World, small_world, world

__all__ = ["small_world", "world"]

CANARY = "canary-7f3e-bird-of-the-mine"
TABLES = ("runs", "run_steps", "calls", "run_logs", "artifacts")
Change = Callable[[dict[str, bytes]], None]


def worker(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Everything a run can leave behind."""
    ctx.log("begins", level="info", box=7)
    ctx.step("Count", lambda: {"boxes": 3, "name": "Zoë ✓"})
    big = ctx.step("List", lambda: ["x" * 100 + str(number) for number in range(1_000)])
    said = ctx.llm.complete("Say something about boxes.")
    sheet = ctx.artifact("sheet.csv", "a,b\n1,2\n", media_type="text/csv")
    ctx.kpi("boxes", 3, unit="boxes")
    return {
        "result": {
            "said": said.text,
            "count": len(big),
            "sheet": {"sha256": sheet.sha256, "name": "sheet.csv", "size": 8},
        }
    }


def exported(world: World, run_id: str, folder: Path) -> Path:
    """The run's file on the disk."""
    target = folder / f"{run_id}.ionrun"
    with target.open("wb") as file:
        world.app.run_files.export(world.workspace, run_id, file)
    return target


def finished(world: World, function: Any = worker, value: Any = None) -> Run:
    world.agent("worker", function)
    return world.run("worker", value or {"text": "hello"})


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, content: dict[str, bytes], *, resealed: bool = True) -> Path:
    """The same archive with other members; `resealed` writes a manifest that fits them."""
    if resealed:
        manifest = json.loads(content[form.MANIFEST])
        manifest["members"] = {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for name, data in content.items()
            if name != form.MANIFEST
        }
        content = {**content, form.MANIFEST: json.dumps(manifest).encode()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def counts(world: World) -> dict[str, int]:
    return {table: len(world.rows(table)) for table in TABLES}


def refused(world: World, path: Path) -> IonfluxError:
    """The error of an import that must change nothing."""
    before = counts(world)
    with pytest.raises((Invalid, LimitExceeded)) as caught:
        world.app.run_files.bring_in(world.workspace, path)
    assert counts(world) == before
    assert caught.value.message and caught.value.hint
    return caught.value


def test_a_run_moves_to_another_workspace_whole(world: World, tmp_path: Path) -> None:
    run = finished(world)
    assert run.status == "success"
    path = exported(world, run.id, tmp_path)
    other = world.app.workspaces.create("Second").id
    imported = world.app.run_files.bring_in(other, path, by="Ada")
    assert imported.run_id != run.id and not imported.repeated
    there = world.app.runs.get(other, imported.run_id)
    same = {"status", "inputs", "outputs", "kpis", "config", "config_sha256", "cost_micros", "started_at",
            "finished_at", "definition_slug", "definition_version", "preview", "task", "created_at"}  # fmt: skip
    assert there.model_dump(include=same) == run.model_dump(include=same)
    assert there.instance_id is None and there.correlation_id == there.id
    assert there.imported is not None
    assert there.imported["run_id"] == run.id
    assert there.imported["from"] == "Test"
    assert there.imported["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    hidden = {"run_id"}
    steps = [step.model_dump(exclude=hidden) for step in world.app.runs.steps(other, there.id)]
    assert steps == [step.model_dump(exclude=hidden) for step in world.app.runs.steps(world.workspace, run.id)]
    logs = [log.model_dump(exclude=hidden) for log in world.app.runs.logs(other, there.id)]
    assert logs == [log.model_dump(exclude=hidden) for log in world.app.runs.logs(world.workspace, run.id)]
    left, right = (
        [{name: call[name] for name in call if name not in ("id", "run_id")} for call in world.app.runs.calls(*where)]
        for where in ((world.workspace, run.id), (other, there.id))
    )
    assert left == right and left
    sheet = run.outputs["result"]["sheet"]["sha256"] if run.outputs else ""
    assert world.app.runs.file(other, sheet) == b"a,b\n1,2\n"


def test_every_column_of_a_run_travels_or_is_known_to_stay() -> None:
    """Whoever adds a column decides here whether a run's file carries it."""
    stay = {
        # Ids of the workspace, what is told in `imported` and `lineage`, and what only a run that goes on needs.
        "runs": {"workspace_id", "instance_id", "brand_id", "trigger_kind", "trigger_id", "triggered_by_user_id",
                 "correlation_id", "parent_run_id", "forked_at", "changes", "replay_of", "imported", "budget_micros",
                 "idempotency_key", "priority", "concurrency", "claims", "lease_owner", "lease_until", "control",
                 "wake_at", "wait", "change_seq"},
        "run_steps": {"run_id"},
        "calls": {"id", "run_id"},
        "run_logs": {"seq", "run_id"},
    }  # fmt: skip
    kinds = {"runs": form.RunDocument, "run_steps": form.StepDocument, "calls": form.CallDocument,
             "run_logs": form.LogDocument}  # fmt: skip
    for table, kind in kinds.items():
        assert set(metadata.tables[table].c.keys()) - set(kind.model_fields) == stay[table]


def test_an_imported_run_is_replayed_without_any_call(world: World, tmp_path: Path) -> None:
    asked: list[str] = []

    def dated(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        asked.append("run")
        ctx.step("Ask", lambda: asked.append("step") or 1)
        event = ctx.emit("test.done", {"at": ctx.now().isoformat()})
        return {"result": {**worker(ctx, inputs)["result"], "now": ctx.now().isoformat(), "event": event}}

    run = finished(world, dated)
    path = exported(world, run.id, tmp_path)
    other = world.app.workspaces.create("Second").id
    there = world.app.run_files.bring_in(other, path).run_id
    asked.clear()
    started = world.app.forks.replay(other, there)
    again = world.app.runs.wait(other, started.run_id, timeout=10)
    assert (again.status, again.error) == ("success", None)
    assert again.outputs == run.outputs and again.kpis == run.kpis
    assert again.cost_micros == 0 and not world.app.runs.calls(other, again.id)
    assert asked == ["run"]


def test_the_same_file_gives_the_same_run(world: World, tmp_path: Path) -> None:
    path = exported(world, finished(world).id, tmp_path)
    first = world.app.run_files.bring_in(world.workspace, path)
    before = counts(world)
    again = world.app.run_files.bring_in(world.workspace, path)
    assert again.run_id == first.run_id and again.repeated
    assert counts(world) == before


def test_a_failed_run_and_a_run_without_steps_travel_too(world: World, tmp_path: Path) -> None:
    def fails(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        raise ValueError("no cardboard")

    run = finished(world, fails)
    assert run.status == "error"
    there = world.app.run_files.bring_in(world.workspace, exported(world, run.id, tmp_path))
    found = world.get(there.run_id)
    assert found.error == run.error and found.status == "error"


def test_a_run_that_has_not_ended_is_not_exported(world: World) -> None:
    world.agent("worker", worker)
    waiting = world.start("worker")
    with pytest.raises(Conflict, match="has not ended"):
        world.app.run_files.export(world.workspace, waiting, io.BytesIO())


@pytest.mark.parametrize("status", ["success", "error", "budget_stopped", "cancelled_by_user"])
def test_an_imported_run_stays_as_it_is(world: World, tmp_path: Path, status: str) -> None:
    path = exported(world, finished(world).id, tmp_path)
    content = members(path)
    changed(form.RUN, status=status)(content)
    there = world.app.run_files.bring_in(world.workspace, packed(path, content)).run_id
    app = world.app
    for move in (app.runs.cancel, app.runs.pause, app.runs.resume, app.forks.retry, app.forks.fork):
        with pytest.raises(Conflict):
            move(world.workspace, there)
    with pytest.raises(Conflict):
        app.budgets.continue_with(world.workspace, there)
    assert world.get(there).status == status


def test_another_workspace_exports_and_imports_nothing_of_this_one(world: World, tmp_path: Path) -> None:
    run = finished(world)
    other = world.app.workspaces.create("Second").id
    with pytest.raises(NotFound):
        world.app.run_files.export(other, run.id, io.BytesIO())
    path = exported(world, run.id, tmp_path)
    there = world.app.run_files.bring_in(other, path).run_id
    with pytest.raises(NotFound):
        world.get(there)


def test_a_file_that_holds_a_secret_leaves_without_it(world: World, tmp_path: Path) -> None:
    world.app.secrets.put(world.workspace, "later", "before-it-was-known-1234")

    def careless(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        text = ctx.artifact("notes.txt", f"the key is {CANARY}", media_type="text/plain")
        ctx.artifact("photo.bin", b"\xff\xfe" + CANARY.encode(), media_type="image/png")
        large = ctx.step("Large", lambda: [CANARY, {"n": 1}, "x" * 70_000])
        return {"result": {"file": {"sha256": text.sha256, "name": "notes.txt", "size": 10}, "n": len(large)}}

    run = finished(world, careless)
    world.app.secrets.put(world.workspace, "key", CANARY)
    path = exported(world, run.id, tmp_path)
    assert CANARY.encode() not in b"".join(members(path).values())
    other = world.app.workspaces.create("Second").id
    there = world.app.runs.get(other, world.app.run_files.bring_in(other, path).run_id)
    assert there.outputs and there.imported
    assert world.app.runs.file(other, there.outputs["result"]["file"]["sha256"]) == b"the key is [redacted]"
    assert [left["name"] for left in there.imported["left_out"]] == ["photo.bin"]
    large = next(step for step in world.app.runs.steps(other, there.id) if step.step_key == "Large")
    assert json.loads(world.app.runs.file(other, large.output_ref or ""))[0] == "[redacted]"


# What is wrong with a file is said, and nothing of it stays.


def without(name: str) -> Change:
    return lambda content: content.pop(name) and None


def changed(name: str, **values: Any) -> Change:
    def change(content: dict[str, bytes]) -> None:
        lines = content[name].split(b"\n")
        content[name] = b"\n".join([json.dumps(json.loads(lines[0]) | values).encode(), *lines[1:]])

    return change


def raw(name: str, data: bytes) -> Change:
    return lambda content: content.update({name: data})


def twice_the_same_step(content: dict[str, bytes]) -> None:
    content[form.STEPS] += content[form.STEPS].split(b"\n")[0] + b"\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without(form.RUN), "lacks run.json"),
        (without(form.LOGS), "lacks logs.jsonl"),
        (without(form.MANIFEST), "no manifest"),
        (raw("../../evil.txt", b"x"), "does not belong"),
        (raw("/etc/passwd", b"x"), "does not belong"),
        (raw("files/../run.json", b"x"), "does not belong"),
        (raw("C:\\evil.exe", b"x"), "does not belong"),
        (raw("files/" + "g" * 64, b"x"), "does not belong"),
        (raw("run.json\n", b"x"), "does not belong"),
        (raw("files/" + "0" * 64, b"x"), "not named by its hash"),
        (raw("files/" + hashlib.sha256(b"x").hexdigest(), b"x"), "other files than there are"),
        (raw(form.RUN, b"no json"), "not JSON"),
        (raw(form.RUN, b"[1, 2]"), "valid dictionary"),
        (raw(form.RUN, b'{"a":' * 5_000 + b"1" + b"}" * 5_000), "not JSON"),
        (raw(form.STEPS, b"[" * 90_000), "not JSON"),
        (raw(form.CALLS, b"NaN\n"), "not JSON"),
        (changed(form.RUN, status="running"), "has ended"),
        (changed(form.RUN, status="pending"), "has ended"),
        (changed(form.RUN, extra=1), "extra"),
        (changed(form.RUN, id="../../x"), "id"),
        (changed(form.RUN, cost_micros=-1), "cost_micros"),
        (changed(form.RUN, cost_micros=10**30), "cost_micros"),
        (changed(form.RUN, created_at="0001-01-01T00:00:00Z"), "created_at"),
        (changed(form.RUN, created_at="2026-01-01T00:00:00"), "created_at"),
        (changed(form.RUN, target="x" * 301), "target"),
        (changed(form.RUN, preview="a\0b"), "NUL"),
        (changed(form.RUN, inputs={"n": 10**301}), "300 digits"),
        (changed(form.RUN, inputs={"n": json.loads("[" * 120 + "]" * 120)}), "nested deeper"),
        (changed(form.STEPS, status="running"), "going on"),
        (changed(form.STEPS, output_ref="0" * 64), "other files than there are"),
        (changed(form.STEPS, seq=2**40), "seq"),
        (twice_the_same_step, "same key"),
        (changed(form.LOGS, level="loud"), "level"),
        (changed(form.CALLS, latency_ms=-1), "latency_ms"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_and_changes_nothing(
    small_world: World, tmp_path: Path, change: Change, said: str
) -> None:
    path = exported(small_world, finished(small_world).id, tmp_path)
    content = members(path)
    change(content)
    error = refused(small_world, packed(path, content, resealed=form.MANIFEST in content))
    assert said in error.message


def test_changed_content_does_not_fit_its_hash(small_world: World, tmp_path: Path) -> None:
    path = exported(small_world, finished(small_world).id, tmp_path)
    content = members(path)
    content[form.RUN] = content[form.RUN].replace(b'"success"', b'"errored"')
    assert refused(small_world, packed(path, content, resealed=False)).code == "hash_mismatch"


def test_bombs_are_refused_before_they_grow(small_world: World, tmp_path: Path) -> None:
    path = exported(small_world, finished(small_world).id, tmp_path)
    content = members(path)
    content[form.LOGS] = b"\n" * (40 * limits.MIB)
    assert refused(small_world, packed(path, content)).code == "ratio"
    content[form.LOGS] = b"\n" * (limits.RUN_FILE_UNPACKED_BYTES + 1)
    assert "grow to more than" in refused(small_world, packed(path, content)).message
    content[form.LOGS] = b"[" + b"1," * 3_000_000 + b"1]"
    assert isinstance(refused(small_world, packed(path, content)), LimitExceeded)


def test_millions_of_lines_are_counted_before_they_are_cut(small_world: World, tmp_path: Path) -> None:
    path = exported(small_world, finished(small_world).id, tmp_path)
    content = members(path)
    noise = random.Random(5).randbytes(1 * limits.MIB)
    content["files/" + hashlib.sha256(noise).hexdigest()] = noise
    content[form.LOGS] = b"\n" * (50 * limits.MIB)
    tracemalloc.start()
    try:
        error = refused(small_world, packed(path, content))
        assert "lines" in error.message
        assert tracemalloc.get_traced_memory()[1] < 250 * limits.MIB
    finally:
        tracemalloc.stop()


def test_a_member_that_lies_about_its_size_is_stopped(small_world: World, tmp_path: Path) -> None:
    path = exported(small_world, finished(small_world).id, tmp_path)
    content = members(path)
    content[form.LOGS] = b"\n" * (4 * limits.MIB)
    packed(path, content)
    data, true, claimed = path.read_bytes(), struct.pack("<L", 4 * limits.MIB), struct.pack("<L", 10)
    assert true in data
    path.write_bytes(data.replace(true, claimed))
    refused(small_world, path)


def test_too_many_members_and_a_too_large_file_are_refused(small_world: World, tmp_path: Path) -> None:
    path = exported(small_world, finished(small_world).id, tmp_path)
    content = members(path) | {f"files/{number:064x}": b"" for number in range(limits.RUN_FILE_MEMBERS + 1)}
    assert "members" in refused(small_world, packed(path, content, resealed=False)).message
    huge = tmp_path / "huge.ionrun"
    with huge.open("wb") as file:
        file.truncate(limits.RUN_FILE_BYTES + 1)
    assert "larger than" in refused(small_world, huge).message


@pytest.mark.parametrize(
    "trick", ["link", "encrypted", "bzip2", "twice", "comment", "prefix", "zip64", "no zip", "empty"]
)
def test_tricks_of_the_archive_are_refused(small_world: World, tmp_path: Path, trick: str) -> None:
    path = exported(small_world, finished(small_world).id, tmp_path)
    content = members(path)
    if trick == "link":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in content.items():
                info = zipfile.ZipInfo(name)
                info.external_attr = (0o120777 if name == form.RUN else 0o100644) << 16
                archive.writestr(info, data)
    elif trick == "bzip2":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
            for name, data in content.items():
                archive.writestr(name, data)
    elif trick == "twice":
        with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(form.RUN, b"{}")
    elif trick == "comment":
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = b"PK\x05\x06"
    elif trick == "encrypted":
        data = bytearray(path.read_bytes())
        at = data.find(b"PK\x01\x02")
        data[at + 8] |= 1
        path.write_bytes(data)
    else:
        data = path.read_bytes()
        end = data[-22:]
        zip64 = b"PK\x06\x07" + b"\0" * 16
        path.write_bytes(
            {"prefix": b"#!/bin/sh\n" + data, "zip64": data[:-22] + zip64 + end, "no zip": b"hello" * 50, "empty": b""}[
                trick
            ]
        )
    refused(small_world, path)


def test_when_the_database_fails_no_row_of_the_run_stays(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = exported(world, finished(world).id, tmp_path)
    before = counts(world)

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("ionflux_core.services.run_files.artifacts.note", broken)
    with pytest.raises(OSError, match="no space left"):
        world.app.run_files.bring_in(world.workspace, path)
    assert counts(world) == before


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "sample.ionrun"


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=some.data())
def test_no_mutated_file_breaks_the_importer(small_world: World, tmp_path: Path, data: some.DataObject) -> None:
    """Whatever is flipped, cut or doubled: it is imported as it was, or refused with a sentence."""
    sample = tmp_path / "sample.ionrun"
    if not sample.exists():
        exported(small_world, finished(small_world).id, tmp_path).rename(sample)
    raw_bytes = bytearray(sample.read_bytes())
    for _ in range(data.draw(some.integers(1, 6))):
        at = data.draw(some.integers(0, len(raw_bytes) - 1))
        kind = data.draw(some.sampled_from(["flip", "cut", "double", "fill", "tail"]))
        size = data.draw(some.integers(1, 64))
        if kind == "flip":
            raw_bytes[at] ^= 1 << data.draw(some.integers(0, 7))
        elif kind == "cut" and len(raw_bytes) > size + 1:
            del raw_bytes[at : at + size]
        elif kind == "double":
            raw_bytes[at:at] = raw_bytes[at : at + size]
        elif kind == "fill":
            raw_bytes[at : at + size] = bytes([data.draw(some.integers(0, 255))]) * len(raw_bytes[at : at + size])
        else:
            # The directory at the end is where a mutation hurts most.
            place = max(0, len(raw_bytes) - data.draw(some.integers(1, 1_200)))
            raw_bytes[place] = data.draw(some.integers(0, 255))
    mutated = tmp_path / "mutated.ionrun"
    mutated.write_bytes(raw_bytes)
    before = counts(small_world)
    try:
        small_world.app.run_files.bring_in(small_world.workspace, mutated)
    except (Invalid, LimitExceeded) as error:
        assert error.message
        assert counts(small_world) == before


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=some.data())
def test_no_sealed_nonsense_breaks_the_importer(small_world: World, tmp_path: Path, data: some.DataObject) -> None:
    """Members whose hashes are right and whose content is anything."""
    sample = tmp_path / "sample.ionrun"
    if not sample.exists():
        exported(small_world, finished(small_world).id, tmp_path).rename(sample)
    content = members(sample)
    name = data.draw(some.sampled_from([form.RUN, form.STEPS, form.CALLS, form.LOGS]))
    document = json.loads(content[name].split(b"\n")[0])
    key = data.draw(some.sampled_from(sorted(document)))
    leaf = some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(max_size=400)
    anything = some.recursive(
        leaf, lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner), max_leaves=20
    )
    document[key] = data.draw(anything)
    content[name] = json.dumps(document).encode()
    before = counts(small_world)
    try:
        small_world.app.run_files.bring_in(small_world.workspace, packed(tmp_path / "nonsense.ionrun", content))
    except (Invalid, LimitExceeded) as error:
        assert error.message
        assert counts(small_world) == before


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=some.binary(max_size=2_000))
def test_what_is_no_archive_is_refused(small_world: World, tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "any.ionrun"
    path.write_bytes(text)
    with pytest.raises(Invalid):
        small_world.app.run_files.bring_in(small_world.workspace, path)


def test_base64_and_hex_of_a_secret_are_not_in_the_file_either(world: World, tmp_path: Path) -> None:
    forms = [CANARY, base64.b64encode(CANARY.encode()).decode(), CANARY.encode().hex()]

    def leaks(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.log(f"uses {forms[1]}")
        ctx.step(f"Call {CANARY}", lambda: {form_: form_ for form_ in forms})
        raise ValueError(f"refused {forms[2]}")

    run = finished(world, leaks)
    world.app.secrets.put(world.workspace, "key", CANARY)
    content = b"".join(members(exported(world, run.id, tmp_path)).values())
    for shape in forms:
        assert shape.encode() not in content


def test_an_imported_run_is_in_no_figure_of_this_workspace(small_world: World, tmp_path: Path) -> None:
    path = exported(small_world, finished(small_world).id, tmp_path)
    other = small_world.app.workspaces.create("Second").id
    small_world.app.run_files.bring_in(other, path)
    since = now() - timedelta(days=1)
    with small_world.app.db.read() as connection:
        assert feed.counts_since(connection, small_world.workspace, since) == {"success": 1}
        assert feed.counts_since(connection, other, since) == {}
        assert {row.workspace_id for row in feed.changed_runs(connection, feed.Mark(), limit=10)} == {
            small_world.workspace
        }
