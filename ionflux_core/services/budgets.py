"""Budgets: how much a run, an agent or a workspace may spend, and how a run that was stopped goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ionflux_core.domain.money import MICROS, MOST_MICROS, Budget, BudgetPeriod, BudgetScope, BudgetUse, in_dollars
from ionflux_core.domain.runs import Run, check_executed_here
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Conflict, Invalid, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.agents import Agents
from ionflux_core.services.runs import Runs
from ionflux_core.services.spending import check_limits, days_of, limits_of, today
from ionflux_core.storage import audit, ledger
from ionflux_core.storage import budgets as rows
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage.engine import Connection, Database


class Budgets:
    """Use-cases around budgets. Limits are millionths of a US dollar."""

    def __init__(self, db: Database, workspace: Callable[[str], Workspace], agents: Agents, runs: Runs) -> None:
        self._db = db
        self._workspace = workspace
        self._agents = agents
        self._runs = runs

    def find(self, workspace_id: str) -> list[BudgetUse]:
        """Every budget of a workspace with what of it is spent: the workspace's own first, then by agent."""
        day = today(self._workspace(workspace_id), now())
        names = {instance.id: instance.name for instance in self._agents.find(workspace_id, archived=True)}
        with self._db.read() as connection:
            found = [self._used(connection, budget, names, day) for budget in rows.find(connection, workspace_id)]
        order: Mapping[str, int] = {"run": 0, "day": 1, "month": 2, "total": 3}
        return sorted(found, key=lambda use: (use.scope != "workspace", use.name.casefold(), order[use.period]))

    @staticmethod
    def _used(connection: Connection, budget: Budget, names: Mapping[str, str], day: str) -> BudgetUse:
        name = "Whole workspace" if budget.scope == "workspace" else names.get(budget.scope_id, "An agent that is gone")
        used = (
            None if budget.period == "run" else ledger.spent(connection, budget.scope_id, *days_of(budget.period, day))
        )
        return BudgetUse(**budget.model_dump(), name=name, used_micros=used)

    def set(
        self,
        workspace_id: str,
        *,
        limit_micros: int,
        period: BudgetPeriod,
        instance_id: str | None = None,
        by: str | None = None,
    ) -> BudgetUse:
        """Limit a workspace, or one of its instances, by period; an earlier limit of the same kind gives way."""
        if not 0 <= limit_micros <= MOST_MICROS:
            raise Invalid("A budget is a sum of dollars, not less than 0.", hint=f"At most {MOST_MICROS // MICROS:,}.")
        self._workspace(workspace_id)
        scope: BudgetScope = "instance" if instance_id else "workspace"
        scope_id = self._agents.get(workspace_id, instance_id).id if instance_id else workspace_id
        at = now()
        row: dict[str, Any] = {
            "id": new_id(), "workspace_id": workspace_id, "scope": scope, "scope_id": scope_id, "period": period,
            "limit_micros": limit_micros, "created_at": at, "updated_at": at,
        }  # fmt: skip

        def work(connection: Connection) -> None:
            rows.put(connection, row)
            _note(connection, workspace_id, "budget_set", scope_id, by, period=period, limit_micros=limit_micros)

        self._db.write(work, durable=True)
        return next(use for use in self.find(workspace_id) if (use.scope_id, use.period) == (scope_id, period))

    def remove(self, workspace_id: str, budget_id: str, *, by: str | None = None) -> None:
        """Take a limit away; what was spent stays counted."""

        def work(connection: Connection) -> None:
            removed = rows.remove(connection, workspace_id, budget_id)
            if removed is None:
                raise NotFound("There is no such budget.", hint="Reload the list.")
            _note(connection, workspace_id, "budget_removed", removed.scope_id, by, period=removed.period)

        self._db.write(work)

    def continue_with(
        self, workspace_id: str, run_id: str, budget_micros: int | None = None, *, by: str | None = None
    ) -> Run:
        """Go on with a run its budget has stopped; its finished steps are not repeated.

        `budget_micros` is the run's new budget, all it has spent included; without one the run keeps what it had,
        which helps where another budget or the credits stopped it.
        """
        run = self._runs.get(workspace_id, run_id)
        check_executed_here(run)
        if run.status != "budget_stopped":
            raise Conflict("Only a run that its budget has stopped can be continued.", hint="Reload the run.")
        day = today(self._workspace(workspace_id), now())
        with self._db.read() as connection:
            spent = ledger.spent(connection, run_id)
            if budget_micros is not None and not spent < budget_micros <= MOST_MICROS:
                raise Invalid(
                    f"The run has spent {in_dollars(spent)} already.", hint="Give it a budget that is larger than that."
                )
            wanted = run if budget_micros is None else run.model_copy(update={"budget_micros": budget_micros})
            check_limits(limits_of(connection, wanted, day), None)

        def work(connection: Connection) -> None:
            again: dict[str, Any] = {"finished_at": None, "error": None, "preview": None, "wake_at": None}
            # Of two who continue it at once, the second must not take it from the worker that has it by then.
            ledger.hold(connection, workspace_id)
            if run_rows.status_of(connection, run_id) != "budget_stopped":
                raise Conflict("The run has moved on meanwhile.", hint="Reload it.")
            run_rows.move(connection, run_id, "pending", budget_micros=wanted.budget_micros, **again)
            audit.note(
                connection, workspace_id, at=now(), who=by, action="continued", entity="run", entity_id=run_id,
                details={"budget_micros": wanted.budget_micros, "spent_micros": spent},
            )  # fmt: skip

        self._db.write(work)
        self._runs.announce()
        return self._runs.get(workspace_id, run_id)


def _note(
    connection: Connection, workspace_id: str, action: str, scope_id: str, by: str | None, **details: Any
) -> None:
    audit.note(
        connection, workspace_id, at=now(), who=by, action=action, entity="budget", entity_id=scope_id, details=details
    )
