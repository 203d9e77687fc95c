"""The command `ionflux`, also `python -m ionflux_core`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ionflux_core import __version__
from ionflux_core.cli import approvals, flows, keeping, lineage, money, run_files, upkeep, work
from ionflux_core.errors import Invalid, IonfluxError

cli = typer.Typer(
    name="ionflux",
    help="IONFLUX: build, run and watch AI agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
events = typer.Typer(help="Events on the bus.", no_args_is_help=True)
demo = typer.Typer(help="The demo workspace.", no_args_is_help=True)
token = typer.Typer(help="API tokens.", no_args_is_help=True)
new = typer.Typer(help="Scaffolds.", no_args_is_help=True)
runs = typer.Typer(help="The newest runs, and commands around a run.", invoke_without_command=True)
budgets = typer.Typer(help="How much may be spent.", no_args_is_help=True)
secret = typer.Typer(help="Secrets of a workspace.", no_args_is_help=True)
flow = typer.Typer(help="Flows: check, save, show, list; and the schema for editors.", no_args_is_help=True)
ledger = typer.Typer(help="Credits, granted and spent.", no_args_is_help=True)
for name, group in (("events", events), ("demo", demo), ("token", token), ("new", new), ("runs", runs)):
    cli.add_typer(group, name=name)
for name, group in (("budgets", budgets), ("ledger", ledger), ("secret", secret), ("flow", flow)):
    cli.add_typer(group, name=name)


@cli.command()
def serve(
    no_ui: Annotated[bool, typer.Option("--no-ui", help="API and webhooks only, no pages.")] = False,
    i_have_tls: Annotated[
        bool, typer.Option("--i-have-tls", help="A proxy with TLS stands before a host other than loopback.")
    ] = False,
) -> None:
    """Serve IONFLUX on IONFLUX_HOST and IONFLUX_PORT until it is stopped."""
    # The server's modules are not loaded for the other commands.
    from ionflux_core.cli.server import serve as serve_until_stopped

    serve_until_stopped(pages=not no_ui, tls=i_have_tls)


@cli.command()
def version() -> None:
    """Say which IONFLUX this is."""
    typer.echo(__version__)


cli.command()(work.run)
cli.command()(work.agents)
runs.callback()(work.runs)
runs.command("calls")(work.calls)
runs.command("compare")(run_files.compare)
runs.command("export")(run_files.export)
runs.command("import")(run_files.bring_in)
runs.command("search")(keeping.search)
runs.command("retry")(lineage.retry)
runs.command("fork")(lineage.fork)
runs.command("replay")(lineage.replay)
runs.command("lineage")(lineage.lineage)
events.command("publish")(work.publish)
cli.command("continue")(money.continue_run)
cli.command()(money.estimate)
budgets.command("list")(money.list_budgets)
budgets.command("set")(money.set_budget)
budgets.command("remove")(money.remove_budget)
ledger.command("show")(money.show_ledger)
ledger.command("grant")(money.grant)
ledger.command("export")(money.export_ledger)
cli.command()(approvals.approvals)
cli.command()(approvals.outbox)
cli.command()(upkeep.migrate)
cli.command()(upkeep.doctor)
demo.command("reset")(upkeep.reset_demo)
cli.command()(upkeep.export)
cli.command("import")(upkeep.bring_in)
cli.command()(upkeep.backup)
cli.command()(upkeep.restore)
token.command("create")(upkeep.create_token)
cli.command("rotate-key")(upkeep.rotate_key)
secret.command("put")(keeping.put_secret)
secret.command("list")(keeping.list_secrets)
secret.command("remove")(keeping.remove_secret)
flow.command("check")(flows.check)
flow.command("schema")(flows.schema)
flow.command("list")(flows.listed)
flow.command("save")(flows.save)
flow.command("show")(flows.show)
cli.command()(keeping.retention)
cli.command()(keeping.compact)
new.command("agent")(upkeep.new_agent)
new.command("page")(upkeep.new_page)
new.command("transform")(upkeep.new_transform)


def main() -> int:
    """Run one command; an error of ours is a sentence and a next step on stderr, and the exit code 1."""
    try:
        cli()
    except IonfluxError as error:
        for line in (error.message, *_places(error), error.hint):
            if line:
                typer.echo(line, err=True)
        return 1
    return 0


def _places(error: IonfluxError) -> list[str]:
    problems = error.problems if isinstance(error, Invalid) else ()
    return [f"  {problem}" for problem in problems if str(problem) != error.message][:20]


if __name__ == "__main__":
    sys.exit(main())
