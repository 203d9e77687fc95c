"""Four steps that each pay for one call: set aside, called (a line in a file), settled."""

from __future__ import annotations

import os
import time
from typing import Any

RESERVED, COST = 30_000, 20_000


def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Pay four times and add up."""
    return {"total": sum(ctx.step(f"pay {n}", pay, ctx, inputs["file"], n) for n in range(4))}


def pay(ctx: Any, path: str, n: int) -> int:
    """One call, as the runner makes them; the provider's bill is a line in a file."""
    spending = ctx._ports.spending
    reservation = spending.reserve(ctx._run, f"pay {n}#1.1", RESERVED, service="llm")
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{ctx.run_id}/pay {n}\n".encode())
    finally:
        os.close(file)
    time.sleep(0.01)
    spending.settle(reservation, COST)
    return n
