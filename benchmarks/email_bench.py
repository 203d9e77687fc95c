"""How long Email Wizard takes: grouping 100,000 customers, making 3,200 mails, and a campaign of 3,200 as a whole.

Run `python benchmarks/email_bench.py` (under two minutes on two cores); it writes email_results.json beside itself.
Customers and orders come from fixed seeds. The agent's own code path is measured. The campaign runs over records in
memory with an outbox that takes every mail at once, so it shows the agent's own share of the time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ionflux_core.catalog.loader import Catalog  # noqa: E402
from ionflux_core.domain.policies import ChannelSettings  # noqa: E402
from ionflux_core.domain.workspaces import Workspace, WorkspaceSettings  # noqa: E402
from ionflux_core.sdk import Decision, Sent  # noqa: E402
from tests.fakes import NOON, MemoryContext  # noqa: E402

Catalog([ROOT / "agents"]).code("email_wizard")

from ionflux_agents.email_wizard.agent import run  # noqa: E402
from ionflux_agents.email_wizard.clusters import cluster  # noqa: E402
from ionflux_agents.email_wizard.people import Customer, new_customer  # noqa: E402
from ionflux_agents.email_wizard.render import Frame, mail, token_of  # noqa: E402
from ionflux_agents.email_wizard.segments import segment, shown  # noqa: E402
from ionflux_agents.email_wizard.settings import Unsubscribe, read_settings  # noqa: E402
from ionflux_agents.email_wizard.templates import GOALS  # noqa: E402
from ionflux_agents.email_wizard.times import iso  # noqa: E402

PEOPLE, MAILS = 100_000, 3_200
TARGET_SEGMENT_SECONDS = 10.0


class Outbox(MemoryContext):
    """A context whose outbox takes every mail and whose person agrees."""

    accounts: Any = None

    def approve(self, title: str, **_: Any) -> Decision:
        return Decision(approved=True, by="bench")

    def send_many(self, kind: str, items: Any, **_: Any) -> list[Sent]:
        return [Sent("sent", f"e{number}") for number, _ in enumerate(items)]


def context() -> Outbox:
    channels = {"email": ChannelSettings(dry_run=False, options={"transport": "folder"})}
    settings = WorkspaceSettings(timezone="UTC", channels=channels)
    workspace = Workspace(id="w", name="Bench", owner_id="u", settings=settings, created_at=NOON, updated_at=NOON)
    return Outbox(workspace=workspace)


def people(count: int, seed: int = 11) -> list[Customer]:
    """Customers of a shop: a third never bought, the rest a few times, at log-normal prices."""
    rng = np.random.default_rng(seed)
    orders = np.where(rng.random(count) < 1 / 3, 0, rng.geometric(0.45, count))
    made = []
    for number in range(count):
        customer = new_customer(f"person{number}@example.com")
        customer |= {"first": f"Name{number}", "consent": True, "created": iso(NOON - timedelta(days=400))}
        days, prices = rng.integers(1, 400, orders[number]), rng.lognormal(4, 0.6, orders[number])
        for each, (day, price) in enumerate(zip(days, prices, strict=True)):
            at = iso(NOON - timedelta(days=int(day)))
            customer["orders"][f"{number}-{each}"] = [at, f"{price:.2f}", "USD", at]
        customer["titles"] = [f"Product {at}" for at in rng.integers(0, 40, min(3, int(orders[number])))]
        made.append(customer)
    return made


def timed(work: Any, rounds: int) -> tuple[float, Any]:
    """The median of some rounds in seconds, and the last answer."""
    spent, answer = [], None
    for _ in range(rounds):
        began = time.perf_counter()
        answer = work()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent), answer


def measure_segments(rounds: int) -> dict[str, Any]:
    settings = read_settings(context(), {})
    customers = people(PEOPLE)

    def grouped() -> Any:
        found = segment(customers, settings, NOON)
        return found, shown(found)

    seconds, (found, table) = timed(grouped, rounds)
    groups, clustered = timed(lambda: cluster(customers, found, "kmeans", 7), 1)
    counted = sum(row["main"] for row in table["segments"])
    if counted != PEOPLE:
        raise SystemExit(f"{counted} customers are in a main segment, not {PEOPLE}.")
    return {
        "customers": PEOPLE,
        "rules_and_rfm_seconds": round(seconds, 2),
        "kmeans_seconds": round(groups, 2),
        "kmeans": clustered["method"],
        "target_seconds": TARGET_SEGMENT_SECONDS,
        "met": seconds <= TARGET_SEGMENT_SECONDS,
        "main": {row["segment"]: row["main"] for row in table["segments"] if row["main"]},
    }


def measure_rendering(rounds: int) -> dict[str, Any]:
    values = {"brand": "Bench", "product": "Linen shirt", "price": "59.00 USD", "about": "", "offer": "10 % off",
              "code": "TEN", "ends": "on Sunday", "link": "https://shop.example/linen"}  # fmt: skip
    leave = Unsubscribe("https", "https://shop.example/leave")
    frame = Frame(values, leave, "bench", "Bench", "1 High Street", "#1f4f7a", {})
    readers = [{"first": f"Name{n}", "last": "", "token": token_of("salt", f"r{n}@example.com")} for n in range(MAILS)]
    seconds, mails = timed(lambda: [mail(frame, GOALS["win_back"][0], reader) for reader in readers], rounds)
    size = len(mails[0]["text"].encode()) + len(mails[0]["html"].encode())
    return {"mails": MAILS, "seconds": round(seconds, 3), "bytes_each": size}


def measure_campaign() -> dict[str, Any]:
    """From the wish to the answers kept, for 3,200 recipients among 10,000 customers."""
    ctx = context()
    rows = [dict(customer) for customer in people(10_000)]
    ctx.records.put_many("customers", [(str(row["email"]), row, NOON) for row in rows])
    wish = {"customer_segment": "everybody", "email_goal": "update", "about": "News of the bench."}
    inputs = {"manual_payload": wish, "unsubscribe_base_url": "https://shop.example/leave", "max_per_run": MAILS,
              "engagement_days": 3650}  # fmt: skip
    began = time.perf_counter()
    report = run(ctx, inputs)["send_report"]
    seconds = time.perf_counter() - began
    if report["counts"] != {"sent": MAILS}:
        raise SystemExit(f"The campaign ended with {report['counts']}: {report['summary']}")
    return {"customers": 10_000, "mails": MAILS, "seconds": round(seconds, 2)}


def main() -> None:
    """Measure everything, print it, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-files", action="store_true")
    args = parser.parse_args()
    results = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "segmentation": measure_segments(args.rounds),
        "rendering": measure_rendering(args.rounds),
        "campaign": measure_campaign(),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    text = json.dumps(results, indent=1)
    print(text)
    if not args.no_files:
        (Path(__file__).parent / "email_results.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
