"""Money for calls: set aside before each one under every budget, settled after it, given back when it failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ionflux_core.domain.money import MICROS as ONE
from ionflux_core.domain.money import (
    WELCOME_CION,
    Budget,
    BudgetPeriod,
    EntryKind,
    cion_micros,
    in_cion,
    in_dollars,
)
from ionflux_core.domain.runs import Run
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import BudgetReached
from ionflux_core.ids import new_id, now
from ionflux_core.runtime.context import bounded
from ionflux_core.storage import budgets, ledger
from ionflux_core.storage.engine import AnyRow, Connection, Database

_WHEN: dict[BudgetPeriod, str] = {"run": "for each run", "day": "for today", "month": "for this month", "total": ""}
# Which of the three stopped a run: its own budget, one it shares with others, or the ledger.
OWN_BUDGET, SHARED_BUDGET, OUT_OF_CREDITS = "budget_reached", "shared_budget_reached", "out_of_credits"


class Limit(NamedTuple):
    """A budget as it stands for one run: whose it is, what it allows and what of it is spent or set aside."""

    name: str
    micros: int
    used: int
    own: bool = False


class Purse:
    """The runner's `Spending`: every call is one or two short transactions on the account of its workspace."""

    def __init__(self, db: Database, workspace: Callable[[str], Workspace]) -> None:
        self._db = db
        self._workspace = workspace

    def reserve(self, run: Run, key: str, micros: int | None, *, service: str) -> str | None:
        """Set aside what a call may cost at most (millionths of a US dollar); BudgetReached when that is too much.

        A call that costs nothing needs no leave. One whose price nobody knows is not counted in any budget, but it is
        not made either once a budget is used up.
        """
        if micros == 0:
            return None
        at = now()
        day = today(self._workspace(run.workspace_id), at)

        def work(connection: Connection) -> str | None:
            return self._reserve(connection, run, key, micros, service, at, day)

        return self._db.write(work)

    def _reserve(
        self, connection: Connection, run: Run, key: str, micros: int | None, service: str, at: datetime, day: str
    ) -> str | None:
        ledger.hold(connection, run.workspace_id)
        refund_lost(connection, at, run.workspace_id)
        full_key = bounded(f"{run.id}:{key}")
        if held := ledger.reserved(connection, full_key):
            return held
        check_limits(limits_of(connection, run, day), micros)
        if micros is None:
            return None
        left = open_account(connection, run.workspace_id, at)
        if cion_micros(micros) > left:
            raise BudgetReached(
                f"The workspace has {in_cion(left)} left, and the next call may cost up to "
                f"{in_cion(cion_micros(micros))}.",
                hint="Grant credits in Settings, Ledger, then continue the run: its finished steps are not repeated.",
                code=OUT_OF_CREDITS,
            )
        row: dict[str, Any] = {
            "id": new_id(), "workspace_id": run.workspace_id, "key": full_key, "run_id": run.id,
            "instance_id": run.instance_id, "step_key": (key.rpartition("#")[0] or key)[:300], "service": service[:40],
            "cost_micros": micros, "day": day, "at": at,
        }  # fmt: skip
        ledger.reserve(connection, row)
        _book(connection, row, "debit_reserve", -micros, at, id=row["id"])
        ledger.spend(connection, run.workspace_id, _counted(row), day, micros)
        return str(row["id"])

    def settle(self, reservation: str | None, micros: int | None) -> None:
        """Book what a call really cost and give the rest back; None: it failed, and everything goes back."""
        if reservation is None:
            return
        at = now()
        self._db.write(lambda connection: self._settle(connection, reservation, micros, at))

    def _settle(self, connection: Connection, reservation: str, micros: int | None, at: datetime) -> None:
        entry = ledger.entry(connection, reservation)
        if entry is None:
            return
        ledger.hold(connection, entry.workspace_id)
        give_back(connection, reservation, "refund" if micros is None else "credit_release", at)
        key = f"settle:{reservation}"
        if not micros or ledger.was_booked(connection, key):
            return
        _book(connection, entry._asdict(), "debit_flow_execution", -micros, at, key=key)
        # On the day the money was set aside, so that a call over midnight counts once.
        day = today(self._workspace(entry.workspace_id), entry.at)
        ledger.spend(connection, entry.workspace_id, _counted(entry._asdict()), day, micros)


