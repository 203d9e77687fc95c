"""Which offer a person is shown: Beta-Bernoulli Thompson sampling with a stored seed.

Every choice follows from the posterior of its batch, the seed and the address alone, so it can be drawn again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ionflux_core.sdk import Context, Invalid

from .addresses import one_line

STATE = "state"
MAX_ARMS = 8
Posterior = dict[str, list[float]]


def read_offers(value: Any) -> list[dict[str, str]]:
    """The offers of a payload ({name, text, code?, link?, subject?}); Invalid names the one that is wrong."""
    if not value:
        return []
    rows = value if isinstance(value, list) else [value]
    if len(rows) > MAX_ARMS:
        raise Invalid(f"{len(rows)} offers are too many.", hint=f"At most {MAX_ARMS} are tried against each other.")
    offers: list[dict[str, str]] = []
    for number, row in enumerate(rows, 1):
        given = row if isinstance(row, Mapping) else {"text": row}
        offer = {key: one_line(given.get(key), 500) for key in ("name", "text", "code", "link", "subject")}
        offer["name"] = offer["name"][:60] or f"offer {number}"
        if not offer["text"]:
            raise Invalid(
                f"Offer {number} has no text.", hint="Write it like {name: ten, text: 10 % off until Sunday}."
            )
        offers.append(offer)
    names = [offer["name"] for offer in offers]
    if len(set(names)) < len(names):
        raise Invalid("Two offers have the same name.", hint="Name each offer differently.")
    return offers


def posteriors(ctx: Context, test: str, arms: list[str], seed: int) -> dict[str, Any]:
    """What is known of each arm of a test ({seed, batch, arms: {name: [alpha, beta]}}); new arms begin at [1, 1]."""
    row = ctx.records.get(STATE, f"offers:{test}")
    known: dict[str, Any] = dict(row.data) if row else {"seed": seed, "batch": 0, "arms": {}}
    known["arms"] = {**{arm: [1.0, 1.0] for arm in arms}, **known["arms"]}
    return known


def keep(ctx: Context, test: str, known: Mapping[str, Any]) -> None:
    """Store what is known of a test."""
    ctx.records.put(STATE, f"offers:{test}", known)


def choose(known: Mapping[str, Any], arms: list[str], email: str) -> str:
    """The arm a person is shown: the best of one draw from each arm's posterior."""
    if len(arms) == 1:
        return arms[0]
    import numpy as np

    digest = int.from_bytes(hashlib.sha256(email.encode()).digest()[:8], "big")
    rng = np.random.default_rng([int(known["seed"]), int(known["batch"]), digest])
    draws = [float(rng.beta(*known["arms"][arm])) for arm in arms]
    return arms[draws.index(max(draws))]


def learn(ctx: Context, test: str, arm: str, success: bool) -> bool:
    """Count one outcome; the caller sees to it that a mail is counted once."""
    row = ctx.records.get(STATE, f"offers:{test}")
    if row is None or arm not in row.data["arms"]:
        return False
    arms = {name: list(pair) for name, pair in row.data["arms"].items()}
    arms[arm][0 if success else 1] += 1
    keep(ctx, test, {**row.data, "arms": arms})
    return True


def shown(known: Mapping[str, Any]) -> dict[str, Any]:
    """A test for the report: each arm with its outcomes and the mean of its posterior."""
    arms = {
        name: {"alpha": pair[0], "beta": pair[1], "mean": round(pair[0] / (pair[0] + pair[1]), 4)}
        for name, pair in known["arms"].items()
    }
    return {"method": "Beta-Bernoulli Thompson sampling", "seed": known["seed"], "batch": known["batch"], "arms": arms}
