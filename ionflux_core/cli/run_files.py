"""Commands around recorded runs: compare two, write one to a file, and take one from a file."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ionflux_core.cli.common import JsonOption, WorkspaceOption, opened, say, say_json, say_table, workspace_id
from ionflux_core.domain.comparisons import RunComparison, StepPair
from ionflux_core.errors import Conflict, Unavailable

RunArgument = Annotated[str, typer.Argument(help="Id of the run.")]
_FIGURES = {"seconds": "Seconds", "calls": "Calls", "tokens_in": "Tokens in", "tokens_out": "Tokens out"}


def export(
    run_id: RunArgument,
    file: Annotated[Path, typer.Argument(help="Where to write, usually NAME.ionrun; - for stdout.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Write a run that has ended to one file: steps, calls, outputs, files; no secrets."""
    with opened() as application, tempfile.TemporaryFile() as made:
        manifest = application.run_files.export(workspace_id(application, workspace), run_id, made)
        made.seek(0)
        content = made.read()
    if str(file) == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        with file.open("xb") as target:
            target.write(content)
    except FileExistsError as error:
        raise Conflict(f"{file} exists already.", hint="Choose another name.") from error
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error.strerror}.", hint="Check the path.") from error
    say(f"Written to {file}.")
    for left in manifest.left_out:
        say(f"Left out: {left.name}. {left.reason}")


def bring_in(
    file: Annotated[Path, typer.Argument(help="A file that `ionflux runs export` wrote.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a read-only run of an exported file; all of it or nothing."""
    with opened() as application:
        imported = application.run_files.bring_in(workspace_id(application, workspace), file, by="command line")
    if as_json:
        say_json({"run_id": imported.run_id, "repeated": imported.repeated})
        return
    say(f"It was here already, as {imported.run_id}." if imported.repeated else f"Imported as {imported.run_id}.")


def compare(
    left: Annotated[str, typer.Argument(help="Id of one run.")],
    right: Annotated[str, typer.Argument(help="Id of the other.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put two runs side by side: figures, inputs, steps, outputs."""
    with opened() as application:
        found = application.comparisons.runs(workspace_id(application, workspace), left, right)
    if as_json:
        say_json(found)
        return
    _say_figures(found)
    for title, pairs in (("Settings", found.settings), ("Inputs", found.inputs), ("Outputs", found.outputs)):
        changed = [pair.name for pair in pairs if pair.mark != "same"]
        say(f"{title}: {', '.join(changed) or 'the same'}")
    say()
    rows = [("STEP", "", "LEFT s", "RIGHT s", "LEFT $", "RIGHT $")]
    say_table([*rows, *(_step(pair) for pair in found.steps)], empty="Neither run recorded a step.")
    if found.steps_left_out:
        say(f"{found.steps_left_out} more steps were not compared.")


def _say_figures(found: RunComparison) -> None:
    rows: list[tuple[str, ...]] = [("", "LEFT", "RIGHT"), ("Status", found.left.status, found.right.status)]
    rows += [
        ("Version", found.left.agent_version, found.right.agent_version),
        ("Model", found.left.model, found.right.model),
    ]
    for figure in found.figures:
        if figure.name == "cost_micros":
            rows.append(("Cost $", *(_dollars(value) for value in (figure.left, figure.right))))
        else:
            rows.append((_FIGURES[figure.name], _plain(figure.left), _plain(figure.right)))
    rows += [(kpi.name, _plain(kpi.left), _plain(kpi.right)) for kpi in found.kpis]
    say_table(rows, empty="")
    say()


def _step(pair: StepPair) -> tuple[str, ...]:
    sides = (pair.left, pair.right)
    seconds = [_plain(side.seconds) if side else "" for side in sides]
    costs = [_dollars(side.spent.cost_micros) if side else "" for side in sides]
    return (pair.step_key, pair.mark.replace("_", " "), *seconds, *costs)


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _dollars(micros: float | None) -> str:
    return "" if micros is None else f"{micros / 1_000_000:.4f}"
