"""Executes a run in the calling thread, for callers that are the worker: replays of history, the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ionflux_core.ids import now
from ionflux_core.runtime.executor import Execution
from ionflux_core.runtime.ports import Ports
from ionflux_core.runtime.worker import owner_name
from ionflux_core.storage import runs
from ionflux_core.storage.engine import Connection

_LEASE = timedelta(hours=1)


def execute_here(ports: Ports, row: dict[str, Any]) -> str:
    """Insert a prepared run as already claimed and execute it now; its id. A repeated key executes nothing.

    The lease ends in real time although the thread's own clock may be replayed.
    """
    owner, at = owner_name(), now()
    claimed = row | {
        "status": "running",
        "lease_owner": owner,
        "lease_until": datetime.now(UTC) + _LEASE,
        "started_at": at,
    }

    def work(connection: Connection) -> bool:
        return runs.insert(connection, claimed)

    if ports.db.write(work):
        Execution(runs.run_from(claimed), owner, ports, fresh=True).execute()
    return str(row["id"])
