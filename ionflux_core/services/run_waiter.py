"""Someone who waits for a run of this process."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from ionflux_core.domain.runs import Run


@dataclass(slots=True)
class RunWaiter:
    """Someone waits for a run: set when it has moved, with the run when it has ended in this process."""

    moved: threading.Event = field(default_factory=threading.Event)
    run: Run | None = None
