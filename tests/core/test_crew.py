"""The threads of the webhooks' door: answers and errors come back, who has gone is not worked for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ionflux_core.errors import NotFound
from ionflux_core.web.crew import Crew


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
