"""The process that is killed: a real application over the data folder and database of its arguments."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ionflux_core.application import Application
from ionflux_core.settings import load_settings


def main(data_dir: str, database_url: str) -> None:
    """Work until someone ends it."""
    settings = load_settings(
        _env_file=None,
        data_dir=Path(data_dir),
        database_url=database_url,
        agents_dir=Path(__file__).parent / "agents",
        key_file=Path(data_dir) / "key",
        demo=False,
        workers=4,
    )
    Application(settings).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
