"""Effects standing in line: handed out in parts that say `sending` before, with a word on each of them after."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from ionflux_core.channels.base import ChannelFailed, Delivery, NotSent, Outcome
from ionflux_core.domain.effects import Effect, EffectStatus
from ionflux_core.errors import IonfluxError
from ionflux_core.ids import now
from ionflux_core.runtime.effect_rows import plain_error
from ionflux_core.runtime.journal import Journal
from ionflux_core.storage import outbox
from ionflux_core.storage.engine import Connection, Database

STOPPED, DOWN = "stopped", "down"
# Small, because all of it is doubtful after a crash, and a person has to settle each of them.
_PART: Final = 4
_IN_A_ROW: Final = 3
_OPEN: Final = ("draft", "awaiting_approval")
# The end of a run says `uncertain` of what is `sending`; whoever has sent it knows better.
_ON_ITS_WAY: Final = ("sending", "uncertain")


class Line:
    """The deliveries of a batch, given one by one; it ends early when the run is to stop or the channel is down."""

    def __init__(
        self,
        db: Database,
        journal: Journal,
        effect_ids: Sequence[str],
        delivery: Callable[[Effect], Delivery | NotSent],
        is_to_pause: Callable[[], object],
        why: dict[str, Any],
    ) -> None:
        self._db = db
        self._journal = journal
        self._delivery = delivery
        self._is_to_pause = is_to_pause
        self._why = why
        self.left = deque(effect_ids)
        self._claimed: deque[Effect] = deque()
        self._given: set[str] = set()
        self._failures = 0
        self._error: dict[str, Any] = {}
        self.stopped = ""
        self.troubles: dict[str, tuple[int, str]] = {}

    def __iter__(self) -> Iterator[Delivery]:
        while effect := self._next():
            made = self._delivery(effect)
            if isinstance(made, NotSent):
                self._settle(effect.id, "failed", error=plain_error(made))
                continue
            self._given.add(effect.id)
            yield made

    def _next(self) -> Effect | None:
        if not self.stopped and (self._journal.revoked or self._is_to_pause()):
            self.stopped = STOPPED
        if self.stopped:
            return None
        while not self._claimed and self.left:
            part = [self.left.popleft() for _ in range(min(_PART, len(self.left)))]
            claimed = self._claim(part)
            if claimed is None:
                self._journal.revoked, self.stopped = True, STOPPED
                return None
            self._claimed.extend(claimed)
        return self._claimed.popleft() if self._claimed else None

    def _claim(self, part: Sequence[str]) -> list[Effect] | None:
        """A part as `sending`, on the disk; None when this worker may not go on."""

        def work(connection: Connection) -> list[Effect] | None:
            if not self._journal.holds(connection):
                return None
            return outbox.claim_many(
                connection, part, source=_OPEN, at=now(), error=None, dry_run=False, **self._why
            )  # fmt: skip

        return self._db.write(work, durable=True)

    def note(self, outcome: Outcome, answer: dict[str, Any]) -> None:
        """Keep what became of one that was given; three failures of the channel in a row end the line."""
        self._given.discard(outcome.delivery.effect_id)
        said = outcome.answer
        if not isinstance(said, Exception):
            self._failures = 0
            self._settle(outcome.delivery.effect_id, "sent", sent_at=now(), **answer)
            return
        is_certain = isinstance(said, NotSent)
        self._settle(outcome.delivery.effect_id, "failed" if is_certain else "uncertain", **answer)
        if isinstance(said, ChannelFailed) or not is_certain:
            self._failures += 1
        if self._failures >= _IN_A_ROW and not self.stopped:
            self._down(f"It failed {self._failures} times in a row. {answer['error']['message']}")

    def _down(self, why: str) -> None:
        self.stopped = DOWN
        self._error = {
            "code": "channel_down",
            "message": f"Not tried, because the channel is down. {why}",
            "hint": "Once it works again, start the run again: what has gone out is left out.",
        }

    def fail_rest(self, error: IonfluxError) -> None:
        """The channel itself gave up: nothing more goes out."""
        self._down(error.message)

    def close(self) -> None:
        """Say what becomes of all that was not handed over, and of what was that nobody knows."""
        if self._given:
            lost = {"code": "uncertain", "message": "The channel has not said what became of it."}
            self._settle_many(list(self._given), "uncertain", ("sending",), error=lost)
        untaken, rest = [effect.id for effect in self._claimed], list(self.left)
        if self.stopped == DOWN:
            self._settle_many([*untaken, *rest], "failed", (*_OPEN, *_ON_ITS_WAY), error=self._error)
        elif self._journal.revoked:
            ended = {"code": "withdrawn", "message": "Its run ended before it was sent."}
            self._settle_many(untaken, "denied", _ON_ITS_WAY, error=ended)
        else:
            # A pause: they stand in line again.
            self._settle_many(untaken, "draft", ("sending",))
            self.left.extendleft(reversed(untaken))

    def _settle(self, effect_id: str, to: EffectStatus, **values: Any) -> None:
        self._settle_many([effect_id], to, _ON_ITS_WAY, **values)

    def _settle_many(self, ids: Sequence[str], to: EffectStatus, source: tuple[str, ...], **values: Any) -> None:
        if not ids:
            return
        run_id = self._journal.run_id
        self._db.write(
            lambda connection: outbox.move_many(connection, run_id, ids, to, source=source, at=now(), **values)
        )
        if to in ("failed", "uncertain"):
            count, message = self.troubles.get(to, (0, str((values.get("error") or {}).get("message", ""))))
            self.troubles[to] = (count + len(ids), message)
