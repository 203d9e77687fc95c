"""Commands around money: budgets, the ledger, estimates, and going on with a run that its budget has stopped."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from ionflux_core import limits
from ionflux_core.application import Application
from ionflux_core.cli.common import JsonOption, WorkspaceOption, opened, say, say_json, say_table, workspace_id
from ionflux_core.domain.money import BUDGET_PERIODS, MICROS, MOST_MICROS, Estimate, in_cion, in_dollars
from ionflux_core.errors import Invalid, NotFound

BudgetOption = Annotated[
    str | None, typer.Option("--budget", metavar="DOLLARS", help="What the run may spend at most.")
]
InstanceOption = Annotated[str | None, typer.Option("--instance", help="Name or id; without it the whole workspace.")]


def micros_of(amount: str, what: str) -> int:
    """Millionths for an amount as a person writes it, such as 0.25."""
    try:
        exact = Decimal(amount.strip().removeprefix("$")) * MICROS
    except InvalidOperation:
        exact = Decimal("NaN")
    if not exact.is_finite() or not 0 <= exact <= MOST_MICROS or exact != exact.to_integral_value():
        raise Invalid(f"{amount[:40]!r} is no {what}.", hint="Write a number such as 0.25; 6 decimals at most.")
    return int(exact)


def list_budgets(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List budgets with what of each is used."""
    with opened() as application:
        found = application.budgets.find(workspace_id(application, workspace))
    if as_json:
        say_json([each.model_dump(mode="json") for each in found])
        return
    rows = [("BUDGET", "OF", "FOR EACH", "LIMIT", "USED")]
    for each in found:
        used = "–" if each.used_micros is None else in_dollars(each.used_micros)
        rows.append((each.id, each.name, each.period, in_dollars(each.limit_micros), used))
    say_table(rows, empty="There is no budget. Set one with: ionflux budgets set 5 --per day")


def set_budget(
    limit: Annotated[str, typer.Argument(metavar="DOLLARS", help="The most that may be spent.")],
    per: Annotated[str, typer.Option(help="run, day, month or total.")] = "month",
    instance: InstanceOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Limit what a workspace or one of its agents may spend."""
    if per not in BUDGET_PERIODS:
        raise Invalid(f"There is no period {per[:40]!r}.", hint=f"Choose one of: {', '.join(BUDGET_PERIODS)}.")
    with opened() as application:
        where = workspace_id(application, workspace)
        use = application.budgets.set(
            where,
            limit_micros=micros_of(limit, "sum of dollars"),
            period=per,
            instance_id=_instance_id(application, where, instance) if instance else None,
            by="command line",
        )
    say(f"{use.name}: {in_dollars(use.limit_micros)} for each {per}." if per != "total" else
        f"{use.name}: {in_dollars(use.limit_micros)} in all.")  # fmt: skip


def remove_budget(
    budget: Annotated[str, typer.Argument(help="Its id, as `ionflux budgets list` shows it.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Take a budget away."""
    with opened() as application:
        application.budgets.remove(workspace_id(application, workspace), budget, by="command line")
    say("Removed.")


def show_ledger(
    limit: Annotated[int, typer.Option(min=1, max=limits.PAGE_ROWS, help="Rows at most.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the balance and the newest entries of the ledger."""
    with opened() as application:
        where = workspace_id(application, workspace)
        balance, found = application.ledger.balance(where), application.ledger.find(where, limit=limit).entries
    if as_json:
        say_json({"balance_micros": balance, "entries": [each.model_dump(mode="json") for each in found]})
        return
    say(f"Balance: {in_cion(balance)}")
    rows = [("WHEN (UTC)", "KIND", "C-ION", "BALANCE", "RUN", "STEP OR NOTE")]
    rows += [
        (
            f"{each.at:%Y-%m-%d %H:%M:%S}",
            each.kind,
            f"{each.amount_micros / MICROS:+,.4f}",
            f"{each.balance_after_micros / MICROS:,.4f}",
            each.run_id or "–",
            each.step_key or each.note,
        )
        for each in found
    ]
    say_table(rows, empty="")


def grant(
    amount: Annotated[str, typer.Argument(metavar="C-ION", help="How many credits.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
    workspace: WorkspaceOption = None,
) -> None:
    """Give credits to a workspace."""
    with opened() as application:
        entry = application.ledger.grant(
            workspace_id(application, workspace), micros_of(amount, "number of credits"), by="command line", note=note
        )
    say(f"Granted {in_cion(entry.amount_micros)}; the balance is {in_cion(entry.balance_after_micros)}.")


def export_ledger(
    file: Annotated[Path, typer.Argument(help="The CSV to write.")], workspace: WorkspaceOption = None
) -> None:
    """Write the whole ledger to a CSV file."""
    with opened() as application:
        parts = application.ledger.as_csv(workspace_id(application, workspace))
        try:
            with file.open("w", encoding="utf-8", newline="") as target:
                target.writelines(parts)
        except OSError as error:
            raise NotFound(f"{file} cannot be written: {error.strerror}.", hint="Check the path.") from error
    say(f"Written to {file}.")


def continue_run(
    run: Annotated[str, typer.Argument(help="Id of a run that its budget has stopped.")],
    budget: BudgetOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Go on with a run that its budget has stopped; finished steps are not repeated. A running IONFLUX executes it."""
    with opened() as application:
        application.budgets.continue_with(
            workspace_id(application, workspace),
            run,
            micros_of(budget, "sum of dollars") if budget else None,
            by="command line",
        )
    say("It goes on.")


def estimate(
    target: Annotated[str, typer.Argument(help="Name or id of an instance, or agent:<slug>.")],
    model: Annotated[str | None, typer.Option(help="provider:model, to ask for the price of another one.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a run will probably cost, from the runs there were."""
    with opened() as application:
        where = workspace_id(application, workspace)
        if target.startswith("agent:"):
            slug = application.marketplace.definition(target.partition(":")[2]).slug
            found = application.estimates.of_definition(where, slug, model=model)
        else:
            found = application.estimates.of_instance(where, _instance_id(application, where, target), model=model)
    say_json(found.model_dump(mode="json")) if as_json else say(_in_words(found))


def _in_words(found: Estimate) -> str:
    if found.cost is None:
        return f"Not computed: {found.not_computed}"
    low, middle, high = (in_dollars(round(value)) for value in (found.cost.p10, found.cost.median, found.cost.p90))
    return f"About {middle} (8 of 10 between {low} and {high}; from {found.cost.n} runs)."


def _instance_id(application: Application, where: str, wanted: str) -> str:
    for instance in application.agents.find(where, archived=True):
        if wanted in (instance.id, instance.name):
            return instance.id
    raise NotFound(f"There is no agent instance {wanted[:80]!r}.", hint="Use an instance's name or id.")
