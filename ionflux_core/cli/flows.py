"""Commands around flows: what is wrong with a text, and the schema that editors complete from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ionflux_core.cli.common import JsonOption, WorkspaceOption, opened, say, say_json, workspace_id
from ionflux_core.errors import NotFound
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
