"""Who is held back before sending, and why. Nobody is deleted; what a person may decide can be restored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ionflux_core.sdk import Context, Record

from .people import Customer, last_life
from .settings import Settings
from .times import iso, later

SUPPRESSED = "suppressed"
# Somebody said no: nobody else takes that back.
FINAL: Final = frozenset({"unsubscribed", "complained", "opted_out", "no_consent"})
WORDS: Final = {
    "bounced": "The address refused mail for good",
    "unsubscribed": "Unsubscribed",
    "complained": "Reported a mail as spam",
    "opted_out": "Asked not to be written to",
    "no_consent": "No opt-in to marketing is known",
    "frequency_cap": "Got a mail too short a time ago",
    "no_engagement": "No sign of life for a long time",
    "unlikely": "Unlikely to welcome the mail",
}


@dataclass(slots=True)
class Clearance:
    """The rules of a run, with what they need to know."""

    settings: Settings
    now: str
    suppressed: Mapping[str, Record]
    needs_consent: bool
    assumed: str
    likely: Mapping[str, float] = field(default_factory=dict)

    def holds(self, customer: Customer, *, restored: bool = False) -> tuple[str, str] | None:
        """The code and sentence of why this customer is held back, or None. `restored` skips what a person may skip."""
        found = self._final(customer)
        if found is None and not restored:
            found = self._soft(customer)
        return found

    def _final(self, customer: Customer) -> tuple[str, str] | None:
        row = self.suppressed.get(customer["email"])
        if row is not None:
            reason = str(row.data.get("reason", "opted_out"))
            return reason, f"{WORDS.get(reason, 'Not to be written to')} ({row.data.get('at', '')[:10]})."
        if customer["consent"] is False or (self.needs_consent and customer["consent"] is not True):
            return "no_consent", f"{WORDS['no_consent']}."
        return None

    def _soft(self, customer: Customer) -> tuple[str, str] | None:
        hours, days = self.settings["frequency_cap_hours"], self.settings["engagement_days"]
        if hours and customer["mailed"] and later(customer["mailed"], hours=hours) > self.now:
            return "frequency_cap", f"Got a mail within the last {hours:g} hours."
        alive = last_life(customer)
        if alive and later(alive, days=days) < self.now:
            return "no_engagement", f"No order, open or click since {alive[:10]}, longer than {days:g} days."
        chance, least = self.likely.get(customer["email"]), self.settings["clearance_threshold"]
        if chance is not None and chance < least:
            return "unlikely", f"The chance that this mail is welcome is {chance:.1%}, under the limit of {least:.1%}."
        return None


def consent_rule(customers: Iterable[Customer], settings: Settings) -> tuple[bool, str]:
    """Whether an opt-in is needed, and what that rests on in words."""
    if settings.require_consent is True:
        return True, "Only customers with an opt-in get mail (require_consent)."
    if settings.require_consent is False:
        return False, "Customers of whom no opt-in is known get mail, too (require_consent is off); a no is respected."
    if any(customer["consent"] is not None for customer in customers):
        return True, "The list says who opted in, so only those get mail. Change that with require_consent."
    return False, (
        "No list says who opted in: it is assumed that these customers may be written to. Set require_consent to hold "
        "back everybody without an opt-in."
    )


def suppress(ctx: Context, email: str, reason: str, at: str) -> bool:
    """Never write to this address again; the first reason stays, except that a wish weighs more than a bounce."""
    known = ctx.records.get(SUPPRESSED, email)
    if known is not None and (known.data["reason"] in FINAL or reason not in FINAL):
        return False
    ctx.records.put(SUPPRESSED, email, {"reason": reason, "at": at}, at=ctx.now())
    return True


def restore_bounced(ctx: Context, emails: Iterable[str]) -> tuple[list[str], list[dict[str, str]]]:
    """Take addresses off the list of bounced ones by a person's word; who asked not to be written to stays on it."""
    done, refused = [], []
    for email in emails:
        row = ctx.records.get(SUPPRESSED, email)
        if row is None:
            continue
        if row.data["reason"] in FINAL:
            why = f"{WORDS[row.data['reason']]}: that is not undone by hand."
            refused.append({"email": email, "reason": why})
        else:
            ctx.records.delete(SUPPRESSED, email)
            done.append(email)
    return done, refused


def all_suppressed(ctx: Context) -> dict[str, Record]:
    """Everybody who is not to be written to, by address."""
    return {row.key: row for row in ctx.records.find(SUPPRESSED, limit=1_000_000)}


def clearance_of(
    ctx: Context, settings: Settings, everybody: Iterable[Customer], likely: Mapping[str, float]
) -> Clearance:
    """The rules at the run's time; whether an opt-in is needed hangs on what is known of everybody."""
    needs, assumed = consent_rule(everybody, settings)
    return Clearance(settings, iso(ctx.now()), all_suppressed(ctx), needs, assumed, likely)


def by_reason(held: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many are held back for each reason."""
    counts: dict[str, int] = {}
    for row in held:
        counts[row["code"]] = counts.get(row["code"], 0) + 1
    return dict(sorted(counts.items()))
