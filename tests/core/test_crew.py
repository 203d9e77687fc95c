"""The threads of the webhooks' door: answers and errors come back, alone or together; none works for who has gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from ionflux_core.errors import Conflict, NotFound
from ionflux_core.web.crew import Crew, Line


def _raise() -> None:
    raise NotFound("There is no such run.", hint="Choose one.")


def test_call_when_it_returns_or_raises_gives_both_to_who_awaits_it() -> None:
    async def ask() -> str:
        crew = Crew(2, "test-crew")
        with pytest.raises(NotFound):
            await crew.call(_raise)
        return await crew.call(lambda: threading.current_thread().name)

    assert asyncio.run(ask()).startswith("test-crew-")


def test_call_when_cancelled_before_its_turn_is_never_begun() -> None:
    done: list[str] = []

    async def ask() -> None:
        crew, gate = Crew(1, "test-crew"), threading.Event()
        first = crew.call(lambda: (gate.wait(5), done.append("first")))
        crew.call(lambda: done.append("second")).cancel()
        gate.set()
        await first
        await crew.call(lambda: done.append("third"))

    asyncio.run(ask())
    assert done == ["first", "third"]


def test_call_when_the_server_has_gone_meanwhile_does_not_stop_its_thread() -> None:
    crew, gate, ended = Crew(1, "test-crew"), threading.Event(), threading.Event()

    async def leave() -> None:
        crew.call(lambda: gate.wait(5))

    async def come_back() -> None:
        await asyncio.wait_for(crew.call(ended.set), 5)

    asyncio.run(leave())
    gate.set()
    asyncio.run(come_back())
    assert ended.is_set()


def test_a_crew_is_behind_while_calls_wait_for_a_thread() -> None:
    crew, gate, behind = Crew(1, "test-crew"), threading.Event(), []

    async def ask() -> None:
        calls = [crew.call(lambda: gate.wait(5)) for _ in range(4)]
        await asyncio.sleep(0.05)
        behind.append(crew.is_behind)
        gate.set()
        await asyncio.gather(*calls)
        behind.append(crew.is_behind)

    asyncio.run(ask())
    assert behind == [True, False]


class _Doubling:
    """A batch that doubles numbers: odd ones are refused at the check, 8 fails on its own, 6 takes all with it."""

    def __init__(self, together: list[list[int]], gate: threading.Event) -> None:
        self._together, self._gate = together, gate

    def check(self, number: int) -> int:
        if number % 2:
            raise NotFound(f"no {number}", hint="Send an even one.")
        return number

    def finish(self, checked: Sequence[int]) -> list[int | Exception]:
        self._together.append(list(checked))
        self._gate.wait(5)
        if 6 in checked:
            raise Conflict("the disk is full", hint="Free some space.")
        return [ValueError("eight") if number == 8 else number * 2 for number in checked]


async def _in_line(crowd: Sequence[int]) -> tuple[list[Any], list[list[int]]]:
    """What came of items that stood in line while the first was being finished, and what was finished together."""
    together: list[list[int]] = []
    gate = threading.Event()
    line = Line(partial(_Doubling, together, gate), "test-line")
    first = line.call(0)
    while not together:
        await asyncio.sleep(0)
    calls = [line.call(number) for number in crowd]
    gate.set()
    assert await first == 0
    return await asyncio.gather(*calls, return_exceptions=True), together


def test_items_that_stand_in_line_are_finished_together_and_each_is_told_its_own() -> None:
    answers, together = asyncio.run(_in_line([2, 3, 4, 8, 5, 10]))
    assert together == [[0], [2, 4, 8, 10]]
    assert (answers[0], answers[2], answers[5]) == (4, 8, 20)
    assert [type(answers[place]) for place in (1, 3, 4)] == [NotFound, ValueError, NotFound]
    assert "no 3" in str(answers[1]) and "no 5" in str(answers[4])


def test_what_finishing_raises_is_told_to_all_who_passed_and_the_line_goes_on() -> None:
    async def ask() -> tuple[list[Any], int]:
        gate = threading.Event()
        gate.set()
        line = Line(partial(_Doubling, [], gate), "test-line")
        calls = [line.call(number) for number in (2, 6, 3)]
        return await asyncio.gather(*calls, return_exceptions=True), await line.call(4)

    answers, after = asyncio.run(ask())
    assert isinstance(answers[1], Conflict) and isinstance(answers[2], NotFound) and after == 8


def test_a_line_takes_no_more_than_it_can_finish_in_a_moment() -> None:
    answers, together = asyncio.run(_in_line([2] * 70))
    assert answers == [4] * 70
    assert [len(batch) for batch in together] == [1, 32, 32, 6]


def test_an_item_when_cancelled_before_its_turn_is_never_begun() -> None:
    async def ask() -> list[list[int]]:
        together: list[list[int]] = []
        gate = threading.Event()
        line = Line(partial(_Doubling, together, gate), "test-line")
        first = line.call(0)
        while not together:
            await asyncio.sleep(0)
        gone, stays = line.call(2), line.call(4)
        gone.cancel()
        gate.set()
        assert await stays == 8 and await first == 0
        return together

    assert asyncio.run(ask()) == [[0], [4]]


def test_a_line_goes_on_for_the_next_server_when_one_has_gone() -> None:
    gate = threading.Event()
    line = Line(partial(_Doubling, [], gate), "test-line")

    async def leave() -> None:
        line.call(2)

    async def come_back() -> int:
        return await asyncio.wait_for(line.call(4), 5)

    asyncio.run(leave())
    gate.set()
    assert asyncio.run(come_back()) == 8


def test_a_line_is_behind_when_a_crowd_stands_in_it() -> None:
    async def ask(count: int) -> bool:
        gate = threading.Event()
        together: list[list[int]] = []
        line = Line(partial(_Doubling, together, gate), "test-line")
        line.call(0)
        while not together:
            await asyncio.sleep(0)
        calls = [line.call(2) for _ in range(count)]
        gate.set()
        seen = False
        while not all(call.done() for call in calls):
            seen = seen or line.is_behind
            await asyncio.sleep(0)
        return seen

    assert asyncio.run(ask(16)) and not asyncio.run(ask(1))
