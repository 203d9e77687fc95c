"""Costs as they are kept between runs, and the settings all kept figures were worked out with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from .costs import Cogs, CostBook, CostSettings, read_costs, read_rates
from .margins import MarginRules
from .options import read_json

PRODUCT_COSTS, SETTINGS = "rt_product_costs", "rt_workspace_cost_settings"
_GIVEN, _RULES = "#given", "#rules"
_FEW = 200


def keep_costs(records: Any, raw: Any, currency: str, at: datetime) -> None:
    """Keep entered costs beside the earlier ones; the same product and day replaces. Unchanged input writes nothing."""
    raw = read_json(raw, "manual_cost_inputs")
    if raw in (None, {}):
        return
    print_ = hashlib.sha256(json.dumps([raw, currency], sort_keys=True, default=str).encode()).hexdigest()
    given = records.get(SETTINGS, _GIVEN)
    if given and given.data["print"] == print_:
        return
    cogs, settings = read_costs(raw, currency)
    rows = [(f"{c.product}|{c.since}", _cogs_row(c), at) for c in cogs]
    records.put_many(PRODUCT_COSTS, rows)
    records.put(SETTINGS, settings.since, settings.to_row(), at=at)
    records.put(SETTINGS, _GIVEN, {"print": print_}, at=at)


def _cogs_row(cogs: Cogs) -> dict[str, str]:
    return {"product": cogs.product, "since": cogs.since, "cost": str(cogs.cost), "currency": cogs.currency}


def load_book(records: Any, raw_rates: Any, currency: str, products: Mapping[str, str] | None) -> CostBook:
    """The kept costs of these products (key -> variant id; all when None), all settings, and the rates of this run."""
    if products is None or len(products) > _FEW:
        rows = records.find(PRODUCT_COSTS)
    else:
        rows = []
        for key, variant in products.items():
            own = records.find(PRODUCT_COSTS, prefix=f"{key}|")
            rows += own or (records.find(PRODUCT_COSTS, prefix=f"variant:{variant}|") if variant else [])
    cogs = [Cogs(r.data["product"], r.data["since"], Decimal(r.data["cost"]), r.data["currency"]) for r in rows]
    rates = read_rates(read_json(raw_rates, "fx_rates") or None, currency)
    return CostBook(currency, cogs, load_settings(records), rates)


def load_settings(records: Any) -> list[CostSettings]:
    """Every kept version of the costs per order."""
    return [CostSettings.from_row(row.data) for row in records.find(SETTINGS) if not row.key.startswith("#")]


def kept_rules(records: Any) -> dict[str, str] | None:
    """The settings that the kept figures were worked out with; None before the first order."""
    row = records.get(SETTINGS, _RULES)
    return row.data if row else None


def rules_row(rules: MarginRules) -> dict[str, str]:
    """Settings as they are kept."""
    return {
        "currency": rules.currency,
        "zone": rules.zone.key,
        "fee_base": rules.fee_base,
        "shipping_income": rules.shipping_income,
    }


def keep_rules(records: Any, rules: MarginRules, at: datetime) -> None:
    """Remember the settings of all kept figures."""
    records.put(SETTINGS, _RULES, rules_row(rules), at=at)
