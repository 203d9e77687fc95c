"""Chat commands: one decorated function each, with its help and usage; and what completes them while one types.

    @command("status", usage="/status [RUN]", help="How runs stand.")
    def _status(asked: Asked) -> str: ...

A function returns its answer as Markdown, or None when a run's own message is the answer. What it raises as an
IonfluxError is answered with the sentence and the hint.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ionflux_core.domain.agents import AgentDefinition, AgentInstance
from ionflux_core.domain.chat import Message
from ionflux_core.domain.runs import FINISHED, Approval, Run, RunFilter, RunStatus, RunSummary
from ionflux_core.domain.slash import SlashCommand, read_call
from ionflux_core.errors import Conflict, Invalid, NotFound
from ionflux_core.services.agents import Agents
from ionflux_core.services.approvals import Approvals
from ionflux_core.services.call_inputs import inputs_of
from ionflux_core.services.marketplace import Marketplace
from ionflux_core.services.runs import Runs

_SHOWN = 8
_LOOKED_AT = 200
_BUTLER = "agent_007_refactored"
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~])")


T = TypeVar("T")


class Starting(Protocol):
    """Starts an agent for a message and answers with the run's own message."""

    def __call__(self, message: Message, target: str, inputs: dict[str, Any], *, task: str | None = None) -> object:
        """Start it."""


