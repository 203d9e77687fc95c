"""Money for calls: what is set aside, booked and given back, and that no crowd of runs spends what is not there."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy import delete

from ionflux_core.domain.money import MICROS, WELCOME_CION
from ionflux_core.domain.runs import Run
from ionflux_core.errors import BudgetReached, Invalid
from ionflux_core.storage.tables import runs
from tests.agents_for_tests.world import Clock, World, together
from tests.agents_for_tests.world import world as world

CENT = 10_000


def a_run(world: World, **options: Any) -> Run:
    """A run that stays in the queue: the world is not started."""
    if "probe" not in world._functions:
        world.agent("probe", lambda ctx, inputs: {})
    return world.get(world.start("probe", **options))


def entries(world: World) -> list[Any]:
    return world.rows("billing_ledger", workspace_id=world.workspace)


def kinds(world: World) -> list[str]:
    return [entry.kind for entry in entries(world)]


def check_books(world: World) -> int:
    """The balance, when every entry goes on from the one before, none is below zero, and the sum is the balance."""
    balance = 0
    for entry in sorted(entries(world), key=lambda entry: entry.seq):
        balance += entry.amount_micros
        assert entry.balance_after_micros == balance >= 0
    assert world.app.ledger.is_consistent(world.workspace)
    assert world.app.ledger.balance(world.workspace) == balance
    return balance


def drain(world: World, *, leaving_cents: int) -> None:
    """Spend the credits of the start but for some cents (one C-ION each)."""
    run = a_run(world)
    cost = (WELCOME_CION - leaving_cents) * CENT
    world.app.purse.settle(world.app.purse.reserve(run, "drain", cost, service="llm"), cost)
    assert check_books(world) == leaving_cents * MICROS


def test_a_call_is_set_aside_before_and_booked_after(world: World) -> None:
    run = a_run(world)
    reservation = world.app.purse.reserve(run, "ask#1", 5 * CENT, service="llm")
    assert world.app.ledger.balance(world.workspace) == (WELCOME_CION - 5) * MICROS
    world.app.purse.settle(reservation, 2 * CENT)
    assert check_books(world) == (WELCOME_CION - 2) * MICROS
    assert kinds(world) == ["credit_grant", "debit_reserve", "credit_release", "debit_flow_execution"]
    booked = entries(world)[-1]
    assert (booked.run_id, booked.step_key, booked.service) == (run.id, "ask", "llm")
    assert world.app.ledger.spent_by_run(world.workspace, run.id) == 2 * CENT


def test_a_failed_call_gives_everything_back(world: World) -> None:
    run = a_run(world)
    world.app.purse.settle(world.app.purse.reserve(run, "ask#1", 5 * CENT, service="llm"), None)
    assert kinds(world)[-1] == "refund"
    assert check_books(world) == WELCOME_CION * MICROS
    assert world.app.ledger.spent_by_run(world.workspace, run.id) == 0


def test_the_same_call_is_set_aside_once_and_booked_once(world: World) -> None:
    run, purse = a_run(world), world.app.purse
    first = purse.reserve(run, "ask#1", 5 * CENT, service="llm")
    assert purse.reserve(run, "ask#1", 5 * CENT, service="llm") == first
    for _ in range(3):
        purse.settle(first, 2 * CENT)
    assert check_books(world) == (WELCOME_CION - 2) * MICROS
    assert kinds(world).count("debit_flow_execution") == 1


def test_a_step_that_is_made_again_is_paid_again(world: World) -> None:
    run, purse = a_run(world), world.app.purse
    for _ in range(2):
        purse.settle(purse.reserve(run, "ask#1", 5 * CENT, service="llm"), 2 * CENT)
    assert check_books(world) == (WELCOME_CION - 4) * MICROS


def test_what_costs_nothing_leaves_no_trace(world: World) -> None:
    run = a_run(world)
    assert world.app.purse.reserve(run, "ask#1", 0, service="llm") is None
    assert world.app.purse.reserve(run, "ask#2", None, service="llm") is None
    world.app.purse.settle(None, 3)
    assert entries(world) == []


def test_without_credits_the_call_is_not_made_and_a_grant_helps(world: World) -> None:
    drain(world, leaving_cents=3)
    run = a_run(world)
    with pytest.raises(BudgetReached, match="3 C-ION left") as refused:
        world.app.purse.reserve(run, "ask", 4 * CENT, service="llm")
    assert "Grant credits" in refused.value.hint
    world.app.ledger.grant(world.workspace, 1 * MICROS, by="owner", note="a little more")
    assert world.app.purse.reserve(run, "ask", 4 * CENT, service="llm")
    assert check_books(world) == 0


def test_a_call_dearer_than_what_was_set_aside_never_takes_the_balance_below_zero(world: World) -> None:
    drain(world, leaving_cents=3)
    run = a_run(world)
    world.app.purse.settle(world.app.purse.reserve(run, "ask", 3 * CENT, service="llm"), 5 * CENT)
    assert check_books(world) == 0
    assert "more were spent" in entries(world)[-1].note


def test_fifty_runs_at_once_never_spend_more_than_there_is(world: World) -> None:
    drain(world, leaving_cents=20)
    crowd = [a_run(world) for _ in range(50)]

    def spend(number: int) -> bool:
        reservation = world.app.purse.reserve(crowd[number], "ask", 2 * CENT, service="llm")
        world.app.purse.settle(reservation, 1 * CENT if number % 3 else None)
        return True

    answers = together(50, spend)
    assert all(answer is True or isinstance(answer, BudgetReached) for answer in answers)
    booked = sum(entry.kind == "debit_flow_execution" for entry in entries(world)) - 1
    assert check_books(world) == (20 - booked) * MICROS
    assert (
        sum(row.cost_micros for row in world.rows("spending", owner=world.workspace))
        == (WELCOME_CION - 20 + booked) * CENT
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_happens_in_whatever_order_the_books_are_right(world: World, seed: int) -> None:
    """Calls that succeed, fail, settle twice, settle late, are left behind, and runs that are cancelled meanwhile."""
    drain(world, leaving_cents=60)
    crowd = [a_run(world) for _ in range(8)]
    purse = world.app.purse

    def live(number: int) -> None:
        chance, late = random.Random(seed * 100 + number), list[tuple[str | None, int]]()
        for turn in range(12):
            cost = chance.randint(1, 4 * CENT)
            try:
                reservation = purse.reserve(crowd[number], f"step {turn % 5}", cost, service="llm")
            except BudgetReached:
                continue
            what = chance.choice(["pay", "pay", "pay twice", "fail", "late", "leave"])
            if what.startswith("pay"):
                for _ in range(what.count("pay") + what.count("twice")):
                    purse.settle(reservation, chance.randint(1, cost))
            elif what == "fail":
                purse.settle(reservation, None)
            elif what == "late":
                late.append((reservation, cost))
        if number % 2:
            world.app.runs.cancel(world.workspace, crowd[number].id)
        for reservation, cost in late:
            purse.settle(reservation, cost)

    assert together(8, live) == [None] * 8
    for run in crowd[::2]:
        world.app.runs.cancel(world.workspace, run.id)
    world.app.ledger.recover()
    left = check_books(world)
    assert world.rows("reservations") == []
    spent = sum(entry.amount_micros for entry in entries(world) if entry.kind == "debit_flow_execution")
    assert spent == left - WELCOME_CION * MICROS
    assert sum(row.cost_micros for row in world.rows("spending", owner=world.workspace)) * 100 >= -spent


@pytest.mark.parametrize("gone", ["cancelled", "removed"])
def test_credits_of_a_run_that_died_on_the_way_come_back_once(world: World, gone: str) -> None:
    run, purse = a_run(world), world.app.purse
    lost = purse.reserve(run, "ask", 5 * CENT, service="llm")
    if gone == "cancelled":
        world.app.runs.cancel(world.workspace, run.id)
    else:
        world.app.db.write(lambda connection: connection.execute(delete(runs).where(runs.c.id == run.id)))
    assert world.app.ledger.recover() == 1
    assert world.app.ledger.recover() == 0
    assert check_books(world) == WELCOME_CION * MICROS
    # The call comes back after all: the money is spent, and booked once.
    purse.settle(lost, 2 * CENT)
    purse.settle(lost, 2 * CENT)
    assert check_books(world) == (WELCOME_CION - 2) * MICROS


def test_a_run_that_goes_on_after_a_crash_keeps_what_it_had_set_aside(world: World) -> None:
    run = a_run(world)
    held = world.app.purse.reserve(run, "ask", 5 * CENT, service="llm")
    assert world.app.ledger.recover() == 0
    assert world.application().purse.reserve(run, "ask", 5 * CENT, service="llm") == held
    assert check_books(world) == (WELCOME_CION - 5) * MICROS


def test_the_next_reservation_puts_right_what_a_crash_left(world: World) -> None:
    drain(world, leaving_cents=5)
    dead, alive = a_run(world), a_run(world)
    world.app.purse.reserve(dead, "ask", 5 * CENT, service="llm")
    with pytest.raises(BudgetReached):
        world.app.purse.reserve(alive, "ask", 5 * CENT, service="llm")
    world.app.runs.cancel(world.workspace, dead.id)
    assert world.app.purse.reserve(alive, "ask", 5 * CENT, service="llm")
    assert check_books(world) == 0


@pytest.mark.parametrize("micros", [0, -1, 10**30])
def test_only_a_sensible_number_of_credits_is_granted(world: World, micros: int) -> None:
    with pytest.raises(Invalid):
        world.app.ledger.grant(world.workspace, micros)


def test_the_ledger_is_paged_and_its_csv_holds_every_entry(world: World) -> None:
    world.app.ledger.grant(world.workspace, MICROS, note="=HYPERLINK(1)")
    for number in range(5):
        world.app.ledger.grant(world.workspace, MICROS, note=f"grant {number}")
    first = world.app.ledger.find(world.workspace, limit=4)
    second = world.app.ledger.find(world.workspace, limit=4, cursor=first.cursor)
    assert [entry.note for entry in first.entries] == [f"grant {number}" for number in (4, 3, 2, 1)]
    assert len(second.entries) == 3 and second.cursor is None
    lines = "".join(world.app.ledger.as_csv(world.workspace)).splitlines()
    assert len(lines) == 8 and lines[0].startswith("seq,at,kind,amount,balance_after")
    assert "'=HYPERLINK(1)" in lines[-2]


# --- budgets


def test_a_budget_of_the_workspace_holds_for_the_day_it_is_there(world: World) -> None:
    clock = Clock()
    run = a_run(world)
    world.app.budgets.set(world.workspace, limit_micros=10 * CENT, period="day")
    reservation = world.app.purse.reserve(run, "one", 8 * CENT, service="llm")
    with pytest.raises(BudgetReached, match=r"\$0\.08 is spent"):
        world.app.purse.reserve(run, "two", 3 * CENT, service="llm")
    world.app.purse.settle(reservation, 7 * CENT)
    assert world.app.purse.reserve(run, "two", 3 * CENT, service="llm")
    # Noon in March, UTC, is morning in New York: sixteen hours on it is still the same day there.
    clock.forward(hours=15)
    with pytest.raises(BudgetReached):
        world.app.purse.reserve(run, "three", 1 * CENT, service="llm")
    clock.forward(hours=3)
    assert world.app.purse.reserve(run, "three", 1 * CENT, service="llm")


def test_budgets_of_month_and_all_time_and_of_one_agent(world: World) -> None:
    Clock()
    world.agent("probe", lambda ctx, inputs: {})
    one = world.instance("probe", "one")
    world.instance("probe", "two")
    of_one, of_two = world.get(world.start("one")), world.get(world.start("two"))
    world.app.budgets.set(world.workspace, limit_micros=5 * CENT, period="month", instance_id=one.id)
    world.app.budgets.set(world.workspace, limit_micros=20 * CENT, period="total")
    world.app.purse.reserve(of_one, "a", 5 * CENT, service="llm")
    with pytest.raises(BudgetReached, match="The budget of one for this month"):
        world.app.purse.reserve(of_one, "b", 1, service="llm")
    world.app.purse.reserve(of_two, "a", 15 * CENT, service="llm")
    with pytest.raises(BudgetReached, match=r"The workspace's budget is \$0\.20"):
        world.app.purse.reserve(of_two, "b", 1, service="llm")
    assert [(use.name, use.period, use.used_micros) for use in world.app.budgets.find(world.workspace)] == [
        ("Whole workspace", "total", 20 * CENT),
        ("one", "month", 5 * CENT),
    ]


def test_a_budget_for_each_run_gives_way_to_the_one_a_run_is_given(world: World) -> None:
    world.app.budgets.set(world.workspace, limit_micros=5 * CENT, period="run")
    plain, richer = a_run(world), a_run(world, budget_micros=9 * CENT)
    for run, most in ((plain, 5), (richer, 9)):
        with pytest.raises(BudgetReached, match="The run's budget"):
            world.app.purse.reserve(run, "a", (most + 1) * CENT, service="llm")
        assert world.app.purse.reserve(run, "a", most * CENT, service="llm")


def test_a_call_without_a_price_is_not_made_once_a_budget_is_used_up(world: World) -> None:
    run = a_run(world, budget_micros=5 * CENT)
    assert world.app.purse.reserve(run, "a", None, service="llm") is None
    world.app.purse.reserve(run, "b", 5 * CENT, service="llm")
    with pytest.raises(BudgetReached):
        world.app.purse.reserve(run, "c", None, service="llm")
    # What costs nothing goes on: the local engine needs nobody's leave.
    assert world.app.purse.reserve(run, "d", 0, service="llm") is None


def test_a_budget_is_changed_by_setting_it_again_and_removed(world: World) -> None:
    first = world.app.budgets.set(world.workspace, limit_micros=5, period="day", by="ada")
    again = world.app.budgets.set(world.workspace, limit_micros=7, period="day", by="ada")
    assert (first.id, again.limit_micros) == (again.id, 7)
    world.app.budgets.remove(world.workspace, first.id, by="ada")
    assert world.app.budgets.find(world.workspace) == []
    assert [row.action for row in world.rows("audit_log", entity="budget")] == [
        "budget_set", "budget_set", "budget_removed",
    ]  # fmt: skip
