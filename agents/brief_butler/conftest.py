"""Loads the agent as the catalog does, so that tests import the files beside it; and what several of them need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.catalog.loader import Catalog
from ionflux_core.sdk import Completion, Said
from tests.fakes import NOON, MemoryContext

CATALOG = Catalog([Path(__file__).parents[1]])
RUN = CATALOG.code("brief_butler").run


class Slack:
    """A connected Slack account, or none."""

    def __init__(self, answers: dict[str, Any] | None) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []

    def connected(self, connector: str) -> bool:
        """Whether the account is there."""
        return connector == "slack" and self.answers is not None

    def read(self, connector: str, what: str, arguments: Any = None) -> Any:
        """The prepared answer."""
        self.asked.append((what, arguments))
        return (self.answers or {})[what]


@dataclass
class Butler(MemoryContext):
    """A context that posts a message once under a key, with an account and a model that can be set."""

    accounts: Slack = field(default_factory=lambda: Slack(None))
    model: Callable[[str], Any] | None = None
    templates: dict[str, str] = field(default_factory=dict)
    posted_keys: dict[str, str] = field(default_factory=dict)

    def post(self, channel: str, text: str = "", *, key: str | None = None, **more: Any) -> str:
        """Say it, once under a key."""
        if key is not None and key in self.posted_keys:
            return self.posted_keys[key]
        message = super().post(channel, text, key=key, **more)
        if key is not None:
            self.posted_keys[key] = message
        return message

    def prompt(self, prompt_id: str, values: Any = None) -> str:
        """A prepared prompt."""
        return self.templates[prompt_id]

    def complete(self, prompt: str = "", **how: Any) -> Completion:
        """What the model of the test answers."""
        if self.model is None:
            return Completion("", {"kind": "local", "name": "fake", "version": "1", "seed": 0}, 1, 1, 0)
        engine = {"kind": "llm", "name": "fake", "version": "1", "seed": 0}
        return Completion("", engine, 1, 1, 0, data=self.model(prompt))

    def talk(self, *lines: str, channel: str = "general", thread: str | None = None) -> None:
        """Let people say lines such as "Ana: I'll do it", five minutes apart, ending an hour before noon."""
        said = self.heard.setdefault(thread or channel, [])
        for line in lines:
            sender, _, text = line.partition(": ")
            number = len(said) + 1
            at = NOON - timedelta(hours=3) + timedelta(minutes=5 * number)
            kind: Any = "agent" if sender == "Bot" else "user"
            said.append(Said(f"{thread or 'c'}-{number}", at, sender, kind, text, channel_id=f"id-{channel}"))

    def go(self, task: str | None = None, **inputs: Any) -> dict[str, Any]:
        """One run of the agent."""
        self.journal.clear()
        self.task = task
        given = {"audio": False, "chat_platform_details": {"platform": "ionflux", "channel": "general"}, **inputs}
        outputs: dict[str, Any] = RUN(self, given)
        return outputs

    def asked_for(self) -> list[dict[str, Any]]:
        """The proposals that were posted."""
        return [more["proposal"] for _, _, more in self.said if more.get("proposal")]


@pytest.fixture
def butler() -> Butler:
    """A context for the Butler."""
    return Butler()
