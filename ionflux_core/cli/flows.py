"""Commands around flows: check, keep and show their texts, and the schema that editors complete from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ionflux_core.catalog.flow_definition import read_flow
from ionflux_core.cli.common import JsonOption, WorkspaceOption, opened, say, say_json, say_table, workspace_id
from ionflux_core.errors import LimitExceeded, NotFound
from ionflux_core.limits import FLOW_BYTES


def check(
    file: Annotated[Path, typer.Argument(help="A flow's YAML; - for stdin.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say everything that is wrong with a flow, with line and column; exit code 1 when anything is. Nothing runs."""
    text = _read(file)
    with opened() as application:
        problems = application.flows.validate(workspace_id(application, workspace), text)
    if as_json:
        say_json({"problems": problems})
    else:
        for problem in problems:
            say(f"{file}:{problem.line}:{problem.column}: {problem.message} {problem.hint}".rstrip())
        say(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}." if problems else f"{file} is well.")
    if problems:
        raise typer.Exit(1)


def schema() -> None:
    """Print the JSON Schema of flows, for editors that complete and mark YAML."""
    from ionflux_core.fluxgraph.schema import json_schema

    say_json(json_schema())


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read(FLOW_BYTES + 1)
    try:
        with file.open("rb") as source:
            return source.read(FLOW_BYTES + 1)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.", hint="Check the path.") from error


def listed(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the flows of a workspace."""
    with opened() as application:
        flows = application.flows.find(workspace_id(application, workspace))
    if as_json:
        say_json({"flows": [flow.model_dump(mode="json", exclude={"yaml"}) for flow in flows]})
    else:
        rows = [(flow.name, str(flow.version), flow.status) for flow in flows]
        say_table([("name", "version", "status"), *rows], empty="There is no flow yet: ionflux flow save FILE")


def save(
    file: Annotated[Path, typer.Argument(help="A flow's YAML; - for stdin.")],
    message: Annotated[str, typer.Option("--message", "-m", help="What has changed.")] = "",
    workspace: WorkspaceOption = None,
) -> None:
    """Keep a flow under the name its text states: a new one, or another version of the one of that name."""
    text = _read(file)
    if len(text) > FLOW_BYTES:
        raise LimitExceeded(f"{file} is larger than 256 KiB.", hint="Split it into flows that call each other.")
    yaml = text.decode("utf-8", "replace")
    with opened() as application:
        where, flows = workspace_id(application, workspace), application.flows
        name = read_flow(yaml).name
        kept = next((flow for flow in flows.find(where, archived=True) if flow.name == name), None)
        if kept is None:
            saved = flows.create(where, yaml, by="command line")
        else:
            saved = flows.save(where, kept.id, yaml, message=message, by="command line")
    say(f"{saved.name} is saved as version {saved.version}. Run it: ionflux run flow:{saved.name}")


def show(name: Annotated[str, typer.Argument(help="A flow's name or id.")], workspace: WorkspaceOption = None) -> None:
    """Print a flow's text."""
    with opened() as application:
        say(application.flows.get(workspace_id(application, workspace), name).yaml.rstrip("\n"))
