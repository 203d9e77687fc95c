"""The program's own log: one line each, with the ids of run and request, at the level asked for, without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.errors import Invalid
from ionflux_core.logs import configure_logging
from ionflux_core.redaction import IN_LOGS, LINES, MASK, RedactingFormatter, bind, bound
from ionflux_core.settings import load_settings
from tests.agents_for_tests.world import World, small_world, world
from tests.core.test_routes import client_of

__all__ = ["small_world", "world"]

SECRET = "hunter2-but-much-longer-93kd"


class Written:
    """A log as a machine reads it."""

    def __init__(self, *, json_lines: bool = True) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(RedactingFormatter(IN_LOGS, json_lines=json_lines))

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def written() -> Iterator[Written]:
    yield from _listening(Written())


@pytest.fixture
def text() -> Iterator[Written]:
    yield from _listening(Written(json_lines=False))


def _listening(log: Written) -> Iterator[Written]:
    root, levels = logging.getLogger(), {}
    for name in ("", "ionflux_core", "ionflux_core.web.access", "made_up"):
        levels[name] = logging.getLogger(name).level
    # A command run by another test in this process may have left its own handler, and each would count a line.
    before, root.handlers = root.handlers, [log.handler]
    root.setLevel(logging.DEBUG)
    yield log
    root.handlers = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _says(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    log = logging.getLogger("an_agents_library")

    def work() -> int:
        log.warning("inside")
        return 1

    log.info("before")
    ctx.step("outer", work)
    log.info("after")
    return {"result": 1}


def test_every_line_of_a_run_has_its_ids(world: World, written: Written) -> None:
    world.agent("probe", _says)
    run = world.run("probe")
    said = {line["message"]: line for line in written.lines if line["logger"] == "an_agents_library"}
    assert {*said} == {"before", "inside", "after"}
    for line in said.values():
        assert (line["run_id"], line["workspace_id"]) == (run.id, world.workspace)
        assert (line["agent"], line["correlation_id"]) == ("probe", run.correlation_id)
    assert said["inside"]["step"] == "outer"
    assert "step" not in said["before"] and "step" not in said["after"]
    assert dict(bound()) == {}


def test_a_run_that_goes_on_later_has_the_same_ids(world: World, written: Written) -> None:
    def asks(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        answer = ctx.approve("May I?")
        logging.getLogger("an_agents_library").info("answered")
        return {"result": answer.approved}

    world.agent("probe", asks)
    run = world.run("probe")
    (asked,) = world.app.approvals.pending(world.workspace)
    world.app.approvals.decide(world.workspace, asked.id, approved=True)
    world.ended(run.id)
    (line,) = [line for line in written.lines if line["message"] == "answered"]
    assert (line["run_id"], line["correlation_id"]) == (run.id, run.correlation_id)


def test_the_failure_of_an_agent_is_one_line_with_its_ids(world: World, written: Written) -> None:
    def fails(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        raise ValueError("line one\nline two")

    world.agent("probe", fails)
    run = world.run("probe")
    (line,) = [line for line in written.lines if "failed" in line["message"] and line["level"] == "WARNING"]
    assert line["run_id"] == run.id and "line one\nline two" in line["message"]


def test_a_request_is_named_in_its_lines_and_told_its_name(application: Application, written: Written) -> None:
    with client_of(application) as client:
        mine = client.get("/healthz", headers={"x-request-id": "abc-1"})
        hostile = client.get("/healthz", headers={"x-request-id": 'x" onload="y'})
        own = client.get("/healthz")
    assert mine.headers["x-request-id"] == "abc-1"
    assert "onload" not in hostile.headers["x-request-id"]
    access = [line for line in written.lines if line["logger"] == "ionflux_core.web.access"]
    assert [line["request_id"] for line in access] == [
        answer.headers["x-request-id"] for answer in (mine, hostile, own)
    ]
    assert {(line["method"], line["area"], line["status"]) for line in access} == {("GET", "healthz", "200")}
    assert all(float(line["ms"]) >= 0 for line in access)


def test_the_access_log_holds_no_address(application: Application, written: Written) -> None:
    with client_of(application) as client:
        client.get(f"/hooks/{SECRET}?token={SECRET}")
        client.get(f"/{SECRET}?password={SECRET}")
    access = [line for line in written.lines if line["logger"] == "ionflux_core.web.access"]
    assert [line["area"] for line in access] == ["hooks", "pages"]
    assert not [line for line in written.lines if line["logger"].startswith("ionflux") and SECRET in str(line)]


def test_the_libraries_that_write_down_addresses_are_quiet(written: Written) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        configure_logging(load_settings(_env_file=None))
        root.handlers = [written.handler]
        for name in ("httpx", "httpx2", "uvicorn.access", "urllib3.connectionpool"):
            logging.getLogger(name).info("GET https://hooks.example/T0/B0/%s", SECRET)
    finally:
        root.handlers, level = before[0], before[1]
        root.setLevel(level)
    assert written.text == ""


def test_the_access_log_is_silent_unless_asked_for(application: Application, written: Written) -> None:
    logging.getLogger().setLevel(logging.INFO)
    with client_of(application) as client:
        client.get("/healthz")
    assert not [line for line in written.lines if line["logger"] == "ionflux_core.web.access"]


@pytest.fixture
def secret() -> str:
    IN_LOGS.add(SECRET)
    return SECRET


def test_secrets_are_gone_from_every_field(written: Written, secret: str) -> None:
    log = logging.getLogger("made_up")
    with bind(run_id=f"r-{secret}", step=lambda: f"pay with {secret}"):
        try:
            raise ValueError(f"refused {secret}")
        except ValueError:
            log.exception("got %s", secret, extra={"header": f"Bearer {secret}", f"k-{secret}": 1}, stack_info=True)
    assert secret not in written.text
    (line,) = written.lines
    assert {"run_id", "step", "message", "error", "stack", "header"} <= {*line}
    assert all(MASK in line[name] for name in ("run_id", "step", "message", "error", "header"))


def test_secrets_are_gone_from_plain_text_too(text: Written, secret: str) -> None:
    with bind(run_id=f"r-{secret}"):
        logging.getLogger("made_up").info("got %s", secret, extra={"header": secret})
    assert secret not in text.text and text.text.count(MASK) == 3


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_a_line_is_one_line_whatever_is_in_it(written: Written, end: str) -> None:
    forged = f"fine{end}2026-01-01 00:00:00,000 ERROR root: forged"
    logging.getLogger("made_up").info("%s", forged, extra={"more": forged})
    assert len(written.text.splitlines()) == 1
    assert written.lines[0]["message"] == forged == written.lines[0]["more"]


def test_a_forged_line_does_not_begin_a_line_of_text(text: Written) -> None:
    logging.getLogger("made_up").info("%s", "fine\n2026-01-01 00:00:00,000 ERROR root: forged")
    assert len(text.text.splitlines()) == 1


def test_a_long_line_stays_json_and_short(written: Written) -> None:
    logging.getLogger("made_up").info("x" * 1_000_000, extra={"more": "y" * 1_000_000})
    assert len(written.text.encode()) <= limits.LOG_LINE_BYTES + 1
    assert written.lines[0]["message"].startswith("xxx")


def test_a_field_cannot_pose_as_an_id(written: Written) -> None:
    with bind(run_id="the real one"):
        logging.getLogger("made_up").info("x", extra={"run_id": "another", "level": "none", "time": "never"})
    (line,) = written.lines
    assert (line["run_id"], line["level"]) == ("the real one", "INFO") and line["time"] != "never"


def test_parts_log_at_levels_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        levels = "made_up.loud=debug, made_up.quiet = error"
        configure_logging(load_settings(_env_file=None, log_format="json", log_level="warning", log_levels=levels))
        logging.getLogger("made_up.loud.inner").debug("shown")
        logging.getLogger("made_up.quiet").warning("hidden")
        logging.getLogger("made_up").info("hidden, too")
        logging.getLogger("made_up").warning("shown as well")
    finally:
        root.handlers, level = before[0], before[1]
        root.setLevel(level)
        for name in ("made_up.loud", "made_up.quiet"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == ["shown", "shown as well"]


@pytest.mark.parametrize("wrong", ["runtime", "a=loud", "a=debug;b=info", "=debug", "a b=info"])
def test_a_level_that_cannot_be_meant_stops_the_start(wrong: str) -> None:
    with pytest.raises(Invalid, match="IONFLUX_LOG_LEVELS"):
        load_settings(_env_file=None, log_levels=wrong)


def test_lines_are_counted_by_level(written: Written) -> None:
    before = LINES["error"], LINES["other"]
    for _ in range(1_000):
        logging.getLogger("made_up").error("x")
    logging.getLogger("made_up").log(35, "between the levels")
    # Threads of other tests may still say a word.
    assert 1_000 <= LINES["error"] - before[0] < 1_100
    assert 1 <= LINES["other"] - before[1] < 100
