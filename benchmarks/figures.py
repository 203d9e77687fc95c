"""What the bench found: one figure with its floor, its target and whether it was met; the table and the file."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results.json"

Rule = Literal["value<=", "value>=", "ratio<=", "ratio>=", "above<="]


@dataclass(frozen=True)
class Figure:
    """A measured value beside its floor. `rule` says what is held against `limit`: the value, its ratio to the
    floor, or by how much it lies above the floor; without a rule the figure is told and not judged.
    """

    name: str
    unit: str
    measured: float
    floor: float | None = None
    rule: Rule | None = None
    limit: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.measured / self.floor if self.floor else None

    @property
    def ok(self) -> bool | None:
        if self.rule is None or self.limit is None:
            return None
        if self.rule.startswith("value"):
            held: float | None = self.measured
        elif self.rule.startswith("ratio"):
            held = self.ratio
        else:
            held = None if self.floor is None else self.measured - self.floor
        if held is None:
            return None
        return held >= self.limit if self.rule.endswith(">=") else held <= self.limit

    @property
    def target(self) -> str:
        if self.rule is None or self.limit is None:
            return ""
        sign = self.rule[-2:]
        if self.rule.startswith("value"):
            return f"{sign} {self.limit:g} {self.unit}"
        return (
            f"{sign} {self.limit:g} x floor" if self.rule.startswith("ratio") else f"floor + {self.limit:g} {self.unit}"
        )


@dataclass(frozen=True)
class Section:
    """What one part of the bench gave, or the reason why it could not run."""

    name: str
    figures: Sequence[Figure] = ()
    not_computed: str = ""
    seconds: float = 0.0


def median(values: Iterable[float]) -> float:
    return statistics.median(list(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share (0 to 1) of the values lies, nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def shown(section: Section) -> str:
    """The rows of one section for the terminal."""
    head = f"\n{section.name} ({section.seconds:.0f} s)"
    if section.not_computed:
        return f"{head}\n  not computed: {section.not_computed}"
    return "\n".join([head, *(_row(figure) for figure in section.figures)])


def heading() -> str:
    return f"  {'figure':<46} {'target':>18} {'measured':>13} {'floor':>10} {'ratio':>7}  ok"


def _row(figure: Figure) -> str:
    floor = "" if figure.floor is None else _number(figure.floor)
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    ok = {None: "-", True: "yes", False: "NO"}[figure.ok]
    measured = f"{_number(figure.measured)} {figure.unit}"
    note = f"  {figure.note}" if figure.note else ""
    return f"  {figure.name:<46} {figure.target:>18} {measured:>13} {floor:>10} {ratio:>7}  {ok}{note}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def append(sections: Sequence[Section], *, quick: bool) -> None:
    """Add this run of the bench to results.json; an interrupted write leaves the old file."""
    earlier = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    commit = _git("rev-parse", "--short", "HEAD")
    entry = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "changed_since_commit": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "quick": quick,
        "machine": {
            "cores": os.cpu_count(),
            "architecture": platform.machine(),
            "system": platform.system(),
            "load_1_minute": round(os.getloadavg()[0], 2),
        },
        "python": platform.python_version(),
        "sections": {section.name: _as_json(section) for section in sections},
    }
    fresh = RESULTS.with_suffix(".new")
    fresh.write_text(json.dumps([*earlier, entry], indent=1) + "\n", encoding="utf-8")
    fresh.replace(RESULTS)


def _as_json(section: Section) -> dict[str, Any]:
    if section.not_computed:
        return {"not_computed": section.not_computed}
    figures = {
        figure.name: {
            "measured": _rounded(figure.measured),
            "unit": figure.unit,
            "floor": _rounded(figure.floor),
            "ratio": _rounded(figure.ratio),
            "target": figure.target,
            "ok": figure.ok,
            **({"note": figure.note} if figure.note else {}),
        }
        for figure in section.figures
    }
    return {"seconds": round(section.seconds, 1), "figures": figures}


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
