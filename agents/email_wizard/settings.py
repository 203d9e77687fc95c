"""What the owner of an instance may set, checked once at the start of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from ionflux_core.sdk import Context, Invalid

from .addresses import one_line, read_address

Task = Literal["start_sequence", "send_pending", "draft", "segment", "take_in"]
Gate = Literal["off", "warn", "require"]
Grouping = Literal["none", "kmeans", "hdbscan"]

_RANGES: dict[str, tuple[float, float, float, str]] = {
    "frequency_cap_hours": (24, 0, 2160, "Nobody gets two mails within this time; 24 is usual."),
    "engagement_days": (180, 7, 3650, "180 days is usual."),
    "lapsed_days": (90, 7, 3650, "90 days is usual."),
    "new_days": (30, 1, 365, "30 days is usual."),
    "clearance_threshold": (0.05, 0, 0.9, "A share such as 0.05; it is used once there are 200 sends to learn from."),
    "attribution_days": (5, 1, 60, "Days between a click and the order that counts for it; 5 is usual."),
    "max_per_run": (10_000, 1, 10_000, "At most 10,000 mails leave in one run."),
    "bounce_limit": (0.02, 0, 0.2, "The warm-up plan stops rising above this share of bounces; 0.02 is usual."),
    "complaint_limit": (0.001, 0, 0.05, "The warm-up plan stops rising above this share of complaints."),
}


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """How a reader leaves the list: an https address for one click, or a mail address."""

    kind: Literal["https", "mailto"]
    value: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a run goes by."""

    task: Task
    zone: ZoneInfo
    currency: str
    numbers: Mapping[str, float]
    require_consent: bool | None
    voice_gate: Gate
    voice_agent: str
    voice_id: str
    cluster: Grouping
    warmup_start: date | None
    warmup_caps: tuple[int, ...]
    unsubscribe: Unsubscribe | None
    from_name: str
    from_address: str
    reply_to: str
    postal_address: str
    shop_url: str
    rephrase: bool
    after_purchase_goal: str

    def __getitem__(self, key: str) -> float:
        return self.numbers[key]

    def count(self, key: str) -> int:
        """A setting that is a whole number."""
        return int(self.numbers[key])


def read_settings(ctx: Context, inputs: Mapping[str, Any]) -> Settings:
    """The settings of this run; Invalid names the one that is out of its range."""
    consent = inputs.get("require_consent")
    brand = ctx.brand
    return Settings(
        task=_chosen_task(ctx, inputs),
        zone=ZoneInfo(ctx.workspace.settings.timezone),
        currency=ctx.workspace.settings.currency,
        numbers={key: _number(inputs, key) for key in _RANGES},
        require_consent=consent if isinstance(consent, bool) else None,
        voice_gate=_choice(inputs, "voice_gate", get_args(Gate), "warn"),
        voice_agent=one_line(inputs.get("voice_agent") or "agent:persona_guardian", 120),
        voice_id=one_line(inputs.get("voice_id") or (brand.id if brand else ""), 120),
        cluster=_choice(inputs, "cluster", get_args(Grouping), "none"),
        warmup_start=_day(inputs),
        warmup_caps=_caps(inputs),
        unsubscribe=_unsubscribe(inputs),
        from_name=one_line(inputs.get("from_name") or (brand.name if brand else ""), 80),
        from_address=_address(inputs, "from_address"),
        reply_to=_address(inputs, "reply_to"),
        postal_address=one_line(inputs.get("postal_address") or ""),
        shop_url=_shop_url(inputs, brand.shopify.url if brand else None),
        rephrase=inputs.get("rephrase_with_model") is True,
        after_purchase_goal=one_line(inputs.get("after_purchase_goal") or "", 120),
    )


def _chosen_task(ctx: Context, inputs: Mapping[str, Any]) -> Task:
    """The task of the trigger or person; without one, what came decides."""
    task = ctx.task
    if task is None:
        started = inputs.get("manual_payload") or not (inputs.get("shopify_event") or inputs.get("mail_event"))
        task = "start_sequence" if started else "take_in"
    if task not in get_args(Task):
        raise Invalid(f"{task!r} is no task of this agent.", hint="Use " + ", ".join(get_args(Task)) + ".")
    return task  # type: ignore[return-value]


def _number(inputs: Mapping[str, Any], key: str) -> float:
    usual, low, high, hint = _RANGES[key]
    value = inputs.get(key)
    if value is None:
        return usual
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high:
        raise Invalid(f"{key} must be a number from {low:g} to {high:g}, not {str(value)[:40]!r}.", hint=hint)
    return float(value)


def _choice(inputs: Mapping[str, Any], key: str, accepted: tuple[str, ...], usual: str) -> Any:
    value = inputs.get(key) or usual
    if value not in accepted:
        raise Invalid(f"{key} is {str(value)[:40]!r}.", hint="Use one of " + ", ".join(accepted) + ".")
    return value


def _day(inputs: Mapping[str, Any]) -> date | None:
    value = inputs.get("warmup_start")
    if not value:
        return None
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        raise Invalid(
            f"warmup_start is {str(value)[:40]!r}, which is no day.", hint="Write it like 2026-11-21."
        ) from None


def _caps(inputs: Mapping[str, Any]) -> tuple[int, ...]:
    value = inputs.get("warmup_caps")
    if not value:
        return ()
    rows = value if isinstance(value, list) else []
    good = all(isinstance(cap, int) and not isinstance(cap, bool) and 0 < cap <= 10_000_000 for cap in rows)
    if not rows or not good or len(rows) > 120 or sorted(rows) != rows:
        raise Invalid(
            "warmup_caps must be a list of rising daily amounts.", hint="Write it like [50, 100, 200, 400], a day each."
        )
    return tuple(rows)


def _unsubscribe(inputs: Mapping[str, Any]) -> Unsubscribe | None:
    value = inputs.get("unsubscribe_base_url")
    if not value:
        return None
    text = one_line(value, 1000)
    if text.lower().startswith("mailto:"):
        address = read_address(text[7:].partition("?")[0])
        if not address.problem:
            return Unsubscribe("mailto", address.email)
    elif _is_https(text):
        return Unsubscribe("https", text)
    raise Invalid(
        f"unsubscribe_base_url is {text[:60]!r}.", hint="Give an https address, or mailto: and an address you read."
    )


def _is_https(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    good = parts.scheme == "https" and bool(parts.hostname) and text.isascii()
    return good and not any(mark in text for mark in " <>\"'")


def _address(inputs: Mapping[str, Any], key: str) -> str:
    value = inputs.get(key)
    if not value:
        return ""
    address = read_address(value)
    if address.problem and not str(value).lower().startswith(("noreply@", "no-reply@")):
        raise Invalid(f"{key}: {address.problem}.", hint="Write it like shop@example.com.")
    return address.email or one_line(value, 254).lower()


def _shop_url(inputs: Mapping[str, Any], known: str | None) -> str:
    value = inputs.get("shop_url") or known or ""
    text = one_line(value, 1000)
    if not text:
        return ""
    if not text.startswith(("https://", "http://")):
        text = f"https://{text}"
    if not _is_https(text.replace("http://", "https://", 1)):
        raise Invalid(f"shop_url is {text[:60]!r}.", hint="Give the address of the shop, such as https://shop.example.")
    return text
