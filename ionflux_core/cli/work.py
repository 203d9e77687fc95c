"""Commands around work: run, agents, runs, events."""

from __future__ import annotations

import mimetypes
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import from_json

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.cli.common import JsonOption, WorkspaceOption, opened, say, say_json, say_table, workspace_id
from ionflux_core.cli.money import BudgetOption, micros_of
from ionflux_core.domain.money import in_dollars
from ionflux_core.domain.runs import PARKED, Run
from ionflux_core.errors import Invalid, LimitExceeded, NotFound
from ionflux_core.yaml_text import load

_PATIENCE = 600.0
_READ_BYTES = limits.OUTPUT_BYTES

InputOption = Annotated[
    Path | None, typer.Option("--input", "-i", help="File with a map of inputs, JSON or YAML; - reads JSON from stdin.")
]
FileOption = Annotated[
    list[str] | None, typer.Option("--file", "-f", metavar="KEY=PATH", help="A file for an input; may be repeated.")
]


def run(
    target: Annotated[str, typer.Argument(help="Name or id of an instance, or agent:<slug>.")],
    input: InputOption = None,
    file: FileOption = None,
    task: Annotated[str | None, typer.Option(help="Which of the agent's tasks to do.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Execute it here and wait for its end.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0)] = _PATIENCE,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key gives the same run.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing, save nothing of the agent's own.")] = False,
    budget: BudgetOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start a run. Without --wait a running IONFLUX executes it; with it no server is needed."""
    inputs = inputs_from(input)
    with opened(at_work=wait) as application:
        where = workspace_id(application, workspace)
        inputs |= _files(application, where, file or [])
        started = application.runs.start(
            where,
            target,
            inputs,
            task=task,
            key=key,
            dry_run=dry_run,
            by="command line",
            durable=True,
            budget_micros=micros_of(budget, "sum of dollars") if budget else None,
        )
        if not wait:
            _say_started(started.run_id, as_json)
            return
        ended = application.runs.wait(where, started.run_id, timeout=timeout)
    ended_or_exit(ended, as_json)


def agents(as_json: JsonOption = False) -> None:
    """List the agents of the marketplace."""
    with opened() as application:
        found = application.marketplace.offered()
    if as_json:
        say_json([each.model_dump(mode="json", include={"slug", "id", "name", "version", "planned"}) for each in found])
        return
    rows = [("SLUG", "NAME", "VERSION", "STATE")]
    rows += [(each.slug, each.name, each.version, "planned" if each.planned else "ready") for each in found]
    say_table(rows, empty="There is no agent. Make one with: ionflux new agent NAME")


def runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=limits.PAGE_ROWS, help="Rows at most.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the newest runs."""
    if context.invoked_subcommand:
        return
    with opened() as application:
        page = application.runs.find(workspace_id(application, workspace), limit=limit)
    if as_json:
        say_json(page.runs)
        return
    rows = [("RUN", "STATUS", "AGENT", "STARTED BY", "CREATED (UTC)", "SUMMARY")]
    rows += [
        (
            each.id,
            each.status,
            each.instance_name or each.definition_slug,
            each.trigger_kind,
            f"{each.created_at:%Y-%m-%d %H:%M:%S}",
            (each.error_message or each.preview or "").replace("\n", " "),
        )
        for each in page.runs
    ]
    say_table(rows, empty="Nothing has run yet. Start something with: ionflux run TARGET --wait")


def calls(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every attempt of a run to call a model or another server, the failed ones too."""
    with opened() as application:
        found = application.runs.calls(workspace_id(application, workspace), run)
    if as_json:
        say_json(found)
        return
    rows = [("STEP", "CALLED", "STATUS", "TOKENS IN", "OUT", "COST", "MS")]
    rows += [
        (
            each["step_key"] or "",
            f"{each['provider']}:{each['model']}" if each["model"] else each["provider"],
            each["status"],
            str(each["tokens_in"]),
            str(each["tokens_out"]),
            _price(each),
            f"{each['latency_ms']:.0f}",
        )
        for each in found
    ]
    say_table(rows, empty="The run has called nobody.")


def _price(call: dict[str, Any]) -> str:
    if call["kind"] == "http":
        return ""
    return "no price" if call["cost_micros"] is None else in_dollars(call["cost_micros"])


def publish(
    type: Annotated[str, typer.Argument(help="Words joined by dots, such as shop.order.created.")],
    payload: Annotated[str, typer.Option(help="JSON object, or @FILE.")] = "{}",
    key: Annotated[str | None, typer.Option(help="The same key publishes once.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish an event; a running IONFLUX hands it to whatever listens."""
    text = _read(Path(payload[1:])) if payload.startswith("@") else payload.encode()
    content = _map(from_json_or_invalid(text), "payload")
    with opened() as application:
        event_id = application.events.publish(
            workspace_id(application, workspace), type, content, source="command line", key=key
        )
    say_json({"event_id": event_id}) if as_json else say(f"Published as {event_id}.")


def from_json_or_invalid(text: bytes) -> Any:
    """A JSON value; Invalid says where the text is none."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise Invalid(f"That is not JSON: {error}.", hint="Check quotes and commas.") from error


def inputs_from(path: Path | None) -> dict[str, Any]:
    """The map of inputs in a file, JSON or YAML; an empty one without a file."""
    if path is None:
        return {}
    text = sys.stdin.buffer.read(_READ_BYTES + 1) if str(path) == "-" else _read(path)
    if len(text) > _READ_BYTES:
        raise LimitExceeded("The inputs are too large.", hint="Give large data with --file KEY=PATH.")
    value = load(text).numbers() if path.suffix.lower() in (".yaml", ".yml") else from_json_or_invalid(text)
    return _map(value, "input file")


def _map(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"The {what} must be a map of names and values.", hint='Write {"name": value}.')
    return value


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limits.UPLOAD_BYTES + 1)
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error


def _files(application: Application, where: str, pairs: list[str]) -> dict[str, Any]:
    stored = {}
    for pair in pairs:
        key, sign, name = pair.partition("=")
        if not sign or not key or not name:
            raise Invalid(f"{pair!r} names no file for an input.", hint="Write --file KEY=PATH.")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        stored[key] = application.runs.upload(where, Path(name).name, _read(Path(name)), kind)
    return stored


def _say_started(run_id: str, as_json: bool) -> None:
    if as_json:
        say_json({"run_id": run_id})
        return
    say(f"Queued as {run_id}.")
    say("A running IONFLUX executes it; with --wait it is executed here.")


def ended_or_exit(ended: Run, as_json: bool) -> None:
    """Say how a run ended; exit code 1 when it did not end well."""
    say_json(_document(ended)) if as_json else _say_run(ended)
    if ended.status != "success" and ended.status not in PARKED:
        raise typer.Exit(1)


def _document(run: Run) -> dict[str, Any]:
    error = run.error.model_dump(include={"code", "message", "hint"}) if run.error else None
    return {
        "run_id": run.id,
        "status": run.status,
        "outputs": run.outputs,
        "kpis": run.kpis,
        "error": error,
        "cost": run.cost_micros / 1_000_000,
        "unpriced_calls": run.unpriced_calls,
    }


def _say_run(run: Run) -> None:
    say(f"{run.id} {run.status.replace('_', ' ')}")
    if run.preview:
        say(run.preview)
    if run.error:
        typer.echo(f"{run.error.message} {run.error.hint}".strip(), err=True)
    for key, value in (run.outputs or {}).items():
        say(f"\n{key}:")
        say(value) if isinstance(value, str) else say_json(value)
