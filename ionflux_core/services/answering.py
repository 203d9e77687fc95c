"""Answering: what people say in the chat to commands and agents, and how the answers come back into their thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ionflux_core.domain.agents import AgentDefinition, AgentInstance
from ionflux_core.domain.chat import Channel, Mention, Message
from ionflux_core.domain.runs import Run, RunStatus, RunTrigger
from ionflux_core.domain.slash import command_in
from ionflux_core.errors import Conflict, IonfluxError, NotFound
from ionflux_core.limits import MESSAGE_CHARS, PAGE_ROWS
from ionflux_core.services.agents import Agents
from ionflux_core.services.alerts import SYSTEM, Alerts, ChatFollower
from ionflux_core.services.approvals import Approvals
from ionflux_core.services.call_inputs import task_of, words_input
from ionflux_core.services.chat import Chat
from ionflux_core.services.commands import Asked, Completion, Services, answer, completion, plain
from ionflux_core.services.conversations import (
    callable_agent,
    conversation_inputs,
    is_conversational,
    partner_in,
)
from ionflux_core.services.marketplace import Marketplace
from ionflux_core.services.run_messages import RunMessages
from ionflux_core.services.runs import Runs
from ionflux_core.storage import chat as rows
from ionflux_core.storage.engine import Database

_AGENTS_PER_MESSAGE = 3


class Answering:
    """Use-cases around agents that answer in the chat. Its methods beside `said` are for screens."""

    def __init__(
        self,
        db: Database,
        chat: Chat,
        runs: Runs,
        agents: Agents,
        approvals: Approvals,
        marketplace: Marketplace,
        changed: Callable[[str, str], None],
    ) -> None:
        self._db = db
        self._chat = chat
        self._runs = runs
        self._agents = agents
        self._marketplace = marketplace
        alerts = Alerts(db, chat, runs)
        self._messages = RunMessages(db, chat, runs, agents, alerts.asked, changed)
        self._services = Services(agents, runs, approvals, marketplace, self.start, self._runs_of_thread)
        self.follower = ChatFollower(alerts, self._messages.ended, self._messages.spoken_for)
        chat.said = self.said

    def said(self, message: Message) -> None:
        """A person has said something: run the command, start the agents it names, or go on with the conversation."""
        try:
            self._answer(message)
        except IonfluxError as error:
            self._reply(message, f"{error.message}\n\n{error.hint}".strip())

    def commands(self, workspace_id: str, prefix: str = "") -> Completion:
        """What completes a command while one types it."""
        return completion(self._agents, self._marketplace, workspace_id, prefix)

    def stop(self, workspace_id: str, message_id: str, user_id: str) -> Run:
        """Stop the run a message follows; Conflict when it has ended meanwhile."""
        message = self._chat.message(workspace_id, message_id, user_id)
        if message.run_id is None:
            raise NotFound("This message follows no run.", hint="Reload the page.")
        run = self._runs.cancel(workspace_id, message.run_id, by=user_id)
        self._messages.ended(workspace_id, run.id)
        return run

    def start(
        self,
        message: Message,
        target: str,
        inputs: dict[str, Any],
        *,
        task: str | None = None,
        trigger: RunTrigger | None = None,
        speaker: AgentInstance | None = None,
        in_thread: bool = True,
    ) -> Message:
        """Start an agent for a message, once, and post the message that follows its run."""
        by = message.sender_name
        key = f"chat:{message.id}:{target}"
        started = self._runs.start(
            message.workspace_id, target, inputs, task=task, key=key, trigger=trigger, by=by, priority=1
        )
        run = self._runs.get(message.workspace_id, started.run_id)
        name = speaker.name if speaker else run.instance_name or run.definition_slug
        thread_id = (message.thread_id or message.id) if in_thread else message.thread_id
        return self._messages.post(
            message.channel_id,
            thread_id,
            run,
            sender_id=(speaker.id if speaker else run.instance_id) or run.definition_slug,
            sender_name=name,
            key=key,
        )

    def seen(self, run_id: str, step: str, said: str) -> None:
        """What a run of this process does right now."""
        self._messages.seen(run_id, step, said)

    def moved(self, run_id: str, status: RunStatus) -> None:
        """A run of this process has moved."""
        self._messages.moved(run_id, status)

    def look(self) -> None:
        """Something about runs has changed in this process."""
        self._messages.look()

    def begin(self) -> None:
        """Take up what other processes, or this one before it ended, have left open."""
        self._messages.catch_up()

    def end(self) -> None:
        """Stop following."""
        self._messages.stop()

    def _answer(self, message: Message) -> None:
        text = message.content.text_body
        command = command_in(text)
        if command is not None:
            told = answer(Asked(self._services, message, command))
            if told:
                self._reply(message, told)
            return
        named = [each for each in message.mentions if each.kind == "agent"][:_AGENTS_PER_MESSAGE]
        for mention in named:
            self._start_named(message, mention)
        if named or not text.strip():
            return
        with self._db.read() as connection:
            channel = rows.channel(connection, message.workspace_id, message.channel_id)
        if channel is not None and channel.type == "agent_dedicated" and channel.instance_id:
            self._converse(message, channel, channel.instance_id)

    def _start_named(self, message: Message, mention: Mention) -> None:
        """Start the instance a message names, with the rest of the message as its task."""
        instance = self._agents.get(message.workspace_id, mention.id)
        definition = self._marketplace.definition(instance.definition_slug)
        words = without(message.content.text_body, message.mentions)
        if is_conversational(definition):
            self._converse_with(message, definition, instance)
            return
        task = task_of(definition, words) if words else None
        spec = words_input(definition) if words and task is None else None
        inputs = {spec.key: words} if spec is not None else {}
        self.start(message, instance.id, inputs, task=task)
        if words and task is None and spec is None:
            self._reply(message, f"**{plain(instance.name)}** takes no words: it was started without them.")

    def _converse(self, message: Message, channel: Channel, instance_id: str) -> None:
        """Go on with the conversation of a channel that belongs to an agent."""
        instance = self._agents.get(message.workspace_id, instance_id)
        definition = self._marketplace.definition(instance.definition_slug)
        if is_conversational(definition):
            self._converse_with(message, definition, instance)
            return
        partner = partner_in(self._marketplace.definitions())
        if partner is None:
            self._start_named(message, Mention(kind="agent", id=instance.id, name=instance.name))
            return
        self._converse_with(message, partner, instance)

    def _converse_with(self, message: Message, definition: AgentDefinition, instance: AgentInstance) -> None:
        """Ask the conversation agent itself, or have it speak for an instance it may call."""
        before = self._before(message)
        if instance.status != "active":
            status = instance.status.replace("_", " ")
            raise Conflict(f"{instance.name} is {status} and does not answer.", hint="Switch it on on its page.")
        own = instance.definition_slug == definition.slug
        names = self._agents.configuration(instance).inputs.get("may_call") if own else [instance.name]
        may_call = self._callable(message.workspace_id, names if isinstance(names, list) else [])
        inputs, sources = conversation_inputs(definition, instance, message, before, may_call)
        trigger = RunTrigger(by=message.sender_name, sources=sources)
        target = instance.id if own else f"agent:{definition.slug}"
        self.start(message, target, inputs, trigger=trigger, speaker=instance, in_thread=False)

    def _callable(self, workspace_id: str, names: Sequence[Any]) -> list[dict[str, Any]]:
        """The agents of these names that can be started, with what they take."""
        found = []
        for name in names:
            # A name that is no agent any more, or not yet one that runs, is not offered to a model.
            with suppress(IonfluxError):
                target = self._agents.resolve(workspace_id, str(name))
                if target.instance is not None:
                    found.append(callable_agent(target.instance, target.definition))
        return found

    def _before(self, message: Message) -> list[Message]:
        """What was said before a message, where it was said, newest last."""
        with self._db.read() as connection:
            if message.thread_id is None:
                return rows.messages(connection, message.channel_id, before=message.id, limit=PAGE_ROWS)
            root = rows.message(connection, message.workspace_id, message.thread_id)
            answers = rows.thread(connection, message.thread_id, before=message.id, limit=PAGE_ROWS)
        return [*([root] if root else []), *answers]

    def _runs_of_thread(self, message: Message) -> list[str]:
        """The runs that a thread follows, oldest first; those of a channel when it was said in none."""
        said = self._before(message)
        found = [each.run_id for each in said if each.run_id and each.content_type == "agent_status_update"]
        return list(dict.fromkeys(run_id for run_id in found if run_id))

    def _reply(self, message: Message, text: str) -> None:
        with suppress(NotFound):
            self._chat.post(
                message.workspace_id,
                message.channel_id,
                text=text[:MESSAGE_CHARS],
                thread_id=message.thread_id or message.id,
                **SYSTEM,
            )


def without(text: str, mentions: Sequence[Mention]) -> str:
    """A text without the agents it names by @."""
    for mention in mentions:
        if mention.kind == "agent":
            name = re.escape(mention.name)
            text = re.sub(rf'@(?:"{name}"|{name}(?!\w))', "", text, count=1, flags=re.IGNORECASE)
    return re.sub(r" {2,}", " ", text).strip(" ,:;\n")
