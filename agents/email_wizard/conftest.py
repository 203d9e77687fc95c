"""Loads the agent as the catalog does, and a shop whose mails can be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.catalog.loader import Catalog
from ionflux_core.domain.policies import ChannelSettings
from ionflux_core.domain.workspaces import Brand, Workspace, WorkspaceSettings
from ionflux_core.sdk import AgentFailed, Decision, Invalid, Outgoing, Sent
from tests.fakes import NOON, MemoryContext, MemoryRecords

Catalog([Path(__file__).parents[1]]).code("email_wizard")

UNSUBSCRIBE = "https://shop.example/leave"
Answer = Callable[[Outgoing, int], Sent]


def sent(item: Outgoing, number: int) -> Sent:
    """What the outbox answers of a mail that left."""
    return Sent("sent", f"effect:{item.key}", response={"status": 250})


@dataclass
class ShopContext(MemoryContext):
    """A context with an outbox: mails leave through `answer`; a person says `decisions`, or yes to everything."""

    answer: Answer = sent
    accounts_there: bool = True
    outbox: list[Outgoing] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    prompts: dict[str, Callable[[Mapping[str, Any]], str]] = field(default_factory=dict)
    guardian: dict[str, Any] | None = None

    @property
    def accounts(self) -> ShopContext:
        """Itself: it answers for accounts, too."""
        return self

    def connected(self, connector: str) -> bool:
        """A mail server, or nothing."""
        return self.accounts_there and connector == "smtp"

    def approve(self, title: str, **question: Any) -> Decision:
        """The next decision a test has laid out, else yes."""
        self.questions.append({"title": title, **question})
        return self.decisions.pop(0) if self.decisions else Decision(approved=True, by="Ana")

    def send_many(self, kind: str, items: Iterable[Outgoing], *, summary: str, body: str = "", **_: Any) -> list[Sent]:
        """One answer for each; what a key has sent already is not sent again."""
        assert kind == "email"
        listed = list(items)
        known = {item.key for item in self.outbox}
        answers = [self.answer(item, number) for number, item in enumerate(listed)]
        self.outbox += [i for i, a in zip(listed, answers, strict=True) if a.status == "sent" and i.key not in known]
        return answers

    def run_agent(self, target: str, inputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What `guardian` holds; without it the other agent cannot be asked."""
        super().run_agent(target, inputs)
        if self.guardian is None:
            raise AgentFailed("It is planned and has no code yet.", hint="Come back later.")
        return self.guardian

    def prompt(self, prompt_id: str, values: Mapping[str, Any] | None = None) -> str:
        """A prompt of `prompts`."""
        if prompt_id not in self.prompts:
            raise Invalid("There is no such prompt.", hint="Choose one of the library.")
        return self.prompts[prompt_id](dict(values or {}))


class Shop:
    """One instance of the agent over several runs: its records stay, its clock can be moved."""

    def __init__(self) -> None:
        self.records = MemoryRecords()
        self.at = NOON
        self.runs = 0
        self.zone = "UTC"
        self.brand: Brand | None = None
        self.accounts_there = True

    def context(self, task: str | None = None, **more: Any) -> ShopContext:
        """The context of the next run."""
        self.runs += 1
        channels = {"email": ChannelSettings(dry_run=False)}
        settings = WorkspaceSettings(timezone=self.zone, channels=channels)
        workspace = Workspace(
            id="ws", name="Little Shop", owner_id="u", settings=settings, created_at=NOON, updated_at=NOON
        )
        return ShopContext(
            task=task, at=self.at, run_id=f"run-{self.runs}", records=self.records, workspace=workspace,
            brand=self.brand, accounts_there=self.accounts_there, **more,
        )  # fmt: skip

    def run(self, inputs: Mapping[str, Any] | None = None, task: str | None = None, **more: Any) -> Any:
        """One run; (report, draft, context)."""
        from ionflux_agents.email_wizard.agent import run

        ctx = self.context(task, **more)
        out = run(ctx, {"unsubscribe_base_url": UNSUBSCRIBE, **(inputs or {})})
        return out["send_report"], out["generated_email_draft"], ctx

    def later(self, **delta: float) -> None:
        """Move the clock."""
        self.at += timedelta(**delta)

    def mail_event(self, fact: str, email: str, **more: Any) -> Any:
        """One fact about a mail, as the platform publishes it."""
        return self.run({"mail_event": {"event": fact, "address": email, "at": self.at.isoformat(), **more}})

    def order(self, email: str, amount: str = "50.00", number: int = 900, **more: Any) -> Any:
        """One order, as the shop's webhook shapes it."""
        return self.run({"shopify_event": order(email, number, self.at, amount, **more)})


def order(email: str, number: int, at: datetime, amount: str = "50.00", **more: Any) -> dict[str, Any]:
    """An order of the shop's webhook, as far as it matters."""
    return {
        "id": number,
        "name": f"#{number}",
        "email": email,
        "created_at": at.isoformat(),
        "currency": "USD",
        "financial_status": "paid",
        "total_price": amount,
        "line_items": [{"title": "Linen shirt", "quantity": 1, "price": amount}],
        **more,
    }


def customers(count: int, **more: Any) -> list[dict[str, Any]]:
    """Customers with an opt-in."""
    return [{"email": f"c{n}@example.com", "first_name": f"Name{n}", "consent": True, **more} for n in range(count)]


def orders(count: int, at: datetime = NOON, amount: str = "50.00", first: int = 1) -> list[dict[str, Any]]:
    """One order for each of these customers, ten days ago."""
    return [order(f"c{n}@example.com", first + n, at - timedelta(days=10), amount) for n in range(count)]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose wall clock is the run's."""
    from ionflux_agents.email_wizard import times

    made = Shop()
    monkeypatch.setattr(times, "wall_clock", lambda: made.at)
    return made


@pytest.fixture
def filled(shop: Shop) -> Shop:
    """A shop with ten buyers who opted in."""
    shop.run({"customers": customers(10), "orders": orders(10)}, task="take_in")
    return shop
