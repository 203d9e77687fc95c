"""How well the Communication Clarity Butler reads labelled threads, and how long it takes for many messages.

Run `python benchmarks/brief_bench.py` (some seconds); it writes brief_results.json beside itself. The threads were
written for it, in English and Portuguese, and labelled before the grammar was tuned; only the development half was
tuned on. One author wrote threads and grammar, so figures on a team's own chat will be lower.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ionflux_core import yaml_text  # noqa: E402
from ionflux_core.catalog.loader import Catalog  # noqa: E402

FOLDER = ROOT / "agents" / "brief_butler"
CODE = Catalog([ROOT / "agents"]).code("brief_butler")
OURS = "ionflux_agents.brief_butler"
SIZES = (500, 10_000)
ROUNDS = 3


def threads(half: str) -> list[dict[str, Any]]:
    """The labelled threads of a half."""
    loaded: Any = yaml_text.load((FOLDER / "threads" / f"{half}.yaml").read_text(encoding="utf-8"))
    return list(getattr(loaded, "data", loaded))


def many(count: int) -> list[Any]:
    """A thread of so many messages: those of the labelled threads over and over, a minute apart."""
    score, messages = import_module(f"{OURS}.score"), import_module(f"{OURS}.messages")
    said = [
        each for half in ("development", "held_out") for thread in threads(half) for each in score.messages_of(thread)
    ]
    return [
        messages.spoken(str(number), score.BEGIN + timedelta(minutes=number), each.sender, f"{each.text}")
        for number, each in enumerate((said * (count // len(said) + 1))[:count])
    ]


def seconds(work: Callable[[], Any]) -> dict[str, float]:
    """The median and the longest of some rounds."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return {"median": round(statistics.median(taken), 3), "longest": round(max(taken), 3)}


def speed(count: int) -> dict[str, Any]:
    """Seconds to extract, rank and write the brief of a thread."""
    messages, briefing = import_module(f"{OURS}.messages"), import_module(f"{OURS}.briefing")
    brief, found_module = import_module(f"{OURS}.brief"), import_module(f"{OURS}.found")
    templates = import_module(f"{OURS}.templates")
    talk = messages.Talk("bench", "Bench", tuple(many(count)))

    class Asked:
        """The options a brief needs."""

        zone, language = ZoneInfo("UTC"), "auto"

    items: list[Any] = []

    def work() -> None:
        found = briefing.found_in(talk, Asked)
        items[:] = [found_module.Item.of(each) for each in found["items"]]
        cited = brief.Citations(talk.messages, Asked.zone)
        sections = brief.sections_of(items, cited, "en")
        template = templates.template_of(None, "standard", "en")
        brief.write_brief("Bench", template, "en", sections, sources=cited.sources())

    return {"messages": count, **seconds(work), "items": len(items)}


def main() -> None:
    """Measure, print, and keep."""
    score = import_module(f"{OURS}.score")
    results = {
        "machine": {"python": platform.python_version(), "processor": platform.machine()},
        "quality": {half: score.scores(threads(half)) for half in ("development", "held_out")},
        "seconds": [speed(count) for count in SIZES],
    }
    place = Path(__file__).with_name("brief_results.json")
    place.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
