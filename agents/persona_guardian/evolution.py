"""The weekly look: whether the own material has moved, and whether checked content still carries the voice."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

from ionflux_core.sdk import Context, not_computed

from .checks import CHECKS, week_of, worth
from .drift import LEAST_PIECES, SIGNIFICANT, compare
from .fingerprint import Fingerprint
from .personas import PIECES, Piece, pieces_of
from .settings import TOPIC, Settings, engine

_SPANS = 6


def look_back(ctx: Context, settings: Settings, fingerprint: Fingerprint | None) -> dict[str, Any]:
    """The newest span of own pieces against the one before, earlier steps, and the mean authenticity by week."""
    pieces = [piece for piece in pieces_of(ctx, settings) if piece.at is not None]
    undated = len(ctx.records.find(PIECES, prefix=f"{settings.key}:")) - len(pieces)
    spans = _spans(ctx, settings, pieces)
    steps = [
        {"until": newer["until"], **compare(older["texts"], newer["texts"], ctx.seed)}
        for older, newer in pairwise(spans)
    ]
    newest = steps[-1]
    moved = "distance" in newest and newest["distance"] > settings.drift_threshold
    found = {
        "engine": engine(ctx.seed),
        "persona": settings.persona,
        "version": fingerprint.version if fingerprint else None,
        "window_days": settings.window_days,
        "threshold": settings.drift_threshold,
        "newest": newest,
        "earlier": [step for step in steps[:-1] if "distance" in step],
        "undated_pieces": undated,
        "moved": bool(moved and newest["p_value"] <= SIGNIFICANT),
        "weeks": _weeks(ctx, settings),
    }
    _tell(ctx, settings, found)
    return found


def _spans(ctx: Context, settings: Settings, pieces: list[Piece]) -> list[dict[str, Any]]:
    """The last spans of equal length that end now, oldest first, each with its texts."""
    length = timedelta(days=settings.window_days)
    found = []
    for back in range(_SPANS, -1, -1):
        end = ctx.now() - back * length
        texts = [piece.text for piece in pieces if piece.at and end - length < piece.at <= end]
        found.append({"until": end.date().isoformat(), "texts": texts})
    return found


def _weeks(ctx: Context, settings: Settings) -> list[dict[str, Any]]:
    """Mean score and number of checked texts of the last eight weeks that had any, oldest first."""
    rows = ctx.records.find(CHECKS, since=ctx.now() - timedelta(weeks=8), prefix=f"{settings.key}:")
    weeks: dict[str, list[float]] = {}
    for row in rows:
        if row.data["score"] is not None:
            weeks.setdefault(week_of(row.at), []).append(row.data["score"])
    return [{"week": week, "checked": len(s), "mean": round(sum(s) / len(s), 4)} for week, s in sorted(weeks.items())]


def _tell(ctx: Context, settings: Settings, found: dict[str, Any]) -> None:
    newest = found["newest"]
    if "distance" in newest:
        ctx.kpi("drift", newest["distance"], unit="0-1")
    if found["moved"]:
        payload = {
            "kind": "drift",
            "persona": settings.persona,
            "text": (
                f"The own material of {settings.persona} has moved: distance {newest['distance']:.2f} between the last "
                f"{settings.window_days} days and those before, by chance {newest['distance_by_chance']:.2f}."
            ),
            **{key: newest[key] for key in ("distance", "distance_by_chance", "p_value")},
            "threshold": settings.drift_threshold,
        }
        ctx.emit(f"{TOPIC}.alert_generated", payload, key=f"drift:{settings.key}:{week_of(ctx.now())}")


def write_report(
    ctx: Context, settings: Settings, found: dict[str, Any], persona: dict[str, Any]
) -> str | dict[str, str]:
    """The report in Markdown, or `not_computed` when there is neither a comparison nor a checked text."""
    newest = found["newest"]
    if "not_computed" in newest and not found["weeks"]:
        undated = f" {found['undated_pieces']} own pieces have no date." if found["undated_pieces"] else ""
        return not_computed(f"{newest['not_computed']}{undated} No content was checked in the last eight weeks.")
    lines = [
        f"# Development of {_plain(settings.persona)}",
        "",
        f"Until {ctx.now().date().isoformat()}. Fingerprint version {persona['version']}, "
        f"{persona['pieces']} own pieces.",
        "",
        "## Own material",
        "",
        _material_sentence(settings, found),
    ]
    if found["earlier"]:
        lines += ["", "| until | distance | by chance | p |", "|---|---|---|---|"]
        lines += [
            f"| {s['until']} | {s['distance']:.3f} | {s['distance_by_chance']:.3f} | {s['p_value']:.3f} |"
            for s in [*found["earlier"], *([newest] if "distance" in newest else [])]
        ]
    lines += ["", "## Checked content", ""]
    lines += _content_lines(found)
    lines += ["", f"*{_engine_line(found)}*"]
    return "\n".join(lines) + "\n"


def _material_sentence(settings: Settings, found: dict[str, Any]) -> str:
    newest = found["newest"]
    if "not_computed" in newest:
        return f"Not computed: {newest['not_computed']} At least {LEAST_PIECES} dated pieces must lie in each span."
    figures = (
        f"The centre of the last {settings.window_days} days ({newest['newer_pieces']} pieces) is "
        f"{newest['distance']:.3f} from that of the {settings.window_days} days before "
        f"({newest['older_pieces']} pieces); pieces dealt out at random are {newest['distance_by_chance']:.3f} "
        f"apart (p = {newest['p_value']:.3f})."
    )
    if found["moved"]:
        return f"{figures} **The voice has moved.** This is the persona's own material, so it may well be meant."
    if newest["p_value"] > SIGNIFICANT:
        return f"{figures} That is no more than chance."
    return f"{figures} That is more than chance, but below the limit of {settings.drift_threshold:g}."


def _content_lines(found: dict[str, Any]) -> list[str]:
    if not found["weeks"]:
        return ["No content was checked in the last eight weeks."]
    lines = ["| week | checked | mean authenticity |", "|---|---|---|"]
    lines += [f"| {week['week']} | {week['checked']} | {week['mean']:.2f} |" for week in found["weeks"]]
    low = [week["week"] for week in found["weeks"] if worth(week["checked"]) and week["mean"] < 0.75]
    if low:
        lines += ["", f"Below 0.75 in {', '.join(low)}: what was checked there does not sound like the own material."]
    return lines


def _engine_line(found: dict[str, Any]) -> str:
    used = found["engine"]
    return f"Computed by {used['name']} {used['version']}, seed {used['seed']}."


def _plain(text: str) -> str:
    """A name without the signs that Markdown reads."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in text.replace("\n", " "))
