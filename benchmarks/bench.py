"""`make bench`: how fast and how heavy IONFLUX is, each figure beside its floor, measured in the same run.

`python benchmarks/bench.py [--only name] [--quick]` prints a table and appends to results.json. README.md beside this
file says how to read it.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import (  # noqa: E402
    board_bench,
    compare_bench,
    figures,
    flow_runs_bench,
    flows_bench,
    http_bench,
    lineage_bench,
    pages_bench,
    runs_bench,
    sandbox_bench,
)
from benchmarks.figures import Figure, Section  # noqa: E402

CHART_MS = 50
CHART_RUNS = 1_000_000
CHART_RUNS_QUICK = 100_000


def charts(folder: Path, *, quick: bool) -> list[Figure]:
    """The dashboard's queries on many stored runs, warm; beside them what the same takes in SQLite."""
    if not (ROOT / "benchmarks" / "analytics_bench.py").exists():
        raise pages_bench.NotHere("benchmarks/analytics_bench.py is not there")
    from benchmarks.analytics_bench import bench

    runs = CHART_RUNS_QUICK if quick else CHART_RUNS
    answer = bench(runs)
    return [
        Figure(f"{name}, {runs:,} runs", "ms", times["median"], None, "value<=", CHART_MS, _beside(answer, name))
        for name, times in answer["duckdb"].items()
    ]


def _beside(answer: dict[str, Any], name: str) -> str:
    peers = ((engine, answer[engine].get(name)) for engine in ("sqlite", "pandas"))
    return ", ".join(f"{engine} {times['median']:.0f} ms" for engine, times in peers if times)


SECTIONS: dict[str, Callable[..., list[Figure]]] = {
    "journaled_run": runs_bench.journaled_run,
    "first_step": runs_bench.first_step,
    "webhook_answer": http_bench.webhook_answer,
    "durable_accept": http_bench.durable_accept,
    "compare": compare_bench.compare,
    "lineage": lineage_bench.lineage,
    "flows": flows_bench.flows,
    "flow_runs": flow_runs_bench.flow_runs,
    "sandbox": sandbox_bench.sandbox,
    "pages": pages_bench.pages,
    "canvas": board_bench.canvas,
    "chat": board_bench.chat,
    "run_end": board_bench.run_end,
    "dashboard": pages_bench.dashboard,
    "first_page": pages_bench.first_page,
    "idle_memory": pages_bench.idle_memory,
    "charts": charts,
}


def run_section(name: str, root: Path, *, quick: bool) -> Section:
    """One part of the bench in a folder of its own; whatever stops it is told, and the next part comes."""
    began = time.perf_counter()
    folder = root / name
    folder.mkdir()
    try:
        found: Sequence[Figure] = SECTIONS[name](folder, quick=quick)
        return Section(name, found, seconds=time.perf_counter() - began)
    except pages_bench.NotHere as reason:
        return Section(name, not_computed=str(reason))
    except Exception as error:
        traceback.print_exc()
        return Section(name, not_computed=f"{type(error).__name__}: {str(error)[:400]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="measure this part alone (repeatable)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, under 90 seconds; not for comparisons")
    parser.add_argument("--no-record", action="store_true", help="print, but add nothing to results.json")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    began = time.perf_counter()
    print(figures.heading())
    sections = []
    with tempfile.TemporaryDirectory(prefix="ionflux-bench-", ignore_cleanup_errors=True) as root:
        for name in options.only or SECTIONS:
            sections.append(run_section(name, Path(root), quick=options.quick))
            print(figures.shown(sections[-1]), flush=True)
    if not options.no_record:
        figures.append(sections, quick=options.quick)
    missed = [figure.name for section in sections for figure in section.figures if figure.ok is False]
    absent = [section.name for section in sections if section.not_computed]
    print(f"\n{time.perf_counter() - began:.0f} s. Missed: {', '.join(missed) or 'none'}.", end="")
    print(f" Not computed: {', '.join(absent)}." if absent else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
