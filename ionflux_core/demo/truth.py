"""What is wrong with the demo shop on purpose: two faults, a margin drop, and the change log around them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal

from ionflux_core.demo.catalogue import OFFSET

Segment = tuple[str, str]

CAMPAIGN_CODE: Final = "HARVEST15"
_APP: Final = "SocialProofWidget"
_GATEWAY: Final = "Checkout payment gateway"


@dataclass(frozen=True, slots=True)
class Fault:
    """A stretch in which checkouts fail: `completion_factor` multiplies the share of checkouts that complete.

    `segment` is (device, browser), or None when everybody is hit; `culprit` names its entry of the change log.
    """

    kind: Literal["app_breaks_checkout", "gateway_outage"]
    start: datetime
    end: datetime
    segment: Segment | None
    completion_factor: float
    culprit: str

    def hits(self, at: datetime, segment: Segment) -> bool:
        """Whether a checkout of this segment at this time meets the fault."""
        return self.start <= at < self.end and self.segment in (None, segment)


@dataclass(frozen=True, slots=True)
class MarginDrop:
    """A supplier's dearer cost on some SKUs and a deep discount code, both from local day `day` until the end."""

    day: date
    start: datetime
    skus: tuple[str, ...]
    cost_factor: str
    discount_code: str
    discount_percent: int
    discount_share: float


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything planted; what would lie before the first day is left out."""

    faults: tuple[Fault, ...]
    margin_drop: MarginDrop | None
    campaign: tuple[date, date] | None


@dataclass(frozen=True, slots=True)
class Period:
    """The generated stretch: `first` is the first local day, `end` the moment the data stops (UTC)."""

    first: date
    end: datetime

    @property
    def start(self) -> datetime:
        """Local midnight of the first day, in UTC."""
        return local(self.first)

    @property
    def days(self) -> list[date]:
        """All local days, the last one included."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def last(self) -> date:
        """The local day in which the data stops; it may have only just begun."""
        return self.end.astimezone(OFFSET).date()


def local(day: date, at: time = time()) -> datetime:
    """The UTC moment of a local clock time."""
    return datetime.combine(day, at, OFFSET).astimezone(UTC)


def plant(period: Period) -> Truth:
    """The faults of a period: one within the last 36 hours, one on the campaign Saturday about three weeks before."""
    saturday = _campaign_saturday(period)
    found = (_gateway_outage(saturday), _broken_app(period))
    drop = MarginDrop(
        day=period.last - timedelta(days=12),
        start=local(period.last - timedelta(days=12)),
        skus=("ET-HOO-FERN-M", "ET-TEE-SAND-M"),
        cost_factor="1.42",
        discount_code="COZY30",
        discount_percent=30,
        discount_share=0.38,
    )
    return Truth(
        faults=tuple(fault for fault in found if fault.start >= period.start + timedelta(hours=6)),
        margin_drop=drop if drop.day > period.first else None,
        campaign=(saturday, saturday + timedelta(days=1)) if saturday >= period.first else None,
    )


def _campaign_saturday(period: Period) -> date:
    day = period.last - timedelta(days=20)
    return day - timedelta(days=(day.weekday() - 5) % 7)


def _gateway_outage(saturday: date) -> Fault:
    start = local(saturday, time(19, 5))
    return Fault("gateway_outage", start, start + timedelta(minutes=65), None, 0.05, _GATEWAY)


def _broken_app(period: Period) -> Fault:
    # Eleven daytime hours that are over before the data stops: the incident can be priced from start to recovery.
    day = period.last
    while local(day, time(22)) > period.end - timedelta(hours=1):
        day -= timedelta(days=1)
    return Fault("app_breaks_checkout", local(day, time(11)), local(day, time(22)), ("mobile", "safari"), 0.1, _APP)


def change_log(period: Period, truth: Truth) -> tuple[dict[str, Any], ...]:
    """The shop's changes as {kind, name, at, text}, oldest first: culprits among innocent ones."""
    rows = [*_innocent(period), *_culprits(truth)]
    inside = [row for row in rows if period.start <= row[2] <= period.end]
    return tuple(
        {"kind": kind, "name": name, "at": at.isoformat(), "text": text}
        for kind, name, at, text in sorted(inside, key=lambda row: row[2])
    )


Change = tuple[str, str, datetime, str]


def _innocent(period: Period) -> list[Change]:
    last = period.last

    def before(days: int, hour: int, minute: int = 0) -> datetime:
        return local(last - timedelta(days=days), time(hour, minute))

    return [
        ("app", "ReviewGarden", before(51, 10, 20), "Installed ReviewGarden: star ratings on product pages."),
        ("theme", "Driftwood 3.1", before(44, 8, 45), "Published a new home page with larger pictures."),
        ("config", "Shipping rates", before(36, 15, 10), "Standard shipping in the US is now 6.95."),
        ("app", "PixelLoom", before(29, 11, 0), "Updated PixelLoom: resizes product pictures for phones."),
        ("config", "Newsletter form", before(25, 9, 30), "Moved the newsletter form to the footer."),
        ("theme", "Driftwood 3.2", before(17, 14, 25), "Published a lighter product page for jackets."),
        ("app", "ReviewGarden", before(9, 16, 5), "Updated ReviewGarden: photos in reviews."),
        ("config", "Size guide", before(4, 10, 40), "New size guide for trousers."),
        ("theme", "Driftwood 3.3", before(2, 9, 15), "Changed the font of headings."),
        ("config", "Return policy", before(1, 8, 30), "Return window is now 45 days."),
    ]


def _culprits(truth: Truth) -> list[Change]:
    rows: list[Change] = []
    for fault in truth.faults:
        if fault.kind == "gateway_outage":
            rows += [
                (
                    "config",
                    fault.culprit,
                    fault.start - timedelta(minutes=5),
                    "Routed card and wallet payments through the gateway's new endpoint.",
                ),
                ("config", "Gateway rollback", fault.end, "Put the former payment endpoint back."),
            ]
        else:
            rows += [
                (
                    "app",
                    fault.culprit,
                    fault.start - timedelta(minutes=10),
                    "Installed SocialProofWidget: shows recent purchases on the cart and checkout pages.",
                ),
                (
                    "theme",
                    "Driftwood 3.3.1",
                    fault.start - timedelta(hours=2, minutes=20),
                    "Swapped the autumn banner on the home page.",
                ),
                ("app", "SocialProofWidget removed", fault.end, "Uninstalled SocialProofWidget."),
            ]
    if truth.campaign:
        text = f"Campaign weekend: newsletter and code {CAMPAIGN_CODE}, 15 % off."
        rows.append(("campaign", "Harvest weekend", local(truth.campaign[0], time(7)), text))
    if drop := truth.margin_drop:
        text = f"New code {drop.discount_code}, {drop.discount_percent} % off, shown in the banner of every page."
        rows.append(("config", drop.discount_code, drop.start + timedelta(minutes=5), text))
        text = f"Supplier raised the unit cost of {' and '.join(drop.skus)}."
        rows.append(("config", "Supplier price list", drop.start, text))
    return rows
