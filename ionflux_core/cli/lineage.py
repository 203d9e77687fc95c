"""Commands around runs that come from other runs: retry, fork, replay, lineage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ionflux_core.cli.common import JsonOption, WorkspaceOption, opened, say, say_json, say_table, workspace_id
from ionflux_core.cli.work import InputOption, ended_or_exit, inputs_from
from ionflux_core.services.starting import Started

_PATIENCE = 600.0

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run.")]
KeyOption = Annotated[str | None, typer.Option(help="Idempotency key: the same key makes one run.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Execute it here and wait for its end.")]


def retry(
    run: RunArgument,
    wait: WaitOption = False,
    key: KeyOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a run that did not end well; its finished steps are neither repeated nor paid again."""
    with opened(at_work=wait) as application:
        where = workspace_id(application, workspace)
        made = application.forks.retry(where, run, key=key, by="command line")
        if wait:
            ended_or_exit(application.runs.wait(where, made.run_id, timeout=_PATIENCE), as_json)
            return
    _say_made(made, as_json)


def fork(
    run: RunArgument,
    step: Annotated[str | None, typer.Option(help="Key of the step to begin at; all of it without one.")] = None,
    input: InputOption = None,
    model: Annotated[str | None, typer.Option(help="Another model, as provider:name.")] = None,
    version: Annotated[int | None, typer.Option(help="Another saved version of the configuration.", min=1)] = None,
    step_input: Annotated[
        Path | None, typer.Option(help='File with the step\'s own inputs: {"args": [...], "kwargs": {...}}.')
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing, save nothing of the agent's own.")] = False,
    wait: WaitOption = False,
    key: KeyOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin again at a step of a run with something changed; what came before the step is reused."""
    changed, given = inputs_from(input), inputs_from(step_input) or None
    with opened(at_work=wait) as application:
        where = workspace_id(application, workspace)
        made = application.forks.fork(
            where, run, step=step, inputs=changed, model=model, version=version, step_inputs=given,
            dry_run=dry_run or None, key=key, by="command line",
        )  # fmt: skip
        if wait:
            ended_or_exit(application.runs.wait(where, made.run_id, timeout=_PATIENCE), as_json)
            return
    _say_made(made, as_json)


def replay(
    run: RunArgument,
    wait: WaitOption = False,
    key: KeyOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the same again from its recording: offline, at no cost, with the same outputs or a word why not."""
    with opened(at_work=wait) as application:
        where = workspace_id(application, workspace)
        made = application.forks.replay(where, run, key=key, by="command line")
        if wait:
            ended_or_exit(application.runs.wait(where, made.run_id, timeout=_PATIENCE), as_json)
            return
    _say_made(made, as_json)


def lineage(run: RunArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Show the runs that one comes from, and those that came from it."""
    with opened() as application:
        tree = application.forks.lineage(workspace_id(application, workspace), run)
    if as_json:
        say_json(tree)
        return
    rows = [("RUN", "FROM", "HOW", "STATUS", "CHANGED")]
    rows += [
        (
            each.run_id,
            each.parent_run_id or "",
            (each.lineage or "") + (f" at {each.forked_at}" if each.forked_at else ""),
            each.status,
            "; ".join(each.notes),
        )
        for each in tree.family
    ]
    say_table(rows, empty="")


def _say_made(made: Started, as_json: bool) -> None:
    if as_json:
        say_json({"run_id": made.run_id, "repeated": made.repeated})
        return
    say(f"Queued as {made.run_id}.")
    say("A running IONFLUX executes it; with --wait it is executed here.")
