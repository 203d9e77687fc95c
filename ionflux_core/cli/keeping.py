"""Commands around what is kept: secrets, retention, the disk, and finding runs by their words."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ionflux_core.cli.common import JsonOption, WorkspaceOption, opened, say, say_json, say_table, workspace_id
from ionflux_core.domain.runs import RunFilter
from ionflux_core.limits import MIB


def put_secret(
    name: Annotated[str, typer.Argument(help="Its name; refer to it as secret://NAME.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Store or replace a secret; the value is asked for, or read from stdin when that is no terminal."""
    if sys.stdin.isatty():
        value = typer.prompt("Value", hide_input=True)
    else:
        value = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    with opened() as application:
        fresh = application.secrets.put(workspace_id(application, workspace), name, value, by="command line")
    say(f"{name} is {'stored' if fresh else 'replaced'}. Its value is not shown again.")


def list_secrets(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """The names there are and when each value was stored, never the values."""
    with opened() as application:
        found = application.secrets.listed(workspace_id(application, workspace))
    if as_json:
        say_json([{"name": name, "stored_at": at} for name, at in found])
        return
    say_table([("NAME", "STORED"), *((name, f"{at:%Y-%m-%d %H:%M}") for name, at in found)], empty="There is none.")


def remove_secret(name: Annotated[str, typer.Argument()], workspace: WorkspaceOption = None) -> None:
    """Remove a secret for good."""
    with opened() as application:
        application.secrets.remove(workspace_id(application, workspace), name, by="command line")
    say(f"{name} is removed.")


def retention(
    now: Annotated[bool, typer.Option("--now", help="Remove it at once, also while IONFLUX runs.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what the next pass over a workspace removes, or do it."""
    with opened() as application:
        where = workspace_id(application, workspace)
        if now:
            done = application.keeping.run(where, by="command line")
            if as_json:
                say_json(done)
            else:
                say(f"{done.runs} runs, {done.events} events and {done.files} files removed in {done.seconds:g} s; "
                    f"{done.bytes / MIB:.1f} MiB given back.")  # fmt: skip
            return
        plan, sizes = application.keeping.plan(where), application.keeping.sizes()
    if as_json:
        say_json({"next_pass": plan, "space": sizes.space._asdict(), "files": sizes.files})
        return
    say(f"Database {sizes.space.database / MIB:.1f} MiB, log {sizes.space.log / MIB:.1f} MiB, files "
        f"{sizes.files / MIB:.1f} MiB.")  # fmt: skip
    say(f"The next pass removes {plan.runs} runs with {plan.steps} steps, and {plan.events} events.")


def compact() -> None:
    """Write a SQLite database anew without holes; for one of an older version, while IONFLUX is stopped or idle."""
    with opened() as application:
        before, after = application.keeping.rewrite()
    say(f"{before.database / MIB:.1f} MiB before, {after.database / MIB:.1f} MiB now.")


def search(
    question: Annotated[str, typer.Argument(help='Words that must all be there, "side by side", -without.')],
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find runs by what stands in their inputs, outputs, errors and logs."""
    with opened() as application:
        narrow = RunFilter(text=question)
        found = application.search.find(workspace_id(application, workspace), narrow, limit=limit, budget=60.0)
    if as_json:
        say_json({"runs": found.runs, "fragments": found.fragments})
        return
    lines = []
    for run in found.runs:
        where = found.fragments.get(run.id)
        lines.append((run.id, run.status, run.instance_name or run.definition_slug, where.text if where else ""))
    say_table([("RUN", "STATUS", "AGENT", "WHERE"), *lines], empty="No run answers that.")
