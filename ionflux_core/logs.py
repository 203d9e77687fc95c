"""The program's own log: one handler for everything, without secrets, as text or as JSON lines."""

from __future__ import annotations

import logging

from ionflux_core.redaction import IN_LOGS, RedactingFormatter
from ionflux_core.settings import Settings

# Talkative libraries. HTTP clients and servers would write down whole addresses, and those may hold secrets.
_QUIET = ("apscheduler", "alembic", "httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "uvicorn.access")


def configure_logging(settings: Settings) -> None:
    """Log what the settings say, at the level of each part, to where errors go."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(IN_LOGS, json_lines=settings.log_format == "json"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name, level in settings.levels.items():
        logging.getLogger(name).setLevel(level.upper())
