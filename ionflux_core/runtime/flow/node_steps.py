"""A node as a journaled step: its retries, its time limit, and what an earlier execution of the run has recorded."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from ionflux_core.domain.runs import RunError
from ionflux_core.errors import AgentFailed, BudgetReached, Forbidden, Invalid, IonfluxError, NotFound
from ionflux_core.fluxgraph.document_parts import Retry
from ionflux_core.ids import now
from ionflux_core.runtime.context import RunContext
from ionflux_core.runtime.parking import FINISHED_STEP, Parked
from ionflux_core.runtime.replay import DIFFERS, MISSED, as_raised
from ionflux_core.storage.engine import AnyRow

# A second try would come to the same.
_FINAL: Final = (Invalid, NotFound, Forbidden, BudgetReached)
_FINAL_CODES: Final = frozenset(each.code for each in _FINAL)
_LONGEST_PAUSE: Final = 86_400.0
no_retry: Final = Retry()


Work = Callable[[RunContext, dict[str, Any]], Any]
"""What a node does with its inputs."""


@contextmanager
def keyed(ctx: RunContext, key_of: Callable[[str], str]) -> Iterator[None]:
    """Let the steps that follow have the keys of a node in place of their own names."""
    ctx.placed = key_of
    try:
        yield
    finally:
        ctx.placed = lambda name: name


def is_final(error: BaseException) -> bool:
    """Whether an error ends the whole run, whatever its node says about errors."""
    return isinstance(error, BudgetReached) or getattr(error, "code", "") in (MISSED, DIFFERS)


def is_hopeless(error: BaseException) -> bool:
    """Whether a second try would come to the same: told alike of an error and of its record."""
    return isinstance(error, _FINAL) or getattr(error, "code", "") in _FINAL_CODES


def finished(ctx: RunContext, key: str) -> bool:
    """Whether a step has ended well in an earlier execution; never in a replay, which asks for all of it anew."""
    row = ctx.recorded(key)
    return row is not None and row.status in FINISHED_STEP and not ctx.replays


def handed_back(ctx: RunContext, kind: str, key: str) -> Any:
    """What a finished step returned."""
    return ctx.journaled(kind, key, _never)


def _never() -> None:
    raise AssertionError("a finished step does not run")


def tried(
    ctx: RunContext,
    kind: str,
    key: str,
    fn: Work,
    inputs: Mapping[str, Any],
    *,
    retry: Retry,
    seconds: float | None,
) -> Any:
    """Run a node once as a step; what failed is tried again later, and the run is parked until then."""
    check_earlier(ctx, key, retry)
    attempt = attempt_of(ctx, key)
    # What a failed try has recorded inside of itself is not handed back to the next one.
    again = f"try {attempt}" if attempt > 1 else ""
    work = partial(_at_once, ctx, fn, again) if seconds is None else _limited(ctx, key, fn, seconds, again)
    try:
        return ctx.journaled(kind, key, work, inputs)
    except Exception as error:
        if attempt > retry.max or is_hopeless(as_raised(ctx.error_of(error))) or is_final(error) or ctx.replays:
            raise
        due = now() + pause(ctx, key, retry, attempt)
        ctx.log(f"{key} failed and is tried again at {due:%H:%M:%S}: {error}"[:2000], level="warning")
        raise parked_until(due) from error


def _at_once(ctx: RunContext, fn: Work, again: str, /, **inputs: Any) -> Any:
    with ctx.inside(again):
        return fn(ctx, inputs)


def check_earlier(ctx: RunContext, key: str, retry: Retry) -> None:
    """Raise what an earlier execution has recorded as this node's failure, unless it is to be tried again by now."""
    row = ctx.recorded(key)
    if row is None or row.status != "error" or ctx.replays or isinstance(_raised(row), BudgetReached):
        return
    if row.attempt > retry.max or is_hopeless(_raised(row)):
        raise failure_of(row)
    due = row.finished_at + pause(ctx, key, retry, row.attempt)
    if due > now():
        raise parked_until(due)


def worked_before(ctx: RunContext) -> timedelta:
    """How long earlier executions of the run were at work; what went on side by side counts once."""
    own = [row for row in ctx._journal.rows() if row.finished_at and row.source_run_id is None]
    total, until = timedelta(), None
    for row in sorted(own, key=lambda row: row.started_at):
        begun = row.started_at if until is None else max(row.started_at, until)
        total += max(row.finished_at - begun, timedelta())
        until = max(row.finished_at, begun)
    return total


def attempt_of(ctx: RunContext, key: str) -> int:
    """Which try of a node this execution makes."""
    row = ctx.recorded(key)
    return row.attempt + 1 if row is not None and row.status == "error" else 1


def _raised(row: AnyRow) -> Exception:
    return as_raised(RunError.model_validate(row.error))


def failure_of(row: AnyRow) -> AgentFailed:
    """The recorded failure of a step as an error."""
    error = RunError.model_validate(row.error)
    return AgentFailed(error.message, hint=error.hint, code=error.code)


def parked_until(due: datetime) -> Parked:
    """The run is parked until a time."""
    return Parked("waiting", wake_at=due, wait={"until": due.isoformat()})


def pause(ctx: RunContext, key: str, retry: Retry, attempt: int) -> timedelta:
    """How long to wait after a failed try: it grows by the factor; jitter takes off up to half, always the same."""
    seconds = min(retry.backoff * retry.factor ** (attempt - 1), _LONGEST_PAUSE)
    if retry.jitter:
        seconds *= 1 - random.Random(f"{ctx.seed}:{key}:{attempt}").random() / 2
    return timedelta(seconds=seconds)


def _limited(ctx: RunContext, key: str, fn: Work, seconds: float, again: str) -> Callable[..., Any]:
    """The work with a time limit.

    Python cannot stop a thread: what is late is cut off from the run, and nobody hears how it ends.
    """

    def work(**inputs: Any) -> Any:
        done: Future[Any] = Future()
        lane, context = ctx.lane(inside=[key, again] if again else [key]), copy_context()

        def carry_out() -> None:
            try:
                done.set_result(context.run(fn, lane, inputs))
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=carry_out, name=f"ionflux-node-{key[:40]}", daemon=True).start()
        try:
            answer = done.result(seconds)
        except NotYet:
            ctx.cut(lane)
            raise IonfluxError(
                f"It took longer than {seconds:g} s.", hint="Raise the node's timeout.", code="node_timeout"
            ) from None
        except BaseException:
            ctx.join(lane)
            raise
        ctx.join(lane)
        return answer

    return work
