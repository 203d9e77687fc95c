"""Work of one run side by side: each piece in a thread with a lane of the run's journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from typing import Any, TypeVar

from ionflux_core.runtime.context import RunContext
from ionflux_core.runtime.flow.results import Waiting

T = TypeVar("T")


def side_by_side(
    ctx: RunContext, works: Sequence[Callable[[RunContext], T]], *, most: int, holding: bool = False
) -> list[T | Waiting]:
    """What each piece of work came to, in their order; the first error when one failed, once all have ended.

    Of one that waits the Waiting is handed back: the others go on. At most `most` are carried out at a time; with
    `holding` one that waits keeps its place among them, so that those behind it may not have begun and are left out.
    """
    if most < 2 or len(works) < 2:
        return list(_one_by_one(ctx, works, holding))
    return _in_places(ctx, works, most, holding)


def _in_places(
    ctx: RunContext, works: Sequence[Callable[[RunContext], T]], most: int, holding: bool
) -> list[T | Waiting]:
    outcomes: dict[int, T | Waiting] = {}
    failed: dict[int, BaseException] = {}
    turns = iter(range(len(works)))

    def place() -> None:
        for at in turns:
            try:
                outcomes[at] = _in_a_lane(ctx, works[at])
            except BaseException as error:
                failed[at] = error
            # What is no Exception says that the run is paused, or not this worker's any more.
            gone = not isinstance(failed.get(at), Exception | None)
            if gone or (holding and isinstance(outcomes.get(at), Waiting)):
                return

    # Daemons: a call that does not come back must not keep the process from ending.
    crew = [
        threading.Thread(target=copy_context().run, args=(place,), name=f"ionflux-lane-{number}", daemon=True)
        for number in range(min(most, len(works)))
    ]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    if failed:
        raise failed[min(failed)]
    return [outcomes[at] for at in sorted(outcomes)]


def _one_by_one(ctx: RunContext, works: Sequence[Callable[[RunContext], T]], holding: bool) -> Iterator[T | Waiting]:
    for work in works:
        outcome = _outcome(work, ctx)
        yield outcome
        if holding and isinstance(outcome, Waiting):
            return


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
