"""What the demo shop sells: variants with price, weight, popularity and unit cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Final

SHOP_NAME: Final = "EcoThreads Boutique"
# A name below example.com can never belong to somebody's real shop.
SHOP_DOMAIN: Final = "ecothreads-boutique.example.com"
CURRENCY: Final = "USD"
TIMEZONE: Final = "America/Phoenix"
# Arizona keeps one offset all year, so no time zone database is needed to write local times.
OFFSET: Final = timezone(timedelta(hours=-7))


@dataclass(frozen=True, slots=True)
class Variant:
    """One sellable variant; money in minor units of the shop currency, popularity as a relative weight."""

    sku: str
    title: str
    option: str
    product_type: str
    price_minor: int
    cogs_minor: int
    grams: int
    popularity: int
    product_id: int
    variant_id: int


def _variants() -> tuple[Variant, ...]:
    rows = (
        ("ET-TEE-SAND-M", "Dune Organic Tee", "Sand / M", "Shirts", 3400, 1120, 190, 16),
        ("ET-TEE-MOSS-L", "Dune Organic Tee", "Moss / L", "Shirts", 3400, 1150, 205, 12),
        ("ET-HEN-CLAY-M", "Canyon Hemp Henley", "Clay / M", "Shirts", 5200, 1890, 260, 9),
        ("ET-SHI-SKY-M", "Linen Breeze Shirt", "Sky / M", "Shirts", 7200, 2640, 230, 7),
        ("ET-HOO-FERN-M", "Loopback Recycled Hoodie", "Fern / M", "Knitwear", 8800, 3450, 620, 11),
        ("ET-HOO-COAL-L", "Loopback Recycled Hoodie", "Coal / L", "Knitwear", 8800, 3520, 650, 8),
        ("ET-CAR-OAT-S", "Slow Sunday Cardigan", "Oat / S", "Knitwear", 11800, 4980, 540, 4),
        ("ET-PNT-OLIV-32", "Trailhead Hemp Trousers", "Olive / 32", "Trousers", 9600, 3900, 480, 6),
        ("ET-JOG-SLAT-M", "Everwear Jogger", "Slate / M", "Trousers", 6800, 2510, 410, 7),
        ("ET-DRS-RUST-M", "Mesa Tencel Dress", "Rust / M", "Dresses", 10400, 4150, 330, 5),
        ("ET-SCK-MIX-3", "Patchwork Sock Trio", "Mixed", "Accessories", 1800, 590, 120, 14),
        ("ET-BEA-INK-1", "Second Skein Beanie", "Ink", "Accessories", 2600, 880, 90, 8),
        ("ET-TOT-NAT-1", "Market Day Tote", "Natural", "Accessories", 2200, 640, 210, 10),
        ("ET-JKT-PINE-M", "Stormleaf Shell Jacket", "Pine / M", "Outerwear", 14800, 6420, 710, 3),
    )
    product_ids: dict[str, int] = {}
    variants = []
    for number, (sku, title, option, kind, price, cogs, grams, popularity) in enumerate(rows):
        product_id = product_ids.setdefault(title, 8_140_000_000_000 + 137 * len(product_ids))
        variant_id = 44_210_000_000_000 + 211 * number
        variants.append(Variant(sku, title, option, kind, price, cogs, grams, popularity, product_id, variant_id))
    return tuple(variants)


CATALOGUE: Final = _variants()
