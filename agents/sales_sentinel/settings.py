"""What the owner of an instance may set, checked once at the start of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ionflux_core.sdk import Context, Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """Watch settings; `drop_ratio` is the fall the detector is tuned to (0.5: a halved rate)."""

    sensitivity_h: float = 7.0
    crash_p: float = 2e-4
    drop_ratio: float = 0.5
    baseline_days: int = 14
    gross_margin: float | None = None
    order_threshold: Decimal = Decimal(100)
    rephrase: bool = False
    act_within_minutes: float = 5.0
    watch_minutes: float = 15.0
    gmv_critical_per_hour: float | None = None
    zone: str = "UTC"


_RANGES: dict[str, tuple[float, float, str]] = {
    "sensitivity_h": (2, 30, "Lower notices earlier and errs more often; 7 is usual."),
    "crash_p": (1e-12, 0.05, "The chance of a false crash in one window; 0.0002 is usual."),
    "drop_ratio": (0.05, 0.95, "0.5 is tuned to a halved rate, 0.75 to a slower leak."),
    "baseline_days": (3, 56, "14 days is usual."),
    "gross_margin": (0, 1, "Write a share such as 0.52."),
    "act_within_minutes": (0.1, 10080, "How long a task waits for an answer."),
    "watch_minutes": (0.1, 10080, "How long to watch after an action."),
    "gmv_critical_per_hour": (0, 1e12, "In the shop's currency."),
}


def _number(inputs: Mapping[str, Any], key: str, default: float | None) -> float | None:
    value = inputs.get(key)
    if value is None:
        return default
    low, high, hint = _RANGES[key]
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high:
        raise Invalid(f"{key} must be a number between {low:g} and {high:g}, not {str(value)[:40]!r}.", hint=hint)
    return float(value)


def _threshold(inputs: Mapping[str, Any]) -> Decimal:
    value = inputs.get("min_order_value_alert_threshold")
    try:
        limit = Decimal(str(100 if value is None else value))
    except InvalidOperation:
        limit = Decimal("NaN")
    if isinstance(value, bool) or not limit.is_finite() or limit < 0:
        raise Invalid(
            f"min_order_value_alert_threshold is {str(value)[:40]!r}.",
            hint="Write an amount such as 100.00, 0 or more.",
        )
    return limit


def read_settings(ctx: Context, inputs: Mapping[str, Any]) -> Settings:
    """The settings of this run; Invalid names the one that is out of its range."""
    usual = Settings()
    return Settings(
        sensitivity_h=_number(inputs, "sensitivity_h", usual.sensitivity_h) or usual.sensitivity_h,
        crash_p=_number(inputs, "crash_p", usual.crash_p) or usual.crash_p,
        drop_ratio=_number(inputs, "drop_ratio", usual.drop_ratio) or usual.drop_ratio,
        baseline_days=int(_number(inputs, "baseline_days", usual.baseline_days) or usual.baseline_days),
        gross_margin=_number(inputs, "gross_margin", None),
        order_threshold=_threshold(inputs),
        rephrase=inputs.get("rephrase_with_model") is True,
        act_within_minutes=_number(inputs, "act_within_minutes", usual.act_within_minutes) or usual.act_within_minutes,
        watch_minutes=_number(inputs, "watch_minutes", usual.watch_minutes) or usual.watch_minutes,
        gmv_critical_per_hour=_number(inputs, "gmv_critical_per_hour", None),
        zone=ctx.workspace.settings.timezone,
    )