@dataclass(frozen=True, slots=True)
class Services:
    """What commands are made of."""

    agents: Agents
    runs: Runs
    approvals: Approvals
    marketplace: Marketplace
    start: Starting
    runs_of_thread: Callable[[Message], list[str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One command of one person in one message."""

    services: Services
    message: Message
    command: SlashCommand

    @property
    def workspace_id(self) -> str:
        """Where it was asked."""
        return self.message.workspace_id

    @property
    def by(self) -> str:
        """Who asked."""
        return self.message.sender_name


Answer = Callable[[Asked], str | None]


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its help; `takes_agent` commands are completed with the names of instances."""

    name: str
    usage: str
    help: str
    takes_agent: bool
    run: Answer


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command as a list shows it."""

    name: str
    usage: str
    help: str
    takes_agent: bool


@dataclass(frozen=True, slots=True)
class ParameterLine:
    """An input that can be given by name."""

    key: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class AgentLine:
    """An instance that a command can start, with its named parameters."""

    id: str
    name: str
    epithet: str
    parameters: list[ParameterLine]


@dataclass(frozen=True, slots=True)
class Completion:
    """What may come next while one types a command."""

    commands: list[CommandLine]
    agents: list[AgentLine]


COMMANDS: dict[str, Command] = {}


def command(name: str, *, usage: str, help: str, takes_agent: bool = False) -> Callable[[Answer], Answer]:
    """Make a function the command of this name."""

    def made(run: Answer) -> Answer:
        COMMANDS[name] = Command(name, usage, help, takes_agent, run)
        return run

    return made


def answer(asked: Asked) -> str | None:
    """What a command answers; NotFound with the nearest name when there is no such command."""
    found = COMMANDS.get(asked.command.name)
    if found is None:
        near = difflib.get_close_matches(asked.command.name, COMMANDS, n=1, cutoff=0.5)
        hint = f"Did you mean /{near[0]}?" if near else "/help lists the commands."
        raise NotFound(f"There is no command /{asked.command.name}.", hint=hint, code="unknown_command")
    return found.run(asked)


def completion(agents: Agents, marketplace: Marketplace, workspace_id: str, prefix: str = "") -> Completion:
    """The commands that begin with a prefix, and the instances that can be started with their parameters."""
    wanted = prefix.strip().lstrip("/").lower()
    fitting = [each for each in COMMANDS.values() if each.name.startswith(wanted)]
    lines = [CommandLine(each.name, each.usage, each.help, each.takes_agent) for each in fitting]
    known = {each.slug: each for each in marketplace.offered()}
    found = []
    for instance in agents.find(workspace_id):
        definition = known.get(instance.definition_slug)
        if definition is not None and not definition.planned:
            found.append(
                AgentLine(instance.id, instance.name, definition.narrative.epithet or "", _parameters(definition))
            )
    return Completion(lines, found)


def _parameters(definition: AgentDefinition) -> list[ParameterLine]:
    return [
        ParameterLine(spec.key, spec.type, spec.required, spec.description)
        for spec in definition.inputs
        if spec.runtime_promptable
    ]


@command(
    "run_agent",
    usage="/run_agent NAME [TASK...] [JSON | key=value ...]",
    help="Start an agent and follow it in this thread.",
    takes_agent=True,
)
def _run_agent(asked: Asked) -> None:
    _start(
        asked, asked.services.agents.find(asked.workspace_id), "agent", "/agents lists the agents of this workspace."
    )


def _start(asked: Asked, instances: Sequence[AgentInstance], what: str, where: str) -> None:
    call = read_call(asked.command, [each.name for each in instances])
    instance = _instance(instances, call.target, what, where)
    definition = asked.services.agents.resolve(asked.workspace_id, instance).definition
    inputs, task = inputs_of(definition, call)
    asked.services.start(asked.message, instance.id, inputs, task=task)


def _instance(instances: Sequence[AgentInstance], target: str, what: str, where: str) -> AgentInstance:
    """The instance of a name or id; NotFound with the nearest name."""
    wanted = target.casefold()
    for each in instances:
        if each.id == target or each.name.casefold() == wanted:
            return each
    near = difflib.get_close_matches(target, [each.name for each in instances], n=1, cutoff=0.5)
    hint = f"Did you mean “{near[0]}”?" if near else where
    raise NotFound(f"There is no {what} “{target[:80]}”.", hint=hint, code=f"unknown_{what}")


@command("run_flow", usage="/run_flow NAME [JSON | key=value ...]", help="Start a flow and follow it in this thread.")
def _run_flow(asked: Asked) -> None:
    flows = [each for each in asked.services.agents.find(asked.workspace_id) if each.is_flow]
    _start(asked, flows, "flow", "The Flows page lists the flows of this workspace.")


@command("status", usage="/status [RUN]", help="How a run stands; without one, the runs of this thread or the newest.")
def _status(asked: Asked) -> str:
    runs, workspace_id = asked.services.runs, asked.workspace_id
    if asked.command.rest:
        return _told(_run_named(asked, asked.command.rest))
    here = asked.services.runs_of_thread(asked.message)
    if here:
        return "\n\n".join(_told(runs.get(workspace_id, run_id)) for run_id in here[-_SHOWN:])
    newest = runs.find(workspace_id, limit=_SHOWN).runs
    return "\n".join(_line(run) for run in newest) or "Nothing has run in this workspace yet."


@command("cancel", usage="/cancel [RUN]", help="Stop a run; without one, the unfinished run of this thread.")
def _cancel(asked: Asked) -> str:
    run = _run_named(asked, asked.command.rest) if asked.command.rest else _unfinished_here(asked)
    asked.services.runs.cancel(asked.workspace_id, run.id, by=asked.by)
    return f"Stopped **{plain(_agent_of(run))}** (run `{run.id[-8:]}`)."


def _unfinished_here(asked: Asked) -> Run:
    found = [asked.services.runs.get(asked.workspace_id, each) for each in asked.services.runs_of_thread(asked.message)]
    unfinished = [run for run in found if run.status not in FINISHED]
    if len(unfinished) != 1:
        raise Invalid(
            f"{'No run' if not unfinished else 'More than one run'} of this thread is unfinished.",
            hint="Say which one: /cancel RUN, with an id of /status.",
        )
    return unfinished[0]


@command("approve", usage="/approve ID [COMMENT...]", help="Say yes to what an agent asks; it acts once.")
def _approve(asked: Asked) -> str:
    return _decided(asked, approved=True)


@command("deny", usage="/deny ID [COMMENT...]", help="Say no to what an agent asks.")
def _deny(asked: Asked) -> str:
    return _decided(asked, approved=False)


def _decided(asked: Asked, *, approved: bool) -> str:
    wanted, _, comment = asked.command.rest.partition(" ")
    pending = asked.services.approvals.pending(asked.workspace_id, limit=_LOOKED_AT)
    question = _question(pending, wanted.strip().lstrip("#"))
    asked.services.approvals.decide(
        asked.workspace_id, question.id, approved=approved, by=asked.by, comment=comment.strip() or None
    )
    return f"{'Approved' if approved else 'Denied'}: **{plain(question.title)}**"


def _question(pending: Sequence[Approval], wanted: str) -> Approval:
    if not pending:
        raise NotFound("No agent is waiting for an answer.", hint="/status shows how runs stand.")
    if not wanted:
        if len(pending) == 1:
            return pending[0]
        listed = "; ".join(f"{each.id[-8:]} {each.title[:60]}" for each in pending[:_SHOWN])
        raise Invalid(f"{len(pending)} questions are open.", hint=f"Say which one, by its id: {listed}.")
    return _the_one([each for each in pending if _is_named(each.id, wanted)], "open question", wanted)


@command("agents", usage="/agents", help="The agents of this workspace and how they are.")
def _agents(asked: Asked) -> str:
    lines = []
    for each in asked.services.agents.find(asked.workspace_id):
        ran = each.last_run or {}
        last = f" · last run {str(ran['status']).replace('_', ' ')}" if ran.get("status") else " · has not run yet"
        lines.append(f"- **{plain(each.name)}** · {each.status.replace('_', ' ')}{last}")
    return "\n".join(lines) or "There are no agents yet. Choose one in the marketplace and configure it."


@command("brief", usage="/brief", help="A brief of this thread, by the Communication Clarity Butler.")
def _brief(asked: Asked) -> None:
    services, message = asked.services, asked.message
    definition = services.marketplace.definition(_BUTLER)
    instances = services.agents.find(asked.workspace_id, definition_slug=definition.slug)
    if not instances:
        raise NotFound(f"{definition.name} is not configured here.", hint="Configure it in the marketplace first.")
    wanted: dict[str, Any] = {
        "chat_platform_details": {"platform": "ionflux", "channel": message.channel_id},
        "summary_request_details": {"summary_type": "thread", "thread_id": message.thread_id or message.id},
        "channel_id": message.channel_id,
    }
    inputs = {key: value for key, value in wanted.items() if definition.input(key) is not None}
    services.start(message, instances[0].id, inputs)


@command("help", usage="/help [COMMAND]", help="What commands there are.")
def _help(asked: Asked) -> str:
    name = asked.command.rest.lstrip("/").lower()
    if name:
        found = COMMANDS.get(name)
        if found is None:
            raise NotFound(f"There is no command /{name[:40]}.", hint="/help lists the commands.")
        return f"`{found.usage}`\n\n{found.help}"
    lines = [f"- `{each.usage}` · {each.help}" for each in COMMANDS.values()]
    return "\n".join([*lines, "", "`@name` of an agent in a message starts it with the message as its task."])


def _run_named(asked: Asked, wanted: str) -> Run:
    """A run by its id or by the end of it, as lists show it."""
    wanted = wanted.strip().lstrip("#")
    runs = asked.services.runs
    try:
        return runs.get(asked.workspace_id, wanted)
    except NotFound:
        newest = runs.find(asked.workspace_id, RunFilter(), limit=_LOOKED_AT).runs
    found = _the_one([each for each in newest if _is_named(each.id, wanted)], "run", wanted)
    return runs.get(asked.workspace_id, found.id)


def _is_named(id: str, wanted: str) -> bool:
    wanted = wanted.lower()
    return id == wanted or (len(wanted) >= 4 and id.endswith(wanted))


def _the_one(found: list[T], what: str, wanted: str) -> T:
    if not found:
        raise NotFound(f"There is no {what} {wanted[:40]!r}.", hint="Give its id, or the last characters of it.")
    if len(found) > 1:
        raise Conflict(f"More than one {what} ends in {wanted[:40]!r}.", hint="Give more of its id.")
    return found[0]


def _told(run: Run) -> str:
    said = plain(run.error.message if run.error and run.status != "success" else run.preview or "")
    hint = f"\n\n{plain(run.error.hint)}" if run.error and run.error.hint and run.status != "success" else ""
    return _line(run) + (f"\n\n{said}{hint}" if said else "")


def _line(run: RunSummary) -> str:
    return f"- **{plain(_agent_of(run))}** · {words(run.status)} · run `{run.id[-8:]}`"


def _agent_of(run: RunSummary) -> str:
    return run.instance_name or run.definition_slug


def words(status: RunStatus) -> str:
    """A status as people say it."""
    return status.replace("_", " ")


def plain(text: str) -> str:
    """A text that Markdown leaves as it is, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
