"""Work of one run side by side: each piece in a thread with a lane of the run's journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from ionflux_core.runtime.context import RunContext
from ionflux_core.runtime.flow.results import Waiting

T = TypeVar("T")


def side_by_side(ctx: RunContext, works: Sequence[Callable[[RunContext], T]], *, most: int) -> list[T | Waiting]:
    """What each piece of work came to, in their order; the first error when one failed, once all have ended.

    Of one that waits the Waiting is handed back: the others go on. At most `most` are carried out at a time.
    """
    if most < 2 or len(works) < 2:
        return [_outcome(work, ctx) for work in works]
    with ThreadPoolExecutor(min(most, len(works)), thread_name_prefix="ionflux-lane") as pool:
        futures = [pool.submit(copy_context().run, _in_a_lane, ctx, work) for work in works]
    return [future.result() for future in futures]


def _in_a_lane(ctx: RunContext, work: Callable[[RunContext], T]) -> T | Waiting:
    lane = ctx.lane()
    try:
        outcome: T | Waiting = _outcome(work, lane)
        return outcome
    finally:
        ctx.join(lane)


def _outcome(work: Callable[[RunContext], Any], ctx: RunContext) -> Any:
    try:
        return work(ctx)
    except Waiting as waiting:
        return waiting
