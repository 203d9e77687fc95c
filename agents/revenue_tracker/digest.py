"""The digest in Markdown. Every figure comes from code; names from orders are escaped; no raw HTML."""

from __future__ import annotations

import re
from typing import Any

from ionflux_core.sdk import Context

from .money import DIGITS

_MARKS = re.compile(r"([\\`*_\[\]|<>~$&:@#]|(?<=www)\.)", re.IGNORECASE)
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]+")
_SLOT = re.compile(r"\{[a-z_]+\}")
_PLAIN = re.compile(r"[^\d<>\[\]{}`*_#|\\\n]+")
_LONGEST = 320


def escape(text: Any) -> str:
    """Text from outside as Markdown that shows exactly that text on one line."""
    return _MARKS.sub(r"\\\1", _BLANK.sub(" ", str(text)).strip())[:400]


def amount(value: float | None, currency: str) -> str:
    """An amount with its currency; a dash when it is not known."""
    return "–" if value is None else f"{value:,.{DIGITS[currency]}f} {currency}"


def lead_sentence(ctx: Context, data: dict[str, Any], reword: bool) -> tuple[str, dict[str, Any]]:
    """The opening sentence and the engine that worded it.

    A model is shown the sentence with slots instead of figures; its answer is taken only when it holds every slot
    once and nothing that looks like a figure or markup. The figures are put in afterwards.
    """
    own = {"kind": "local", "name": "revenue_tracker", "version": "0.2", "seed": ctx.seed}
    template, values = _lead(data)
    if not reword or not values:
        return template.format(**values), own
    answer = ctx.llm.complete(
        "Say the following sentence more fluently in plain English. Keep every word in braces exactly as it is, "
        f"add no figures, answer with the one sentence only.\n{template}",
        max_tokens=120,
    )
    text = answer.text.strip()
    if answer.engine.get("kind") != "llm" or not is_faithful(text, template):
        return template.format(**values), own
    return text.format(**values), answer.engine


def is_faithful(text: str, template: str) -> bool:
    """True when a rewording holds exactly the template's slots, each once, and no figure or markup of its own."""
    rest = _SLOT.sub("", text)
    same = sorted(_SLOT.findall(text)) == sorted(_SLOT.findall(template))
    return same and len(text) <= _LONGEST and bool(rest.strip()) and _PLAIN.fullmatch(rest) is not None


def _lead(data: dict[str, Any]) -> tuple[str, dict[str, str]]:
    total, code = data["totals"], data["currency"]
    if not total["orders"]:
        return "There are no orders in this period.", {}
    orders = "1 order" if total["orders"] == 1 else f"{total['orders']:,} orders"
    values = {"orders": orders, "revenue": amount(total["net_revenue"], code)}
    if total["net_margin"] is None:
        values["complete"] = percent(total["cogs_completeness"])
        return (
            "{orders} brought {revenue}; what was kept of it is unknown, because only {complete} of the units "
            "sold have a known cost."
        ), values
    values |= {"margin": amount(total["net_margin"], code), "share": percent(total["net_margin_pct"])}
    return "{orders} brought {revenue}, of which {margin} ({share}) was kept after all costs.", values


def percent(value: float | None) -> str:
    """A percentage with one decimal; a dash when it is not known."""
    return "–" if value is None else f"{value:.1f} %"


def write_digest(data: dict[str, Any], alerts: list[dict[str, Any]], lead: str) -> str:
    """`profitability_digest_markdown` from the dashboard's figures."""
    period = data["period"]
    parts = [
        f"# Profitability, {period['from']} to {period['to']}",
        lead,
        _figures(data),
        _products(data),
        _variance(data),
        _alerts(alerts),
        _quality(data),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _figures(data: dict[str, Any]) -> str:
    total, code = data["totals"], data["currency"]
    if not total["orders"] and not total["cancelled"]:
        return ""
    rows = [
        ("Items sold", "sales"),
        ("Discounts", "discounts"),
        ("Refunds", "refunds"),
        ("Shipping income", "shipping_income"),
        ("**Net revenue**", "net_revenue"),
        ("Goods", "cogs"),
        ("Payment fees", "fees"),
        ("Shipping", "shipping_cost"),
        ("**Gross margin**", "gross_margin"),
        ("Marketing", "marketing"),
        ("Apps", "app_share"),
        ("**Net margin**", "net_margin"),
    ]
    table = ["| | Amount |", "|---|---:|", *(f"| {title} | {amount(total[key], code)} |" for title, key in rows)]
    return "\n".join(table)


def _products(data: dict[str, Any]) -> str:
    best, worst, code = data["best_products"], data["worst_products"], data["currency"]
    if not best:
        return ""
    lines = ["## Products", f"Best: {_product(best[0], code)}."]
    if worst[0]["product"] != best[0]["product"]:
        lines.append(f"Worst: {_product(worst[0], code)}.")
    return "\n\n".join(lines)


def _product(row: dict[str, Any], code: str) -> str:
    share = "" if row["net_margin_pct"] is None else f", {percent(row['net_margin_pct'])} of its revenue"
    name = escape(row["title"]) if row["product"].startswith(("title:", "variant:")) else _with_sku(row)
    return f"**{name}** with {amount(row['net_margin'], code)} net margin{share}"


def _with_sku(row: dict[str, Any]) -> str:
    return escape(f"{row['title']} ({row['product']})")


def _variance(data: dict[str, Any]) -> str:
    variance, code = data["variance"], data["currency"]
    if "not_computed" in variance:
        return f"## Change\n\nNot computed: {escape(variance['not_computed'])}."
    named = (("price", "Price"), ("volume", "Volume"), ("mix", "Mix"), ("cost", "Cost"))
    compared = variance["compared_with"]
    head = f"Net margin changed by {amount(variance['change'], code)} against {compared['from']} to {compared['to']}:"
    lines = [f"- {title}: {amount(variance[key], code)}" for key, title in named]
    return "\n".join(["## Change", "", head, "", *lines])


def _alerts(alerts: list[dict[str, Any]]) -> str:
    if not alerts:
        return "## To do\n\nNothing needs acting on."
    lines = [f"- **{alert['severity']}** {escape(alert['message'])} {escape(alert['action'])}" for alert in alerts]
    return "\n".join(["## To do", "", *lines])


def _quality(data: dict[str, Any]) -> str:
    complete, settings, counts = data["completeness"], data["settings"], data["processing"]["counts"]
    notes = []
    if settings["costs_not_entered"]:
        notes.append(f"Not entered and counted as zero: {', '.join(settings['costs_not_entered'])}.")
    if complete["missing_costs"]:
        names = ", ".join(escape(row["title"]) for row in complete["missing_costs"][:10])
        notes.append(f"Cost of goods unknown: {names}. Orders with these products have no margin.")
    notes += [f"{count} orders are in no figure: {escape(why)}." for why, count in complete["left_out"].items()]
    if counts["rejected"]:
        notes.append(f"{counts['rejected']} orders could not be read; they are listed with their lines in this run.")
    base = "all that was charged" if settings["fee_base"] == "charged" else "the items"
    income = "counts" if settings["shipping_income"] == "include" else "does not count"
    notes.append(f"Payment fees are taken on {base}; shipping paid by customers {income} as income.")
    return "\n".join(["## Basis", "", *(f"- {note}" for note in notes)])
