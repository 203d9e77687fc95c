"""kill -9 while calls are being paid for: the books are right, and no credits stay set aside."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from ionflux_core.application import Application
from ionflux_core.domain.money import MICROS, WELCOME_CION, cion_micros
from ionflux_core.storage.tables import billing_ledger, reservations
from tests.crash.agents.payer.agent import COST
from tests.crash.test_recovery import SEED, _kill_until_done, looking_on

__all__ = ["looking_on"]
RUNS = 20


@pytest.mark.timeout(300)
def test_kills_between_setting_aside_and_settling_lose_no_credits(
    database_url: str, looking_on: Callable[[str], tuple[Application, str]], tmp_path: Path
) -> None:
    app, workspace = looking_on(database_url)
    bill = tmp_path / "bill"
    for _ in range(RUNS):
        app.runs.start(workspace, "agent:payer", {"file": str(bill)})
    kills, repeated = _kill_until_done(app, workspace, bill, RUNS, random.Random(SEED))
    assert kills > 0 and repeated == 0
    app.ledger.recover()
    with app.db.read() as connection:
        entries = connection.execute(select(billing_ledger).order_by(billing_ledger.c.seq)).all()
        assert connection.execute(select(reservations)).all() == []
    balance = 0
    for entry in entries:
        balance += entry.amount_micros
        assert entry.balance_after_micros == balance >= 0
    paid = Counter(f"{e.run_id}/{e.step_key}" for e in entries if e.kind == "debit_flow_execution")
    billed = Counter(bill.read_text().splitlines())
    # Every step was paid for; what is paid for twice was also called twice, because its step was in flight at a kill.
    assert len(paid) == RUNS * 4
    assert all(paid[call] <= billed[call] for call in paid)
    assert balance == WELCOME_CION * MICROS - cion_micros(COST) * paid.total()
    assert app.ledger.balance(workspace) == balance
