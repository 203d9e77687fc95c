"""Policies: which effects of which agents may go out by themselves, and which a person is asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ionflux_core.limits import NAME_CHARS

Verdict = Literal["allow", "deny", "ask", "ask_above"]
ANY = "*"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Policy(_Model):
    """One rule: what happens to effects of a channel and an agent (its instance's name or its slug); `*` is any.

    `amount` is in US dollars and belongs to `ask_above`: up to it an effect goes out by itself.
    """

    channel: str = Field(default=ANY, min_length=1, max_length=NAME_CHARS)
    agent: str = Field(default=ANY, min_length=1, max_length=NAME_CHARS)
    verdict: Verdict
    amount: float | None = Field(default=None, ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _amount_belongs(self) -> Policy:
        if (self.verdict == "ask_above") != (self.amount is not None):
            raise ValueError("an amount belongs to ask_above, and to nothing else")
        return self


class ChannelSettings(_Model):
    """How a workspace uses a channel. It is connected once `dry_run` is off; `allow` narrows where it may send."""

    dry_run: bool = True
    allow: list[str] = Field(default=[], max_length=200)
    options: dict[str, str] = {}

    def lets(self, target: str) -> bool:
        """True when the list of allowed targets is empty or names this one; `*` in an entry stands for anything."""
        return not self.allow or any(fnmatchcase(target.casefold(), entry.casefold()) for entry in self.allow)


class Ruling(NamedTuple):
    """What is to happen to one effect, under which rule (`allow`, `deny`, `ask`, `tainted`), and why in sentences."""

    verdict: Literal["allow", "deny", "ask"]
    rule: str
    reasons: list[str]


def rule(
    policies: Sequence[Policy],
    *,
    channel: str,
    agents: Collection[str],
    estimate_micros: int | None,
    taints: Sequence[str] = (),
) -> Ruling:
    """What the first policy that fits says; without one a person is asked.

    Outside text weighs more than any permission: a tainted run is asked for every effect, whatever the policy.
    """
    found = next((each for each in policies if each.channel in (ANY, channel) and each.agent in (ANY, *agents)), None)
    verdict, why = _said(found, estimate_micros)
    if verdict == "deny":
        return Ruling("deny", "deny", [why])
    if taints:
        return Ruling("ask", "tainted", [f"Tainted because the run {reason}" for reason in taints])
    return Ruling(verdict, verdict, [why])


def _said(policy: Policy | None, estimate_micros: int | None) -> tuple[Literal["allow", "deny", "ask"], str]:
    if policy is None:
        return "ask", "No policy allows this by itself, so a person decides."
    if policy.verdict == "allow":
        return "allow", "A policy of this workspace allows it."
    if policy.verdict == "deny":
        return "deny", "A policy of this workspace forbids it."
    if policy.verdict == "ask" or policy.amount is None:
        return "ask", "A policy of this workspace asks for it every time."
    if estimate_micros is None:
        return "ask", f"A policy asks above ${policy.amount:,.2f}, and what this costs is not known."
    cost = estimate_micros / 1_000_000
    if cost > policy.amount:
        return "ask", f"It costs about ${cost:,.2f}; a policy asks above ${policy.amount:,.2f}."
    return "allow", f"It costs about ${cost:,.2f}; a policy asks only above ${policy.amount:,.2f}."