def _book(
    connection: Connection, about: dict[str, Any], kind: EntryKind, micros: int, at: datetime,
    *, key: str | None = None, id: str | None = None,
) -> None:  # fmt: skip
    ledger.book(connection, str(about["workspace_id"]), kind, cion_micros(micros), at=at, key=key, id=id, about=about)


def open_account(connection: Connection, workspace_id: str, at: datetime) -> int:
    """The balance of a workspace in millionths of a C-ION; the first look at it brings the credits of the start."""
    found = ledger.balance(connection, workspace_id)
    if found is not None:
        return found
    return ledger.book(
        connection,
        workspace_id,
        "credit_grant",
        WELCOME_CION * ONE,
        at=at,
        note="Credits to start with.",
        key=f"welcome:{workspace_id}",
    )


def give_back(connection: Connection, reservation: str, kind: EntryKind, at: datetime, note: str = "") -> bool:
    """Undo a reservation; False when that has been done before."""
    taken: AnyRow | None = ledger.take(connection, reservation)
    if taken is None:
        return False
    ledger.book(connection, taken.workspace_id, kind, cion_micros(taken.cost_micros), at=at, note=note, about=taken)
    ledger.spend(connection, taken.workspace_id, _counted(taken._asdict()), taken.day, -taken.cost_micros)
    return True


def refund_lost(connection: Connection, at: datetime, workspace_id: str) -> int:
    """Give back what runs that have ended or are gone had set aside; how many reservations that were.

    A call that comes back after that is still booked by its settlement: the money is spent then.
    """
    lost = ledger.lost(connection, workspace_id)
    return sum(
        give_back(connection, row.id, "refund", at, "Its run ended before the call was settled.") for row in lost
    )


def limits_of(connection: Connection, run: Run, day: str) -> list[Limit]:
    """Every budget a run stands under, its own first; one given to the run takes the place of those for each run."""
    scopes = (run.workspace_id, run.instance_id)
    known = [budget for budget in budgets.find(connection, run.workspace_id) if budget.scope_id in scopes]
    each = [budget.limit_micros for budget in known if budget.period == "run"]
    own = min(each, default=None) if run.budget_micros is None else run.budget_micros
    found = []
    if own is not None:
        found.append(Limit("The run's budget", own, ledger.spent(connection, run.id), own=True))
    for budget in known:
        if budget.period != "run":
            used = ledger.spent(connection, budget.scope_id, *days_of(budget.period, day))
            found.append(Limit(_named(budget, run.instance_name or "the agent"), budget.limit_micros, used))
    return found


def check_limits(limits: list[Limit], micros: int | None) -> None:
    """BudgetReached when a limit does not allow so much more; without a price, when it is used up."""
    for limit in limits:
        if limit.used + (micros or 0) <= limit.micros and (micros or limit.used < limit.micros):
            continue
        wanted = f", and the next call may cost up to {in_dollars(micros)}" if micros else ""
        code, hint = OWN_BUDGET, "Continue the run with a larger budget: its finished steps are not repeated."
        if not limit.own:
            code = SHARED_BUDGET
            hint = "Raise that budget in Settings, Budgets, or wait for its next period, then continue the run."
        said = f"{limit.name} is {in_dollars(limit.micros)}, of which {in_dollars(limit.used)} is spent{wanted}."
        raise BudgetReached(said, hint=hint, code=code)


def _counted(about: Mapping[str, Any]) -> list[str]:
    """Whose spending a call counts to: its workspace's, its instance's and its run's."""
    return [about[name] for name in ("workspace_id", "instance_id", "run_id") if about[name]]


def today(workspace: Workspace, at: datetime) -> str:
    """The day of a time where the workspace lives."""
    return at.astimezone(ZoneInfo(workspace.settings.timezone)).date().isoformat()


def days_of(period: BudgetPeriod, day: str) -> tuple[str, str]:
    """First and last day of the period a day lies in."""
    if period == "day":
        return day, day
    return (f"{day[:7]}-01", f"{day[:7]}-31") if period == "month" else ("", "9999")


def _named(budget: Budget, instance: str) -> str:
    whose = "The workspace's budget" if budget.scope == "workspace" else f"The budget of {instance}"
    return f"{whose} {_WHEN[budget.period]}".strip()
