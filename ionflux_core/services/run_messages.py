"""Messages that follow runs: posted at the start, brought up to date while it goes on, and told the end.

Steps and a model's words of this process come through `seen` and `moved` and cost nothing for runs nobody follows.
What another process executes is looked at once a second, while it runs. A message is made from the run's row alone, so
any process may bring it up to date, again and again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ionflux_core.domain.chat import Message, MessageContent
from ionflux_core.domain.runs import FINISHED, Run, RunError, RunStatus
from ionflux_core.errors import IonfluxError, NotFound
from ionflux_core.ids import now
from ionflux_core.services.agents import Agents
from ionflux_core.services.chat import Chat
from ionflux_core.services.run_words import decided_content, status_content
from ionflux_core.services.runs import Runs
from ionflux_core.storage import approvals, chat_runs, steps, taint
from ionflux_core.storage import chat as rows
from ionflux_core.storage.engine import Connection, Database

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_BETWEEN_SECONDS = 0.5
# Who presses a button writes the press; only a question that was answered elsewhere is closed here.
_GRACE = timedelta(seconds=2)
_NAMED = 3
_GOES_ON = ("pending", "running")
_GONE = RunError(code="run_gone", message="The run is not kept any more.", hint="Start it again.")


@dataclass(slots=True)
class _Followed:
    """A run with messages: the step it is in, what a model has said so far, how it stood when it was looked at."""

    workspace_id: str
    step: str = ""
    said: str = ""
    status: RunStatus | None = None
    changed: bool = True


class RunMessages:
    """Posts the message of a run and keeps it true until the run has ended."""

    def __init__(
        self,
        db: Database,
        chat: Chat,
        runs: Runs,
        agents: Agents,
        asked: Callable[[Run], None],
        changed: Callable[[str, str], None],
    ) -> None:
        self._db = db
        self._chat = chat
        self._runs = runs
        self._agents = agents
        self._asked = asked
        self._changed = changed
        self._followed: dict[str, _Followed] = {}
        self._parked: set[str] = set()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def post(
        self, channel_id: str, thread_id: str | None, run: Run, *, sender_id: str, sender_name: str, key: str
    ) -> Message:
        """The message of a run that was just started; from now on it follows the run. Once for each `key`."""
        message = self._chat.post(
            run.workspace_id,
            channel_id,
            content=status_content(run, sender_name, None),
            content_type="agent_status_update",
            sender_type="agent",
            sender_id=sender_id,
            sender_name=sender_name,
            thread_id=thread_id,
            run_id=run.id,
            dedup_key=key,
        )
        self.follow(run.workspace_id, run.id)
        return message

    def follow(self, workspace_id: str, run_id: str) -> None:
        """Keep the messages of a run up to date until it has ended."""
        self._followed.setdefault(run_id, _Followed(workspace_id)).changed = True
        self._awake()

    def seen(self, run_id: str, step: str, said: str) -> None:
        """A step has begun, or a model has said so much of its answer; told by the thread that executes the run."""
        followed = self._followed.get(run_id)
        if followed is not None:
            followed.step, followed.said, followed.changed = step or followed.step, said, True
            self._wake.set()

    def moved(self, run_id: str, status: RunStatus) -> None:
        """A run of this process has ended, was parked or goes on; whoever waits for a person is followed from now."""
        if status == "awaiting_approval":
            self._parked.add(run_id)
            self._awake()
        elif run_id in self._followed:
            self._wake.set()

    def look(self) -> None:
        """Something about runs has changed in this process."""
        if self._followed:
            self._wake.set()

    def catch_up(self) -> None:
        """Follow again the unfinished runs that have messages: this process, or the one that did so, was away."""
        with self._db.read() as connection:
            behind = chat_runs.unfinished(connection)
        for workspace_id, run_id in behind:
            self.follow(workspace_id, run_id)

    def stop(self) -> None:
        """End after the messages in hand."""
        self._stopping.set()
        self._wake.set()
        with self._starting:
            thread = self._thread
        if thread is not None:
            thread.join(5)

    def refresh(self, workspace_id: str, run_id: str) -> bool:
        """Bring the messages of a run up to date; True when nothing about them will change any more."""
        messages = [each for each in self._chat.of_run(workspace_id, run_id) if each.deleted_at is None]
        try:
            run = self._runs.get(workspace_id, run_id)
        except NotFound:
            for message in messages:
                self._replace(message, _gone(message.content))
            return True
        if run.status == "awaiting_approval":
            self._asked(run)
        for message in messages:
            if message.content_type == "agent_status_update":
                self._replace(message, self._content(run, message.sender_name))
        settled = [self._closed(message) for message in messages if message.content_type == "interactive_proposal"]
        return run.status in FINISHED and all(settled)

    def spoken_for(self, run_ids: Sequence[str]) -> set[str]:
        """Those of these runs that have messages, or are followed because they will."""
        with self._db.glance() as connection:
            return chat_runs.with_messages(connection, run_ids) | self._followed.keys() & set(run_ids)

    def ended(self, workspace_id: str, run_id: str) -> None:
        """A run has ended, here or elsewhere: its messages say so at once."""
        if not self.refresh(workspace_id, run_id):
            self.follow(workspace_id, run_id)

    def _replace(self, message: Message, content: MessageContent) -> None:
        if content != message.content:
            self._chat.update(message.workspace_id, message.id, content)

    def _content(self, run: Run, agent: str) -> MessageContent:
        followed = self._followed.get(run.id) or _Followed(run.workspace_id)
        with self._db.read() as connection:
            done = steps.finished_count(connection, run.id)
            shown = steps.open_step(connection, run.id) if run.status == "running" else None
            outside = taint.reasons(connection, run)[:_NAMED] if run.status in FINISHED else []
        definition = self._agents.definition_or_none(run)
        # What this process does not execute itself, or did before it followed, is read from the row of the open step.
        step, said = followed.step or (shown[0] if shown else ""), followed.said or (shown[1] if shown else "")
        content = status_content(run, agent, definition, step=step, done=done, said=said)
        return content.model_copy(update={"outside": outside}) if outside else content

    def _closed(self, message: Message) -> bool:
        """Write into a proposal how its question was answered somewhere else; False while that is to come."""
        proposal = message.content.proposal
        if proposal is None or proposal.kind != "approval" or proposal.chosen is not None:
            return True
        with self._db.read() as connection:
            asked = approvals.get(connection, message.workspace_id, proposal.reference)
        if asked is None:
            return True
        if asked.status == "pending":
            return False
        if now() - (asked.decided_at or asked.created_at) < _GRACE:
            if message.run_id in self._followed:
                self._followed[message.run_id].changed = True
            return False

        def work(connection: Connection) -> None:
            held = rows.message(connection, message.workspace_id, message.id, hold=True)
            closed = decided_content(held.content, asked) if held is not None else None
            if closed is not None:
                plain = closed.model_dump(mode="json", exclude_defaults=True)
                rows.save(connection, message.workspace_id, message.id, content=plain, changed_at=now())

        self._db.write(work)
        self._changed(message.workspace_id, f"chat:{message.channel_id}")
        return True

    def _awake(self) -> None:
        with self._starting:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._follow, name="ionflux-answers", daemon=True)
                self._thread.start()
        self._wake.set()

    def _follow(self) -> None:
        """The tick edge: what cannot be brought up to date now is tried again at the next look."""
        while not self._stopping.is_set():
            goes_on = any(each.changed or each.status in _GOES_ON for each in list(self._followed.values()))
            self._wake.wait(_LOOK_SECONDS if goes_on else None)
            self._wake.clear()
            try:
                self._look_at_all()
            except Exception:
                log.exception("messages of runs could not be brought up to date; trying again")
            self._stopping.wait(_BETWEEN_SECONDS)

    def _look_at_all(self) -> None:
        with self._db.read() as connection:
            while self._parked:
                run_id = self._parked.pop()
                workspace_id = chat_runs.workspace_of(connection, run_id)
                if workspace_id is not None:
                    self._followed.setdefault(run_id, _Followed(workspace_id))
            stand = chat_runs.statuses(connection, list(self._followed))
        for run_id, followed in list(self._followed.items()):
            status = stand.get(run_id)
            if self._stopping.is_set():
                return
            if followed.changed or status in _GOES_ON or status != followed.status:
                followed.changed, followed.status = False, status
                self._look_at(run_id, followed)

    def _look_at(self, run_id: str, followed: _Followed) -> None:
        try:
            if self.refresh(followed.workspace_id, run_id):
                self._followed.pop(run_id, None)
        except IonfluxError as error:
            log.warning("the message of run %s was not brought up to date: %s", run_id, error.message)


def _gone(content: MessageContent) -> MessageContent:
    if content.status_update is None or content.status_update.status in FINISHED:
        return content
    ended = {"status": "error", "step": "", "said": "", "error": _GONE.model_dump(include={"code", "message", "hint"})}
    return content.model_copy(update={"status_update": content.status_update.model_copy(update=ended)})
