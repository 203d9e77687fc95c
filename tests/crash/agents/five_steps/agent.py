"""Five steps, each of which leaves a line in a file before it returns."""

from __future__ import annotations

import os
import time
from typing import Any

from ionflux_core.sdk import Context


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """Carry out the five steps and add up what they returned."""
    return {"total": sum(ctx.step(f"step {n}", leave_line, inputs["file"], ctx.run_id, n) for n in range(5))}


def leave_line(path: str, run_id: str, n: int) -> int:
    """Append `run/step n` in one write and return n."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{run_id}/step {n}\n".encode())
    finally:
        os.close(file)
    time.sleep(0.004)
    return n
