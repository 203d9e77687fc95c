"""What the tests of scripts share: the walls of this machine, or the reason why there are none."""

from __future__ import annotations

import pytest

from ionflux_core.sandbox.walls import Walls, standing


@pytest.fixture(scope="session")
def walls() -> Walls:
    """Deno behind bubblewrap; the test is skipped where either is missing."""
    found = standing()
    if found.no_deno or found.no_wall:
        pytest.skip(f"{found.sentence} `make sandbox` installs it.")
    return found
